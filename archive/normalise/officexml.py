"""Office documents that are one XML file: what LibreOffice needs to read them.

Word 2003 (WordML) and Excel 2003 (SpreadsheetML) are read by filters of its own, the flat form of OpenDocument too.
Word's flat form of OOXML is packed as the DOCX that it says it is.
"""

from __future__ import annotations

import base64
import binascii
import zipfile
from pathlib import Path

from lxml import etree

from archive.normalise.contract import Part
from archive.reasons import DocumentProblem, Reason

_WORD = "{http://schemas.microsoft.com/office/word/2003/wordml}"
_PACKAGE = "{http://schemas.microsoft.com/office/2006/xmlPackage}"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_MOST_PICTURES = 200
_TEXT_WIDTH = 9000  # twentieths of a point, between the margins of A4


def for_office(source: Path, family: str, copy: Path) -> Path:
    """What to give LibreOffice for a file of one of these families: the file itself, or a copy made to its needs.

    Raises:
        DocumentProblem: CORRUPT where it is not well-formed.
    """
    if family == "wordml":
        return _with_grids(source, copy)
    return _packed(source, copy) if family == "flatopc" else source


def pictures(source: Path, folder: Path) -> tuple[Part, ...]:
    """The pictures and objects of a Word 2003 document as files of it, written into `folder`: LibreOffice draws them in
    their places, but so small that nobody can see what they show."""
    parts: list[Part] = []
    for data in _tree(source).iter(f"{_WORD}binData"):
        try:
            content = base64.b64decode("".join((data.text or "").split()))
        except (binascii.Error, ValueError):
            continue
        name = data.get(f"{_WORD}name", "").rpartition("/")[2] or "bilde"
        if content and len(parts) < _MOST_PICTURES:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"picture-{len(parts):04d}"
            path.write_bytes(content)
            parts.append(Part(name, path))
    return tuple(parts)


def _tree(source: Path) -> etree._ElementTree:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        return etree.parse(source, parser)
    except etree.XMLSyntaxError:
        raise DocumentProblem(Reason.CORRUPT, "The XML is not well-formed.") from None


def _with_grids(source: Path, copy: Path) -> Path:
    """A copy in which each table says how wide its columns are: without that, LibreOffice shows the first one alone."""
    tree = _tree(source)
    lacking = [t for t in tree.iter(f"{_WORD}tbl") if t.find(f"{_WORD}tblGrid") is None]
    if not lacking:
        return source
    for table in lacking:
        columns = max((len(row.findall(f"{_WORD}tc")) for row in table.iter(f"{_WORD}tr")), default=1) or 1
        grid = etree.Element(f"{_WORD}tblGrid")
        for _ in range(columns):
            etree.SubElement(grid, f"{_WORD}gridCol").set(f"{_WORD}w", str(_TEXT_WIDTH // columns))
        properties = table.find(f"{_WORD}tblPr")
        table.insert(0 if properties is None else list(table).index(properties) + 1, grid)
    tree.write(copy, encoding="utf-8", xml_declaration=True)
    return copy


def _packed(source: Path, copy: Path) -> Path:
    """A ZIP package of the parts of a flat one (ECMA-376 part 2)."""
    root = _tree(source).getroot()
    types = etree.Element(f"{{{_TYPES}}}Types")
    rels = etree.SubElement(types, f"{{{_TYPES}}}Default")
    rels.set("Extension", "rels")
    rels.set("ContentType", "application/vnd.openxmlformats-package.relationships+xml")
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as package:
        for part in root.findall(f"{_PACKAGE}part"):
            name, kind = part.get(f"{_PACKAGE}name", ""), part.get(f"{_PACKAGE}contentType", "")
            package.writestr(name.lstrip("/"), _content(part))
            if not name.endswith(".rels"):
                override = etree.SubElement(types, f"{{{_TYPES}}}Override")
                override.set("PartName", name)
                override.set("ContentType", kind)
        package.writestr("[Content_Types].xml", etree.tostring(types, encoding="utf-8", xml_declaration=True))
    return copy


def _content(part: etree._Element) -> bytes:
    data = part.find(f"{_PACKAGE}xmlData")
    if data is not None and len(data):
        return etree.tostring(data[0], encoding="utf-8", xml_declaration=True, with_tail=False)
    try:
        return base64.b64decode("".join((part.findtext(f"{_PACKAGE}binaryData") or "").split()))
    except (binascii.Error, ValueError):
        raise DocumentProblem(Reason.CORRUPT, "A part of the document is not base64.") from None
