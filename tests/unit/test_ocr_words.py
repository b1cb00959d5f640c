from __future__ import annotations

import contextlib
import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.ocr.words import LEAST_CONFIDENCE, Line, PageWords, Word, read_hocr

HEAD = b"<?xml version='1.0' encoding='UTF-8'?>\n<html xmlns='http://www.w3.org/1999/xhtml'><body>"


def hocr(*lines: tuple[str, list[tuple[str, str]]]) -> bytes:
    """An hOCR page of paragraphs of one line each: the line's properties, and its words with theirs."""
    body = "".join(
        f'<p class="ocr_par"><span class="ocr_line" title="{facts}">'
        + "".join(f'<span class="ocrx_word" title="{f}">{html.escape(text)}</span> ' for text, f in words)
        + "</span></p>"
        for facts, words in lines
    )
    return HEAD + f"<div class='ocr_page'>{body}</div></body></html>".encode("utf-8", "surrogatepass")


UPRIGHT = "bbox 10 20 200 60; baseline 0.01 -8; x_size 36; x_descenders 8; x_ascenders 9"


def test_words_come_with_their_places() -> None:
    page = read_hocr(
        hocr((UPRIGHT, [("høy", "bbox 10 20 90 60; x_wconf 96"), ("feber", "bbox 100 20 200 60; x_wconf 60")])), 300, 99
    )
    (line,) = page.lines
    assert line.words == (Word("høy", 10, 20, 90, 60, 96), Word("feber", 100, 20, 200, 60, 60))
    assert (line.angle, line.slope, line.height, line.descent) == (0, 0.01, 36, 8)
    assert line.base + line.slope * 10 == pytest.approx(60 - 8)
    assert (page.count, page.confidence, page.text()) == (2, 78, "høy feber")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", "bbox 1 2 3 4; x_wconf 90"),
        ("  ", "bbox 1 2 3 4; x_wconf 90"),
        ("ord", f"bbox 1 2 3 4; x_wconf {LEAST_CONFIDENCE - 1}"),
        ("ord", "bbox 1 2 3 4"),
        ("ord", "x_wconf 90"),
        ("ord", "bbox 3 2 3 4; x_wconf 90"),
        ("ord", "bbox 301 2 400 4; x_wconf 90"),
        ("ord", "bbox a b c d; x_wconf 90"),
        ("ord", "bbox 1 2 nan 4; x_wconf 90"),
        ("ord", "bbox 1 2 inf 4; x_wconf 90"),
    ],
)
def test_what_cannot_be_a_word_is_left_out(text: str, facts: str) -> None:
    assert read_hocr(hocr((UPRIGHT, [(text, facts)])), 300, 99).lines == ()


def test_a_line_on_its_side_keeps_its_angle() -> None:
    page = read_hocr(
        hocr(("bbox 0 0 50 99; textangle 90; x_size 42", [("ord", "bbox 0 0 40 99; x_wconf 90")])), 300, 99
    )
    assert [line.angle for line in page.lines] == [90]


def test_a_word_parted_at_a_line_end_is_joined() -> None:
    def line(*texts: str, first: bool = False) -> Line:
        return Line(tuple(Word(t, 0, 0, 9, 9, 90) for t in texts), 0, 9.0, 0.0, 9.0, 2.0, first)

    page = PageWords(
        9, 9, (line("ny", "under-", first=True), line("søkelse", "6-"), line("8", "uker"), line("Nord-"), line("Norge"))
    )
    assert page.text() == "ny undersøkelse 6-\n8 uker\nNord-\nNorge"
    assert PageWords(9, 9, (line("a", first=True), line("b", first=True))).text() == "a\n\nb"


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))),
            st.integers(-5, 400),
            st.integers(-5, 400),
            st.integers(-5, 400),
            st.integers(-5, 400),
            st.integers(-10, 110),
        ),
        max_size=6,
    )
)
def test_words_are_within_the_picture_and_survive_packing(
    found: list[tuple[str, int, int, int, int, int]],
) -> None:
    facts = [(text, f"bbox {a} {b} {c} {d}; x_wconf {sure}") for text, a, b, c, d, sure in found]
    page = read_hocr(hocr((UPRIGHT, facts)), 300, 200)
    for line in page.lines:
        for word in line.words:
            assert 0 <= word.left < word.right <= 300
            assert 0 <= word.top < word.bottom <= 200
            assert LEAST_CONFIDENCE <= word.confidence <= 100
            assert word.text == "".join(word.text.split()) != ""
    assert page.count <= len(found)
    assert PageWords.unpack(page.pack()) == page
    assert page.pack() == PageWords.unpack(page.pack()).pack()


@given(st.binary(max_size=200), st.text(max_size=40))
def test_anything_else_is_no_hocr_or_has_no_words(content: bytes, title: str) -> None:
    for tried in (content, HEAD + content + b"</body></html>"):
        with contextlib.suppress(ValueError):
            assert read_hocr(tried, 300, 200).lines == ()
    printable = "".join(c for c in title if c.isprintable())
    read_hocr(hocr((html.escape(printable), [("ord", html.escape(printable))])), 300, 200)
