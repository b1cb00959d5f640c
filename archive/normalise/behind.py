"""Pictures in one file that other readers look past: bytes before the first one, and further ones behind its end.

Scanning programs and cameras put several JPEG files one behind the other (CIPA DC-007 does so too); most viewers show
the first. Storage of old systems puts headers of its own before a picture, or repeats its first mark.
"""

from __future__ import annotations

import io
import struct

from PIL import Image, ImageChops, ImageStat

from archive.normalise import jpegs
from archive.normalise.decoding import BAD_PICTURE

STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
"""How a picture begins that may follow another one."""

WITHIN = 1024
"""Bytes that may stand before a picture."""

_TIFF = (b"II*\0", b"MM\0*")
_SOI = b"\xff\xd8"
_LEAST_SIDE = 16
_MOST = 100
_SMALL = 32
_ALIKE = 12.0
"""Mean difference of grey values (of 255) up to which a smaller picture is the same one."""


def start_of(content: bytes) -> int:
    """Where the first picture begins; 0 where it is not known."""
    if content.startswith((*STARTS, *_TIFF)):
        at = 0
        while content.startswith(_SOI * 2, at):
            at += 2
        return at
    places = [found for start in (*STARTS, *_TIFF) if (found := content.find(start, 0, WITHIN + len(start))) >= 0]
    return min(places, default=0)


def end_of(content: bytes) -> int | None:
    """Where the first picture ends; None where its structure does not say."""
    try:
        if content.startswith(_SOI):
            return jpegs.end(content)
        if content.startswith(b"\x89PNG"):
            return _end_of_png(content)
        if content.startswith(b"GIF8"):
            return _end_of_gif(content)
    except (IndexError, struct.error):
        pass
    return None


def pictures_of(content: bytes) -> list[bytes]:
    """The pictures in a file, one behind the other, without one that only repeats the first, smaller. A file with one
    picture is given whole, with whatever stands behind it."""
    first = _opened(content)
    found, rest = [content], content
    while len(found) < _MOST and (end := end_of(rest)) is not None and (begins := _next(rest, end)) is not None:
        if rest is content:
            found[0] = content[:end]
        rest = rest[begins:]
        if first is None or not _repeats(first, rest):
            found.append(rest[: end_of(rest)])
    return found


def _next(content: bytes, at: int) -> int | None:
    """Where the next picture begins that can be opened."""
    for _ in range(_MOST):
        places = [place for start in STARTS if (place := content.find(start, at)) >= 0]
        if not places:
            return None
        at = min(places)
        if _opened(content[at:]) is not None:
            return at
        at += 1
    return None


def _opened(content: bytes) -> Image.Image | None:
    try:
        found = Image.open(io.BytesIO(content))
    except BAD_PICTURE:
        return None
    return found if min(found.size) >= _LEAST_SIDE else None


def _repeats(first: Image.Image, content: bytes) -> bool:
    """Whether a picture is a reduced copy of another one, as cameras add for their displays."""
    other = _opened(content)
    if (
        other is None
        or other.width >= first.width
        or abs(other.width / other.height - first.width / first.height) > 0.05
    ):
        return False
    try:
        small = [_small(picture) for picture in (first, other)]
    except BAD_PICTURE:
        return False
    return ImageStat.Stat(ImageChops.difference(*small)).mean[0] < _ALIKE


def _small(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    copy.draft("L", (_SMALL * 4, _SMALL * 4))
    return copy.convert("L").resize((_SMALL, _SMALL), Image.Resampling.BOX)


def _end_of_png(content: bytes) -> int:
    at = 8
    while True:
        (size,) = struct.unpack_from(">I", content, at)
        kind = content[at + 4 : at + 8]
        at += 12 + int(size)
        if kind == b"IEND":
            return at


def _end_of_gif(content: bytes) -> int:
    packed = content[10]
    at = 13 + (3 << (packed & 7) + 1 if packed & 0x80 else 0)
    while content[at] != 0x3B:
        if content[at] == 0x21:
            at += 2
        elif content[at] == 0x2C:
            packed = content[at + 9]
            at += 11 + (3 << (packed & 7) + 1 if packed & 0x80 else 0)
        else:
            raise IndexError("no block of a GIF")
        while content[at]:
            at += 1 + content[at]
        at += 1
    return at + 1
