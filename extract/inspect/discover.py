"""Finding the tables of an export nobody has described: encodings, delimiters, quotes, headers, and rows of XML."""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from archive.normalise.encodings import decode
from extract.inspect.spelling import plain
from extract.mapping.dates import fitting
from extract.mapping.model import TableSpec
from extract.sources.tables import csv_columns, first_undecodable

TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".psv", ".skv", ".txt", ".dat", ".asc")
_SURE_SUFFIXES = TABLE_SUFFIXES[:5]
_SAMPLE = 256 << 10
_DELIMITERS = (";", "\t", "|", ",", "~", "^", "¦", "§", "||", "~|~")


def csv_spec(path: Path, root: Path) -> TableSpec | None:
    """How a file is written, if it is a table: two columns or more in nearly every line."""
    with path.open("rb") as f:
        head = f.read(_SAMPLE)
    if not head.strip() or head.startswith((b"%PDF", b"{\\rtf", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"<")):
        return None
    encoding = _encoding(path, head)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).lstrip("\ufeff")
    if "\0" in text:
        return None
    lines = text.splitlines(keepends=True)
    if len(head) == _SAMPLE and len(lines) > 1:
        del lines[-1]
    best: tuple[float, str, str, list[list[str]]] | None = None
    for delimiter in _DELIMITERS:
        quotechar = _quotechar(lines, delimiter)
        rows = _split(lines, delimiter, quotechar)
        width, count = Counter(len(r) for r in rows).most_common(1)[0] if rows else (0, 0)
        if width < 2 or count < 0.9 * len(rows):
            continue
        score = (count / len(rows)) ** 2 * math.log(width + 1) * (1 if all(rows[0]) else 0.5)
        if best is None or score > best[0]:
            best = score, delimiter, quotechar, rows
    if best is None or (path.suffix.lower() not in _SURE_SUFFIXES and (len(best[3][0]) < 3 or len(best[3]) < 3)):
        return None
    _, delimiter, quotechar, rows = best
    header = _has_header(rows)
    if path.suffix.lower() not in _SURE_SUFFIXES and not header and len(rows[0]) < 4:
        return None
    name = path.relative_to(root).as_posix()
    return TableSpec(
        name=table_name(name),
        where=(),
        file=name,
        encoding=encoding,
        encoding_errors="strict" if _is_encoded(path, encoding) else "replace",
        delimiter=delimiter,
        quotechar=quotechar,
        header=header,
        columns=() if header else tuple(f"K{n + 1}" for n in range(len(rows[0]))),
    )


def _encoding(path: Path, head: bytes) -> str:
    if _is_encoded(path, "ascii"):
        return "ascii"
    if _is_encoded(path, "utf-8"):
        return "utf-8"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # Only lines with more than ASCII tell one code page from another.
    telling = [line for line in _binary_lines(path) if not line.isascii()]
    guess = decode(b"\n".join(telling) or head).encoding
    try:
        name = codecs.lookup(guess).name
    except LookupError:
        return "cp1252"
    # Every byte is a character of ISO 8859-1, but those it has and Windows-1252 has not are control characters.
    return "cp1252" if name == "iso8859-1" else name


def _binary_lines(path: Path) -> Iterator[bytes]:
    seen = 0
    with path.open("rb") as f:
        for line in f:
            yield line[:2_000]
            seen += len(line)
            if seen > 8 << 20:
                return


def _is_encoded(path: Path, encoding: str) -> bool:
    try:
        first_undecodable(path, encoding)
    except ValueError:
        return True
    return False


def _quotechar(lines: list[str], delimiter: str) -> str:
    """The quote that stands at both ends of some field; the usual one where there are none at all."""
    at = re.escape(delimiter)
    for quote in ('"', "'"):
        pattern = re.compile(rf"(?:^|{at}){quote}(?:[^{quote}]|{quote}{quote})*{quote}(?={at}|\s*$)")
        if any(map(pattern.search, lines)):
            return quote
    return "" if any('"' in line for line in lines) else '"'


def _split(lines: list[str], delimiter: str, quotechar: str) -> list[list[str]]:
    source = lines
    if len(delimiter) > 1:
        source, delimiter = [line.replace(delimiter, "\ue01f") for line in lines], "\ue01f"
    try:
        reader = csv.reader(
            source,
            delimiter=delimiter,
            quotechar=quotechar or None,
            quoting=csv.QUOTE_MINIMAL if quotechar else csv.QUOTE_NONE,
            strict=True,
        )
        return [r for r in reader if r]
    except csv.Error:
        return []


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: all different, none empty, a number or a date."""
    first = [v.strip() for v in rows[0]]
    if len(set(first)) < len(first) or not all(first):
        return False
    return not any(re.fullmatch(r"[\d.,:/\\ -]+", v) or fitting(["%Y-%m-%d"], v) for v in first)


def table_name(file: str) -> str:
    """A name for a table, from its file's: lower case, letters, digits and `_`."""
    stem = file.rpartition("/")[2].rpartition(".")[0] or file
    return re.sub(r"[^a-z0-9]+", "_", plain(stem)).strip("_") or "tabell"


def merge_parts(specs: list[TableSpec], root: Path) -> list[TableSpec]:
    """Tables whose files differ in digits only and have the same header become one table of several files.

    A file with nothing but ASCII tells nothing of its encoding, and is taken to be written as most others are.
    """
    told = Counter(s.encoding for s in specs if s.encoding != "ascii")
    usual = told.most_common(1)[0][0] if told else "utf-8"
    specs = [replace(s, encoding=usual) if s.encoding == "ascii" else s for s in specs]
    groups: dict[tuple[str, tuple[str, ...]], list[TableSpec]] = {}
    for spec in specs:
        pattern = re.sub(r"\d+", "*", spec.file)
        groups.setdefault((pattern, csv_columns(root, spec)), []).append(spec)
    merged = []
    names: set[str] = set()
    for (pattern, _), group in groups.items():
        whole = len(group) > 1 and len(list(root.glob(pattern))) == len(group)
        for spec in group[:1] if whole else group:
            file = pattern if whole else spec.file
            name, n = table_name(file), 1
            while name in names:
                n += 1
                name = f"{table_name(file)}_{n}"
            names.add(name)
            merged.append(_renamed(spec, name, file))
    return merged


def _renamed(spec: TableSpec, name: str, file: str) -> TableSpec:
    return replace(spec, name=name, file=file)
