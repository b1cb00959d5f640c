"""The export's files in a work database, and how the paths of the register find them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from extract.inspect.discover import TABLE_SUFFIXES
from extract.inspect.report import FileKinds
from extract.mapping.paths import PathRules, relative_path
from extract.sources.contract import FoundFile
from extract.sources.names import Comparison, FileKind, NoFile, fold_name, written
from extract.sources.staging import Staging

_TRIED = 200
_FOLDERS = 200


@dataclass(frozen=True, slots=True)
class Counts:
    """Different paths the register names, of these the missing and those of which the file is not certain; and the
    files that no row means."""

    named: int
    missing: int
    ambiguous: int
    orphans: int


class Inventory:
    """Every file of the export, and which of them the register names."""

    def __init__(self, staging: Staging, files: Iterable[FoundFile], progress: Callable[[str, int], None]) -> None:
        self._db = staging.db
        columns = "path TEXT PRIMARY KEY, size INT, kind INT, exact TEXT, loose TEXT"
        self._files = staging.new_table(columns, "WITHOUT ROWID")
        self._names = staging.new_table("name TEXT PRIMARY KEY, exact TEXT, loose TEXT", "WITHOUT ROWID")
        kinds: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        self.folders: dict[str, None] = {}
        self.empty = 0
        self.outside = 0
        self.not_files: Counter[FileKind] = Counter()
        """What lies in the export but cannot be read from there."""

        def seen() -> Iterator[tuple[object, ...]]:
            for count, f in enumerate(files, start=1):
                path = written(f.path)
                groups = (fold_name(path, match_case=True), fold_name(path, match_case=False))
                if count % 1_000 == 0:
                    progress("files", count)
                yield f.path, f.size, int(f.kind), *groups
                if f.kind not in (FileKind.DOCUMENT, FileKind.REGISTER):
                    self.not_files[f.kind] += 1
                    continue
                name = path.rpartition("/")[2]
                extension = name.rpartition(".")[2].lower() if "." in name.strip(".") else ""
                kinds[extension] += 1
                sizes[extension] += f.size
                self.empty += f.size == 0
                folder = path.rpartition("/")[0]
                if len(self.folders) < _FOLDERS:
                    self.folders.setdefault(folder)

        staging.fill(f"INSERT INTO {self._files} VALUES (?, ?, ?, ?, ?)", seen())  # noqa: S608
        for group in ("exact", "loose"):
            self._db.execute(f"CREATE INDEX {self._files}_{group} ON {self._files} ({group})")
        self._db.execute(f"CREATE INDEX {self._names}_loose ON {self._names} (loose)")
        self.kinds = tuple(FileKinds(e, n, sizes[e]) for e, n in sorted(kinds.items(), key=lambda k: (-k[1], k[0])))

    def paths(self) -> list[str]:
        """Paths of at most a thousand files that may be tables, those nearest the root first."""
        suffixes = " OR ".join(f"loose LIKE '%{suffix}'" for suffix in (*TABLE_SUFFIXES, ".xml"))
        select = (
            f"SELECT path FROM {self._files} WHERE kind = 0 AND ({suffixes}) "  # noqa: S608
            "ORDER BY length(path) - length(replace(path, '/', '')), path LIMIT 1000"
        )
        return [row[0] for row in self._db.execute(select)]

    def near_root(self) -> list[str]:
        """Paths of at most a thousand files in the root folder or one below it."""
        select = (
            f"SELECT path FROM {self._files} WHERE kind = 0 AND length(path) - length(replace(path, '/', '')) <= 1 "  # noqa: S608
            "ORDER BY path LIMIT 1000"
        )
        return [row[0] for row in self._db.execute(select)]

    def has(self, path: str | None, *, match_case: bool = True) -> bool:
        """Whether the path may be a file of the export."""
        if not path:
            return False
        group = "exact" if match_case else "loose"
        select = f"SELECT 1 FROM {self._files} WHERE {group} = ?"  # noqa: S608
        return self._db.execute(select, (fold_name(path, match_case=match_case),)).fetchone() is not None

    def is_named(self, path: str) -> bool:
        """Whether the register may mean the file."""
        select = f"SELECT 1 FROM {self._names} WHERE loose = ?"  # noqa: S608
        return self._db.execute(select, (fold_name(written(path), match_case=False),)).fetchone() is not None

    def name(self, path: str | None) -> None:
        """Note that the register names a path; None leads outside."""
        if path is None:
            self.outside += 1
            return
        groups = (fold_name(path, match_case=True), fold_name(path, match_case=False))
        self._db.execute(f"INSERT OR IGNORE INTO {self._names} VALUES (?, ?, ?)", (path, *groups))  # noqa: S608

    def counts(self, register: Iterable[str], *, match_case: bool) -> Counts:
        """How the names of the register and the files of the export meet, by the rule a run finds files by."""
        for path in register:
            self._db.execute(
                f"UPDATE {self._files} SET kind = ? WHERE path = ? AND kind = ?",  # noqa: S608
                (int(FileKind.REGISTER), path, int(FileKind.DOCUMENT)),
            )
        group = "exact" if match_case else "loose"
        files = self._db.execute(f"SELECT {group}, path, size, kind FROM {self._files} ORDER BY {group}")  # noqa: S608
        comparison = Comparison(
            self._db.execute(f"SELECT {group}, name FROM {self._names} ORDER BY {group}"),  # noqa: S608
            ((key, (path, size, FileKind(kind))) for key, path, size, kind in files),
        )
        orphans = sum(1 for _ in comparison.unnamed())
        found = comparison.counts
        return Counts(found.total(), found[NoFile.MISSING], found[NoFile.AMBIGUOUS], orphans)

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
            if rest and self.has(rest, match_case=match_case):
                return raw[: len("/".join(parts[:n]))] if len("/".join(parts[:n])) > 0 else ""
        return ""

    def _inside(self, raw: str, match_case: bool) -> str:
        path = relative_path(raw, PathRules())
        if path is None:
            return ""
        return next((f for f in self.folders if f and self.has(f"{f}/{path}", match_case=match_case)), "")
