"""Reading one table of an export as a stream of rows: `open_table` for CSV and XML alike."""

from __future__ import annotations

import codecs
import csv
import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from archive.errors import SourceUnreadableError
from extract.mapping.model import TableSpec

Row = tuple[str, list[str], str]
"""Where a row stands (`file:line`), its values, and what is wrong with it (empty: nothing)."""


class Padded(str):
    """A value without the blanks around it; `written` has them, for what may be a file's name."""

    written: str


def padded(written: str) -> str:
    """The value without blanks around it, as a `Padded` where there are any around something."""
    text = written.strip()
    if len(text) == len(written) or not text:
        return text
    value = Padded(text)
    value.written = written
    return value


class Several(str):
    """The values of a column which has several in one row (XPath can find more than one element), as one text."""

    parts: tuple[str, ...]


class Answer(str):
    """What XPath says that is no text: an element or attribute that is there without any, a truth, or a number."""

    truth: bool


def answer(text: str, *, truth: bool) -> str:
    """A text with the truth that XPath means by it."""
    value = Answer(text)
    value.truth = truth
    return value


def several(parts: Sequence[str]) -> str:
    """One text of several; the text itself where there is one."""
    if len(parts) == 1:
        return parts[0]
    value = Several("; ".join(parts))
    value.parts = tuple(parts)
    return value


# One field may hold a whole note; a quote that is never closed must not fill the memory.
_FIELD_LIMIT = 16 << 20
_CHUNK = 1 << 20
_MOST_LINES = 1_000
"""Of one record: a quote that is never closed meets another one sooner or later."""
_BOM = "\ufeff"
_DIGITS, _LETTERS = re.compile(r"\d+"), re.compile(r"[^\W\d_]+(?: [^\W\d_]+)*")
# Stand-ins while the csv module, which knows one-character delimiters and its own line ends only, does its work.
# They are no characters by Unicode's own word; where a text has them all the same, they are escaped.
_DELIMITER, _CR, _LF, _ESCAPE = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
_ESCAPED = {ord(c): f"{_ESCAPE}{n}" for n, c in enumerate((_DELIMITER, _CR, _LF, _ESCAPE))}
_ESCAPES = re.compile(f"{_ESCAPE}([0-3])")


class Table(Protocol):
    """A table opened for the columns that are needed."""

    spec: TableSpec
    position: dict[str, int]
    """Where each needed column is in a row's values."""
    width: int
    """How many values a sound row has."""

    def rows(self) -> Iterator[Row]:
        """Every row in file order. Raises SourceUnreadableError where reading cannot go on."""
        ...


def files_of(root: Path, spec: TableSpec) -> list[Path]:
    """The file, or the files its pattern finds, in name order.

    Raises:
        SourceUnreadableError: there is none.
    """
    if glob.has_magic(spec.file):
        found = sorted(p for p in root.glob(spec.file) if p.is_file())
    else:
        found = [p for p in (root / spec.file,) if p.is_file()]
    if not found:
        raise SourceUnreadableError(
            f"{spec.file}, which holds the table {spec.name!r}, is not in {root}.",
            remedy="Give the folder that holds the register, or correct `file` in the mapping.",
        )
    return found


def csv_columns(root: Path, spec: TableSpec) -> tuple[str, ...]:
    """The names of a CSV table's columns; a name that stands twice has `NAME (2)` as its second.

    Raises:
        SourceUnreadableError: no file, an empty one, a wrong encoding, or parts with different headers.
    """
    if not spec.header:
        return _distinct(spec.columns)
    first: tuple[str, ...] = ()
    for path in files_of(root, spec):
        records = _Records(path, spec)
        try:
            header = next((values for _, values, _ in records if values), None)
        finally:
            records.close()
        if header is None:
            raise SourceUnreadableError(f"{spec.file} is empty: it has not even a header.")
        columns = _distinct([v.strip() for v in header])
        if first and columns != first:
            raise SourceUnreadableError(f"{path.name}:1: the header is not that of the table's first file.")
        first = columns
    return first


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    result: list[str] = []
    for name in names:
        n, unique = 1, name
        while unique in result:
            n += 1
            unique = f"{name} ({n})"
        result.append(unique)
    return tuple(result)


def open_table(root: Path, spec: TableSpec, needed: Sequence[str], names: Iterable[str] = ()) -> Table:
    """Open a table for the columns needed, which must exist (`csv_columns`) or be valid XPath.

    Those in `names` hold names of files, and give `Padded` values where there are blanks around them.
    """
    if spec.format == "xml":
        from extract.sources.xmltable import XmlTable

        return XmlTable(root, spec, needed, names)
    return CsvTable(root, spec, names)


class CsvTable:
    """A table as CSV. Rows have all columns, stripped of blanks around."""

    def __init__(self, root: Path, spec: TableSpec, names: Iterable[str] = ()) -> None:
        self.spec = spec
        self._root = root
        columns = csv_columns(root, spec)
        self.position = {name: n for n, name in enumerate(columns)}
        self.width = len(columns)
        self._names = [self.position[name] for name in names]

    def rows(self) -> Iterator[Row]:
        """See `Table.rows`. A row of another width than the header is given with what is wrong with it."""
        for path in files_of(self._root, self.spec):
            records = _Records(path, self.spec, self.width)
            try:
                yield from self._rows(path.relative_to(self._root).as_posix(), records)
            finally:
                records.close()

    def _rows(self, name: str, records: _Records) -> Iterator[Row]:
        width, names = self.width, self._names
        empty = frozenset(self.spec.empty)
        header = self.spec.header
        first = next(iter(self.position), "") if header else _BOM
        for line, values, problem in records:
            if header:
                header = not values
                continue
            row = [v.strip() for v in values]
            for n in names:
                if n < len(row):
                    row[n] = padded(values[n])
            if empty:
                row = ["" if v in empty else v for v in row]
            if row and not problem and (row[0] == first or row[0].startswith(_BOM)):
                problem = self._begun_again(row)
            if len(row) != width and not problem:
                if not row:
                    continue
                if len(row) > width and not any(row[width:]):
                    del row[width:]
                elif len(row) < width and self.spec.ragged:
                    row += [""] * (width - len(row))
                else:
                    problem = f"The row has {len(row)} columns where the header has {width}."
            yield f"{name}:{line}", row, problem

    def _begun_again(self, row: list[str]) -> str:
        """What is wrong with a row that looks like the beginning of a file, in the middle of one."""
        bare = [row[0].removeprefix(_BOM).strip('" '), *row[1:]]
        if self.spec.header and _distinct(bare) == tuple(self.position):
            return "The header stands here once more: files were joined into one."
        return "A byte order mark stands here: files were joined into one." if row[0].startswith(_BOM) else ""


class _Records:
    """The records of a CSV file, with the line each begins on; a quote that does not match spoils its own line only.

    A record over several lines that cannot be split, or has not `width` columns, is taken as a line with a stray quote:
    that line is given alone with its problem, and the lines after it are read anew. Where a pair of stray quotes makes
    one value of whole rows, nobody can say what is text and what are rows: each line is given with that problem.
    """

    def __init__(self, path: Path, spec: TableSpec, width: int = 0) -> None:
        self._path, self._spec, self._width = path, spec, width
        encoding = "utf-8-sig" if codecs.lookup(spec.encoding).name == "utf-8" else spec.encoding
        self._file = path.open(encoding=encoding, errors=spec.encoding_errors, newline="")
        self._delimiter = spec.delimiter if len(spec.delimiter) == 1 else _DELIMITER
        self._stands_in = len(spec.delimiter) > 1 or spec.line_end != "auto"
        self._again: list[str] = []
        self._pending: list[str] = []
        self._line = 0

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[int, list[str], str]]:
        try:
            yield from self._records()
        except UnicodeError:
            raise self._encoding_error() from None

    def _records(self) -> Iterator[tuple[int, list[str], str]]:
        spec, pending, width = self._spec, self._pending, self._width
        csv.field_size_limit(_FIELD_LIMIT)
        reader = csv.reader(
            self._feed(),
            strict=True,
            delimiter=self._delimiter,
            quotechar=spec.quotechar or None,
            quoting=csv.QUOTE_MINIMAL if spec.quotechar else csv.QUOTE_NONE,
            doublequote=spec.doublequote,
            escapechar=spec.escapechar or None,
        )
        restore = self._stands_in
        while True:
            start = self._line + 1
            pending.clear()
            try:
                for values in reader:
                    if len(pending) > 1 and width and len(values) != width:
                        yield self._stray(start, "a quote in it does not match")
                    elif len(pending) > 1 and width and self._swallows(values):
                        yield from self._each(start)
                    else:
                        yield start, [self._restored(v) for v in values] if restore else values, ""
                    start = self._line + 1
                    pending.clear()
                return
            except csv.Error as e:
                if "unexpected end" in str(e) or "field limit" in str(e):
                    raise SourceUnreadableError(
                        f"{self._path.name}:{start}: a quoted field begins here and never ends; the file is cut, or "
                        "the quotes do not match.",
                        remedy="Ask for the file again, or correct `quotechar` or `escapechar` in the mapping.",
                    ) from None
                yield self._stray(start, str(e))

    def _swallows(self, values: list[str]) -> bool:
        """Whether lines of a record look like rows of their own, or are more than a value can have."""
        if len(self._pending) > _MOST_LINES:
            return True
        shapes: list[str] = []
        if self._width < 2:
            return False
        for line in self._pending[1:]:
            if line.count(self._delimiter) == self._width - 1:
                shapes = shapes or [_shape(v) for v in values]
                alike = sum(_shape(v) == shape for v, shape in zip(self._parts(line), shapes, strict=True))
                if 2 * alike >= self._width:
                    return True
        return False

    def _each(self, start: int) -> Iterator[tuple[int, list[str], str]]:
        lines = list(self._pending)
        problem = f"A quoted value of whole rows, or of very many lines: lines {start} to {start + len(lines) - 1}."
        for n, line in enumerate(lines):
            parts = self._parts(line)
            yield start + n, parts if len(parts) == self._width else [self._restored(line.rstrip("\r\n"))], problem

    def _parts(self, line: str) -> list[str]:
        quote = self._spec.quotechar
        parts = [p.strip() for p in line.rstrip("\r\n").split(self._delimiter)]
        return [self._restored(p.strip(quote) if quote else p) for p in parts]

    def _stray(self, start: int, why: str) -> tuple[int, list[str], str]:
        first, *rest = self._pending
        self._again.extend(reversed(rest))
        self._line -= len(rest)
        return start, [self._restored(first.rstrip("\r\n"))], f"The row cannot be split into columns: {why}."

    def _feed(self) -> Iterator[str]:
        source = self._lines()
        for _ in range(self._spec.skip_lines):
            self._line += next(source, None) is not None
        again, pending = self._again, self._pending
        while True:
            if again:
                line = again.pop()
            else:
                try:
                    line = next(source)
                except StopIteration:
                    return
            self._line += 1
            pending.append(line)
            yield line

    def _lines(self) -> Iterator[str]:
        spec = self._spec
        lines: Iterator[str] = self._file if spec.line_end == "auto" else _split(self._file, spec.line_end)
        if len(spec.delimiter) == 1:
            return lines
        if spec.line_end == "auto":
            lines = map(_without_stand_ins, lines)
        return (line.replace(spec.delimiter, _DELIMITER) for line in lines)

    def _restored(self, value: str) -> str:
        if not self._stands_in:
            return value
        value = value.replace(_DELIMITER, self._spec.delimiter).replace(_CR, "\r").replace(_LF, "\n")
        if _ESCAPE not in value:
            return value
        return _ESCAPES.sub(lambda found: (_DELIMITER, _CR, _LF, _ESCAPE)[int(found[1])], value)

    def _encoding_error(self) -> SourceUnreadableError:
        line, offset, byte = first_undecodable(self._path, self._spec.encoding)
        return SourceUnreadableError(
            f"{self._path.name}:{line}: byte 0x{byte:02x} (the file's byte {offset}, from 0) is not "
            f"{self._spec.encoding}.",
            remedy='Correct `encoding` in the mapping, or set `encoding_errors = "replace"` to read on with U+FFFD in '
            "its place.",
        )


def first_undecodable(path: Path, encoding: str) -> tuple[int, int, int]:
    """Line (from 1), offset (from 0) and value of the first byte of a file that is not of the encoding.

    Raises:
        ValueError: every byte is.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    line, done = 1, 0
    with path.open("rb") as f:
        while True:
            chunk = f.read(_CHUNK)
            held = decoder.getstate()[0]
            try:
                decoder.decode(chunk, not chunk)
            except UnicodeDecodeError as e:
                offset = done - len(held) + e.start
                return line + e.object.count(b"\n", len(held), e.start), offset, e.object[e.start]
            if not chunk:
                raise ValueError("the file is of this encoding")
            line += chunk.count(b"\n")
            done += len(chunk)


def _split(text: TextIO, line_end: str) -> Iterator[str]:
    """Records between a line end of the export's own; line ends inside them become stand-ins."""
    rest = ""
    while chunk := text.read(_CHUNK):
        *records, rest = (rest + chunk).split(line_end)
        for record in records:
            yield _without_stand_ins(record).replace("\r", _CR).replace("\n", _LF) + "\n"
    if rest.strip():
        yield _without_stand_ins(rest).replace("\r", _CR).replace("\n", _LF)


def _without_stand_ins(text: str) -> str:
    return text.translate(_ESCAPED) if any(c in text for c in (_DELIMITER, _CR, _LF, _ESCAPE)) else text


def _shape(value: str) -> str:
    """What a value looks like: `D12` and `X7` are alike, and so are all words."""
    return _LETTERS.sub("a", _DIGITS.sub("9", value))
