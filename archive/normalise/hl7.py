"""HL7 v2 messages as a readable page: each segment's fields by their names, results as a table, reports as text or as
files of the document.

Source: HL7 Version 2.5, chapters 2 (messages, escapes), 3 (PID, PV1), 4 and 7 (OBR, OBX, NTE).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive.normalise.contract import Limits, Made, Part
from archive.normalise.encodings import Decoded, decode
from archive.normalise.heldvalues import coded_file, held
from archive.normalise.hl7names import COLUMNS, NAMES, SEGMENTS
from archive.normalise.typeset import drawable, glyph_flags, typeset
from archive.normalise.xmlrecord import plain_text
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "hl7"

_MOST_BYTES = 32 << 20
_MOST_SEGMENTS = 20_000
_LONG = 80
_UNSAFE = re.compile(r"[^\w -]+")
_SHOWN = frozenset((0, 1, 2, 3, 5, 6, 7, 8, 11, 14))  # of OBX, in the table's columns
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?(?:\.\d+)?)?([+-]\d{4})?")
_CODES = {"UNICODE UTF-8": "utf-8", "UNICODE": "utf-16", "8859/1": "cp1252", "8859/15": "iso8859-15", "ASCII": None}
_WHOLE = frozenset(("ST", "TX", "FT"))
_HEADERS = ("MSH", "FHS", "BHS")


@dataclass(slots=True)
class _Message:
    """The characters that part fields, components, repetitions and subcomponents, and the one that begins an escape."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    sub: str = "&"

    def text(self, value: str) -> str:
        """A value with its escapes read: what parts fields, line ends, bytes in hexadecimal; marks for bold go."""
        if self.escape not in value:
            return value
        mark = re.escape(self.escape)
        return re.sub(f"{mark}([^{mark}\r\n]{{1,200}}?){mark}", self._escape, value)

    def _escape(self, found: re.Match[str]) -> str:
        said = found[1]
        parts = {"F": self.field, "S": self.component, "T": self.sub, "R": self.repetition, "E": self.escape}
        if said in parts:
            return parts[said]
        if said in ("H", "N", ".fi", ".nf"):
            return ""
        if said == ".br" or re.fullmatch(r"\.(?:sp|ce)\+?\d*", said):
            return "\n" * max(1, int(said[3:].strip("+") or 1)) if said.startswith(".sp") else "\n"
        if re.fullmatch(r"\.(?:in|ti|sk)[+-]?\d+", said):
            return " "
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", said):
            return decode(bytes.fromhex(said[1:]).replace(b"\0", b"")).text.replace("\r\n", "\n").replace("\r", "\n")
        return found[0]


@dataclass(slots=True)
class _Page:
    out: Path
    blocks: list[dict[str, Any]] = field(default_factory=list)
    facts: list[list[str]] = field(default_factory=list)
    technical: list[list[str]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    unsound: int = 0

    def carry(self, content: bytes, extension: str, title: str) -> str:
        """Write a file beside the page; what stands in its place."""
        number = len(self.parts) + 1
        plain = " ".join(_UNSAFE.sub(" ", title).split())[:60]
        name = f"{plain or 'vedlegg'}-{number}.{extension}"
        path = self.out.with_name(f"{self.out.stem}-part-{number}")
        path.write_bytes(content)
        self.parts.append(Part(name, path))
        self.facts.append(["Vedlegg" if number == 1 else "", f"{name} ({len(content)} byte)"])
        return f"Vedlegg {number}: {name}"


def hl7(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset one or several HL7 v2 messages.

    Raises DocumentProblem: CORRUPT where it is none; RESOURCE_LIMIT.
    """
    if source.stat().st_size > _MOST_BYTES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The message has {source.stat().st_size} bytes.")
    read = _decoded(source.read_bytes())
    segments = [s for s in re.split(r"[\r\n\x0b\x1c]+", read.text) if s.strip("\0 \ufeff")]
    if len(segments) > _MOST_SEGMENTS:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The message has {len(segments)} segments.")
    page = _Page(out)
    _lay_out([s.lstrip("\ufeff ") for s in segments], page)
    if not page.blocks:
        raise DocumentProblem(Reason.CORRUPT, "The message has no segment that can be read.")
    data = {
        "banner": [],
        "title": "HL7-melding",
        "subtitle": "",
        "facts": page.facts,
        "blocks": page.blocks,
        "technical": page.technical,
    }
    text = plain_text(data)
    table = drawable([text])
    typeset("record", _drawn(data, table) if table else data, out)
    flags = []
    if not (read.certain and read.lossless):
        flags.append(FlagNote(Flag.ENCODING_GUESSED if read.lossless else Flag.DECODED_LENIENTLY, read.detail))
    if page.unsound:
        flags.append(FlagNote(Flag.DECODED_LENIENTLY, f"{page.unsound} files in the message are not coded as it says."))
    if page.parts:
        flags.append(FlagNote(Flag.ATTACHMENTS_SPLIT_OFF, f"{len(page.parts)} files."))
    return Made(out, ("2a", "2u", "2b"), (*flags, *glyph_flags(table)), text, tuple(page.parts))


def _decoded(content: bytes) -> Decoded:
    """By MSH-18 where that fits, else by evidence."""
    head = content[:4096].replace(b"\n", b"\r").split(b"\r")[0].split(content[3:4] or b"|")
    codec = _CODES.get(head[17].split(b"~")[0].decode("latin-1").strip().upper()) if len(head) > 17 else None
    if codec is not None:
        try:
            return Decoded(content.decode(codec), codec, True)
        except UnicodeDecodeError:
            pass
    return decode(content)


def _lay_out(segments: list[str], page: _Page) -> None:
    message = _Message()
    results: list[list[str]] = []
    for segment in segments:
        name = segment[:3]
        if name in _HEADERS and len(segment) > 3:
            message = _Message(segment[3], *segment[4:8].partition(segment[3])[0].ljust(4)[:4])
        fields = segment.split(message.field)
        if name in _HEADERS:
            fields = [name, message.field, *fields[1:]]  # the separator itself is the first field
        if name == "OBX":
            row = _result(fields, message, page)
            if row is not None:
                results.append(row)
                continue
        if results:
            page.blocks.append({"head": list(COLUMNS), "table": results})
            results = []
        if name != "OBX":
            _segment(name, fields, message, page)
    if results:
        page.blocks.append({"head": list(COLUMNS), "table": results})


def _segment(name: str, fields: list[str], message: _Message, page: _Page) -> None:
    if name == "NTE":
        words = "\n".join(filter(None, (_said(f, message) for f in fields[3:4])))
        page.blocks.append({"p": f"Kommentar: {words}"})
        rest = {number: f for number, f in enumerate(fields) if number not in (0, 3)}
    else:
        page.blocks.append({"h": 2, "text": SEGMENTS.get(name, name)})
        rest = dict(enumerate(fields[1:], start=1))
    rows = []
    for number, value in rest.items():
        if not value.strip() or value == '""' or (name in _HEADERS and number <= 2):
            continue
        label = NAMES.get(name, {}).get(number, f"{name}-{number}")
        shown = _value(value, message, page, label)
        if name == "NTE":
            page.technical.append([name, label, shown])
        else:
            rows.append([label, shown])
    if rows:
        page.blocks.append({"rows": rows})


def _result(fields: list[str], message: _Message, page: _Page) -> list[str] | None:
    """A row of the table of results; None for a report, which stands by itself."""
    fields = [*fields, *[""] * (20 - len(fields))]
    kind, title, value = fields[2], _said(fields[3], message), fields[5]
    others = [(n, v) for n, v in enumerate(fields) if n not in _SHOWN and v.strip()]
    rest = "; ".join(f"{NAMES['OBX'].get(n, f'OBX-{n}')}: {_said(v, message)}" for n, v in others)
    if kind in ("ED", "RP"):
        shown = _file(value, message, page, title)
    elif kind in _WHOLE and (whole := message.text(value)) and held(whole) is None:
        # Such text has no components: a separator that its writer forgot to escape is a character of it.
        shown = "\n".join(_time(message.text(one)) for one in value.split(message.repetition))
    else:
        shown = _value(value, message, page, title)
    said = [_said(fields[n], message) for n in (6, 7, 8, 11)]
    page.technical.append(["OBX", fields[1], kind])
    if len(shown) <= _LONG and "\n" not in shown:
        return [title, shown, *said, "; ".join(filter(None, (_time(_said(fields[14], message)), rest)))]
    page.blocks.append({"h": 3, "text": title or "Svar"})
    page.blocks.append({"p": shown})
    more = [[label, value] for label, value in zip(COLUMNS[2:], [*said, _time(_said(fields[14], message))], strict=True)
            if value]  # fmt: skip
    if rest:
        more.append(["Øvrig", rest])
    if more:
        page.blocks.append({"rows": more})
    return None


def _file(value: str, message: _Message, page: _Page, title: str) -> str:
    """An encapsulated file (ED: source, type, subtype, encoding, data) or a pointer to one (RP)."""
    shown = []
    first, *others = value.split(message.repetition)
    if len(others) == 4 and message.component not in value:
        value = message.component.join((first, *others))  # some part the components as repetitions
    for one in value.split(message.repetition):
        components = one.split(message.component)
        data = components[-1] if len(components) >= 5 else ""
        content = coded_file(data, components[3]) if data else None
        if content is None:
            page.unsound += bool(data and components[3].lower() in ("base64", "hex"))
            shown.append(_said(one, message))
            continue
        extension = _EXTENSIONS.get(components[2].lower(), _EXTENSIONS.get(components[1].lower(), "bin"))
        about = " ".join(message.text(c) for c in components[:4] if c)
        shown.append(f"{page.carry(content, extension, title)} ({about})")
    return "\n".join(shown)


_EXTENSIONS = {"pdf": "pdf", "rtf": "rtf", "jpeg": "jpg", "jpg": "jpg", "png": "png", "tiff": "tif", "html": "html",
               "xml": "xml", "msword": "doc", "plain": "txt", "ft": "txt", "dicom": "dcm",
               "x-hl7-cda-level-one": "xml"}  # fmt: skip


def _value(value: str, message: _Message, page: _Page, title: str) -> str:
    """A field's words; RTF in it as its text, and a coded file as a part."""
    whole = message.text(value)
    if (found := held(whole)) is not None:
        return found.text if found.text is not None else page.carry(found.content, found.extension, title)
    return _said(value, message)


def _said(value: str, message: _Message) -> str:
    """A field in words: repetitions, components and subcomponents in their order."""
    repeated = []
    for one in value.split(message.repetition) if message.repetition.strip() else [value]:
        components = one.split(message.component) if message.component.strip() else [one]
        said = [" ".join(filter(None, map(message.text, c.split(message.sub)))) for c in components]
        repeated.append(", ".join(filter(None, said)))
    shown = "\n".join(filter(None, repeated))
    return _time(shown)


def _time(value: str) -> str:
    """A time as one writes it, with what the message says."""
    found = _TIME.fullmatch(value)
    if found is None or not ("1850" <= found[1] <= "2200" and "01" <= found[2] <= "12" and "01" <= found[3] <= "31"):
        return value
    clock = f" kl. {found[4]}.{found[5]}" if found[4] else ""
    return f"{found[3]}.{found[2]}.{found[1]}{clock} ({value})"


def _drawn(value: Any, table: dict[int, str]) -> Any:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, dict):
        return {k: _drawn(v, table) for k, v in value.items()}
    return [_drawn(v, table) for v in value] if isinstance(value, list) else value
