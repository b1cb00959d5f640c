"""One open shard: finds the documents that meet a query, newest first, a piece of the shard at a time.

Whoosh's own query objects are not used: here the clock is looked at between postings, what may be seen is settled
before anything is counted, and what is typed never reaches a parser that knows more than our grammar.
"""

from __future__ import annotations

import mmap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Any

from whoosh import index
from whoosh.reading import TermNotFound

from viewer.search.analysis import FILE_BITS, Analyser, seq_of
from viewer.search.query import Leaf, Query, Slot

MAX_EXPANSION = 200
"""How many words a prefix stands for at most, in one shard."""

_LIST_PIECE = 256
_RANGE_PIECE = 4096
_LOOK_AT_CLOCK = 256
_K1, _B = 1.2, 0.75

Candidates = range | list[int]
"""Document numbers in ascending order."""


class OutOfTimeError(Exception):
    """The query's time is up."""


@dataclass(slots=True)
class Clock:
    """Says when the time is up; looks only every so often."""

    deadline: float
    _ticks: int = 0

    def tick(self) -> None:
        """Count one step. Raises OutOfTimeError when the deadline has passed."""
        self._ticks += 1
        if self._ticks % _LOOK_AT_CLOCK == 1 and time.monotonic() > self.deadline:
            raise OutOfTimeError


@dataclass(slots=True)
class Ranked:
    """A document that meets the query."""

    number: int
    document: bytes
    date: int
    seq: int = 1
    score: float = 0.0


@dataclass(slots=True)
class Search:
    """What one search of one shard has given so far."""

    hits: list[Ranked] = field(default_factory=list)
    total: int = 0
    prefix_cut: bool = False


class Shard:
    """A shard opened for reading. Used by one thread at a time: take `lock` around everything."""

    def __init__(self, folder: Path) -> None:
        self.lock = threading.Lock()
        self._index = index.open_dir(str(folder))
        self._reader = self._index.reader()
        self.count: int = self._reader.doc_count_all()
        self._documents = self._reader.column_reader("doc", translate=False)
        self._dates = self._reader.column_reader("date", translate=False)
        self._mean_length = self._reader.field_length("body") / max(1, self.count)
        self._words = _Words(folder / "words.txt")

    def close(self) -> None:
        """Close its files."""
        self._words.close()
        self._reader.close()
        self._index.close()

    def patient_documents(self, patient_id: str, clock: Clock) -> list[int]:
        """The numbers of a patient's documents."""
        return self._postings("patient", patient_id.encode()).among(range(self.count), clock)

    def document_id(self, number: int) -> bytes:
        """A document's id, its 16 bytes."""
        return bytes(self._documents[number])

    def search(
        self,
        query: Query,
        candidates: Candidates,
        clock: Clock,
        seen: Callable[[bytes], bool] | None,
        limit: int,
        result: Search,
    ) -> Iterator[None]:
        """Fill `result` a piece of the candidates at a time; between the pieces it may be left.

        `seen` says which documents may be: the others are not counted.
        """
        finder = _Finder(self, query)
        result.prefix_cut = finder.prefix_cut
        step = _RANGE_PIECE if isinstance(candidates, range) else _LIST_PIECE
        for start in range(0, len(candidates), step):
            for number in finder.find(candidates[start : start + step], clock):
                document = self.document_id(number)
                if seen is None or seen(document):
                    result.total += 1
                    if len(result.hits) < limit:
                        result.hits.append(Ranked(number, document, self._dates[number]))
            yield

    def rank(self, query: Query, hits: Sequence[Ranked], clock: Clock) -> None:
        """Set score (BM25) and best file of hits, which come in ascending numbers."""
        terms = {t for leaf in query.leaves for slots in leaf.alternatives for s in slots for t in self.expand(s)[0]}
        # file -> how many of the terms it has, and how often
        files: dict[int, dict[int, tuple[int, int]]] = {hit.number: {} for hit in hits}
        numbers = [hit.number for hit in hits]
        scores = dict.fromkeys(numbers, 0.0)
        for term in sorted(terms):
            postings = self._postings("body", term)
            rarity = log(1 + (self.count - postings.count + 0.5) / (postings.count + 0.5))
            for number, positions in postings.positions_among(numbers, clock).items():
                length = self._reader.doc_field_length(number, "body", 1) or 1
                norm = _K1 * (1 - _B + _B * length / self._mean_length)
                scores[number] += rarity * len(positions) * (_K1 + 1) / (len(positions) + norm)
                for seq, times in Counter(seq_of(p >> FILE_BITS) for p in positions).items():
                    kinds, sum_of_times = files[number].get(seq, (0, 0))
                    files[number][seq] = (kinds + 1, sum_of_times + times)
        for hit in hits:
            hit.score = scores[hit.number]
            found = sorted(files[hit.number].items(), key=lambda item: item[0])
            hit.seq = max(found, key=lambda item: item[1])[0] if found else 1

    def expand(self, slot: Slot) -> tuple[list[bytes], bool]:
        """The terms a slot stands for in this shard, and whether a prefix stands for more than was taken."""
        if not slot.prefix:
            return [t.encode() for t in slot.terms], False
        return self._words.terms(slot.prefix)

    def _postings(self, name: str, term: bytes) -> _Postings:
        try:
            return _Postings(self._reader.postings(name, term), self._reader.doc_frequency(name, term))
        except TermNotFound:
            return _Postings(None, 0)

    def union(self, slot: Slot) -> tuple[list[_Postings], bool]:
        """The postings of a slot's terms."""
        terms, cut = self.expand(slot)
        found = [self._postings("body", term) for term in terms]
        return [p for p in found if p.count], cut


class _Postings:
    """One term's documents, gone through once, forwards."""

    def __init__(self, matcher: Any, count: int) -> None:
        self._matcher = matcher
        self.count = count

    def among(self, candidates: Candidates, clock: Clock) -> list[int]:
        return [number for number, _ in self._walk(candidates, clock)]

    def positions_among(self, candidates: Candidates, clock: Clock) -> dict[int, list[int]]:
        return {number: matcher.value_as("positions") for number, matcher in self._walk(candidates, clock)}

    def _walk(self, candidates: Candidates, clock: Clock) -> Iterator[tuple[int, Any]]:
        matcher = self._matcher
        if matcher is None or not candidates:
            return
        if isinstance(candidates, range):
            if matcher.is_active():
                matcher.skip_to(candidates.start)
            while matcher.is_active() and (number := matcher.id()) < candidates.stop:
                clock.tick()
                yield number, matcher
                matcher.next()
            return
        for candidate in candidates:
            clock.tick()
            if not matcher.is_active():
                return
            matcher.skip_to(candidate)
            if matcher.is_active() and matcher.id() == candidate:
                yield candidate, matcher


class _Finder:
    """A query with its postings open, asked for one piece of the shard after the other."""

    def __init__(self, shard: Shard, query: Query) -> None:
        self.prefix_cut = False
        groups = [[self._open(shard, leaf) for leaf in group] for group in query.required]
        self._groups = sorted(groups, key=lambda group: sum(leaf.cost for leaf in group))
        self._excluded = [self._open(shard, leaf) for leaf in query.excluded]

    def _open(self, shard: Shard, leaf: Leaf) -> _OpenLeaf:
        alternatives = []
        for slots in leaf.alternatives:
            opened = []
            for slot in slots:
                postings, cut = shard.union(slot)
                self.prefix_cut = self.prefix_cut or cut
                opened.append(postings)
            alternatives.append(opened)
        return _OpenLeaf(alternatives)

    def find(self, candidates: Candidates, clock: Clock) -> list[int]:
        for group in self._groups:
            found = {n for leaf in group for n in leaf.among(candidates, clock)}
            candidates = sorted(found)
            if not candidates:
                return []
        for leaf in self._excluded:
            gone = leaf.among(candidates, clock)
            candidates = [n for n in candidates if n not in gone]
        return list(candidates) if self._groups else []


class _OpenLeaf:
    def __init__(self, alternatives: list[list[list[_Postings]]]) -> None:
        self._alternatives = alternatives
        costs = [[sum(p.count for p in slot) for slot in slots] for slots in alternatives]
        self.cost = sum(min(slots) for slots in costs)

    def among(self, candidates: Candidates, clock: Clock) -> set[int]:
        found: set[int] = set()
        for slots in self._alternatives:
            if len(slots) == 1:
                for postings in slots[0]:
                    found.update(postings.among(candidates, clock))
            else:
                found.update(_phrase(slots, candidates, clock))
        return found


def _phrase(slots: list[list[_Postings]], candidates: Candidates, clock: Clock) -> set[int]:
    """The documents in which the slots stand beside each other; the rarest is read first."""
    order = sorted(range(len(slots)), key=lambda i: sum(p.count for p in slots[i]))
    begins: dict[int, set[int]] = {}
    for turn, place in enumerate(order):
        here: dict[int, set[int]] = {}
        for postings in slots[place]:
            for number, positions in postings.positions_among(candidates, clock).items():
                here.setdefault(number, set()).update(p - place for p in positions)
        if turn:
            here = {n: both for n, starts in here.items() if (both := starts & begins[n])}
        begins = here
        candidates = sorted(begins)
        if not candidates:
            break
    return set(candidates)


class _Words:
    """The sorted words of a shard (words.txt), searched where they lie."""

    def __init__(self, path: Path) -> None:
        self._analyser = Analyser()
        with path.open("rb") as file:
            self._size = path.stat().st_size
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._size else None

    def close(self) -> None:
        if self._map is not None:
            self._map.close()

    def terms(self, prefix: str) -> tuple[list[bytes], bool]:
        """The terms of the words that begin so; True with them if there are more."""
        found: dict[str, None] = {}
        for word in self._beginning(prefix.encode()):
            term = self._analyser.stem(word.decode())
            if term not in found and len(found) == MAX_EXPANSION:
                return [t.encode() for t in found], True
            found[term] = None
        return [t.encode() for t in found], False

    def _beginning(self, prefix: bytes) -> Iterator[bytes]:
        if self._map is None:
            return
        low, high = 0, self._size
        while low < high:  # the first line that is not less than the prefix begins in [low, high]
            middle = (low + high) // 2
            start = self._map.rfind(b"\n", 0, middle) + 1
            end = self._map.find(b"\n", start)
            if self._map[start:end] < prefix:
                low = end + 1
            else:
                high = start
        while low < self._size:
            end = self._map.find(b"\n", low)
            word = self._map[low:end]
            if not word.startswith(prefix):
                return
            yield word
            low = end + 1
