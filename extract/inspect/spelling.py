"""Names of columns and files as they are compared."""

from __future__ import annotations

_PLAIN = str.maketrans({"æ": "ae", "ø": "o", "å": "a", "*": None})


def plain(text: str) -> str:
    """Lower case, Norwegian letters without their rings and strokes."""
    return text.lower().translate(_PLAIN)
