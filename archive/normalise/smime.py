"""S/MIME messages whose text is inside the signature (RFC 8551, 3.5.2; RFC 5652): what was signed. Nothing is verified:
the original allows that."""

from __future__ import annotations

from collections.abc import Iterator

from archive.reasons import DocumentProblem, Reason

_DATA = bytes.fromhex("2a864886f70d010701")
_SIGNED = bytes.fromhex("2a864886f70d010702")
_CLOSED = {bytes.fromhex("2a864886f70d010703"), bytes.fromhex("2a864886f70d0109100117")}  # enveloped, authenticated
_SEQUENCE, _OBJECT_ID, _OCTETS, _OCTET_PIECES, _FIRST = 0x30, 0x06, 0x04, 0x24, 0xA0
_MOST_DEEP = 32
_Element = tuple[int, int, int]
"""Tag, and where its value begins and ends."""


def looks(content: bytes) -> bool:
    """Whether bytes begin as CMS that is signed or encrypted (RFC 5652, 3)."""
    if content[:1] != bytes((_SEQUENCE,)):
        return False
    return any(content.find(bytes((_OBJECT_ID, len(kind))) + kind, 2, 16) > 0 for kind in (_SIGNED, *_CLOSED))


def content_of(content: bytes) -> bytes | None:
    """What a signature holds; None where it holds nothing, or is none that can be read.

    Raises:
        DocumentProblem: ENCRYPTED.
    """
    try:
        tag, start, end = next(_elements(content, 0, len(content)))
        kind, held = _typed(content, start, end)
        if tag == _SEQUENCE and kind in _CLOSED:
            raise DocumentProblem(Reason.ENCRYPTED, "The e-mail is encrypted.")
        if tag != _SEQUENCE or kind != _SIGNED or held is None:
            return None
        _, start, end = next(_elements(content, held[1], held[2]))
        encapsulated = next(e for e in _elements(content, start, end) if e[0] == _SEQUENCE)
        kind, held = _typed(content, encapsulated[1], encapsulated[2])
        return None if kind != _DATA or held is None else b"".join(_octets(content, held[1], held[2]))
    except (IndexError, ValueError, StopIteration):
        return None


def _typed(content: bytes, start: int, end: int) -> tuple[bytes, _Element | None]:
    """What a ContentInfo says that it is, and its explicit [0]."""
    parts = _elements(content, start, end)
    tag, begins, ends = next(parts)
    if tag != _OBJECT_ID:
        raise ValueError("no ContentInfo")
    held = next(parts, None)
    return content[begins:ends], held if held is not None and held[0] == _FIRST else None


def _octets(content: bytes, start: int, end: int, deep: int = 0) -> Iterator[bytes]:
    """An OCTET STRING, whole or in pieces (X.690, 8.7)."""
    if deep > _MOST_DEEP:
        raise ValueError("nested too deeply")
    for tag, begins, ends in _elements(content, start, end):
        if tag == _OCTETS:
            yield content[begins:ends]
        elif tag == _OCTET_PIECES:
            yield from _octets(content, begins, ends, deep + 1)
        else:
            raise ValueError("no octets")


def _elements(content: bytes, start: int, end: int) -> Iterator[_Element]:
    while start < end and content[start : start + 2] != b"\0\0":
        tag, begins, ends, start = _element(content, start)
        if ends > end:
            raise ValueError("cut short")
        yield tag, begins, ends


def _element(content: bytes, at: int, deep: int = 0) -> tuple[int, int, int, int]:
    """Tag of the element that begins here, where its value begins and ends, and where the next begins (X.690, 8.1)."""
    tag, size = content[at], content[at + 1]
    if tag & 0x1F == 0x1F or deep > _MOST_DEEP:
        raise ValueError("not of a message")
    begins = at + 2
    if size == 0x80:
        ends = begins
        while content[ends : ends + 2] != b"\0\0":
            ends = _element(content, ends, deep + 1)[3]
        return tag, begins, ends, ends + 2
    if size & 0x80:
        begins += size & 0x7F
        size = int.from_bytes(content[at + 2 : begins], "big")
    if begins + size > len(content):
        raise ValueError("cut short")
    return tag, begins, begins + size, begins + size
