"""JSON as a readable page, by the same tree as XML records: FHIR as FHIR, everything else by its own names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lxml import etree

from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import decode
from archive.normalise.xmlfiles import split_off
from archive.normalise.xmlrecord import record
from archive.normalise.xmltree import FHIR, MOST_NODES, Node, parse
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "jsonrecord"

_MOST_BYTES = 32 << 20
_DEEPEST = 200
_RESOURCES = frozenset(("resource", "contained"))


def jsonrecord(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset a JSON document.

    Raises DocumentProblem: CORRUPT where it is not JSON; RESOURCE_LIMIT.
    """
    content = source.read_bytes()
    if len(content) > _MOST_BYTES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The JSON has {len(content)} bytes.")
    read = decode(content)
    try:
        value = json.loads(read.text.strip("\ufeff\0\x1a"), parse_int=str, parse_float=str, object_pairs_hook=list)
    except ValueError:
        raise DocumentProblem(Reason.CORRUPT, "The JSON is not well-formed.") from None
    except RecursionError:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "The JSON is nested too deeply.") from None
    flags = () if read.certain else (FlagNote(Flag.ENCODING_GUESSED, f"Read as {read.encoding}."),)
    root = tree(value)
    return record(root, split_off(root, {}, out), out, flags)


def tree(value: Any) -> Node:
    """JSON (objects as lists of pairs, numbers as they were written) as a tree: a member is an element of its name,
    an array that element repeated, a value the attribute `value`, as in FHIR's own XML.

    Raises DocumentProblem: CONVERSION_FAILED where there are too many members, RESOURCE_LIMIT where they are too deep.
    """
    members = _members(value)
    kind = next((v for k, v in members if k == "resourceType" and isinstance(v, str)), "")
    space = FHIR if kind.isidentifier() else ""
    root = _node(kind if space else "JSON", space, {})
    _fill(root, [m for m in members if not (space and m[0] == "resourceType")], [0], 0)
    return root


def _members(value: Any) -> list[tuple[str, Any]]:
    """Those of an object; an array or a lone value counts as one member."""
    if isinstance(value, list) and all(isinstance(v, tuple) for v in value):
        return value
    return [("element", value)]


def _fill(node: Node, members: list[tuple[str, Any]], count: list[int], depth: int) -> None:
    if depth > _DEEPEST:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "The JSON is nested too deeply.")
    for name, value in members:
        is_array = isinstance(value, list) and not (value and isinstance(value[0], tuple))
        for item in value if is_array and value else [value]:
            count[0] += 1
            if count[0] > MOST_NODES:
                raise DocumentProblem(Reason.CONVERSION_FAILED, f"The JSON has more than {MOST_NODES} members.")
            _add(node, name, item, count, depth)


def _add(node: Node, name: str, item: Any, count: list[int], depth: int) -> None:
    fhir = node.namespace == FHIR
    if isinstance(item, list):
        inner = _members(item) if item else []
        child = _node(name, node.namespace, {})
        kind = next((v for k, v in inner if k == "resourceType" and isinstance(v, str)), "")
        if fhir and name in _RESOURCES and kind.isidentifier():
            resource = _node(kind, node.namespace, {})
            _fill(resource, [m for m in inner if m[0] != "resourceType"], count, depth + 1)
            child.content.append(resource)
        else:
            _fill(child, inner, count, depth + 1)
        node.content.append(child)
    elif fhir and name == "div" and isinstance(item, str) and (div := _narrative(item)) is not None:
        node.content.append(div)
    else:
        said = item if isinstance(item, str) else json.dumps(item)
        node.content.append(_node(name, node.namespace, {"value": said} if said else {}))


def _narrative(text: str) -> Node | None:
    try:
        return parse(text.encode("utf-8")).root
    except (DocumentProblem, etree.LxmlError, UnicodeError):
        return None


def _node(name: str, namespace: str, attributes: dict[str, str]) -> Node:
    return Node(name, namespace, attributes, hidden_attributes={k for k, v in attributes.items() if v.strip()})
