"""Does what came out equal what went in? Source rows = archived + quarantined + excluded + duplicates.

The sums are pure functions over streams of counted groups; `reconcile_archive` feeds them from a work register, its
catalogue and the quarantine folder. Two independent things are asked: that every row the source gave has an end
state (in all, and for each type, year, unit and service), and that the register, the catalogue and the folders on
disk name the very same documents. Memory does not grow with the number of documents.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archive.catalogue import Catalogue
from archive.coded import Coded
from archive.database import connect_read_only
from archive.errors import NotReconciledError
from archive.presence import kept_bytes_astray, packages_astray
from archive.quarantinecheck import folder_names
from archive.store import ArchiveStore

_KEPT = 1_000
_FINDINGS = "SELECT code, count(*) FROM finding WHERE export=(SELECT max(number) FROM export) GROUP BY 1"


class DifferenceCode(Coded):
    """A way in which the sums do not meet, with a sentence for people."""

    ROWS = "source-rows", "The register holds more or fewer rows than the source gave."
    REGISTRATION = "registration-unfinished", "The newest export was not read to its end."
    UNACCOUNTED = "unaccounted", "Documents have no end state yet: neither archived, quarantined nor excluded."
    CATALOGUE_ARCHIVED = "catalogue-archived", "The register's archived documents are not those of the catalogue."
    CATALOGUE_QUARANTINED = (
        "catalogue-quarantined",
        "The register's quarantined documents are not those of the catalogue.",
    )
    QUARANTINE_FOLDER = "quarantine-folder", "The register's quarantined documents are not those in quarantine/."
    QUARANTINE_BYTES = "quarantine-bytes", "Fewer bytes of a quarantined document are kept than recorded."
    PACKAGE_MISSING = "package-missing", "A package that is recorded is not on disk."
    PACKAGE_SIZE = "package-size", "A package is larger or smaller than recorded."
    PACKAGE_UNKNOWN = "package-unknown", "A package on disk is not in the catalogue."
    PATIENT = "patient-documents", "A patient has another number of archived documents than the register says."


@dataclass(frozen=True, slots=True)
class Difference:
    """One sum that does not meet. `subject` is a document's, patient's or group's id, empty for the whole."""

    code: DifferenceCode
    subject: str
    expected: int
    found: int

    def __str__(self) -> str:
        return " ".join(filter(None, (self.code.value, self.subject))) + f": {self.expected} != {self.found}"


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """Documents of a source that agree in everything named here; a single document where both counts are one.

    `documents` is the number of distinct source keys, `rows` that of the source rows which claim them, `excluded_rows`
    how many of these a rule leaves out while another row of the key is the document. `newer_rejected`: a newer version
    of the archived documents was refused, for `reason`.
    """

    state: str
    reason: str | None = None
    type_code: str = ""
    year: int | None = None
    unit_code: str = ""
    service: str = ""
    documents: int = 1
    rows: int = 1
    excluded_rows: int = 0
    excluded_rule: str | None = None
    newer_rejected: int = 0


@dataclass(slots=True)
class Tally:
    """The sums of one group: `rows` of the source, and where they went."""

    rows: int = 0
    archived: int = 0
    quarantined: int = 0
    excluded: int = 0
    duplicates: int = 0
    newer_rejected: int = 0
    """Of the archived: documents whose newest version was refused and is in quarantine; no part of the sum."""

    @property
    def unaccounted(self) -> int:
        """Rows that went nowhere; zero when the group is reconciled."""
        return self.rows - self.archived - self.quarantined - self.excluded - self.duplicates

    def add(self, group: SourceGroup) -> None:
        """Count a group in. A state that is not an end state is counted as source only."""
        self.rows += group.rows
        self.duplicates += group.rows - group.documents - group.excluded_rows
        self.excluded += group.excluded_rows
        match group.state:
            case "archived":
                self.archived += group.documents
                self.newer_rejected += group.documents if group.newer_rejected else 0
            case "quarantined":
                self.quarantined += group.documents
            case "excluded":
                self.excluded += group.documents


@dataclass(slots=True)
class Reconciliation:
    """What a source's rows became. Keys of the breakdowns are the source's own codes, years as text, "" for none."""

    totals: Tally = field(default_factory=Tally)
    by_type: dict[str, Tally] = field(default_factory=dict)
    by_year: dict[str, Tally] = field(default_factory=dict)
    by_unit: dict[str, Tally] = field(default_factory=dict)
    by_service: dict[str, Tally] = field(default_factory=dict)
    quarantined: Counter[str] = field(default_factory=Counter)
    """Documents by reason code."""
    newer_rejected: Counter[str] = field(default_factory=Counter)
    """Archived documents whose newest version was refused, by reason code."""
    excluded: Counter[str] = field(default_factory=Counter)
    """Documents, and further rows of other documents, by the mapping's rule."""
    findings: dict[str, int] = field(default_factory=dict)
    """What was remarked about the newest export, by code: orphan-file, duplicate-row ..."""
    flags: dict[str, int] = field(default_factory=dict)
    """Facts to know about what is archived now (documents, files, patients), by code."""
    packages: int | None = None
    """Packages that were looked for on disk, by name and size; None where nobody looked."""
    differences: list[Difference] = field(default_factory=list)
    """The first thousand."""
    difference_count: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for and everything compared agrees."""
        return self.difference_count == 0

    @property
    def consistent(self) -> bool:
        """Whether nothing differs but that documents are still waiting to be worked, as after a pilot."""
        pending = sum(d.code is DifferenceCode.UNACCOUNTED for d in self.differences)
        return pending == self.difference_count

    def differ(self, difference: Difference) -> None:
        """Note a difference."""
        self.difference_count += 1
        if len(self.differences) < _KEPT:
            self.differences.append(difference)

    @property
    def not_checked(self) -> str:
        """What was looked at on disk and what was not, as a sentence."""
        if self.packages is None:
            return "The packages on disk were not looked at; `journalarkiv verify` does."
        return (
            f"{self.packages} packages were looked for by name and size; what is in them was not read"
            " (`journalarkiv verify` does)."
        )

    def require_balanced(self) -> None:
        """Raise where it is not balanced.

        Raises:
            NotReconciledError: names the first differences.
        """
        if self.balanced:
            return
        first = "; ".join(str(d) for d in self.differences[:3])
        raise NotReconciledError(
            f"{self.difference_count} difference(s) between source, register and archive ({first}).",
            remedy="Run the migration again to its end; if this stays, keep the export and the archive as they are.",
        )

    def to_plain(self) -> dict[str, object]:
        """JSON-ready; part of `journalarkiv.report/1` and `journalarkiv.migrate/1` (docs/json.md)."""
        return {
            "balanced": self.balanced,
            "totals": _plain(self.totals),
            "by_type": {key: _plain(tally) for key, tally in sorted(self.by_type.items())},
            "by_year": {key: _plain(tally) for key, tally in sorted(self.by_year.items())},
            "by_unit": {key: _plain(tally) for key, tally in sorted(self.by_unit.items())},
            "by_service": {key: _plain(tally) for key, tally in sorted(self.by_service.items())},
            "quarantined": dict(sorted(self.quarantined.items())),
            "newer_rejected": dict(sorted(self.newer_rejected.items())),
            "excluded": dict(sorted(self.excluded.items())),
            "findings": dict(sorted(self.findings.items())),
            "flags": dict(sorted(self.flags.items())),
            "checked": {"packages": self.packages, "content": False},
            "difference_count": self.difference_count,
            "differences": [dataclasses.asdict(d) for d in self.differences],
        }

    def to_text(self) -> str:
        """The sums for people; breakdowns are left to `to_plain`."""
        sums = _plain(self.totals)
        refused = sums.pop("newer_rejected")
        lines = [f"{n:>10}  {name}" for name, n in sums.items()]
        if refused:
            lines.append(f"Of the archived, {refused} have a newer version that was refused and is in quarantine.")
        for title, counts in (
            ("Quarantined", self.quarantined),
            ("Newer versions refused", self.newer_rejected),
            ("Excluded", self.excluded),
            ("Findings", self.findings),
            ("Flags of what is archived", self.flags),
        ):
            if counts:
                lines += [f"{title}:"] + [f"{n:>10}  {code}" for code, n in sorted(counts.items())]
        lines.append(self.not_checked)
        if self.consistent and not self.balanced:
            waiting = self.totals.unaccounted
            return "\n".join([*lines, f"{waiting} document(s) wait to be worked; everything else adds up."])
        lines.append("Reconciled." if self.balanced else f"NOT reconciled: {self.difference_count} difference(s).")
        lines += [f"  {d}" for d in self.differences[:20]]
        return "\n".join(lines)


def _plain(tally: Tally) -> dict[str, int]:
    return {**dataclasses.asdict(tally), "unaccounted": tally.unaccounted}


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
