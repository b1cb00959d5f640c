"""What passes between the steps of a task and back to the coordinator."""

from __future__ import annotations

from dataclasses import dataclass, field

from archive.ledger import State, Step
from archive.normalise.contract import Job, Timings
from archive.package import PackageReceipt
from archive.reasons import Reason
from archive.record import FlagNote, JournalDocument, Patient, Quarantined
from extract.plan import PlannedDocument


@dataclass(slots=True)
class LookedAt:
    """A document after its source files were hashed.

    `step` is what follows; `problem` says why where it is `REFUSE`. `jobs` holds one entry per readable file, whatever
    the step, so that quarantine can keep the bytes.
    """

    plan: PlannedDocument
    step: Step
    print: str
    content: tuple[str | None, ...] = ()
    problem: tuple[Reason, str] | None = None
    jobs: tuple[Job, ...] = ()
    missing: tuple[FlagNote, ...] = ()
    """Of attachments that are not there, without which it is archived."""


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """What became of one document. `content` belongs to what is held, or else waits; `reason` and `detail` to what
    waits, or is left out, or is missing of what is held; `converted` tells work done now from what was carried over;
    `withdrawn`: something waited before, or may have, and nothing does now."""

    key: str
    id: str
    state: State
    fingerprint: str
    content: tuple[str | None, ...] = ()
    reason: str | None = None
    detail: str | None = None
    converted: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class PatientResult:
    """What became of one patient. Without `receipt` the package on disk is still the right one."""

    key: str
    patient: Patient | None
    fingerprint: str
    results: tuple[DocumentResult, ...]
    receipt: PackageReceipt | None = None
    documents: tuple[JournalDocument, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()


@dataclass(slots=True)
class TaskResult:
    """A task's facts; `peak_memory` is the largest resident set of the worker and of its children, in bytes."""

    patients: list[PatientResult] = field(default_factory=list)
    timings: Timings = field(default_factory=Timings)
    peak_memory: int = 0
    peak_memory_children: int = 0


@dataclass(slots=True)
class RunSummary:
    """What a run did: counts of this run, and what it cost. Totals over the archive are `archive.reconcile`'s."""

    export: int = 0
    pilot: bool = False
    patients: int = 0
    documents: int = 0
    archived: int = 0
    quarantined: int = 0
    newer_rejected: int = 0
    """Of `quarantined`: newer versions of documents that stay archived in an older one."""
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
    told: dict[str, int] = field(default_factory=dict)
    """Rows of the register by what is odd about them: a code, and the field where it is of one."""
    unclear: dict[str, str] = field(default_factory=dict)
    """Protections that would stop the run, after a registration alone."""
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
