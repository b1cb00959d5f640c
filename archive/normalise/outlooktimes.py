"""Times of Outlook's calendar in words: in the zone of the item, and how often it comes again.

Source: [MS-OXOCAL] 2.2.1.39 (PidLidTimeZoneStruct), 2.2.1.41 (time zone definitions), 2.2.1.44 (recurrences).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DAYS = ("søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag")
_NTH = {1: "første", 2: "andre", 3: "tredje", 4: "fjerde", 5: "siste"}
_DAILY, _WEEKLY, _MONTHLY, _YEARLY = 0x200A, 0x200B, 0x200C, 0x200D
_BY_DATE, _BY_COUNT = 0x2021, 0x2022
_MOST_DATES = 2000
_UNTIL_1996 = 1996  # the year since which Norway goes back to standard time in October, and not in September


@dataclass(frozen=True, slots=True)
class _Change:
    """A day on which clocks are changed: month (0: never), day of the week (0: Sunday), which one of the month (5: the
    last), and the minute of the day by the clock before it."""

    month: int
    weekday: int
    which: int
    minute: int

    def on(self, year: int) -> datetime:
        """The change in a year, by the clock before it."""
        first = datetime(year, self.month, 1, tzinfo=UTC)
        day = first + timedelta(days=(self.weekday - (first.isoweekday() % 7)) % 7 + 7 * (self.which - 1))
        while day.month != self.month:
            day -= timedelta(days=7)
        return day + timedelta(minutes=self.minute)


@dataclass(frozen=True, slots=True)
class Zone:
    """Minutes to add to local time for UTC (bias), in winter and summer, and when clocks are changed."""

    name: str
    bias: int
    standard_bias: int
    daylight_bias: int
    standard: _Change
    daylight: _Change

    def local(self, instant: datetime) -> datetime:
        """An instant by the clocks of the zone."""
        winter = self.bias + self.standard_bias
        if not self.daylight.month or not self.standard.month:
            return instant - timedelta(minutes=winter)
        summer = self.bias + self.daylight_bias
        standard = self.standard
        if self is NORWAY and instant.year < _UNTIL_1996:
            standard = _Change(9, 0, 5, 180)
        begins = self.daylight.on(instant.year) + timedelta(minutes=winter)
        ends = standard.on(instant.year) + timedelta(minutes=summer)
        in_summer = begins <= instant < ends if begins < ends else not ends <= instant < begins
        return instant - timedelta(minutes=summer if in_summer else winter)

    def said(self, instant: datetime) -> str:
        """An instant in words, by the zone's clocks and in UTC."""
        return f"{self.local(instant):%d.%m.%Y kl. %H.%M} ({self.name}; {instant:%H.%M} UTC)"


NORWAY = Zone("norsk tid", -60, 0, -60, _Change(10, 0, 5, 180), _Change(3, 0, 5, 120))
"""Where an item says nothing of its zone."""


def zone_of(structure: bytes | None, definition: bytes | None, description: str) -> Zone:
    """The zone of an appointment; Norway's where neither of its properties can be read."""
    for read, content in ((_of_definition, definition), (_of_structure, structure)):
        if content:
            try:
                return read(content, description)
            except (struct.error, ValueError, IndexError):
                continue
    return NORWAY


def _of_structure(content: bytes, description: str) -> Zone:
    bias, standard, daylight, _ = struct.unpack_from("<iiiH", content)
    return _zone(description, bias, standard, daylight, _change(content, 14), _change(content, 32))


def _of_definition(content: bytes, description: str) -> Zone:
    size, _, letters = struct.unpack_from("<HHH", content, 2)
    key = content[8 : 8 + 2 * letters].decode("utf-16-le", "replace")
    (count,) = struct.unpack_from("<H", content, 4 + size - 2)
    rules = []
    for number in range(count):
        at = 4 + size + 66 * number
        flags, _ = struct.unpack_from("<HH", content, at + 4)
        bias, standard, daylight = struct.unpack_from("<iii", content, at + 22)
        rule = _zone(description or key, bias, standard, daylight, _change(content, at + 34), _change(content, at + 50))
        rules.append((flags, rule))
    if not rules:
        raise ValueError("no rule")
    return next((rule for flags, rule in rules if flags & 1), rules[-1][1])


def _zone(name: str, bias: int, standard: int, daylight: int, back: _Change, forth: _Change) -> Zone:
    if not -1440 <= bias <= 1440:
        raise ValueError("no such bias")
    sign, minutes = "-" if bias > 0 else "+", abs(bias)
    plain = name or f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}"
    return Zone(plain, bias, standard, daylight, back, forth)


def _change(content: bytes, at: int) -> _Change:
    """A SYSTEMTIME that is a rule: year 0, month, day of the week, which one, hour, minute."""
    _, month, weekday, which, hour, minute, _, _ = struct.unpack_from("<8H", content, at)
    if month > 12 or weekday > 6 or (month and not 1 <= which <= 5) or hour > 23 or minute > 59:
        raise ValueError("no such day")
    return _Change(month, weekday, which, hour * 60 + minute)


def recurrence(content: bytes) -> list[str]:
    """How often an item comes again, in sentences: the pattern, its end, days that are left out or moved.

    Raises struct.error, ValueError: it cannot be read.
    """
    _, _, frequency, pattern, _, _, period = struct.unpack_from("<5HII", content)
    at = 22
    specific: tuple[int, ...] = ()
    if pattern in (1, 2, 4, 0xA, 0xC):
        specific, at = struct.unpack_from("<I", content, at), at + 4
    elif pattern in (3, 0xB):
        specific, at = struct.unpack_from("<II", content, at), at + 8
    ends, times, _, deleted = struct.unpack_from("<4I", content, at)
    at += 16
    gone, at = _dates(content, at, deleted)
    (modified,) = struct.unpack_from("<I", content, at)
    moved, at = _dates(content, at + 4, modified)
    first, last = struct.unpack_from("<II", content, at)
    said = [f"Gjentas {_pattern(frequency, pattern, period, specific)}, fra {_day(first)}."]
    if ends == _BY_DATE:
        said.append(f"Siste gang {_day(last)} ({times} ganger).")
    elif ends == _BY_COUNT:
        said.append(f"{times} ganger, siste {_day(last)}.")
    else:
        said.append("Uten sluttdato.")
    left_out = [d for d in gone if d not in moved]
    if left_out:
        said.append(f"Utgår: {', '.join(map(_day, left_out))}.")
    said += _exceptions(content, at + 8, len(moved))
    return said


def _exceptions(content: bytes, at: int, count: int) -> list[str]:
    """The occurrences that were moved or changed, with the subject and place that they have."""
    said = []
    try:
        (number,) = struct.unpack_from("<H", content, at + 16)
        at += 18
        for _ in range(min(number, count, _MOST_DATES)):
            begins, ends, original, flags = struct.unpack_from("<IIIH", content, at)
            at += 14
            changed = []
            for flag, label in ((0x1, "emne"), (0x2, ""), (0x4, ""), (0x8, ""), (0x10, "sted"), (0x20, ""), (0x40, ""),
                                (0x80, ""), (0x100, "")):  # fmt: skip
                if not flags & flag:
                    continue
                if label:
                    _, size = struct.unpack_from("<HH", content, at)
                    changed.append(f"{label} {content[at + 4 : at + 4 + size].decode('cp1252', 'replace')}")
                    at += 4 + size
                else:
                    at += 4
            more = f" ({', '.join(changed)})" if changed else ""
            said.append(f"{_day(original)} er endret til {_minute(begins)}-{_minute(ends)[-5:]}{more}.")
    except struct.error:
        pass  # older items end here; the days themselves have been said
    return said


def _pattern(frequency: int, pattern: int, period: int, specific: tuple[int, ...]) -> str:
    days = _weekdays(specific[0]) if specific else ""
    if frequency == _DAILY:
        if pattern == 1:
            return "hver ukedag (mandag til fredag)"
        number = period // 1440
        return "hver dag" if number == 1 else f"hver {number}. dag"
    if frequency == _WEEKLY:
        return f"hver uke, {days}" if period == 1 else f"hver {period}. uke, {days}"
    years = period // 12 if frequency == _YEARLY and period % 12 == 0 else 0
    often = ("hvert år" if years == 1 else f"hvert {years}. år") if years else (
        "hver måned" if period == 1 else f"hver {period}. måned")  # fmt: skip
    if pattern in (3, 0xB):
        return f"{often}, {_NTH.get(specific[1], str(specific[1]))} {days} i måneden"
    if pattern in (2, 0xA):
        return f"{often}, den {specific[0]}. i måneden"
    if pattern in (4, 0xC):
        return f"{often}, siste dag i måneden"
    raise ValueError("no such pattern")


def _weekdays(bits: int) -> str:
    if bits & 0x7F == 0x7F:
        return "dag"
    return ", ".join(day for n, day in enumerate(_DAYS) if bits >> n & 1)


def _dates(content: bytes, at: int, count: int) -> tuple[list[int], int]:
    if count > _MOST_DATES:
        raise ValueError("too many dates")
    return list(struct.unpack_from(f"<{count}I", content, at)), at + 4 * count


def _day(minutes: int) -> str:
    return f"{datetime(1601, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes):%d.%m.%Y}"


def _minute(minutes: int) -> str:
    return f"{datetime(1601, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes):%d.%m.%Y kl. %H.%M}"
