"""The invisible layer: words stand where they are in the picture, on turned and cropped pages too, and nothing else
of the page is touched."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageDraw

from archive.normalise.finish import finish
from archive.ocr.layer import add_words
from archive.ocr.publish import flavours_above, text_with
from archive.ocr.words import Line, PageWords, Word
from archive.validate import PdfaValidator

WIDTH, HEIGHT = 600, 400
BOX = (150, 100, 350, 140)
"""Where the word is, in pixels from the upper left of what a viewer shows."""
TALL = (150, 100, 190, 300)
"""The same of a word on its side."""


def words(*texts: str, angle: int = 0, slope: float = 0.0) -> PageWords:
    left, top, right, bottom = TALL if angle % 180 else BOX
    step = (right - left) // len(texts)
    found = tuple(
        Word(t, left + n * step, top, left + (n + 1) * step - (10 if n + 1 < len(texts) else 0), bottom, 90)
        for n, t in enumerate(texts)
    )
    line = Line(found, angle, float(bottom - 10) - slope * left, slope, float(bottom - top), 10.0, True)
    return PageWords(WIDTH, HEIGHT, (line,))


def blank(*, rotate: int = 0, crop: tuple[int, int, int, int] | None = None) -> pikepdf.Pdf:
    document = pikepdf.new()
    across, up = (WIDTH, HEIGHT) if rotate % 180 == 0 else (HEIGHT, WIDTH)
    if crop is None:
        document.add_blank_page(page_size=(across, up))
    else:
        document.add_blank_page(page_size=(across + 100, up + 70))
        document.pages[0].obj.CropBox = pikepdf.Array([30, 20, 30 + across, 20 + up])
    if rotate:
        document.pages[0].obj.Rotate = rotate
    return document


def saved(document: pikepdf.Pdf) -> bytes:
    out = io.BytesIO()
    document.save(out, deterministic_id=True)
    return out.getvalue()


def shown(pdf: bytes, word: str) -> tuple[float, ...]:
    """Where a viewer shows a word: left, top, right, bottom, from the upper left."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        page = document[0]
        text = page.get_textpage()
        found = text.search(word).get_next()
        assert found is not None, text.get_text_range()
        boxes = [text.get_charbox(i) for i in range(found[0], found[0] + found[1])]
        width, height = (round(v) for v in page.get_size())
        corners = [(x, y) for a, b, c, d in boxes for x, y in ((a, b), (c, d))]
        left0, bottom0, right0, top0 = page.get_cropbox()
        placed = []
        for x, y in corners:
            match page.get_rotation():
                case 0:
                    placed.append((x - left0, top0 - y))
                case 90:
                    placed.append((y - bottom0, x - left0))
                case 180:
                    placed.append((right0 - x, y - bottom0))
                case 270:
                    placed.append((top0 - y, right0 - x))
        assert all(-1 <= x <= width + 1 and -1 <= y <= height + 1 for x, y in placed)
        xs, ys = [x for x, _ in placed], [y for _, y in placed]
        return min(xs), min(ys), max(xs), max(ys)
    finally:
        document.close()


@pytest.mark.parametrize("crop", [False, True], ids=["whole", "cropped"])
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_word_stands_where_it_is_seen(rotate: int, angle: int, crop: bool) -> None:
    document = blank(rotate=rotate, crop=(0, 0, 0, 0) if crop else None)
    add_words(document, {1: words("åndenød", angle=angle)})
    assert shown(saved(document), "åndenød") == pytest.approx(TALL if angle % 180 else BOX, abs=1.5)


def test_words_of_a_line_are_parted_by_a_space_each() -> None:
    document = blank()
    add_words(document, {1: words("høy", "feber", "år")})
    pdf = pypdfium2.PdfDocument(saved(document))
    assert pdf[0].get_textpage().get_text_range().strip() == "høy feber år"
    pdf.close()


def test_a_slanting_line_keeps_its_slant() -> None:
    document = blank()
    add_words(document, {1: words("skrått", slope=0.1)})
    left, top, right, bottom = shown(saved(document), "skrått")
    assert bottom - top == pytest.approx(60, abs=3)  # 200 wide at 1 in 10, and 40 tall
    assert (left, right) == pytest.approx((BOX[0], BOX[2]), abs=5)


def test_shared_and_inherited_resources_are_not_changed() -> None:
    document = blank()
    document.add_blank_page(page_size=(WIDTH, HEIGHT))
    shared = document.make_indirect(pikepdf.Dictionary(Font=pikepdf.Dictionary()))
    for page in document.pages:
        page.obj.Resources = shared
    add_words(document, {2: words("ord")})
    assert list(document.pages[0].obj.Resources.Font.keys()) == []
    assert list(document.pages[1].obj.Resources.Font.keys()) == ["/OcrWords"]
    add_words(document, {2: words("flere")})
    assert set(document.pages[1].obj.Resources.Font.keys()) == {"/OcrWords", "/OcrWordsx"}


def scan() -> pikepdf.Pdf:
    picture = Image.new("1", (WIDTH, HEIGHT), 1)
    ImageDraw.Draw(picture).rectangle((20, 30, 200, 90), fill=0)
    document = blank()
    image = document.make_stream(picture.tobytes())
    image.Type, image.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    image.Width, image.Height, image.BitsPerComponent, image.ColorSpace = WIDTH, HEIGHT, 1, pikepdf.Name.DeviceGray
    document.pages[0].obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(P=image))
    document.pages[0].obj.Contents = document.make_stream(b"q %d 0 0 %d 0 0 cm /P Do Q" % (WIDTH, HEIGHT))
    return document


def test_the_layer_is_invisible_proven_and_always_the_same(tmp_path: Path) -> None:
    with scan() as document:
        plain = saved(document)
        add_words(document, {1: words("åæø", "Ωжא", "𝄞x")})
        layered = tmp_path / "layered.pdf"
        layered.write_bytes(saved(document))
    with scan() as document:
        add_words(document, {1: words("åæø", "Ωжא", "𝄞x")})
        assert saved(document) == layered.read_bytes()
    before, after = (pypdfium2.PdfDocument(pdf) for pdf in (plain, layered))
    assert after[0].render(scale=1).to_pil().tobytes() == before[0].render(scale=1).to_pil().tobytes()
    before.close()
    after.close()
    validator = PdfaValidator()
    for flavour in ("2u", "2b"):
        out = tmp_path / f"{flavour}.pdf"
        finish(layered, out, flavour)
        verdict = validator.validate(out, flavour)
        assert verdict.passed, verdict.failed_rules


@pytest.mark.parametrize(
    ("flavour", "tried"),
    [("1b", ("2u", "2b")), ("1a", ("2u", "2b")), ("2a", ("2u", "2b")), ("2b", ("2u", "2b")), ("3b", ("3u", "3b"))],
)
def test_levels_to_try(flavour: str, tried: tuple[str, ...]) -> None:
    assert flavours_above(flavour) == tried


def test_text_goes_to_its_page() -> None:
    assert text_with("", {1: "en"}, 1) == "en"
    assert text_with("", {2: "to"}, 3) == "\fto\f"
    assert text_with("en\f\ftre", {2: "to"}, 3) == "en\fto\ftre"
    assert text_with("en\n\f", {1: "mer"}, 2) == "en\nmer\f"
