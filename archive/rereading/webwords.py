"""What an HTML page shows, by libxml2's parser: text that is not hidden, signs of symbol fonts, raised digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree, html

from archive.normalise.encodings import decode
from archive.rereading.tokens import raised
from archive.symbolfonts import Encoding, encoding_of, recode


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNSEEN = _names(
    "script style head template noscript noframes object svg math select iframe audio video applet textarea"
)
INLINE = _names("a abbr b bdi bdo big cite code em font i ins label mark q s small span strong sub sup tt u del strike")
"""Elements that do not part words."""
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_NOT_SHOWN = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_FAMILIES = re.compile(r"font-family\s*:\s*([^;]+)", re.IGNORECASE)
_RULE = re.compile(r"\.([\w-]+)[^{}.]*\{[^{}]*?font-family\s*:\s*([^;{}]+)", re.IGNORECASE)
"""A class of a style sheet with its font."""
_APART = frozenset(("del", "ins", "s", "strike"))
_LATIN = frozenset(("iso-8859-1", "latin1", "us-ascii"))


def html_text(content: bytes) -> str:
    """What a page shows. Raises lxml.etree.LxmlError."""
    return shown(_declared(content))


def html_file(path: Path) -> str:
    """What a page in a file shows. Raises as `html_text`; OSError."""
    return html_text(path.read_bytes())


def shown(text: str) -> str:
    """What a page shows whose source is known as text."""
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    root = html.document_fromstring(text or "<p></p>", parser=html.HTMLParser(huge_tree=True, remove_comments=True))
    return "".join(_seen(root))


def _declared(content: bytes) -> str:
    """A page's text in the encoding it declares, else in the one detected."""
    found = (
        None if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) else _CHARSET.search(content[: 1 << 16])
    )
    if found is not None:
        name = found[1].decode("ascii").lower()
        try:
            return content.decode("cp1252" if name in _LATIN else name)
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(content).text


def _seen(root: etree._Element) -> Iterator[str]:
    sheets = " ".join(s.text or "" for s in root.iter("style"))
    classes = {name: font for name, font in _RULE.findall(sheets) if encoding_of(_first(font)) is not None}
    stack: list[tuple[etree._Element, bool, Encoding | None, bool]] = [(root, False, None, False)]
    while stack:
        node, leaving, encoding, up = stack.pop()
        block = not isinstance(node.tag, str) or node.tag not in INLINE
        if node.tag in _APART:
            yield " "  # what is struck and what is inserted are no one word
        if leaving:
            if block:
                yield "\n"
            if node is not root:
                yield _said(node.tail, encoding, up)
            continue
        stack.append((node, True, encoding, up))
        if not isinstance(node.tag, str) or node.tag in _UNSEEN or "hidden" in node.attrib:
            continue
        style = node.get("style", "")
        if _NOT_SHOWN.search(style):
            continue
        if block:
            yield "\n"
        encoding = _font(node, style, classes, encoding)
        up = up or node.tag == "sup"
        yield _said(node.text, encoding, up)
        stack += [(child, False, encoding, up) for child in reversed(node)]


def _said(text: str | None, encoding: Encoding | None, up: bool) -> str:
    text = " ".join(re.split(r"[ \t\r\n\f]+", text or ""))
    if encoding is not None:
        text = recode(text, encoding)[0]
    if not up:
        return text
    found = raised(text)
    return f" {text} " if found == text and any(c.isdigit() for c in text) else found


def _first(fonts: str) -> str:
    return fonts.split(",")[0].strip(" \"'")


def _font(node: etree._Element, style: str, classes: dict[str, str], above: Encoding | None) -> Encoding | None:
    """The symbol font an element sets its text in; that of the element above where it says nothing."""
    found = _FAMILIES.search(style)
    name = found[1] if found else node.get("face", "") if node.tag == "font" else ""
    if not name and classes:
        name = next((classes[c] for c in node.get("class", "").split() if c in classes), "")
    return encoding_of(_first(name)) if name else above
