"""`inspect`: profile an export nobody has described, and draft its mapping. Nothing in the export is changed."""

from __future__ import annotations

from extract.inspect.profile import Progress, inspect_export
from extract.inspect.report import FORMAT, InspectReport

__all__ = ["FORMAT", "InspectReport", "Progress", "inspect_export"]
