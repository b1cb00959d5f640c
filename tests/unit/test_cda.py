from __future__ import annotations

import base64
from pathlib import Path

import pypdfium2

from archive.normalise.contract import Limits, Made
from archive.normalise.xmlrecord import xmlrecord

DOCUMENT = """<?xml version="1.0"?>
<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:1/CDA.xsl"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Summary of episode note"/>
  <title>Epikrise, kardiologi</title>
  <effectiveTime value="201705051230+0200"/>
  <recordTarget><patientRole><id root="2.16.578.1.12.4.1.4.1" extension="13916900216"/>
    <patient><name><given>Line</given><family>Pr\u00f8vesen</family></name><birthTime value="19691113"/>
    <administrativeGenderCode code="F" displayName="Kvinne"/></patient></patientRole></recordTarget>
  <author><assignedAuthor><assignedPerson><name>Rita Lin</name></assignedPerson></assignedAuthor></author>
  {body}
</ClinicalDocument>"""

SECTIONS = """<component><structuredBody><component><section>
    <code code="8716-3" displayName="Vital signs"/><title>M\u00e5linger</title>
    <text>Innledning.<paragraph>F\u00f8rste avsnitt<br/>ny linje.</paragraph>
      <list><item>punkt en</item><item>punkt to</item></list>
      <table border="1"><caption>Tabell 1</caption><thead><tr><th>Dato</th><th>BT</th><th>Merknad</th></tr></thead>
        <tbody><tr><td>05.05</td><td>120/80</td><td/></tr><tr><td colspan="2">ikke m\u00e5lt</td><td/></tr></tbody>
      </table>
      <renderMultiMedia referencedObject="bilde1"/></text>
    <entry typeCode="DRIV"><observation classCode="OBS" moodCode="EVN"><code code="8480-6" displayName="Systolisk"/>
      <effectiveTime value="20170505"/><value xsi:type="PQ" value="120" unit="mm[Hg]"/></observation></entry>
    <component><section><title>Undersak</title><text>inne i den andre</text></section></component>
  </section></component></structuredBody></component>"""


def made(tmp_path: Path, body: str) -> Made:
    source = tmp_path / "source"
    source.write_text(DOCUMENT.format(body=body), encoding="utf-8")
    return xmlrecord(source, tmp_path / "out.pdf", Limits())


def test_narrative_comes_first_and_entries_are_complete(tmp_path: Path) -> None:
    result = made(tmp_path, SECTIONS)
    lines = [line for line in (result.text or "").split("\n") if line]
    assert lines[:2] == ["Epikrise, kardiologi", "Summary of episode note"]
    assert "Pasient: Line Pr\u00f8vesen  \u00b7  13916900216  \u00b7  f\u00f8dt 13.11.1969  \u00b7  Kvinne" in lines
    assert "Fra: Rita Lin" in lines
    assert "Dato: 05.05.2017 kl. 12:30 (+0200)" in lines
    order = ["M\u00e5linger", "F\u00f8rste avsnitt", "ny linje.", "\u2022 punkt en", "Dato\tBT\tMerknad", "Undersak"]
    order += ["inne i den andre", "Strukturerte opplysninger", "Om dokumentet"]
    assert [lines.index(line) for line in order] == sorted(lines.index(line) for line in order)
    text = result.text or ""
    for value in ("Tabell 1", "bilde1", "Systolisk (8480-6)", "120 mm[Hg]", "05.05.2017", "OBS", "POCD_HD000040"):
        assert value in text
    assert text.count("inne i den andre") == 1
    with pypdfium2.PdfDocument(result.pdf) as document:
        assert "ny linje." in document[0].get_textpage().get_text_range()


def test_a_body_that_is_a_file_is_split_off(tmp_path: Path) -> None:
    coded = base64.b64encode(b"%PDF-1.4 noe").decode()
    body = f'<text mediaType="application/pdf" representation="B64">{coded}</text>'
    result = made(tmp_path, f"<component><nonXMLBody>{body}</nonXMLBody></component>")
    assert [(part.name, part.path.read_bytes()) for part in result.parts] == [
        ("Epikrise, kardiologi.pdf", b"%PDF-1.4 noe")
    ]
    assert "Vedlegg 1: Epikrise, kardiologi.pdf" in (result.text or "")
