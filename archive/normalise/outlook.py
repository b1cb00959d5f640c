"""Outlook messages (.msg) to PDF: a page as for other e-mail; attachments and embedded messages are files of their own.

Sources: [MS-OXMSG] (storages and properties), [MS-OXPROPS] (property numbers), [MS-OXRTFCP] (compressed RTF).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive import compound
from archive.compound import Compound
from archive.normalise.charsets import declared
from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import Decoded
from archive.normalise.letter import Letter, safe_name
from archive.reasons import DocumentProblem, Reason

ROUTE = "outlook"

PROPERTIES = "__properties_version1.0"
"""The stream by which a compound file is known to be a message."""

_FILE_MESSAGE, _OBJECT = 5, 6
_UNICODE, _BYTE, _BINARY, _STORAGE = 0x1F, 0x1E, 0x102, 0xD
_HEADER = {True: 32, False: 24}  # of the property stream of a message: as a file, and within another
_SUBJECT, _SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0037, 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC, _BCC, _SENT, _RECEIVED, _FIELDS = 0x0E04, 0x0E03, 0x0E02, 0x0039, 0x0E06, 0x007D
_BODY, _HTML, _RTF, _CODE_PAGE = 0x1000, 0x1013, 0x1009, 0x3FFD
_DATA, _METHOD, _LONG_NAME, _SHORT_NAME, _DISPLAY_NAME = 0x3701, 0x3705, 0x3707, 0x3704, 0x3001
_SMTP, _INTERNET_CODE_PAGE, _MIME_TAG, _CONTENT_ID, _LOCATION = 0x39FE, 0x3FDE, 0x370E, 0x3712, 0x3713
_PICTURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"GIF8", "image/gif"))
# Windows' numbers of sets that are no pages of its own (its NLS code page identifiers).
_PAGES = {65001: "utf-8", 65000: "utf-7", 1200: "utf-16-le", 1201: "utf-16-be", 20127: "ascii", 20866: "koi8-r",
          21866: "koi8-u", 50220: "iso2022-jp", 50221: "iso2022-jp", 50222: "iso2022-jp", 51932: "euc-jp",
          51949: "euc-kr", 52936: "hz", 54936: "gb18030", 10000: "mac-roman", 20269: "ascii", 20108: "ns_4551-1",
          10007: "mac-cyrillic", 10029: "mac-latin2", 20273: "cp273", 20277: "cp277", 20278: "cp278"}  # fmt: skip
_BROKEN = (ValueError, LookupError, struct.error, OverflowError)
# [MS-OXRTFCP] 2.1.2.1: what the dictionary begins with.
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    b"\\b\\i\\u\\tab\\tx"
)
_WINDOW = 4096


def outlook(source: Path, out: Path, limits: Limits) -> Made:
    """Show an Outlook message.

    Raises DocumentProblem: CORRUPT, and what `archive.normalise.plaintext` raises.
    """
    letter = Letter(out, limits)
    try:
        _take(_Item(Compound(source.read_bytes()), ()), letter)
    except _BROKEN:
        raise DocumentProblem(Reason.CORRUPT, "The Outlook message is broken.") from None
    return letter.made()


@dataclass(frozen=True, slots=True)
class _Item:
    """A message, recipient or attachment: a storage with properties."""

    file: Compound
    path: compound.Path

    def fixed(self, number: int) -> bytes | None:
        """A property of eight bytes or fewer."""
        stream = self.file.read((*self.path, PROPERTIES))
        start = 8 if self.path else _HEADER[not any("__attach" in p for p in self.path)]
        for at in range(start, len(stream) - 15, 16):
            (tag,) = struct.unpack_from("<I", stream, at)
            if tag >> 16 == number:
                return stream[at + 8 : at + 16]
        return None

    def whole(self, number: int) -> int | None:
        """A property that is a 32-bit number."""
        value = self.fixed(number)
        return None if value is None else int.from_bytes(value[:4], "little")

    def binary(self, number: int) -> bytes | None:
        """A property of bytes."""
        return self._stream(number, _BINARY)

    def text(self, number: int) -> str:
        """A property of text, empty where there is none."""
        if (wide := self._stream(number, _UNICODE)) is not None:
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        narrow = self._stream(number, _BYTE)
        if not narrow:
            return ""
        page = _Item(self.file, ()).whole(_CODE_PAGE) or 1252
        return declared(narrow.rstrip(b"\0"), page_name(page)).text

    def when(self, number: int) -> str:
        """A property that is a time (FILETIME), in words; empty where there is none."""
        value = self.fixed(number)
        if value is None:
            return ""
        instant = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=int.from_bytes(value, "little") // 10)
        return instant.strftime("%d.%m.%Y kl. %H.%M UTC")

    def inside(self, prefix: str) -> list[_Item]:
        """The storages below it whose name begins so."""
        depth = len(self.path)
        below = (p for p in self.file.paths() if len(p) == depth + 1 and p[:depth] == self.path)
        return [_Item(self.file, p) for p in below if p[-1].startswith(prefix) and self.file.is_storage(p)]

    def name_of(self, number: int, kind: int) -> compound.Path:
        return (*self.path, f"__substg1.0_{number:04X}{kind:04X}")

    def _stream(self, number: int, kind: int) -> bytes | None:
        path = self.name_of(number, kind)
        return self.file.read(path) if path in self.file.paths() else None


def _take(message: _Item, letter: Letter) -> None:
    sender, address = message.text(_SENDER), message.text(_SENDER_SMTP) or message.text(_SENDER_ADDRESS)
    letter.field("Fra", " ".join(part for part in (sender, f"<{address}>" if address else "") if part))
    for name, number in (("Til", _TO), ("Kopi til", _CC), ("Blindkopi til", _BCC), ("Emne", _SUBJECT)):
        if value := " ".join(message.text(number).split()):
            letter.field(name, value)
    for name, number in (("Sendt", _SENT), ("Mottatt", _RECEIVED)):
        if value := message.when(number):
            letter.field(name, value)
    for person in message.inside("__recip_version1.0_"):
        known = " ".join(p for p in (person.text(_DISPLAY_NAME), f"<{person.text(_SMTP)}>") if p not in ("", "<>"))
        letter.field("Mottaker", known, important=False)
    for line in message.text(_FIELDS).splitlines():
        if name := line.partition(":")[0].strip():
            letter.field(name, line.partition(":")[2].strip(), important=False)
    _body(message, letter)
    for attachment in message.inside("__attach_version1.0_"):
        _carry(attachment, letter)


def _body(message: _Item, letter: Letter) -> None:
    plain = message.text(_BODY)
    html = message.binary(_HTML) or message.text(_HTML).encode()
    rtf = message.binary(_RTF)
    if plain.strip():
        letter.text(plain)
    if html:
        letter.html("melding.html", html, letter.read(html_text(html, message.whole(_INTERNET_CODE_PAGE))))
    elif rtf:
        letter.carry("melding.rtf", decompressed(rtf))


def html_text(html: bytes, code_page: int | None) -> Decoded:
    """HTML in a Windows code page; detected where that is not said, or does not fit."""
    return declared(html, page_name(code_page))


def page_name(code_page: int | None) -> str | None:
    """The character set that Windows means by a number; None where it means none that is known."""
    if code_page is None:
        return None
    if code_page in _PAGES:
        return _PAGES[code_page]
    if 28591 <= code_page <= 28605:
        return f"iso8859-{code_page - 28590}"
    return f"cp{code_page}"


def _carry(attachment: _Item, letter: Letter) -> None:
    name = next((n for n in map(attachment.text, (_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME)) if n.strip("\0 ")), "")
    if attachment.name_of(_DATA, _STORAGE) in attachment.file.paths():
        ending = "msg" if attachment.whole(_METHOD) == _FILE_MESSAGE else "ole"
        storage = attachment.file.storage(attachment.name_of(_DATA, _STORAGE))
        letter.carry(safe_name(f"{name or 'melding'}.{ending}"), storage)
        return
    content = attachment.binary(_DATA)
    if content is None:
        letter.note(f"Vedlegg som bare er en henvisning, og ikke i meldingen: {safe_name(name) or 'uten navn'}")
        return
    media_type = attachment.text(_MIME_TAG) or sniffed(content)
    letter.pictures.add(attachment.text(_CONTENT_ID), attachment.text(_LOCATION), media_type, content)
    letter.carry(safe_name(name) or "vedlegg.bin", content)


def sniffed(content: bytes) -> str:
    """The media type of a picture that a message may show; empty for anything else."""
    return next((kind for magic, kind in _PICTURES if content.startswith(magic)), "")


def decompressed(content: bytes) -> bytes:
    """RTF as Outlook stores it ([MS-OXRTFCP] 3.1.3), whole or as far as it goes.

    Raises:
        struct.error, ValueError: it is none.
    """
    size, raw_size, kind = struct.unpack_from("<I I 4s", content)
    body = content[16 : size + 4]
    if kind == b"MELA":
        return body[:raw_size]
    if kind != b"LZFu":
        raise ValueError("no compressed RTF")
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    write, at, result = len(_DICTIONARY), 0, bytearray()

    def put(byte: int) -> None:
        nonlocal write
        result.append(byte)
        window[write] = byte
        write = (write + 1) % _WINDOW

    while at < len(body):
        control, at = body[at], at + 1
        for bit in range(8):
            if not control >> bit & 1:
                if at >= len(body):
                    return bytes(result[:raw_size])
                put(body[at])
                at += 1
                continue
            if at + 1 >= len(body):
                return bytes(result[:raw_size])
            reference, at = body[at] << 8 | body[at + 1], at + 2
            offset = reference >> 4
            if offset == write:
                return bytes(result[:raw_size])
            for _ in range((reference & 15) + 2):
                put(window[offset])
                offset = (offset + 1) % _WINDOW
    return bytes(result[:raw_size])
