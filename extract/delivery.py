"""Whether the folder of an export still holds that export.

Delivery folders are used again: what lies under a path today may be another patient's. A path of an export is trusted
while no later export came in the same folder and the register's own files there are, byte for byte, those that were
read with it.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from archive.store import sha256_file


class Deliveries:
    """The folders of all exports that were registered.

    Args:
        db: the work register.
        just_read: an export whose folder was held against the register a moment ago.
    """

    def __init__(self, db: sqlite3.Connection, *, just_read: int | None = None) -> None:
        self._db = db
        self._roots = {
            int(number): root for number, root in db.execute("SELECT number, root FROM export WHERE registered=1")
        }
        self._trusted = {just_read: True} if just_read is not None else {}

    @property
    def newest(self) -> int:
        """The number of the newest export."""
        return max(self._roots)

    def folder(self, export: int) -> Path | None:
        """The folder of an export; None where what lies there is not that export any longer."""
        if export not in self._trusted:
            self._trusted[export] = self._is_there(export)
        return Path(self._roots[export]) if self._trusted[export] else None

    def _is_there(self, export: int) -> bool:
        root = self._roots.get(export)
        if root is None or any(later > export and other == root for later, other in self._roots.items()):
            return False
        for disk, sha256 in self._db.execute("SELECT disk, sha256 FROM delivery WHERE export=?", (export,)):
            try:
                found, _ = sha256_file(Path(root) / os.fsdecode(disk))
            except OSError:
                return False
            if found != sha256:
                return False
        return True
