"""Notes that Imaging for Windows laid over scans, in tag 32932 of a TIFF: no other reader shows them.

Marks are records of little-endian numbers and named blocks; the words of a typed note, a stamp or a sticky note are in
blocks named `OiAnText`: four numbers (orientation, 1000, scale, length), then the text in the code page of the machine.
Source: Eastman Software, "Annotation specification" (TIFF tag 32932), 1997.
"""

from __future__ import annotations

import struct

from archive.normalise.encodings import decode
from archive.normalise.strips import Tags

TAG = 32932

_TEXT = b"OiAnText"
_MOST_TEXTS = 1000
_LEAST = 2


def texts(tags: Tags) -> list[str]:
    """The words of a page's notes, in the order of the file."""
    data = bytes(int(v) & 0xFF for v in tags.get(TAG, ()))
    found: list[str] = []
    at = data.find(_TEXT)
    while at >= 0 and len(found) < _MOST_TEXTS:
        at += len(_TEXT)
        text = decode(_text(data, at)).text.strip() if _text(data, at) else ""
        if len(text) >= _LEAST and text not in found:
            found.append(text)
        at = data.find(_TEXT, at)
    return found


def _text(data: bytes, at: int) -> bytes:
    """The text of a block: of the length that it says, else up to the next NUL."""
    for start in (at + 4, at):  # behind the name comes the block's size
        if start + 16 <= len(data):
            _, thousand, _, length = struct.unpack_from("<iiii", data, start)
            if thousand == 1000 and 0 < length <= len(data) - start - 16:
                return data[start + 16 : start + 16 + length].split(b"\0", 1)[0]
    return data[at:].lstrip(b"\0").split(b"\0", 1)[0]
