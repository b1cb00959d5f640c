"""Reads packages: what one says it holds, and the bytes of single files, without unpacking anything."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from archive import layout, metadata, tario
from archive.errors import DamagedError
from archive.events import PreservationEvent
from archive.layout import Representation, fixity_of, packaged_path
from archive.metadata import read_journal
from archive.premis import events_by_original, events_of_document, read_events
from archive.record import ArchivedFile, JournalDocument, Patient
from archive.xmlio import attribute_of, children

_METS = "{http://www.loc.gov/METS/}mets"


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes inside a package's tar: the payload of one member, without its header."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class FileSpans:
    """Where the forms of one archived file are in a package; None for a form that it does not have."""

    pdf: Span | None
    original: Span
    text: Span | None


@dataclass(frozen=True, slots=True)
class PackageContents:
    """What a package on disk says of itself."""

    package_id: str
    generation: int
    patient: Patient
    documents: tuple[JournalDocument, ...]
    spans: Mapping[tuple[str, int], FileSpans]
    predecessor: str | None = None


@contextlib.contextmanager
def _damage_is_clear(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, etree.LxmlError) as e:
        raise DamagedError(
            f"The package {path} cannot be read: {e}.", remedy="Run `journalarkiv verify`, and restore it from a copy."
        ) from e


def read_package(path: Path) -> PackageContents:
    """Read what a package holds: its METS root, its whole journal.xml, and where every file's bytes are.

    Sizes are held against the record, hashes are not: that is `verify`'s work.

    Raises:
        DamagedError: it is not a package, or does not hold what its journal.xml says.
        OSError: it cannot be opened or read.
    """
    with _damage_is_clear(path):
        held = _members(path)
        with open_span(path, held[layout.ROOT_METS]) as mets:
            object_id = attribute_of(next(children(mets, _METS), etree.Element("nothing")), "OBJID")
        with open_span(path, held[layout.JOURNAL]) as source:
            journal = read_journal(source)
        if not object_id == journal.package.id == path.stem:
            raise ValueError("its name, its METS and its journal.xml name different packages")
        spans = {(d.id, f.seq): _spans_of(held, d.id, f) for d in journal.documents for f in d.files}
    package = journal.package
    return PackageContents(
        package.id, package.generation, journal.patient, journal.documents, spans, package.predecessor
    )


def _members(path: Path) -> dict[str, Span]:
    """Where each file is, by its path below the package's folder."""
    found = {}
    for name, where in tario.members(path).items():
        root, _, inside = name.partition("/")
        if root != path.stem:
            raise ValueError("it has files outside its folder")
        found[inside] = Span(*where)
    return found


def _spans_of(held: Mapping[str, Span], document_id: str, file: ArchivedFile) -> FileSpans:
    def place(representation: Representation) -> Span | None:
        fixity = fixity_of(representation, file)
        return None if fixity is None else _sized(held[packaged_path(representation, document_id, file)], fixity[1])

    original = place(Representation.ORIGINAL)
    if original is None:
        raise ValueError("a file has no original")
    return FileSpans(place(Representation.PDFA), original, place(Representation.TEXT))


def _sized(span: Span, size: int) -> Span:
    if span.size != size:
        raise ValueError("a file has another size than its record says")
    return span


def events_of_package(path: Path) -> dict[str, list[PreservationEvent]]:
    """The PREMIS events of a package's files, by the path of the original in it.

    Raises:
        DamagedError: it is not a package.
    """
    with _damage_is_clear(path), open_span(path, _members(path)[layout.PREMIS]) as source:
        return events_by_original(read_events(source))


def read_document(path: Path, document_id: str) -> tuple[JournalDocument, dict[str, list[PreservationEvent]]] | None:
    """What a package says of one document, and the events of its files by the path of the original; None where it does
    not hold it. Of the rest no more is read than is needed to find it.

    Raises:
        DamagedError: it is not a package.
        OSError: it cannot be opened or read.
    """
    with _damage_is_clear(path):
        held = tario.first_members(path, {f"{path.stem}/{name}" for name in (layout.JOURNAL, layout.PREMIS)})
        journal, premis = (
            read_span(path, Span(*held[f"{path.stem}/{name}"])) for name in (layout.JOURNAL, layout.PREMIS)
        )
        document = metadata.read_document(journal, document_id)
        return None if document is None else (document, events_of_document(premis, document_id))


def same_journal(path: Path, journal: Iterable[bytes]) -> bool:
    """Whether a package's journal.xml is these very bytes; false as well where it is no package."""
    try:
        with open_span(path, _members(path)[layout.JOURNAL]) as held:
            return all(held.read(len(chunk)) == chunk for chunk in journal) and not held.read(1)
    except (ValueError, KeyError):
        return False


def open_span(path: Path, span: Span) -> io.BufferedReader:
    """Open a range of a package as a file of its own: readable, seekable, to be closed.

    Raises:
        OSError: the package cannot be opened.
    """
    return io.BufferedReader(tario.RangeReader(path, span.offset, span.size), 1 << 16)


def read_span(path: Path, span: Span) -> bytes:
    """All bytes of a range of a package; for small files only.

    Raises:
        DamagedError: the package is shorter than that.
    """
    with open_span(path, span) as file:
        content = file.read()
    if len(content) != span.size:
        raise DamagedError(f"The package {path} is cut short.", remedy="Restore it from a copy.")
    return content
