"""The run: an export goes in, packages and a catalogue come out; stopped anywhere it continues.

The coordinator streams the export into the register, hands tasks to workers (never more in flight than twice their
number), and records each answer in two durable steps: catalogue first, then register. A crash between the two only
means that the patient is done again, with the same result.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from archive import quarantine
from archive.catalogue import Catalogue
from archive.errors import DamagedError, JournalarkivError, WorkersFailedError
from archive.normalise.contract import Limits, Timings
from archive.normalise.judging import Judging
from archive.store import ArchiveStore, remove_tree, sha256_file, write_durably
from archive.validate import LONG_RUN
from extract.mapping import Mapping
from extract.plan import BATCH_DOCUMENTS, Planner, Task, select_pilot
from extract.progress import Progress
from extract.register import Export, Register
from extract.results import PatientResult, TaskResult
from extract.sources.contract import Source
from extract.work import opening_note, run_task, start_worker
from extract.workers import WorkerDied, WorkerPool

log = logging.getLogger(__name__)
MAX_DEATHS_IN_A_ROW = 20


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. `sample` documents of a pilot are drawn by `seed`; `register_only` converts nothing; a task holds
    about `batch` documents, and what is in flight at a stop is done again."""

    workers: int = 1
    batch: int = BATCH_DOCUMENTS
    delta: bool = False
    sample: int | None = None
    seed: int = 0
    register_only: bool = False
    limits: Limits = field(default_factory=Limits)
    judging: Judging = field(default_factory=Judging)


@dataclass(slots=True)
class RunSummary:
    """What a run did: counts of this run, and what it cost. Totals over the archive are `archive.reconcile`'s."""

    export: int = 0
    pilot: bool = False
    patients: int = 0
    documents: int = 0
    archived: int = 0
    quarantined: int = 0
    carried_over: int = 0
    packages_written: int = 0
    worker_deaths: int = 0
    validate: str = "all"
    """What was asked: `all`, or `sample:P`."""
    copies_judged: int = 0
    copies_unjudged: int = 0
    """Archive copies made in this run, with and without a verdict."""
    reused: int = 0
    """Files whose bytes were archived before, so that their copy was taken from there."""
    seconds: float = 0.0
    seconds_registering: float = 0.0
    timings: Timings = field(default_factory=Timings)
    peak_memory_worker: int = 0
    peak_memory_converter: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    """What was wrong with packages of earlier generations; their patients are left as they are."""

    def to_plain(self) -> dict[str, object]:
        """JSON-ready; stages with CPU and wall seconds and counts."""
        plain: dict[str, object] = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("timings",)
        }
        plain["stages"] = {
            stage: {
                "cpu_seconds": round(self.timings.cpu[stage], 3),
                "wall_seconds": round(self.timings.wall[stage], 3),
                "count": self.timings.count[stage],
            }
            for stage in sorted(self.timings.count)
        }
        return plain


def software() -> str:
    """Name and version for PREMIS and METS."""
    return f"journalarkiv {metadata.version('journalarkiv')}"


def migrate(
    source: Source,
    mapping: Mapping,
    archive: Path,
    options: Options,
    progress: Progress,
    *,
    executor: Callable[[ArchiveStore, Options], Executor] | None = None,
) -> RunSummary:
    """Register the export (or go on with it), archive what is left to archive, and record it.

    Args:
        source: the export, opened with `mapping`.
        mapping: what its fields mean; also says whose archive this is.
        archive: the folder; made if it is not there.
        options: how to run.
        progress: where to tell how far it is.
        executor: makes what tasks run on, local worker processes by default. Its workers must have called
            `extract.work.start_worker`.

    Raises:
        ArchiveBusyError, NotAnArchiveError, SourceUnreadableError, MappingError, DiskFullError, WorkersFailedError
    """
    store = ArchiveStore.create(archive, mapping.archive_info())
    with store.lock(), Register(store.register) as register:
        _clean_up(store)
        summary = RunSummary(pilot=options.sample is not None)
        started = datetime.now(UTC)
        export = _register(store, register, source, mapping, options, progress)
        summary.export = export.number
        _adopt_generations(store, register)
        summary.seconds_registering = (datetime.now(UTC) - started).total_seconds()
        if options.sample is not None:
            select_pilot(register, export.number, documents=options.sample, seed=options.seed)
        with Catalogue.open(store, write=True):
            pass  # there is one even where nothing was archived yet
        if not options.register_only:
            work_off(store, register, export, options, progress, summary, executor or local_workers)
        summary.seconds = (datetime.now(UTC) - started).total_seconds()
        _write_summary(store, summary)
    return summary


def local_workers(store: ArchiveStore, options: Options) -> Executor:
    """Worker processes on this machine."""
    return WorkerPool(
        options.workers, initializer=start_worker, initargs=(store, options.limits, software(), options.judging)
    )


def retry(archive: Path, options: Options, progress: Progress, *, reason: str | None = None) -> RunSummary:
    """Take quarantined documents up again, all or those of one reason, from the export or their kept bytes."""
    store = ArchiveStore.open(archive)
    with store.lock(), Register(store.register) as register:
        _clean_up(store)
        export = register.latest_export()
        if export is None or not export.registered:
            raise JournalarkivError(
                "Nothing has been migrated into this archive yet.", remedy="Run `journalarkiv migrate` first."
            )
        summary = RunSummary(export=export.number)
        started = datetime.now(UTC)
        _adopt_generations(store, register)
        with register.transaction():
            chosen = "((state='quarantined' AND (reason=:r OR :r IS NULL)) OR (newer_rejected AND :r IS NULL))"
            register.connection.execute(
                f"UPDATE patient SET done=0 WHERE key IN (SELECT patient_key FROM document WHERE {chosen})",  # noqa: S608
                {"r": reason},
            )
            register.connection.execute(
                f"UPDATE document SET state='pending' WHERE state='quarantined' AND {chosen}",  # noqa: S608
                {"r": reason},
            )
            register.connection.execute("UPDATE export SET finished=0 WHERE number=?", (export.number,))
        work_off(store, register, export, options, progress, summary, local_workers, retrying=True)
        summary.seconds = (datetime.now(UTC) - started).total_seconds()
        _write_summary(store, summary)
    return summary


def _register(
    store: ArchiveStore, register: Register, source: Source, mapping: Mapping, options: Options, progress: Progress
) -> Export:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    digest = source.register_digest()
    mapping_sha, _ = sha256_file(mapping.path)
    export, registered = register.begin_export(
        source.root.resolve(), delta=options.delta, register_sha256=digest, mapping_sha256=mapping_sha, now=now
    )
    if not registered:
        write_durably(store.seals / f"mapping-{mapping_sha[:16]}.toml", mapping.path.read_bytes())
        with progress.registering() as tell:
            register.read_export(source, export, tell)
        export = replace(export, registered=True)
    return export


def _adopt_generations(store: ArchiveStore, register: Register) -> None:
    """Learn from the catalogue which packages there are: others than a run write them too (OCR), and a register may be
    lost; no package is ever overwritten."""
    if not store.catalogue.exists():
        return
    with Catalogue.open(store) as catalogue, register.transaction():
        for patient, generation in catalogue.connection.execute(
            "SELECT patient_id, max(generation) FROM package GROUP BY patient_id"
        ):
            register.connection.execute(
                "UPDATE patient SET generation=? WHERE id=? AND generation<?", (generation, patient, generation)
            )


def work_off(
    store: ArchiveStore,
    register: Register,
    export: Export,
    options: Options,
    progress: Progress,
    summary: RunSummary,
    executor: Callable[[ArchiveStore, Options], Executor],
    *,
    retrying: bool = False,
) -> None:
    """Do every task left, record the answers, and sweep up."""
    planner = Planner(register, export.number, retrying=retrying)
    pilot = options.sample is not None
    patients, documents = planner.remaining(pilot=pilot)
    summary.validate = str(options.judging)
    if patients:
        long = documents >= LONG_RUN * options.workers
        pool = executor(store, replace(options, judging=replace(options.judging, long_run=long)))
        try:
            with Catalogue.open(store, write=True) as catalogue, progress.working(documents) as bar:
                recorder = _Recorder(store, register, catalogue, export.number, summary)
                for result in _answers(
                    pool, planner.tasks(pilot=pilot, batch=options.batch), store, options.workers, summary
                ):
                    recorder.record(result)
                    bar(sum(len(p.results) for p in result.patients), summary.quarantined)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        pool.shutdown(wait=True)
    _sweep_quarantine(store, register)
    remove_tree(store.work)
    if summary.damaged:
        raise DamagedError(
            "\n".join((f"{len(summary.damaged)} patients could not be worked:", *summary.damaged[:10])),
            remedy="Everything else is done. See `journalarkiv verify`, restore the packages, and run this again.",
        )
    if not planner.remaining(pilot=False)[0]:
        register.finish_export(export.number, datetime.now(UTC).isoformat(timespec="seconds"))


def _answers(
    pool: Executor, tasks: Iterator[Task], store: ArchiveStore, workers: int, summary: RunSummary
) -> Iterator[TaskResult]:
    """Results as they come; tasks whose worker died are done again, split and with care, until the culprit is named."""
    flying: dict[Future[Any], Task] = {}
    again: deque[Task] = deque()
    deaths = 0
    while True:
        while len(flying) < 2 * workers:
            task = again.popleft() if again else next(tasks, None)
            if task is None:
                break
            flying[pool.submit(run_task, task)] = task
        if not flying:
            return
        done, _ = wait(flying, return_when=FIRST_COMPLETED)
        for future in done:
            task = flying.pop(future)
            try:
                result: TaskResult = future.result()
            except DamagedError as damage:
                if len(task.patients) > 1:
                    again.extend(replace(task, patients=(p,)) for p in task.patients)
                else:
                    summary.damaged.append(str(damage))
            except JournalarkivError:
                raise
            except Exception as e:
                # WorkerDied, or a mistake of ours: either must cost one document and not the days of a run
                death = e if isinstance(e, WorkerDied) else WorkerDied(None)
                frames = "".join(getattr(e, "__notes__", ()))
                log.warning("a task ended with %s\n%s", type(e).__name__, frames)
                deaths += 1
                summary.worker_deaths += 1
                if deaths > MAX_DEATHS_IN_A_ROW:
                    raise WorkersFailedError(
                        f"{deaths} worker processes in a row ended without an answer (last: {death.exit_code}).",
                        remedy="Look at the machine's memory and disk, give fewer --workers, and run it again.",
                    ) from e
                again.extend(_after_death(task, death, store))
            else:
                deaths = 0
                yield result


def _after_death(task: Task, death: WorkerDied, store: ArchiveStore) -> list[Task]:
    """What to do with a task that killed its worker: once more, then patient by patient, then without the culprit."""
    strikes = task.strikes + 1
    if strikes == 1:
        return [replace(task, strikes=strikes)]
    if not task.careful or len(task.patients) > 1:
        return [replace(task, patients=(p,), careful=True, strikes=strikes) for p in task.patients]
    note = opening_note(store, death.pid) if death.pid else None
    poisoned = set(task.poisoned)
    if note is not None and note.exists():
        poisoned.add(note.read_text())
        note.unlink()
    elif strikes > 4:  # it dies outside any conversion: stop every document of this patient, keep all bytes
        poisoned.update(d.document.id for d in task.patients[0].documents)
    return [replace(task, poisoned=frozenset(poisoned), strikes=strikes)]


class _Recorder:
    """Writes answers down: catalogue, then register, then what is no longer needed is removed."""

    def __init__(
        self, store: ArchiveStore, register: Register, catalogue: Catalogue, export: int, summary: RunSummary
    ) -> None:
        self.store, self.register, self.catalogue = store, register, catalogue
        self.export, self.summary = export, summary

    def record(self, result: TaskResult) -> None:
        with self.catalogue.transaction():
            for p in result.patients:
                self._into_catalogue(p)
        with self.register.transaction():
            for p in result.patients:
                self._into_register(p)
        for p in result.patients:
            for r in p.results:
                if r.converted and r.state == "archived" and not r.newer_rejected:
                    quarantine.remove(self.store, r.id)
        s = self.summary
        s.timings.merge(result.timings)
        s.reused += result.timings.count.get("reused", 0)
        s.peak_memory_worker = max(s.peak_memory_worker, result.peak_memory)
        s.peak_memory_converter = max(s.peak_memory_converter, result.peak_memory_children)

    def _into_catalogue(self, p: PatientResult) -> None:
        if p.receipt is not None and p.patient is not None:
            self.catalogue.record_package(p.receipt, p.patient, p.documents)
        # What is archived in an older version is not counted as quarantined; its flag tells of the newer one.
        refused = {r.id for r in p.results if r.newer_rejected}
        for q in p.quarantined:
            if q.document.id not in refused:
                self.catalogue.record_quarantined(q, p.patient.id if p.patient else None)
        for r in p.results:
            if r.converted and r.state == "archived":
                self.catalogue.forget_quarantined(r.id)

    def _into_register(self, p: PatientResult) -> None:
        db, s = self.register.connection, self.summary
        s.patients += 1
        for r in p.results:
            s.documents += 1
            s.archived += r.converted and r.state == "archived" and not r.newer_rejected
            s.carried_over += not r.converted
            if r.converted and (r.state == "quarantined" or r.newer_rejected):
                s.quarantined += 1
                s.reasons[r.reason or ""] = s.reasons.get(r.reason or "", 0) + 1
            if not r.converted and r.state != "excluded":
                # what was done stays as it is recorded; only the facts it was compared by may be new
                db.execute("UPDATE document SET done_fingerprint=? WHERE key=?", (r.fingerprint, r.key))
                continue
            db.execute(
                "UPDATE document SET state=?, reason=?, detail=?, content=?, done_fingerprint=?, newer_rejected=?,"
                " attempts=attempts+1 WHERE key=?",
                (r.state, r.reason, r.detail, json.dumps(r.content), r.fingerprint, int(r.newer_rejected), r.key),
            )
        made = {r.id for r in p.results if r.converted and r.state == "archived" and not r.newer_rejected}
        for d in p.documents:
            for f in d.files if d.id in made else ():
                s.copies_judged += f.archive_copy.verdict is not None
                s.copies_unjudged += f.archive_copy.verdict is None
        if p.receipt is not None:
            s.packages_written += 1
            db.execute("UPDATE patient SET generation=? WHERE key=?", (p.receipt.generation, p.key))
        db.execute("UPDATE patient SET done=?, done_fingerprint=? WHERE key=?", (self.export, p.fingerprint, p.key))


def _clean_up(store: ArchiveStore) -> None:
    """Remove what a killed run left in its work folder; nothing in there is ever needed again."""
    remove_tree(store.work)
    store.work.mkdir()
    # SQLite sorts what is too large for memory in files: beside the archive, where room was made for it
    os.environ["SQLITE_TMPDIR"] = str(store.work)


def _sweep_quarantine(store: ArchiveStore, register: Register) -> None:
    """Remove entries of documents that were archived just before a crash kept their entry from being removed."""
    if not store.quarantine.is_dir():
        return
    with os.scandir(store.quarantine) as entries:
        for entry in entries:
            row = register.connection.execute(
                "SELECT state, newer_rejected FROM document WHERE id=?", (entry.name,)
            ).fetchone()
            if row is not None and row["state"] == "archived" and not row["newer_rejected"]:
                quarantine.remove(store, entry.name)


def _write_summary(store: ArchiveStore, summary: RunSummary) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    content = {"format": "journalarkiv.run/1", "software": software(), **summary.to_plain()}
    with contextlib.suppress(FileExistsError):
        write_durably(
            store.seals / f"run-{stamp}-{os.getpid()}.json", json.dumps(content, indent=2, ensure_ascii=False).encode()
        )
