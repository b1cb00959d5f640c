"""The file that a row of the register names, out of the inventory in the work register."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from archive.reasons import Reason
from extract.sources.names import Comparison, FileKind, NoFile, matches, written

_AMBIGUOUS = (
    "Files or rows of the export have names that differ only in letter case, Unicode form or blanks; which file is"
    " meant is not certain."
)
_LINK = "A link there leads out of the export; it was not followed."
_SPECIAL = "What has this name is no file: a device, a pipe or a link that leads nowhere."
_FOLDER = "A folder of its path cannot be listed, so whether the file is there is not known."


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to read. `path` is None where there is nothing that may be read; `problem` then says why."""

    name: str
    path: Path | None
    problem: tuple[Reason, str] | None = None


class Locator:
    """Finds files of the export that the register's inventory is of, by the rule of `extract.sources.names`."""

    def __init__(self, db: sqlite3.Connection, export: int) -> None:
        self._db = db
        self._export = export

    def locate(self, root: Path, raw: str, path: str | None, group: str | None) -> PlannedFile:
        """The file of a row.

        Args:
            root: the export's folder.
            raw: what the register says.
            path: the same after the mapping's path rules, None where it leads out of the export.
            group: `Source.fold_name` of the path.
        """
        if path is None or group is None:
            return PlannedFile(raw, None, (Reason.PATH_OUTSIDE_EXPORT, Reason.PATH_OUTSIDE_EXPORT.sentence))
        found = self._db.execute("SELECT path, disk, register FROM file WHERE folded=?", (group,)).fetchall()
        if len(found) == 1 and found[0][0] == path:
            return self._file(root, path, found[0])
        answer = matches(self._names(group) if found else (path,), [written(f[0]) for f in found])[path]
        if answer is NoFile.AMBIGUOUS:
            return PlannedFile(path, None, (Reason.FILE_AMBIGUOUS, _AMBIGUOUS))
        if answer is NoFile.MISSING:
            return PlannedFile(path, None, self._above(group) or (Reason.FILE_MISSING, Reason.FILE_MISSING.sentence))
        assert isinstance(answer, int)  # noqa: S101 - the two above are all there is besides
        return self._file(root, path, found[answer])

    def _names(self, group: str) -> list[str]:
        select = (
            "SELECT DISTINCT r.path FROM document_file r JOIN document d ON d.key=r.document_key"
            " WHERE r.folded=? AND d.last_seen=?"
        )
        return [row[0] for row in self._db.execute(select, (group, self._export))]

    def _above(self, group: str) -> tuple[Reason, str] | None:
        """Why nothing can be said of a path below a folder that cannot be listed or a link that leads out."""
        steps = group.split("/")
        for n in range(len(steps)):
            above = "/".join(steps[:n]) or "."
            for (kind,) in self._db.execute("SELECT register FROM file WHERE folded=?", (above,)):
                if kind == FileKind.UNREADABLE_FOLDER:
                    return Reason.UNREADABLE, _FOLDER
                if kind == FileKind.OUTSIDE:
                    return Reason.PATH_OUTSIDE_EXPORT, _LINK
        return None

    @staticmethod
    def _file(root: Path, name: str, found: sqlite3.Row) -> PlannedFile:
        path, disk, kind = found
        if kind == FileKind.OUTSIDE:
            return PlannedFile(name, None, (Reason.PATH_OUTSIDE_EXPORT, _LINK))
        if kind == FileKind.UNREADABLE_FOLDER:
            return PlannedFile(name, None, (Reason.UNREADABLE, _FOLDER))
        if kind == FileKind.SPECIAL:
            return PlannedFile(name, None, (Reason.FILE_MISSING, _SPECIAL))
        return PlannedFile(name, root / (os.fsdecode(disk) if disk is not None else path))


def compare(db: sqlite3.Connection, export: int) -> Comparison:
    """The names of all rows of an export held against the files of its inventory."""
    names = "SELECT r.folded, r.path FROM document_file r{} WHERE r.folded NOT NULL{} ORDER BY r.folded"
    # Rows that only an earlier export has name files of another folder.
    earlier = db.execute("SELECT 1 FROM export WHERE number<? AND registered=1 LIMIT 1", (export,)).fetchone()
    of_this = " JOIN document d ON d.key=r.document_key", f" AND d.last_seen={int(export)}"
    files = db.execute("SELECT folded, path, size, register FROM file ORDER BY folded")
    return Comparison(
        db.execute(names.format(*(of_this if earlier else ("", "")))),
        ((group, (path, size, FileKind(kind))) for group, path, size, kind in files),
    )
