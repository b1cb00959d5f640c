"""The files of an export, by the names they have on the disk, and back from such a name to the file."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from extract.sources.contract import FoundFile
from extract.sources.names import FileKind, written
from extract.sources.staging import Staging

_NAMES_IN_MEMORY = 200_000
_STEP = re.compile(r"[^/]+(?://\d+)?")


class FileTree:
    """What lies below a folder: every regular file, and every name that is none or cannot be read.

    A name is given as it is written; one that is not UTF-8 is read in `name_encoding`, and where another name of its
    folder is the same text it has `//2`, `//3` after it. Symbolic links are followed where they stay inside the folder.
    A folder is given only where it cannot be listed.
    """

    def __init__(self, root: Path, name_encoding: str, register: Sequence[str], staging: Staging) -> None:
        self.root = root
        self._real = os.path.realpath(root)
        self._encoding = name_encoding
        self._register = frozenset(p for p in register if not any(c in p for c in "*?["))
        self._patterns = [_composed(p) for p in register if p not in self._register]
        self._staging = staging
        self._renamed: dict[str, dict[str, str]] = {}

    def __iter__(self) -> Iterator[FoundFile]:
        yield from self._walk(os.fspath(self.root), "", b"", (self._real,))

    def _walk(self, folder: str, prefix: str, raw_prefix: bytes, above: tuple[str, ...]) -> Iterator[FoundFile]:
        try:
            entries = self._entries(folder)
            for name, shown in entries:
                path, raw = f"{prefix}{shown}", raw_prefix + os.fsencode(name)
                on_disk = os.path.join(folder, name)  # noqa: PTH118  names that are not UTF-8 stay exact
                kind, status = self._kind(on_disk, path)
                if kind is None:
                    real = os.path.realpath(on_disk)
                    if real not in above:
                        yield from self._walk(on_disk, f"{path}/", raw + b"/", (*above, real))
                    continue
                disk = None if raw == path.encode("utf-8", "surrogateescape") else raw
                yield FoundFile(path, status.st_size if status and kind.is_file else 0, kind, disk)
        except _NotListed:
            yield FoundFile(prefix.rstrip("/") or ".", 0, FileKind.UNREADABLE_FOLDER)

    def _kind(self, on_disk: str, path: str) -> tuple[FileKind | None, os.stat_result | None]:
        """What a name is, None for a folder."""
        try:
            status = os.lstat(on_disk)
            if stat.S_ISLNK(status.st_mode):
                if not self._inside(os.path.realpath(on_disk)):
                    return FileKind.OUTSIDE, None
                try:
                    status = os.stat(on_disk)  # noqa: PTH116
                except FileNotFoundError:
                    return FileKind.SPECIAL, None
        except OSError:
            return FileKind.UNREADABLE, None
        if stat.S_ISDIR(status.st_mode):
            return None, status
        if not stat.S_ISREG(status.st_mode):
            return FileKind.SPECIAL, status
        if self._is_register(path):
            return FileKind.REGISTER, status
        # only what the owner may not read can be unreadable: most files need no second look
        if status.st_mode & 0o444 == 0o444 or os.access(on_disk, os.R_OK):
            return FileKind.DOCUMENT, status
        return FileKind.UNREADABLE, status

    def open_path(self, path: str) -> Path:
        """Where the file of a `FoundFile.path` lies.

        Raises:
            FileNotFoundError: there is no such file in the export, or it leads outside.
        """
        at = os.fspath(self.root)
        steps = _STEP.findall(path)
        if "/".join(steps) != path or "\0" in path or {".", ".."} & set(steps):
            raise FileNotFoundError("this is no path inside the export")
        for step in steps:
            exact = os.path.join(at, step)  # noqa: PTH118
            if "//" in step or not os.path.lexists(exact):
                exact = os.path.join(at, self._renames(at).get(step, step))  # noqa: PTH118
            at = exact
        real = os.path.realpath(at)
        if not os.path.isfile(real) or not self._inside(real):  # noqa: PTH113
            raise FileNotFoundError("the path is not in the export")
        return Path(at)

    def _inside(self, real: str) -> bool:
        return real == self._real or real.startswith(self._real.rstrip(os.sep) + os.sep)

    def _is_register(self, path: str) -> bool:
        if path in self._register:
            return True
        if not self._patterns:
            return False
        text = _composed(written(path))
        name = text.rpartition("/")[2]
        return any(fnmatch.fnmatchcase(text, p) or fnmatch.fnmatchcase(name, p) for p in self._patterns)

    def _renames(self, folder: str) -> dict[str, str]:
        known = self._renamed.get(folder)
        if known is None:
            if len(self._renamed) >= 64:
                self._renamed.clear()
            try:
                known = {shown: name for name, shown in self._entries(folder) if name != shown}
            except _NotListed:
                known = {}
            self._renamed[folder] = known
        return known

    def _entries(self, folder: str) -> Iterator[tuple[str, str]]:
        """Names on disk and as shown, sorted by the name on disk; memory holds a bounded number of them.

        Raises:
            _NotListed: the folder cannot be read to its end; nothing was given of it.
        """
        names: list[bytes] = []
        table = ""
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    names.append(os.fsencode(entry.name))
                    if len(names) >= _NAMES_IN_MEMORY:
                        table = table or self._staging.new_table("name BLOB PRIMARY KEY", "WITHOUT ROWID")
                        self._spill(table, names)
        except OSError:
            raise _NotListed from None
        odd: list[tuple[str, str]] = []
        if table:
            self._spill(table, names)
            source: Iterator[bytes] = (
                row[0]
                for row in self._staging.db.execute(f"SELECT name FROM {table} ORDER BY name")  # noqa: S608
            )
        else:
            names.sort()
            source = iter(names)
        for raw in source:
            name = os.fsdecode(raw)
            try:
                yield name, raw.decode("utf-8")
            except UnicodeDecodeError:
                odd.append((name, self._decoded(raw)))
        taken: set[str] = set()
        for name, shown in odd:
            free, n = shown, 1
            while free in taken or (n == 1 and os.path.lexists(os.fsencode(folder) + b"/" + shown.encode("utf-8"))):
                n += 1
                free = f"{shown}//{n}"
            taken.add(free)
            yield name, free
        if table:
            self._staging.db.execute(f"DROP TABLE {table}")

    def _spill(self, table: str, names: list[bytes]) -> None:
        self._staging.fill(f"INSERT OR IGNORE INTO {table} VALUES (?)", ((n,) for n in names))  # noqa: S608
        names.clear()

    def _decoded(self, raw: bytes) -> str:
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            return raw.decode("latin-1")


class _NotListed(Exception):
    """A folder cannot be listed."""


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
