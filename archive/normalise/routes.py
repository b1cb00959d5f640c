"""Which routes a family has, best first, and what LibreOffice needs to know of a source."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import cast

from archive.media import SAYS
from archive.normalise import metafile, office, officexml, pdf
from archive.normalise.contract import Limits, Made, Route
from archive.normalise.docxmend import mended_docx
from archive.normalise.officefile import needs_password, office_made
from archive.normalise.opcnames import named_rightly
from archive.normalise.rtfmend import mended
from archive.normalise.sheetmend import mended_xlsx
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FileFormat, FlagNote

_IMAGES = ("jpeg", "png", "tiff", "gif", "bmp", "jp2", "webp")
_ROUTES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(office.FAMILIES, (office.ROUTE,)),
    **dict.fromkeys(_IMAGES, ("image",)),
    "rtf": ("rtf", office.ROUTE),
    "txt": ("plaintext", office.ROUTE),
    "html": ("html", office.ROUTE),
    "rft": ("displaywrite",),
    "xml": ("xmlrecord", "sourcetext"),
    "json": ("jsonrecord", "sourcetext"),
    "pdf": (pdf.ROUTE,),
    "eml": ("mail",),
    "mbox": ("mailbox",),
    "mhtml": ("mhtml",),
    "p7m": ("signedfile",),
    "pcl": ("printout",),
    "ps": ("postscript",),
    "hl7": ("hl7",),
    "msg": ("outlook",),
    "tnef": ("tnef",),
    "dicom": ("dicom",),
    "zip": ("zipped",),
    "gzip": ("gunzipped",),
}
_OF_PARTS = frozenset(("docx", "xlsx", "pptx"))
_MEND = {"docx": mended_docx, "xlsx": mended_xlsx}
# Groups of RTF: escaped characters first, so that an escaped brace counts as text.
_RTF_TOKEN = re.compile(rb"\\[{}\\]|\\bin(\d+) ?|[{}]")


def of(family: str) -> tuple[str, ...]:
    """The routes of a family, best first; none for what cannot become a page."""
    return _ROUTES.get(family, ())


def unsupported(fmt: FileFormat) -> str:
    """What a file is that no route takes, in a sentence; empty where that is not known."""
    kind, name = SAYS.get(fmt.family), fmt.format_name
    return f"{kind}: {name}." if kind and name else f"{kind or name}." if kind or name else ""


def load(name: str) -> Route:
    """The route function of that name (its module is `archive.normalise.<name>`)."""
    return cast(Route, getattr(importlib.import_module(f"archive.normalise.{name}"), name))


def for_office(source: Path, family: str, copy: Path) -> Path:
    """What to give LibreOffice: text as UTF-8, since its own guess is poor; RTF, DOCX and XLSX mended
    where it would not show them whole; all else as it is."""
    if family == "rtf":
        content = source.read_bytes()
        if (better := mended(content)) != content:
            copy.write_bytes(better)
            return copy
    if family in ("wordml", "flatopc"):
        return officexml.for_office(source, family, copy)
    if family in _OF_PARTS:
        right = copy.with_suffix(".names")
        source = right if named_rightly(source, right) else source
        return copy if family in _MEND and _MEND[family](source, copy) else source
    if family != "txt":
        return source
    from archive.normalise.encodings import decode

    copy.write_text(decode(source.read_bytes()).text, encoding="utf-8", newline="\n")
    return copy


def from_office(source: Path, family: str, pdf: Path, folder: Path, limits: Limits) -> Made:
    """What becomes of a source that LibreOffice could read; raises as `office_made`."""
    made = office_made(source, family, pdf, folder, limits)
    if family == "rtf" and _open_groups(source):
        cut = FlagNote(Flag.DECODED_LENIENTLY, "The file's end is missing; what was there is shown.")
        made = replace(made, flags=(cut, *made.flags))
    if family == "wordml" and (carried := officexml.pictures(source, folder)):
        told = FlagNote(Flag.ATTACHMENTS_SPLIT_OFF, f"{len(carried)} pictures, which the pages show small.")
        made = replace(made, flags=(told, *made.flags), parts=(*made.parts, *carried))
    if family in metafile.FAMILIES:
        made = replace(made, flags=(*metafile.look(source, made.pdf), *made.flags))
    return made


def sharper(problem: DocumentProblem, source: Path, family: str) -> DocumentProblem:
    """A failure of LibreOffice, with a better reason where the source tells one."""
    if problem.reason is Reason.CONVERSION_FAILED and family == "rtf" and _open_groups(source):
        return DocumentProblem(Reason.TRUNCATED, "The RTF ends within a group.")
    if problem.reason is Reason.CONVERSION_FAILED and family == "xls" and needs_password(source):
        return DocumentProblem(Reason.ENCRYPTED, "The workbook is encrypted.")
    if (
        problem.reason is Reason.CONVERSION_FAILED
        and family in metafile.FAMILIES
        and not metafile.read(source.read_bytes()).whole
    ):
        return DocumentProblem(Reason.TRUNCATED, metafile.CUT)
    return problem


def _open_groups(source: Path) -> int:
    """How many groups of an RTF file are open at its end; negative where more were closed."""
    content = source.read_bytes()
    depth, at = 0, 0
    while (token := _RTF_TOKEN.search(content, at)) is not None:
        at = token.end() + int(token[1] or 0)
        depth += (token[0] == b"{") - (token[0] == b"}")
    return max(depth, 0)
