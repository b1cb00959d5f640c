"""RTF as a sequence of tokens (Rich Text Format Specification 1.9.1, "Basic Entities")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from archive.normalise.contract import PassedOn

MOST_TOKENS = 2_000_000
MOST_DEPTH = 1_000

_TOKEN = re.compile(
    rb"\\(?P<word>[A-Za-z]+)(?P<number>-?[0-9]{1,20})?\x20?"
    rb"|\\'(?P<byte>[0-9A-Fa-f]{2})"
    rb"|\\(?P<symbol>[^A-Za-z'])"
    rb"|(?P<open>\{)"
    rb"|(?P<close>\})"
    rb"|(?P<text>[^\\{}\r\n\t\0]+)"
    rb"|(?P<tab>\t)"
    rb"|(?P<line>[\r\n]+)",
    re.DOTALL,
)
_LARGEST = 0x7FFFFFFF


class Kind(Enum):
    """What a token is."""

    OPEN = auto()
    CLOSE = auto()
    WORD = auto()
    SYMBOL = auto()
    BYTE = auto()
    TEXT = auto()
    BINARY = auto()


class Token(NamedTuple):
    """`name` is the control word or symbol; `number` its parameter; `data` the bytes of text, `\\'hh` and `\\bin`."""

    kind: Kind
    name: str = ""
    number: int | None = None
    data: bytes = b""


_OPEN, _CLOSE, _TAB = Token(Kind.OPEN), Token(Kind.CLOSE), Token(Kind.WORD, "tab")


def tokens(content: bytes) -> Iterator[Token]:
    """The tokens of the outermost group, whose end is the end of the document.

    Raises:
        PassedOn: what is there is not well-formed: cut off, too deep, too much, an impossible number.
    """
    at, depth, count = 0, 0, 0
    end = len(content)
    match = _TOKEN.match
    while at < end:
        found = match(content, at)
        if found is None:
            raise PassedOn("a byte that belongs to nothing")
        at = found.end()
        count += 1
        if count > MOST_TOKENS:
            raise PassedOn(f"more than {MOST_TOKENS} tokens")
        kind = found.lastgroup
        if kind == "text":
            yield Token(Kind.TEXT, data=found[0])
        elif kind == "word" or kind == "number":
            name, number = found["word"].decode("ascii"), _number(found["number"])
            if name == "bin":
                length = number or 0
                if length < 0 or at + length > end:
                    raise PassedOn("\\bin beyond the file's end")
                yield Token(Kind.BINARY, data=content[at : at + length])
                at += length
            else:
                yield Token(Kind.WORD, name, number)
        elif kind == "byte":
            yield Token(Kind.BYTE, data=bytes((int(found["byte"], 16),)))
        elif kind == "open":
            depth += 1
            if depth > MOST_DEPTH:
                raise PassedOn(f"groups more than {MOST_DEPTH} deep")
            yield _OPEN
        elif kind == "close":
            depth -= 1
            if depth < 0:
                raise PassedOn("a group that was never opened is closed")
            yield _CLOSE
            if depth == 0:
                break
        elif kind == "symbol":
            yield Token(Kind.SYMBOL, found["symbol"].decode("latin-1"))
        elif kind == "tab":
            yield _TAB
    if depth:
        raise PassedOn("the end is missing")
    if content[at:].strip(b"\r\n\t \0\x1a"):
        raise PassedOn("something after the end")


def _number(digits: bytes | None) -> int | None:
    if digits is None:
        return None
    number = int(digits)
    if abs(number) > _LARGEST:
        raise PassedOn("a number that is too large")
    return number
