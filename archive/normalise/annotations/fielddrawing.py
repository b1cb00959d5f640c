"""Draws form fields: text in one line, several or a comb, choices, ticks, captions; with border and ground.

Sources: ISO 32000-1, 12.5.6.19 (widgets), 12.7.3.3 (variable text), 12.7.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pikepdf import Array, Dictionary

from archive.normalise.annotations import canvas as draw
from archive.normalise.annotations.canvas import Box, Canvas, Colour
from archive.normalise.annotations.fields import Field, Kind, integer, raw_name, text_of_object
from archive.normalise.annotations.lettering import Words

_NUMBER = r"([-+]?[0-9]*\.?[0-9]+)"
_FONT = re.compile(rf"/(\S+)\s+{_NUMBER}\s+Tf")
_COLOURS = re.compile(rf"(?:{_NUMBER}\s+)?(?:{_NUMBER}\s+{_NUMBER}\s+)?{_NUMBER}\s+(?:g|rg|k)\b")
_USUAL, _PADDING, _LINE = 12.0, 2.0, 1.2
_BLACK: Colour = (0.0, 0.0, 0.0)
_CHOSEN: Colour = (0.6, 0.76, 0.85)
_STAR = "*"
_TICKS = {"4": "check", "8": "cross", "l": "circle", "u": "diamond", "n": "square", "H": "star"}


@dataclass(frozen=True, slots=True)
class Style:
    """The default appearance of a text: font, size in points (0: as fits), colour."""

    font: str
    size: float
    colour: Colour

    @property
    def family(self) -> str:
        """`serif`, `mono` or `sans`."""
        name = self.font.lower()
        if name.startswith(("ti", "times")) or "serif" in name.replace("sans", "") or "roman" in name:
            return "serif"
        return "mono" if name.startswith("co") or "mono" in name else "sans"

    @property
    def bold(self) -> bool:
        """By its name."""
        return self.font.lower().endswith(("bo", "bi")) or "bold" in self.font.lower()

    @property
    def italic(self) -> bool:
        """By its name."""
        name = self.font.lower()
        return (
            name in ("heit", "heob", "tiit", "cooi", "coob", "hebi", "tibi", "cobi") or "ital" in name or "obli" in name
        )


def style(appearance: str) -> Style:
    """The style that a default appearance string (/DA) asks for; sans serif in black where it does not say."""
    font = _FONT.search(appearance)
    colour = None
    for found in _COLOURS.finditer(appearance):
        values = [float(v) for v in found.groups() if v is not None]
        colour = draw.rgb(values) or colour
    size = abs(float(font[2])) if font else 0.0
    return Style(font[1] if font else "", min(size, 1000.0), colour or _BLACK)


def of_field(field: Field, *, state: str | None = None) -> Canvas | None:
    """What a field's widget is to show; None where it has no room. `state`: of a check box or radio button."""
    box = draw.box_of(field.widget)
    if box is None or box[2] - box[0] < 1 or box[3] - box[1] < 1:
        return None
    canvas = _turned(field.widget, box[2] - box[0], box[3] - box[1])
    edge = _frame(field, canvas)
    inner = draw.inset(canvas.box, edge)
    if field.kind in (Kind.CHECK, Kind.RADIO):
        if state not in (None, "/Off"):
            _tick(field, canvas, inner)
    elif field.kind is Kind.PUSH:
        caption = text_of_object(_characteristics(field.widget).get("/CA"))
        _text(canvas, draw.inset(inner, 1), caption, _style(field), align=1)
    elif field.kind is Kind.LIST:
        _list(field, canvas, draw.inset(inner, 1))
    elif field.kind in (Kind.TEXT, Kind.COMBO):
        _value(field, canvas, inner)
    return canvas


def _turned(widget: Dictionary, across: float, up: float) -> Canvas:
    turn = integer(_characteristics(widget).get("/R")) % 360
    if turn in (90, 270):
        matrix = (0, 1, -1, 0, across, 0) if turn == 90 else (0, -1, 1, 0, 0, up)
        return Canvas((0, 0, up, across), matrix)
    return Canvas((0, 0, across, up), (-1, 0, 0, -1, across, up) if turn == 180 else (1, 0, 0, 1, 0, 0))


def _characteristics(widget: Dictionary) -> Dictionary:
    found = widget.get("/MK")
    return found if isinstance(found, Dictionary) else Dictionary()


def border(annotation: Dictionary) -> tuple[float, str, list[float]]:
    """Width, style (S, D, B, I, U) and dashes of an annotation's border."""
    found = annotation.get("/BS")
    if isinstance(found, Dictionary):
        dashes = draw.numbers(found.get("/D")) or [3.0]
        return draw.number(found.get("/W"), 1.0), raw_name(found.get("/S"))[1:] or "S", dashes
    old = annotation.get("/Border")
    values = list(old) if isinstance(old, Array) else []
    dashes = (draw.numbers(values[3]) or []) if len(values) > 3 else []
    return (draw.number(values[2], 1.0) if len(values) > 2 else 1.0), "D" if dashes else "S", dashes


def dashed(dashes: list[float]) -> str:
    """The operator that breaks lines up; none for a pattern that does not."""
    usable = [f"{d:g}" for d in dashes[:8] if d >= 0]
    return f"[{' '.join(usable)}] 0 d" if usable and any(float(d) > 0 for d in usable) else "[] 0 d"


def _frame(field: Field, canvas: Canvas) -> float:
    """Draw ground and border; how wide the border is."""
    marks = _characteristics(field.widget)
    ground, edge = draw.colour(marks.get("/BG")), draw.colour(marks.get("/BC"))
    thick, kind, dashes = border(field.widget)
    round_ = field.kind is Kind.RADIO and text_of_object(marks.get("/CA")) in ("", "l")
    shape = draw.ellipse if round_ else draw.rectangle
    if ground is not None:
        canvas.add(draw.fill(ground), shape(canvas.box), "f")
    if edge is not None and thick > 0:
        canvas.add("q", draw.stroke(edge), draw.width(thick), *([dashed(dashes)] if kind == "D" else []))
        if kind == "U":
            canvas.add(draw.path([(canvas.box[0], thick / 2), (canvas.box[2], thick / 2)]), "S Q")
        else:
            canvas.add(shape(draw.inset(canvas.box, thick / 2)), "S Q")
    return thick if edge is not None else 0.0


def _style(field: Field) -> Style:
    own = field.get("/DA")
    if own is None and field.form is not None:
        own = field.form.get("/DA")
    return style(text_of_object(own))


def _value(field: Field, canvas: Canvas, inner: Box) -> None:
    chosen, wanted = field.shown, _style(field)
    text = "\n".join(chosen)
    if field.password:
        text = _STAR * len(text)
    align = integer(field.get("/Q") if field.get("/Q") is not None else (field.form or Dictionary()).get("/Q"))
    if field.cells and not field.multi_line and not field.password:
        _text(canvas, inner, text, wanted, cells=field.cells)
    elif field.multi_line or len(chosen) > 1:
        _text(canvas, draw.inset(inner, _PADDING), text, wanted, align=align, wrap=True)
    else:
        x0, y0, x1, y1 = inner
        pad = min(_PADDING, (x1 - x0) / 8)
        _text(canvas, (x0 + pad, y0, x1 - pad, y1), text, wanted, align=align)


def _text(
    canvas: Canvas, box: Box, text: str, wanted: Style, *, align: int = 0, wrap: bool = False, cells: int = 0
) -> None:
    if not text.strip():
        return
    across, up = box[2] - box[0], box[3] - box[1]
    size = wanted.size or (_USUAL if wrap else min(_USUAL, max(up * 0.75, 4.0)))
    words = Words(
        text, across, up, size, wanted.colour, align, wrap, not wrap, cells, wanted.family, wanted.bold, wanted.italic
    )
    canvas.words.append((words, box[0], box[1]))


def _list(field: Field, canvas: Canvas, inner: Box) -> None:
    """The entries that have room, each chosen one on a ground of its own; the chosen ones are always among them."""
    wanted, options, chosen = _style(field), [o.shown for o in field.options], set(field.chosen)
    extra = [v for v in field.shown if v not in {options[n] for n in chosen}]
    rows = [(text, n in chosen) for n, text in enumerate(options)] + [(text, True) for text in extra]
    size = wanted.size or _USUAL
    room = max(1, int((inner[3] - inner[1]) / (size * _LINE)))
    if len(rows) > room:
        first = max(0, integer(field.get("/TI")))
        window = rows[first : first + room]
        marked = [row for row in rows if row[1]]
        rows = window if all(row in window for row in marked) else (marked + [r for r in rows if not r[1]])
        rows = rows[: max(room, len(marked))]
    height = min(size * _LINE, (inner[3] - inner[1]) / max(len(rows), 1))
    for number, (text, is_chosen) in enumerate(rows):
        top = inner[3] - number * height
        if is_chosen:
            canvas.add(draw.fill(_CHOSEN), draw.rectangle((inner[0], top - height, inner[2], top)), "f")
        if text.strip():
            words = Words(
                text, inner[2] - inner[0] - 2, height, size, wanted.colour, integer(field.get("/Q")),
                family=wanted.family, bold=wanted.bold, italic=wanted.italic,
            )  # fmt: skip
            canvas.words.append((words, inner[0] + 1, top - height))


def _tick(field: Field, canvas: Canvas, inner: Box) -> None:
    sign = text_of_object(_characteristics(field.widget).get("/CA"))[:1]
    shape = _TICKS.get(sign, "circle" if field.kind is Kind.RADIO else "check")
    side = min(inner[2] - inner[0], inner[3] - inner[1])
    x, y = (inner[0] + inner[2] - side) / 2, (inner[1] + inner[3] - side) / 2
    colour = _style(field).colour

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x + side * a, y + side * b) for a, b in points]

    canvas.add("q", draw.fill(colour), draw.stroke(colour), draw.width(max(side * 0.12, 0.5)))
    if shape == "check":
        canvas.add(draw.path(at((0.18, 0.5), (0.42, 0.22), (0.82, 0.8))), "S")
    elif shape == "cross":
        canvas.add(draw.path(at((0.2, 0.2), (0.8, 0.8))), draw.path(at((0.2, 0.8), (0.8, 0.2))), "S")
    elif shape == "circle":
        canvas.add(draw.ellipse((x + side * 0.25, y + side * 0.25, x + side * 0.75, y + side * 0.75)), "f")
    elif shape == "diamond":
        canvas.add(draw.path(at((0.5, 0.15), (0.85, 0.5), (0.5, 0.85), (0.15, 0.5)), closed=True), "f")
    elif shape == "square":
        canvas.add(draw.rectangle((x + side * 0.22, y + side * 0.22, x + side * 0.78, y + side * 0.78)), "f")
    else:
        canvas.add(draw.path(at((0.5, 0.9), (0.27, 0.15), (0.88, 0.62), (0.12, 0.62), (0.73, 0.15)), closed=True), "f")
    canvas.add("Q")
