"""Makes the catalogue again, from packages/ and quarantine/ alone.

It is built beside the old one and takes its place in one SQLite transaction, so that a viewer which has the old one
open goes on without a break and a crash leaves either the old or the new, whole. Damaged packages are findings, not a
stop: the highest generation of a patient that can be read is the current one.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archive import quarantine
from archive.catalogue import Catalogue, full_disk_is_clear
from archive.cataloguemark import CatalogueMark
from archive.errors import CatalogueInvalidError, JournalarkivError
from archive.findings import FindingCode, Findings
from archive.fixity import read_sidecar
from archive.identifiers import package_id
from archive.package import PackageContents, PackageReceipt, read_package
from archive.packagecheck import journal_is_intact, measure
from archive.quarantinecheck import folder_names
from archive.reasons import DocumentProblem
from archive.store import ArchiveStore, publish

Progress = Callable[[int, int], None]
"""Called with the packages done and their number in all."""

_BATCH = 200


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What the new catalogue holds, and what was wrong on the way."""

    packages: int
    patients: int
    documents: int
    files: int
    quarantined: int
    findings: Findings


def rebuild(store: ArchiveStore, progress: Progress | None = None) -> RebuildReport:
    """Make the catalogue of an archive again; the caller holds the archive's lock.

    Raises:
        DiskFullError: no room; the old catalogue is untouched.
    """
    beside = store.catalogue.with_name(store.catalogue.name + ".rebuild.tmp")
    _remove_database(beside)
    try:
        with Catalogue.open_file(beside, store.info.id, write=True) as catalogue:
            # nothing of this file is worth anything before it is whole
            catalogue.connection.execute("PRAGMA synchronous=OFF")
            findings = Findings()
            _read_packages(store, catalogue, findings, progress)
            _read_quarantine(store, catalogue, findings)
            mark = CatalogueMark.of(store)
            serial = max(_old_serial(store) + 1, mark.serial + 1, catalogue.content_serial)
            catalogue.connection.execute("UPDATE meta SET value=? WHERE key='content_serial'", (str(serial),))
            count = {
                table: int(catalogue.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
                for table in ("package", "patient", "document", "file", "quarantined")
            }
            with full_disk_is_clear():
                _take_its_place(catalogue, beside, store.catalogue)
                mark.raise_to(serial)
    finally:
        _remove_database(beside)
    return RebuildReport(
        count["package"], count["patient"], count["document"], count["file"], count["quarantined"], findings
    )


def _read_packages(store: ArchiveStore, catalogue: Catalogue, findings: Findings, progress: Progress | None) -> None:
    total = sum(1 for _ in store.package_files())
    files = store.package_files()
    done = 0
    while batch := list(itertools.islice(files, _BATCH)):
        with catalogue.transaction():
            for path in batch:
                _record(store, catalogue, path, findings)
                done += 1
                if progress is not None:
                    progress(done, total)
    _fall_back(store, catalogue)
    _check_generations(catalogue, findings)


def _record(store: ArchiveStore, catalogue: Catalogue, path: Path, findings: Findings) -> None:
    place = path.relative_to(store.root).as_posix()
    try:
        measured = measure(path)
        contents = read_package(path)
    except (JournalarkivError, DocumentProblem, OSError, ValueError) as e:
        findings.add(FindingCode.PACKAGE_STRUCTURE, place, str(e))
        return
    if path != store.package_path(contents.package_id) or contents.package_id != package_id(
        contents.patient.id, contents.generation
    ):
        findings.add(FindingCode.PACKAGE_STRUCTURE, place, "It holds another package than its name says.")
        return
    if not journal_is_intact(measured):
        findings.add(FindingCode.PACKAGE_STRUCTURE, place, "Its journal.xml is not the one its METS names.")
        return
    recorded = _recorded_hash(path, place, findings)
    if recorded is not None and recorded != measured.sha256:
        findings.add(FindingCode.PACKAGE_HASH, place, "Its metadata can be read; verify says what is damaged.")
    catalogue.record_package(
        # the hash that was recorded, so that verify goes on finding the damage
        _receipt(contents, place, recorded or measured.sha256, measured.size),
        contents.patient,
        contents.documents,
        # so that an old generation never answers for a document, not even until the new one is read
        superseded=store.package_path(package_id(contents.patient.id, contents.generation + 1)).exists(),
    )


def _fall_back(store: ArchiveStore, catalogue: Catalogue) -> None:
    """Where a patient's newest generation is damaged, the newest one that can be read is the current one."""
    orphaned = catalogue.connection.execute(
        "SELECT id, max(generation), path, sha256, size FROM package GROUP BY patient_id HAVING sum(current)=0"
    ).fetchall()
    with catalogue.transaction():
        for row in orphaned:
            contents = read_package(store.root / row["path"])
            receipt = _receipt(contents, row["path"], row["sha256"], row["size"])
            catalogue.record_package(receipt, contents.patient, contents.documents)


def _recorded_hash(path: Path, place: str, findings: Findings) -> str | None:
    try:
        recorded = read_sidecar(path)
    except FileNotFoundError:
        findings.add(FindingCode.SIDECAR_MISSING, place)
        return None
    if recorded is None:
        findings.add(FindingCode.SIDECAR_MISMATCH, place, "It is not one line of `sha256sum`.")
    return recorded


def _receipt(contents: PackageContents, place: str, sha256: str, size: int) -> PackageReceipt:
    return PackageReceipt(
        contents.package_id, contents.patient.id, contents.generation, place, sha256, size, contents.spans
    )


def _check_generations(catalogue: Catalogue, findings: Findings) -> None:
    """A patient's generations are counted from 1 without gaps."""
    for row in catalogue.connection.execute(
        "SELECT patient_id, max(generation) AS newest, count(*) AS n FROM package GROUP BY patient_id"
        " HAVING newest<>n ORDER BY patient_id"
    ):
        for generation in range(1, row["newest"]):
            wanted = package_id(row["patient_id"], generation)
            if not catalogue.connection.execute("SELECT 1 FROM package WHERE id=?", (wanted,)).fetchone():
                findings.add(FindingCode.PACKAGE_MISSING, wanted, f"It is generation {generation} of a patient.")


def _read_quarantine(store: ArchiveStore, catalogue: Catalogue, findings: Findings) -> None:
    with catalogue.transaction():
        for name in folder_names(store.quarantine):
            try:
                q = quarantine.get(store, name)
            except FileNotFoundError:
                findings.add(FindingCode.LEFTOVER, f"quarantine/{name}", "It has no reason.json, so it is no entry.")
                continue
            except (JournalarkivError, OSError, ValueError, KeyError, TypeError) as e:
                findings.add(FindingCode.QUARANTINE_UNREADABLE, f"quarantine/{name}", str(e))
                continue
            # one that is archived too is the refused newer version of it, and no document of its own
            if not catalogue.connection.execute("SELECT 1 FROM document WHERE id=?", (q.document.id,)).fetchone():
                catalogue.record_quarantined(q, q.document.patient_id)


def _old_serial(store: ArchiveStore) -> int:
    try:
        with Catalogue.open(store) as old:
            return old.content_serial
    except CatalogueInvalidError:
        # what an index covers is told by the serial: one that no earlier catalogue of this archive can have had
        return int(time.time())


def _take_its_place(catalogue: Catalogue, beside: Path, final: Path) -> None:
    """Copy the new catalogue over the old one in a transaction; where the old is no database, replace its file."""
    if final.exists():
        with contextlib.closing(sqlite3.connect(final)) as old:
            try:
                old.execute("PRAGMA journal_mode=WAL")
                old.execute("PRAGMA synchronous=FULL")
                catalogue.connection.backup(old)
                if old.execute("PRAGMA quick_check").fetchone()[0] == "ok":
                    old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    return
            except sqlite3.DatabaseError as e:
                if e.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise
    catalogue.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    catalogue.close()
    # a write-ahead log of the broken catalogue would be replayed into the new one
    for suffix in ("-wal", "-shm"):
        final.with_name(final.name + suffix).unlink(missing_ok=True)
    publish(beside, final)


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
