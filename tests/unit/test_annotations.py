"""Annotations of PDFs: seen on the page, and their words on it and in the text copy."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from archive.normalise import repair
from archive.normalise.annotations import canvas, marks
from archive.normalise.annotations.beside import has, merged
from archive.normalise.contract import Limits, Made
from archive.normalise.pdf import pdf
from archive.normalise.text_of import text_of
from archive.reasons import Flag
from tests.pdfforms import annotation, appearance, drawn, form, inked

LIMITS = Limits()
BOX = (100, 500, 300, 540)
QUADS = Array([72, 714, 150, 714, 72, 698, 150, 698])
SHAPES = {
    "Ink": {"InkList": Array([Array([110, 510, 200, 530, 290, 510])])},
    "Line": {"L": Array([110, 510, 290, 530]), "LE": Array([Name.OpenArrow, Name.Circle])},
    "Square": {"IC": Array([0.9, 0.9, 0.5])},
    "Circle": {"C": Array([0, 0.4, 0])},
    "Polygon": {"Vertices": Array([110, 510, 200, 535, 290, 510])},
    "PolyLine": {"Vertices": Array([110, 510, 200, 535, 290, 510])},
    "Stamp": {"Name": Name.NotApproved},
    "Text": {},
    "Caret": {},
    "Redact": {},
    "FileAttachment": {},
}


def made(source: Path) -> Made:
    return pdf(source, source.with_name("out.pdf"), LIMITS)


def page(result: Made) -> str:
    return text_of(result.pdf, most_pages=10)[0]


def codes(result: Made) -> list[Flag]:
    return [n.code for n in result.flags]


@pytest.mark.parametrize("kind", SHAPES)
def test_what_has_no_appearance_is_drawn(tmp_path: Path, kind: str) -> None:
    result = made(form(tmp_path / "a.pdf", annotation(kind, BOX, **SHAPES[kind])))
    assert inked(result.pdf, BOX)
    assert Flag.ANNOTATIONS_MISSING not in codes(result)


@pytest.mark.parametrize("kind", ["Highlight", "Underline", "StrikeOut", "Squiggly"])
def test_marks_lie_over_the_words_they_mean(tmp_path: Path, kind: str) -> None:
    plain = made(form(tmp_path / "a.pdf"))
    before = drawn(plain.pdf).crop((72, 128, 150, 144))
    result = made(form(tmp_path / "b.pdf", annotation(kind, (72, 698, 150, 714), QuadPoints=QUADS, C=Array([1, 0, 0]))))
    after = drawn(result.pdf).crop((72, 128, 150, 144))
    assert list(before.get_flattened_data()) != list(after.get_flattened_data())
    dark = [i for i, p in enumerate(before.get_flattened_data()) if sum(p) < 60]
    assert dark
    pixels = list(after.get_flattened_data())
    # The words under a highlighter stay black.
    assert kind != "Highlight" or all(sum(pixels[i]) < 80 for i in dark)


def test_quadrilaterals_counter_clockwise_are_the_same(tmp_path: Path) -> None:
    usual = annotation("Highlight", QuadPoints=Array([72, 714, 150, 714, 72, 698, 150, 698]))
    standard = annotation("Highlight", QuadPoints=Array([72, 714, 150, 714, 150, 698, 72, 698]))
    without = annotation("Highlight", (72, 698, 150, 714))
    found = [marks.picture(a) for a in (usual, standard, without)]
    assert found[0] == found[1] == found[2]
    assert found[0] is not None


@pytest.mark.parametrize("box", [(-32768, -32768, 32768, 32768), (72, 698, 150, 714)])
def test_a_mark_that_was_emptied_marks_nothing(tmp_path: Path, box: tuple[float, float, float, float]) -> None:
    plain = made(form(tmp_path / "a.pdf"))
    emptied = annotation("Highlight", box, QuadPoints=Array([]))
    result = made(form(tmp_path / "b.pdf", emptied))
    assert drawn(result.pdf).tobytes() == drawn(plain.pdf).tobytes()
    assert not result.flags


def test_what_is_half_transparent_hides_no_words(tmp_path: Path) -> None:
    area = annotation("Square", (60, 690, 200, 720), IC=Array([1, 0, 0]), C=Array([1, 0, 0]), CA=0.3)
    result = made(form(tmp_path / "a.pdf", area))
    pixels = drawn(result.pdf).crop((65, 125, 195, 150))
    assert pixels.getpixel((120, 20)) in ((255, 178, 178), (255, 179, 179))
    assert min(sum(p) for p in pixels.get_flattened_data()) < 200


def test_text_on_the_page_is_drawn_with_its_lines_and_style(tmp_path: Path) -> None:
    text = "CAVE: penicillin\rTemp ≥ 38 → ring"
    note = annotation("FreeText", BOX, Contents=text, DA="/Helv 9 Tf 1 0 0 rg", C=Array([1, 1, 0.8]))
    result = made(form(tmp_path / "a.pdf", note))
    assert {"CAVE: penicillin", "Temp ≥ 38 → ring"} <= set(page(result).split("\n"))
    assert not result.flags
    assert drawn(result.pdf).getpixel((290, 335)) == (255, 255, 204)
    with pikepdf.open(result.pdf) as document:
        assert len(document.pages) == 1


def test_rich_words_count_where_there_are_no_plain_ones(tmp_path: Path) -> None:
    rich = "<body xmlns='http://www.w3.org/1999/xhtml'><p>Rik <i>fritekst</i></p></body>"
    assert "Rik fritekst" in page(made(form(tmp_path / "a.pdf", annotation("FreeText", BOX, RC=rich))))


def test_words_of_comments_are_on_pages_of_their_own_and_in_the_text(tmp_path: Path) -> None:
    def answer(document: pikepdf.Pdf, made: list[Dictionary]) -> None:
        made[1].IRT = made[0]

    notes = [
        annotation("Text", T="Lege A", Contents="Ring pårørende"),
        annotation("Text", T="Sykepleier B", Contents="Er ringt kl. 12"),
        annotation("Highlight", (72, 698, 150, 714), QuadPoints=QUADS, Contents="Dette er feil"),
        annotation("Popup", Contents="Ring pårørende"),
    ]
    result = made(form(tmp_path / "a.pdf", *notes, change=answer))
    with pikepdf.open(result.pdf) as document:
        assert len(document.pages) == 2
    last = page(result).split("\f")[1]
    for words in ("Lege A", "Ring pårørende", "Sykepleier B", "Er ringt kl. 12", "Dette er feil"):
        assert words in last
        assert words in (result.text or "")
    assert not result.flags


def test_what_is_drawn_is_neither_stretched_nor_cut_by_the_rectangle(tmp_path: Path) -> None:
    note = annotation("Text", (100, 400, 300, 600), Contents="")
    pen = annotation("Ink", (400, 400, 420, 420), InkList=Array([Array([400, 200, 400, 300])]))
    result = made(form(tmp_path / "a.pdf", note, pen))
    assert inked(result.pdf, (100, 582, 118, 600))
    assert not inked(result.pdf, (120, 400, 300, 600))
    assert inked(result.pdf, (395, 220, 405, 290))
    assert not inked(result.pdf, (390, 310, 430, 430))


def test_a_mark_that_repeats_the_words_under_it_is_no_comment(tmp_path: Path) -> None:
    mark = annotation("Highlight", QuadPoints=QUADS, Contents="Skjema")
    result = made(form(tmp_path / "a.pdf", mark))
    with pikepdf.open(result.pdf) as document:
        assert len(document.pages) == 1


def test_a_popup_of_an_old_program_may_hold_the_words_itself(tmp_path: Path) -> None:
    def belongs(document: pikepdf.Pdf, made: list[Dictionary]) -> None:
        made[1].Parent = made[0]

    note, popup = annotation("Text"), annotation("Popup", Contents="Bare i vinduet")
    assert "Bare i vinduet" in page(made(form(tmp_path / "a.pdf", note, popup, change=belongs)))


def test_hidden_comments_are_in_the_text_alone_and_told(tmp_path: Path) -> None:
    result = made(form(tmp_path / "a.pdf", annotation("FreeText", BOX, Contents="Skjult merknad", F=2)))
    assert "Skjult merknad" in (result.text or "")
    assert "Skjult merknad" not in page(result)
    assert codes(result) == [Flag.HIDDEN_TEXT]


def test_an_appearance_stays_as_it_is_and_its_words_are_in_the_text(tmp_path: Path) -> None:
    def draw(document: pikepdf.Pdf, made: list[Dictionary]) -> None:
        made[0].AP = Dictionary(N=appearance(document, "BT /Helv 9 Tf 2 6 Td (MOTTATT 12.03) Tj ET", 200, 40))
        made[1].AP = Dictionary(N=appearance(document, "", 200, 40))

    stamp, ink = annotation("Stamp", BOX), annotation("Ink", (100, 400, 300, 440), **SHAPES["Ink"])
    result = made(form(tmp_path / "a.pdf", stamp, ink, change=draw))
    with pikepdf.open(result.pdf) as document:
        assert b"MOTTATT" in document.pages[0].Annots[0].AP.N.read_bytes()
    assert "MOTTATT 12.03" in page(result)
    assert inked(result.pdf, (100, 505, 300, 540))  # the empty appearance of a pen stroke is drawn as it should be


def test_the_picture_of_a_film_stays_where_the_film_goes(tmp_path: Path) -> None:
    def draw(document: pikepdf.Pdf, made: list[Dictionary]) -> None:
        made[0].AP = Dictionary(N=appearance(document, "10 10 100 20 re f", 200, 40))

    result = made(form(tmp_path / "a.pdf", annotation("Screen", BOX), annotation("Sound", BOX), change=draw))
    assert inked(result.pdf, BOX)
    assert Flag.ACTIVE_CONTENT_REMOVED in codes(result)
    with pikepdf.open(result.pdf) as document:
        assert {str(a.Subtype) for a in document.pages[0].Annots} == {"/Stamp"}


def test_a_kind_nobody_can_draw_is_told(tmp_path: Path) -> None:
    result = made(form(tmp_path / "a.pdf", annotation("Watermark"), annotation("Ink"), annotation("Projection")))
    notes = {n.code: n.detail for n in result.flags}
    assert notes[Flag.ANNOTATIONS_MISSING].startswith("3 ")


def test_what_shows_and_says_nothing_is_not_lost(tmp_path: Path) -> None:
    def draw(document: pikepdf.Pdf, made: list[Dictionary]) -> None:
        for one in made[1:]:
            one.AP = Dictionary(N=appearance(document, "q Q"))

    border = Dictionary(W=0)
    empty = [annotation("FreeText", BS=border), annotation("FreeText", BS=border), annotation("Ink")]
    assert not made(form(tmp_path / "a.pdf", *empty, change=draw)).flags


def test_flags_are_those_that_pdfa_allows(tmp_path: Path) -> None:
    result = made(form(tmp_path / "a.pdf", annotation("Square", F=1 | 256 | 128), annotation("Square", F=0)))
    with pikepdf.open(result.pdf) as document:
        assert [int(a.F) for a in document.pages[0].Annots] == [132, 4]
        repair.appearances(document)


BROKEN = (Name.Wrong, Array([1, Name.Wrong]), Array([Array(), 5]), Dictionary(), 2**62, True, "tekst")
KEYS = (
    *(
        "/QuadPoints",
        "/InkList",
        "/L",
        "/LE",
        "/Vertices",
        "/C",
        "/IC",
        "/BS",
        "/Border",
        "/RD",
        "/CL",
        "/DA",
        "/DS",
        "/RC",
    ),
    *("/Contents", "/Name", "/T", "/Rect", "/AP", "/F", "/Cap", "/Popup", "/Parent"),
)


@pytest.mark.parametrize("key", KEYS)
def test_a_broken_attribute_breaks_nothing(tmp_path: Path, key: str) -> None:
    found = []
    for kind in ("FreeText", "Highlight", "Ink", "Line", "Square", "PolyLine", "Stamp", "Text"):
        for value in BROKEN:
            one = annotation(kind, BOX, **SHAPES.get(kind, {}), Contents="Innhold")
            one[key] = value
            found.append(one)
    assert made(form(tmp_path / "a.pdf", *found)).pdf.is_file()


def test_words_beside_a_page_are_added_once_and_only_where_they_lack() -> None:
    assert merged(["Side en", "Side to"], [["Side en", "Ny\rlinje", "Ny\rlinje"], []]) == [
        "Side en\nNy\rlinje",
        "Side to",
    ]
    assert merged(["a"], [["a"], ["b"]]) == ["a\na"]
    assert has("over to\nlinjer", "to linjer")
    assert not has("forhøyet", "høyet")


def test_colours_are_rgb() -> None:
    assert canvas.colour(Array([0.5])) == (0.5, 0.5, 0.5)
    assert canvas.colour(Array([0, 1, 1, 0])) == (1, 0, 0)
    assert canvas.colour(Array([])) is None
    assert canvas.rgb([2, -1, 0.5]) == (1, 0, 0.5)
