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
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.database import folded_in
from archive.errors import DiskFullError, NotAnArchiveError
from archive.locking import NOT_KNOWN, held
from archive.surroundings import GROUP_UMASK, PRIVATE_UMASK

FORMAT_VERSION = 1
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CHUNK = 1 << 20


READABLE_BY = ("owner", "group")
"""Who may be let to read an archive's files."""


@dataclass(frozen=True, slots=True)
class ArchiveInfo:
    """What `archive.toml` says: whose archive of which old system this is."""

    id: str
    system_name: str
    system_version: str = ""
    owner_name: str = ""
    owner_number: str = ""
    submission_agreement: str = ""
    readable_by: str = "owner"
    """Who may read what is written: `owner`, or `group` for the files' group besides."""

    @property
    def umask(self) -> int:
        """The umask for everything written into the archive."""
        return GROUP_UMASK if self.readable_by == "group" else PRIVATE_UMASK


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
        store = cls(root.absolute(), info)
        with store.permissions():
            root.mkdir(parents=True, exist_ok=True)
            root.chmod(0o777 & ~info.umask)  # it may have been there
            lines = [f"format_version = {FORMAT_VERSION}"]
            for name in ArchiveInfo.__dataclass_fields__:
                if name != "readable_by" or info.readable_by != "owner":
                    lines.append(f"{name} = {_toml_string(getattr(info, name))}")
            write_durably(root / "archive.toml", ("\n".join(lines) + "\n").encode())
        store._make_folders()
        return store

    def _make_folders(self) -> None:
        with self.permissions():
            for folder in (self.packages, self.quarantine, self.seals, self.audit):
                folder.mkdir(exist_ok=True)

    @contextlib.contextmanager
    def permissions(self) -> Iterator[None]:
        """What is written inside is readable as the archive says, whatever the umask of who runs it."""
        before = os.umask(self.info.umask)
        try:
            yield
        finally:
            os.umask(before)

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
            if info.readable_by not in READABLE_BY:
                raise ValueError(f"readable_by is one of {', '.join(READABLE_BY)}")
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
            SystemRefusedError: the file system has no locks.
        """
        busy = f"Another journalarkiv process is writing {self.root}."
        whole = () if brief else (self.register, self.catalogue)
        with self.permissions(), held(self.root / "lock", busy, brief=brief), folded_in(*whole):
            yield

    @contextlib.contextmanager
    def ocr_lock(self) -> Iterator[None]:
        """Hold what only one `ocr` at a time may have; keeps nobody else from the archive.

        Raises:
            ArchiveBusyError: another process holds it.
            SystemRefusedError: the file system has no locks.
        """
        busy = f"Another `journalarkiv ocr` is at work on {self.root}."
        with self.permissions(), held(self.root / "ocr.lock", busy), folded_in(self.ocr_queue, self.catalogue):
            yield


def _folders(parent: Path) -> list[Path]:
    return sorted(p for p in parent.iterdir() if p.is_dir()) if parent.is_dir() else []


def _toml_string(text: str) -> str:
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\\x7f' else c for c in text)
    return f'"{escaped}"'


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable; nothing happens where the system or the file system knows no such thing.

    Raises:
        OSError: the disk could not do it (EIO, ENOSPC ...): what was renamed may not be there after a power cut.
    """
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as e:
        if e.errno not in NOT_KNOWN:
            raise
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
