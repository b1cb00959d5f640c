"""What `verify` and `rebuild` can find, under stable codes. Subjects are paths and ids in the archive: no persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a finding means damage, or only something to tidy or know."""

    DAMAGE = "damage"
    NOTICE = "notice"


class FindingCode(StrEnum):
    """A kind of finding, with a sentence for people. Codes never change meaning; the sentences may."""

    sentence: str
    severity: Severity

    def __new__(cls, value: str, sentence: str, severity: Severity = Severity.DAMAGE) -> FindingCode:
        """Keep sentence and severity beside the code."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        member.severity = severity
        return member

    PACKAGE_MISSING = "package-missing", "A package that is recorded is not on disk."
    PACKAGE_UNKNOWN = "package-unknown", "A package on disk is not in the catalogue."
    PACKAGE_SIZE = "package-size", "A package is larger or smaller than recorded."
    PACKAGE_HASH = "package-hash", "A package's bytes are not the bytes that were recorded."
    PACKAGE_STRUCTURE = "package-structure", "A package cannot be read as what it should be."
    SIDECAR_MISSING = "sidecar-missing", "A package has no hash file beside it."
    SIDECAR_MISMATCH = "sidecar-mismatch", "The hash file beside a package is damaged or gives another hash."
    FILE_HASH = "file-hash", "A file in a package is not what the package's METS says it is."
    FILE_MISSING = "file-missing", "The METS names a file that the package does not hold."
    FILE_UNKNOWN = "file-unknown", "A package holds a file that no METS names."
    JOURNAL_MISMATCH = "journal-mismatch", "journal.xml describes other bytes than the package holds."
    JOURNAL_SCHEMA = "journal-schema", "journal.xml does not follow its schema."
    PREMIS_MISMATCH = "premis-mismatch", "premis.xml describes other bytes than the package holds."
    VERDICT_MISSING = "verdict-missing", "An archive copy has no validator's verdict that accepts it."
    PDFA_REJECTED = "pdfa-rejected", "The validator does not accept an archive copy as the PDF/A it was recorded as."
    CATALOGUE_INVALID = (
        "catalogue-invalid",
        "The catalogue is missing or broken; `journalarkiv rebuild` makes it.",
    )
    CATALOGUE_DIFFERS = "catalogue-differs", "The catalogue says otherwise than the packages; rebuild it."
    QUARANTINE_MISSING = "quarantine-missing", "A quarantined document that is recorded is not on disk."
    QUARANTINE_UNKNOWN = "quarantine-unknown", "A quarantined document on disk is not in the catalogue."
    QUARANTINE_UNREADABLE = "quarantine-unreadable", "A quarantine folder has no readable reason.json."
    QUARANTINE_HASH = "quarantine-hash", "A quarantined file's bytes are missing or not what was recorded."
    SEAL_BROKEN = (
        "seal-broken",
        "A package of the newest seal was changed or taken, or the seal was.",
    )
    UNKNOWN_FILE = "unknown-file", "A file or folder lies where only packages and quarantined documents belong."
    LEFTOVER = "leftover", "A temporary file of an interrupted run; the next run does not need it.", Severity.NOTICE


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `subject` is a path or an id within the archive; `detail` never names a person."""

    code: FindingCode
    subject: str
    detail: str = ""


class Findings:
    """Collects findings: counts all, keeps the first `limit`, so that a ruined archive does not fill the memory."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._kept: list[Finding] = []
        self.counts: Counter[FindingCode] = Counter()

    def add(self, code: FindingCode, subject: str, detail: str = "") -> None:
        """Note one."""
        self.counts[code] += 1
        if len(self._kept) < self._limit:
            self._kept.append(Finding(code, subject, detail))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._kept)

    def __len__(self) -> int:
        """How many there were, kept or not."""
        return self.counts.total()

    @property
    def damage(self) -> int:
        """How many of them mean damage."""
        return sum(n for code, n in self.counts.items() if code.severity is Severity.DAMAGE)
