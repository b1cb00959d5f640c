"""Workbooks whose cells are too narrow for what they hold: columns wide enough for their numbers, text on more lines.

On paper a number that does not fit is "###", and a text ends where its neighbour begins. Only the copy that LibreOffice
gets is changed: a column grows until its numbers and dates fit, a text beside a filled cell may break within its own.

Source: ECMA-376 part 1 (18.3.1.13 col, 18.3.1.4 c, 18.8.30 numFmt, 18.8.1 alignment).
"""

from __future__ import annotations

import re
import textwrap
import zipfile
import zlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from archive.normalise.numberwidth import Format, format_of

_SHEET = re.compile(r"/?xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_MOST_PART = 32 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)
_PADDING = 0.75
_DEFAULT_WIDTH = 8.43
_WIDEST = 255.0
_LAST_COLUMN = 16_384
_NARROW, _TEXT_WIDTH = 12.0, 40.0
"""Characters: a column of text narrower than the first grows to the second at most, before its lines break."""
_LINE, _HIGHEST = 15.0, 409.0
_FILLED = 0.9
"""Points for a line, and the highest row there may be; how much of a line words fill."""


@dataclass(slots=True)
class _Styles:
    """What cells look like, by the number of their style."""

    root: etree._Element | None = None
    formats: list[Format] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    wrapping: dict[int, int] = field(default_factory=dict)
    """Style number -> that of its twin whose text may break."""

    def format(self, style: int) -> Format:
        return self.formats[style] if 0 <= style < len(self.formats) else format_of("")

    def scale(self, style: int) -> float:
        return self.scales[style] if 0 <= style < len(self.scales) else 1.0


@dataclass(slots=True)
class _Long:
    """A text that is longer than its cell is wide, beside a filled one."""

    row: etree._Element
    cell: etree._Element
    column: int
    text: str
    scale: float
    twin: int

    def wrap(self, width: float) -> None:
        """Let it go on in further lines, and the row be as high as they are."""
        room = max(1, int(width / self.scale * _FILLED))
        lines = sum(max(1, len(textwrap.wrap(line, room))) for line in self.text.split("\n"))
        height = min(lines * _LINE * self.scale, _HIGHEST)
        if lines > 1 and height > _number(self.row, "ht", _LINE):
            self.row.set("ht", f"{height:.1f}")
            self.row.set("customHeight", "1")
        self.cell.set("s", str(self.twin))


def mended_xlsx(source: Path, copy: Path) -> bool:
    """Write a copy whose cells show what they hold; False, and no copy, where they do already."""
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
            name = next((m.filename for m in members if m.filename.lower().lstrip("/") == "xl/styles.xml"), None)
            styles = _styles(archive.read(name)) if name else _Styles()
            shared = _shared(archive)
            changed: dict[str, bytes] = {}
            for member in members:
                if _SHEET.fullmatch(member.filename) and 0 < member.file_size <= _MOST_PART:
                    root = _parsed(archive.read(member))
                    if _mended(root, styles, shared):
                        changed[member.filename] = _written(root)
            if not changed:
                return False
            if name and styles.root is not None and styles.wrapping:
                changed[name] = _written(styles.root)
            with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as target:
                for member in members:
                    target.writestr(member, changed.get(member.filename) or archive.read(member))
    except (*_UNREADABLE, etree.LxmlError):
        copy.unlink(missing_ok=True)
        return False
    return True


def _parsed(content: bytes) -> etree._Element:
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _all(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    if element is not None:
        yield from element.iterchildren(f"{{*}}{name}")


def _first(element: etree._Element | None, name: str) -> etree._Element | None:
    return next(_all(element, name), None)


def _number(element: etree._Element | None, name: str, otherwise: float) -> float:
    try:
        return float(element.get(name, "")) if element is not None else otherwise
    except ValueError:
        return otherwise


def _styles(content: bytes) -> _Styles:
    root = _parsed(content)
    codes = {int(_number(f, "numFmtId", -1)): f.get("formatCode", "") for f in _all(_first(root, "numFmts"), "numFmt")}
    sizes = [_number(_first(f, "sz"), "val", 11.0) for f in _all(_first(root, "fonts"), "font")] or [11.0]
    styles = _Styles(root)
    for xf in _all(_first(root, "cellXfs"), "xf"):
        number = int(_number(xf, "numFmtId", 0))
        font = int(_number(xf, "fontId", 0))
        styles.formats.append(format_of(codes.get(number, ""), number))
        styles.scales.append(max(0.5, sizes[font] / sizes[0]) if 0 <= font < len(sizes) and sizes[0] > 0 else 1.0)
    return styles


def _shared(archive: zipfile.ZipFile) -> list[str]:
    """The workbook's shared strings."""
    name = next((n for n in archive.namelist() if n.lower().lstrip("/") == "xl/sharedstrings.xml"), None)
    if name is None or archive.getinfo(name).file_size > _MOST_PART:
        return []
    strings = _all(_parsed(archive.read(name)), "si")
    return ["".join(t.text or "" for t in s.iter("{*}t")) for s in strings]


def _mended(root: etree._Element, styles: _Styles, shared: list[str]) -> bool:
    columns = _first(root, "cols")
    layout = _first(root, "sheetFormatPr")
    default = _number(layout, "defaultColWidth", _number(layout, "baseColWidth", _DEFAULT_WIDTH))
    spans = [(int(_number(c, "min", 0)), int(_number(c, "max", 0)), c) for c in _all(columns, "col")]

    def width(column: int) -> float:
        for first, last, col in spans:
            if first <= column <= last:
                return _WIDEST if col.get("hidden") in ("1", "true") else _number(col, "width", default)
        return default

    needed: dict[int, float] = {}
    long: list[_Long] = []
    for row in _all(_first(root, "sheetData"), "row"):
        cells = list(_cells(row))
        filled = {column for column, cell in cells if len(cell)}
        for column, cell in cells:
            style = int(_number(cell, "s", 0))
            kind, value = cell.get("t", "n"), _first(cell, "v")
            if kind == "n" and value is not None and value.text:
                needs = styles.format(style).width(value.text) * styles.scale(style) + _PADDING
                if needs > max(needed.get(column, 0.0), width(column)):
                    needed[column] = min(needs, _WIDEST)
            elif column + 1 in filled and kind in ("s", "str", "inlineStr"):
                text, scale = _text(cell, kind, value, shared), styles.scale(style)
                longest = max(map(len, text.split("\n"))) * scale
                if longest > width(column) and (twin := _twin(styles, style)) is not None:
                    long.append(_Long(row, cell, column, text, scale, twin))
                    least = min(longest + _PADDING, _TEXT_WIDTH) if width(column) < _NARROW else 0.0
                    if least > max(needed.get(column, 0.0), width(column)):
                        needed[column] = least
    for cell_text in long:
        cell_text.wrap(max(needed.get(cell_text.column, 0.0), width(cell_text.column)))
    if needed:
        _widen(root, columns, spans, needed)
    return bool(needed or long)


def _cells(row: etree._Element) -> Iterator[tuple[int, etree._Element]]:
    column = 0
    for cell in _all(row, "c"):
        letters = re.match(r"[A-Za-z]+", cell.get("r", ""))
        column = _column(letters[0]) if letters else column + 1
        if 0 < column <= _LAST_COLUMN:
            yield column, cell


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper()[:4]:
        number = number * 26 + ord(letter) - 64
    return number


def _text(cell: etree._Element, kind: str, value: etree._Element | None, shared: list[str]) -> str:
    if kind == "s":
        number = int(value.text) if value is not None and value.text and value.text.strip().isdigit() else -1
        return shared[number] if 0 <= number < len(shared) else ""
    return "".join(t.text or "" for t in cell.iter("{*}t", "{*}v"))


def _twin(styles: _Styles, style: int) -> int | None:
    if style not in styles.wrapping:
        all_styles = _first(styles.root, "cellXfs")
        own = list(_all(all_styles, "xf"))
        if all_styles is None or not 0 <= style < len(own):
            return None
        alignment = _first(own[style], "alignment")
        if alignment is not None and (alignment.get("wrapText") or alignment.get("shrinkToFit")) in ("1", "true"):
            return None
        twin = deepcopy(own[style])
        if (there := _first(twin, "alignment")) is None:
            there = etree.Element(str(twin.tag).replace("}xf", "}alignment"))
            twin.insert(0, there)
        there.set("wrapText", "1")
        twin.set("applyAlignment", "1")
        all_styles.append(twin)
        all_styles.set("count", str(len(own) + 1))
        styles.formats.append(styles.format(style))
        styles.scales.append(styles.scale(style))
        styles.wrapping[style] = len(own)
    return styles.wrapping[style]


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.attrib.items()}


def _widen(
    root: etree._Element,
    columns: etree._Element | None,
    spans: list[tuple[int, int, etree._Element]],
    needed: dict[int, float],
) -> None:
    """Write the columns anew: those that need it with their own width, all others as they were."""
    space = str(root.tag).rpartition("worksheet")[0]
    made: list[tuple[int, int, dict[str, str]]] = []
    for first, last, col in spans:
        at = first
        for column in sorted(c for c in needed if first <= c <= last):
            made += [(at, column - 1, _attributes(col))] if at < column else []
            made.append((column, column, _attributes(col) | {"width": f"{needed[column]:.2f}", "customWidth": "1"}))
            at = column + 1
        made += [(at, last, _attributes(col))] if at <= last else []
    covered = [(first, last) for first, last, _ in spans]
    made += [
        (c, c, {"width": f"{width:.2f}", "customWidth": "1"})
        for c, width in needed.items()
        if not any(first <= c <= last for first, last in covered)
    ]
    new = etree.Element(f"{space}cols")
    for first, last, attributes in sorted(made, key=lambda m: m[:2]):
        etree.SubElement(new, f"{space}col", attributes | {"min": str(first), "max": str(last)})
    if columns is not None:
        root.replace(columns, new)
    elif (data := _first(root, "sheetData")) is not None:
        data.addprevious(new)
