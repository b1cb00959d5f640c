"""Dates as old systems write them, to ISO 8601.

A format is written with the directives of strptime: `%d %m %Y %y %b %H %M %S %f %%`. What a format lacks makes the
result less precise (`%m.%Y` gives `2004-04`, `%Y` gives `2004`), and so do zeros for an unknown day or month
(`00.04.2004` gives `2004-04`). Nothing is ever guessed: what fits no format is no date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from archive.reasons import Flag

PRECISIONS = ("year", "month", "day", "second")
_PART = {
    "d": r"(?P<d>\d{1,2})",
    "m": r"(?P<m>\d{1,2})",
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "b": r"(?P<b>[^\W\d_]{3,9})\.?",
    "H": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,9})",
}
_MONTHS = {
    name: n
    for n, names in enumerate(
        ("jan", "feb", "mar", "apr", "mai may", "jun", "jul", "aug", "sep", "okt oct", "nov", "des dec"), start=1
    )
    for name in names.split()
}
_CACHED = 20_000


@lru_cache(maxsize=512)
def compile_format(text: str, *, pivot: int | None = None) -> re.Pattern[str]:
    """The pattern of a date format.

    Raises:
        ValueError: unknown or repeated directive, no year, a day without a month, or `%y` without a pivot; the
            message is fit for people.
    """
    pattern, seen = [], []
    for token in re.findall(r"%.?|[^%]+", text, re.DOTALL):
        if not token.startswith("%"):
            pattern.append(r"\s+".join(re.escape(part) for part in re.split(r"\s+", token)))
            continue
        name = token[1:]
        if name == "%":
            pattern.append("%")
            continue
        if name not in _PART:
            raise ValueError(f"{token!r} is no date directive; there are {', '.join('%' + c for c in _PART)} and %%")
        if name in seen:
            raise ValueError(f"{token!r} stands twice")
        seen.append(name)
        pattern.append(_PART[name])
    has = set(seen)
    if not has & {"Y", "y"}:
        raise ValueError("there is no year (%Y)")
    if has >= {"Y", "y"} or has >= {"m", "b"}:
        raise ValueError("the same part is there twice")
    if "y" in has and pivot is None:
        raise ValueError("%y needs `pivot`: the first two-digit year that lies in the 1900s")
    if "d" in has and not has & {"m", "b"}:
        raise ValueError("there is a day but no month")
    if has & {"H", "M", "S", "f"} and "d" not in has:
        raise ValueError("there is a time but no day")
    # Run together (%Y%m%d), each part has its full width; else 2004111 would be read in one of two ways.
    joined = re.sub(r"(?<=\))(\(\?P<\w>\\d)\{1,2\}", r"\1{2}", "".join(pattern))
    joined = re.sub(r"(\(\?P<\w>\\d)\{1,2\}(?=\)\()", r"\1{2}", joined)
    return re.compile(joined)


@dataclass(frozen=True, slots=True)
class DateRules:
    """How dates are read.

    Attributes:
        formats: tried in order; the first that fits decides.
        not_dates: written values which mean "no real date" although they look like one (`01.01.1900`).
        earliest, latest: ISO days; a date outside is implausible. `latest` None means today.
        precision: the most precise part kept.
        pivot: two-digit years from here on are 19xx, those below 20xx.
    """

    formats: tuple[str, ...] = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")
    not_dates: tuple[str, ...] = ()
    earliest: str = "1850-01-01"
    latest: str | None = None
    precision: str = "second"
    pivot: int | None = None


class DateReader:
    """Reads one column's dates. `reader(text)` gives (ISO date or None, the flag that tells why not or None)."""

    def __init__(self, rules: DateRules, today: date) -> None:
        self._patterns = [compile_format(f, pivot=rules.pivot) for f in rules.formats]
        self._not_dates = frozenset(rules.not_dates)
        self._earliest = rules.earliest
        self._latest = rules.latest or today.isoformat()
        self._length = {"year": 4, "month": 7, "day": 10, "second": 19}[rules.precision]
        self._pivot = rules.pivot or 0
        self._known: dict[str, tuple[str | None, Flag | None]] = {}

    def __call__(self, text: str) -> tuple[str | None, Flag | None]:
        """Read a date; empty text gives (None, None)."""
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= _CACHED:
                self._known.clear()
            known = self._known[text] = self._read(text)
        return known

    def _read(self, text: str) -> tuple[str | None, Flag | None]:
        if not text:
            return None, None
        if text in self._not_dates:
            return None, Flag.DATE_INVALID
        for pattern in self._patterns:
            if found := pattern.fullmatch(text):
                iso = _iso(found.groupdict(), self._pivot)
                if iso is None:
                    continue
                iso = iso[: self._length]
                day = iso[:10]
                if day < self._earliest[: len(day)] or day > self._latest[: len(day)]:
                    return None, Flag.DATE_IMPLAUSIBLE
                return iso, None
        return None, Flag.DATE_INVALID


def _iso(part: dict[str, str], pivot: int) -> str | None:
    if "Y" in part:
        year = int(part["Y"])
    else:
        short = int(part["y"])
        year = short + (1900 if short >= pivot else 2000)
    if year == 0:
        return None
    if "b" in part:
        month = _MONTHS.get(part["b"][:3].lower(), -1)
    else:
        month = int(part.get("m", "0"))
    day = int(part.get("d", "0"))
    if month == 0:
        return f"{year:04}" if day == 0 else None
    if not 1 <= month <= 12:
        return None
    if day == 0:
        return f"{year:04}-{month:02}"
    try:
        date(year, month, day)
    except ValueError:
        return None
    iso = f"{year:04}-{month:02}-{day:02}"
    if "H" in part:
        hour, minute, second = int(part["H"]), int(part.get("M", "0")), int(part.get("S", "0"))
        if hour > 23 or minute > 59 or second > 59:
            return None
        iso += f"T{hour:02}:{minute:02}:{second:02}"
    return iso


def fitting(formats: Sequence[str], text: str) -> str | None:
    """The first of the formats that reads the text as a date, else None."""
    for name in formats:
        found = compile_format(name, pivot=30).fullmatch(text)
        if found and _iso(found.groupdict(), 30):
            return name
    return None
