"""Keeps a document's fields as they were: a date field shows the day the document was written, not the day it is
archived.

LibreOffice computes such fields anew when it opens a file, and shows the computer's clock, the copy's file name, or
nothing. What the author saw stands in the file beside each field. So the copy that LibreOffice gets has the names of
these fields changed to one it does not know, whereupon it shows what was stored. Lengths and all else stay.

Sources: RTF 1.9.1 (fldinst), ECMA-376 part 1, 17.16 (fields), [MS-DOC] 2.9.90 (Fld), 2.8.25 (Plcfld).
"""

from __future__ import annotations

import errno
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from archive.compound import Compound

_NAMES = (
    "DATE", "TIME", "CREATEDATE", "SAVEDATE", "PRINTDATE",
    "FILENAME", "FILESIZE", "USERNAME", "USERINITIALS", "USERADDRESS", "EDITTIME",
    "INCLUDETEXT", "INCLUDE", "IMPORT", "LINK", "DDE", "DDEAUTO", "DATABASE",
)  # fmt: skip
# [MS-DOC] 2.9.90: values of Fld.flt for the same fields.
_DOC_TYPES = frozenset((31, 32, 21, 22, 23, 29, 69, 60, 61, 62, 25, 68, 36, 55, 56, 45, 46, 78))
_DOC_UNKNOWN_TYPE = 2
# [MS-DOC] 2.5.6 ff: offsets in the FIB of the field tables of the main text, headers, footnotes, comments, endnotes,
# text boxes and text boxes of headers.
_DOC_FIELD_TABLES = (0x11A, 0x122, 0x12A, 0x132, 0x21A, 0x262, 0x272)

_ANY = "|".join(_NAMES)
_RTF = re.compile(rb"(\\fldinst(?:[\s{}]|\\\*|\\[a-z]+-?\d* ?)*)(" + _ANY.encode() + rb")(?=[\s\\}{])", re.IGNORECASE)
_DOCX = re.compile(
    rb"(<w:instrText(?:\s[^<>]*)?>\s*|<w:fldSimple\s(?:[^<>]*\s)?w:instr=[\"']\s*)("
    + _ANY.encode()
    + rb")(?=[\s\\<\"'])",
    re.IGNORECASE,
)
_ODF = re.compile(rb"<text:(date|time|file-name)(?=[\s>])(?![^<>]*text:fixed=)")
_XLSX = re.compile(rb"<f(?:\s[^<>]*)?>[^<]*\b(?:TODAY|NOW|RAND|RANDBETWEEN)\([^<]*</f>", re.IGNORECASE)


def freeze(path: Path, family: str) -> None:
    """Change a copy of a document so that LibreOffice shows its fields as stored. A file that cannot be read this way
    is left as it is.

    Raises:
        OSError: the file cannot be read or written.
    """
    if family == "rtf":
        content = path.read_bytes()
        frozen = _RTF.sub(_renamed, content)
        if frozen != content:
            path.write_bytes(frozen)
    elif family == "docx":
        _freeze_zip(path, re.compile(r"word/[^/]+\.xml"), lambda part: _DOCX.sub(_renamed, part))
    elif family == "odt":
        _freeze_zip(path, re.compile(r"(content|styles)\.xml"), lambda p: _ODF.sub(rb'<text:\1 text:fixed="true"', p))
    elif family == "xlsx":
        _freeze_zip(path, re.compile(r"xl/worksheets/[^/]+\.xml"), lambda part: _XLSX.sub(b"", part))
    elif family == "doc":
        _freeze_doc(path)


def _renamed(match: re.Match[bytes]) -> bytes:
    return match[1] + b"X" * len(match[2])


def _freeze_zip(path: Path, parts: re.Pattern[str], change: Callable[[bytes], bytes]) -> None:
    try:
        with zipfile.ZipFile(path) as source:
            members = source.infolist()
            changed = {}
            for member in members:
                if parts.fullmatch(member.filename):
                    content = _member(source, member)
                    if (frozen := change(content)) != content:
                        changed[member.filename] = frozen
            if not changed:
                return
            copy = path.with_suffix(".frozen")
            with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as target:
                for member in members:
                    content = changed[member.filename] if member.filename in changed else _member(source, member)
                    target.writestr(member, content)
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, NotImplementedError, RuntimeError, EOFError):
        path.with_suffix(".frozen").unlink(missing_ok=True)
        return
    copy.replace(path)


def _member(source: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return source.read(member)
    except OSError as e:
        if e.errno == errno.EINVAL:  # the directory of a broken file places a member before the file's beginning
            raise zipfile.BadZipFile from None
        raise


def _freeze_doc(path: Path) -> None:
    """Give the fields of a Word 97-2003 document a type that LibreOffice does not compute, in place."""
    content = bytearray(path.read_bytes())
    try:
        positions = list(_doc_field_types(content))
    except (struct.error, ValueError, LookupError):
        return
    for position in positions:
        content[position] = _DOC_UNKNOWN_TYPE
    if positions:
        path.write_bytes(content)


def _doc_field_types(content: bytearray) -> Iterator[int]:
    """Positions in the file of the type byte of every field to freeze."""
    container = Compound(content)
    main = container.stream(("WordDocument",))
    fib = bytes(content[main.position(offset)] for offset in range(0x280))
    if fib[:2] != b"\xec\xa5":
        return
    (flags,) = struct.unpack_from("<H", fib, 10)
    table = container.stream(("1Table" if flags & 0x0200 else "0Table",))
    for at in _DOC_FIELD_TABLES:
        start, size = struct.unpack_from("<II", fib, at)
        if size < 10 or size > len(content):
            continue
        count = (size - 4) // 6  # n + 1 positions of 4 bytes, then n entries of 2
        for i in range(count):
            position = table.position(start + 4 * (count + 1) + 2 * i)
            if content[position] & 0x1F == 0x13 and content[position + 1] in _DOC_TYPES:
                yield position + 1
