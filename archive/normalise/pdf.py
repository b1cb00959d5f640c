"""PDF in, PDF towards PDF/A-2 out: opened, looked at, active content removed, structure repaired; pages untouched."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from pikepdf import Dictionary, Name

from archive.normalise import repair
from archive.normalise.contract import Limits, Made
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "pdf"
KEPT = "pdf-kept"
"""Route of an input that is valid PDF/A-1 or -2 already: its bytes are the archive copy."""

# Its remarks on broken metadata belong to no terminal.
logging.getLogger("pikepdf").setLevel(logging.CRITICAL)

_MOST_OBJECTS = 2_000_000
_TAIL = 1024  # ISO 32000-1 annex H.3.4.4: readers look for %%EOF in the last 1024 bytes


@dataclass(frozen=True, slots=True)
class Looked:
    """What is to know of a PDF before it is changed."""

    pages: int
    protected: bool
    """It has usage restrictions, but opens without a password."""
    claims_pdfa: bool


def look(source: Path, limits: Limits) -> Looked:
    """Open a PDF and count what is in it.

    Raises:
        DocumentProblem: ENCRYPTED, TRUNCATED, CORRUPT or RESOURCE_LIMIT.
    """
    with _opened(source) as document:
        # What recovery finds of a cut file looks whole: a page whose scan is gone is a blank page.
        if not _has_end(source):
            raise DocumentProblem(Reason.TRUNCATED, "The PDF's end is missing.")
        count = _page_count(document, limits)
        if len(document.objects) > _MOST_OBJECTS:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The PDF has {len(document.objects)} objects.")
        _check_pictures(document, limits)
        return Looked(count, document.is_encrypted, _claims_pdfa(document))


def pdf(source: Path, out: Path, limits: Limits) -> Made:
    """Take out what acts, repair what is wrong, write it anew.

    Raises:
        DocumentProblem: as `look`.
    """
    looked = look(source, limits)
    flags = []
    if looked.protected:
        flags.append(FlagNote(Flag.OWNER_PASSWORD))
    with _opened(source) as document:
        try:
            removed = repair.active_content(document)
            repair.form_values(document)
            document.remove_unreferenced_resources()
            document.save(out, deterministic_id=True, encryption=False)
        except (pikepdf.PdfError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as e:
            raise DocumentProblem(Reason.CORRUPT, f"The PDF's structure cannot be written ({type(e).__name__}).") from e
    if removed:
        flags.append(FlagNote(Flag.ACTIVE_CONTENT_REMOVED, f"{removed} actions, scripts or embedded files."))
    return Made(out, ("2u", "2b"), tuple(flags))


def _opened(source: Path) -> pikepdf.Pdf:
    try:
        return pikepdf.open(source, suppress_warnings=True)
    except pikepdf.PasswordError:
        raise DocumentProblem(Reason.ENCRYPTED) from None
    except (pikepdf.PdfError, RuntimeError, ValueError) as e:
        if not _has_end(source):
            raise DocumentProblem(
                Reason.TRUNCATED, "The end of the PDF, with its table of contents, is missing."
            ) from e
        raise DocumentProblem(Reason.CORRUPT, "The PDF's structure is broken beyond repair.") from e


def _has_end(source: Path) -> bool:
    """Whether the file ends as a PDF does, apart from padding with NULs or white space of the old system's storage."""
    with source.open("rb") as f:
        size = f.seek(0, 2)
        tail = b""
        while size > 0 and len(tail) < _TAIL:
            start = max(0, size - _TAIL)
            f.seek(start)
            tail = (f.read(size - start) + tail).rstrip(b"\0 \t\r\n")
            size = start
    return b"%%EOF" in tail or b"startxref" in tail


def _page_count(document: pikepdf.Pdf, limits: Limits) -> int:
    try:
        count = len(document.pages)
        readable = sum(1 for page in document.pages if isinstance(page.obj, Dictionary))
    except (pikepdf.PdfError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise DocumentProblem(Reason.CORRUPT, "The PDF's pages cannot be found.") from e
    if count > limits.pages:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The PDF has {count} pages.")
    if count == 0 or readable < count:
        raise DocumentProblem(Reason.CORRUPT, "The PDF has no page, or one that cannot be read.")
    return count


def _claims_pdfa(document: pikepdf.Pdf) -> bool:
    metadata = document.Root.get("/Metadata")
    try:
        return isinstance(metadata, pikepdf.Stream) and b"http://www.aiim.org/pdfa/ns/id" in metadata.read_bytes()
    except (pikepdf.PdfError, RuntimeError):
        return False


def _check_pictures(document: pikepdf.Pdf, limits: Limits) -> None:
    for value in document.objects:
        if not isinstance(value, pikepdf.Stream) or value.get("/Subtype") != Name.Image:
            continue
        try:
            pixels = int(value.get("/Width", 0)) * int(value.get("/Height", 0))
        except (TypeError, ValueError):
            continue
        if pixels > limits.pixels:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"A picture in the PDF has {pixels} pixels.")
