from __future__ import annotations

from pathlib import Path

import pikepdf
import pypdfium2
import pytest

from archive.normalise import ghostscript
from archive.normalise.contract import Limits
from archive.normalise.ghostscript import rewrite, surviving
from archive.normalise.pdf import pdf as pdf_route
from archive.normalise.raster import rasterise
from archive.normalise.text_of import text_of
from archive.reasons import DocumentProblem, Reason
from tests.documents import pdf
from tests.pdfforms import annotation, form, widget

LIMITS = Limits()


def test_pages_become_pictures_that_look_the_same_and_still_have_their_words(tmp_path: Path) -> None:
    source = pdf(tmp_path / "a.pdf", pages=2, text="Blodprøve æøå")
    rasterise(source, tmp_path / "out.pdf", LIMITS)
    assert text_of(tmp_path / "out.pdf", most_pages=2) == text_of(source, most_pages=2)
    with pikepdf.open(tmp_path / "out.pdf") as made:
        image = made.pages[0].obj.Resources.XObject.P
        assert (int(image.Width), int(image.Height)) == (1653, 2339)  # A4 at 200 dpi
        assert [float(x) for x in made.pages[0].mediabox] == [0, 0, 595, 842]
    before, after = (drawn(p) for p in (source, tmp_path / "out.pdf"))
    assert sum(abs(a - b) > 60 for a, b in zip(before, after, strict=True)) < len(before) * 0.005
    assert min(after) < 60


def drawn(path: Path) -> bytes:
    with pypdfium2.PdfDocument(path) as document:
        return document[0].render(scale=1).to_pil().convert("L").tobytes()


def test_words_lie_where_they_stood(tmp_path: Path) -> None:
    source = pdf(tmp_path / "a.pdf", text="Prøve")
    rasterise(source, tmp_path / "out.pdf", LIMITS)
    boxes = []
    for path in (source, tmp_path / "out.pdf"):
        with pypdfium2.PdfDocument(path) as document:
            text = document[0].get_textpage()
            text.count_rects()
            boxes.append(text.get_rect(0))
    assert boxes[1] == pytest.approx(boxes[0], abs=4)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_words_of_a_turned_page_lie_where_they_are_seen(tmp_path: Path, turn: int) -> None:
    """Ink and invisible words must be at the same place of the page as it is shown."""
    with pikepdf.open(pdf(tmp_path / "a.pdf", text="Prøve"), allow_overwriting_input=True) as document:
        document.pages[0].obj.Rotate = turn
        document.save(tmp_path / "a.pdf")
    rasterise(tmp_path / "a.pdf", tmp_path / "out.pdf", LIMITS)
    with pypdfium2.PdfDocument(tmp_path / "out.pdf") as document:
        page = document[0]
        ink = page.render(scale=1).to_pil().convert("L").point(lambda v: 255 * (v < 128)).getbbox()
        text = page.get_textpage()
        text.count_rects()
        left, bottom, right, top = text.get_rect(0)
        assert "Prøve" in text.get_text_range()
        height = page.get_height()
    assert ink is not None
    assert (left, height - top, right, height - bottom) == pytest.approx(ink, abs=5)


def test_the_same_page_gives_the_same_bytes(tmp_path: Path) -> None:
    source = pdf(tmp_path / "a.pdf")
    for name in ("1.pdf", "2.pdf"):
        rasterise(source, tmp_path / name, LIMITS)
    assert (tmp_path / "1.pdf").read_bytes() == (tmp_path / "2.pdf").read_bytes()


def test_a_giant_page_is_drawn_smaller_and_too_many_pages_are_not_drawn(tmp_path: Path) -> None:
    with pikepdf.open(pdf(tmp_path / "a.pdf", text=""), allow_overwriting_input=True) as document:
        document.pages[0].mediabox = [0, 0, 14400, 14400]
        document.save(tmp_path / "a.pdf")
    rasterise(tmp_path / "a.pdf", tmp_path / "out.pdf", LIMITS)
    with pikepdf.open(tmp_path / "out.pdf") as made:
        image = made.pages[0].obj.Resources.XObject.P
        assert int(image.Width) * int(image.Height) <= 61_000_000
    with pytest.raises(DocumentProblem) as caught:
        rasterise(pdf(tmp_path / "b.pdf", pages=3), tmp_path / "out.pdf", Limits(pages=2))
    assert caught.value.reason is Reason.RESOURCE_LIMIT


def test_what_is_no_pdf_cannot_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"nothing")
    with pytest.raises(DocumentProblem) as caught:
        rasterise(tmp_path / "a.pdf", tmp_path / "out.pdf", LIMITS)
    assert caught.value.reason is Reason.CORRUPT


def test_surviving_words_are_counted_with_their_repetitions() -> None:
    assert surviving("a b b c", "C b a b x") == 1.0
    assert surviving("a b b c", "a b c") == 0.75
    assert surviving("", "anything") == 1.0


def fake_gs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = tmp_path / "fake-gs"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setattr(ghostscript, "_PROGRAM", str(program))


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        ("exit 3", Reason.CONVERSION_FAILED, "exit code 3"),
        ("sleep 60", Reason.CONVERSION_TIMEOUT, "did not end"),
        ("cp {other} out.pdf", Reason.CONVERSION_FAILED, "of the words"),
        ("cp {longer} out.pdf", Reason.CONVERSION_FAILED, "number of pages"),
        ("cp {turned} out.pdf", Reason.CONVERSION_FAILED, "turned"),
        ("cp {narrow} out.pdf", Reason.CONVERSION_FAILED, "another size"),
    ],
)
def test_ghostscripts_work_counts_only_where_pages_and_words_survive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: Reason, detail: str
) -> None:
    other, longer = pdf(tmp_path / "other.pdf", text="noe annet helt"), pdf(tmp_path / "longer.pdf", pages=2)
    turned, narrow = pdf(tmp_path / "turned.pdf"), pdf(tmp_path / "narrow.pdf")
    for path, key, value in ((turned, "/Rotate", 90), (narrow, "/CropBox", pikepdf.Array([0, 0, 580, 842]))):
        with pikepdf.open(path, allow_overwriting_input=True) as document:
            document.pages[0].obj[key] = value
            document.save(path)
    fake_gs(tmp_path, monkeypatch, body.format(other=other, longer=longer, turned=turned, narrow=narrow))
    with pytest.raises(DocumentProblem, match=detail) as caught:
        rewrite(pdf(tmp_path / "a.pdf"), tmp_path / "out.pdf", Limits(seconds=1))
    assert caught.value.reason is reason
    assert not list(tmp_path.glob("*.gs"))


@pytest.mark.skipif(not ghostscript.available(), reason="Ghostscript is optional and not installed")
def test_ghostscript_embeds_what_was_not(tmp_path: Path) -> None:
    rewrite(pdf(tmp_path / "a.pdf"), tmp_path / "out.pdf", LIMITS)
    with pikepdf.open(tmp_path / "out.pdf") as made:
        (font,) = made.pages[0].obj.Resources.Font.values()
        descriptor = font.FontDescriptor
        assert "/FontFile" in descriptor or "/FontFile2" in descriptor or "/FontFile3" in descriptor


def test_words_of_fields_and_annotations_are_laid_over_the_picture_too(tmp_path: Path) -> None:
    field = widget("Tx", V="Verdi i feltet")
    note = annotation("FreeText", (100, 400, 300, 440), Contents="Fritekst")
    made = pdf_route(form(tmp_path / "a.pdf", field, note), tmp_path / "b.pdf", Limits())
    rasterise(made.pdf, tmp_path / "out.pdf", Limits())
    text = text_of(tmp_path / "out.pdf", most_pages=1)[0]
    for words in ("Skjema", "Verdi i feltet", "Fritekst"):
        assert words in text
    with pikepdf.open(tmp_path / "out.pdf") as document:
        assert "/Annots" not in document.pages[0].obj
