"""XML as a plain tree that remembers what of it has been shown, so that a page can be proven complete."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.entities import html5

from lxml import etree

from archive.normalise.encodings import decode
from archive.reasons import DocumentProblem, Reason

XHTML = "http://www.w3.org/1999/xhtml"
HL7 = "urn:hl7-org:v3"
FHIR = "http://hl7.org/fhir"
MOST_NODES = 50_000
"""Elements of a record."""
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XML = "http://www.w3.org/XML/1998/namespace"
_UNSAID = frozenset((f"{{{_XSI}}}schemaLocation", f"{{{_XSI}}}noNamespaceSchemaLocation"))
_LEAST_BASE64 = 200
_LEAST_RUN = 1_000_000
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
# Possessive: what does not end as base64 does is not tried again piece by piece.
_BASE64_RUN = re.compile(rb"(>|=[\"']|\[CDATA\[)([A-Za-z0-9+/\s]{1000000,}+={0,2}+\s*+)(<|[\"']|\]\]>)")
_ENTITY = re.compile(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->|&(\w+);", re.DOTALL)
_XML_NAMES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(slots=True, eq=False)
class Node:
    """An element. `content` holds strings and elements in order; `attributes` are Clark name and value, without
    namespace declarations and schema locations. What is shown is taken out of `hidden_attributes` and `hidden`."""

    name: str
    namespace: str
    attributes: dict[str, str]
    content: list[str | Node] = field(default_factory=list)
    hidden_attributes: set[str] = field(default_factory=set)
    hidden: bool = False
    """It has text of its own that has not been shown."""

    @property
    def children(self) -> list[Node]:
        """Its elements."""
        return [c for c in self.content if isinstance(c, Node)]

    @property
    def text(self) -> str:
        """Its own text, without that of its elements."""
        return "".join(c for c in self.content if isinstance(c, str)).strip()

    def first(self, *names: str) -> Node | None:
        """The first child of one of these names."""
        return next((c for c in self.children if c.name in names), None)

    def walk(self) -> Iterator[Node]:
        """The element and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def take_text(self) -> str:
        """Its own text, which counts as shown from now on."""
        self.hidden = False
        return self.text

    def take(self, *names: str) -> str:
        """The value of the first of these attributes that it has (by local name); it counts as shown."""
        for name in names:
            for key, value in self.attributes.items():
                if local(key) == name:
                    self.hidden_attributes.discard(key)
                    return value
        return ""


def local(name: str) -> str:
    """The local part of a Clark name."""
    return name.rpartition("}")[2]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree; the encoding that was guessed, where what the document declares is wrong; base64 of more than a million
    characters, by the token that stands for it in the tree; and what was put right so that it could be read at all."""

    root: Node
    guessed: str | None
    runs: dict[str, bytes]
    mended: str = ""


def parse(content: bytes) -> Parsed:
    """The tree of an XML document.

    No entity is ever expanded and nothing outside is read. Raises DocumentProblem: CORRUPT where it is not well-formed
    or declares entities, CONVERSION_FAILED where it has too many elements to be a page that someone reads.
    """
    runs: dict[str, bytes] = {}

    def cut(found: re.Match[bytes]) -> bytes:
        token = f"base64-{hashlib.sha256(found[2]).hexdigest()}"
        runs[token] = found[2]
        return found[1] + token.encode("ascii") + found[3]

    if len(content) > _LEAST_RUN:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            content = _undeclared(decode(content).text)
        content = _BASE64_RUN.sub(cut, content)
    guessed: str | None = None
    mended = ""
    try:
        tree, mended = _tree(content)
    except (etree.XMLSyntaxError, LookupError, ValueError):
        read, certain, encoding = _read(content)
        text = _undeclared(read)
        try:
            tree, mended = _tree(text)
            guessed = encoding
        except (etree.XMLSyntaxError, ValueError) as e:
            line = getattr(e, "lineno", None)
            named = _ENTITY.sub(_named, text)
            try:
                if named == text or b"<!ENTITY" in text:
                    raise ValueError("nothing to put right")
                tree, mended = _tree(named)
            except (etree.XMLSyntaxError, ValueError):
                raise DocumentProblem(Reason.CORRUPT, f"The XML is not well-formed (line {line}).") from None
            mended = "Characters are named as in HTML, which XML does not know."
            guessed = None if certain else encoding
    dtd = tree.docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):  # type: ignore[attr-defined]
        raise DocumentProblem(Reason.CORRUPT, "The XML declares entities, which a record has no use for.")
    return Parsed(_node(tree.getroot(), [0]), guessed, runs, mended)


def _read(content: bytes) -> tuple[str, bool, str]:
    """The text, whether its encoding is certain, and which it is. Detection is slow: it is for what is no UTF-8."""
    try:
        return content.decode("utf-8"), True, "utf-8"
    except UnicodeDecodeError:
        read = decode(content)
        return read.text, read.certain, read.encoding


def _undeclared(text: str) -> bytes:
    """The document as UTF-8, without a declaration of another encoding and without padding."""
    return _DECLARATION.sub("", text.lstrip("\ufeff \t\r\n\0"), count=1).rstrip("\0\x1a").encode("utf-8")


def _tree(content: bytes) -> tuple[etree._ElementTree, str]:
    """The tree, and what had to be overlooked: a prefix that is not declared leaves all there is to read."""
    parser = _parser()
    try:
        return etree.fromstring(content, parser).getroottree(), ""
    except etree.XMLSyntaxError:
        if any(e.domain != etree.ErrorDomains.NAMESPACE for e in parser.error_log):
            raise
    return etree.fromstring(content, _parser(recover=True)).getroottree(), "It uses prefixes without declaring them."


def _parser(*, recover: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )


def _named(found: re.Match[bytes]) -> bytes:
    """The characters for a name that HTML knows; all else, and what is no entity at all, as it stands."""
    name = (found[1] or b"").decode("ascii")
    if not name or name in _XML_NAMES or f"{name};" not in html5:
        return found[0]
    return "".join(f"&#{ord(c)};" for c in html5[f"{name};"]).encode("ascii")


def _node(element: etree._Element, count: list[int]) -> Node:
    count[0] += 1
    if count[0] > MOST_NODES:
        raise DocumentProblem(Reason.CONVERSION_FAILED, f"The XML has more than {MOST_NODES} elements.")
    # A prefix that nobody declared is left in the name.
    space, _, name = str(element.tag).rpartition("}")
    node = Node(name.rpartition(":")[2], space.lstrip("{"), {})
    node.attributes = {str(k): str(v) for k, v in element.attrib.items() if k not in _UNSAID}
    node.hidden_attributes = {k for k, v in node.attributes.items() if v.strip()}
    if element.text:
        node.content.append(element.text)
    for child in element:
        if not isinstance(child.tag, str):
            raise DocumentProblem(Reason.CORRUPT, "The XML refers to an entity.")
        node.content.append(_node(child, count))
        if child.tail:
            node.content.append(child.tail)
    node.hidden = bool(node.text)
    return node


def without_base64(value: str) -> str:
    """The value, or the size and SHA-256 of what it is where it is long base64 (signatures, certificates)."""
    if len(value) < _LEAST_BASE64:
        return value
    coded = value.partition(",")[2] if value.startswith("data:") else value
    if not _BASE64.fullmatch(coded) or len(max(coded.split(), key=len, default="")) < 60:
        return value
    try:
        content = base64.b64decode("".join(coded.split()), validate=True)
    except (binascii.Error, ValueError):
        return value
    return f"Data, {len(content)} byte, SHA-256 {hashlib.sha256(content).hexdigest()}"
