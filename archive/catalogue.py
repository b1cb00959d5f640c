"""The catalogue: patients, documents, files and their byte ranges in the packages (SQLite, WAL, derived).

Everything in it comes from packages/ and quarantine/; `archive.rebuild` makes it again from them. One process writes
(under the archive's lock), any number read. Crash safety: docs/internals/on-disk.md.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from archive.cataloguemark import CatalogueMark
from archive.cataloguerows import document_row, file_row, identifier_rows, package_row, patient_row, quarantined_row
from archive.database import connect_read_only, fold_in
from archive.errors import CatalogueInvalidError, DiskFullError
from archive.record import JournalDocument, Patient, Quarantined
from archive.store import ArchiveStore, disk_full_is_clear

if TYPE_CHECKING:
    from archive.package import PackageReceipt

SCHEMA_VERSION = "4"

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE package(id TEXT PRIMARY KEY, patient_id TEXT, generation INT, path TEXT, sha256 TEXT, size INT,
    current INT);
CREATE TABLE patient(id TEXT PRIMARY KEY, source_key TEXT, family_name TEXT, given_name TEXT, name_folded TEXT,
    birth_date TEXT, sex TEXT, deceased INT, deceased_date TEXT, address_protection TEXT, flags TEXT, package_id TEXT,
    generation INT, document_count INT, blocked_count INT);
CREATE TABLE patient_identifier(patient_id TEXT, value TEXT, type TEXT, valid INT, synthetic INT, current INT);
CREATE TABLE document(id TEXT PRIMARY KEY, patient_id TEXT, source_key TEXT, type_code TEXT, type_text TEXT,
    type_9602 TEXT, title TEXT, document_date TEXT, year INT, entry_date TEXT, author_name TEXT, author_hpr TEXT,
    unit_code TEXT, unit_name TEXT, service TEXT, status TEXT, blocked INT, replaces TEXT, replaced_by TEXT,
    flags TEXT);
CREATE TABLE file(document_id TEXT, seq INT, role TEXT, source_name TEXT, source_sha256 TEXT, source_size INT,
    media_type TEXT, puid TEXT, archive_sha256 TEXT, archive_size INT, flavour TEXT, route TEXT, verdict_passed INT,
    verdict_engine TEXT, page_count INT, pdf_offset INT, pdf_size INT, original_offset INT, original_size INT,
    text_offset INT, text_size INT, flags TEXT, part_of INT, text_sha256 TEXT, PRIMARY KEY(document_id, seq));
CREATE TABLE quarantined(document_id TEXT PRIMARY KEY, patient_id TEXT, source_key TEXT, reason TEXT, detail TEXT,
    blocked INT, document_date TEXT, type_text TEXT, size INT);
CREATE INDEX package_patient ON package(patient_id);
CREATE INDEX patient_name ON patient(name_folded);
CREATE INDEX patient_birth ON patient(birth_date);
CREATE INDEX identifier_value ON patient_identifier(value);
CREATE INDEX identifier_patient ON patient_identifier(patient_id);
CREATE INDEX document_patient ON document(patient_id, document_date);
CREATE INDEX file_source ON file(source_sha256);
CREATE INDEX quarantined_patient ON quarantined(patient_id)"""

TABLES = ("package", "patient", "patient_identifier", "document", "file", "quarantined")
"""Every table that is derived from packages and quarantine."""


_FLAGS = """
SELECT json_extract(f.value, '$[0]'), count(*) FROM (
    SELECT flags FROM document WHERE flags<>'[]' UNION ALL SELECT flags FROM file WHERE flags<>'[]'
    UNION ALL SELECT flags FROM patient WHERE flags<>'[]') AS t, json_each(t.flags) AS f GROUP BY 1 ORDER BY 1
"""


class Catalogue:
    """The open catalogue; a context manager. `connection` (rows are `sqlite3.Row`) is for queries of every kind."""

    def __init__(self, connection: sqlite3.Connection, mark: CatalogueMark | None = None) -> None:
        self.connection = connection
        self._mark = mark
        self._depth = 0
        self._changed = False

    @classmethod
    def open(cls, store: ArchiveStore, *, write: bool = False) -> Catalogue:
        """Open an archive's catalogue, read-only unless `write`; writing makes one where there is none.

        Raises:
            CatalogueInvalidError: it is missing, broken, of another version or of another archive, or older than the
                packages.
        """
        mark = CatalogueMark.of(store)
        if write and mark.serial and not store.catalogue.is_file():
            raise _invalid("The archive's catalogue is gone.")
        opened = cls.open_file(store.catalogue, store.info.id, write=write)
        try:
            behind = opened.content_serial < mark.serial
        except (sqlite3.Error, TypeError, ValueError) as e:
            opened.close()
            raise _invalid("The catalogue does not say how far it is.") from e
        if behind:
            opened.close()
            raise _invalid("The catalogue is older than the packages: a former one was put in its place.")
        opened._mark = mark if write else None
        return opened

    @classmethod
    def open_file(cls, path: Path, archive_id: str, *, write: bool = False) -> Catalogue:
        """Open a catalogue that lies elsewhere than in its place; otherwise as `open`."""
        if not write and not path.is_file():
            raise _invalid("The archive has no catalogue.")
        try:
            with full_disk_is_clear():
                connection = sqlite3.connect(path, check_same_thread=False) if write else connect_read_only(path)
                try:
                    _prepare(connection, archive_id, write=write)
                except BaseException:
                    connection.close()
                    raise
        except sqlite3.Error as e:
            raise _invalid(f"The catalogue cannot be read ({e}).") from e
        return cls(connection)

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; what was committed stays, and is in the one file."""
        if self._mark is not None:
            with contextlib.suppress(sqlite3.Error, OSError, DiskFullError):
                self._mark.raise_to(self.content_serial)
            fold_in(self.connection)
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything recorded inside becomes durable together when it ends, or not at all. May be nested.

        Raises:
            DiskFullError: no room; nothing of it was recorded.
        """
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        with full_disk_is_clear():
            self.connection.execute("BEGIN IMMEDIATE")
            self._depth, self._changed = 1, False
            try:
                yield
                if self._changed:
                    self.connection.execute("UPDATE meta SET value=value+1 WHERE key='content_serial'")
                self.connection.execute("COMMIT")
            except BaseException:
                # SQLite rolls back by itself on some errors (disk full)
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def record_package(
        self,
        receipt: PackageReceipt,
        patient: Patient,
        documents: Sequence[JournalDocument],
        *,
        superseded: bool = False,
    ) -> None:
        """Record a package that is durable on disk. Recording it again changes nothing but the content serial.

        The highest generation recorded is the patient's current one and its rows replace those of the one before,
        whose identifiers stay as former ones; a lower generation recorded later, or one that is known to be
        `superseded`, is only noted as existing, with its identifiers. A document
        leaves the quarantine list only by `forget_quarantined`.
        """
        with self.transaction():
            self._changed = True
            run = self.connection.execute
            newest = run("SELECT max(generation) FROM package WHERE patient_id=?", (patient.id,)).fetchone()[0]
            current = not superseded and (newest is None or receipt.generation >= newest)
            if current:
                run("UPDATE package SET current=0 WHERE patient_id=?", (patient.id,))
            run("INSERT OR REPLACE INTO package VALUES(?,?,?,?,?,?,?)", package_row(receipt, current=current))
            if not current:
                self._add_former(patient)
                return
            run("DELETE FROM file WHERE document_id IN (SELECT id FROM document WHERE patient_id=?)", (patient.id,))
            run("DELETE FROM document WHERE patient_id=?", (patient.id,))
            self._replace_patient(patient, receipt.package_id, receipt.generation, documents)
            # a document that came from another patient leaves no file rows behind
            self.connection.executemany("DELETE FROM file WHERE document_id=?", ((d.id,) for d in documents))
            _insert_many(self.connection, "document", (document_row(d) for d in documents))
            _insert_many(
                self.connection,
                "file",
                (file_row(d.id, f, receipt.spans[d.id, f.seq]) for d in documents for f in d.files),
            )

    def record_patient(self, patient: Patient) -> None:
        """Record a patient who has no package; what is known of one who has is brought up to date."""
        with self.transaction():
            self._changed = True
            row = self.connection.execute(
                "SELECT package_id, generation, document_count, blocked_count FROM patient WHERE id=?", (patient.id,)
            ).fetchone()
            self._replace_patient(patient, None, 0, ())
            if row is not None:
                self.connection.execute(
                    "UPDATE patient SET package_id=?, generation=?, document_count=?, blocked_count=? WHERE id=?",
                    (*row, patient.id),
                )

    def record_quarantined(self, q: Quarantined, patient_id: str | None) -> None:
        """Record a document in quarantine. A patient who is not in the catalogue is not named (NULL)."""
        with self.transaction():
            self._changed = True
            known = self.connection.execute("SELECT id FROM patient WHERE id=?", (patient_id,)).fetchone()
            _insert_many(self.connection, "quarantined", [quarantined_row(q, known[0] if known else None)])

    def forget_quarantined(self, document_id: str) -> None:
        """The document is in quarantine no longer; nothing happens if it was not."""
        with self.transaction():
            cursor = self.connection.execute("DELETE FROM quarantined WHERE document_id=?", (document_id,))
            self._changed = self._changed or cursor.rowcount > 0

    def claim_quarantined(self, document_ids: Sequence[str], patient_id: str) -> None:
        """Name the patient of documents in quarantine whose patient is in the catalogue by now."""
        with self.transaction():
            if document_ids and self.connection.execute("SELECT 1 FROM patient WHERE id=?", (patient_id,)).fetchone():
                before = self.connection.total_changes
                self.connection.executemany(
                    "UPDATE quarantined SET patient_id=? WHERE document_id=? AND patient_id IS NOT ?",
                    ((patient_id, id_, patient_id) for id_ in document_ids),
                )
                self._changed = self._changed or self.connection.total_changes > before

    @property
    def content_serial(self) -> int:
        """A number that grows with every transaction that recorded something."""
        return int(self.connection.execute("SELECT value FROM meta WHERE key='content_serial'").fetchone()[0])

    def flag_counts(self) -> dict[str, int]:
        """How often each flag stands on what is archived now: on documents, files and patients."""
        return dict(self.connection.execute(_FLAGS).fetchall())

    def digest(self, *, packages: bool = True) -> str:
        """SHA-256 over all rows in canonical order: equal for catalogues that answer every question alike.

        The content serial is left out. Without `packages` so are the packages' own hashes and sizes and the byte
        offsets in them, which differ between two runs by the times that metadata records.
        """
        left_out = set() if packages else {"sha256", "size", "pdf_offset", "original_offset", "text_offset"}
        digest = hashlib.sha256()
        for table in TABLES:
            columns = [r[1] for r in self.connection.execute(f"PRAGMA table_info({table})")]
            if table in ("package", "file"):
                columns = [c for c in columns if c not in left_out]
            names = ",".join(columns)
            digest.update(f"{table}({names})\n".encode())
            for row in self.connection.execute(f"SELECT {names} FROM {table} ORDER BY {names}"):  # noqa: S608
                digest.update(json.dumps(tuple(row)).encode() + b"\n")
        return digest.hexdigest()

    def _replace_patient(
        self, patient: Patient, package_id: str | None, generation: int, documents: Sequence[JournalDocument]
    ) -> None:
        _insert_many(self.connection, "patient", [patient_row(patient, package_id, generation, documents)])
        # a number that a newer package corrects goes on finding the patient, as a former one
        values = [i.value for i in patient.identifiers]
        self.connection.execute(
            "DELETE FROM patient_identifier WHERE patient_id=? AND value IN (SELECT value FROM json_each(?))",
            (patient.id, json.dumps(values)),
        )
        self.connection.execute("UPDATE patient_identifier SET current=0 WHERE patient_id=?", (patient.id,))
        _insert_many(self.connection, "patient_identifier", identifier_rows(patient))

    def _add_former(self, patient: Patient) -> None:
        """Numbers of an older package that are not known of the patient yet."""
        self.connection.executemany(
            "INSERT INTO patient_identifier SELECT ?, ?, ?, ?, ?, 0"
            " WHERE NOT EXISTS (SELECT 1 FROM patient_identifier WHERE patient_id=? AND value=?)",
            ((*row[:5], row[0], row[1]) for row in identifier_rows(patient)),
        )


def catalogue_digest(store: ArchiveStore, *, packages: bool = True) -> str:
    """The digest (`Catalogue.digest`) of an archive's catalogue.

    Raises:
        CatalogueInvalidError: there is none to read.
    """
    with Catalogue.open(store) as catalogue:
        return catalogue.digest(packages=packages)


def _insert_many(connection: sqlite3.Connection, table: str, rows: Any) -> None:
    count = len(connection.execute(f"PRAGMA table_info({table})").fetchall())
    connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES({','.join('?' * count)})", rows)


def _prepare(connection: sqlite3.Connection, archive_id: str, *, write: bool) -> None:
    # autocommit: transactions begin and end where `transaction` says, nowhere else
    connection.isolation_level = None
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA busy_timeout=10000")
    if write:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=67108864")
        # ids are random: without the indexes in memory every row is a read
        connection.execute("PRAGMA cache_size=-65536")
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            values = {"schema_version": SCHEMA_VERSION, "archive_id": archive_id, "content_serial": "0"}
            connection.executemany("INSERT INTO meta VALUES(?,?)", values.items())
            connection.execute("COMMIT")
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    if meta.get("schema_version") != SCHEMA_VERSION:
        raise _invalid(
            f"The catalogue is of version {meta.get('schema_version')}; this version reads {SCHEMA_VERSION}."
        )
    if meta.get("archive_id") != archive_id:
        raise _invalid("The catalogue belongs to another archive.")


def _invalid(message: str) -> CatalogueInvalidError:
    return CatalogueInvalidError(message, remedy="Run `journalarkiv rebuild`, which makes it from the packages.")


@contextlib.contextmanager
def full_disk_is_clear() -> Iterator[None]:
    """Turn SQLite's and the system's "no space left" into DiskFullError."""
    with disk_full_is_clear():
        try:
            yield
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, "database or disk is full") from e
            raise
