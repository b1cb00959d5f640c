"""What a source gives to the run: patients, documents and an inventory of files, streamed, already mapped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from archive.reasons import Reason
from archive.record import JournalDocument, Patient
from extract.sources.names import FileKind


@dataclass(frozen=True, slots=True)
class SourcePatient:
    """One row of the patient register, mapped. `row` is where it stands (file name and line or element)."""

    key: str
    patient: Patient
    row: str


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file as the register names it, after the mapping's path rules.

    `path` is POSIX, relative to the export's root and otherwise in the register's own characters, or None where it
    leads outside (`raw` keeps what the register said).
    """

    raw: str
    path: str | None


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One row of the document register, mapped and joined with its tables. The first of `files` is the main one.

    `problem` is set where the row itself cannot be used (Reason.BAD_ROW, Reason.NO_FILE) with a sentence.
    """

    key: str
    patient_key: str
    document: JournalDocument
    files: tuple[FileReference, ...]
    row: str
    problem: tuple[Reason, str] | None = None
    excluded: str | None = None
    """The name of the mapping's rule that leaves this row out, None for all others."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A name that lies in the export: a file, or what is no file or cannot be read (`kind`).

    `path` is POSIX, relative, in the very characters of the disk. `disk` is the path's bytes where they are not the
    UTF-8 of `path`; see `FileTree`. Files of the register itself (CSV, XML, readme files the mapping names) are never
    orphans.
    """

    path: str
    size: int
    kind: FileKind = FileKind.DOCUMENT
    disk: bytes | None = None

    @property
    def register(self) -> bool:
        """Whether it belongs to the register itself."""
        return self.kind is FileKind.REGISTER


@dataclass(slots=True)
class Protection:
    """How a field that protects (`blocked`, `address_protection`) was read.

    Attributes:
        rule: the mapping's rule, to know it again.
        expect: what the mapping says of all rows: `none`, `all`, or nothing.
        listed: whether the mapping lists the values it knows.
        seen: rows by answer and by how it came: from a `known` value, an `empty` one, an element that is `there`
            without text, or an `unknown` value.
    """

    rule: str
    expect: str
    listed: bool
    seen: Counter[tuple[bool, str]] = field(default_factory=Counter)


class Source(Protocol):
    """An export. Every iterator streams: memory must not grow with the number of rows."""

    root: Path
    system: str
    archive_id: str

    @property
    def protections(self) -> Mapping[str, Protection]:
        """By field, for all that the mapping reads; complete when patients and documents have been read."""
        ...

    @property
    def bad_rows(self) -> Mapping[str, int]:
        """Rows of joined tables that cannot be read as the mapping says, by table; complete like `protections`."""
        ...

    def patients(self) -> Iterator[SourcePatient]:
        """Every row of the patient register, in source order; duplicates included."""
        ...

    def documents(self) -> Iterator[SourceDocument]:
        """Every row of the document register, in source order; duplicates included."""
        ...

    def files(self) -> Iterator[FoundFile]:
        """Every file below the root, and every name there that is no file or cannot be read."""
        ...

    def number_keys(self, known: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        """Learn which tables the archive was made from so far, before anything is read; what is known then is given
        back (`extract.sources.numbering`).

        Raises:
            MappingError: it is not certain whose numbers the keys are.
        """
        ...

    def fold_name(self, path: str) -> str:
        """What a path has in common with those that may be meant by it (`extract.sources.names`)."""
        ...

    def register_digest(self) -> str:
        """SHA-256 over the bytes of the register's own files (tables, not documents), to know an export again."""
        ...

    def open_path(self, path: str) -> Path:
        """Where a `FoundFile.path` lies on disk."""
        ...
