"""A table with markup as cells on a grid: what spans several rows or columns takes its place in each of them.

Source: HTML 4.9.12 (forming a table); the tables of CDA's narrative are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from archive.normalise.richtext import Words, plain
from archive.normalise.xmltree import Node, local

_MOST_ACROSS = 50
_MOST_COLUMNS = 100
_MOST_HEAD = 4
_BEFORE = frozenset(("caption",))
_GROUPS = frozenset(("thead", "tbody", "tfoot"))
_CELLS = frozenset(("td", "th"))


class Cell(TypedDict):
    """A cell: its words, column and row from 0, how far it reaches, and whether it is a heading."""

    t: Words
    x: int
    y: int
    w: int
    h: int
    th: bool


@dataclass(slots=True)
class Grid:
    """A table. `before` are its captions, `stray` the text that stands where no cell is: a source need not be sound."""

    cells: list[Cell] = field(default_factory=list)
    columns: int = 0
    head: int = 0
    before: list[Node] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)


def read(table: Node, said: Callable[[Node], Words]) -> Grid:
    """The table with the words that `said` gives for each cell."""
    grid = Grid()
    groups: dict[str, list[list[list[Node]]]] = {"thead": [], "tbody": [], "tfoot": []}
    _collect(table, grid, groups, "tbody", own=groups["tbody"])
    y = 0
    for name in ("thead", "tbody", "tfoot"):
        for rows in groups[name]:
            _place(rows, y, grid, said)
            y += len(rows)
    heads = sum(map(len, groups["thead"])) or _leading_heads(grid, y)
    if 0 < heads <= _MOST_HEAD and heads < y and not any(c["y"] < heads < c["y"] + c["h"] for c in grid.cells):
        grid.head = heads
    return grid


def rows(cells: Sequence[Cell], columns: int) -> Iterator[list[Words]]:
    """The words of each row, column by column; what spans several stands in the first of them."""
    height = max((c["y"] + c["h"] for c in cells), default=0)
    table: list[list[Words]] = [[""] * columns for _ in range(height)]
    for cell in cells:
        table[cell["y"]][cell["x"]] = cell["t"]
    return iter(table)


def _collect(
    node: Node, grid: Grid, groups: dict[str, list[list[list[Node]]]], group: str, own: list[list[list[Node]]]
) -> None:
    """Rows by the group they are in; each group of its own, since no cell reaches out of one."""
    fresh = True
    if node.text:
        grid.stray.append(node.text)
    node.hidden = False
    for child in node.children:
        if child.name == "tr":
            if fresh:
                own.append([])
                fresh = False
            own[-1].append(_cells(child, grid))
        elif child.name in _GROUPS:
            _collect(child, grid, groups, child.name, groups[child.name])
            fresh = True
        elif child.name in _CELLS:
            own.append([[child]])
            fresh = True
        elif child.name in _BEFORE:
            grid.before.append(child)
        else:
            _collect(child, grid, groups, group, own)
            fresh = True


def _cells(row: Node, grid: Grid) -> list[Node]:
    """All that stands in a row counts as a cell, so that nothing of an unsound one is lost."""
    row.hidden = False
    if row.text:
        grid.stray.append(row.text)
    return row.children


def _place(rows: list[list[Node]], top: int, grid: Grid, said: Callable[[Node], Words]) -> None:
    taken: set[tuple[int, int]] = set()
    for n, row in enumerate(rows):
        x = 0
        for node in row:
            while (x, n) in taken:
                x += 1
            across = _span(node, "colspan", _MOST_ACROSS)
            down = _span(node, "rowspan", len(rows), zero=len(rows))
            if x + across > _MOST_COLUMNS:
                grid.stray.append(plain(said(node)))
                continue
            down = min(down, len(rows) - n)
            while across > 1 and any((x + i, n + j) in taken for i in range(across) for j in range(down)):
                across -= 1
            while down > 1 and any((x + i, n + j) in taken for i in range(across) for j in range(down)):
                down -= 1
            taken |= {(x + i, n + j) for i in range(across) for j in range(down)}
            is_head = node.name == "th"
            grid.cells.append({"t": said(node), "x": x, "y": top + n, "w": across, "h": down, "th": is_head})
            grid.columns = max(grid.columns, x + across)
            x += across


def _span(node: Node, name: str, most: int, zero: int = 1) -> int:
    text = next((v.strip() for k, v in node.attributes.items() if local(k) == name), "")
    number = int(text) if text.isdecimal() and len(text) < 6 else 1
    return max(1, min(number or zero, most))


def _leading_heads(grid: Grid, height: int) -> int:
    """Rows at the top that are nothing but headings."""
    plain = min((c["y"] for c in grid.cells if not c["th"]), default=height)
    reach = max((c["y"] + c["h"] for c in grid.cells if c["y"] < plain), default=0)
    return max(plain, reach) if plain else 0
