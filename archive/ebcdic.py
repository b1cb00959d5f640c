"""EBCDIC, the code of IBM's mainframes: its pages for the languages of the North, and how text in it is known.

Sources: IBM CDRA, code pages 256, 277, 278, 500 and 037; the control characters NL (15) and LF (25) both end a line.
"""

from __future__ import annotations

from collections.abc import Mapping

BASE = "cp500"
"""Python's name of the page from which the others differ."""


def _others(codes: str, characters: str) -> Mapping[int, str]:
    return dict(zip(bytes.fromhex(codes), characters, strict=True))


DIFFERENCES: Mapping[int, Mapping[int, str]] = {
    # by IBM's number, what differs from page 500
    37: _others("4a4f5a5fb0babb", "¢|!¬^[]"),
    256: _others("b3b4bfe1", "₧ƒ‗\u2003"),
    277: _others("474a5a5b676a707b7c809c9e9fa1c0d0dc", "}#¤Å$ø¦ÆØ@{[]üæå~"),
    278: _others("43474a515a5b63676a797b7c9fa1b5c0ccd0dcec", "{}§`¤Å#$öéÄÖ]ü[ä¦å~@"),
    500: {},
}
PAGES = (277, 278, 500, 37)
"""Pages that text without a word on its page may be of, likeliest first."""

_LETTERS = frozenset((*range(0x81, 0x8A), *range(0x91, 0x9A), *range(0xA2, 0xAA)))
_CAPITALS = frozenset((*range(0xC1, 0xCA), *range(0xD1, 0xDA), *range(0xE2, 0xEA)))
_DIGITS = frozenset(range(0xF0, 0xFA))
_NATIONAL = frozenset((0x47, 0x5B, 0x6A, 0x67, 0x70, 0x7B, 0x7C, 0x80, 0xC0, 0xD0, 0xA1))
_MARKS = frozenset((0x40, 0x4B, 0x4D, 0x5D, 0x60, 0x61, 0x6B, 0x6F, 0x7A, 0x7D, 0x7E, 0x7F, 0x4E, 0x5C, 0x5E, 0x6C))
_ENDS = frozenset((0x05, 0x0C, 0x0D, 0x15, 0x25))
_FIT = _LETTERS | _CAPITALS | _DIGITS | _NATIONAL | _MARKS | _ENDS
_LEAST = 16
_SAMPLE = 16_384
_CARD = 80
_LINE_ENDS = str.maketrans({"\x85": "\n"})


def looks(content: bytes) -> bool:
    """Whether bytes are EBCDIC text: its blanks (40) between letters far above ASCII, and hardly a blank of ASCII."""
    sample = content[:_SAMPLE]
    size = len(sample)
    if size < _LEAST or sample.count(0x20) * 200 > size or sample.count(0x0A) * 200 > size:
        return False
    blanks = sample.count(0x40)
    if not size // 25 <= blanks <= size * 9 // 10:
        return False
    letters = sum(map(sample.count, _LETTERS | _CAPITALS | _DIGITS))
    fit = sum(map(sample.count, _FIT))
    return letters * 2 > size - blanks and fit * 100 >= size * 92


def decode(content: bytes, page: int) -> str:
    """EBCDIC text with its lines ended by LF; records of 80 characters without line ends become lines.

    Args:
        content: the bytes.
        page: one of `DIFFERENCES`.
    """
    table = bytes(range(256)).decode(BASE)
    others = DIFFERENCES[page]
    table = "".join(others.get(code, character) for code, character in enumerate(table))
    text = "".join(table[b] for b in content).replace("\r\x85", "\n").replace("\r\n", "\n").translate(_LINE_ENDS)
    if not any(end in text for end in "\n\r") and len(text) > _CARD and len(text) % _CARD == 0:
        return "\n".join(text[at : at + _CARD].rstrip() for at in range(0, len(text), _CARD))
    return text
