"""Appearance streams: lines, areas and words in a box of the page (ISO 32000-1, 12.5.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.normalise.annotations.fields import BROKEN
from archive.normalise.annotations.lettering import Set, Words, lettered
from archive.record import FlagNote

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Colour = tuple[float, float, float]

_LARGEST = 1_000_000.0
_CIRCLE = 0.5523  # of the radius: where the control points of a quarter lie
_PAINTING = frozenset(
    ("f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "sh", "Do", "Tj", "TJ", "'", '"', "INLINE IMAGE")
)


@dataclass(slots=True)
class Canvas:
    """What an appearance is to show: operators, and words with the place of their left bottom corner."""

    box: Box
    matrix: tuple[float, ...] = (1, 0, 0, 1, 0, 0)
    operators: list[str] = field(default_factory=list)
    words: list[tuple[Words, float, float]] = field(default_factory=list)
    multiply: bool = False
    """Its colours let the page shine through, as a highlighter's do."""
    opacity: float = 1.0

    def add(self, *operators: str) -> None:
        """Add operators."""
        self.operators += operators

    def least(self, sets: Sequence[Set]) -> float:
        """The smallest size its words came out at; a large number where it has none."""
        return min((s.size for s in sets if s.size), default=_LARGEST)


def appearances(
    pdf: pikepdf.Pdf, canvases: Sequence[Canvas]
) -> tuple[list[pikepdf.Stream], list[float], tuple[FlagNote, ...]]:
    """The form XObjects of the canvases, the smallest size of each one's words, and a flag for characters that no font
    has.

    Raises:
        DocumentProblem: the words cannot be typeset.
    """
    sets, flags = lettered(pdf, [words for canvas in canvases for words, _, _ in canvas.words])
    streams, sizes = [], []
    for canvas in canvases:
        own, sets = sets[: len(canvas.words)], sets[len(canvas.words) :]
        streams.append(_stream(pdf, canvas, own))
        sizes.append(canvas.least(own))
    return streams, sizes, flags


def _stream(pdf: pikepdf.Pdf, canvas: Canvas, sets: Sequence[Set]) -> pikepdf.Stream:
    resources, lines = Dictionary(), ["/G gs"] if canvas.multiply or canvas.opacity < 1 else []
    lines += canvas.operators
    if sets:
        resources.XObject = Dictionary()
    for number, (made, (_, x, y)) in enumerate(zip(sets, canvas.words, strict=True)):
        resources.XObject[f"/T{number}"] = made.form
        lines.append(f"q 1 0 0 1 {_n(x)} {_n(y)} cm /T{number} Do Q")
    if canvas.multiply or canvas.opacity < 1:
        state = Dictionary(Type=Name.ExtGState, ca=canvas.opacity, CA=canvas.opacity)
        if canvas.multiply:
            state.BM = Name.Multiply
        resources.ExtGState = Dictionary(G=state)
    form = pdf.make_stream("\n".join(lines).encode("ascii"))
    form.Type, form.Subtype, form.FormType = Name.XObject, Name.Form, 1
    form.BBox, form.Matrix = Array(list(canvas.box)), Array(list(canvas.matrix))
    form.Resources = resources
    if canvas.multiply or canvas.opacity < 1:
        form.Group = Dictionary(S=Name.Transparency, CS=Name.DeviceRGB)
    return form


def paints(stream: pikepdf.Object | None) -> bool:
    """Whether an appearance stream shows anything at all; True where that cannot be told."""
    if not isinstance(stream, pikepdf.Stream):
        return False
    try:
        box = numbers(stream.get("/BBox"))
        if box is not None and len(box) == 4 and (box[0] == box[2] or box[1] == box[3]):
            return False
        return any(str(i.operator) in _PAINTING for i in pikepdf.parse_content_stream(stream))
    except BROKEN:
        return True


def box_of(annotation: Dictionary) -> Box | None:
    """An annotation's rectangle, its corners in order; None where it has none."""
    found = numbers(annotation.get("/Rect"))
    if found is None or len(found) != 4:
        return None
    return min(found[0], found[2]), min(found[1], found[3]), max(found[0], found[2]), max(found[1], found[3])


def numbers(value: object) -> list[float] | None:
    """An array of numbers; None where it is none, or one of them is no number that a page can have."""
    if not isinstance(value, Array):
        return None
    try:
        found = [float(v) for v in value]
    except BROKEN:
        return None
    return found if all(math.isfinite(v) and abs(v) <= _LARGEST for v in found) else None


def number(value: object, default: float) -> float:
    """A number, or the default where it is none."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except BROKEN:
        return default
    return found if math.isfinite(found) and abs(found) <= _LARGEST else default


def colour(value: object) -> Colour | None:
    """A colour of 1, 3 or 4 numbers as RGB; None for none or a transparent one."""
    found = numbers(value)
    return rgb(found) if found else None


def rgb(values: Sequence[float]) -> Colour | None:
    """Grey, RGB or CMYK as RGB; None for another number of values."""
    c = [min(max(v, 0.0), 1.0) for v in values]
    if len(c) == 1:
        return c[0], c[0], c[0]
    if len(c) == 3:
        return c[0], c[1], c[2]
    return ((1 - c[0]) * (1 - c[3]), (1 - c[1]) * (1 - c[3]), (1 - c[2]) * (1 - c[3])) if len(c) == 4 else None


def stroke(c: Colour) -> str:
    """The operator that sets the colour of lines."""
    return " ".join(_n(v) for v in c) + " RG"


def fill(c: Colour) -> str:
    """The operator that sets the colour of areas."""
    return " ".join(_n(v) for v in c) + " rg"


def width(value: float) -> str:
    """The operator that sets the width of lines."""
    return f"{_n(max(value, 0.0))} w"


def rectangle(box: Box) -> str:
    """A path."""
    return f"{_n(box[0])} {_n(box[1])} {_n(box[2] - box[0])} {_n(box[3] - box[1])} re"


def path(points: Sequence[tuple[float, float]], *, closed: bool = False) -> str:
    """A path of straight lines."""
    steps = [f"{_n(x)} {_n(y)} {'l' if i else 'm'}" for i, (x, y) in enumerate(points)]
    return " ".join([*steps, "h"] if closed else steps)


def ellipse(box: Box) -> str:
    """A path of four curves."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    a, b = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    steps = [f"{_n(x + a)} {_n(y)} m"]
    for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        ex, ey = -dy, dx
        steps.append(
            f"{_n(x + a * (dx + _CIRCLE * ex))} {_n(y + b * (dy + _CIRCLE * ey))} "
            f"{_n(x + a * (ex + _CIRCLE * dx))} {_n(y + b * (ey + _CIRCLE * dy))} {_n(x + a * ex)} {_n(y + b * ey)} c"
        )
    return " ".join([*steps, "h"])


def inset(box: Box, by: float) -> Box:
    """A box smaller on all sides, but never turned inside out."""
    x, y = min(by, (box[2] - box[0]) / 2), min(by, (box[3] - box[1]) / 2)
    return box[0] + x, box[1] + y, box[2] - x, box[3] - y


def pairs(values: Sequence[float]) -> list[tuple[float, float]]:
    """Points of a flat list of coordinates."""
    return list(zip(values[::2], values[1::2], strict=False))


def _n(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"
