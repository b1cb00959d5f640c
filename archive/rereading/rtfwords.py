"""The words of an RTF file, read apart from every route to PDF: text only, no layout (RTF specification 1.9.1)."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace

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
_BREAKS = frozenset(b"par line cell row tab page sect nestcell nestrow column pard sectd trowd".split())
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
_MARGIN = frozenset(b"header headerl headerr headerf footer footerl footerr footerf".split())
_ASIDE = _MARGIN | {b"annotation", b"footnote", b"shptxt"}
"""Text that stands elsewhere on the page than where it is in the file."""


@dataclass(frozen=True, slots=True)
class _Group:
    silent: bool = False
    hidden: bool = False
    fonts: bool = False
    aside: bool = False
    skip: int = 1
    font: int | None = None


def rtf_text(content: bytes, *, margins: bool = True) -> str:
    """All text that a reader sees somewhere (body, notes, comments, with `margins` also headers and footers), with
    breaks as spaces."""
    return _Reader(content, margins=margins).read()


class _Reader:
    def __init__(self, content: bytes, *, margins: bool) -> None:
        self._content, self._margins = content, margins
        self._out: list[str] = []
        self._beside: list[str] = []
        self._bytes = bytearray()
        self._page = "cp1252"
        self._default: int | None = None
        self._fonts: dict[int, str | None] = {}
        self._group = _Group()
        self._stack: list[_Group] = []
        self._starred = self._opened = False
        self._skipping = 0

    def read(self) -> str:
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
        return "".join([*self._out, " ", *self._beside])

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._skipping = 0
        if brace == b"{":
            self._stack.append(self._group)
            self._opened = True
        elif self._stack:
            self._group = self._stack.pop()

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
            self._group = replace(group, silent=True, fonts=word == b"fonttbl" or group.fonts)
        elif word in _ASIDE:
            self._flush()
            self._group = replace(group, aside=True, silent=group.silent or (word in _MARGIN and not self._margins))
            self._say(" ")
        elif word in _BREAKS:
            self._say(" ")
        elif word == b"plain":
            self._flush()
            self._group = replace(group, hidden=False, font=self._default)
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
            self._say(chr(number & 0xFFFF))
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
        if not (self._group.silent or self._group.hidden):
            self._bytes += content

    def _say(self, text: str) -> None:
        self._flush()
        self._skipping = 0
        if not (self._group.silent or self._group.hidden):
            (self._beside if self._group.aside else self._out).append(text)

    def _flush(self) -> None:
        if self._bytes:
            font = self._group.font if self._group.font is not None else self._default
            page = self._fonts.get(font, self._page) if font is not None else self._page
            if page is not None:  # a symbol font's letters are signs, not words
                (self._beside if self._group.aside else self._out).append(self._bytes.decode(page, "replace"))
            self._bytes.clear()


def _codec(name: str) -> str | None:
    try:
        return codecs.lookup("utf-8" if name == "cp65001" else name).name
    except LookupError:
        return None
