"""Rasters of the real pictures are in the archive copy bit for bit: JPEG by its bytes, strips by decoding both."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageChops

from archive.normalise import jpegs, strips
from archive.normalise.contract import Limits
from archive.normalise.image import image
from archive.reasons import DocumentProblem, Flag
from tests.pixels import raster

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")  # Pillow's remarks on the corpus

_LEAST_FAX, _LEAST_JPEG, _LEAST_DEFLATE, _LEAST_WHOLE = 7, 4, 3, 35


def of(shared: Path, kind: str) -> list[Path]:
    return sorted((shared / "corpus" / kind).iterdir())


def converted(source: Path, out: Path) -> frozenset[Flag] | None:
    out.unlink(missing_ok=True)
    try:
        return frozenset(f.code for f in image(source, out, Limits()).flags)
    except DocumentProblem:
        return None


def filter_of(pdf: Path, page: int) -> str:
    with pikepdf.open(pdf) as opened:
        (found,) = {str(o.get("/Filter")) for o in opened.pages[page].Resources.XObject.values()}
        return found


def test_jpeg_bytes_are_those_of_the_file(shared: Path, tmp_path: Path) -> None:
    whole = 0
    for source in of(shared, "jpeg"):
        flags = converted(source, tmp_path / "out.pdf")
        if flags is None or flags:
            continue
        with pikepdf.open(tmp_path / "out.pdf") as pdf:
            stored = pdf.pages[0].Resources.XObject.I0
            if stored.Filter == "/DCTDecode":
                assert stored.read_raw_bytes() == source.read_bytes(), source.name
                whole += 1
    assert whole >= _LEAST_WHOLE


def test_tiff_rasters_are_those_an_independent_decoder_gives(shared: Path, tmp_path: Path) -> None:
    """libtiff decodes the source, PDF's own codecs the copy; orientation is undone for the comparison."""
    compared = dict.fromkeys(("/CCITTFaxDecode", "/DCTDecode", "/FlateDecode"), 0)
    for source in of(shared, "tiff"):
        content = source.read_bytes()
        pages = strips.pages(content, 99)
        flags = converted(source, tmp_path / "out.pdf")
        if pages is None or flags is None or flags or any(p.subordinate for p in pages):
            continue
        for number, page in enumerate(pages):
            if page.compression == jpegs.OLD or page.orientation != 1 or page.bits > 8 or page.photometric > 6:
                continue
            try:
                frames = Image.open(io.BytesIO(content))
                frames.seek(number)
                expected = frames.convert("RGB")
            except (OSError, ValueError):
                continue  # libtiff knows less than we do
            if frames.mode in ("RGBA", "LA", "PA", "CMYK"):
                continue
            found = raster(tmp_path / "out.pdf", number).convert("RGB")
            kind = filter_of(tmp_path / "out.pdf", number)
            assert found.size == expected.size, source.name
            assert ImageChops.difference(found, expected).getbbox() is None, f"{source.name} page {number}, {kind}"
            compared[kind] += 1
    assert compared["/CCITTFaxDecode"] >= _LEAST_FAX
    assert compared["/DCTDecode"] >= _LEAST_JPEG
    assert compared["/FlateDecode"] >= _LEAST_DEFLATE


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_pixels_of_pictures_that_are_copied(shared: Path, tmp_path: Path, kind: str) -> None:
    compared = 0
    for source in of(shared, kind):
        flags = converted(source, tmp_path / "out.pdf")
        if flags is None or flags:
            continue
        opened = Image.open(io.BytesIO(source.read_bytes()))
        with pikepdf.open(tmp_path / "out.pdf") as pdf:
            stored = pdf.pages[0].Resources.XObject.I0
            if "/SMask" in stored or stored.BitsPerComponent == 16 or len(pdf.pages) > 1:
                continue
        try:
            opened.load()
        except OSError:
            continue  # damage within the coded pixels, which the copy has as the source has it
        found = raster(tmp_path / "out.pdf")
        if opened.mode in ("1", "L", "P", "RGB") and "transparency" not in opened.info:
            difference = ImageChops.difference(found.convert("RGB"), opened.convert("RGB"))
            assert difference.getbbox() is None, source.name
            compared += 1
    assert compared >= 20
