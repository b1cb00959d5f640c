"""Office documents that are one XML file: known by their root, and given to LibreOffice as it can read them."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path

import pytest
from lxml import etree

from archive.identify import identify, mismatch
from archive.normalise import officexml

W = "http://schemas.microsoft.com/office/word/2003/wordml"
WORD = (
    f'<?xml version="1.0" encoding="UTF-8"?><?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="{W}">'
    "<w:body><w:tbl><w:tblPr/><w:tr><w:tc><w:p><w:r><w:t>Hb</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    "<w:tbl><w:tblGrid/><w:tr><w:tc/></w:tr></w:tbl></w:body></w:wordDocument>"
)
EXCEL = '<?xml version="1.0"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet/></Workbook>'
FLAT = '<office:document xmlns:office="o" office:mimetype="application/vnd.oasis.opendocument.{}"/>'
P = "http://schemas.microsoft.com/office/2006/xmlPackage"
PACKAGE = (
    f'<?xml version="1.0"?><?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="{P}">'
    '<pkg:part pkg:name="/word/document.xml" pkg:contentType="application/x-main+xml"><pkg:xmlData><d>Åse</d>'
    '</pkg:xmlData></pkg:part><pkg:part pkg:name="/_rels/.rels" pkg:contentType="r"><pkg:xmlData><r/></pkg:xmlData>'
    '</pkg:part><pkg:part pkg:name="/word/media/a.png" pkg:contentType="image/png"><pkg:binaryData>'
    f"{base64.b64encode(bytes(range(90))).decode()}</pkg:binaryData></pkg:part></pkg:package>"
)
SVG = '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "a" "b"><!-- c --><svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize(
    ("text", "family", "names", "wrong"),
    [
        (WORD, "wordml", ("a.xml", "a.doc"), "a.docx"),
        (EXCEL, "xlsml", ("a.xml", "a.xls"), "a.doc"),
        (FLAT.format("text"), "fodt", ("a.fodt",), "a.doc"),
        (FLAT.format("spreadsheet"), "fods", ("a.fods",), "a.xls"),
        (PACKAGE, "flatopc", ("a.xml", "a.doc"), "a.rtf"),
        (SVG, "svg", ("a.svg", "a.xml"), "a.png"),
        ('<Workbook xmlns="urn:other"><a/></Workbook>', "xml", ("a.xml",), "a.xls"),
        ("<package><part/></package>", "xml", ("a.xml",), "a.doc"),
    ],
)
def test_they_are_known_by_their_root(
    tmp_path: Path, text: str, family: str, names: tuple[str, ...], wrong: str
) -> None:
    source = tmp_path / "a"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        source.write_bytes(text.replace("UTF-8", encoding).encode(encoding))
        for name in names:
            found = identify(source, name)
            assert (found.family, mismatch(found)) == (family, False)
        assert mismatch(identify(source, wrong))


def test_a_table_without_its_columns_gets_them(tmp_path: Path) -> None:
    source = tmp_path / "a.xml"
    source.write_text(WORD, encoding="utf-8")
    made = officexml.for_office(source, "wordml", tmp_path / "b.xml")
    root = etree.parse(made).getroot()
    first, second = root.iter(f"{{{W}}}tbl")
    assert [child.tag.rpartition("}")[2] for child in first] == ["tblPr", "tblGrid", "tr"]
    assert len(first.findall(f"{{{W}}}tblGrid/{{{W}}}gridCol")) == 2
    assert len(second.findall(f"{{{W}}}tblGrid")) == 1
    source.write_text(WORD.replace("<w:tblPr/>", "<w:tblPr/><w:tblGrid/>"), encoding="utf-8")
    assert officexml.for_office(source, "wordml", tmp_path / "c.xml") == source


def test_pictures_of_word_2003_are_files_of_the_document(tmp_path: Path) -> None:
    source = tmp_path / "a.xml"
    held = base64.b64encode(b"\x89PNG bilde").decode()
    data = f'<w:binData w:name="wordml://01000001.png">{held}</w:binData><w:binData w:name="x">%</w:binData>'
    source.write_text(WORD.replace("<w:body>", f"<w:body><w:p><w:r><w:pict>{data}</w:pict></w:r></w:p>"), "utf-8")
    (part,) = officexml.pictures(source, tmp_path / "parts")
    assert (part.name, part.path.read_bytes()) == ("01000001.png", b"\x89PNG bilde")


def test_a_flat_package_is_packed(tmp_path: Path) -> None:
    source = tmp_path / "a.xml"
    source.write_text(PACKAGE, encoding="utf-8")
    with zipfile.ZipFile(officexml.for_office(source, "flatopc", tmp_path / "b.docx")) as package:
        assert "Åse" in package.read("word/document.xml").decode()
        assert package.read("word/media/a.png") == bytes(range(90))
        types = package.read("[Content_Types].xml").decode()
    assert 'PartName="/word/document.xml" ContentType="application/x-main+xml"' in types
    assert "/_rels/.rels" not in types
