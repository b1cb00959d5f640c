"""From normalised files to one patient's package and quarantine entries: the last step of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from archive import quarantine
from archive.errors import DamagedError
from archive.identifiers import package_id
from archive.ledger import State, Step, protected, refusal_of, shown
from archive.messages import related
from archive.normalise.contract import Outcome, Rejected
from archive.package import (
    ChangedWhileArchived,
    PackageContents,
    PackageReceipt,
    Payload,
    read_package,
    write_package,
)
from archive.reasons import Flag, Reason
from archive.record import (
    Attempt,
    FileFormat,
    FlagNote,
    JournalDocument,
    Patient,
    Quarantined,
    QuarantinedFile,
    to_json,
)
from archive.store import ArchiveStore, sha256_file
from extract.filing import filed_files, incomplete, is_main, with_missing
from extract.plan import PlannedDocument, PlannedPatient
from extract.register import fingerprint
from extract.results import DocumentResult, LookedAt, PatientResult


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a task assembles: the archive, the software's name for PREMIS, a work folder, and the task's time."""

    store: ArchiveStore
    software: str
    work: Path
    now: datetime


@dataclass(slots=True)
class _Journal:
    """A patient's next package in the making."""

    documents: dict[str, JournalDocument] = field(default_factory=dict)
    payloads: dict[tuple[str, int], Payload] = field(default_factory=dict)
    results: list[DocumentResult] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


def assemble(
    desk: Desk, planned: PlannedPatient, documents: Sequence[LookedAt], outcomes: Mapping[str, Outcome]
) -> PatientResult:
    """Write what this patient needs written and say what became of every document.

    The package is written first, then the quarantine entries; both are durable when this returns.

    Raises:
        DiskFullError: no room.
        DamagedError: the previous generation's bytes are not what its metadata says.
    """
    print_ = _patient_print(planned, documents)
    if print_ == planned.done_fingerprint and all(d.step in (Step.KEEP, Step.REFRESH) for d in documents):
        return PatientResult(planned.key, planned.patient, print_, tuple(_kept(d) for d in documents))
    previous_path: Path | None = None
    previous: PackageContents | None = None
    if planned.patient is not None and planned.generation:
        previous_path = desk.store.package_path(package_id(planned.patient.id, planned.generation))
        previous = _previous(previous_path)
    patient = _patient(planned, previous)
    documents = list(documents)
    while True:
        journal = _Journal()
        for d in documents:
            _place(planned, d, outcomes, previous, journal)
        receipt: PackageReceipt | None = None
        documented = related(journal.documents)
        ordered = tuple(documented[k] for k in sorted(documented))
        if patient is None or not _differs(previous, patient, ordered):
            break
        try:
            receipt = write_package(
                desk.store,
                patient,
                ordered,
                journal.payloads,
                generation=planned.generation + 1,
                now=desk.now,
                previous=previous_path,
                software=desk.software,
                work=desk.work,
            )
        except ChangedWhileArchived as changed:
            # That document is stopped, the rest of the journal goes on; each turn stops one more, so this ends.
            (n,) = (n for n, d in enumerate(documents) if d.plan.document.id == changed.document_id)
            if documents[n].step is Step.REFUSE:
                raise
            documents[n] = replace(documents[n], step=Step.REFUSE, problem=(changed.reason, changed.detail))
        else:
            break
    by_id = {d.plan.document.id: d for d in documents}
    entries = tuple(_put(desk.store, q, _bytes_to_keep(by_id[q.document.id])) for q in journal.quarantined)
    known = patient or planned.patient
    return PatientResult(planned.key, known, print_, tuple(journal.results), receipt, ordered, entries)


def _previous(path: Path) -> PackageContents:
    try:
        return read_package(path)
    except FileNotFoundError:
        raise DamagedError(
            f"The package {path} is recorded and is not there.",
            remedy="Run `journalarkiv verify`, and restore it from a copy.",
        ) from None


def _put(store: ArchiveStore, entry: Quarantined, sources: dict[str, Path]) -> Quarantined:
    """Keep the bytes; a source that has become unreadable meanwhile is left out and not the end of the run."""
    try:
        return quarantine.put(store, entry, sources)
    except OSError:
        readable = {name: path for name, path in sources.items() if _readable(path)}
        if readable == sources:
            raise
        return quarantine.put(store, entry, readable)


def _readable(path: Path) -> bool:
    try:
        sha256_file(path)
    except OSError:
        return False
    return True


def _patient_print(planned: PlannedPatient, documents: Sequence[LookedAt]) -> str:
    """All that a package says follows from this and from the package before."""
    facts = f"{to_json(planned.patient) if planned.patient else ''}{planned.conflicting}"
    said = sorted(f"\n{d.plan.key}\t{d.print}\t{to_json(d.plan.document)}" for d in documents)
    return fingerprint(facts + "".join(said))


def _patient(planned: PlannedPatient, previous: PackageContents | None) -> Patient | None:
    """The patient as the next package has him; None where there can be none.

    While his rows conflict he is as the package before has him, with the flags of the day and the strictest protection
    that any row gives: documents that left him must leave his package all the same.
    """
    if not planned.conflicting or planned.patient is None:
        return planned.patient
    if previous is None:
        return None
    of_the_day = (Flag.ID_SHARED, Flag.VANISHED_FROM_SOURCE)
    flags = [n for n in previous.patient.flags if n.code not in of_the_day]
    flags += [n for n in planned.patient.flags if n.code in of_the_day]
    return protected(replace(previous.patient, flags=tuple(flags)), planned.patient.address_protection)


def _differs(previous: PackageContents | None, patient: Patient, documents: tuple[JournalDocument, ...]) -> bool:
    if previous is None:
        return True
    return previous.patient != patient or tuple(sorted(previous.documents, key=lambda d: d.id)) != documents


def _kept(d: LookedAt) -> DocumentResult:
    p = d.plan
    return DocumentResult(p.key, p.document.id, p.state, d.print, p.content, p.reason, p.detail)


def _place(
    planned: PlannedPatient,
    d: LookedAt,
    outcomes: Mapping[str, Outcome],
    previous: PackageContents | None,
    journal: _Journal,
) -> None:
    """Put one document where its step leads: into the package (new, carried over or as it was), quarantine, or
    nowhere."""
    plan, id_ = d.plan, d.plan.document.id
    old = None if previous is None else next((x for x in previous.documents if x.id == id_), None)
    if old is None and plan.state.held:
        raise DamagedError(
            f"Document {id_} is recorded as archived, and its patient's package does not hold it.",
            remedy="Run `journalarkiv verify`; restore the package, or give the document's export once more.",
        )
    waited = plan.state.waiting or plan.state is State.PENDING
    if d.step is Step.LEAVE_OUT and old is None:
        result = DocumentResult(plan.key, id_, State.EXCLUDED, d.print, reason=plan.excluded, withdrawn=waited)
        journal.results.append(result)
        return
    if d.step in (Step.KEEP, Step.REFRESH, Step.LEAVE_OUT):
        state = plan.state
        if old is not None:
            if not state.held:  # the register was lost, and the package was not
                state = State.REFUSED if refusal_of(old) else State.ARCHIVED
            facts_of_the_row = plan.state is State.ARCHIVED and plan.excluded is None and not plan.problem
            now = _newest(plan, old) if facts_of_the_row else _shown(plan, old, refusal_of(old))
            _carry(journal, now, previous)
        result = replace(_kept(d), state=state)
        if old is not None and state is State.ARCHIVED:
            result = _held(result, old)
        journal.results.append(result)
        return
    if d.step is Step.CARRY and old is not None:
        _carry(journal, _newest(plan, old), previous)
        result = DocumentResult(plan.key, id_, State.ARCHIVED, d.print, d.content, withdrawn=plan.state.waiting)
        journal.results.append(_held(result, old))
        return
    failed = _rejection(d, outcomes)
    if failed is None:
        filed = tuple(filed_files(d.jobs, outcomes, len(plan.files)))
        made = with_missing(replace(plan.document, files=tuple(f for f, _ in filed)), d.missing)
        journal.documents[id_] = made
        journal.payloads.update({(id_, f.seq): payload for f, payload in filed})
        result = DocumentResult(plan.key, id_, State.ARCHIVED, d.print, d.content, converted=True, withdrawn=True)
        journal.results.append(_held(result, made))
        return
    reason, detail, attempts = failed
    journal.quarantined.append(_quarantined(planned, d, outcomes, reason, detail, attempts))
    state, content = State.QUARANTINED, d.content
    if old is not None:
        # What was archived once stays archived and visible; that a newer version was refused is flagged on it.
        note = FlagNote(Flag.NEWER_VERSION_REJECTED, f"{reason.value}: {detail}")
        _carry(journal, _shown(plan, old, note), previous)
        state, content = State.REFUSED, plan.content
    journal.results.append(DocumentResult(plan.key, id_, state, d.print, content, reason.value, detail, converted=True))


def _newest(plan: PlannedDocument, old: JournalDocument) -> JournalDocument:
    """The facts of the row with the files that are held, and what is missing of them."""
    return with_missing(replace(plan.document, files=old.files), old.flags)


def _held(result: DocumentResult, document: JournalDocument) -> DocumentResult:
    """The result of a document that is held as said, with why it is not complete."""
    reason, detail = incomplete(document)
    return replace(result, reason=reason, detail=detail)


def _shown(plan: PlannedDocument, old: JournalDocument, refused: FlagNote | None) -> JournalDocument:
    return shown(old, blocked=plan.document.blocked, vanished=plan.vanished, refused=refused)


def _carry(journal: _Journal, document: JournalDocument, previous: PackageContents | None) -> None:
    if previous is None:
        return
    journal.documents[document.id] = document
    for f in document.files:
        spans = previous.spans[document.id, f.seq]
        journal.payloads[document.id, f.seq] = Payload(spans.pdf, spans.original, spans.text)


def _rejection(d: LookedAt, outcomes: Mapping[str, Outcome]) -> tuple[Reason, str, tuple[Attempt, ...]] | None:
    if d.problem is not None:
        return (*d.problem, ())
    for job in d.jobs:
        outcome = outcomes[job.key]
        if isinstance(outcome, Rejected) and is_main(job):
            return outcome.reason, outcome.detail, outcome.attempts
    return None


def _quarantined(
    planned: PlannedPatient,
    d: LookedAt,
    outcomes: Mapping[str, Outcome],
    reason: Reason,
    detail: str,
    attempts: tuple[Attempt, ...],
) -> Quarantined:
    by_name = {j.declared_name: j for j in d.jobs}
    files = []
    for f in d.plan.files:
        job = by_name.get(f.name)
        found: FileFormat | None = outcomes[job.key].format if job is not None and job.key in outcomes else None
        files.append(QuarantinedFile(f.name, job.sha256 if job else None, job.size if job else None, found))
    return Quarantined(d.plan.document, planned.key, reason, detail, tuple(files), attempts)


def _bytes_to_keep(d: LookedAt) -> dict[str, Path]:
    return {j.declared_name: j.source for j in d.jobs}
