"""RTF as LibreOffice reads it whole: what it would skip, count anew or stop at is written so that it shows it.

Only the copy that LibreOffice gets is changed, and only where there is something to mend: text behind the last brace, a
second document in the same file, the labels of lists as they were stored, form fields that say "as by default", drawn
words, formulas, pictures that are elsewhere, pages with nothing but a header. Tables are mended in `rtftables`.

Source: Rich Text Format Specification 1.9.1 (listtext, pntext, ffres, shapes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from archive.normalise.rtftables import mended_tables

_BRACE = re.compile(rb"\\[{}\\]|\\bin(\d{1,9}) ?|[{}]")
_WORDS = re.compile(rb"[0-9A-Za-z\x80-\xff]{2}")
_NO_TEXT = re.compile(rb"[\x01-\x08\x0b\x0e-\x19\x1b-\x1f]")
_LOOKED_AT = 1000
_BLANK = b"\r\n\t \0\x1a"
_NOT_BLANK = re.compile(rb"[^\r\n\t \0\x1a]")
_STRUCTURE = re.compile(rb"[\\{}]")
_MOST_STRAY = 200
"""Braces too many that are passed over; with more the file is no RTF."""
_DOCUMENT = b"{\\rtf"
_NEXT = b"\\par\\sect\\sectd\\pard\\plain "
_NOT_BINARY = re.compile(rb"\\bin(?: |\r?\n)(?=[0-9a-fA-F]{32})")
_NUMBERED = re.compile(rb"\\\\|\\(deff|plain|bin|rtf|[a-z]+?)(\d{1,9})?(?![a-z0-9])( ?)")
_FONTS = frozenset((b"f", b"af", b"pnf", b"deff", b"adeff", b"stshfdbch", b"stshfloch", b"stshfhich", b"stshfbi"))
_COLOURS = frozenset(
    b"cf cb highlight chcfpat chcbpat cfpat cbpat clcfpat clcbpat trcfpat trcbpat brdrcf ulc pncf".split()
)
_LISTS = frozenset((b"ls", b"listid", b"listtemplateid", b"s", b"cs", b"ds", b"ts", b"sbasedon", b"snext", b"slink"))
_APART = 100_000
"""What is added to the numbers of fonts, styles and lists of another document in the same file."""
_LIST = re.compile(rb"\\ls\d+(?![a-z0-9])")
_DEFAULTED = re.compile(rb"\\ffres25(?=(?:(?!\\formfield).){0,4000}?\\ffdefres(\d{1,2}))", re.DOTALL)
_DRAWN = re.compile(rb"\{\\sp\s*\{\\sn gtextUNICODE\}\s*\{\\sv ([^{}]{1,2000})\}\s*\}")
_BEFORE = re.compile(rb"\A(?:\xef\xbb\xbf)?[\r\n\t \0]*(?=\{\\rtf)")
_ELSEWHERE = re.compile(
    rb"\{\\field[^{}]*\{\\\*\\fldinst\s*\{?[^{}]*?INCLUDEPICTURE\s+(?P<name>\"[^\"{}]{1,500}\"|[^\s\"{}]{1,500})[^{}]*\}?\s*\}"
    rb"\s*\{\\fldrslt\s*\}\s*\}"
)
_FORMULA = re.compile(rb"\{\\\*\\moMath(?![A-Za-z])")
_MATHS = re.compile(
    rb"\{\\m(?P<part>num|den|sup|sub|deg|e)(?![A-Za-z])|\\m[a-zA-Z]+-?\d* ?|\{\\m\w+Pr(?:[^{}]++|\{[^{}]*+\})*+\}"
)
_SIGNS = {b"den": b" / ", b"sup": b"^", b"sub": b"_", b"num": b"", b"deg": b"", b"e": b""}
_PARAGRAPH = re.compile(rb"\\(?:par|sect|page|line|tab|cell|row)(?![a-z])")
_CONTROL = re.compile(rb"\\[A-Za-z]+-?\d* ?")
_HEAD = re.compile(rb"\{\\(?:\*|fonttbl|colortbl|stylesheet|info|header[lrf]?|footer[lrf]?)")


def mended(content: bytes) -> bytes:
    """The RTF file as LibreOffice should get it: itself, where there is nothing to mend."""
    content = _NOT_BINARY.sub(b"", content) if b"\\bin" in content else content
    content = _BEFORE.sub(b"", content, count=1)
    content = _whole(content)
    if b"\\pntext" in content or b"{\\listtext" in content:
        content = _with_labels(content)
    if b"\\ffres25" in content:
        content = _DEFAULTED.sub(rb"\\ffres\1", content)
    if b"INCLUDEPICTURE" in content:
        content = _ELSEWHERE.sub(_noted, content)
    if b"moMath" in content:
        content = _with_formulas(content)
    if b"gtextUNICODE" in content:
        content = _with_drawn_words(content)
    if b"\\cell" in content or b"\\nestcell" in content:
        content = mended_tables(content)
    if b"{\\header" in content or b"{\\footer" in content:
        content = _with_a_page(content)
    return content


def braces(content: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Place and kind of each brace that opens or closes a group; binary data are passed over."""
    while (found := _BRACE.search(content, at)) is not None:
        at = found.end() + int(found[1] or 0)
        if found[0] in (b"{", b"}"):
            yield found.start(), found[0]


def group_end(content: bytes, at: int) -> int:
    """The place behind the group that opens at a place; the end of the file, where it does not close."""
    depth = 0
    for place, brace in braces(content, at):
        depth += 1 if brace == b"{" else -1
        if depth == 0:
            return place + 1
    return len(content)


def without_groups(content: bytes, starts: re.Pattern[bytes]) -> bytes:
    """The file without the groups that begin so."""
    kept, at = [], 0
    while (found := starts.search(content, at)) is not None:
        kept.append(content[at : found.start()])
        at = group_end(content, found.start())
    return b"".join([*kept, content[at:]]) if kept else content


# --- the file's end


def _whole(content: bytes) -> bytes:
    """One document out of all there is: a brace too many does not end it, and what follows it belongs to it."""
    documents: list[bytes] = []
    kept: list[bytes] = []
    start = depth = 0
    for place, brace in braces(content):
        depth += 1 if brace == b"{" else -1
        if depth > 0:
            continue
        more = _NOT_BLANK.search(content, place + 1)
        behind = more.start() if more else len(content)
        following = content.startswith(_DOCUMENT, behind)
        if following or not _has_words(content, behind):
            documents.append(b"".join([*kept, content[start : place + 1]]))
            if not following:
                return content if start == 0 else _joined(documents)
            kept.clear()
            depth = 0
        elif len(kept) >= _MOST_STRAY:
            return content
        else:
            kept.append(content[start:place])
            depth = 1
            if _STRUCTURE.search(content, behind) is None:
                return _joined([*documents, b"".join([*kept, _as_rtf(content[behind:]), b"}"])])
        start = place + 1
    if start == 0:
        return content
    return _joined([*documents, b"".join([*kept, content[start:].rstrip(_BLANK), b"}" * max(depth, 0)])])


def _has_words(content: bytes, at: int) -> bool:
    """Whether what follows a document is text, and not what a program left behind it."""
    return _WORDS.search(content, at) is not None and _NO_TEXT.search(content, at, at + _LOOKED_AT) is None


def _as_rtf(text: bytes) -> bytes:
    return b"\\par " + text.rstrip(_BLANK).replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\\par ")


def _joined(documents: list[bytes]) -> bytes:
    """Documents behind each other in one, each on pages of its own."""
    whole = documents[0].rstrip(_BLANK)[:-1]
    for number, document in enumerate(documents[1:], 1):
        colours = sum(table.count(b";") for table in re.findall(rb"\{\\colortbl([^{}]*)\}", whole))
        inner = document.strip(_BLANK)[1:-1]
        whole += _NEXT + _renumbered(inner, number * _APART, colours)
    return whole + b"}"


def _renumbered(content: bytes, apart: int, colours: int) -> bytes:
    """A document's content with other numbers for its fonts, styles, lists and colours."""
    default = re.search(rb"\\deff(\d{1,9})", content)
    plain = b"\\plain\\f%d " % (int(default[1]) + apart if default else apart)
    made, at, copied = [plain], 0, 0
    while (found := _NUMBERED.search(content, at)) is not None:
        at = found.end()
        word, number = found[1], found[2]
        if word == b"bin":
            at += int(number or 0)
            continue
        if word in (b"rtf", b"deff"):
            new = b"{}"
        elif word == b"plain":
            new = plain
        elif number is None:
            continue
        elif word in _FONTS or word in _LISTS:
            new = b"\\%s%d%s" % (word, int(number) + apart, found[3])
        elif word in _COLOURS and int(number):
            new = b"\\%s%d%s" % (word, int(number) + colours, found[3])
        else:
            continue
        made += (content[copied : found.start()], new)
        copied = at
    return b"".join([*made, content[copied:]])


# --- what is counted anew, or not shown


def _with_labels(content: bytes) -> bytes:
    """Lists with the labels that were stored beside each paragraph, not those that would be counted today."""
    if b"{\\pntext" in content:
        content = without_groups(content, re.compile(rb"\{\\\*\\pn(?![a-z])"))
    if b"{\\listtext" in content:
        content = without_groups(content, re.compile(rb"\{\\\*\\list(?:override)?table(?![a-z])"))
        content = _LIST.sub(rb"\\ls0", content)
    return re.sub(rb"\{\\(?:pn|list)text(?![a-z]) ?", b"{", content)


def _noted(field: re.Match[bytes]) -> bytes:
    """A picture that is elsewhere, and of which nothing was stored: a note of what it was."""
    name = field["name"].strip(b'"').replace(b"\\\\", b"/")
    return b"{[Bilde er ikke i kopien: " + name.replace(b"\\", b"/") + b"]}"


def _with_formulas(content: bytes) -> bytes:
    """Formulas as text, since LibreOffice without its formula editor shows none: fractions with a slash."""
    made: list[bytes] = []
    at = 0
    while (found := _FORMULA.search(content, at)) is not None:
        end = group_end(content, found.start())
        made += (content[at : found.start()], b"{", _MATHS.sub(_said, content[found.end() : end - 1]), b"}")
        at = end
    return b"".join([*made, content[at:]])


def _said(found: re.Match[bytes]) -> bytes:
    if found["part"]:
        return b"{" + _SIGNS[found["part"]]
    return b"" if found[0].startswith(b"{") else b"{}"


def _with_drawn_words(content: bytes) -> bytes:
    """The words of drawn text (WordArt) before the drawing, which LibreOffice does not show."""
    made, at = [], 0
    while (start := content.find(b"{\\shp", at)) >= 0:
        end = group_end(content, start)
        words = _DRAWN.search(content, start, end)
        made.append(content[at:start])
        if words is not None and not content.startswith(b"{\\shppict", start):
            made.append(b"{ " + words[1] + b" }")
        made.append(content[start:end])
        at = end
    return b"".join([*made, content[at:]])


def _with_a_page(content: bytes) -> bytes:
    """A document of nothing but headers and footers gets the empty paragraph that they need to be shown."""
    at = depth = 0
    for place, brace in braces(content):
        if depth == 1:
            between = content[at:place]
            if _PARAGRAPH.search(between) or _CONTROL.sub(b"", between).strip(_BLANK):
                return content
            if brace == b"{" and _HEAD.match(content, place) is None:
                return content
        depth += 1 if brace == b"{" else -1
        at = place + 1
    end = content.rstrip(_BLANK)
    return end[:-1] + b"\\pard\\plain\\par}" if depth == 0 and end.endswith(b"}") else content
