"""Runs one of our own functions in a contained process: for work that may hang, grow, crash, or that depends on what
the process did before (PDFium keeps substitute fonts from one document to the next)."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archive.normalise import contained
from archive.normalise.contract import Limits
from archive.reasons import DocumentProblem, Reason

_TOLD = "told"


def call(function: str, arguments: Sequence[str], *, folder: Path, limits: Limits) -> Any:
    """Call `module:function` with text arguments, in `folder`, and give back what it returns (JSON).

    Raises:
        DocumentProblem: as the function raised it; CONVERSION_TIMEOUT or RESOURCE_LIMIT where the process did not end
            by itself, or died.
    """
    command = [sys.executable, "-c", "from archive.normalise.child import serve; serve()", function, *arguments]
    ended = contained.run(
        command,
        folder=folder,
        seconds=limits.seconds,
        memory_bytes=limits.memory_bytes,
        output_bytes=limits.output_bytes,
        environment={"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if not ended.ended_itself:
        raise DocumentProblem(Reason.CONVERSION_TIMEOUT, f"The layout did not end within {limits.seconds:.0f} s.")
    try:
        told = json.loads((folder / _TOLD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The layout died (exit code {ended.code}).") from None
    if "reason" in told:
        raise DocumentProblem(Reason(told["reason"]), told["detail"])
    return told["value"]


def serve() -> None:
    """What the contained process runs."""
    module, _, name = sys.argv[1].partition(":")
    try:
        told = {"value": getattr(importlib.import_module(module), name)(*sys.argv[2:])}
    except DocumentProblem as e:
        told = {"reason": e.reason.value, "detail": e.detail}
    Path(_TOLD).write_text(json.dumps(told), encoding="utf-8")
