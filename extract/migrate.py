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
from archive.errors import CatalogueInvalidError, DamagedError, JournalarkivError, MappingError, WorkersFailedError
from archive.ledger import State
from archive.normalise.contract import Limits
from archive.normalise.judging import Judging
from archive.store import ArchiveStore, sha256_file, write_durably
from archive.validate import LONG_RUN
from extract import told
from extract.incoming import read_export
from extract.mapping import Mapping, load
from extract.plan import BATCH_DOCUMENTS, Planner, Task, select_pilot
from extract.progress import Progress
from extract.recorder import Recorder
from extract.register import Export, Register
from extract.results import RunSummary, TaskResult
from extract.scratch import scratch_folder
from extract.sources.contract import Source
from extract.sources.numbering import Known, tables
from extract.work import opening_note, run_task, start_worker
from extract.workers import WorkerDied, WorkerPool

log = logging.getLogger(__name__)
MAX_DEATHS_IN_A_ROW = 20
_NUMBERINGS = "numberings"
_NOTHING_WAITS = (State.ARCHIVED, State.EXCLUDED)
_ONE_THREAD = {"RAYON_NUM_THREADS": "1", "GOMAXPROCS": "1"}
"""The engines written in Rust (typst) and Go (siegfried) would each start a thread for every core, in every worker."""


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
    max_gone: int = 100
    """Per cent of what earlier exports had that may be gone from this one."""
    limits: Limits = field(default_factory=Limits)
    judging: Judging = field(default_factory=Judging)
    passwords: tuple[str, ...] = field(default=(), repr=False)
    """To try on files that need one; kept nowhere."""
    scratch: Path | None = None
    """Where to make the run's folder for temporary files, by default within the archive; in a run, that folder."""


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
    with store.lock(), scratch_folder(store, options.scratch) as scratch, Register(store.register) as register:
        options = replace(options, scratch=scratch)
        _needs_its_catalogue(store)
        _sort_beside(store)
        summary = RunSummary(pilot=options.sample is not None)
        started = datetime.now(UTC)
        export = _register(store, register, source, mapping, options, progress)
        summary.export = export.number
        _adopt_generations(store, register)
        summary.seconds_registering = (datetime.now(UTC) - started).total_seconds()
        summary.told = told.counts(register.connection, export.number, whole=options.register_only)
        summary.unclear = told.unclear(register.connection, export.number)
        if options.sample is not None:
            select_pilot(register, export.number, documents=options.sample, seed=options.seed)
        with Catalogue.open(store, write=True):
            pass  # there is one even where nothing was archived yet
        if not options.register_only:
            told.require_clear(register.connection, export.number)
            work_off(store, register, export, options, progress, summary, executor or local_workers, just_read=True)
        summary.seconds = (datetime.now(UTC) - started).total_seconds()
        _write_summary(store, summary)
    return summary


def _needs_its_catalogue(store: ArchiveStore) -> None:
    """An archive with packages has a catalogue; an empty one in its place would deny all of them.

    Raises:
        CatalogueInvalidError: it is gone.
    """
    if not store.catalogue.exists() and next(iter(store.package_files()), None) is not None:
        raise CatalogueInvalidError(
            "The archive has packages and no catalogue.", remedy="Run `journalarkiv rebuild`, and this again."
        )


def local_workers(store: ArchiveStore, options: Options) -> Executor:
    """Worker processes on this machine."""
    return WorkerPool(
        options.workers,
        initializer=start_worker,
        initargs=(store, options.limits, software(), options.judging, options.passwords, options.scratch),
        pinned=True,
        environment=_ONE_THREAD,
    )


def retry(archive: Path, options: Options, progress: Progress, *, reason: str | None = None) -> RunSummary:
    """Take quarantined and incomplete documents up again, all or those of one reason, from the export or their kept
    bytes."""
    store = ArchiveStore.open(archive)
    with store.lock(), scratch_folder(store, options.scratch) as scratch, Register(store.register) as register:
        options = replace(options, scratch=scratch)
        _needs_its_catalogue(store)
        _sort_beside(store)
        export = register.latest_export()
        if export is None or not export.registered:
            raise JournalarkivError(
                "Nothing has been migrated into this archive yet.", remedy="Run `journalarkiv migrate` first."
            )
        told.require_clear(register.connection, export.number)
        summary = RunSummary(export=export.number)
        started = datetime.now(UTC)
        _adopt_generations(store, register)
        take_up(register, reason)
        work_off(store, register, export, options, progress, summary, local_workers)
        summary.seconds = (datetime.now(UTC) - started).total_seconds()
        _write_summary(store, summary)
    return summary


def take_up(register: Register, reason: str | None) -> None:
    """Mark what waits, refused newer versions too, and what is archived without a file or its copy, to be tried again:
    all, or for one reason. A stop leaves the marks.

    Args:
        register: of the archive; must be locked.
        reason: a code of `archive.reasons.Reason`, None for all.
    """
    incomplete = "(state='archived' AND reason IS NOT NULL)"
    chosen = f"(state='quarantined' OR newer_rejected OR {incomplete}) AND (reason=:reason OR :reason IS NULL)"
    with register.transaction():
        run = register.connection.execute
        run(f"UPDATE document SET again=1 WHERE {chosen}", {"reason": reason})  # noqa: S608
        run("UPDATE patient SET done=0 WHERE key IN (SELECT patient_key FROM document WHERE again)")
        run("UPDATE export SET finished=0 WHERE number=(SELECT max(number) FROM export WHERE registered=1)")


def _register(
    store: ArchiveStore, register: Register, source: Source, mapping: Mapping, options: Options, progress: Progress
) -> Export:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    digest = source.register_digest()
    mapping_sha, _ = sha256_file(mapping.path)
    numberings = source.number_keys(_numberings(store, register))
    export, registered = register.begin_export(
        source.root.resolve(), delta=options.delta, register_sha256=digest, mapping_sha256=mapping_sha, now=now
    )
    if not registered:
        write_durably(store.seals / f"mapping-{mapping_sha[:16]}.toml", mapping.path.read_bytes())
        with progress.registering() as tell:
            read_export(register, source, export, tell, max_gone=options.max_gone)
        export = replace(export, registered=True)
    with register.transaction():
        told.store(register.connection, _NUMBERINGS, numberings)
    return export


def _numberings(store: ArchiveStore, register: Register) -> Known:
    """The tables that the archive was made from; of an archive of an earlier version, those of its first mapping."""
    known: Known = told.load(register.connection, _NUMBERINGS)
    first = register.connection.execute(
        "SELECT mapping_sha256 FROM export WHERE registered=1 ORDER BY number"
    ).fetchone()
    if not known and first is not None:
        kept = store.seals / f"mapping-{first[0][:16]}.toml"
        with contextlib.suppress(MappingError):
            known = tables(load(kept))
    return known


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
    just_read: bool = False,
) -> None:
    """Do every task left, record the answers, and sweep up. `just_read`: the export's folder was looked at now."""
    planner = Planner(register, export.number, just_read=just_read)
    pilot = options.sample is not None
    patients, documents = planner.remaining(pilot=pilot)
    summary.validate = str(options.judging)
    if patients:
        long = documents >= LONG_RUN * options.workers
        pool = executor(store, replace(options, judging=replace(options.judging, long_run=long)))
        try:
            with Catalogue.open(store, write=True) as catalogue, progress.working(documents) as bar:
                recorder = Recorder(store, register, catalogue, export.number, summary)
                for result in _answers(
                    pool,
                    planner.tasks(pilot=pilot, batch=options.batch, workers=options.workers),
                    store,
                    options.workers,
                    summary,
                ):
                    recorder.record(result)
                    bar(sum(len(p.results) for p in result.patients), summary.quarantined)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        pool.shutdown(wait=True)
    _sweep_quarantine(store, register)
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


def _sort_beside(store: ArchiveStore) -> None:
    """SQLite sorts what is too large for memory in files: beside the archive, where room was made for it."""
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
            if row is not None and row["state"] in _NOTHING_WAITS and not row["newer_rejected"]:
                quarantine.remove(store, entry.name)


def _write_summary(store: ArchiveStore, summary: RunSummary) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    content = {"format": "journalarkiv.run/1", "software": software(), **summary.to_plain()}
    with contextlib.suppress(FileExistsError):
        write_durably(
            store.seals / f"run-{stamp}-{os.getpid()}.json", json.dumps(content, indent=2, ensure_ascii=False).encode()
        )
