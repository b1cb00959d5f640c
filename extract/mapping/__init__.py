"""The mapping: a TOML file that tells which columns or elements of an export are which fields of the record.

`docs/mapping.md` is the reference of its keys.
"""

from __future__ import annotations

from extract.mapping.model import Mapping
from extract.mapping.read import load, loads

__all__ = ["Mapping", "load", "loads"]
