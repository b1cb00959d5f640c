"""The canonical model: patients, journal documents and their files. Everything here is frozen and typed.

Modelled on the avlsup v4 entry (one per document) of Norsk helsearkiv, with what access and retention need besides.
Dates are ISO 8601 strings: a day `2004-04-04`, or less precise `2004-04` / `2004`; instants are `2004-04-04T13:45:00`
in the source's local time, as the source gave no zone. Hashes are SHA-256 in lower-case hex. Empty text means
"the source says nothing"; a date the source says nothing of is None.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from archive.identifiers import Identifier
from archive.reasons import Flag, Reason

T = TypeVar("T")


class Sex(StrEnum):
    """As recorded in the source (FHIR AdministrativeGender); never derived from an identifier."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class AddressProtection(StrEnum):
    """Adressesperre: code 7 is confidential, code 6 strictly confidential (Normen faktaark 55)."""

    NONE = "none"
    CONFIDENTIAL = "confidential"
    STRICTLY_CONFIDENTIAL = "strictly-confidential"


class DocumentStatus(StrEnum):
    """Where the document stood in the old system's life cycle."""

    SIGNED = "signed"
    DRAFT = "draft"
    SUPERSEDED = "superseded"
    RETRACTED = "retracted"
    UNKNOWN = "unknown"


_GRAVITY = {DocumentStatus.SUPERSEDED: 1, DocumentStatus.RETRACTED: 2, DocumentStatus.DRAFT: 1}
"""What a reader must know before all else."""


class MessageAct(StrEnum):
    """What a message does to another one."""

    NONE = "none"
    CANCELS = "cancels"
    CHANGES = "changes"
    ADDS = "adds"


class FileRole(StrEnum):
    """What a file is to its document."""

    MAIN = "main"
    ATTACHMENT = "attachment"


@dataclass(frozen=True, slots=True)
class FlagNote:
    """A flag with a sentence on this case (empty: the flag's own sentence says it all)."""

    code: Flag
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """A person with a journal in the old system. `id` is UUIDv5 of (archive, system, `source_key`)."""

    id: str
    source_key: str
    identifiers: tuple[Identifier, ...] = ()
    family_name: str = ""
    given_name: str = ""
    birth_date: str | None = None
    birth_date_source: str = ""
    sex: Sex = Sex.UNKNOWN
    sex_source: str = ""
    deceased_date: str | None = None
    deceased: bool = False
    address_protection: AddressProtection = AddressProtection.NONE
    flags: tuple[FlagNote, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    """Source fields the mapping keeps under a name of its own, in mapping order."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote the document; `hpr` is the Helsepersonellregisteret number."""

    name: str = ""
    hpr: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """The organisational unit the document belongs to; `organisation_number` of the legal entity (9 digits)."""

    code: str = ""
    name: str = ""
    organisation_number: str = ""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What a file is, found by signature. `puid` is the PRONOM id, None where PRONOM does not know the bytes."""

    family: str
    media_type: str
    puid: str | None = None
    declared_extension: str = ""
    format_name: str = ""


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """The source's bytes, kept unchanged."""

    name: str
    """Path in the export, POSIX, NFC, as provenance; never used to open anything."""
    sha256: str
    size: int
    format: FileFormat


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rung of the ladder that was tried. `outcome` is `made`, a Reason code or `rejected` by the validator.
    `detail` is the engine and its version where it was made, else what went wrong."""

    route: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the validator said of a file at a flavour (`1b`, `2b`, `2u`, `2a` ...); rules as `clause-test`."""

    engine: str
    engine_version: str
    flavour: str
    passed: bool
    failed_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveCopy:
    """The PDF/A made of (or kept from) a source file."""

    sha256: str
    size: int
    flavour: str
    route: str
    page_count: int
    verdict: Verdict | None = None
    """None where the run validated a sample only and this copy was not in it."""
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class TextCopy:
    """The file's text, UTF-8, read once for index and text view."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What a message (KITH and e-helse, CDA, FHIR) says of itself and of others, read from the file's content.

    `said` is its own words for it (`ServType C (Kansellering)`), `ids` are its identifiers, `series` what all versions
    of it share, `refers` the identifiers of the messages that it is about, `time` what orders the versions. `status` is
    its own, where it says that it is none to go by; `amended`, that it was changed after it was final.
    """

    said: str = ""
    act: MessageAct = MessageAct.NONE
    status: DocumentStatus = DocumentStatus.UNKNOWN
    amended: bool = False
    ids: tuple[str, ...] = ()
    series: str = ""
    refers: tuple[str, ...] = ()
    time: str = ""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One file of an archived document; `seq` counts from 1 and names it in the package."""

    seq: int
    role: FileRole
    original: OriginalFile
    archive_copy: ArchiveCopy | None = None
    """None for a file that no route could bring to PDF/A: its original alone is kept, flagged `file-not-converted`."""
    text: TextCopy | None = None
    """None where there is no archive copy."""
    flags: tuple[FlagNote, ...] = ()
    part_of: int | None = None
    """`seq` of the file it was found within (an attachment of a message, a member of a ZIP file); its original's name
    is then the container's name for it."""
    message: MessageFacts | None = None
    """What it says as a message; None where it is none."""
    attempts: tuple[Attempt, ...] = ()
    """Each rung that was tried for a file without an archive copy; those of one with a copy stand with the copy."""


@dataclass(frozen=True, slots=True)
class JournalDocument:
    """One document of a journal. `id` is UUIDv5 of (archive, system, `source_key`).

    `blocked` means the patient has it blocked (sperret, pasientjournalloven § 17). `replaces` and `replaced_by` are
    document ids. `status` is the source's word; `content_status` is what the document's own content says, or that of a
    message which cancels or changes it, `content_status_source` in whose words. `type_9602` is the Volven 9602 code,
    empty where the mapping has none. `files` is empty until the document is archived.
    """

    id: str
    source_key: str
    patient_id: str
    type_code: str = ""
    type_text: str = ""
    type_9602: str = ""
    title: str = ""
    document_date: str | None = None
    document_date_source: str = ""
    entry_date: str | None = None
    entry_date_source: str = ""
    author: Author = Author()
    unit: Unit = Unit()
    service: str = ""
    episode: str = ""
    status: DocumentStatus = DocumentStatus.UNKNOWN
    status_source: str = ""
    content_status: DocumentStatus = DocumentStatus.UNKNOWN
    content_status_source: str = ""
    blocked: bool = False
    replaces: str | None = None
    replaced_by: str | None = None
    flags: tuple[FlagNote, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    files: tuple[ArchivedFile, ...] = ()

    @property
    def shown_status(self) -> DocumentStatus:
        """What readers are shown: the source's word, unless it knows nothing of what the content says, that the
        document is cancelled or replaced."""
        if _GRAVITY.get(self.content_status, 0) > _GRAVITY.get(self.status, 0):
            return self.content_status
        return self.status

    @property
    def year(self) -> int | None:
        """Year of the document date, else of the entry date, else None."""
        for date in (self.document_date, self.entry_date):
            if date:
                return int(date[:4])
        return None


@dataclass(frozen=True, slots=True)
class QuarantinedFile:
    """A source file of a quarantined document: what is known of it. `stored_as` is its name in the quarantine
    folder, None where there were no bytes to keep."""

    name: str
    sha256: str | None = None
    size: int | None = None
    format: FileFormat | None = None
    stored_as: str | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A document that could not be archived, why, and its original bytes: the content of `reason.json`."""

    document: JournalDocument
    patient_key: str
    reason: Reason
    detail: str
    files: tuple[QuarantinedFile, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    flags: tuple[FlagNote, ...] = field(default=())


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, Any, Any], ...] | None:
    """Name, type and default of a record's fields; None of what is no record."""
    if not dataclasses.is_dataclass(cls):
        return None
    hints = typing.get_type_hints(cls)
    return tuple((f.name, hints[f.name], f.default) for f in dataclasses.fields(cls))


def to_plain(value: Any) -> Any:
    """A record as JSON-ready dicts, lists and scalars; fields that hold their default are left out."""
    cls: Any = type(value)
    if cls is str or value is None:
        return value
    if cls is tuple:
        return [to_plain(v) for v in value]
    if (fields := _fields(cls)) is not None:
        held = ((name, getattr(value, name), default) for name, _, default in fields)
        return {name: to_plain(v) for name, v, default in held if default is dataclasses.MISSING or v != default}
    return value.value if isinstance(value, StrEnum) else value


def from_plain(cls: type[T], data: Any) -> T:
    """The inverse of `to_plain`. Raises KeyError, TypeError or ValueError where the data does not fit."""
    kind: Any = cls
    result: T = _reader(kind)(data)
    return result


@functools.cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """What makes a value of that type of plain data. Types are looked at once: millions of records are read."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (_reader(a) for a in args if a is not type(None))
        return lambda data: None if data is None else inner(data)
    if origin is tuple:
        members = tuple(_reader(a) for a in args if a is not Ellipsis)
        if args[1:] == (Ellipsis,):
            return lambda data: tuple(map(members[0], data))
        return lambda data: tuple(read(d) for read, d in zip(members, data, strict=True))
    if (fields := _fields(hint)) is not None:
        return _record_reader(hint, fields)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    if hint in (int, str, bool, float):
        return functools.partial(_scalar, hint)
    return lambda data: data


def _record_reader(cls: Any, fields: tuple[tuple[str, Any, Any], ...]) -> Callable[[Any], Any]:
    members = tuple((name, _reader(hint), default is dataclasses.MISSING) for name, hint, default in fields)

    def read(data: Any) -> Any:
        return cls(**{name: member(data[name]) for name, member, needed in members if needed or name in data})

    return read


def _scalar(kind: type, data: Any) -> Any:
    if type(data) is not kind:
        raise TypeError(f"{type(data).__name__} in place of {kind.__name__}")  # the value may be a patient's
    return data


def to_json(value: Any) -> str:
    """A record as one line of canonical JSON: sorted keys, no spaces, UTF-8 kept."""
    return json.dumps(to_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_json(cls: type[T], text: str) -> T:
    """The inverse of `to_json`."""
    return from_plain(cls, json.loads(text))
