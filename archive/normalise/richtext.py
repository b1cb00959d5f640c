"""Words with what the source does to them: raised, lowered, struck, inserted, bold.

A raised 9 behind a 10 is another number than 109, so raised and lowered digits become the Unicode signs for them, which
pages, text copies and search all keep. Struck, inserted and hidden words are named in words as well as drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Styles = frozenset[str]
"""Of `bold`, `ital`, `under`, `mono`, `sup`, `sub`, `strike`, `ins`, `hidden` and `pre` (its white space counts)."""
Run = str | list[str]
"""Words, or words and their styles with a space between."""
Words = str | list[Run]
"""Running text: plain, or runs of it. JSON-ready, for the template `record`."""
Piece = tuple[str, Styles]

BREAK = "\0"
"""A line break among pieces; XML has no NUL of its own."""

_TOLD = {"strike": "strøket", "ins": "satt inn", "hidden": "skjult i kilden"}
_DRAWN = ("bold", "ital", "under", "mono", "strike", "sup", "sub")
_NORMAL = "0123456789+-=()"
_RAISED = str.maketrans(_NORMAL + "\u2212\u2013ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾⁻⁻ⁿⁱ")
_LOWERED = str.maketrans(_NORMAL + "\u2212\u2013", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎₋₋")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_AT_EDGE = re.compile(r"^(\s*)(.*?)(\s*)$", re.DOTALL)


def raised(text: str) -> str | None:
    """The text in superscript signs; None where Unicode lacks one of them."""
    return _translated(text, _RAISED)


def lowered(text: str) -> str | None:
    """The text in subscript signs; None where Unicode lacks one of them."""
    return _translated(text, _LOWERED)


def _translated(text: str, table: dict[int, int]) -> str | None:
    return text.translate(table) if all(ord(c) in table or c.isspace() for c in text) else None


def shifted(text: str, *, up: bool) -> str | None:
    """Raised (`up`) or lowered text in signs of its own, or as `^(1,5)` and `_(1,5)` where it has digits and Unicode
    lacks the rest; None where the words may stand as they are."""
    before, inner, after = _edges(text)
    if not inner:
        return text
    found = raised(inner) if up else lowered(inner)
    if found is None and any(c.isdigit() for c in inner):
        found = f"{'^' if up else '_'}({inner})"
    return None if found is None else f"{before}{found}{after}"


def words(pieces: Iterable[Piece]) -> Words:
    """Pieces as running text: white space made one space, `BREAK` a line break, what was done to them told."""
    runs: list[tuple[str, Styles]] = []
    for text, styles in _told(_tidied(pieces)):
        drawn = styles & frozenset(_DRAWN)
        for way in ("sup", "sub"):
            if way in drawn and (sign := shifted(text, up=way == "sup")) is not None:
                text, drawn = sign, drawn - {way}
        if runs and runs[-1][1] == drawn:
            runs[-1] = (runs[-1][0] + text, drawn)
        else:
            runs.append((text, drawn))
    if not runs:
        return ""
    if len(runs) == 1 and not runs[0][1]:
        return runs[0][0]
    return [[text, " ".join(s for s in _DRAWN if s in drawn)] if drawn else text for text, drawn in runs]


def plain(said: Words) -> str:
    """Running text without its styles. A raised letter behind a digit is told apart from it: `12^a`."""
    if isinstance(said, str):
        return said
    text = ""
    for run in said:
        piece, styles = (run, "") if isinstance(run, str) else run
        mark = "^" if "sup" in styles.split() and text[-1:].isdigit() and piece[:1].isalnum() else ""
        text += mark + piece
    return text


def joined(lines: Iterable[Words]) -> Words:
    """Several lines of running text as one."""
    runs: list[Run] = []
    for line in lines:
        if runs:
            runs.append("\n")
        runs += [line] if isinstance(line, str) else line
    return "".join(r for r in runs if isinstance(r, str)) if all(isinstance(r, str) for r in runs) else runs


def _tidied(pieces: Iterable[Piece]) -> list[Piece]:
    """White space as HTML has it: one space for any, none at the ends of lines; in `pre` as it stands."""
    found: list[Piece] = []
    at_start = True
    for text, styles in pieces:
        if "pre" in styles:
            text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ").replace(BREAK, "\n")
            found.append((text, styles))
            at_start = text.endswith("\n") if text else at_start
            continue
        lines = _SPACE.sub(" ", text).split(BREAK)
        for n, line in enumerate(lines):
            if n:
                _strip_end(found)
                found.append(("\n", styles))
                at_start = True
            if at_start:
                line = line.lstrip(" ")
            if line:
                found.append((line, styles))
                at_start = line.endswith(" ")
    _strip_end(found, "\n ")
    while found and "pre" not in found[0][1] and (rest := found[0][0].lstrip("\n ")) != found[0][0]:
        found[:1] = [(rest, found[0][1])] if rest else []
    return found


def _strip_end(pieces: list[Piece], what: str = " ") -> None:
    while pieces:
        text, styles = pieces[-1]
        rest = text.rstrip("\n") if "pre" in styles and "\n" in what else text if "pre" in styles else text.rstrip(what)
        if rest:
            pieces[-1] = (rest, styles)
            return
        pieces.pop()


def _told(pieces: list[Piece]) -> Iterator[Piece]:
    """With words around what is struck, inserted or hidden; around all of one kind together."""
    at = 0
    while at < len(pieces):
        kinds = frozenset(_TOLD) & pieces[at][1]
        end = at + 1
        while end < len(pieces) and frozenset(_TOLD) & pieces[end][1] == kinds:
            end += 1
        group = pieces[at:end]
        at = end
        if not kinds or not any(text.strip() for text, _ in group):
            yield from group
            continue
        before, first, _ = _edges(group[0][0])
        yield before, frozenset()
        yield f"[{', '.join(_TOLD[k] for k in _TOLD if k in kinds)}: ", frozenset()
        group[0] = (first + group[0][0][len(before) + len(first) :], group[0][1])
        *_, after = _edges(group[-1][0])
        group[-1] = (group[-1][0][: len(group[-1][0]) - len(after)], group[-1][1])
        yield from group
        yield f"]{after}", frozenset()


def _edges(text: str) -> tuple[str, str, str]:
    found = _AT_EDGE.match(text)
    return (found[1], found[2], found[3]) if found else ("", text, "")
