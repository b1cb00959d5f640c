"""From the register to tasks: what a worker needs to know of some patients, in batches of some hundred documents.

Huge patients come first and alone, so that the end of a run is not one worker finishing one journal.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from archive.ledger import State, protected
from archive.reasons import Flag, Reason
from archive.record import AddressProtection, DocumentStatus, FlagNote, JournalDocument, Patient, from_json
from extract.delivery import Deliveries
from extract.locate import Locator, PlannedFile
from extract.register import Register

BATCH_DOCUMENTS = 500
"""Of a task. LibreOffice is started once for each, at 0.66 s of CPU: 1.3 ms a document, 3.3 with 200. What is in flight
when a run is stopped is done again, and a task's documents are on the disk twice until it ends."""
_LEAST_DOCUMENTS = 25
"""Of a task near the end: LibreOffice's start costs as much as thirty documents of the usual mix."""
_SHARES = 2
"""Of what is left for each worker, in which the last documents are handed out."""
_RESERVOIR = 64
_OTHER_DELIVERY = "The folder of its export is gone, or holds another delivery now."


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """A document as the newest export has it, and what was done with it before.

    `said` is the fingerprint of its row, `said_anew` is false where that row was worked before: what is archived stays.
    `content` is the SHA-256 of each file when it was last worked, None for one that could not be read; of the version
    held where a newer one was refused. `reason` and `detail` tell why something of it waits. `again`: `retry` takes it
    up.
    """

    key: str
    document: JournalDocument
    files: tuple[PlannedFile, ...]
    problem: tuple[Reason, str] | None
    excluded: str | None
    said: str
    said_anew: bool
    vanished: bool
    state: State
    done_fingerprint: str | None
    content: tuple[str | None, ...]
    reason: str | None = None
    detail: str | None = None
    again: bool = False

    @property
    def new(self) -> bool:
        """Whether its files are to be read."""
        return self.said_anew or self.again


@dataclass(frozen=True, slots=True)
class PlannedPatient:
    """A patient with all documents. `patient` is None where the export's documents name one it does not have; where
    his newest rows conflict it is what was last said clearly, with the strictest protection of any row."""

    key: str
    patient: Patient | None
    documents: tuple[PlannedDocument, ...]
    generation: int
    done_fingerprint: str | None
    conflicting: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """The unit of work. `poisoned` documents killed a worker and must not be opened again; `careful` tasks convert
    one document at a time and note which, so that a killer can be named."""

    patients: tuple[PlannedPatient, ...]
    careful: bool = False
    poisoned: frozenset[str] = frozenset()
    strikes: int = 0

    @property
    def documents(self) -> int:
        """Number of documents in it."""
        return sum(len(p.documents) for p in self.patients)


class Planner:
    """Reads what is left to do out of the register, of an export and of those before it."""

    def __init__(self, register: Register, export: int, *, just_read: bool = False) -> None:
        self._db = register.connection
        self._export = export
        self._locator = Locator(self._db, export)
        self._deliveries = Deliveries(register.connection, just_read=export if just_read else None)

    def remaining(self, *, pilot: bool) -> tuple[int, int]:
        """Patients and documents not worked yet."""
        row = self._db.execute(
            "SELECT count(*), coalesce(sum((SELECT count(*) FROM document d WHERE d.patient_key=p.key)), 0)"
            " FROM patient p WHERE p.done<? AND (p.selected OR NOT ?)",
            (self._export, int(pilot)),
        ).fetchone()
        return int(row[0]), int(row[1])

    def tasks(self, *, pilot: bool, batch: int = BATCH_DOCUMENTS, workers: int = 1) -> Iterator[Task]:
        """Tasks for everything not worked yet, biggest patients first; only keys are held in memory, in a table.

        The last ones are smaller than `batch`, so that all of `workers` end at about the same time.
        """
        self._db.execute("DROP TABLE IF EXISTS temp.todo")
        self._db.execute(
            "CREATE TEMP TABLE todo AS SELECT p.key AS key,"
            " (SELECT count(*) FROM document d WHERE d.patient_key=p.key) AS documents"
            " FROM patient p WHERE p.done<? AND (p.selected OR NOT ?) ORDER BY documents DESC, p.key",
            (self._export, int(pilot)),
        )
        left = int(self._db.execute("SELECT coalesce(sum(max(1, documents)), 0) FROM temp.todo").fetchone()[0])
        position, held, count = 0, [], 0
        while rows := self._db.execute(
            "SELECT rowid, key, documents FROM temp.todo WHERE rowid>? ORDER BY rowid LIMIT 500", (position,)
        ).fetchall():
            for _, key, documents in rows:
                held.append(key)
                count += max(1, documents)
                share = batch if workers == 1 else max(_LEAST_DOCUMENTS, left // (_SHARES * workers))
                if count >= min(batch, share):
                    left -= count
                    yield Task(tuple(self.patient(k) for k in held))
                    held, count = [], 0
            position = rows[-1][0]
        if held:
            yield Task(tuple(self.patient(k) for k in held))

    def patient(self, key: str) -> PlannedPatient:
        """Everything known of one patient."""
        row = self._db.execute("SELECT * FROM patient WHERE key=?", (key,)).fetchone()
        patient = from_json(Patient, row["record"]) if row["record"] else None
        if patient is not None:
            flags = list(patient.flags)
            if row["shared"]:
                flags.append(FlagNote(Flag.ID_SHARED))
            if row["vanished"]:
                flags.append(FlagNote(Flag.VANISHED_FROM_SOURCE))
            patient = replace(patient, flags=tuple(flags))
            if row["protection"]:
                patient = protected(patient, AddressProtection(row["protection"]))
        documents = [
            self._document(d, patient)
            for d in self._db.execute("SELECT * FROM document WHERE patient_key=? ORDER BY key", (key,))
        ]
        return PlannedPatient(
            key, patient, tuple(documents), row["generation"], row["done_fingerprint"], row["distinct_rows"] > 1
        )

    def _document(self, row: sqlite3.Row, patient: Patient | None) -> PlannedDocument:
        document = from_json(JournalDocument, row["record"])
        flags = list(document.flags)
        replacing = self._db.execute(
            "SELECT id FROM document WHERE replaces=? AND patient_key=? ORDER BY key LIMIT 1",
            (document.id, row["patient_key"]),
        ).fetchone()
        if replacing:
            document = replace(document, replaced_by=replacing[0])
            if document.status in (DocumentStatus.SIGNED, DocumentStatus.UNKNOWN):
                document = replace(document, status=DocumentStatus.SUPERSEDED)
        if document.replaces:
            known = self._db.execute(
                "SELECT 1 FROM document WHERE patient_key=? AND id=?", (row["patient_key"], document.replaces)
            ).fetchone()
            if not known:
                flags.append(FlagNote(Flag.REPLACES_UNKNOWN))
        if row["vanished"]:
            flags.append(FlagNote(Flag.VANISHED_FROM_SOURCE))
        document = replace(document, flags=tuple(flags))
        problem = excluded = None
        if row["problem"] == "excluded":
            excluded = row["problem_detail"]
        elif row["problem"]:
            problem = (Reason(row["problem"]), row["problem_detail"])
        if row["distinct_rows"] > 1:
            problem = (Reason.CONFLICTING_ROWS, f"{row['distinct_rows']} different rows have this key.")
        said_anew, again = row["last_seen"] > row["worked"], bool(row["again"])
        return PlannedDocument(
            key=row["key"],
            document=document,
            files=tuple(self._files(row)) if said_anew or again else (),
            problem=problem,
            excluded=excluded,
            said=row["fingerprint"],
            said_anew=said_anew,
            vanished=bool(row["vanished"]),
            state=State.REFUSED if row["newer_rejected"] else State(row["state"]),
            done_fingerprint=row["done_fingerprint"],
            content=tuple(json.loads(row["content"])) if row["content"] else (),
            reason=row["reason"],
            detail=row["detail"],
            again=again,
        )

    def _files(self, row: sqlite3.Row) -> Iterator[PlannedFile]:
        root = self._deliveries.folder(row["last_seen"])
        current = row["last_seen"] == self._deliveries.newest
        for raw, path, folded in self._db.execute(
            "SELECT raw, path, folded FROM document_file WHERE document_key=? ORDER BY seq", (row["key"],)
        ):
            if root is None and path is not None:
                yield PlannedFile(path, None, (Reason.FILE_MISSING, _OTHER_DELIVERY))
            elif root is not None and current:
                found = self._locator.locate(root, raw, path, folded)
                missing = found.problem is not None and found.problem[0] is Reason.FILE_MISSING
                yield _put_in_place(root, path) or found if missing and path is not None else found
            elif root is None or path is None:
                yield PlannedFile(raw, None, (Reason.PATH_OUTSIDE_EXPORT, Reason.PATH_OUTSIDE_EXPORT.sentence))
            else:
                missing_file = PlannedFile(path, None, (Reason.FILE_MISSING, Reason.FILE_MISSING.sentence))
                yield _put_in_place(root, path) or missing_file


def _put_in_place(root: Path, path: str) -> PlannedFile | None:
    """A file with the very name, which was not there when the export was read, or whose inventory is gone."""
    place = root / path
    if not place.is_file() or not place.resolve().is_relative_to(root.resolve()):
        return None
    return PlannedFile(path, place)


def select_pilot(register: Register, export: int, *, documents: int, seed: int) -> int:
    """Choose whole patients until they hold at least `documents` documents, spread over type, decade and file kind.

    Strata are visited in turn and a patient is drawn from each by the seed, so rare kinds are in the pilot too. A
    patient chosen keeps all documents: what the pilot archives is final and the run after it goes on from there.

    Returns:
        The number of patients chosen.
    """
    db = register.connection
    strata: dict[tuple[str, int, str], list[str]] = {}
    seen: dict[tuple[str, int, str], int] = {}
    rng = random.Random(f"{seed}")  # noqa: S311 - a reproducible draw, nothing secret
    for row in db.execute(
        "SELECT type_code, coalesce(year, 0)/10 AS decade, extension, patient_key FROM document"
        " WHERE last_seen=? GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        (export,),
    ):
        stratum = (row[0], row[1], row[2])
        held = strata.setdefault(stratum, [])
        seen[stratum] = seen.get(stratum, 0) + 1
        # a reservoir of patients for each stratum: memory does not grow with the export
        if len(held) < _RESERVOIR:
            held.append(row[3])
        elif (place := rng.randrange(seen[stratum])) < _RESERVOIR:
            held[place] = row[3]
    for held in strata.values():
        rng.shuffle(held)
    chosen: dict[str, None] = {}
    total = 0
    order = sorted(strata, key=lambda s: (len(strata[s]), s))
    while total < documents and any(strata.values()):
        for stratum in order:
            if total >= documents or not strata[stratum]:
                continue
            key = strata[stratum].pop()
            if key not in chosen:
                chosen[key] = None
                total += db.execute("SELECT count(*) FROM document WHERE patient_key=?", (key,)).fetchone()[0]
    with register.transaction():
        db.execute("UPDATE patient SET selected=0")
        db.executemany("UPDATE patient SET selected=1 WHERE key=?", [(k,) for k in chosen])
    return len(chosen)
