"""The words of a message's header fields: encoded words (RFC 2047) decoded, folding undone, and bytes that nobody
encoded read as the rest of the message is."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from archive.normalise.charsets import declared
from archive.normalise.encodings import Decoded

# The text may have spaces, which it must not: programs that forget to encode them are many.
_ENCODED = re.compile(r"=\?([^?\s]*)\?([bBqQ])\?([^?]*)\?=")
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")


@dataclass(slots=True)
class _Run:
    charset: str | None
    content: bytes


def header(value: object, charset: str | None = None) -> Decoded:
    """What a field says.

    Args:
        value: the field as the parser gives it; bytes beyond ASCII as surrogates.
        charset: what the message is written in, for bytes that are not encoded.
    """
    raw = str(value)
    runs: list[_Run] = []
    at = 0
    for found in _ENCODED.finditer(raw):
        between = raw[at : found.start()]
        if between.strip() or (between and not runs):
            runs.append(_Run(None, _bytes(between)))
        _add(runs, found[1].partition("*")[0], _content(found[2], found[3]), joins=not between.strip())
        at = found.end()
    if raw[at:]:
        runs.append(_Run(None, _bytes(raw[at:])))
    read = [declared(r.content, r.charset or charset) if not r.content.isascii() or r.charset else
            Decoded(r.content.decode("ascii"), "ascii", True) for r in runs]  # fmt: skip
    text = " ".join("".join(r.text for r in read).split())
    unsure = next((r for r in read if not (r.certain and r.lossless)), None)
    if unsure is None:
        return Decoded(text, "ascii", True)
    return Decoded(text, unsure.encoding, False, unsure.lossless, f"A field of the head: {unsure.detail}")


def _add(runs: list[_Run], charset: str, content: bytes, *, joins: bool) -> None:
    """Neighbours of one set are one text: a character may be cut between them."""
    last = runs[-1] if runs else None
    if joins and last is not None and last.charset is not None and last.charset.lower() == charset.lower():
        last.content += content
    else:
        runs.append(_Run(charset, content))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _content(kind: str, coded: str) -> bytes:
    content = _bytes(coded)
    if kind in "qQ":
        return _QUOTED.sub(lambda m: bytes((int(m[1], 16),)), content.replace(b"_", b" "))
    bare = b"".join(content.split())
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4))
    except (binascii.Error, ValueError):
        return content
