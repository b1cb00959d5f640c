"""How Norwegian text becomes the terms that are indexed and searched for.

A word is a run of letters and digits that begins with a letter, or a number (`7,5` and `01.02.2003` are one; `10mg` is
10 and mg). Words are NFC, lower case, and stemmed by Snowball's Norwegian stemmer until it takes no more away: one
round makes `feb` of feber but `feber` of feberen, and the two would not meet. No word is left out: negations carry
meaning in a journal, and phrases need them all. æ, ø and å are letters of their own and never folded; ä and ö are æ
and ø (Sjögren, Sjøgren), and other letters lose their accents (café, Müller), in text and query alike. Signs without
width are not there.

Words joined by hyphen or slash are indexed one by one; those joined by hyphens also as one word, so that `blod-trykk`,
`blodtrykk` and `trykk` all find it. The same goes for words that were broken at the end of a line, and for the numbers
that people write in groups: of persons (6 and 5 digits), telephones, organisations and accounts.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import Stemmer

VERSION = 3
"""Raised with every change of what terms a text gives; an index of another version is rebuilt."""

FILE_BITS = 24
"""A position is `slot << FILE_BITS | word number`: see `slot_of`."""

_NUMBER = r"\d+(?:[.,:]\d+)*"
_LETTERS = r"[^\W\d_][^\W_]*"
_SOFT = "\u00ad\ufffe\u0002"  # soft hyphen, and what PDFium gives for a hyphen that breaks a line
_HYPHEN = rf"[-‐‑{_SOFT}](?:\r?\n[ \t]*)?"
_BLANK = "[ \u00a0\u2009\u202f]"
GROUPED = "|".join(
    _BLANK.join(rf"\d{{{digits}}}" for digits in shape)
    for shape in ((6, 5), (3, 2, 3), (2, 2, 2, 2), (3, 3, 3), (4, 2, 5))
)
"""A number in groups, as a pattern."""
_GROUPED_DIGITS = frozenset((8, 9, 11))
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_PIECE = re.compile(rf"{_NUMBER}|{_LETTERS}")
_TOKEN = re.compile(
    rf"(?<!\d)(?:{GROUPED})(?![\d.,:]\d|\d|{_BLANK}?{_HYPHEN}\d)|(?:{_NUMBER}|{_LETTERS})(?:(?:{_HYPHEN}|/)(?:{_NUMBER}|{_LETTERS}))*"
)
_CACHE_WORDS = 200_000
_JOINED_PIECES = 3
_STEM_ROUNDS = 4
_SHIFTED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", "0123456789" * 2, strict=True))
_ALIKE = str.maketrans({"ä": "æ", "ö": "ø", **_SHIFTED})
_WORDS_PER_FILE = 1 << FILE_BITS

Compound = tuple[tuple[str, ...], str]
"""The terms of a joined word: of its pieces, and of the whole (empty where it is not taken as one)."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text: its term, its place among the words, and where it is in the text.

    The whole of a hyphenated word is a token of its own over its pieces, from `position` to `last`.
    """

    term: str
    word: str
    position: int
    last: int
    start: int
    end: int


def slot_of(seq: int) -> int:
    """The high part of the positions of a file's words: 0 for the first file (the shortest to store), else its number.

    Slot 1 holds the document's title and type text, so that words of title and files can be asked for together but
    phrases never run from one into the other.
    """
    return 0 if seq == 1 else seq


HEADING_SLOT = 1


def seq_of(slot: int) -> int:
    """The file a slot belongs to; the heading counts as the first file."""
    return max(1, slot)


class Analyser:
    """Text to terms. Threads may share one. `vocabulary` collects every word met, if it is made with one."""

    def __init__(self, vocabulary: set[str] | None = None) -> None:
        self._stem = Stemmer.Stemmer("norwegian", 0).stemWord
        self._lock = threading.Lock()
        self._vocabulary = vocabulary
        self._cache: dict[str, str | Compound] = {}

    def stem(self, word: str) -> str:
        """The term of one word."""
        lower = _bare(word.lower())
        if self._vocabulary is not None:
            self._vocabulary.add(lower)
        if lower[0].isdecimal():
            return lower.replace(",", ".")
        with self._lock:  # the stemmer keeps state
            for _ in range(_STEM_ROUNDS):
                stemmed = self._stem(lower)
                if stemmed == lower or not stemmed:
                    break
                lower = stemmed
        return lower

    def positions(self, text: str, slot: int, into: dict[str, int | list[int]]) -> None:
        """Add the positions of every term of a text: one number, or a list where there are several."""
        get, look = self._cache.get, self._look
        position = slot << FILE_BITS
        end = position + _WORDS_PER_FILE - 64  # no text of a journal is that long; a made one must not spill over
        for raw in _TOKEN.findall(_nfc(text)):
            found = get(raw) or look(raw)
            if isinstance(found, str):
                _put(into, found, position)
                position += 1
            else:
                pieces, joined = found
                first = position
                for piece in pieces:
                    _put(into, piece, position)
                    position += 1
                if joined:
                    _put(into, joined, first)
                    _put(into, joined, position - 1)
            if position >= end:
                return

    def tokens(self, text: str) -> Iterator[Token]:
        """The words of a text with their places in it."""
        composed, offsets = _composed(text)
        position = 0
        for match in _TOKEN.finditer(composed):
            first = position
            for piece in _PIECE.finditer(composed, match.start(), match.end()):
                start, end = piece.span()
                word = piece.group()
                yield Token(self.stem(word), _bare(word.lower()), position, position, *_original(offsets, start, end))
                position += 1
            found = self._cache.get(match.group()) or self._look(match.group())
            if not isinstance(found, str) and found[1]:
                whole = _bare("".join(_PIECE.findall(match.group())).lower())
                yield Token(found[1], whole, first, position - 1, *_original(offsets, *match.span()))

    def _look(self, raw: str) -> str | Compound:
        words = _PIECE.findall(raw)
        result: str | Compound
        if len(words) == 1:
            result = self.stem(words[0])
        else:
            pieces, joined = tuple(self.stem(w) for w in words), ""
            if all(w.isdecimal() for w in words):
                if "/" not in raw and sum(map(len, words)) in _GROUPED_DIGITS:
                    joined = self.stem("".join(words))
            elif len(words) <= _JOINED_PIECES and "/" not in raw and not any(w[0].isdecimal() for w in words):
                joined = self.stem("".join(words))
            result = (pieces, "" if joined in pieces else joined)
        if len(self._cache) >= _CACHE_WORDS:
            self._cache.clear()
        self._cache[raw] = result
        return result


def _put(into: dict[str, int | list[int]], term: str, position: int) -> None:
    known = into.get(term)
    if known is None:
        into[term] = position
    elif isinstance(known, int):
        into[term] = [known, position]
    else:
        known.append(position)


def _bare(lower: str) -> str:
    """A word in lower case without the accents that people leave out, and with raised and lowered digits as digits."""
    if lower.isascii():
        return lower
    kept = []
    for character in lower.translate(_ALIKE):
        if character in "æøå":
            kept.append(character)
        else:
            kept += [c for c in unicodedata.normalize("NFD", character) if not unicodedata.combining(c)]
    return unicodedata.normalize("NFC", "".join(kept)) or lower


def _nfc(text: str) -> str:
    return _INVISIBLE.sub("", unicodedata.normalize("NFC", text))


def _composed(text: str) -> tuple[str, list[int] | None]:
    """The text in NFC without signs of no width, and for each character of it (and its end) the offset in the
    original; None: unchanged."""
    if unicodedata.is_normalized("NFC", text) and not _INVISIBLE.search(text):
        return text, None
    parts, offsets, start = [], [], 0
    for i in range(1, len(text) + 1):
        if i == len(text) or not (unicodedata.combining(text[i]) or _INVISIBLE.match(text[i])):
            part = _nfc(text[start:i])
            parts.append(part)
            offsets.extend([start] * len(part))
            start = i
    return "".join(parts), [*offsets, len(text)]


def _original(offsets: list[int] | None, start: int, end: int) -> tuple[int, int]:
    return (start, end) if offsets is None else (offsets[start], offsets[end])
