"""Running text with markup, XHTML and the narrative of CDA: paragraphs, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from archive.normalise.xmltree import HL7, XHTML, Node, without_base64

_PARAGRAPHS = frozenset(
    (
        "p",
        "div",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "pre",
        "blockquote",
        "dt",
        "dd",
        "ul",
        "ol",
        "paragraph",
        "item",
        "list",
        "caption",
        "body",
        "section",
        "address",
    )
)
_POINTERS = frozenset(("a", "img", "linkHtml", "renderMultiMedia"))
_NARRATIVES = frozenset(("text",))


class Page(Protocol):
    """Where a narrative is placed."""

    def paragraph(self, text: str) -> None:
        """Place running text."""

    def table(self, head: Sequence[str], body: Sequence[Sequence[str]], *, whole: bool = False) -> None:
        """Place a table; `whole`: also its empty columns."""


def narrative(node: Node, page: Page) -> None:
    """Place all that is in a narrative; it counts as shown."""
    pending: list[str] = []

    def flush() -> None:
        text = re.sub(r"[ \t\r\n\f]+", " ", "".join(pending))
        text = re.sub(" ?\0 ?", "\n", text).strip()  # XML has no NUL of its own: it stands for <br/>
        pending.clear()
        if text:
            page.paragraph(text)

    def inside(n: Node) -> None:
        n.hidden = False
        for part in n.content:
            if isinstance(part, str):
                pending.append(part)
            elif part.name == "table":
                flush()
                _table(part, page)
            elif part.name == "br":
                pending.append("\0")
            elif part.name in _POINTERS:
                inside(part)
                pending.append(_pointed(part))
            elif part.name in _PARAGRAPHS:
                flush()
                if part.name in ("li", "item"):
                    pending.append("• ")
                inside(part)
                flush()
            else:
                inside(part)

    inside(node)
    flush()


def _table(node: Node, page: Page) -> None:
    head: list[str] = []
    body: list[list[str]] = []
    in_cells: set[Node] = set()
    for n in node.walk():
        n.hidden = False
    for row in (n for n in node.walk() if n.name == "tr"):
        cells: list[str] = []
        for cell in row.children:
            pointed = "".join(_pointed(n) for n in cell.walk() if n.name in _POINTERS)
            span = cell.take("colspan")
            cells += [tidy(all_text(cell) + pointed), *[""] * (min(int(span), 50) - 1 if span.isdecimal() else 0)]
        if not body and not head and row.children and all(c.name == "th" for c in row.children):
            head = cells
        else:
            body.append(cells)
        in_cells.update(n for cell in row.children for n in cell.walk())
    # captions, and whatever else stands where no cell is: the source need not be a sound table
    stray = [n.text for n in node.walk() if n.text and n not in in_cells]
    if stray:
        page.paragraph(tidy(" ".join(stray)))
    if body:
        page.table(head, body, whole=True)
    elif head:
        page.table([], [head])


def is_narrative(node: Node) -> bool:
    """Whether the element holds running text with markup."""
    if node.namespace == XHTML:
        return True
    if node.namespace == HL7 and node.name in _NARRATIVES:
        return bool(node.children)
    mixed = bool(node.text) and bool(node.children)
    return mixed and any(c.namespace == XHTML for c in node.children)


def _pointed(node: Node) -> str:
    """What a link or picture of a narrative points to, and what it shows instead."""
    said = dict.fromkeys(without_base64(node.take(name)) for name in ("alt", "href", "src", "referencedObject"))
    rest = [value for value in said if value and value != node.text]
    return f" [{'Bilde: ' if node.name == 'img' else ''}{', '.join(rest)}] " if rest else ""


def all_text(node: Node) -> str:
    """All text below an element, its words kept apart."""
    return " ".join(n.text for n in node.walk() if n.text) if node.children else node.text


def tidy(text: str) -> str:
    """Text with LF line ends, without space at its ends and at the ends of its lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").split("\n")
    return "\n".join(line.strip(" ") for line in lines).strip("\n ")
