"""Page boxes that viewers forgive and PDF/A does not: reversed, outside one another, larger than a page may be.

Sources: ISO 32000-1, 7.7.3.3, 14.11.2; ISO 19005-2, 6.1.13 (3 to 14,400 units a side).
"""

from __future__ import annotations

import math
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.normalise.annotations.canvas import Box, number, numbers

_LEAST, _MOST = 3.0, 14_400.0
_US_LETTER: Box = (0.0, 0.0, 612.0, 792.0)
_INHERITED = 32
_OTHERS = ("/BleedBox", "/TrimBox", "/ArtBox")


def settle(pdf: pikepdf.Pdf) -> None:
    """Give each page boxes that hold, so that it shows what a viewer shows; in place.

    A crop box that shares no area with the media box counts as absent, as viewers take it. A page of more than 14,400
    units is written in larger units (/UserUnit), and stays as large as it was.
    """
    for page in pdf.pages:
        media = _box(_inherited(page.obj, "/MediaBox")) or _US_LETTER
        page.obj.MediaBox = Array(list(media))
        given = _box(_inherited(page.obj, "/CropBox"))
        crop = _common(given, media) if given is not None else None
        if given is not None or "/CropBox" in page.obj:
            page.obj.CropBox = Array(list(crop or media))
        for key in _OTHERS:
            if key in page.obj:
                other = _box(page.obj[key])
                shown = _common(other, media) if other is not None else None
                if shown is None:
                    del page.obj[key]
                else:
                    page.obj[key] = Array(list(shown))
        if max(media[2] - media[0], media[3] - media[1]) > _MOST:
            _in_larger_units(pdf, page, media)


def units(pdf: Path) -> dict[int, float]:
    """How many points the units of a page's coordinates are, by its number from 0, where that is not one (/UserUnit).

    Raises pikepdf.PdfError: it cannot be read.
    """
    with pikepdf.open(pdf) as document:
        found = {n: number(page.obj.UserUnit, 1.0) for n, page in enumerate(document.pages) if "/UserUnit" in page.obj}
    return {page: unit for page, unit in found.items() if 0 < unit < 1e6}


def _in_larger_units(pdf: pikepdf.Pdf, page: pikepdf.Page, media: Box) -> None:
    by = math.ceil(max(media[2] - media[0], media[3] - media[1]) / _MOST)
    # As a form: patterns are placed by the content stream they stand in, so that a change of units alone would move
    # them (8.7.3.1).
    page.contents_coalesce()
    contents = page.obj.get("/Contents")
    form = pdf.make_stream(contents.read_bytes() if isinstance(contents, pikepdf.Stream) else b"")
    form.Type, form.Subtype, form.FormType = Name.XObject, Name.Form, 1
    form.BBox = Array(list(media))
    form.Resources = _inherited(page.obj, "/Resources") or Dictionary()
    if "/Group" in page.obj:
        form.Group = page.obj.Group
    obj = page.obj
    obj.Resources = Dictionary(XObject=Dictionary(P=form))
    obj.Contents = pdf.make_stream(f"q {1 / by:.9f} 0 0 {1 / by:.9f} 0 0 cm /P Do Q".encode())
    obj.UserUnit = max(number(obj.get("/UserUnit"), 1.0), 0.0) * by or by
    for key in ("/MediaBox", "/CropBox", *_OTHERS):
        if key in obj:
            obj[key] = Array([v / by for v in _box(obj[key]) or media])
    annotations = obj.get("/Annots")
    for annotation in annotations if isinstance(annotations, Array) else ():
        if isinstance(annotation, Dictionary):
            for key in ("/Rect", "/QuadPoints", "/L", "/Vertices"):
                if (values := numbers(annotation.get(key))) is not None:
                    annotation[key] = Array([v / by for v in values])


def _inherited(page: Dictionary, key: str) -> pikepdf.Object | None:
    holder: pikepdf.Object | None = page
    for _ in range(_INHERITED):
        if not isinstance(holder, Dictionary):
            return None
        if key in holder:
            found: pikepdf.Object = holder[key]
            return found
        holder = holder.get("/Parent")
    return None


def _box(value: object) -> Box | None:
    """A box with its corners in order; None for one without an area."""
    found = numbers(value)
    if found is None or len(found) != 4:
        return None
    left, right = sorted((found[0], found[2]))
    bottom, top = sorted((found[1], found[3]))
    return (left, bottom, right, top) if right > left and top > bottom else None


def _common(one: Box, other: Box) -> Box | None:
    """What two boxes share; None where that is less than a page may be."""
    left, bottom = max(one[0], other[0]), max(one[1], other[1])
    right, top = min(one[2], other[2]), min(one[3], other[3])
    return (left, bottom, right, top) if right - left >= _LEAST and top - bottom >= _LEAST else None
