"""Words that lie beside a PDF's pages: values of form fields, comments, hidden ones too. The text copy has them all."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.normalise.annotations import marks
from archive.normalise.annotations.fields import OFF, Field, Kind, integer, kind_of, printable, text_of_object
from archive.normalise.annotations.settle import is_hidden

TICKED = "\u2611"
_SHORT = 4
_YES = frozenset(("yes", "on", "ja", "1", "true", "x"))
_MOST_FIELDS = 100_000


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote to a place of a page."""

    page: int
    """From 0."""
    author: str
    text: str
    annotation: Dictionary


def beside(pdf: pikepdf.Pdf) -> list[list[str]]:
    """The words of fields and comments, page by page; those of fields that are on no page with the last one."""
    found = pdf.Root.get("/AcroForm")
    form = found if isinstance(found, Dictionary) else None
    pages: list[list[str]] = [[] for _ in pdf.pages]
    for number, annotation in all_annotations(pdf):
        if annotation.get("/Subtype") == Name.Widget:
            pages[number] += _of_field(Field(annotation, form))
    for comment in comments(pdf, hidden=True):
        pages[comment.page].append(comment.text)
    if form is not None and pages:
        pages[-1] += [text for field in _without_widgets(form) for text in _of_field(field)]
    return pages


def comments(pdf: pikepdf.Pdf, *, hidden: bool = False) -> list[Comment]:
    """What annotations say, in the order of the pages; with `hidden`, those that no viewer shows too."""
    result = []
    for number, annotation in all_annotations(pdf):
        kind = kind_of(annotation)
        if kind in ("/Widget", "/Link") or (is_hidden(annotation) and not hidden):
            continue
        text = marks.contents(annotation)
        parent = annotation.get("/Parent")
        if kind == "/Popup" and isinstance(parent, Dictionary) and text == marks.contents(parent):
            continue
        if text:
            author = text_of_object(annotation.get("/T")).strip(" ,") if kind != "/FreeText" else ""
            result.append(Comment(number, author, text, annotation))
    return result


def is_shown(comment: Comment, page: str) -> bool:
    """Whether a page's text has the words of a comment; those that are meant to be read on it may be short."""
    on_page = comment.annotation.get("/Subtype") == Name.FreeText
    return has(page, comment.text, least=1 if on_page else _SHORT)


def merged(pages: Sequence[str], beside: Sequence[Sequence[str]]) -> list[str]:
    """The pages' texts, each with those words beside it that neither it has nor the pages added behind the last, a
    line each."""
    result, added = [], "\n".join(pages[len(beside) :])
    for number, text in enumerate(pages):
        own = beside[number] if number < len(beside) else ()
        more = [phrase for phrase in own if not has(text, phrase) and not has(added, phrase)]
        result.append("\n".join([text, *dict.fromkeys(more)]).strip("\n") if more else text)
    return result


def has(text: str, phrase: str, *, least: int = _SHORT) -> bool:
    """Whether a text has these words, however its lines break. Words of fewer than `least` letters are never sure to
    be the same."""
    wanted = plain(phrase)
    return len(wanted) >= least and f" {wanted} " in f" {plain(text)} "


def plain(text: str) -> str:
    """A text as it is compared: composed characters, each run of blanks as one."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _of_field(field: Field) -> list[str]:
    if field.kind in (Kind.TEXT, Kind.COMBO, Kind.LIST):
        return [] if field.password else [text.replace("\r\n", "\n").replace("\r", "\n") for text in field.shown]
    if field.kind not in (Kind.CHECK, Kind.RADIO):
        return []
    # Where the box and the stored value differ, either may be what was meant.
    state = field.state() if field.state() != OFF else field.state_by_value()
    if state == OFF:
        return []
    name = printable(state[1:])
    exports = field.get("/Opt")
    if isinstance(exports, Array) and name.isdigit() and int(name) < len(exports):
        name = text_of_object(exports[int(name)]) or name
    label = field.label
    return [f"{TICKED} {label}" + (f": {name}" if name.casefold() not in _YES and name != label else "")]


def all_annotations(pdf: pikepdf.Pdf) -> Iterator[tuple[int, Dictionary]]:
    """All annotations, each with its page's number from 0."""
    for number, page in enumerate(pdf.pages):
        found = page.obj.get("/Annots")
        for annotation in found if isinstance(found, Array) else ():
            if isinstance(annotation, Dictionary):
                yield number, annotation


def _without_widgets(form: Dictionary) -> Iterator[Field]:
    """Fields that hold a value and are on no page: neither widgets themselves nor with any below them."""
    fields = form.get("/Fields")
    stack = list(fields) if isinstance(fields, Array) else []
    seen: set[tuple[int, int]] = set()
    while stack and len(seen) < _MOST_FIELDS:
        field = stack.pop()
        if not isinstance(field, Dictionary) or (field.objgen != (0, 0) and field.objgen in seen):
            continue
        seen.add(field.objgen)
        kids = field.get("/Kids")
        if isinstance(kids, Array) and len(kids):
            stack += list(kids)
        elif "/P" not in field and "/Rect" not in field and integer(field.get("/F")) == 0:
            yield Field(field, form)
