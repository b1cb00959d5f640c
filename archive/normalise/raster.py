"""The last rung: pages as pictures, with the words they had laid invisibly over them where they stood."""

from __future__ import annotations

import functools
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pypdfium2
from fontTools.fontBuilder import FontBuilder
from pikepdf import Array, Dictionary, Name

from archive.normalise import child, pageboxes
from archive.normalise.contract import Limits
from archive.normalise.text_of import clean, flattened
from archive.reasons import DocumentProblem, Reason

ROUTE = "rasterised"
DPI = 200

_QUALITY = 85
_MOST_PIXELS = 60_000_000
"""Of a page that is drawn; a larger one is drawn at less than 200 dpi."""
_MOST_PAGES = 500
GLYPH_WIDTH = 500
"""Of the one glyph of the invisible font, in thousandths of its size."""


def rasterise(pdf: Path, out: Path, limits: Limits) -> None:
    """Draw every page at 200 dpi (a page of more than 60 million pixels at less), in a process of its own.

    PDFium keeps the fonts it found for one document's missing ones, and so the places of words in the next depend on
    it: in a fresh process the same bytes give the same pages.

    Raises:
        DocumentProblem: RESOURCE_LIMIT with more than 500 pages, CORRUPT where a page cannot be drawn,
            CONVERSION_TIMEOUT.
        OSError: nothing can be written.
    """
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="raster-") as name:
        arguments = (str(pdf.resolve()), "out", str(limits.pages))
        child.call("archive.normalise.raster:alone", arguments, folder=Path(name), limits=limits)
        (Path(name) / "out").replace(out)


def alone(pdf: str, out: str, pages: str) -> None:
    """What the contained process runs."""
    _rasterise(Path(pdf), Path(out), int(pages))


def _rasterise(pdf: Path, out: Path, most_pages: int) -> None:
    try:
        source = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError:
        raise DocumentProblem(Reason.CORRUPT, "The pages cannot be drawn.") from None
    try:
        if len(source) > min(_MOST_PAGES, most_pages):
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"{len(source)} pages are too many to keep as pictures.")
        source.init_forms()
        with pikepdf.new() as target:
            font = invisible_font(target)
            units = pageboxes.units(pdf)
            for number in range(len(source)):
                try:
                    _page(source, number, target, font, units.get(number, 1.0))
                except pypdfium2.PdfiumError:
                    raise DocumentProblem(Reason.CORRUPT, "A page cannot be drawn.") from None
            target.save(out, deterministic_id=True)
    finally:
        source.close()


def _page(source: pypdfium2.PdfDocument, number: int, target: pikepdf.Pdf, font: pikepdf.Object, unit: float) -> None:
    page = source[number]
    try:
        width, height = page.get_size()
        scale = min(unit * DPI / 72, (_MOST_PIXELS / max(width * height, 1)) ** 0.5)
        bitmap = page.render(scale=scale, may_draw_forms=True)
        picture = bitmap.to_pil().convert("RGB")
        if all(low == high for low, high in _differences(picture)):
            picture = picture.convert("L")
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=_QUALITY)
        bitmap.close()
        image = target.make_stream(data.getvalue())
        image.Type, image.Subtype, image.Filter = Name.XObject, Name.Image, Name.DCTDecode
        image.Width, image.Height, image.BitsPerComponent = picture.width, picture.height, 8
        image.ColorSpace = Name.DeviceGray if picture.mode == "L" else Name.DeviceRGB
        content = f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /P Do Q\n"
        words = flattened(source, number)  # with those of form fields and annotations, which are drawn as well
        try:
            content += "".join(_words(words, width, height))
        finally:
            words.close()
        resources = Dictionary(XObject=Dictionary(P=image), Font=Dictionary(F=font))
        target.add_blank_page(page_size=(max(width, 3), max(height, 3)))
        made = target.pages[-1].obj
        if unit != 1.0:
            made.UserUnit = unit
        made.Resources, made.Contents = resources, target.make_stream(content.encode("ascii"))
    finally:
        page.close()


def _differences(picture: object) -> Iterator[tuple[int, int]]:
    """Extremes of the differences between the colour channels: all (0, 0) for a grey picture."""
    from PIL import Image, ImageChops

    assert isinstance(picture, Image.Image)  # noqa: S101 (for the type checker)
    red, green, blue = picture.split()
    for one, other in ((red, green), (green, blue)):
        extremes = ImageChops.difference(one, other).getextrema()
        yield 0, int(extremes[1])  # type: ignore[arg-type]


def _words(page: pypdfium2.PdfPage, across: float, up: float) -> Iterator[str]:
    """Content stream operators that show each run of text invisibly (render mode 3) in its rectangle.

    Turned as the page is, since its text comes in the coordinates of the unturned one; `across` and `up` are the size
    of the page as shown.
    """
    left0, bottom0, _, _ = page.get_cropbox()
    turn = {
        90: (0, -1, 1, 0, 0, up),
        180: (-1, 0, 0, -1, across, up),
        270: (0, 1, -1, 0, across, 0),
    }.get(page.get_rotation(), (1, 0, 0, 1, 0, 0))
    text = page.get_textpage()
    try:
        for i in range(text.count_rects()):
            left, bottom, right, top = text.get_rect(i)
            said = clean(text.get_text_bounded(left, bottom, right, top)).replace("\n", " ").strip()
            codes = "".join(f"{ord(c):04x}" for c in said if ord(c) < 0x10000)
            size, width = top - bottom, right - left
            if not codes or size <= 0 or width <= 0:
                continue
            stretch = 100 * width / (len(codes) / 4 * size * GLYPH_WIDTH / 1000)
            yield (
                f"BT 3 Tr /F {size:.2f} Tf {stretch:.2f} Tz "
                f"{_placed(turn, left - left0, bottom - bottom0)} Tm <{codes}> Tj ET\n"
            )
    finally:
        text.close()


def invisible_font(target: pikepdf.Pdf) -> pikepdf.Object:
    """A font of one glyph that stands for every character: code = CID = UTF-16 unit."""
    program = target.make_stream(_font_program())
    program.Length1 = len(_font_program())
    descriptor = Dictionary(
        Type=Name.FontDescriptor, FontName=Name("/AAAAAA+Invisible"), Flags=4, ItalicAngle=0, Ascent=1000, Descent=0,
        CapHeight=700, StemV=80, FontBBox=Array([0, 0, GLYPH_WIDTH, 1000]), FontFile2=program,
    )  # fmt: skip
    cid_font = Dictionary(
        Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name("/AAAAAA+Invisible"), DW=GLYPH_WIDTH,
        CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
        FontDescriptor=target.make_indirect(descriptor),
        CIDToGIDMap=target.make_stream(b"\0\0" + b"\0\1" * 0xFFFF),
    )  # fmt: skip
    return target.make_indirect(
        Dictionary(
            Type=Name.Font, Subtype=Name.Type0, BaseFont=Name("/AAAAAA+Invisible"), Encoding=Name("/Identity-H"),
            DescendantFonts=Array([target.make_indirect(cid_font)]), ToUnicode=target.make_stream(_to_unicode()),
        )
    )  # fmt: skip


@functools.cache
def _font_program() -> bytes:
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib.tables._g_l_y_f import Glyph

    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "any"])
    builder.setupCharacterMap({0x20: "any"})
    # Never drawn (render mode 3), but viewers mark text by the boxes of its glyphs.
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 1000), (GLYPH_WIDTH, 1000), (GLYPH_WIDTH, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder.setupGlyf({".notdef": Glyph(), "any": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (GLYPH_WIDTH, 0), "any": (GLYPH_WIDTH, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Invisible", "styleName": "Regular", "psName": "Invisible"})
    builder.setupOS2()
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    data = io.BytesIO()
    builder.save(data)
    return data.getvalue()


@functools.cache
def _to_unicode() -> bytes:
    ranges = [f"<{high:02x}00> <{high:02x}ff> <{high:02x}00>" for high in range(0x100) if not 0xD8 <= high < 0xE0]
    blocks = [ranges[i : i + 100] for i in range(0, len(ranges), 100)]
    body = "\n".join(f"{len(b)} beginbfrange\n" + "\n".join(b) + "\nendbfrange" for b in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n"
        f"{body}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")


def _placed(turn: tuple[float, ...], x: float, y: float) -> str:
    a, b, c, d, e, f = turn
    return f"{a:.0f} {b:.0f} {c:.0f} {d:.0f} {a * x + c * y + e:.2f} {b * x + d * y + f:.2f}"
