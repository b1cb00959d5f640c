"""The embedded search backend: Whoosh, sharded by patient. What is on disk: `viewer.search.generation`."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from uuid import UUID

from archive.catalogue import Catalogue
from archive.errors import CatalogueInvalidError, IndexMissingError
from archive.store import ArchiveStore
from viewer.search import Coverage, Hit, QueryNote, SearchResult, Snippet
from viewer.search.analysis import Analyser
from viewer.search.generation import check_files, deal_out, read_manifest, read_pointer, shard_of
from viewer.search.highlight import find_matches, make_snippets
from viewer.search.query import Query, parse
from viewer.search.shard import Clock, OutOfTimeError, Ranked, Search, Shard

_COMPARED_AT_ONCE = 20_000
"""Packages that are compared with the index while a page waits: some hundredths of a second."""


class WhooshBackend:
    """The current index of an archive, opened whole; see `viewer.search.SearchBackend` for what it answers.

    Raises:
        IndexMissingError: there is none, or it is damaged, foreign or of another version.
    """

    def __init__(self, store: ArchiveStore) -> None:
        self._store = store
        self._pointer = read_pointer(store)
        self._manifest = read_manifest(store)
        self._analyser = Analyser()
        self._stale: tuple[int, bool] | None = None
        self._comparing = threading.Lock()
        self._shards: dict[int, Shard] = {}
        try:
            for facts in self._manifest.shards:
                folder = store.index / self._manifest.generation / facts.folder
                check_files(folder, facts)
                shard = self._shards[facts.number] = Shard(folder)
                if shard.count != facts.documents:
                    raise IndexMissingError(
                        f"The search index holds {shard.count} documents in {facts.folder}, not {facts.documents}.",
                        remedy="`journalarkiv index` makes it again.",
                    )
        except OSError as e:
            self.close()
            raise IndexMissingError(
                f"The search index cannot be read ({e}).", remedy="`journalarkiv index` makes it."
            ) from e
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all shards."""
        for shard in self._shards.values():
            with shard.lock:
                shard.close()
        self._shards = {}

    def search_patient(
        self, patient_id: str, query: str, *, allowed: Collection[str] | None, limit: int, budget_seconds: float
    ) -> SearchResult:
        """One patient's documents that meet the query; asks one shard."""
        clock, parsed = Clock(time.monotonic() + budget_seconds), self._parse(query)
        shard = self._shards.get(shard_of(patient_id, self._manifest.shard_count))
        found = Search()
        if shard is None or not parsed.required:
            return _result(parsed, [found], [], complete=True)
        seen = None if allowed is None else _keys(allowed).__contains__
        complete = True
        with shard.lock:
            try:
                numbers = shard.patient_documents(patient_id, clock)
                if seen is not None:
                    # before anything else: what may not be seen costs no time either
                    numbers = [n for n in numbers if seen(shard.document_id(n))]
                for _ in shard.search(parsed, numbers, clock, None, limit, found):
                    pass
                shard.rank(parsed, found.hits, clock)
            except OutOfTimeError:
                complete = False
        return _result(parsed, [found], found.hits, complete=complete)

    def search_all(
        self, query: str, *, excluded_documents: Collection[str] = (), limit: int, budget_seconds: float
    ) -> SearchResult:
        """Every patient's documents that meet the query; the shards take turns, so that a cut falls on all alike."""
        clock, parsed = Clock(time.monotonic() + budget_seconds), self._parse(query)
        if not parsed.required:
            return _result(parsed, [], [], complete=True)
        excluded = _keys(excluded_documents)
        seen: Callable[[bytes], bool] | None = (lambda key: key not in excluded) if excluded else None
        turns: deque[tuple[Shard, Search, Iterator[None] | None]]
        turns = deque((shard, Search(), None) for shard in self._shards.values())
        searches = [(shard, search) for shard, search, _ in turns]
        complete = True
        try:
            while turns:
                shard, search, pieces = turns.popleft()
                with shard.lock:
                    if pieces is None:
                        pieces = shard.search(parsed, range(shard.count), clock, seen, limit, search)
                    if next(pieces, self) is not self:
                        turns.append((shard, search, pieces))
        except OutOfTimeError:
            complete = False
        newest = sorted(
            ((hit, shard) for shard, search in searches for hit in search.hits),
            key=lambda pair: (-pair[0].date, pair[0].document),
        )[:limit]
        for shard in {id(s): s for _, s in newest}.values():
            with shard.lock, suppress(OutOfTimeError):
                mine = sorted((h for h, s in newest if s is shard), key=lambda h: h.number)
                shard.rank(parsed, mine, clock)
        return _result(parsed, [s for _, s in searches], [h for h, _ in newest], complete=complete)

    def terms(self, query: str) -> tuple[str, ...]:
        """The query's words as they are compared; a prefix with its star."""
        terms: dict[str, None] = {}
        for leaf in self._parse(query).leaves:
            for slots in leaf.alternatives:
                for slot in slots:
                    terms.update(dict.fromkeys([f"{slot.prefix}*"] if slot.prefix else sorted(slot.terms)))
        return tuple(terms)

    def matches(self, query: str, text: str) -> list[tuple[int, int]]:
        """Where the query's words and phrases are in a text."""
        return find_matches(self._parse(query), text, self._analyser)

    def snippets(self, query: str, text: str, n: int = 3) -> tuple[Snippet, ...]:
        """The pieces of a text that show most of the query."""
        return make_snippets(self._parse(query), text, self._analyser, n)

    def covers(self) -> Coverage:
        """What the index was built from; `stale` also where the catalogue cannot be asked."""
        manifest = self._manifest
        return Coverage(
            manifest.generation,
            manifest.content_serial,
            manifest.packages,
            manifest.packages_digest,
            manifest.documents,
            self._is_stale(),
        )

    def behind(self) -> bool:
        """Whether the archive has changed since, as far as is known without waiting: a large archive is compared in
        the background, and until that is done a catalogue of another serial counts as changed."""
        try:
            with Catalogue.open(self._store) as catalogue:
                serial = catalogue.content_serial
        except CatalogueInvalidError:
            return True
        known = self._stale
        if known is not None and known[0] == serial:
            return known[1]
        if self._manifest.packages <= _COMPARED_AT_ONCE:
            return self._is_stale()
        if self._comparing.acquire(blocking=False):
            threading.Thread(target=self._compare, name="index-compare", daemon=True).start()
        return serial != self._manifest.content_serial

    def _compare(self) -> None:
        try:
            self._is_stale()
        finally:
            self._comparing.release()

    def superseded(self) -> bool:
        """True when index/current no longer says what it said when this was opened."""
        return read_pointer(self._store) != self._pointer

    def _parse(self, query: str) -> Query:
        return parse(query, self._analyser)

    def _is_stale(self) -> bool:
        try:
            with Catalogue.open(self._store) as catalogue:
                serial = catalogue.content_serial
                if self._stale is None or self._stale[0] != serial:
                    # a rebuilt catalogue counts anew: what decides is which packages there are
                    digest = deal_out(catalogue, 1).digest
                    self._stale = (serial, digest != self._manifest.packages_digest)
        except CatalogueInvalidError:
            return True
        return self._stale[1]


def _result(query: Query, searches: list[Search], hits: list[Ranked], *, complete: bool) -> SearchResult:
    notes = query.notes
    if any(s.prefix_cut for s in searches):
        notes = (*notes, QueryNote.PREFIX_CUT)
    found = tuple(Hit(str(UUID(bytes=h.document)), h.seq, round(h.score, 4)) for h in hits)
    return SearchResult(found, sum(s.total for s in searches), complete, notes)


def _keys(documents: Collection[str]) -> frozenset[bytes]:
    keys = set()
    for document in documents:
        with suppress(ValueError):  # what is no id of ours is in no index
            keys.add(UUID(document).bytes)
    return frozenset(keys)
