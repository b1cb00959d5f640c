"""Signs of DOS below the blank: arrows, §, ¶ and bullets that stand where other codes have control characters.

The first 32 codes of DOS pages are graphics to a screen and commands to a printer. One is a sign where it stands as
signs do: by itself, before a number, or, for an arrow, behind a word. The meaning is IBM's page 437, in its figure of
graphics for the controls.
"""

from __future__ import annotations

import re
from collections import Counter

_SIGNS = dict(
    zip(
        (*range(1, 8), 0x10, 0x11, 0x13, 0x14, 0x15, 0x16, 0x18, 0x19, 0x1A, 0x1B, 0x1D, 0x1E, 0x1F),
        "☺☻♥♦♣♠•►◄‼¶§▬↑↓→←↔▲▼",
        strict=True,
    )
)
_ARROWS = frozenset("↑↓→←↔▲▼")
_HINT = re.compile("[\x01-\x07\x10\x11\x13-\x16\x18-\x1b\x1d-\x1f]")
_CANDIDATE = re.compile(f"(?<![\x01-\x08\x0e-\x1f]){_HINT.pattern}+(?![\x01-\x08\x0e-\x1f])")
_DOS_PAGES = ("cp437", "cp850", "cp865", "cp857", "cp852", "cp775", "cp866", "ascii", "ns_4551-1")


def signs(text: str, encoding: str) -> tuple[str, Counter[str]]:
    """A text with the signs that stand in it, and how often each does.

    Args:
        text: as it was decoded, with its control characters.
        encoding: what it was read as; only in pages of DOS, or without a letter beyond ASCII, are there such signs.
    """
    found: Counter[str] = Counter()
    if not encoding.startswith(_DOS_PAGES) or not _HINT.search(text):
        return text, found

    def sign(match: re.Match[str]) -> str:
        before = text[match.start() - 1] if match.start() else "\n"
        after = text[match.end()] if match.end() < len(text) else "\n"
        drawn = "".join(_SIGNS[ord(code)] for code in match[0])
        if not _stands(drawn, before, after):
            return match[0]
        found.update(drawn)
        return drawn

    return _CANDIDATE.sub(sign, text), found


def _stands(drawn: str, before: str, after: str) -> bool:
    """Whether signs stand as signs do. A command to a printer stands at a word, or before what it is to change."""
    opens = before.isspace() or before in '([-/,;:=>"'
    if set(drawn) <= _ARROWS:
        if after == "[" and drawn.endswith("←"):
            return False  # an escape sequence
        return opens or ((before.isalnum() or before in ")%") and not after.isalpha())
    if set(drawn) <= set("§¶"):
        return (opens and (after.isdigit() or after in " \t")) or (before.isdigit() and after == " ")
    return opens and (after.isspace() or (after.isalnum() and drawn[-1] in "•►"))
