"""journal.xml <-> record: the descriptive metadata of one patient's package, from which the catalogue is rebuilt.

Schema: `schemas/journal.xsd`, a copy of which is in every package. Every field of the record is an element named like
it (in camelCase) in the record's order; a field that holds its default is left out; a field that may be missing and is
missing is left out too, one that is empty is an empty element. How characters that XML cannot carry are written is
said in `archive.xmlio`. The file holds no times of the run, so the same facts always give the same bytes.
"""

from __future__ import annotations

import dataclasses
import io
import re
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import IO, Any, TypeVar

from lxml import etree

from archive.record import JournalDocument, Patient
from archive.store import ArchiveInfo
from archive.xmlio import XmlWriter, attribute_of, children, text_of

NAMESPACE = "urn:journalarkiv:journal:1"
_NS = f"{{{NAMESPACE}}}"
_VERSION = "1"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
# Elements that repeat are named in the singular.
_SINGULAR = {
    "attempts": "attempt",
    "extra": "extra",
    "failed_rules": "failedRule",
    "files": "file",
    "flags": "flag",
    "identifiers": "identifier",
    "ids": "id",
    "refers": "refers",
}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PackageIdentity:
    """Which package a journal.xml belongs to. `predecessor` is the id of the generation before, None for the first."""

    id: str
    generation: int
    predecessor: str | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """All that a journal.xml says."""

    package: PackageIdentity
    archive: ArchiveInfo
    patient: Patient
    documents: tuple[JournalDocument, ...]


def write_journal(
    out: IO[bytes],
    package: PackageIdentity,
    archive: ArchiveInfo,
    patient: Patient,
    documents: Sequence[JournalDocument],
) -> None:
    """Write a journal.xml, document by document, in the order given."""
    with XmlWriter(out, "journal", {"xmlns": NAMESPACE, "version": _VERSION}) as xml:
        _write(xml, "package", package)
        _write(xml, "archive", archive)
        _write(xml, "patient", patient)
        for document in documents:
            _write(xml, "document", document)


def read_journal(source: IO[bytes]) -> Journal:
    """The inverse of `write_journal`; reads nothing that does not fit the record exactly.

    Raises:
        ValueError: the file is not a journal.xml of ours, or holds what the record cannot.
    """
    parts = children(source, f"{_NS}journal")
    if attribute_of(next(parts, etree.Element("nothing")), "version") != _VERSION:
        raise ValueError("the journal.xml is of another version")
    package = _next(parts, "package", PackageIdentity)
    archive = _next(parts, "archive", ArchiveInfo)
    patient = _next(parts, "patient", Patient)
    documents = []
    for element in parts:
        if element.tag != f"{_NS}document":
            raise ValueError(f"the journal.xml has an unexpected {element.tag}")
        documents.append(_read(element, JournalDocument))
    return Journal(package, archive, patient, tuple(documents))


def read_document(journal: bytes, document_id: str) -> JournalDocument | None:
    """One document of a journal.xml, without reading the others; None where it is not there.

    Raises:
        ValueError: as `read_journal`, as far as this document goes.
    """
    # `write_journal` begins each with its id, and no text holds an unescaped tag.
    start = journal.find(b"<document><id>%s</id>" % document_id.encode())
    end = journal.find(b"</document>", start)
    if start < 0 or end < 0:
        return None
    head = f'<journal xmlns="{NAMESPACE}">'.encode()
    parts = children(io.BytesIO(head + journal[start:end] + b"</document></journal>"), f"{_NS}journal")
    next(parts)
    return _next(parts, "document", JournalDocument)


def _next(parts: Iterator[etree._Element], name: str, cls: type[T]) -> T:
    element = next(parts, None)
    if element is None or element.tag != _NS + name:
        raise ValueError(f"the journal.xml has no {name} in its place")
    return _read(element, cls)


@dataclass(frozen=True, slots=True)
class _Field:
    """How a field of a record is written. `type` is that of one value: of each, where `many`."""

    name: str
    tag: str
    type: Any
    default: Any
    many: bool
    pairs: bool


@cache
def _fields(cls: type) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(cls)
    plan = []
    for field in dataclasses.fields(cls):
        hint, many, pairs = hints[field.name], False, False
        if typing.get_origin(hint) is tuple:
            many, hint = True, typing.get_args(hint)[0]
            pairs = typing.get_origin(hint) is tuple
        elif typing.get_origin(hint) in (types.UnionType, typing.Union):
            (hint,) = (a for a in typing.get_args(hint) if a is not type(None))
        tag = _SINGULAR[field.name] if many else re.sub("_([a-z0-9])", lambda m: m[1].upper(), field.name)
        plan.append(_Field(field.name, tag, hint, field.default, many, pairs))
    return tuple(plan)


def _write(xml: XmlWriter, tag: str, record: Any) -> None:
    xml.start(tag)
    kind: Any = type(record)
    for field in _fields(kind):
        value = getattr(record, field.name)
        if value == field.default and (value is None or type(value) is type(field.default)):
            continue
        for one in value if field.many else (value,):
            if field.pairs:
                xml.leaf(field.tag, one[1], {"name": one[0]})
            elif dataclasses.is_dataclass(field.type):
                _write(xml, field.tag, one)
            else:
                xml.leaf(field.tag, _to_text(one))
    xml.end()


def _to_text(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read(element: etree._Element, cls: type[T]) -> T:
    kind: Any = cls
    plan = {_NS + field.tag: field for field in _fields(kind)}
    many: dict[str, list[Any]] = {field.name: [] for field in plan.values() if field.many}
    values: dict[str, Any] = {}
    for child in element:
        field = plan.get(child.tag)
        if field is None or field.name in values:
            raise ValueError(f"the journal.xml has an unexpected {child.tag} in a {element.tag}")
        if field.many:
            many[field.name].append(_value(child, field))
        else:
            values[field.name] = _value(child, field)
    for field in plan.values():
        if field.many:
            values[field.name] = tuple(many[field.name])
        elif field.name not in values and field.default is dataclasses.MISSING:
            raise ValueError(f"the journal.xml has a {element.tag} without {field.tag}")
    return cls(**values)


def _value(element: etree._Element, field: _Field) -> Any:
    if dataclasses.is_dataclass(field.type):
        return _read(element, typing.cast(type, field.type))
    if len(element):
        raise ValueError(f"the journal.xml has elements inside a {element.tag}")
    text = text_of(element)
    if field.pairs:
        return attribute_of(element, "name"), text
    if field.type is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{element.tag} is neither true nor false")
        return text == "true"
    if field.type is int:
        if not _INTEGER.fullmatch(text):
            raise ValueError(f"{element.tag} is not a whole number")
        return int(text)
    return field.type(text) if issubclass(field.type, StrEnum) else text
