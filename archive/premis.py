"""premis.xml: what was done to each file of a package, when, by what, and how it ended (PREMIS 3.0, loc.gov).

Objects are the package itself and the three forms of every file; a file's identifier is its path in the package, so
that any PREMIS tool finds it. Times stand here and in METS, never in journal.xml. A new generation takes over the
events of the files it carries along unchanged, with their times.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO

from lxml import etree

from archive.events import (
    UNPACKING,
    Agent,
    PreservationEvent,
    event_of_creation,
    events_of,
    events_of_ocr,
    held_in,
)
from archive.layout import Representation, fixity_of, forms_of, packaged_path
from archive.metadata import PackageIdentity
from archive.reasons import Flag
from archive.record import ArchivedFile, JournalDocument
from archive.xmlio import XmlWriter, children, text_of

NAMESPACE = "http://www.loc.gov/premis/v3"
_NS = f"{{{NAMESPACE}}}"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LOCATION = f"{NAMESPACE} https://www.loc.gov/standards/premis/premis.xsd"
_PUID = {
    "1a": "fmt/95",
    "1b": "fmt/354",
    "2a": "fmt/476",
    "2b": "fmt/477",
    "2u": "fmt/478",
    "3a": "fmt/479",
    "3b": "fmt/480",
    "3u": "fmt/481",
}
_PLAIN_TEXT_PUID = "x-fmt/111"


def write_premis(
    out: IO[bytes],
    package: PackageIdentity,
    documents: Sequence[JournalDocument],
    carried: Mapping[str, Sequence[PreservationEvent]],
    *,
    when: str,
    software: Agent,
    recognised: Collection[str] = (),
) -> None:
    """Write a premis.xml.

    Args:
        out: where to.
        package: the package this is.
        documents: what the package holds, in its order.
        carried: events of files taken over unchanged from the generation before, by the path of their original; a
            file not in it was archived now.
        when: the time of this run, UTC, ISO 8601.
        software: what writes the package.
        recognised: those of them, by the same path, whose archive copy got words by OCR in this generation.
    """

    def events() -> Iterator[PreservationEvent]:
        for document in documents:
            for file in document.files:
                original = packaged_path(Representation.ORIGINAL, document.id, file)
                yield from carried.get(original) or events_of(document, file, package.generation, when, software)
                if original in recognised:
                    yield from events_of_ocr(document, file, package.generation, when, software)
        yield event_of_creation(package, when, software)

    attributes = {
        "xmlns": NAMESPACE,
        "xmlns:xsi": _XSI,
        "xsi:schemaLocation": _LOCATION,
        "version": "3.0",
    }
    agents = {event.agent.id: event.agent for event in events()}
    with XmlWriter(out, "premis", attributes) as xml:
        _write_package(xml, package)
        for document in documents:
            for file in document.files:
                for representation in forms_of(file):
                    _write_file(xml, representation, document, file)
        for event in events():
            _write_event(xml, event)
        for _, agent in sorted(agents.items()):
            _write_agent(xml, agent)


def _write_package(xml: XmlWriter, package: PackageIdentity) -> None:
    xml.start("object", {"xsi:type": "intellectualEntity"})
    _identifier(xml, "object", "UUID", package.id)
    if package.predecessor is not None:
        _relationship(xml, "replacement", "replaces", "UUID", package.predecessor)
    xml.end()


def _write_file(xml: XmlWriter, representation: Representation, document: JournalDocument, file: ArchivedFile) -> None:
    sha256, size = fixity_of(representation, file) or ("", 0)
    xml.start("object", {"xsi:type": "file"})
    _identifier(xml, "object", "path", packaged_path(representation, document.id, file))
    xml.start("objectCharacteristics")
    xml.leaf("compositionLevel", "0")
    xml.start("fixity")
    xml.leaf("messageDigestAlgorithm", "SHA-256")
    xml.leaf("messageDigest", sha256)
    xml.end()
    xml.leaf("size", str(size))
    _write_format(xml, representation, file)
    if representation is Representation.ORIGINAL and any(n.code is Flag.OPENED_WITH_PASSWORD for n in file.flags):
        xml.start("inhibitors")
        xml.leaf("inhibitorType", "Password protection")
        xml.leaf("inhibitorTarget", "All content")
        xml.end()
    xml.end()
    if representation is Representation.ORIGINAL:
        xml.leaf("originalName", file.original.name)
        source = None if file.part_of is None else held_in(document, file)
    else:
        source = packaged_path(Representation.ORIGINAL, document.id, file)
    if source is not None:
        _relationship(xml, "derivation", "has source", "path", source)
    xml.end()


def _write_format(xml: XmlWriter, representation: Representation, file: ArchivedFile) -> None:
    format_ = file.original.format
    name, puid = format_.format_name or format_.media_type or "unknown", format_.puid
    if representation is Representation.PDFA and file.archive_copy is not None:
        name, puid = f"PDF/A-{file.archive_copy.flavour}", _PUID.get(file.archive_copy.flavour)
    elif representation is Representation.TEXT:
        name, puid = "Plain Text, UTF-8", _PLAIN_TEXT_PUID
    xml.start("format")
    xml.start("formatDesignation")
    xml.leaf("formatName", name)
    xml.end()
    if puid:
        xml.start("formatRegistry")
        xml.leaf("formatRegistryName", "PRONOM")
        xml.leaf("formatRegistryKey", puid)
        xml.end()
    xml.end()


def _write_event(xml: XmlWriter, event: PreservationEvent) -> None:
    xml.start("event")
    _identifier(xml, "event", "UUID", event.id)
    xml.leaf("eventType", event.type)
    xml.leaf("eventDateTime", event.when)
    xml.start("eventDetailInformation")
    xml.leaf("eventDetail", event.detail)
    xml.end()
    xml.start("eventOutcomeInformation")
    xml.leaf("eventOutcome", event.outcome)
    if event.note:
        xml.start("eventOutcomeDetail")
        xml.leaf("eventOutcomeDetailNote", event.note)
        xml.end()
    xml.end()
    _identifier(xml, "linkingAgent", "local", event.agent.id)
    for path, role in event.objects:
        kind = "path" if "/" in path else "UUID"
        _identifier(xml, "linkingObject", kind, path, role)
    xml.end()


def _write_agent(xml: XmlWriter, agent: Agent) -> None:
    xml.start("agent")
    _identifier(xml, "agent", "local", agent.id)
    xml.leaf("agentName", agent.name)
    xml.leaf("agentType", "software")
    if agent.version:
        xml.leaf("agentVersion", agent.version)
    xml.end()


def _identifier(xml: XmlWriter, of: str, kind: str, value: str, role: str | None = None) -> None:
    xml.start(f"{of}Identifier")
    xml.leaf(f"{of}IdentifierType", kind)
    xml.leaf(f"{of}IdentifierValue", value)
    if role is not None:
        xml.leaf(f"{of}Role", role)
    xml.end()


def _relationship(xml: XmlWriter, kind: str, subtype: str, id_kind: str, value: str) -> None:
    xml.start("relationship")
    xml.leaf("relationshipType", kind)
    xml.leaf("relationshipSubType", subtype)
    _identifier(xml, "relatedObject", id_kind, value)
    xml.end()


def read_events(source: IO[bytes]) -> Iterator[PreservationEvent]:
    """The events of a premis.xml of ours, in its order; memory holds one at a time.

    Raises:
        ValueError: the file is not a premis.xml as `write_premis` makes it.
    """
    for element in children(source, f"{_NS}premis"):
        if element.tag == f"{_NS}event":
            yield _read_event(element)


def events_of_document(premis: bytes, document_id: str) -> dict[str, list[PreservationEvent]]:
    """The events of one document's files, by the path of their original, without reading those of others.

    Raises:
        ValueError: as `read_events`, as far as this document goes.
    """
    # `write_premis` writes all events of a document one after another, after all objects.
    named = f"/data/{document_id}/".encode()
    first, last = premis.find(named, premis.find(b"<event>")), premis.rfind(named)
    start, end = premis.rfind(b"<event>", 0, max(first, 0)), premis.find(b"</event>", last)
    if first < 0 or start < 0 or end < 0:
        return {}
    head = f'<premis xmlns="{NAMESPACE}">'.encode()
    return events_by_original(read_events(io.BytesIO(head + premis[start:end] + b"</event></premis>")))


def _read_event(element: etree._Element) -> PreservationEvent:
    def text(path: str, of: etree._Element = element, default: str | None = None) -> str:
        found = of.find("/".join(_NS + step for step in path.split("/")))
        if found is None and default is None:
            raise ValueError(f"the premis.xml has an event without {path}")
        return default or "" if found is None else text_of(found)

    return PreservationEvent(
        id=text("eventIdentifier/eventIdentifierValue"),
        type=text("eventType"),
        when=text("eventDateTime"),
        detail=text("eventDetailInformation/eventDetail"),
        outcome=text("eventOutcomeInformation/eventOutcome"),
        note=text("eventOutcomeInformation/eventOutcomeDetail/eventOutcomeDetailNote", default=""),
        agent=Agent.parse(text("linkingAgentIdentifier/linkingAgentIdentifierValue")),
        objects=tuple(
            (text("linkingObjectIdentifierValue", link), text("linkingObjectRole", link))
            for link in element.findall(f"{_NS}linkingObjectIdentifier")
        ),
    )


def events_by_original(events: Iterable[PreservationEvent]) -> dict[str, list[PreservationEvent]]:
    """Group the events of files by the path of the original they belong to; those of the package itself are left out.

    The three forms of a file have the same folder and number, so a PDF's or text's path names its original up to the
    extension; the exact path is taken from the events that link it.
    """
    groups: dict[str, list[PreservationEvent]] = {}
    originals: dict[str, str] = {}
    for event in events:
        for path, role in event.objects:
            # What was taken out of a file happened to what was taken out.
            if "/" not in path or (event.type == UNPACKING and role == "source"):
                continue
            key = path.split("/data/", 1)[-1].rpartition(".")[0]
            if path.startswith(f"{Representation.ORIGINAL.folder}/"):
                originals[key] = path
            group = groups.setdefault(key, [])
            if event not in group[-1:]:
                group.append(event)
    return {originals[key]: group for key, group in groups.items() if key in originals}
