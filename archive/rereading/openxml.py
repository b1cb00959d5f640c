"""What Office Open XML files say (ECMA-376), by ZIP and XML alone: text documents, workbooks, presentations.

Parts are known by their root element, since their names are free. Of text documents: paragraphs, tables, text boxes,
notes, comments, formulas, signs of symbol fonts, words set as drawings, and documents put in whole (`altChunk`).
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from archive.rereading.tokens import raised
from archive.symbolfonts import encoding_of, recode, sign

MOST_EXPANDED = 32 << 20
"""Bytes of a container's XML; read as a tree it takes several times that, in workers too."""

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_PATH = "{urn:schemas-microsoft-com:vml}textpath"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BODIES = frozenset(f"{_W}{name}" for name in ("document", "footnotes", "endnotes", "comments"))
_MARGINS = frozenset((f"{_W}hdr", f"{_W}ftr"))
_SMART_ART = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}dataModel"
_OFF = ("0", "false", "off")
_SAID = (f"{_W}t", f"{_W}delText")
_BREAKS = {f"{_W}tab": " ", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}p": "\n", f"{_W}noBreakHyphen": "-"}
_WORD_PARTS = re.compile(r"word/[^/]+\.xml|word/diagrams/data[^/]*\.xml")
_SHEET_PARTS = re.compile(r"xl/(sharedStrings|styles|comments\d*|worksheets/[^/]+)\.xml", re.IGNORECASE)
_SLIDE_PARTS = re.compile(
    r"ppt/(slides|notesSlides|comments)/[^/]+\.xml|ppt/diagrams/(?!drawing|layout|colors|quick)[^/]+\.xml"
)
_PLAIN_FORMATS = frozenset((0, 1, 2))
_WHOLE = re.compile(r"-?\d{1,11}(?:\.\d{1,2})?")


def parts(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, etree._Element]]:
    """The XML parts of a container whose names match, as trees.

    Raises ValueError: they are too large; zipfile.BadZipFile, lxml.etree.LxmlError, OSError.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=True)
    with zipfile.ZipFile(path) as archive:
        left = MOST_EXPANDED
        for info in archive.infolist():
            if wanted.fullmatch(info.filename) is None:
                continue
            left -= info.file_size
            if left < 0:
                raise ValueError("the container is too large")
            root = etree.fromstring(archive.read(info).replace(_STRICT, _W[1:-1].encode()), parser)
            if root is not None:
                yield info.filename, root


def word_text(path: Path) -> str:
    """The text of a document with its headers and footers. Raises as `parts`."""
    return "".join(word_parts(path))


def word_parts(path: Path) -> tuple[str, str]:
    """The text of a document, and apart from it that of headers and footers. Raises as `parts`."""
    bodies: list[tuple[str, etree._Element]] = []
    smart: list[etree._Element] = []
    unseen: frozenset[str] = frozenset()
    for name, root in parts(path, _WORD_PARTS):
        if root.tag in _BODIES or root.tag in _MARGINS:
            bodies.append((name, root))
        elif root.tag == _SMART_ART:
            smart.append(root)
        elif root.tag == f"{_W}styles":
            unseen = _hiding(root)
    # the main text stands first in the container as a rule, but need not
    bodies.sort(key=lambda part: part[1].tag != f"{_W}document")
    out: list[str] = []
    around: list[str] = []
    for name, root in bodies:
        place = around if root.tag in _MARGINS else out
        place += _said(root, unseen)
        place.append("\f" if place is around else "\n")
        for chunk in root.iter(f"{_W}altChunk"):
            place.append(_put_in(path, name, chunk.get(f"{_R}id", "")))
    for root in smart:
        out += (f"\n{t.text}" for t in root.iter(f"{_A}t") if t.text)
    return "".join(out), "".join(around)


def _said(root: etree._Element, unseen: frozenset[str]) -> Iterator[str]:
    for other in root.iter(_FALLBACK):
        other.clear()
    for element in root.iter(*_SAID, *_BREAKS, f"{_W}sym", f"{_M}t", f"{_A}t", _PATH):
        tag = element.tag
        if tag in _SAID:
            yield _run(element, unseen)
        elif tag in _BREAKS:
            yield _BREAKS[str(tag)]
        elif tag == f"{_W}sym":
            if not _vanishes(element.getparent(), unseen):
                yield _sign(element.get(f"{_W}font", ""), element.get(f"{_W}char", ""))
        elif tag == _PATH:
            yield f" {element.get('string', '')} "
        else:
            yield f" {element.text or ''} "


def _run(element: etree._Element, unseen: frozenset[str]) -> str:
    run, text = element.getparent(), element.text or ""
    properties = None if run is None else run.find(f"{_W}rPr")
    if properties is None:
        return "" if unseen and _vanishes(run, unseen) else text
    if _vanishes(run, unseen):
        return ""
    fonts = properties.find(f"{_W}rFonts")
    if fonts is not None:
        encoding = encoding_of(fonts.get(f"{_W}ascii", "") or fonts.get(f"{_W}hAnsi", ""))
        if encoding is not None:
            text = recode(text, encoding)[0]
    place = properties.find(f"{_W}vertAlign")
    return raised(text) if place is not None and place.get(f"{_W}val") == "superscript" else text


def _sign(font: str, code: str) -> str:
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    encoding = encoding_of(font)
    if encoding is None:
        return "" if 0xE000 <= number < 0xF900 or number > 0x10FFFF else chr(number)
    return sign(encoding, number & 0xFF) or ""


def _on(properties: etree._Element | None, name: str) -> bool | None:
    found = None if properties is None else properties.find(f"{_W}{name}")
    return None if found is None else found.get(f"{_W}val", "1") not in _OFF


def _vanishes(run: etree._Element | None, unseen: frozenset[str]) -> bool:
    """Whether a run is hidden: by itself, else by its style or its paragraph's."""
    if run is None:
        return False
    properties = run.find(f"{_W}rPr")
    told = _on(properties, "vanish")
    if told is not None or not unseen:
        return bool(told)
    style = None if properties is None else properties.find(f"{_W}rStyle")
    if style is not None and style.get(f"{_W}val") in unseen:
        return True
    paragraph = next(run.iterancestors(f"{_W}p"), None)
    style = None if paragraph is None else paragraph.find(f"{_W}pPr/{_W}pStyle")
    return style is not None and style.get(f"{_W}val") in unseen


def _hiding(styles: etree._Element) -> frozenset[str]:
    """Names of the styles that hide text, by themselves or by those they are based on."""
    told, based = {}, {}
    for style in styles.iter(f"{_W}style"):
        name = style.get(f"{_W}styleId", "")
        told[name] = _on(style.find(f"{_W}rPr"), "vanish")
        above = style.find(f"{_W}basedOn")
        based[name] = "" if above is None else above.get(f"{_W}val", "")
    if not any(told.values()):
        return frozenset()
    hiding = set()
    for name in told:
        at, seen = name, {""}
        while at not in seen and told.get(at) is None:
            seen.add(at)
            at = based.get(at, "")
        if told.get(at):
            hiding.add(name)
    return frozenset(hiding)


def _put_in(path: Path, name: str, reference: str) -> str:
    """The words of a document that another one holds whole."""
    from archive.rereading.readers import words_within

    folder, base = posixpath.split(name)
    with zipfile.ZipFile(path) as archive:
        try:
            relations = etree.fromstring(archive.read(f"{folder}/_rels/{base}.rels"))
        except KeyError:
            return ""
        for relation in relations:
            if relation.get("Id") == reference and relation.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/" + folder, relation.get("Target", ""))).lstrip("/")
                if target in archive.namelist() and archive.getinfo(target).file_size <= MOST_EXPANDED:
                    return f"\n{words_within(archive.read(target))}\n"
    return ""


def workbook_text(path: Path) -> str:
    """Strings of the cells of sheets that are shown, and numbers whose format leaves them as they are written (whole
    ones, and with two places after the comma), as a Norwegian program shows them; notes. Raises as `parts`."""
    shared: list[str] = []
    sheets: list[tuple[str, etree._Element]] = []
    formats: list[int] = []
    out: list[str] = []
    for name, root in parts(path, _SHEET_PARTS):
        kind = etree.QName(root).localname
        if kind == "sst":
            shared = ["".join(t.text or "" for t in _texts(item)) for item in root.iter("{*}si")]
        elif kind == "styleSheet":
            formats = [int(x.get("numFmtId", "0")) for c in root.iter("{*}cellXfs") for x in c.iter("{*}xf")]
        elif kind == "worksheet":
            sheets.append((name, root))
        elif kind == "comments":
            out += ("".join(t.text or "" for t in _texts(c)) for c in root.iter("{*}comment"))
    for _, root in sheets:
        for row in root.iter("{*}row"):
            if row.get("hidden") not in ("1", "true"):
                out += (said for cell in row.iter("{*}c") if (said := _cell(cell, shared, formats)))
    return "\n".join(out)


def _texts(item: etree._Element) -> Iterator[etree._Element]:
    for t in item.iter("{*}t"):
        above = t.getparent()
        if above is None or etree.QName(above).localname != "rPh":  # how a word is pronounced is not shown
            yield t


def _cell(cell: etree._Element, shared: list[str], formats: list[int]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext("{*}v") or ""
    if kind == "s":
        return shared[int(value)] if value.isdigit() and int(value) < len(shared) else ""
    if kind == "inlineStr":
        return "".join(t.text or "" for t in _texts(cell))
    if kind == "str":
        return value
    style = int(cell.get("s", "0") or 0)
    number = formats[style] if style < len(formats) else 0
    if kind != "n" or number not in _PLAIN_FORMATS or not _WHOLE.fullmatch(value):
        return ""
    if number == 0:
        return value.replace(".", ",")
    return value if number == 1 and "." not in value else f"{float(value):.2f}".replace(".", ",") if number == 2 else ""


def slides_text(path: Path) -> str:
    """Texts of all slides and notes, without fields that are reckoned anew. Raises as `parts`."""
    out: list[str] = []
    for _, root in parts(path, _SLIDE_PARTS):
        for paragraph in root.iter(f"{_A}p"):
            out.append("".join(_of_paragraph(paragraph)))
    return "\n".join(out)


def _of_paragraph(paragraph: etree._Element) -> Iterator[str]:
    for element in paragraph.iter(f"{_A}t", f"{_A}br"):
        above = element.getparent()
        if element.tag == f"{_A}br":
            yield "\n"
        elif above is None or above.tag != f"{_A}fld":
            properties = None if above is None else above.find(f"{_A}rPr")
            up = properties is not None and int(properties.get("baseline", "0") or 0) > 0
            yield raised(element.text or "") if up else element.text or ""
