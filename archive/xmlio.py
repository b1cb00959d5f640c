"""Writes and reads the XML inside packages: streaming, deterministic, strict.

Old journals hold characters that XML 1.0 cannot carry at all, not even as references: most control characters, lone
surrogates (undecodable bytes), U+FFFE and U+FFFF. They are written as `_xHHHH_`, the escape of ECMA-376 Part 1,
22.9.2.19 (ST_Xstring); an underscore that could be taken for the beginning of such an escape is itself written
`_x005F_`. So every Python string survives, nothing is replaced, and the rest stays readable as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import IO, cast

from lxml import etree

_CHUNK = 1 << 16
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4})")
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_TEXT = str.maketrans(_MARKUP)
_ATTRIBUTE = str.maketrans({**_MARKUP, '"': "&quot;", "\t": "&#9;", "\n": "&#10;"})


def escape(text: str) -> str:
    """Make any string one that XML 1.0 can carry; `unescape` gives it back."""
    return _UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


class XmlWriter:
    """Writes one XML document to a binary stream, element by element. Use as a context manager: it closes the root.

    Texts and attribute values may be any string; they are escaped as the module says. A value of None leaves the
    attribute out. Elements directly below the root, and those named in `lines`, begin on a line of their own, so that
    line-wise tools such as sed can find them.
    """

    def __init__(
        self, out: IO[bytes], root: str, attributes: Mapping[str, str | None], *, lines: Collection[str] = ()
    ) -> None:
        self._out = out
        self._lines = frozenset(lines)
        self._open: list[str] = []
        self._pending: list[str] = ["<?xml version='1.0' encoding='UTF-8'?>\n"]
        self._size = 0
        self.start(root, attributes)

    def __enter__(self) -> XmlWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            while self._open:
                self.end()
            self._pending.append("\n")
            self._flush()

    def start(self, tag: str, attributes: Mapping[str, str | None] | None = None) -> None:
        """Open an element."""
        self._put(f"{self._break(tag)}<{tag}{_attributes(attributes)}>")
        self._open.append(tag)

    def end(self) -> None:
        """Close the element opened last."""
        tag = self._open.pop()
        self._put(f"</{tag}>" if self._open else f"\n</{tag}>")

    def leaf(self, tag: str, text: str = "", attributes: Mapping[str, str | None] | None = None) -> None:
        """Write an element without children."""
        head = f"{self._break(tag)}<{tag}{_attributes(attributes)}"
        self._put(f"{head}>{escape(text).translate(_TEXT)}</{tag}>" if text else f"{head}/>")

    def _break(self, tag: str) -> str:
        return "\n" if len(self._open) == 1 or tag in self._lines else ""

    def _put(self, text: str) -> None:
        self._pending.append(text)
        self._size += len(text)
        if self._size > _CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._out.write("".join(self._pending).encode())
        self._pending.clear()
        self._size = 0


def _attributes(attributes: Mapping[str, str | None] | None) -> str:
    if not attributes:
        return ""
    given = ((name, value) for name, value in attributes.items() if value is not None)
    return "".join(f' {name}="{escape(value).translate(_ATTRIBUTE)}"' for name, value in given)


def children(source: IO[bytes], root: str) -> Iterator[etree._Element]:
    """Stream an XML document: first its root (attributes only), then each child of the root, whole.

    Memory holds one child at a time: each is emptied when the next is asked for. What we write has no document type,
    comment or CDATA section; a file that has is not ours and is refused before the parser sees it, so no entity is
    ever declared, let alone expanded or fetched.

    Args:
        source: binary stream, UTF-8.
        root: the tag the root must have, in Clark notation.

    Raises:
        ValueError: not well-formed, not of this root, or with constructs we never write.
    """
    parser = etree.XMLPullParser(
        events=("start", "end"),
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=True,
        remove_comments=False,
    )
    depth, tail = 0, b""
    try:
        while chunk := source.read(_CHUNK):
            if b"<!" in tail + chunk:
                raise ValueError("the XML has a document type, comment or CDATA section, which none of ours has")
            tail = chunk[-1:]
            parser.feed(chunk)
            for event, found in parser.read_events():
                element = cast(etree._Element, found)
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    if element.tag != root:
                        raise ValueError(f"the XML is not a {root} but a {element.tag}")
                    yield element
                elif event == "end" and depth == 1:
                    yield element
                    element.clear()
                    parent = element.getparent()
                    while parent is not None and parent[0] is not element:
                        del parent[0]
        parser.close()
    except etree.XMLSyntaxError as e:
        raise ValueError(f"the XML is not well-formed: {e}") from e


def text_of(element: etree._Element) -> str:
    """The text of an element without children, as it was before it was escaped."""
    return unescape(element.text or "")


def attribute_of(element: etree._Element, name: str) -> str:
    """An attribute's value, as it was before it was escaped.

    Raises:
        ValueError: there is no such attribute.
    """
    value = element.get(name)
    if value is None:
        raise ValueError(f"the XML's {element.tag} has no {name}")
    return unescape(value)
