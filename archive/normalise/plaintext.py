"""Plain text to PDF: every character and every column kept, every line that is too long continued on the next."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import Decoded, decode
from archive.normalise.typeset import drawable, glyph_flags, typeset
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "plaintext"

_TAB = 8
# (columns, lines, pt, landscape) that fit A4 within the margins of the template: Liberation Mono is 0.6 em wide.
_PROSE = (80, 60, 10.0, False)
_FORMATS = (
    _PROSE,
    (89, 66, 9.0, False),
    (100, 75, 8.0, False),
    (134, 44, 9.0, True),
    (151, 49, 8.0, True),
    (172, 56, 7.0, True),
)
_RENDITION = re.compile(r"\x1b\[[0-9;]*m")
_STRUCK = re.compile(r"([^\x00-\x1f])(?:\x08(?:\1|_))+|_\x08([^\x00-\x1f])(?:\x08\2)*")
_MOST_LINES = max(lines for _, lines, _, _ in _FORMATS)
# Letters, signs and box drawings that take one column each: most lines have nothing else.
_NARROW = re.compile("[\\x00-\\xac\\xae-\u02ff\u2010-\u2027\u20ac\u2500-\u259f]*")
_READABLE = {code: " " for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\t\n"} | {0x0C: "\n"}


def plaintext(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset a text file. `Made.text` is the decoded text with LF line ends and without control characters.

    Raises DocumentProblem: RESOURCE_LIMIT where it would fill more pages than allowed, EMPTY where there is nothing in
    it but white space.
    """
    decoded = decode(source.read_bytes())
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\0\x1a")
    text, marked = _without_marks(text)
    if not text.strip():
        raise DocumentProblem(Reason.EMPTY, "The file has nothing but white space in it.")
    if text.count("\n") > limits.pages * _MOST_LINES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The text would fill more than {limits.pages} pages.")
    sheets = [page.removesuffix("\n") for page in text.split("\f")]
    while len(sheets) > 1 and not sheets[-1].strip():
        sheets.pop()
    lines = [[expanded(line) for line in sheet.split("\n")] for sheet in sheets]
    columns, depth, size, landscape = _format([line for sheet in lines for line in sheet])
    table = drawable([text.replace("\f", "\n")])
    pages: list[str] = []
    for sheet in lines:
        fitted = [piece for line in sheet for piece in wrapped(line.translate(table), columns)]
        # Cut here and not by the typesetter, whose time for one long block grows with its square.
        pages += ["\n".join(fitted[at : at + depth]) for at in range(0, len(fitted), depth)]
    if len(pages) > limits.pages:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The text fills {len(pages)} pages.")
    data = {"title": "Tekst", "size": size, "landscape": landscape, "pages": pages}
    typeset("plain", data, out)
    return Made(out, ("2a", "2u", "2b"), (*_flags(decoded), *marked, *glyph_flags(table)), text.translate(_READABLE))


def _without_marks(text: str) -> tuple[str, tuple[FlagNote, ...]]:
    """The text without what only made it bold, underlined or coloured: ECMA-48 renditions (SGR), and characters struck
    twice or over an underscore. Other control characters stay, and are shown by their number."""
    if "\x1b" not in text and "\b" not in text:
        return text, ()
    plain, renditions = _RENDITION.subn("", text)
    plain, struck = _STRUCK.subn(lambda m: m[1] or m[2], plain)
    if not renditions + struck:
        return text, ()
    detail = f"{renditions + struck} marks for bold, underline or colour are not shown; all characters are."
    return plain, (FlagNote(Flag.DECODED_LENIENTLY, detail),)


def _flags(decoded: Decoded) -> tuple[FlagNote, ...]:
    if not decoded.lossless:
        detail = decoded.detail or f"Read as {decoded.encoding}; some bytes are not of it."
        return (FlagNote(Flag.DECODED_LENIENTLY, detail),)
    detail = decoded.detail or f"Read as {decoded.encoding}."
    return () if decoded.certain else (FlagNote(Flag.ENCODING_GUESSED, detail),)


def expanded(line: str) -> str:
    """The line with its tabs as spaces up to the next eighth column."""
    if "\t" not in line:
        return line
    parts = line.split("\t")
    result = parts[0]
    for part in parts[1:]:
        result += " " * (_TAB - width(result) % _TAB) + part
    return result


def width(text: str) -> int:
    """Columns a text takes in a fixed pitch: wide characters two, combining marks none."""
    if _NARROW.fullmatch(text):
        return len(text)
    marks = sum(1 for c in text if unicodedata.combining(c) or unicodedata.category(c) == "Cf")
    return len(text) - marks + sum(1 for c in text if unicodedata.east_asian_width(c) in "WF")


def wrapped(line: str, columns: int) -> list[str]:
    """The line in pieces of at most `columns`, broken after a space where there is one, and never losing a character.

    Continuations keep the line's indent, so that a list stays a list.
    """
    if width(line) <= columns:
        return [line]
    indent = len(line) - len(line.lstrip(" "))
    margin = " " * indent if indent <= columns // 2 else ""
    pieces: list[str] = []
    rest = line
    while width(rest) > columns:
        at, used = 0, 0
        while at < len(rest) and used + (step := width(rest[at])) <= columns:
            used += step
            at += 1
        space = rest.rfind(" ", len(margin) + 1, at + 1)
        cut = space + 1 if space > max(len(margin), indent if not pieces else 0) else max(at, len(margin) + 1)
        pieces.append(rest[:cut])
        rest = margin + rest[cut:]
    pieces.append(rest)
    return pieces


def _format(lines: list[str]) -> tuple[int, int, float, bool]:
    """Size and direction of the page: tables get what their widest line needs, prose the width that reads well."""
    longest = max(map(width, lines))
    wide = [line for line in lines if width(line) > _PROSE[0]]
    tabular = sum("  " in line.strip() or "|" in line or "\u2502" in line for line in wide)
    if wide and tabular * 2 < len(wide):
        return _PROSE
    return next((f for f in _FORMATS if longest <= f[0]), _PROSE if not wide else _FORMATS[-1])
