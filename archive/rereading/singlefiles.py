"""What office documents and drawings say that are one XML file (Word 2003, Excel 2003, Word's flat OOXML, flat
OpenDocument, SVG), and messages in an mbox or a web archive.

A workbook's numbers are not looked for: a page shows them in the form that their style gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from archive.rereading import messages
from archive.rereading.opendocument import flat_text
from archive.rereading.tokens import raised

_BREAKS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}
_MARGINS = frozenset(("hdr", "ftr"))
_APART = frozenset(("instrText", "delText", "binData", "DocumentProperties", "fonts", "lists", "styles"))
_ON = (None, "on", "1", "true")
_SHEET = "{urn:schemas-microsoft-com:office:spreadsheet}"
_MBOX = re.compile(rb"From [^\r\n]*\r?\n")
_NEXT = re.compile(rb"\n\r?\nFrom \S+[ \t][^\r\n]*\d\d:\d\d")


def word_xml_parts(path: Path) -> tuple[str, str]:
    """The text of a Word document that is one XML file, a line for each paragraph, and that of its headers and footers.
    Raises etree.LxmlError: it is none."""
    body: list[str] = []
    around: list[str] = []
    for paragraph in _root(path).iter("{*}p"):
        above = {etree.QName(a).localname for a in paragraph.iterancestors()}
        if above & _APART or not above & {"body", "hdr", "ftr", "txbxContent", "footnote", "endnote", "comments"}:
            continue
        (around if above & _MARGINS else body).append("".join(_runs(paragraph)))
    return "\n".join(body), "\n".join(around)


def _runs(paragraph: etree._Element) -> Iterator[str]:
    for element in paragraph.iter("{*}t", *(f"{{*}}{name}" for name in _BREAKS)):
        name = etree.QName(element).localname
        nearest = next(a for a in element.iterancestors() if etree.QName(a).localname in ("p", "tabs", "pict"))
        if nearest is not paragraph:
            continue
        if name != "t":
            yield _BREAKS[name]
            continue
        run = element.getparent()
        look = None if run is None else run.find("{*}rPr")
        if look is not None and _is_on(look.find("{*}vanish")):
            continue
        place = None if look is None else look.find("{*}vertAlign")
        text = element.text or ""
        yield raised(text) if place is not None and "superscript" in place.attrib.values() else text


def _is_on(mark: etree._Element | None) -> bool:
    return mark is not None and next(iter(mark.attrib.values()), None) in _ON


def workbook_xml_text(path: Path) -> str:
    """The words of an Excel 2003 workbook: its cells of text, and its comments. Raises as `word_xml_parts`."""
    root = _root(path)
    found = []
    for data in root.iter(f"{_SHEET}Data"):
        kind, above = data.get(f"{_SHEET}Type", "String"), data.getparent()
        if kind == "String" or (above is not None and above.tag == f"{_SHEET}Comment"):
            found.append("".join(map(str, data.itertext())))
    return "\n".join(found)


def flat_document_text(path: Path) -> str:
    """The text of OpenDocument that is one XML file. Raises as `word_xml_parts`."""
    return flat_text(_root(path))


def drawing_text(path: Path) -> str:
    """The words of an SVG drawing, a line for each text. Raises as `word_xml_parts`."""
    found = []
    for element in _root(path).iter("{*}text"):
        style = f"{element.get('style', '')};display:{element.get('display', '')}".replace(" ", "")
        if "display:none" not in style:
            found.append(" ".join("".join(map(str, element.itertext())).split()))
    return "\n".join(found)


def mbox_text(path: Path) -> str:
    """What the message of an mbox says; nothing where there are several, each of which is a file of its own. Raises as
    `archive.rereading.messages.mail_text`."""
    content = path.read_bytes().lstrip(b"\r\n")
    return "" if _NEXT.search(content) else messages.message_text(_MBOX.sub(b"", content, count=1))


def web_archive_text(path: Path) -> str:
    """What the pages of a web archive show. Raises as `archive.rereading.messages.mail_text`."""
    return messages.message_text(path.read_bytes().lstrip(), fields=())


def _root(path: Path) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, recover=True)
    root = etree.parse(path, parser).getroot()
    if root is None:
        raise ValueError("no XML")
    return root
