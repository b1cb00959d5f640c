"""One lock file, held by one process at a time, on whatever file system it lies.

`flock` is asked first. Where a file system does not know it (some network and FUSE ones), POSIX record locks are; where
it knows neither, nothing could keep two processes apart, and that is an error of its own and never "busy".
"""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from archive.errors import ArchiveBusyError, SystemRefusedError

_BRIEF = b"brief"
_POLL_SECONDS = 0.05
_MOST_BRIEF_SECONDS = 60.0
_HELD_BY_ANOTHER = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK})
NOT_KNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system says to a call that it does not know."""


@contextlib.contextmanager
def held(path: Path, busy: str, *, brief: bool = False) -> Iterator[None]:
    """Hold the lock file; released by the system when the process dies.

    Args:
        path: the lock file; made if absent.
        busy: the sentence for another process holding it.
        brief: it is held for moments only: others wait for it instead of giving up.

    Raises:
        ArchiveBusyError: another process holds it.
        SystemRefusedError: the file system has no locks.
    """
    handle = path.open("a+b")
    try:
        waited, in_vain = 0.0, 0
        while not _lock_exclusively(handle, path):
            # once more in any case: who has just taken the lock may not have said yet that it is brief
            in_vain = 0 if _is_brief(handle) else in_vain + 1
            if waited > _MOST_BRIEF_SECONDS or in_vain > 1:
                raise ArchiveBusyError(busy, remedy="Wait for it, or stop it.")
            time.sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
        # What the one before said is taken away only here, and not where it is said again: without it, who waits would
        # give up while one leaves and the next one comes.
        if brief != _is_brief(handle):
            handle.truncate(0)
            if brief:
                handle.write(_BRIEF)
                handle.flush()
        yield
    finally:
        handle.close()


def _is_brief(handle: IO[bytes]) -> bool:
    try:
        handle.seek(0)
        return handle.read(len(_BRIEF)) == _BRIEF
    except OSError:
        return False


def _lock_exclusively(handle: IO[bytes], path: Path) -> bool:
    """Whether the lock is ours now; false where another process has it."""
    if sys.platform == "win32":
        import msvcrt

        handle.seek(0)  # it locks bytes from here
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            if e.errno in _HELD_BY_ANOTHER:
                return False
            if e.errno not in NOT_KNOWN | {errno.ENOLCK}:
                raise
        else:
            return True
    raise SystemRefusedError(
        f"The file system of {path} has no file locks, so that nothing would keep two processes apart.",
        remedy="Put the archive on a file system that has them (over NFS: with its lock service running).",
    )
