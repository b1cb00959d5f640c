"""PDF in, PDF towards PDF/A-2 out: opened, looked at, active content removed, structure repaired; pages untouched."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pikepdf
from pikepdf import Dictionary, Name

from archive.normalise import (
    cidfonts,
    comments,
    ghostscript,
    pageboxes,
    pdffiles,
    pdfsigns,
    repair,
    signatures,
    standardfonts,
)
from archive.normalise.annotations import beside as beside_pages
from archive.normalise.annotations import forms, settle
from archive.normalise.contract import Limits, Made, Part
from archive.normalise.text_of import PAGE_BREAK, text_of
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "pdf"
KEPT = "pdf-kept"
"""Route of an input that is valid PDF/A-1 or -2 already: its bytes are the archive copy."""

# Its remarks on broken metadata and forms belong to no terminal.
logging.getLogger("pikepdf").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module="pikepdf")

_BROKEN = (pikepdf.PdfError, RuntimeError, ValueError, KeyError, TypeError, AttributeError)
_DEFINED = re.compile(rb"(?<!\d)(\d{1,10})[ \r\n]+\d{1,5}[ \r\n]+obj\b")
_REFERRED = re.compile(rb"(?<!\d)(\d{1,10})[ \r\n]+\d{1,5}[ \r\n]+R\b")
_REMAINS = (b"xref", b"trailer", b"startxref")
_MOST_OBJECTS = 2_000_000
_TAIL = 1024  # ISO 32000-1 annex H.3.4.4: readers look for %%EOF in the last 1024 bytes


@dataclass(frozen=True, slots=True)
class Looked:
    """What is to know of a PDF before it is changed."""

    pages: int
    protected: bool
    """It has usage restrictions, but opens without a password."""
    claims_pdfa: bool
    cut: bool = False
    """Its last bytes are missing, but none of its objects."""


def look(source: Path, limits: Limits) -> Looked:
    """Open a PDF and count what is in it.

    Raises:
        DocumentProblem: ENCRYPTED, TRUNCATED, CORRUPT or RESOURCE_LIMIT.
    """
    with _opened(source) as document:
        # What recovery finds of a cut file looks whole: a page whose scan is gone is a blank page.
        cut = not _has_end(source)
        if cut and not _only_end_lost(source, document):
            raise DocumentProblem(Reason.TRUNCATED, "The PDF's end is missing.")
        count = _page_count(document, limits)
        if len(document.objects) > _MOST_OBJECTS:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The PDF has {len(document.objects)} objects.")
        _check_pictures(document, limits)
        return Looked(count, document.is_encrypted, _claims_pdfa(document), cut)


def pdf(source: Path, out: Path, limits: Limits) -> Made:
    """Take out what acts, split off the files within, repair what is wrong, write it anew.

    Raises:
        DocumentProblem: as `look`.
    """
    looked = look(source, limits)
    flags = []
    if looked.protected:
        flags.append(FlagNote(Flag.OWNER_PASSWORD))
    if looked.cut:
        flags.append(FlagNote(Flag.DECODED_LENIENTLY, "The PDF's last bytes are missing; all its objects are there."))
    with _opened(source) as document:
        try:
            found = within(document, source, out.with_suffix(".parts"), limits)
            beside = beside_pages.beside(document)
            drawn = _or_told(lambda: forms.draw_values(document), Flag.FORM_VALUES_CHANGED)
            drawn += _or_told(lambda: settle.settle(document), Flag.ANNOTATIONS_MISSING)
            pageboxes.settle(document)
            removed = repair.active_content(document)
            signatures.take_off(document)
            document.remove_unreferenced_resources()
            drawn += pdfsigns.settle(document) + cidfonts.settle(document)
            document.save(out, static_id=True, encryption=False)
            drawn += _or_told(lambda: _with_comments(document, out, limits), Flag.ANNOTATIONS_MISSING)
            if standardfonts.embed(document):
                _keep_if_words_survive(document, out, limits)
        except _BROKEN as e:
            raise DocumentProblem(Reason.CORRUPT, f"The PDF's structure cannot be written ({type(e).__name__}).") from e
    if removed:
        flags.append(FlagNote(Flag.ACTIVE_CONTENT_REMOVED, f"{removed} actions or scripts."))
    text = _text_with(out, beside, limits) if any(beside) else None
    flags += [*found.flags, *drawn]
    return Made(out, ("2u", "2b"), tuple(flags), text, found.parts, found.container)


def _or_told(draw: Callable[[], tuple[FlagNote, ...]], flag: Flag) -> tuple[FlagNote, ...]:
    """Draw; where the words cannot be typeset, all else of the PDF is archived still, and the flag says so."""
    try:
        return draw()
    except DocumentProblem as e:
        if e.reason is not Reason.CONVERSION_FAILED:
            raise
        return (FlagNote(flag, "Words could not be drawn; the text copy has them."),)


def _with_comments(document: pikepdf.Pdf, out: Path, limits: Limits) -> tuple[FlagNote, ...]:
    """Add pages with the comments whose words its pages do not show, where there are any, and write `out` anew."""
    found = beside_pages.comments(document)
    if not found:
        return ()
    text, _ = text_of(out, most_pages=limits.pages)
    pages = text.split(PAGE_BREAK)
    missing = [c for c in found if not beside_pages.is_shown(c, pages[c.page])]
    if not missing:
        return ()
    flags = comments.add(document, [(c.page, c.author, c.text, c.annotation) for c in missing], out.parent)
    document.save(out, static_id=True, encryption=False)
    return flags


def _text_with(out: Path, beside: list[list[str]], limits: Limits) -> str:
    text, _ = text_of(out, most_pages=limits.pages)
    return PAGE_BREAK.join(beside_pages.merged(text.split(PAGE_BREAK), beside))


def _keep_if_words_survive(document: pikepdf.Pdf, out: Path, limits: Limits) -> None:
    """Put a document whose fonts were changed in the place of `out`, unless that would lose words."""
    changed = out.with_suffix(".fonts.pdf")
    document.save(changed, static_id=True, encryption=False)
    before, _ = text_of(out, most_pages=limits.pages)
    after, _ = text_of(changed, most_pages=limits.pages)
    if ghostscript.surviving(before, after) >= ghostscript.SURVIVING:
        changed.replace(out)


@dataclass(frozen=True, slots=True)
class Within:
    """What is in a PDF beside its pages."""

    parts: tuple[Part, ...] = ()
    flags: tuple[FlagNote, ...] = ()
    container: bool = False
    """It is a portfolio: its pages are but a cover."""


def within(document: pikepdf.Pdf, source: Path, folder: Path, limits: Limits, *, kept: bool = False) -> Within:
    """The files within a PDF, written into `folder`, and the facts that its pages do not show.

    Args:
        document: as it came.
        source: its file.
        folder: for the files; made where there are any.
        limits: what they may cost.
        kept: the files stay in the copy too.

    Raises:
        DocumentProblem: RESOURCE_LIMIT.
        OSError: nothing can be written.
    """
    flags = []
    parts, unreadable = pdffiles.split_off(document, folder, limits)
    notice, data = pdffiles.form_data(document, folder, len(parts))
    if (parts or unreadable) and not kept:
        lost = f", {unreadable} that cannot be read" if unreadable else ""
        flags.append(FlagNote(Flag.ATTACHMENTS_SPLIT_OFF, f"{len(parts)} files{lost}."))
    if notice:
        flags.append(FlagNote(Flag.FORM_DATA_APART, "" if data else "No data were found in it."))
    if data is not None:
        parts = (*parts, data)
    flags += [FlagNote(Flag.SIGNATURE_FACTS, fact) for fact in signatures.facts(document, source.stat().st_size)]
    if hidden := repair.hidden_layers(document):
        flags.append(FlagNote(Flag.HIDDEN_LAYERS, f"{hidden} layers."))
    return Within(parts, tuple(flags), "/Collection" in document.Root and bool(parts))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is to know of a PDF whose bytes become the copy."""

    within: Within
    text: str | None
    """Its text, where that is more than its pages say; else None."""


def kept(source: Path, folder: Path, limits: Limits) -> Kept | None:
    """Whether a valid PDF/A may be kept as it is: None where a form's value or an annotation is not to be seen in it.

    Comments that a viewer lists beside the page are flagged, and in the text. Raises as `look`.
    """
    with _opened(source) as document:
        try:
            if forms.has_undrawn(document) or any(
                settle.is_invisible(annotation) for _, annotation in beside_pages.all_annotations(document)
            ):
                return None
            found = within(document, source, folder, limits, kept=True)
            beside = beside_pages.beside(document)
            said = beside_pages.comments(document)
            text = None
            if pdfsigns.says_signs(document):
                changed = folder.with_suffix(".signs.pdf")
                document.save(changed, static_id=True)
                text, _ = text_of(changed, most_pages=limits.pages)
            if any(beside):
                text = text if text is not None else text_of(source, most_pages=limits.pages)[0]
                pages = text.split(PAGE_BREAK)
                said = [c for c in said if not beside_pages.is_shown(c, pages[c.page])]
                text = PAGE_BREAK.join(beside_pages.merged(pages, beside))
        except _BROKEN as e:
            raise DocumentProblem(Reason.CORRUPT, f"The PDF's files cannot be read ({type(e).__name__}).") from e
    if said:
        detail = f"{len(said)} comments are listed by a viewer beside the pages; the text copy has their words."
        found = replace(found, flags=(*found.flags, FlagNote(Flag.ANNOTATIONS_MISSING, detail)))
    return Kept(found, text)


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


def _only_end_lost(source: Path, document: pikepdf.Pdf) -> bool:
    """Whether a PDF without its end has all its objects: cut behind the last, no reference leads nowhere, and the page
    tree has the pages it says. Objects within compressed streams cannot be told, and so never count."""
    content = source.read_bytes()
    last = content.rfind(b"endobj")
    rest = content[last + 6 :].strip(b"\0 \t\r\n")
    begun = any(rest.startswith(word) or word.startswith(rest) for word in _REMAINS)
    if last < 0 or not begun or b"/ObjStm" in content:
        return False
    if not {*map(int, _REFERRED.findall(content))} <= {*map(int, _DEFINED.findall(content))}:
        return False
    try:
        return len(document.pages) == int(document.Root.Pages.Count)
    except _BROKEN:
        return False


def _page_count(document: pikepdf.Pdf, limits: Limits) -> int:
    try:
        count = len(document.pages)
        readable = sum(1 for page in document.pages if isinstance(page.obj, Dictionary))
    except _BROKEN as e:
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
