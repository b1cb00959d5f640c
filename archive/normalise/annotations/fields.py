"""Form fields as a reader sees them: what kind each is, and what its value shows.

Source: ISO 32000-1, 12.7.3 and 12.7.4.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import cast

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

OFF = "/Off"
_MULTI_LINE, _PASSWORD, _COMB = 1 << 12, 1 << 13, 1 << 24
_RADIO, _PUSH = 1 << 15, 1 << 16
_COMBO = 1 << 17
_DEEPEST = 16
_MOST_TEXT = 1_000_000
_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"<(?:br\b[^<>]*|/p|/div|/li)\s*>", re.IGNORECASE)
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_BLANKS = re.compile(r"[ \t\r\n]+")
BROKEN = (pikepdf.PdfError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
"""What pikepdf raises of an object that is not as the standard says."""


class Kind(enum.Enum):
    """Kinds of form fields."""

    TEXT = enum.auto()
    COMBO = enum.auto()
    LIST = enum.auto()
    CHECK = enum.auto()
    RADIO = enum.auto()
    PUSH = enum.auto()
    SIGNATURE = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True, slots=True)
class Option:
    """An entry of a choice field: what it is stored as, and what a reader sees."""

    export: str
    shown: str


@dataclass(frozen=True, slots=True)
class Field:
    """A form field, as one of its widgets has it."""

    widget: Dictionary
    form: Dictionary | None
    """The document's AcroForm."""

    def get(self, key: str) -> pikepdf.Object | None:
        """An attribute, the widget's own or of a field above it."""
        return inherited(self.widget, key)

    @property
    def root(self) -> Dictionary:
        """The field at the top of those above it."""
        holder = self.widget
        for _ in range(_DEEPEST):
            parent = holder.get("/Parent")
            if not isinstance(parent, Dictionary):
                break
            holder = parent
        return holder

    @property
    def flags(self) -> int:
        """Field flags (/Ff)."""
        return integer(self.get("/Ff"))

    @property
    def kind(self) -> Kind:
        """What it is."""
        kind, flags = raw_name(self.get("/FT")), self.flags
        if kind == "/Tx":
            return Kind.TEXT
        if kind == "/Ch":
            return Kind.COMBO if flags & _COMBO else Kind.LIST
        if kind == "/Btn":
            return Kind.PUSH if flags & _PUSH else Kind.RADIO if flags & _RADIO else Kind.CHECK
        return Kind.SIGNATURE if kind == "/Sig" else Kind.UNKNOWN

    @property
    def multi_line(self) -> bool:
        """Whether the text may have several lines."""
        return bool(self.flags & _MULTI_LINE)

    @property
    def password(self) -> bool:
        """Whether a viewer shows stars for the value."""
        return self.kind is Kind.TEXT and bool(self.flags & _PASSWORD)

    @property
    def cells(self) -> int:
        """Cells of a comb; 0 where it is none."""
        return max(0, min(integer(self.get("/MaxLen")), 1000)) if self.kind is Kind.TEXT and self.flags & _COMB else 0

    @property
    def options(self) -> list[Option]:
        """The entries of a choice field."""
        found = self.get("/Opt")
        return [o for entry in (found if isinstance(found, Array) else ()) if (o := _option(entry)) is not None]

    @property
    def chosen(self) -> list[int]:
        """Numbers of the entries that are chosen: those the value names, or else those that /I numbers."""
        options, values = self.options, self.values
        numbers = self.get("/I")
        listed = [integer(n) for n in numbers] if isinstance(numbers, Array) else []
        listed = [n for n in listed if 0 <= n < len(options)]
        if listed and {options[n].export for n in listed} == set(values):
            return listed  # entries may share what they are stored as
        by_value = [i for i, o in enumerate(options) if o.export in values]
        if by_value:
            return by_value
        if by_name := [i for i, o in enumerate(options) if o.shown in values]:
            return by_name
        return [] if values else listed

    @property
    def values(self) -> list[str]:
        """The value as it is stored, several for a list; none where it has none. A rich text's words count where
        there is no plain one."""
        found = self.get("/V")
        several = list(found) if isinstance(found, Array) else [found]
        texts = [text for value in several if (text := text_of_object(value))]
        return texts or ([rich] if self.kind is Kind.TEXT and (rich := plain_of_rich(self.get("/RV"))) else [])

    @property
    def shown(self) -> list[str]:
        """What a reader is to see of the value of a text or choice field: words, not codes."""
        if self.kind in (Kind.COMBO, Kind.LIST):
            options, named = self.options, set[str]()
            chosen = self.chosen
            for number in chosen:
                named |= {options[number].export, options[number].shown}
            # A value that is no entry was typed in.
            return [options[n].shown for n in chosen] + [v for v in self.values if v not in named]
        return self.values if self.kind is Kind.TEXT else []

    @property
    def label(self) -> str:
        """What the form calls it: the words for readers, else its partial name."""
        return text_of_object(self.get("/TU")) or text_of_object(self.get("/T"))

    def states(self) -> list[str]:
        """The states of a check box or radio button that its appearances draw."""
        appearance = self.widget.get("/AP")
        normal = appearance.get("/N") if isinstance(appearance, Dictionary) else None
        if not isinstance(normal, Dictionary) or isinstance(normal, Stream):
            return []
        return [key for key in sorted(normal.keys()) if isinstance(normal[key], Stream)]

    def state(self) -> str:
        """The state that it stands in: the widget's own, else what the field's value says."""
        own = self.widget.get("/AS")
        if isinstance(own, Name):
            return raw_name(own)
        return self.state_by_value()

    def state_by_value(self) -> str:
        """The state of this widget that the field's value asks for."""
        value = self.get("/V")
        wanted = (
            raw_name(value) if isinstance(value, Name) else f"/{text_of_object(value)}" if value is not None else OFF
        )
        states = self.states()
        if wanted in (OFF, "/") or not states:
            # Without appearances, only a field with one widget tells which of them is meant.
            return OFF if wanted in (OFF, "/") or ("/Parent" in self.widget and "/T" not in self.widget) else wanted
        if wanted in states:
            return wanted
        exports = self.get("/Opt")
        for number, export in enumerate(exports if isinstance(exports, Array) else ()):
            if text_of_object(export) == wanted[1:] and f"/{number}" in states:
                return f"/{number}"
        return OFF


def widgets(pdf: pikepdf.Pdf) -> Iterator[tuple[int, Field]]:
    """All widgets on the pages, each with its page's number from 0."""
    found = pdf.Root.get("/AcroForm")
    form = found if isinstance(found, Dictionary) else None
    for number, page in enumerate(pdf.pages):
        annotations = page.obj.get("/Annots")
        for annotation in annotations if isinstance(annotations, Array) else ():
            if isinstance(annotation, Dictionary) and annotation.get("/Subtype") == Name.Widget:
                yield number, Field(annotation, form)


def inherited(holder: pikepdf.Object | None, key: str) -> pikepdf.Object | None:
    """An attribute of a form field, its own or of a field above it; None where there is none."""
    for _ in range(_DEEPEST):
        if not isinstance(holder, Dictionary):
            return None
        if key in holder:
            found: pikepdf.Object = holder[key]
            return found
        holder = holder.get("/Parent")
    return None


def text_of_object(value: object) -> str:
    """The words of a text string, text stream or name; empty for all else."""
    if isinstance(value, Stream):
        try:
            return str(pikepdf.String(value.read_bytes()[:_MOST_TEXT]))
        except BROKEN:
            return ""
    if isinstance(value, Name):
        return name(value)
    try:
        return str(value) if isinstance(value, (str, pikepdf.String)) else ""
    except BROKEN:
        return ""


def name(value: object) -> str:
    """A name without its slash, for readers; those that are no UTF-8 are taken for Windows' Western letters."""
    return printable(raw_name(value)[1:])


def raw_name(value: object) -> str:
    """A name with its slash, as pikepdf gives the keys of dictionaries: bytes that are no UTF-8 as lone surrogates,
    while `str` of such a name raises. Empty for what is no name."""
    if not isinstance(value, Name):
        return ""
    try:
        return str(value)
    except UnicodeDecodeError:
        written = value.unparse()
        return _ESCAPED.sub(lambda m: bytes([int(m[1], 16)]), written).decode("utf-8", "surrogateescape")


def as_name(text: str) -> Name:
    """The name (with its slash) of such a text."""
    written = b"".join(b"#%02x" % c for c in text[1:].encode("utf-8", "surrogateescape"))
    return cast(Name, pikepdf.Object.parse(b"/" + written))


def printable(text: str) -> str:
    """A text without lone surrogates."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def plain_of_rich(value: object) -> str:
    """The words of a rich text (XHTML, 12.7.3.4), a line each paragraph."""
    source = _BREAK.sub("\x00", text_of_object(value))
    body = source[source.find("<body") :] if "<body" in source else source
    lines = _BLANKS.sub(" ", unescape(_TAG.sub("", body))).split("\x00")
    return "\n".join(line.strip() for line in lines).strip()


def integer(value: object) -> int:
    """A number of the file; 0 where it is none."""
    try:
        return int(value)  # type: ignore[call-overload,no-any-return]
    except BROKEN:
        return 0


def kind_of(annotation: Dictionary) -> str:
    """An annotation's subtype, as `/Ink`; empty where it has none."""
    return raw_name(annotation.get("/Subtype"))


def flag(holder: Dictionary, key: str) -> bool:
    """Whether an entry is there and true."""
    found: object = holder.get(key)
    return found is True


def _option(entry: object) -> Option | None:
    if isinstance(entry, Array):
        texts = [text_of_object(e) for e in entry]
        return (
            Option(texts[0], texts[1] or texts[0]) if len(texts) > 1 else Option(texts[0], texts[0]) if texts else None
        )
    text = text_of_object(entry)
    return Option(text, text) if text else None
