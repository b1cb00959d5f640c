"""Writing down what became of a task's documents, in two durable steps: catalogue first, then register."""

from __future__ import annotations

import json

from archive import quarantine
from archive.catalogue import Catalogue
from archive.ledger import State
from archive.store import ArchiveStore
from extract.register import Register
from extract.results import PatientResult, RunSummary, TaskResult


class Recorder:
    """Writes answers down: catalogue, then register; then what is no longer needed in quarantine is removed."""

    def __init__(
        self, store: ArchiveStore, register: Register, catalogue: Catalogue, export: int, summary: RunSummary
    ) -> None:
        self.store, self.register, self.catalogue = store, register, catalogue
        self.export, self.summary = export, summary

    def record(self, result: TaskResult) -> None:
        """Record one task's answers, and count them in the summary."""
        with self.catalogue.transaction():
            for p in result.patients:
                self._into_catalogue(p)
        with self.register.transaction():
            for p in result.patients:
                self._into_register(p)
        for p in result.patients:
            for r in p.results:
                if r.withdrawn:
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
        refused = {r.id for r in p.results if r.state is State.REFUSED}
        for q in p.quarantined:
            if q.document.id not in refused:
                self.catalogue.record_quarantined(q, p.patient.id if p.patient else None)
        for r in p.results:
            if r.withdrawn or r.id in refused:
                self.catalogue.forget_quarantined(r.id)
        if p.patient is not None:
            # what waits of a patient who was unknown, or had no package, is his now
            waiting = [r.id for r in p.results if r.state is State.QUARANTINED and not r.converted]
            self.catalogue.claim_quarantined(waiting, p.patient.id)

    def _into_register(self, p: PatientResult) -> None:
        db, s = self.register.connection, self.summary
        s.patients += 1
        for r in p.results:
            s.documents += 1
            s.archived += r.converted and r.state is State.ARCHIVED
            s.carried_over += not r.converted
            if r.converted and r.state.waiting:
                s.quarantined += 1
                s.newer_rejected += r.state is State.REFUSED
                s.reasons[r.reason or ""] = s.reasons.get(r.reason or "", 0) + 1
            refused = r.state is State.REFUSED
            db.execute(
                "UPDATE document SET state=?, newer_rejected=?, reason=?, detail=?, content=?, done_fingerprint=?,"
                " worked=last_seen, again=0, attempts=attempts+? WHERE key=?",
                (
                    *((State.ARCHIVED if refused else r.state).value, int(refused), r.reason, r.detail),
                    *(json.dumps(r.content), r.fingerprint, int(r.converted), r.key),
                ),
            )
        made = {r.id for r in p.results if r.converted and r.state is State.ARCHIVED}
        for d in p.documents:
            for f in d.files if d.id in made else ():
                s.copies_judged += f.archive_copy is not None and f.archive_copy.verdict is not None
                s.copies_unjudged += f.archive_copy is not None and f.archive_copy.verdict is None
        if p.receipt is not None:
            s.packages_written += 1
            db.execute("UPDATE patient SET generation=? WHERE key=?", (p.receipt.generation, p.key))
        db.execute("UPDATE patient SET done=?, done_fingerprint=? WHERE key=?", (self.export, p.fingerprint, p.key))
