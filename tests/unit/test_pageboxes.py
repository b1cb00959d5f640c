"""Boxes of PDF pages that PDF/A or a viewer does not take as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name

from archive.normalise import pageboxes
from archive.normalise.contract import Limits
from archive.normalise.pdf import pdf
from archive.normalise.raster import rasterise
from archive.normalise.text_of import text_of
from tests import documents
from tests.pdfforms import annotation, inked

LIMITS = Limits()
Change = Callable[[pikepdf.Pdf, Dictionary], None]


def changed(path: Path, change: Change) -> Path:
    with pikepdf.open(documents.pdf(path, text="Synlig"), allow_overwriting_input=True) as document:
        change(document, document.pages[0].obj)
        document.save(path)
    return path


def boxes(path: Path, change: Change) -> tuple[list[float], list[float]]:
    with pikepdf.open(changed(path, change)) as document:
        pageboxes.settle(document)
        page = document.pages[0].obj
        return [float(v) for v in page.MediaBox], [float(v) for v in page.get("/CropBox", page.MediaBox)]


A4 = [0, 0, 595, 842]


@pytest.mark.parametrize(
    ("crop", "shown"),
    [
        ([1000, 1000, 1500, 1500], A4),
        ([-500, -500, -10, -10], A4),
        ([100, 100, 100, 300], A4),
        ([100, 100, 100.5, 300], A4),
        ([300, 500, 50, 100], [50, 100, 300, 500]),
        ([-20, 600, 700, 900], [0, 600, 595, 842]),
        (["a", 1, 2, 3], A4),
        ([1, 2, 3], A4),
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_a_page_is_shown_by_what_its_boxes_share(
    tmp_path: Path, crop: list[float], shown: list[float], above: bool
) -> None:
    def change(document: pikepdf.Pdf, page: Dictionary) -> None:
        (document.Root.Pages if above else page).CropBox = Array(crop)

    media, found = boxes(tmp_path / "a.pdf", change)
    assert (media, found) == (A4, shown)


def test_reversed_and_missing_media_boxes(tmp_path: Path) -> None:
    def turn(_: pikepdf.Pdf, page: Dictionary) -> None:
        page.MediaBox = Array([595, 842, 0, 0])

    def remove(_: pikepdf.Pdf, page: Dictionary) -> None:
        del page["/MediaBox"]

    assert boxes(tmp_path / "a.pdf", turn)[0] == A4
    assert boxes(tmp_path / "b.pdf", remove)[0] == [0, 0, 612, 792]


def test_other_boxes_lie_within_or_go(tmp_path: Path) -> None:
    def change(_: pikepdf.Pdf, page: Dictionary) -> None:
        page.TrimBox, page.BleedBox, page.ArtBox = Array([-9, -9, 700, 900]), Array([900, 900, 950, 950]), Name.Wrong

    with pikepdf.open(changed(tmp_path / "a.pdf", change)) as document:
        pageboxes.settle(document)
        page = document.pages[0].obj
        assert [float(v) for v in page.TrimBox] == A4
        assert "/BleedBox" not in page
        assert "/ArtBox" not in page


@pytest.mark.parametrize("unit", [None, 2])
def test_a_page_beyond_the_largest_is_as_large_in_larger_units(tmp_path: Path, unit: int | None) -> None:
    def change(document: pikepdf.Pdf, page: Dictionary) -> None:
        page.MediaBox, page.CropBox = Array([0, 0, 30_000, 20_000]), Array([3000, 0, 30_000, 20_000])
        page.Contents = document.make_stream(b"BT /F 900 Tf 6000 6000 Td (Stor side) Tj ET 12000 3000 6000 3000 re f")
        page.Annots = Array([document.make_indirect(annotation("Square", (21_000, 9000, 27_000, 15_000)))])
        if unit is not None:
            page.UserUnit = unit

    made = pdf(changed(tmp_path / "a.pdf", change), tmp_path / "out.pdf", LIMITS)
    with pikepdf.open(made.pdf) as document:
        page = document.pages[0].obj
        assert int(page.UserUnit) == 3 * (unit or 1)
        assert [float(v) for v in page.CropBox] == pytest.approx([1000, 0, 10_000, 6666.6667])
    assert text_of(made.pdf, most_pages=1)[0] == "Stor side"
    assert inked(made.pdf, (3100, 1100, 4900, 1900))
    assert inked(made.pdf, (6000 - 10, 2999, 6100, 4000))
    assert not inked(made.pdf, (6100, 3100, 7900, 4900))


def test_pages_as_pictures_keep_their_units(tmp_path: Path) -> None:
    def change(_: pikepdf.Pdf, page: Dictionary) -> None:
        page.MediaBox, page.UserUnit = Array([0, 0, 60, 80]), 10

    rasterise(changed(tmp_path / "a.pdf", change), tmp_path / "out.pdf", LIMITS)
    with pikepdf.open(tmp_path / "out.pdf") as document:
        page = document.pages[0].obj
        assert (int(page.UserUnit), [float(v) for v in page.MediaBox]) == (10, [0, 0, 60, 80])
        assert int(next(iter(page.Resources.XObject.values())).Width) > 1500
    assert pypdfium2.PdfDocument(tmp_path / "out.pdf").get_page_size(0) == (60, 80)
