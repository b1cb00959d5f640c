"""Words set into boxes of a PDF page: with fonts that have the characters, wrapped, as small as they must be to fit.

Typst sets them, all boxes of a document at once; each comes back as a form XObject (ISO 32000-1, 8.10) with its fonts.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.normalise.typeset import drawable, fonts, glyph_flags, typeset
from archive.record import FlagNote

READABLE = 4.0
"""Points: words that must be set smaller than this are there, but hardly to be read."""

_LEAST = 0.5
_MOST_SIDE = 14_000.0
_MOST_LONG = 8
_FAMILIES = {
    "sans": ("Liberation Sans", "DejaVu Sans", "Symbola"),
    "serif": ("Liberation Serif", "DejaVu Serif", "DejaVu Sans", "Symbola"),
    "mono": ("Liberation Mono", "DejaVu Sans Mono", "DejaVu Sans", "Symbola"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """What to set: `size` in points at most, `align` 0 left, 1 centred, 2 right. `cells` more than 0: a comb, one
    character a cell."""

    text: str
    width: float
    height: float
    size: float
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)
    align: int = 0
    wrap: bool = False
    middle: bool = True
    cells: int = 0
    family: str = "sans"
    bold: bool = False
    italic: bool = False

    def lines(self) -> list[str]:
        """The text as it is set: its own lines, or the characters of a comb."""
        text = self.text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
        if self.cells:
            return list(text.replace("\n", " "))
        text = text.replace("\t", "    ").rstrip("\n")
        return text.split("\n") if self.wrap else [text.replace("\n", " ")]


@dataclass(frozen=True, slots=True)
class Set:
    """Words that were set: a form XObject as large as the box; `size` they came out at, in points."""

    form: pikepdf.Object
    size: float


def lettered(pdf: pikepdf.Pdf, boxes: Sequence[Words]) -> tuple[list[Set], tuple[FlagNote, ...]]:
    """Form XObjects of the boxes, in their order; and a flag for characters that no font has.

    Raises:
        DocumentProblem: typst refuses the text.
    """
    if not boxes:
        return [], ()
    lines = [box.lines() for box in boxes]
    odd = drawable(line for group in lines for line in group)
    data = [_as_data(box, [line.translate(odd) for line in group]) for box, group in zip(boxes, lines, strict=True)]
    with tempfile.TemporaryDirectory(prefix="lettering-") as folder:
        path = Path(folder) / "boxes.pdf"
        typeset("lettering", {"boxes": data}, path, tagged=False)
        with pikepdf.open(path) as made:
            result = [Set(pdf.copy_foreign(_form(page)), _size(page)) for page in made.pages]
    return result, glyph_flags(odd)


def _as_data(box: Words, lines: list[str]) -> dict[str, object]:
    words = sorted({w for line in lines for w in line.split()}, key=len, reverse=True)
    return {
        "width": min(max(box.width, 1.0), _MOST_SIDE),
        "height": min(max(box.height, 1.0), _MOST_SIDE),
        "size": max(box.size, _LEAST),
        "least": _LEAST,
        "colour": "#" + "".join(f"{round(255 * min(max(c, 0.0), 1.0)):02x}" for c in box.colour),
        "align": box.align if box.align in (0, 1, 2) else 0,
        "middle": box.middle,
        "wrap": box.wrap,
        "cells": max(box.cells, len(lines)) if box.cells else 0,
        "bold": box.bold,
        "italic": box.italic,
        "fonts": [f for f in _FAMILIES[box.family] if f in _installed()],
        "lines": lines,
        "long": words[:_MOST_LONG],
    }


@functools.cache
def _installed() -> frozenset[str]:
    return frozenset(font.family for font in fonts().fonts())


def _form(page: pikepdf.Page) -> pikepdf.Object:
    form: pikepdf.Object = page.as_form_xobject()
    for key in ("/Group", "/StructParents", "/StructParent", "/LastModified"):
        if key in form:
            del form[key]
    form.FormType = 1
    if "/Resources" not in form:
        form.Resources = Dictionary()
    if "/Matrix" not in form:
        form.Matrix = Array([1, 0, 0, 1, 0, 0])
    form.Type, form.Subtype = Name.XObject, Name.Form
    return form


def _size(page: pikepdf.Page) -> float:
    """The size of the first text; 0 where there is none."""
    return next((float(op.operands[1]) for op in pikepdf.parse_content_stream(page, "Tf")), 0.0)
