"""Opening the archive's SQLite files to read, also from read-only media, and leaving them whole by themselves."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

_BUSY_MILLISECONDS = 10_000
_NEEDS_WRITING = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


class NotFoldedInError(sqlite3.OperationalError):
    """The newest transactions lie in a write-ahead log that cannot be read where it is: on read-only media."""


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open a database to read, without changing it.

    A database in WAL mode needs a shared file beside it even to be read. Where that cannot be made, as on read-only
    media, it is opened as one that nobody changes (`immutable`), provided that no write-ahead log belongs to it, which
    would then be passed over in silence.

    Raises:
        NotFoldedInError: it cannot be opened otherwise, and there is such a log.
        sqlite3.Error: it is missing or cannot be opened.
    """
    uri = path.absolute().as_uri()
    try:
        return _open(f"{uri}?mode=ro")
    except sqlite3.OperationalError as e:
        if (e.sqlite_errorcode & 0xFF) not in _NEEDS_WRITING or not path.is_file() or os.access(path.parent, os.W_OK):
            raise
        if _size(path.with_name(path.name + "-wal")):
            raise NotFoldedInError(
                f"the newest content of {path.name} lies in its write-ahead log, which read-only media keep closed"
            ) from e
    return _open(f"{uri}?immutable=1")


def _open(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def fold_in(connection: sqlite3.Connection) -> None:
    """Bring a database's write-ahead log into its file, so that a copy of the file alone has everything.

    A reader who is at work keeps the log from being emptied, but not from being folded in. What cannot be done now is
    done by the next one who closes the database: nothing is lost by it.
    """
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            return
        connection.execute("PRAGMA busy_timeout=1000")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy is not None and busy[0]:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


@contextlib.contextmanager
def folded_in(*paths: Path) -> Iterator[None]:
    """Fold in the logs of these databases when what runs inside has ended, in whatever way."""
    try:
        yield
    finally:
        for path in paths:
            if _size(path.with_name(path.name + "-wal")):
                with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
                    fold_in(connection)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
