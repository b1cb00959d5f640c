"""Text whose character set is declared, read as it was meant: names as browsers and mail readers understand them, and
the declaration checked against the bytes.

`iso-8859-1` means Windows-1252 wherever anybody wrote it (WHATWG Encoding Standard, 4.2). A program that says
one set and writes another is common in mail; so a declaration that makes nonsense of the bytes gives way to evidence,
and that is told.
"""

from __future__ import annotations

import codecs
from dataclasses import replace

from archive.normalise.encodings import Decoded, decode, in_page
from archive.normalise.likeness import LANGUAGES, likeness

_MEANT = {
    **dict.fromkeys(("iso8859-1", "latin-1", "ansi", "x-ansi", "windows", "iso-8859", "8859-1", "cp-1252"), "cp1252"),
    "iso8859-9": "cp1254",
    **dict.fromkeys(("tis-620", "iso8859-11"), "cp874"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "x-sjis", "x-ms-cp932"), "cp932"),
    **dict.fromkeys(("euc_kr", "ks_c_5601-1987", "korean"), "cp949"),
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e"), "iso8859-8"),
    **dict.fromkeys(("unicode-1-1-utf-7", "x-unicode-2-0-utf-7"), "utf-7"),
    **dict.fromkeys(("unicode-1-1-utf-8", "x-unicode20utf8"), "utf-8"),
    **dict.fromkeys(("unicode", "ucs-2", "iso-10646-ucs-2"), "utf-16"),
    **dict.fromkeys(("x-mac-roman", "x-macroman", "macintosh"), "mac-roman"),
}
_NAMELESS = frozenset(
    ("", "ascii", "unknown", "unknown-8bit", "x-unknown", "x-user-defined", "default", "none", "binary")
)
# Python has codecs that are no character sets: transformations, and such as would read escapes in a text.
_NO_SETS = frozenset(("idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "mbcs", "oem"))
_MANY_BYTES = ("utf", "gb", "cp932", "cp949", "big5", "euc", "iso2022", "hz", "johab", "cp950")
_MARGIN = 4.0


def declared(content: bytes, name: str | None) -> Decoded:
    """The text of some bytes whose character set is said to be `name`; by evidence where that says nothing.

    Never fails; `Decoded.certain` and `lossless` as of `archive.normalise.encodings.decode`.
    """
    codec = codec_of(name)
    if codec is None or not content.strip():
        return decode(content)
    if content.isascii() and not codec.startswith(("utf-7", "utf-16", "utf-32", "iso2022", "hz")):
        return Decoded(content.decode("ascii"), codec, True)
    if codec.startswith(_MANY_BYTES):
        return _many_bytes(content, codec)
    said = in_page(content, codec)
    like = likeness(said.text, languages=LANGUAGES)
    try:
        other = content.decode("utf-8")
    except UnicodeDecodeError:
        if like.score >= 0 or (found := decode(content)).encoding == codec or not found.certain:
            return said
        return replace(found, certain=False, detail=f"Declared as {codec}, but read as {found.encoding}.")
    if likeness(other, languages=LANGUAGES).score < like.score + _MARGIN:
        return said
    return Decoded(other, "utf-8", False, True, f"Declared as {codec}, but read as utf-8.")


def codec_of(name: str | None) -> str | None:
    """Python's name of a declared character set; None where the name is of none, or says nothing."""
    plain = (name or "").strip(" \t\"'").lower()
    if plain in _NAMELESS or plain.removeprefix("us-") in _NAMELESS:
        return None
    for known in (plain, plain.removeprefix("x-"), plain.replace("windows-", "cp").replace("_", "-")):
        if known in _MEANT:
            return _MEANT[known]
        try:
            found = codecs.lookup(known)
        except (LookupError, ValueError):
            continue
        codec = found.name.replace("_", "-")
        if codec in _NAMELESS or codec in _NO_SETS or not _is_text(known):
            return None
        return _MEANT.get(found.name, found.name)
    return None


def _is_text(name: str) -> bool:
    """Whether a codec makes characters of bytes: `bytes.decode` refuses those that make bytes of bytes."""
    try:
        b"a".decode(name, "replace")
    except (LookupError, ValueError):
        return False
    return True


def _many_bytes(content: bytes, codec: str) -> Decoded:
    try:
        return Decoded(content.decode(codec), codec, True)
    except (UnicodeDecodeError, ValueError):
        pass
    if codec.startswith("utf"):
        return decode(content)
    text = content.decode(codec, "replace")
    return Decoded(text, codec, False, False, f"Read as {codec}; {text.count(chr(0xFFFD))} characters are not of it.")
