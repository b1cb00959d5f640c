"""The sample's patients: each a pure function of the seed and a number, so that millions need no memory.

National ids are of the Tenor test population (month + 80) and cannot belong to anybody. No two patients share an id
unless the sample means it: the n-th birth day of a fixed walk through the calendar, and on each day the next number.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from importlib import resources
from random import Random

FIRST_NUMBER = 10001
CYCLE = 40
"""Each oddity of the patient register comes once among this many patients."""

_INVALID, _MISSING, _STRICT, _SHARED = 7, 13, 9, 21
_FIRST_BIRTH = date(1915, 1, 1)
_DAYS = (date(2019, 1, 1) - _FIRST_BIRTH).days
_WALK = 15013  # a prime that does not divide the number of days
_SERIAL_STEP = 7


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as the sample's register knows one. `number` is the old system's; dates are true even where a row of
    the register has a bad one."""

    number: int
    fnr: str
    former_id: str
    family: str
    given: str
    birth: date
    sex: str
    died: date | None
    protection: str

    @property
    def name(self) -> str:
        """Given name first."""
        return f"{self.given} {self.family}"


def patient_numbers(remainder: int, count: int) -> Iterator[int]:
    """The register's numbers of those among the first `count` patients at this place of the cycle."""
    return (FIRST_NUMBER + i for i in range(remainder, count, CYCLE))


def invalid_ids(count: int) -> Iterator[int]:
    """Patients whose id fails its check digits."""
    return patient_numbers(_INVALID, count)


def missing_ids(count: int) -> Iterator[int]:
    """Patients without any id."""
    return patient_numbers(_MISSING, count)


def shared_ids(count: int) -> Iterator[tuple[int, int]]:
    """Pairs of different patients who stand with one id."""
    return ((n - 1, n) for n in patient_numbers(_SHARED, count))


def protected(count: int) -> Iterator[int]:
    """Patients with a protected address."""
    return (FIRST_NUMBER + i for i in range(count) if _protection(i))


@cache
def _names() -> dict[str, list[str]]:
    text = resources.files("extract.sample").joinpath("names.toml").read_text(encoding="utf-8")
    return {kind: names.split() for kind, names in tomllib.loads(text).items()}


@lru_cache(maxsize=8192)
def person(seed: int, index: int) -> Person:
    """The patient with this index, counted from 0."""
    rng = Random(f"{seed}/patient/{index}")  # noqa: S311 (a sample, not a secret)
    day = index * _WALK % _DAYS
    birth = _FIRST_BIRTH + timedelta(days=day)
    sex = rng.choice("KM")
    foreign = rng.random() < 0.06
    place = index % CYCLE
    fnr = _identity(birth, sex, index // _DAYS, foreign)
    if place == _INVALID:
        fnr = fnr[:10] + str((int(fnr[10]) + 1) % 10)
    elif place == _MISSING:
        fnr = ""
    elif place == _SHARED:
        fnr = person(seed, index - 1).fnr
    former = ""
    if not foreign and place not in (_MISSING, _SHARED) and rng.random() < 0.05:
        former = _identity(birth, sex, index // _DAYS, True)
    given = rng.choice(_names()["women" if sex == "K" else "men"])
    if rng.random() < 0.15:
        given += " " + rng.choice(_names()["women" if sex == "K" else "men"])
    family = rng.choice(_names()["families"])
    if rng.random() < 0.04:
        family += "-" + rng.choice(_names()["families"])
    died = None
    if birth.year < 1950 and rng.random() < 0.55:
        died = date(2001, 1, 1) + timedelta(days=rng.randrange(8700))
    return Person(FIRST_NUMBER + index, fnr, former, family, given, birth, sex, died, _protection(index))


def _protection(index: int) -> str:
    place = index % CYCLE
    return "6" if place == _STRICT else "7" if place in (4, 29) else ""


@lru_cache(maxsize=8192)
def _identity(birth: date, sex: str, serial: int, foreign: bool) -> str:
    """The serial-th valid number for that day and sex; a D-number for foreigners."""
    start = 500 if birth.year >= 2000 else 0
    head = f"{birth.day + 40 * foreign:02}{birth.month + 80:02}{birth.year % 100:02}"
    offset = birth.toordinal() * 37
    for step in range(500):
        individual = start + (offset + step * _SERIAL_STEP) % 500
        if (individual % 2 == 0) != (sex == "K"):
            continue
        found = _with_check_digits(f"{head}{individual:03}")
        if found is None:
            continue
        if serial == 0:
            return found
        serial -= 1
    raise ValueError("more patients than there are national ids for their birth days")


def _with_check_digits(nine: str) -> str | None:
    d = [int(c) for c in nine]
    first = -sum(w * x for w, x in zip((3, 7, 6, 1, 8, 9, 4, 5, 2), d, strict=True)) % 11
    second = -sum(w * x for w, x in zip((5, 4, 3, 2, 7, 6, 5, 4, 3, 2), [*d, first], strict=True)) % 11
    if first == 10 or second == 10:
        return None
    return f"{nine}{first}{second}"
