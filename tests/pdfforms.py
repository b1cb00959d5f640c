"""PDFs with form fields and annotations, made for tests."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary, Name
from PIL import Image

from archive.normalise.text_of import flattened
from tests import documents


def widget(kind: str, box: tuple[float, float, float, float] = (100, 500, 300, 520), **more: object) -> Dictionary:
    """A field that is its own widget; `kind` as `Tx`."""
    given = {"DA": "/Helv 10 Tf 0 g", "T": "felt", "F": 4, **more}
    return Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name("/" + kind), Rect=Array(list(box)), **given)


def annotation(kind: str, box: tuple[float, float, float, float] = (100, 500, 300, 520), **more: object) -> Dictionary:
    """An annotation without an appearance; `kind` as `Ink`."""
    return Dictionary(Type=Name.Annot, Subtype=Name("/" + kind), Rect=Array(list(box)), **{"F": 4, **more})


def appearance(document: pikepdf.Pdf, content: str, across: float = 200, up: float = 20) -> pikepdf.Stream:
    """An appearance stream with Helvetica as `/Helv`."""
    stream = document.make_stream(content.encode("cp1252"))
    stream.Type, stream.Subtype, stream.BBox = Name.XObject, Name.Form, Array([0, 0, across, up])
    stream.Resources = Dictionary(Font=Dictionary(Helv=_helvetica()))
    return stream


def _helvetica() -> Dictionary:
    return Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding)


def bare(base: str, kind: str = "TrueType", **more: object) -> Dictionary:
    """A font that is named and not embedded."""
    font = Dictionary(Type=Name.Font, Subtype=Name("/" + kind), BaseFont=Name("/" + base), **more)
    if kind == "TrueType":
        font.FirstChar, font.LastChar, font.Widths = 32, 255, Array([700] * 224)
        font.FontDescriptor = Dictionary(
            Type=Name.FontDescriptor, FontName=font.BaseFont, Flags=4, FontBBox=Array([0, -200, 1000, 900]), Ascent=900,
            Descent=-200, CapHeight=700, StemV=80, ItalicAngle=0,
        )  # fmt: skip
    return font


def form(
    path: Path,
    *annotations: Dictionary,
    needed: bool = False,
    change: Callable[[pikepdf.Pdf, list[Dictionary]], None] | None = None,
    text: str = "Skjema",
) -> Path:
    """A page with those fields and annotations; `change` them before it is written."""
    with pikepdf.open(documents.pdf(path, text=text), allow_overwriting_input=True) as document:
        made = [document.make_indirect(a) for a in annotations]
        fields = [a for a in made if a.Subtype == Name.Widget]
        document.pages[0].obj.Annots = Array(made)
        if fields:
            document.Root.AcroForm = Dictionary(
                Fields=Array(fields), DR=Dictionary(Font=Dictionary(Helv=_helvetica())), DA="/Helv 0 Tf 0 g"
            )
            if needed:
                document.Root.AcroForm.NeedAppearances = True
        if change is not None:
            change(document, made)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pikepdf.PageCopyWarning)
            document.save(path)
    return path


def drawn(path: Path, page: int = 0) -> Image.Image:
    """A page by the appearances of its annotations, a pixel a point."""
    document = pypdfium2.PdfDocument(path)
    try:
        return flattened(document, page).render(scale=1, may_draw_forms=False).to_pil().convert("RGB")
    finally:
        document.close()


def inked(path: Path, box: tuple[float, float, float, float], page: int = 0) -> bool:
    """Whether something is drawn in that box (points from the lower left)."""
    picture = drawn(path, page)
    crop = picture.crop((int(box[0]), int(picture.height - box[3]), int(box[2]), int(picture.height - box[1])))
    return any(low < 200 for low, _ in crop.getextrema())
