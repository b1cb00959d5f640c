"""Finding the tables of XML files: which elements are rows, and which elements and attributes in and above them are
columns. Files of one make (one for each patient, say) are one table."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from archive.errors import JournalarkivError
from extract.inspect.discover import table_name
from extract.inspect.spelling import plain
from extract.mapping.model import TableSpec
from extract.sources.xmltable import XmlTable

_MAX_ELEMENTS = 20_000
_MOST_FILES = 200
"""Of one make, that are looked into."""
_DEEPEST = 4
"""Steps below a row within which columns are looked for."""
_MOST_COLUMNS = 200
Found = tuple[TableSpec, tuple[str, ...]]


@dataclass(slots=True)
class _Element:
    count: int = 0
    attributes: set[str] = field(default_factory=set)
    text: bool = False
    bare: bool = False
    """Whether it was seen with neither text nor elements in it."""


@dataclass(slots=True)
class _Shape:
    """The elements of files of one make, by path."""

    elements: dict[str, _Element] = field(default_factory=dict)
    namespaces: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


def root_of(path: Path) -> str | None:
    """The name of a file's root element, None where the file is no XML that can be read."""
    try:
        with path.open("rb") as file:
            for _, element in etree.iterparse(file, events=("start",), resolve_entities=False, no_network=True):
                XmlTable._refuse_entities(element, path.name)
                return str(element.tag)
    except (etree.XMLSyntaxError, JournalarkivError, OSError):
        return None
    return None


def xml_groups(paths: Iterable[Path], root: Path) -> list[list[Path]]:
    """Files of one make together: in one folder, with the same root element. Those of few files come first."""
    groups: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in paths:
        if (tag := root_of(path)) is not None:
            groups[path.parent, tag].append(path)
    return sorted(groups.values(), key=len)


def xml_specs(paths: list[Path], root: Path) -> list[Found]:
    """The tables of files of one make, with the columns found: elements that repeat and have fields."""
    shape = _Shape()
    for path in paths[:_MOST_FILES]:
        try:
            _look(path, path.relative_to(root).as_posix(), shape)
        except (etree.XMLSyntaxError, JournalarkivError, OSError):
            if len(paths) == 1:
                return []
    if not shape.files:
        return []
    file = _pattern(paths, root)
    return list(_rows(shape, file, several=len(paths) > 1)) if file else []


def _pattern(paths: list[Path], root: Path) -> str:
    """What finds these files and no others; empty where there is nothing so simple."""
    names = [p.relative_to(root).as_posix() for p in paths]
    if len(names) == 1:
        return names[0]
    folder = names[0].rpartition("/")[0]
    patterns = {re.sub(r"\d+", "*", n) for n in names}
    for pattern in (*patterns, f"{folder}/*.xml" if folder else "*.xml"):
        if {p.relative_to(root).as_posix() for p in root.glob(pattern)} == set(names):
            return pattern
    return ""


def _look(path: Path, name: str, shape: _Shape) -> None:
    stack: list[str] = []
    with path.open("rb") as file:
        events = etree.iterparse(
            file, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        for count, (event, element) in enumerate(events):
            if not isinstance(element.tag, str):
                continue
            if event == "start":
                if not stack:
                    XmlTable._refuse_entities(element, name)
                stack.append(_prefixed(element.tag, shape.namespaces))
                found = shape.elements.setdefault("/" + "/".join(stack), _Element())
                found.count += 1
                found.attributes.update("@" + _prefixed(str(k), shape.namespaces) for k in element.attrib)
                continue
            found = shape.elements["/" + "/".join(stack)]
            if not len(element):
                text = bool((element.text or "").strip())
                found.text |= text
                found.bare |= not text
            stack.pop()
            if count > _MAX_ELEMENTS:
                break
            if len(stack) > 1 and element.getprevious() is not None:
                element.clear()
    shape.files.append(name)


def _rows(shape: _Shape, file: str, *, several: bool) -> Iterator[Found]:
    elements = shape.elements
    chosen = [at for at in elements if _is_row(elements, at, several=several)]
    # what is small and lies within another row is columns of that row
    rows = [at for at in chosen if not (_is_small(elements, at) and any(at.startswith(r + "/") for r in chosen))]
    for at in rows:
        columns = list(_below(elements, at, rows))
        outer = next((r for r in reversed(rows) if at.startswith(r + "/")), None)
        if outer is not None:
            up = "/".join([".."] * (at.count("/") - outer.count("/")))
            columns += [f"{up}/{c}" for c in _below(elements, outer, rows) if c != "."]
        base = f"{table_name(file)}_{plain(at.rpartition('/')[2].rpartition(':')[2])}"
        spec = TableSpec(
            name=re.sub(r"[^a-z0-9_]+", "_", base).strip("_") or "tabell",
            where=(),
            file=file,
            format="xml",
            encoding="",
            row=at,
            namespaces=tuple((prefix, uri) for uri, prefix in shape.namespaces.items()),
        )
        yield spec, tuple(dict.fromkeys(columns))[:_MOST_COLUMNS]


def _is_row(elements: dict[str, _Element], at: str, *, several: bool) -> bool:
    element = elements[at]
    above = elements.get(at.rpartition("/")[0])
    repeats = element.count > above.count if above is not None else several
    below = [p for p in elements if p.startswith(at + "/") and p.count("/") - at.count("/") <= _DEEPEST]
    fields = sum(elements[p].text + elements[p].bare + len(elements[p].attributes) > 0 for p in below)
    return repeats and fields + len(element.attributes) >= 2


def _is_small(elements: dict[str, _Element], at: str) -> bool:
    """Whether an element has attributes and text only, such as the name of a file with its number."""
    return not any(p.startswith(at + "/") for p in elements)


def _below(elements: dict[str, _Element], at: str, rows: list[str]) -> Iterator[str]:
    """The columns within a row: attributes, elements with text, and elements that are only there or not."""
    for path, element in elements.items():
        inside = path == at or path.startswith(at + "/")
        steps = path.count("/") - at.count("/")
        if (
            not inside
            or steps > _DEEPEST
            or any(path == r or path.startswith(r + "/") for r in rows if len(r) > len(at))
        ):
            continue
        local = path[len(at) + 1 :]
        if local and (element.text or element.bare):
            yield local
        elif not local and element.text:
            yield "."
        yield from (f"{local}/{a}" if local else a for a in sorted(element.attributes))


def _prefixed(tag: str, namespaces: dict[str, str]) -> str:
    if not tag.startswith("{"):
        return tag
    uri, local = tag[1:].split("}", 1)
    return f"{namespaces.setdefault(uri, f'n{len(namespaces) + 1}')}:{local}"
