"""The quick reading of pages says what PDFium says, or nothing."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from archive.normalise.typeset import typeset
from archive.rereading.compare import compare
from archive.rereading.contract import Reading
from archive.rereading.pagetext import plain_pages
from archive.rereading.pdftext import pdf_text
from tests.documents import pdf


def test_typeset_pages_are_read_as_pdfium_reads_them(tmp_path: Path) -> None:
    said = "Dose 50 µg (1,5) \\ ≥ 38 → ☑ ja\n½ ⁹ β « » “x” )(\nfinne flyt"
    out = tmp_path / "a.pdf"
    typeset("plain", {"title": "x", "size": 10, "landscape": False, "pages": [said, "Neste 12"]}, out)
    found = plain_pages(out)
    assert found is not None and found.count("\f") == 1
    for text in (pdf_text(out), said):
        assert compare(Reading(text), found, found).sound
    assert compare(Reading(said + " 7"), found, found).on_pages.numbers == 1


def test_what_only_a_reader_can_tell_is_left_to_it(tmp_path: Path) -> None:
    assert plain_pages(pdf(tmp_path / "font.pdf")) is None  # a font without a map
    (tmp_path / "no.pdf").write_bytes(b"%PDF-1.7 nothing")
    assert plain_pages(tmp_path / "no.pdf") is None
    form = tmp_path / "form.pdf"
    with pikepdf.new() as document:
        document.add_blank_page()
        drawing = document.make_stream(b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 1, 1]))
        document.pages[0].Resources = Dictionary(XObject=Dictionary(F=drawing))
        document.save(form)
    assert plain_pages(form) is None


def made(path: Path, content: bytes, to_unicode: bytes) -> Path:
    with pikepdf.new() as document:
        document.add_blank_page()
        font = Dictionary(Type=Name.Font, Subtype=Name.Type0, BaseFont=Name.X, Encoding=Name("/Identity-H"))
        font.ToUnicode = document.make_stream(to_unicode)
        document.pages[0].Resources = Dictionary(Font=Dictionary(F0=document.make_indirect(font)))
        document.pages[0].Contents = document.make_stream(content)
        document.save(path)
    return path


MAP = (
    b"1 beginbfchar <0001> <00E6> endbfchar 3 beginbfrange <0028> <002A> <0061> <005C> <005C> [<00660069>] "
    b"<0100> <0101> <D83DDE00> endbfrange"
)


@pytest.mark.parametrize(
    ("strings", "text"),
    [
        (rb"[(\000\001)-3(\000\()] TJ", "æa"),
        (rb"(\000\)) Tj <002A> Tj", "b c"),
        (rb"(\000\\) Tj", "fi"),
        (b"<0100 0101> Tj", "\U0001f600\U0001f601"),
        (b"<0777> Tj", "\ufffd"),
        (rb"/Span <</ActualText (\000\001)>> BDC (\000\051) Tj EMC", "b"),
        (rb"(\000\001\000) Tj", None),
        (b"BI /W 1 ID x EI", None),
    ],
)
def test_strings_are_read_by_their_map(tmp_path: Path, strings: bytes, text: str | None) -> None:
    assert plain_pages(made(tmp_path / "a.pdf", b"BT /F0 8 Tf " + strings + b" ET", MAP)) == text


def test_a_map_of_endless_length_is_left(tmp_path: Path) -> None:
    endless = b"1 beginbfrange <0000> <FFFFFFFF> <0061> endbfrange"
    assert plain_pages(made(tmp_path / "a.pdf", b"BT /F0 8 Tf <0001> Tj ET", endless)) is None
