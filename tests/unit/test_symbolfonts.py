"""Signs of symbol fonts: which Unicode sign each code of Symbol, Wingdings and their kin stands for."""

import unicodedata
from pathlib import Path

import pytest
from fontTools.agl import toUnicode
from fontTools.t1Lib import T1Font

from archive.symbolfonts import UNKNOWN, Encoding, encoding_of, recode, sign

KNOWN = [encoding for encoding in Encoding if encoding != Encoding.OTHER]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("Symbol", Encoding.SYMBOL),
        ("Symbol MT", Encoding.SYMBOL),
        ("SymbolMT,Bold", Encoding.SYMBOL),
        ("SymbolPS", Encoding.SYMBOL),
        ("symbol;", Encoding.SYMBOL),
        ("'Wingdings'", Encoding.WINGDINGS),
        ("Wingdings Regular", Encoding.WINGDINGS),
        ("ABCDEF+Wingdings-Regular", Encoding.WINGDINGS),
        ("Wingdings2", Encoding.WINGDINGS_2),
        ("WINGDINGS 3", Encoding.WINGDINGS_3),
        ("Webdings", Encoding.WEBDINGS),
        ("Monotype Sorts", Encoding.DINGBATS),
        ("ITC Zapf Dingbats", Encoding.DINGBATS),
        ("ZapfDingbats BT", Encoding.DINGBATS),
        ("Marlett", Encoding.OTHER),
        ("Arial", None),
        ("Segoe UI Symbol", None),
        ("OpenSymbol", None),
        ("Symbola", None),
        ("Times New Roman MT", None),
        ("MT", None),
        ("", None),
    ],
)
def test_fonts_of_signs_are_known_by_every_spelling_of_their_names(name: str, encoding: Encoding | None) -> None:
    assert encoding_of(name) == encoding


@pytest.mark.parametrize("stored", ["m", "\uf06d"])
def test_the_micro_sign_of_symbol_is_read_in_either_way_of_storing_it(stored: str) -> None:
    assert recode(f"50\u00a0{stored}", Encoding.SYMBOL) == ("50\u00a0µ", 0)


@pytest.mark.parametrize(
    ("encoding", "stored", "signs"),
    [
        (Encoding.SYMBOL, "abDW³£±°¥®¬\xad¯", "αβΔΩ≥≤±°∞→←↑↓"),
        (Encoding.WINGDINGS, "þ¨ýüûxo§lnàßáâèJ", "☑□☒✓✘☒□▪●■→←↑↓➡☺"),
        (Encoding.WINGDINGS_2, "RTPOS£", "☑☒✓✗☒□"),
        (Encoding.WINGDINGS_3, '!"#$', "←→↑↓"),
        (Encoding.WEBDINGS, "acr", "✔□✕"),
        (Encoding.DINGBATS, "34no", "✓✔■❏"),
        (Encoding.WINGDINGS, "\u2018\u0178\x96", "➏•🙢"),
    ],
)
def test_the_signs_that_carry_meaning_in_a_record(encoding: Encoding, stored: str, signs: str) -> None:
    assert recode(stored, encoding) == (signs, 0)


def test_characters_that_are_no_codes_stay_what_they_are() -> None:
    assert recode("β → 10\t\u2013", Encoding.SYMBOL) == ("β → 10\t\u2013", 0)


def test_a_code_without_a_meaning_is_told_and_not_dropped() -> None:
    assert recode("\uf0ffm\uf07f", Encoding.SYMBOL) == (f"{UNKNOWN}µ{UNKNOWN}", 2)
    assert recode("ab", Encoding.OTHER) == (UNKNOWN * 2, 2)
    assert recode(f"{UNKNOWN}a", Encoding.SYMBOL) == (f"{UNKNOWN}α", 0)


@pytest.mark.parametrize("encoding", KNOWN)
def test_tables_hold_signs_of_unicode_alone(encoding: Encoding) -> None:
    signs = [found for code in range(0x20, 0x100) if (found := sign(encoding, code))]
    assert len(signs) > 180
    assert sign(encoding, 0x1F) is sign(encoding, 0x100) is None
    for found in signs:
        assert len(found) == 1
        assert unicodedata.category(found) not in {"Co", "Cn", "Cc", "Cs"}


@pytest.mark.parametrize(
    ("encoding", "name", "newer"),
    [
        (Encoding.SYMBOL, "StandardSymbolsPS", {0x44, 0x57, 0x60, 0xE1, 0xF1}),
        (Encoding.DINGBATS, "D050000L", set()),
    ],
)
def test_tables_agree_with_the_glyph_names_of_the_free_clones_of_the_fonts(
    encoding: Encoding, name: str, newer: set[int]
) -> None:
    """A second source: the encodings built into fonts, read by the names of their glyphs."""
    path = Path(f"/usr/share/fonts/type1/urw-base35/{name}.t1")
    if not path.exists():
        pytest.skip("the clone is not installed")
    font = T1Font(path)
    font.parse()
    glyphs = font.font["Encoding"]
    compared = 0
    for code in range(0x20, 0x100):
        by_name = toUnicode(glyphs[code], isZapfDingbats=encoding is Encoding.DINGBATS)
        if len(by_name) == 1 and not 0xE000 <= ord(by_name) < 0xF900 and code not in newer:
            compared += 1
            assert sign(encoding, code) == by_name, hex(code)
    assert compared > 150
