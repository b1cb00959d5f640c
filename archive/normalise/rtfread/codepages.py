"""Which characters the bytes of an RTF text are: by its code page, or its font's."""

from __future__ import annotations

import functools

from archive.normalise.contract import PassedOn

PAGES = {
    437: "cp437", 850: "cp850", 852: "cp852", 865: "cp865", 10000: "mac_roman",
    1250: "cp1250", 1251: "cp1251", 1252: "cp1252", 1253: "cp1253", 1254: "cp1254", 1257: "cp1257",
    28591: "latin_1", 28605: "iso8859_15",
}  # fmt: skip
"""Python's codec for a number of `\\ansicpg`."""
CHARSETS = {0: 1252, 77: 10000, 161: 1253, 162: 1254, 186: 1257, 204: 1251, 238: 1250, 254: 437, 255: 850}
"""The code page for a number of `\\fcharset`."""
SYMBOL_CHARSET = 2
_DEFAULT_CHARSET = 1


def of_page(number: int) -> str:
    """The codec of an `\\ansicpg` number. Raises PassedOn for those whose rendering is not proven."""
    if number not in PAGES:
        raise PassedOn(f"code page {number}")
    return PAGES[number]


def of_charset(number: int | None, otherwise: str) -> str:
    """The codec of a font's `\\fcharset`; `otherwise` where it is the document's. Raises PassedOn as `of_page`."""
    if number is None or number == _DEFAULT_CHARSET:
        return otherwise
    if number not in CHARSETS:
        raise PassedOn(f"character set {number}")
    return PAGES[CHARSETS[number]]


@functools.cache
def _table(codec: str) -> str:
    table = bytes(range(256)).decode(codec, "replace")
    # Byte D5 of page 850 is the euro for some programs (page 858) and a dotless i for others.
    return table.replace("\u0131", "\ufffd") if codec == "cp850" else table


def decoded(data: bytes, codec: str) -> str:
    """The characters of some bytes. Raises PassedOn where the code page has none for a byte, or a control character."""
    if data.isascii():
        text = data.decode("ascii")
    else:
        table = _table(codec)
        text = "".join([table[byte] for byte in data])
        if "\ufffd" in text:
            raise PassedOn(f"a byte that {codec} has no character for")
    if not text.isprintable() and any(c < " " or "\x7f" <= c <= "\x9f" for c in text):
        raise PassedOn("a control character")
    return text
