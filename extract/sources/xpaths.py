"""Columns of an XML table: what an XPath expression needs of the elements around its row.

Rows are read one by one and forgotten, so an expression may look up (to the elements above, and to what stands beside
them) but never at other rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from extract.mapping.model import TableSpec

_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAME = re.compile(r"(@\s*)?\b([^\W\d][\w.\-]*(?::[^\W\d][\w.\-]*)?)\s*(\(|::)?")
_UP = re.compile(r"\.\.|\bparent\s*::")
_FAR_UP = re.compile(r"\bancestor(?:-or-self)?\s*::|(?:^|[(\[,|=<>+])\s*/")
_SIDEWAYS = re.compile(r"\b(?:preceding|following)(?:-sibling)?\s*::")
_WHOLE = re.compile(r"(?<!name\()(?<!name\( )(?<!namespace-uri\()\.\.(?!\s*/)")
_ANY = re.compile(r"\*|\bnode\s*\(")
_EVERYTHING = 1_000_000


def compile_xpath(expression: str, spec: TableSpec) -> Callable[[Any], Any]:
    """A column's expression as a function of the row element.

    Raises:
        ValueError: it is no XPath 1.0, uses an undeclared prefix, or reads other rows.
    """
    try:
        xpath = etree.XPath(expression, namespaces=dict(spec.namespaces), smart_strings=False)
        xpath(etree.Element("test"))
    except etree.XPathError as e:
        raise ValueError(str(e)) from e
    plain = _LITERAL.sub("''", expression)
    if _SIDEWAYS.search(plain):
        raise ValueError("it looks at the elements before or after the row, and these are not kept")
    if _WHOLE.search(plain):
        raise ValueError("it takes the whole element above the row, with all other rows in it")
    row = spec.row.rpartition("/")[2].rpartition(":")[2]
    if row and re.search(rf"\.\.\s*/\s*(?:[\w.\-]+:)?{re.escape(row)}(?![\w.\-:])", plain):
        raise ValueError("it looks at other rows, and these are not kept")
    return xpath


@dataclass(frozen=True, slots=True)
class Above:
    """What the columns of a table need above their row.

    Attributes:
        reach: how many steps up they look; 0 where all stay within the row.
        names: local names of the elements that are read there, None for any.
    """

    reach: int = 0
    names: frozenset[str] | None = frozenset()

    def needs(self, tag: str) -> bool:
        """Whether an element beside or above a row may be one that is read."""
        return self.names is None or tag.rpartition("}")[2] in self.names


def above(expressions: Iterable[str]) -> Above:
    """What expressions need above their row."""
    reach, names, everything = 0, set[str](), False
    for expression in expressions:
        plain = _LITERAL.sub("''", expression)
        up = _EVERYTHING if _FAR_UP.search(plain) else len(_UP.findall(plain))
        if not up:
            continue
        reach = max(reach, up)
        everything |= _ANY.search(plain) is not None
        names |= {
            name.rpartition(":")[2] for attribute, name, call in _NAME.findall(plain) if not attribute and not call
        }
    return Above(reach, None if everything else frozenset(names))
