"""Which characters the bytes of an undeclared Norwegian text stand for.

Unicode is told by its marks or its grammar. Between the single-byte code pages of Norwegian systems (Windows-1252,
the DOS pages 850 and 865, ISO 8859-1 and -15, seldom Macintosh) nothing in the bytes tells, so every candidate is
decoded and the text that reads most like Norwegian wins: æ, ø and å inside words, signs where they are used.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# In order of preference where they score alike.
_CANDIDATES = ("cp1252", "cp850", "cp865", "iso8859-15", "mac-roman", "iso8859-1")
_PENALTY = {"mac-roman": 6.0, "iso8859-15": 0.5, "cp865": 0.5}
_SAMPLE = 200_000
_MARGIN = 4.0

_NORWEGIAN = frozenset("æøåÆØÅ")
_FOREIGN = frozenset("éèêëóòôöüäáàâíñçšžÉÈÊËÓÒÔÖÜÄÁÀÂÍÑÇŠŽß")
_QUOTES = frozenset("«»“”„‘’‚´")
_DASHES = frozenset("–—•·…■")
_BOX = frozenset(map(chr, range(0x2500, 0x25A0)))
_UNIT_SIGNS = frozenset("°²³½¼¾±µ×‰")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded text. `certain` is false where another reading was nearly as good; `lossless` where encoding it again
    gives the same bytes."""

    text: str
    encoding: str
    certain: bool
    lossless: bool = True


def decode(content: bytes) -> Decoded:
    """The text of some bytes, in the likeliest encoding. Never fails: every byte is a character of ISO 8859-1."""
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return _unicode(content[len(bom) :], encoding)
    if content.isascii() and b"\0" not in content:
        return _seven_bits(content.decode("ascii"))
    if wide := _bare_utf16(content):
        return _unicode(content, wide)
    try:
        return Decoded(content.decode("utf-8"), "utf-8", True)
    except UnicodeDecodeError:
        pass
    if _mostly_utf8(content):
        return Decoded(_mixed(content), "utf-8 with cp1252", False, lossless=False)
    return _single_byte(content)


# NS 4551-1 (ISO 646-NO): the Norwegian letters in the seats of ASCII's brackets.
_NS_4551 = str.maketrans("[\\]{|}", "ÆØÅæøå")
_NS_4551_WORDS = re.compile(
    r"\b(f\|r|v\{re?t?|n\}r|ogs\}|m\}tte|m\}|f\}r|fj\|r|d\|gn|sp\|r|unders\|k\w*|h\|yre|bl\|d\w*|n\|d\w*|\|nsk\w*|"
    r"\}rs?ak\w*|p}vis\w*|m}neder|l}r|h}nd\w*|s{rlig|n{r\w*|kj{r\w*)(?![\w{|}])|\b[ps]}(?= )",
    re.IGNORECASE,
)


def _seven_bits(text: str) -> Decoded:
    """ASCII, unless words that are among the commonest of Norwegian are written with brackets for letters."""
    words = [found[0].lower() for found in _NS_4551_WORDS.finditer(text)]
    # In program text, few of the brackets stand in such words.
    if len(set(words)) >= 2 and len(words) * 3 >= sum(map(text.count, "[\\]{|}")):
        return Decoded(text.translate(_NS_4551), "ns_4551-1", False)
    return Decoded(text, "ascii", True)


def _unicode(content: bytes, encoding: str) -> Decoded:
    try:
        text = content.decode(encoding)
        return Decoded(text, encoding, True, lossless=text.encode(encoding) == content)
    except UnicodeError:
        text = _mixed(content) if encoding == "utf-8" else content.decode(encoding, "replace")
        return Decoded(text, encoding, False, lossless=False)


def _bare_utf16(content: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of western text is zero."""
    sample = content[: _SAMPLE & ~1]
    nuls = sample.count(0)
    if nuls * 10 < len(sample) * 3:
        return None
    even = sample[0::2].count(0)
    if even * 50 <= nuls:
        return "utf-16-le"
    return "utf-16-be" if (nuls - even) * 50 <= nuls else None


_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def _mostly_utf8(content: bytes) -> bool:
    sequences = _SEQUENCE.findall(content[:_SAMPLE])
    stray = sum(b >= 0x80 for b in content[:_SAMPLE]) - sum(map(len, sequences))
    return len(sequences) > 2 * max(stray, 1)


def _mixed(content: bytes) -> str:
    """UTF-8 with stray bytes of another page, as systems write that paste without converting."""
    parts = []
    while content:
        try:
            parts.append(content.decode("utf-8"))
            break
        except UnicodeDecodeError as e:
            parts.append(content[: e.start].decode("utf-8"))
            stray = content[e.start : e.end]
            try:
                parts.append(stray.decode("cp1252"))
            except UnicodeDecodeError:
                parts.append(stray.decode("latin-1"))
            content = content[e.end :]
    return "".join(parts)


def _single_byte(content: bytes) -> Decoded:
    readings: list[tuple[float, str, str]] = []
    for encoding in _CANDIDATES:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.encode(encoding, "replace") == content:
            readings.append((_score(text[:_SAMPLE]) - _PENALTY.get(encoding, 0.0), encoding, text))
    best = max(readings, key=lambda r: r[0])
    rivals = [score for score, _, text in readings if text != best[2]]
    certain = best[0] > 0 and all(best[0] - score >= _MARGIN for score in rivals)
    return Decoded(best[2], best[1], certain)


_ODD = re.compile(r"[^\x00-\x7f]")


def _score(text: str) -> float:
    """How much the characters beyond ASCII look like Norwegian text; positive where they do."""
    score = 0.0
    for found in _ODD.finditer(text):
        at = found.start()
        character = text[at]
        before = text[at - 1] if at else " "
        after = text[at + 1] if at + 1 < len(text) else " "
        score += _weight(character, before, after)
    return score


def _weight(character: str, before: str, after: str) -> float:
    in_word = before.isalpha() or after.isalpha()
    if character in _NORWEGIAN or character in _FOREIGN:
        if character in (before, after):
            return -1.0  # a ruled line of another page's box characters
        weight = 5.0 if character in _NORWEGIAN else 2.0
        if not in_word:
            return weight / 5 if character in _NORWEGIAN and before in " (-/\n" and after in " ,.)-/\r\n" else -2.0
        # A capital inside a small word is the mark of a wrong page.
        return -3.0 if character.isupper() and before.islower() else weight
    if character in _BOX:
        return 2.0 if before in _BOX or after in _BOX else -2.0
    if character in _UNIT_SIGNS:
        return 2.0 if before.isdigit() or before in " ,.\n(" or after in "gmlL" else -1.0
    if character == "§":
        return 2.0 if after.isdigit() or after in " §" else -1.0
    if character in _QUOTES:
        return 1.5 if before.isalnum() != after.isalnum() or (before.isalpha() and after.isalpha()) else -1.0
    if character in _DASHES:
        return 1.5 if before.isspace() or after.isspace() or before == after else 0.3
    if character == "€":
        return 2.0 if before in " 0123456789" else -1.0
    if character == "\xa0":
        return 0.5 if not in_word or before.isdigit() else 0.0
    category = unicodedata.category(character)
    if category == "Cc":
        return -12.0
    return -2.5 if category[0] in "LSM" else -1.5
