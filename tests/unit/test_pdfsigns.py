"""Fonts of signs in PDFs: the right sign on the page, and its Unicode in the text."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, Dictionary

from archive.normalise import pdfsigns
from archive.normalise.contract import Limits, Made
from archive.normalise.pdf import pdf
from archive.normalise.text_of import text_of
from archive.normalise.tounicode import mapping, written
from archive.reasons import Flag
from archive.rereading.pdftext import pdf_text
from archive.symbolfonts import Encoding
from tests import documents
from tests.pdfforms import bare, drawn

LIMITS = Limits()


def page(path: Path, font: Dictionary, shown: bytes) -> Path:
    with pikepdf.open(documents.pdf(path, text="Tegn"), allow_overwriting_input=True) as document:
        target = document.pages[0].obj
        target.Resources.Font.S = font
        shown = b"<" + shown.hex().encode() + b">"
        target.Contents = document.make_stream(b"BT /F 20 Tf 72 700 Td (A) Tj /S 20 Tf " + shown + b" Tj ET")
        document.save(path)
    return path


def made(source: Path) -> Made:
    return pdf(source, source.with_name("out.pdf"), LIMITS)


def said(result: Made) -> str:
    return text_of(result.pdf, most_pages=2)[0]


@pytest.mark.parametrize(
    ("base", "kind", "codes", "signs"),
    [
        ("Wingdings-Regular", "TrueType", b"\xfe\xa8\xfc\xe0", "☑□✓→"),
        ("ABCDEF+Wingdings", "TrueType", b"\xfd", "☒"),
        ("SymbolMT", "TrueType", b"m\xb3\xa3\xae\xb1", "µ≥≤→±"),
        ("Symbol", "Type1", b"ab\xb3", "αβ≥"),
        ("ZapfDingbats", "Type1", b"48n", "✔✘■"),
        ("MonotypeSorts", "TrueType", b"4", "✔"),
        ("Wingdings2", "TrueType", b"PR", "✓☑"),
        ("Webdings", "TrueType", b"a", "✔"),
    ],
)
def test_signs_of_fonts_that_are_not_there_are_drawn_and_said(
    tmp_path: Path, base: str, kind: str, codes: bytes, signs: str
) -> None:
    result = made(page(tmp_path / "a.pdf", bare(base, kind), codes))
    assert said(result) == "A" + signs or said(result).replace(" ", "") == "A" + signs
    assert [n.code for n in result.flags] == [Flag.FONT_SUBSTITUTED]
    assert drawn(result.pdf).crop((86, 122, 86 + 14 * len(codes), 145)).convert("L").getextrema()[0] < 60


def test_signs_are_as_wide_as_the_file_says(tmp_path: Path) -> None:
    font = bare("Wingdings-Regular")
    font.Widths = Array([891 if code == 0xFE else 313 for code in range(32, 256)])
    result = made(page(tmp_path / "a.pdf", font, b"\xfe\xfc"))
    with pikepdf.open(result.pdf) as document:
        new = document.pages[0].obj.Resources.Font.S
        assert [int(new.Widths[c]) for c in (0xFE, 0xFC, 0x41)] == [891, 313, 0]
        program = TTFont(io.BytesIO(new.FontDescriptor.FontFile2.read_bytes()))
        assert [program["hmtx"][program["cmap"].getcmap(3, 0).cmap[0xF000 + c]][0] for c in (0xFE, 0xFC)] == [891, 313]


def test_a_font_whose_codes_nobody_knows_is_told(tmp_path: Path) -> None:
    result = made(page(tmp_path / "a.pdf", bare("MTExtra"), b"ab"))
    assert [n.code for n in result.flags] == [Flag.GLYPHS_MISSING]
    assert "ab" not in said(result)


def test_a_font_that_nothing_is_shown_with_stays_as_it_is(tmp_path: Path) -> None:
    result = made(page(tmp_path / "a.pdf", bare("ZapfDingbats", "Type1"), b""))
    assert not result.flags
    with pikepdf.open(result.pdf) as document:
        assert str(document.pages[0].obj.Resources.Font.S.BaseFont) == "/ZapfDingbats"


def embedded(table: dict[int, str] | None, base: str = "ABCDEF+Wingdings-Regular") -> tuple[pikepdf.Pdf, Dictionary]:
    document = pikepdf.new()
    font = document.make_indirect(bare(base))
    font.FontDescriptor.FontFile2 = document.make_stream(b"program")
    if table is not None:
        font.ToUnicode = document.make_stream(written(table, 1))
    return document, font


@pytest.mark.parametrize(
    ("base", "before", "after"),
    [
        ("ABCDEF+Wingdings-Regular", {0xFE: "\uf0fe"}, {0xFE: "☑"}),
        ("ABCDEF+Wingdings-Regular", {0xFE: "þ"}, {0xFE: "☑"}),
        ("ABCDEF+Wingdings-Regular", {1: "\uf0fc", 2: "þ"}, {1: "✓", 2: "☑"}),
        ("ABCDEF+Wingdings-Regular", {1: "☑"}, {1: "☑"}),
        ("ABCDEF+SymbolMT", {0x6D: "m", 0xB4: "´"}, {0x6D: "µ", 0xB4: "×"}),
        ("ABCDEF+SymbolMT", {1: "×", 2: "µ", 3: "±", 4: "β"}, {1: "×", 2: "µ", 3: "±", 4: "β"}),
        ("ABCDEF+SymbolMT", {0xD7: "×", 0xB3: "³"}, {0xD7: "⋅", 0xB3: "≥"}),
        ("ABCDEF+SymbolMT", {1: "\uf06d", 2: "x"}, {1: "µ", 2: "ξ"}),
    ],
)
def test_embedded_fonts_say_their_signs(base: str, before: dict[int, str], after: dict[int, str]) -> None:
    document, font = embedded(before, base)
    changed = pdfsigns.say_signs(document, font, Encoding.SYMBOL if "Symbol" in base else Encoding.WINGDINGS)
    assert mapping(font.ToUnicode.read_bytes()) == after
    assert changed == (before != after)


def test_an_embedded_font_that_says_nothing_says_its_codes(tmp_path: Path) -> None:
    document, font = embedded(None)
    assert pdfsigns.say_signs(document, font, Encoding.WINGDINGS)
    assert mapping(font.ToUnicode.read_bytes())[0xFE] == "☑"


def test_a_second_reader_knows_the_signs_too(tmp_path: Path) -> None:
    assert pdf_text(page(tmp_path / "a.pdf", bare("Wingdings-Regular"), b"\xfe\xfc")).strip() == "A☑✓"
    assert pdf_text(page(tmp_path / "b.pdf", bare("Symbol", "Type1"), b"m")).strip() == "Aµ"
    assert pdf_text(documents.pdf(tmp_path / "c.pdf", text="µ × þ")).strip() == "µ × þ 1"


@given(
    st.dictionaries(
        st.integers(0, 0xFFFF), st.text(st.characters(codec="utf-16"), min_size=1, max_size=3), max_size=250
    )
)
def test_maps_are_read_as_they_are_written(table: dict[int, str]) -> None:
    assert mapping(written(table, 2)) == table


def test_ranges_and_lists_of_a_map() -> None:
    content = b"2 beginbfrange <0041><0043><0061>\n<10> <12> [<0031> <00320033> <D83DDC4D>] endbfrange"
    assert mapping(content) == {0x41: "a", 0x42: "b", 0x43: "c", 0x10: "1", 0x11: "23", 0x12: "👍"}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_map_or_none(content: bytes) -> None:
    mapping(b"beginbfchar " + content + b" endbfchar beginbfrange " + content + b" endbfrange")
