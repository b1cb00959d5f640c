"""The queue of pages without text (SQLite, `ocr.sqlite`): what is to be read, what was read, what is in the archive.

It is derived: deleted, it is filled again from the catalogue, and what was read but not yet published is read once
more. One `ocr` writes it (under `ArchiveStore.ocr_lock`), any number look. Every page read is one durable transaction.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from archive.catalogue import full_disk_is_clear
from archive.database import connect_read_only, fold_in
from archive.ocr.recognise import PageResult
from archive.ocr.words import PageWords

MOST_ATTEMPTS = 3
"""A page that failed is tried again by later runs, this often in all."""

_VERSION = "1"
_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE looked(package_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE page(document_id TEXT, seq INT, page INT, patient_id TEXT NOT NULL, archive_sha256 TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting', attempts INT NOT NULL DEFAULT 0, engine TEXT NOT NULL DEFAULT '',
    raster TEXT, words INT NOT NULL DEFAULT 0, confidence REAL NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT '',
    PRIMARY KEY(document_id, seq, page)) WITHOUT ROWID;
CREATE TABLE result(raster TEXT, engine TEXT, words BLOB NOT NULL, PRIMARY KEY(raster, engine));
CREATE INDEX page_patient ON page(patient_id);
CREATE INDEX page_open ON page(patient_id) WHERE state IN ('waiting', 'recognised');
CREATE INDEX page_state ON page(state)"""


class PageState(StrEnum):
    """Where a page stands."""

    WAITING = "waiting"
    RECOGNISED = "recognised"
    """Its words are read, and not yet in the archive."""
    DONE = "done"
    NOTHING_FOUND = "nothing-found"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class QueuedFile:
    """An archived file, and those of its pages that are asked for."""

    patient_id: str
    document_id: str
    seq: int
    archive_sha256: str
    pages: tuple[int, ...]

    @property
    def key(self) -> tuple[str, int]:
        """Names the file in its patient's package."""
        return self.document_id, self.seq


class Queue:
    """The open queue; a context manager. `known_words` may be called from any thread, the rest from one.

    Args:
        path: the file; made if absent, made anew if it is of another version or archive.
        archive_id: whose queue it is.
        write: else it is opened to look, and must be there.
    """

    def __init__(self, path: Path, archive_id: str, *, write: bool = True) -> None:
        self._lock = threading.Lock()
        self._path, self._write = path, write
        self._db = self._connect()
        if write and self._meta() != (_VERSION, archive_id):
            self._db.close()
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
            self._db = self._connect()
            with self._transaction():
                for statement in _SCHEMA.split(";\n"):
                    self._db.execute(statement)
                self._db.executemany(
                    "INSERT INTO meta VALUES(?,?)", (("schema_version", _VERSION), ("archive_id", archive_id))
                )

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, check_same_thread=False) if self._write else connect_read_only(self._path)
        db.isolation_level = None
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA busy_timeout=10000")
        if self._write:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA journal_size_limit=67108864")
        return db

    def _meta(self) -> tuple[str | None, str | None]:
        try:
            meta = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        except sqlite3.DatabaseError:  # empty, or no database
            return None, None
        return meta.get("schema_version"), meta.get("archive_id")

    def __enter__(self) -> Queue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._write:
            fold_in(self._db)
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, full_disk_is_clear():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    # --- filling -------------------------------------------------------------------------------------------------

    def unlooked(self, package_ids: Sequence[str]) -> set[str]:
        """Those of some packages that were not looked through yet."""
        marks = ",".join("?" * len(package_ids))
        sql = f"SELECT package_id FROM looked WHERE package_id IN ({marks})"  # noqa: S608
        return set(package_ids) - {r[0] for r in self._db.execute(sql, list(package_ids))}

    def add(self, looked: Sequence[tuple[str, str, Sequence[QueuedFile]]]) -> None:
        """Note packages as looked through: (package id, patient id, all files of the patient, each with the pages that
        have no text). Pages of files that are no longer the patient's are forgotten, what is known of others stays."""
        with self._transaction():
            run = self._db.execute
            for package_id, patient_id, files in looked:
                current = {(f.document_id, f.seq): f.archive_sha256 for f in files}
                for row in run(
                    "SELECT document_id, seq, archive_sha256 FROM page WHERE patient_id=? GROUP BY 1, 2, 3",
                    (patient_id,),
                ).fetchall():
                    if current.get((row[0], row[1])) != row[2]:
                        run("DELETE FROM page WHERE document_id=? AND seq=?", (row[0], row[1]))
                for f in files:
                    self._db.executemany(
                        "INSERT INTO page(document_id, seq, page, patient_id, archive_sha256) VALUES(?,?,?,?,?)"
                        " ON CONFLICT DO UPDATE SET patient_id=excluded.patient_id",
                        ((f.document_id, f.seq, page, patient_id, f.archive_sha256) for page in f.pages),
                    )
                run("INSERT OR IGNORE INTO looked VALUES(?)", (package_id,))

    def reopen(self, engine: str) -> None:
        """Let pages wait again that failed, not too often, or in which another engine found nothing."""
        with self._transaction():
            self._db.execute(
                "UPDATE page SET state='waiting', attempts=0 WHERE state IN ('failed', 'nothing-found') AND engine<>?",
                (engine,),
            )
            self._db.execute("UPDATE page SET state='waiting' WHERE state='failed' AND attempts<?", (MOST_ATTEMPTS,))

    # --- working -------------------------------------------------------------------------------------------------

    def patients(self) -> Iterator[str]:
        """Patients with pages to read or to publish, by id."""
        last = ""
        while row := self._db.execute(
            "SELECT min(patient_id) FROM page WHERE state IN ('waiting', 'recognised') AND patient_id>?", (last,)
        ).fetchone():
            if row[0] is None:
                return
            last = row[0]
            yield last

    def files(self, patient_id: str, state: PageState) -> list[QueuedFile]:
        """A patient's files with pages in a state, and which pages these are."""
        found: dict[tuple[str, int, str], list[int]] = {}
        for r in self._db.execute(
            "SELECT document_id, seq, page, archive_sha256 FROM page WHERE patient_id=? AND state=?"
            " ORDER BY document_id, seq, page",
            (patient_id, state.value),
        ):
            found.setdefault((r[0], r[1], r[3]), []).append(r[2])
        return [QueuedFile(patient_id, d, seq, sha, tuple(pages)) for (d, seq, sha), pages in found.items()]

    def known_words(self, raster: str, engine: str) -> PageWords | None:
        """The words of a picture that this engine has read before."""
        with self._lock:
            row = self._db.execute("SELECT words FROM result WHERE raster=? AND engine=?", (raster, engine)).fetchone()
        return PageWords.unpack(row[0]) if row else None

    def record(self, file: QueuedFile, result: PageResult, engine: str) -> PageState:
        """Write down what came of a page, durably."""
        words = result.words
        state = PageState.RECOGNISED if words is not None and words.count else PageState.NOTHING_FOUND
        if result.problem is not None:
            state = PageState.FAILED
        with self._transaction():
            if words is not None and result.raster is not None:
                self._db.execute("INSERT OR IGNORE INTO result VALUES(?,?,?)", (result.raster, engine, words.pack()))
            self._db.execute(
                "UPDATE page SET state=?, attempts=attempts+1, engine=?, raster=?, words=?, confidence=?, detail=?"
                " WHERE document_id=? AND seq=? AND page=? AND archive_sha256=?",
                (
                    *(state.value, engine, result.raster),
                    *((words.count, words.confidence) if words else (0, 0.0)),
                    *(result.problem or "", *file.key, result.page, file.archive_sha256),
                ),
            )
        return state

    def fail(self, file: QueuedFile, detail: str) -> None:
        """The words of a file cannot be laid over it."""
        with self._transaction():
            self._db.execute(
                "UPDATE page SET state='failed', attempts=?, detail=? WHERE document_id=? AND seq=?"
                " AND state='recognised'",
                (MOST_ATTEMPTS, detail, *file.key),
            )

    def words_of(self, file: QueuedFile) -> dict[int, tuple[PageWords, str]]:
        """The words that were read on a file's pages and are not in the archive yet, and the engine, by page."""
        rows = self._db.execute(
            "SELECT p.page, r.words, p.engine FROM page p JOIN result r ON r.raster=p.raster AND r.engine=p.engine"
            " WHERE p.document_id=? AND p.seq=? AND p.state='recognised'",
            file.key,
        )
        return {r[0]: (PageWords.unpack(r[1]), r[2]) for r in rows}

    def certainty(self, file: QueuedFile) -> tuple[int, float]:
        """On how many of a file's pages there are words by OCR, and how sure the engine is of a word (percent)."""
        row = self._db.execute(
            "SELECT count(*), sum(words*confidence)/max(sum(words), 1) FROM page WHERE document_id=? AND seq=?"
            " AND state IN ('recognised', 'done')",
            file.key,
        ).fetchone()
        return int(row[0]), float(row[1] or 0)

    def published(self, package_id: str, files: Sequence[tuple[QueuedFile, str]]) -> None:
        """Files have their words in the archive, in this package; each with the SHA-256 of its new archive copy."""
        with self._transaction():
            for file, sha256 in files:
                self._db.execute("UPDATE page SET archive_sha256=? WHERE document_id=? AND seq=?", (sha256, *file.key))
                self._db.execute(
                    "UPDATE page SET state='done' WHERE document_id=? AND seq=? AND state='recognised'", file.key
                )
            self._db.execute("INSERT OR IGNORE INTO looked VALUES(?)", (package_id,))

    def tidy(self) -> None:
        """Forget the words of pictures that no page waits for."""
        with self._transaction():
            self._db.execute(
                "DELETE FROM result WHERE NOT EXISTS (SELECT 1 FROM page WHERE state='waiting') AND raster NOT IN"
                " (SELECT raster FROM page WHERE state='recognised' AND raster IS NOT NULL)"
            )

    def counts(self) -> dict[PageState, int]:
        """Pages by state."""
        counts = dict.fromkeys(PageState, 0)
        for state, number in self._db.execute("SELECT state, count(*) FROM page GROUP BY state"):
            counts[PageState(state)] = number
        return counts
