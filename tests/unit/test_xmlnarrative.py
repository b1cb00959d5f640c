"""Running text with markup: what the source does to its words is on the page and in the text copy."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.normalise import xmlgrid
from archive.normalise.contract import Limits, Made
from archive.normalise.jsonrecord import tree
from archive.normalise.listmarks import Numbering
from archive.normalise.richtext import plain, shifted, words
from archive.normalise.xmlfiles import Files
from archive.normalise.xmlrecord import page, plain_text, xmlrecord
from archive.normalise.xmltree import XHTML, Node, parse

CDA = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<component><structuredBody><component><section><title>Funn</title><text>{}</text>{}</section></component></structuredBody>
</component></ClinicalDocument>"""
FHIR = """<Observation xmlns="http://hl7.org/fhir"><text><status value="generated"/>
<div xmlns="http://www.w3.org/1999/xhtml">{}</div></text></Observation>"""
KITH = """<Dialogmelding xmlns="http://www.kith.no/xmlstds/dialog/2006-10-11"><Notat><TekstNotatInnhold>
<div xmlns="http://www.w3.org/1999/xhtml">{}</div></TekstNotatInnhold></Notat></Dialogmelding>"""


def made(tmp_path: Path, content: str) -> Made:
    source, out = tmp_path / "source", tmp_path / "out.pdf"
    source.write_text(content, encoding="utf-8")
    out.unlink(missing_ok=True)
    return xmlrecord(source, out, Limits())


def text(content: str) -> str:
    """The text copy, without setting the page."""
    return plain_text(page(parse(content.encode()).root, Files()))


@pytest.mark.parametrize("frame", [CDA, FHIR, KITH])
def test_a_raised_digit_is_no_digit_of_the_number(tmp_path: Path, frame: str) -> None:
    tag = "paragraph" if frame is CDA else "p"
    body = "Leuk 10,2 x 10<sup>9</sup>/l, 10<sup>-3</sup> mol, 10<sup>1,5</sup>, CO<sub>2</sub> og log<sub>10</sub>5"
    result = made(tmp_path, frame.format(f"<{tag}>{body}</{tag}>", ""))
    said = "Leuk 10,2 x 10⁹/l, 10⁻³ mol, 10^(1,5), CO₂ og log₁₀5"
    assert said in (result.text or "").split("\n")
    with pypdfium2.PdfDocument(result.pdf) as document:
        assert said in document[0].get_textpage().get_text_range()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<p>a <s>b</s> c</p>", "a [strøket: b] c"),
        ("<p>a <strike>b</strike>, <del>c <b>d</b></del></p>", "a [strøket: b], [strøket: c d]"),
        ("<p>a<ins> b</ins></p>", "a [satt inn: b]"),
        ("<p><del>50 mg</del><ins>25 mg</ins></p>", "[strøket: 50 mg][satt inn: 25 mg]"),
        ('<p>a <span style="text-decoration: line-through">b</span></p>', "a [strøket: b]"),
        ('<p>a <span style="display:none">b</span></p>', "a [skjult i kilden: b]"),
        ("<del><p>hele avsnittet</p></del>", "[strøket: hele avsnittet]"),
        ("<p>a<br/>b</p>", "a\nb"),
        ("<p>  a \n b  <i> c </i>d</p>", "a b c d"),
        ("<pre>a   b\n  c</pre>", "a   b\n  c"),
        ('<p><a href="http://x.y/z">her</a></p>', "her [http://x.y/z]"),
        ('<p><input type="checkbox" checked="checked"/>Ja <input type="checkbox"/>Nei</p>', "☑ Ja ☐ Nei"),
        ('<p><input type="radio"/>Ja <input type="radio" checked=""/>Nei</p>', "○ Ja ◉ Nei"),
        ('<p><input value="12 mg"/></p>', "[12 mg]"),
        ("<p><select><option>a</option><option selected='x'>b</option></select></p>", "☐ a ☑ b"),
        ("<p>sa <q>nei</q></p>", "sa «nei»"),
        ("<dl><dt>Navn</dt><dd>Verdi</dd></dl>", "Navn\n  Verdi"),
        ('<ol><li>a</li><li value="5">b</li><li>c</li></ol>', "1. a\n5. b\n6. c"),
        ('<ol start="4" type="i"><li>a</li></ol>', "iv. a"),
        ('<ol reversed=""><li>a</li><li>b</li></ol>', "2. a\n1. b"),
        ("<ol><li>a<ul><li>b</li></ul></li><li>c<p>mer</p></li></ol>", "1. a\n  • b\n2. c\n  mer"),
        ("<ol><li><ol><li>b</li></ol></li><li/></ol>", "1.\n  1. b\n2."),
    ],
)
def test_markup_of_xhtml_is_told(body: str, said: str) -> None:
    assert f"\n{said}\n" in text(KITH.format(body))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<content revised="delete">a</content><content revised="insert">b</content>', "[strøket: a][satt inn: b]"),
        ('<content styleCode="xStrikethrough">a</content>', "[strøket: a]"),
        ('<list listType="ordered"><caption>T</caption><item>a</item><item>b</item></list>', "T\n1. a\n2. b"),
        ('<list listType="ordered" styleCode="LittleAlpha"><item>a</item></list>', "a. a"),
        ('<list styleCode="Square"><item>a</item></list>', "▪ a"),
        ('se<footnoteRef IDREF="f"/> og<footnote ID="g">y</footnote> <footnote ID="f">x</footnote>',
         "se [fotnote 2] og [Fotnote 1: y] [Fotnote 2: x]"),
    ],
)  # fmt: skip
def test_markup_of_cda_is_told(body: str, said: str) -> None:
    assert f"\n{said}\n" in text(CDA.format(body, ""))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        # a power of several figures, whose separators Unicode cannot raise
        (KITH.format("<p>2<sup>74,207,281</sup>-1</p>"), "2^(74,207,281)-1"),
        # a code for style that nobody knows must not cost the table it stands on
        (CDA.format('<table styleCode="xBorderBottom"><tr><td><content styleCode="xLabel xSecondary">To</content><br/>'
                    '<content styleCode="xSecondary">Kol</content></td><td>b</td></tr></table>', ""), "To Kol\tb"),
        # an element within words, in a cell of a vocabulary of its own
        ('<x xmlns="urn:x"><rad>Snitt<ledd>uvektet</ledd></rad></x>', "Snitt [Ledd: uvektet]"),
        # elements of HTML that close themselves
        (FHIR.format('<table><tr><td><div/><span title="UNK">Onbekend</span></td></tr></table>'), "Onbekend"),
    ],
)  # fmt: skip
def test_what_others_lost(content: str, said: str) -> None:
    """Shapes of bug reports on programs that do the same."""
    assert f"\n{said}\n" in text(content)


@pytest.mark.parametrize("div", ["<div xmlns='http://www.w3.org/1999/xhtml'>{}</div>", "<div>{}</div>"])
def test_a_narrative_in_json_may_name_characters_and_lack_its_namespace(div: str) -> None:
    body = div.format("<p>Merke &trade; &amp; 10<sup>9</sup></p><ol><li>a</li></ol>")
    root = tree([("resourceType", "Patient"), ("text", [("status", "generated"), ("div", body)])])
    assert "\nMerke ™ & 10⁹\n1. a\n" in plain_text(page(root, Files()))


def test_a_picture_of_a_narrative_is_named_as_the_file_that_it_became(tmp_path: Path) -> None:
    entry = """<entry><observationMedia ID="M1"><value mediaType="image/gif" representation="B64" xsi:type="ED">
    R0lGODlhAQABAAAAACw=</value></observationMedia></entry>"""
    text = CDA.format('<renderMultiMedia referencedObject="M1"><caption>EKG</caption></renderMultiMedia>', entry)
    result = made(tmp_path, text)
    assert "EKG [Bilde: M1, Vedlegg 1: Funn.gif (GIF-bilde, 14 byte)]" in (result.text or "")
    assert len(result.parts) == 1


def test_what_spans_rows_keeps_columns_in_their_place(tmp_path: Path) -> None:
    body = """<table><thead><tr><th rowspan="2">Prøve</th><th colspan="2">Verdi</th></tr>
    <tr><th>Før</th><th>Etter</th></tr></thead><tbody>
    <tr><td rowspan="9">Hb</td><td>9,1</td><td>13,2</td></tr><tr><td>1</td><td>2</td></tr></tbody>
    <tbody><tr><td>a</td><td>b<table><tr><td>c</td><td>d</td></tr></table></td></tr></tbody>
    <tfoot><tr><td colspan="3">Fot</td></tr></tfoot></table>"""
    result = made(tmp_path, CDA.format(body, ""))
    said = "Prøve\tVerdi\n\tFør\tEtter\nHb\t9,1\t13,2\n\t1\t2\na\tb c | d\nFot\n"
    assert said in (result.text or "")
    with pypdfium2.PdfDocument(result.pdf) as document:
        sheet = document[0].get_textpage()

        def left(what: str) -> float:
            at = sheet.search(what).get_next()
            assert at is not None
            return float(sheet.get_charbox(at[0])[0])

        assert left("9,1") == pytest.approx(left("Før"), abs=2)
        assert left("13,2") == pytest.approx(left("Etter"), abs=2)
        assert left("Hb") < left("9,1") < left("13,2")


def test_a_cell_keeps_what_is_done_to_its_words() -> None:
    body = "<table><tr><td>10<sup>9</sup></td><td><s>ja</s></td><td><ol><li>a</li><li>b</li></ol></td></tr></table>"
    assert "\n10⁹\t[strøket: ja]\t1. a 2. b\n" in text(KITH.format(body))


def test_raised_signs() -> None:
    assert shifted("9", up=True) == "⁹"
    assert shifted(" -3 ", up=True) == " ⁻³ "
    assert shifted("2+", up=False) == "₂₊"
    assert shifted("st", up=True) is None
    assert shifted("1.5", up=False) == "_(1.5)"
    assert plain(words([("12", frozenset()), ("a", frozenset({"sup"}))])) == "12^a"
    assert plain(words([("C", frozenset()), ("max", frozenset({"sub"}))])) == "Cmax"
    assert words([("a", frozenset()), ("b", frozenset({"bold"}))]) == ["a", ["b", "bold"]]


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (1, "a", "a."),
        (27, "a", "aa."),
        (702, "A", "ZZ."),
        (1994, "I", "MCMXCIV."),
        (4000, "i", "4000."),
        (0, "a", "0."),
    ],
)
def test_marks_of_lists(number: int, kind: str, said: str) -> None:
    node = Node("ol", XHTML, {"start": str(number), "type": kind})
    assert Numbering(node).next(Node("li", XHTML, {})) == said


TREE = st.recursive(
    st.sampled_from(["ord", " ", "9", "\n"]),
    lambda inner: st.tuples(
        st.sampled_from(["p", "ol", "li", "table", "tr", "td", "th", "tbody", "sup", "s", "pre", "caption", "br"]),
        st.sampled_from(["", " colspan='2'", " rowspan='3'", " rowspan='0'", " colspan='999999999'"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=25,
)


def written(tree: object) -> str:
    if isinstance(tree, tuple):
        name, attribute, inner = tree
        return f"<{name}{attribute}>{''.join(map(written, inner))}</{name}>"
    return str(tree)


@given(st.lists(TREE, min_size=1, max_size=4))
def test_any_markup_keeps_all_its_words(trees: list[object]) -> None:
    body = "".join(map(written, trees))
    assert text(KITH.format(body)).count("ord") == body.count("ord")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TREE, min_size=1, max_size=4))
def test_any_markup_is_a_page(tmp_path: Path, trees: list[object]) -> None:
    made(tmp_path, KITH.format("".join(map(written, trees))))


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=5), max_size=6))
def test_no_two_cells_of_a_grid_share_a_place(rows: list[list[tuple[int, int]]]) -> None:
    cells = [
        "".join(f"<td colspan='{w}' rowspan='{h}'>{n}-{m}</td>" for m, (w, h) in enumerate(row))
        for n, row in enumerate(rows)
    ]
    root = parse(f"<table>{''.join(f'<tr>{c}</tr>' for c in cells)}</table>".encode()).root
    grid = xmlgrid.read(root, lambda node: node.text)
    places = [(c["x"] + i, c["y"] + j) for c in grid.cells for i in range(c["w"]) for j in range(c["h"])]
    assert len(places) == len(set(places))
    assert len(grid.cells) == sum(map(len, rows))
    assert all(x < grid.columns and y < len(rows) for x, y in places)
