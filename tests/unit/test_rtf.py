"""The native RTF route: what it reads, what it shows, what it declines."""

from __future__ import annotations

import binascii
import io
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from archive.normalise.contract import Limits, Made, PassedOn
from archive.normalise.rtf import rtf
from archive.normalise.rtfread.lines import pieces
from archive.normalise.rtfread.model import Document, Mark, PageBreak, Paragraph, Picture, Run, Table
from archive.normalise.rtfread.reader import read
from archive.normalise.rtfread.tokens import MOST_DEPTH, Kind, tokens
from archive.normalise.rtfread.write import plain_text
from archive.reasons import DocumentProblem
from tests.pdf_compare import Sheet, sheets

_HEAD = (
    rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman\fcharset0 Times New Roman;}{\f1\fswiss Arial;}"
    rb"{\f2\fcharset2 Symbol;}{\f3 Courier New;}}{\colortbl ;\red192\green0\blue0;}"
    rb"\paperw11906\paperh16838\margl1000\margr1000\margt1000\margb1000 "
)


def _document(body: bytes, head: bytes = _HEAD) -> Document:
    return read(head + body + b"}")


def _text(body: bytes) -> str:
    return plain_text(_document(body)).rstrip("\n")


def _paragraphs(body: bytes) -> list[Paragraph]:
    return [block for block in _document(body).body if isinstance(block, Paragraph)]


def _runs(body: bytes) -> list[Run]:
    return [inline for p in _paragraphs(body) for inline in p.inlines if isinstance(inline, Run)]


def _made(body: bytes, folder: Path) -> tuple[Made, list[Sheet]]:
    source = folder / "note.rtf"
    source.write_bytes(_HEAD + body + b"}")
    made = rtf(source, folder / "out.pdf", Limits())
    return made, sheets(made.pdf)


def _words(pages: list[Sheet]) -> list[str]:
    return [word.text for page in pages for word in page.words]


def test_tokens() -> None:
    found = list(tokens(rb"{\b1 x\'e5\~\bin3 {}{{y}}"))
    assert [t.kind for t in found] == [
        Kind.OPEN, Kind.WORD, Kind.TEXT, Kind.BYTE, Kind.SYMBOL, Kind.BINARY, Kind.OPEN, Kind.TEXT, Kind.CLOSE,
        Kind.CLOSE,
    ]  # fmt: skip
    assert (found[1].name, found[1].number) == ("b", 1)
    assert (found[3].data, found[5].data) == (b"\xe5", b"{}{")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(rb"{\rtf1 x", id="cut off"),
        pytest.param(rb"{\rtf1 x}}", id="closed twice"),
        pytest.param(rb"{\rtf1 x} more", id="more after the end"),
        pytest.param(b"{" * (MOST_DEPTH + 1), id="deep"),
        pytest.param(rb"{\rtf1\fs99999999999 x}", id="number"),
        pytest.param(rb"{\rtf1\bin99 x}", id="binary beyond the end"),
        pytest.param(rb"{\rtf1\bin-1 x}", id="binary backwards"),
        pytest.param(b"{\\rtf1 \0}", id="zero byte"),
    ],
)
def test_malformed_is_passed_on(content: bytes) -> None:
    with pytest.raises(PassedOn):
        read(content)


@pytest.mark.parametrize(
    ("system", "data", "text"),
    [
        (rb"\ansi\ansicpg1252", rb"\'e6\'f8\'e5\'80", "æøå€"),
        (rb"\ansi\ansicpg1250", rb"\'9a\'b9", "šą"),
        (rb"\ansi\ansicpg865", rb"\'91\'9b\'86", "æøå"),
        (rb"\ansi\ansicpg850", rb"\'91\'9b\'86", "æøå"),
        (rb"\pc", rb"\'91\'86", "æå"),
        (rb"\pca", rb"\'91\'9b\'86", "æøå"),
        (rb"\mac", rb"\'be\'bf\'8c", "æøå"),
        (rb"\ansi", b"\xe6\xf8\xe5", "æøå"),
        (rb"\ansi", rb"\u229?\u-9935?x", ""),
        (rb"\ansi\uc0", rb"\u229\u248 x", "åøx"),
        (rb"\ansi", rb"\u229\'e5\u248 ?x", "åøx"),
        (rb"\ansi\uc2", rb"\u229 ab\u248\'61\'62x", "åøx"),
        (rb"\ansi", rb"{\uc2\u229 ab}\u248 ?x", "åøx"),
        (rb"\ansi", rb"a\~b\_c\-d\{\}\\", "a\u00a0b\u2011cd{}\\"),
        (rb"\ansi", rb"\lquote a\rquote\endash\emdash\bullet", "‘a’–—•"),
    ],
)
def test_characters(system: bytes, data: bytes, text: str) -> None:
    content = rb"{\rtf1" + system + rb"{\fonttbl{\f0 Arial;}}\f0 " + data + rb"\par}"
    if not text:
        with pytest.raises(PassedOn):
            read(content)
    else:
        assert plain_text(read(content)).rstrip("\n") == text


def test_a_fonts_character_set_goes_before_the_documents_code_page() -> None:
    content = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset238 Arial CE;}{\f1 Arial;}}\f0\'b9\f1\'b9\par}"
    assert plain_text(read(content)) == "ą¹\n"


def test_looks_are_of_their_group() -> None:
    one, two, three = _runs(rb"\pard\f1\fs20 a{\b\i\ul\cf1 b}c\par")
    assert (one.text, two.text, three.text) == ("a", "b", "c")
    assert (two.look.bold, two.look.italic, two.look.underline, two.look.colour) == (True, True, True, (192, 0, 0))
    assert one.look is three.look
    assert (one.look.family, one.look.size, one.look.bold) == ("Liberation Sans", 20, False)


def test_switches_end() -> None:
    assert [run.look.bold for run in _runs(rb"\b a\b0 b\b1 c\plain d\par")] == [True, False, True, False]


def test_paragraphs() -> None:
    one, two = _paragraphs(rb"\pard\qc\li100\ri200\fi-50\sb10\sa20\tx500\tqr\tx900 a\par\pard b\par")
    form = one.format
    assert (form.align, form.left, form.right, form.first, form.before, form.after) == ("c", 100, 200, -50, 10, 20)
    assert form.tabs == ((500, "l"), (900, "r"))
    assert (two.format.align, two.format.tabs) == ("l", ())


def test_the_last_paragraph_needs_no_end() -> None:
    assert _text(rb"a\par b") == "a\nb"
    assert _text(b"a\\\nb") == "a\nb"


def test_tables_are_rows_of_cells() -> None:
    (table,) = _document(rb"\trowd\cellx2000\cellx4000 a\intbl\cell b\par c\cell\row\pard").body
    assert isinstance(table, Table)
    assert [[len(cell.content) for cell in row.cells] for row in table.rows] == [[1, 2]]
    assert _text(rb"\trowd\cellx2000\cellx4000 a\intbl\cell b\cell\row\trowd\cellx2000 c\cell\row\pard d\par") == (
        "a\tb\nc\nd"
    )


def test_headers_and_footers_are_seen_on_every_page(tmp_path: Path) -> None:
    made, pages = _made(
        rb"{\header\pard\qr Navn\par}{\footer\pard side {\field{\*\fldinst PAGE}{\fldrslt 9}} av "
        rb"{\field{\*\fldinst { NUMPAGES  \\* MERGEFORMAT}}{\fldrslt 9}}\par}a\par\page b\par",
        tmp_path,
    )
    assert [sorted(word.text for word in page.words) for page in pages] == [
        ["1", "2", "Navn", "a", "av", "side"],
        ["2", "2", "Navn", "av", "b", "side"],
    ]
    assert made.text == "Navn\na\nb\nside  av \n"


def test_metadata_is_not_text() -> None:
    assert _text(rb"{\info{\title Hemmelig}}{\*\generator Epj;}{\*\bkmkstart a}x{\*\bkmkend a}\par") == "x"


def test_list_labels_are_text() -> None:
    item = rb"{\pntext\f2\'b7\tab}"
    assert _text(rb"\pard" + item + rb"\fi-360\li720 a\par" + item + rb"b\par") == "•\ta\n•\tb"


def test_links_are_text() -> None:
    assert _text(rb'se {\field{\*\fldinst{HYPERLINK "http://a.invalid/"}}{\fldrslt{\ul her}}}.\par') == "se her."


@pytest.mark.parametrize(
    ("body", "construct"),
    [
        (rb"{\deleted x}", r"\deleted"),
        (rb"{\revised x}", r"\revised"),
        (rb"{\v x}", r"\v"),
        (rb"{\scaps x}", r"\scaps"),
        (rb"{\object\objemb x}", r"\object"),
        (rb"{\*\annotation x}", r"\*\annotation"),
        (rb"{\footnote x}", r"\footnote"),
        (rb"{\*\shpinst x}", r"\*\shpinst"),
        (rb"\ls1 x", r"\ls"),
        (rb"\unknown x", "an unknown control word"),
        (rb"\parHemmelig x", "an unknown control word"),
        (rb"{\field{\*\fldinst DATE}{\fldrslt x}}", "a field"),
        (rb'{\field{\*\fldinst INCLUDETEXT "x"}{\fldrslt x}}', "a field"),
        (rb"{\f2 x}", "a symbol font"),
        (rb"{\f9 x}", "a font that is not in the font table"),
        (rb"{\cf9 x}", "a colour that is not in the colour table"),
        (rb"{\rtlch x}", "text from right to left"),
        (rb"\'81", "a byte that cp1252 has no character for"),
        (rb"{\fonttbl{\f7\fcharset255 Arial;}}\f7\'d5", "a byte that cp850 has no character for"),
        (rb"\u55357?x", "half a character"),
        (rb"\u9731?\par", "a character without a glyph in its font"),
        (rb"x\page y", r"\page within a paragraph"),
        (rb"x\par\sect y", r"\sect"),
        (rb"x\par\page", "a page break at the end"),
        (rb"x\par\paperw5000 y", r"\paperw within the text"),
        (rb"\trowd\cellx2000 a\intbl\cell b\cell\row", "a row whose cells are not as defined"),
        (rb"\trowd\cellx2000 a\intbl\cell", "a table row that does not end"),
        (rb"\trowd\clvmgf\cellx2000 a\intbl\cell\row", r"\clvmgf"),
        (rb"\pard\itap2 a\nestcell", "a table in a table"),
        (rb"\qc a\tab b\par", "a tab in a line that is not aligned left"),
        (rb"\tx9700 a\tab langt\par", "a tab after which not a word has room"),
        (rb"{\ul a\tab b}\par", "a tab that is underlined"),
        (rb"\tx90000 a", "a tab stop that is not proven"),
        (rb"{\pict\wmetafile8\picwgoal100\pichgoal100 00}", r"\wmetafile"),
        (rb"{\pict\pngblip\picwgoal100\pichgoal100 8950}", "a broken picture"),
        (rb"{\pict\pngblip\picwgoal100\pichgoal100 895}", "a picture whose bytes are not hexadecimal"),
        (rb"\bin3 abc", r"\bin outside a picture"),
        (b"x" * 3000, "a word that is longer than its line"),
        (rb"{\pntext 1.\tab}a\par", "a list whose labels are not all the same bullet"),
    ],
)
def test_what_is_not_proven_is_passed_on(body: bytes, construct: str, tmp_path: Path) -> None:
    with pytest.raises(PassedOn) as declined:
        _made(body, tmp_path)
    assert declined.value.construct == construct


def test_nothing_of_the_text_is_in_what_is_said(tmp_path: Path) -> None:
    with pytest.raises(PassedOn) as declined:
        _made(rb"{\field{\*\fldinst DATE Hemmelig}{\fldrslt Hemmelig}}", tmp_path)
    assert "Hemmelig" not in str(declined.value)


def test_no_text_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(PassedOn):
        _made(b"", tmp_path)


def test_styles_that_set_a_format_are_passed_on() -> None:
    head = _HEAD[: _HEAD.index(rb"\paperw")] + rb"{\stylesheet{\s0 Normal;}{\s1\qc\sbasedon0 Title;}{\s2\f1\b Head;}}"
    with pytest.raises(PassedOn):
        _document(rb"\pard\s1 x\par", head)
    (paragraph,) = _document(rb"\pard\s1\qc x\par", head).body
    assert isinstance(paragraph, Paragraph)
    (paragraph,) = _document(rb"\pard\s2 x\par", head).body
    assert isinstance(paragraph, Paragraph)
    assert not paragraph.end.bold  # RTF repeats a style's characters at the text


def _pieces(body: bytes) -> list[tuple[str, float]]:
    (paragraph,) = _paragraphs(body)
    return [(piece.kind, round(piece.width, 2)) for piece in pieces(paragraph, 495.3, 720)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rb"\pard\tx1000 a\tab b\par", [("box", 50.0), ("free", 0)]),
        (rb"\pard\tab b\par", [("gap", 36.0), ("free", 0)]),
        (rb"\pard\f3\fs20 abcdef\tab b\par", None),
        (rb"\pard\f3\fs20 abcde\tab b\par", [("box", 36.0), ("free", 0)]),
        (rb"\pard\li720\fi-720 a\tab b\par", [("box", 36.0), ("free", 0)]),
        (rb"\pard\fi360 a\par", [("gap", 18.0), ("free", 0)]),
        (rb"\pard\tx1000 a\line b\tab c\par", [("free", 0), ("line", 0), ("box", 50.0), ("free", 0)]),
    ],
)
def test_tabs(body: bytes, expected: list[tuple[str, float]] | None) -> None:
    if expected is None:  # 6 letters of 6 points end where the stop is
        with pytest.raises(PassedOn):
            _pieces(body)
    else:
        assert _pieces(body) == expected


def test_tabs_stand_where_they_should(tmp_path: Path) -> None:
    _, (page,) = _made(rb"\pard\f1\fs20\tx2000\tqr\tx5000\tqc\tx7000 a\tab b\tab right\tab mid\par", tmp_path)
    a, b, right, middle = page.words
    width = 3.33 + 2.22 + 5.56 + 5.56 + 2.78
    assert a.x == pytest.approx(50, abs=0.2)
    assert b.x == pytest.approx(150, abs=0.2)
    assert right.x + width == pytest.approx(300, abs=0.5)
    assert middle.x + (8.33 + 2.22 + 5.56) / 2 == pytest.approx(400, abs=1.5)


def test_spaces_are_kept(tmp_path: Path) -> None:
    _, (page,) = _made(rb"\pard\f3\fs20 a     b\par", tmp_path)
    a, b = page.words
    assert b.x - a.x == pytest.approx(36, abs=0.1)


def test_pictures_are_embedded(tmp_path: Path) -> None:
    target = io.BytesIO()
    Image.new("RGB", (20, 10), (200, 10, 10)).save(target, "PNG")
    data = binascii.hexlify(target.getvalue())
    body = rb"a {\pict\pngblip\picw20\pich10\picwgoal1440\pichgoal720 " + data + rb"} b\par"
    (paragraph,) = _paragraphs(body)
    (picture,) = [i for i in paragraph.inlines if isinstance(i, Picture)]
    assert (picture.kind, picture.width, picture.height, picture.data) == ("png", 1440, 720, target.getvalue())
    made, _ = _made(body, tmp_path)
    with pypdfium2.PdfDocument(made.pdf) as document:
        (image,) = document[0].get_objects(filter=(pypdfium2.raw.FPDF_PAGEOBJ_IMAGE,))
        left, bottom, right, top = image.get_bounds()
    assert right - left == pytest.approx(72, abs=0.1)
    assert top - bottom == pytest.approx(36, abs=0.1)


def test_the_same_bytes_give_the_same_pdf(tmp_path: Path) -> None:
    body = rb"{\header x \chpgn\par}\pard\b a\b0\tab b\par\trowd\cellx3000 c\intbl\cell\row\pard d\par"
    pdfs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        made, pages = _made(body, folder)
        assert _words(pages)
        pdfs.append(made.pdf.read_bytes())
    assert pdfs[0] == pdfs[1]


def test_marks() -> None:
    (paragraph,) = _paragraphs(rb"a\line b\tab\chpgn\par")
    assert [i.kind for i in paragraph.inlines if isinstance(i, Mark)] == ["line", "tab", "page"]


def test_page_breaks() -> None:
    assert [type(block) for block in _document(rb"a\par\page b\par").body] == [Paragraph, PageBreak, Paragraph]


def test_time_is_linear() -> None:
    assert len(_document(rb"{\b x}" * 50_000 + rb"\par").body) == 1
    assert len(_paragraphs(rb"\pard\f1 a\par " * 20_000)) == 20_000


_PIECES = st.sampled_from(
    [
        b"{",
        b"}",
        b"\\",
        rb"\par ",
        rb"\pard",
        rb"\b ",
        rb"\b0 ",
        rb"\tab ",
        rb"\'e5",
        rb"\'",
        rb"\u229?",
        rb"\u-1 ",
        rb"\f1 ",
        rb"\fs40 ",
        rb"\cf1 ",
        rb"\trowd",
        rb"\cellx2000",
        rb"\intbl",
        rb"\cell ",
        rb"\row ",
        rb"\qj ",
        rb"\li999 ",
        rb"{\header ",
        rb"{\footer ",
        rb"{\field{\*\fldinst PAGE}{\fldrslt 1}}",
        rb"{\pntext\f2\'b7\tab}",
        rb"\page ",
        rb"\tx900 ",
        rb"{\pict\pngblip ",
        rb"\bin5 ",
        rb"{\*\x ",
        b"tekst ",
        b"langt ord",
        rb"\sl360\slmult1 ",
        rb"\fi-400 ",
        rb"\uc0 ",
        rb"\line ",
    ]
)


def _never_crashes(content: bytes, folder: Path) -> None:
    source, out = folder / "hostile.rtf", folder / "hostile.pdf"
    source.write_bytes(content)
    try:
        made = rtf(source, out, Limits())
    except (PassedOn, DocumentProblem):
        return
    with pypdfium2.PdfDocument(made.pdf) as document:
        assert len(document) >= 1


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PIECES, max_size=40))
@example([])
def test_no_sequence_crashes(tmp_path: Path, parts: list[bytes]) -> None:
    _never_crashes(_HEAD + b"".join(parts) + b"}", tmp_path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
@example(b"")
def test_no_bytes_crash(tmp_path: Path, content: bytes) -> None:
    _never_crashes(rb"{\rtf1 " + content, tmp_path)
    _never_crashes(content, tmp_path)
