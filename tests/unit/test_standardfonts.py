from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from archive.normalise.contract import Limits
from archive.normalise.pdf import pdf
from archive.normalise.standardfonts import embed
from archive.normalise.text_of import text_of
from archive.validate import PdfaValidator
from tests import documents

TEXT = "Prøvesvar: Ærlig talt, åtte µg"


def with_font(path: Path, **keys: pikepdf.Object) -> Path:
    with pikepdf.open(documents.pdf(path, text=TEXT), allow_overwriting_input=True) as document:
        font = document.pages[0].obj.Resources.Font.F
        for key, value in keys.items():
            font[f"/{key}"] = value
        document.save(path)
    return path


@contextlib.contextmanager
def font_of(path: Path) -> Iterator[pikepdf.Object]:
    with pikepdf.open(path) as document:
        yield document.pages[0].obj.Resources.Font.F


@pytest.mark.parametrize(
    ("base", "stand_in"),
    [
        ("Helvetica", "LiberationSans"),
        ("Arial,Bold", "LiberationSans-Bold"),
        ("ABCDEF+ArialMT", "LiberationSans"),
        ("Times-Roman", "LiberationSerif"),
        ("TimesNewRomanPS-BoldItalicMT", "LiberationSerif-BoldItalic"),
        ("CourierNewPSMT", "LiberationMono"),
        ("Courier-Oblique", "LiberationMono-Italic"),
    ],
)
def test_a_standard_font_is_embedded_and_says_the_same(tmp_path: Path, base: str, stand_in: str) -> None:
    source = with_font(tmp_path / "a.pdf", BaseFont=Name(f"/{base}"))
    made = pdf(source, tmp_path / "out.pdf", Limits())
    with font_of(made.pdf) as font:
        assert str(font.BaseFont).endswith(f"+{stand_in}")
        assert "/FontFile2" in font.FontDescriptor
    assert text_of(made.pdf, most_pages=9)[0] == text_of(source, most_pages=9)[0]
    assert TEXT in text_of(made.pdf, most_pages=9)[0]


def test_a_font_written_into_its_page_is_embedded_too(tmp_path: Path) -> None:
    with pikepdf.open(documents.pdf(tmp_path / "a.pdf", text=TEXT), allow_overwriting_input=True) as document:
        fonts = document.pages[0].obj.Resources.Font
        fonts.F = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding)
        document.save(tmp_path / "a.pdf")
    made = pdf(tmp_path / "a.pdf", tmp_path / "out.pdf", Limits())
    with font_of(made.pdf) as font:
        assert "/FontFile2" in font.FontDescriptor
    assert text_of(made.pdf, most_pages=1)[0] == f"{TEXT} 1"


def test_widths_are_those_of_helvetica(tmp_path: Path) -> None:
    # Adobe's metrics of Helvetica: space, A, W, a, m
    with font_of(pdf(with_font(tmp_path / "a.pdf"), tmp_path / "out.pdf", Limits()).pdf) as font:
        assert [int(font.Widths[code]) for code in (32, 65, 87, 97, 109)] == [278, 667, 944, 556, 833]


@pytest.mark.parametrize(
    "keys",
    [
        {"BaseFont": Name("/HelveticaNeue")},
        {"BaseFont": Name("/Arial-Narrow")},
        {"BaseFont": Name.Symbol},
        {"Encoding": Name("/MacExpertEncoding")},
        {"Encoding": Dictionary(Differences=Array([65, Name("/g17")]))},
        {"FirstChar": 65, "LastChar": 66, "Widths": Array([700, 667])},
        {"Subtype": Name.TrueType, "FontDescriptor": Dictionary(Type=Name.FontDescriptor, Flags=4)},
        {"FirstChar": 65, "LastChar": 66, "Widths": Array([Name.A, 667])},
    ],
    ids=["neue", "narrow", "symbol", "expert", "unknown-glyph", "other-widths", "symbolic", "broken-widths"],
)
def test_what_is_not_fully_known_is_left_alone(tmp_path: Path, keys: dict[str, pikepdf.Object]) -> None:
    with pikepdf.open(with_font(tmp_path / "a.pdf", **keys)) as document:
        assert not embed(document)


def test_differences_are_kept(tmp_path: Path) -> None:
    encoding = Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding, Differences=Array([80, Name.Oslash]))
    made = pdf(with_font(tmp_path / "a.pdf", Encoding=encoding), tmp_path / "out.pdf", Limits())
    assert "Ørøvesvar" in text_of(made.pdf, most_pages=9)[0]


def test_the_same_document_gives_the_same_bytes(tmp_path: Path) -> None:
    source = with_font(tmp_path / "a.pdf")
    first = pdf(source, tmp_path / "1.pdf", Limits()).pdf.read_bytes()
    assert pdf(source, tmp_path / "2.pdf", Limits()).pdf.read_bytes() == first


def test_the_validator_agrees(tmp_path: Path) -> None:
    from archive.normalise.finish import finish

    differences = Array([65, Name.AE, Name.Euro, 200, Name.twosuperior])
    encoding = Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding, Differences=differences)
    source = with_font(tmp_path / "a.pdf", BaseFont=Name("/Times-Bold"), Encoding=encoding)
    finish(pdf(source, tmp_path / "out.pdf", Limits()).pdf, tmp_path / "finished.pdf", "2u")
    verdict = PdfaValidator().validate(tmp_path / "finished.pdf", "2u")
    assert verdict.passed, verdict.failed_rules
