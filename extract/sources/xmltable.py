"""A table as XML: one element is a row, an XPath below (or above) it is a column. Streamed, hostile files refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from archive.errors import MappingError, SourceUnreadableError
from extract.mapping.check import nearest
from extract.mapping.model import TableSpec
from extract.sources.tables import Row, files_of, padded, several


def compile_xpath(expression: str, spec: TableSpec) -> Callable[[Any], Any]:
    """A column's expression as a function of the row element.

    Raises:
        ValueError: it is no XPath 1.0, or uses an undeclared prefix.
    """
    try:
        xpath = etree.XPath(expression, namespaces=dict(spec.namespaces), smart_strings=False)
        xpath(etree.Element("test"))
    except etree.XPathError as e:
        raise ValueError(str(e)) from e
    return xpath


class XmlTable:
    """A table in one or several XML files.

    The row's path (`/export/pasient/dokument`, or its last steps) is of element names, `*` for any. Elements beside
    and above a row can be reached (`../@nr`), of those beside it only the first of each name, since the others are
    forgotten to keep memory flat.
    """

    def __init__(self, root: Path, spec: TableSpec, needed: Sequence[str], names: Iterable[str] = ()) -> None:
        self.spec = spec
        self.position = {name: n for n, name in enumerate(dict.fromkeys(needed))}
        self.width = len(self.position)
        self._root = root
        self._columns = [compile_xpath(name, spec) for name in self.position]
        keep = frozenset(names)
        self._trims = [_padded if name in keep else str.strip for name in self.position]
        self._absolute = spec.row.startswith("/") and not spec.row.startswith("//")
        self._steps = [_expanded(step, dict(spec.namespaces)) for step in spec.row.strip("/").split("/")]

    def rows(self) -> Iterator[Row]:
        """See `Table.rows`. Raises MappingError where the file has elements but none at the row's path."""
        seen: dict[str, None] = {}
        any_row = False
        for path in files_of(self._root, self.spec):
            name = path.relative_to(self._root).as_posix()
            with path.open("rb") as file:
                for line, values in self._elements(file, name, seen):
                    any_row = True
                    yield f"{name}:{line}", values, ""
        if not any_row and seen:
            raise MappingError(
                f"{self.spec.file} has no element {self.spec.row!r}{nearest(self.spec.row, seen)}",
                remedy="Correct `row` in the mapping; a name in a namespace needs a prefix of `namespaces`.",
            )

    def _elements(self, file: BinaryIO, name: str, seen: dict[str, None]) -> Iterator[tuple[int, list[str]]]:
        stack: list[str] = []
        kept: list[set[str]] = [set()]
        done: dict[int, Any] = {}
        row_depth = 0
        empty = frozenset(self.spec.empty)
        try:
            events = etree.iterparse(
                file,
                events=("start", "end"),
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=False,
                remove_comments=True,
                remove_pis=True,
                encoding=self.spec.encoding or None,
            )
            for event, element in events:
                if event == "start":
                    if not stack:
                        self._refuse_entities(element, name)
                    stack.append(str(element.tag))
                    kept.append(set())
                    if not row_depth and self._is_row(stack):
                        row_depth = len(stack)
                    if len(seen) < 200:
                        seen.setdefault("/" + "/".join(etree.QName(tag).localname for tag in stack))
                    continue
                depth = len(stack)
                if row_depth and depth > row_depth and self._is_row(stack[:row_depth]):
                    stack.pop()
                    kept.pop()
                    continue
                is_row = depth == row_depth and self._is_row(stack)
                if is_row:
                    yield (
                        element.sourceline or 0,
                        [
                            self._text(column(element), empty, trim)
                            for column, trim in zip(self._columns, self._trims, strict=True)
                        ],
                    )
                tag = stack.pop()
                kept.pop()
                done.pop(depth + 1, None)
                if not stack or (not is_row and tag not in kept[-1] and depth > 1 and not row_depth > depth):
                    kept[-1].add(tag)
                    continue
                element.clear(keep_tail=False)
                if depth in done:
                    parent = done[depth].getparent()
                    if parent is not None:
                        parent.remove(done[depth])
                done[depth] = element
        except etree.XMLSyntaxError as e:
            line = e.position[0] if e.position else 0
            raise SourceUnreadableError(
                f"{name}:{line}: the XML is broken: {e.msg}.", remedy="Ask for the file again; it may be cut."
            ) from None
        except LookupError:
            raise SourceUnreadableError(f"{name}: unknown encoding {self.spec.encoding!r}.") from None

    def _is_row(self, stack: Sequence[str]) -> bool:
        steps = self._steps
        if len(stack) < len(steps) or (self._absolute and len(stack) != len(steps)):
            return False
        return all(step in ("*", tag) for step, tag in zip(reversed(steps), reversed(stack), strict=False))

    @staticmethod
    def _refuse_entities(element: Any, name: str) -> None:
        dtd = element.getroottree().docinfo.internalDTD
        if dtd is not None and next(iter(dtd.iterentities()), None) is not None:
            raise SourceUnreadableError(
                f"{name} declares entities of its own, which a register has no need of and attacks are made with; it "
                "was not read.",
                remedy="Ask for the file without entity declarations.",
            )

    @staticmethod
    def _text(found: Any, empty: frozenset[str], trim: Callable[[str], str]) -> str:
        if isinstance(found, list):
            texts = ["".join(str(t) for t in f.itertext()) if isinstance(f, etree._Element) else str(f) for f in found]
            text = several([trim(t) for t in texts] or [""])
        elif isinstance(found, float):
            text = str(int(found)) if found.is_integer() else str(found)
        elif isinstance(found, bool):
            text = "true" if found else "false"
        else:
            text = trim(str(found))
        return "" if text in empty else text


def _padded(text: str) -> str:
    """A file's name with its blanks; line ends around it are the layout of the XML."""
    edges = text[: len(text) - len(text.lstrip())] + text[len(text.rstrip()) :]
    return padded(text) if edges.strip(" ") == "" else text.strip()


def _expanded(step: str, namespaces: dict[str, str]) -> str:
    prefix, colon, local = step.rpartition(":")
    return f"{{{namespaces.get(prefix, prefix)}}}{local}" if colon else step
