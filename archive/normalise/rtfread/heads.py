"""The tables at the head of an RTF file: fonts, colours, styles."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread import codepages
from archive.normalise.rtfread.fonts import stand_in
from archive.normalise.rtfread.model import Colour, Format, Look
from archive.normalise.rtfread.properties import LOOKS, PARAGRAPHS, State
from archive.normalise.rtfread.words import WHERE_ZERO, WITHOUT_EFFECT, named

_FONT_WORDS = frozenset(("fnil", "froman", "fswiss", "fmodern", "fscript", "fdecor", "ftech", "fbidi", "fprq", "fbias"))
_THEME_FONTS = frozenset(
    ("flomajor", "fhimajor", "fdbmajor", "fbimajor", "flominor", "fhiminor", "fdbminor", "fbiminor")
)
_STYLE_WORDS = frozenset(
    (
        "snext", "slink", "sautoupd", "ssemihidden", "sunhideused", "spriority", "sqformat", "slocked", "styrsid",
        "spersonal", "scompose", "sreply", "additive",
    )
)  # fmt: skip
_BULLETS = frozenset("\u00b7\u2022-\u2013*")
_DEFAULT_NAME = "Times New Roman"
_MOST_STYLES_UNDER = 20


@dataclass(slots=True)
class _Font:
    name: bytes = b""
    charset: int | None = None
    page: int | None = None


@dataclass(slots=True)
class _Style:
    """`odd`: the first word of it that is not proven."""

    kind: str = "s"
    based_on: int | None = None
    words: list[tuple[str, int | None]] = field(default_factory=list)
    odd: str = ""


class Heads:
    """Fonts, colours and styles of a document.

    Attributes:
        default_codec: the document's code page.
        default_font: the font of text that names none.
    """

    def __init__(self) -> None:
        self.default_codec = "cp1252"
        self.default_font = 0
        self._fonts: dict[int, _Font] = {}
        self._font: _Font | None = None
        self._colours: list[Colour | None] = []
        self._colour: dict[str, int] = {}
        self._styles: dict[tuple[str, int], _Style] = {}
        self._style: _Style | None = None
        self._looks: dict[tuple[object, ...], Look] = {}
        self._bullet = ""
        self._codecs: dict[int | None, str] = {}

    # --- reading them

    def begin(self, table: str) -> None:
        """One of the tables begins."""
        if table == "colortbl":
            if self._colours:
                raise PassedOn("a second colour table")
            self._colour = {}

    def close(self, table: str, *, whole: bool) -> None:
        """A group within a table ends, or the `whole` table."""
        self._font = self._style = None
        if whole and table == "colortbl" and self._colour:
            raise PassedOn("a colour table without its end")

    def word(self, name: str, number: int | None, table: str) -> None:
        """A control word of a table."""
        if table == "fonttbl":
            self._font_word(name, number)
        elif table == "colortbl":
            if name not in ("red", "green", "blue") or number is None or not 0 <= number <= 255:
                raise PassedOn(f"{named(name)} in the colour table")
            self._colour[name] = number
        else:
            self._style_word(name, number)

    def _font_word(self, name: str, number: int | None) -> None:
        if name == "f":
            self._font = self._fonts[number or 0] = _Font()
        elif name == "fcharset" and self._font is not None:
            self._font.charset = number
        elif name == "cpg" and self._font is not None:
            self._font.page = number
        elif name not in _FONT_WORDS and name not in _THEME_FONTS:
            raise PassedOn(f"{named(name)} in the font table")

    def _style_word(self, name: str, number: int | None) -> None:
        if name in ("s", "cs", "ts", "ds"):
            self._style = self._styles[name, number or 0] = _Style(kind=name)
            return
        style = self._style
        if style is None:
            style = self._style = self._styles["s", 0] = _Style()
        if name == "sbasedon":
            style.based_on = number
        elif name in PARAGRAPHS:
            style.words.append((name, number))
        elif name in LOOKS:
            # A paragraph's style does not dress its characters: RTF repeats that at the text.
            if style.kind == "cs" and name not in ("ltrch", "rtlch"):
                style.odd = style.odd or name
        elif name not in _STYLE_WORDS and name not in WITHOUT_EFFECT and not (name in WHERE_ZERO and number == 0):
            style.odd = style.odd or name

    def text(self, data: bytes, table: str) -> None:
        """Bytes of a table: names and the semicolons that end them."""
        if table == "fonttbl":
            for part in data.split(b";"):
                if self._font is not None:
                    self._font.name += part
        elif table == "colortbl":
            if data.strip(b"; "):
                raise PassedOn("text in the colour table")
            for _ in range(data.count(b";")):
                parts = self._colour
                self._colours.append(
                    (parts.get("red", 0), parts.get("green", 0), parts.get("blue", 0)) if parts else None
                )
                self._colour = {}

    # --- using them

    def codec(self, font: int | None) -> str:
        """The code page of text in a font."""
        if font not in self._codecs:
            entry = self._fonts.get(self.default_font if font is None else font, _Font())
            if entry.charset == codepages.SYMBOL_CHARSET:
                raise PassedOn("a symbol font")
            if entry.page is not None:
                self._codecs[font] = codepages.of_page(entry.page)
            else:
                self._codecs[font] = codepages.of_charset(entry.charset, self.default_codec)
        return self._codecs[font]

    def look(
        self, font: int | str | None, size: int, bold: bool, italic: bool, underline: bool, strike: bool, colour: int,
        back: int, raised: str, kerning: bool,
    ) -> Look:  # fmt: skip
        """How text looks; the same object for the same look."""
        key = (font, size, bold, italic, underline, strike, colour, back, raised, kerning)
        look = self._looks.get(key)
        if look is None:
            look = self._looks[key] = Look(
                self._family(font), size, bold, italic, underline, strike, self._colour_of(colour),
                self._colour_of(back), raised, kerning,
            )  # fmt: skip
        return look

    def _family(self, font: int | str | None) -> str:
        if isinstance(font, str):
            return stand_in(font)
        number = self.default_font if font is None else font
        if number not in self._fonts:
            if self._fonts or font is not None:
                raise PassedOn("a font that is not in the font table")
            return stand_in(_DEFAULT_NAME)
        entry = self._fonts[number]
        if entry.charset == codepages.SYMBOL_CHARSET:
            raise PassedOn("a symbol font")
        return stand_in(entry.name.decode("latin-1"))

    def is_label_font(self, font: int | None) -> bool:
        """Whether a font is fit for a list's bullet only: a symbol font, or one that is not in the font table."""
        number = self.default_font if font is None else font
        return number not in self._fonts or self._fonts[number].charset == codepages.SYMBOL_CHARSET

    def label_font(self, font: int | None) -> str:
        """The name of the font that LibreOffice draws such a bullet with; its height is the line's."""
        return "OpenSymbol" if font in self._fonts else "DejaVu Sans"

    def check_label(self, label: str) -> None:
        """PassedOn where a list's label is not a bullet, or another bullet than before."""
        if label not in _BULLETS or label != (self._bullet or label):
            raise PassedOn("a list whose labels are not all the same bullet")
        self._bullet = label

    def bullet(self, data: bytes, font: int | None) -> str:
        """The text of a list's label in such a font."""
        if data != b"\xb7":
            raise PassedOn("a list's bullet that is not proven")
        return "\u2022" if font in self._fonts else "\u00b7"

    def _colour_of(self, number: int) -> Colour | None:
        if number == 0 and not self._colours:
            return None
        if not 0 <= number < len(self._colours):
            raise PassedOn("a colour that is not in the colour table")
        return self._colours[number]

    def colour(self, number: int | None) -> Colour | None:
        """A colour of the table, None for the automatic one."""
        return self._colour_of(number or 0)

    def check_style(self, state: State) -> None:
        """PassedOn where a paragraph's style says something of the paragraph that the paragraph itself does not."""
        number = state.style or 0
        if state.style is None and ("s", 0) not in self._styles:
            return
        if ("s", number) not in self._styles:
            raise PassedOn("a style that is not in the style sheet")
        base = State()
        for name, value in self._words_of(number):
            PARAGRAPHS[name](base, value)
        own, usual, here = base.format(), Format(), state.format()
        if own == usual:
            return
        for part in fields(Format):
            value = getattr(own, part.name)
            if value != getattr(usual, part.name) and value != getattr(here, part.name):
                raise PassedOn("a paragraph style with a format of its own")

    def _words_of(self, number: int) -> list[tuple[str, int | None]]:
        chain: list[_Style] = []
        at: int | None = number
        while at is not None and ("s", at) in self._styles and len(chain) < _MOST_STYLES_UNDER:
            style = self._styles["s", at]
            if style.odd:
                raise PassedOn(f"{named(style.odd)} in a style")
            chain.append(style)
            at = style.based_on if style.based_on != at else None
        return [word for style in reversed(chain) for word in style.words if word[0] not in ("pard", "s")]

    def check_character_style(self, number: int | None) -> None:
        """PassedOn where a character style (`\\cs`) may dress its text."""
        style = self._styles.get(("cs", number or 0))
        if style is None or style.odd or (style.based_on not in (None, number) and self._is_odd(style.based_on)):
            raise PassedOn("a character style")

    def _is_odd(self, number: int | None) -> bool:
        style = self._styles.get(("cs", number or 0))
        return style is None or bool(style.odd) or style.based_on is not None
