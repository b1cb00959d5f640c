"""What passes between the steps of a task and back to the coordinator."""

from __future__ import annotations

from dataclasses import dataclass, field

from archive.normalise.contract import Job, Timings
from archive.package import PackageReceipt
from archive.reasons import Reason
from archive.record import JournalDocument, Patient, Quarantined
from extract.plan import PlannedDocument


@dataclass(slots=True)
class LookedAt:
    """A document after its source files were hashed.

    `decision` is `keep` (exactly as it was), `carry` (same bytes, new facts), `work`, or `reject` with `problem`.
    `jobs` holds one entry per readable file, whatever the decision, so that quarantine can keep the bytes.
    """

    plan: PlannedDocument
    decision: str
    print: str
    content: tuple[str | None, ...] = ()
    problem: tuple[Reason, str] | None = None
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """What became of one document. `state` is archived, quarantined or excluded; `content` belongs to what is
    archived or quarantined now; `converted` tells work done now from what was carried over."""

    key: str
    id: str
    state: str
    fingerprint: str
    content: tuple[str | None, ...] = ()
    reason: str | None = None
    detail: str | None = None
    newer_rejected: bool = False
    converted: bool = False


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
