"""What is measured of an original and its copy: words, pages, pictures."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from archive.fidelity.compare import compare
from archive.normalise.contract import Limits
from archive.normalise.image import image
from archive.rereading.pictures import ink_difference, page_count, picture_difference
from archive.rereading.readers import source_text
from archive.rereading.rtfwords import rtf_text
from archive.rereading.words import words_kept, words_of
from tests import documents


def test_words_are_runs_of_letters_or_digits() -> None:
    assert words_of("Blodtrykk: 120/80 mmHg, T12 – a «Ærlig»") == ["blodtrykk", "120", "80", "mmhg", "12", "ærlig"]


@pytest.mark.parametrize(
    ("copy", "kept"),
    [
        ("svaret er 12 og igjen 12", 6),
        ("svaret er og igjen 12", 5),
        ("SVARET\ner 12 og ig\njen 12", 6),
        ("svaretigjen er 12 12", 5),
        ("", 0),
    ],
)
def test_words_are_counted_as_often_as_they_occur(copy: str, kept: int) -> None:
    assert words_kept("Svaret er 12 og igjen 12", copy).kept == kept


def test_a_text_without_words_loses_none() -> None:
    assert words_kept(" - ", "noe").share == 1.0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"bl\'e5b\'e6r", "blåbær"),
        (rb"\u229\'3fse \uc0\u248re", "åse øre"),
        (rb"{\v skjult}synlig{\*\generator Riched20;}", "synlig"),
        (rb"{\field{\*\fldinst HYPERLINK x}{\fldrslt lenke}}", "lenke"),
        (rb"{\header topp}tek{\footnote note}st", "tekst  note\ftopp"),
        (rb"{\pict\bin5 abcd}x}etter", "etter"),
        (rb"en\tab to\cell tre", "en to tre"),
        (rb"{\f1\'e5}{\f2 abc}\f0\'e5", "еαβχå"),
    ],
)
def test_rtf_is_read_without_any_route(body: bytes, text: str) -> None:
    fonts = rb"{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}{\f2\fcharset2 Symbol;}}"
    content = (
        rb"{\rtf1\ansi\ansicpg1252\deff0" + fonts + rb"{\stylesheet{\s0 Normal;}}{\info{\author Ola}}" + body + b"}"
    )
    assert rtf_text(content).strip() == text


def test_docx_gives_what_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(
        documents.docx(
            "<w:r><w:t>Syn</w:t></w:r><w:r><w:t>lig</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>borte</w:t></w:r>"
        )
    )
    assert words_of(source_text(path, "docx") or "") == ["synlig"]


def test_html_gives_what_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<title>nei</title><style>p{}</style><p>b<b>lod</b>prøve<td>to<td>tre<p style='display: none'>nei")
    assert words_of(source_text(path, "html") or "") == ["blodprøve", "to", "tre"]


def test_xml_gives_its_text_but_no_encoded_file(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(f"<a><!-- nei --><b>ja</b><c>{'QUJD' * 200}</c></a>")
    assert words_of(source_text(path, "xml") or "") == ["ja"]


def test_an_unreadable_original_has_no_words(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"PK\x03\x04 broken")
    assert source_text(path, "docx") is None
    assert source_text(path, "pdf") is None
    assert source_text(path, "jpeg") is None
    assert page_count(path, "tiff") is None


def page(*, shift: int = 0) -> Image.Image:
    picture = Image.new("L", (300, 400), 255)
    ImageDraw.Draw(picture).rectangle((50 + shift, 50, 150 + shift, 100), fill=0)
    return picture


def test_pictures_differ_by_the_ink_that_is_elsewhere() -> None:
    assert ink_difference(page(), page()) == 0
    assert ink_difference(page(), page().resize((600, 800))) < 0.02
    assert 0.4 < ink_difference(page(), page(shift=50)) < 0.6
    assert ink_difference(page(), page(shift=140)) == pytest.approx(1, abs=0.01)
    white = Image.new("L", (300, 400), 255)
    assert ink_difference(white, white) == 0
    assert ink_difference(page(), white) == 1


def test_pages_of_a_picture_are_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    page().save(path, save_all=True, append_images=[page(), page()])
    assert page_count(path, "tiff") == 3


def test_a_pdf_is_compared_in_words_pages_and_pictures(tmp_path: Path) -> None:
    one = documents.pdf(tmp_path / "one.pdf", pages=2, text="Blodsvar")
    other = documents.pdf(tmp_path / "other.pdf", pages=1, text="Blodsvar")
    same = compare(one, "pdf", one, "Blodsvar 1 Blodsvar 2")
    assert same.on_pages is not None
    assert same.in_text is not None
    assert (same.on_pages.share, same.in_text.share, same.pages, same.copy_pages, same.difference) == (1, 1, 2, 2, 0)
    less = compare(one, "pdf", other, "Blodsvar 1")
    assert less.on_pages is not None
    assert (less.on_pages.words, less.on_pages.kept, less.pages, less.copy_pages) == (4, 2, 2, 1)


def test_what_has_no_pages_is_not_compared_as_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(documents.rtf("hei"))
    assert picture_difference(path, "rtf", documents.pdf(tmp_path / "a.pdf")) is None


# Byte, text, undefined, fraction, and a number that is none of an orientation
@pytest.mark.parametrize(
    ("kind", "value"), [(1, b"\6\0\0\0"), (2, b"6\0\0\0"), (7, b"\0\6\0\0"), (5, b"\0\0\0\0"), (3, b"\0\x63\0\0")]
)
def test_an_orientation_that_is_no_number_turns_nothing(tmp_path: Path, kind: int, value: bytes) -> None:
    path = tmp_path / "a.jpg"
    page().save(path, "JPEG")
    content = path.read_bytes()
    count = 4 if kind == 7 else 1
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHI", 1, 274, kind, count) + value + bytes(4)
    path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:])
    made = image(path, tmp_path / "out.pdf", Limits())
    difference = picture_difference(path, "jpeg", made.pdf)
    assert difference is not None
    assert difference < 0.05
