"""Where a run keeps its temporary files: within the archive, or in a folder that the user gives, say one in memory.

A run makes and deletes some ten files and folders for each document. Whatever there is of them when it ends, by itself
or killed, is removed by the end of that run or the beginning of the next.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from archive.errors import UsageError
from archive.store import ArchiveStore, remove_tree, write_durably

_PREFIX = "journalarkiv-"
_NOTE = "scratch"


@contextlib.contextmanager
def scratch_folder(store: ArchiveStore, given: Path | None) -> Iterator[Path]:
    """The folder for a run's temporary files, emptied before and gone after; the archive must be locked.

    Args:
        store: the archive; what a killed run left, in its work folder and elsewhere, is removed.
        given: where to make it, readable for nobody else; None for the archive's own work folder.

    Raises:
        UsageError: `given` is no folder, is in the archive, cannot be written, or holds something of that name that is
            not ours.
    """
    _clear(store)
    folder = store.work
    if given is not None:
        folder = _folder(store, given)
        if folder.is_relative_to(store.root.resolve()) or not given.is_dir():
            raise UsageError(f"{given} is no folder outside of the archive.", remedy="Give another one to --scratch.")
        write_durably(store.work / _NOTE, os.fsencode(folder))  # before there is anything to remove
        _make(folder)
    try:
        yield folder
    finally:
        remove_tree(folder)
        remove_tree(store.work)


def _clear(store: ArchiveStore) -> None:
    """Remove what a killed run left; nothing in there is ever needed again."""
    with contextlib.suppress(FileNotFoundError):
        left = Path(os.fsdecode((store.work / _NOTE).read_bytes()))
        if left == _folder(store, left.parent) and _is_ours(left):
            remove_tree(left)
    remove_tree(store.work)
    store.work.mkdir()


def _folder(store: ArchiveStore, parent: Path) -> Path:
    """Its name tells the archive, so that two runs into two archives can have the same `parent`."""
    root = store.root.resolve()
    return parent.resolve() / f"{_PREFIX}{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}"


def _make(folder: Path) -> None:
    if _is_ours(folder):
        remove_tree(folder)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # in a folder that all may write to, somebody could wait under this name for patients' documents
        raise UsageError(f"{folder} is not ours.", remedy="Remove it, or give another folder to --scratch.") from None
    except OSError as e:
        raise UsageError(f"{folder} cannot be made: {e.strerror}.", remedy="Give another one to --scratch.") from e


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and (os.name == "nt" or found.st_uid == os.geteuid())
