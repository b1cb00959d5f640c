"""`winmail.dat` (TNEF) to PDF: what Exchange packs a message's formatted text and files into when it sends them out.

Source: [MS-OXTNEF]; properties as in [MS-OXPROPS].
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import decode
from archive.normalise.letter import Letter, safe_name
from archive.normalise.outlook import carry_rtf, decompressed, html_text, sniffed
from archive.reasons import DocumentProblem, Reason

ROUTE = "tnef"

MAGIC = b"\x78\x9f\x3e\x22"
_SUBJECT, _BODY, _MESSAGE, _BEGINS, _TITLE, _DATA, _ATTACHED = 0x8004, 0x800C, 0x9003, 0x9002, 0x8010, 0x800F, 0x9005
_PR_SUBJECT, _PR_BODY, _PR_HTML, _PR_RTF, _PR_CODE_PAGE = 0x0037, 0x1000, 0x1013, 0x1009, 0x3FDE
_PR_DATA, _PR_LONG_NAME, _PR_NAME, _PR_MIME, _PR_ID, _PR_LOCATION = 0x3701, 0x3707, 0x3704, 0x370E, 0x3712, 0x3713
_WIDTHS = {2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0xA: 4, 0xB: 2, 0x14: 8, 0x40: 8, 0x48: 16}
_STRING, _WIDE, _OBJECT, _BINARY, _MANY = 0x1E, 0x1F, 0x0D, 0x102, 0x1000
_NAMED = 0x8000
_MOST_VALUES = 1 << 16
_ID_SIZE = 16

_Properties = dict[int, tuple[int, bytes]]
"""By number: the type, and the first value's bytes."""


def tnef(source: Path, out: Path, limits: Limits) -> Made:
    """Show what a `winmail.dat` says and list what it carries.

    Raises DocumentProblem: CORRUPT, EMPTY where there is nothing in it, and what `archive.normalise.plaintext` raises.
    """
    letter = Letter(out, limits)
    try:
        _take(source.read_bytes(), letter)
    except (ValueError, LookupError, struct.error):
        raise DocumentProblem(Reason.CORRUPT, "The TNEF file is broken.") from None
    return letter.made()


def _take(content: bytes, letter: Letter) -> None:
    subject, plain, message = "", "", _Properties()
    attached: list[tuple[dict[int, bytes], _Properties]] = []
    for number, data in _attributes(content):
        if number == _SUBJECT:
            subject = _narrow(data)
        elif number == _BODY:
            plain = _narrow(data)
        elif number == _MESSAGE:
            message = _properties(data)
        elif number == _BEGINS:
            attached.append(({}, _Properties()))
        elif number == _ATTACHED and attached:
            attached[-1][1].update(_properties(data))
        elif attached:
            attached[-1][0][number] = data
    letter.field("Emne", " ".join((_text(message, _PR_SUBJECT) or subject).split()))
    letter.text(_text(message, _PR_BODY) or plain)
    if html := message.get(_PR_HTML, (0, b""))[1]:
        code_page = message.get(_PR_CODE_PAGE)
        page = int.from_bytes(code_page[1], "little") if code_page else None
        letter.html("melding.html", html, letter.read(html_text(html, page)))
    elif rtf := message.get(_PR_RTF, (0, b""))[1]:
        carry_rtf(decompressed(rtf), letter, alone=not (_text(message, _PR_BODY) or plain).strip())
    for attributes, properties in attached:
        _carry(attributes, properties, letter)


def _carry(attributes: dict[int, bytes], properties: _Properties, letter: Letter) -> None:
    name = _text(properties, _PR_LONG_NAME) or _text(properties, _PR_NAME) or _narrow(attributes.get(_TITLE, b""))
    kind, content = properties.get(_PR_DATA, (0, b""))
    if kind == _OBJECT:
        content = content[_ID_SIZE:]
        name = f"{name or 'melding'}.{'dat' if content.startswith(MAGIC) else 'ole'}"
    else:
        content = content or attributes.get(_DATA, b"")
    media_type = _text(properties, _PR_MIME) or sniffed(content)
    letter.pictures.add(_text(properties, _PR_ID), _text(properties, _PR_LOCATION), media_type, content)
    letter.carry(safe_name(name) or "vedlegg.bin", content)


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and data of each; a sum that does not fit is no reason to lose what was read."""
    if not content.startswith(MAGIC):
        raise ValueError("no TNEF")
    at = 6
    while at + 9 <= len(content):
        _, number, _, size = struct.unpack_from("<BHHI", content, at)
        at += 9
        if at + size > len(content):
            raise ValueError("cut short")
        yield number, content[at : at + size]
        at += size + 2


def _properties(data: bytes) -> _Properties:
    found: _Properties = {}
    (count,) = struct.unpack_from("<I", data)
    at = 4
    for _ in range(min(count, _MOST_VALUES)):
        kind, number = struct.unpack_from("<HH", data, at)
        at += 4
        if number >= _NAMED:
            (by_name,) = struct.unpack_from("<I", data, at + 16)
            (size,) = struct.unpack_from("<I", data, at + 20)
            at += 24 + (_padded(size) if by_name else 0)
        base, values = kind & ~_MANY, 1
        sized = base in (_STRING, _WIDE, _OBJECT, _BINARY)
        if sized or kind & _MANY:
            (values,) = struct.unpack_from("<I", data, at)
            at += 4
        if values > _MOST_VALUES:
            raise ValueError("too many values")
        for n in range(values):
            size = _WIDTHS[base] if not sized else struct.unpack_from("<I", data, at)[0]
            at += 4 if sized else 0
            if at + size > len(data):
                raise ValueError("cut short")
            if n == 0:
                found[number] = base, data[at : at + size]
            at += _padded(size)
    return found


def _padded(size: int) -> int:
    return size + -size % 4


def _text(properties: _Properties, number: int) -> str:
    kind, value = properties.get(number, (0, b""))
    return value.decode("utf-16-le", "replace").rstrip("\0") if kind == _WIDE else _narrow(value)


def _narrow(value: bytes) -> str:
    value = value.rstrip(b"\0")
    return decode(value).text if value.strip() else ""
