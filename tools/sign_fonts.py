"""Make the fonts of `archive/normalise/signfonts`: the signs of Symbol, Wingdings and their kin, by name and by code.

    python tools/sign_fonts.py [Symbola_hint.ttf]

LibreOffice draws a run of such a font rightly, in every format it reads, when a font of that name is there. Symbola
(George Douros; "free for any use; may be opened, edited, modified, regenerated, packaged and redistributed") has all
the signs. Each font made here holds those of one encoding of `archive.symbolfonts`, reached as Windows reaches a symbol
font's: U+F020 to U+F0FF. A code without a known meaning is drawn as U+FFFD. Run it again when a table changes.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

from archive.symbolfonts import UNKNOWN, Encoding, sign

SOURCE = "/usr/share/fonts/truetype/ancient-scripts/Symbola_hint.ttf"
OUT = Path(__file__).parent.parent / "archive" / "normalise" / "signfonts"
FAMILIES = {
    Encoding.SYMBOL: ("Symbol", "Symbol MT", "SymbolPS"),
    Encoding.WINGDINGS: ("Wingdings", "Wingdings Regular"),
    Encoding.WINGDINGS_2: ("Wingdings 2",),
    Encoding.WINGDINGS_3: ("Wingdings 3",),
    Encoding.WEBDINGS: ("Webdings",),
    Encoding.DINGBATS: ("Zapf Dingbats", "ZapfDingbats", "ITC Zapf Dingbats", "Monotype Sorts"),
    Encoding.OTHER: ("Marlett", "MT Extra", "Bookshelf Symbol 7", "MS Outlook", "MS Reference Specialty"),
}
_ENGLISH = (0x409, 0x809, 0xC09, 0x1009, 0x1409)
"""A font has one name in each language: its other names are those of other kinds of English."""


def make(source: str, encoding: Encoding, out: Path) -> None:
    """Write the font of one encoding."""
    signs = {code: sign(encoding, code) or UNKNOWN for code in range(0x21, 0x100)} | {0x20: " "}
    font = TTFont(source, recalcTimestamp=False)
    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "kern", "DSIG", "FFTM"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=map(ord, signs.values()))
    subsetter.subset(font)
    glyphs = font.getBestCmap()
    codes = CmapSubtable.newSubtable(4)
    codes.platformID, codes.platEncID, codes.language = 3, 0, 0
    codes.cmap = {0xF000 + code: glyphs[ord(found)] for code, found in signs.items()}
    font["cmap"].tables = [codes]
    names = font["name"]
    names.names = []
    families = FAMILIES[encoding]
    for family, language in zip(families, _ENGLISH, strict=False):
        for number, text in ((1, family), (2, "Regular"), (4, family), (6, families[0].replace(" ", ""))):
            names.setName(text, number, 3, 1, language)
    windows = font["OS/2"]
    windows.ulCodePageRange1, windows.ulCodePageRange2 = 1 << 31, 0
    windows.ulUnicodeRange1 = windows.ulUnicodeRange2 = windows.ulUnicodeRange3 = windows.ulUnicodeRange4 = 0
    windows.usFirstCharIndex, windows.usLastCharIndex, windows.fsType = 0xF020, 0xF0FF, 0
    font.save(out / f"{encoding.value.replace(' ', '')}.ttf")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for each in FAMILIES:
        make(sys.argv[1] if len(sys.argv) > 1 else SOURCE, each, OUT)
