"""A mapping, read and checked: what the TOML file says, as frozen values. `read.py` makes it; sources use it."""

from __future__ import annotations

import re
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from pathlib import Path

from archive.identifiers import archive_id
from archive.store import ArchiveInfo
from extract.mapping.dates import DateRules
from extract.mapping.lines import Where, line_of
from extract.mapping.paths import PathRules

TEMPLATE_PART = re.compile(r"\{([^{}]+)\}")
"""A column named in a template."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How one table of the export is written. For XML, a column is an XPath relative to the row element, and an empty
    `encoding` means what the file itself declares."""

    name: str
    where: Where
    file: str
    format: str = "csv"
    encoding: str = "utf-8"
    encoding_errors: str = "strict"
    delimiter: str = ";"
    quotechar: str = '"'
    doublequote: bool = True
    escapechar: str = ""
    line_end: str = "auto"
    header: bool = True
    columns: tuple[str, ...] = ()
    skip_lines: int = 0
    ragged: bool = False
    empty: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    row: str = ""
    namespaces: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CodeList:
    """Source codes and what they mean: inline `values`, or a table of the export. `default` None means that an
    unknown code is kept as written and flagged."""

    name: str
    where: Where
    values: tuple[tuple[str, str], ...] = ()
    table: str = ""
    key: str = ""
    value: str = ""
    default: str | None = None
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class ValueSpec:
    """Where one field's value comes from and what is done with it, in the order of these attributes."""

    where: Where
    columns: tuple[str, ...] = ()
    """The first that is not empty."""
    template: str = ""
    constant: str | None = None
    empty: tuple[str, ...] = ()
    pattern: str = ""
    group: int | str | None = None
    no_match: str = "flag"
    zero_pad: int = 0
    case: str = ""
    codes: CodeList | None = None
    default: str = ""
    join: str = "; "
    split: str = ""
    dates: DateRules | None = None
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    present: bool = False
    expect: str = ""
    """Of a protection: what the mapping says of all rows, `none` or `all`."""


@dataclass(frozen=True, slots=True)
class JoinSpec:
    """A table whose row is found by its key; its columns are then known as `name.COLUMN`."""

    name: str
    where: Where
    table: str
    on: tuple[str, ...]
    missing: str = "flag"


@dataclass(frozen=True, slots=True)
class FilesSpec:
    """Where a document's files are named: in its own row, or in the rows of `table` whose `key` is its `on`."""

    where: Where
    path: ValueSpec
    table: str = ""
    key: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    order: str = ""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Rows that are left out on purpose, under a rule's name."""

    where: Where
    rule: str
    value: ValueSpec
    values: tuple[str, ...] = ()
    matches: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True)
class PatientSpec:
    """The patient register. `fields` holds the single values by record field."""

    where: Where
    table: str
    key: ValueSpec
    fields: ReadOnly[str, ValueSpec]
    identifiers: tuple[ValueSpec, ...] = ()
    historic_identifiers: tuple[ValueSpec, ...] = ()
    local_identifiers: tuple[ValueSpec, ...] = ()
    joins: tuple[JoinSpec, ...] = ()
    extra: tuple[tuple[str, ValueSpec], ...] = ()
    numbering: str | None = None
    """Whose numbers the keys are; see `extract.sources.numbering`. None where the mapping does not say."""


@dataclass(frozen=True, slots=True)
class DocumentSpec:
    """The document register. `fields` holds the single values by record field."""

    where: Where
    table: str
    key: ValueSpec
    patient: ValueSpec
    fields: ReadOnly[str, ValueSpec]
    joins: tuple[JoinSpec, ...] = ()
    extra: tuple[tuple[str, ValueSpec], ...] = ()
    numbering: str | None = None
    """Whose numbers the keys are; see `extract.sources.numbering`. None where the mapping does not say."""
    files: tuple[FilesSpec, ...] = ()
    exclude: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapping:
    """A checked mapping. Column names are checked when a source opens an export with it."""

    path: Path
    system_name: str
    owner_name: str
    owner_number: str
    tables: ReadOnly[str, TableSpec]
    codes: ReadOnly[str, CodeList]
    paths: PathRules
    patient: PatientSpec
    document: DocumentSpec
    system_version: str = ""
    archive_id: str = ""
    submission_agreement: str = ""
    positions: ReadOnly[Where, int] = field(default_factory=dict, repr=False, compare=False)

    def archive_info(self) -> ArchiveInfo:
        """What the archive made with this mapping says of itself; the id follows from owner and system unless given."""
        return ArchiveInfo(
            id=self.archive_id or archive_id(self.owner_number, self.system_name),
            system_name=self.system_name,
            system_version=self.system_version,
            owner_name=self.owner_name,
            owner_number=self.owner_number,
            submission_agreement=self.submission_agreement,
        )

    def fault(self, where: Where, message: str) -> str:
        """A sentence about a place in the mapping file, with file and line."""
        return f"{self.path.name}:{line_of(self.positions, where)}: {message}"
