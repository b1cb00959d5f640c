"""Values of records that are documents themselves, and XML that is not quite as it should be."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from archive.normalise.contract import Limits, Made
from archive.normalise.jsonrecord import jsonrecord
from archive.normalise.xmlrecord import xmlrecord
from archive.normalise.xmltree import parse
from archive.normalise.xmlvalues import shown
from archive.reasons import DocumentProblem, Flag

RTF = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Pasienten f\'f8ler seg bedre.\par Kontroll om en uke.\par}"
HTML = "Pasienten er <b>utskrevet</b> med 10<sup>9</sup> &aring; <br>reiste hjem."


def made(tmp_path: Path, content: str, kind: str = "xml") -> Made:
    source = tmp_path / "source"
    source.write_text(content, encoding="utf-8")
    return (xmlrecord if kind == "xml" else jsonrecord)(source, tmp_path / "out.pdf", Limits())


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("xml", '<journal xmlns="urn:x"><notat><tekst>{}</tekst></notat></journal>'),
        ("xml", '<journal><notat tekst="{}" nr="1"/></journal>'),
        ("xml", '<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><Beskr>{}</Beskr></MsgHead>'),
        ("json", '{{"notat": {{"tekst": {}}}}}'),
        ("json", '{{"resourceType": "Observation", "note": [{{"text": {}}}]}}'),
    ],
)
def test_rtf_and_html_within_a_record_are_the_text_that_they_are(tmp_path: Path, kind: str, frame: str) -> None:
    said = {}
    for value in (RTF, HTML):
        content = frame.format(escaped(value) if kind == "xml" else json.dumps(value))
        said[value] = made(tmp_path, content, kind).text or ""
    assert "Pasienten føler seg bedre.\nKontroll om en uke." in said[RTF]
    assert "fonttbl" not in said[RTF]
    assert "Pasienten er utskrevet med 10⁹ å\nreiste hjem." in said[HTML]
    assert "<b>" not in said[HTML]


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_a_coded_file_and_rich_rtf_within_a_record_are_files_beside_it(tmp_path: Path, kind: str) -> None:
    pdf = b"%PDF-1.3\n" + b"x" * 30
    rich = r"{\rtf1 Seponert: {\strike Marevan} 10{\super 9}}"
    values = [base64.b64encode(pdf).decode(), pdf.hex(), rich]
    xml = "<a>" + "".join(f"<b>{v}</b>" for v in values) + "</a>"
    result = made(tmp_path, xml if kind == "xml" else json.dumps({"b": values}), kind)
    assert [part.path.read_bytes() for part in result.parts] == [pdf, pdf, rich.encode()]
    assert "JVBERi" not in (result.text or "")
    assert "Vedlegg 3: vedlegg-3.rtf" in (result.text or "")


@pytest.mark.parametrize(
    "value",
    [
        "Hb <10 og Na >140",
        "Hb <10, <b>lavt</b>",
        "<kur>3</kur> <b>x</b>",
        "a < b <br",
        "<Kari> ringte",
        "2 <3",
        "uten tegn",
        "x</ukjent>",
    ],
)
def test_a_text_with_signs_is_no_markup(value: str) -> None:
    assert shown(value) is None


def test_tags_that_a_narrative_speaks_of_are_its_words(tmp_path: Path) -> None:
    content = '<a><div xmlns="http://www.w3.org/1999/xhtml"><p>skriv &lt;b&gt;fet&lt;/b&gt;</p></div></a>'
    assert "skriv <b>fet</b>" in (made(tmp_path, content).text or "")


def test_deep_markup_within_a_value_ends(tmp_path: Path) -> None:
    try:
        shown("<b>" * 5000 + "x" + "</b>" * 5000)
    except DocumentProblem as e:
        assert e.reason.value == "resource-limit"


def test_words_within_running_text_keep_their_order(tmp_path: Path) -> None:
    content = (
        '<rec xmlns="urn:x"><tekst>Pasienten har <neg kode="N">ikke</neg> feber, <d><e>1</e><e>2</e></d> mg'
        "<!-- k --><?p i?><![CDATA[ & <x>]]> i dag</tekst></rec>"
    )
    text = made(tmp_path, content).text or ""
    assert "Pasienten har [Neg: ikke [kode: N]] feber, [D: [E: 1] [E: 2] ] mg & <x> i dag" in text


def test_an_undeclared_prefix_costs_nothing_of_a_record(tmp_path: Path) -> None:
    result = made(tmp_path, '<a><b xsi:type="CD" kode="K50">Crohn</b><x:c>ja</x:c></a>')
    assert all(word in (result.text or "") for word in ("CD", "K50", "Crohn", "ja"))
    assert [f.code for f in result.flags] == [Flag.DECODED_LENIENTLY]


def test_characters_named_as_in_html_are_read(tmp_path: Path) -> None:
    result = made(tmp_path, "<a><b>bl&aring;b&aelig;r &lt;3&nbsp;&micro;g &amp;aring;<![CDATA[ &aring;]]></b></a>")
    assert "blåbær <3\u00a0µg &aring; &aring;" in (result.text or "")
    assert [f.code for f in result.flags] == [Flag.DECODED_LENIENTLY]


@pytest.mark.parametrize("content", [b"<a>&ukjent;</a>", b'<!DOCTYPE a [<!ENTITY aring "x">]><a>&aring;&oslash;</a>'])
def test_other_entities_are_refused(content: bytes) -> None:
    with pytest.raises(DocumentProblem):
        parse(content)


@pytest.mark.parametrize("name", ["AMP", "LT", "QUOT"])
def test_a_named_sign_of_xml_does_not_become_markup(name: str) -> None:
    assert parse(f"<a>&{name};b&gt;</a>".encode()).root.text[1:] == "b>"
