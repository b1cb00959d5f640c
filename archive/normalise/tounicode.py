"""The maps in which a PDF's fonts say which characters their codes are (ISO 32000-1, 9.10.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_BLOCK = re.compile(rb"begin(bfchar|bfrange)(.*?)end\1", re.DOTALL)
_TOKEN = re.compile(rb"<([0-9A-Fa-f\s]*)>|(\[)|(\])")
_MOST = 70_000
_AT_ONCE = 100


def mapping(content: bytes) -> dict[int, str]:
    """Code to characters; what is broken is left out."""
    result: dict[int, str] = {}
    for kind, body in _BLOCK.findall(content):
        for code, text in _pairs(body) if kind == b"bfchar" else _ranges(body):
            if len(result) >= _MOST:
                return result
            if text:
                result[code] = text
    return result


def written(table: Mapping[int, str], length: int) -> bytes:
    """A map of codes of `length` bytes, the same for the same table."""
    lines = [f"<{code:0{2 * length}x}> <{text.encode('utf-16-be').hex()}>" for code, text in sorted(table.items())]
    blocks = [lines[i : i + _AT_ONCE] for i in range(0, len(lines), _AT_ONCE)]
    body = "\n".join(f"{len(b)} beginbfchar\n" + "\n".join(b) + "\nendbfchar" for b in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        f"1 begincodespacerange\n<{'00' * length}> <{'ff' * length}>\nendcodespacerange\n"
        f"{body}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")


def _pairs(body: bytes) -> Iterator[tuple[int, str]]:
    values = [m[1] for m in _TOKEN.finditer(body) if m[1] is not None]
    for code, text in zip(values[::2], values[1::2], strict=False):
        if (number := _number(code)) is not None:
            yield number, _text(text)


def _ranges(body: bytes) -> Iterator[tuple[int, str]]:
    tokens = list(_TOKEN.finditer(body))
    at = 0
    while at + 2 < len(tokens):
        first, last = _number(tokens[at][1] or b""), _number(tokens[at + 1][1] or b"")
        at += 2
        if tokens[at][2]:
            at += 1
            number = first
            while at < len(tokens) and not tokens[at][3]:
                if number is not None and tokens[at][1] is not None:
                    yield number, _text(tokens[at][1])
                    number += 1
                at += 1
            at += 1
            continue
        text = _text(tokens[at][1] or b"")
        at += 1
        if first is None or last is None or not text or last - first > 0xFFFF:
            continue
        for offset in range(last - first + 1):
            if ord(text[-1]) + offset <= 0x10FFFF:
                yield first + offset, text[:-1] + chr(ord(text[-1]) + offset)


def _number(digits: bytes) -> int | None:
    bare = b"".join(digits.split())
    return int(bare, 16) if 0 < len(bare) <= 8 else None


def _text(digits: bytes) -> str:
    bare = b"".join(digits.split())
    data = bytes.fromhex((bare + b"0" * (len(bare) % 2)).decode("ascii"))
    return (data if len(data) % 2 == 0 else b"\0" + data).decode("utf-16-be", "replace")
