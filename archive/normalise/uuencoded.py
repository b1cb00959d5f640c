"""Files that stand in a text as uuencode, as mail carried them before MIME (POSIX `uuencode`, both of its forms)."""

from __future__ import annotations

import base64
import binascii
import re

_BEGIN = re.compile(r"^begin(-base64)? [0-7]{3,4} (\S[^\r\n]*?)[ \t]*\r?\n", re.MULTILINE)
_END, _END_BASE64 = re.compile(r"^end[ \t]*\r?$", re.MULTILINE), re.compile(r"^====[ \t]*\r?$", re.MULTILINE)


def split_off(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """A text without the files in it, and those: name and bytes. Where each was, the text names it.

    What does not decode to its last line stays in the text as it is.
    """
    parts: list[str] = []
    files: list[tuple[str, bytes]] = []
    at = 0
    while (begin := _BEGIN.search(text, at)) is not None:
        end = (_END_BASE64 if begin[1] else _END).search(text, begin.end())
        lines = text[begin.end() : end.start()].splitlines() if end else []
        content = (_base64 if begin[1] else _decoded)(lines)
        if end is None or content is None:
            parts.append(text[at : begin.end()])
            at = begin.end()
            continue
        files.append((begin[2], content))
        parts.append(f"{text[at : begin.start()]}[Fil: {begin[2]}]")
        at = end.end()
    parts.append(text[at:])
    return "".join(parts), files


def _decoded(lines: list[str]) -> bytes | None:
    content = bytearray()
    for number, line in enumerate(lines):
        size = (ord(line[0]) - 32) & 63 if line else 0
        if size == 0:
            return bytes(content) if not any(rest.strip(" `") for rest in lines[number:]) and content else None
        # Trailing blanks are zeros that mail has lost on the way.
        coded = line.rstrip("\r").ljust(1 + (size + 2) // 3 * 4)
        if len(coded) > 1 + (size + 2) // 3 * 4 + 2:
            return None
        try:
            content += binascii.a2b_uu(coded[: 1 + (size + 2) // 3 * 4].encode("ascii"))
        except (binascii.Error, ValueError):
            return None
    return bytes(content) or None


def _base64(lines: list[str]) -> bytes | None:
    try:
        return base64.b64decode("".join(lines), validate=True) or None
    except (binascii.Error, ValueError):
        return None
