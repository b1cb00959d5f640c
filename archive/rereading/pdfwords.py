"""What a PDF says: the text of its pages, what is filled into its fields, and the words of its notes.

Pages by PDFium, fields and notes by their objects (ISO 32000-1, 12.5 and 12.7).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.reasons import Flag
from archive.rereading.contract import Reading
from archive.rereading.pdftext import pdf_text

_HIDDEN = 2 | 32
"""Flags of an annotation that no screen shows: hidden, no view."""
_PASSWORD = 1 << 13
_NO_WORDS = frozenset(("/Widget", "/Popup", "/Link", "/FileAttachment", "/Sound", "/Movie", "/Screen", "/PrinterMark"))
_MOST_ANNOTATIONS = 20_000
_MOST_DEPTH = 32


def pdf_reading(path: Path) -> Reading:
    """What a PDF says, its fields and notes too; raises as `archive.rereading.pdftext.pdf_text`."""
    text = pdf_text(path)
    kinds: dict[str, Flag] = {}
    try:
        with pikepdf.open(path, suppress_warnings=True) as document:
            for said, flag in _beside(document):
                for line in said.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
                    if line.strip():
                        kinds[line.strip()] = flag
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError, KeyError, AttributeError):
        kinds.clear()
    return Reading("\n".join([text, *kinds]), kinds=kinds)


def _beside(document: pikepdf.Pdf) -> Iterator[tuple[str, Flag]]:
    """The values of fields and the words of notes, each once, that a reader sees."""
    seen = 0
    for page in document.pages:
        annotations = page.obj.get("/Annots")
        for annotation in annotations if isinstance(annotations, Array) else ():
            seen += 1
            if seen > _MOST_ANNOTATIONS:
                return
            if not isinstance(annotation, Dictionary) or _number(annotation.get("/F")) & _HIDDEN:
                continue
            kind = str(annotation.get("/Subtype", ""))
            if kind == "/Widget":
                yield from ((said, Flag.FORM_VALUES_CHANGED) for said in _value(annotation))
            elif kind not in _NO_WORDS and (said := _words(annotation.get("/Contents"))):
                yield said, Flag.ANNOTATIONS_MISSING


def _value(widget: Dictionary) -> Iterator[str]:
    kind, flags = _inherited(widget, "/FT"), _number(_inherited(widget, "/Ff"))
    value = _inherited(widget, "/V")
    if kind == Name.Tx and not flags & _PASSWORD:
        yield _words(value)
    elif kind == Name.Ch:
        shown = {}
        options = _inherited(widget, "/Opt")
        for option in options if isinstance(options, Array) else ():
            if isinstance(option, Array) and len(option) == 2:
                shown[_words(option[0])] = _words(option[1])
        for chosen in value if isinstance(value, Array) else [value]:
            said = _words(chosen)
            yield shown.get(said, said)


def _inherited(field: Dictionary, key: str) -> object:
    node: object = field
    for _ in range(_MOST_DEPTH):
        if not isinstance(node, Dictionary):
            return None
        if key in node:
            return node[key]
        node = node.get("/Parent")
    return None


def _words(value: object) -> str:
    if isinstance(value, Stream):
        return value.read_bytes().decode("utf-8", "replace")
    return str(value) if isinstance(value, (str, pikepdf.String)) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
