"""An XML tree as headings, rows, tables and paragraphs, whatever its vocabulary.

Nothing is chosen and nothing left out: a value is taken from its node when it is placed, and what nobody has taken at
the end is listed under "Tekniske opplysninger".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from archive.normalise.richtext import Words
from archive.normalise.xmlgrid import Cell
from archive.normalise.xmllabels import Labels, labels, shown_time
from archive.normalise.xmlnarrative import is_narrative, narrative, tidy
from archive.normalise.xmltree import FHIR, HL7, XHTML, Node, local, without_base64

Block = dict[str, Any]

_TERSE = ("http://www.kith.no/", "http://ehelse.no/", "http://www.ehelse.no/", "http://www.npr.no/", XHTML)
"""Vocabularies whose further attributes are technical; in others they may be content and stand with their element."""
_DATED = (*_TERSE, HL7, FHIR)
"""Vocabularies whose dates are shown as Norwegians write them."""
_TECHNICAL = frozenset(("classCode", "moodCode", "typeCode", "determinerCode", "contextControlCode", "type", "ID"))
"""Attributes of HL7 v3 that say how the model is used, not what was the case."""
_BOOLEANS = {"true": "Ja (true)", "false": "Nei (false)"}
_MOST_COLUMNS = 7
_MOST_CELL = 80
_LONG = 180
_MOST_INLINE = 60
_DEEPEST_HEADING = 5


class Layout:
    """Collects blocks. `systems` are the code systems met: OID to name and the codes shown without it; `times` the
    dates that are shown otherwise than they were written; `skip` are elements that `body` leaves out; `anchors` says
    what the IDs stand for that narratives refer to."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.systems: dict[str, tuple[str, dict[str, None]]] = {}
        self.skip: set[Node] = set()
        self.times: dict[str, None] = {}
        self.anchors: dict[str, str] = {}
        self._labels: Labels = labels()

    # --- placing -------------------------------------------------------------------------------------------------

    def heading(self, level: int, text: str) -> None:
        """A heading; levels below the deepest are set as the deepest."""
        self.blocks.append({"h": min(level, _DEEPEST_HEADING), "text": text})

    def row(self, label: str, value: str) -> None:
        """A label and its value; long values become a paragraph under a heading of their own."""
        if not value:
            value = "–"
        if len(value) > _LONG and " " in value:
            self.heading(_DEEPEST_HEADING, label)
            self.paragraph(value)
            return
        if not self.blocks or "rows" not in self.blocks[-1]:
            self.blocks.append({"rows": []})
        self.blocks[-1]["rows"].append([label, value])

    def paragraph(self, text: Words, indent: int = 0) -> None:
        """Running text, shifted in by some steps; its line breaks are kept."""
        self.blocks.append({"p": text, "in": indent} if indent else {"p": text})

    def table(self, head: Sequence[str], body: Sequence[Sequence[str]], *, whole: bool = False) -> None:
        """A table with a head row (which may be empty). Columns with nothing in them are left out, unless `whole`."""
        width = max(len(head), *map(len, body))
        used = [i for i in range(width) if whole or not head or any(i < len(r) and r[i] for r in body)]
        self.blocks.append(
            {
                "head": [head[i] for i in used if i < len(head)],
                "table": [[r[i] for i in used if i < len(r)] for r in body],
            }
        )

    def grid(self, cells: Sequence[Cell], columns: int, head: int) -> None:
        """A table whose cells may span rows and columns; its first `head` rows are repeated on every page."""
        self.blocks.append({"grid": list(cells), "columns": columns, "head": head})

    # --- values --------------------------------------------------------------------------------------------------

    def label(self, node: Node) -> str:
        """The word for the element."""
        return self._labels.element(node.name)

    def value(self, node: Node) -> str:
        """What an element without elements says: its text, or "text (code, code system)". Takes all it places."""
        text = tidy(node.take_text())
        if node.namespace == HL7 and not text:
            text = node.take("extension")  # of an instance identifier, whose root is its system
        shown = node.take("DN", "displayName", "display")
        other = node.take("OT", "originalText")
        code = node.take("V", "value", "code")
        unit = node.take("U", "unit")
        system = node.take("S", "codeSystem") or (node.take("root") if node.namespace == HL7 else "")
        text, code = without_base64(text), without_base64(code)
        meant = shown or self._labels.code(node.name, code, system)
        words = ", ".join(dict.fromkeys(w for w in (meant, other, text) if w))
        if code and words and code != words:
            words = f"{words} ({code}{self._system(system, code)})"
        elif code:
            words = f"{self._said(node, code)}{self._system(system)}"
        elif system:
            words = f"{words}{self._system(system)}"
        else:
            words = self._said(node, words)
        words = f"{words} {unit}" if unit else words
        rest = [f"{local(k)}: {without_base64(node.attributes[k])}" for k in _own_attributes(node)]
        node.hidden_attributes.difference_update(_own_attributes(node))
        return f"{words} [{'; '.join(rest)}]" if words and rest else words or "; ".join(rest)

    def _said(self, node: Node, value: str) -> str:
        """A truth value in words, an instant as Norwegians write it; anything else as it is."""
        if node.namespace.startswith(_DATED) and (shown := shown_time(value, hl7=node.namespace == HL7)):
            self.times[value] = None
            return shown
        return _BOOLEANS.get(value, value)

    def _system(self, oid: str, explained: str = "") -> str:
        """What the value says of its code system: nothing where it is `explained` and its system is one of Volven's
        many small lists, which the technical part then names with the code."""
        if not oid:
            return ""
        name = self._labels.system(oid)
        codes = self.systems.setdefault(oid, (name, {}))[1]
        if explained and self._labels.is_small(oid):
            codes[explained] = None
            return ""
        return f", {name}"

    # --- elements ------------------------------------------------------------------------------------------------

    def element(self, node: Node, level: int) -> None:
        """An element with all that is in it, under its heading."""
        if is_narrative(node):
            if node.namespace != XHTML and node.name not in self._labels.silent:
                self.heading(level, self.label(node))
            self.narrative(node)
            return
        if not node.children:
            self.row(self.label(node), self.value(node))
            return
        if (inline := self._inline(node)) is not None:
            self.row(self._chain_label(node), inline)
            return
        names, inner = [self._title(node)], node
        while _only_a_wrapper(inner) and not is_narrative(only := inner.children[0]) and only.children:
            if only in self.skip:
                break
            inner = only
            names.append(self._title(inner))
        said = [name for name in dict.fromkeys(names) if name]
        if said:
            self.heading(level, " – ".join(said[-2:]))
        self.body(inner, level + 1 if said else level)

    def body(self, node: Node, level: int) -> None:
        """What is in an element, without its heading and what is to be skipped."""
        if node.hidden and node.children and not any(n in self.skip for n in node.walk()):
            # Elements within running text stand where they stand in it.
            for key in _own_attributes(node):
                node.hidden_attributes.discard(key)
                self.row(local(key), without_base64(node.attributes[key]))
            self.narrative(node)
            return
        self._own(node)
        children = [c for c in node.children if not self._is_placed(c)]
        at = 0
        while at < len(children):
            run = self._run(children, at)
            if self.special(run, level):
                at += len(run)
            else:
                self.element(children[at], level)
                at += 1

    def _is_placed(self, node: Node) -> bool:
        """Whether nothing of it is left to show: to be skipped, or a wrapper of nothing but such."""
        if node in self.skip:
            return True
        if node.hidden or not node.children or _own_attributes(node):
            return False
        return all(map(self._is_placed, node.children))

    def special(self, run: list[Node], level: int) -> bool:
        """Place a run of elements of one kind together, if that can be; else False, and nothing is placed."""
        return len(run) > 1 and self._as_table(run, level)

    def _own(self, node: Node) -> None:
        """The attributes and text of an element that also has elements."""
        for key in _own_attributes(node):
            node.hidden_attributes.discard(key)
            self.row(local(key), without_base64(node.attributes[key]))
        if node.hidden:
            self.paragraph(without_base64(tidy(node.take_text())))

    def _title(self, node: Node) -> str:
        """What the heading says, empty for wrappers; the child it comes from keeps its code for the technical part."""
        wanted = self._labels.titles.get(node.name)
        child = node.first(wanted) if wanted else None
        if child is not None and not child.children:
            said = child.take("DN", "displayName") or child.take("OT") or tidy(child.take_text())
            if said:
                self.skip.add(child)
                return said
        return "" if node.name in self._labels.silent else self.label(node)

    def _chain_label(self, node: Node) -> str:
        """The label of an element that is shown on one line: the first in its chain that is not a mere wrapper."""
        while node.name in self._labels.silent and len(node.children) == 1:
            node = node.children[0]
        return self.label(node)

    def _inline(self, node: Node) -> str | None:
        """The element on one line, where its values explain themselves; else None."""
        below = list(itertools.islice(node.walk(), _MOST_INLINE + 1))
        if len(below) > _MOST_INLINE:
            return None
        leaves = [n for n in below if not n.children]
        inner = [n for n in below if n.children]
        if any(n.hidden for n in inner) or any(is_narrative(n) or n in self.skip for n in below):
            return None
        if any(_own_attributes(n) for n in inner):
            return None
        alone = len(leaves) == 1 and node.name not in self._labels.titles
        if not alone and not all(n.name in self._labels.plain for n in leaves):
            return None
        if sum(map(_length, leaves)) > _LONG:
            return None
        return ", ".join(said for n in leaves if (said := self.value(n)))

    # --- tables of like elements -----------------------------------------------------------------------------------

    def _run(self, children: list[Node], at: int) -> list[Node]:
        """The elements from here on that are of one kind."""

        def kind(n: Node) -> tuple[str, str, str]:
            wanted = self._labels.titles.get(n.name)
            title = n.first(wanted) if wanted else None
            return n.namespace, n.name, title.attributes.get("V", title.text) if title else ""

        end = at + 1
        while end < len(children) and children[end].children and kind(children[end]) == kind(children[at]):
            end += 1
        return children[at:end] if children[at].children else children[at : at + 1]

    def _as_table(self, run: list[Node], level: int) -> bool:
        wanted = self._labels.titles.get(run[0].name)
        columns: dict[tuple[str, ...], None] = {}
        found: list[dict[tuple[str, ...], Node]] = []
        for node in run:
            cells: dict[tuple[str, ...], Node] = {}
            for path, leaf in _leaves(node, ()):
                if path == (wanted,):
                    continue
                if path in cells or _length(leaf) > _MOST_CELL or is_narrative(leaf):
                    return False
                cells[path] = leaf
                columns[path] = None
            if any(n.hidden for n in node.walk() if n.children):
                return False
            if any(_own_attributes(n) for n in node.walk() if n.children):
                return False
            found.append(cells)
        if not 1 < len(columns) <= _MOST_COLUMNS:
            return False
        titles = [self._title(node) for node in run]
        if titles[0]:
            self.heading(level, titles[0])
        head = [self._labels.element(path[-1]) for path in columns]
        for i, path in enumerate(columns):
            if head.count(head[i]) > 1 and len(path) > 1:
                head[i] = f"{self._labels.element(path[-2])}: {head[i].lower()}"
        self.table(head, [[self.value(cells[p]) if p in cells else "" for p in columns] for cells in found])
        return True

    def narrative(self, node: Node) -> None:
        """XHTML and CDA narrative: paragraphs and tables."""
        narrative(node, self)


def _own_attributes(node: Node) -> list[str]:
    """Attributes that are still to be shown, and belong where their element stands."""
    if node.namespace.startswith(_TERSE) or not node.hidden_attributes:
        return []
    quiet = _TECHNICAL if node.namespace == HL7 else ()
    return [k for k in node.attributes if k in node.hidden_attributes and local(k) not in quiet]


def _only_a_wrapper(node: Node) -> bool:
    return len(node.children) == 1 and not node.hidden and not node.hidden_attributes


def _leaves(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    for child in node.children:
        if child.children and not is_narrative(child):
            yield from _leaves(child, (*path, child.name))
        else:
            yield (*path, child.name), child


def _length(node: Node) -> int:
    return len(node.text) + sum(map(len, node.attributes.values()))
