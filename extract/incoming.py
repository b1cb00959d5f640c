"""An export on its way into the register: its rows in temporary tables, compared with each other and with nothing else.

The tables are SQLite's own temporary ones, which are gone with the process. Whatever stops a registration, nothing of
it is left; `extract.merge` takes all of it over in one transaction. Memory stays flat: rows stream in batches.
"""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from archive.identifiers import IdentifierType
from archive.reasons import Reason
from archive.record import AddressProtection, JournalDocument, from_json, to_json
from archive.store import sha256_file
from extract.merge import merge
from extract.register import Export, Register, fingerprint
from extract.sources.contract import FoundFile, Source, SourceDocument, SourcePatient
from extract.sources.names import FileKind, written
from extract.told import Tally

T = TypeVar("T")
_BATCH = 2000
_STRICTEST = tuple(p.value for p in AddressProtection)
"""From no protection to the strictest."""

_NO_FILE = {
    FileKind.UNREADABLE: "unreadable-file",
    FileKind.UNREADABLE_FOLDER: "unreadable-folder",
    FileKind.OUTSIDE: "link-outside",
}
"""Findings about what lies in the export but cannot be read from there."""

_SCHEMA = """
CREATE TEMP TABLE incoming_patient(
    key TEXT PRIMARY KEY, id TEXT NOT NULL, record TEXT NOT NULL, fingerprint TEXT NOT NULL, row TEXT NOT NULL,
    rows INTEGER NOT NULL DEFAULT 1, distinct_rows INTEGER NOT NULL DEFAULT 1, protection TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE incoming_identifier(
    value TEXT NOT NULL, patient_key TEXT NOT NULL, PRIMARY KEY(value, patient_key)) WITHOUT ROWID;
CREATE TEMP TABLE incoming_document(
    key TEXT PRIMARY KEY, id TEXT NOT NULL, patient_key TEXT NOT NULL, record TEXT NOT NULL, fingerprint TEXT NOT NULL,
    row TEXT NOT NULL, rows INTEGER NOT NULL, distinct_rows INTEGER NOT NULL DEFAULT 1, excluded_rows INTEGER NOT NULL,
    excluded_rule TEXT, problem TEXT, problem_detail TEXT, replaces TEXT, type_code TEXT NOT NULL, year INTEGER,
    unit_code TEXT NOT NULL, service TEXT NOT NULL, extension TEXT NOT NULL,
    unclear INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TEMP TABLE incoming_document_file(
    document_key TEXT NOT NULL, seq INTEGER NOT NULL, raw TEXT NOT NULL, path TEXT, folded TEXT,
    PRIMARY KEY(document_key, seq)) WITHOUT ROWID;
CREATE TEMP TABLE incoming_file(
    path TEXT PRIMARY KEY, folded TEXT NOT NULL, size INTEGER NOT NULL, register INTEGER NOT NULL,
    disk BLOB) WITHOUT ROWID;
CREATE TEMP TABLE incoming_delivery(disk BLOB NOT NULL, sha256 TEXT NOT NULL);
CREATE TEMP TABLE incoming_finding(code TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL)"""
_TABLES = ("patient", "identifier", "document", "document_file", "file", "delivery", "finding")


def read_export(
    register: Register,
    source: Source,
    export: Export,
    progress: Callable[[str, int], None],
    *,
    max_gone: int = 100,
) -> None:
    """Stream the whole register and the inventory of files in, then take it over; the export is registered after it.

    Args:
        register: where to.
        source: the export.
        export: from `Register.begin_export`, not yet registered.
        progress: called with a word for what is read (`files`, `patients`, `documents`) and a number of rows.
        max_gone: the share in per cent of what is known that may be gone from it (`extract.merge`).

    Raises:
        ExportShrunkError: more than that is gone; nothing was taken over.
        DiskFullError: no room; nothing was taken over.
    """
    incoming = Incoming(register.connection, source)
    try:
        _stream(register, "files", source.files(), incoming.add_files, progress)
        patients = _stream(register, "patients", source.patients(), incoming.add_patients, progress)
        documents = _stream(register, "documents", source.documents(), incoming.add_documents, progress)
        merge(
            register,
            export,
            patient_rows=patients,
            document_rows=documents,
            max_gone=max_gone,
            conclude=lambda names: incoming.tally.keep(register.connection, export.number, names, source),
        )
    finally:
        incoming.close()


def _stream(
    register: Register,
    kind: str,
    items: Iterable[T],
    add: Callable[[Sequence[T]], None],
    progress: Callable[[str, int], None],
) -> int:
    rows = 0
    for batch in _batches(items):
        with register.transaction():
            add(batch)
        rows += len(batch)
        progress(kind, len(batch))
    return rows


class Incoming:
    """The temporary tables of one registration."""

    def __init__(self, connection: sqlite3.Connection, source: Source) -> None:
        self._db, self._source = connection, source
        self.tally = Tally()
        self.close()
        for statement in _SCHEMA.split(";\n"):
            self._db.execute(statement)
        self._db.execute("PRAGMA temp.cache_size=-65536")

    def close(self) -> None:
        """Forget everything."""
        for table in _TABLES:
            self._db.execute(f"DROP TABLE IF EXISTS temp.incoming_{table}")

    def add_files(self, files: Sequence[FoundFile]) -> None:
        """Note files that lie in the export, and by which bytes of its register it is known again."""
        self._db.executemany(
            "INSERT OR REPLACE INTO incoming_file VALUES(?,?,?,?,?)",
            ((f.path, self._source.fold_name(written(f.path)), f.size, int(f.kind), f.disk) for f in files),
        )
        for f in files:
            if code := _NO_FILE.get(f.kind):
                self._note(code, f.path, "")
            if f.register:
                path = self._source.open_path(f.path)
                disk = os.fsencode(path.relative_to(self._source.root).as_posix())
                self._db.execute("INSERT INTO incoming_delivery VALUES(?,?)", (disk, sha256_file(path)[0]))

    def add_patients(self, patients: Sequence[SourcePatient]) -> None:
        """Note rows of the patient register. Of rows that conflict every number counts, and the strictest
        protection."""
        self.tally.patients(patients)
        seen = self._known("patient", "fingerprint", [p.key for p in patients])
        for p in patients:
            record = to_json(p.patient)
            print_ = fingerprint(record)
            protection = p.patient.address_protection.value
            before = seen.get(p.key)
            if before is None:
                seen[p.key] = print_
                self._db.execute(
                    "INSERT INTO incoming_patient(key, id, record, fingerprint, row, protection) VALUES(?,?,?,?,?,?)",
                    (p.key, p.patient.id, record, print_, p.row, protection),
                )
            elif before == print_:
                self._db.execute("UPDATE incoming_patient SET rows=rows+1 WHERE key=?", (p.key,))
                self._note("duplicate-patient-row", p.key, p.row)
                continue
            else:
                (held,) = self._db.execute("SELECT protection FROM incoming_patient WHERE key=?", (p.key,)).fetchone()
                self._db.execute(
                    "UPDATE incoming_patient SET rows=rows+1, distinct_rows=distinct_rows+1, protection=? WHERE key=?",
                    (max(held, protection, key=_STRICTEST.index), p.key),
                )
                self._note("conflicting-patient-row", p.key, p.row)
            self._db.executemany(
                "INSERT OR IGNORE INTO incoming_identifier VALUES(?,?)",
                [(i.value, p.key) for i in p.patient.identifiers if i.type is not IdentifierType.LOCAL],
            )

    def add_documents(self, documents: Sequence[SourceDocument]) -> None:
        """Note rows of the document register; rows with the key of an earlier one are held against it."""
        self.tally.documents(documents)
        keys = [d.key for d in documents]
        seen = self._known("document", "fingerprint || '\n' || coalesce(problem, '')", keys)
        rows: list[tuple[object, ...]] = []
        files: list[tuple[object, ...]] = []
        for d in documents:
            before = seen.get(d.key)
            row, print_ = _document_row(d)
            if before is None:
                rows.append(row)
                files += self._file_rows(d, 0)
            else:
                self._insert(rows, files)
                rows, files = [], []
                first, _, problem = before.partition("\n")
                if not self._repeated(d, row, first.partition("+")[0], excluded=problem == "excluded"):
                    continue  # the row that was there stays the document
            seen[d.key] = f"{print_}\n{'excluded' if d.excluded else ''}"
        self._insert(rows, files)

    def _insert(self, rows: Sequence[tuple[object, ...]], files: Sequence[tuple[object, ...]]) -> None:
        self._db.executemany(
            "INSERT INTO incoming_document(key, id, patient_key, record, fingerprint, row, rows,"
            " excluded_rows, excluded_rule, problem, problem_detail, replaces, type_code, year, unit_code, service,"
            " extension, unclear)"
            " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            rows,
        )
        self._db.executemany("INSERT INTO incoming_document_file VALUES(?,?,?,?,?)", files)

    def _repeated(self, d: SourceDocument, row: tuple[object, ...], first: str, *, excluded: bool) -> bool:
        """Another row with the key of one that is there; true where it takes that one's place.

        A rule of the mapping acts on rows, before their keys are compared: a row that is left out is none of the
        document's rows.
        """
        run = self._db.execute
        if excluded and not d.excluded:
            out, rule = run("SELECT rows, problem_detail FROM incoming_document WHERE key=?", (d.key,)).fetchone()
            run("DELETE FROM incoming_document WHERE key=?", (d.key,))
            run("DELETE FROM incoming_document_file WHERE document_key=?", (d.key,))
            self._insert([(*row[:6], out + 1, out, rule, *row[9:])], self._file_rows(d, 0))
            return True
        if d.excluded:
            run(
                "UPDATE incoming_document SET rows=rows+1, excluded_rows=excluded_rows+?,"
                " excluded_rule=coalesce(excluded_rule, ?) WHERE key=?",
                (int(not excluded), None if excluded else d.excluded, d.key),
            )
        elif row[4] == first:
            run("UPDATE incoming_document SET rows=rows+1 WHERE key=?", (d.key,))
            self._note("duplicate-row", d.key, d.row)
        else:
            self._conflicts(d, str(row[4]))
        return False

    def _conflicts(self, d: SourceDocument, print_: str) -> None:
        """A different row with the same key: its files are kept behind those of the first, a block counts whichever
        row has it, and where the rows name two patients nobody has said whose the document is."""
        run = self._db.execute
        held = run("SELECT record, patient_key, unclear FROM incoming_document WHERE key=?", (d.key,)).fetchone()
        document = from_json(JournalDocument, held["record"])
        document = replace(document, blocked=document.blocked or d.document.blocked)
        patient, unclear = held["patient_key"], held["unclear"]
        if not patient and d.patient_key:
            patient, unclear = d.patient_key, 0
            document = replace(document, patient_id=d.document.patient_id)
        elif d.patient_key and d.patient_key != patient:
            unclear = 1
        run(
            "UPDATE incoming_document SET rows=rows+1, distinct_rows=distinct_rows+1, record=?, patient_key=?,"
            " unclear=?, fingerprint=fingerprint||'+'||? WHERE key=?",
            (to_json(document), patient, unclear, print_[:16], d.key),
        )
        (last,) = run("SELECT max(seq) FROM incoming_document_file WHERE document_key=?", (d.key,)).fetchone()
        self._db.executemany("INSERT INTO incoming_document_file VALUES(?,?,?,?,?)", self._file_rows(d, last or 0))
        self._note("conflicting-row", d.key, d.row)

    def _file_rows(self, d: SourceDocument, start: int) -> list[tuple[object, ...]]:
        return [
            (d.key, start + i, f.raw, f.path, self._source.fold_name(f.path) if f.path else None)
            for i, f in enumerate(d.files, start=1)
        ]

    def _known(self, table: str, value: str, keys: Sequence[str]) -> dict[str, str]:
        marks = ",".join("?" * len(keys))
        return dict(
            self._db.execute(f"SELECT key, {value} FROM incoming_{table} WHERE key IN ({marks})", keys).fetchall()  # noqa: S608
        )

    def _note(self, code: str, subject: str, detail: str) -> None:
        self._db.execute("INSERT INTO incoming_finding VALUES(?,?,?)", (code, subject, detail))


def _document_row(d: SourceDocument) -> tuple[tuple[object, ...], str]:
    """A row of `incoming_document` in the order of `_insert`, and its fingerprint: all that the row says."""
    record = to_json(d.document)
    references = [(f.raw, f.path) for f in d.files]
    print_ = fingerprint(record + json.dumps(references) + repr(d.problem) + repr(d.excluded) + d.patient_key)
    problem = ("excluded", d.excluded) if d.excluded else d.problem and (d.problem[0].value, d.problem[1])
    if not problem and not d.patient_key:
        problem = (Reason.UNKNOWN_PATIENT.value, "The register's row names no patient.")
    suffix = Path(d.files[0].path or "").suffix if d.files else ""
    row = (
        *(d.key, d.document.id, d.patient_key, record, print_, d.row, 1, 0, None),
        *(problem or (None, None)),
        *(d.document.replaces, d.document.type_code, d.document.year, d.document.unit.code),
        *(d.document.service, suffix[1:].lower(), int(not d.patient_key)),
    )
    return row, print_


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch
