"""Ghostscript's rewriting: pages as they stood, pictures with their pixels; else it does not count."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from PIL import Image

from archive.normalise import ghostscript
from archive.normalise.contract import Limits
from tests import documents

LIMITS = Limits()
pytestmark = pytest.mark.skipif(not ghostscript.available(), reason="Ghostscript is not installed")


def noise(mode: str, size: tuple[int, int] = (90, 60)) -> Image.Image:
    """A picture of which JPEG would lose something."""
    count = size[0] * size[1] * len(mode if mode != "L" else "L")
    return Image.frombytes(mode, size, random.Random(7).randbytes(count))


def with_picture(path: Path, picture: Image.Image, codec: str = "") -> Path:
    with pikepdf.open(documents.pdf(path), allow_overwriting_input=True) as document:
        data = io.BytesIO()
        if codec:
            picture.save(data, "JPEG", quality=60)
        image = document.make_stream(data.getvalue() if codec else picture.tobytes())
        image.Type, image.Subtype = Name.XObject, Name.Image
        image.Width, image.Height, image.BitsPerComponent = *picture.size, 8
        image.ColorSpace = Name.DeviceRGB if picture.mode == "RGB" else Name.DeviceGray
        if codec:
            image.Filter = Name.DCTDecode
        page = document.pages[0].obj
        page.Resources.XObject = Dictionary(I=image)
        page.Contents = document.make_stream(page.Contents.read_bytes() + b" q 300 0 0 200 72 300 cm /I Do Q")
        document.save(path)
    return path


def pixels(path: Path) -> Image.Image:
    with pikepdf.open(path) as document:
        (image,) = document.pages[0].obj.Resources.XObject.values()
        return pikepdf.PdfImage(image).as_pil_image()


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_without_loss_stay_without(tmp_path: Path, mode: str) -> None:
    source = with_picture(tmp_path / "a.pdf", noise(mode))
    ghostscript.rewrite(source, tmp_path / "out.pdf", LIMITS)
    assert pixels(tmp_path / "out.pdf").convert("RGB").tobytes() == noise(mode).convert("RGB").tobytes()


def test_jpeg_is_not_coded_twice(tmp_path: Path) -> None:
    source = with_picture(tmp_path / "a.pdf", noise("RGB"), "JPEG")
    ghostscript.rewrite(source, tmp_path / "out.pdf", LIMITS)
    assert pixels(tmp_path / "out.pdf").convert("RGB").tobytes() == pixels(source).convert("RGB").tobytes()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, [50, 400, 500, 800]])
def test_pages_stand_as_they_stood(tmp_path: Path, turn: int, crop: list[float] | None) -> None:
    with pikepdf.open(documents.pdf(tmp_path / "a.pdf"), allow_overwriting_input=True) as document:
        page = document.pages[0].obj
        page.Rotate = turn
        if crop is not None:
            page.CropBox = Array(crop)
        # text that runs up the page, by which Ghostscript would turn it
        page.Contents = document.make_stream(b"BT /F 14 Tf 0 1 -1 0 200 500 Tm (Tekst som gaar oppover her) Tj ET")
        document.save(tmp_path / "a.pdf")
    ghostscript.rewrite(tmp_path / "a.pdf", tmp_path / "out.pdf", LIMITS)
    (size,), (before,) = ghostscript._sizes(tmp_path / "out.pdf"), ghostscript._sizes(tmp_path / "a.pdf")
    assert size == pytest.approx(before, abs=1)


def test_larger_units_are_points_afterwards(tmp_path: Path) -> None:
    with pikepdf.open(documents.pdf(tmp_path / "a.pdf"), allow_overwriting_input=True) as document:
        page = document.pages[0].obj
        page.MediaBox, page.UserUnit = Array([0, 0, 120, 90]), 5
        page.Contents = document.make_stream(b"BT /F 4 Tf 10 40 Td (Tekst) Tj ET")
        document.save(tmp_path / "a.pdf")
    ghostscript.rewrite(tmp_path / "a.pdf", tmp_path / "out.pdf", LIMITS)
    assert ghostscript._sizes(tmp_path / "out.pdf")[0] == pytest.approx((600, 450), abs=1)
