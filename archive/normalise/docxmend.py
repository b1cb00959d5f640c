"""Word documents as LibreOffice shows them whole: formulas, parts in other formats, drawn words, pictures elsewhere.

LibreOffice without its formula editor leaves formulas out, takes no altChunk but another DOCX, and says nothing of a
picture that is only linked. Only the copy that it gets is changed: a formula becomes a line of text with raised and
lowered runs, an altChunk its paragraphs (`chunks`), a linked picture a note of what it was.

Source: ECMA-376 part 1 (17.17.2.1 altChunk, 20.1.8.13 blip, 22.1 OMML).
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from archive.normalise.omml import linear

_TRIGGER = re.compile(rb"altChunk|oMath>|:textpath\s")
_PICTURE = re.compile(rb"<\w+:(?:blip|imagedata)\s")
_FAR_PICTURE = re.compile(rb"<Relationship\s(?=[^<>]*/image\")(?=[^<>]*\"External\")")
_MOST_PART = 64 << 20
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
_NOTE = "[Bilde{said} er ikke i kopien: {where}]"
_LONGEST = 200


def mended_docx(source: Path, copy: Path) -> bool:
    """Write a copy that LibreOffice shows whole; False, and no copy, where the document can stay as it is."""
    try:
        with zipfile.ZipFile(source) as archive:
            changed = {}
            linked = _has_linked_pictures(archive)
            for member in archive.infolist():
                name = member.filename
                if not name.lower().endswith(".xml") or not 0 < member.file_size <= _MOST_PART:
                    continue
                content = archive.read(member)
                wanted = _TRIGGER.search(content) or (linked and _PICTURE.search(content))
                if wanted and (better := _mended_part(archive, name, content)) is not None:
                    changed[name] = better
            if not changed:
                return False
            with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as target:
                for member in archive.infolist():
                    target.writestr(member, changed.get(member.filename) or archive.read(member))
    except (*_UNREADABLE, etree.LxmlError):
        copy.unlink(missing_ok=True)
        return False
    return True


def _has_linked_pictures(archive: zipfile.ZipFile) -> bool:
    parts = (m for m in archive.infolist() if m.filename.lower().endswith(".rels") and m.file_size <= _MOST_PART)
    return any(_FAR_PICTURE.search(archive.read(part)) for part in parts)


def _mended_part(archive: zipfile.ZipFile, name: str, content: bytes) -> bytes | None:
    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    main = root.nsmap.get("w") or etree.QName(root).namespace
    if main is None or "wordprocessingml" not in main:
        return None
    relations = _relations(archive, name)
    changed = 0
    for element in list(root.iter(etree.Element)):
        kind = etree.QName(element).localname
        if kind == "oMath" and not any(etree.QName(a).localname == "oMath" for a in element.iterancestors()):
            changed += _formula(element, main)
        elif kind == "altChunk":
            changed += _chunk(element, main, archive, relations)
        elif kind == "textpath":
            changed += _drawn(element, main)
        elif kind in ("blip", "imagedata"):
            changed += _linked(element, main, relations)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True) if changed else None


def _relations(archive: zipfile.ZipFile, name: str) -> dict[str, tuple[str, bool]]:
    """Target and whether it is outside, by id."""
    folder, base = posixpath.split(name)
    wanted = posixpath.join(folder, "_rels", f"{base}.rels").lower()
    found: dict[str, tuple[str, bool]] = {}
    for member in archive.namelist():
        if member.lower() == wanted:
            for relation in etree.fromstring(archive.read(member)):
                target, outside = relation.get("Target", ""), relation.get("TargetMode") == "External"
                if not outside:
                    target = posixpath.normpath(posixpath.join("/", folder, unquote(target))).lstrip("/")
                found[relation.get("Id", "")] = (target, outside)
    return found


def _related(element: etree._Element, *names: str) -> str:
    """The id in one of the element's attributes of those names."""
    for name, value in element.attrib.items():
        if etree.QName(name).namespace and etree.QName(name).localname in names:
            return str(value)
    return ""


# --- formulas


def _formula(element: etree._Element, main: str) -> int:
    """A formula becomes runs where it stood."""
    runs = [_run(main, text, level) for text, level in linear(element)]
    parent = element.getparent()
    if parent is None or not runs:
        return 0
    if etree.QName(parent).localname == "oMathPara":
        element, parent = parent, parent.getparent()
        if parent is None:
            return 0
    _replace(element, runs if etree.QName(parent).localname not in ("body", "tc", "txbxContent") else [_p(main, runs)])
    return 1


# --- parts in other formats


def _chunk(element: etree._Element, main: str, archive: zipfile.ZipFile, relations: dict[str, tuple[str, bool]]) -> int:
    target, outside = relations.get(_related(element, "id"), ("", True))
    from archive.normalise.chunks import Paragraph, chunk

    if outside:
        paragraphs: list[Paragraph] | None = [[(f"[Innbygd del er ikke i kopien: {_short(target)}]", "")]]
    else:
        name = next((n for n in archive.namelist() if n.lower() == target.lower()), None)
        if name is None or archive.getinfo(name).file_size > _MOST_PART:
            return 0
        paragraphs = chunk(archive.read(name))
    if paragraphs is None:
        return 0
    _replace(element, [_p(main, [_run(main, text, looks) for text, looks in p]) for p in paragraphs])
    return 1


# --- pictures that are elsewhere


def _linked(element: etree._Element, main: str, relations: dict[str, tuple[str, bool]]) -> int:
    within = relations.get(_related(element, "embed", "id"), ("", True))
    if within[0] and not within[1]:
        return 0
    where, outside = relations.get(_related(element, "link", "href", "id"), ("", False))
    if not outside or not where:
        return 0
    holder = next(
        (a for a in element.iterancestors() if etree.QName(a).localname in ("drawing", "pict", "object")), None
    )
    if holder is None or (parent := holder.getparent()) is None or etree.QName(parent).localname != "r":
        return 0
    shown = [e.get("descr") or e.get("alt") or "" for e in holder.iter(etree.Element)]
    said = next((f" «{s.strip()}»" for s in shown if s.strip()), "")
    text = etree.Element(f"{{{main}}}t")
    text.text = _NOTE.format(said=said, where=_short(where))
    _replace(holder, [text])
    return 1


def _drawn(element: etree._Element, main: str) -> int:
    """The words of drawn text (WordArt) stand before the drawing, which says none in a PDF."""
    holder = next((a for a in element.iterancestors() if etree.QName(a).localname in ("pict", "object")), None)
    words = " ".join((element.get("string") or "").split())
    if holder is None or not words or (parent := holder.getparent()) is None:
        return 0
    text = etree.Element(f"{{{main}}}t", {"{http://www.w3.org/XML/1998/namespace}space": "preserve"})
    text.text = f" {words} "
    parent.insert(parent.index(holder), text)
    return 1


def _short(address: str) -> str:
    address = " ".join(unquote(address).split())
    return address if len(address) <= _LONGEST else f"…{address[-_LONGEST:]}"


# --- elements


def _run(main: str, text: str, looks: str) -> etree._Element:
    run = etree.Element(f"{{{main}}}r")
    properties = etree.SubElement(run, f"{{{main}}}rPr")
    for look in looks.split():
        if look in ("superscript", "subscript"):
            etree.SubElement(properties, f"{{{main}}}vertAlign", {f"{{{main}}}val": look})
        elif look == "u":
            etree.SubElement(properties, f"{{{main}}}u", {f"{{{main}}}val": "single"})
        else:
            etree.SubElement(properties, f"{{{main}}}{look}")
    for number, line in enumerate(text.split("\n")):
        if number:
            etree.SubElement(run, f"{{{main}}}br")
        for place, part in enumerate(line.split("\t")):
            if place:
                etree.SubElement(run, f"{{{main}}}tab")
            words = etree.SubElement(run, f"{{{main}}}t", {"{http://www.w3.org/XML/1998/namespace}space": "preserve"})
            words.text = part
    return run


def _p(main: str, runs: list[etree._Element]) -> etree._Element:
    paragraph = etree.Element(f"{{{main}}}p")
    paragraph.extend(runs)
    return paragraph


def _replace(element: etree._Element, others: list[etree._Element]) -> None:
    parent = element.getparent()
    if parent is None:
        return
    place = parent.index(element)
    tail, element.tail = element.tail, None
    parent.remove(element)
    for number, other in enumerate(others):
        parent.insert(place + number, other)
    if others:
        others[-1].tail = tail
