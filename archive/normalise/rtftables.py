"""Tables of RTF that LibreOffice drops cells or rows of, with all their cells.

A row whose cells outnumber its definitions, a row that ends before its last cell does, a document that ends before its
row does, an inner table whose rows say nothing of themselves: LibreOffice leaves such cells out. Rows that lack
definitions get some; tables that cannot be set right become lines, their cells parted by tabs.

Source: Rich Text Format Specification 1.9.1 (trowd, cellx, cell, row, itap, nestcell, nesttableprops).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_WORD = re.compile(
    rb"\\[{}\\]|\\bin(?P<binary>\d{1,9}) ?|\\(?P<word>trowd|cellx|cell|row|nestcell|nestrow|nesttableprops|pard|intbl|"
    rb"itap)(?P<number>-?\d{1,9})?(?![a-z0-9]) ?"
)
_CONTROL = re.compile(rb"\\[A-Za-z]+-?\d* ?")
_ASIDE = re.compile(rb"\{\\\*(?:[^{}]++|\{[^{}]*+\})*+\}")
_LINES = {b"cell": b"\\tab ", b"nestcell": b"\\tab ", b"row": b"\\par ", b"nestrow": b"\\par "}
_LAYOUT = frozenset((b"trowd", b"cellx", b"intbl", b"itap"))
_PROPERTIES = re.compile(rb"\{\\\*\\nesttableprops(?![a-z])")
_PAPER = 9000
_LEAST = 600
"""Twips: how far all cells reach at least, and the width of one."""


@dataclass(slots=True)
class _Scan:
    """What was seen of a file's tables, and what to put where.

    Attributes:
        added: places and what to put there.
        edges: right edges of the cells of the row, as it is defined.
        cells: cells of the row so far; `behind` is the place behind the last of them.
        inner: whether inner cells wait for the row they are of, or inner rows for the cell they are in.
        hopeless: the tables cannot be set right.
    """

    added: list[tuple[int, bytes]] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)
    cells: int = 0
    behind: int = 0
    within: bool = False
    inner: bool = False
    properties: bool = False
    hopeless: bool = False


def mended_tables(content: bytes) -> bytes:
    """The RTF file with tables that LibreOffice shows whole; itself, where they are sound."""
    scan = _scanned(content)
    if scan.hopeless:
        return _as_lines(content)
    if not scan.added:
        return content
    made: list[bytes] = []
    at = 0
    for place, more in scan.added:
        made += (content[at:place], more)
        at = place
    return b"".join([*made, content[at:]])


def _scanned(content: bytes) -> _Scan:
    scan = _Scan()
    at = 0
    while (found := _WORD.search(content, at)) is not None:
        at = found.end() + int(found["binary"] or 0)
        word = found["word"]
        if word == b"nesttableprops":
            scan.properties = True
        elif word == b"nestrow":
            scan.hopeless |= not scan.properties
            scan.properties = False
        elif word == b"nestcell":
            scan.inner = True
        elif scan.properties:
            continue
        elif word == b"trowd":
            scan.edges = []
            if not scan.cells:
                scan.behind = at
        elif word == b"cellx":
            scan.edges.append(int(found["number"] or 0))
        elif word == b"cell":
            scan.cells, scan.behind, scan.inner = scan.cells + 1, at, False
        elif word == b"row":
            _end_row(scan, content, found.start())
        elif word in (b"intbl", b"pard"):
            if not scan.within:
                scan.behind = at
            scan.within = word == b"intbl" or (scan.within and scan.cells > 0)
    scan.hopeless |= scan.inner
    end = len(content.rstrip(b"\r\n\t \0\x1a")) - 1
    if (scan.cells or scan.within) and content[end : end + 1] == b"}":
        _end_row(scan, content, end, closing=True)
    return scan


def _end_row(scan: _Scan, content: bytes, place: int, *, closing: bool = False) -> None:
    """End a row at its `row`, or at the end of the file, where there is none."""
    unended = _CONTROL.sub(b"", _ASIDE.sub(b"", content[max(scan.behind, 0) : place])).strip(b"{}\r\n\t \0")
    cells = scan.cells + bool(unended)
    lacking = cells - len(scan.edges)
    if cells and (lacking > 0 or unended or closing):
        defined = b"".join(b"\\cellx%d" % edge for edge in scan.edges)
        defined += _edges(max(scan.edges, default=0), lacking) if lacking > 0 else b""
        ended = b"\\intbl\\cell" if unended else b""
        scan.added.append((place, ended + b"\\trowd" + defined + (b"\\row\\pard " if closing else b"")))
    scan.cells, scan.behind, scan.within = 0, place + len(b"\\row"), False


def _edges(last: int, count: int) -> bytes:
    """Definitions of cells behind the last one."""
    width = max(_LEAST, (_PAPER - last) // count)
    return b"".join(b"\\cellx%d" % (last + width * i) for i in range(1, count + 1))


def _as_lines(content: bytes) -> bytes:
    content = _PROPERTIES.sub(b"{", content)
    made: list[bytes] = []
    at = copied = 0
    while (found := _WORD.search(content, at)) is not None:
        at = found.end() + int(found["binary"] or 0)
        word = found["word"]
        if word in _LINES or word in _LAYOUT:
            # an empty group parts the word before from the text behind
            made += (content[copied : found.start()], _LINES.get(word, b"{}"))
            copied = at
    return b"".join([*made, content[copied:]])
