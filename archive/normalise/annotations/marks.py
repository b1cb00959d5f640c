"""Draws annotations that have no appearance of their own: text on the page, marks over words, pen strokes, shapes,
stamps, notes. Source: ISO 32000-1, 12.5.6; sizes and colours where a file gives none are those that viewers use."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from pikepdf import Array, Dictionary

from archive.normalise.annotations import canvas as draw
from archive.normalise.annotations.canvas import Box, Canvas, Colour
from archive.normalise.annotations.fielddrawing import border, dashed, style
from archive.normalise.annotations.fields import flag, integer, kind_of, plain_of_rich, text_of_object
from archive.normalise.annotations.lettering import Words

_BLACK, _RED, _YELLOW, _WHITE = (0.0, 0.0, 0.0), (0.8, 0.0, 0.0), (1.0, 0.9, 0.2), (1.0, 1.0, 1.0)
_USUAL = 12.0
_ICON = 18.0
_LARGEST_PAGE = 14_400.0
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CSS_SIZE = re.compile(r"font(?:-size)?:[^;\"']*?([0-9.]+)pt")
_CSS_COLOUR = re.compile(r"(?<![-\w])color:\s*#([0-9a-fA-F]{6})")
_MOST_POINTS = 100_000

Point = tuple[float, float]


def picture(annotation: Dictionary) -> Canvas | None:
    """How an annotation looks; None for a kind that is not drawn, or one that says too little to draw it."""
    kind = kind_of(annotation)
    box = draw.box_of(annotation)
    if box is None or kind not in _KINDS:
        return None
    canvas = Canvas(box, opacity=min(max(draw.number(annotation.get("/CA"), 1.0), 0.0), 1.0))
    if not _KINDS[kind](annotation, canvas):
        return None
    return canvas


def words_shown(annotation: Dictionary) -> str:
    """The words that a picture of it shows."""
    kind = kind_of(annotation)
    if kind == "/FreeText":
        return contents(annotation)
    if kind == "/Stamp":
        return stamped(annotation)
    return ""


def contents(annotation: Dictionary) -> str:
    """What is written in an annotation: its plain words, else those of its rich text."""
    return text_of_object(annotation.get("/Contents")).strip() or plain_of_rich(annotation.get("/RC"))


def stamped(annotation: Dictionary) -> str:
    """The words of a rubber stamp by its name, `NotApproved` as `Not Approved`."""
    name = text_of_object(annotation.get("/Name")).removeprefix("#") or "Draft"
    return _WORD.sub(" ", re.sub(r"^SB(?=[A-Z])", "", name))


def _free_text(annotation: Dictionary, canvas: Canvas) -> bool:
    box = _without_differences(annotation, canvas.box)
    thick, kind, dashes = border(annotation)
    wanted = style(text_of_object(annotation.get("/DA")))
    css = text_of_object(annotation.get("/DS")) + " " + text_of_object(annotation.get("/RC"))
    size = wanted.size
    if not size:
        found = _CSS_SIZE.search(css)
        size = float(found[1]) if found and found[1].count(".") < 2 and found[1] != "." else _USUAL
    colour: Colour = wanted.colour
    if not annotation.get("/DA") and (found := _CSS_COLOUR.search(css)):
        colour = (int(found[1][:2], 16) / 255, int(found[1][2:4], 16) / 255, int(found[1][4:], 16) / 255)
    ground = draw.colour(annotation.get("/C"))
    if ground is not None:
        canvas.add(draw.fill(ground), draw.rectangle(box), "f")
    if thick > 0:
        canvas.add("q", draw.stroke(colour), draw.width(thick), *([dashed(dashes)] if kind == "D" else []))
        canvas.add(draw.rectangle(draw.inset(box, thick / 2)), "S Q")
    line = draw.numbers(annotation.get("/CL"))
    if line is not None and len(line) >= 4:
        canvas.add("q", draw.stroke(colour), draw.width(thick or 1), draw.path(draw.pairs(line)), "S Q")
        canvas.box = _around([*draw.pairs(line), *_corners(canvas.box)], 1)
    text = contents(annotation)
    inner = draw.inset(box, (thick if thick > 0 else 0) + 1)
    if text and (inner[2] - inner[0] < 2 or inner[3] - inner[1] < 2):
        return False
    if text:
        words = Words(
            text, inner[2] - inner[0], inner[3] - inner[1], size, colour, integer(annotation.get("/Q")), True, False, 0,
            wanted.family, wanted.bold, wanted.italic,
        )  # fmt: skip
        canvas.words.append((words, inner[0], inner[1]))
    return bool(text or ground or canvas.operators)


def _markup(annotation: Dictionary, canvas: Canvas) -> bool:
    kind = kind_of(annotation)
    colour = draw.colour(annotation.get("/C"))
    if _is_deleted(annotation, canvas.box):
        return True
    quads = _quads(annotation, canvas.box)
    if kind == "/Highlight":
        canvas.multiply = True
        canvas.add(draw.fill(colour or _YELLOW))
        for a, b, c, d in quads:
            canvas.add(draw.path((a, b, d, c), closed=True), "f")
    else:
        canvas.add(draw.stroke(colour or (_RED if kind != "/Underline" else _BLACK)))
        for quad in quads:
            canvas.add(*_line_along(kind, quad))
    canvas.box = _around([point for quad in quads for point in quad], 2)
    return True


def _is_deleted(annotation: Dictionary, box: Box) -> bool:
    """Whether it marks nothing any more: some programs empty a mark's list instead of removing the mark, or leave it
    with a rectangle larger than any page."""
    quads = annotation.get("/QuadPoints")
    return (isinstance(quads, Array) and len(quads) == 0) or max(box[2] - box[0], box[3] - box[1]) > _LARGEST_PAGE


def _line_along(kind: str, quad: tuple[Point, Point, Point, Point]) -> list[str]:
    top_left, top_right, left, right = quad
    height = math.dist(top_left, left)
    lift = 0.45 if kind == "/StrikeOut" else 0.08
    start, end = _between(left, top_left, lift), _between(right, top_right, lift)
    if kind != "/Squiggly":
        return [draw.width(max(height / 15, 0.5)), draw.path((start, end)), "S"]
    count = min(int(math.dist(start, end) / 2) + 1, 2000)
    up = _between(left, top_left, lift + 0.08)
    rise = up[0] - start[0], up[1] - start[1]
    points = [_between(start, end, i / count) for i in range(count + 1)]
    waves = [(x + rise[0] * (i % 2), y + rise[1] * (i % 2)) for i, (x, y) in enumerate(points)]
    return [draw.width(max(height / 25, 0.4)), draw.path(waves), "S"]


def _quads(annotation: Dictionary, box: Box) -> list[tuple[Point, Point, Point, Point]]:
    """Four points each: upper left, upper right, lower left, lower right as nearly all programs write them, whatever
    the standard's order."""
    values = draw.numbers(annotation.get("/QuadPoints")) or []
    found = []
    for i in range(0, min(len(values), 8 * 10_000) - 7, 8):
        a, b, c, d = draw.pairs(values[i : i + 8])
        if math.dist(b, c) < math.dist(b, d) and math.dist(a, d) < math.dist(a, c):
            c, d = d, c  # counter-clockwise, as the standard says
        found.append((a, b, c, d))
    return found or [((box[0], box[3]), (box[2], box[3]), (box[0], box[1]), (box[2], box[1]))]


def _ink(annotation: Dictionary, canvas: Canvas) -> bool:
    strokes = annotation.get("/InkList")
    lines = [draw.pairs(v) for s in (strokes if isinstance(strokes, Array) else ()) if (v := draw.numbers(s))]
    lines = [line for line in lines if line]
    if not lines or sum(map(len, lines)) > _MOST_POINTS:
        return False
    thick = _pen(annotation, canvas)
    canvas.add("1 J 1 j")
    for line in lines:
        canvas.add(draw.path(line if len(line) > 1 else [*line, line[0]]), "S")
    canvas.box = _around([p for line in lines for p in line], thick)
    return True


def _line(annotation: Dictionary, canvas: Canvas) -> bool:
    ends = draw.numbers(annotation.get("/L"))
    if ends is None or len(ends) != 4:
        return False
    thick = _pen(annotation, canvas)
    start, end = (ends[0], ends[1]), (ends[2], ends[3])
    canvas.add(draw.path((start, end)), "S")
    _endings(annotation, canvas, (start, end), (end, start), thick)
    canvas.box = _around([start, end], 10 * max(thick, 1))
    text = contents(annotation) if flag(annotation, "/Cap") else ""
    if text:
        middle, wide = _between(start, end, 0.5), max(math.dist(start, end), 40.0)
        canvas.words.append((Words(text, wide, 14, 10, align=1), middle[0] - wide / 2, middle[1] + 1))
        canvas.box = _around(
            [*_corners(canvas.box), (middle[0] - wide / 2, middle[1]), (middle[0] + wide / 2, middle[1] + 16)], 0
        )
    return True


def _endings(
    annotation: Dictionary, canvas: Canvas, first: tuple[Point, Point], last: tuple[Point, Point], thick: float
) -> None:
    """Arrows and the like: each end with the point it comes from."""
    names = annotation.get("/LE")
    kinds = [str(n) for n in names] if isinstance(names, Array) else []
    for kind, (at, other) in zip(kinds, (first, last), strict=False):
        size = 5 * max(thick, 1)
        if kind == "/None" or math.dist(at, other) == 0:
            continue
        if "Arrow" in kind:
            turn = math.pi if kind.startswith("/R") else 0.0
            angle = math.atan2(other[1] - at[1], other[0] - at[0]) + turn
            wings = [(at[0] + size * math.cos(angle + s), at[1] + size * math.sin(angle + s)) for s in (0.5, -0.5)]
            canvas.add(draw.path((wings[0], at, wings[1]), closed="Closed" in kind), "S")
        elif kind == "/Circle":
            canvas.add(draw.ellipse((at[0] - size / 2, at[1] - size / 2, at[0] + size / 2, at[1] + size / 2)), "S")
        else:
            canvas.add(draw.rectangle((at[0] - size / 2, at[1] - size / 2, at[0] + size / 2, at[1] + size / 2)), "S")


def _shape(annotation: Dictionary, canvas: Canvas) -> bool:
    thick = _pen(annotation, canvas)
    inner = draw.colour(annotation.get("/IC"))
    box = draw.inset(_without_differences(annotation, canvas.box), thick / 2)
    make = draw.ellipse if kind_of(annotation) == "/Circle" else draw.rectangle
    canvas.add(*([draw.fill(inner)] if inner else []), make(box))
    canvas.add("B" if inner and thick else "f" if inner else "S" if thick else "n")
    return bool(inner or thick)


def _polygon(annotation: Dictionary, canvas: Canvas) -> bool:
    values = draw.numbers(annotation.get("/Vertices"))
    if values is None:  # PDF 2.0 gives curves; their points are near enough to be told from nothing
        paths = annotation.get("/Path")
        values = [n for p in (paths if isinstance(paths, Array) else ()) for n in (draw.numbers(p) or [])[-2:]]
    points = draw.pairs(values)
    if len(points) < 2 or len(points) > _MOST_POINTS:
        return False
    closed = kind_of(annotation) == "/Polygon"
    inner = draw.colour(annotation.get("/IC")) if closed else None
    thick = _pen(annotation, canvas)
    canvas.add(*([draw.fill(inner)] if inner else []), draw.path(points, closed=closed), "B" if inner else "S")
    if not closed:
        _endings(annotation, canvas, (points[0], points[1]), (points[-1], points[-2]), thick)
    canvas.box = _around(points, 6 * max(thick, 1))
    return True


def _stamp(annotation: Dictionary, canvas: Canvas) -> bool:
    colour, box = draw.colour(annotation.get("/C")) or _RED, canvas.box
    across, up = box[2] - box[0], box[3] - box[1]
    if across < 4 or up < 4:
        return False
    thick = max(1.0, min(across, up) / 20)
    canvas.add("q", draw.stroke(colour), draw.width(thick), draw.rectangle(draw.inset(box, thick)), "S Q")
    inner = draw.inset(box, 3 * thick)
    words = Words(stamped(annotation).upper(), inner[2] - inner[0], inner[3] - inner[1], 0.7 * up, colour, 1, bold=True)
    canvas.words.append((words, inner[0], inner[1]))
    return True


def _note(annotation: Dictionary, canvas: Canvas) -> bool:
    """A sheet of paper with lines, at the upper left corner, of one size whatever the rectangle (12.5.6.4)."""
    left, top = canvas.box[0], canvas.box[3]
    canvas.box = (left, top - _ICON, left + _ICON, top)
    sheet = draw.inset(canvas.box, 1)
    canvas.add(draw.fill(draw.colour(annotation.get("/C")) or _YELLOW), draw.stroke(_BLACK), draw.width(0.8))
    canvas.add(draw.rectangle(sheet), "B")
    for i in (1, 2, 3):
        y = sheet[1] + (sheet[3] - sheet[1]) * i / 4
        canvas.add(draw.path(((sheet[0] + 3, y), (sheet[2] - 3, y))), "S")
    return True


def _caret(annotation: Dictionary, canvas: Canvas) -> bool:
    x0, y0, x1, y1 = _without_differences(annotation, canvas.box)
    canvas.add(draw.stroke(draw.colour(annotation.get("/C")) or _RED), draw.width(1.2))
    canvas.add(draw.path(((x0, y0), ((x0 + x1) / 2, y1), (x1, y0))), "S")
    return True


def _redact(annotation: Dictionary, canvas: Canvas) -> bool:
    """A frame: what a proposed redaction would hide still stands there (12.5.6.23)."""
    canvas.add(draw.stroke(draw.colour(annotation.get("/OC")) or _RED), draw.width(1))
    quads = _quads(annotation, canvas.box)
    for a, b, c, d in quads:
        canvas.add(draw.path((a, b, d, c), closed=True), "S")
    canvas.box = _around([point for quad in quads for point in quad], 2)
    return True


def _clip(annotation: Dictionary, canvas: Canvas) -> bool:
    """A paper clip, for a file or sound that is pinned there."""
    left, top = canvas.box[0], canvas.box[3]
    canvas.box = (left, top - _ICON, left + _ICON, top)
    x, y = left + 5, top - _ICON + 2
    points = [
        (0, 9),
        (0, 2),
        (2, 0),
        (5, 0),
        (7, 2),
        (7, 12),
        (5.5, 13.5),
        (3.5, 13.5),
        (2, 12),
        (2, 4),
        (5, 4),
        (5, 11),
    ]
    canvas.add(draw.stroke(draw.colour(annotation.get("/C")) or _BLACK), draw.width(1))
    canvas.add(draw.path([(x + a, y + b) for a, b in points]), "S")
    return True


def _pen(annotation: Dictionary, canvas: Canvas) -> float:
    thick, kind, dashes = border(annotation)
    canvas.add(draw.stroke(draw.colour(annotation.get("/C")) or _BLACK), draw.width(thick))
    if kind == "D":
        canvas.add(dashed(dashes))
    return max(thick, 0.0)


def _without_differences(annotation: Dictionary, box: Box) -> Box:
    """The box less what /RD says lies between it and what is drawn."""
    by = draw.numbers(annotation.get("/RD"))
    if (
        by is None
        or len(by) != 4
        or min(by) < 0
        or by[0] + by[2] >= box[2] - box[0]
        or by[1] + by[3] >= box[3] - box[1]
    ):
        return box
    return box[0] + by[0], box[1] + by[1], box[2] - by[2], box[3] - by[3]


def _around(points: list[Point], by: float) -> Box:
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return min(xs) - by, min(ys) - by, max(xs) + by, max(ys) + by


def _corners(box: Box) -> list[Point]:
    return [(box[0], box[1]), (box[2], box[3])]


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


_KINDS: dict[str, Callable[[Dictionary, Canvas], bool]] = {
    "/FreeText": _free_text,
    **dict.fromkeys(("/Highlight", "/Underline", "/StrikeOut", "/Squiggly"), _markup),
    "/Ink": _ink,
    "/Line": _line,
    **dict.fromkeys(("/Square", "/Circle"), _shape),
    **dict.fromkeys(("/Polygon", "/PolyLine"), _polygon),
    "/Stamp": _stamp,
    "/Text": _note,
    "/Caret": _caret,
    "/Redact": _redact,
    **dict.fromkeys(("/FileAttachment", "/Sound"), _clip),
}
