"""Office files keep the look of their fonts: each is drawn in the one with its widths, not all in the same."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest

from archive.normalise.contract import Normalised
from archive.normalise.ladder import Normaliser
from tests.documents import docx, job

EQUAL = {
    "Arial": "LiberationSans",
    "Times New Roman": "LiberationSerif",
    "Courier New": "LiberationMono",
    "Calibri": "Carlito",
    "Cambria": "Caladea",
}


@pytest.mark.parametrize("font", sorted(EQUAL))
def test_a_font_is_drawn_in_the_one_with_its_widths(tmp_path: Path, font: str) -> None:
    body = f'<w:r><w:rPr><w:rFonts w:ascii="{font}" w:hAnsi="{font}"/></w:rPr><w:t>Blodprøve i dag</w:t></w:r>'
    (tmp_path / "a.docx").write_bytes(docx(body))
    with Normaliser(work=tmp_path / "work") as normaliser:
        made = normaliser.normalise([job(tmp_path / "a.docx", "a-1")], tmp_path / "out")["a-1"]
    assert isinstance(made, Normalised)
    with pikepdf.open(made.pdf) as pdf:
        used = {str(f.BaseFont).partition("+")[2].partition("-")[0] for f in pdf.pages[0].Resources.Font.values()}
    assert used == {EQUAL[font]}
