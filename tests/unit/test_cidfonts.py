"""Fonts of two-byte codes that are not in the file: drawn by what it says they are, else told."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from archive.normalise.contract import Limits, Made
from archive.normalise.pdf import pdf
from archive.normalise.text_of import text_of
from archive.normalise.tounicode import written
from archive.reasons import Flag
from tests import documents
from tests.pdfforms import drawn

LIMITS = Limits()
SAID = {36: "A", 37: "Ø", 38: "≥", 39: "3", 3: " ", 40: "fi"}


def made(path: Path, table: dict[int, str] | None, codes: tuple[int, ...], base: str = "Arial") -> Made:
    with pikepdf.open(documents.pdf(path, text="x"), allow_overwriting_input=True) as document:
        descriptor = Dictionary(
            Type=Name.FontDescriptor, FontName=Name("/" + base), Flags=32, FontBBox=Array([0, -200, 1000, 900]),
            Ascent=900, Descent=-200, CapHeight=700, StemV=80, ItalicAngle=0,
        )  # fmt: skip
        descendant = Dictionary(
            Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name("/" + base), DW=500,
            W=Array([36, Array([900]), 37, 38, 700]),
            CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0), FontDescriptor=descriptor,
        )  # fmt: skip
        font = Dictionary(
            Type=Name.Font, Subtype=Name.Type0, BaseFont=Name("/" + base), Encoding=Name("/Identity-H"),
            DescendantFonts=Array([document.make_indirect(descendant)]),
        )  # fmt: skip
        if table is not None:
            font.ToUnicode = document.make_stream(written(table, 2))
        page = document.pages[0].obj
        page.Resources.Font.C = document.make_indirect(font)
        shown = "".join(f"{code:04x}" for code in codes).encode()
        page.Contents = document.make_stream(b"BT /C 20 Tf 72 700 Td <" + shown + b"> Tj ET")
        document.save(path)
    return pdf(path, path.with_name("out.pdf"), LIMITS)


def test_characters_that_the_file_names_are_drawn_as_wide_as_it_says(tmp_path: Path) -> None:
    result = made(tmp_path / "a.pdf", SAID, (36, 37, 38, 3, 39, 40))
    assert text_of(result.pdf, most_pages=1)[0] == "AØ≥ 3fi"
    assert [n.code for n in result.flags] == [Flag.FONT_SUBSTITUTED]
    with pikepdf.open(result.pdf) as document:
        descendant = document.pages[0].obj.Resources.Font.C.DescendantFonts[0]
        assert "/FontFile2" in descendant.FontDescriptor
        assert [int(w[0]) for w in list(descendant.W)[1::2]] == [500, 900, 700, 700, 500, 500]
    picture = drawn(result.pdf).convert("L")
    for left, right in ((72, 90), (90, 104), (104, 118), (128, 138), (138, 148)):
        assert picture.crop((left, 122, right, 146)).getextrema()[0] < 120
    assert picture.crop((119, 122, 127, 146)).getextrema()[0] > 200


@pytest.mark.parametrize("table", [None, {36: "A"}, {36: "A", 37: "\U0010fffd"}])
def test_where_a_code_has_no_known_character_it_is_told(tmp_path: Path, table: dict[int, str] | None) -> None:
    result = made(tmp_path / "a.pdf", table, (36, 37))
    assert [n.code for n in result.flags] == [Flag.GLYPHS_MISSING]
    with pikepdf.open(result.pdf) as document:
        assert "/FontFile2" not in document.pages[0].obj.Resources.Font.C.DescendantFonts[0].FontDescriptor


def test_the_style_is_that_of_the_name(tmp_path: Path) -> None:
    looks = set()
    for base in ("Arial", "Arial-BoldMT", "TimesNewRomanPSMT", "CourierNewPSMT"):
        looks.add(drawn(made(tmp_path / "a.pdf", SAID, (36, 37), base).pdf).tobytes())
    assert len(looks) == 4
