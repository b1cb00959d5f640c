"""What an RTF document says, as far as it is proven: paragraphs, tables, pictures. Lengths in twips (1/20 point)."""

from __future__ import annotations

from dataclasses import dataclass, field

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """How characters look. `family` is the installed font; `size` in half points; `raised` is `super`, `sub` or ``."""

    family: str
    size: int
    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    colour: Colour | None = None
    back: Colour | None = None
    raised: str = ""
    kerning: bool = True


@dataclass(slots=True)
class Run:
    """Characters of one look."""

    text: str
    look: Look


@dataclass(frozen=True, slots=True)
class Mark:
    """Something between the characters: `line` (break), `tab`, `page` (number), `pages` (how many there are)."""

    kind: str
    look: Look


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in the line; its size as shown, in twips. `kind` is `png` or `jpg`."""

    data: bytes
    kind: str
    width: int
    height: int
    look: Look


Inline = Run | Mark | Picture


@dataclass(frozen=True, slots=True)
class Format:
    """How a paragraph stands. `align` is l, r, c or j; `tabs` are (position, kind), kind l, r or c; `spacing` is
    RTF's \\sl: at least so much, or where negative exactly, or where `multiple` so many 240ths of a line."""

    align: str = "l"
    left: int = 0
    right: int = 0
    first: int = 0
    before: int = 0
    after: int = 0
    spacing: int = 0
    multiple: bool = False
    keep: bool = False
    keep_next: bool = False
    widows: bool = False
    tabs: tuple[tuple[int, str], ...] = ()


@dataclass(slots=True)
class Paragraph:
    """A paragraph; `end` is the look of its end mark, which gives an empty one its height."""

    format: Format
    inlines: list[Inline]
    end: Look


@dataclass(frozen=True, slots=True)
class Border:
    """A line around a cell; width in twips."""

    width: int
    colour: Colour | None = None


@dataclass(slots=True)
class Cell:
    """A cell: `right` is its right edge from the table's origin; borders at top, left, bottom, right."""

    right: int
    borders: list[Border | None] = field(default_factory=lambda: [None] * 4)
    back: Colour | None = None
    content: list[Paragraph] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """A row of a table. `height` is the least height."""

    left: int
    gap: int
    height: int
    keep: bool
    heading: bool
    cells: list[Cell]


@dataclass(slots=True)
class Table:
    """Rows that follow each other."""

    rows: list[Row]


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows begins a page."""


Block = Paragraph | Table | PageBreak


@dataclass(slots=True)
class Page:
    """The paper and its margins; `header` and `footer` are distances from the paper's edge."""

    width: int = 12240
    height: int = 15840
    left: int = 1440
    right: int = 1440
    top: int = 1440
    bottom: int = 1440
    header: int = 720
    footer: int = 720


@dataclass(slots=True)
class Document:
    """A whole document."""

    page: Page
    default_tab: int
    header: list[Block]
    footer: list[Block]
    body: list[Block]
