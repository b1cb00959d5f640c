"""What becomes of an error that nobody expected: one sentence, and a log file that says where, never what.

An exception's message may quote a patient's name, a file's name or a document's words, and so may the messages of the
exceptions behind it, notes on it and local variables. None of these is ever written: only types, places in the code,
and numbers of the operating system and of SQLite.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import platform
import re
import sqlite3
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import FrameType

from archive.errors import DiskFullError, JournalarkivError, SystemRefusedError

FOLDER_VARIABLE = "JOURNALARKIV_LOG_FOLDER"
_MOST_LINKS = 20
_MOST_FRAMES = 200
_FRAME = re.compile(r'^ *File "[^"\n]+", line \d+, in [\w<>.]+$', re.MULTILINE)
_SYSTEM_NAMES = """EACCES EPERM EROFS EIO EMFILE ENFILE ENOLCK ENODEV ENXIO EFBIG EMLINK ESTALE ETIMEDOUT ENOTCONN
EHOSTDOWN EREMOTEIO"""
_SYSTEM = frozenset(getattr(errno, name, -1) for name in _SYSTEM_NAMES.split())
"""What is no fault of ours when the system says it."""
_SQLITE_SYSTEM = {
    sqlite3.SQLITE_IOERR: "a database file cannot be read or written (input/output error)",
    sqlite3.SQLITE_READONLY: "a database file cannot be written",
    sqlite3.SQLITE_CANTOPEN: "a database file cannot be opened",
    sqlite3.SQLITE_PERM: "a database file cannot be written",
    sqlite3.SQLITE_CORRUPT: "a database file is damaged",
    sqlite3.SQLITE_NOTADB: "a database file is damaged",
    sqlite3.SQLITE_BUSY: "a database file is locked by another process",
    sqlite3.SQLITE_LOCKED: "a database file is locked by another process",
}


def as_ours(error: BaseException) -> JournalarkivError | None:
    """The typed error for what the system, a disk or a database refused; None for what is a fault of the program."""
    if isinstance(error, JournalarkivError):
        return error
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return _full()
        if code in _SQLITE_SYSTEM:
            return SystemRefusedError(f"The work stops: {_SQLITE_SYSTEM[code]}.", remedy=_REMEDY)
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _full()
        if error.errno in _SYSTEM:
            name = errno.errorcode.get(error.errno, str(error.errno))
            return SystemRefusedError(
                f"The work stops: the system refuses to read or write ({os.strerror(error.errno)}, {name}).",
                remedy=_REMEDY,
            )
    return None


_REMEDY = "Everything recorded so far is safe; look at the disk, its rights and the file system, and run it again."


def _full() -> DiskFullError:
    return DiskFullError("There is no space left on the disk.", remedy="Make room and run the same command again.")


def describe(error: BaseException) -> str:
    """An exception and all behind it, as types and places in the code; nothing that could be a patient's."""
    lines = [
        f"journalarkiv {_version()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},"
        f" {platform.system()}"
    ]
    for number, (link, how) in enumerate(_chain(error)):
        if number == _MOST_LINKS:
            lines.append("... and more behind it")
            break
        lines.append(f"{how}{_kind(link)}")
        lines += [f"  {frame}" for frame in _frames(link)]
    return "\n".join(lines) + "\n"


class PlaceFormatter(logging.Formatter):
    """Formats log records; an exception that goes with one is described without its words."""

    def formatException(self, ei: object) -> str:
        """The description in place of a traceback."""
        error = ei[1] if isinstance(ei, tuple) else None
        return describe(error).rstrip() if isinstance(error, BaseException) else ""


def never_quote() -> None:
    """What ends a thread, or happens where nobody can catch it, is told without its words as well."""

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            _print(f"A thread ended: {describe(args.exc_value)}")

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            _print(f"Passed over: {describe(args.exc_value)}")

    threading.excepthook = of_thread
    sys.unraisablehook = unraisable


def _print(text: str) -> None:
    with contextlib.suppress(Exception):
        sys.stderr.write(text)


def where(error: BaseException) -> str:
    """The exception's type and the last place in our code: `ValueError in extract/plan.py, line 12`."""
    last = ""
    root = Path(__file__).parents[1]
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(root) and "site-packages" not in path.parts:
            last = f" in {path.relative_to(root).as_posix()}, line {line}"
    return f"{type(error).__name__}{last}"


def write_log(error: BaseException) -> Path | None:
    """Write the description to a new file that its owner alone can read; None where no folder can be written.

    The folder: that of `JOURNALARKIV_LOG_FOLDER`, else the user's state folder, else the one for temporary files.
    """
    content = describe(error).encode("utf-8", "backslashreplace")
    name = f"journalarkiv-error-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{os.getpid()}.log"
    for folder in _folders():
        with contextlib.suppress(OSError, RuntimeError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as f:
                f.write(content)
            return folder / name
    return None


def _folders() -> Iterator[Path]:
    if given := os.environ.get(FOLDER_VARIABLE):
        yield Path(given)
    with contextlib.suppress(RuntimeError):
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        yield Path(state) / "journalarkiv"
    with contextlib.suppress(OSError):
        yield Path(tempfile.gettempdir())


def _version() -> str:
    try:
        return metadata.version("journalarkiv")
    except metadata.PackageNotFoundError:
        return "?"


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """The exception, what it came from, and the members of groups; each once."""
    waiting, seen = [(error, "")], set()
    while waiting:
        link, how = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link, how
        if isinstance(link, BaseExceptionGroup):
            waiting += [(inner, "one of a group: ") for inner in link.exceptions]
        if link.__cause__ is not None:
            waiting.append((link.__cause__, "caused by: "))
        elif link.__context__ is not None and not link.__suppress_context__:
            waiting.append((link.__context__, "while handling: "))


def _kind(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{kind} ({errno.errorcode.get(error.errno, error.errno)})"
    if isinstance(error, sqlite3.Error) and (code := getattr(error, "sqlite_errorname", None)):
        return f"{kind} ({code})"
    return kind


def _frames(error: BaseException) -> list[str]:
    """Its places in the code, oldest call first, and those that another process noted."""
    frames = [f'File "{f.f_code.co_filename}", line {n}, in {f.f_code.co_name}' for f, n in _walk(error)]
    if len(frames) > _MOST_FRAMES:  # a recursion
        half = _MOST_FRAMES // 2
        frames = [*frames[:half], f"... {len(frames) - 2 * half} more ...", *frames[-half:]]
    told = [*getattr(error, "__notes__", ()), getattr(error, "tb", "")]
    for text in told:  # notes of a worker; the traceback that concurrent.futures carries as text
        if isinstance(text, str):
            frames += [match.strip() for match in _FRAME.findall(text)[:_MOST_FRAMES]]
    return frames


def _walk(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    return traceback.walk_tb(error.__traceback__)
