"""Texts of seven bits whose letters beyond ASCII are written with ASCII's own: NS 4551-1 (the Norwegian ISO 646),
UTF-7, and quoted-printable that was saved as it came.

None of them says what it is. Each is told by words: the brackets, codes or escapes must stand in words that Norwegian
has, or give letters inside words; program text has them elsewhere.
"""

from __future__ import annotations

import quopri
import re

from archive.normalise.likeness import likeness

_NS_4551 = str.maketrans("[\\]{|}", "ÆØÅæøå")
_SEATS = re.compile(r"[A-Za-z]*[\[\\\]{|}][A-Za-z\[\\\]{|}]*")
_STEMS = re.compile(
    r"på|så|få|gå|må|nå|år|øl|[gs]må|(?:al)?så|også|både|året?|årene|årlig\w*|årsak\w*|åpen\w*|åpn\w*|ånde\w*|få[rt]t?|"
    r"fåtte?|går|gått|måtte|nåde|når|nå\w*verende|måned\w*|mål\w*|måt\w*|hånd\w*|håp\w*|hår\w*|sår\w*|lår\w*|vår\w*|"
    r"stå\w*|slå\w*|språk\w*|på(?:v|f|m|k|g|t|l)\w+|tåle\w*|tær|tå|blå\w*|båre?\w*|råd\w*|gråt\w*|trå\w*|"
    r"før\w*|føl\w*|gjø\w*|bør|stør\w*|høy\w*|hør\w*|høst\w*|øye\w*|øyne\w*|øre\w*|øv\w*|øk\w*|ønsk\w*|øst\w*|"
    r"prøv\w*|\w+prøv\w*|rød\w*|røyk\w*|røntgen\w*|kjø\w*|søn\w*|søk\w*|søv\w*|søst\w*|døgn\w*|død\w*|dør\w*|"
    r"spør\w*|undersøk\w*|født?\w*|møt\w*|nød\w*|nøy\w*|blø\w*|blød\w*|trøtt\w*|brød\w*|løp\w*|løs\w*|utført\w*|"
    r"behøv\w*|bedømm\w*|tør\w*|tøm\w*|kløe\w*|støtt\w*|smør\w*|grønn\w*|bøy\w*|gjennomfør\w*|opphør\w*|medfør\w*|"
    r"være|vært|vær|væsk\w*|nær\w*|lær\w*|bær\w*|\w+bær|kjær\w*|sær\w*|ærlig\w*|fjær\w*|hæl\w*|bæ\w*|tære\w*|dær\w*|"
    r"underliv\w*åre\w*|innlagt\w*å|\w*undersøkelse\w*|\w*år(?:lig|ene|et)|\w*åpning\w*|pårørende\w*|årsaker"
)
_LEAST_ALONE = 5
_UTF_7 = re.compile(r"\+([A-Za-z0-9+/]{3,})-?")
_QUOTED = re.compile(r"=(?:[0-9A-F]{2}|[ \t]*\r?\n)")
_QUOTED_LETTER = re.compile(r"(?<=[A-Za-z ])=(?:C3=[89AB][0-9A-F]|[C-F][0-9A-F])(?:=|[a-z])", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def seven_bits(text: str) -> tuple[str, str]:
    """An ASCII text with its letters, and the code in which it has them: `ascii` where it has none but ASCII's."""
    if "+" in text and (found := _utf_7(text)) is not None:
        return found, "utf-7"
    if "=" in text and (found := _quoted_printable(text)) is not None:
        return found, "quoted-printable"
    if any(seat in text for seat in "[\\]{|}") and _is_norwegian(text):
        return text.translate(_NS_4551), "ns_4551-1"
    return text, "ascii"


def _is_norwegian(text: str) -> bool:
    """Whether the seats of the Norwegian letters stand in Norwegian words, small or capital."""
    words = _SEATS.findall(text)
    known = [w for word in words if _STEMS.fullmatch(w := word.translate(_NS_4551).lower())]
    seats = sum(map(text.count, "[\\]{|}"))
    if len(set(known)) == 1:
        alone = len(known[0]) >= _LEAST_ALONE or _unbalanced(text)
        return len(words) == len(known) and alone
    # In program text, few of the brackets stand in such words.
    return bool(known) and sum(sum(map(w.count, "æøå")) for w in known) * 3 >= seats


def _unbalanced(text: str) -> bool:
    """Whether brackets close that were never opened, as no writer of brackets does."""
    return any(text.count(opens) == 0 < text.count(closes) for opens, closes in ("[]", "{}"))


def _utf_7(text: str) -> str | None:
    """UTF-7 (RFC 2152), where all that may be coded in it gives letters and signs of a text."""
    coded = [m[1] for m in _UTF_7.finditer(text)]
    if not coded:
        return None
    try:
        decoded = text.encode("ascii").decode("utf-7")
    except UnicodeDecodeError:
        return None
    like = likeness(decoded)
    if like.seen == 0 or like.score < 4 or like.odd or _CONTROLS.search(decoded.replace("\x1b", "")):
        return None
    return decoded if decoded.encode("utf-7").count(b"+") >= len(coded) - text.count("+-") else None


def _quoted_printable(text: str) -> str | None:
    """Quoted-printable (RFC 2045, 6.7) that was never decoded, where every `=` in it is one of its escapes."""
    if text.count("=") != len(_QUOTED.findall(text)) or len(_QUOTED_LETTER.findall(text)) < 2:
        return None
    content = quopri.decodestring(text.encode("ascii"))
    for encoding in ("utf-8", "cp1252"):
        try:
            decoded = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        like = likeness(decoded)
        if like.score > 0 and like.odd * 10 <= like.seen and not _CONTROLS.search(decoded):
            return decoded
        return None
    return None
