"""Full-text search: the seam between the viewer and whatever engine answers.

A backend answers in *documents*: a document is found when its files, title and type text together meet the query.
The first backend is Whoosh (`viewer.search.whoosh`); tests/unit/test_search_contract.py is what any other must meet.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from archive.coded import Coded

if TYPE_CHECKING:
    from archive.store import ArchiveStore


class QueryNote(Coded):
    """What of a query could not be taken as it was written, with a sentence for people."""

    EMPTY = "empty", "The query holds no word."
    ONLY_EXCLUDED = "only-excluded", "The query only says what must not be there."
    TOO_LONG = "too-long", "The query was cut at 200 characters."
    TOO_MANY_WORDS = "too-many-words", "Only the first 10 words or phrases were searched for."
    QUOTE_OPEN = "quote-open", "A quotation mark is missing; its words were searched for one by one."
    PREFIX_SHORT = "prefix-short", "A star needs three letters or more before it; the word was searched for as it is."
    STAR_MISPLACED = "star-misplaced", "A star is only understood at the end of a word."
    OPERATOR_MISPLACED = "operator-misplaced", "OR or NOT stands where it joins nothing; it was left out."
    PREFIX_CUT = "prefix-cut", "More words begin like this than were searched for; write more of the word."


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found. `seq` is the file of it that answers the query best; a higher `score` is more to the point."""

    document_id: str
    seq: int
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found, newest document first.

    `total` counts every document found, also beyond the limit; documents that may not be seen are in no number.
    `complete` is False where the time was up: then hits and total are what had been found by then.
    """

    hits: tuple[Hit, ...]
    total: int
    complete: bool = True
    notes: tuple[QueryNote, ...] = ()


@dataclass(frozen=True, slots=True)
class Snippet:
    """A short piece of a text, on one line; `spans` are the matches in it, as offsets into `text`."""

    text: str
    spans: tuple[tuple[int, int], ...]
    start: int
    """Where it begins in the whole text."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an index was built from, and whether the archive has changed since (`stale`)."""

    generation: str
    content_serial: int
    packages: int
    packages_digest: str
    documents: int
    stale: bool


class SearchBackend(Protocol):
    """An open index. Threads may share it. All offsets are in characters of the text given."""

    def search_patient(
        self, patient_id: str, query: str, *, allowed: Collection[str] | None, limit: int, budget_seconds: float
    ) -> SearchResult:
        """The patient's documents that meet the query.

        Args:
            patient_id: whose.
            query: the words, in the grammar of `viewer.search.query`; whatever is typed is a valid query.
            allowed: ids of the documents that may be seen; others are as if they did not exist. None: all.
            limit: how many hits at most.
            budget_seconds: when to stop and say so.
        """
        ...

    def search_all(
        self, query: str, *, excluded_documents: Collection[str] = (), limit: int, budget_seconds: float
    ) -> SearchResult:
        """The same over every patient's documents, without those excluded."""
        ...

    def terms(self, query: str) -> tuple[str, ...]:
        """The words of the query as they are compared, those that must not be there left out."""
        ...

    def matches(self, query: str, text: str) -> list[tuple[int, int]]:
        """Where in a text the query's words and phrases are: sorted, not overlapping."""
        ...

    def snippets(self, query: str, text: str, n: int = 3) -> tuple[Snippet, ...]:
        """The n pieces of a text that show most of the query, in the order of the text; () where nothing matches."""
        ...

    def covers(self) -> Coverage:
        """What the index was built from, compared with the archive as it is now."""
        ...

    def behind(self) -> bool:
        """Whether the archive has changed since, said without waiting: True also where that is not known yet."""
        ...

    def superseded(self) -> bool:
        """True when a newer generation of the index has been published; open it and close this one."""
        ...

    def close(self) -> None:
        """Give back files and memory."""
        ...


def open_index(store: ArchiveStore) -> SearchBackend:
    """Open an archive's current index.

    Raises:
        IndexMissingError: there is none, or it is damaged, foreign or of another version.
    """
    from viewer.search.whoosh import WhooshBackend

    return WhooshBackend(store)
