"""What stands before the items of a list: numbers, letters or a dot, as HTML and CDA have them.

Source: HTML 4.4.5 (`ol`: type, start, reversed; `li`: value); HL7 CDA release 2, 4.3.5.8 (`listType`, `styleCode`).
"""

from __future__ import annotations

import re

from archive.normalise.xmltree import Node, local

_ITEMS = frozenset(("li", "item"))
_CODES = {
    "arabic": "1",
    "littleroman": "i",
    "bigroman": "I",
    "littlealpha": "a",
    "bigalpha": "A",
    "circle": "○",
    "disc": "•",
    "square": "▪",
    "none": "",
    "decimal": "1",
    "lower-roman": "i",
    "upper-roman": "I",
    "lower-alpha": "a",
    "lower-latin": "a",
    "upper-alpha": "A",
    "upper-latin": "A",
}
_CSS = re.compile(r"list-style(?:-type)?\s*:[^;]*?\b([a-z-]+)", re.IGNORECASE)
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_MOST = 1_000_000_000


class Numbering:
    """The marks of one list's items, in order."""

    def __init__(self, node: Node) -> None:
        said = {local(k): v.strip() for k, v in node.attributes.items()}
        ordered = node.name == "ol" or said.get("listType", "").lower() == "ordered"
        kind = said.get("type", "")
        for code in said.get("styleCode", "").lower().split():
            kind = _CODES.get(code, kind)
        if found := _CSS.search(said.get("style", "")):
            kind = _CODES.get(found[1].lower(), kind)
        if ordered:
            self._kind = kind if kind in ("1", "a", "A", "i", "I", "") and (kind or "type" not in said) else "1"
            self._kind = self._kind or "1"
        else:
            kind = _CODES.get(kind.lower(), kind) if kind else "•"
            self._kind = kind if kind in ("•", "○", "▪", "1", "a", "A", "i", "I") else "•"
        self._step = -1 if "reversed" in said else 1
        items = sum(1 for c in node.children if c.name in _ITEMS)
        self._at = _whole(said.get("start", ""), items if self._step < 0 else 1)

    def next(self, item: Node) -> str:
        """The mark of the next item."""
        if self._kind in ("•", "○", "▪"):
            return self._kind
        own = next((v for k, v in item.attributes.items() if local(k) == "value"), "")
        number = _whole(own, self._at)
        self._at = number + self._step
        return f"{_numeral(number, self._kind)}."


def _whole(text: str, otherwise: int) -> int:
    try:
        number = int(text.strip())
    except ValueError:
        return otherwise
    return number if abs(number) < _MOST else otherwise


def _numeral(number: int, kind: str) -> str:
    if kind in ("i", "I") and 0 < number < 4000:
        text = ""
        for value, sign in _ROMAN:
            text += sign * (number // value)
            number %= value
        return text.upper() if kind == "I" else text
    if kind in ("a", "A") and number > 0:
        text = ""
        while number:
            number, rest = divmod(number - 1, 26)
            text = chr(ord("a") + rest) + text
        return text.upper() if kind == "A" else text
    return str(number)
