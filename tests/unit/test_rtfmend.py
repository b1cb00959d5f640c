"""RTF written so that LibreOffice shows all of it: the file's end, labels, forms, drawn words, headers, tables."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.normalise.rtfmend import mended
from archive.normalise.rtftables import mended_tables
from archive.rereading.rtfwords import rtf_text

HEAD = rb"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}{\f1 Courier;}}{\colortbl;\red255\green0\blue0;}\f0 "


@pytest.mark.parametrize(
    "content",
    [
        HEAD + rb"En note.\par}",
        HEAD + b"En note.\\par}\r\n\0\0\x1a ",
        HEAD + b"En note.\\par}\x00\x05\x01 gammel plate ab",
        HEAD + b"En note.\\par} }",
        HEAD + rb"En \} note \{ \\ slutt.\par}",
        HEAD + b"Bilde {\\pict\\pngblip\\bin7 }}}{{{}} slutt}",
        HEAD + rb"\trowd\cellx100\cellx200\intbl A\cell B\cell\row\pard bak\par}",
        HEAD + rb"\trowd\cellx100\pard\intbl A\cell{\trowd\clftsWidth3\cellx100\row}\trowd\cellx100\row\pard\par}",
        HEAD + rb"\trowd\cellx900\intbl{\itap2 I\nestcell{\*\nesttableprops\trowd\cellx80\nestrow}}y\cell\row}",
        HEAD + rb"{\header topp\par}Tekst\par}",
        HEAD + rb"{\header topp\par}{\field{\*\fldinst PAGE}{\fldrslt 1}}}",
        b"",
        b"}}}}",
        b"uten klammer",
    ],
)
def test_what_is_whole_stays_as_it_is(content: bytes) -> None:
    assert mended(content) is content or mended(content) == content


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (b"} Plan: kontroll\\par}", "En Plan: kontroll"),
        (b"}}}  og to\\par }", "En og to"),
        (b"} Linje en\r\nlinje to", "En Linje en linje to"),
        (b"} {\\b fet} tekst", "En fet tekst"),
        (b"\\par}\r\n{\\rtf1\\deff1{\\fonttbl{\\f1 Arial;}}To\\par}\n{\\rtf1 Tre}", "En To Tre"),
        (b"}\0{\\rtf1 To}  Hale \\b tre}", "En To Hale tre"),
    ],
)
def test_what_stands_behind_the_end_belongs_to_the_document(behind: bytes, said: str) -> None:
    made = mended(HEAD + b"En" + behind)
    assert " ".join(rtf_text(made).split()) == said
    depth = 0
    for brace in re.findall(rb"(?<!\\)[{}]", made):
        depth += 1 if brace == b"{" else -1
    assert depth == 0
    assert made.count(b"{\\rtf") == 1


def test_a_second_document_keeps_its_own_fonts_colours_and_default() -> None:
    second = rb"{\rtf1\deff1{\fonttbl{\f1 Times;}}{\colortbl;\red0\green0\blue9;}\plain\f1\cf1 To \\f1 {\cf0 x}\ls2 "
    second += rb"\bin3 \f1 {\pict\bin4 \f1 }}"
    made = mended(HEAD + b"En}" + second)
    assert b"{\\f100001 Times;}" in made
    assert b"\\plain\\f100001 \\f100001\\cf3 To \\\\f1 {\\cf0 x}\\ls100002 " in made
    assert b"{\\pict\\bin4 \\f1 }" in made


def test_many_braces_too_many_are_no_document() -> None:
    content = HEAD + b"}" * 100_000 + b"tekst"
    assert mended(content) == content


def test_labels_of_lists_are_those_that_were_stored() -> None:
    lists = rb"{\*\listtable{\list{\listlevel{\leveltext\'02\'00.;}}\listid1}}"
    lists += rb"{\*\listoverridetable{\listoverride\listid1\ls1}}"
    made = mended(
        HEAD[:-4]
        + lists
        + rb"\f0{\listtext\plain 7.\tab}\ls1\ilvl0 sju\par{\pntext 8.\tab}{\*\pn\pndec{\pntxta .}}aatte\par}"
    )
    assert b"listtable" not in made
    assert b"\\pn" not in made
    assert b"\\ls0\\ilvl0 sju" in made
    assert " ".join(rtf_text(made).split()) == "7. sju 8. aatte"


def test_numbers_that_no_paragraph_stores_are_left_to_be_counted() -> None:
    content = HEAD + rb"\pard{\*\pn\pnlvlbody\pndec{\pntxta .}}en\par\ls1 to\par}"
    assert mended(content) == content


def test_a_form_field_at_its_default_says_so() -> None:
    made = mended(
        HEAD + rb"{\*\formfield{\fftype2\ffres25{\*\ffname D}\ffdefres1{\*\ffl Ja}{\*\ffl Nei}}}"
        rb"{\*\formfield{\fftype1\ffres25}}{\*\formfield{\fftype1\ffres25\ffdefres0}}}"
    )
    assert re.findall(rb"\\ffres\d+", made) == [b"\\ffres1", b"\\ffres25", b"\\ffres0"]


def test_drawn_words_stand_before_their_drawing() -> None:
    shape = rb"{\shp{\*\shpinst{\sp{\sn shapeType}{\sv 136}}{\sp{\sn gtextUNICODE}{\sv UTKAST}}}}"
    made = mended(HEAD + b"foran" + shape + rb"bak{\*\shppict{\pict 00}}\par}")
    assert b"foran{ UTKAST }" + shape + b"bak" in made


def test_a_document_of_nothing_but_a_header_gets_a_page() -> None:
    made = mended(HEAD + rb"{\header Epikrise\par}{\*\generator x;}}")
    assert made.endswith(rb"{\*\generator x;}\pard\plain\par}")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (rb"\trowd\cellx900\intbl A\cell B\cell C\cell\row\pard bak\par", [3]),
        (rb"\trowd\cellx900\cellx990\intbl A\cell B\row\pard bak\par", [2]),
        (rb"\trowd\cellx900\cellx990\intbl A\cell\pard\intbl B", [2]),
        (rb"\trowd\cellx900\intbl A\cell", [1]),
        (rb"AAA \cell BBB \cell CCC\cell ", [3]),
        (rb"\trowd\cellx900\intbl A\cell\row\intbl B\cell C\par", [1, 2]),
    ],
)
def test_rows_get_the_cells_they_lack(table: bytes, said: list[int]) -> None:
    made = mended_tables(HEAD + table + b"}")
    rows = made.split(b"\\row")[:-1]
    assert [row.count(b"\\cell") - row.count(b"\\cellx") for row in rows] == said
    assert [row[row.rindex(b"\\trowd") :].count(b"\\cellx") for row in rows] >= said
    assert rtf_text(made).split() == rtf_text(HEAD + table + b"}").split()


def test_definitions_of_an_inner_row_are_not_those_of_the_outer_one() -> None:
    inner = rb"{\itap2 I\nestcell J\nestcell{\*\nesttableprops\trowd\cellx80\cellx90\nestrow}}"
    made = mended_tables(HEAD + rb"\trowd\cellx8000\intbl " + inner + rb"A\cell B\cell\row\pard bak\par}")
    assert rb"\trowd\cellx8000\cellx" in made


@pytest.mark.parametrize(
    "table",
    [
        rb"\trowd\cellx8000\intbl\itap2 Indre en\nestcell Indre to\nestcell\nestrow\itap1 ytre\cell\row\pard bak\par",
        rb"\pard\intbl\itap2 Indre en\nestcell Indre to\nestcell{\*\nesttableprops\trowd\cellx10\cellx20\nestrow}"
        rb"{\nonesttables\par}\pard ytre bak\par",
    ],
)
def test_inner_tables_that_cannot_be_set_right_become_lines(table: bytes) -> None:
    made = mended_tables(HEAD + table + b"}")
    assert not re.search(rb"\\(?:nest|cell|row|trowd|intbl|itap)", made)
    assert rtf_text(made).split() == ["Indre", "en", "Indre", "to", "ytre", "bak"]


PIECES = st.sampled_from(
    [
        *(b"{", b"}", b"{", b"}", b"ord", b" ord ", b"\\par ", b"\\cell ", b"\\row ", b"\\trowd\\cellx50 "),
        *(b"\\nestcell ", b"\\nestrow ", b"{\\*\\nesttableprops ", b"{\\listtext 1.}", b"{\\pntext 2.}", b"\\ls1 "),
        *(b"\\bin3 ", b"{\\header ", b"{\\rtf1 ", b"\\ffres25", b"\\ffdefres1", b"\\pard\\intbl ", b"\\itap2 "),
        *(b"{\\shp{\\sp{\\sn gtextUNICODE}{\\sv X}}}", b"\\\\", b"\\}"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_no_word_is_lost_by_mending(body: bytes) -> None:
    content = HEAD + body + b"}"
    made = mended(content)
    assert re.search(rb"(?<!\\)\\[a-z]+ord", made) is None  # no text has become part of a control word
    before, after = content.count(b"ord"), made.count(b"ord")
    assert after == before
    assert mended(made).count(b"ord") == before


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\r\n ", b"\xef\xbb\xbf\n\t", b"\0"])
def test_what_stands_before_the_document_goes(before: bytes) -> None:
    assert mended(before + HEAD + b"a}") == HEAD + b"a}"


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (rb'{\*\fldinst INCLUDEPICTURE "C:\\bilder\\x y.png" \\d}{\fldrslt }', b"C:/bilder/x y.png"),
        (rb"{\*\fldinst { INCLUDEPICTURE  x.png }}{\fldrslt}", b"x.png"),
        (rb"{\*\fldinst INCLUDEPICTURE x.png}{\fldrslt {\pict 00}}", None),
    ],
)
def test_a_picture_that_is_elsewhere_is_named(field: bytes, said: bytes | None) -> None:
    field = rb"{\field" + field + b"}"
    shown = field if said is None else b"{[Bilde er ikke i kopien: " + said + b"]}"
    assert mended(HEAD + field + b"}") == HEAD + shown + b"}"


def test_formulas_become_text() -> None:
    formula = rb"{\mmath{\*\moMathPara{\*\moMath{\mr BMI=}"
    formula += rb"{\mf{\mfPr{\mctrlPr\b}}{\mnum{\mr 92}}{\mden{\mr 1,80}{\msSup{\me{\mr x}}{\msup{\mr 2}}}}}}}}"
    made = mended(HEAD + formula + b"}")
    assert re.sub(rb"[{}]|\\\*?\\?m[a-zA-Z]+", b"", made.rpartition(b"\\f0 ")[2]) == b"BMI=92 / 1,80x^2"
