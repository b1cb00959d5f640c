"""What an office file holds beside what LibreOffice prints: files within it, comments, hidden rows and sheets, a
password.

Sources: ECMA-376 part 1 (17.3.2.41 vanish, 18.2.19 sheet state, 18.3.1.13 and 18.3.1.73 hidden columns and rows),
RTF 1.9.1 (v, xe, tc), ODF 1.3 part 3 (table:visibility, table:display), [MS-XLS] 2.4.28, 2.4.53, 2.4.117, 2.4.221,
[MS-DOC] 2.6.1.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from archive.compound import Compound
from archive.normalise.comments import with_comments
from archive.normalise.contract import Limits, Made
from archive.normalise.embedded import embedded
from archive.normalise.signs import say_signs
from archive.normalise.typeset import drawable
from archive.reasons import Flag
from archive.record import FlagNote
from archive.rereading.docwords import doc_text
from archive.symbolfonts import UNKNOWN

FLAVOURS = ("2a", "2u", "2b")
"""What LibreOffice's PDFs are tried at."""

_UNREADABLE = (ValueError, LookupError, struct.error, zipfile.BadZipFile, zlib.error, NotImplementedError,
               RuntimeError, EOFError)  # fmt: skip
_MOST_PART = 64 << 20
_HIDDEN_RUN = re.compile(
    rb"<w:rPr>(?:(?!</w:rPr>).)*?<w:vanish(?:\s*/>|\s[^>]*w:val=[\"'](?:1|true|on)[\"'])(?:(?!</w:rPr>).)*?</w:rPr>"
    rb"(?:(?!</w:r>).)*?<w:t[\s>]",
    re.DOTALL,
)
_HIDDEN = {
    "docx": (re.compile(r"word/(document|header|footer|footnotes|endnotes)\d*\.xml"), _HIDDEN_RUN),
    "xlsx": (
        re.compile(r"xl/(workbook|worksheets/[^/]+)\.xml"),
        re.compile(
            rb"<(?:\w+:)?(?:row|col)\s[^>]*\bhidden=\"(?:1|true)\"|<(?:\w+:)?sheet\s[^>]*\bstate=\"\w*[hH]idden\""
        ),
    ),
    "ods": (
        re.compile(r"content\.xml"),
        re.compile(rb"table:visibility=\"(?:collapse|filter)\"|table:display=\"false\""),
    ),
    "odt": (
        re.compile(r"(content|styles)\.xml"),
        re.compile(rb"text:display=\"none\"|<text:hidden-(?:text|paragraph)"),
    ),
}
# Not the words of an index or table of contents, which are hidden too, nor the name of a style.
_RTF_HIDDEN = re.compile(
    rb"(?<!\\xe)(?<!\\xe )(?<!\\tc)(?<!\\tc )\\v(?![a-z0-9-])(?:\s|\\(?!v0)[a-z]+-?\d* ?)*+[^\\{}\s](?![^\\{}]*;\})"
)
_BOUNDSHEET, _COLINFO, _ROW, _FILEPASS = 0x85, 0x7D, 0x208, 0x2F
_SHEETS = frozenset(("xls", "xlsx", "ods"))
_CLIPPED = re.compile(r"(?<!\S)#{3,}(?!\S)")
_NOT_MISSING = frozenset(("Co", "Cc", "Cn", "Cs"))


def office_made(source: Path, family: str, pdf: Path, folder: Path, limits: Limits) -> Made:
    """What LibreOffice made of a source, with the source's comments, the files within it, and what is remarkable.

    Raises:
        DocumentProblem: RESOURCE_LIMIT, where the files within are too many or too large.
    """
    say_signs(pdf)
    flags = list(with_comments(pdf, folder))
    parts, unreadable = embedded(source, family, folder, limits)
    if parts:
        flags.append(FlagNote(Flag.ATTACHMENTS_SPLIT_OFF, f"{len(parts)} files."))
    if unreadable:
        flags.append(FlagNote(Flag.DECODED_LENIENTLY, f"{unreadable} of the objects within it cannot be read."))
    if hides(source, family):
        flags.append(FlagNote(Flag.HIDDEN_CONTENT))
    return Made(pdf, FLAVOURS, tuple(flags), parts=parts)


def hides(source: Path, family: str) -> bool:
    """Whether a source has text, rows, columns or sheets that it does not show. Styles of DOC are not asked."""
    try:
        if family == "rtf":
            return _RTF_HIDDEN.search(source.read_bytes()) is not None
        if family == "xls":
            return any(_is_hidden(kind, data) for kind, data in _records(source))
        if family == "doc":
            return any(c.isalnum() for c in doc_text(source).hidden)
        if family in _HIDDEN:
            wanted, hidden = _HIDDEN[family]
            with zipfile.ZipFile(source) as archive:
                return any(
                    hidden.search(archive.read(m)) is not None
                    for m in archive.infolist()
                    if wanted.fullmatch(m.filename) and m.file_size <= _MOST_PART
                )
    except _UNREADABLE:
        pass
    return False


def needs_password(source: Path) -> bool:
    """Whether an Excel 97 workbook is encrypted; LibreOffice opens those that have Excel's own default password."""
    try:
        for number, (kind, _) in enumerate(_records(source)):
            if kind == _FILEPASS:
                return True
            if number > 8:
                break
    except _UNREADABLE:
        pass
    return False


def boxes(text: str, family: str) -> tuple[FlagNote, ...]:
    """The flags for characters of a page's text that no font has (LibreOffice draws an empty box for each), for signs
    of symbol fonts without a known meaning, and for numbers that do not fit their cells."""
    flags = []
    missing = [c for c in drawable([text]) if unicodedata.category(chr(c)) not in _NOT_MISSING]
    if missing:
        detail = f"{len(missing)} different characters, the first of them U+{missing[0]:04X}, are shown as boxes."
        flags.append(FlagNote(Flag.GLYPHS_MISSING, detail))
    if unknown := text.count(UNKNOWN):
        flags.append(FlagNote(Flag.SYMBOLS_MISSING, f"{unknown} signs of symbol fonts have no known meaning."))
    if family in _SHEETS and (clipped := len(_CLIPPED.findall(text))):
        flags.append(FlagNote(Flag.CELLS_CLIPPED, f"{clipped} cells."))
    return tuple(flags)


def _records(source: Path) -> Iterator[tuple[int, bytes]]:
    container = Compound(source.read_bytes())
    name = next(p for p in [*container.paths(), ()] if not p or p[0].lower() in ("workbook", "book"))
    content = container.read(name)
    at = 0
    while at + 4 <= len(content):
        kind, length = struct.unpack_from("<HH", content, at)
        yield kind, content[at + 4 : at + 4 + length]
        at += 4 + length


def _is_hidden(kind: int, data: bytes) -> bool:
    if kind == _BOUNDSHEET:
        return len(data) > 5 and data[4] & 3 != 0
    if kind == _COLINFO:
        return len(data) >= 10 and data[8] & 1 != 0
    return kind == _ROW and len(data) >= 16 and data[12] & 0x20 != 0
