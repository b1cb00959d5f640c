"""What one column of a register holds: how full, how many different values, of what kind. Memory is bounded.

Values of patients never leave this module: what is told of a column are counts, kinds, and patterns in which every
letter is `a` and every digit `9`. Short upper-case codes that repeat (`J`, `EP`) are told, since a mapping needs them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from archive.identifiers import IdentifierType, classify, organisation_number_ok
from extract.inspect.spelling import plain
from extract.mapping.dates import DateReader, DateRules, fitting
from extract.sources.tables import Answer

DATE_FORMATS = (
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%Y%m%d",
    "%Y%m%d%H%M",
    "%Y%m%d%H%M%S",
    "%d.%m.%y",
    "%d%m%Y",
    "%d %b %Y",
    "%d. %b %Y",
)
"""Formats looked for, the likelier of two that read the same digits first."""

_DIGITS_ONLY = ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%d%m%Y")
_CODE = re.compile(r"[A-ZÆØÅ0-9+-]{1,4}")
_LONG_CODE = re.compile(r"[A-Za-zÆØÅæøå][A-Za-zÆØÅæøå_-]{0,19}")
_CODED = re.compile(
    r"kode|code|type|status|kategori|sperr|block|gradering|tilstand|kjonn|sex|gender|tjeneste|service|art$"
)
_NAMED = re.compile(r"navn|name|adresse|sted|person|forfatter|author|lege|sign$")
"""What columns are called that may have words as codes, and those whose words are people's."""
_LOOKS_LIKE_FILE = re.compile(r".*[\\/].+|[^\\/:*?\"<>|\s][^\\/:*?\"<>|]*\.[A-Za-z][A-Za-z0-9]{1,4}")
_NOTHING = re.compile(r"[0\W]*")
_SKETCH = 8_192
_EXACT = 64
_SAMPLE = 2_000
_PATTERNS = 5
_LOOKED_AT = 300
"""Characters of a value: whole notes and files stand in columns too."""
_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Column:
    """A column's profile.

    `distinct` is exact where `distinct_exact`, else estimated from a sample by hash; `unique_share` is distinct values
    per filled row. `kind` is one of empty, national-id, organisation-number, date, path, flag, code, number, text.
    """

    name: str
    rows: int
    filled: int
    distinct: int
    distinct_exact: bool
    unique_share: float
    kind: str
    max_length: int
    patterns: tuple[tuple[str, int], ...] = ()
    formats: tuple[str, ...] = ()
    years: tuple[str, str] | None = None
    unreadable: int = 0
    """Of a sample of dates or identifiers: how many are none."""
    sampled: int = 0
    codes: tuple[tuple[str, int], ...] = ()
    present: int = 0
    """Rows in which an element of this name is there without any text."""
    zero_pad: int = 0
    """Length to which zeros make valid identifiers of numbers that have lost them; 0 where none has."""
    bare: frozenset[int] = frozenset()
    """Of a sample of numbers: hashes without the zeros before them."""
    comma_share: float = 0.0
    hashes: frozenset[int] = frozenset()
    shift: int = 0

    def overlap(self, other: Column) -> tuple[float, float]:
        """Share of this column's different values that the other has, and the share of the other's met by them."""
        mask = (1 << max(self.shift, other.shift)) - 1
        mine = {h for h in self.hashes if not h & mask}
        theirs = {h for h in other.hashes if not h & mask}
        common = len(mine & theirs)
        return (common / len(mine) if mine else 0.0), (common / len(theirs) if theirs else 0.0)


class ColumnBuilder:
    """Collects a column's values, one call a row."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rows = self._filled = self._max_length = self._present = 0
        self._exact: Counter[str] | None = Counter()
        self._sketch: dict[int, int] = {}
        self._shift = 0
        self._sample: list[str] = []

    def add(self, value: str) -> None:
        """Take in the value of the next row."""
        self._rows += 1
        if not value:
            self._present += isinstance(value, Answer)
            return
        self._filled += 1
        if len(value) > self._max_length:
            self._max_length = len(value)
        # The first values and, of a long column, some from all over it.
        if len(self._sample) < _SAMPLE // 2 or (self._filled % 997 == 0 and len(self._sample) < _SAMPLE):
            self._sample.append(value[:_LOOKED_AT])
        if self._exact is not None:
            self._exact[value] += 1
            if len(self._exact) <= _EXACT and len(value) <= _LOOKED_AT:
                return
            counts, self._exact = self._exact, None
            for known, count in counts.items():
                self._hash(known, count)
            return
        self._hash(value, 1)

    def _hash(self, value: str, count: int) -> None:
        h = _hash(value)
        if h & ((1 << self._shift) - 1):
            return
        sketch = self._sketch
        sketch[h] = sketch.get(h, 0) + count
        while len(sketch) > _SKETCH:
            self._shift += 1
            mask = (1 << self._shift) - 1
            sketch = self._sketch = {k: n for k, n in sketch.items() if not k & mask}

    def column(self, exists: Callable[[str], bool]) -> Column:
        """The profile; `exists` tells whether a value names a file of the export."""
        if self._exact is not None:
            sketch, distinct = {_hash(v): n for v, n in self._exact.items()}, len(self._exact)
        else:
            sketch, distinct = self._sketch, len(self._sketch) << self._shift
        occurrences = sum(sketch.values())
        unique = len(sketch) / occurrences if occurrences else 0.0
        sample = self._sample
        found: dict[str, Any]
        if sample:
            found = _kind(sample, self._exact, self._filled, exists)
        else:
            found = {"kind": "presence"} if self._present else {"kind": "empty"}
        shapes = Counter(_shape(v) for v in sample)
        return Column(
            name=self.name,
            rows=self._rows,
            filled=self._filled,
            distinct=distinct,
            distinct_exact=self._shift == 0,
            unique_share=unique,
            max_length=self._max_length,
            patterns=tuple(shapes.most_common(_PATTERNS)),
            sampled=len(sample),
            codes=self._codes(),
            present=self._present,
            bare=frozenset(_hash(v.lstrip("0")) for v in sample) if all(map(_is_number, sample)) else frozenset(),
            comma_share=_share(sample, lambda v: ", " in v),
            hashes=frozenset(sketch),
            shift=self._shift,
            **found,
        )

    def _codes(self) -> tuple[tuple[str, int], ...]:
        """Values that may be told: few, short, upper-case and repeating, hence no person's."""
        exact = self._exact
        if not exact or len(exact) > 40:
            return ()
        if not all(map(_CODE.fullmatch, exact)) and not self._are_words(exact):
            return ()
        if self._filled < (3 if self._max_length > 2 else 2) * len(exact):
            return ()
        return tuple(sorted(exact.items()))

    def _are_words(self, values: Iterable[str]) -> bool:
        """Whether longer values are codes: by the column's name, since words may be people's too."""
        name = plain(self.name)
        return bool(_CODED.search(name)) and not _NAMED.search(name) and all(map(_LONG_CODE.fullmatch, values))


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit()


def _kind(sample: list[str], exact: Counter[str] | None, filled: int, exists: Callable[[str], bool]) -> dict[str, Any]:
    if max(map(len, sample)) > _LONGEST_NUMBER:
        return _other_kind(sample, exact, filled, exists)
    padded = [v.zfill(11) if len(v) in (9, 10) and _is_number(v) else v for v in sample]
    lost = sum(v != p and classify(p).valid and not classify(v).valid for v, p in zip(sample, padded, strict=True))
    identifiers = [classify(v) for v in (padded if lost else sample)]
    national = [i for i in identifiers if i.type not in (IdentifierType.LOCAL, IdentifierType.DUF)]
    if len(national) >= 0.7 * len(sample) and sum(i.valid for i in national) >= 0.5 * len(national):
        wrong = sum(not i.valid for i in identifiers)
        return {"kind": "national-id", "unreadable": wrong, "zero_pad": 11 if lost else 0}
    if _share(sample, organisation_number_ok) >= 0.9:
        return {"kind": "organisation-number"}
    if dates := _dates(sample):
        return dates
    return _other_kind(sample, exact, filled, exists)


def _other_kind(
    sample: list[str], exact: Counter[str] | None, filled: int, exists: Callable[[str], bool]
) -> dict[str, Any]:
    paths = _share(sample[:300], lambda v: bool(_LOOKS_LIKE_FILE.fullmatch(v)))
    if paths >= 0.8 or (paths >= 0.3 and _share(sample[:300], exists) >= 0.3):
        return {"kind": "path"}
    longest = max(len(v) for v in sample)
    if exact is not None and longest <= 12 and (len(exact) <= filled / 3 or (len(exact) <= 2 and filled >= 4)):
        if len(exact) <= 2 and longest <= 5 and filled >= 2 * len(exact):
            return {"kind": "flag"}
        if _share(sample, lambda v: " " not in v) >= 0.9:
            return {"kind": "code"}
    if _share(sample, lambda v: v.isascii() and v.isdigit()) >= 0.98:
        return {"kind": "number"}
    return {"kind": "text"}


def _dates(sample: list[str]) -> dict[str, Any] | None:
    real = [v for v in sample if not _NOTHING.fullmatch(v)]
    if not real:
        return None
    chosen: list[str] = []
    left = real
    for _ in range(3):
        fits = {f: sum(fitting([f], v) is not None for v in left) for f in DATE_FORMATS}
        best = max(DATE_FORMATS, key=lambda f: fits[f])
        if fits[best] < max(1, 0.02 * len(real)):
            break
        chosen.append(best)
        left = [v for v in left if fitting([best], v) is None]
        if not left:
            break
    covered = 1 - len(left) / len(real)
    if covered < (0.97 if set(chosen) & set(_DIGITS_ONLY) else 0.8):
        return None
    reader = DateReader(DateRules(formats=tuple(chosen), pivot=30), date.today())
    read = [iso for v in sample if (iso := reader(v)[0])]
    if len(read) < 0.7 * len(real):
        return None
    return {
        "kind": "date",
        "formats": tuple(chosen),
        "years": (min(read)[:4], max(read)[:4]),
        "unreadable": len(sample) - len(read),
    }


def _hash(value: str) -> int:
    return int.from_bytes(hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _share(sample: list[str], test: Callable[[str], bool]) -> float:
    return sum(map(test, sample)) / len(sample) if sample else 0.0


def _shape(value: str) -> str:
    letters = re.sub(r"[^\W\d_]+", lambda m: "a" if len(m[0]) < 3 else "aaa", value)
    return re.sub(r"\d", "9", letters)[:40]
