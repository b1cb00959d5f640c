"""METS.xml of a package and of each of its representations: E-ARK CSIP 2.1, AIP, content type eHealth1 v2.0.1.

What each validator asks beyond the text of the specifications is said where it is heeded. Every id begins with `ID`
(AIP9), is made from names that never change, and is unique in the whole package. Checksums are lower-case hex, so
that `sha256sum` output can be compared as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from archive import layout
from archive.events import Agent
from archive.layout import Representation, data_path, fixity_of
from archive.metadata import PackageIdentity
from archive.record import ArchivedFile, JournalDocument
from archive.store import ArchiveInfo
from archive.xmlio import XmlWriter

CONTENT_TYPE = "citsehpj_v2_0"
ROOT_PROFILE = "https://citsehealth1.dilcis.eu/profile/E-ARK-eHealth1-ROOT.xml"
REPRESENTATION_PROFILE = "https://citsehealth1.dilcis.eu/profile/E-ARK-eHealth1-REPRESENTATION.xml"
_NAMESPACES = {
    "xmlns:mets": "http://www.loc.gov/METS/",
    "xmlns:csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": " ".join(
        (
            "http://www.loc.gov/METS/ http://www.loc.gov/standards/mets/mets.xsd",
            "http://www.w3.org/1999/xlink http://www.loc.gov/standards/mets/xlink.xsd",
            "https://DILCIS.eu/XML/METS/CSIPExtensionMETS https://earkcsip.dilcis.eu/schema/DILCISExtensionMETS.xsd",
        )
    ),
}
# One checksum and the path it belongs to on each line: the package's README checks them with sed and sha256sum.
_LINES = ("mets:file", "mets:mdRef", "mets:fileGrp", "mets:div")
_NOT_STATED = "not stated"
_UNKNOWN_MEDIA_TYPE = "application/octet-stream"
# CSIP68: MIMETYPE is of IANA's register. Types that are not (or not in the validators' copies of it) stand in
# journal.xml and PREMIS only.
_REGISTERED = frozenset(
    {
        "application/msword",
        "application/pdf",
        "application/rtf",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.wordperfect",
        "application/xml",
        "image/bmp",
        "image/gif",
        "image/jp2",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "text/html",
        "text/plain",
    }
)
_MEDIA_TYPES = {Representation.PDFA: "application/pdf", Representation.TEXT: "text/plain"}


@dataclass(frozen=True, slots=True)
class Described:
    """A metadata, schema, documentation or METS file as the root METS lists it. `path` below the package's folder."""

    path: str
    sha256: str
    size: int
    media_type: str = "application/xml"


@dataclass(frozen=True, slots=True)
class Context:
    """What all METS of a package have in common. `when` is the time of the run, UTC, ISO 8601."""

    package: PackageIdentity
    archive: ArchiveInfo
    software: Agent
    when: str


def write_representation_mets(
    out: IO[bytes],
    representation: Representation,
    documents: Sequence[JournalDocument],
    context: Context,
    note: Described | None = None,
) -> None:
    """Write the METS of one representation.

    `documents` are those of the package, in its order; `note` is the one file (by its path below the representation)
    of a representation in which no document has any.
    """
    name = representation.value
    with XmlWriter(out, "mets:mets", _root(name, REPRESENTATION_PROFILE), lines=_LINES) as xml:
        _start_header(xml, context)
        xml.end()
        xml.start("mets:fileSec", {"ID": f"ID-{name}-files"})
        for d in documents:
            _write_document_group(xml, representation, d, context.when)
        if note is not None:
            _write_group(xml, {"ID": f"ID-{name}-note", "USE": "data"}, (note,), context.when)
        xml.end()
        _write_ehealth_map(xml, name, documents)
        # CSIP80: each METS has a structMap labelled CSIP, whatever others it has.
        xml.start("mets:structMap", {"ID": f"ID-{name}-csip", "TYPE": "PHYSICAL", "LABEL": "CSIP"})
        xml.start("mets:div", {"ID": f"ID-{name}-csip-root", "LABEL": name})
        xml.leaf("mets:div", "", {"ID": f"ID-{name}-csip-data", "LABEL": "Data"})
        xml.end()
        xml.end()


def _write_document_group(xml: XmlWriter, representation: Representation, document: JournalDocument, when: str) -> None:
    """EH14-EH17: one file group per document. USE is the name of the folder that holds it."""
    held = [(f, fixity) for f in document.files if (fixity := fixity_of(representation, f)) is not None]
    if not held:
        return
    name = representation.value
    group = {
        "ID": f"ID-{name}-{document.id}",
        "USE": f"data/{document.id}",
        "csip:CONTENTINFORMATIONTYPE": CONTENT_TYPE,
    }
    xml.start("mets:fileGrp", group)
    for file, (sha256, size) in held:
        path = data_path(representation, document.id, file)
        id_ = f"ID-{name}-{document.id}-{file.seq}"
        described = Described(path, sha256, size, _media_type(representation, file))
        xml.start("mets:file", {"ID": id_, **_fixity(described, when)})
        xml.leaf("mets:FLocat", "", _link(path))
        xml.end()
    xml.end()


def _media_type(representation: Representation, file: ArchivedFile) -> str:
    fixed = _MEDIA_TYPES.get(representation)
    found = file.original.format.media_type.partition(";")[0].strip().lower()
    return fixed or (found if found in _REGISTERED else _UNKNOWN_MEDIA_TYPE)


def _write_ehealth_map(xml: XmlWriter, name: str, documents: Sequence[JournalDocument]) -> None:
    """EH28-EH74: Data > Patient Record > Case > Document. A case is an episode of the old system; documents of none
    are together in one."""
    cases: dict[str, list[JournalDocument]] = {}
    for d in documents:
        cases.setdefault(d.episode, []).append(d)
    xml.start("mets:structMap", {"ID": f"ID-{name}-ehealth1", "TYPE": "PHYSICAL", "LABEL": "eHealth1"})
    xml.start("mets:div", {"ID": f"ID-{name}-root", "LABEL": name})
    xml.start("mets:div", {"ID": f"ID-{name}-data", "LABEL": "Data"})
    xml.start("mets:div", {"ID": f"ID-{name}-patient", "LABEL": "Patient Record"})
    for number, episode in enumerate(sorted(cases) or [""], start=1):
        xml.start("mets:div", {"ID": f"ID-{name}-case-{number}", "LABEL": "Case"})
        for d in cases.get(episode, ()):
            xml.start("mets:div", {"ID": f"ID-{name}-document-{d.id}", "LABEL": "Document"})
            if d.files:
                xml.leaf("mets:fptr", "", {"FILEID": f"ID-{name}-{d.id}"})
            xml.end()
        xml.end()
    for _ in range(4):
        xml.end()


def write_root_mets(
    out: IO[bytes],
    context: Context,
    *,
    journal: Described,
    premis: Described,
    documentation: Sequence[Described],
    schemas: Sequence[Described],
    representations: Mapping[Representation, Described],
) -> None:
    """Write the package's METS. `representations` are the METS files of those that the package has."""
    when, package = context.when, context.package
    root = {**_root(package.id, ROOT_PROFILE), "LABEL": "Patient journal"}
    with XmlWriter(out, "mets:mets", root, lines=_LINES) as xml:
        _start_header(xml, context)
        _write_owner(xml, context.archive)
        if context.archive.submission_agreement:
            xml.leaf("mets:altRecordID", context.archive.submission_agreement, {"TYPE": "SUBMISSIONAGREEMENT"})
        if package.predecessor is not None:
            xml.leaf("mets:altRecordID", package.predecessor, {"TYPE": "PREVIOUSREFERENCECODE"})
        xml.end()
        xml.start("mets:dmdSec", {"ID": "ID-descriptive", "CREATED": when, "STATUS": "CURRENT"})
        reference = {"MDTYPE": "OTHER", "OTHERMDTYPE": "journal", **_fixity(journal, when), **_link(journal.path)}
        xml.leaf("mets:mdRef", "", reference)
        xml.end()
        xml.start("mets:amdSec", {"ID": "ID-administrative"})
        xml.start("mets:digiprovMD", {"ID": "ID-preservation", "CREATED": when, "STATUS": "CURRENT"})
        xml.leaf("mets:mdRef", "", {"MDTYPE": "PREMIS", **_fixity(premis, when), **_link(premis.path)})
        xml.end()
        xml.end()
        _write_root_files(xml, documentation, schemas, representations, when)
        _write_root_map(xml, package.id, representations)


def _write_root_files(
    xml: XmlWriter,
    documentation: Iterable[Described],
    schemas: Iterable[Described],
    representations: Mapping[Representation, Described],
    when: str,
) -> None:
    xml.start("mets:fileSec", {"ID": "ID-files"})
    _write_group(xml, {"ID": "ID-documentation", "USE": "Documentation"}, documentation, when)
    _write_group(xml, {"ID": "ID-schemas", "USE": "Schemas"}, schemas, when)
    for representation, mets in representations.items():
        group = {
            "ID": f"ID-{representation.value}",
            "USE": f"Representations/{representation.value}",
            "csip:CONTENTINFORMATIONTYPE": CONTENT_TYPE,
        }
        _write_group(xml, group, (mets,), when)
    xml.end()


def _write_group(xml: XmlWriter, attributes: Mapping[str, str], files: Iterable[Described], when: str) -> None:
    xml.start("mets:fileGrp", attributes)
    for number, file in enumerate(files, start=1):
        xml.start("mets:file", {"ID": f"{attributes['ID']}-{number}", **_fixity(file, when)})
        xml.leaf("mets:FLocat", "", _link(file.path))
        xml.end()
    xml.end()


def _write_root_map(xml: XmlWriter, package_id: str, representations: Iterable[Representation]) -> None:
    xml.start("mets:structMap", {"ID": "ID-csip", "TYPE": "PHYSICAL", "LABEL": "CSIP"})
    xml.start("mets:div", {"ID": "ID-csip-root", "LABEL": package_id})
    metadata = {"ID": "ID-csip-metadata", "LABEL": "Metadata", "ADMID": "ID-preservation", "DMDID": "ID-descriptive"}
    xml.leaf("mets:div", "", metadata)
    for label, group in (("Documentation", "ID-documentation"), ("Schemas", "ID-schemas")):
        xml.start("mets:div", {"ID": f"ID-csip-{label.lower()}", "LABEL": label})
        xml.leaf("mets:fptr", "", {"FILEID": group})
        xml.end()
    for representation in representations:
        name = representation.value
        xml.start("mets:div", {"ID": f"ID-csip-{name}", "LABEL": f"Representations/{name}"})
        # CSIP109: the title of the pointer is the id of the file group.
        link = {**_link(f"{representation.folder}/{layout.ROOT_METS}"), "xlink:title": f"ID-{name}"}
        xml.leaf("mets:mptr", "", link)
        xml.end()
    xml.end()
    xml.end()


def _root(object_id: str, profile: str) -> dict[str, str | None]:
    return {
        **_NAMESPACES,
        "OBJID": object_id,
        "TYPE": "OTHER",
        "csip:OTHERTYPE": "Patient Medical Records",
        "csip:CONTENTINFORMATIONTYPE": CONTENT_TYPE,
        "PROFILE": profile,
    }


def _start_header(xml: XmlWriter, context: Context) -> None:
    header = {
        "CREATEDATE": context.when,
        "LASTMODDATE": context.when,
        "RECORDSTATUS": "NEW" if context.package.predecessor is None else "VERSION",
        "csip:OAISPACKAGETYPE": "AIP",
    }
    xml.start("mets:metsHdr", header)
    xml.start("mets:agent", {"ROLE": "CREATOR", "TYPE": "OTHER", "OTHERTYPE": "SOFTWARE"})
    xml.leaf("mets:name", context.software.name)
    xml.leaf("mets:note", context.software.version or _NOT_STATED, {"csip:NOTETYPE": "SOFTWARE VERSION"})
    xml.end()


def _write_owner(xml: XmlWriter, archive: ArchiveInfo) -> None:
    """EHR6-EHR11: the organisation whose journals these are, and its organisation number."""
    for role in ("CREATOR", "ARCHIVIST"):
        xml.start("mets:agent", {"ROLE": role, "TYPE": "ORGANIZATION"})
        xml.leaf("mets:name", archive.owner_name or _NOT_STATED)
        xml.leaf("mets:note", archive.owner_number or _NOT_STATED, {"csip:NOTETYPE": "IDENTIFICATIONCODE"})
        xml.end()


def _fixity(file: Described, created: str) -> dict[str, str]:
    return {
        "MIMETYPE": file.media_type,
        "SIZE": str(file.size),
        "CREATED": created,
        "CHECKSUM": file.sha256,
        "CHECKSUMTYPE": "SHA-256",
    }


def _link(path: str) -> dict[str, str]:
    return {"LOCTYPE": "URL", "xlink:type": "simple", "xlink:href": path}
