"""Which file of the export a register's row means: the one rule, for the run, the search for orphans and `inspect`.

A name is first compared as it is written. Names that differ only in Unicode form, in blanks at the edges of a step or,
where the mapping says that case does not matter, in letter case are of one *group*. Within a group a name that no file
has exactly means a file only where one name and one file are all there is: with two files nobody knows which is meant,
and with two names one of them may mean a file that is missing, of another patient.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, IntEnum
from itertools import groupby
from typing import TypeVar

from extract.mapping.paths import fold_letters

F = TypeVar("F")
Named = Iterable[tuple[str, str]]
_COUNTED = re.compile(r"//\d+")
_EDGE = re.compile(r"(?:^|/)\s|\s(?:/|\Z)")


class FileKind(IntEnum):
    """What a name of the export stands for. The numbers are kept in the work register."""

    DOCUMENT = 0
    REGISTER = 1
    """A file of the register itself, or one the mapping names as no document."""
    UNREADABLE = 2
    """A file that may not be read."""
    UNREADABLE_FOLDER = 3
    """A folder that cannot be listed: what is in it is not known."""
    OUTSIDE = 4
    """A link that leads out of the export."""
    SPECIAL = 5
    """A device, a pipe, a socket, or a link that leads nowhere."""

    @property
    def is_file(self) -> bool:
        """Whether there are bytes within the export."""
        return self in (FileKind.DOCUMENT, FileKind.REGISTER, FileKind.UNREADABLE)


class NoFile(Enum):
    """Why a name means no file."""

    MISSING = 1
    AMBIGUOUS = 2


def fold_name(path: str, *, match_case: bool) -> str:
    """What the paths of one group have in common.

    Letters are folded one for one, as a Windows file system does: `STRASSE` is `strasse`, and neither is `straße`.
    """
    if path.isascii():
        text = path
    else:
        text = unicodedata.normalize("NFC", path)
    if _EDGE.search(text):
        text = "/".join(part.strip() for part in text.split("/"))
    if match_case:
        return text
    return text.lower() if text.isascii() else fold_letters(text)


def written(path: str) -> str:
    """The name of a file as the disk has it, from the path it was listed under.

    Two names of a folder that are the same text in two encodings are listed as `NAME` and `NAME//2`; no row can name
    the second, since no path of a row has an empty step.
    """
    return _COUNTED.sub("", path) if "//" in path else path


def matches(names: Iterable[str], files: Sequence[str]) -> dict[str, int | NoFile]:
    """For each name of a group, which of its files it means, or why none.

    Args:
        names: all different names that rows of the export have in the group.
        files: the names of all files of the export in the group.
    """
    different = dict.fromkeys(names)
    found: dict[str, int | NoFile] = {}
    for name in different:
        exact = files.count(name)
        if exact == 1:
            found[name] = files.index(name)
        elif exact or (files and (len(files) > 1 or len(different) > 1)):
            found[name] = NoFile.AMBIGUOUS
        else:
            found[name] = 0 if files else NoFile.MISSING
    return found


def by_group(names: Named, files: Iterable[tuple[str, F]]) -> Iterator[tuple[Counter[str], list[F]]]:
    """Of each group its names, with how often each stands in the register, and its files.

    Both streams are of (group, name or file) and sorted by group.
    """
    left, right = groupby(names, _first), groupby(files, _first)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        # SQLite sorts text by its UTF-8 bytes, which is the order of Python's text too.
        ours = a is not None and (b is None or a[0] <= b[0])
        theirs = b is not None and (a is None or b[0] <= a[0])
        yield (
            Counter(name for _, name in a[1]) if a is not None and ours else Counter(),
            [file for _, file in b[1]] if b is not None and theirs else [],
        )
        a = next(left, None) if ours else a
        b = next(right, None) if theirs else b


def _first(row: tuple[str, object]) -> str:
    return row[0]


class Comparison:
    """The names of a whole register held against the files of its export.

    Args:
        names: (group, name) of every row, sorted by group.
        files: (group, (path, size, kind)) of everything that lies in the export, sorted by group.
    """

    def __init__(self, names: Named, files: Iterable[tuple[str, tuple[str, int, FileKind]]]) -> None:
        self._groups = by_group(names, files)
        self.counts: Counter[NoFile | FileKind] = Counter()
        """Of how many names there is no file, and what kinds of files the others are of; complete after `unnamed`."""

    def unnamed(self) -> Iterator[tuple[str, int]]:
        """Path and size of every document file that no name means."""
        for rows, listed in self._groups:
            answers = matches(rows, [written(path) for path, _, _ in listed]) if rows else {}
            for name, answer in answers.items():
                self.counts[answer if isinstance(answer, NoFile) else listed[answer][2]] += rows[name]
            taken = set(answers.values())
            for n, (path, size, kind) in enumerate(listed):
                if n not in taken and kind in (FileKind.DOCUMENT, FileKind.UNREADABLE):
                    yield path, size
