"""Names of persons as they are compared in search: many spellings of one name meet, and what is joined or not.

People write a name as they heard it or as a form had it: Åsgård or Asgard, D'Angelo or DAngelo, Anne-Marie, Annemarie
or Anne Marie. Folding can only make more names alike, never fewer: the right patient is among those found, and who
searches picks by birth date and number.
"""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans({"æ": "a", "ø": "o", "å": "a", "ä": "a", "ö": "o", "ß": "ss", "đ": "d", "ð": "d", "þ": "th",
                          "ŧ": "t", "ł": "l", "ŋ": "n", "œ": "o", "ı": "i"})  # fmt: skip
_DIGRAPHS = re.compile(r"(?<=a)[ae]+|(?<=[ou])e+")
"""What follows a vowel where one letter is written with two: aa and ae are a, oe is o, ue is u."""
_JOINERS = re.compile(r"[-‐‑–'’ʼ`´./_]+")
"""What stands between the parts of one name."""


def fold_name(text: str) -> str:
    """A name as it is compared in search; apply it to the query and to the data alike.

    Lower case; å, æ, ä, `aa` and `ae` are all a, ø, ö and `oe` are o, ü and `ue` are u; other letters lose their
    accents (é is e, š is s); what is neither letter nor digit separates words, but signs without width are left out;
    one space between words. Composed and decomposed Unicode give the same. The beginning of a name folds to the
    beginning of the folded name, so that a name may be typed in part.
    """
    composed = unicodedata.normalize("NFKC", without_width(text)).casefold()
    # casefold may decompose (İ): compose again, so that å is one letter when it is looked up
    mapped = unicodedata.normalize("NFC", composed).translate(_LETTERS)
    bare = "".join(c for c in unicodedata.normalize("NFD", mapped) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in _DIGRAPHS.sub("", bare)).split())


def name_column(text: str) -> str:
    """The words of a name to look in: folded, then each joined name as one word (`anne marie dahl annemarie`)."""
    joined = [whole for whole, parts in map(name_forms, text.split()) if len(parts) > 1]
    return " ".join([fold_name(text), *dict.fromkeys(joined)])


def name_forms(word: str) -> tuple[str, list[str]]:
    """A word of a name without blanks, folded: as one word, and its parts where signs join several."""
    return fold_name(_JOINERS.sub("", word)).replace(" ", ""), fold_name(word).split()


def without_width(text: str) -> str:
    """A text without the signs that have no width and no meaning in a name or number (U+200B, U+FEFF, soft hyphen)."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf")
