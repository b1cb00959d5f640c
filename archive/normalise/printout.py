"""Printouts that were kept as the printer got them (PCL 5): the words where they stood, without the printer's commands.

Only text is read here. A printout with pictures, drawings or another language in it is refused: it would lose them.
Source: Hewlett-Packard, PCL 5 Printer Language Technical Reference Manual, chapters 2 to 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import decode
from archive.normalise.plaintext import plaintext
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "printout"

_UEL = b"\x1b%-12345X"
_COMMAND = re.compile(rb"\x1b(?:([!-/])([`-~]?)|[0-~])")
_PARAMETER = re.compile(rb"([+-]?\d*\.?\d*)([@-~])")
_JOB = re.compile(rb"@PJL[^\n]*\n?")
_LANGUAGE = re.compile(rb"@PJL\s+ENTER\s+LANGUAGE\s*=\s*(\w+)", re.IGNORECASE)
_DATA = {b"(sW", b")sW", b"*cW", b"&nW", b"*gW", b"*mW", b"*iW", b"*oW", b"&bW", b"(fW", b"*lW"}
_PICTURE = {b"*bW", b"*bV", b"*vW"}
# HP's symbol sets (PCL 5 manual, appendix C), as Python's codecs.
_SETS = {
    b"10U": "cp437", b"11U": "cp865", b"12U": "cp850", b"17U": "cp852", b"19U": "cp1252", b"9U": "cp1252",
    b"8U": "hp-roman8", b"0N": "cp1252", b"9N": "iso8859-15", b"2N": "iso8859-2", b"18N": "utf-8", b"9E": "cp1250",
    b"3R": "cp866", b"9R": "cp1251", b"0D": "ns_4551-1", b"1D": "ns_4551-1",
}  # fmt: skip
_NS_4551 = str.maketrans("[\\]{|}", "ÆØÅæøå")
_UNITS, _DECIPOINTS, _ROWS_IN_INCH = 300.0, 720.0, 6.0
_MOST_ROWS, _MOST_COLUMNS = 400, 400


def printout(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset the words of a printout.

    Raises DocumentProblem: UNSUPPORTED_FORMAT where it has anything but text, and what `archive.normalise.plaintext`
    raises.
    """
    reader = _Reader()
    reader.read(source.read_bytes())
    copy = out.with_suffix(".utf8")
    copy.write_text(reader.text(), encoding="utf-8-sig", newline="\n")
    made = plaintext(copy, out, limits)
    detail = (
        f"{reader.commands} commands to a printer (PCL): fonts, lines and shades are not shown, all characters are."
    )
    flags = [*made.flags, FlagNote(Flag.CONTROL_CODES_REMOVED, detail)]
    if reader.guessed:
        flags.append(FlagNote(Flag.ENCODING_GUESSED, reader.guessed))
    return replace(made, flags=tuple(flags))


@dataclass(slots=True)
class _Reader:
    """Follows the cursor in rows and columns of ten characters to the inch."""

    commands: int = 0
    guessed: str = ""
    pitch: float = 10.0
    symbols: bytes = b""
    row: float = 0.0
    column: float = 0.0
    page: list[tuple[float, float, bytes, bytes]] = field(default_factory=list)
    pages: list[list[tuple[float, float, bytes, bytes]]] = field(default_factory=list)

    def read(self, content: bytes) -> None:
        if (language := _LANGUAGE.search(content)) and language[1].upper() != b"PCL":
            raise _unread(f"language {language[1].decode('ascii')}")
        content = _JOB.sub(b"", content)
        at = 0
        while at < len(content):
            if content[at] == 0x1B:
                at = self._command(content, at)
            else:
                at = self._text(content, at)
        self._turn()

    def _command(self, content: bytes, at: int) -> int:
        self.commands += 1
        if content.startswith(_UEL, at):
            return at + len(_UEL)
        found = _COMMAND.match(content, at)
        if found is None:
            return at + 1
        if found[1] is None:
            if found[0] == b"\x1bE" and self.page:
                self._turn()
            elif found[0] == b"\x1b=":
                self.row += 0.5
            return found.end()
        at = found.end()
        group = found[1] + found[2]
        while (parameter := _PARAMETER.match(content, at)) is not None:
            at = parameter.end()
            value, final = parameter[1], parameter[2]
            at = self._act(group, value, final.upper(), content, at)
            if final.isupper() or final == b"@":
                break
        return at

    def _act(self, group: bytes, value: bytes, final: bytes, content: bytes, at: int) -> int:
        number = float(value) if value.strip(b"+-.") else 0.0
        name = group + final
        if name in _PICTURE and number:
            raise _unread("pictures")
        if group == b"%" and final in b"BCX" and final != b"A":
            raise _unread("drawings (HP-GL/2)")
        if name == b"&pX":
            end = at + int(number)
            self._print(content[at:end])
            return end
        if name in _DATA:
            return at + int(number)
        relative = value[:1] in (b"+", b"-")
        if name == b"&aR":
            self.row = number + (self.row if relative else 0)
        elif name in (b"*pY", b"&aV"):
            rows = number * _ROWS_IN_INCH / (_UNITS if group == b"*p" else _DECIPOINTS)
            self.row = rows + (self.row if relative else 0)
        elif name == b"&aC":
            self.column = number * 10.0 / self.pitch + (self.column if relative else 0)
        elif name in (b"*pX", b"&aH"):
            columns = number * 10.0 / (_UNITS if group == b"*p" else _DECIPOINTS)
            self.column = columns + (self.column if relative else 0)
        elif name == b"(sH" and number:
            self.pitch = max(number, 1.0)
        elif group == b"(" and final != b"X":
            self.symbols = value + final
        return at

    def _text(self, content: bytes, at: int) -> int:
        code = content[at]
        if code == 0x0A:
            self.row += 1
        elif code == 0x0D:
            self.column = 0.0
        elif code == 0x0C:
            self._turn()
        elif code == 0x08:
            self.column = max(0.0, self.column - 10.0 / self.pitch)
        elif code == 0x09:
            self.column = (self.column // 8 + 1) * 8
        elif code >= 0x20:
            end = at
            while end < len(content) and content[end] >= 0x20:
                end += 1
            self._print(content[at:end])
            return end
        return at + 1

    def _print(self, words: bytes) -> None:
        self.page.append((self.row, self.column, self.symbols, words))
        self.column += len(words) * 10.0 / self.pitch

    def _turn(self) -> None:
        if self.page:
            self.pages.append(self.page)
        self.page = []
        self.row = self.column = 0.0

    def text(self) -> str:
        """The pages, each run of words as near to its place as characters of one width allow."""
        nameless = b" ".join(w for page in self.pages for _, _, s, w in page if s not in _SETS)
        found = decode(nameless)
        if not nameless.isascii() or found.encoding != "ascii":
            self.guessed = f"The printer's character set is not said; read as {found.encoding}."
        return "\f".join(self._laid_out(page, found.encoding) for page in self.pages)

    def _laid_out(self, page: list[tuple[float, float, bytes, bytes]], encoding: str) -> str:
        rows: dict[int, list[tuple[int, str]]] = {}
        for row, column, symbols, words in page:
            place = min(max(round(row), 0), _MOST_ROWS), min(max(round(column), 0), _MOST_COLUMNS)
            rows.setdefault(place[0], []).append((place[1], _words(words, _SETS.get(symbols, encoding))))
        first = min(rows, default=0)
        return "\n".join(_line(rows.get(number, [])) for number in range(first, max(rows, default=-1) + 1))


def _words(content: bytes, encoding: str) -> str:
    if encoding == "ns_4551-1":
        return content.decode("cp1252", "replace").translate(_NS_4551)
    try:
        return content.decode(encoding)
    except (LookupError, UnicodeDecodeError):
        return decode(content).text


def _line(runs: list[tuple[int, str]]) -> str:
    line = ""
    for column, words in sorted(runs, key=lambda run: run[0]):
        if line[column : column + len(words)] == words:
            continue  # struck twice, for bold
        if words.startswith(line[column:]) and line[column:].strip():
            line = line[:column]
        if len(line) > column and line[column:].strip():
            line += "" if line.endswith(" ") or len(line) == column + 1 else " "
        line = line.ljust(column) + words
    return line.rstrip()


def _unread(construct: str) -> DocumentProblem:
    return DocumentProblem(Reason.UNSUPPORTED_FORMAT, f"Printout (PCL) with {construct}.")
