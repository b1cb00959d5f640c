"""Tabs: where each leads, from how wide the text before it is. Typst has none, so text before a tab stands in a box
that ends at the tab's stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread.fonts import face
from archive.normalise.rtfread.model import Inline, Mark, Paragraph, Picture, Run

RAISED_SIZE = 0.58
"""Size of super- and subscript, of the text's."""

_DOUBT, _DOUBT_KNOWN = 1.5, 0.3
"""Points by which a measured width may be wrong, where the font's kerning is not known and where it is."""

_SPARE = 2.0
"""Points a box has more than its text is measured to need."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a line. `kind`: `free` text; `box`, text in a box of a width, aligned `l` or `r`; `gap`, a distance in
    points; `line`, a break."""

    kind: str
    inlines: Sequence[Inline] = ()
    width: float = 0.0
    align: str = "l"


def pieces(paragraph: Paragraph, room: float, default_tab: int) -> list[Piece]:
    """A paragraph with its tabs resolved.

    Args:
        paragraph: the paragraph.
        room: points from the left margin (of the page or the cell) to the right one.
        default_tab: twips between the stops that follow a paragraph's own.

    Raises:
        PassedOn: where a tab leads is not certain.
    """
    result: list[Piece] = []
    line: list[Inline] = []
    first = True
    for inline in paragraph.inlines:
        if isinstance(inline, Mark) and inline.kind == "line":
            result += _line(paragraph, line, room, default_tab, first)
            result.append(Piece("line"))
            line, first = [], False
        else:
            line.append(inline)
    return result + _line(paragraph, line, room, default_tab, first)


def _line(paragraph: Paragraph, line: list[Inline], room: float, default_tab: int, first: bool) -> list[Piece]:
    segments = _segments(line)
    indent = (paragraph.format.first if first else 0) / 20
    start: list[Piece] = []
    if first and indent > 0:
        start.append(Piece("gap", width=indent))
    if len(segments) == 1:
        return [*start, Piece("free", segments[0])] if segments[0] else start
    if paragraph.format.align not in "lj":
        raise PassedOn("a tab in a line that is not aligned left")
    if any(
        isinstance(i, Mark) and i.kind == "tab" and (i.look.underline or i.look.strike or i.look.back) for i in line
    ):
        raise PassedOn("a tab that is underlined")
    return start + _tabbed(
        paragraph, segments, indent, room - paragraph.format.right / 20, _stops(paragraph, default_tab)
    )


def _tabbed(
    paragraph: Paragraph, segments: list[list[Inline]], indent: float, limit: float,
    next_stop: Callable[[float], tuple[float, str]],
) -> list[Piece]:  # fmt: skip
    result: list[Piece] = []
    at = paragraph.format.left / 20 + indent
    held: list[Inline] = segments[0]
    kind, stop, origin = "l", at, at
    following: list[list[Inline] | None] = [*segments[1:], None]
    for segment in following:
        width = _width(held)
        if kind == "r" or kind == "c":
            span = stop - origin
            before = span - (width if kind == "r" else width / 2)
            if before < 0 or (kind == "c" and stop + width / 2 > limit):
                raise PassedOn("more text than a tab stop has room for")
            if kind == "r":
                result.append(Piece("box", held, span, "r"))
                at = origin = stop
            else:
                result += [Piece("gap", width=before), Piece("box", held, width + _SPARE, "l")]
                at = origin = stop + width / 2 + _SPARE
            held = []
        elif segment is None:
            if origin + _width(_first_word(held)) > limit - _DOUBT:
                raise PassedOn("a tab after which not a word has room")
            result.append(Piece("free", held))
            break
        else:
            at = origin + width
        if segment is None:
            break
        doubt = {"l": _doubt(held), "c": _DOUBT_KNOWN}.get(kind, 0.0)
        if at > limit - _DOUBT:
            raise PassedOn("a tab beyond the first of several lines")
        stop, kind_next = next_stop(at)
        if width and any(abs(at - near) < doubt for near, _ in (next_stop(at - 2 * doubt), (stop, ""))):
            raise PassedOn("a tab whose stop is uncertain")
        if stop > limit:
            raise PassedOn("a tab stop beyond the margin")
        if kind_next == "l":
            result.append(Piece("box", held, stop - origin) if held else Piece("gap", width=stop - origin))
            origin = stop
        elif held:
            result.append(Piece("box", held, at - origin + _SPARE))
            origin = at + _SPARE
        held, kind = segment, kind_next
    return result


def _stops(paragraph: Paragraph, default_tab: int) -> Callable[[float], tuple[float, str]]:
    """Which stop is the next after a place, and its kind."""
    form = paragraph.format
    own = dict(form.tabs)
    if form.first < 0:
        own.setdefault(form.left, "l")
    stops = sorted(own.items())

    def following(place: float) -> tuple[float, str]:
        for position, kind in stops:
            if position / 20 > place:
                return position / 20, kind
        return (int(place * 20 // default_tab) + 1) * default_tab / 20, "l"

    return following


def _segments(line: list[Inline]) -> list[list[Inline]]:
    segments: list[list[Inline]] = [[]]
    for inline in line:
        if isinstance(inline, Mark) and inline.kind == "tab":
            segments.append([])
        else:
            segments[-1].append(inline)
    return segments


def _first_word(inlines: Sequence[Inline]) -> list[Inline]:
    word: list[Inline] = []
    for inline in inlines:
        if not isinstance(inline, Run):
            word.append(inline)
            continue
        start, space, _ = inline.text.partition(" ")
        word.append(Run(start, inline.look))
        if space:
            break
    return word


def _doubt(inlines: Sequence[Inline]) -> float:
    known = all(isinstance(i, Picture) or (i.look.kerning and face(i.look).kerns is not None) for i in inlines)
    return _DOUBT_KNOWN if known else _DOUBT


def _width(inlines: Sequence[Inline]) -> float:
    total = 0.0
    for inline in inlines:
        if isinstance(inline, Picture):
            total += inline.width / 20
            continue
        size = inline.look.size / 2 * (RAISED_SIZE if inline.look.raised else 1)
        total += face(inline.look).width(inline.text if isinstance(inline, Run) else "0", size)
    return total
