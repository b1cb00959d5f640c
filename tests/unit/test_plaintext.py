from __future__ import annotations

import re
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.normalise.contract import Limits, Made
from archive.normalise.plaintext import expanded, plaintext, width, wrapped
from archive.reasons import DocumentProblem, Flag, Reason


def made(tmp_path: Path, content: bytes) -> Made:
    source = tmp_path / "source"
    source.write_bytes(content)
    out = tmp_path / "out.pdf"
    out.unlink(missing_ok=True)
    return plaintext(source, out, Limits())


def pages(pdf: Path) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


def start_of(pdf: Path, word: str) -> float:
    """Where a word starts on the first page, in points from the left."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0].get_textpage()
        found = page.search(word).get_next()
        assert found is not None
        return float(page.get_charbox(found[0], loose=True)[0])


def squashed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_columns_and_words_are_kept(tmp_path: Path) -> None:
    result = made(tmp_path, "Prøve\tSvar\r\nHb\t14,2\r\n\r\n   innrykk\r\n".encode("cp850"))
    assert result.text == "Prøve\tSvar\nHb\t14,2\n\n   innrykk\n"
    (page,) = pages(result.pdf)
    assert [line.split() for line in page.split("\n") if line.strip()] == [
        ["Prøve", "Svar"],
        ["Hb", "14,2"],
        ["innrykk"],
    ]
    assert start_of(result.pdf, "Svar") == pytest.approx(start_of(result.pdf, "14,2"))
    assert start_of(result.pdf, "innrykk") > start_of(result.pdf, "Hb")
    assert not result.flags


def test_the_same_bytes_give_the_same_pdf(tmp_path: Path) -> None:
    first = made(tmp_path, b"notat").pdf.read_bytes()
    assert made(tmp_path, b"notat").pdf.read_bytes() == first


@pytest.mark.parametrize("line", ["Åg", "x  " * 28, "x  y" * 24, "a  b " * 26, "a  b " * 30, "a  b " * 34])
def test_pages_are_full_and_nothing_more(tmp_path: Path, line: str) -> None:
    def count(lines: int) -> int:
        with pypdfium2.PdfDocument(made(tmp_path, "\n".join([line] * lines).encode()).pdf) as document:
            return len(document)

    full = next(n for n in range(40, 90) if count(n) > 1) - 1
    assert count(4 * full) == 4


def test_form_feeds_are_pages(tmp_path: Path) -> None:
    result = made(tmp_path, b"side en\f\nside to\f")
    texts = pages(result.pdf)
    assert len(texts) == 2
    assert "side to" in texts[1]


def test_control_characters_become_visible(tmp_path: Path) -> None:
    result = made(tmp_path, b"f\x07r \x1b[1K etter\x7f og \x00 null" + b"x" * 200)
    shown = squashed(pages(result.pdf)[0])
    assert "f‹U+0007›r‹U+001B›[1Ketter‹U+007F›og‹U+0000›null" in shown
    assert result.text is not None
    assert result.text.startswith("f‹U+0007›r ‹U+001B›[1K etter‹U+007F› og   null")
    assert [f.code for f in result.flags] == [Flag.DECODED_LENIENTLY]


@pytest.mark.parametrize("text", ["Takk \U0001fae8 for hjelpen", "\U00012000\U00012001" * 40])
def test_characters_without_font_are_numbered_and_flagged(tmp_path: Path, text: str) -> None:
    result = made(tmp_path, text.encode())
    odd = next(c for c in text if ord(c) > 0xFFFF)
    assert f"‹U+{ord(odd):X}›" in squashed(pages(result.pdf)[0])
    assert result.text == text
    assert [f.code for f in result.flags] == [Flag.GLYPHS_MISSING]


def test_markup_is_only_text(tmp_path: Path) -> None:
    text = '#read("/etc/passwd") $x^2$ *fet* `kode` @ref <label> \\u{41} #import "@preview/a:1.0.0"'
    assert squashed(text) in squashed("".join(pages(made(tmp_path, text.encode()).pdf)))


def test_long_lines_lose_nothing(tmp_path: Path) -> None:
    text = "x" * 500 + " " + "ord " * 100 + "\n" + "    innrykket " + "lang " * 60
    assert squashed(text) == squashed(
        "".join(re.sub(r"Side \d+ av \d+", "", p) for p in pages(made(tmp_path, text.encode()).pdf))
    )


def test_wide_tables_get_a_wide_page(tmp_path: Path) -> None:
    rows = "\n".join("kolonne   " * 14 for _ in range(5))
    with pypdfium2.PdfDocument(made(tmp_path, rows.encode()).pdf) as document:
        assert document[0].get_width() > document[0].get_height()


def test_guessed_encoding_is_flagged(tmp_path: Path) -> None:
    (flag,) = made(tmp_path, b"ab \x9b\xb0 cd").flags
    assert flag.code is Flag.ENCODING_GUESSED


def test_blank_is_empty(tmp_path: Path) -> None:
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, b" \r\n\f\x1a")
    assert problem.value.reason is Reason.EMPTY


def test_too_many_pages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"linje\n" * 1000)
    with pytest.raises(DocumentProblem) as problem:
        plaintext(source, tmp_path / "out.pdf", Limits(pages=5))
    assert problem.value.reason is Reason.RESOURCE_LIMIT


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=120).map(lambda s: s.replace("\n", " "))


@settings(max_examples=200, deadline=None)
@given(line=LINES, columns=st.integers(4, 40))
def test_wrapping_keeps_every_character(line: str, columns: int) -> None:
    pieces = wrapped(line, columns)
    assert squashed("".join(pieces)) == squashed(line)
    assert all(width(p) <= columns + 1 for p in pieces)  # the space a line is broken after may stand outside


@given(st.text(st.sampled_from("ab\tå"), max_size=30))
def test_tabs_end_on_every_eighth_column(line: str) -> None:
    shown = expanded(line)
    assert "\t" not in shown
    if line.endswith("\t"):
        assert len(shown) % 8 == 0


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("\x1b[1mCave:\x1b[0m \x1b[31;4mpenicillin\x1b[m", "Cave: penicillin"),
        ("C\bCa\bav\bve\be", "Cave"),
        ("x\bx\bx _\bC_\ba_\bv\bv_\be C\b_a\b_ _\b_", "x Cave Ca _"),
    ],
)
def test_marks_for_bold_and_colour_are_no_text(tmp_path: Path, content: str, shown: str) -> None:
    result = made(tmp_path, content.encode())
    assert result.text == shown
    assert shown in pages(result.pdf)[0]
    assert [f.code for f in result.flags] == [Flag.DECODED_LENIENTLY]


def test_other_escapes_stay_visible(tmp_path: Path) -> None:
    result = made(tmp_path, b"a\x1b[2Jb\x1bEc\bd")
    assert "a\u2039U+001B\u203a[2Jb\u2039U+001B\u203aEc\u2039U+0008\u203ad" in pages(result.pdf)[0]


def test_box_drawing_is_drawn_from_dos_pages(tmp_path: Path) -> None:
    frame = "┌──┬─┐\n│Pr│ø│\n└──┴─┘░▒▓█▀▄\n╔═╗║╚╝\n"
    result = made(tmp_path, (frame + "Pas. ber om \u00e5 f\u00e5 time p\u00e5 m\u00f8te").encode("cp850"))
    drawn = squashed("".join(pages(result.pdf)))
    assert squashed(frame) in drawn
    assert not result.flags


@pytest.mark.parametrize(
    "encoding", ["cp1252", "cp850", "cp865", "iso8859-1", "iso8859-15", "utf-8", "utf-8-sig", "utf-16"]
)
@settings(max_examples=25, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(
            ["\u00e5", "p\u00e5", "\u00f8ye", "n\u00e5r", "s\u00e6rlig", "120/80", "\u00d8re", "CRP", "h\u00f8yre"]
        ),
        min_size=5,
    )
)
def test_norwegian_is_kept_in_every_encoding(
    tmp_path_factory: pytest.TempPathFactory, encoding: str, words: list[str]
) -> None:
    text = " ".join(words) + " for \u00f8yet p\u00e5 s\u00e6rlig vis"
    result = made(tmp_path_factory.mktemp("text"), text.encode(encoding))
    assert result.text == text
    assert squashed(text) in squashed("".join(pages(result.pdf)).replace("\ufffe", "-"))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_page_or_empty(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try:
        result = made(tmp_path_factory.mktemp("text"), content)
    except DocumentProblem as problem:
        assert problem.reason is Reason.EMPTY
        return
    assert pages(result.pdf)
