"""The export's files in a work database, and how the paths of the register find them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from extract.inspect.discover import TABLE_SUFFIXES
from extract.inspect.report import FileKinds
from extract.mapping.paths import PathRules, relative_path
from extract.sources.contract import FoundFile
from extract.sources.staging import Staging

_TRIED = 200
_FOLDERS = 200


class Inventory:
    """Every file of the export, and which of them the register names."""

    def __init__(self, staging: Staging, files: Iterable[FoundFile], progress: Callable[[str, int], None]) -> None:
        self._db = staging.db
        self._files = staging.new_table("path TEXT PRIMARY KEY, folded TEXT, named INT DEFAULT 0", "WITHOUT ROWID")
        self._missing = staging.new_table("path TEXT PRIMARY KEY", "WITHOUT ROWID")
        kinds: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        self.folders: dict[str, None] = {}
        self.empty = 0
        self.outside = 0

        def seen() -> Iterator[tuple[str, str]]:
            for count, f in enumerate(files, start=1):
                name = f.path.rpartition("/")[2]
                extension = name.rpartition(".")[2].lower() if "." in name.strip(".") else ""
                kinds[extension] += 1
                sizes[extension] += f.size
                self.empty += f.size == 0
                folder = f.path.rpartition("/")[0]
                if len(self.folders) < _FOLDERS:
                    self.folders.setdefault(folder)
                if count % 1_000 == 0:
                    progress("files", count)
                yield f.path, _fold(f.path)

        staging.fill(f"INSERT INTO {self._files} (path, folded) VALUES (?, ?)", seen())  # noqa: S608
        self._db.execute(f"CREATE INDEX {self._files}_folded ON {self._files} (folded)")
        self.kinds = tuple(FileKinds(e, n, sizes[e]) for e, n in sorted(kinds.items(), key=lambda k: (-k[1], k[0])))

    def paths(self) -> list[str]:
        """Paths of at most a thousand files that may be tables, those nearest the root first."""
        suffixes = " OR ".join(f"folded LIKE '%{suffix}'" for suffix in (*TABLE_SUFFIXES, ".xml"))
        select = (
            f"SELECT path FROM {self._files} WHERE {suffixes} "  # noqa: S608
            "ORDER BY length(path) - length(replace(path, '/', '')), path LIMIT 1000"
        )
        return [row[0] for row in self._db.execute(select)]

    def near_root(self) -> list[str]:
        """Paths of at most a thousand files in the root folder or one below it."""
        select = (
            f"SELECT path FROM {self._files} WHERE length(path) - length(replace(path, '/', '')) <= 1 "  # noqa: S608
            "ORDER BY path LIMIT 1000"
        )
        return [row[0] for row in self._db.execute(select)]

    def has(self, path: str | None, *, match_case: bool = True) -> bool:
        """Whether the path is a file of the export."""
        if not path:
            return False
        column, value = ("path", path) if match_case else ("folded", _fold(path))
        select = f"SELECT 1 FROM {self._files} WHERE {column} = ?"  # noqa: S608
        return self._db.execute(select, (value,)).fetchone() is not None

    def is_named(self, path: str) -> bool:
        """Whether the register has named the file."""
        row = self._db.execute(f"SELECT named FROM {self._files} WHERE path = ?", (path,)).fetchone()  # noqa: S608
        return bool(row and row[0])

    def name(self, path: str | None, *, match_case: bool) -> None:
        """Note that the register names a path; None leads outside."""
        if path is None:
            self.outside += 1
            return
        where, value = ("path", path) if match_case else ("folded", _fold(path))
        done = self._db.execute(f"UPDATE {self._files} SET named = 1 WHERE {where} = ?", (value,))  # noqa: S608
        if done.rowcount == 0:
            self._db.execute(f"INSERT OR IGNORE INTO {self._missing} VALUES (?)", (path,))  # noqa: S608

    def counts(self, register: Iterable[str]) -> tuple[int, int, int]:
        """How many different paths are named, how many of them are missing, and how many files are not named."""
        for path in register:
            self._db.execute(f"UPDATE {self._files} SET named = 2 WHERE path = ? AND named = 0", (path,))  # noqa: S608
        count = self._db.execute(
            f"SELECT count(*) FILTER (WHERE named = 1), count(*) FILTER (WHERE named = 0) FROM {self._files}"  # noqa: S608
        )
        found, orphans = count.fetchone()
        (missing,) = self._db.execute(f"SELECT count(*) FROM {self._missing}").fetchone()  # noqa: S608
        return found + missing, missing, orphans

    def rules_for(self, samples: list[str]) -> tuple[PathRules, str]:
        """Path rules under which most of some written paths are files, and the folder to put before them.

        What stands before the first folder that the export has (a drive, a server) becomes a prefix to drop.
        """
        plain = PathRules()
        prefix, folder, case = Counter[str](), Counter[str](), Counter[bool]()
        for raw in samples[:_TRIED]:
            for match_case in (True, False):
                if self.has(relative_path(raw, plain), match_case=match_case):
                    case[match_case] += 1
                    prefix[""] += 1
                    folder[""] += 1
                    break
                if before := self._prefix(raw, match_case):
                    prefix[before] += 1
                    case[match_case] += 1
                    break
                if inside := self._inside(raw, match_case):
                    folder[inside] += 1
                    case[match_case] += 1
                    break
        prefixes = tuple((p, "") for p, n in prefix.most_common(5) if p and n >= 2)
        best_folder = folder.most_common(1)[0][0] if folder else ""
        return replace(plain, prefixes=prefixes, match_case=not case[False]), best_folder

    def _prefix(self, raw: str, match_case: bool) -> str:
        parts = raw.replace("\\", "/").split("/")
        for n in range(1, len(parts)):
            rest = "/".join(parts[n:])
            if rest and self.has(unicodedata.normalize("NFC", rest), match_case=match_case):
                return raw[: len("/".join(parts[:n]))] if len("/".join(parts[:n])) > 0 else ""
        return ""

    def _inside(self, raw: str, match_case: bool) -> str:
        path = relative_path(raw, PathRules())
        if path is None:
            return ""
        return next((f for f in self.folders if f and self.has(f"{f}/{path}", match_case=match_case)), "")


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())
