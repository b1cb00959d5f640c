"""The work register: one row per source document and what became of it (SQLite, `register.sqlite`).

Every export read into it gets a number. A document's row always holds what the newest export says (`record`,
`last_seen`) beside what was done (`state`, `content`, `done_fingerprint`), so that a later export is compared with
what is archived and not with what was once read. Only the coordinator writes it. Memory stays flat: rows stream in
batches, every question over all rows is one SQL statement.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from archive.database import connect_read_only, fold_in
from archive.errors import SourceUnreadableError
from archive.identifiers import IdentifierType
from archive.record import to_json
from archive.store import disk_full_is_clear
from extract.locate import compare
from extract.sources.contract import FoundFile, Source, SourceDocument, SourcePatient
from extract.sources.names import FileKind, written

T = TypeVar("T")
SCHEMA_VERSION = 1
_BATCH = 2000
_ABANDONED = 2
_NO_FILE = {
    FileKind.UNREADABLE: "unreadable-file",
    FileKind.UNREADABLE_FOLDER: "unreadable-folder",
    FileKind.OUTSIDE: "link-outside",
}
"""Findings about what lies in the export but cannot be read from there."""

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE export(
    number INTEGER PRIMARY KEY, root TEXT NOT NULL, delta INTEGER NOT NULL, register_sha256 TEXT NOT NULL,
    mapping_sha256 TEXT NOT NULL, registered INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0,
    patient_rows INTEGER NOT NULL DEFAULT 0, document_rows INTEGER NOT NULL DEFAULT 0,
    started TEXT NOT NULL, ended TEXT);
CREATE TABLE patient(
    key TEXT PRIMARY KEY, id TEXT, record TEXT, fingerprint TEXT, row TEXT, rows INTEGER NOT NULL DEFAULT 0,
    distinct_rows INTEGER NOT NULL DEFAULT 0, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    vanished INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0, selected INTEGER NOT NULL DEFAULT 0,
    generation INTEGER NOT NULL DEFAULT 0, done_fingerprint TEXT) WITHOUT ROWID;
CREATE TABLE identifier(value TEXT NOT NULL, patient_key TEXT NOT NULL, PRIMARY KEY(value, patient_key)) WITHOUT ROWID;
CREATE TABLE document(
    key TEXT PRIMARY KEY, id TEXT NOT NULL, patient_key TEXT NOT NULL, record TEXT NOT NULL, fingerprint TEXT NOT NULL,
    row TEXT NOT NULL, rows INTEGER NOT NULL DEFAULT 1, distinct_rows INTEGER NOT NULL DEFAULT 1,
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, vanished INTEGER NOT NULL DEFAULT 0,
    problem TEXT, problem_detail TEXT, replaces TEXT,
    type_code TEXT NOT NULL DEFAULT '', year INTEGER, unit_code TEXT NOT NULL DEFAULT '',
    service TEXT NOT NULL DEFAULT '', extension TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'pending', reason TEXT, detail TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    newer_rejected INTEGER NOT NULL DEFAULT 0, done_fingerprint TEXT, content TEXT) WITHOUT ROWID;
CREATE TABLE document_file(
    document_key TEXT NOT NULL, seq INTEGER NOT NULL, raw TEXT NOT NULL, path TEXT, folded TEXT,
    PRIMARY KEY(document_key, seq)) WITHOUT ROWID;
CREATE TABLE file(
    path TEXT PRIMARY KEY, folded TEXT NOT NULL, size INTEGER NOT NULL, register INTEGER NOT NULL,
    disk BLOB) WITHOUT ROWID;
CREATE TABLE finding(export INTEGER NOT NULL, code TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);
"""
_INDEXES = (
    "CREATE UNIQUE INDEX IF NOT EXISTS document_id ON document(id)",
    "CREATE INDEX IF NOT EXISTS document_patient ON document(patient_key)",
    "CREATE INDEX IF NOT EXISTS document_replaces ON document(replaces) WHERE replaces IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS document_state ON document(state, reason)",
    "CREATE INDEX IF NOT EXISTS file_folded ON file(folded)",
    "CREATE INDEX IF NOT EXISTS document_file_folded ON document_file(folded)",
    "CREATE INDEX IF NOT EXISTS identifier_patient ON identifier(patient_key)",
    "CREATE INDEX IF NOT EXISTS patient_done ON patient(done)",
    "CREATE INDEX IF NOT EXISTS patient_id ON patient(id)",
    "CREATE INDEX IF NOT EXISTS finding_code ON finding(export, code)",
)
"""Made after the first export is read: sorted at once they cost a tenth of what they cost row by row."""


@dataclass(frozen=True, slots=True)
class Export:
    """One reading of an export. `finished` once every patient of it has been worked."""

    number: int
    root: Path
    delta: bool
    registered: bool
    finished: bool


def fingerprint(text: str) -> str:
    """SHA-256 of a record's canonical JSON."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Register:
    """The open register; a context manager. One per process, one process per archive."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        fresh = not path.exists()
        if read_only:
            self.connection = connect_read_only(path)
        else:
            self.connection = sqlite3.connect(path)
        self.connection.row_factory = sqlite3.Row
        # autocommit: transactions begin and end where `transaction` says, nowhere else
        self.connection.isolation_level = None
        self.connection.execute("PRAGMA cache_size=-65536")
        if read_only:
            return
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("PRAGMA journal_size_limit=67108864")
        if fresh or not self._value("SELECT count(*) FROM sqlite_master"):
            with self.transaction():
                for statement in _SCHEMA.split(";\n"):
                    self.connection.execute(statement)
                self.connection.execute("INSERT INTO meta VALUES('schema_version', ?)", (str(SCHEMA_VERSION),))
        version = self._value("SELECT value FROM meta WHERE key='schema_version'")
        if version != str(SCHEMA_VERSION):
            raise SourceUnreadableError(
                f"{path} is a work register of version {version}; this program reads {SCHEMA_VERSION}.",
                remedy="Finish the migration with the version that began it.",
            )

    def __enter__(self) -> Register:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fold_in(self.connection)
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside becomes durable together, or not at all.

        Raises:
            DiskFullError: no room for it; nothing was recorded.
        """
        with disk_full_is_clear(), _sqlite_full_is_clear():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self.connection.in_transaction:  # SQLite has rolled back by itself when the disk is full
                    self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def _value(self, sql: str, parameters: tuple[object, ...] = ()) -> object:
        row = self.connection.execute(sql, parameters).fetchone()
        return row[0] if row else None

    # --- exports -------------------------------------------------------------------------------------------------

    def latest_export(self) -> Export | None:
        """The newest export, whether or not its registration came to an end."""
        row = self.connection.execute("SELECT * FROM export ORDER BY number DESC LIMIT 1").fetchone()
        return _export(row) if row else None

    def begin_export(
        self, root: Path, *, delta: bool, register_sha256: str, mapping_sha256: str, now: str
    ) -> tuple[Export, bool]:
        """The export to work on, and whether its registration is already complete.

        The same unfinished export is continued; anything else (another folder, a changed register or mapping, or the
        same export once more after it was finished) is a new number. A registration that was cut short is forgotten
        first, together with the rows that only it brought.
        """
        latest = self.connection.execute("SELECT * FROM export ORDER BY number DESC LIMIT 1").fetchone()
        with self.transaction():
            if latest is not None and not latest["registered"]:
                for table in ("document", "patient"):
                    self.connection.execute(
                        f"DELETE FROM {table} WHERE first_seen=? AND done_fingerprint IS NULL",  # noqa: S608
                        (latest["number"],),
                    )
                self.connection.execute("DELETE FROM finding WHERE export=?", (latest["number"],))
                self.connection.execute(
                    "UPDATE export SET registered=?, finished=1 WHERE number=?", (_ABANDONED, latest["number"])
                )
            elif (
                latest is not None
                and not latest["finished"]
                and (latest["root"], latest["delta"], latest["register_sha256"], latest["mapping_sha256"])
                == (str(root), int(delta), register_sha256, mapping_sha256)
            ):
                return _export(latest), True
            number = (latest["number"] if latest else 0) + 1
            self.connection.execute(
                "INSERT INTO export(number, root, delta, register_sha256, mapping_sha256, started) VALUES(?,?,?,?,?,?)",
                (number, str(root), int(delta), register_sha256, mapping_sha256, now),
            )
        return Export(number, root, delta, registered=False, finished=False), False

    def finish_export(self, number: int, now: str) -> None:
        """Note that every patient of the export has been worked."""
        with self.transaction():
            self.connection.execute("UPDATE export SET finished=1, ended=? WHERE number=?", (now, number))

    # --- registration --------------------------------------------------------------------------------------------

    def read_export(self, source: Source, export: Export, progress: Callable[[str, int], None]) -> None:
        """Stream the whole register and the inventory of files in; then mark what vanished and what is remarkable.

        Args:
            source: the export.
            export: from `begin_export`, not yet registered.
            progress: called with a word for what is read (`files`, `patients`, `documents`) and a number of rows.
        """
        # A registration cut short is begun anew, so its batches need not be on the disk one by one; NORMAL keeps the
        # file whole through a power cut all the same (SQLite, "PRAGMA synchronous").
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.execute("PRAGMA wal_autocheckpoint=16384")
        try:
            self._read(source, export, progress)
        finally:
            self.connection.execute("PRAGMA synchronous=FULL")
            self.connection.execute("PRAGMA wal_autocheckpoint=1000")

    def _read(self, source: Source, export: Export, progress: Callable[[str, int], None]) -> None:
        n = export.number
        with self.transaction():
            self.connection.execute("DELETE FROM file")
        for files in _batches(source.files()):
            with self.transaction():
                self._add_files(files, source, n)
            progress("files", len(files))
        patient_rows = document_rows = 0
        for patients in _batches(source.patients()):
            with self.transaction():
                self._add_patients(patients, n)
            patient_rows += len(patients)
            progress("patients", len(patients))
        for documents in _batches(source.documents()):
            with self.transaction():
                self._add_documents(documents, n, source)
            document_rows += len(documents)
            progress("documents", len(documents))
        with self.transaction():
            self._conclude(n, delta=export.delta)
            self.connection.execute(
                "UPDATE export SET registered=1, patient_rows=?, document_rows=? WHERE number=?",
                (patient_rows, document_rows, n),
            )

    def _add_files(self, files: list[FoundFile], source: Source, n: int) -> None:
        self.connection.executemany(
            "INSERT OR REPLACE INTO file VALUES(?,?,?,?,?)",
            ((f.path, source.fold_name(written(f.path)), f.size, int(f.kind), f.disk) for f in files),
        )
        for f in files:
            if code := _NO_FILE.get(f.kind):
                self.note(n, code, f.path, "")

    def _known(self, table: str, keys: list[str], n: int) -> dict[str, tuple[int, str | None]]:
        marks = ",".join("?" * len(keys))
        return {
            key: (seen, print_ if seen == n else None)
            for key, seen, print_ in self.connection.execute(
                f"SELECT key, last_seen, fingerprint FROM {table} WHERE key IN ({marks})",  # noqa: S608
                keys,
            )
        }

    def _add_patients(self, patients: list[SourcePatient], n: int) -> None:
        seen = self._known("patient", [p.key for p in patients], n)
        for p in patients:
            record = to_json(p.patient)
            print_ = fingerprint(record)
            last, before = seen.get(p.key, (None, None))
            if last == n:
                same = before == print_
                self.connection.execute(
                    "UPDATE patient SET rows=rows+1, distinct_rows=distinct_rows+? WHERE key=?", (int(not same), p.key)
                )
                self.note(n, "duplicate-patient-row" if same else "conflicting-patient-row", p.key, p.row)
                continue
            self.connection.execute(
                "INSERT INTO patient(key, id, record, fingerprint, row, rows, distinct_rows, first_seen, last_seen)"
                " VALUES(?,?,?,?,?,1,1,?,?) ON CONFLICT(key) DO UPDATE SET id=excluded.id, record=excluded.record,"
                " fingerprint=excluded.fingerprint, row=excluded.row, rows=1, distinct_rows=1,"
                " last_seen=excluded.last_seen, vanished=0",
                (p.key, p.patient.id, record, print_, p.row, n, n),
            )
            seen[p.key] = (n, print_)
            if last is not None:
                self.connection.execute("DELETE FROM identifier WHERE patient_key=?", (p.key,))
            self.connection.executemany(
                "INSERT OR IGNORE INTO identifier VALUES(?,?)",
                [(i.value, p.key) for i in p.patient.identifiers if i.type is not IdentifierType.LOCAL],
            )

    def _add_documents(self, documents: list[SourceDocument], n: int, source: Source) -> None:
        seen = self._known("document", [d.key for d in documents], n)
        rows: list[tuple[object, ...]] = []
        files: list[tuple[object, ...]] = []
        renewed: list[tuple[str]] = []
        for d in documents:
            record = to_json(d.document)
            references = [(f.raw, f.path) for f in d.files]
            print_ = fingerprint(record + json.dumps(references) + repr(d.problem) + repr(d.excluded) + d.patient_key)
            last, before = seen.get(d.key, (None, None))
            if last == n:
                self._flush_documents(rows, files, renewed)
                self._repeated(d, n, source, same=before == print_)
                continue
            if last is not None:
                renewed.append((d.key,))
            seen[d.key] = (n, print_)
            problem = ("excluded", d.excluded) if d.excluded else d.problem and (d.problem[0].value, d.problem[1])
            suffix = Path(d.files[0].path or "").suffix if d.files else ""
            rows.append(
                (
                    *(d.key, d.document.id, d.patient_key, record, print_, d.row, n, n),
                    *(problem or (None, None)),
                    *(d.document.replaces, d.document.type_code, d.document.year, d.document.unit.code),
                    *(d.document.service, suffix[1:].lower()),
                )
            )
            files.extend(_file_rows(d, 0, source))
        self._flush_documents(rows, files, renewed)

    def _flush_documents(
        self, rows: list[tuple[object, ...]], files: list[tuple[object, ...]], renewed: list[tuple[str]]
    ) -> None:
        self.connection.executemany("DELETE FROM document_file WHERE document_key=?", renewed)
        if renewed:  # a document that has moved leaves its old patient's next package, whether or not he is named now
            self.connection.executemany(
                "UPDATE patient SET done=0 WHERE key=(SELECT patient_key FROM document WHERE key=? AND patient_key<>?)",
                [(row[0], row[2]) for row in rows],
            )
        self.connection.executemany(
            "INSERT INTO document(key, id, patient_key, record, fingerprint, row, first_seen, last_seen, problem,"
            " problem_detail, replaces, type_code, year, unit_code, service, extension)"
            " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
            " ON CONFLICT(key) DO UPDATE SET id=excluded.id,"
            # to its new patient it is a new document: no package of his holds it yet
            " state=CASE WHEN patient_key=excluded.patient_key THEN state ELSE 'pending' END,"
            " done_fingerprint=CASE WHEN patient_key=excluded.patient_key THEN done_fingerprint END,"
            " content=CASE WHEN patient_key=excluded.patient_key THEN content END,"
            " newer_rejected=CASE WHEN patient_key=excluded.patient_key THEN newer_rejected ELSE 0 END,"
            " patient_key=excluded.patient_key, record=excluded.record,"
            " fingerprint=excluded.fingerprint, row=excluded.row, rows=1, distinct_rows=1,"
            " last_seen=excluded.last_seen, vanished=0, problem=excluded.problem,"
            " problem_detail=excluded.problem_detail, replaces=excluded.replaces, type_code=excluded.type_code,"
            " year=excluded.year, unit_code=excluded.unit_code, service=excluded.service,"
            " extension=excluded.extension",
            rows,
        )
        self.connection.executemany("INSERT OR REPLACE INTO document_file VALUES(?,?,?,?,?)", files)
        rows.clear()
        files.clear()
        renewed.clear()

    def _repeated(self, d: SourceDocument, n: int, source: Source, *, same: bool) -> None:
        self.connection.execute(
            "UPDATE document SET rows=rows+1, distinct_rows=distinct_rows+? WHERE key=?", (int(not same), d.key)
        )
        self.note(n, "duplicate-row" if same else "conflicting-row", d.key, d.row)
        if not same:  # its files are kept as well, behind those of the first row
            last = self._value("SELECT max(seq) FROM document_file WHERE document_key=?", (d.key,))
            start = last if isinstance(last, int) else 0
            self.connection.executemany("INSERT INTO document_file VALUES(?,?,?,?,?)", _file_rows(d, start, source))
            # two patients may claim it: both must be worked when the other export settles it
            self.connection.execute("UPDATE document SET fingerprint=fingerprint||? WHERE key=?", ("+", d.key))

    def _conclude(self, n: int, *, delta: bool) -> None:
        run = self.connection.execute
        # the cache's size also bounds what sorting may take: above it SQLite sorts on disk
        run("PRAGMA cache_size=-16384")
        for index in _INDEXES:
            run(index)
        run("PRAGMA cache_size=-65536")
        run(
            "INSERT OR IGNORE INTO patient(key, first_seen, last_seen)"
            " SELECT DISTINCT patient_key, ?, ? FROM document WHERE last_seen=?",
            (n, n, n),
        )
        if not delta:
            for table in ("document", "patient"):
                run(
                    f"UPDATE {table} SET vanished=? WHERE last_seen<? AND vanished=0",  # noqa: S608
                    (n, n),
                )
        run(
            "INSERT INTO finding SELECT ?, 'vanished', key, '' FROM document WHERE vanished=?",
            (n, n),
        )
        comparison = compare(self.connection, n)
        self.connection.executemany(
            "INSERT INTO finding VALUES(?, 'orphan-file', ?, ?)",
            ((n, path, size) for path, size in comparison.unnamed()),
        )
        # Only patients the export has anything to say of are worked again.
        touched = "last_seen=? OR vanished=?"
        run(
            f"UPDATE patient SET done=max(done, ?) WHERE NOT ({touched}) AND key NOT IN"  # noqa: S608
            f" (SELECT patient_key FROM document WHERE {touched}) AND done>0",
            (n, n, n, n, n),
        )

    def note(self, export: int, code: str, subject: str, detail: str) -> None:
        """Keep a finding. `subject` is a source key or a path of the export."""
        self.connection.execute("INSERT INTO finding VALUES(?,?,?,?)", (export, code, subject, detail))


def _export(row: sqlite3.Row) -> Export:
    return Export(row["number"], Path(row["root"]), bool(row["delta"]), bool(row["registered"]), bool(row["finished"]))


def _file_rows(d: SourceDocument, start: int, source: Source) -> list[tuple[object, ...]]:
    return [
        (d.key, start + i, f.raw, f.path, source.fold_name(f.path) if f.path else None)
        for i, f in enumerate(d.files, start=1)
    ]


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


@contextmanager
def _sqlite_full_is_clear() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as e:
        if e.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(28, "database or disk is full") from e
        raise
