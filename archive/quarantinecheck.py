"""Holds every quarantine folder against its reason.json and the catalogue."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from archive import quarantine
from archive.catalogue import Catalogue
from archive.cataloguerows import quarantined_row
from archive.errors import JournalarkivError
from archive.findings import FindingCode, Findings
from archive.record import Quarantined
from archive.store import ArchiveStore, sha256_file

REASON = "reason.json"
_HASH_NAMED = re.compile(r"[0-9a-f]{64}\.[a-z0-9]+")


def folder_names(folder: Path) -> Iterator[str]:
    """Everything in a folder, by name in byte order; sorted on disk, so that a million entries need no memory."""
    if not folder.is_dir():
        return
    with contextlib.closing(sqlite3.connect("")) as names:
        names.execute("CREATE TABLE name(value BLOB PRIMARY KEY) WITHOUT ROWID")
        with os.scandir(folder) as entries:
            names.executemany("INSERT INTO name VALUES(?)", ((os.fsencode(e.name),) for e in entries))
        for (name,) in names.execute("SELECT value FROM name ORDER BY value"):
            yield os.fsdecode(name)


def check_quarantine(
    store: ArchiveStore, catalogue: Catalogue | None, findings: Findings, *, sizes: bool, hashes: bool
) -> int:
    """Check all of quarantine/; with `sizes` and `hashes` the bytes kept too.

    Returns:
        The number of quarantined documents on disk.
    """
    count = 0
    for folder in (store.quarantine / name for name in folder_names(store.quarantine)):
        place = folder.relative_to(store.root).as_posix()
        try:
            proper = store.quarantine_path(folder.name) == folder and folder.is_dir()
        except ValueError:
            proper = False
        if not proper:
            temporary = folder.name.endswith(".tmp") or folder.name.startswith(".")
            findings.add(FindingCode.LEFTOVER if temporary else FindingCode.UNKNOWN_FILE, place)
            continue
        if not (folder / REASON).is_file() and not _recorded(catalogue, folder.name):
            findings.add(FindingCode.LEFTOVER, place, "It has no reason.json, so it is no entry.")
            continue
        count += 1
        try:
            q = quarantine.get(store, folder.name)
        except (JournalarkivError, OSError, ValueError, KeyError, TypeError) as e:
            findings.add(FindingCode.QUARANTINE_UNREADABLE, place, type(e).__name__)
            continue
        if q.document.id != folder.name:
            findings.add(FindingCode.QUARANTINE_UNREADABLE, place, "Its reason.json is of another document.")
            continue
        _check_files(folder, place, q, findings, sizes=sizes, hashes=hashes)
        if catalogue is not None:
            _compare(place, q, catalogue, findings)
    if catalogue is not None:
        for row in catalogue.connection.execute("SELECT document_id FROM quarantined ORDER BY document_id"):
            if not store.quarantine_path(row[0]).is_dir():
                findings.add(FindingCode.QUARANTINE_MISSING, f"quarantine/{row[0]}")
    return count


def _check_files(folder: Path, place: str, q: Quarantined, findings: Findings, *, sizes: bool, hashes: bool) -> None:
    named = {REASON}
    for f in q.files:
        if f.stored_as is None:
            continue
        named.add(f.stored_as)
        path = folder / f.stored_as
        if not path.is_file():
            findings.add(FindingCode.QUARANTINE_HASH, f"{place}/{f.stored_as}", "It is missing.")
        elif sizes and path.stat().st_size != f.size:
            findings.add(FindingCode.QUARANTINE_HASH, f"{place}/{f.stored_as}", "It has another size.")
        elif hashes and _hash(path) != f.sha256:
            findings.add(FindingCode.QUARANTINE_HASH, f"{place}/{f.stored_as}", "It has another hash.")
    for path in sorted(folder.iterdir()):
        if path.name not in named:
            temporary = path.suffix == ".tmp" or _HASH_NAMED.fullmatch(path.name)
            code = FindingCode.LEFTOVER if temporary else FindingCode.UNKNOWN_FILE
            findings.add(code, f"{place}/{path.name}")


def _hash(path: Path) -> str:
    try:
        return sha256_file(path)[0]
    except OSError:
        return hashlib.sha256(b"unreadable").hexdigest()


def _recorded(catalogue: Catalogue | None, document_id: str) -> bool:
    if catalogue is None:
        return False
    run = catalogue.connection.execute
    return run("SELECT 1 FROM quarantined WHERE document_id=?", (document_id,)).fetchone() is not None


def _compare(place: str, q: Quarantined, catalogue: Catalogue, findings: Findings) -> None:
    run = catalogue.connection.execute
    row = run("SELECT * FROM quarantined WHERE document_id=?", (q.document.id,)).fetchone()
    if row is None:
        # the refused newer version of an archived document is no document of its own
        if not run("SELECT 1 FROM document WHERE id=?", (q.document.id,)).fetchone():
            findings.add(FindingCode.QUARANTINE_UNKNOWN, place)
    elif tuple(row) != quarantined_row(q, row["patient_id"]):
        findings.add(FindingCode.CATALOGUE_DIFFERS, place, "Table quarantined.")
