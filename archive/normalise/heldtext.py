"""Documents that stand in a plain text: RTF behind some lines of another system, a file in uuencode, or a text that is
nothing but a file in base64 or hexadecimal.

RTF that is only words is shown as them in its place; all else becomes a file of the document, which the text names.
"""

from __future__ import annotations

import re

from archive.normalise import uuencoded
from archive.normalise.heldvalues import held

_RTF = re.compile(r"\{\\rtf1?(?![a-z])")
_BRACES = re.compile(r"\\[{}\\]|[{}]")
_MOST_RTF = 500


def taken_out(text: str) -> tuple[str, list[tuple[str, bytes]], bool]:
    """A text without the documents in it, those documents (name and bytes), and whether it was nothing but one."""
    if (whole := held(text)) is not None and whole.text is None:
        name = f"innhold.{whole.extension}"
        return f"[Fil: {name}]\n", [(name, whole.content)], True
    text, files = uuencoded.split_off(text) if "begin" in text else (text, [])
    if _RTF.search(text):
        text = _without_rtf(text, files)
    return text, files, False


def _without_rtf(text: str, files: list[tuple[str, bytes]]) -> str:
    parts: list[str] = []
    at = 0
    for number in range(1, _MOST_RTF + 1):
        begin = _RTF.search(text, at)
        end = _end(text, begin.start()) if begin else None
        if begin is None or end is None:
            break
        found = held(text[begin.start() : end])
        parts.append(text[at : begin.start()])
        if found is None:
            parts.append(text[begin.start() : end])
        elif found.text is not None:
            parts.append(found.text)
        else:
            name = f"notat {number}.rtf"
            files.append((name, found.content))
            parts.append(f"[Fil: {name}]")
        at = end
    return "".join(parts) + text[at:]


def _end(text: str, at: int) -> int | None:
    """Where the group that begins there ends; None where it does not."""
    depth = 0
    for found in _BRACES.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return None
