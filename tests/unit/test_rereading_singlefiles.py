"""Second readers of office documents that are one XML file, drawings, and messages in wrappings."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.rereading.readers import Reading, reading_of

W = "http://schemas.microsoft.com/office/word/2003/wordml"
WORD = (
    f'<w:wordDocument xmlns:w="{W}" xmlns:v="urn:v"><w:styles><w:p><w:r><w:t>Stil</w:t></w:r></w:p></w:styles><w:body>'
    "<w:p><w:r><w:t>Epi</w:t></w:r><w:r><w:t>krise</w:t><w:tab/><w:t>10</w:t></w:r><w:r><w:rPr><w:vertAlign "
    'w:val="superscript"/></w:rPr><w:t>9</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>Skjult</w:t></w:r></w:p>'
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Hb</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>13,2</w:t></w:r></w:p></w:tc>"
    "</w:tr></w:tbl><w:p><w:r><w:pict><v:textbox><w:txbxContent><w:p><w:r><w:t>CAVE</w:t></w:r></w:p></w:txbxContent>"
    "</v:textbox></w:pict></w:r></w:p><w:sectPr><w:hdr><w:p><w:r><w:t>Topp</w:t></w:r></w:p></w:hdr></w:sectPr>"
    "</w:body></w:wordDocument>"
)
S = "urn:schemas-microsoft-com:office:spreadsheet"
EXCEL = (
    f'<Workbook xmlns="{S}" xmlns:ss="{S}"><Worksheet><Table><Row><Cell><Data ss:Type="String">Hb på Ås</Data></Cell>'
    '<Cell><Data ss:Type="Number">13.2</Data><Comment><Data>Obs</Data></Comment></Cell></Row></Table></Worksheet>'
    "</Workbook>"
)
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
FLAT = (
    f'<office:document xmlns:office="{OFFICE}" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
    "<office:body>"
    "<office:text><text:p>Føler<text:s/>seg <text:span>bedre</text:span></text:p></office:text></office:body>"
    "</office:document>"
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg"><text>Arm, <tspan>venstre</tspan></text><text display="none">bort</text>'
    '<text style="display: none">bort</text></svg>'
)


def read(tmp_path: Path, content: str | bytes, family: str) -> Reading:
    source = tmp_path / "a"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    reading = reading_of(source, family)
    assert reading is not None
    return reading


@pytest.mark.parametrize("family", ["wordml", "flatopc"])
def test_word_in_one_file(tmp_path: Path, family: str) -> None:
    found = read(tmp_path, WORD, family)
    assert [line for line in found.text.split("\n") if line] == ["Epikrise 10⁹", "Hb", "13,2", "CAVE"]
    assert found.margins == "Topp"


def test_workbooks_documents_and_drawings_in_one_file(tmp_path: Path) -> None:
    assert read(tmp_path, EXCEL, "xlsml").text == "Hb på Ås\nObs"
    assert read(tmp_path, FLAT, "fodt").text.strip() == "Føler seg bedre"
    assert read(tmp_path, SVG, "svg").text == "Arm, venstre"


MAIL = b"From: a@b.no\nSubject: Emne\nContent-Type: text/plain; charset=utf-8\n\nHei p\xc3\xa5 deg\n"


def test_messages_in_their_wrappings(tmp_path: Path) -> None:
    line = b"From a@b.no Mon Mar  3 10:00:00 1997\n"
    assert "Hei på deg" in read(tmp_path, line + MAIL, "mbox").text
    assert read(tmp_path, line + MAIL + b"\n" + line + MAIL, "mbox").text == ""
    assert "Hei på deg" in read(tmp_path, b"%d  \n" % len(MAIL) + MAIL + b"<?xml?><plist/>", "eml").text
    archive = b"MIME-Version: 1.0\nSubject: Navn\nContent-Type: multipart/related; boundary=x\n\n--x\n"
    archive += b"Content-Type: text/html; charset=utf-8\n\n<p>P\xc3\xa5 side</p>\n--x--\n"
    assert read(tmp_path, archive, "mhtml").text.strip() == "På side"


@pytest.mark.parametrize("family", ["wordml", "xlsml", "fodt", "svg", "mbox", "mhtml"])
def test_what_is_none_is_not_read(tmp_path: Path, family: str) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"\0\1\2")
    assert reading_of(source, family) is None
