"""Values of PDF forms: on the page as a reader would see them, and in the text copy."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name

from archive.normalise import repair
from archive.normalise.annotations import canvas, forms
from archive.normalise.annotations.fielddrawing import style
from archive.normalise.annotations.fields import Field, plain_of_rich
from archive.normalise.contract import Limits, Made
from archive.normalise.pdf import pdf
from archive.normalise.text_of import text_of
from archive.reasons import Flag
from tests.pdfforms import appearance, drawn, form, inked, widget

LIMITS = Limits()
OPTIONS = Array([Array(["1", "Lav risiko"]), Array(["2", "Høy risiko"]), Array(["3", "Ukjent risiko"])])


def made(source: Path) -> Made:
    return pdf(source, source.with_name("out.pdf"), LIMITS)


def page(result: Made) -> str:
    """What stands on the pages, fields included."""
    return text_of(result.pdf, most_pages=10)[0]


def joined(text: str) -> str:
    return " ".join(text.split())


def test_a_value_that_nobody_drew_is_drawn_and_is_in_the_text(tmp_path: Path) -> None:
    result = made(form(tmp_path / "a.pdf", widget("Tx", V="Penicillinallergi")))
    assert "Penicillinallergi" in page(result)
    assert "Penicillinallergi" in (result.text or "")
    assert not result.flags


def test_lines_stay_lines_and_long_ones_are_wrapped(tmp_path: Path) -> None:
    value = "Første linje\rAndre linje er så lang at den må brytes minst en gang i dette feltet\r\nTredje"
    result = made(form(tmp_path / "a.pdf", widget("Tx", (100, 400, 300, 500), V=value, Ff=1 << 12)))
    lines = page(result).split("\n")
    assert "Første linje" in lines
    assert "Tredje" in lines
    assert joined(value) in joined(page(result))


def test_a_long_value_is_made_smaller_and_none_of_it_is_cut(tmp_path: Path) -> None:
    value = "Tablett Metoprolol depot 50 mg morgen og kveld, seponeres ved puls under 50 slag/min"
    result = made(form(tmp_path / "a.pdf", widget("Tx", V=value)))
    assert value in page(result)
    assert not inked(result.pdf, (302, 495, 590, 525))
    assert inked(result.pdf, (250, 500, 300, 520))
    hopeless = made(form(tmp_path / "b.pdf", widget("Tx", V=value * 40)))
    assert [n.code for n in hopeless.flags] == [Flag.FORM_VALUES_CHANGED]
    assert joined(value * 40) in joined(hopeless.text or "")


@pytest.mark.parametrize("value", ["Temp ≥ 38,5 °C → ring", "Łukasz Żółć", "α-blokker ½ × 10⁹", "日本語"])
def test_characters_outside_the_old_encodings_are_drawn_or_told(tmp_path: Path, value: str) -> None:
    result = made(form(tmp_path / "a.pdf", widget("Tx", V=value)))
    assert value in (result.text or "")
    assert "?" not in page(result)
    assert value in page(result) or Flag.GLYPHS_MISSING in [n.code for n in result.flags]


def test_a_good_appearance_stays_when_another_field_has_none(tmp_path: Path) -> None:
    def draw(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        content = "/Tx BMC BT /Helv 9 Tf 2 6 Td (Verdi) Tj ( en) Tj ET EMC"
        fields[0].AP = Dictionary(N=appearance(document, content))

    for needed in (False, True):
        first, second = widget("Tx", V="Verdi en"), widget("Tx", (100, 400, 300, 420), V="Verdi to")
        result = made(form(tmp_path / "a.pdf", first, second, needed=needed, change=draw))
        with pikepdf.open(result.pdf) as document:
            assert b"( en)" in document.pages[0].Annots[0].AP.N.read_bytes()
        assert "Verdi en" in page(result)
        assert "Verdi to" in page(result)
        assert not result.flags


def test_an_appearance_that_says_something_else_stays_and_the_value_is_told(tmp_path: Path) -> None:
    def draw(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        fields[0].AP = Dictionary(N=appearance(document, "BT /Helv 9 Tf 2 6 Td (Gammel) Tj ET"))

    result = made(form(tmp_path / "a.pdf", widget("Tx", V="Nyere verdi"), change=draw))
    assert "Gammel" in page(result)
    assert "Nyere verdi" not in page(result)
    assert {"Gammel", "Nyere"} <= set((result.text or "").split())
    assert [n.code for n in result.flags] == [Flag.FORM_VALUES_CHANGED]
    asked = made(form(tmp_path / "b.pdf", widget("Tx", V="Nyere verdi"), needed=True, change=draw))
    assert "Nyere verdi" in page(asked)
    assert "Gammel" not in page(asked)


def test_an_appearance_that_a_script_formatted_is_no_other_value(tmp_path: Path) -> None:
    def draw(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        fields[0].AP = Dictionary(N=appearance(document, "BT /Helv 9 Tf 2 6 Td (1 234,50) Tj ET"))
        fields[0].AA = Dictionary(F=Dictionary(S=Name.JavaScript, JS="AFNumber_Format(2)"))

    result = made(form(tmp_path / "a.pdf", widget("Tx", V="1234.5"), needed=True, change=draw))
    assert "1 234,50" in page(result)
    assert Flag.FORM_VALUES_CHANGED not in [n.code for n in result.flags]


def test_an_empty_appearance_and_one_that_its_box_cuts_are_drawn_anew(tmp_path: Path) -> None:
    value = "En verdi som er mye lengre enn feltet er bredt og derfor slutter utenfor"

    def draw(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        fields[0].AP = Dictionary(N=appearance(document, "/Tx BMC EMC"))
        fields[1].AP = Dictionary(N=appearance(document, f"BT /Helv 18 Tf 2 6 Td ({value}) Tj ET"))

    empty, cut = widget("Tx", V="Tom utseende"), widget("Tx", (100, 400, 300, 420), V=value)
    result = made(form(tmp_path / "a.pdf", empty, cut, change=draw))
    assert "Tom utseende" in page(result)
    with pikepdf.open(result.pdf) as document:
        assert b"/Helv 18" not in document.pages[0].Annots[1].AP.N.read_bytes()
    assert value in page(result)


def test_choices_show_their_words_and_which_are_chosen(tmp_path: Path) -> None:
    combo = widget("Ch", V="2", Opt=OPTIONS, Ff=1 << 17)
    several = widget("Ch", (100, 400, 300, 460), V=Array(["1", "3"]), Opt=OPTIONS, Ff=1 << 21)
    typed = widget("Ch", (100, 300, 300, 320), V="Fri verdi", Opt=OPTIONS, Ff=(1 << 17) | (1 << 18))
    result = made(form(tmp_path / "a.pdf", combo, several, typed))
    said = page(result)
    assert said.count("Høy risiko") == 2  # the drop-down's, and the list's entry that is not chosen
    assert "Fri verdi" in said
    picture = drawn(result.pdf)
    rows = [picture.getpixel((295, 842 - y)) for y in (453, 441, 429)]
    assert rows[0] == rows[2] != rows[1]
    assert "Lav risiko" in (result.text or "")


def test_entries_that_are_chosen_by_number_alone_and_those_stored_alike(tmp_path: Path) -> None:
    by_number = Field(widget("Ch", I=Array([1]), Opt=OPTIONS), None)
    alike = Field(widget("Ch", V="1", I=Array([1]), Opt=Array([Array(["1", "Ja"]), Array(["1", "Jo"])])), None)
    assert (by_number.shown, alike.shown) == (["Høy risiko"], ["Jo"])


def test_a_list_of_many_entries_shows_the_chosen_one(tmp_path: Path) -> None:
    many = Array([f"Valg nummer {i}" for i in range(200)])
    result = made(form(tmp_path / "a.pdf", widget("Ch", (100, 400, 300, 440), V="Valg nummer 150", Opt=many)))
    assert "Valg nummer 150" in page(result)
    assert inked(result.pdf, (100, 400, 300, 440))


def test_a_comb_has_a_character_a_cell_and_its_word_in_the_text(tmp_path: Path) -> None:
    result = made(form(tmp_path / "a.pdf", widget("Tx", V="01855012345", MaxLen=11, Ff=1 << 24)))
    assert "01855012345" in "".join(page(result).split())
    assert "01855012345" in (result.text or "").split()
    assert inked(result.pdf, (282, 500, 300, 520))


def test_a_password_is_stars_and_in_no_text(tmp_path: Path) -> None:
    result = made(form(tmp_path / "a.pdf", widget("Tx", V="hemmelig", Ff=1 << 13)))
    assert "hemmelig" not in page(result) + (result.text or "")
    assert "********" in page(result)


def test_rich_text_counts_where_there_is_no_plain_one_and_values_may_be_streams(tmp_path: Path) -> None:
    def stored(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        fields[1].V = document.make_stream("Fra en strøm".encode("utf-16"))

    rich = widget("Tx", RV="<body><p>Rik <b>tekst</b> &lt; 5</p></body>", Ff=1 << 25)
    result = made(form(tmp_path / "a.pdf", rich, widget("Tx", (100, 400, 300, 420)), change=stored))
    assert "Rik tekst < 5" in page(result)
    assert "Fra en strøm" in page(result)
    assert plain_of_rich("<body xmlns='x'><p>a</p>\n<p>b<br/>c</p></body>") == "a\nb\nc"


def test_attributes_come_from_the_field_above_and_its_widgets_stand_apart(tmp_path: Path) -> None:
    def apart(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        parent = document.make_indirect(
            Dictionary(FT=Name.Tx, T="navn", V="Ola Prøve", DA="/Cour 11 Tf 1 0 0 rg", Q=2, Kids=Array(fields))
        )
        for field in fields:
            for key in ("/FT", "/T", "/DA"):
                del field[key]
            field.Parent = parent
        document.Root.AcroForm.Fields = Array([parent])

    result = made(form(tmp_path / "a.pdf", widget("Tx"), widget("Tx", (100, 400, 300, 420)), change=apart))
    assert page(result).count("Ola Prøve") == 2
    assert not inked(result.pdf, (100, 500, 200, 520))
    assert inked(result.pdf, (240, 500, 300, 520))
    colours = drawn(result.pdf).crop((240, 322, 300, 342)).getcolors() or []
    assert any(r > 200 > g + b for _, (r, g, b) in colours)  # type: ignore[misc]


def test_without_any_form_dictionary_a_widget_is_drawn_still(tmp_path: Path) -> None:
    def without(document: pikepdf.Pdf, _: list[Dictionary]) -> None:
        del document.Root["/AcroForm"]

    assert "Løs verdi" in page(made(form(tmp_path / "a.pdf", widget("Tx", V="Løs verdi"), change=without)))


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_widget_is_drawn_turned(tmp_path: Path, turn: int) -> None:
    box = (100, 400, 120, 600) if turn != 180 else (100, 500, 300, 520)
    field = widget("Tx", box, V="Snudd", MK=Dictionary(R=turn))
    result = made(form(tmp_path / "a.pdf", field))
    ends = {90: (100, 400, 120, 450), 180: (250, 500, 300, 520), 270: (100, 550, 120, 600)}
    assert inked(result.pdf, ends[turn])
    others = {90: (100, 500, 120, 600), 180: (100, 500, 200, 520), 270: (100, 400, 120, 500)}
    assert not inked(result.pdf, others[turn])


def test_ticks_are_drawn_where_nothing_draws_them_and_told_in_the_text(tmp_path: Path) -> None:
    on = widget("Btn", (100, 500, 112, 512), V=Name.Ja, AS=Name.Ja, TU="Allergi", MK=Dictionary(CA="8"))
    off = widget("Btn", (100, 400, 112, 412), V=Name.Off, AS=Name.Off, TU="Røyker")
    result = made(form(tmp_path / "a.pdf", on, off))
    assert inked(result.pdf, (101, 501, 111, 511))
    assert not inked(result.pdf, (101, 401, 111, 411))
    assert "☑ Allergi" in (result.text or "")
    assert "Røyker" not in (result.text or "")


def test_a_radio_button_without_a_state_takes_that_of_its_field(tmp_path: Path) -> None:
    def radio(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        parent = document.make_indirect(
            Dictionary(FT=Name.Btn, Ff=1 << 15, T="svar", TU="Samtykker", V=Name("/nei"), Kids=Array(fields))
        )
        for name, field in zip(("/ja", "/nei"), fields, strict=True):
            for key in ("/FT", "/T"):
                del field[key]
            field.Parent = parent
            dot = appearance(document, "2 2 8 8 re f", 12, 12)
            field.AP = Dictionary(N=Dictionary({name: dot, "/Off": appearance(document, "", 12, 12)}))
        document.Root.AcroForm.Fields = Array([parent])

    boxes = (100, 500, 112, 512), (100, 400, 112, 412)
    result = made(form(tmp_path / "a.pdf", *(widget("Btn", box) for box in boxes), change=radio))
    assert not inked(result.pdf, boxes[0])
    assert inked(result.pdf, boxes[1])
    assert "☑ Samtykker: nei" in (result.text or "")
    assert "ja" not in (result.text or "").split()


def test_a_ticked_box_whose_one_appearance_is_empty_is_ticked(tmp_path: Path) -> None:
    def one(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        fields[0].AP = Dictionary(N=appearance(document, "", 12, 12))
        fields[1].AP = Dictionary(N=appearance(document, "2 2 8 8 re f", 12, 12))

    empty = widget("Btn", (100, 500, 112, 512), V=Name.Yes, AS=Name.N, MK=Dictionary(CA="8"))
    drawn_ = widget("Btn", (100, 400, 112, 412), V=Name.Yes, AS=Name.N)
    result = made(form(tmp_path / "a.pdf", empty, drawn_, change=one))
    with pikepdf.open(result.pdf) as document:
        repair.appearances(document)
        document.save(tmp_path / "repaired.pdf")
    assert inked(tmp_path / "repaired.pdf", (100, 500, 112, 512))
    assert inked(tmp_path / "repaired.pdf", (100, 400, 112, 412))
    assert "☑ felt" in (result.text or "")


def test_a_ticked_box_without_a_value_is_told_by_its_state(tmp_path: Path) -> None:
    def two(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        on, off = appearance(document, "2 2 8 8 re f", 12, 12), appearance(document, "", 12, 12)
        fields[0].AP = Dictionary(N=Dictionary(Ja=on, Off=off))

    result = made(form(tmp_path / "a.pdf", widget("Btn", (100, 500, 112, 512), AS=Name.Ja), change=two))
    assert inked(result.pdf, (100, 500, 112, 512))
    assert "☑ felt" in (result.text or "")
    assert not result.flags


def test_names_in_the_letters_of_old_programs_are_no_damage(tmp_path: Path) -> None:
    def old(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        for field in fields:
            on, off = appearance(document, "2 2 8 8 re f", 12, 12), appearance(document, "", 12, 12)
            field.AP = Dictionary(N=Dictionary({"/P0slatt": on, "/Off": off}))
        document.pages[0].obj.Resources.Font["/P0slatt"] = document.pages[0].obj.Resources.Font.F

    boxes = (100, 500, 112, 512), (100, 400, 112, 412)
    fields = widget("Btn", boxes[0], V=Name("/P0slatt"), AS=Name.Off), widget("Btn", boxes[1], V=Name("/P0slatt"))
    source = form(tmp_path / "a.pdf", *fields, needed=True, change=old)
    with pikepdf.open(source, allow_overwriting_input=True) as document:
        document.save(source, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    source.write_bytes(source.read_bytes().replace(b"/P0slatt", b"/P\xe5slatt"))
    result = made(source)
    assert all(inked(result.pdf, box) for box in boxes)
    assert "☑ felt: Påslatt" in (result.text or "")


def test_a_box_that_shows_another_state_than_its_value_is_told(tmp_path: Path) -> None:
    def both(document: pikepdf.Pdf, fields: list[Dictionary]) -> None:
        fields[0].AP = Dictionary(N=Dictionary(Ja=appearance(document, "2 2 8 8 re f", 12, 12)))

    box = (100, 500, 112, 512)
    field = widget("Btn", box, V=Name.Ja, AS=Name.Off)
    result = made(form(tmp_path / "a.pdf", field, change=both))
    assert [n.code for n in result.flags] == [Flag.FORM_VALUES_CHANGED]
    assert not inked(result.pdf, box)
    assert inked(
        made(form(tmp_path / "b.pdf", widget("Btn", box, V=Name.Ja, AS=Name.Off), needed=True, change=both)).pdf, box
    )


def test_a_push_button_keeps_its_caption_with_ground_and_border(tmp_path: Path) -> None:
    look = Dictionary(CA="Skriv ut", BG=Array([0.8]), BC=Array([1, 0, 0]))
    result = made(form(tmp_path / "a.pdf", widget("Btn", Ff=1 << 16, MK=look)))
    assert "Skriv ut" in page(result)
    assert drawn(result.pdf).getpixel((290, 332)) == (204, 204, 204)
    assert drawn(result.pdf).getpixel((200, 341)) == (255, 0, 0)


@pytest.mark.parametrize("flags", [2, 32, 2 | 4])
def test_a_hidden_value_is_in_the_text_and_told_but_not_shown(tmp_path: Path, flags: int) -> None:
    result = made(form(tmp_path / "a.pdf", widget("Tx", V="Skjult verdi", F=flags)))
    assert "Skjult verdi" in (result.text or "")
    assert Flag.HIDDEN_TEXT in [n.code for n in result.flags]
    assert not inked(result.pdf, (100, 500, 300, 520))


def test_a_value_for_paper_alone_is_shown(tmp_path: Path) -> None:
    result = made(form(tmp_path / "a.pdf", widget("Tx", V="Bare utskrift", F=32 | 4)))
    assert inked(result.pdf, (100, 500, 300, 520))
    with pikepdf.open(result.pdf) as document:
        assert int(document.pages[0].Annots[0].F) == 4


def test_values_without_a_place_on_a_page_are_in_the_text_and_told(tmp_path: Path) -> None:
    def more(document: pikepdf.Pdf, _: list[Dictionary]) -> None:
        document.Root.AcroForm.Fields.append(document.make_indirect(Dictionary(FT=Name.Tx, T="x", V="Uten plass")))

    result = made(form(tmp_path / "a.pdf", widget("Tx", (100, 500, 100, 500), V="Null bredde"), change=more))
    assert "Uten plass" in (result.text or "")
    assert "Null bredde" in (result.text or "")
    assert Flag.FORM_VALUES_CHANGED in [n.code for n in result.flags]


def test_the_same_form_gives_the_same_bytes(tmp_path: Path) -> None:
    source = form(tmp_path / "a.pdf", widget("Tx", (100, 400, 300, 500), V="Linje\rLinje to ≥", Ff=1 << 12))
    first = made(source).pdf.read_bytes()
    assert made(source).pdf.read_bytes() == first


@given(st.text(max_size=80))
def test_any_default_appearance_gives_a_style(text: str) -> None:
    found = style(text)
    assert 0 <= found.size <= 1000
    assert all(0 <= c <= 1 for c in found.colour)


def test_default_appearances() -> None:
    assert style("/TiBI 11.5 Tf 0 1 0 rg") == style("0 1 0 rg /TiBI 11.5 Tf")
    found = style("0 0 0 1 k /CoBo -9 Tf")
    assert (found.family, found.bold, found.italic, found.size, found.colour) == ("mono", True, False, 9, (0, 0, 0))
    assert style("").family == "sans"


BROKEN = (Name.Wrong, Array([1, Name.Wrong]), Dictionary(), 2**62, True)


@pytest.mark.parametrize(
    "key", ["/V", "/Ff", "/Opt", "/MK", "/BS", "/Border", "/DA", "/MaxLen", "/I", "/Q", "/AP", "/AS"]
)
def test_a_broken_attribute_breaks_nothing(tmp_path: Path, key: str) -> None:
    for kind in ("Tx", "Ch", "Btn"):
        fields = []
        for value in BROKEN:
            field = widget(kind, V="verdi", Opt=OPTIONS)
            field[key] = value
            fields.append(field)
        with pikepdf.open(form(tmp_path / "a.pdf", *fields)) as document:
            forms.draw_values(document)
            canvas.paints(document.pages[0].Annots[0].get("/AP"))
