"""Comments that LibreOffice leaves as notes to click on: each gets a number in the margin, and what they say follows as
pages at the end, since what was written about a patient must be on paper and in the text as well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.normalise.typeset import drawable, glyph_flags, typeset
from archive.record import FlagNote

TITLE = "Kommentarer i dokumentet"

_MOST = 10_000
_HEIGHT, _WIDTH, _GAP = 8.0, 5.0, 2.0
_EDGE = 4.0
# What LibreOffice says of a comment without a date: a day before the calendar's first year.
_NO_DATE = re.compile(r",?\s*\d{2}\.\d{2}\.-\d+(?:[ ,]+\d{2}:\d{2}(?::\d{2})?)?")
# The seven strokes of a digit as on a pocket calculator: from the top, clockwise, the middle one last.
_STROKES = ((0, 2, 1, 2), (1, 2, 1, 1), (1, 1, 1, 0), (0, 0, 1, 0), (0, 1, 0, 0), (0, 2, 0, 1), (0, 1, 1, 1))
_DIGITS = ("012345", "12", "01643", "01236", "5612", "05623", "054362", "012", "0123456", "650123")


def with_comments(pdf: Path, folder: Path) -> tuple[FlagNote, ...]:
    """Add the pages to a PDF, in place, where it has comments.

    Raises:
        DocumentProblem: the comments cannot be typeset.
        pikepdf.PdfError: the PDF cannot be read.
    """
    if b"/Text" not in pdf.read_bytes():
        return ()
    with pikepdf.open(pdf, allow_overwriting_input=True) as document:
        notes: list[dict[str, str]] = []
        for number, page in enumerate(document.pages, 1):
            _mark(document, page.obj, number, notes)
        if not notes:
            return ()
        flags = _typeset(document, notes, folder)
        document.save(pdf)
        return flags


def add(document: pikepdf.Pdf, said: Sequence[tuple[int, str, str, Dictionary]], folder: Path) -> tuple[FlagNote, ...]:
    """Number what lies on the pages, and add pages with what it says.

    Args:
        document: in place.
        said: page from 0, author, words and annotation of each comment.
        folder: for what is made.

    Raises:
        DocumentProblem: the comments cannot be typeset.
    """
    notes: list[dict[str, str]] = []
    taken: dict[int, list[float]] = {}
    for number, author, text, annotation in said[:_MOST]:
        page = document.pages[number].obj
        notes.append(_note(len(notes) + 1, number + 1, author, text))
        box = [float(v) for v in pikepdf.Page(page).cropbox]
        stamp = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, F=4)
        _place(document, stamp, _top(annotation, box[3]), box, taken.setdefault(number, []), str(len(notes)))
        page.Annots.append(document.make_indirect(stamp))
    return _typeset(document, notes, folder)


def add_pages(document: pikepdf.Pdf, said: Sequence[tuple[int, str, str]], folder: Path) -> tuple[FlagNote, ...]:
    """Add pages with comments (page from 0, author, words each), and leave the others as they are; raises as `add`."""
    notes = [_note(i, number + 1, author, text) for i, (number, author, text) in enumerate(said[:_MOST], 1)]
    return _typeset(document, notes, folder)


def _typeset(document: pikepdf.Pdf, notes: list[dict[str, str]], folder: Path) -> tuple[FlagNote, ...]:
    odd = drawable([text for note in notes for text in note.values()])
    data = {"title": TITLE, "notes": [{k: v.translate(odd) for k, v in note.items()} for note in notes]}
    pages = folder / "comments.pdf"
    typeset("comments", data, pages)
    with pikepdf.open(pages) as added:
        _append(document, added)
    return glyph_flags(odd)


def _note(number: int, page: int, author: str, text: str) -> dict[str, str]:
    return {"label": f"{number}. Side {page}" + (f" – {author}" if author else ""), "text": text}


def _mark(document: pikepdf.Pdf, page: Dictionary, number: int, notes: list[dict[str, str]]) -> None:
    annotations = page.get("/Annots")
    if not isinstance(annotations, Array):
        return
    box = [float(v) for v in pikepdf.Page(page).cropbox]
    taken: list[float] = []
    for annotation in annotations:
        if not isinstance(annotation, Dictionary) or annotation.get("/Subtype") != Name.Text or len(notes) >= _MOST:
            continue
        words = str(annotation.get("/Contents", ""))
        author = _NO_DATE.sub("", str(annotation.get("/T", ""))).strip(" ,")
        notes.append(_note(len(notes) + 1, number, author, words))
        _place(document, annotation, _top(annotation, box[3]), box, taken, str(len(notes)))
        annotation.F = 4


def _top(annotation: Dictionary, otherwise: float) -> float:
    try:
        return float(annotation.Rect[3])
    except (AttributeError, IndexError, TypeError, ValueError):
        return otherwise


def _place(
    document: pikepdf.Pdf, annotation: Dictionary, top: float, box: list[float], taken: list[float], digits: str
) -> None:
    """Make an annotation the number of its comment, in the right margin at the height of what it belongs to."""
    width, height = len(digits) * (_WIDTH + _GAP) + _GAP, _HEIGHT + 2 * _GAP
    top = min(max(top, box[1] + height), box[3])
    while any(abs(top - other) < height for other in taken) and top > box[1] + 2 * _HEIGHT:
        top -= height
    taken.append(top)
    annotation.Rect = Array([box[2] - _EDGE - width, top - height, box[2] - _EDGE, top])
    annotation.AP = Dictionary(N=_drawn(document, digits, width, height))


def _drawn(document: pikepdf.Pdf, digits: str, width: float, height: float) -> pikepdf.Stream:
    """A number in a box; in strokes, so that it needs no font."""
    lines = [f"1 1 0.6 rg 0.4 w 0 0 {width:g} {height:g} re B 0.8 w 0 J"]
    for i, digit in enumerate(digits):
        left = _GAP + i * (_WIDTH + _GAP)
        for stroke in _DIGITS[int(digit)]:
            x1, y1, x2, y2 = _STROKES[int(stroke)]
            points = (left + x1 * _WIDTH, _GAP + y1 * _HEIGHT / 2, left + x2 * _WIDTH, _GAP + y2 * _HEIGHT / 2)
            lines.append("{:g} {:g} m {:g} {:g} l S".format(*points))
    form = document.make_stream("\n".join(lines).encode())
    form.Type, form.Subtype, form.FormType = Name.XObject, Name.Form, 1
    form.BBox, form.Resources = Array([0, 0, width, height]), Dictionary()
    return form


def _append(document: pikepdf.Pdf, added: pikepdf.Pdf) -> None:
    """Add the pages, and their tags to those of the document."""
    first = len(document.pages)
    document.pages.extend(added.pages)
    ours, theirs = document.Root.get("/StructTreeRoot"), added.Root.get("/StructTreeRoot")
    if not isinstance(ours, Dictionary) or not isinstance(theirs, Dictionary):
        for page in document.pages[first:]:
            if "/StructParents" in page.obj:
                del page.obj["/StructParents"]
        return
    tree = document.copy_foreign(theirs)
    numbers = _listed(ours.get("/ParentTree"))
    shift = max((key for key, _ in numbers), default=-1) + 1
    numbers += [(key + shift, value) for key, value in _listed(tree.get("/ParentTree"))]
    for page in document.pages[first:]:
        if "/StructParents" in page.obj:
            page.obj.StructParents = int(page.obj.StructParents) + shift
    flat = Array([item for key, value in numbers for item in (key, value)])
    ours.ParentTree = document.make_indirect(Dictionary(Nums=flat))
    ours.ParentTreeNextKey = max((key for key, _ in numbers), default=-1) + 1
    children = _several(ours.get("/K"))
    for child in _several(tree.get("/K")):
        child.P = ours
        children.append(child)
    ours.K = Array(children)
    roles = ours.get("/RoleMap", Dictionary())
    for role, standard in tree.get("/RoleMap", Dictionary()).items():
        if role not in roles:
            roles[role] = standard
    ours.RoleMap = roles


def _listed(tree: pikepdf.Object | None, depth: int = 0) -> list[tuple[int, pikepdf.Object]]:
    if not isinstance(tree, Dictionary) or depth > 16:
        return []
    numbers = tree.get("/Nums", Array())
    found = [(int(numbers[i]), numbers[i + 1]) for i in range(0, len(numbers) - 1, 2)]
    for kid in tree.get("/Kids", Array()):
        found += _listed(kid, depth + 1)
    return found


def _several(kids: pikepdf.Object | None) -> list[pikepdf.Object]:
    if kids is None:
        return []
    return list(kids) if isinstance(kids, Array) else [kids]
