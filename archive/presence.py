"""Are the packages and quarantined bytes that are recorded there, in the recorded sizes, and no others?

This asks the file system for names and sizes alone: it opens no package, and memory holds one folder's names at a time.
What it cannot see, a byte that flipped, is `archive.verify`'s to find.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive import quarantine
from archive.catalogue import Catalogue
from archive.errors import CatalogueInvalidError, JournalarkivError
from archive.store import ArchiveStore

_REASON = "reason.json"


@dataclass(frozen=True, slots=True)
class Astray:
    """A package that is not as recorded. Sizes in bytes; `recorded` is None for one that the catalogue does not have,
    `found` for one that is not on disk. `path` is relative to the archive's root, POSIX."""

    path: str
    recorded: int | None
    found: int | None


def packages_astray(store: ArchiveStore, catalogue: Catalogue) -> Iterator[Astray]:
    """Every package that is missing, of another size than recorded, or not recorded at all; by path.

    A process that writes may record a package after it was listed here: one that is not recorded is asked for once
    more, which sees it where no transaction of the reader is open.
    """
    recorded = catalogue.connection.execute("SELECT path, size FROM package ORDER BY path")
    there = _packages(store)
    row, found = next(recorded, None), next(there, None)
    while row is not None or found is not None:
        if found is None or (row is not None and row["path"] < found[0]):
            assert row is not None  # noqa: S101 - the loop's condition, for the type checker
            size = _size(store.root / row["path"])
            if size != row["size"]:
                yield Astray(row["path"], row["size"], size)
            row = next(recorded, None)
        elif row is None or found[0] < row["path"]:
            if not _recorded(catalogue, found[0]):
                yield Astray(found[0], None, found[1])
            found = next(there, None)
        else:
            if found[1] != row["size"]:
                yield Astray(found[0], row["size"], found[1])
            row, found = next(recorded, None), next(there, None)


def require_packages(store: ArchiveStore, catalogue: Catalogue) -> None:
    """Raise where the catalogue is not that of the packages on disk.

    Raises:
        CatalogueInvalidError: some are missing, of another size, or unknown to it.
    """
    missing = other = unknown = 0
    for astray in packages_astray(store, catalogue):
        missing += astray.found is None
        unknown += astray.recorded is None
        other += astray.found is not None and astray.recorded is not None
    if missing or other or unknown:
        raise CatalogueInvalidError(
            f"The catalogue is not that of the packages: {missing} are missing, {other} of another size, {unknown} not"
            " in it.",
            remedy="Run `journalarkiv verify`, which says which; restore them, or run `journalarkiv rebuild`.",
        )


def kept_bytes_astray(store: ArchiveStore, catalogue: Catalogue) -> Iterator[tuple[str, int, int]]:
    """Quarantined documents of which fewer bytes are there than recorded: id, bytes recorded, bytes found; by id."""
    for document, size in catalogue.connection.execute(
        "SELECT document_id, size FROM quarantined WHERE size>0 ORDER BY document_id"
    ):
        folder = store.quarantine_path(document)
        sizes: dict[str, int] = {}
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            sizes = {e.name: e.stat().st_size for e in entries if e.name != _REASON and not e.name.endswith(".tmp")}
        if sum(sizes.values()) >= size:
            continue
        # the same bytes may be two files of the document, and are there once
        recorded, found = size, sum(sizes.values())
        with contextlib.suppress(JournalarkivError, OSError, ValueError, KeyError, TypeError):
            kept = {f.stored_as: f.size or 0 for f in quarantine.get(store, document).files if f.stored_as}
            recorded, found = sum(kept.values()), sum(sizes.get(name, 0) for name in kept)
        if found < recorded:
            yield document, recorded, found


def _packages(store: ArchiveStore) -> Iterator[tuple[str, int]]:
    """Path and size of every package in its proper place, by path."""
    for first in _folders(store.packages):
        for second in _folders(first):
            held = []
            with os.scandir(second) as entries:
                for entry in entries:
                    if entry.name.endswith(".tar") and _proper(store, Path(entry.path)) and entry.is_file():
                        held.append((entry.name, entry.stat().st_size))
            place = second.relative_to(store.root).as_posix()
            yield from ((f"{place}/{name}", size) for name, size in sorted(held))


def _folders(parent: Path) -> list[Path]:
    with os.scandir(parent) as entries:
        return sorted(Path(e.path) for e in entries if len(e.name) == 2 and e.is_dir())


def _proper(store: ArchiveStore, path: Path) -> bool:
    with contextlib.suppress(ValueError):
        return store.package_path(path.stem) == path
    return False


def _recorded(catalogue: Catalogue, path: str) -> bool:
    return catalogue.connection.execute("SELECT 1 FROM package WHERE id=?", (Path(path).stem,)).fetchone() is not None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
