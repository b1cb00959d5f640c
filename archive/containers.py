"""Looking into the two containers office files come in, without unpacking them: OLE compound files and ZIP.

Sources: [MS-CFB] (header, FAT, directory entries), [MS-DOC] 2.5.2 (FibBase flags), APPNOTE.TXT (ZIP flags),
ODF 1.3 part 2 (`mimetype`, `META-INF/manifest.xml`), ECMA-376 part 2 (`[Content_Types].xml`).
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from typing import IO

from archive.reasons import DocumentProblem, Reason

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

_END_OF_CHAIN = 0xFFFFFFFA
_MOST_SECTORS = 1 << 16
_MOST_MEMBERS = 100_000
_WORD_ENCRYPTED = 0x0100
_OLE_FAMILIES = (("worddocument", "doc"), ("workbook", "xls"), ("book", "xls"), ("powerpoint document", "ppt"))
_ODF_FAMILIES = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
}
_MAIN_PARTS = (
    (re.compile(r"word/document\d*\.xml"), "docx"),
    (re.compile(r"xl/workbook\d*\.(xml|bin)"), "xlsx"),
    (re.compile(r"ppt/presentation\d*\.xml"), "pptx"),
)
_OF_PACKAGES = ("[Content_Types].xml", "mimetype", "META-INF/", "_rels/")
_MAIN_TYPES = (("wordprocessingml", "docx"), ("ms-word", "docx"), ("spreadsheetml", "xlsx"), ("presentationml", "pptx"))


def ole_family(file: IO[bytes]) -> str:
    """`doc`, `xls`, `ppt`, `msg` or `unknown` for an OLE compound file, by the names of its streams.

    A directory too broken to walk is searched for the names as they stand, since converters repair more than we do.
    Raises DocumentProblem(ENCRYPTED) for an encrypted package or Word document.
    """
    try:
        streams = _ole_streams(file)
    except (struct.error, ValueError):
        streams = {}
    if "encryptedpackage" in streams:
        raise DocumentProblem(Reason.ENCRYPTED, "The office file is an encrypted package.")
    if "__properties_version1.0" in streams:
        return "msg"
    for name, family in _OLE_FAMILIES:
        if name in streams:
            if family == "doc" and _word_is_encrypted(file, streams[name]):
                raise DocumentProblem(Reason.ENCRYPTED, "The Word document is encrypted.")
            return family
    if not streams:
        file.seek(0)
        content = file.read(64 << 20).lower()
        for name, family in _OLE_FAMILIES:
            if f"{name}\0".encode("utf-16-le") in content:
                return family
    return "unknown"


def _ole_streams(file: IO[bytes]) -> dict[str, int]:
    """Names of all streams, in lower case as they are case-insensitive -> byte offset of the first sector (-1: in the
    mini stream)."""
    file.seek(0)
    header = file.read(512)
    (shift,) = struct.unpack_from("<H", header, 30)
    if shift not in (9, 12):
        raise ValueError("no such sector size")
    sector = 1 << shift
    (directory,) = struct.unpack_from("<I", header, 48)
    (cutoff,) = struct.unpack_from("<I", header, 56)
    fat_sectors = [s for s in struct.unpack_from("<109I", header, 76) if s < _END_OF_CHAIN]

    def read(number: int) -> bytes:
        file.seek((number + 1) << shift)
        return file.read(sector)

    per_sector = sector // 4
    streams: dict[str, int] = {}
    seen: set[int] = set()
    while directory < _END_OF_CHAIN and directory not in seen and len(seen) < _MOST_SECTORS:
        seen.add(directory)
        block = read(directory)
        for at in range(0, len(block) - 127, 128):
            (length,) = struct.unpack_from("<H", block, at + 64)
            # 1: storage, 2: stream, 5: root. Directory order is that of a tree; only names matter here.
            if block[at + 66] == 2 and 2 < length <= 64:
                name = block[at : at + length - 2].decode("utf-16-le", "replace").lower()
                start, size = struct.unpack_from("<IQ", block, at + 116)
                streams.setdefault(name, (start + 1) << shift if size & 0xFFFFFFFF >= cutoff else -1)
        index = directory // per_sector
        if index >= len(fat_sectors):
            break
        (directory,) = struct.unpack_from("<I", read(fat_sectors[index]), 4 * (directory % per_sector))
    return streams


def _word_is_encrypted(file: IO[bytes], offset: int) -> bool:
    if offset < 0:
        return False
    file.seek(offset)
    fib = file.read(12)
    if len(fib) < 12 or fib[:2] not in (b"\xec\xa5", b"\xdc\xa5"):
        return False
    (flags,) = struct.unpack_from("<H", fib, 10)
    return bool(flags & _WORD_ENCRYPTED)


def zip_family(file: IO[bytes], *, expanded_bytes: int) -> str:
    """`docx`, `xlsx`, `pptx`, `odt`, `ods`, `odp`, `zip` or `unknown` for a ZIP file, by its members.

    Raises DocumentProblem: TRUNCATED where the end of the ZIP is missing, CORRUPT where its directory is broken,
    ENCRYPTED, and RESOURCE_LIMIT where it says that it unpacks to more than `expanded_bytes`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _members_family(archive, expanded_bytes)
    except zipfile.BadZipFile:
        file.seek(0, 2)
        size = file.tell()
        file.seek(max(0, size - (1 << 16) - 22))
        if b"PK\x05\x06" not in file.read():
            raise DocumentProblem(Reason.TRUNCATED, "The ZIP container has no end.") from None
        raise DocumentProblem(Reason.CORRUPT, "The ZIP container's directory is broken.") from None
    except (OSError, ValueError, KeyError, NotImplementedError, RuntimeError, struct.error, zlib.error, EOFError) as e:
        raise DocumentProblem(Reason.CORRUPT, f"The ZIP container cannot be read ({type(e).__name__}).") from None


def _members_family(archive: zipfile.ZipFile, expanded_bytes: int) -> str:
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS or sum(m.file_size for m in members) > expanded_bytes:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "The ZIP container unpacks to more than is allowed.")
    names = {m.filename.replace("\\", "/").lstrip("/"): m for m in members}

    def text_of(name: str) -> str:
        member = names.get(name)
        if member is None or member.file_size > 4 << 20:
            return ""
        with archive.open(member) as part:
            return part.read(4 << 20).decode("utf-8", "replace")

    if any(m.flag_bits & 1 for m in members):
        raise DocumentProblem(Reason.ENCRYPTED, "The ZIP container's members are encrypted.")
    odf = _ODF_FAMILIES.get(text_of("mimetype").strip())
    if odf is not None:
        if "encryption-data" in text_of("META-INF/manifest.xml"):
            raise DocumentProblem(Reason.ENCRYPTED, "The OpenDocument file is encrypted.")
        return odf
    for pattern, family in _MAIN_PARTS:
        if any(pattern.fullmatch(name.lower()) for name in names):
            return family
    types = text_of("[Content_Types].xml")
    for main in re.findall(r'ContentType="([^"]*main\+xml)"', types):
        for part, family in _MAIN_TYPES:
            if part in main:
                return family
    # A package of some program is more than its members; only a bundle of files is taken apart.
    if any(name.startswith(_OF_PACKAGES) for name in names):
        return "unknown"
    return "zip"
