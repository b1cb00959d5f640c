"""Does what came out equal what went in? Source rows = archived + quarantined + excluded + duplicates.

The sums are pure functions over streams of counted groups; `reconcile_archive` feeds them from a work register, its
catalogue and the quarantine folder. Two independent things are asked: that every row the source gave has an end
state (in all, and for each type, year, unit and service), and that the register, the catalogue and the folders on
disk name the very same documents. Memory does not grow with the number of documents.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator

from archive.catalogue import Catalogue
from archive.database import connect_read_only
from archive.errors import NotReconciledError
from archive.presence import kept_bytes_astray, packages_astray
from archive.quarantinecheck import folder_names
from archive.store import ArchiveStore
from archive.sums import Difference, DifferenceCode, Reconciliation, SourceGroup, Tally

__all__ = [
    "Difference",
    "DifferenceCode",
    "Reconciliation",
    "SourceGroup",
    "Tally",
    "compare",
    "missing_register",
    "open_register",
    "reconcile",
    "reconcile_archive",
    "reconcile_store",
]

_FINDINGS = "SELECT code, count(*) FROM finding WHERE export=(SELECT max(number) FROM export) GROUP BY 1"


def reconcile(groups: Iterable[SourceGroup], *, source_rows: int | None = None) -> Reconciliation:
    """Add up where the rows of a source went.

    Args:
        groups: every document of the register, alone or counted together with its like.
        source_rows: how many rows the source gave, counted independently of the register; None if nobody counted.
    """
    result = Reconciliation()
    for group in groups:
        result.totals.add(group)
        year = "" if group.year is None else str(group.year)
        for table, key in (
            (result.by_type, group.type_code),
            (result.by_year, year),
            (result.by_unit, group.unit_code),
            (result.by_service, group.service),
        ):
            table.setdefault(key, Tally()).add(group)
        if group.state == "quarantined":
            result.quarantined[group.reason or ""] += group.documents
        elif group.state == "excluded":
            result.excluded[group.reason or ""] += group.documents
        elif group.newer_rejected:
            result.newer_rejected[group.reason or ""] += group.documents
        if group.excluded_rows:
            result.excluded[group.excluded_rule or ""] += group.excluded_rows
    if source_rows is not None and source_rows != result.totals.rows:
        result.differ(Difference(DifferenceCode.ROWS, "", source_rows, result.totals.rows))
    if result.totals.unaccounted:
        result.differ(Difference(DifferenceCode.UNACCOUNTED, "", 0, result.totals.unaccounted))
        for name in ("type", "year", "unit", "service"):
            breakdown: dict[str, Tally] = getattr(result, f"by_{name}")
            for key in sorted(breakdown):
                if breakdown[key].unaccounted:
                    subject = f"{name} {key or '-'}"
                    result.differ(Difference(DifferenceCode.UNACCOUNTED, subject, 0, breakdown[key].unaccounted))
    return result


def compare(left: Iterable[tuple[str, int]], right: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int, int]]:
    """What differs between two streams of (key, count), each sorted by key and without repeated keys.

    A key that one side does not have counts zero there.
    """
    a, b = iter(left), iter(right)
    x, y = next(a, None), next(b, None)
    while x is not None or y is not None:
        if y is None or (x is not None and x[0] < y[0]):
            assert x is not None  # noqa: S101 - the loop's condition, for the type checker
            yield x[0], x[1], 0
            x = next(a, None)
        elif x is None or y[0] < x[0]:
            yield y[0], 0, y[1]
            y = next(b, None)
        else:
            if x[1] != y[1]:
                yield x[0], x[1], y[1]
            x, y = next(a, None), next(b, None)


def reconcile_archive(store: ArchiveStore, register: sqlite3.Connection, catalogue: Catalogue) -> Reconciliation:
    """Reconcile a work register with its source's row count, the catalogue and the quarantine folder.

    Args:
        store: the archive.
        register: an open `register.sqlite`; its tables are described in docs/internals/on-disk.md.
        catalogue: the archive's open catalogue.
    """
    result = reconcile(register_groups(register), source_rows=_source_rows(register))
    result.findings = dict(register.execute(_FINDINGS).fetchall())
    unfinished = register.execute("SELECT count(*) FROM export WHERE registered=0").fetchone()[0]
    if unfinished:
        result.differ(Difference(DifferenceCode.REGISTRATION, "", 0, unfinished))
    # A document whose newer version was refused is archived in its older version; the newer has a folder besides.
    refused = "SELECT id, 1 FROM document WHERE state='quarantined' OR newer_rejected<>0 ORDER BY id"
    streams: tuple[tuple[DifferenceCode, Iterable[tuple[str, int]], Iterable[tuple[str, int]]], ...] = (
        (
            DifferenceCode.CATALOGUE_ARCHIVED,
            _pairs(register, "SELECT id, 1 FROM document WHERE state='archived' ORDER BY id"),
            _pairs(catalogue.connection, "SELECT id, 1 FROM document ORDER BY id"),
        ),
        (
            DifferenceCode.CATALOGUE_QUARANTINED,
            _pairs(register, "SELECT id, 1 FROM document WHERE state='quarantined' ORDER BY id"),
            _pairs(catalogue.connection, "SELECT document_id, 1 FROM quarantined ORDER BY document_id"),
        ),
        (
            DifferenceCode.QUARANTINE_FOLDER,
            _pairs(register, refused),
            ((name, 1) for name in quarantine_folders(store)),
        ),
        (
            DifferenceCode.PATIENT,
            _pairs(
                register,
                "SELECT p.id, count(*) FROM document d JOIN patient p ON p.key=d.patient_key"
                " WHERE d.state='archived' GROUP BY p.id ORDER BY p.id",
            ),
            _pairs(
                catalogue.connection,
                "SELECT patient_id, count(*) FROM document GROUP BY patient_id ORDER BY patient_id",
            ),
        ),
    )
    for code, expected, found in streams:
        for subject, left, right in compare(expected, found):
            result.differ(Difference(code, subject, left, right))
    _look_on_disk(store, catalogue, result)
    result.flags = catalogue.flag_counts()
    return result


def _look_on_disk(store: ArchiveStore, catalogue: Catalogue, result: Reconciliation) -> None:
    """Hold the catalogue against names and sizes of what is there."""
    for astray in packages_astray(store, catalogue):
        if astray.found is None:
            code = DifferenceCode.PACKAGE_MISSING
        else:
            code = DifferenceCode.PACKAGE_UNKNOWN if astray.recorded is None else DifferenceCode.PACKAGE_SIZE
        result.differ(Difference(code, astray.path, astray.recorded or 0, astray.found or 0))
    for document, recorded, found in kept_bytes_astray(store, catalogue):
        result.differ(Difference(DifferenceCode.QUARANTINE_BYTES, document, recorded, found))
    result.packages = int(catalogue.connection.execute("SELECT count(*) FROM package").fetchone()[0])


def reconcile_store(store: ArchiveStore) -> Reconciliation:
    """Reconcile an archive by its own register and catalogue.

    Raises:
        NotReconciledError: there is no register.
        CatalogueInvalidError: there is no usable catalogue.
    """
    with open_register(store) as register, Catalogue.open(store) as catalogue:
        return reconcile_archive(store, register, catalogue)


@contextlib.contextmanager
def open_register(store: ArchiveStore) -> Iterator[sqlite3.Connection]:
    """The archive's work register, read-only.

    Raises:
        NotReconciledError: there is none.
    """
    if not store.register.is_file():
        raise missing_register()
    connection = connect_read_only(store.register)
    try:
        yield connection
    finally:
        connection.close()


def missing_register() -> NotReconciledError:
    """The error for an archive without a work register."""
    return NotReconciledError(
        "The archive has no work register, so nothing says what its source held.",
        remedy="Put back register.sqlite of the migration; `journalarkiv verify` checks the packages without.",
    )


def register_groups(register: sqlite3.Connection) -> Iterator[SourceGroup]:
    """The documents of a work register, counted together where they agree."""
    columns = {row[1] for row in register.execute("PRAGMA table_info(document)")}
    # a register of version 1 knows no rows that are left out beside others
    left_out = "" if "excluded_rows" in columns else "0 AS excluded_rows, NULL AS excluded_rule"
    source = f"(SELECT *, {left_out} FROM document)" if left_out else "document"  # noqa: S608
    for row in register.execute(
        "SELECT state, CASE WHEN state='archived' AND NOT newer_rejected THEN NULL ELSE reason END, type_code, year,"  # noqa: S608
        " unit_code, service, count(*), sum(rows), sum(excluded_rows), excluded_rule, newer_rejected"
        f" FROM {source} GROUP BY 1, 2, 3, 4, 5, 6, 10, 11"
    ):
        yield SourceGroup(*row)


def quarantine_folders(store: ArchiveStore) -> Iterator[str]:
    """The documents in quarantine/, by id, sorted; a folder without reason.json is what a crash left, no entry."""
    return (n for n in folder_names(store.quarantine) if (store.quarantine / n / "reason.json").is_file())


def _source_rows(register: sqlite3.Connection) -> int:
    """Rows the newest export gave, and those of documents that only earlier exports speak of."""
    latest = register.execute("SELECT number, document_rows FROM export ORDER BY number DESC LIMIT 1").fetchone()
    if latest is None:
        return 0
    earlier = register.execute("SELECT coalesce(sum(rows), 0) FROM document WHERE last_seen<?", (latest[0],))
    return int(latest[1]) + int(earlier.fetchone()[0])


def _pairs(connection: sqlite3.Connection, sql: str) -> Iterator[tuple[str, int]]:
    for row in connection.execute(sql):
        yield row[0], row[1]
