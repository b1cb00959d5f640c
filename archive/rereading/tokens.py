"""What a text says, piece by piece: words, numbers and signs.

A word is a run of letters, without regard to case and compatibility forms. A number keeps what stands within it and a
minus before it: `1,5`, `120/80` and `-3` are one number each, so that a lost comma is another number. A sign is a
character outside letters and digits that carries meaning: units and mathematics (µ is a letter), arrows, boxes, ticks,
raised digits, fractions, currencies. Punctuation that only parts what it stands between is none of these.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

_ALONE = "\u0e01-\u0e2e\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
"""Thai, Kana, Han, Hangul: scripts without spaces give a word for each letter."""
_RAISED = str.maketrans("0123456789+-\u2212()=n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾⁼ⁿ")
_LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾⁼", "0123456789+-()=")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufefc]")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))
_SAME = str.maketrans({"\u2206": "\u03b4", "\u2211": "\u03c3", "\u220f": "\u03c0", "\u2212": "-", "\u2010": "-",
                       "\u2011": "-", "\u223c": "~", "\u2215": "/", "\u2044": "/"})  # fmt: skip
_MARKS = "%&@#*§¶†‡‰‱※"
"""Punctuation that carries meaning by itself."""
_NO_SIGNS = (range(0x2500, 0x2580), range(0x2580, 0x25A0), range(0x1F3FB, 0x1F400))
"""Lines and shades of drawn tables; skin tones."""
_SHIFT = 0xF0000
"""Where raised digits and fractions wait while compatibility forms are folded, which would make them digits."""


def _numbers_like() -> Iterator[int]:
    for code in range(0x80, 0x3400):
        if unicodedata.category(chr(code)) == "No" or chr(code) in "⁺⁻⁼⁽⁾":
            yield code


def _signs() -> Iterator[str]:
    for code in [*range(0x21, 0x3300), *range(0x1F000, 0x1FB00)]:
        c = chr(code)
        if unicodedata.category(c) in ("Sm", "So", "Sc") and not any(code in r for r in _NO_SIGNS):
            yield c


_KEPT = {code: chr(_SHIFT + code) for code in _numbers_like()}
_BACK = {_SHIFT + code: chr(code) for code in _KEPT}


def _class(characters: Iterable[str | int]) -> str:
    """A class of a regular expression, in ranges."""
    codes = sorted({c if isinstance(c, int) else ord(c) for c in characters})
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" if b > a else re.escape(chr(a)) for a, b in ranges)


_SIGN = f"[{_class(_signs())}{re.escape(_MARKS)}\U000f0000-\U000f3400]"
_DIGITS = r"\d+(?:[.,:/-]\d+)*"
_NUMBER = rf"{_DIGITS}|-(?<![^\s(\[=<>:;]-){_DIGITS}"
_TOKEN = re.compile(rf"[^\W\d_]+|{_NUMBER}|{_SIGN}")
_TOKEN_ALONE = re.compile(rf"[{_ALONE}]|[^\W\d_{_ALONE}]+|{_NUMBER}|{_SIGN}")
_ASCII_TOKEN = re.compile(rf"[a-z]+|{_NUMBER}|[$+<=>|~%&@#*]")
_HAS_KEPT = re.compile(f"[{_class(_KEPT)}]")
_HAS_ALONE = re.compile(f"[{_ALONE}]")
_HAS_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_HAS_SAME = re.compile(f"[{_class(_SAME)}]")
_ODD_WORD = re.compile("[\u0300-\u036f\u0590-\uffff\U00010000-\U0010ffff]")
"""Letters of scripts that join, stack or run from right to left, and signs that wait."""


class Tokens:
    """The tokens of a text, in order.

    Attributes:
        texts: the tokens.
        folded: the text they were found in, as `fold` makes it.
    """

    def __init__(self, texts: list[str], folded: str) -> None:
        self.texts, self.folded = texts, folded

    @functools.cached_property
    def places(self) -> list[tuple[int, int]]:
        """Start and end of each token in the folded text."""
        return [found.span() for found in _pattern(self.folded).finditer(self.folded)]


def tokens(text: str, *, lowered: bool = False) -> Tokens:
    """The tokens of a text.

    Args:
        text: any text.
        lowered: raised digits count as digits, as a page's text gives them where they are only drawn higher.
    """
    folded = fold(text.translate(_LOWERED) if lowered and _HAS_KEPT.search(text) else text)
    texts = _pattern(folded).findall(folded)
    if not folded.isascii() and _ODD_WORD.search(folded):
        texts = [t if t.isascii() else _ordered(t) for t in texts]
    return Tokens(texts, folded)


def _pattern(folded: str) -> re.Pattern[str]:
    if folded.isascii():
        return _ASCII_TOKEN
    return _TOKEN_ALONE if _HAS_ALONE.search(folded) else _TOKEN


def fold(text: str) -> str:
    """A text without regard to case, compatibility forms (but raised digits and fractions) and invisible characters."""
    if text.isascii():
        return text.lower()
    if _HAS_INVISIBLE.search(text):
        text = text.translate(_INVISIBLE)
    if not unicodedata.is_normalized("NFKC", text):
        kept = _HAS_KEPT.search(text)
        text = unicodedata.normalize("NFKC", text.translate(_KEPT) if kept else text)
    text = text.casefold()
    return text.translate(_SAME) if _HAS_SAME.search(text) else text


@functools.lru_cache(4096)
def _ordered(token: str) -> str:
    """Of a word written from right to left only its letters count: a page may give them in the order they are drawn."""
    return "".join(sorted(token)) if _RIGHT_TO_LEFT.match(token) else token.translate(_BACK)


def is_number(token: str) -> bool:
    """Whether a token is a number."""
    return token[-1].isdecimal()


def is_word(token: str) -> bool:
    """Whether a token is a word."""
    return token[0].isalpha()


def raised(text: str) -> str:
    """A raised text in the characters that Unicode has for it; as it is where it has not for all of them."""
    changed = text.translate(_RAISED)
    return changed if all(c in "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾⁼ⁿ" for c in changed if not c.isspace()) else text
