"""What an HTML page says by other means than words, said so that it stands on the page and in the text copy alike.

Raised and lowered digits become the Unicode signs for them, struck and inserted words are named, lists carry their
marks in their text, fields show what was filled in, and frames whose page is at hand show it. The rest is the layout's.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

import cssselect2
import tinycss2

from archive.normalise.encodings import decode
from archive.normalise.listmarks import Numbering
from archive.normalise.richtext import shifted
from archive.normalise.xmltree import XHTML, Node

_TOLD = {"strike": "strøket", "ins": "satt inn"}
_BY_TAG = {"s": "strike", "strike": "strike", "del": "strike", "ins": "ins", "sup": "sup", "sub": "sub"}
_STYLED = re.compile(r"line-through|vertical-align\s*:\s*su[pb]|list-style|counter|opacity|transparent", re.IGNORECASE)
_UNSEEN = re.compile(r"^(0|0?\.0+|0%|transparent)$")
_NUMBERED_BY_STYLE = re.compile(r"counter-(increment|reset)|@counter-style", re.IGNORECASE)
_ROWS = frozenset(("table", "thead", "tbody", "tfoot", "tr", "ul", "ol", "dl", "select"))
_NEVER = frozenset(("html", "head", "body", "style", "script", "title", "template", *_ROWS))
_LEADING = frozenset(("p", "div", "span", "b", "i", "em", "strong", "u", "font", "a", "label", "h1", "h2", "h3", "h4"))
_FIELD = "border:0.5pt solid #555;padding:0 2pt;white-space:pre-wrap;display:inline-block;min-width:2em;min-height:1em"
_FRAME = "border:0.5pt solid #777;padding:2pt"
_HEADED = "font-size:8pt;color:#555"
_DATA_PAGE = re.compile(r"data:text/html(?:;charset=[\w-]+)?(;base64)?,(.*)", re.IGNORECASE | re.DOTALL)
_MOST_RULES = 20_000
_MOST_FRAMES = 20
_MOST_HIDDEN_VALUE = 200


@dataclass(slots=True)
class Legible:
    """What pages do not show: `unseen` is text that its style makes invisible, or that belongs to a field nobody sees;
    `apart` are descriptions of pictures and what a pointer would bring up."""

    unseen: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)


def made_legible(root: Any, source: str) -> Legible:
    """Put into words, in a parsed document, what its layout would say otherwise.

    Args:
        root: the document's root element (`xml.etree`).
        source: its text, to look for what is worth looking for.
    """
    result = Legible()
    _frames(root)
    styles = _styles(root, source)
    numbered = _NUMBERED_BY_STYLE.search(source) is None
    for element in list(root.iter()):
        tag = element.tag
        if not isinstance(tag, str):
            continue
        if tag in ("input", "textarea", "select", "meter", "progress"):
            _field(element, result)
        elif tag in ("ul", "ol") and numbered:
            _marked(element, styles)
        elif tag == "template":
            result.unseen += filter(None, (t.strip() for t in element.itertext()))
        for name in ("title", "alt"):
            if tag not in ("html", "link", "style") and (said := (element.get(name) or "").strip()):
                result.apart.append(said)
        said_of = styles.get(element, frozenset())
        if "unseen" in said_of:
            result.unseen += filter(None, (t.strip() for t in element.itertext()))
        if "sup" in said_of or "sub" in said_of:
            _shift(element, up="sup" in said_of)
    _tell(root, styles, frozenset())
    _head(root)
    return result


# --- styles ----------------------------------------------------------------------------------------------------------


def _styles(root: Any, source: str) -> dict[Any, frozenset[str]]:
    """What is done to the words of each element: `strike`, `ins`, `sup`, `sub`, `unseen`; and `list` for its marks."""
    found: dict[Any, frozenset[str]] = {}
    matched: dict[Any, set[str]] = {}
    if any(e.tag == "style" and _STYLED.search(e.text or "") for e in root.iter()):
        matcher = _matcher(root)
        for wrapped in cssselect2.ElementWrapper.from_html_root(root).iter_subtree():
            own: set[str] = set()
            for *_, said in matcher.match(wrapped):
                own |= said
            if own:
                matched[wrapped.etree_element] = own
    for element in root.iter():
        own = set(matched.get(element, ()))
        if (kind := _BY_TAG.get(element.tag)) is not None:
            own.add(kind)
        if (style := element.get("style")) and _STYLED.search(style):
            own |= _declared(tinycss2.parse_blocks_contents(style))
        if own:
            found[element] = frozenset(own)
    return found


def _declared(declarations: list[Any]) -> frozenset[str]:
    found: set[str] = set()
    for declaration in declarations:
        if declaration.type != "declaration":
            continue
        name, value = declaration.lower_name, tinycss2.serialize(declaration.value).strip().lower()
        if name in ("text-decoration", "text-decoration-line") and "line-through" in value:
            found.add("strike")
        elif name == "vertical-align" and value in ("super", "sub"):
            found.add("sup" if value == "super" else "sub")
        elif name in ("list-style", "list-style-type"):
            found.add("list")
        elif name in ("opacity", "color") and _UNSEEN.match(value):
            found.add("unseen")
    return frozenset(found)


def _matcher(root: Any) -> cssselect2.Matcher:
    matcher = cssselect2.Matcher()
    sheets = (e.text for e in root.iter() if e.tag == "style" and e.text)
    rules = [r for s in sheets for r in tinycss2.parse_stylesheet(s, skip_comments=True, skip_whitespace=True)]
    for rule in rules[:_MOST_RULES]:
        if rule.type != "qualified-rule" or not (said := _declared(tinycss2.parse_blocks_contents(rule.content))):
            continue
        try:
            selectors = cssselect2.compile_selector_list(rule.prelude)
        except cssselect2.SelectorError:
            continue
        for selector in selectors:
            if selector.pseudo_element is None:
                matcher.add_selector(selector, said)
    return matcher


def _shift(element: Any, *, up: bool) -> None:
    """Raise or lower by sign what is nothing but digits and signs, or say it: `10⁹`, `10^(1,5)`."""
    holder = element
    while not (holder.text or "").strip() and len(holder) == 1 and not (holder[0].tail or "").strip():
        holder = holder[0]
    if len(holder) or (sign := shifted(holder.text or "", up=up)) is None or not sign.strip():
        return
    holder.text = sign
    for inner in (element, holder):
        if inner.tag in ("sup", "sub"):
            inner.tag = "span"
        inner.set("style", f"{inner.get('style', '')};vertical-align:baseline!important;font-size:inherit!important")


def _tell(element: Any, styles: dict[Any, frozenset[str]], above: frozenset[str]) -> None:
    """Name what is struck or inserted, once for all that is within."""
    stack = [(element, above)]
    while stack:
        node, told = stack.pop()
        own = styles.get(node, frozenset()) & frozenset(_TOLD)
        fresh = own - told
        if fresh and node.tag not in _NEVER and "".join(node.itertext()).strip():
            _around(node, f"[{', '.join(_TOLD[k] for k in _TOLD if k in fresh)}: ", "]")
            told = told | fresh
        elif fresh and node.tag in _ROWS:
            for child in node:
                styles[child] = styles.get(child, frozenset()) | fresh
        stack += ((child, told) for child in node)


def _around(element: Any, before: str, after: str) -> None:
    text = element.text or ""
    blank = text[: len(text) - len(text.lstrip())]
    element.text = f"{blank}{before}{text[len(blank) :]}"
    if len(element):
        element[-1].tail = f"{element[-1].tail or ''}{after}"
    else:
        element.text = f"{element.text}{after}"


# --- lists, fields, frames -------------------------------------------------------------------------------------------


def _marked(element: Any, styles: dict[Any, frozenset[str]]) -> None:
    """Set each item's mark before its text, where no style says what it is to be."""
    items = [child for child in element if child.tag == "li"]
    if any("list" in styles.get(e, ()) for e in (element, *items)):
        return
    children: list[str | Node] = [Node("li", XHTML, dict(item.attrib)) for item in items]
    marks = Numbering(Node(element.tag, XHTML, dict(element.attrib), children))
    for item in items:
        mark = marks.next(Node("li", XHTML, dict(item.attrib)))
        holder = item
        while not (holder.text or "").strip() and len(holder) and holder[0].tag in _LEADING:
            holder = holder[0]
        holder.text = f"{mark} {(holder.text or '').lstrip()}"
        item.set("style", f"{item.get('style', '')};list-style-type:none!important")


def _field(element: Any, result: Legible) -> None:
    """What was filled in, as text."""
    kind = element.get("type", "").strip().lower() if element.tag == "input" else element.tag
    style = _FIELD
    if kind in ("checkbox", "radio"):
        ticked = "checked" in element.attrib
        said, style = ("☑" if ticked else "☐") if kind == "checkbox" else "◉" if ticked else "○", ""
    elif kind == "hidden":
        value = element.get("value", "")
        if 0 < len(value) <= _MOST_HIDDEN_VALUE:
            result.unseen.append(value)
        return
    elif kind == "select":
        options = [o for o in element.iter() if o.tag == "option"]
        chosen = [o for o in options if "selected" in o.attrib]
        if "multiple" in element.attrib or element.get("size", "1").strip() not in ("", "0", "1"):
            said = "\n".join(f"{'☑' if o in chosen else '☐'} {_words(o)}" for o in options)
        else:
            said = _words((chosen or options)[-1 if chosen else 0]) if options else ""
    elif kind in ("meter", "progress"):
        most = element.get("max", "1")
        said = f"{element.get('value', '–')} av {most}"
    elif kind == "textarea":
        said = "".join(element.itertext()).removeprefix("\n")
    else:
        said = element.get("value", "")
    if element.get("type", "").strip().lower() == "image":
        said = element.get("alt") or said
    kept, tail = {k: v for k, v in element.attrib.items() if k in ("style", "class", "id", "hidden")}, element.tail
    element.clear()
    element.tag, element.text, element.tail = "span", said, tail
    element.attrib.update(kept)
    element.set("style", f"{style};{kept.get('style', '')}".strip(";"))


def _words(option: Any) -> str:
    return " ".join("".join(option.itertext()).split()) or option.get("label", "")


def _frames(root: Any) -> None:
    """Put the page of a frame in its place, where the document holds it."""
    shown = 0
    frames = list(_framed(root))
    while frames and shown < _MOST_FRAMES:
        element = frames.pop(0)
        page = element.get("srcdoc") or _data_page(element.get("src", ""))
        if not page:
            continue
        shown += 1
        import weasyprint

        inner = weasyprint.HTML(string=page, base_url=None).etree_element
        body = next((e for e in inner.iter() if e.tag == "body"), inner)
        tail = element.tail
        element.clear()
        element.tag, element.text, element.tail = "div", body.text, tail
        element.set("style", _FRAME)
        element.extend(list(body))
        frames += _framed(element)


def _framed(root: Any) -> Iterator[Any]:
    return (e for e in root.iter() if e.tag in ("iframe", "frame"))


def _data_page(address: str) -> str:
    found = _DATA_PAGE.match(address.strip())
    if found is None:
        return ""
    content = unquote_to_bytes(found[2])
    if found[1]:
        try:
            content = base64.b64decode(content)
        except (binascii.Error, ValueError):
            return ""
    return decode(content).text


def _head(root: Any) -> None:
    """The document's title above its text, as a browser prints it, where the text does not say it."""
    head = next((e for e in root if e.tag == "head"), None)
    body = next((e for e in root if e.tag == "body"), None)
    title = next((e for e in (head if head is not None else ()) if e.tag == "title"), None)
    said = " ".join("".join(title.itertext()).split()) if title is not None else ""
    if body is None or not said or said in " ".join(" ".join(body.itertext()).split()):
        return
    line = ET.Element("div", {"style": _HEADED})
    line.text, line.tail = said, body.text
    body.text = None
    body.insert(0, line)
