"""What a source says, read apart from the route that made its copy: one reader for each family.

No second reader, so that nothing but validity is known of the copy's words: workbooks, presentations and text
documents of before XML that are no Word 6 to 2003 (`xls`, `ppt`, `wpd`), DisplayWrite (`rft`), TNEF, DICOM and ZIP
containers, whose members are files of their own. Pictures have no words; see `archive.rereading.pictures`.
"""

from __future__ import annotations

import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from xml.parsers.expat import ExpatError

import pypdfium2
from lxml import etree

from archive.normalise.encodings import decode
from archive.normalise.metafile import read as read_metafile
from archive.rereading.contract import Reading
from archive.rereading.docwords import doc_text
from archive.rereading.messages import mail_text, outlook_text
from archive.rereading.opendocument import opendocument_parts, opendocument_text
from archive.rereading.openxml import slides_text, word_parts, word_text, workbook_text
from archive.rereading.pdfwords import pdf_reading
from archive.rereading.records import hl7_text, json_text, xml_text
from archive.rereading.rtfwords import rtf_parts, rtf_text
from archive.rereading.singlefiles import (
    drawing_text,
    flat_document_text,
    mbox_text,
    web_archive_text,
    word_xml_parts,
    workbook_xml_text,
)
from archive.rereading.webwords import html_file, html_text

OFFICE_ONLY = frozenset({"doc", "wpd"})
"""Families some or all of whose files only LibreOffice's text export can tell (`archive.rereading.officetext`)."""

_PARTLY = frozenset({"odt", "ods", "odp", "xlsx", "fodt", "fods", "xlsml"})
"""Families whose reader reads hidden words too."""
_EMPTY_LINE = re.compile(r"\n[ \t]*\n\s*")
"""Parts one header of a DOC from the next."""
_UNKNOWN_SIGN = re.compile(r"\S*[\ue000-\uf8ff]\S*")
"""A sign of a symbol font whose name the reader does not know, with the letters it is joined to."""
_UNREADABLE = (
    ValueError,
    LookupError,
    OSError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    etree.LxmlError,
    ExpatError,
    pypdfium2.PdfiumError,
    NotImplementedError,
    RuntimeError,
    EOFError,
)
"""What the readers raise of a file they cannot read."""


def source_text(path: Path, family: str, *, margins: bool = True) -> str | None:
    """The text of an original; None where there is no reader for its family, or the reader cannot read it.

    Args:
        path: the original.
        family: as `archive.identify` found it.
        margins: with headers and footers, of which a page may not exist.
    """
    reading = reading_of(path, family)
    return None if reading is None else f"{reading.text}\n{reading.margins}" if margins else reading.text


def reading_of(path: Path, family: str) -> Reading | None:
    """What a source says; None where there is no reader for its family, or the reader cannot read it."""
    parts, reader = _IN_PARTS.get(family), _READERS.get(family)
    try:
        if family == "pdf":
            return pdf_reading(path)
        if parts is not None:
            return Reading(*parts(path), partly=family in _PARTLY)
        return None if reader is None else Reading(reader(path), partly=family in _PARTLY)
    except _UNREADABLE:
        return None


def words_within(content: bytes) -> str:
    """What a document says that lies within another one; empty where it cannot be read."""
    start = content[:1024].lstrip()
    try:
        if start.startswith(b"{\\rtf"):
            return rtf_text(content)
        if start.startswith(b"PK\x03\x04"):
            with tempfile.NamedTemporaryFile(suffix=".docx") as file:
                file.write(content)
                file.flush()
                return word_text(Path(file.name))
        if re.search(rb"<(html|body|p|!doctype)", start, re.IGNORECASE):
            return html_text(content)
        return decode(content).text
    except _UNREADABLE:
        return ""


def _plain(path: Path) -> str:
    return decode(path.read_bytes()).text


def _metafile(path: Path) -> str:
    return "\n".join(read_metafile(path.read_bytes()).texts)


def _doc(path: Path) -> tuple[str, str]:
    found = doc_text(path)
    return _UNKNOWN_SIGN.sub(" ", found.body), _EMPTY_LINE.sub("\f", _UNKNOWN_SIGN.sub(" ", found.margins))


_READERS: dict[str, Callable[[Path], str]] = {
    "txt": _plain,
    "ods": opendocument_text,
    "odp": opendocument_text,
    "xlsx": workbook_text,
    "pptx": slides_text,
    "html": html_file,
    "xml": xml_text,
    "json": json_text,
    "hl7": hl7_text,
    "eml": mail_text,
    "mbox": mbox_text,
    "mhtml": web_archive_text,
    "xlsml": workbook_xml_text,
    "fodt": flat_document_text,
    "fods": flat_document_text,
    "svg": drawing_text,
    "msg": outlook_text,
    "emf": _metafile,
    "wmf": _metafile,
}
_IN_PARTS: dict[str, Callable[[Path], tuple[str, str]]] = {
    "rtf": lambda path: rtf_parts(path.read_bytes()),
    "doc": _doc,
    "docx": word_parts,
    "odt": opendocument_parts,
    "wordml": word_xml_parts,
    "flatopc": word_xml_parts,
}
"""Readers that know headers and footers apart."""
REREAD = frozenset(_READERS) | frozenset(_IN_PARTS) | {"pdf"}
"""Families whose files are read a second time, so that one which cannot be is worth a word."""
