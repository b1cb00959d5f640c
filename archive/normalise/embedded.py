"""Files within office files: spreadsheets in a letter, a PDF behind an icon. They become files of the document.

The page shows their picture; what they hold is theirs alone. Sources: ECMA-376 part 1, 15.2.10 (embedded packages);
[MS-OLEDS] 2.2 (OLE 1.0 in RTF), 2.3.6 (OLENativeStream); [MS-DOC] 2.1.10 (ObjectPool); ODF 1.3 part 2.
"""

from __future__ import annotations

import binascii
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from archive.compound import Compound
from archive.containers import OLE_MAGIC, ZIP_MAGICS
from archive.normalise.contract import Limits, Part
from archive.reasons import DocumentProblem, Reason

File = tuple[str, bytes]

_MOST_FILES = 1_000
_BROKEN = (ValueError, LookupError, struct.error, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError,
           EOFError, binascii.Error)  # fmt: skip
_IN_ZIP = {
    "docx": re.compile(r"word/embeddings/[^/]+", re.IGNORECASE),
    "xlsx": re.compile(r"xl/embeddings/[^/]+", re.IGNORECASE),
    "pptx": re.compile(r"ppt/embeddings/[^/]+", re.IGNORECASE),
}
_IN_OLE = {"doc": re.compile("ObjectPool"), "xls": re.compile("MBD[0-9A-F]{8}", re.IGNORECASE)}
_ODF_ENTRY = re.compile(
    r'<manifest:file-entry[^>]*?manifest:(?:full-path="([^"/]+)/"[^>]*?media-type="([^"]+)"|'
    r'media-type="([^"]+)"[^>]*?manifest:full-path="([^"/]+)/")'
)
_ODF_ENDINGS = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}
_RTF_DATA = re.compile(rb"\\objdata\b")
_NOT_HEX = re.compile(rb"\\'[0-9a-fA-F]{2}|\\[a-z]+-?\d* ?|[^0-9a-fA-F{}\\]+")
_LINKED = 1
_NATIVE = "\x01Ole10Native"
# Streams by which the storage of an embedded document is known, and what it is then named.
_DOCUMENTS = {"worddocument": "doc", "workbook": "xls", "book": "xls", "powerpoint document": "ppt"}
_ENDINGS = ((b"%PDF-", "pdf"), (b"{\\rtf", "rtf"), (b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"))


def embedded(source: Path, family: str, folder: Path, limits: Limits) -> tuple[tuple[Part, ...], int]:
    """Write the files within an office file into `folder`, in the order they have there.

    Returns:
        The files, and how many could not be read. Objects of no document's kind (equations, charts) are only what the
        page shows of them, and are not counted.

    Raises:
        DocumentProblem: RESOURCE_LIMIT, where they are too many or too large.
        OSError: the source cannot be read, or nothing be written.
    """
    parts: list[Part] = []
    unreadable = total = 0
    for found in _files(source, family, limits):
        if found is None:
            unreadable += 1
            continue
        name, content = found
        total += len(content)
        if len(parts) >= _MOST_FILES or total > limits.expanded_bytes:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, "The files within it are too many or too large.")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part-{len(parts):04d}"
        path.write_bytes(content)
        parts.append(Part(name, path))
    return tuple(parts), unreadable


def _files(source: Path, family: str, limits: Limits) -> Iterator[File | None]:
    try:
        if family in _IN_ZIP:
            yield from _in_zip(source, _IN_ZIP[family], limits)
        elif family in ("odt", "ods", "odp"):
            yield from _in_odf(source, limits)
        elif family in _IN_OLE:
            yield from _in_ole(source.read_bytes(), _IN_OLE[family])
        elif family == "rtf":
            yield from _in_rtf(source.read_bytes())
    except _BROKEN:
        yield None


def _in_zip(source: Path, wanted: re.Pattern[str], limits: Limits) -> Iterator[File | None]:
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            if wanted.fullmatch(member.filename.replace("\\", "/").lstrip("/")):
                yield from _one(PurePosixPath(member.filename).name, _member(archive, member, limits))


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> bytes | None:
    if member.file_size > limits.expanded_bytes:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "A file within it is too large.")
    try:
        return archive.read(member)
    except _BROKEN:
        return None


def _one(name: str, content: bytes | None) -> Iterator[File | None]:
    """What a stored object is: itself, or the file that its OLE storage wraps."""
    if content is None:
        yield None
    elif content.startswith(OLE_MAGIC):
        try:
            compound = Compound(content)
            found = list(_in_storage(compound, (), name))
        except _BROKEN:
            yield None
            return
        yield from found
    elif content:
        yield _named(name, content), content


def _in_odf(source: Path, limits: Limits) -> Iterator[File | None]:
    with zipfile.ZipFile(source) as archive:
        manifest = archive.read("META-INF/manifest.xml").decode("utf-8", "replace")
        for match in _ODF_ENTRY.finditer(manifest):
            folder, kind = match[1] or match[4], match[2] or match[3]
            ending = _ODF_ENDINGS.get(kind.rpartition(".")[2])
            members = [m for m in archive.infolist() if m.filename.startswith(f"{folder}/") and not m.is_dir()]
            if ending is None or not members or not kind.startswith("application/vnd.oasis.opendocument."):
                continue
            contents = [(m.filename.removeprefix(f"{folder}/"), _member(archive, m, limits)) for m in members]
            yield f"{folder}.{ending}", _odf(kind, [(n, c) for n, c in contents if c is not None])
        for member in archive.infolist():
            if "/" not in member.filename and member.filename.startswith("Object "):
                yield from _one(member.filename, _member(archive, member, limits))


def _odf(kind: str, members: list[File]) -> bytes:
    """An OpenDocument file of its own from the members of one within another."""
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{name}" manifest:media-type="text/xml"/>'
        for name, _ in [("/", b""), *members]
    ).replace('"/" manifest:media-type="text/xml"', f'"/" manifest:media-type="{kind}"')
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" '
        f'manifest:version="1.2">{entries}</manifest:manifest>'
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), kind)
        for name, content in [*members, ("META-INF/manifest.xml", manifest.encode())]:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def _in_ole(content: bytes, wanted: re.Pattern[str]) -> Iterator[File | None]:
    if not content.startswith(OLE_MAGIC):
        return  # Word before OLE
    compound = Compound(content)
    depth = 2 if wanted.pattern == "ObjectPool" else 1
    for path in compound.paths():
        if len(path) == depth and wanted.fullmatch(path[0]) and compound.is_storage(path):
            try:
                found = list(_in_storage(compound, path, f"objekt-{path[-1].strip('_')}"))
            except _BROKEN:
                yield None
                continue
            yield from found


def _in_storage(compound: Compound, path: tuple[str, ...], name: str) -> Iterator[File | None]:
    streams = {p[-1].lower(): p for p in compound.paths() if p[:-1] == path and not compound.is_storage(p)}
    stem = PurePosixPath(name).stem
    if _NATIVE.lower() in streams:
        native = compound.read(streams[_NATIVE.lower()])[4:]
        if (packed := _packed(native)) is not None:
            yield packed
        elif native.startswith(tuple(start for start, _ in _ENDINGS)):
            yield _named(stem, native), native
        return
    for stream in ("package", "contents", "embeddedodf"):
        if stream in streams:
            content = compound.read(streams[stream])
            if content.startswith((*ZIP_MAGICS, *(start for start, _ in _ENDINGS))):
                yield _named(stem, content), content
                return
    for stream, ending in _DOCUMENTS.items():
        if stream in streams:
            yield f"{stem}.{ending}", compound.storage(path) if path else bytes(compound.content)
            return


def _packed(native: bytes) -> File | None:
    """The file in the data of a `Package`: its label, its paths, then its bytes."""
    if native[:2] != b"\x02\0":
        return None
    label, _, rest = native[2:].partition(b"\0")
    _, _, rest = rest.partition(b"\0")
    if len(rest) < 12:
        return None
    (length,) = struct.unpack_from("<I", rest, 4)
    at = 8 + length
    if at + 4 > len(rest):
        return None
    (size,) = struct.unpack_from("<I", rest, at)
    content = rest[at + 4 : at + 4 + size]
    try:
        name = label.decode("utf-8")
    except UnicodeDecodeError:
        name = label.decode("cp1252", "replace")
    name = name.replace("\\", "/").rpartition("/")[2]
    return (_named(name or "objekt", content), content) if size and len(content) == size else None


def _in_rtf(content: bytes) -> Iterator[File | None]:
    for number, match in enumerate(_RTF_DATA.finditer(content)):
        end = content.find(b"}", match.end())
        digits = _NOT_HEX.sub(b"", content[match.end() : end if end >= 0 else None])
        try:
            found = _ole1(binascii.unhexlify(digits[: len(digits) & ~1]), f"objekt-{number + 1}")
            yield from list(found)
        except _BROKEN:
            yield None


def _ole1(data: bytes, name: str) -> Iterator[File | None]:
    """An object as OLE 1.0 writes it: version, kind, three names with their lengths, then its data."""
    _, kind = struct.unpack_from("<II", data)
    if kind == _LINKED:
        return
    at, names = 8, []
    for _ in range(3):
        (length,) = struct.unpack_from("<I", data, at)
        names.append(data[at + 4 : at + 4 + length].rstrip(b"\0"))
        at += 4 + length
    (size,) = struct.unpack_from("<I", data, at)
    native = data[at + 4 : at + 4 + size]
    if names[0].lower() == b"package" and (packed := _packed(native)) is not None:
        yield packed
    elif native.startswith((OLE_MAGIC, *ZIP_MAGICS, *(start for start, _ in _ENDINGS))):
        yield from _one(name, native)


def _named(name: str, content: bytes) -> str:
    """A name with an ending, where the bytes tell one and the name does not."""
    if PurePosixPath(name).suffix not in ("", ".bin"):
        return name
    stem = PurePosixPath(name).stem or name
    for start, ending in _ENDINGS:
        if content.startswith(start):
            return f"{stem}.{ending}"
    if content.startswith(ZIP_MAGICS):
        for member, ending in ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx"), (b"opendocument.text", "odt")):
            if member in content:
                return f"{stem}.{ending}"
    return name
