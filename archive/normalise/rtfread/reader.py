"""RTF to a document (`model`): a machine with a stack of groups. What it does not know it passes on."""

from __future__ import annotations

import re
from collections.abc import Callable

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread import codepages, words
from archive.normalise.rtfread.flow import Flow
from archive.normalise.rtfread.fonts import face
from archive.normalise.rtfread.heads import Heads
from archive.normalise.rtfread.model import Document, Mark, Page, PageBreak
from archive.normalise.rtfread.pictures import PictureSource
from archive.normalise.rtfread.properties import LOOKS, PAGES, PARAGRAPHS, State
from archive.normalise.rtfread.tokens import Kind, Token, tokens

_FIELD = re.compile(r"\s*(?:(PAGE|NUMPAGES)|(HYPERLINK)\b.*?)\s*(?:\\\*\s*(?:MERGEFORMAT|Arabic)\s*)*", re.DOTALL)
_RIGHT_TO_LEFT = frozenset(("ab", "ai", "af", "afs", "aul", "acf", "ltrch", "rtlch", "plain"))
"""What may come between `\\rtlch` and `\\ltrch`."""
_HEADS = frozenset(("fonttbl", "colortbl", "stylesheet"))


def read(content: bytes) -> Document:
    """The document an RTF file holds.

    Raises PassedOn where it has anything that is not proven, well-formedness included.
    """
    reader = _Reader()
    for token in tokens(content):
        reader.take(token)
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self.heads = Heads()
        self.page = Page()
        self.default_tab = 720
        self._body, self._header, self._footer = Flow(), Flow(), Flow()
        self._flow = self._body
        self._state = State()
        self._stack: list[State] = []
        self._starred = self._opened = False
        self._replacement = 0
        self._surrogate = 0
        self._picture: PictureSource | None = None
        self._turned = False

    def take(self, token: Token) -> None:
        kind = token.kind
        state = self._state
        if kind is Kind.OPEN:
            self._calm()
            self._stack.append(state)
            self._state = state.copy()
            self._opened, self._starred = True, False
            return
        if kind is Kind.CLOSE:
            self._calm()
            self._close()
            self._opened = False
            return
        opened, self._opened = self._opened, False
        if state.destination == "skip":
            return
        if kind is Kind.WORD:
            self._word(token.name, token.number, opened or self._starred)
            self._starred = False
        elif kind is Kind.SYMBOL:
            self._symbol(token.name, opened)
        elif kind is Kind.BINARY:
            if state.destination != "pict" or self._picture is None:
                raise PassedOn("\\bin outside a picture")
            self._picture.binary(token.data)
        else:
            self._bytes(token.data, escaped=kind is Kind.BYTE)

    def finish(self) -> Document:
        if self._turned and self.page.width < self.page.height:
            raise PassedOn("\\landscape on upright paper")
        if self._body.blocks and isinstance(self._body.blocks[-1], PageBreak):
            raise PassedOn("a page break at the end")
        return Document(self.page, self.default_tab, self._header.blocks, self._footer.blocks, self._body.blocks)

    @property
    def _begun(self) -> bool:
        """Whether there is something on a page already, headers apart."""
        return bool(self._body.blocks or self._body.inlines or self._body.rows.pending)

    def _calm(self) -> None:
        self._replacement = 0
        if self._surrogate:
            raise PassedOn("half a character")

    def _close(self) -> None:
        ended = self._state
        self._state = before = self._stack.pop()
        if ended.destination in _HEADS:
            self.heads.close(ended.destination, whole=before.destination != ended.destination)
        elif ended.destination != before.destination or ended.field is not before.field:
            self._end_destination(ended, before)

    def _end_destination(self, ended: State, before: State) -> None:
        field = ended.field
        match ended.destination:
            case "body" | "header" | "footer" if before.field is None:
                if self._flow.inlines:
                    self._flow.end_paragraph(ended, self.heads)
                self._flow.finish()
                self._flow = self._body
            case "pict" if self._picture is not None:
                self._flow.inline(self._picture.made(before.look(self.heads)), before)
                self._picture = None
            case "field" if field is not None:
                if field.kind in ("page", "pages"):
                    self._flow.inline(Mark(field.kind, field.look or ended.look(self.heads)), before)
                elif not field.kind:
                    raise PassedOn("a field without an instruction")
            case "fldinst" if field is not None:
                found = _FIELD.fullmatch("".join(field.instruction))
                if found is None:
                    raise PassedOn("a field")
                field.kind = {"PAGE": "page", "NUMPAGES": "pages"}.get(found[1] or "", "text")

    # --- words

    def _word(self, name: str, number: int | None, first: bool) -> None:
        state = self._state
        if self._replacement or (self._surrogate and name != "u"):
            raise PassedOn("a control word in the place of a character's substitute")
        if first and self._destination(name, number):
            return
        if state.destination in _HEADS:
            self.heads.word(name, number, state.destination)
            return
        if state.destination == "pict":
            if self._picture is not None:
                self._picture.word(name, number)
            return
        if state.destination == "fldinst":
            if name not in words.WITHOUT_EFFECT and name not in LOOKS:
                raise PassedOn(f"{words.named(name)} in a field")
            return
        if self._starred:
            raise PassedOn(words.named(name, "\\*\\"))
        if (on_look := LOOKS.get(name)) is not None:
            if state.rtl and name not in _RIGHT_TO_LEFT:
                raise PassedOn("text from right to left")
            on_look(state, number)
        elif (on_paragraph := PARAGRAPHS.get(name)) is not None:
            on_paragraph(state, number)
        elif name in words.WITHOUT_EFFECT:
            pass
        elif name in words.CHARACTERS:
            self._text(words.CHARACTERS[name])
        elif (action := _ACTIONS.get(name)) is not None:
            action(self, number)
        elif name in PAGES:
            if self._begun:
                raise PassedOn(f"\\{name} within the text")
            PAGES[name](self.page, number)
        elif name in words.WHERE_ZERO and number == 0:
            pass
        elif not self._flow.rows.word(name, number, self.heads):
            raise PassedOn(words.named(name))

    def _destination(self, name: str, number: int | None) -> bool:
        """Whether the word names what its group is for."""
        state = self._state
        if name in words.SKIPPED_DESTINATIONS:
            state.destination = "skip"
        elif state.destination in _HEADS or state.destination == "pict":
            if self._starred and not (state.destination == "stylesheet" and name in ("cs", "ts", "ds")):
                raise PassedOn(words.named(name, "\\*\\") + f" in \\{state.destination}")
            return False
        elif name in _HEADS:
            if self._begun or self._starred:
                raise PassedOn(f"\\{name} within the text")
            state.destination = name
            self.heads.begin(name)
        elif name in ("header", "footer"):
            flow = self._header if name == "header" else self._footer
            if self._flow is not self._body or flow.blocks or self._begun:
                raise PassedOn(f"\\{name} in an odd place")
            state.destination = name
            self._flow = flow
            state.reset_look()
            state.reset_paragraph()
        elif name == "field":
            if state.field is not None:
                raise PassedOn("a field in a field")
            state.begin_field()
        elif name == "fldinst" and state.destination == "field":
            state.destination = name
        elif name == "fldrslt" and state.field is not None and state.destination == "field":
            state.destination = "fldrslt"
        elif name == "pict":
            state.destination = name
            self._picture = PictureSource()
        elif name in ("shppict", "pntext", "listtext"):
            state.label = state.label or name != "shppict"
        else:
            return False
        return True

    def _symbol(self, symbol: str, opened: bool) -> None:
        state = self._state
        if symbol == "*" and opened:
            self._starred = True
        elif state.destination in _HEADS or state.destination == "pict":
            raise PassedOn(f"\\{symbol} in \\{state.destination}")
        elif symbol in "\r\n":
            self._end_paragraph()
        elif symbol == "\t":
            self._mark("tab")
        elif symbol in words.SYMBOLS:
            if self._replacement:
                self._replacement -= 1
            elif state.destination == "fldinst":
                self._text(symbol)
            else:
                self._text(words.SYMBOLS[symbol])
        elif symbol == "_":
            self._text("\u2011" if self._has("\u2011") else "-")
        else:
            raise PassedOn(f"\\{symbol}" if symbol.isprintable() and symbol.isascii() else "an unknown symbol")

    def _has(self, text: str) -> bool:
        return face(self._state.look(self.heads)).has(text)

    # --- text

    def _bytes(self, data: bytes, *, escaped: bool) -> None:
        state = self._state
        if state.destination == "pict":
            if escaped:
                raise PassedOn("\\' in a picture")
            if self._picture is not None:
                self._picture.hexadecimal(data)
            return
        if self._replacement:
            skipped = min(self._replacement, len(data))
            self._replacement -= skipped
            data = data[skipped:]
        if not data:
            return
        if state.destination in _HEADS:
            self.heads.text(data, state.destination)
        elif state.destination == "fldinst":
            self._text(data.decode("latin-1"))
        elif state.label and self.heads.is_label_font(state.font):
            self._text(self.heads.bullet(data, state.font))
        else:
            self._text(codepages.decoded(data, self.heads.codec(state.font)))

    def _text(self, text: str) -> None:
        state = self._state
        if self._surrogate:
            raise PassedOn("half a character")
        if state.destination == "fldinst":
            if state.field is not None:
                state.field.instruction.append(text)
            return
        if state.destination == "rtf":
            raise PassedOn("text outside the document")
        look = state.look(self.heads)
        if state.field is not None and state.field.kind in ("page", "pages"):
            state.field.look = state.field.look or look
            return
        if state.destination == "field":
            raise PassedOn("text in a field, outside its result")
        if state.label:
            self.heads.check_label(text.strip())
        if state.caps:
            text = text.upper()
        self._flow.text(text, look)

    def _mark(self, kind: str) -> None:
        if self._surrogate or self._replacement:
            raise PassedOn(f"\\{kind} in an odd place")
        self._flow.mark(kind, self._state, self.heads)

    def _unicode(self, number: int | None) -> None:
        code = (number or 0) & 0xFFFF
        if number is None or not -0x8000 <= number <= 0xFFFF:
            raise PassedOn("\\u with an impossible number")
        if self._state.destination in _HEADS:
            raise PassedOn("\\u in the document's head")
        high, self._surrogate = self._surrogate, 0
        self._replacement = 0
        if 0xD800 <= code < 0xDC00:
            if high:
                raise PassedOn("half a character")
            self._surrogate = code
        elif 0xDC00 <= code < 0xE000:
            if not high:
                raise PassedOn("half a character")
            self._text(chr(0x10000 + ((high - 0xD800) << 10) + code - 0xDC00))
        else:
            if high or code < 0x20 or 0x7F <= code < 0xA0 or 0xE000 <= code < 0xF900 or code >= 0xFFF0:
                raise PassedOn("\\u with a character that is none")
            self._text(chr(code))
        self._replacement = self._state.substitutes

    # --- words that act

    def _end_paragraph(self) -> None:
        self._flow.end_paragraph(self._state, self.heads)

    def _page_break(self) -> None:
        self._flow.page_break(self._state)

    def _version(self, number: int | None) -> None:
        if number not in (None, 0, 1) or self._state.destination != "rtf":
            raise PassedOn("another version of RTF")
        self._state.destination = "body"

    def _code_page(self, number: int | None) -> None:
        self.heads.default_codec = codepages.of_page(1252 if number in (None, 0) else number or 0)

    def _section(self, number: int | None) -> None:
        if self._begun:
            raise PassedOn("\\sectd within the text")

    def _widow_control(self, number: int | None) -> None:
        if self._begun or self._header.blocks or self._footer.blocks or self._flow is not self._body:
            raise PassedOn("\\widowctrl within the text")
        for state in (*self._stack, self._state):
            state.widow_control = number != 0
            state.set_paragraph("widows", state.widow_control)

    def _landscape(self, number: int | None) -> None:
        self._turned = number != 0

    def _uc(self, number: int | None) -> None:
        if number is None or not 0 <= number <= 8:
            raise PassedOn("\\uc with an odd number")
        self._state.substitutes = number

    def _default_tab(self, number: int | None) -> None:
        if number is None or not 60 <= number <= 10_000:
            raise PassedOn("\\deftab with an odd number")
        self.default_tab = number

    def _default_font(self, number: int | None) -> None:
        self.heads.default_font = number or 0
        self._state.font = None


def _mark_of(kind: str) -> Callable[[_Reader, int | None], None]:
    return lambda reader, number: reader._mark(kind)


_ACTIONS: dict[str, Callable[[_Reader, int | None], None]] = {
    "rtf": _Reader._version,
    "mac": lambda r, n: r._code_page(10000),
    "pc": lambda r, n: r._code_page(437),
    "pca": lambda r, n: r._code_page(850),
    "ansicpg": _Reader._code_page,
    "deff": _Reader._default_font,
    "deftab": _Reader._default_tab,
    "cs": lambda r, n: r.heads.check_character_style(n),
    "uc": _Reader._uc,
    "u": _Reader._unicode,
    "par": lambda r, n: r._end_paragraph(),
    "cell": lambda r, n: r._flow.end_cell(r._state, r.heads),
    "row": lambda r, n: r._flow.end_row(),
    "page": lambda r, n: r._page_break(),
    "sectd": _Reader._section,
    "landscape": _Reader._landscape,
    "lndscpsxn": _Reader._landscape,
    "widowctrl": _Reader._widow_control,
    "line": _mark_of("line"),
    "tab": _mark_of("tab"),
    "chpgn": _mark_of("page"),
}
