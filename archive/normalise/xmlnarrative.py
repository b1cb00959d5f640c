"""Running text with markup, XHTML and the narrative of CDA: paragraphs, lists and tables, and how their words are set.

Source: HL7 CDA release 2, 4.3.5 (narrative block); HTML, 4.4 and 4.5 (grouping content, text-level semantics).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from archive.normalise import xmlgrid
from archive.normalise.listmarks import Numbering
from archive.normalise.richtext import BREAK, Piece, Styles, Words, joined, plain, words
from archive.normalise.xmltree import HL7, XHTML, Node, local, without_base64

_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "dt", "caption", "legend", "summary"))
_LISTS = frozenset(("ul", "ol", "list", "menu", "dir"))
_ITEMS = frozenset(("li", "item"))
_SHIFTED = frozenset(("blockquote", "dd"))
_BLOCKS = (
    frozenset(("p", "div", "pre", "dl", "paragraph", "body", "section", "address", "article", "header", "footer"))
    | frozenset(("form", "fieldset", "figure", "figcaption", "center", "details", "hr", "main", "nav", "aside"))
    | _HEADINGS
    | _LISTS
    | _ITEMS
    | _SHIFTED
)
_POINTERS = frozenset(("a", "img", "linkHtml", "renderMultiMedia"))
_NARRATIVES = frozenset(("text",))
_INLINE = frozenset(
    ("b", "i", "u", "s", "em", "strong", "strike", "del", "ins", "sup", "sub", "span", "font", "content")
)
_MARKUP = _BLOCKS | _POINTERS | _INLINE | frozenset(("br",))
_STYLES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("b", "strong"), ("bold",)),
    **dict.fromkeys(_HEADINGS, ("bold",)),
    **dict.fromkeys(("i", "em", "cite", "var", "dfn"), ("ital",)),
    **dict.fromkeys(("s", "strike", "del"), ("strike",)),
    **dict.fromkeys(("code", "tt", "kbd", "samp"), ("mono",)),
    "pre": ("pre", "mono"),
    "u": ("under",),
    "ins": ("ins", "under"),
    "sup": ("sup",),
    "sub": ("sub",),
}
_CODES: Mapping[str, tuple[str, ...]] = {
    "bold": ("bold",),
    "italics": ("ital",),
    "italic": ("ital",),
    "emphasis": ("ital",),
    "underline": ("under",),
    "strikethrough": ("strike",),
    "xstrikethrough": ("strike",),
    "strike": ("strike",),
}
_REVISED = {"delete": ("strike",), "insert": ("ins", "under")}
_CSS = (
    (re.compile(r"text-decoration[\w-]*\s*:[^;]*line-through", re.I), ("strike",)),
    (re.compile(r"text-decoration[\w-]*\s*:[^;]*underline", re.I), ("under",)),
    (re.compile(r"vertical-align\s*:\s*super", re.I), ("sup",)),
    (re.compile(r"vertical-align\s*:\s*sub", re.I), ("sub",)),
    (re.compile(r"font-weight\s*:\s*(bold|[6-9]00)", re.I), ("bold",)),
    (re.compile(r"font-style\s*:\s*(italic|oblique)", re.I), ("ital",)),
    (re.compile(r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)", re.I), ("hidden",)),
    (re.compile(r"white-space\s*:\s*(pre|break-spaces)", re.I), ("pre",)),
)
_DEEPEST = 12
_NESTED = " | "


class Page(Protocol):
    """Where a narrative is placed."""

    @property
    def anchors(self) -> Mapping[str, str]:
        """What is meant by an ID that the narrative refers to: the file or the words that it stands for."""

    def label(self, node: Node) -> str:
        """The word for an element that is no markup."""

    def value(self, node: Node) -> str:
        """What an element without elements says; it counts as shown."""

    def paragraph(self, text: Words, indent: int = 0) -> None:
        """Place running text, shifted in by some steps."""

    def grid(self, cells: Sequence[xmlgrid.Cell], columns: int, head: int) -> None:
        """Place a table of so many columns, whose first `head` rows are headings."""


def narrative(node: Node, page: Page) -> None:
    """Place all that is in a narrative; it counts as shown."""
    flow = _Flow(page, node)
    flow.inside(node, _styles(node))
    flow.flush()


class _Flow:
    """Running text being read: pieces that wait for the end of their paragraph, and where it is to stand."""

    def __init__(self, page: Page, top: Node, notes: dict[str, int] | None = None) -> None:
        self._page = page
        self._pending: list[Piece] = []
        self._mark = ""
        self._indent = 0
        self._within = ""
        if notes is None:
            found = [n.attributes.get("ID", "") for n in top.walk() if n.name == "footnote"]
            notes = {name: number for number, name in enumerate(found, start=1) if name}
        self._notes = notes

    def flush(self) -> None:
        """Place the paragraph so far."""
        said = words(self._pending)
        self._pending.clear()
        if not said:
            return
        self._place(said)

    def _place(self, said: Words) -> None:
        """Place words behind the mark of their item, if one waits; what follows in the item is shifted in."""
        if not self._mark:
            self._page.paragraph(said, self._indent)
            return
        self._page.paragraph(joined_with(f"{self._mark} " if said else self._mark, said), self._indent)
        self._mark = ""
        self._indent = min(self._indent + 1, _DEEPEST)

    def inside(self, node: Node, styles: Styles) -> None:
        """Read what is in an element."""
        node.hidden = False
        for part in node.content:
            if isinstance(part, str):
                self._pending.append((part, styles))
            else:
                self._element(part, styles | _styles(part))

    def _element(self, node: Node, styles: Styles) -> None:
        name = node.name
        if name == "table":
            self.flush()
            self._table(node, styles)
        elif name == "br":
            self._say(BREAK, styles)
            self.inside(node, styles)
        elif name in _POINTERS or (name == "caption" and self._within == "renderMultiMedia"):
            outside, self._within = self._within, name
            self.inside(node, styles)
            self._within = outside
            self._say(_pointed(node, self._page.anchors), styles)
        elif name in ("input", "textarea", "select"):
            self._control(node, styles)
        elif name in ("footnote", "footnoteRef"):
            self._footnote(node, styles)
        elif name == "q":
            self._say("«", styles)
            self.inside(node, styles)
            self._say("»", styles)
        elif name in _LISTS:
            self._list(node, styles)
        elif name in _BLOCKS:
            self.flush()
            shift = name in _SHIFTED
            self._indent += shift
            if name in _ITEMS and not self._mark:
                self._mark = "•"
            self.inside(node, styles)
            self.flush()
            self._indent -= shift
        elif node.namespace in (XHTML, HL7) or name in _INLINE:
            self.inside(node, styles)
        else:
            self._other(node, styles)

    def _other(self, node: Node, styles: Styles) -> None:
        """An element of another vocabulary within running text, where it stands: its word, and what it says."""
        self._say(f" [{self._page.label(node)}: ", styles)
        if node.children:
            self.inside(node, styles)
        else:
            self._say(self._page.value(node), styles)
        self._say("] ", styles)

    def _say(self, text: str, styles: Styles) -> None:
        self._pending.append((text, styles))

    def _list(self, node: Node, styles: Styles) -> None:
        """A list: each item with its mark, one within another shifted in."""
        self.flush()
        if self._mark:  # of an item that has nothing but this list
            self._place("")
        marks, base = Numbering(node), self._indent
        node.hidden = False
        for part in node.content:
            if isinstance(part, str):
                self._say(part, styles)
            elif part.name in _ITEMS:
                self.flush()
                self._indent, self._mark = base, marks.next(part)
                self.inside(part, styles | _styles(part))
                self.flush()
                if self._mark:  # an item without words still has its number
                    self._place("")
                self._indent = base
            else:
                self._element(part, styles | _styles(part))
        self.flush()

    def _footnote(self, node: Node, styles: Styles) -> None:
        if node.name == "footnoteRef":
            name = node.take("IDREF")
            number = self._notes.get(name)
            self._say(f" [fotnote {number if number else name}]", styles)
            self.inside(node, styles)
            return
        number = self._notes.get(node.attributes.get("ID", ""))
        self._say(f" [Fotnote{f' {number}' if number else ''}: ", styles)
        self.inside(node, styles)
        self._say("] ", styles)

    def _control(self, node: Node, styles: Styles) -> None:
        """What was filled in."""
        kind = node.take("type").lower()
        if node.name == "input" and kind in ("checkbox", "radio"):
            ticked = any(local(k) == "checked" for k in node.attributes)
            self._say(("☑ " if ticked else "☐ ") if kind == "checkbox" else "◉ " if ticked else "○ ", styles)
        elif node.name == "input":
            self._say(f"[{node.take('value')}] ", styles)
        elif node.name == "textarea":
            self._say("[", styles)
            self.inside(node, styles | {"pre"})
            self._say("] ", styles)
        else:
            for option in (n for n in node.walk() if n.name == "option"):
                chosen = any(local(k) == "selected" for k in option.attributes)
                self._say("☑ " if chosen else "☐ ", styles)
                self.inside(option, styles)
                self._say(" ", styles)
            for n in node.walk():
                n.hidden = False

    def _table(self, node: Node, styles: Styles) -> None:
        grid = xmlgrid.read(node, lambda cell: self._cell(cell, styles))
        for stray in grid.before:
            self.inside(stray, styles | _styles(stray))
            self.flush()
        if grid.stray:
            self._say(" ".join(grid.stray), styles)
            self.flush()
        if grid.cells:
            self._page.grid(grid.cells, grid.columns, grid.head)

    def _cell(self, cell: Node, styles: Styles) -> Words:
        page = _InCell(self._page)
        flow = _Flow(page, cell, self._notes)
        flow.inside(cell, styles | _styles(cell))
        flow.flush()
        return joined(page.lines)


class _InCell:
    """Where the text of a table's cell is placed: lines, and a table within it as lines too."""

    def __init__(self, page: Page) -> None:
        self.anchors, self.label, self.value = page.anchors, page.label, page.value
        self.lines: list[Words] = []

    def paragraph(self, text: Words, indent: int = 0) -> None:
        self.lines.append(joined_with("\u2003" * indent, text))

    def grid(self, cells: Sequence[xmlgrid.Cell], columns: int, head: int) -> None:
        for row in xmlgrid.rows(cells, columns):
            self.lines.append(_NESTED.join(plain(said) for said in row).rstrip(_NESTED))


def joined_with(before: str, text: Words) -> Words:
    """Running text behind some characters."""
    if not before:
        return text
    return before + text if isinstance(text, str) else [before, *text]


def _styles(node: Node) -> Styles:
    """What an element does to its words."""
    found = set(_STYLES.get(node.name, ()))
    for key, value in node.attributes.items():
        name = local(key)
        if name == "styleCode":
            for code in value.lower().split():
                found.update(_CODES.get(code, ()))
        elif name == "revised":
            found.update(_REVISED.get(value.strip().lower(), ()))
        elif name == "style":
            found.update(style for pattern, styles in _CSS if pattern.search(value) for style in styles)
        elif name == "hidden" and node.namespace == XHTML:
            found.add("hidden")
        elif name == "space" and value == "preserve" and node.name in _BLOCKS:
            found.add("pre")
    return frozenset(found)


def is_narrative(node: Node) -> bool:
    """Whether the element holds running text with markup."""
    if node.namespace == XHTML:
        return True
    if node.name in _NARRATIVES and node.children:
        if node.namespace == HL7:
            return True
        if node.namespace == "" and all(c.name in _MARKUP or c.name == "table" for c in node.children):
            return any(n.text for n in node.walk())
    mixed = bool(node.text) and bool(node.children)
    return mixed and any(c.namespace == XHTML for c in node.children)


def _pointed(node: Node, anchors: Mapping[str, str]) -> str:
    """What a link or picture of a narrative points to, and what it shows instead."""
    said: dict[str, Any] = {}
    for name in ("alt", "href", "src", "referencedObject"):
        value = without_base64(node.take(name))
        said[value] = None
        if name == "referencedObject" and (meant := " ".join(anchors[v] for v in value.split() if v in anchors)):
            said[meant] = None
    rest = [value for value in said if value and value != node.text]
    if not rest:
        return ""
    return f" [{'Bilde: ' if node.name in ('img', 'renderMultiMedia') else ''}{', '.join(rest)}] "


def all_text(node: Node) -> str:
    """All text below an element, its words kept apart."""
    return " ".join(n.text for n in node.walk() if n.text) if node.children else node.text


def texts(node: Node) -> Iterator[str]:
    """The text of the element and of each below it."""
    return (n.text for n in node.walk() if n.text)


def tidy(text: str) -> str:
    """Text with LF line ends, without space at its ends and at the ends of its lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").split("\n")
    return "\n".join(line.strip(" ") for line in lines).strip("\n ")
