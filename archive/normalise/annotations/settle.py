"""Annotations made so that a PDF/A shows what the source says: drawn where they have no appearance, kept where the kind
is forbidden but its picture is not, and told where they are hidden."""

from __future__ import annotations

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.normalise.annotations import canvas as draw
from archive.normalise.annotations import marks
from archive.normalise.annotations.fields import kind_of
from archive.normalise.annotations.lettering import READABLE
from archive.reasons import Flag
from archive.record import FlagNote

_NOT_DRAWN = frozenset(
    ("/Widget", "/Link", "/Popup", "/TrapNet", "/PrinterMark", "/Screen", "/Movie", "/3D", "/RichMedia")
)
"""Drawn elsewhere, or nothing to be seen of them without an appearance."""
_MEDIA = (
    "/FS",
    "/Sound",
    "/Movie",
    "/A",
    "/AA",
    "/MK",
    "/3DD",
    "/3DV",
    "/3DA",
    "/RichMediaContent",
    "/RichMediaSettings",
)
_HIDDEN, _PRINT, _NO_VIEW = 2, 4, 32
_MAY_STAY = 4 | 8 | 16 | 64 | 128 | 512
"""Print, NoZoom, NoRotate, ReadOnly, Locked, LockedContents; all others PDF/A-2 wants clear (6.3.2)."""


def is_hidden(annotation: Dictionary) -> bool:
    """Whether neither screen nor paper shows an annotation: Hidden, or NoView without Print (12.5.3)."""
    flags = _flags(annotation)
    return bool(flags & _HIDDEN) or (bool(flags & _NO_VIEW) and not flags & _PRINT)


def settle(pdf: pikepdf.Pdf) -> tuple[FlagNote, ...]:
    """Draw, replace and flag, in place. Fields are drawn apart (`forms`).

    Raises:
        DocumentProblem: the words cannot be typeset.
        pikepdf.PdfError: the structure is broken.
    """
    wanted: list[tuple[Dictionary, draw.Canvas]] = []
    lost = hidden = 0
    for page in pdf.pages:
        found = page.obj.get("/Annots")
        if not isinstance(found, Array):
            continue
        annotations = [a for a in found if isinstance(a, Dictionary)]
        shown = [a for a in annotations if not is_hidden(a)]
        if len(shown) < len(annotations):
            kinds = [kind_of(a) for a in annotations if is_hidden(a)]
            hidden += sum(kind not in ("/Popup", "/Link") for kind in kinds)
            page.obj.Annots = Array(shown)
        for annotation in shown:
            annotation.F = (_flags(annotation) & _MAY_STAY) | _PRINT
            kind = kind_of(annotation)
            if kind in _NOT_DRAWN or _has_picture(annotation):
                continue
            canvas = marks.picture(annotation)
            if canvas is not None:
                wanted.append((annotation, canvas))
            elif "/AP" not in annotation and kind != "/FreeText" and draw.box_of(annotation) is not None:
                lost += 1
    streams, sizes, flags = draw.appearances(pdf, [canvas for _, canvas in wanted])
    for (annotation, canvas), stream in zip(wanted, streams, strict=True):
        annotation.AP, annotation.Rect = Dictionary(N=stream), Array(list(canvas.box))
    parts = [f"{lost} of a kind that cannot be drawn are not seen on the pages."] if lost else []
    if small := sum(size < READABLE for size in sizes):
        parts.append(f"{small} are drawn very small, since their words are longer than their boxes.")
    told = [FlagNote(Flag.ANNOTATIONS_MISSING, " ".join(parts))] if parts else []
    if hidden:
        told.append(FlagNote(Flag.HIDDEN_TEXT, f"{hidden} annotations or form fields that no viewer shows."))
    return (*told, *flags)


def is_invisible(annotation: Dictionary) -> bool:
    """Whether an annotation that should be seen has no appearance, and no viewer has to draw it by itself: notes have
    an icon in every viewer."""
    kind = kind_of(annotation)
    if kind in _NOT_DRAWN or kind == "/Text" or is_hidden(annotation):
        return False
    return not _has_picture(annotation) and marks.picture(annotation) is not None


def _flags(annotation: Dictionary) -> int:
    try:
        return int(annotation.get("/F", 0))
    except (TypeError, ValueError):
        return 0


def _has_picture(annotation: Dictionary) -> bool:
    appearance = annotation.get("/AP")
    normal = appearance.get("/N") if isinstance(appearance, Dictionary) else None
    if isinstance(normal, Stream):
        return draw.paints(normal)
    if isinstance(normal, Dictionary):
        return any(draw.paints(normal[key]) for key in sorted(normal.keys()) if isinstance(normal[key], Stream))
    return False


def as_picture(annotation: Dictionary) -> bool:
    """Make an annotation of a forbidden kind into a rubber stamp that looks the same; False where it looks like
    nothing, and may go."""
    if is_hidden(annotation) or not _has_picture(annotation):
        return False
    annotation.Subtype = Name.Stamp
    for key in _MEDIA:
        if key in annotation:
            del annotation[key]
    return True
