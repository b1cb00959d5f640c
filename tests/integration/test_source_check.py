"""A copy that does not say what its source says is tried on the next route, or gets pages that show what is missing."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from archive.normalise import annex, routes
from archive.normalise.contract import Limits, Made, Normalised, Outcome, Rejected
from archive.normalise.ladder import Normaliser
from archive.normalise.text_of import text_of
from archive.normalise.typeset import typeset
from archive.reasons import DocumentProblem, Flag, Reason
from tests.documents import docx, jobs, rtf, run

NOTE = "Dose 50 mg daglig, temp 38,5 og CAVE penicillin"


def page(text: str) -> Callable[[Path, Path, Limits], Made]:
    """A route whose page says something else than its source."""

    def route(source: Path, out: Path, limits: Limits) -> Made:
        typeset("plain", {"title": "x", "size": 10, "landscape": False, "pages": [text]}, out)
        return Made(out, ("2a", "2u", "2b"), text=text)

    return route


def normalised(normaliser: Normaliser, folder: Path, **files: bytes) -> dict[str, Outcome]:
    return normaliser.normalise(jobs(folder, **files), folder / "out")


def route_says(monkeypatch: pytest.MonkeyPatch, text: str, name: str = "rtf") -> None:
    load = routes.load
    monkeypatch.setattr(routes, "load", lambda asked: page(text) if asked == name else load(asked))


@pytest.mark.parametrize(
    "said",
    [NOTE.replace("50 ", ""), NOTE.replace("38,5", "385"), NOTE.replace("CAVE ", ""), ""],
    ids=["number lost", "comma lost", "word lost", "blank"],
)
def test_a_copy_that_says_less_is_made_by_the_next_route(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    route_says(monkeypatch, said)
    made = normalised(normaliser, tmp_path, a_rtf=rtf(NOTE))["a_rtf"]
    assert isinstance(made, Normalised)
    assert made.route == "libreoffice"
    assert ("rtf", "incomplete") in [(a.route, a.outcome) for a in made.attempts]
    assert made.flags == ()
    assert NOTE in made.text.read_text("utf-8")


def test_where_the_next_route_fails_the_copy_gets_an_annex(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    route_says(monkeypatch, "Dose 50 mg")

    def fails(*_: object) -> Made:
        raise DocumentProblem(Reason.CONVERSION_FAILED)

    monkeypatch.setattr(routes, "from_office", fails)
    made = normalised(normaliser, tmp_path, a_rtf=rtf(NOTE))["a_rtf"]
    assert isinstance(made, Normalised)
    assert (made.route, made.page_count) == ("rtf+annex", 2)
    assert made.verdict is not None and made.verdict.passed
    shown, pages = text_of(made.pdf, most_pages=9)
    for text in (shown, made.text.read_text("utf-8")):
        assert annex.TITLE in text and NOTE in text
    assert pages == 2
    told = {f.code: f.detail for f in made.flags}
    assert set(told) == {Flag.WORDS_MISSING, Flag.NUMBERS_CHANGED, Flag.TEXT_ANNEXED}
    assert told[Flag.NUMBERS_CHANGED].startswith("1 of ")


def test_a_blank_copy_without_an_annex_is_refused(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    route_says(monkeypatch, "", "xmlrecord")

    def fails(*_: object) -> str:
        raise DocumentProblem(Reason.CONVERSION_FAILED)

    monkeypatch.setattr("archive.normalise.copies.annexed", fails)
    made = normalised(normaliser, tmp_path, a_xml=b"<?xml version='1.0'?><note><text>CAVE penicillin</text></note>")
    assert isinstance(made["a_xml"], Rejected)
    assert made["a_xml"].reason is Reason.CONVERSION_FAILED


def test_the_text_copy_is_held_against_the_source_too(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def route(source: Path, out: Path, limits: Limits) -> Made:
        page(NOTE)(source, out, limits)
        return Made(out, ("2a", "2u", "2b"), text=NOTE.replace("50", "500"))

    load = routes.load
    monkeypatch.setattr(routes, "load", lambda asked: route if asked == "rtf" else load(asked))
    made = normalised(normaliser, tmp_path, a_rtf=rtf(NOTE))["a_rtf"]
    assert isinstance(made, Normalised)
    assert [f.code for f in made.flags] == [Flag.NUMBERS_CHANGED]


def test_what_the_annex_shows_of_a_tagged_copy_is_valid(tmp_path: Path, normaliser: Normaliser) -> None:
    inner = f"<w:p>{run('Reagerer på penicillin ≥ 2 g')}</w:p>"
    for _ in range(60):
        inner = f"<w:tbl><w:tr><w:tc>{inner}<w:p/></w:tc></w:tr></w:tbl>"
    made = normalised(normaliser, tmp_path, a_docx=docx(f"{run('Notat')}</w:p>{inner}<w:p>{run('Slutt')}"))["a_docx"]
    assert isinstance(made, Normalised)
    assert made.route == "libreoffice+annex"
    assert made.verdict is not None and made.verdict.passed
    assert "≥ 2 g" in made.text.read_text("utf-8")


def test_a_sound_copy_is_told_nothing_of(tmp_path: Path, normaliser: Normaliser) -> None:
    files = {
        "a_rtf": rtf(NOTE),
        "b_docx": docx(run(NOTE)),
        "c_txt": NOTE.encode(),
        "d_html": f"<meta charset=utf-8><p>{NOTE} 10<sup>9</sup>".encode(),
        "e_xml": f"<?xml version='1.0'?><note a='ja'><text>{NOTE}</text></note>".encode(),
        "f_json": b'{"tekst": "CAVE", "tall": 1.5}',
        "g_eml": f"Subject: CAVE\r\nFrom: a@b.no\r\n\r\n{NOTE}\r\n".encode(),
    }
    for name, outcome in normalised(normaliser, tmp_path, **files).items():
        assert isinstance(outcome, Normalised), (name, outcome)
        told = {f.code for f in outcome.flags} - {Flag.RAISED_AS_DIGITS, Flag.ENCODING_GUESSED}
        assert not told, (name, outcome.flags)
        assert "annex" not in outcome.route


def test_a_picture_that_is_on_no_page_is_told(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [Image.new("1", (200, 300), 1) for _ in range(3)]
    data = io.BytesIO()
    frames[0].save(data, "TIFF", save_all=True, append_images=frames[1:])
    whole = normalised(normaliser, tmp_path, a_tif=data.getvalue())["a_tif"]
    assert isinstance(whole, Normalised)
    assert Flag.PAGES_MISSING not in {f.code for f in whole.flags}
    route_says(monkeypatch, "", "image")
    (tmp_path / "less").mkdir()
    less = normalised(normaliser, tmp_path / "less", a_tif=data.getvalue())["a_tif"]
    assert isinstance(less, Normalised)
    assert {f.code: f.detail for f in less.flags}[Flag.PAGES_MISSING] == "1 of 3."
