"""Which characters the bytes of an undeclared text stand for.

Unicode is told by its marks or its grammar, seven-bit codes by their words (`sevenbits`), EBCDIC by its blanks
(`archive.ebcdic`). Between single-byte code pages nothing in the bytes tells, so every candidate is decoded, and the
reading that looks most like a text that someone wrote wins (`likeness`). A line that the winner makes nonsense of is
read by itself: systems append to a file of another age. Whatever is not beyond doubt says so in `Decoded.detail`.
"""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from archive import ebcdic
from archive.normalise.likeness import (
    FRENCH,
    ICELANDIC,
    LANGUAGES,
    NORDIC,
    Likeness,
    languages_of,
    likeness,
    weighed,
    windows_of,
    windows_of_bytes,
)
from archive.normalise.sevenbits import seven_bits

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# In order of preference where they score alike. Those of Norwegian systems first; then those of neighbours' letters.
_NORDIC_PAGES = ("cp1252", "cp850", "cp865", "iso8859-15", "mac-roman", "iso8859-1")
_WESTERN = (NORDIC, ICELANDIC, FRENCH)
_CENTRAL = ("Polish", "Czech or Slovak", "Hungarian", "Croatian, Bosnian or Slovene", "Romanian")
_BALTIC, _CYRILLIC = ("Lithuanian", "Latvian"), ("Russian", "Ukrainian")
_PAGES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_NORDIC_PAGES, _WESTERN),
    **dict.fromkeys(("cp1250", "iso8859-2", "cp852"), _CENTRAL),
    **dict.fromkeys(("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic"), _CYRILLIC),
    **dict.fromkeys(("cp1257", "iso8859-13", "cp775"), _BALTIC),
    **dict.fromkeys(("cp1253", "iso8859-7"), ("Greek",)),
    **dict.fromkeys(("cp1254", "cp857"), ("Turkish",)),
    "iso8859-10": ("Sami",),
    "iso8859-4": ("Sami", *_BALTIC),
}
"""Single-byte pages, and the languages that are written in each."""
_PENALTY = {"mac-roman": 3.0, "iso8859-15": 0.5, "cp865": 0.5, "iso8859-1": 0.5}
_OTHERS_PENALTY, _FEW = 4.0, 3
_LINE_PAGES = ("cp1252", "cp850", "cp865")
_SAMPLE = 100_000
_MARGIN = 4.0
_NEAR = 8.0
_STRAY, _CUT_OFF = 4.0, 1.5
_SEQUENCE_FITS = 3.0
_MOST_REPAIRED = 8 << 20

_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_PIECES = re.compile(rb"((?:[\x00-\x7f]|" + _SEQUENCE.pattern + rb")+)|([\x80-\xff]+)")
# A character that is cut off where the text ends, or a line of it does.
_CUT = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded text. `certain` is false where another reading was nearly as good, or nothing but likeness speaks for
    this one; `lossless` where encoding it again gives the same bytes; `detail` says what was guessed or does not fit,
    in a sentence that quotes nothing of the text."""

    text: str
    encoding: str
    certain: bool
    lossless: bool = True
    detail: str = ""


def decode(content: bytes) -> Decoded:
    """The text of some bytes, in the likeliest encoding. Never fails: every byte is a character of ISO 8859-1."""
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return _unicode(content[len(bom) :], encoding)
    if b"\0" in content and (wide := _bare_utf16(content)):
        return _unicode(content, wide)
    if content.isascii():
        text, encoding = seven_bits(content.decode("ascii"))
        detail = "" if encoding == "ascii" else f"Read as {encoding}, by its words."
        return Decoded(text, encoding, encoding == "ascii", detail=detail)
    try:
        return Decoded(content.decode("utf-8"), "utf-8", True)
    except UnicodeDecodeError:
        pass
    if ebcdic.looks(content):
        return _ebcdic(content)
    return _eight_bits(content)


def in_page(content: bytes, encoding: str) -> Decoded:
    """Bytes that are known to be of a single-byte page; those it has no character for are shown as C1 controls."""
    try:
        return Decoded(content.decode(encoding), encoding, True)
    except UnicodeDecodeError:
        text = content.decode(encoding, "journalarkiv-c1")
        count = sum(1 for a in content.decode(encoding, "replace") if a == "\ufffd")
        return Decoded(text, encoding, True, False, f"Read as {encoding}; {_bytes(count)} not of it.")


def mixed(content: bytes, page: str = "cp1252") -> Decoded:
    """UTF-8 with stray bytes of another page, as systems write that paste without converting, cut at a size or lose a
    byte on the way."""
    parts: list[str] = []
    strays = 0
    for found in _PIECES.finditer(content):
        if found[1] is not None:
            parts.append(found[1].decode("utf-8", "replace"))
            continue
        stray = found[2]
        after = content[found.end() : found.end() + 1]
        cut = _CUT.search(stray) if after in (b"", b"\r", b"\n") or len(stray) > 1 else None
        whole = stray[: cut.start()] if cut else stray
        strays += len(whole) + (cut is not None)
        parts.append(whole.decode(page, "journalarkiv-c1") + ("\ufffd" if cut else ""))
    if not strays:
        return Decoded("".join(parts), "utf-8", True)
    detail = f"Read as utf-8; {_bytes(strays)} not of it (shown as {page}, or as U+FFFD where a character is cut)."
    return Decoded("".join(parts), f"utf-8 with {page}", False, False, detail)


def _c1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("journalarkiv-c1", _c1)


def _bytes(count: int) -> str:
    return "1 byte is" if count == 1 else f"{count} bytes are"


def _unicode(content: bytes, encoding: str) -> Decoded:
    try:
        text = content.decode(encoding)
        return Decoded(text, encoding, True, lossless=text.encode(encoding) == content)
    except UnicodeError:
        if encoding == "utf-8":
            return replace(mixed(content), encoding=encoding)
        text = content.decode(encoding, "replace")
        count = max(1, text.count("\ufffd"))
        return Decoded(text, encoding, False, False, f"Read as {encoding}; {count} characters are cut or broken.")


def _bare_utf16(content: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of western text is zero."""
    sample = content[: 2 * _SAMPLE]
    nuls = sample.count(0)
    if nuls * 10 < len(sample) * 3:
        return None
    even = sample[0::2].count(0)
    if even * 50 <= nuls:
        return "utf-16-le"
    return "utf-16-be" if (nuls - even) * 50 <= nuls else None


def _ebcdic(content: bytes) -> Decoded:
    found = [(likeness(text := ebcdic.decode(content, page)), page, text) for page in ebcdic.PAGES]
    best = max(found, key=lambda f: f[0].score)
    name = f"EBCDIC (page {best[1]})"
    near = [str(p) for s, p, text in found if text != best[2] and best[0].score - s.score < _NEAR]
    return Decoded(best[2], name, False, False, f"Read as {name}, by its blanks and letters.{_nearly(near)}")


@dataclass(frozen=True, slots=True)
class _Reading:
    value: float
    like: Likeness
    encoding: str
    windows: Mapping[str, int]
    fair: float
    """What it is worth without regard to how few letters speak for it: how near a rival it is."""


def _eight_bits(content: bytes) -> Decoded:
    sample = content[:_SAMPLE]
    leaning = languages_of(sample.decode("latin-1"))
    is_norwegian = bool(leaning) and NORDIC not in leaning
    windows = windows_of_bytes(sample)
    readings = _utf8_readings(sample, leaning)
    readings += [_reading(windows, page, leaning) for page in _NORDIC_PAGES]
    best = max(readings, key=lambda r: r.value)
    if (
        best.like.odd * 20 > best.like.seen
        or best.value < _MARGIN
        or (best.like.foreign * 3 > best.like.seen and not is_norwegian)
    ):
        readings += [_reading(windows, page, leaning) for page in _PAGES if page not in _NORDIC_PAGES]
        best = max(readings, key=lambda r: r.value)
    whole = _whole(content, best.encoding)
    ours = best.encoding not in _PAGES or best.encoding in _NORDIC_PAGES
    if (
        best.like.odd
        and ours
        and len(content) <= _MOST_REPAIRED
        and (parted := _by_lines(content, best.encoding)) is not None
    ):
        return parted
    rivals = {r.encoding: r for r in readings if r.windows != best.windows and r.encoding != best.encoding}
    near = [r.encoding for r in sorted(rivals.values(), key=lambda r: -r.fair) if best.value - r.fair < _NEAR]
    sure = (
        best.value > 0
        and all(best.value - r.fair >= _MARGIN for r in rivals.values())
        and best.like.language == NORDIC
        and best.like.odd * 10 <= best.like.seen
        and (best.like.foreign * 3 <= best.like.seen or is_norwegian)
    )
    if not whole.lossless:
        return replace(whole, certain=False, detail=whole.detail + _nearly(near))
    if sure:
        return whole
    language = "" if best.like.language == NORDIC or best.value <= 0 else f", as {best.like.language}"
    return replace(whole, certain=False, detail=f"Read as {best.encoding}{language}.{_nearly(near)}")


def _nearly(near: list[str]) -> str:
    return f" Nearly as likely: {', '.join(near[:3])}." if near else ""


def _whole(content: bytes, encoding: str) -> Decoded:
    page = encoding.removeprefix("utf-8 with ")
    return mixed(content, page) if page != encoding else in_page(content, encoding)


def _reading(windows: Mapping[bytes, int], page: str, leaning: Mapping[str, float]) -> _Reading:
    table = _table(page)
    read: dict[str, int] = {}
    for (before, character, after), count in windows.items():
        window = table[before] + table[character] + table[after]
        read[window] = read.get(window, 0) + count
    like = weighed(read, leaning, _PAGES[page])
    # A language whose letters are many is not known by one or two of them.
    few = 2.0 * max(0, _FEW - like.letters)
    ours = page in _NORDIC_PAGES
    fair = like.score - (_PENALTY.get(page, 0.0) if ours else _OTHERS_PENALTY)
    return _Reading(fair if ours else fair - few, like, page, read, fair)


@functools.cache
def _table(page: str) -> str:
    return bytes(range(256)).decode(page, "replace")


def _utf8_readings(sample: bytes, leaning: Mapping[str, float]) -> list[_Reading]:
    """As UTF-8, where anything in it is: a sequence of its grammar is seldom anything else."""
    sequences = len(_SEQUENCE.findall(sample))
    if not sequences:
        return []
    readings = []
    for page in ("cp1252", "cp850"):
        read = mixed(sample, page)
        seen = windows_of(read.text.replace("\ufffd", ""))
        like = weighed(seen, leaning, LANGUAGES)
        strays = sum(_CUT_OFF if _CUT.fullmatch(f[2]) else _STRAY * len(f[2]) for f in _PIECES.finditer(sample) if f[2])
        value = like.score + _SEQUENCE_FITS * sequences - strays - (page != "cp1252")
        readings.append(_Reading(value, like, f"utf-8 with {page}", seen, value))
    return readings


def _by_lines(content: bytes, encoding: str) -> Decoded | None:
    """Each line in the page that it looks like, where some lines are plainly of another than the whole; else None."""
    parts: list[str] = []
    others: dict[str, int] = {}
    known: dict[bytes, tuple[str, str]] = {}
    lines = content.splitlines(keepends=True)
    lossless = True
    for line in lines:
        if line.isascii():
            parts.append(line.decode("ascii"))
            continue
        if line not in known:
            known[line] = _line(line, encoding)
        text, page = known[line]
        lossless = lossless and "\ufffd" not in text and not page.startswith("utf-8 with")
        if page != encoding:
            others[page] = others.get(page, 0) + 1
        parts.append(text)
    if not others:
        return None
    told = ", ".join(f"{count} as {page}" for page, count in sorted(others.items()))
    detail = f"Read as {encoding}, but of {len(lines)} lines {told}: the file has more than one encoding."
    return Decoded("".join(parts), f"{encoding} with others", False, False, detail)


def _line(line: bytes, encoding: str) -> tuple[str, str]:
    """A line's text and page: that of the whole, unless another reads plainly better."""
    own = _whole(line, encoding)
    like = likeness(own.text)
    if not like.odd and own.lossless:
        return own.text, encoding
    best, page, text = like.score, encoding, own.text
    if encoding.startswith("utf-8"):
        try:
            return line.decode("utf-8"), encoding
        except UnicodeDecodeError:
            best -= _STRAY
    for other in (*_utf8_readings(line, {}), *(_reading(windows_of_bytes(line), p, {}) for p in _LINE_PAGES)):
        if other.value >= best + (_MARGIN if page == encoding else 0.5):
            best, page = other.value, other.encoding
            text = _whole(line, page).text
    if page.startswith("utf-8 with ") and "\ufffd" not in text:
        try:
            line.decode("utf-8")
            page = "utf-8"
        except UnicodeDecodeError:
            pass
    return text, page
