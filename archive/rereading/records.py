"""What XML, JSON and HL7 v2 records say: every text and every attribute value, read by other parsers than the routes'.

XML by expat, JSON by the rule of its strings and numbers alone (RFC 8259, 7), HL7 v2 by its separators (HL7 2.5.1,
2.5.3 and 2.7). Files in base64 are files of their own and say nothing here; RTF within a value says its words.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.parsers import expat

from archive.normalise.encodings import decode
from archive.rereading.rtfwords import rtf_text
from archive.rereading.tokens import raised
from archive.rereading.webwords import INLINE, shown

_CODED = re.compile(r"[A-Za-z0-9+/\s]{60,}={0,2}\s*|[A-Za-z0-9+/]{2,}={1,2}")
_SAID_CODED = re.compile(r"[A-Za-z0-9+/=\s]+")
_CODED_NAMES = frozenset(("Base64Container", "base64", "data", "BinaryData", "binary"))
_CODED_MARKS = {"representation": "B64", "ENC": "B64", "type": "base64Binary"}
_INLINE = INLINE | {"content", "linkHtml"}
_OF_LAYOUT = frozenset(("rowspan", "colspan", "styleCode", "listType", "revised", "style", "class", "space")) | {
    *("border", "width", "height", "align", "valign", "cellpadding", "cellspacing"),
}
"""Attributes that say how a narrative is set, not what it says; a value behind # names a place in the record."""
_APART = frozenset(("del", "ins", "s", "strike"))
_LONG = 10
"""Characters of a value that a page need say but once: it gathers what several results or lists have in common."""
_FACT = re.compile(
    r"\d{4}-\d\d-\d\d(T.*)?|\d{8}(\d{2,6})?([.,]\d+)?([+-]\d{4})?|\d+(\.\d+){3,}|(?=\S*[A-Za-z])(?=\S*\d)\S{7,}|\d{7,}"
)
"""Dates as they are written, object numbers and identifiers: a page need show each but once, as all attributes but
measured values."""
_MARKED_UP = re.compile(r"<(?:!doctype|html|body|p|div|table|span|h[1-6]|ul|ol|br)\b.*>\s*$", re.IGNORECASE | re.DOTALL)
"""A page of HTML that stands in an element as text."""
_TAGGED = re.compile(r"</[a-z][a-z0-9]*\s*>|<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.IGNORECASE)
_HELD = re.compile(
    r"(?:data:[\w/.+-]*;base64,)?(?:JVBERi0|iVBORw0KGgo|/9j/|R0lGOD[dl]h|UEsDB|0M8R4KGxGuE|e1xydG)[A-Za-z0-9+/\s]{16,}={0,2}$"
    r"|(?:0x)?(?:255044462d|7b5c727466)[0-9a-fA-F]{10,}$"
)
"""A file of a known kind in base64 or hexadecimal."""
_RICH = re.compile(r"\\(?:strike|super|sub|pict|object)(?![a-z])")
"""RTF that is split off as a file of its own, since it is more than text."""
_JSON = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)', re.DOTALL)
_JSON_ESCAPE = re.compile(r"((?:\\u[0-9a-fA-F]{4})+)|\\(.)", re.DOTALL)
_JSON_SINGLE = {"n": "\n", "t": "\t", "r": "\n", "b": " ", "f": " "}
_HL7_ESCAPES = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", ".br": "\n", ".sp": "\n"}
_HL7_ESCAPE = re.compile(r"\\([^\\\s]{0,40})\\")
_HL7_SEPARATORS = str.maketrans("|^&~", "\n\n\n\n")


def xml_text(path: Path) -> str:
    """Texts and attribute values, a line for each; the file as it stands where it is not well-formed, as it is shown
    then."""
    content = path.read_bytes()
    try:
        return _Xml().read(content)
    except (expat.ExpatError, ValueError, LookupError):
        return decode(content).text


class _Xml:
    def __init__(self) -> None:
        self.out: list[str] = []
        self._run: list[str] = []
        self._seen: set[str] = set()
        self._stack: list[tuple[bool, bool]] = []  # whether raised, whether a coded file

    def read(self, content: bytes) -> str:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.Parse(content.rstrip(b"\0\x1a \r\n"), True)
        self._flush()
        return "\n".join(self.out)

    @staticmethod
    def _entity(*_: object) -> None:
        raise ValueError("it declares entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local not in _INLINE:
            self._flush()
        above = self._stack[-1] if self._stack else (False, False)
        coded = above[1] or local in _CODED_NAMES
        names = {key.rpartition(":")[2] for key in attributes}
        measured = names >= {"V", "U"} or names >= {"value", "unit"}
        if "revised" in attributes:
            self._run.append(" ")  # a page sets struck and inserted text apart
        for key, value in attributes.items():
            key_prefix, _, key_local = key.rpartition(":")
            if key_local in _OF_LAYOUT or value.startswith("#"):
                continue
            if key == "xmlns" or key_prefix == "xmlns" or key_local in ("schemaLocation", "noNamespaceSchemaLocation"):
                continue
            coded = coded or _CODED_MARKS.get(key_local) == value.rpartition(":")[2]
            self.value(value, once=not measured)
        self._stack.append((above[0] or local == "sup", coded))
        if local in _APART:
            self._run.append(" ")  # what is struck and what is inserted are no one word

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local not in _INLINE:
            self._flush()
        elif local in _APART or local == "content":
            self._run.append(" ")
        self._stack.pop()

    def _text(self, text: str) -> None:
        if not self._stack or not (self._stack[-1][1] and _SAID_CODED.fullmatch(text)):
            self._run.append(self._raised(text) if self._stack and self._stack[-1][0] else text)

    @staticmethod
    def _raised(text: str) -> str:
        found = raised(text)
        return f" {text} " if found == text and any(c.isdigit() for c in text) else found

    def _flush(self) -> None:
        if self._run:
            text = "".join(self._run)
            self._run.clear()
            self.value(text)

    def value(self, text: str, *, once: bool = False) -> None:
        text = text.strip()
        if _HELD.match(text):
            return
        if once or len(text) >= _LONG or _FACT.fullmatch(text):
            if text in self._seen:
                return
            self._seen.add(text)
        if text.startswith("{\\rtf"):
            if _RICH.search(text):
                return
            self.out.append(rtf_text(text.encode("cp1252", "replace")))
        elif _MARKED_UP.match(text) or (_TAGGED.search(text) and "<" not in _TAG.sub("", text)):
            self.out.append(shown(text))
        elif text and not (len(text) >= 60 and _CODED.fullmatch(text)):
            self.out.append(text)


def json_text(path: Path) -> str:
    """Strings that are no names, and numbers, a line for each."""
    values = _Xml()
    out = values.out
    for string, name, number in _JSON.findall(decode(path.read_bytes()).text):
        if number:
            out.append(number)
        elif not name and string and not _CODED.fullmatch(string):
            values.value(_JSON_ESCAPE.sub(_unescaped, string))
    return "\n".join(out)


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        units = b"".join(int(u, 16).to_bytes(2, "little") for u in found[1].split("\\u")[1:])
        return units.decode("utf-16-le", "replace")
    return _JSON_SINGLE.get(found[2], found[2])


def hl7_text(path: Path) -> str:
    """Fields and components of HL7 v2 messages, a line for each, with their escapes read."""
    out: list[str] = []
    for segment in re.split(r"[\r\n]+", decode(path.read_bytes()).text):
        name, _, fields = segment.partition("|")
        if name.strip() in ("MSH", "FHS", "BHS"):
            fields = fields.partition("|")[2]  # the separators themselves
        for value in fields.translate(_HL7_SEPARATORS).split("\n"):
            if value.strip() and not _CODED.fullmatch(value):
                out.append(_HL7_ESCAPE.sub(lambda m: _HL7_ESCAPES.get(m[1].rstrip("0123456789+-"), ""), value))
    return "\n".join(out)
