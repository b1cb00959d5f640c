"""Outlook messages (.msg) to PDF: a page as for other e-mail; attachments and embedded messages are files of their own.

Sources: [MS-OXMSG] (storages and properties), [MS-OXPROPS] (property numbers), [MS-OXRTFCP] (compressed RTF).
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from archive.compound import Compound
from archive.normalise.charsets import declared
from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import Decoded
from archive.normalise.heldvalues import held
from archive.normalise.letter import Letter, safe_name
from archive.normalise.mailfields import header
from archive.normalise.outlookfile import STORAGE, Item, page_name
from archive.normalise.outlookitems import kind_of, take
from archive.reasons import DocumentProblem, Reason

ROUTE = "outlook"


_FILE_MESSAGE = 5
_HIGH = 2
_SUBJECT, _SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0037, 0x0C1A, 0x0C1F, 0x5D01
_BEHALF, _BEHALF_ADDRESS, _BEHALF_SMTP, _IMPORTANCE, _ADDRESS = 0x0042, 0x0065, 0x5D02, 0x0017, 0x3003
_TO, _CC, _BCC, _SENT, _RECEIVED, _FIELDS = 0x0E04, 0x0E03, 0x0E02, 0x0039, 0x0E06, 0x007D
_BODY, _HTML, _RTF = 0x1000, 0x1013, 0x1009
_DATA, _METHOD, _LONG_NAME, _SHORT_NAME, _DISPLAY_NAME = 0x3701, 0x3705, 0x3707, 0x3704, 0x3001
_SMTP, _INTERNET_CODE_PAGE, _MIME_TAG, _CONTENT_ID, _LOCATION = 0x39FE, 0x3FDE, 0x370E, 0x3712, 0x3713
_PICTURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"GIF8", "image/gif"))
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
        _take(Item(Compound(source.read_bytes()), ()), letter)
    except _BROKEN:
        raise DocumentProblem(Reason.CORRUPT, "The Outlook message is broken.") from None
    return letter.made()


def _take(message: Item, letter: Letter) -> None:
    kind = kind_of(message)
    _persons(message, letter)
    for name, number in (("Til", _TO), ("Kopi til", _CC), ("Blindkopi til", _BCC), ("Emne", _SUBJECT)):
        if value := " ".join(message.text(number).split()):
            letter.field(name, value)
    for name, number in (("Sendt", _SENT), ("Mottatt", _RECEIVED)):
        if value := message.when(number):
            letter.field(name, value)
    if kind is not None:
        take(message, kind, letter)
    elif message.whole(_IMPORTANCE) == _HIGH:
        letter.field("Viktighet", "Høy")
    for person in message.inside("__recip_version1.0_"):
        known = " ".join(p for p in (person.text(_DISPLAY_NAME), f"<{_address(person)}>") if p not in ("", "<>"))
        letter.field("Mottaker", known, important=False)
    for line in re.sub(r"\r?\n[ \t]+", " ", message.text(_FIELDS)).splitlines():
        if name := line.partition(":")[0].strip():
            letter.field(name, letter.read(header(line.partition(":")[2].strip())), important=False)
    _body(message, letter)
    for attachment in message.inside("__attach_version1.0_"):
        _carry(attachment, letter)


def _address(person: Item) -> str:
    return person.text(_SMTP) or person.text(_ADDRESS)


def _persons(message: Item, letter: Letter) -> None:
    """Who sent it, and on whose behalf: an item that was never sent has the latter alone."""
    sender = _person(message, _SENDER, (_SENDER_SMTP, _SENDER_ADDRESS))
    behalf = _person(message, _BEHALF, (_BEHALF_SMTP, _BEHALF_ADDRESS))
    if sender or behalf or kind_of(message) is None:
        letter.field("Fra", sender or behalf)
    if sender and behalf and message.text(_BEHALF) not in ("", message.text(_SENDER)):
        letter.field("På vegne av", behalf)


def _person(message: Item, name: int, addresses: tuple[int, ...]) -> str:
    address = next((a for a in map(message.text, addresses) if a), "")
    return " ".join(part for part in (message.text(name), f"<{address}>" if address else "") if part)


def _body(message: Item, letter: Letter) -> None:
    plain = message.text(_BODY)
    html = message.binary(_HTML) or message.text(_HTML).encode()
    rtf = message.binary(_RTF)
    if plain.strip():
        letter.text(plain)
    if html:
        letter.html("melding.html", html, letter.read(html_text(html, message.whole(_INTERNET_CODE_PAGE))))
    elif rtf:
        carry_rtf(decompressed(rtf), letter, alone=not plain.strip())


def carry_rtf(content: bytes, letter: Letter, *, alone: bool) -> None:
    """A message's RTF as a file of it; where it is the message `alone`, its words stand on the page too."""
    if alone:
        found = held(content.decode("latin-1"))
        letter.text((found and found.text) or "")
        letter.note("Meldingens tekst er skrevet som RTF, og vises slik i filen melding.rtf.")
    letter.carry("melding.rtf", content)


def html_text(html: bytes, code_page: int | None) -> Decoded:
    """HTML in a Windows code page; detected where that is not said, or does not fit."""
    return declared(html, page_name(code_page))


def _carry(attachment: Item, letter: Letter) -> None:
    name = next((n for n in map(attachment.text, (_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME)) if n.strip("\0 ")), "")
    if attachment.has(_DATA, STORAGE):
        is_message = attachment.whole(_METHOD) == _FILE_MESSAGE
        ending = "msg" if is_message else "ole"
        path = attachment.name_of(_DATA, STORAGE)
        storage = attachment.message_within(_DATA) if is_message else attachment.file.storage(path)
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
