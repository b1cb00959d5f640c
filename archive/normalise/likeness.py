"""How much a reading of bytes looks like a text that someone wrote, and in which language.

Each character beyond ASCII is looked at with its two neighbours: a letter that the language has, inside a word and not
a capital behind a small letter; a sign where such signs are used; a box drawing beside another. The weights are small
numbers, chosen by hand and tested by a table of texts in some twenty encodings: only their order matters.
Norwegian letters weigh most, since that is what the journals are written in.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_ODD = re.compile(r"[^\x00-\x7f]")
_ODD_BYTE = re.compile(rb"[\x80-\xff]")
_WORDS = re.compile(r"(?<![a-z\x80-\xff])[a-z]{2,}(?![a-z\x80-\xff])")

NORDIC, ICELANDIC, FRENCH = "Nordic or western", "Icelandic", "French"
NORWEGIAN = "æøå"
_COMMON, _SELDOM = 3.5, 1.5
_FOREIGN_LETTER = -2.0


def _alphabet(common: str, seldom: str = "") -> dict[str, float]:
    return dict.fromkeys(seldom, _SELDOM) | dict.fromkeys(common, _COMMON)


LANGUAGES: dict[str, dict[str, float]] = {
    NORDIC: dict.fromkeys("éèêëóòôöüäáàâíñçšžßïîúùûýðþãõœì", 1.0)
    | dict.fromkeys("éöüäóòôß", 2.0)
    | dict.fromkeys(NORWEGIAN, 5.0),
    ICELANDIC: dict.fromkeys("öáéíóúý", 2.0) | dict.fromkeys("ðþæ", 3.0),
    FRENCH: dict.fromkeys("âîôûëïùœ", 1.5) | dict.fromkeys("éèàçê", 3.0),
    "Polish": _alphabet("ąćęłńóśźż"),
    "Czech or Slovak": _alphabet("áčďéěíňóřšťúůýž", "ľĺŕôä"),
    "Hungarian": _alphabet("áéíóöőúüű"),
    "Croatian, Bosnian or Slovene": _alphabet("čćšžđ"),
    "Romanian": _alphabet("ăâîșțşţ"),
    "Lithuanian": _alphabet("ąčęėįšųūž"),
    "Latvian": _alphabet("āčēģīķļņšūž"),
    "Sami": _alphabet("áčđŋšŧž", "åäöæøï"),
    "Turkish": _alphabet("çğıöşü", "âîû"),
    "Russian": _alphabet("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"),
    "Ukrainian": _alphabet("оаинітерсвкмлудпьязйгбчхїжцєшюфщґ"),
    "Greek": _alphabet("αεηικλμνοπρστυςόάίέήύωώθγδβφχξψζϊϋ"),
}
"""By name, the letters beyond ASCII and what each weighs."""

_FREQUENT = frozenset("оеаинтсрвлαειοντσς")  # more than one letter in twenty-five, each
_ALONE = frozenset("æøåàáéóавиоуяксзіηο")  # words of one letter
_RUNS = frozenset(("Russian", "Ukrainian", "Greek"))
_FUNCTION_WORDS: dict[str, str] = {
    NORDIC: " og er det som til ikke av den har med for hun han fra en et jeg kan om var ble vil skal men ved hos "
    "pasienten siden dag uke ingen etter blir att inte och vi du ett ",
    ICELANDIC: " og er til ekki hann var um en hefur ",
    FRENCH: " le la les de des et est une un dans pour avec sur il elle du au ",
    "Polish": " nie jest do na ze jak ale czy od przez oraz dla po jego tak pacjent ",
    "Czech or Slovak": " je na se do ale pro jak od po jako jsem bez nebo pacient ",
    "Hungarian": " az egy hogy nem van volt meg de ki mint csak ",
    "Croatian, Bosnian or Slovene": " je na se da su od za ne kao ili pacijent sam ",
    "Lithuanian": " ir yra kad su bet po tai nuo kaip ",
    "Latvian": " ir un ar no uz par bet kas pie ",
    "Romanian": " este nu de la cu pe din sau un pentru pacientul ",
    "Turkish": " bir ve bu da de ne ile gibi daha hasta ",
    "Sami": " lea ja ii go dat mun son leat ahte vel ",
}
_MOST_WORDS = 2_000

_QUOTES = frozenset("«»“”„‘’‚´")
_DASHES = frozenset("–—•·…■")
_BOX = frozenset(map(chr, range(0x2500, 0x25A0)))
_SINGLE, _DOUBLE = frozenset("─┌┐└┘├┤┬┴┼╟╢╥╨╫╓╖╙╜"), frozenset("═╔╗╚╝╠╣╦╩╬╞╡╤╧╪╒╕╘╛")
_LEVEL, _UPRIGHT, _BLOCKS = frozenset("─═"), frozenset("│║┃"), frozenset("░▒▓█▀▄■▌▐")
_UNIT_SIGNS = frozenset("°²³½¼¾±µμ×‰")
_RELATIONS = frozenset("≥≤≈±→←↑↓")
_UNDEFINED = "\ufffd"


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much a text is like one of its language; positive where it is. `odd` is how many of its characters, with
    their neighbours, do not look as they should; `seen` how many were looked at; `foreign` how many are letters that
    Norwegian has not; `letters` how many different letters there are."""

    score: float
    language: str
    odd: int
    seen: int
    foreign: int
    letters: int


def languages_of(text: str) -> dict[str, float]:
    """What each letter of a language weighs more or less, by the ASCII words of a text: those that every text of the
    language has many of. Nothing where there are too few words to tell."""
    found = Counter(_WORDS.findall(text[: 16 * _MOST_WORDS].lower())[:_MOST_WORDS])
    hits = {name: sum(n for w, n in found.items() if f" {w} " in words) for name, words in _FUNCTION_WORDS.items()}
    best = max(hits, key=lambda name: hits[name])
    if hits[best] < 2 or hits[best] * 25 < found.total():
        return {}
    leaning = {name: -1.5 for name in LANGUAGES if hits.get(name, 0) * 2 < hits[best]}
    return leaning if best == NORDIC else leaning | {best: 1.0}


def likeness(
    text: str, leaning: Mapping[str, float] | None = None, languages: Iterable[str] = (NORDIC, ICELANDIC, FRENCH)
) -> Likeness:
    """How much a text looks like one.

    Args:
        text: the reading.
        leaning: as `languages_of`; of no language by default.
        languages: those it may be in.
    """
    return weighed(windows_of(text), leaning or {}, languages)


def windows_of(text: str) -> Counter[str]:
    """Each character beyond ASCII between its neighbours, and how often it stands so."""
    text = f" {text} "
    return Counter(text[at - 1 : at + 2] for at in (found.start() for found in _ODD.finditer(text)))


def windows_of_bytes(content: bytes) -> Counter[bytes]:
    """The same of bytes, before any page is tried."""
    content = b" " + content + b" "
    return Counter(content[at - 1 : at + 2] for at in (found.start() for found in _ODD_BYTE.finditer(content)))


def weighed(windows: Mapping[str, int], leaning: Mapping[str, float], languages: Iterable[str]) -> Likeness:
    """How much a text is like one, by its windows; else as `likeness`."""
    base, odd, seen, runs = 0.0, 0, 0, 0
    letters: Counter[str] = Counter()
    lone: Counter[str] = Counter()
    for window, count in windows.items():
        seen += count
        weight, letter, within, run = _classed(window)
        if letter is None:
            base += count * weight
            odd += count * (weight < 0)
        elif within:
            letters[letter] += count
            runs += count * run
        else:
            lone[letter] += count
    best: Likeness | None = None
    foreign = sum(count for letter, count in (letters + lone).items() if letter not in NORWEGIAN)
    for name in languages:
        alphabet = LANGUAGES[name]
        extra = leaning.get(name, 0.0)
        score, strange = base, 0
        for letter, count in letters.items():
            weight = alphabet.get(letter, _FOREIGN_LETTER)
            if name in _RUNS:
                weight += (letter in _FREQUENT) - 0.5
            strange += count * (weight < 0)
            score += count * (weight + extra)
        for letter, count in lone.items():
            score += count * (1.0 if letter in _ALONE else -2.0 if letter in alphabet else -3.0)
        if name not in _RUNS:
            score -= 5.0 * runs
            strange += runs
        if best is None or score > best.score:
            best = Likeness(score, name, odd + strange, seen, foreign, len(letters))
    if best is None:
        raise TypeError("there are no languages")
    return best


@functools.lru_cache(maxsize=1 << 17)
def _classed(window: str) -> tuple[float, str | None, bool, bool]:
    """The weight of a character between its neighbours; or the letter that it is where the language decides, whether it
    stands within a word, and whether within a run of such letters."""
    before, character, after = window[0], window[1], window[2]
    if not character.isalpha() or character in "ªºµ":
        return _sign(character, before, after), None, False, False
    fixed = _misplaced(character, before, after)
    if fixed is not None:
        return fixed, None, False, False
    within = before.isalpha() or after.isalpha()
    return 0.0, character.lower(), within, within and _inside_run(before) and _inside_run(after)


def _inside_run(neighbour: str) -> bool:
    """Three letters beyond ASCII in a row, of which Norwegian's own are one kind, are no Latin word."""
    return neighbour > "\x7f" and neighbour.isalpha() and neighbour not in "æøåÆØÅ"


def _misplaced(character: str, before: str, after: str) -> float | None:
    """The weight of a letter that does not stand as letters do; None where it does."""
    if character in (before, after) and (character.isupper() or before == after):
        return -1.0  # a ruled line of another page's box characters
    if character.isupper() and before.islower():
        return -3.0  # a capital inside a small word is the mark of a wrong page
    if character.islower() and after.isupper():
        return -1.0
    if character in "æøå" and character in (before, after):
        return 1.0
    if character in "æøåÆØÅ" and (after in "aiouæøå" or before in "aeiouæå"):
        return 2.0  # vowels that Norwegian hardly ever has together
    mixed = _script(character)
    if any(neighbour.isalpha() and _script(neighbour) != mixed for neighbour in (before, after)):
        return -4.0
    return None


def _script(character: str) -> int:
    """0 Latin, 1 Greek, 2 Cyrillic, 3 another."""
    code = ord(character)
    if code < 0x250:
        return 0
    return 1 if 0x370 <= code < 0x400 else 2 if 0x400 <= code < 0x530 else 3


def _sign(character: str, before: str, after: str) -> float:
    """The weight of a character that is no letter."""
    if character == _UNDEFINED:
        return -8.0
    if character in _BOX:
        return _drawing(character, before, after)
    if character in _RELATIONS:
        return 2.0 if (before in " \n(\t" or before.isdigit()) and (after in " \n,." or after.isdigit()) else -0.5
    if (character in "µμ" and after in "gmls" and not before.isalpha()) or (character == "°" and after in "CF"):
        return 4.5
    if character in _UNIT_SIGNS:
        fits = before.isdigit() or before in " ,.\n(" or after in "gmlL" or (character in "²³" and before == "m")
        return 2.0 if fits and not (before.isalpha() and after.isalpha()) else -1.0
    if character == "§":
        return 2.0 if after.isdigit() or after in " §" else -1.0
    if character in _QUOTES:
        return _quote(character, before, after)
    if character in _DASHES:
        if character in "…·":
            return 1.5 if not after.isalnum() else 0.3
        return 2.0 if before.isspace() or after.isspace() or before == after else 0.3 if before.isdigit() else -0.5
    if character == "€":
        return 2.0 if before in " 0123456789" else -1.0
    if character == "\xa0":
        return 0.0 if before.isalpha() and after.isalpha() else 0.5
    category = unicodedata.category(character)
    if category == "Cc":
        return -12.0
    return -2.5 if category[0] in "LSM" else -2.0 if before.isalpha() and after.isalpha() else -1.5


def _drawing(character: str, before: str, after: str) -> float:
    """Of a ruled line or table: corners stand at lines of their own kind, and not within words."""
    if before.isalpha() or after.isalpha():
        return 0.5 if character in _UPRIGHT and not (before.isalpha() and after.isalpha()) else -2.0
    beside = [n for n in (before, after) if n in _BOX]
    if not beside:
        return 2.0 if character in _UPRIGHT and before.isspace() and after.isspace() else -2.0
    if character in _BLOCKS or character in _UPRIGHT:
        return 2.0 if character in beside else 0.5
    own = _SINGLE if character in _SINGLE else _DOUBLE
    if character in _LEVEL:
        return 2.0 if all(n in own or n in _BLOCKS for n in beside) else -2.0
    level = [n for n in beside if n in _LEVEL]
    return -1.0 if not level else 2.0 if all(n in own for n in level) else -2.0


def _quote(character: str, before: str, after: str) -> float:
    if character in "’´" and before.isalpha() and after.isalpha():
        return 1.5
    opens = not before.isalnum() and not after.isspace()
    closes = not after.isalnum() and not before.isspace()
    if (character == "»" and not closes) or (character == "«" and not opens):
        return 0.5
    return 3.0 if opens != closes or (opens and closes and not before.isalnum()) else -1.5
