"""The errors that end a command, and the exit codes they map to.

Every error says what is wrong and what to do about it (`remedy`). What is wrong with one *document* never ends a
run: that is a `archive.reasons.DocumentProblem`, which is recorded and counted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit status of the `journalarkiv` command. The table in docs/exit-codes.md is generated from this class."""

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        """Keep the meaning beside the number."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    meaning: str

    DONE = 0, "done, nothing to remark"
    FINDINGS = 1, "finished with findings: something is quarantined or flagged; the report says what"
    USAGE = 2, "wrong use of the command line"
    NOT_AN_ARCHIVE = 3, "the folder is not a journalarkiv archive, or of a format this version cannot read"
    MAPPING_INVALID = 4, "the mapping is wrong; file, line and the nearest valid name are given"
    SOURCE_UNREADABLE = 5, "the export's register cannot be read"
    DISK_FULL = 6, "no space left; everything recorded so far is safe, make room and run the same command again"
    NOT_RECONCILED = 7, "the source does not add up to archived + quarantined + excluded + duplicates"
    DAMAGED = 8, "verify found packages that are damaged, missing or unknown"
    ENGINE_MISSING = 9, "a program or engine the work needs is not installed or does not start"
    ARCHIVE_BUSY = 10, "another journalarkiv process is writing this archive"
    CATALOGUE_INVALID = 11, "the catalogue is missing or broken; `journalarkiv rebuild` makes it again"
    INDEX_MISSING = 12, "there is no usable search index; `journalarkiv index` makes it"
    AUDIT_BROKEN = 13, "the audit log has been changed, cut or reordered"
    CONFIG_INVALID = 14, "a setting is unknown, wrong or unsafe"
    WORKERS_FAILED = 15, "the worker processes keep dying; everything recorded so far is safe"
    UNEXPECTED = 16, "an unexpected error, most likely a fault of journalarkiv; stderr names a log file with its place"
    SYSTEM_REFUSED = 17, "the system refuses: read-only media, missing permission, input/output error, no file locks"
    LOCALE_UNFIT = 18, "the locale cannot hold file names; set LC_ALL=C.UTF-8"
    CLOCK_WRONG = 19, "the computer's clock is before this software's own release"
    OUTPUT_FAILED = 20, "standard output could not be written: who reads it is gone; what was recorded is safe"
    EXPORT_SHRUNK = 21, "a later export lacks more than a set share of what earlier ones had; nothing was changed"
    PROTECTION_UNCLEAR = 22, "every row is read as protected, or none is; correct the mapping, or say so in it"
    INTERRUPTED = 130, "interrupted; run the same command again and it continues"


class JournalarkivError(Exception):
    """Base of every error that ends a command.

    Attributes:
        exit_code: what the command exits with.
        remedy: one sentence on what the user can do about it; may be empty.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(JournalarkivError):
    """The options given contradict each other or what is on disk."""


class NotAnArchiveError(JournalarkivError):
    """The folder is not an archive of ours, or of a newer format."""

    exit_code = ExitCode.NOT_AN_ARCHIVE


class MappingError(JournalarkivError):
    """A mapping is wrong. `findings` holds every fault found, each with file and line."""

    exit_code = ExitCode.MAPPING_INVALID

    def __init__(self, message: str, *, findings: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__("\n".join((message, *findings)), remedy=remedy)
        self.findings = findings


class SourceUnreadableError(JournalarkivError):
    """The register of an export cannot be read."""

    exit_code = ExitCode.SOURCE_UNREADABLE


class ExportShrunkError(JournalarkivError):
    """So much is gone from a later export that it is hardly whole."""

    exit_code = ExitCode.EXPORT_SHRUNK


class DiskFullError(JournalarkivError):
    """No space (or quota) left where the archive or its work folder is."""

    exit_code = ExitCode.DISK_FULL


class NotReconciledError(JournalarkivError):
    """What came out is not what went in."""

    exit_code = ExitCode.NOT_RECONCILED


class DamagedError(JournalarkivError):
    """Bytes on disk are not the bytes that were recorded."""

    exit_code = ExitCode.DAMAGED


class EngineMissingError(JournalarkivError):
    """A converter or validator is absent or does not start."""

    exit_code = ExitCode.ENGINE_MISSING


class ArchiveBusyError(JournalarkivError):
    """Somebody else holds the archive's write lock."""

    exit_code = ExitCode.ARCHIVE_BUSY


class CatalogueInvalidError(JournalarkivError):
    """The catalogue is missing, of another version or broken."""

    exit_code = ExitCode.CATALOGUE_INVALID


class IndexMissingError(JournalarkivError):
    """There is no usable search index."""

    exit_code = ExitCode.INDEX_MISSING


class AuditBrokenError(JournalarkivError):
    """The audit log does not verify, or cannot be written."""

    exit_code = ExitCode.AUDIT_BROKEN


class ConfigInvalidError(JournalarkivError):
    """A setting is unknown, wrong or unsafe."""

    exit_code = ExitCode.CONFIG_INVALID


class WorkersFailedError(JournalarkivError):
    """Worker processes died again and again."""

    exit_code = ExitCode.WORKERS_FAILED


class SystemRefusedError(JournalarkivError):
    """The operating system, a disk or a file system does not do what the work needs."""

    exit_code = ExitCode.SYSTEM_REFUSED


class LocaleUnfitError(JournalarkivError):
    """The locale's encoding cannot hold every file name."""

    exit_code = ExitCode.LOCALE_UNFIT


class ClockWrongError(JournalarkivError):
    """The clock is plainly wrong, and times are part of what an archive records."""

    exit_code = ExitCode.CLOCK_WRONG


class OutputFailedError(JournalarkivError):
    """What was to be printed could not be."""

    exit_code = ExitCode.OUTPUT_FAILED


class ProtectionUnclearError(JournalarkivError):
    """A block or an address protection has the same answer for every row, and the mapping does not say so."""

    exit_code = ExitCode.PROTECTION_UNCLEAR
