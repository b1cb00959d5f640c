"""What OpenDocument files say (ISO/IEC 26300), by ZIP and XML alone: texts, sheets, slides, notes, comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from archive.rereading.openxml import parts
from archive.rereading.tokens import raised
from archive.symbolfonts import Encoding, encoding_of, recode

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_RECKONED = frozenset(f"{_TEXT}{n}" for n in ("page-number", "page-count", "date", "time", "ruby-text", "file-name"))
"""Elements whose stored text need not be what is shown."""
_MARGINS = tuple(f"{_STYLE}{n}{w}" for n in ("header", "footer") for w in ("", "-left", "-first"))
_SPACES = {f"{_TEXT}s": " ", f"{_TEXT}tab": " ", f"{_TEXT}line-break": "\n"}


@dataclass(frozen=True, slots=True)
class _Look:
    up: bool = False
    encoding: Encoding | None = None
    hidden: bool = False


def opendocument_text(path: Path) -> str:
    """The text of a sheet's or presentation's body, a line for each paragraph. Raises as
    `archive.rereading.openxml.parts`."""
    return opendocument_parts(path)[0]


def flat_text(root: etree._Element) -> str:
    """The text of a document that is one XML file."""
    looks = {s.get(f"{_STYLE}name", ""): _look(s) for s in root.iter(f"{_STYLE}style")}
    body = root.find("{*}body")
    return "" if body is None else "".join(_said(body, looks))


def opendocument_parts(path: Path) -> tuple[str, str]:
    """The text of the body, and apart from it that of headers and footers; hidden text too where its style is not the
    text's own. Raises as `archive.rereading.openxml.parts`."""
    out: list[str] = []
    around: list[str] = []
    for name, root in parts(path, re.compile(r"(content|styles)\.xml")):
        looks = {s.get(f"{_STYLE}name", ""): _look(s) for s in root.iter(f"{_STYLE}style")}
        body = root.find("{*}body") if name == "content.xml" else None
        if body is not None:
            out += _said(body, looks)
        for margin in root.iter(*_MARGINS) if name == "styles.xml" else ():
            around += [*_said(margin, looks), "\f"]
    return "".join(out), "".join(around)


def _look(style: etree._Element) -> _Look:
    properties = style.find(f"{_STYLE}text-properties")
    if properties is None:
        return _Look()
    position = properties.get(f"{_STYLE}text-position", "").split()
    up = bool(position) and (position[0] == "super" or (position[0][:-1].isdigit() and position[0][:-1] != "0"))
    font = properties.get(f"{_STYLE}font-name") or properties.get(f"{_FO}font-family") or ""
    return _Look(up, encoding_of(font.strip("'\"")) if font else None, properties.get(f"{_TEXT}display") == "none")


def _said(body: etree._Element, looks: dict[str, _Look]) -> Iterator[str]:
    stack: list[tuple[etree._Element, bool, _Look, bool]] = [(body, False, _Look(), False)]
    while stack:
        node, leaving, look, within = stack.pop()
        paragraph = node.tag in (f"{_TEXT}p", f"{_TEXT}h")
        if leaving:
            if paragraph:
                yield "\n"
            if within and node.tail:
                yield _as(node.tail, look)
            continue
        stack.append((node, True, look, within))
        if node.tag in _RECKONED or not isinstance(node.tag, str):
            continue
        if paragraph:
            yield "\n"
        yield _SPACES.get(node.tag, "")
        name = node.get(f"{_TEXT}style-name", "")
        own = looks.get(name, look) if name and node.tag in (f"{_TEXT}span", f"{_TEXT}p", f"{_TEXT}h") else look
        inside = within or paragraph
        if inside and node.text:
            yield _as(node.text, own)
        stack += [(child, False, own, inside) for child in reversed(node)]


def _as(text: str, look: _Look) -> str:
    if look.hidden:
        return ""
    if look.encoding is not None:
        text = recode(text, look.encoding)[0]
    return raised(text) if look.up else text
