"""Where things are in an archive folder, and how bytes get there safely.

Layout: docs/internals/on-disk.md. Rule for every file that matters: write under a temporary name in the same file
system, fsync the file, rename, fsync the folder. One process writes an archive at a time (`lock`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from archive.errors import ArchiveBusyError, DiskFullError, NotAnArchiveError

FORMAT_VERSION = 1
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CHUNK = 1 << 20
_BRIEF = b"brief"
_POLL_SECONDS = 0.05
_MOST_BRIEF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ArchiveInfo:
    """What `archive.toml` says: whose archive of which old system this is."""

    id: str
    system_name: str
    system_version: str = ""
    owner_name: str = ""
    owner_number: str = ""
    submission_agreement: str = ""


@dataclass(frozen=True, slots=True)
class ArchiveStore:
    """An archive folder. Cheap to make, picklable; opens nothing until asked."""

    root: Path
    info: ArchiveInfo

    @classmethod
    def create(cls, root: Path, info: ArchiveInfo) -> ArchiveStore:
        """Make the folder and its `archive.toml`; an existing archive of the same id is opened instead.

        Raises:
            NotAnArchiveError: the folder holds something else, or the archive of another system.
        """
        if (root / "archive.toml").exists():
            store = cls.open(root)
            if store.info.id != info.id:
                raise NotAnArchiveError(
                    f"{root} is the archive of {store.info.system_name!r} ({store.info.id}), not {info.id}.",
                    remedy="Give another folder, or the mapping that made this archive.",
                )
            store._make_folders()
            return store
        # what a creation that was cut short leaves is no reason to refuse
        if root.exists() and any(p.name not in ("lost+found", "archive.toml.tmp") for p in root.iterdir()):
            raise NotAnArchiveError(f"{root} is not empty and not an archive.", remedy="Give a new or empty folder.")
        root.mkdir(parents=True, exist_ok=True)
        store = cls(root.absolute(), info)
        lines = [f"format_version = {FORMAT_VERSION}"]
        for name in ArchiveInfo.__dataclass_fields__:
            lines.append(f"{name} = {_toml_string(getattr(info, name))}")
        write_durably(root / "archive.toml", ("\n".join(lines) + "\n").encode())
        store._make_folders()
        return store

    def _make_folders(self) -> None:
        for folder in (self.packages, self.quarantine, self.seals, self.audit):
            folder.mkdir(exist_ok=True)

    @classmethod
    def open(cls, root: Path) -> ArchiveStore:
        """Open an existing archive.

        Raises:
            NotAnArchiveError: no `archive.toml`, an unreadable one, or one of a newer format.
        """
        try:
            data = tomllib.loads((root / "archive.toml").read_text("utf-8"))
            version = data.pop("format_version")
            info = ArchiveInfo(**data)
        except FileNotFoundError:
            raise NotAnArchiveError(
                f"{root} holds no archive.toml.", remedy="Give the folder that `journalarkiv migrate` wrote."
            ) from None
        except (OSError, ValueError, TypeError, KeyError) as e:
            raise NotAnArchiveError(f"{root / 'archive.toml'} cannot be read: {e}.") from e
        if version != FORMAT_VERSION:
            raise NotAnArchiveError(
                f"{root} is of archive format {version}; this version reads {FORMAT_VERSION}.",
                remedy="Use the journalarkiv version that wrote it, or a newer one.",
            )
        return cls(root.absolute(), info)

    @property
    def packages(self) -> Path:
        """The truth: one tar per patient and generation."""
        return self.root / "packages"

    @property
    def quarantine(self) -> Path:
        """Documents that could not be archived: one folder each."""
        return self.root / "quarantine"

    @property
    def seals(self) -> Path:
        """Reports, certificates and Merkle roots."""
        return self.root / "seals"

    @property
    def audit(self) -> Path:
        """Who looked at what."""
        return self.root / "audit"

    @property
    def index(self) -> Path:
        """Search index generations; derived."""
        return self.root / "index"

    @property
    def register(self) -> Path:
        """The run's ledger (SQLite); work state."""
        return self.root / "register.sqlite"

    @property
    def catalogue(self) -> Path:
        """The catalogue (SQLite); derived."""
        return self.root / "catalogue.sqlite"

    @property
    def work(self) -> Path:
        """Temporary files of a running migration, on the same file system as the packages."""
        return self.root / "work"

    def package_path(self, package_id: str) -> Path:
        """`packages/3f/a2/<uuid>.tar`."""
        if not _ID.fullmatch(package_id):
            raise ValueError("not a package id")
        return self.packages / package_id[:2] / package_id[2:4] / f"{package_id}.tar"

    def quarantine_path(self, document_id: str) -> Path:
        """`quarantine/<document id>/`."""
        if not _ID.fullmatch(document_id):
            raise ValueError("not a document id")
        return self.quarantine / document_id

    def package_files(self) -> Iterator[Path]:
        """Every package on disk, in path order; memory holds one folder's names at a time."""
        for first in _folders(self.packages):
            for second in _folders(first):
                yield from sorted(p for p in second.iterdir() if p.suffix == ".tar" and p.is_file())

    @property
    def ocr_queue(self) -> Path:
        """The pages that wait for OCR (SQLite); derived."""
        return self.root / "ocr.sqlite"

    @property
    def ocr_work(self) -> Path:
        """Temporary files of a running `ocr`, which may run beside a migration."""
        return self.root / "ocr"

    @contextlib.contextmanager
    def lock(self, *, brief: bool = False) -> Iterator[None]:
        """Hold the archive's write lock; released by the system when the process dies.

        Args:
            brief: it is held for moments only: others wait for it instead of giving up.

        Raises:
            ArchiveBusyError: another process holds it.
        """
        with _held(self.root / "lock", f"Another journalarkiv process is writing {self.root}.", brief=brief):
            yield

    @contextlib.contextmanager
    def ocr_lock(self) -> Iterator[None]:
        """Hold what only one `ocr` at a time may have; keeps nobody else from the archive.

        Raises:
            ArchiveBusyError: another process holds it.
        """
        with _held(self.root / "ocr.lock", f"Another `journalarkiv ocr` is at work on {self.root}."):
            yield


@contextlib.contextmanager
def _held(path: Path, busy: str, *, brief: bool = False) -> Iterator[None]:
    handle = path.open("a+b")
    try:
        waited, in_vain = 0.0, 0
        while True:
            try:
                _lock_exclusively(handle)
                break
            except OSError:
                # once more in any case: who has just taken the lock may not have said yet that it is brief
                in_vain = 0 if _is_brief(handle) else in_vain + 1
                if waited > _MOST_BRIEF_SECONDS or in_vain > 1:
                    raise ArchiveBusyError(busy, remedy="Wait for it, or stop it.") from None
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


def _lock_exclusively(handle: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        handle.seek(0)  # it locks bytes from here
        msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _folders(parent: Path) -> list[Path]:
    return sorted(p for p in parent.iterdir() if p.is_dir()) if parent.is_dir() else []


def _toml_string(text: str) -> str:
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\\x7f' else c for c in text)
    return f'"{escaped}"'


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable (a no-op where the system cannot open folders)."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def publish(temporary: Path, final: Path) -> None:
    """Rename a finished, closed file to its name, durably; replaces what is there.

    Raises:
        DiskFullError: the file system has no room for it.
    """
    with disk_full_is_clear():
        with temporary.open("rb+") as f:
            os.fsync(f.fileno())
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(final)
        sync_folder(final.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a small file under a temporary name, fsync and rename it."""
    temporary = path.with_name(path.name + ".tmp")
    with disk_full_is_clear():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        publish(temporary, path)


@contextlib.contextmanager
def disk_full_is_clear() -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" into DiskFullError."""
    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                "There is no space left on the disk.",
                remedy="Make room and run the same command again; it continues where it stopped.",
            ) from e
        raise


def sha256_file(path: Path) -> tuple[str, int]:
    """SHA-256 (lower-case hex) and size in bytes of a file, read in pieces."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as f:
        while chunk := f.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def remove_tree(path: Path) -> None:
    """Remove a folder of temporary files; nothing happens if it is not there."""
    shutil.rmtree(path, ignore_errors=True)
