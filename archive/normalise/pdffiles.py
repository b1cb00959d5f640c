"""Files within a PDF: embedded ones, those pinned to a page, and the data of forms that only Adobe's XFA program draws.

PDF/A-2 allows none but PDF/A files within (ISO 19005-2, 6.8), so they are archived beside the copy. Source: ISO
32000-1, 7.11.4, 12.5.6.15, 12.7.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.normalise.contract import Limits, Part
from archive.reasons import DocumentProblem, Reason

FORM_DATA = "form-data.xml"
"""Name of the part that holds what was filled into an XFA form."""

_BROKEN = (pikepdf.PdfError, RuntimeError, ValueError, KeyError, TypeError, AttributeError)
_MOST_FILES = 1_000
_MOST_DEPTH = 32


def split_off(pdf: pikepdf.Pdf, folder: Path, limits: Limits) -> tuple[tuple[Part, ...], int]:
    """Write the embedded files into `folder`, in the order of their names in the PDF, then page by page.

    Returns:
        The files, and how many could not be read.

    Raises:
        DocumentProblem: RESOURCE_LIMIT, where they are too many or too large.
        OSError: nothing can be written.
    """
    parts: list[Part] = []
    seen: set[tuple[int, int]] = set()
    unreadable = total = 0
    for named, specification in _specifications(pdf):
        stream = _content(specification)
        if stream is None:
            # A name without a stream refers to a file elsewhere: there is nothing of it here to keep.
            unreadable += "/EF" in specification
            continue
        if stream.objgen != (0, 0) and stream.objgen in seen:
            continue
        seen.add(stream.objgen)
        if len(parts) >= _MOST_FILES:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The PDF holds more than {_MOST_FILES} files.")
        try:
            data = stream.read_bytes()
        except _BROKEN:
            unreadable += 1
            continue
        total += len(data)
        if total > limits.expanded_bytes:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The files within the PDF have over {total} bytes.")
        parts.append(_written(folder, len(parts), _name(specification) or named or "attachment", data))
    return tuple(parts), unreadable


def form_data(pdf: pikepdf.Pdf, folder: Path, number: int) -> tuple[bool, Part | None]:
    """Whether the pages are but a notice that an XFA form needs a program of its own; and the form's data, if any."""
    form = pdf.Root.get("/AcroForm")
    if not isinstance(form, Dictionary) or "/XFA" not in form:
        return False, None
    if not pdf.Root.get("/NeedsRendering") and any(True for _ in _widgets(pdf)):
        return False, None
    data = _dataset(form.XFA)
    return True, None if data is None else _written(folder, number, FORM_DATA, data)


def _written(folder: Path, number: int, name: str, data: bytes) -> Part:
    folder.mkdir(exist_ok=True)
    path = folder / f"{number:04d}"
    path.write_bytes(data)
    return Part(name, path)


def _specifications(pdf: pikepdf.Pdf) -> Iterator[tuple[str, Dictionary]]:
    names = pdf.Root.get("/Names")
    if isinstance(names, Dictionary):
        yield from _leaves(names.get("/EmbeddedFiles"), set())
    associated = pdf.Root.get("/AF")
    for value in associated if isinstance(associated, Array) else ():
        if isinstance(value, Dictionary):
            yield "", value
    for annotation in _annotations(pdf):
        pinned = annotation.get("/FS")
        if annotation.get("/Subtype") == Name.FileAttachment and isinstance(pinned, Dictionary):
            yield "", pinned


def _leaves(
    node: pikepdf.Object | None, seen: set[tuple[int, int]], depth: int = 0
) -> Iterator[tuple[str, Dictionary]]:
    """A name tree's values, each with its name."""
    if not isinstance(node, Dictionary) or depth > _MOST_DEPTH or (node.objgen != (0, 0) and node.objgen in seen):
        return
    seen.add(node.objgen)
    names = node.get("/Names")
    if isinstance(names, Array):
        flat = list(names)
        for name, value in zip(flat[::2], flat[1::2], strict=False):
            if isinstance(value, Dictionary):
                yield _text(name), value
    kids = node.get("/Kids")
    for kid in kids if isinstance(kids, Array) else ():
        yield from _leaves(kid, seen, depth + 1)


def _annotations(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    for page in pdf.pages:
        annotations = page.obj.get("/Annots")
        for annotation in annotations if isinstance(annotations, Array) else ():
            if isinstance(annotation, Dictionary):
                yield annotation


def _widgets(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    return (a for a in _annotations(pdf) if a.get("/Subtype") == Name.Widget)


def _content(specification: Dictionary) -> Stream | None:
    files = specification.get("/EF")
    if not isinstance(files, Dictionary):
        return None
    for key in ("/UF", "/F", "/Unix", "/DOS", "/Mac"):
        found = files.get(key)
        if isinstance(found, Stream):
            return found
    return None


def _name(specification: Dictionary) -> str:
    for key in ("/UF", "/F", "/Unix", "/DOS", "/Mac"):
        name = PurePosixPath(_text(specification.get(key)).replace("\\", "/")).name
        if name:
            return name
    return ""


def _text(value: object) -> str:
    return str(value) if isinstance(value, (str, pikepdf.String)) else ""


def _dataset(xfa: pikepdf.Object) -> bytes | None:
    """The packet with what was filled in; a form in one stream is one XML document and given whole."""
    try:
        if isinstance(xfa, Stream):
            return xfa.read_bytes() or None
        packets = list(xfa) if isinstance(xfa, Array) else []
        for name, stream in zip(packets[::2], packets[1::2], strict=False):
            if _text(name) == "datasets" and isinstance(stream, Stream):
                return stream.read_bytes() or None
    except _BROKEN:
        pass
    return None
