"""How many characters a number of a workbook takes when it is shown, by its number format.

An estimate that is rather too large: a column that is somewhat wide loses nothing.
Source: ECMA-376 part 1, 18.8.30 (numFmt) and its built-in formats.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "dd.mm.yyyy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "dd.mm.yyyy hh:mm", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)", 41: "#,##0 kr", 42: "#,##0 kr", 43: "#,##0.00 kr", 44: "#,##0.00 kr", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
_SPOKEN = re.compile(r'"([^"]*)"|\\(.)|_(.)|\*.|\[\$([^\]-]*)[^\]]*\]|\[(?:[a-zA-Z]+ ?\d*|[<>=]+[-\d.]+)\]')
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_PARTS = {"m": {3: 4, 4: 9, 5: 1}, "d": {3: 4, 4: 8}, "y": {1: 4, 2: 4, 3: 4}}
_MOST_GENERAL = 9
"""Characters for a number without a format; more decimals than fit are rounded on paper too."""


@dataclass(frozen=True, slots=True)
class Format:
    """A number format: a fixed width (dates, text), or one that depends on the number."""

    fixed: int = 0
    general: bool = False
    decimals: int = 0
    grouped: bool = False
    around: int = 0
    percent: bool = False

    def width(self, value: str) -> int:
        """Characters that a cell's stored value takes; 0 where it is no number."""
        try:
            number = float(value)
        except ValueError:
            return 0
        if self.fixed or number in (float("inf"), float("-inf")) or number != number:
            return self.fixed
        sign = number < 0
        if self.general:
            text = f"{abs(number):.10g}"
            whole = len(text.partition(".")[0].partition("e")[0])
            return sign + (len(text) if "e" in text else max(whole, min(len(text), _MOST_GENERAL)))
        whole = len(f"{abs(number) * (100 if self.percent else 1):.0f}")
        whole = min(whole, 30) + ((whole - 1) // 3 if self.grouped else 0)
        return sign + whole + (self.decimals + 1 if self.decimals else 0) + self.around


@functools.lru_cache(maxsize=1024)
def format_of(code: str, number: int = 0) -> Format:
    """The format of a code, or where that is empty of a built-in number."""
    code = code or _BUILT_IN.get(number, "")
    if not code or code.lower() in ("general", "standard"):
        return Format(general=True)
    spoken = sum(len(m[1] or m[2] or m[3] or m[4] or "") for m in _SPOKEN.finditer(code.split(";")[0]))
    elapsed = _ELAPSED.search(code)
    bare = [_SPOKEN.sub("", _ELAPSED.sub(r"\1", section)) for section in code.split(";")]
    first = bare[0]
    if "@" in first or "general" in first.lower():
        return Format(general=True)
    if elapsed or re.search("[ydhms]", first, re.IGNORECASE):
        return Format(fixed=_date(first) + spoken + (4 if elapsed else 0))
    widest = max(bare, key=len)
    digits = re.search(r"\.([0#?]+)", widest)
    exponent = re.search(r"E[+-]?[0#]+", widest, re.IGNORECASE)
    around = len(re.sub(r"[0#?.,E+]", "", widest)) + spoken + (4 if exponent else 0) + (3 if "/" in widest else 0)
    grouped = bool(re.search(r"[0#?],[0#?]", widest))
    return Format(0, False, len(digits[1]) if digits else 0, grouped, around, "%" in widest)


def _date(code: str) -> int:
    width = 0
    for run in re.finditer(r"([a-zA-Z])\1*|.", code, re.DOTALL):
        letter, length = run[0][0].lower(), len(run[0])
        width += _PARTS.get(letter, {}).get(length, max(2, length) if letter in "dmhs" else length)
    return width
