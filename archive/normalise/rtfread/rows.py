"""Table rows as RTF defines them: `\\trowd`, the cells' edges, their content, `\\row`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread.model import Block, Border, Cell, Colour, Paragraph, Row, Table
from archive.normalise.rtfread.words import WITHOUT_EFFECT_ON_ROWS

if TYPE_CHECKING:
    from archive.normalise.rtfread.heads import Heads

_SIDES = {"clbrdrt": 0, "clbrdrl": 1, "clbrdrb": 2, "clbrdrr": 3}
_DEFAULT_WIDTH = 15
_MOST_CELLS = 63
_MOST = 31_680


class Rows:
    """The rows of one flow of text, as they are read."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._contents: list[list[Paragraph]] = []
        self._content: list[Paragraph] = []
        self._defined = False
        self._begin()

    def _begin(self) -> None:
        self._left = self._gap = self._height = 0
        self._padding: dict[str, int] = {}
        self._keep = self._heading = False
        self._cells: list[Cell] = []
        self._next = Cell(0)
        self._side: int | None = None

    @property
    def pending(self) -> bool:
        """Whether a row has begun that has not ended."""
        return bool(self._contents or self._content)

    def paragraph(self, paragraph: Paragraph, *, ended: bool) -> None:
        """A paragraph of the current cell; `ended`: the cell's last."""
        self._content.append(paragraph)
        if ended:
            self._contents.append(self._content)
            self._content = []

    def word(self, name: str, number: int | None, heads: Heads) -> bool:
        """Take a control word of rows; False where it is none."""
        if name == "trowd":
            self._begin()
            self._defined = True
            return True
        if not self._defined:
            return False
        if name in ("trgaph", "trleft", "trrh", "cellx"):
            self._measure(name, 0 if number is None else number)
        elif name in ("trpaddl", "trpaddr"):
            self._padding[name] = number or 0
        elif name == "trkeep":
            self._keep = number != 0
        elif name == "trhdr":
            self._heading = number != 0
        elif name in _SIDES:
            self._side = _SIDES[name]
        elif name in WITHOUT_EFFECT_ON_ROWS:
            pass
        elif name == "clcbpat":
            self._next.back = self._colour(number, heads)
        else:
            return self._border(name, number, heads)
        return True

    def _colour(self, number: int | None, heads: Heads) -> Colour | None:
        return heads.colour(number)

    def _measure(self, name: str, number: int) -> None:
        if not -_MOST <= number <= _MOST or (name in ("trgaph", "trrh") and number < 0):
            raise PassedOn(f"\\{name} with a measure that is not proven")
        if name == "trgaph":
            self._gap = number
        elif name == "trleft":
            self._left = number
        elif name == "trrh":
            self._height = number
        else:
            self._next.right = number
            self._cells.append(self._next)
            self._next = Cell(0)
            self._side = None
            if len(self._cells) > _MOST_CELLS:
                raise PassedOn("a row with too many cells")

    def _border(self, name: str, number: int | None, heads: Heads) -> bool:
        if self._side is None or not name.startswith("brdr"):
            return False
        borders = self._next.borders
        border = borders[self._side]
        if name in ("brdrs", "brdrnone", "brdrtbl", "brdrnil"):
            borders[self._side] = Border(_DEFAULT_WIDTH) if name == "brdrs" else None
        elif name == "brdrw" and border is not None:
            if number is None or not 1 <= number <= 75:
                raise PassedOn("a border's width that is not proven")
            borders[self._side] = Border(number, border.colour)
        elif name == "brdrcf" and border is not None:
            borders[self._side] = Border(border.width, heads.colour(number))
        else:
            return False
        return True

    def finish_row(self) -> None:
        """\\row: the cells' content and the row's definition come together."""
        if self._content or not self._defined or len(self._contents) != len(self._cells) or not self._cells:
            raise PassedOn("a row whose cells are not as defined")
        edge = self._left
        for cell, content in zip(self._cells, self._contents, strict=True):
            if cell.right - edge < 2 * self._gap + 200:
                raise PassedOn("a cell that is too narrow")
            edge = cell.right
            cell.content = content
        if any(padding != self._gap for padding in self._padding.values()):
            raise PassedOn("a cell's padding")
        if self._rows and (self._rows[-1].left, self._rows[-1].gap) != (self._left, self._gap):
            raise PassedOn("rows that begin at different places")
        self._rows.append(Row(self._left, self._gap, self._height, self._keep, self._heading, self._cells))
        # The next row has the same definition until another is given.
        self._cells = [Cell(cell.right, list(cell.borders), cell.back) for cell in self._cells]
        self._contents = []

    def end(self, blocks: list[Block]) -> None:
        """The table, if there is one, is done."""
        if self._rows:
            if self._rows[-1].left < -500:
                raise PassedOn("a table outside the margin")
            blocks.append(Table(self._rows))
            self._rows = []
