"""The words in which a reconciliation is said: sums of rows, breakdowns, and what does not meet."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field

from archive.coded import Coded
from archive.errors import NotReconciledError
from archive.reasons import Flag

_KEPT = 1_000


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
    def incomplete(self) -> int:
        """How many files are archived without a copy, or named by the register and not there."""
        return sum(self.flags.get(flag.value, 0) for flag in (Flag.FILE_NOT_CONVERTED, Flag.ATTACHMENT_MISSING))

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
