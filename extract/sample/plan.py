"""What each document of a sample is: a pure function of the seed and its place, so that millions need no memory.

The usual mess of an old system is dealt out block by block: in each block of documents every kind of trouble comes its
number of times, at places that the seed decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from random import Random
from typing import NamedTuple

FIRST_DOCUMENT = 700001
BLOCK = 400
"""Documents among which each kind of trouble comes its number of times (all documents, if there are fewer)."""

DEFAULT_MIX: Mapping[str, float] = {
    "rtf": 45, "doc": 5, "docx": 5, "txt": 10, "html": 3, "tiff": 10, "jpeg": 5, "png": 2, "pdf": 10, "xml": 5,
}  # fmt: skip
"""Shares of the formats in per cent."""

WITH_TEXT = frozenset({"rtf", "doc", "docx", "txt", "html", "pdf", "xml"})
PLANTED = (
    *("kvikksølveksponering", "papegøyesyke", "tsetseflue", "brønnkarse", "hvalfangerkne", "fjellrevbitt"),
    *("gulltrådnål", "ormegårdsfeber"),
)
"""Words that no sentence of the sample has, each put into a few documents."""
_GOLDEN = (sqrt(5) - 1) / 2
_MOST_PLANTED = 5


class Trouble(NamedTuple):
    """A kind of document that is not just a note.

    `expect` is what must become of it: `archived`, `quarantined`, or `any` where both are right; `code` the reason.
    `row` marks troubles that the register itself shows, whether or not there are files.
    """

    per_block: int
    expect: str = "archived"
    code: str = ""
    family: str = ""
    row: bool = False


TROUBLES: Mapping[str, Trouble] = {
    "blocked": Trouble(6),
    "draft": Trouble(8),
    "replaces": Trouble(4),
    "attachments": Trouble(6),
    "duplicate-row": Trouble(2),
    "identical-bytes": Trouble(3, family="rtf"),
    "file-missing": Trouble(3, "quarantined", "file-missing"),
    "empty": Trouble(2, "quarantined", "empty"),
    "encrypted": Trouble(2, "quarantined", "encrypted", "pdf"),
    "owner-password": Trouble(1, family="pdf"),
    "truncated-docx": Trouble(1, "quarantined", "truncated", "docx"),
    "truncated-pdf": Trouble(1, "any", family="pdf"),
    "truncated-jpeg": Trouble(1, "any", family="jpeg"),
    "unknown-patient": Trouble(2, "quarantined", "unknown-patient", row=True),
    "path-outside-export": Trouble(1, "quarantined", "path-outside-export", row=True),
    "no-file": Trouble(1, "quarantined", "no-file", row=True),
    "conflicting-rows": Trouble(1, "quarantined", "conflicting-rows", row=True),
    "rtf-named-doc": Trouble(2, family="rtf"),
    "html-named-pdf": Trouble(1, family="html"),
    "jpeg-named-tif": Trouble(1, family="jpeg"),
    "no-extension": Trouble(1, family="rtf"),
    "awkward-name": Trouble(1, family="rtf"),
    "program": Trouble(1, "quarantined", "unsupported-format"),
    "noise": Trouble(1, "quarantined", "unsupported-format"),
    "picture-bomb": Trouble(1, "quarantined", "resource-limit", "png"),
    "date-invalid": Trouble(2),
    "date-missing": Trouble(1),
    "unknown-type": Trouble(1),
}
"""Every kind of trouble, the more usual ones first, since a very small sample has room for those alone."""

ORPHANS_PER_BLOCK = 2


@dataclass(frozen=True, slots=True)
class Planned:
    """One document: its number in the old system, whose it is, of which family its file is, and its trouble."""

    number: int
    patient: int | None
    family: str
    trouble: str = ""
    scanned: bool = False
    replaces: int | None = None

    @property
    def fate(self) -> Trouble:
        """What must become of it when its file is there."""
        return TROUBLES.get(self.trouble, Trouble(0))


class Plan:
    """The plan of one sample."""

    def __init__(self, *, patients: int, documents: int, seed: int, mix: Mapping[str, float]) -> None:
        self.patients, self.documents, self.seed = patients, documents, seed
        self._families = tuple(mix)
        total = sum(mix.values())
        self._bounds: list[float] = []
        for share in mix.values():
            self._bounds.append((self._bounds[-1] if self._bounds else 0.0) + share / total)
        self._start = Random(f"{seed}/mix").random()  # noqa: S311
        self._block = max(1, min(BLOCK, documents))
        self._deck = self._make_deck()
        self._dealt = lru_cache(maxsize=8)(self._deal)
        self.planted = self._plant()

    def rng(self, index: int, use: str = "") -> Random:
        """The document's own source of chance."""
        return Random(f"{self.seed}/document/{index}/{use}")  # noqa: S311

    def at(self, index: int) -> Planned:
        """The document at this place, counted from 0."""
        trouble = self._dealt(index // self._block).get(index % self._block, "")
        replaces = None
        if trouble == "replaces":
            before = self.at(index - 1) if index else None
            if before is None or before.trouble not in ("", "replaces") or before.patient is None:
                trouble = ""
            else:
                replaces = before.number
                return Planned(FIRST_DOCUMENT + index, before.patient, self._family(index), trouble, False, replaces)
        patient = None if trouble == "unknown-patient" else self._patient(index)
        family = TROUBLES[trouble].family if trouble and TROUBLES[trouble].family else self._family(index)
        scanned = family == "pdf" and not trouble and index % 4 == 1
        return Planned(FIRST_DOCUMENT + index, patient, family, trouble, scanned, replaces)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First place of each block, and the first behind it."""
        for start in range(0, self.documents, self._block):
            yield start, min(start + self._block, self.documents)

    def duplicates(self, start: int, end: int) -> Iterator[int]:
        """Places in a block whose rows come twice, or a second time with other words."""
        dealt = self._dealt(start // self._block)
        return (
            start + p for p in sorted(dealt) if dealt[p] in ("duplicate-row", "conflicting-rows") and start + p < end
        )

    def orphans(self) -> Iterator[str]:
        """Files that no row names."""
        for block, _ in enumerate(self.blocks()):
            for n in range(ORPHANS_PER_BLOCK):
                yield f"dok/999/foreldrelos_{block * ORPHANS_PER_BLOCK + n}.rtf"

    def _patient(self, index: int) -> int:
        """Everybody has a document, and some have very many."""
        if index < self.patients:
            return index
        return int(self.patients * self.rng(index, "patient").random() ** 2)

    def _family(self, index: int) -> str:
        # Steps of the golden section spread evenly, so that any stretch of the sample has the mix asked for.
        u = (self._start + index * _GOLDEN) % 1.0
        return next((f for f, b in zip(self._families, self._bounds, strict=True) if u < b), self._families[-1])

    def _make_deck(self) -> list[str]:
        rounds = max(t.per_block for t in TROUBLES.values())
        deck = [name for n in range(rounds) for name, t in TROUBLES.items() if t.per_block > n]
        return deck[: max(1, self._block // 4) if self._block > 1 else 0]

    def _deal(self, block: int) -> dict[int, str]:
        places = Random(f"{self.seed}/block/{block}").sample(range(self._block), len(self._deck))  # noqa: S311
        return dict(zip(places, self._deck, strict=True))

    def _plant(self) -> dict[int, str]:
        """Which documents get which planted word; only ones whose text must be found."""
        rng = Random(f"{self.seed}/planted")  # noqa: S311
        planted: dict[int, str] = {}
        for n, word in enumerate(PLANTED):
            for _ in range(1 + n % _MOST_PLANTED):
                for _ in range(200):
                    index = rng.randrange(self.documents) if self.documents else 0
                    if index in planted or index >= self.documents:
                        continue
                    document = self.at(index)
                    if not document.trouble and not document.scanned and document.family in WITH_TEXT:
                        planted[index] = word
                        break
        return planted
