"""Plain text to PDF: every character and every column kept, every line that is too long continued on the next."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from archive.normalise.contract import Limits, Made, Part
from archive.normalise.dossigns import signs
from archive.normalise.encodings import Decoded, decode
from archive.normalise.heldtext import taken_out
from archive.normalise.printercodes import without_commands, without_marks
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
_MOST_LINES = max(lines for _, lines, _, _ in _FORMATS)
# Letters, signs and box drawings that take one column each: most lines have nothing else.
_NARROW = re.compile("[\\x00-\\xac\\xae-\u02ff\u2010-\u2027\u20ac\u2500-\u259f]*")
_LAST_CONTROL = 0x9F
_TURNED = re.compile("[\u202a-\u202e\u2066-\u2069]")
_READABLE = {0: " ", 0x0C: "\n"}
# Marks that turn the direction of what follows: shown by number, since they would show a line in another order.
_TURNS = {code: f"‹U+{code:04X}›" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def plaintext(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset a text file. `Made.text` is the decoded text with LF line ends and without control characters.

    Raises DocumentProblem: RESOURCE_LIMIT where it would fill more pages than allowed, EMPTY where there is nothing in
    it but white space.
    """
    decoded = decode(source.read_bytes())
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\0\x1a")
    text, files, is_file = taken_out(text)
    text, marked = _without_commands(text, decoded)
    if not text.strip():
        raise DocumentProblem(Reason.EMPTY, "The file has nothing but white space in it.")
    if text.count("\n") > limits.pages * _MOST_LINES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The text would fill more than {limits.pages} pages.")
    sheets = [page.removesuffix("\n") for page in text.split("\f")]
    while len(sheets) > 1 and not sheets[-1].strip():
        sheets.pop()
    lines = [[expanded(line) for line in sheet.split("\n")] for sheet in sheets]
    columns, depth, size, landscape = _format([line for sheet in lines for line in sheet])
    table = drawable([text.replace("\f", "\n")]) | (_TURNS if _TURNED.search(text) else {})
    pages: list[str] = []
    for sheet in lines:
        fitted = [piece for line in sheet for piece in wrapped(line.translate(table), columns)]
        # Cut here and not by the typesetter, whose time for one long block grows with its square.
        pages += ["\n".join(fitted[at : at + depth]) for at in range(0, len(fitted), depth)]
    if len(pages) > limits.pages:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The text fills {len(pages)} pages.")
    data = {"title": "Tekst", "size": size, "landscape": landscape, "pages": pages}
    typeset("plain", data, out)
    said = text.translate({code: shown for code, shown in table.items() if code <= _LAST_CONTROL} | _READABLE)
    flags = (*_flags(decoded), *marked, *_visible(said, table), *glyph_flags(table))
    if files:
        flags = (*flags, FlagNote(Flag.ATTACHMENTS_SPLIT_OFF, f"{len(files)} files."))
    return Made(out, ("2a", "2u", "2b"), flags, said, _parts(files, out), container=is_file)


def _parts(files: list[tuple[str, bytes]], out: Path) -> tuple[Part, ...]:
    """The files that stood in the text, written beside the page."""
    parts = []
    for number, (name, content) in enumerate(files, start=1):
        path = out.with_suffix(f".{number}.part")
        path.write_bytes(content)
        parts.append(Part(name, path))
    return tuple(parts)


def _without_commands(text: str, decoded: Decoded) -> tuple[str, tuple[FlagNote, ...]]:
    """The text without what only told a printer or a terminal how to draw it, and with the signs that DOS draws for
    control characters; what other control characters there are stay, and are shown by their number."""
    flags: list[FlagNote] = []
    text, marks = without_marks(text)
    if marks:
        detail = f"{marks} marks for bold, underline or colour are not shown; all characters are."
        flags.append(FlagNote(Flag.DECODED_LENIENTLY, detail))
    text, commands = without_commands(text)
    if commands:
        flags.append(
            FlagNote(Flag.CONTROL_CODES_REMOVED, f"{commands} commands to a printer; all characters are shown.")
        )
    text, drawn = signs(text, decoded.encoding)
    if drawn and decoded.certain and decoded.lossless:
        named = " ".join(f"{sign} ({count})" for sign, count in sorted(drawn.items()))
        detail = f"Read as {decoded.encoding}; control characters as the signs of DOS: {named}."
        flags.append(FlagNote(Flag.ENCODING_GUESSED, detail))
    return text, tuple(flags)


def _visible(said: str, table: dict[int, str]) -> tuple[FlagNote, ...]:
    """The flag for control characters that mean nothing known, and are shown by their number."""
    count = sum(said.count(shown) for code, shown in table.items() if code <= _LAST_CONTROL and code)
    if not count:
        return ()
    return (FlagNote(Flag.DECODED_LENIENTLY, f"{count} control characters are shown by their number."),)


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
    at, end = 0, len(line)
    lead = ""
    narrow = _NARROW.fullmatch(line) is not None
    while at < end:
        room = columns - width(lead)
        stop, used = at, 0
        # One look at a piece at a time: a line may have a million characters.
        if narrow:
            stop = min(at + room, end)
        while not narrow and stop < end and used + (step := width(line[stop])) <= room:
            used += step
            stop += 1
        if stop == end:
            pieces.append(lead + line[at:])
            break
        space = line.rfind(" ", at + (1 if pieces else indent + 1), stop + 1)
        stop = space + 1 if space > at else max(stop, at + 1)
        pieces.append(lead + line[at:stop])
        at, lead = stop, margin
    return pieces


def _format(lines: list[str]) -> tuple[int, int, float, bool]:
    """Size and direction of the page: tables get what their widest line needs, prose the width that reads well."""
    longest = max(map(width, lines))
    wide = [line for line in lines if width(line) > _PROSE[0]]
    tabular = sum("  " in line.strip() or "|" in line or "\u2502" in line for line in wide)
    if wide and tabular * 2 < len(wide):
        return _PROSE
    return next((f for f in _FORMATS if longest <= f[0]), _PROSE if not wide else _FORMATS[-1])
