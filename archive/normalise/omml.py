"""A formula of Word (OMML) as a line of text: `BMI=92 / 1,80²`, fractions with a slash, roots with their sign.

Source: ECMA-376 part 1, 22.1.
"""

from __future__ import annotations

from lxml import etree

Piece = tuple[str, str]
"""Text, and how it stands: `superscript`, `subscript` or nothing."""

_PROPERTIES = frozenset(("rPr", "ctrlPr", "fPr", "sSupPr", "sSubPr", "sSubSupPr", "sPrePr", "radPr", "naryPr", "dPr",
                         "funcPr", "accPr", "barPr", "boxPr", "borderBoxPr", "eqArrPr", "mPr", "limLowPr", "limUppPr",
                         "groupChrPr", "phantPr", "oMathParaPr", "argPr"))  # fmt: skip
_SIMPLE = 1


def linear(formula: etree._Element) -> list[Piece]:
    """The formula's text in reading order, in pieces that are raised, lowered or neither."""
    pieces: list[Piece] = []
    for text, level in _of(formula, ""):
        if pieces and pieces[-1][1] == level:
            pieces[-1] = (pieces[-1][0] + text, level)
        elif text:
            pieces.append((text, level))
    return pieces


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((c for c in element.iterchildren(etree.Element) if _name(c) == name), None)


def _property(element: etree._Element, name: str, otherwise: str) -> str:
    """A character that the element's properties name; an empty one hides it."""
    properties = _child(element, f"{_name(element)}Pr")
    found = None if properties is None else _child(properties, name)
    if found is None:
        return otherwise
    return next((str(v) for k, v in found.attrib.items() if etree.QName(k).localname == "val"), "")


def _inner(element: etree._Element, name: str, level: str) -> list[Piece]:
    child = _child(element, name)
    return [] if child is None else _of(child, level)


def _grouped(pieces: list[Piece], level: str) -> list[Piece]:
    """In parentheses, where it is more than one number or name."""
    text = "".join(t for t, _ in pieces)
    if len(pieces) <= _SIMPLE and all(c.isalnum() or c in ",.%" for c in text):
        return pieces
    return [("(", level), *pieces, (")", level)]


def _of(element: etree._Element, level: str) -> list[Piece]:
    kind = _name(element)
    if kind == "t":
        return [(element.text or "", level)]
    if kind in _PROPERTIES:
        return []
    if kind == "f":
        return [*_grouped(_inner(element, "num", level), level), (" / ", level),
                *_grouped(_inner(element, "den", level), level)]  # fmt: skip
    if kind in ("sSup", "sSub", "sSubSup", "sPre"):
        around = [(n, w) for n, w in (("sub", "subscript"), ("sup", "superscript")) if _child(element, n) is not None]
        moved = [p for n, way in around for p in _moved(_inner(element, n, way), level, way)]
        base = _inner(element, "e", level)
        return [*moved, *base] if kind == "sPre" else [*base, *moved]
    if kind == "rad":
        degree = "".join(t for t, _ in _inner(element, "deg", level))
        return [*_moved([(degree, "superscript")] if degree else [], level, "superscript"), ("√", level),
                *_grouped(_inner(element, "e", level), level)]  # fmt: skip
    if kind == "nary":
        sign = _property(element, "chr", "∫")
        limits = [p for n, way in (("sub", "subscript"), ("sup", "superscript"))
                  for p in _moved(_inner(element, n, way), level, way)]  # fmt: skip
        return [(sign, level), *limits, *_inner(element, "e", level)]
    if kind == "d":
        between = (_property(element, "sepChr", "|"), level)
        inner: list[Piece] = []
        for number, child in enumerate(c for c in element.iterchildren(etree.Element) if _name(c) == "e"):
            inner += [*([between] if number else []), *_of(child, level)]
        return [(_property(element, "begChr", "("), level), *inner, (_property(element, "endChr", ")"), level)]
    if kind in ("m", "eqArr"):
        return _rows(element, level)
    if kind in ("limLow", "limUpp"):
        way = "subscript" if kind == "limLow" else "superscript"
        return [*_inner(element, "e", level), *_moved(_inner(element, "lim", way), level, way)]
    if kind == "func":
        return [*_inner(element, "fName", level), (" ", level), *_inner(element, "e", level)]
    if kind == "acc":
        return [*_inner(element, "e", level), (_property(element, "chr", "\u0302"), level)]
    if kind == "br":
        return [("\n", level)]
    return [p for child in element.iterchildren(etree.Element) for p in _of(child, level)]


def _moved(pieces: list[Piece], level: str, way: str) -> list[Piece]:
    """Raised or lowered; within what already is, with the sign that programs write for it."""
    if not level or not pieces:
        return pieces
    text = "".join(t for t, _ in pieces)
    return [("^" if way == "superscript" else "_", level), *_grouped([(text, level)], level)]


def _rows(element: etree._Element, level: str) -> list[Piece]:
    matrix = _name(element) == "m"
    rows = [c for c in element.iterchildren(etree.Element) if _name(c) in ("mr", "e")]
    made: list[Piece] = [("[", level)] if matrix else []
    for number, row in enumerate(rows):
        made += [("; " if matrix else "\n", level)] if number else []
        cells = [c for c in row.iterchildren(etree.Element) if _name(c) == "e"] if matrix else [row]
        for place, cell in enumerate(cells):
            made += [*([("  ", level)] if place else []), *_of(cell, level)]
    return [*made, *([("]", level)] if matrix else [])]
