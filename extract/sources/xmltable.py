"""A table as XML: one element is a row, an XPath below (or above) it is a column. Streamed, hostile files refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from archive.errors import MappingError, SourceUnreadableError
from extract.mapping.check import nearest
from extract.mapping.model import TableSpec
from extract.sources.tables import Row, answer, files_of, padded, several
from extract.sources.xpaths import above, compile_xpath

_FAULTS: dict[int, str] = {
    code: name.removeprefix("ERR_").replace("_", " ").lower()
    for name, code in vars(etree.ErrorTypes).items()
    if name.startswith("ERR_")
}
_HELD = 5_000
"""Rows that wait for the end of the element above them, which may say something of them yet."""


class XmlTable:
    """A table in one or several XML files.

    The row's path (`/export/pasient/dokument`, or its last steps) is of element names, `*` for any. Elements above a
    row and what stands beside these can be reached (`../@nr`, `../../fnr`), before and after the row: rows wait for the
    end of the element that is read, unless that is the whole file or has very many of them. Other rows cannot be
    reached. Memory is flat: what no column reads is forgotten.
    """

    def __init__(self, root: Path, spec: TableSpec, needed: Sequence[str], names: Iterable[str] = ()) -> None:
        self.spec = spec
        self.position = {name: n for n, name in enumerate(dict.fromkeys(needed))}
        self.width = len(self.position)
        self._root = root
        keep = frozenset(names)
        self._columns = [(compile_xpath(name, spec), _padded if name in keep else str.strip) for name in self.position]
        self._empty = frozenset(spec.empty)
        self._above = above(self.position)
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
            for element in self._rows(events, name, seen):
                yield element.sourceline or 0, self._values(element)
        except etree.XMLSyntaxError as e:
            line = e.position[0] if e.position else 0
            raise SourceUnreadableError(
                f"{name}:{line}: the XML is broken: {broken(e)}.", remedy="Ask for the file again; it may be cut."
            ) from None
        except LookupError:
            raise SourceUnreadableError(f"{name}: unknown encoding {self.spec.encoding!r}.") from None

    def _rows(self, events: Iterable[tuple[str, Any]], name: str, seen: dict[str, None]) -> Iterator[Any]:
        """Each row's element while all that its columns read is there."""
        stack: list[str] = []
        reach = self._above.reach
        row_at = side_at = 0  # depths of the open row, and of an open element beside rows that some column reads
        told: set[int] = set()  # depths of open elements of which rows were given already
        parents: set[tuple[str, ...]] = set()  # paths of elements that hold rows
        known: set[tuple[str, ...]] = set()
        held: list[Any] = []
        waits = lowest = 0
        done: dict[int, Any] = {}
        for event, element in events:
            if event == "start":
                if not stack:
                    self._refuse_entities(element, name)
                stack.append(str(element.tag))
                depth = len(stack)
                if len(known) < 200 and (path := tuple(stack)) not in known:
                    known.add(path)
                    seen.setdefault("/" + "/".join(etree.QName(tag).localname for tag in stack))
                if row_at:
                    continue
                told.discard(depth)
                if self._is_row(stack):
                    row_at, side_at = depth, 0
                    lowest = depth - reach
                    if reach:
                        parents.update(tuple(stack[:n]) for n in range(1, depth))
                elif reach and not side_at and self._above.needs(stack[-1]) and tuple(stack) not in parents:
                    side_at = depth
                    if depth - 1 in told and depth > lowest:
                        raise _late(f"{name}:{element.sourceline or 0}")
                continue
            depth = len(stack)
            stack.pop()
            if row_at:
                if depth > row_at:
                    continue
                row_at = 0
                if reach and depth > max(lowest, 2):
                    waits = min(waits, max(lowest, 2)) if held else max(lowest, 2)
                    held.append(element)
                    if len(held) < _HELD:
                        continue
                    for row in held:
                        yield row
                        row.clear(keep_tail=False)
                    held.clear()
                else:
                    yield element
                    self._forget(element, depth, done)
                told.update(range(1, depth))
            elif side_at:
                side_at = 0 if depth == side_at else side_at
            elif held and depth > waits:
                pass
            else:
                if held:
                    yield from held
                    held.clear()
                    told.update(range(1, depth))
                if stack:
                    self._forget(element, depth, done)

    @staticmethod
    def _forget(element: Any, depth: int, done: dict[int, Any]) -> None:
        """Empty an element; it leaves the tree when the next of its depth has ended: the parser may still be at it."""
        element.clear(keep_tail=False)
        done.pop(depth + 1, None)
        if depth in done:
            parent = done[depth].getparent()
            if parent is not None:
                parent.remove(done[depth])
        done[depth] = element

    def _values(self, element: Any) -> list[str]:
        empty = self._empty
        return [self._text(column(element), empty, trim) for column, trim in self._columns]

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
            if not text and texts:
                return answer("", truth=True)
        elif isinstance(found, bool):
            text = answer("true" if found else "false", truth=found)
        elif isinstance(found, float):
            text = answer(str(int(found)) if found.is_integer() else str(found), truth=bool(found))
        else:
            text = trim(str(found))
        return "" if text in empty else text


def broken(error: Any) -> str:
    """What is wrong with the XML, in the parser's word for it; its sentence may quote what stands there."""
    return _FAULTS.get(error.code) or "not well formed"


def _late(place: str) -> SourceUnreadableError:
    return SourceUnreadableError(
        f"{place}: an element that the mapping reads for the rows above it stands after some of them, so it cannot be"
        " said whose it is.",
        remedy="Read the value from elsewhere, or ask for the file with this element before the rows.",
    )


def _padded(text: str) -> str:
    """A file's name with its blanks; line ends around it are the layout of the XML."""
    edges = text[: len(text) - len(text.lstrip())] + text[len(text.rstrip()) :]
    return padded(text) if edges.strip(" ") == "" else text.strip()


def _expanded(step: str, namespaces: dict[str, str]) -> str:
    prefix, colon, local = step.rpartition(":")
    return f"{{{namespaces.get(prefix, prefix)}}}{local}" if colon else step
