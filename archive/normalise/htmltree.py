"""An HTML document made harmless: nothing acts or refers to another file, and what is left out is told in place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from archive.normalise.typeset import drawable, glyph_flags
from archive.reasons import DocumentProblem, Reason
from archive.record import FlagNote

_MOST_DEPTH = 400
_MOST_SPAN = 200
_LONGEST_REFERENCE = 200
_LONGEST_WORD = 10_000
"""Characters without a space; Pango draws the first 16,383 of them and drops the rest."""
_TOO_LONG = re.compile(rf"\S{{{_LONGEST_WORD}}}")
_REMOVED = frozenset(("script", "base", "template"))
_REPLACED = {
    "iframe": ("src", "Ramme"),
    "frame": ("src", "Ramme"),
    "object": ("data", "Innbygd fil"),
    "embed": ("src", "Innbygd fil"),
    "applet": ("code", "Program"),
    "audio": ("src", "Lyd"),
    "video": ("src", "Video"),
}
_UNSEEN_PIXELS = 2
_SCROLLED = re.compile(r"overflow(-[xy])?\s*:\s*(auto|scroll)\b", re.IGNORECASE)
_CLIPPED = re.compile(r"overflow(-[xy])?\s*:\s*(hidden|clip)\b", re.IGNORECASE)
_UNCLIPPED = r"height:auto!important;max-height:none!important;white-space:normal!important;\g<0>"
_STEERING = re.compile(r"\s*(\[if\s*!|<!\[endif|\[endif)", re.IGNORECASE)
_UNROLLED = "height:auto!important;max-height:none!important;overflow:visible"
_NUMBER = re.compile(r"\s*(\d+)")
_PLACEHOLDER = "border:0.5pt dashed #777;color:#555;font-style:italic;padding:0 2pt"


@dataclass(slots=True)
class Harmless:
    """What was done to a document: `removed` counts what acts or refers elsewhere, `style` is all its CSS, `texts` its
    own running text in order, `flags` tells of characters without a glyph. `unseen` and `apart`: see
    `archive.normalise.htmllegible`."""

    removed: int = 0
    style: str = ""
    texts: list[str] = field(default_factory=list)
    flags: tuple[FlagNote, ...] = ()
    has_drawings: bool = False
    unseen: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)


def made_harmless(root: Any) -> Harmless:
    """Take out what acts, tell where something else was meant to be, bound what repeats, make all characters drawable.

    Raises DocumentProblem: RESOURCE_LIMIT where it is nested too deeply, CONVERSION_FAILED where a word is too long for
    the engine.
    """
    result = Harmless()
    elements = _elements(root, result)
    styles: list[str] = []
    for element in elements:
        _bounded(element, result)
        if element.tag == "style":
            element.text = _opened(element.text or "")
            styles.append(element.text)
        elif not isinstance(element.tag, str):
            result.texts += filter(None, (_remarked(element.text or ""),))
        elif element.tag != "title":
            result.texts += filter(None, (element.text,))
        if element.tail:
            result.texts.append(element.tail)
        if "style" in element.attrib:
            element.set("style", _opened(element.get("style")))
            styles.append(element.get("style"))
        result.has_drawings = result.has_drawings or element.tag in ("svg", "{http://www.w3.org/2000/svg}svg")
    if any(len(text) > _LONGEST_WORD and _TOO_LONG.search(text) for text in result.texts):
        raise DocumentProblem(Reason.CONVERSION_FAILED, f"A word has more than {_LONGEST_WORD} characters.")
    result.style = "\n".join(styles)
    table = drawable(result.texts)
    if table:
        for element in elements:
            if element.tag != "style":
                element.text = element.text and element.text.translate(table)
            element.tail = element.tail and element.tail.translate(table)
    result.flags = glyph_flags(table)
    return result


def _remarked(comment: str) -> str:
    """The words of a comment; those that only steer browsers have none."""
    if _STEERING.match(comment):
        return ""
    return re.sub(r"<[^<>]*>|^\s*\[if[^\]]*\]>", " ", comment).strip()


def _opened(style: str) -> str:
    """A style without boxes that show a part of what is in them."""
    return _CLIPPED.sub(_UNCLIPPED, _SCROLLED.sub(_UNROLLED, style))


def _elements(root: Any, result: Harmless) -> list[Any]:
    """All elements that stay, in document order."""
    elements: list[Any] = []
    stack = [(root, 0)]
    while stack:
        element, depth = stack.pop()
        if depth > _MOST_DEPTH:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, "The HTML is nested too deeply.")
        elements.append(element)
        kept = []
        for child in list(element):
            if child.tag in _REMOVED or (child.tag == "link" and "stylesheet" not in child.get("rel", "").lower()):
                result.removed += child.tag == "script"
                _take_out(element, child)
                continue
            if child.tag in _REPLACED:
                _told(child, *_REPLACED[child.tag], result)
            elif child.tag == "img":
                _missing_picture(child, result)
            elif child.tag == "frameset":
                child.tag = "div"
            elif child.tag == "noframes" and child.text:
                child.tag = "div"
                child.text = re.sub(r"<[^<>]*>", " ", child.text)
            kept.append((child, depth + 1))
        stack += reversed(kept)
    return elements


def _told(element: Any, attribute: str, what: str, result: Harmless) -> None:
    """A frame or embedded file becomes a note of what it was, before whatever it has to show instead."""
    result.removed += 1
    reference = element.get(attribute, "")
    children, text = list(element), element.text
    tail = element.tail
    is_frame = element.tag in ("iframe", "frame")
    element.clear()
    element.tag, element.tail = "div", tail
    note = ET.SubElement(element, "span", {"style": _PLACEHOLDER})
    note.text = f"[{what} er ikke i kopien{_shortened(reference)}]"
    if not is_frame:  # an iframe's content is for readers without frames, and not parsed
        note.tail = text
        element.extend(children)


def _missing_picture(element: Any, result: Harmless) -> None:
    reference = element.get("src", "")
    if not reference or reference.lower().startswith("data:"):
        return
    result.removed += 1
    sizes = [_NUMBER.match(element.get(name, "")) for name in ("width", "height")]
    if all(size is not None and int(size[1][:9]) <= _UNSEEN_PIXELS for size in sizes):
        del element.attrib["src"]  # a spacer or counter
        return
    alternative = element.get("alt", "")
    tail = element.tail
    element.clear()
    element.tag, element.tail = "span", tail
    element.set("style", _PLACEHOLDER)
    said = f" «{alternative}»" if alternative.strip() else ""
    element.text = f"[Bilde{said} er ikke i kopien{_shortened(reference)}]"


def _shortened(reference: str) -> str:
    reference = " ".join(reference.split())
    if not reference:
        return ""
    return f": {reference[:_LONGEST_REFERENCE]}{'…' if len(reference) > _LONGEST_REFERENCE else ''}"


def _bounded(element: Any, result: Harmless) -> None:
    if element.tag == "link" and not element.get("href", "").lower().startswith("data:"):
        result.removed += 1
    for name, value in list(element.attrib.items()):
        if name.lower().startswith("on") or "javascript:" in value.lower().replace("\n", ""):
            result.removed += 1
            del element.attrib[name]
        elif name in ("rowspan", "colspan", "span") and value.strip().isdigit():
            element.set(name, str(min(int(value.strip()[:9]), _MOST_SPAN)))


def _take_out(parent: Any, child: Any) -> None:
    """Remove an element but keep the text behind it."""
    at = list(parent).index(child)
    if child.tail:
        if at:
            before = parent[at - 1]
            before.tail = (before.tail or "") + child.tail
        else:
            parent.text = (parent.text or "") + child.tail
    parent.remove(child)
