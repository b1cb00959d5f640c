"""The text of a PDF's pages by the strings it shows and its fonts' maps to Unicode, for plainly written PDFs.

A PDF reader loads each glyph to know where it ends, which takes ten times as long. Where letters stand is not known
here, so runs are parted by spaces; what is not found this way is looked for in the text that PDFium gives. Source: ISO
32000-1, 9.4.3, 9.7.5 and 9.10.3.
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

_STRING = rb"\((?:[^()\\]|\\[\s\S]|\((?:[^()\\]|\\[\s\S])*\))*\)"
_STEP = re.compile(rb"/([^\s/\[\]()<>]+)\s+-?[\d.]+\s+Tf\b|(" + _STRING + rb")|<([0-9A-Fa-f\s]+)>|\b(TJ|Tj|BDC|BI)\b")
_MAP = re.compile(rb"beginbfchar(.*?)endbfchar|beginbfrange(.*?)endbfrange", re.DOTALL)
_FOUR = 4
_PLAIN_PAIR = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]{4})>")
_PAIR = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f\s]*)>")
_RANGE = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*(?:<([0-9A-Fa-f]+)>|\[(.*?)\])", re.DOTALL)
_HEX = re.compile(rb"<([0-9A-Fa-f]*)>")
_MOST_CODES = 0x10000


def plain_pages(path: Path) -> str | None:
    """The text of all pages, runs of letters parted by spaces, pages by form feeds; None where it cannot be told so
    simply (fonts without a map, drawings with text of their own), or the file cannot be read."""
    try:
        with pikepdf.open(path) as document:
            known: dict[tuple[int, int], dict[int, str]] = {}
            return "\f".join(" ".join(_page(page.obj, known)) for page in document.pages)
    except (pikepdf.PdfError, _Unplain, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return None


class _Unplain(Exception):
    """A page has what only a PDF reader can tell."""


def _page(page: Dictionary, known: dict[tuple[int, int], dict[int, str]]) -> Iterator[str]:
    resources = page.get("/Resources")
    if not isinstance(resources, Dictionary):
        raise _Unplain
    for other in _values(resources.get("/XObject")):
        if other.get("/Subtype") != Name.Image:
            raise _Unplain
    fonts = resources.get("/Font", Dictionary())
    content = _content(page.get("/Contents"))
    codes: dict[int, str] | None = None
    waiting: list[bytes] = []
    for font, literal, hexadecimal, operator in _STEP.findall(content):
        if literal:
            waiting.append(_unescaped(literal[1:-1]))
        elif hexadecimal:
            waiting.append(bytes.fromhex(hexadecimal.decode("ascii")))
        elif font:
            codes = _codes(fonts["/" + font.decode("latin-1")], known)
        elif operator == b"BI":
            raise _Unplain
        else:
            if operator != b"BDC" and waiting:
                if codes is None:
                    raise _Unplain
                said = b"".join(waiting)
                if len(said) % 2:
                    raise _Unplain
                yield "".join([codes.get(code, "\ufffd") for code in struct.unpack(f">{len(said) // 2}H", said)])
            waiting.clear()


def _values(dictionary: object) -> list[pikepdf.Object]:
    return [v for _, v in dictionary.items()] if isinstance(dictionary, Dictionary) else []


def _content(contents: object) -> bytes:
    if isinstance(contents, Array):
        return b"\n".join(s.read_bytes() for s in contents if isinstance(s, Stream))
    return contents.read_bytes() if isinstance(contents, Stream) else b""


def _unescaped(literal: bytes) -> bytes:
    if b"\\" not in literal:
        return literal
    # The escapes of PDF are Python's but for the parentheses, and so are read in one go.
    literal = literal.replace(b"\\\\", b"\\134").replace(b"\\(", b"(").replace(b"\\)", b")")
    return codecs.escape_decode(literal)[0]


def _codes(font: pikepdf.Object, known: dict[tuple[int, int], dict[int, str]]) -> dict[int, str]:
    """What the two-byte codes of a font stand for."""
    if font.objgen in known and font.objgen != (0, 0):
        return known[font.objgen]
    to_unicode = font.get("/ToUnicode")
    if (
        font.get("/Subtype") != Name.Type0
        or font.get("/Encoding") != "/Identity-H"
        or not isinstance(to_unicode, Stream)
    ):
        raise _Unplain
    codes: dict[int, str] = {}
    for single, ranges in _MAP.findall(to_unicode.read_bytes()):
        codes.update(_pairs(single))
        for first, last, start, listed in _RANGE.findall(ranges):
            low, high = int(first, 16), int(last, 16)
            if not low <= high < _MOST_CODES:
                raise _Unplain
            texts = _HEX.findall(listed) if listed else _following(start, high - low + 1)
            codes.update(zip(range(low, high + 1), map(_text, texts), strict=False))
    known[font.objgen] = codes
    return codes


def _pairs(listed: bytes) -> Iterator[tuple[int, str]]:
    """Codes with their texts; those of one character each, which are nearly all, in one go."""
    plain = _PLAIN_PAIR.findall(listed)
    if plain:
        joined = bytes.fromhex(b"".join(map(b"".join, plain)).decode("ascii"))
        numbers = struct.unpack(f">{len(joined) // 2}H", joined)
        yield from zip(numbers[::2], map(chr, numbers[1::2]), strict=True)
    if len(plain) * 2 != listed.count(b"<"):
        for code, text in _PAIR.findall(listed):
            if len(text) != _FOUR:
                yield int(code, 16), _text(text)


def _following(start: bytes, count: int) -> Iterator[bytes]:
    head, last = start[:-4], int(start[-4:], 16)
    for n in range(count):
        yield head + b"%04X" % (last + n)


def _text(hexadecimal: bytes) -> str:
    return bytes.fromhex(hexadecimal.decode("ascii")).decode("utf-16-be", "replace")
