"""Each reader says what its source says: signs of symbol fonts, raised digits, notes, text boxes, documents within."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, String

from archive.compound import written
from archive.reasons import Flag
from archive.rereading.compare import compare
from archive.rereading.readers import REREAD, reading_of, source_text, words_within
from archive.rereading.tokens import tokens
from tests.documents import docx, run

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def said(folder: Path, family: str, content: bytes | str, *, margins: bool = True) -> list[str]:
    path = folder / "source"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    text = source_text(path, family, margins=margins)
    assert text is not None
    return tokens(text).texts


def packed(**parts: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", "/")), content)
    return data.getvalue()


RTF = (
    rb"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}{\f1\fcharset2 Symbol;}{\f2\fnil\fcharset2{\*\panose 05}Wingdings;}"
    rb"{\f3\fcharset2 Egne Tegn;}}"
)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (rb"50 {\f1 m}g", ["50", "μg"]),
        (rb"50 {\f1 \'6d}g", ["50", "μg"]),
        (rb"50 {\f1 \u-3987?}g", ["50", "μg"]),
        (rb"{\f2\'fe} ja {\f2\'a8} nei", ["☑", "ja", "□", "nei"]),
        (rb'50 {\field{\*\fldinst SYMBOL 109 \\f "Symbol" \\s 12}{\fldrslt\f1\fs24}}g', ["50", "μg"]),
        (rb"{\f3 abc} ja", ["ja"]),
        (rb"\u-10179?\u-8704? ja", ["\U0001f600", "ja"]),  # a character in two halves
        (rb"\{a\} \'d0\u8216 \'91\uc0\u248  b", ["a", "ð", "ø", "b"]),
        (rb"10{\super 9}/l m{\up6 2}\nosupersub 3", ["10", "⁹", "l", "m", "²", "3"]),
        (rb"{\*\shppict{\pict 00ff}}ja{\*\unknown nei}", ["ja"]),
    ],
)
def test_rtf(tmp_path: Path, body: bytes, tokens: list[str]) -> None:
    assert said(tmp_path, "rtf", RTF + body + b"}") == tokens


def rich(text: str, properties: str) -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (run("50 ") + rich("m", '<w:rFonts w:ascii="Symbol" w:hAnsi="Symbol"/>') + run("g"), ["50", "μg"]),
        ('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>' + run(" ja"), ["☑", "ja"]),
        (run("10") + rich("9", '<w:vertAlign w:val="superscript"/>'), ["10", "⁹"]),
        (rich("skjult", "<w:vanish/>") + rich("synlig", '<w:vanish w:val="0"/>'), ["synlig"]),
        (f"<w:r><w:pict><w:txbxContent><w:p>{run('CAVE')}</w:p></w:txbxContent></w:pict></w:r>", ["cave"]),
        ('<m:oMath xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><m:r><m:t>7,5</m:t></m:r>'
         "</m:oMath>", ["7,5"]),
        ('<w:r><w:pict xmlns:v="urn:schemas-microsoft-com:vml"><v:textpath string="UTKAST"/></w:pict></w:r>',
         ["utkast"]),
        (run("START ") + f'<w:smartTag w:element="x">{run("SLU")}</w:smartTag>' + run("TT"), ["start", "slutt"]),
        (f"<w:sdt><w:sdtContent>{run('Tittel')}<w:r><w:drawing/></w:r></w:sdtContent></w:sdt>", ["tittel"]),
        (f"<w:moveFrom>{run('fra')}</w:moveFrom><w:ins>{run('til')}</w:ins>", ["fratil"]),
        (run("a") + "<w:r><w:noBreakHyphen/></w:r>" + run("b"), ["a", "b"]),
    ],
)  # fmt: skip
def test_docx(tmp_path: Path, body: str, tokens: list[str]) -> None:
    assert said(tmp_path, "docx", docx(body)) == tokens


def test_docx_has_notes_margins_hiding_styles_and_whole_documents(tmp_path: Path) -> None:
    shown = rich("dog", '<w:vanish w:val="0"/>')
    paragraph = f'<w:p><w:pPr><w:pStyle w:val="B"/></w:pPr>{run("stilskjult")}{shown}</w:p>'
    relation = '<Relationships xmlns="http://x"><Relationship Id="r1" Target="../chunk.rtf"/></Relationships>'
    content = packed(
        **{
            "word__document.xml": f'<w:document {W} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/'
            f'relationships"><w:body>{paragraph}<w:p>{run("hoved")}</w:p><w:altChunk r:id="r1"/></w:body></w:document>',
            "word___rels__document.xml.rels": relation,
            "word__notes2.xml": f"<w:footnotes {W}><w:p>{run('note')}</w:p></w:footnotes>",
            "word__header1.xml": f"<w:hdr {W}><w:p>{run('topp')}</w:p></w:hdr>",
            "word__styles.xml": f'<w:styles {W}><w:style w:styleId="A"><w:rPr><w:vanish/></w:rPr></w:style>'
            '<w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>',
            "chunk.rtf": r"{\rtf1 kreatinin 220}",
        }
    )
    assert said(tmp_path, "docx", content) == ["dog", "hoved", "kreatinin", "220", "note", "topp"]
    assert said(tmp_path, "docx", content, margins=False) == ["dog", "hoved", "kreatinin", "220", "note"]


def test_xlsx_has_strings_and_plain_numbers_as_they_are_shown(tmp_path: Path) -> None:
    rows = (
        '<row><c t="s"><v>0</v></c><c><v>123456.78</v></c><c s="1"><v>36923</v></c><c t="inlineStr"><is><t>inn</t></is>'
        '</c></row><row hidden="1"><c><v>9</v></c></row>'
    )
    content = packed(
        **{
            "xl__sharedStrings.xml": "<sst><si><t>INR</t><rPh><t>uttale</t></rPh></si></sst>",
            "xl__styles.xml": '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
            "xl__worksheets__sheet1.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
        }
    )
    assert said(tmp_path, "xlsx", content) == ["inr", "123456,78", "inn"]


def test_slides_have_their_texts_without_reckoned_fields(tmp_path: Path) -> None:
    a = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    text = "<a:p><a:r><a:t>Sal</a:t></a:r><a:r><a:t>be</a:t></a:r><a:fld><a:t>7</a:t></a:fld></a:p>"
    up = '<a:p><a:r><a:t>10</a:t></a:r><a:r><a:rPr baseline="30000"/><a:t>9</a:t></a:r></a:p>'
    assert said(tmp_path, "pptx", packed(**{"ppt__slides__slide1.xml": f"<s {a}>{text}{up}</s>"})) == [
        "salbe",
        "10",
        "⁹",
    ]


def test_opendocument_has_looks_and_notes(tmp_path: Path) -> None:
    names = ("office", "text", "style", "fo")
    spaces = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in names)
    style = '<style:style style:name="{}"><style:text-properties {}/></style:style>'
    looks = style.format("U", 'style:text-position="super 58%"') + style.format("S", 'style:font-name="Symbol"')
    looks += style.format("H", 'text:display="none"')
    span = '<text:span text:style-name="{}">{}</text:span>'
    body = f"10{span.format('U', 9)}/l 50 {span.format('S', 'm')}g{span.format('H', 'skjult')}<text:s/>en"
    body += "<text:note><text:note-body><text:p>note</text:p></text:note-body></text:note>"
    body += "<text:page-number>3</text:page-number>"
    content = f"<office:document-content {spaces}>{looks}<office:body><text:p>{body}</text:p></office:body>"
    found = said(tmp_path, "odt", packed(**{"content.xml": content + "</office:document-content>"}))
    assert found == ["10", "⁹", "l", "50", "μg", "en", "note"]


@pytest.mark.parametrize(
    ("page", "tokens"),
    [
        ("<p>10<sup>9</sup> og b<b>lod</b><td>to", ["10", "⁹", "og", "blod", "to"]),
        ("<font face='Wingdings'>þ</font> ja", ["☑", "ja"]),
        ("<style>.w{font-family:Wingdings}</style><span class=w>þ</span> ja", ["☑", "ja"]),
        ("50 <span style='font-family:Symbol'>m</span>g", ["50", "μg"]),
        ("<span style='font-family:Symbol'>m<span style='font-family:Arial'>m</span></span>", ["μm"]),
        ("a &lt; b &micro;g", ["a", "<", "b", "μg"]),
    ],
)
def test_html(tmp_path: Path, page: str, tokens: list[str]) -> None:
    assert said(tmp_path, "html", f"<meta charset=utf-8>{page}") == tokens


@pytest.mark.parametrize(
    ("record", "tokens"),
    [
        ("<a b='ja' xmlns:x='nei'><c>to</c>tre</a>", ["ja", "to", "tre"]),
        ("<a>10<sup>9</sup> mg<em>en</em></a>", ["10", "⁹", "mgen"]),
        ("<a><Base64Container>QUJD</Base64Container><v>QUJD</v></a>", ["qujd"]),
        (f"<a><v>{'QUJD' * 30}</v>ja</a>", ["ja"]),
        (r"<a>{\rtf1\ansi f\'f8ler}</a>", ["føler"]),
        ("<a>&lt;p>Pasienten er &lt;b>ute&lt;/b>&lt;/p></a>", ["pasienten", "er", "ute"]),
        ("<a x='#e1' rowspan='2'>to <content revised='delete'>tre</content></a>", ["to", "tre"]),
        (
            "<a><q V='1' DN='ja'/><q V='1' DN='ja'/><q V='2' U='mg'/><q V='2' U='mg'/></a>",
            ["1", "ja", "2", "mg", "2", "mg"],
        ),
        ("<a><v>2020-01-02</v><v>2020-01-02</v>1.2.3.4</a>", ["2020-01-02", "1.2.3.4"]),
        ("<a>ikke <b>lukket</a>", ["<", "a", ">", "ikke", "<", "b", ">", "lukket", "<", "a", ">"]),
    ],
)
def test_xml(tmp_path: Path, record: str, tokens: list[str]) -> None:
    assert said(tmp_path, "xml", record) == tokens


def test_json_has_strings_and_numbers_but_no_names(tmp_path: Path) -> None:
    record = r'{"navn": "K\u00e5re \u2265 \"to\"", "tall": [1.5, -3], "ja": true, "fil": "QUJDRA=="}'
    assert said(tmp_path, "json", record) == ["kåre", "≥", "to", "1.5", "-3"]


def test_hl7_has_fields_and_components_with_their_escapes(tmp_path: Path) -> None:
    message = "MSH|^~\\&|LAB|SYK\rOBX|1|TX|Hb^Hemoglobin||En\\.br\\to \\T\\ tre|g/l\r"
    assert said(tmp_path, "hl7", message) == [
        *("lab", "syk", "1", "tx", "hb", "hemoglobin", "en", "to", "&", "tre", "g", "l")
    ]


def mail(kind: str, body: str, *fields: str) -> bytes:
    head = [
        "Subject: =?iso-8859-1?Q?Pr=F8ve?=\r\n =?utf-8?B?IG5y?= 2",
        "From: a@b.no",
        f"Content-Type: {kind}",
        *fields,
    ]
    return "\r\n".join([*head, "", body]).encode("latin-1")


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        (mail("text/plain; charset=iso-8859-1", "pris 100 \x80"), ["pris", "100", "€"]),
        (mail("text/plain; charset=iso-8859-1", "f\xc3\xb8ler"), ["føler"]),
        (mail("text/plain; charset=utf-8", "f=C3=B8l=\r\ner", "Content-Transfer-Encoding: quoted-printable"),
         ["føler"]),
        (mail("text/plain; charset=x-unknown", "Zvhs", "Content-Transfer-Encoding: base64"), ["føl"]),
        (mail("text/html; charset=utf-8", "<p>en<b>to</b>"), ["ento"]),
        (mail('multipart/mixed; boundary="x"', "--x\r\n\r\nen\r\n--x\r\nContent-Disposition: attachment\r\n\r\nto\r\n"
              "--x--\r\ntre"), ["en"]),
        (mail("multipart/alternative; boundary=x", "--x\r\n\r\nen to\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>en to "
              "tre</p>\r\n--x--"), ["en", "to", "tre"]),
    ],
)  # fmt: skip
def test_mail(tmp_path: Path, message: bytes, tokens: list[str]) -> None:
    assert said(tmp_path, "eml", message) == ["prøve", "nr", "2", "a", "@", "b", "no", *tokens]


def test_outlook_items_have_subject_sender_and_body(tmp_path: Path) -> None:
    streams = {
        ("__substg1.0_0037001F",): "Prøve".encode("utf-16-le"),
        ("__substg1.0_0C1A001E",): b"K\xe5re",
        ("__substg1.0_10130102",): b"<p>Svar <b>12</b>",
    }
    assert said(tmp_path, "msg", written(streams)) == ["prøve", "kåre", "svar", "12"]


@given(st.sampled_from(sorted(REREAD)), st.binary(max_size=200))
def test_no_bytes_make_a_reader_raise(family: str, content: bytes) -> None:
    import tempfile

    heads = {"rtf": b"{\\rtf1 ", "xml": b"<a>", "json": b"{", "eml": b"A: b\n\n", "html": b"<p>", "hl7": b"MSH|"}
    with tempfile.NamedTemporaryFile() as file:
        file.write(heads.get(family, b"") + content)
        file.flush()
        text = source_text(Path(file.name), family)
        assert text is None or isinstance(text, str)
    assert isinstance(words_within(content), str)


def form(path: Path) -> Path:
    """A PDF with two fields and three notes; one of each is hidden."""
    with pikepdf.new() as document:
        document.add_blank_page()
        opt = Array([Array([String("2"), String("Høy risiko")])])
        kid = document.make_indirect(Dictionary(Subtype=Name.Widget, Rect=Array([0, 0, 9, 9])))
        parent = document.make_indirect(Dictionary(FT=Name.Tx, V=String("CAVE ≥ 2"), Kids=Array([kid])))
        kid.Parent = parent
        annotations = [
            kid,
            document.make_indirect(Dictionary(Subtype=Name.Widget, FT=Name.Ch, V=String("2"), Opt=opt)),
            document.make_indirect(Dictionary(Subtype=Name.Widget, FT=Name.Tx, V=String("skjult"), F=2)),
            document.make_indirect(Dictionary(Subtype=Name.Widget, FT=Name.Tx, V=String("hemmelig"), Ff=1 << 13)),
            Dictionary(Subtype=Name.FreeText, Contents=String("en\rto")),
            Dictionary(Subtype=Name.Link, Contents=String("lenke")),
        ]
        document.Root.AcroForm = Dictionary(Fields=Array([parent, *annotations[1:4]]))
        document.pages[0].Annots = Array(annotations)
        document.save(path)
    return path


def test_pdf_has_what_is_filled_in_and_the_words_of_notes(tmp_path: Path) -> None:
    reading = reading_of(form(tmp_path / "a.pdf"), "pdf")
    assert reading is not None
    assert reading.text.split("\n")[1:] == ["CAVE ≥ 2", "Høy risiko", "en", "to"]
    assert [f for f, _ in compare(reading, "en to", "en to").flags()][-1] is Flag.FORM_VALUES_CHANGED
    lost = compare(reading, "CAVE ≥ 2 Høy risiko en", "CAVE ≥ 2 Høy risiko en to").flags()
    assert [f for f, _ in lost] == [Flag.WORDS_MISSING, Flag.ANNOTATIONS_MISSING]
