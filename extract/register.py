"""The work register: one row per source document and what became of it (SQLite, `register.sqlite`).

Every export read into it gets a number. A document's row always holds what the newest export says (`record`,
`last_seen`) beside what was done (`state`, `content`, `done_fingerprint`, and in `worked` the export whose row that
was), so that a later export is compared with what is archived and not with what was once read. `archive.ledger` names
the states. `extract.incoming` reads an export, `extract.merge` takes it over. Only the coordinator writes it. Memory
stays flat: every question over all rows is one SQL statement.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from archive.database import connect_read_only, fold_in
from archive.errors import SourceUnreadableError
from archive.store import disk_full_is_clear

SCHEMA_VERSION = 2
_ABANDONED = 2

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
    generation INTEGER NOT NULL DEFAULT 0, done_fingerprint TEXT, shared INTEGER NOT NULL DEFAULT 0,
    protection TEXT) WITHOUT ROWID;
CREATE TABLE identifier(value TEXT NOT NULL, patient_key TEXT NOT NULL, PRIMARY KEY(value, patient_key)) WITHOUT ROWID;
CREATE TABLE document(
    key TEXT PRIMARY KEY, id TEXT NOT NULL, patient_key TEXT NOT NULL, record TEXT NOT NULL, fingerprint TEXT NOT NULL,
    row TEXT NOT NULL, rows INTEGER NOT NULL DEFAULT 1, distinct_rows INTEGER NOT NULL DEFAULT 1,
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, vanished INTEGER NOT NULL DEFAULT 0,
    problem TEXT, problem_detail TEXT, replaces TEXT,
    type_code TEXT NOT NULL DEFAULT '', year INTEGER, unit_code TEXT NOT NULL DEFAULT '',
    service TEXT NOT NULL DEFAULT '', extension TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'pending', reason TEXT, detail TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    newer_rejected INTEGER NOT NULL DEFAULT 0, done_fingerprint TEXT, content TEXT,
    worked INTEGER NOT NULL DEFAULT 0, again INTEGER NOT NULL DEFAULT 0,
    excluded_rows INTEGER NOT NULL DEFAULT 0, excluded_rule TEXT) WITHOUT ROWID;
CREATE TABLE document_file(
    document_key TEXT NOT NULL, seq INTEGER NOT NULL, raw TEXT NOT NULL, path TEXT, folded TEXT,
    PRIMARY KEY(document_key, seq)) WITHOUT ROWID;
CREATE TABLE file(
    path TEXT PRIMARY KEY, folded TEXT NOT NULL, size INTEGER NOT NULL, register INTEGER NOT NULL,
    disk BLOB) WITHOUT ROWID;
CREATE TABLE delivery(export INTEGER NOT NULL, disk BLOB NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE finding(export INTEGER NOT NULL, code TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);
"""
_UPGRADE = """
ALTER TABLE patient ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE patient ADD COLUMN protection TEXT;
ALTER TABLE document ADD COLUMN worked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE document ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
ALTER TABLE document ADD COLUMN excluded_rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE document ADD COLUMN excluded_rule TEXT;
CREATE TABLE delivery(export INTEGER NOT NULL, disk BLOB NOT NULL, sha256 TEXT NOT NULL);
UPDATE document SET worked=last_seen
    WHERE last_seen<=(SELECT done FROM patient WHERE patient.key=document.patient_key);
UPDATE meta SET value='2' WHERE key='schema_version'"""

INDEXES = (
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
        self._upgrade()
        version = self._value("SELECT value FROM meta WHERE key='schema_version'")
        if version != str(SCHEMA_VERSION):
            raise SourceUnreadableError(
                f"{path} is a work register of version {version}; this program reads {SCHEMA_VERSION}.",
                remedy="Finish the migration with the version that began it.",
            )

    def _upgrade(self) -> None:
        """Bring the register of an earlier version to this one."""
        if self._value("SELECT value FROM meta WHERE key='schema_version'") != "1":
            return
        with self.transaction():
            for statement in _UPGRADE.split(";\n"):
                self.connection.execute(statement)

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
        """The newest export whose registration came to an end."""
        row = self.connection.execute("SELECT * FROM export WHERE registered=1 ORDER BY number DESC LIMIT 1").fetchone()
        return _export(row) if row else None

    def begin_export(
        self, root: Path, *, delta: bool, register_sha256: str, mapping_sha256: str, now: str
    ) -> tuple[Export, bool]:
        """The export to work on, and whether its registration is already complete.

        The same unfinished export is continued; anything else (another folder, a changed register or mapping, or the
        same export once more after it was finished) is a new number. A registration that was cut short has left
        nothing.
        """
        latest = self.connection.execute("SELECT * FROM export ORDER BY number DESC LIMIT 1").fetchone()
        with self.transaction():
            if latest is not None and not latest["registered"]:
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

    def forget_export(self, number: int) -> None:
        """An export that is not taken: as if it had never been given."""
        with self.transaction():
            self.connection.execute("DELETE FROM export WHERE number=? AND registered=0", (number,))

    def finish_export(self, number: int, now: str) -> None:
        """Note that every patient of the export, and of those before it, has been worked."""
        with self.transaction():
            self.connection.execute(
                "UPDATE export SET finished=1, ended=? WHERE number<=? AND finished=0", (now, number)
            )


def _export(row: sqlite3.Row) -> Export:
    return Export(row["number"], Path(row["root"]), bool(row["delta"]), bool(row["registered"]), bool(row["finished"]))


@contextmanager
def _sqlite_full_is_clear() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as e:
        if e.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(28, "database or disk is full") from e
        raise
