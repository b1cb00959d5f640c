"""A document (`model`) as the data of the template `rtf.typ`, in points, and as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread.fonts import face
from archive.normalise.rtfread.lines import Piece, pieces
from archive.normalise.rtfread.model import (
    Block,
    Border,
    Cell,
    Colour,
    Document,
    Format,
    Inline,
    Look,
    Mark,
    PageBreak,
    Paragraph,
    Picture,
    Row,
    Run,
    Table,
)  # fmt: skip

_SLACK = 0.15
"""Points by which a line in a font of fixed pitch may be longer than its room: LibreOffice adds up rounded widths, and
such lines often fill it exactly."""
_INVISIBLE = frozenset("\u00ad")
_BETWEEN = re.compile("[ \u2002\u2003\u2005-]")
_SURELY_SHORT = 8
"""Letters of a word that no line is too short for."""


class Writer:
    """Collects what the template needs.

    Args:
        document: what to write.
        pictures: folder for the pictures' files, made when there is one.
    """

    def __init__(self, document: Document, pictures: Path) -> None:
        self._document, self._pictures = document, pictures
        self._looks: dict[tuple[Look, Format | None], int] = {}
        self._styles: list[dict[str, Any]] = []
        self._number = 0

    def data(self) -> dict[str, Any]:
        """The template's data. Raises PassedOn where something cannot be drawn as it should."""
        document, page = self._document, self._document.page
        room = (page.width - page.left - page.right) / 20
        if room < 72 or page.height - page.top - page.bottom < 1440:
            raise PassedOn("a page with hardly any room")
        return {
            "page": {
                "width": page.width / 20, "height": page.height / 20, "left": page.left / 20, "right": page.right / 20,
                "top": page.top / 20, "bottom": page.bottom / 20, "header": page.header / 20,
                "footer": page.footer / 20,
            },
            "header": self._blocks(document.header, room),
            "footer": self._blocks(document.footer, room),
            "body": self._blocks(document.body, room),
            "styles": self._styles,
        }  # fmt: skip

    # --- blocks

    def _blocks(self, blocks: Sequence[Block], room: float) -> list[Any]:
        result: list[Any] = []
        sure = True  # space before the first paragraph of a text, or after a page break of the author's, is kept
        after = 0
        for block in blocks:
            if isinstance(block, PageBreak):
                result.append({"kind": "break"})
                sure, after = True, 0
            elif isinstance(block, Table):
                if after:
                    result.append(_space(after, weak=True))
                result += self._table(block, room)
                sure, after = False, 0
            else:
                before = block.format.before + after
                if before:
                    result.append(_space(before, weak=not sure))
                result.append(self._paragraph(block, room))
                sure, after = False, block.format.after
        return result

    def _paragraph(self, paragraph: Paragraph, room: float, slack: float = _SLACK) -> dict[str, Any]:
        form = paragraph.format
        if (form.left + min(form.first, 0)) < -400 or room - (form.left + form.right + max(form.first, 0)) / 20 < 20:
            raise PassedOn("an indent that leaves no room")
        if not paragraph.inlines:
            above, below = self._height(paragraph.end, form)
            return {"kind": "empty", "height": above + below}
        _check_words(paragraph, room - (form.left + form.right) / 20 - max(form.first, 0) / 20)
        hanging = max(-form.first, 0) / 20
        return {
            "kind": "par",
            "align": form.align,
            "left": form.left / 20 - hanging,
            "right": form.right / 20 - (slack if _is_monospaced(paragraph) else 0),
            "hanging": hanging,
            "keep": form.keep,
            "next": form.keep_next,
            "widows": form.widows,
            "inlines": list(self._pieces(pieces(paragraph, room, self._document.default_tab), paragraph)),
        }

    def _pieces(self, parts: Sequence[Piece], paragraph: Paragraph) -> Iterator[Any]:
        form = paragraph.format
        ended = True
        for part in parts:
            match part.kind:
                case "gap":
                    yield {"h": part.width}
                case "line":
                    if ended:
                        yield {"s": self._style(paragraph.end, form), "t": "\u200b"}
                    yield {"b": form.align == "j"}
                    ended = True
                    continue
                case "box":
                    yield {"w": part.width, "a": part.align, "x": [self._inline(i, form) for i in part.inlines]}
                case _:
                    for inline in part.inlines:
                        yield self._inline(inline, form)
            ended = False
        if ended and parts:
            yield {"s": self._style(paragraph.end, form), "t": "\u200b"}

    def _inline(self, inline: Inline, form: Format) -> dict[str, Any]:
        if isinstance(inline, Picture):
            return self._picture(inline)
        style = self._style(inline.look, form)
        if isinstance(inline, Mark):
            return {"s": style, "f": inline.kind}
        if not face(inline.look).has(_shown(inline.text)):
            raise PassedOn("a character without a glyph in its font")
        return {"s": style, "t": inline.text.replace("/", "/\u2060")}

    def _picture(self, picture: Picture) -> dict[str, Any]:
        self._pictures.mkdir(exist_ok=True)
        name = f"{self._number}.{picture.kind}"
        self._number += 1
        (self._pictures / name).write_bytes(picture.data)
        return {"p": f"/{name}", "w": picture.width / 20, "e": picture.height / 20}

    # --- looks

    def _style(self, look: Look, form: Format) -> int:
        key = (look, form if form.spacing else None)
        if key not in self._looks:
            self._looks[key] = len(self._styles)
            self._styles.append(self._style_data(look, form))
        return self._looks[key]

    def _style_data(self, look: Look, form: Format) -> dict[str, Any]:
        above, below = self._height(look, form)
        size = look.size / 2
        plain_above, plain_below = face(look).line(size)
        return {
            "font": look.family,
            "size": size,
            "bold": look.bold,
            "italic": look.italic,
            "underline": look.underline,
            "strike": look.strike,
            "fill": _colour(look.colour) if look.colour else "",
            "back": _colour(look.back) if look.back else "",
            "raised": look.raised,
            "kerning": look.kerning,
            "above": above,
            "below": below,
            "ink": [plain_above, plain_below],
        }

    def _height(self, look: Look, form: Format) -> tuple[float, float]:
        """What a look takes above and below the baseline, with the paragraph's line spacing."""
        above, below = face(look).line(look.size / 2)
        spacing = form.spacing / 20
        if form.spacing == 0:
            return above, below
        if form.multiple:
            if not 200 <= form.spacing <= 960:
                raise PassedOn("a line spacing that is not proven")
            return above, below + (above + below) * (form.spacing / 240 - 1)
        if spacing < 0:
            return -spacing * 0.8, -spacing * 0.2
        return max(above, spacing - below), below

    # --- tables

    def _table(self, table: Table, room: float) -> Iterator[dict[str, Any]]:
        """The rows; a new grid wherever the edges of the cells change."""
        rows = table.rows
        widths = [_rules(rows, at) for at in range(len(rows) + 1)]
        begin = 0
        for at in range(1, len(rows) + 1):
            if at == len(rows) or _edges(rows[at]) != _edges(rows[begin]):
                yield self._grid(rows, begin, at, widths, room)
                begin = at

    def _grid(self, rows: list[Row], begin: int, end: int, rules: list[float], room: float) -> dict[str, Any]:
        first = rows[begin]
        edges = [first.left, *(cell.right for cell in first.cells)]
        if (first.left - first.gap) / 20 < -30 or edges[-1] / 20 > room + 90:
            raise PassedOn("a table wider than the page's text")
        return {
            "kind": "table",
            "left": (first.left - first.gap) / 20,
            "columns": [(b - a) / 20 for a, b in pairwise(edges)],
            "gap": first.gap / 20,
            "rows": [
                {
                    "height": rows[at].height / 20,
                    "keep": rows[at].keep,
                    "above": rules[at],
                    "below": rules[at + 1] if at + 1 == len(rows) else 0,
                    "cells": [self._cell(rows, at, number) for number in range(len(rows[at].cells))],
                }
                for at in range(begin, end)
            ],
        }

    def _cell(self, rows: list[Row], at: int, number: int) -> dict[str, Any]:
        row = rows[at]
        cell = row.cells[number]
        left = row.left if number == 0 else row.cells[number - 1].right
        room = (cell.right - left - 2 * row.gap) / 20
        content: list[Any] = []
        after = 0
        for paragraph in cell.content:
            if before := paragraph.format.before + after:
                content.append(_space(before, weak=False))
            content.append(self._paragraph(paragraph, room, slack=0.0))
            after = paragraph.format.after
        if after:
            content.append(_space(after, weak=False))
        return {
            "back": _colour(cell.back) if cell.back else "",
            "borders": [_border(b) for b in cell.borders],
            "content": content,
        }


def _rules(rows: list[Row], at: int) -> float:
    """How thick, in points, the rule above a row is (below the last one for `at` beyond it)."""
    cells: list[tuple[Cell, int]] = []
    if at < len(rows):
        cells += [(cell, 0) for cell in rows[at].cells]
    if at > 0:
        cells += [(cell, 2) for cell in rows[at - 1].cells]
    return max((border.width for cell, side in cells if (border := cell.borders[side])), default=0) / 20


def _is_monospaced(paragraph: Paragraph) -> bool:
    return any(i.look.family == "Liberation Mono" for i in paragraph.inlines)


def _check_words(paragraph: Paragraph, room: float) -> None:
    """PassedOn where a word may be longer than its line: where it is to break is then another question."""
    for piece in _words(paragraph):
        width = sum(face(run.look).width(_shown(run.text), run.look.size / 2) for run in piece)
        if width > room - 1:
            raise PassedOn("a word that is longer than its line")


def _words(paragraph: Paragraph) -> Iterator[list[Run]]:
    """The words that could be too long, each as its runs."""
    word: list[Run] = []
    for inline in [*paragraph.inlines, None]:
        if isinstance(inline, Picture):
            continue
        parts = _BETWEEN.split(inline.text) if isinstance(inline, Run) else ["", ""]
        for number, part in enumerate(parts):
            if number:
                if sum(len(run.text) for run in word) > _SURELY_SHORT:
                    yield word
                word = []
            if part and isinstance(inline, Run):
                word.append(Run(part, inline.look))


def _shown(text: str) -> str:
    return text if text.isascii() else "".join(c for c in text if c not in _INVISIBLE)


def _edges(row: Row) -> list[int]:
    return [cell.right for cell in row.cells]


def _space(twips: int, *, weak: bool) -> dict[str, Any]:
    return {"kind": "space", "height": twips / 20, "weak": weak}


def _colour(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _border(border: Border | None) -> Any:
    return None if border is None else {"w": border.width / 20, "c": _colour(border.colour or (0, 0, 0))}


def plain_text(document: Document) -> str:
    """The document's text in the order in which it is seen: header, body, footer; cells of a row apart by tabs."""
    parts = [_text(document.header), _text(document.body), _text(document.footer)]
    return "\n".join(part for part in parts if part.strip()) + "\n"


def _text(blocks: Sequence[Block]) -> str:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            lines.append(_line(block))
        elif isinstance(block, Table):
            lines += ["\t".join(" ".join(_line(p) for p in cell.content) for cell in row.cells) for row in block.rows]
    return "\n".join(lines)


def _line(paragraph: Paragraph) -> str:
    parts: list[str] = []
    for inline in paragraph.inlines:
        if isinstance(inline, Run):
            parts.append(inline.text.replace("\u00ad", ""))
        elif isinstance(inline, Mark):
            parts.append({"line": "\n", "tab": "\t"}.get(inline.kind, ""))
    return "".join(parts)
