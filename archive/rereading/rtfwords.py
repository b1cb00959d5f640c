"""What an RTF file says, read apart from every route to PDF: text only, no layout (RTF specification 1.9.1).

Letters of symbol fonts become the signs they stand for, raised digits those that Unicode has.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace

from archive.rereading.tokens import raised
from archive.symbolfonts import Encoding, encoding_of, recode

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\(\r\n|[^a-zA-Z'])|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)|\\"
)
_NO_TEXT = frozenset(
    b"fonttbl colortbl stylesheet info pict nonshppict fldinst objdata objclass objname listtable listoverridetable"
    b" rsidtbl generator filetbl revtbl themedata colorschememapping datastore latentstyles xmlnstbl template bkmkstart"
    b" bkmkend sp mmathPr listtext pntext pntxta pntxtb atrfstart atrfend atnid atnauthor atnref atndate atnparent"
    b" ftncn ftnsep ftnsepc aftncn aftnsep aftnsepc panose falt private userprops blipuid wgrffmtfilter".split()
)
_STARRED_TEXT = frozenset(b"shppict shpinst annotation footnote shptxt do dptxbxtext upr ud".split())
_BREAKS = dict.fromkeys(b"cell tab nestcell pard sectd trowd".split(), " ")
_BREAKS |= dict.fromkeys(b"par line row page sect nestrow column".split(), "\n")
_NAMED = {
    b"emdash": "\u2014", b"endash": "\u2013", b"bullet": "\u2022", b"lquote": "\u2018", b"rquote": "\u2019",
    b"ldblquote": "\u201c", b"rdblquote": "\u201d", b"emspace": " ", b"enspace": " ",
}  # fmt: skip
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
    254: "cp437", 255: "cp850",
}  # fmt: skip
_SYMBOL = 2
_SYMBOL_FIELD = re.compile(
    r'\s*SYMBOL\s+(0[xX][0-9a-fA-F]+|\d+)\b(?:.*?\\f\s*"?\s*([^"\\]+))?', re.IGNORECASE | re.DOTALL
)
"""A sign by its number in a font: the field has no result in the file."""
_MOST_NAME = 200
_HALF = re.compile("[\ud800-\udfff]")
_MARGIN = frozenset(b"header headerl headerr headerf footer footerl footerr footerf".split())
_ASIDE = _MARGIN | {b"annotation", b"footnote", b"shptxt"}
"""Text that stands elsewhere on the page than where it is in the file."""


@dataclass(frozen=True, slots=True)
class _Group:
    silent: bool = False
    hidden: bool = False
    fonts: bool = False
    field: bool = False
    aside: bool = False
    margin: bool = False
    raised: bool = False
    skip: int = 1
    font: int | None = None


def rtf_text(content: bytes, *, margins: bool = True) -> str:
    """All text that a reader sees somewhere: body, notes, comments, with `margins` also headers and footers."""
    body, around = rtf_parts(content)
    return f"{body}{around}" if margins else body


def rtf_parts(content: bytes) -> tuple[str, str]:
    """All text that a reader sees somewhere, and apart from it that of headers and footers."""
    return _Reader(content).read()


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._out: list[str] = []
        self._beside: list[str] = []
        self._around: list[str] = []
        self._bytes = bytearray()
        self._page = "cp1252"
        self._default: int | None = None
        self._fonts: dict[int, str | None] = {}
        self._names: dict[int, str] = {}
        self._field: list[str] = []
        self._group = _Group()
        self._stack: list[_Group] = []
        self._starred = self._opened = False
        self._skipping = 0

    def read(self) -> tuple[str, str]:
        at = 0
        while (token := _TOKEN.match(self._content, at)) is not None:
            at = token.end()
            word, number, hexadecimal, symbol, brace, text = token.groups()
            if brace:
                self._brace(brace)
            elif word:
                at += self._word(word, int(number) if number else None)
            elif symbol:
                self._symbol(symbol)
            elif hexadecimal:
                self._put(bytes([int(hexadecimal, 16)]))
            elif text:
                self._put(text)
            if not brace and symbol != b"*":
                self._opened = self._starred = False
        self._flush()
        return _whole("".join([*self._out, " ", *self._beside])), _whole("".join(self._around))

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._skipping = 0
        if brace == b"{":
            self._stack.append(self._group)
            self._opened = True
        elif self._stack:
            inner, self._group = self._group, self._stack.pop()
            if inner.field and not self._group.field:
                self._symbol_field()

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*" and self._opened:
            self._starred = True
        elif symbol in (b"\r\n", b"\n", b"\r", b"~", b"\t"):
            self._say(" ")
        elif symbol == b"_":
            self._say("-")
        elif symbol in (b"\\", b"{", b"}"):
            self._put(symbol)

    def _word(self, word: bytes, number: int | None) -> int:
        """Heed a control word; how many bytes after it are binary."""
        if word == b"bin":
            return max(0, number or 0)
        group = self._group
        if word in _NO_TEXT or (self._starred and word not in _STARRED_TEXT):
            fonts, field = word == b"fonttbl", word == b"fldinst" or group.field
            self._group = replace(group, silent=True, fonts=fonts, field=field)
        elif word in _ASIDE:
            self._flush()
            self._group = replace(group, aside=True, margin=group.margin or word in _MARGIN)
            self._say("\f" if word in _MARGIN else " ")
        elif word in _BREAKS:
            self._say(_BREAKS[word])
        elif word == b"plain":
            self._flush()
            self._group = replace(group, hidden=False, font=self._default, raised=False)
        elif word in (b"super", b"up", b"nosupersub", b"sub", b"dn"):
            self._flush()
            self._group = replace(group, raised=word in (b"super", b"up") and number != 0)
        elif word in (b"f", b"deff", b"fcharset", b"cpg"):
            self._font(word, number or 0)
        elif word == b"v":
            self._flush()
            self._group = replace(group, hidden=number != 0)
        elif word == b"ansicpg" and number:
            self._page = _codec(f"cp{number}") or self._page
        elif word in (b"mac", b"pc", b"pca"):
            self._page = {b"mac": "mac_roman", b"pc": "cp437", b"pca": "cp850"}[word]
        elif word == b"uc":
            self._group = replace(group, skip=max(0, number or 0))
        elif word == b"u" and number is not None:
            self._flush()
            self._unicode(chr(number & 0xFFFF))
            self._skipping = group.skip
        elif word in _NAMED:
            self._say(_NAMED[word])
        return 0

    def _font(self, word: bytes, number: int) -> None:
        self._flush()
        if word == b"deff":
            self._default = number
        elif word == b"f":
            self._group = replace(self._group, font=number)
        elif self._group.fonts and self._group.font is not None:
            page = _codec(f"cp{number}") if word == b"cpg" else _CHARSETS.get(number)
            self._fonts[self._group.font] = None if word == b"fcharset" and number == _SYMBOL else page or self._page

    def _put(self, content: bytes) -> None:
        if self._skipping:
            skipped = min(self._skipping, len(content))
            self._skipping -= skipped
            content = content[skipped:]
        group = self._group
        if group.field:
            self._field.append(content.decode("latin-1"))
        elif group.fonts and group.font is not None:
            known = self._names.get(group.font, "")
            if ";" not in known and len(known) < _MOST_NAME:
                self._names[group.font] = known + content.decode("latin-1")
        elif not (group.silent or group.hidden):
            self._bytes += content

    def _unicode(self, letter: str) -> None:
        encoding = self._encoding()
        if encoding is not None:
            letter = recode(letter, encoding)[0]
        self._say(raised(letter) if self._group.raised else letter)

    def _say(self, text: str) -> None:
        self._flush()
        self._skipping = 0
        if not (self._group.silent or self._group.hidden):
            self._place().append(text)

    def _flush(self) -> None:
        if not self._bytes:
            return
        encoding, page = self._encoding(), self._page
        font = self._current()
        if font is not None:
            page = self._fonts.get(font, self._page) or ""
        if encoding is not None:
            text = recode(self._bytes.decode("latin-1"), encoding)[0]
        else:
            text = self._bytes.decode(page, "replace") if page else ""  # of a font of signs that nobody knows
        self._place().append(raised(text) if self._group.raised else text)
        self._bytes.clear()

    def _place(self) -> list[str]:
        return self._around if self._group.margin else self._beside if self._group.aside else self._out

    def _current(self) -> int | None:
        return self._group.font if self._group.font is not None else self._default

    def _encoding(self) -> Encoding | None:
        font = self._current()
        return encoding_of(self._names.get(font, "")) if font is not None else None

    def _symbol_field(self) -> None:
        """Say the sign that a field of this kind asks for."""
        found = _SYMBOL_FIELD.match("".join(self._field))
        self._field.clear()
        if found is None:
            return
        code = int(found[1], 0) if found[1][:2].lower() == "0x" else int(found[1])
        encoding = encoding_of(found[2] or "Symbol")
        if 0x20 <= code <= 0xFF:
            letter = bytes([code])
            self._say(recode(letter.decode("latin-1"), encoding)[0] if encoding else letter.decode("cp1252", "replace"))


def _whole(text: str) -> str:
    """Characters that were written in two halves, as UTF-16 has those beyond U+FFFF."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if _HALF.search(text) else text


def _codec(name: str) -> str | None:
    try:
        return codecs.lookup("utf-8" if name == "cp65001" else name).name
    except LookupError:
        return None
