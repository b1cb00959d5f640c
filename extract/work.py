"""What a worker does with a task: read the source files, normalise them, write packages and quarantine, return facts.

Nothing here touches SQLite. Everything returned is durable on disk before it is returned, and running a task twice
gives the same packages, so a task that was cut short is simply done again.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from archive import quarantine
from archive.identifiers import package_id
from archive.ledger import Said, State, Step, next_step
from archive.normalise.contract import Job, Limits, NormaliserLike, Outcome, Rejected, Timings
from archive.normalise.judging import Judging
from archive.reasons import Reason
from archive.record import FlagNote
from archive.reuse import Earlier
from archive.store import ArchiveStore, disk_full_is_clear, remove_tree, sha256_file
from extract.assemble import Desk, assemble
from extract.filing import held_original, missing_note
from extract.plan import PlannedDocument, PlannedPatient, Task
from extract.register import fingerprint
from extract.results import LookedAt, TaskResult
from extract.workers import Answer, sign_of_life


@dataclass(slots=True)
class Worker:
    """What a worker process keeps between tasks: its engines."""

    store: ArchiveStore
    limits: Limits
    software: str
    normaliser: NormaliserLike | None = None
    judging: Judging = field(default_factory=Judging)
    passwords: tuple[str, ...] = field(default=(), repr=False)
    scratch: Path | None = None
    settled: bool = False
    _earlier: Earlier | None = None

    @property
    def earlier(self) -> Earlier:
        """What is archived already."""
        if self._earlier is None:
            self._earlier = Earlier(self.store, self.software)
        return self._earlier

    def engines(self) -> NormaliserLike:
        """The process's one normaliser, started on first use."""
        if self.normaliser is None:
            from archive.normalise.ladder import Normaliser

            self.normaliser = Normaliser(
                self.limits,
                self.temporary / f"engines-{os.getpid()}",
                self.judging,
                known_part=lambda job, out: self.earlier.find_bare(job, out),
                passwords=self.passwords,
            )
        return self.normaliser

    @property
    def temporary(self) -> Path:
        """The run's folder for temporary files."""
        return self.scratch or self.store.work

    @property
    def note(self) -> Path:
        """Where a careful task writes which document it opens."""
        return opening_note(self.store, os.getpid())


def opening_note(store: ArchiveStore, pid: int) -> Path:
    """The note a careful worker leaves: the id of the document it has open."""
    return store.work / f"opening-{pid}"


_OUR_TROUBLE = frozenset(
    {errno.EIO, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
)
"""Errors of the machine or its disks, for which no document is to blame."""

_worker: Worker | None = None


def start_worker(
    store: ArchiveStore,
    limits: Limits,
    software: str,
    judging: Judging = Judging(),  # noqa: B008 (frozen)
    passwords: tuple[str, ...] = (),
    scratch: Path | None = None,
) -> None:
    """Initialise a worker process. Memory of in-process engines is bounded, so a bomb is an error and not the
    kernel's choice of a victim."""
    global _worker
    _worker = Worker(store, limits, software, judging=judging, passwords=passwords, scratch=scratch)
    # Libraries warn about the files they read; only what is recorded of a document may be said of it.
    logging.getLogger().addHandler(logging.NullHandler())
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = limits.memory_bytes if hard == resource.RLIM_INFINITY else min(limits.memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def run_task(task: Task) -> Answer:
    """Do one task in a worker process.

    Raises:
        DiskFullError: no room; nothing of this task is lost, it is done again.
    """
    if _worker is None:
        raise RuntimeError("start_worker was not called in this process")
    work = _worker.temporary / f"worker-{os.getpid()}"
    remove_tree(work)
    with disk_full_is_clear():
        work.mkdir(parents=True)
        try:
            result = Run(_worker, task, work).run()
        finally:
            remove_tree(work)
    if not _worker.settled:
        # What the first task has loaded stays: full collections need not look through it.
        gc.collect()
        gc.freeze()
        _worker.settled = True
    return Answer(result, replace_worker=bool(getattr(_worker.normaliser, "broken", False)))


class _Watched(Timings):
    """Each stage of a document that has ended is a sign of life."""

    __slots__ = ()

    def add(self, stage: str, cpu: float, wall: float, count: int = 1) -> None:
        super().add(stage, cpu, wall, count)
        sign_of_life()


class Run:
    """One task being done."""

    def __init__(self, worker: Worker, task: Task, work: Path) -> None:
        self.worker, self.task, self.work = worker, task, work
        self.timings = _Watched()

    def run(self) -> TaskResult:
        """Look at every document, normalise what needs it in one batch, then finish patient by patient."""
        patients = [(p, [self._look(d, p) for d in p.documents]) for p in self.task.patients]
        work = [d for _, documents in patients for d in documents if d.step is Step.WORK]
        out = self.work / "out"
        out.mkdir()
        # of what is archived but for a copy, all else is as it was
        outcomes = self._archived_before(
            [j for d in work if not d.plan.again or d.plan.state is State.ARCHIVED for j in d.jobs], out
        )
        outcomes |= self._normalise([j for d in work for j in d.jobs if j.key not in outcomes], out)
        result = TaskResult(timings=self.timings)
        # A package is renamed into its place, so it is written on the archive's own file system.
        packing = self.worker.store.work / f"packages-{os.getpid()}"
        desk = Desk(self.worker.store, self.worker.software, packing, datetime.now(UTC))
        for planned, documents in patients:
            with self._stage("package"):
                result.patients.append(assemble(desk, planned, documents, outcomes))
        result.peak_memory, result.peak_memory_children = _peak_memory()
        return result

    @contextlib.contextmanager
    def _stage(self, name: str, count: int = 1) -> Iterator[None]:
        cpu, wall = time.process_time(), time.monotonic()
        yield
        self.timings.add(name, time.process_time() - cpu, time.monotonic() - wall, count)

    def _look(self, plan: PlannedDocument, patient: PlannedPatient) -> LookedAt:
        """Hash a document's files where something new is said of it, and decide what follows."""
        if not plan.new:
            return LookedAt(plan, next_step(plan.state, Said(new=False)), plan.done_fingerprint or "", plan.content)
        if plan.excluded is not None and plan.state is not State.REFUSED:
            print_ = _print(plan, patient, ())
            said = Said(new=True, excluded=True, same=print_ == plan.done_fingerprint)
            return LookedAt(plan, next_step(plan.state, said), print_, plan.content)
        with self._stage("hash", len(plan.files)):
            content, jobs, problem, missing = self._read(plan, patient)
        problem = self._problem_of(plan, patient) or problem
        if problem is not None and plan.state is State.ARCHIVED and not plan.said_anew:
            # `retry` asked for what is missing of it, and cannot have it: nothing newer was said that could be refused
            return LookedAt(plan, next_step(plan.state, Said(new=False)), plan.done_fingerprint or "", plan.content)
        print_ = _print(plan, patient, content)
        if plan.state.held and patient.conflicting and plan.done_fingerprint != print_:
            # rows that conflict on whose journal it is say nothing against a version that is held already
            clear = _print(plan, replace(patient, conflicting=False), content)
            print_ = clear if clear == plan.done_fingerprint else print_
        said = Said(
            new=True,
            excluded=plan.excluded is not None,
            unfit=problem is not None,
            same=print_ == plan.done_fingerprint,
            same_bytes=content == plan.content,
        )
        return LookedAt(plan, next_step(plan.state, said, again=plan.again), print_, content, problem, jobs, missing)

    def _problem_of(self, plan: PlannedDocument, patient: PlannedPatient) -> tuple[Reason, str] | None:
        if plan.problem is not None:
            return plan.problem
        if plan.excluded is not None:
            return Reason(plan.reason or Reason.BAD_ROW), plan.detail or ""
        if patient.conflicting:
            return Reason.CONFLICTING_PATIENT, Reason.CONFLICTING_PATIENT.sentence
        if patient.patient is None:
            return Reason.UNKNOWN_PATIENT, Reason.UNKNOWN_PATIENT.sentence
        if not plan.files:
            return Reason.NO_FILE, Reason.NO_FILE.sentence
        if plan.document.id in self.task.poisoned:
            return Reason.CONVERSION_FAILED, "A worker process died each time this document was converted."
        return None

    def _read(
        self, plan: PlannedDocument, patient: PlannedPatient
    ) -> tuple[tuple[str | None, ...], tuple[Job, ...], tuple[Reason, str] | None, tuple[FlagNote, ...]]:
        """Hash every file of a document; what cannot be read has no job. The first such that the document cannot be
        archived without is the problem; flags tell of the others."""
        content: list[str | None] = []
        jobs: list[Job] = []
        problem: tuple[Reason, str] | None = None
        notes: list[FlagNote] = []
        # what waits is the version that the row speaks of, unless the row is a newer one
        stored = {} if plan.said_anew else self._stored_bytes(plan)
        for seq, f in enumerate(plan.files, start=1):
            missing = f.problem or (Reason.FILE_MISSING, Reason.FILE_MISSING.sentence)
            source, expected = f.path, ""
            if f.name in stored and (source is None or not source.is_file()):
                source, expected = stored[f.name]
            elif plan.state is State.ARCHIVED and not plan.said_anew and (source is None or not source.is_file()):
                source, expected = self._archived_bytes(plan, patient, seq)
            try:
                if source is None:
                    raise FileNotFoundError
                sha, size = sha256_file(source)
                if expected and sha != expected:
                    raise OSError(errno.EIO, "not the bytes that were kept")
            except FileNotFoundError:
                content.append(None)
                found = missing
            except OSError as e:
                content.append(None)
                found = (Reason.UNREADABLE, f"Reading it gives {type(e).__name__} ({e.errno}).")
            else:
                content.append(sha)
                jobs.append(Job(f"{plan.document.id}-{seq}", source, f.name, sha, size))
                continue
            note = missing_note(seq, len(plan.files), found[0], plan.content if plan.state.held else None)
            if note is None:
                problem = problem or found
            else:
                notes.append(note)
        return tuple(content), tuple(jobs), problem, tuple(notes)

    def _archived_bytes(self, plan: PlannedDocument, patient: PlannedPatient, seq: int) -> tuple[Path | None, str]:
        """An archived original, taken out of its package with its hash, for a retry after the export is gone."""
        sha = plan.content[seq - 1] if seq <= len(plan.content) else None
        if sha is None or patient.patient is None:
            return None, ""
        package = self.worker.store.package_path(package_id(patient.patient.id, patient.generation))
        try:
            return held_original(package, plan.document.id, seq, self.work / f"{plan.document.id}-{seq}.held"), sha
        except FileNotFoundError:
            return None, ""

    def _stored_bytes(self, plan: PlannedDocument) -> dict[str, tuple[Path, str]]:
        """Bytes kept in quarantine with their hash, for a retry after the export is gone."""
        folder = self.worker.store.quarantine_path(plan.document.id)
        if not (folder / "reason.json").is_file():
            return {}
        entry = quarantine.get(self.worker.store, plan.document.id)
        return {f.name: (folder / f.stored_as, f.sha256 or "") for f in entry.files if f.stored_as}

    def _archived_before(self, jobs: Sequence[Job], out: Path) -> dict[str, Outcome]:
        """What other documents with the same bytes have archived; a retry is converted anew."""
        found: dict[str, Outcome] = {}
        cpu, wall = time.process_time(), time.monotonic()
        for job in jobs:
            if (outcome := self.worker.earlier.find(job, out)) is not None:
                found[job.key] = outcome
        if jobs:
            self.timings.add("reused", time.process_time() - cpu, time.monotonic() - wall, len(found))
        return found

    def _normalise(self, jobs: Sequence[Job], out: Path) -> dict[str, Outcome]:
        if not jobs:
            return {}
        engines = self.worker.engines()
        engines.timings = self.timings
        if not self.task.careful:
            return engines.normalise(jobs, out)
        outcomes: dict[str, Outcome] = {}
        for job in jobs:
            self.worker.note.write_text(job.key.rpartition("-")[0])
            try:
                outcomes |= engines.normalise([job], out)
            except (
                MemoryError,
                RecursionError,
                ArithmeticError,
                LookupError,
                TypeError,
                ValueError,
                RuntimeError,
            ) as e:
                outcomes[job.key] = _gave_up(job, e)
            except OSError as e:
                if e.errno in _OUR_TROUBLE:
                    raise
                outcomes[job.key] = _gave_up(job, e)
        self.worker.note.unlink(missing_ok=True)
        return outcomes


def _gave_up(job: Job, error: Exception) -> Rejected:
    return Rejected(job.key, Reason.CONVERSION_FAILED, f"The conversion ended with {type(error).__name__}.")


def _print(plan: PlannedDocument, patient: PlannedPatient, content: tuple[str | None, ...]) -> str:
    """What a version is: its row, its files' bytes, and whether its patient is known and clear."""
    known = patient.patient is not None
    return fingerprint(repr((plan.said, content, plan.problem, plan.excluded, known, patient.conflicting)))


def _peak_memory() -> tuple[int, int]:
    if sys.platform == "win32":
        return 0, 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_maxrss * unit, children.ru_maxrss * unit
