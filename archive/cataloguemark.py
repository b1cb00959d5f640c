"""How far the catalogue was when it was last closed, in a small file beside it.

A catalogue that somebody puts back (from a backup, say) is a sound database of this archive, and knows less than the
packages. Its content serial is behind the mark, and that is told wherever the catalogue is opened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from archive.store import ArchiveStore, write_durably

_FORMAT = "journalarkiv.catalogue-mark/1"


@dataclass(slots=True)
class CatalogueMark:
    """The mark of an archive; `serial` is the content serial it tells, 0 where there is none."""

    path: Path
    serial: int

    @classmethod
    def of(cls, store: ArchiveStore) -> CatalogueMark:
        """Read it; one that cannot be read is none."""
        path = store.root / "catalogue.mark"
        try:
            serial = json.loads(path.read_bytes())["content_serial"]
        except (OSError, ValueError, KeyError, TypeError):
            serial = 0
        return cls(path, serial if isinstance(serial, int) else 0)

    def raise_to(self, serial: int) -> None:
        """Write it anew where the catalogue has gone on; it never goes back.

        Raises:
            DiskFullError, OSError: it cannot be written; the old one stays.
        """
        if serial > self.serial:
            content = json.dumps({"format": _FORMAT, "content_serial": serial}) + "\n"
            write_durably(self.path, content.encode())
            self.serial = serial
