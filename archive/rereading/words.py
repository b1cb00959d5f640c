"""How many words of one text are in another.

A word is a run of letters (at least two) or a run of digits, without regard to case and compatibility forms, so that
neither line breaks nor punctuation nor the order of columns decide. Words that a page breaks over two lines, or sets
without a space, are looked for in the page's letters alone. Scripts without spaces give a word for each letter, and of
a word written from right to left only its letters count, since a page may give them in the order they are drawn.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

_ALONE = r"\u0e01-\u0e2e\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"  # Thai, Kana, Han, Hangul
_WORD = re.compile(rf"[{_ALONE}]|(?:(?![{_ALONE}])[^\W\d_]){{2,}}|\d+")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufefc]")
_NEITHER = re.compile(r"[\W_]+")
_BY_LETTERS = 4
"""Shortest word that may be looked for in the letters alone; shorter ones would be found anywhere, and count where they
stand beside the word before or after."""
_MOST_LOOKED_FOR = 2000
"""Different words, and places of short ones. With more missing the copy is another text, and looking takes too long."""
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


@dataclass(frozen=True, slots=True)
class Kept:
    """Of `words` words `kept` are in the other text."""

    words: int
    kept: int

    @property
    def share(self) -> float:
        """0 to 1; a text without words loses none."""
        return self.kept / self.words if self.words else 1.0


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    return [_as_letters(w) if _RIGHT_TO_LEFT.match(w) else w for w in _WORD.findall(_plain(text))]


def words_kept(source: str, copy: str) -> Kept:
    """How many words of `source`, each as often as it occurs, are in `copy`."""
    words = words_of(source)
    wanted = Counter(words)
    missing = wanted - Counter(words_of(copy))
    lost = missing.total()
    if 0 < len(missing) <= _MOST_LOOKED_FOR:
        letters = _NEITHER.sub("", _plain(copy))
        looked = 0
        found = Counter[str]()  # how often a short one stands beside a neighbour
        for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
            if len(word) < _BY_LETTERS and word in missing and (looked := looked + 1) <= _MOST_LOOKED_FOR:
                beside = (before + word, word + after)
                found[word] += any(len(b) > _BY_LETTERS and b in letters for b in beside)
        for word, count in missing.items():
            if len(word) < _BY_LETTERS:
                lost -= max(0, count - (wanted[word] - found[word]))
            elif letters.count(word) >= wanted[word]:
                lost -= count
    return Kept(len(words), len(words) - lost)


def _as_letters(word: str) -> str:
    return "".join(sorted(word))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold()
