"""Builds an archive's search index, or brings it up to date: a new generation beside the old one, then one switch.

Only shards whose packages changed are built; the others are carried over. A build that was stopped goes on where it
was: finished shards are taken as they are. Crash safety: docs/internals/search-index.md.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

from archive.catalogue import Catalogue
from archive.errors import ExitCode, IndexMissingError, WorkersFailedError
from archive.presence import require_packages
from archive.store import ArchiveStore, disk_full_is_clear, remove_tree
from viewer.search.generation import (
    Manifest,
    PackagesInShards,
    ShardFacts,
    carry_over,
    check_files,
    deal_out,
    generations,
    publish_generation,
    read_manifest,
    read_shard,
    version,
)
from viewer.search.worker import ShardJob, build_shard

SHARD_DOCUMENTS = 50_000
"""Documents to a shard, about: what one process holds in memory (0.5 GB), and one patient's search goes through."""

_KEPT_GENERATIONS = 2


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was done. `built` shards were made, `carried` taken from the generation before, `resumed` from a stopped
    build; all zero and `changed` False where the index was up to date."""

    generation: str
    changed: bool
    documents: int
    packages: int
    shards: int
    built: int
    carried: int
    resumed: int
    seconds: float

    def to_plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"format": "journalarkiv-index-report/1", **asdict(self)}

    def to_text(self) -> str:
        """One sentence."""
        if not self.changed:
            return f"The index is up to date: {self.documents} documents ({self.generation})."
        return (
            f"{self.documents} documents indexed in {self.seconds:.1f} s ({self.generation}): "
            f"{self.shards} shards, {self.built} built, {self.carried} carried over, {self.resumed} resumed."
        )


def build_index(
    store: ArchiveStore,
    *,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
    shard_documents: int = SHARD_DOCUMENTS,
) -> IndexReport:
    """Make the index cover the archive as it is now. `progress` is given documents done and in all.

    Raises:
        ArchiveBusyError: a migration or another build is running.
        CatalogueInvalidError: there is no catalogue to build from, or it is not that of the packages.
        IndexMissingError: what was written did not check out; nothing was switched.
        DiskFullError: no room; run it again when there is.
        WorkersFailedError: the processes keep dying.
    """
    began = time.monotonic()
    with store.lock(), disk_full_is_clear():
        old = _usable(store)
        with Catalogue.open(store) as catalogue:
            require_packages(store, catalogue)
            documents = catalogue.connection.execute("SELECT count(*) FROM document").fetchone()[0]
            shard_count = _shard_count(documents, shard_documents, old)
            dealt = deal_out(catalogue, shard_count)
        if old is not None and _up_to_date(store, old, dealt, shard_count):
            _tidy(store, old.generation)
            return IndexReport(
                *(old.generation, False, old.documents, old.packages, len(old.shards), 0, 0, 0),
                time.monotonic() - began,
            )
        run = _Run(store, old, dealt, documents, progress or (lambda done, total: None))
        shards = run.shards(workers)
        indexed = sum(s.documents for s in shards)
        if indexed != documents:
            raise IndexMissingError(
                f"The catalogue has {documents} documents, of which {indexed} belong to a current package.",
                remedy="Run `journalarkiv rebuild`, then `journalarkiv index`.",
            )
        manifest = Manifest(
            generation=run.generation,
            archive_id=store.info.id,
            version=version(),
            content_serial=dealt.content_serial,
            packages=dealt.packages,
            packages_digest=dealt.digest,
            documents=documents,
            shard_count=shard_count,
            shards=tuple(shards),
        )
        publish_generation(store, manifest)
        _tidy(store, run.generation)
    return IndexReport(
        *(run.generation, True, documents, dealt.packages, len(shards), run.built, run.carried, run.resumed),
        time.monotonic() - began,
    )


class _Run:
    """One build: where every shard comes from."""

    def __init__(
        self,
        store: ArchiveStore,
        old: Manifest | None,
        dealt: PackagesInShards,
        documents: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self._store, self._old, self._dealt = store, old, dealt
        self._total, self._done, self._progress = documents, 0, progress
        self.generation = _new_generation(store, old)
        self.built = self.carried = self.resumed = 0

    def shards(self, workers: int) -> list[ShardFacts]:
        folder = self._store.index / self.generation
        folder.mkdir(parents=True, exist_ok=True)
        finished, jobs = [], []
        for number, fingerprint in sorted(self._dealt.fingerprints.items()):
            target = folder / f"shard-{number:04d}"
            facts = self._resumed(target, fingerprint) or self._carried(target, number, fingerprint)
            if facts is not None:
                finished.append(facts)
                self._advance(facts.documents)
            else:
                patients = tuple(self._dealt.patients[number])
                jobs.append(ShardJob(self._store, number, fingerprint, patients, target))
        for path in folder.iterdir():  # of a stopped build with other shards
            if path.name not in {f"shard-{n:04d}" for n in self._dealt.fingerprints}:
                remove_tree(path)
        for facts in self._build(jobs, workers):
            self.built += 1
            finished.append(facts)
        # a shard whose patients have no documents answers nothing
        return sorted((f for f in finished if f.documents), key=lambda f: f.number)

    def _advance(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._total)

    def _resumed(self, target: Path, fingerprint: str) -> ShardFacts | None:
        facts = read_shard(target)
        if facts is None or facts.fingerprint != fingerprint:
            return None
        self.resumed += 1
        return facts

    def _carried(self, target: Path, number: int, fingerprint: str) -> ShardFacts | None:
        for facts in self._old.shards if self._old else ():
            if facts.number == number and facts.fingerprint == fingerprint and self._old:
                source = self._store.index / self._old.generation / facts.folder
                try:
                    check_files(source, facts)
                    carry_over(source, target)
                except (OSError, IndexMissingError):
                    return None  # it is built anew instead
                self.carried += 1
                return facts
        return None

    def _build(self, jobs: list[ShardJob], workers: int) -> Iterator[ShardFacts]:
        if len(jobs) <= 1 or workers == 1:
            for job in jobs:
                yield build_shard(job, self._advance)
            return
        spawn = multiprocessing.get_context("spawn")
        counter = spawn.Value("Q", 0)
        before = self._done
        with ProcessPoolExecutor(
            min(workers, len(jobs)),
            mp_context=spawn,
            initializer=_begin_worker,
            initargs=(counter,),
            max_tasks_per_child=1,  # a shard's memory goes back when it is done
        ) as pool:
            pending = {pool.submit(_build_in_worker, job) for job in jobs}
            try:
                while pending:
                    done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                    self._done = before
                    self._advance(counter.value)
                    for future in done:
                        yield future.result()
            except BrokenProcessPool as e:
                raise WorkersFailedError(
                    "A process that built a part of the index died.",
                    remedy="Run `journalarkiv index` again with fewer workers; what is finished is kept.",
                ) from e
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


_counter: Any = None


def _begin_worker(counter: Any) -> None:
    global _counter
    _counter = counter
    # an interrupt at the keyboard reaches the whole group; who began the build says what it means
    signal.signal(signal.SIGINT, lambda *_: os._exit(int(ExitCode.INTERRUPTED)))


def _build_in_worker(job: ShardJob) -> ShardFacts:
    def advance(count: int) -> None:
        with _counter.get_lock():
            _counter.value += count

    return build_shard(job, advance)


def _usable(store: ArchiveStore) -> Manifest | None:
    try:
        return read_manifest(store)
    except IndexMissingError:
        return None


def _shard_count(documents: int, shard_documents: int, old: Manifest | None) -> int:
    """Enough shards for the documents; what there is stays while no shard is over twice the size, or far too small."""
    wanted = max(1, ceil(documents / shard_documents))
    if old is not None and wanted / 2 <= old.shard_count <= wanted * 4:
        return old.shard_count
    return wanted


def _up_to_date(store: ArchiveStore, old: Manifest, dealt: PackagesInShards, shard_count: int) -> bool:
    """Does the old generation cover these packages, and are its bytes whole?"""
    if old.packages_digest != dealt.digest or old.shard_count != shard_count:
        return False
    try:
        for facts in old.shards:
            check_files(store.index / old.generation / facts.folder, facts)
    except (OSError, IndexMissingError):
        return False
    return True


def _new_generation(store: ArchiveStore, old: Manifest | None) -> str:
    """The folder of a stopped build if there is one, else the next number."""
    known = generations(store)
    if known and not (known[-1] / "manifest.json").exists():
        return known[-1].name
    return f"g{int(known[-1].name[1:]) + 1 if known else 1:06d}"


def _tidy(store: ArchiveStore, current: str) -> None:
    """Keep the current generation and the one before it."""
    finished = [p for p in generations(store) if (p / "manifest.json").exists() and p.name <= current]
    for path in generations(store):
        if path not in finished[-_KEPT_GENERATIONS:]:
            remove_tree(path)
