"""Files that a record carries within itself as base64: found, decoded, and told of where they stood.

Declared are MsgHead's `Base64Container` (HIS 1128), a `representation` or `ENC` of `B64` (HL7 v3 and KITH data types),
`dt:dt` or `xsi:type` of `base64Binary`, and FHIR's `Attachment.data` and `Binary.data`. Base64 elsewhere counts as
a file where its first bytes are of a known kind; signatures and certificates are none and stay. RTF and HTML that were
kept as values are shown as the text they are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from archive.normalise.contract import Part
from archive.normalise.xmltree import XHTML, Node, local
from archive.normalise.xmlvalues import shown
from archive.reasons import DocumentProblem, Reason

_MOST_FILES = 1000
_MOST_NAME = 120
_LEAST = 200
_LONGEST_SHOWN = 4000
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\:*?\"<>|\u202a-\u202e\u2066-\u2069]+")
_KINDS = (
    (b"%PDF-", "PDF-dokument", "pdf"),
    (b"\xff\xd8\xff", "JPEG-bilde", "jpg"),
    (b"\x89PNG", "PNG-bilde", "png"),
    (b"GIF8", "GIF-bilde", "gif"),
    (b"II*\0", "TIFF-bilde", "tif"),
    (b"MM\0*", "TIFF-bilde", "tif"),
    (b"{\\rtf", "RTF-dokument", "rtf"),
    (b"PK\x03\x04", "ZIP-basert fil", "zip"),
    (b"\xd0\xcf\x11\xe0", "Office-dokument", "doc"),
    (b"\xef\xbb\xbf<", "XML eller HTML", "xml"),
    (b"<", "XML eller HTML", "xml"),
)
_TYPES = {
    "application/pdf": ("PDF-dokument", "pdf"),
    "application/rtf": ("RTF-dokument", "rtf"),
    "text/rtf": ("RTF-dokument", "rtf"),
    "text/plain": ("Tekst", "txt"),
    "text/html": ("HTML-dokument", "html"),
    "application/xhtml+xml": ("HTML-dokument", "html"),
    "text/xml": ("XML-dokument", "xml"),
    "application/xml": ("XML-dokument", "xml"),
    "application/json": ("JSON-dokument", "json"),
    "image/jpeg": ("JPEG-bilde", "jpg"),
    "image/jpg": ("JPEG-bilde", "jpg"),
    "image/png": ("PNG-bilde", "png"),
    "image/gif": ("GIF-bilde", "gif"),
    "image/tiff": ("TIFF-bilde", "tif"),
    "image/bmp": ("BMP-bilde", "bmp"),
    "application/dicom": ("DICOM-bilde", "dcm"),
    "application/zip": ("ZIP-fil", "zip"),
    "message/rfc822": ("E-post", "eml"),
    "application/msword": ("Word-dokument", "doc"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("Word-dokument", "docx"),
    "application/vnd.oasis.opendocument.text": ("OpenDocument-tekst", "odt"),
    "application/vnd.ms-excel": ("Excel-regneark", "xls"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("Excel-regneark", "xlsx"),
    "audio/mpeg": ("Lyd", "mp3"),
    "audio/wav": ("Lyd", "wav"),
    "video/mp4": ("Video", "mp4"),
}
_EXTENSIONS = frozenset(extension for _, extension in _TYPES.values()) | {"tiff", "jpeg", "htm", "ppt", "pptx", "msg"}
_FILE_NAMES = ("FileReference", "FileName", "Filnavn", "Filename")
_TITLES = ("Description", "Beskrivelse", "ContentDescription", "Tittel", "Title", "title", "Name", "Navn")
_MIME_TYPES = ("MimeType", "contentType", "mediaType", "Mimetype")
_MIME_ATTRIBUTES = ("mediaType", "contentType", "MT", "mimeType")


@dataclass(slots=True)
class Files:
    """What a record carries. `parts` are its files, `shown` their lines for the reader (name, kind and size),
    `technical` their digests; `unsound` counts declared base64 that is none, which stays where it stands."""

    parts: list[Part] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    technical: list[list[str]] = field(default_factory=list)
    unsound: int = 0


def split_off(root: Node, runs: dict[str, bytes], out: Path) -> Files:
    """Write every file of the record beside `out`; where it stood, the tree tells which attachment it became.

    Args:
        root: the record; its content is changed.
        runs: base64 that was cut out before parsing, by the token that stands for it.
        out: the page that is being made.

    Raises DocumentProblem: RESOURCE_LIMIT where there are too many files.
    """
    files = Files()
    for path in _paths(root, ()):
        node = path[-1]
        if runs:
            _restore(node, runs)
        text = node.text
        if text and not node.children:
            instead = _opened(files, path, text, out, declared=_declared(path))
            node.content = node.content if instead is None else [instead]
            node.hidden = node.hidden and not isinstance(instead, Node)
        for key, value in list(node.attributes.items()):
            declared = local(key) == "value" and _declared(path)
            instead = _opened(files, path, value, out, declared=declared)
            if isinstance(instead, str):
                node.attributes[key] = instead
            elif instead is not None:
                del node.attributes[key]
                node.hidden_attributes.discard(key)
                node.content.append(instead)
    return files


def _opened(files: Files, path: tuple[Node, ...], value: str, out: Path, *, declared: bool) -> str | Node | None:
    """What stands in a value's place: where it was a file, which attachment it became; None where it stays."""
    if not declared:
        instead = shown(value, markup=path[-1].namespace != XHTML)
        if not isinstance(instead, bytes):
            if instead is not None:
                return instead
        else:
            return _placed(files, path, _File(instead), value, out)
    file = _file(value, declared=declared)
    return None if file is None else _placed(files, path, file, value, out)


def _restore(node: Node, runs: dict[str, bytes]) -> None:
    """Put back what was cut out before parsing: it may be no file, but long text without a sign in it."""
    for i, part in enumerate(node.content):
        if isinstance(part, str) and (run := runs.get(part.strip())) is not None:
            node.content[i] = run.decode("ascii")
    for key, value in node.attributes.items():
        if (run := runs.get(value)) is not None:
            node.attributes[key] = run.decode("ascii")


def _paths(node: Node, above: tuple[Node, ...]) -> Iterator[tuple[Node, ...]]:
    path = (*above, node)
    yield path
    for child in node.children:
        yield from _paths(child, path)


def _declared(path: tuple[Node, ...]) -> bool:
    node = path[-1]
    if node.name in ("Base64Container", "base64Binary", "valueBase64Binary"):
        return True
    for key, value in node.attributes.items():
        if local(key) in ("representation", "ENC") and value == "B64":
            return True
        if local(key) in ("type", "dt") and value.rpartition(":")[2] in ("base64Binary", "bin.base64"):
            return True
    above = path[-2] if len(path) > 1 else None
    # FHIR: Attachment.data and Binary.data (a signature's data is none; it has no type of content)
    return node.name == "data" and above is not None and above.first("contentType") is not None


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes | None
    """None where what is declared as base64 is none."""


def _file(text: str, *, declared: bool) -> _File | None:
    if not declared and len(text) < _LEAST:
        return None
    if text.startswith("data:") and ";base64," in text[:200]:
        text = text.partition(",")[2]
    coded = "".join(text.split())
    try:
        content = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        return _File(None) if declared and coded else None
    return _File(content) if content and (declared or _is_known(content)) else None


def _is_known(content: bytes) -> bool:
    magic = next((magic for magic, _, _ in _KINDS if content.startswith(magic)), b"")
    # One signature in 256 begins with "<": text has nothing but ASCII there.
    return len(magic) > 1 or (magic == b"<" and content[:60].isascii() and b"\0" not in content[:60])


def _placed(files: Files, path: tuple[Node, ...], file: _File, text: str, out: Path) -> str:
    """Write the file; what stands in its place."""
    if file.content is None:
        files.unsound += 1
        rest = f": {text}" if len(text) <= _LONGEST_SHOWN else ""
        return f"Vedlegg som ikke er lesbar base64 ({len(text)} tegn, står i originalfilen){rest}"
    number = len(files.parts) + 1
    if number > _MOST_FILES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The record carries more than {_MOST_FILES} files.")
    name, kind = _name_and_kind(path, file.content, number)
    place = out.with_name(f"{out.stem}-part-{number}")
    place.write_bytes(file.content)
    files.parts.append(Part(name, place))
    line = f"{name} ({kind}, {_size(len(file.content))})"
    files.shown.append(line)
    digest = f"{len(file.content)} byte, SHA-256 {hashlib.sha256(file.content).hexdigest()}"
    files.technical.append([f"Vedlegg {number}", kind, digest])
    return f"Vedlegg {number}: {line}"


def _name_and_kind(path: tuple[Node, ...], content: bytes, number: int) -> tuple[str, str]:
    mime = _mime_type(path)
    kind, extension = _TYPES.get(mime, ("", ""))
    if not kind:
        kind, extension = next(((k, e) for magic, k, e in _KINDS if content.startswith(magic)), ("Fil", "bin"))
        if extension == "xml" and b"<html" in content[:1000].lower():
            extension = "html"
    name = _UNSAFE.sub(" ", _said(path, _FILE_NAMES) or _said(path, _TITLES)).strip(" .")
    name = " ".join(name.split())[:_MOST_NAME] or f"vedlegg-{number}"
    if PurePosixPath(name).suffix.lower().lstrip(".") not in _EXTENSIONS:
        name = f"{name}.{extension}"
    return name, kind


def _mime_type(path: tuple[Node, ...]) -> str:
    for key, value in path[-1].attributes.items():
        if local(key) in _MIME_ATTRIBUTES:
            return value.partition(";")[0].strip().lower()
    return _said(path, _MIME_TYPES).partition(";")[0].strip().lower()


def _said(path: tuple[Node, ...], names: tuple[str, ...]) -> str:
    """The value of the nearest element of one of these names beside it, or beside what it is in."""
    for above in reversed(path[-4:-1]):
        for name in names:
            for child in above.children:
                if child.name == name and not child.children:
                    said = child.text or next(
                        (v for k, v in child.attributes.items() if local(k) in ("V", "value")), ""
                    )
                    if said.strip():
                        return said.strip()
    return ""


def _size(count: int) -> str:
    """Bytes as one says them in Norwegian."""
    if count < 1000:
        return f"{count} byte"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB".replace(".", ",")
