"""Values of records that are documents themselves: RTF as it was typed, HTML with its tags, files in base64.

What is shown in a value's place says all that the value says; what cannot be shown so is split off as a file.
"""

from __future__ import annotations

import re

import lxml.html
from lxml import etree

from archive.normalise.heldvalues import held
from archive.normalise.xmltree import XHTML, Node
from archive.reasons import DocumentProblem, Reason

_LEAST = 24
_MOST_HTML = 4 << 20
_MOST_NODES = 20_000
_TAG = (
    r"(?:html|head|body|title|meta|style|div|span|p|br|hr|h[1-6]|table|caption|colgroup|col|thead|tbody|tfoot|tr|td|th|"
    r"ul|ol|li|dl|dt|dd|address|blockquote|code|font|center|b|i|u|s|em|strong|strike|del|ins|sup|sub|small|big|tt|a|img|"
    r"pre|input|label|abbr|cite|q|nobr)"
)
_ANY = re.compile(rf"</?{_TAG}(?:\s[^<>]*)?/?>|<!--.*?-->|<!doctype\s[^<>]*>", re.IGNORECASE | re.DOTALL)
_SURE = re.compile(rf"</{_TAG}\s*>|<br\s*/?>", re.IGNORECASE)
_LEFT_OUT = frozenset(("script", "style", "head", "title", "meta", "link"))


def shown(value: str, *, markup: bool = True) -> str | Node | bytes | None:
    """What to show in the place of a value: words, or running text with markup; the bytes of a file that it holds and
    that must be split off; None where it is what it is. Without `markup`, tags in it are its text.

    Raises DocumentProblem: RESOURCE_LIMIT where markup within a value is nested too deeply.
    """
    if markup and "<" in value and len(value) <= _MOST_HTML and (node := _html(value)) is not None:
        return node
    if len(value) < _LEAST and "{\\rt" not in value[:64]:
        return None
    found = held(value)
    if found is None:
        return None
    return found.text if found.text is not None else found.content


def _html(value: str) -> Node | None:
    """Markup that was kept as a value. Every `<` must begin a tag of HTML: `Hb < 10` is a text."""
    if not _SURE.search(value) or "<" in _ANY.sub("", value):
        return None
    try:
        element = lxml.html.fragment_fromstring(value, create_parent="div")
    except (etree.LxmlError, ValueError):
        return None
    try:
        node = _node(element, [0])
    except RecursionError:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "Markup within a value is nested too deeply.") from None
    return node if any(n.text for n in node.walk()) else None


def _node(element: etree._Element, count: list[int]) -> Node:
    count[0] += 1
    if count[0] > _MOST_NODES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"Markup within a value has more than {_MOST_NODES} elements.")
    attributes = {str(k): str(v) for k, v in element.attrib.items()}
    node = Node(str(element.tag), XHTML, attributes, hidden_attributes={k for k, v in attributes.items() if v.strip()})
    if element.text:
        node.content.append(element.text)
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _LEFT_OUT:
            node.content.append(_node(child, count))
        if child.tail:
            node.content.append(child.tail)
    node.hidden = bool(node.text)
    return node
