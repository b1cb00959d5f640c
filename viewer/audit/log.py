"""Writes the audit log: one SQLite file that can only grow. What it guards against: docs/internals/audit-log.md."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from archive.errors import AuditBrokenError
from archive.store import ArchiveStore, sync_folder, write_durably
from archive.surroundings import on_read_only_media
from viewer.audit.events import AuditAction, AuditEvent, canonical
from viewer.audit.tree import START, chain_hash, leaf_hash

if TYPE_CHECKING:
    from viewer.audit.tree import Checkpoint
    from viewer.audit.verify import AuditReport

TABLE = (
    "CREATE TABLE log(seq INTEGER PRIMARY KEY, ts TEXT NOT NULL, user TEXT NOT NULL, action TEXT NOT NULL, "
    "patient TEXT NOT NULL, body TEXT NOT NULL, salt BLOB NOT NULL, leaf BLOB NOT NULL, chain BLOB NOT NULL) STRICT"
)
GUARDS = {
    "log_no_update": "CREATE TRIGGER log_no_update BEFORE UPDATE ON log "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "log_no_delete": "CREATE TRIGGER log_no_delete BEFORE DELETE ON log "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "log_in_order": "CREATE TRIGGER log_in_order BEFORE INSERT ON log "
    "WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM log) "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
}
"""The triggers by name. They stop accidents and our own faults, not somebody who owns the file."""

INDEXES = {
    "log_by_patient": "CREATE INDEX log_by_patient ON log(patient, ts) WHERE patient <> ''",
    "log_by_user": "CREATE INDEX log_by_user ON log(user, ts)",
}
"""The indexes by name."""

_BUSY_SECONDS = 20.0


def marker_path(path: Path) -> Path:
    """The file beside the log that holds its id, so that a log that was taken away is not begun anew in silence."""
    return path.with_name(path.name + ".id")


def log_path(store: ArchiveStore, state: str = "") -> Path:
    """Where an archive's audit log is: in the archive; of one on read-only media in the viewer's state folder, where
    `state` (as `server.state_folder`) names one."""
    folder = Path(state) if state and on_read_only_media(store.root) else store.audit
    return folder / "audit.sqlite"


def system_user() -> str:
    """Who acts on the command line, as the operating system knows the user."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


class AuditLog:
    """The log, open for appending. Threads may share one; any number of processes may each have one open.

    Opening it makes the file where there is none.

    Raises:
        AuditBrokenError: it cannot be opened or made, is not an audit log, or has been removed or replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with _broken_is_clear():
            self._check_marker()
            self._connection = sqlite3.connect(
                path, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def append(self, event: AuditEvent) -> int:
        """Add a record; when this returns, it is on disk. Returns its sequence number, counted from 1.

        Raises:
            AuditBrokenError: it could not be written. What was to be recorded must then not happen.
        """
        with self._lock, _broken_is_clear():
            self._check_same_file()
            with self._transaction():
                return self._insert(event)

    def verify(self, anchors: Sequence[Checkpoint] = ()) -> AuditReport:
        """Check the whole log, and against checkpoints kept outside it; see `viewer.audit.verify_log`."""
        from viewer.audit.verify import verify_log

        return verify_log(self.path, anchors)

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        _until_free(lambda: run("PRAGMA journal_mode=WAL"))
        run("PRAGMA synchronous=FULL")
        # without it, INSERT OR REPLACE deletes a row and no trigger notices
        run("PRAGMA recursive_triggers=ON")
        with self._transaction():
            names = {row[0] for row in run("SELECT name FROM sqlite_master")}
            if not names:
                for statement in (TABLE, *GUARDS.values(), *INDEXES.values()):
                    run(statement)
                self._insert(AuditEvent(action=AuditAction.LOG_CREATED, detail=str(uuid.uuid4())))
            elif "log" not in names or not GUARDS.keys() <= names:
                raise AuditBrokenError(
                    f"{self.path} is not an audit log, or its protection has been removed.",
                    remedy="Check it with `journalarkiv audit verify`.",
                )
        sync_folder(self.path.parent)
        log_id = run("SELECT body ->> '$.detail' FROM log WHERE seq=1").fetchone()[0]
        marker = marker_path(self.path)
        # after the commit, so that a crash never leaves an id without its log; one process at a time
        with self._transaction():
            if not marker.exists():
                write_durably(marker, f"{log_id}\n".encode())
        if marker.read_text("utf-8").strip() != log_id:
            raise _replaced(self.path)
        status = self.path.stat()
        self._file = (status.st_dev, status.st_ino)

    def _check_marker(self) -> None:
        if not self.path.exists() and marker_path(self.path).exists():
            raise _replaced(self.path)

    def _check_same_file(self) -> None:
        # SQLite would go on writing into a file that has been deleted or renamed, and the record would be lost
        status = self.path.stat()
        if (status.st_dev, status.st_ino) != self._file:
            raise _replaced(self.path)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite rolls back by itself on some errors (disk full)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _insert(self, event: AuditEvent) -> int:
        last = self._connection.execute("SELECT seq, chain FROM log ORDER BY seq DESC LIMIT 1").fetchone()
        seq, chain = (last[0] + 1, last[1]) if last else (1, START)
        ts = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body, salt = canonical(event, seq, ts), secrets.token_bytes(16)
        leaf = leaf_hash(salt, body)
        self._connection.execute(
            "INSERT INTO log VALUES(?,?,?,?,?,?,?,?,?)",
            (seq, ts, event.user, event.action.value, event.patient_id, body, salt, leaf, chain_hash(chain, leaf)),
        )
        return seq


def _replaced(path: Path) -> AuditBrokenError:
    return AuditBrokenError(
        f"The audit log {path} has been removed or replaced.",
        remedy=f"Restore it. To begin a new one deliberately, keep the old one and move {marker_path(path).name} away.",
    )


def _until_free(action: Callable[[], object]) -> None:
    # Going over to WAL does not wait for the busy timeout when two processes make the file together.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            action()
            return
        except sqlite3.OperationalError as e:
            if "locked" not in str(e) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@contextlib.contextmanager
def _broken_is_clear() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, TypeError) as e:
        raise AuditBrokenError(
            f"The audit log cannot be written ({e}).",
            remedy="Nothing is shown until it can be; make room or restore the file and its rights.",
        ) from e
