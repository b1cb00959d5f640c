"""The run of `journalarkiv ocr`: fill the queue, read pages in threads, publish patient by patient; stopped anywhere it
continues.

Reading takes seconds a page and needs no lock, so a migration may run beside it. Publishing a patient takes the
archive's lock for as long as copying one package takes; where a migration holds it, the words wait in the queue for the
end of this run, or for the next.
"""

from __future__ import annotations

import logging
import queue as queues
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from archive.catalogue import Catalogue
from archive.errors import ArchiveBusyError, DamagedError
from archive.normalise.contract import Limits
from archive.ocr.pick import fill
from archive.ocr.publish import Laboratory, Located, Recognised, Searchable, copy_out, locate, publish
from archive.ocr.queue import PageState, Queue, QueuedFile
from archive.ocr.recognise import SECONDS, Engine, PageResult, recognise, version_of
from archive.reasons import DocumentProblem
from archive.store import ArchiveStore, disk_full_is_clear, remove_tree

log = logging.getLogger(__name__)

_PAGES_AT_ONCE = 8
_DAMAGED = "The archive copy is not what the record says; see journalarkiv verify."
_PAUSE_SECONDS = 0.2
"""Between two patients being published, so that whoever waits for the lock gets it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: threads, each with a process that reads; language and resolution; most pages to read."""

    workers: int = 1
    language: str = "nor"
    dpi: int = 300
    limit: int | None = None


@dataclass(slots=True)
class Summary:
    """What a run did, in pages unless said otherwise; `queue` is where all pages stand at its end."""

    engine: str = ""
    read: int = 0
    with_words: int = 0
    nothing_found: int = 0
    failed: int = 0
    files_published: int = 0
    packages_written: int = 0
    patients_waiting_for_archive: int = 0
    """Whose words are read and not published, since another process was writing the archive."""
    damaged: int = 0
    """Patients whose package is not what the record says; `verify` tells which."""
    seconds: float = 0.0
    queue: dict[str, int] = field(default_factory=dict)

    @property
    def has_findings(self) -> bool:
        """Whether something is left that is not simply beyond the limit."""
        return bool(self.failed or self.patients_waiting_for_archive or self.damaged)


Bar = Callable[[str, int, int], None]
"""Takes what is done (`packages looked through`, `pages`), how many, and of how many."""


def run(store: ArchiveStore, options: Options, tell: Bar) -> Summary:
    """Read what waits, and publish what was read.

    Raises:
        ArchiveBusyError: another `ocr` is at work on this archive.
        CatalogueInvalidError: there is no catalogue to find the pages in.
        EngineMissingError: tesseract or the language is not installed.
        DiskFullError: no room; what was read is recorded.
    """
    engine = Engine.find(options.language, options.dpi)
    started = time.monotonic()
    with store.ocr_lock():
        remove_tree(store.ocr_work)
        with disk_full_is_clear():
            store.ocr_work.mkdir()
        try:
            with Queue(store.ocr_queue, store.info.id) as queue, Catalogue.open(store) as catalogue:
                fill(store, catalogue, queue, lambda done, total: tell("packages looked through", done, total))
                queue.reopen(engine.key)
                summary = _Run(store, catalogue, queue, engine, options, tell).go()
                queue.tidy()
                summary.queue = {state.value: number for state, number in queue.counts().items()}
        finally:
            remove_tree(store.ocr_work)
    summary.engine = engine.key
    summary.seconds = round(time.monotonic() - started, 3)
    return summary


def status(store: ArchiveStore) -> dict[str, int] | None:
    """Pages by state, as the last run left them or the current one has them; None where there was none yet."""
    if not store.ocr_queue.is_file():
        return None
    with Queue(store.ocr_queue, store.info.id, write=False) as queue:
        return {state.value: number for state, number in queue.counts().items()}


class _Stopped(Exception):
    """The run ends; raised in its threads."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some pages of a file, for one thread."""

    file: QueuedFile
    where: Located
    pages: tuple[int, ...]


@dataclass(slots=True)
class _Patient:
    """A patient being worked: pages are read, then searchable copies are made, then they are published together."""

    under_way: int
    """Chunks or files that threads have."""
    whole: bool
    """Nothing of it is left for a later run."""
    making: bool = False
    ready: list[Searchable] = field(default_factory=list)


_Then = Callable[[], None]
"""What is to be done, in the thread of the run, with what another thread has found."""


class _Run:
    """One run. `_read` and `_make` work in threads; everything else, the queue's writing above all, in one."""

    def __init__(
        self, store: ArchiveStore, catalogue: Catalogue, queue: Queue, engine: Engine, options: Options, tell: Bar
    ) -> None:
        self.store, self.catalogue, self.queue = store, catalogue, queue
        self.engine, self.options, self.tell = engine, options, tell
        self.summary = Summary()
        self.limits = Limits(seconds=SECONDS)
        self.laboratory = Laboratory(store.ocr_work, self.limits)
        self.patients: dict[str, _Patient] = {}
        self.events: queues.SimpleQueue[_Then] = queues.SimpleQueue()
        self.stop = threading.Event()
        self.flying = 0
        waiting = queue.counts()[PageState.WAITING]
        self.total = waiting if options.limit is None else min(waiting, options.limit)
        self.pool = ThreadPoolExecutor(options.workers, thread_name_prefix="ocr")

    def go(self) -> Summary:
        try:
            self.tell("pages", 0, self.total)
            chunks = self._chunks()
            while True:
                while self.flying < 2 * self.options.workers and (chunk := next(chunks, None)) is not None:
                    self._submit(self._read, chunk)
                if not self.flying:
                    break
                self.events.get()()
        finally:
            self.stop.set()
            self.pool.shutdown(wait=True, cancel_futures=True)
        self.summary.patients_waiting_for_archive = sum(1 for p in self.queue.patients() if self._is_read(p))
        return self.summary

    def _is_read(self, patient_id: str) -> bool:
        return not self.queue.files(patient_id, PageState.WAITING)

    def _submit(self, work: Callable[..., _Then], *arguments: object) -> None:
        self.flying += 1
        self.pool.submit(self._in_thread, work, arguments)

    def _in_thread(self, work: Callable[..., _Then], arguments: tuple[object, ...]) -> None:
        try:
            with disk_full_is_clear():
                then = work(*arguments)
        except _Stopped:
            return
        except BaseException as e:  # the run ends with it
            self.events.put(partial(_raise, e))
        else:
            self.events.put(partial(self._ended, then))

    def _ended(self, then: _Then) -> None:
        self.flying -= 1
        then()

    def _stopping(self) -> None:
        if self.stop.is_set():
            raise _Stopped

    # --- reading -------------------------------------------------------------------------------------------------

    def _chunks(self) -> Iterator[_Chunk]:
        """What is to be read, patient by patient; a patient of whom all is read goes on to be published."""
        left = self.total
        for patient_id in self.queue.patients():
            chunks: list[_Chunk] = []
            whole = True
            for file in self.queue.files(patient_id, PageState.WAITING):
                where = locate(self.store, self.catalogue, file)
                if where is None:  # a migration has changed it meanwhile; the next run looks again
                    continue
                whole = whole and len(file.pages) <= left
                for first in range(0, min(len(file.pages), left), _PAGES_AT_ONCE):
                    chunks.append(_Chunk(file, where, file.pages[:left][first : first + _PAGES_AT_ONCE]))
                left -= min(len(file.pages), left)
            self.patients[patient_id] = _Patient(len(chunks), whole)
            if not chunks:
                self._go_on(patient_id)
            yield from chunks

    def _read(self, chunk: _Chunk) -> _Then:
        with tempfile.TemporaryDirectory(dir=self.store.ocr_work, prefix="read-") as name:
            folder = Path(name)
            source = folder / "source.pdf"
            try:
                copy_out(chunk.where, chunk.file.archive_sha256, source)
            except DamagedError:
                for page in chunk.pages:
                    self.events.put(partial(self._record, chunk.file, PageResult(page, problem=_DAMAGED)))
                return partial(self._done_one, chunk.file.patient_id)
            for result in recognise(
                self.engine,
                source,
                chunk.pages,
                folder=folder,
                known=lambda raster: self.queue.known_words(raster, self.engine.key),
                stopping=self._stopping,
                limits=self.limits,
            ):
                self.events.put(partial(self._record, chunk.file, result))
                self._stopping()
        return partial(self._done_one, chunk.file.patient_id)

    def _record(self, file: QueuedFile, result: PageResult) -> None:
        state = self.queue.record(file, result, self.engine.key)
        s = self.summary
        s.read += 1
        s.with_words += state is PageState.RECOGNISED
        s.nothing_found += state is PageState.NOTHING_FOUND
        s.failed += state is PageState.FAILED
        self.tell("pages", s.read, self.total)

    # --- publishing ----------------------------------------------------------------------------------------------

    def _done_one(self, patient_id: str) -> None:
        self.patients[patient_id].under_way -= 1
        self._go_on(patient_id)

    def _go_on(self, patient_id: str) -> None:
        """What is next for a patient, once nothing of it is under way."""
        patient = self.patients[patient_id]
        if patient.under_way:
            return
        if patient.whole and not patient.making and self._archive_is_free():
            patient.making = True
            if self._make_all(patient_id, patient):
                return
        if patient.ready:
            self._publish(patient_id, patient.ready)
        del self.patients[patient_id]

    def _archive_is_free(self) -> bool:
        """Whether it is worth making copies now."""
        try:
            with self.store.lock(brief=True):
                return True
        except ArchiveBusyError:
            return False

    def _make_all(self, patient_id: str, patient: _Patient) -> bool:
        """Have copies made of all files with words; False where there are none."""
        for file in self.queue.files(patient_id, PageState.RECOGNISED):
            where = locate(self.store, self.catalogue, file)
            if where is not None:
                patient.under_way += 1
                self._submit(self._make, where, self._found(file, where.page_count))
        return patient.under_way > 0

    def _found(self, file: QueuedFile, page_count: int) -> Recognised:
        words = self.queue.words_of(file)
        pages, confidence = self.queue.certainty(file)
        key = max(engine for _, engine in words.values())
        note = f"{key}; {pages} of {page_count} pages; mean confidence {confidence:.0f} %."
        return Recognised(file, {page: w for page, (w, _) in words.items()}, version_of(key), note)

    def _make(self, where: Located, found: Recognised) -> _Then:
        self._stopping()
        made: Searchable | str
        try:
            made = self.laboratory.make(where, found)
        except DocumentProblem as e:
            made = e.detail
        except DamagedError:
            made = _DAMAGED
        return partial(self._made, found.file, made)

    def _made(self, file: QueuedFile, made: Searchable | str) -> None:
        if isinstance(made, Searchable):
            self.patients[file.patient_id].ready.append(made)
        else:
            self.queue.fail(file, made)
            self.summary.failed += len(file.pages)
        self._done_one(file.patient_id)

    def _publish(self, patient_id: str, ready: list[Searchable]) -> None:
        try:
            receipt = publish(self.store, self.queue, patient_id, ready, self.store.ocr_work)
        except ArchiveBusyError:
            return
        except DamagedError as e:
            log.warning("%s", e)
            self.summary.damaged += 1
            return
        finally:
            for copy in ready:
                remove_tree(copy.pdf.parent)
        if receipt is not None:
            self.summary.packages_written += 1
            self.summary.files_published += len(ready)
            time.sleep(_PAUSE_SECONDS)


def _raise(error: BaseException) -> None:
    raise error
