"""RTF that LibreOffice refuses as it stands, though all is there."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
from PIL import Image

from archive.normalise.contract import Normalised
from archive.normalise.ladder import Normaliser
from tests.documents import job


def test_a_picture_announced_as_binary_and_written_as_hexadecimal(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(picture, "JPEG")
    data = picture.getvalue().hex()
    rtf = rf"{{\rtf1\ansi Bilde: {{\pict\jpegblip\picw40\pich30\picwgoal600\pichgoal450 \bin {data}}}\par}}"
    (tmp_path / "a.rtf").write_text(rtf)
    with Normaliser(work=tmp_path / "work") as normaliser:
        made = normaliser.normalise([job(tmp_path / "a.rtf", "a-1")], tmp_path / "out")["a-1"]
    assert isinstance(made, Normalised), made
    with pikepdf.open(made.pdf) as pdf:
        assert len(list(pdf.pages[0].get_images())) == 1
    assert "Bilde:" in made.text.read_text()
