"""The viewer's own state: accounts, sessions, stated grounds (SQLite). Nothing of it belongs to the archive."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from archive.errors import SystemRefusedError
from archive.store import ArchiveStore
from archive.surroundings import on_read_only_media

FILE = "viewer.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS account(user TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL,
    name TEXT NOT NULL, created TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS session(id_hash TEXT PRIMARY KEY, user TEXT NOT NULL, csrf TEXT NOT NULL,
    created REAL NOT NULL, last_seen REAL NOT NULL, language TEXT NOT NULL, shortcuts INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS remembered(id_hash TEXT NOT NULL, token TEXT NOT NULL, value TEXT NOT NULL,
    created REAL NOT NULL, PRIMARY KEY(id_hash, token)) STRICT;
CREATE TABLE IF NOT EXISTS found(id_hash TEXT NOT NULL, patient TEXT NOT NULL, PRIMARY KEY(id_hash, patient)) STRICT;
CREATE TABLE IF NOT EXISTS ground(user TEXT NOT NULL, patient TEXT NOT NULL, ground TEXT NOT NULL,
    reference TEXT NOT NULL, detail TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL,
    PRIMARY KEY(user, patient)) STRICT;
CREATE TABLE IF NOT EXISTS device(id_hash TEXT NOT NULL, user TEXT NOT NULL, last_seen REAL NOT NULL,
    PRIMARY KEY(id_hash, user)) STRICT;
"""


def state_folder(store: ArchiveStore, configured: str = "") -> Path:
    """The folder of the viewer's state: as configured, else `viewer` in the archive's folder.

    Raises:
        SystemRefusedError: the archive is on read-only media, and no other folder is configured.
    """
    if not configured and on_read_only_media(store.root):
        raise SystemRefusedError(
            f"{store.root} is on read-only media, and accounts and the log of who looks at what must be written.",
            remedy="Name a folder for them with --state.",
        )
    return Path(configured) if configured else store.root / "viewer"


class StateDatabase:
    """One connection a thread to the state database; writes are serialised by SQLite itself."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / FILE
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        with self.use() as db:
            db.executescript(_SCHEMA)
        self.path.chmod(0o600)

    @contextlib.contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection (autocommit)."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA secure_delete=ON")
            self._local.connection = connection
            with self._lock:
                self._all.append(connection)
        yield connection

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection in a transaction: all that is written inside counts together, or nothing of it."""
        with self.use() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # SQLite rolls back by itself on some errors (disk full)
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()
        self._local = threading.local()
