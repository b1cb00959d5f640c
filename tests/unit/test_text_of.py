from __future__ import annotations

from pathlib import Path

import pytest

from archive.normalise.text_of import PAGE_BREAK, clean, text_of, words
from archive.reasons import DocumentProblem, Reason
from tests.documents import pdf


def test_pages_are_parted_and_counted(tmp_path: Path) -> None:
    text, pages = text_of(pdf(tmp_path / "a.pdf", pages=3, text="Blodprøve æøå"), most_pages=3)
    assert pages == 3
    assert text.split(PAGE_BREAK) == ["Blodprøve æøå 1", "Blodprøve æøå 2", "Blodprøve æøå 3"]


def test_too_many_pages_and_no_pdf(tmp_path: Path) -> None:
    with pytest.raises(DocumentProblem) as caught:
        text_of(pdf(tmp_path / "a.pdf", pages=3), most_pages=2)
    assert caught.value.reason is Reason.RESOURCE_LIMIT
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(DocumentProblem) as caught:
        text_of(tmp_path / "b.pdf", most_pages=2)
    assert caught.value.reason is Reason.CORRUPT


def test_clean_leaves_lines_tabs_and_letters_and_joins_hyphenated_words() -> None:
    assert clean("a\r\nb\rc\td\0\x07\x85e\ufeff\ud800") == "a\nb\nc\tde"
    assert clean("brystkreft\x02\r\noperert sam\ufffemen") == "brystkreftoperert sammen"


def test_words_are_compared_without_case() -> None:
    assert words(" Ola  NORDMANN\n") == ["ola", "nordmann"]
