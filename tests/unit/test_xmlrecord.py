from __future__ import annotations

import base64
import hashlib
import re
import time
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from archive.normalise.contract import Limits, Made
from archive.normalise.xmllabels import shown_time
from archive.normalise.xmlrecord import xmlrecord
from archive.reasons import DocumentProblem, Flag, Reason

MARKS = [b"<b>", b"</b>", b"</a>", b"<c x='1'/>", b"&amp;", b"&x;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?p?>"]
MARKS += [
    b"\xe6",
    b"\xc3\xa6",
    b"ord",
    b"<t V='x'",
    b">",
    b"\0",
    b"<div xmlns='http://www.w3.org/1999/xhtml'>",
    b"</div>",
]
HEAD = '<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24">'


def made(tmp_path: Path, content: bytes) -> Made:
    source = tmp_path / "source"
    source.write_bytes(content)
    out = tmp_path / "out.pdf"
    out.unlink(missing_ok=True)
    return xmlrecord(source, out, Limits())


def text(pdf: Path) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def squashed(content: str) -> str:
    return re.sub(r"[\s\u00ad\ufffe-]+", "", content)


def test_a_discharge_summary_reads_like_one(tmp_path: Path) -> None:
    result = made(
        tmp_path,
        """<?xml version="1.0" encoding="utf-8"?>
        <Message xmlns="http://www.kith.no/xmlstds/epikrise/2012-02-15">
          <Type V="EPIKRISE" DN="Epikrise"/><MsgId>abc-1</MsgId>
          <ServRprt><IssueDate V="2017-05-05T00:33:00"/><MsgDescr>Sykehusepikrise</MsgDescr>
            <Event><InfItem><Observation><CodedDescr>
              <Concept V="I330" DN="Endokarditt" S="2.16.578.1.12.4.1.1.7110"/></CodedDescr></Observation>
              <Type V="H" DN="Hoveddiagnose"/></InfItem>
              <Comment><Heading V="VU" DN="Vurdering"/><TextResultValue>
                <div xmlns="http://www.w3.org/1999/xhtml"><p>I god allmenntilstand.<br/>Neste linje.</p>
                <table><tr><td>CRP</td><td>79</td></tr></table></div></TextResultValue></Comment></Event>
            <Patient><Sex V="2"/><DateOfBirth V="1969-11-13"/><Name>Prøvesen, Line</Name><OffId>13916900216</OffId>
              <TypeOffId V="FNR"/></Patient>
          </ServRprt></Message>""".encode(),
    )
    assert result.text is not None
    lines = result.text.split("\n")
    assert lines[:2] == ["Epikrise", "Sykehusepikrise"]
    assert lines[2] == "Pasient: Prøvesen, Line  ·  13916900216  ·  født 13.11.1969"
    assert "Dato: 05.05.2017 kl. 00:33" in lines
    assert "Kode: Endokarditt (I330, ICD-10)" in lines
    assert "Kjønn: Kvinne (2)" in lines
    assert "Id-type: Fødselsnummer (FNR)" in lines
    assert lines[lines.index("Hoveddiagnose") + 1].startswith("Kode")
    assert lines[lines.index("Vurdering") + 1] == "I god allmenntilstand."
    assert "CRP\t79" in lines
    shown = squashed(text(result.pdf))
    for value in ("2.16.578.1.12.4.1.1.7110", "VU", "2017-05-05T00:33:00", "abc-1"):
        assert squashed(value) in shown


def test_results_are_a_table(tmp_path: Path) -> None:
    item = """<ResultItem><NumResult><NumResultValue V="{}" U="g/dL"/></NumResult><ServType V="N" DN="Ny"/>
        <Investigation><Id V="NPU1" DN="{}"/></Investigation><IdResultItem>{}</IdResultItem></ResultItem>"""
    items = item.format("14.2", "Hb", "r1") + item.format("5", "CRP", "r2")
    result = made(
        tmp_path,
        f"""<Message xmlns="http://www.kith.no/xmlstds/labsvar/2012-02-15"><ServReport><Patient><Name>A</Name>{items}
        </Patient></ServReport></Message>""".encode(),
    )
    assert result.text is not None
    assert "Undersøkelse\tResultat\tØvrige opplysninger" in result.text
    assert "Hb (NPU1)\t14.2 g/dL\tResultat-id: r1" in result.text
    assert result.text.count("Meldingsstatus: Ny (N)") == 1


def test_attachments_are_split_off_and_told(tmp_path: Path) -> None:
    file = b"%PDF-1.4 " + bytes(range(256)) * 20
    coded = base64.encodebytes(file).decode()
    result = made(tmp_path, f"{HEAD}<Content><Base64Container>{coded}</Base64Container></Content></MsgHead>".encode())
    assert result.text is not None
    assert "Vedlegg 1: vedlegg-1.pdf (PDF-dokument, 5 kB)" in result.text
    assert hashlib.sha256(file).hexdigest() in squashed(text(result.pdf))
    assert coded[:40] not in text(result.pdf)
    assert [(part.name, part.path.read_bytes()) for part in result.parts] == [("vedlegg-1.pdf", file)]
    assert not result.container


@pytest.mark.parametrize("content", ["<a>{}</a>", "<a><b>x</b>{}</a>", '<a b="{}"/>', "<a><![CDATA[{}]]></a>"])
def test_long_text_that_could_be_base64_is_text(tmp_path: Path, content: str) -> None:
    result = made(tmp_path, content.format("ord " * 300_000).encode())
    assert (result.text or "").count("ord") == 300_000
    assert not result.parts


def test_an_attachment_of_ten_million_characters(tmp_path: Path) -> None:
    file = b"%PDF-1.4 " + bytes(range(256)) * 32_000
    coded = base64.encodebytes(file).decode()
    for content in (f"<![CDATA[{coded}]]>", coded):
        result = made(tmp_path, f"{HEAD}{DOCUMENT.format('', content)}</MsgHead>".encode())
        assert [part.path.read_bytes() for part in result.parts] == [file]
    utf16 = f"{HEAD}{DOCUMENT.format('', coded)}</MsgHead>".encode("utf-16")
    assert [part.path.read_bytes() for part in made(tmp_path, utf16).parts] == [file]


@pytest.mark.parametrize(
    "content",
    [b"<a>" + b"<b/>" * 60_000 + b"</a>", b'<a b="' + b"x-" * 5_500_000 + b'"/>'],
)
def test_what_is_too_much_for_a_page_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, content)
    assert problem.value.reason in (Reason.CONVERSION_FAILED, Reason.CORRUPT)
    assert time.monotonic() - started < 20


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(MARKS), max_size=30), st.binary(max_size=40))
def test_any_bytes_are_a_page_or_a_problem(tmp_path: Path, marks: list[bytes], rest: bytes) -> None:
    try:
        result = made(tmp_path, b"<a>" + b"".join(marks) + rest)
    except DocumentProblem:
        return
    assert result.pdf.read_bytes().startswith(b"%PDF-")


DOCUMENT = """<Document><RefDoc><MsgType V="A" DN="Vedlegg"/>{}<Content>
    <c:Base64Container xmlns:c="http://www.kith.no/xmlstds/base64container">{}</c:Base64Container>
    </Content></RefDoc></Document>"""


@pytest.mark.parametrize(
    ("about", "name"),
    [
        ("<MimeType>text/plain</MimeType><Description>Notat om ../prøve</Description>", "Notat om .. prøve.txt"),
        ("<MimeType>application/pdf</MimeType><Description>EKG 12.06.2017</Description>", "EKG 12.06.2017.pdf"),
        ("<Description>svar.rtf</Description>", "svar.rtf"),
        ("<MimeType>image/jpeg</MimeType>", "vedlegg-1.jpg"),
        ("<MimeType>application/x-annet</MimeType>", "vedlegg-1.bin"),
    ],
)
def test_attachments_are_named_as_the_message_names_them(tmp_path: Path, about: str, name: str) -> None:
    coded = base64.b64encode(b"noen ord").decode()
    result = made(tmp_path, f"{HEAD}{DOCUMENT.format(about, coded)}</MsgHead>".encode())
    assert [(part.name, part.path.read_bytes()) for part in result.parts] == [(name, b"noen ord")]
    assert f"Vedlegg 1: {name}" in (result.text or "")


def test_a_message_is_shown_once(tmp_path: Path) -> None:
    result = made(
        tmp_path,
        f"""{HEAD}<MsgInfo><MsgId>m1</MsgId></MsgInfo><Document><RefDoc><Content>
        <Dialogmelding xmlns="http://www.kith.no/xmlstds/dialog/2013-01-23"><Notat><Tekst>enestående</Tekst></Notat>
        </Dialogmelding></Content></RefDoc></Document></MsgHead>""".encode(),
    )
    assert (result.text or "").count("enestående") == 1


@pytest.mark.parametrize(
    "content",
    [
        '<a xmlns="urn:hl7-org:v3"><text mediaType="text/plain" representation="B64">{}</text></a>',
        '<Attachment xmlns="http://hl7.org/fhir"><contentType value="text/plain"/><data value="{}"/></Attachment>',
        '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        '<fil xsi:type="xs:base64Binary">{}</fil></a>',
        '<Message xmlns="http://www.kith.no/xmlstds/x"><Data ENC="B64" MT="text/plain">{}</Data></Message>',
    ],
)
def test_every_declared_kind_of_base64_is_a_file(tmp_path: Path, content: str) -> None:
    result = made(tmp_path, content.format(base64.b64encode("blåbær".encode()).decode()).encode())
    assert [part.path.read_bytes() for part in result.parts] == ["blåbær".encode()]


def test_a_picture_anywhere_is_a_file_and_a_signature_is_none(tmp_path: Path) -> None:
    picture = b"\xff\xd8\xff" + bytes(300)
    signature = b"<" + bytes(range(200, 256)) * 5
    coded = [base64.encodebytes(content).decode() for content in (picture, signature)]
    result = made(tmp_path, f"<a><b>{coded[0]}</b><c>{coded[1]}</c></a>".encode())
    assert [part.path.read_bytes() for part in result.parts] == [picture]
    assert hashlib.sha256(signature).hexdigest() in squashed(text(result.pdf))


def test_bad_base64_is_shown_and_flagged(tmp_path: Path) -> None:
    result = made(tmp_path, f"{HEAD}{DOCUMENT.format('', 'AAAA=AAA???')}</MsgHead>".encode())
    assert "AAAA=AAA???" in text(result.pdf)
    assert [f.code for f in result.flags] == [Flag.DECODED_LENIENTLY]
    assert not result.parts


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2017-05-05", "05.05.2017"),
        ("2017-05-05T12:30:00", "05.05.2017 kl. 12:30"),
        ("2005-11-17T09:30:47.0Z", "17.11.2005 kl. 09:30:47,0 (UTC)"),
        ("2017-05-05T12:30:00+02:00", "05.05.2017 kl. 12:30 (+02:00)"),
        ("20170505", "05.05.2017"),
        ("201705051230+0200", "05.05.2017 kl. 12:30 (+0200)"),
        ("2017-13-05", ""),
        ("12345678901", ""),
        ("17.05.2017", ""),
    ],
)
def test_times_in_norwegian(written: str, shown: str) -> None:
    assert shown_time(written, hl7=True) == shown
    assert shown_time(written) == (shown if "-" in written else "")


def test_what_a_code_means_is_looked_up_never_made_up(tmp_path: Path) -> None:
    result = made(
        tmp_path,
        b"""<Message xmlns="http://www.kith.no/xmlstds/x"><A V="R" S="2.16.578.1.12.4.1.1.8271"/>
        <B V="R" S="2.16.578.1.12.4.1.1.9999"/><ServType V="N"/><ServType V="Q"/><C V="1" S="1.2.3"/></Message>""",
    )
    lines = (result.text or "").split("\n")
    assert "A: Resistent (R)" in lines
    assert "Kodeverk kodeverk 8271 2.16.578.1.12.4.1.1.8271: R" in lines
    assert "B: R, kodeverk 9999" in lines
    assert "C: 1, 1.2.3" in lines
    assert "Meldingsstatus: Ny (N)" in lines
    assert "Meldingsstatus: Q" in lines


def test_an_attachment_larger_than_a_text_node_may_be(tmp_path: Path) -> None:
    file = b"%PDF-1.4 " + b"x" * 9_000_000
    coded = base64.b64encode(file).decode()
    result = made(tmp_path, f"{HEAD}<Content><Base64Container>{coded}</Base64Container></Content></MsgHead>".encode())
    assert result.text is not None
    assert hashlib.sha256(file).hexdigest() in result.text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_declared_encodings(tmp_path: Path, encoding: str) -> None:
    declared = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    content = f'<?xml version="1.0" encoding="{declared}"?>\n{HEAD}<Navn>Blåbær</Navn></MsgHead>'.encode(encoding)
    result = made(tmp_path, content)
    assert "Blåbær" in text(result.pdf)
    assert not result.flags


def test_a_wrong_declaration_is_seen_through(tmp_path: Path) -> None:
    body = "<Navn>Blåbær fra Ås er på bordet</Navn>"
    result = made(tmp_path, f'<?xml version="1.0" encoding="utf-8"?>{HEAD}{body}</MsgHead>'.encode("cp1252"))
    assert "Blåbær fra Ås" in text(result.pdf)
    assert [f.code for f in result.flags] == [Flag.ENCODING_GUESSED]


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]><a/>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>&ukjent;</a>',
        b"<a><b></a>",
        b"ikke xml",
        b"<a>" * 2000 + b"</a>" * 2000,
    ],
)
def test_hostile_or_broken_is_corrupt(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, content)
    assert problem.value.reason is Reason.CORRUPT


def test_a_harmless_doctype_is_no_harm(tmp_path: Path) -> None:
    assert "verdi" in text(made(tmp_path, b'<!DOCTYPE a SYSTEM "a.dtd"><a><b>verdi</b></a>').pdf)


def test_xhtml_goes_to_the_html_route(tmp_path: Path) -> None:
    content = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>hei</p></body></html>'
    assert "Tekniske" not in text(made(tmp_path, content).pdf)


def test_the_same_bytes_give_the_same_pdf(tmp_path: Path) -> None:
    first = made(tmp_path, b"<a><b x='1'>c</b></a>").pdf.read_bytes()
    assert made(tmp_path, b"<a><b x='1'>c</b></a>").pdf.read_bytes() == first


NAMES = st.sampled_from(
    ["a", "Navn", "ResultItem", "InfItem", "Type", "Comment", "p", "table", "tr", "td", "text", "Id"]
)
SPACES = st.sampled_from(
    ["", "urn:x", "http://www.kith.no/xmlstds/labsvar/2012-02-15", "http://www.w3.org/1999/xhtml", "urn:hl7-org:v3"]
)
VALUES = st.text(st.sampled_from("abc æøå 123 #$*_\n"), max_size=30)
ATTRIBUTES = st.dictionaries(st.sampled_from(["V", "DN", "S", "OT", "U", "x", "value"]), VALUES, max_size=3)


def build(tree: tuple[str, str, dict[str, str], str, list[tuple[object, str]]]) -> etree._Element:
    name, space, attributes, content, children = tree
    element = etree.Element(f"{{{space}}}{name}" if space else name, attributes)
    element.text = content
    for child, tail in children:
        made_child = build(child)  # type: ignore[arg-type]
        made_child.tail = tail
        element.append(made_child)
    return element


TREES = st.recursive(
    st.tuples(NAMES, SPACES, ATTRIBUTES, VALUES, st.just([])),
    lambda inner: st.tuples(NAMES, SPACES, ATTRIBUTES, VALUES, st.lists(st.tuples(inner, VALUES), max_size=4)),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES)
def test_nothing_of_any_tree_is_missing(
    tmp_path: Path, tree: tuple[str, str, dict[str, str], str, list[tuple[object, str]]]
) -> None:
    root = build(tree)
    if root.tag in ("html", "{http://www.w3.org/1999/xhtml}html"):
        return
    result = made(tmp_path, etree.tostring(root, encoding="utf-8"))
    assert result.text is not None
    shown = squashed(result.text)
    for element in root.iter():
        for value in (element.text or "", *(c.tail or "" for c in element), *element.attrib.values()):
            for part in str(value).split():
                assert squashed(part) in shown


def test_text_in_a_table_that_is_none_is_shown(tmp_path: Path) -> None:
    source = (
        b'<a><b>2<x:p xmlns:x="http://www.w3.org/1999/xhtml"/><table>9<a>1</a><tr>8<td>7<i>6</i></td></tr></table>'
        b"</b></a>"
    )
    shown = squashed(made(tmp_path, source).text or "")
    assert all(digit in shown for digit in "126789")
