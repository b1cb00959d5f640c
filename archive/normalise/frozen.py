"""Keeps a document's fields as they were: a date field shows the day the document was written, not the day it is
archived, and a reference what it referred to. And lets spreadsheets print all of their cells, not only what a print
range leaves.

LibreOffice computes such fields anew when it opens a file, and shows the computer's clock, the copy's file name, or
nothing. What the author saw stands in the file beside each field. So the copy that LibreOffice gets has the names of
these fields changed to one it does not know, whereupon it shows what was stored. Lengths and all else stay.

Sources: RTF 1.9.1 (fldinst), ECMA-376 part 1, 17.16 (fields), [MS-DOC] 2.9.90 (Fld), 2.8.25 (Plcfld),
[MS-XLS] 2.4.150 (Lbl).
"""

from __future__ import annotations

import errno
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from archive.compound import Compound, Stream

_NAMES = (
    "DATE", "TIME", "CREATEDATE", "SAVEDATE", "PRINTDATE",
    "FILENAME", "FILESIZE", "USERNAME", "USERINITIALS", "USERADDRESS", "EDITTIME",
    "INCLUDETEXT", "INCLUDE", "IMPORT", "LINK", "DDE", "DDEAUTO", "DATABASE",
    "INFO", "TITLE", "SUBJECT", "AUTHOR", "KEYWORDS", "COMMENTS", "LASTSAVEDBY", "REVNUM", "TEMPLATE", "NUMWORDS",
    "NUMCHARS", "DOCPROPERTY", "DOCVARIABLE", "REF", "PAGEREF", "NOTEREF", "STYLEREF", "SEQ", "IF", "COMPARE", "QUOTE",
    "FILLIN", "AUTOTEXT", "AUTOTEXTLIST", "GLOSSARY", "SECTION", "ADDRESSBLOCK", "GREETINGLINE", "CITATION",
    "BIBLIOGRAPHY",
)  # fmt: skip
# [MS-DOC] 2.9.90: values of Fld.flt for the same fields.
_DOC_TYPES = frozenset((
    31, 32, 21, 22, 23, 29, 69, 60, 61, 62, 25, 68, 36, 55, 56, 45, 46, 78,
    14, 15, 16, 17, 18, 19, 20, 24, 30, 27, 28, 85, 64, 3, 37, 72, 10, 12, 7, 80, 35, 39, 79, 89, 47, 65, 93, 94,
))  # fmt: skip
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
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL)
_ENTITY = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos);)(\w+);")
# A print range hides what is outside it.
_XLSX_RANGE = re.compile(rb"<(?:\w+:)?definedName\s[^<>]*name=\"_xlnm\.Print_Area\"[^<>]*>[^<]*</(?:\w+:)?definedName>")
_ODS_RANGE = re.compile(rb"\stable:(?:print-ranges=\"[^\"]*\"|print=\"false\")")
# [MS-XLS] 2.4.150 (Lbl): a built-in name, and where its letter is.
_NAME_RECORD, _BUILT_IN, _BUILT_IN_AT, _PRINT_AREA = 0x18, 0x20, 15, 6


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
        _freeze_zip(path, re.compile(r"word/[^/]+\.xml"), lambda part: _DOCX.sub(_renamed, _undeclared(part)))
    elif family == "odt":
        _freeze_zip(path, re.compile(r"(content|styles)\.xml"), lambda p: _ODF.sub(rb'<text:\1 text:fixed="true"', p))
    elif family == "xlsx":
        parts = re.compile(r"xl/(worksheets/[^/]+|workbook)\.xml")
        _freeze_zip(path, parts, lambda part: _XLSX_RANGE.sub(b"", _XLSX.sub(b"", part)))
    elif family == "ods":
        _freeze_zip(path, re.compile(r"content\.xml"), lambda part: _ODS_RANGE.sub(b"", part))
    elif family == "xls":
        _in_place(path, _xls_print_ranges, 0)
    elif family == "doc":
        _in_place(path, _doc_field_types, _DOC_UNKNOWN_TYPE)


def _undeclared(part: bytes) -> bytes:
    """A part without the entities it declares, which no word processor writes and LibreOffice refuses: a reference to
    one is shown as it is written."""
    bare = _DOCTYPE.sub(b"", part, count=1)
    return part if bare == part else _ENTITY.sub(rb"&amp;\1;", bare)


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


def _in_place(path: Path, positions_in: Callable[[bytearray], Iterator[int]], byte: int) -> None:
    """Set some bytes of a compound file."""
    content = bytearray(path.read_bytes())
    try:
        positions = list(positions_in(content))
    except (struct.error, ValueError, LookupError):
        return
    for position in positions:
        content[position] = byte
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


def _xls_print_ranges(content: bytearray) -> Iterator[int]:
    """Positions in the file of the letter by which a workbook names its print ranges."""
    container = Compound(content)
    name = next((p for p in container.paths() if p[0].lower() == "workbook"), ())
    stream = container.stream(name)
    at = 0
    while at + 4 <= stream.size:
        kind, length = (_number(content, stream, at + offset) for offset in (0, 2))
        if kind == _NAME_RECORD and length > _BUILT_IN_AT and _number(content, stream, at + 4) & _BUILT_IN:
            position = stream.position(at + 4 + _BUILT_IN_AT)
            if content[position] == _PRINT_AREA:
                yield position
        at += 4 + length


def _number(content: bytearray, stream: Stream, at: int) -> int:
    return content[stream.position(at)] | content[stream.position(at + 1)] << 8
