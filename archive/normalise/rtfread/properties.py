"""What control words do to the characters, the paragraph and the page; and the state of a group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread.model import Format, Look, Page

if TYPE_CHECKING:
    from archive.normalise.rtfread.heads import Heads

_PLAIN = (None, 24, False, False, False, False, 0, 0, "", True, False, False)
_CHARACTER = (
    "font", "size", "bold", "italic", "underline", "strike", "colour", "back", "raised", "kerning", "caps", "rtl",
)  # fmt: skip
_PARAGRAPH = (
    "align", "left", "right", "first", "before", "after", "spacing", "multiple", "keep", "keep_next", "widows", "tabs",
    "tab_kind", "in_table", "style",
)  # fmt: skip
_PARD = ("l", 0, 0, 0, 0, 0, 0, False, False, False, False, (), "l", False, None)
_MOST = 31_680
"""Twips: 22 inches, the largest measure of Word."""


@dataclass(slots=True)
class Field:
    """A field: what it is (`page`, `pages`, `text`, or `` while unknown), and how its result looks."""

    instruction: list[str] = field(default_factory=list)
    kind: str = ""
    look: Look | None = None


class State:
    """The state of a group: what it is for, its characters and its paragraph. `label`: of a list's number or bullet."""

    __slots__ = (
        *_CHARACTER,
        *_PARAGRAPH,
        "_format",
        "_look",
        "destination",
        "field",
        "label",
        "substitutes",
        "widow_control",
    )

    font: int | None
    size: int
    bold: bool
    italic: bool
    underline: bool
    strike: bool
    colour: int
    back: int
    raised: str
    kerning: bool
    caps: bool
    rtl: bool
    align: str
    left: int
    right: int
    first: int
    before: int
    after: int
    spacing: int
    multiple: bool
    keep: bool
    keep_next: bool
    widows: bool
    tabs: tuple[tuple[int, str], ...]
    tab_kind: str
    in_table: bool
    style: int | None

    def __init__(self) -> None:
        self.destination = "rtf"
        self.field: Field | None = None
        self.substitutes = 1
        self.label = self.widow_control = False
        self._look: Look | None = None
        self._format: Format | None = None
        self.reset_look()
        self.reset_paragraph()

    def copy(self) -> State:
        """The state of a group within."""
        other = State.__new__(State)
        for name in State.__slots__:
            setattr(other, name, getattr(self, name))
        return other

    def begin_field(self) -> None:
        """The group is a field."""
        self.destination, self.field = "field", Field()

    def reset_look(self) -> None:
        """\\plain"""
        for name, value in zip(_CHARACTER, _PLAIN, strict=True):
            setattr(self, name, value)
        self._look = None

    def reset_paragraph(self) -> None:
        """\\pard"""
        for name, value in zip(_PARAGRAPH, _PARD, strict=True):
            setattr(self, name, value)
        self.widows = self.widow_control
        self._format = None

    def set_look(self, name: str, value: object) -> None:
        """Change how characters look."""
        setattr(self, name, value)
        self._look = None

    def set_paragraph(self, name: str, value: object) -> None:
        """Change how the paragraph stands."""
        setattr(self, name, value)
        self._format = None

    def look(self, heads: Heads) -> Look:
        """How characters look now; the same object for the same look. PassedOn where that is not proven."""
        if self._look is None:
            if self.rtl:
                raise PassedOn("text from right to left")
            font: int | str | None = self.font
            if self.label and heads.is_label_font(self.font):
                font = heads.label_font(self.font)
            self._look = heads.look(
                font, self.size, self.bold, self.italic, self.underline, self.strike, self.colour, self.back,
                self.raised, self.kerning,
            )  # fmt: skip
        return self._look

    def format(self) -> Format:
        """How the paragraph stands."""
        if self._format is None:
            self._format = Format(
                self.align, self.left, self.right, self.first, self.before, self.after, self.spacing, self.multiple,
                self.keep, self.keep_next, self.widows, tuple(sorted(self.tabs)),
            )  # fmt: skip
        return self._format


_Handler = Callable[[State, int | None], None]


def _toggle(name: str) -> _Handler:
    return lambda state, number: state.set_look(name, number != 0)


def _look_value(name: str, value: object) -> _Handler:
    return lambda state, number: state.set_look(name, value)


def _colour(name: str) -> _Handler:
    return lambda state, number: state.set_look(name, number or 0)


def _raised(kind: str) -> _Handler:
    return lambda state, number: state.set_look("raised", "" if number == 0 else kind)


def _size(state: State, number: int | None) -> None:
    size = 24 if number is None else number
    if not 4 <= size <= 300:
        raise PassedOn("a font size that is not proven")
    state.set_look("size", size)


def _associated(state: State, number: int | None) -> None:
    """How text from right to left would look; Word writes it before every run."""
    if not state.rtl:
        raise PassedOn("an associated font")


LOOKS: dict[str, _Handler] = {
    "plain": lambda state, number: state.reset_look(),
    "f": lambda state, number: state.set_look("font", number or 0),
    "fs": _size,
    "b": _toggle("bold"),
    "i": _toggle("italic"),
    "ul": _toggle("underline"),
    "ulnone": _look_value("underline", False),
    "strike": _toggle("strike"),
    "caps": _toggle("caps"),
    "cf": _colour("colour"),
    "highlight": _colour("back"),
    "chcbpat": _colour("back"),
    "super": _raised("super"),
    "sub": _raised("sub"),
    "nosupersub": _look_value("raised", ""),
    "kerning": lambda state, number: state.set_look("kerning", bool(number)),
    **dict.fromkeys(("ab", "ai", "af", "afs", "aul", "acf"), _associated),
    "rtlch": _look_value("rtl", True),
    "ltrch": _look_value("rtl", False),
}
"""Words that change how characters look."""


def _length(name: str, least: int = 0) -> _Handler:
    def handle(state: State, number: int | None) -> None:
        value = number or 0
        if not least <= value <= _MOST:
            raise PassedOn("a length that is not proven")
        state.set_paragraph(name, value)

    return handle


def _paragraph_value(name: str, value: object) -> _Handler:
    return lambda state, number: state.set_paragraph(name, value)


def _paragraph_toggle(name: str) -> _Handler:
    return lambda state, number: state.set_paragraph(name, number != 0)


def _tab_stop(state: State, number: int | None) -> None:
    if number is None or not 0 < number <= _MOST:
        raise PassedOn("a tab stop that is not proven")
    kept = tuple(t for t in state.tabs if t[0] != number)
    state.set_paragraph("tabs", (*kept, (number, state.tab_kind)))
    state.tab_kind = "l"


def _nested(state: State, number: int | None) -> None:
    if number not in (0, 1):
        raise PassedOn("a table in a table")
    if number:
        state.set_paragraph("in_table", True)


PARAGRAPHS: dict[str, _Handler] = {
    "pard": lambda state, number: state.reset_paragraph(),
    "ql": _paragraph_value("align", "l"),
    "qr": _paragraph_value("align", "r"),
    "qc": _paragraph_value("align", "c"),
    "qj": _paragraph_value("align", "j"),
    "li": _length("left"),
    "lin": _length("left"),
    "ri": _length("right"),
    "rin": _length("right"),
    "fi": _length("first", -_MOST),
    "sb": _length("before"),
    "sa": _length("after"),
    "sl": _length("spacing", -_MOST),
    "slmult": lambda state, number: state.set_paragraph("multiple", bool(number)),
    "keep": _paragraph_toggle("keep"),
    "keepn": _paragraph_toggle("keep_next"),
    "widctlpar": _paragraph_toggle("widows"),
    "nowidctlpar": _paragraph_value("widows", False),
    "tqr": lambda state, number: state.set_paragraph("tab_kind", "r"),
    "tqc": lambda state, number: state.set_paragraph("tab_kind", "c"),
    "tx": _tab_stop,
    "intbl": _paragraph_toggle("in_table"),
    "itap": _nested,
    "s": lambda state, number: state.set_paragraph("style", number or 0),
}
"""Words that change how a paragraph stands."""


def _page_length(name: str, least: int = 0) -> Callable[[Page, int | None], None]:
    def handle(page: Page, number: int | None) -> None:
        if number is None or not least <= number <= _MOST:
            raise PassedOn("a page measure that is not proven")
        setattr(page, name, number)

    return handle


PAGES: dict[str, Callable[[Page, int | None], None]] = {
    "paperw": _page_length("width", 1440),
    "paperh": _page_length("height", 1440),
    "margl": _page_length("left"),
    "margr": _page_length("right"),
    "margt": _page_length("top"),
    "margb": _page_length("bottom"),
    "pgwsxn": _page_length("width", 1440),
    "pghsxn": _page_length("height", 1440),
    "marglsxn": _page_length("left"),
    "margrsxn": _page_length("right"),
    "margtsxn": _page_length("top"),
    "margbsxn": _page_length("bottom"),
    "headery": _page_length("header"),
    "footery": _page_length("footer"),
}
"""Words that give the paper and its margins."""
