"""TIFF to PDF pages: fax, JPEG and Deflate copied as they are coded, the rest decoded and coded without loss."""

from __future__ import annotations

import contextlib

import pikepdf
from PIL import Image

from archive.normalise import jpegs, pictures, samples, strips
from archive.normalise.contract import Limits
from archive.normalise.decoding import (
    BAD_PICTURE,
    DECODED_PAGES,
    add,
    fax_complaints,
    lenient,
    note,
    open_picture,
    within,
)
from archive.normalise.pictures import Part
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

_DEFLATE = (8, 32946)
_FAX = (2, 3, 4)
_MOST_FAX_STRIPS = 512
_MOST_DEFLATE_STRIPS = 32
"""Of a page that is copied; each becomes an object, and the validator pays for objects."""


def add_pages(pdf: pikepdf.Pdf, content: bytes, limits: Limits, flags: dict[Flag, FlagNote]) -> bool:
    """Add every page of a TIFF; False where its directories cannot be read.

    Raises:
        DocumentProblem: as `archive.normalise.image.image`.
    """
    directory = strips.pages(content, limits.pages)
    if directory is None:
        return False
    if len(directory) > limits.pages:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The TIFF has more than {limits.pages} pages.")
    wanted = [i for i, page in enumerate(directory) if i == 0 or not page.subordinate]
    for i in wanted:
        within(directory[i].width, directory[i].height, limits)
    source = _Source(content)
    decoded = 0
    for i in wanted:
        page = directory[i]
        parts = _copied(pdf, source, i, page)
        if parts is not None:
            pictures.add_page(pdf, parts, (page.width, page.height), page.dpi, page.orientation)
            continue
        decoded += page.width * page.height
        if decoded > DECODED_PAGES * limits.pixels:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The TIFF has {decoded} pixels in all.")
        _decode(pdf, source, i, page, flags)
    return True


class _Source:
    """A TIFF file; `frames` is Pillow's view of it, None where Pillow has none."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._frames: Image.Image | None = None
        self._opened = False

    @property
    def frames(self) -> Image.Image | None:
        if not self._opened:
            self._opened = True
            with contextlib.suppress(DocumentProblem):
                self._frames = open_picture(self.content)
        return self._frames

    def decodes(self, number: int) -> bool:
        """Whether Pillow can decode that page; it is then the current frame."""
        if self.frames is None:
            return False
        try:
            self.frames.seek(number)
            self.frames.load()
        except BAD_PICTURE:
            return False
        return True

    def complains(self, number: int) -> bool:
        """Whether Pillow's fax decoder finds bad codes in that page."""
        if self.frames is None:
            return True
        try:
            return fax_complaints(self.frames, number)
        except BAD_PICTURE:
            return True


def _copied(pdf: pikepdf.Pdf, source: _Source, number: int, page: strips.TiffPage) -> list[Part] | None:
    """The page's own coded bytes as image objects; None where it must be decoded."""
    segments, content = page.segments, source.content
    if segments is None:
        return None
    if page.plain_fax and len(segments) <= _MOST_FAX_STRIPS:
        coded = [strips.coded(content, segment, page) for segment in segments]
        if any(map(strips.fax_has_hole, coded)):
            return None
        if not all(map(strips.fax_has_end, coded)) and source.complains(number):
            return None
        white = page.white_is_zero
        return [
            _part(pictures.group4(pdf, data, s.columns, s.rows, white_is_zero=white), s)
            for s, data in zip(segments, coded, strict=True)
        ]
    if page.compression in (jpegs.OLD, jpegs.NEW):
        found = jpegs.of_tiff(content, page)
        return None if found is None else [_part(_jpeg(pdf, data, page), segment) for segment, data in found]
    if page.compression in _DEFLATE and len(segments) <= _MOST_DEFLATE_STRIPS:
        return _deflated(pdf, content, page, segments)
    return None


def _part(image: pikepdf.Object, segment: strips.Segment) -> Part:
    return Part(image, segment.left, segment.top, segment.columns, segment.rows)


def _jpeg(pdf: pikepdf.Pdf, data: bytes, page: strips.TiffPage) -> pikepdf.Object:
    found = jpegs.stream(data)
    if found is None:
        raise TypeError("a stream that was looked through before")
    return pictures.jpeg(pdf, data, found, inverted=page.white_is_zero)


def _deflated(
    pdf: pikepdf.Pdf, content: bytes, page: strips.TiffPage, segments: tuple[strips.Segment, ...]
) -> list[Part] | None:
    def one(tag: int, default: int) -> int:
        return int(page.tags.get(tag, (default,))[0])

    predictor = one(317, 1)
    plain = (
        page.bits in (1, 2, 4, 8)
        and set(page.tags.get(258, (1,))) == {page.bits}
        and (page.samples, page.photometric) in ((1, 0), (1, 1), (3, 2), (1, 3))
        and one(339, 1) == 1
        and not page.reverse_bits
        and (predictor == 1 or (predictor == 2 and page.bits == 8))
    )
    if not plain:
        return None
    parts = []
    for segment in segments:
        data = content[segment.offset : segment.offset + segment.size]
        made = pictures.flate(pdf, data, page, segment, predictor)
        if made is None:
            return None
        parts.append(_part(made, segment))
    return parts


def _decode(pdf: pikepdf.Pdf, source: _Source, number: int, page: strips.TiffPage, flags: dict[Flag, FlagNote]) -> None:
    if page.bits > 8:
        note(flags, Flag.PICTURE_REDUCED, f"{page.bits} bits per sample were reduced to 8.")
    if samples.unusual(page) and (own := _by_samples(source.content, number)) is not None:
        add(pdf, own, page.dpi, page.orientation, flags)
        return
    if page.compression in _FAX and (_holed(source.content, page) or source.complains(number)):
        note(flags, Flag.DECODED_LENIENTLY, f"Page {number + 1} has bad codes; what a decoder makes of them is shown.")
    picture, orientation = _page(source, number, flags)
    # Pillow has turned the decoded page upright, and with it the axes of its resolution.
    turned = orientation == 1 and page.orientation in (5, 6, 7, 8)
    add(pdf, picture, page.dpi[::-1] if page.dpi and turned else page.dpi, orientation, flags)


def _holed(content: bytes, page: strips.TiffPage) -> bool:
    segments = page.segments if page.plain_fax else ()
    return any(strips.fax_has_hole(strips.coded(content, s, page)) for s in segments or ())


def _by_samples(content: bytes, number: int) -> Image.Image | None:
    try:
        return samples.decode(content, number)
    except BAD_PICTURE:
        return None


def _page(source: _Source, number: int, flags: dict[Flag, FlagNote]) -> tuple[Image.Image, int]:
    """A page by Pillow, else by our own decoder, else what Pillow can make of its unbroken part."""
    if source.decodes(number) and source.frames is not None:
        return source.frames.copy(), 1
    own = _by_samples(source.content, number)
    if own is not None:
        return own, int(strips.tags(source.content, number).get(274, (1,))[0])
    return lenient(source.content, number, flags)[0], 1
