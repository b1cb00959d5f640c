"""The files of an export, as NFC paths, and back from such a path to the file on disk."""

from __future__ import annotations

import fnmatch
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from extract.sources.contract import FoundFile
from extract.sources.staging import Staging

_NAMES_IN_MEMORY = 200_000


class FileTree:
    """The regular files below a folder.

    A name that is not UTF-8 is read in `name_encoding`. Of two names in a folder that are the same in NFC, the one
    that is written so keeps it and the others get ` (2)`, ` (3)` after them. Symbolic links are followed where they
    stay inside the folder.
    """

    def __init__(self, root: Path, name_encoding: str, register: Sequence[str], staging: Staging) -> None:
        self.root = root
        self._real = os.path.realpath(root)
        self._encoding = name_encoding
        self._register = frozenset(p for p in register if not any(c in p for c in "*?["))
        self._patterns = [p for p in register if p not in self._register]
        self._staging = staging
        self._renamed: dict[str, dict[str, str]] = {}

    def __iter__(self) -> Iterator[FoundFile]:
        yield from self._walk(os.fspath(self.root), "", (self._real,))

    def _walk(self, folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[FoundFile]:
        renamed: dict[str, str] = {}
        for name, shown in self._entries(folder):
            path = f"{prefix}{shown}"
            on_disk = os.path.join(folder, name)  # noqa: PTH118  names that are not UTF-8 stay exact
            try:
                status = os.lstat(on_disk)
                if stat.S_ISLNK(status.st_mode):
                    real = os.path.realpath(on_disk)
                    if not self._inside(real):
                        continue
                    status = os.stat(on_disk)  # noqa: PTH116
            except OSError:
                continue
            if name != shown:
                renamed[shown] = name
            if stat.S_ISDIR(status.st_mode):
                real = os.path.realpath(on_disk)
                if real not in above:
                    yield from self._walk(on_disk, f"{path}/", (*above, real))
            elif stat.S_ISREG(status.st_mode):
                yield FoundFile(path, status.st_size, self._is_register(path))

    def open_path(self, path: str) -> Path:
        """Where the file of a `FoundFile.path` lies.

        Raises:
            FileNotFoundError: there is no such file in the export, or it leads outside.
        """
        at = os.fspath(self.root)
        for part in path.split("/"):
            if part in ("", ".", "..") or "\0" in part:
                raise FileNotFoundError(f"{path!r} is no path inside the export")
            exact = os.path.join(at, part)  # noqa: PTH118
            if not os.path.lexists(exact):
                exact = os.path.join(at, self._renames(at).get(part, part))  # noqa: PTH118
            at = exact
        real = os.path.realpath(at)
        if not os.path.isfile(real) or not self._inside(real):  # noqa: PTH113
            raise FileNotFoundError(f"{path!r} is not in the export")
        return Path(at)

    def _inside(self, real: str) -> bool:
        return real == self._real or real.startswith(self._real.rstrip(os.sep) + os.sep)

    def _is_register(self, path: str) -> bool:
        return path in self._register or any(
            fnmatch.fnmatchcase(path, p) or fnmatch.fnmatchcase(path.rpartition("/")[2], p) for p in self._patterns
        )

    def _renames(self, folder: str) -> dict[str, str]:
        known = self._renamed.get(folder)
        if known is None:
            if len(self._renamed) >= 64:
                self._renamed.clear()
            known = {shown: name for name, shown in self._entries(folder) if name != shown}
            self._renamed[folder] = known
        return known

    def _entries(self, folder: str) -> Iterator[tuple[str, str]]:
        """Names on disk and as shown, sorted by the name on disk; memory holds a bounded number of them."""
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
            return
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
        taken: set[str] = set()
        for raw in source:
            name = os.fsdecode(raw)
            shown = self._shown(raw)
            if shown == name:
                yield name, name
            else:
                odd.append((name, shown))
        for name, shown in odd:
            free, n = shown, 1
            while free in taken or os.path.lexists(os.path.join(folder, free)):  # noqa: PTH118
                n += 1
                free = f"{shown} ({n})"
            taken.add(free)
            yield name, free
        if table:
            self._staging.db.execute(f"DROP TABLE {table}")

    def _spill(self, table: str, names: list[bytes]) -> None:
        self._staging.fill(f"INSERT OR IGNORE INTO {table} VALUES (?)", ((n,) for n in names))  # noqa: S608
        names.clear()

    def _shown(self, raw: bytes) -> str:
        for encoding in ("utf-8", self._encoding):
            try:
                return unicodedata.normalize("NFC", raw.decode(encoding))
            except UnicodeDecodeError:
                continue
        return unicodedata.normalize("NFC", raw.decode("latin-1"))
