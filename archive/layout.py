"""What is where inside a package: the names of folders and files below `<package id>/`."""

from __future__ import annotations

import re
from enum import StrEnum

from archive.record import ArchiveCopy, ArchivedFile, OriginalFile, TextCopy

ROOT_METS = "METS.xml"
JOURNAL = "metadata/descriptive/journal.xml"
PREMIS = "metadata/preservation/premis.xml"
SCHEMA = "schemas/journal.xsd"
README = "documentation/README.txt"
NO_DOCUMENTS = "data/no-documents.txt"
"""The one file of the one representation (text) that a package without documents has; below its folder."""

_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_EXTENSIONS = {
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gz",
    "message/rfc822": "eml",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-outlook": "msg",
    "application/vnd.ms-tnef": "dat",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.wordperfect": "wpd",
    "application/x-rft-dca": "rft",
    "application/xml": "xml",
    "image/bmp": "bmp",
    "image/emf": "emf",
    "image/gif": "gif",
    "image/jp2": "jp2",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "image/webp": "webp",
    "image/wmf": "wmf",
    "text/html": "html",
    "text/plain": "txt",
}


class Representation(StrEnum):
    """The three forms in which a package holds each file; the value is the folder's name."""

    PDFA = "pdfa"
    ORIGINAL = "original"
    TEXT = "text"

    @property
    def folder(self) -> str:
        """`representations/<name>`."""
        return f"representations/{self.value}"


def extension_of(file: ArchivedFile) -> str:
    """The extension an original gets in the package: that of what it is, not of what its old name promised.

    Where the format is unknown it keeps its own, if that is harmless as a name; else `bin`.
    """
    known = _EXTENSIONS.get(file.original.format.media_type.partition(";")[0].strip().lower())
    declared = file.original.format.declared_extension.lower()
    if known is not None:
        return known
    return declared if _EXTENSION.fullmatch(declared) else "bin"


def data_path(representation: Representation, document_id: str, file: ArchivedFile) -> str:
    """Where a file lies below its representation's folder: `data/<document id>/<seq>.<ext>`."""
    match representation:
        case Representation.PDFA:
            extension = "pdf"
        case Representation.TEXT:
            extension = "txt"
        case Representation.ORIGINAL:
            extension = extension_of(file)
    return f"data/{document_id}/{file.seq}.{extension}"


def packaged_path(representation: Representation, document_id: str, file: ArchivedFile) -> str:
    """Where a file lies below the package's folder."""
    return f"{representation.folder}/{data_path(representation, document_id, file)}"


def fixity_of(representation: Representation, file: ArchivedFile) -> tuple[str, int] | None:
    """SHA-256 and size that the record states for one form of a file; None for a form that it does not have."""
    match representation:
        case Representation.PDFA:
            held: ArchiveCopy | TextCopy | OriginalFile | None = file.archive_copy
        case Representation.TEXT:
            held = file.text
        case Representation.ORIGINAL:
            held = file.original
    return None if held is None else (held.sha256, held.size)


def forms_of(file: ArchivedFile) -> tuple[Representation, ...]:
    """The forms that a package holds of a file: all three, or its original alone."""
    return tuple(r for r in Representation if fixity_of(r, file) is not None)
