"""Pictures and scans to PDF: JPEG, PNG and Group 4 bytes go in unchanged, all else decoded and coded without loss."""

from __future__ import annotations

from pathlib import Path

import pikepdf
from PIL import Image

from archive.normalise import behind, jpegs, pictures, strips, tiff, wangnotes
from archive.normalise.contract import Limits, Made
from archive.normalise.decoding import (
    BAD_PICTURE,
    DECODED_PAGES,
    add,
    load,
    note,
    open_picture,
    orientation_of,
    quiet,
    resolution,
    within,
)
from archive.normalise.pictures import Part
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "image"


def image(source: Path, out: Path, limits: Limits) -> Made:
    """A PDF with every page of a JPEG, PNG, TIFF or other picture, upright and at its own size.

    Raises DocumentProblem: RESOURCE_LIMIT by the dimensions alone, before anything is decoded; TRUNCATED or CORRUPT
    where not even a part of a page can be decoded.
    """
    content = source.read_bytes()
    flags: dict[Flag, FlagNote] = {}
    if start := behind.start_of(content):
        content = content[start:]
        note(flags, Flag.DECODED_LENIENTLY, f"{start} bytes before the picture are in the original only.")
    with quiet(), pikepdf.new() as pdf:
        try:
            if content[:2] not in (b"II", b"MM"):
                first, *others = behind.pictures_of(content)
                _picture(pdf, first, limits, flags)
                for other in others:
                    _further(pdf, other, limits, flags)
            elif not tiff.add_pages(pdf, content, limits, flags):
                _frames(pdf, open_picture(content), content, limits, flags)
            else:
                _with_notes(pdf, content, out.parent, limits, flags)
        except DocumentProblem as e:
            if e.reason is Reason.CORRUPT and _ends_early(content):
                raise DocumentProblem(Reason.TRUNCATED, "The picture ends before its own structure does.") from None
            raise
        # The file's id is not kept: no sum over all its bytes is needed here.
        pdf.save(out, static_id=True)
    return Made(out, ("2b",), tuple(flags.values()))


def _with_notes(pdf: pikepdf.Pdf, content: bytes, folder: Path, limits: Limits, flags: dict[Flag, FlagNote]) -> None:
    """Pages with the words of notes that an imaging program laid over a TIFF's pages."""
    pages = strips.pages(content, limits.pages) or []
    if not any(wangnotes.TAG in page.tags for page in pages):
        return
    said = [(number, text) for number, page in enumerate(pages) for text in wangnotes.texts(page.tags)]
    if said:
        from archive.normalise import comments

        for flag in comments.add_pages(pdf, [(number, "", text) for number, text in said], folder):
            flags.setdefault(flag.code, flag)
    note(
        flags,
        Flag.ANNOTATIONS_MISSING,
        f"An imaging program laid marks over its pages, which the original alone has; {len(said)} notes are words, and "
        "these stand on pages at the end.",
    )


def _further(pdf: pikepdf.Pdf, content: bytes, limits: Limits, flags: dict[Flag, FlagNote]) -> None:
    """A picture behind the first; where it cannot be shown, that is told, since viewers do not show it either."""
    try:
        _picture(pdf, content, limits, flags)
    except DocumentProblem as e:
        if e.reason is Reason.RESOURCE_LIMIT:
            raise
        note(flags, Flag.HIDDEN_CONTENT, "A further picture behind the first cannot be decoded.")


def _ends_early(content: bytes) -> bool:
    """Whether a file that cannot be read lacks its end mark, or what its directories point to."""
    if content[:2] in (b"II", b"MM"):
        return strips.ends_early(content)
    tail = content[-1024:]
    if content.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in tail
    return content.startswith(b"\x89PNG") and b"IEND" not in tail


def _picture(pdf: pikepdf.Pdf, content: bytes, limits: Limits, flags: dict[Flag, FlagNote]) -> None:
    opened = open_picture(content)
    within(*opened.size, limits)
    kind = opened.format
    if kind in ("JPEG", "MPO"):
        made = _whole_jpeg(pdf, opened, content)
    elif kind == "PNG" and not getattr(opened, "is_animated", False):
        made = pictures.png(pdf, content, opened.info.get("icc_profile"))
    else:
        made = None
    if made is not None:
        size, dpi, orientation = opened.size, resolution(opened), orientation_of(opened)
        pictures.add_page(pdf, [Part(made, 0, 0, *size)], size, dpi, orientation)
    elif kind in ("JPEG", "MPO"):
        picture, orientation = load(content, open_picture(content), 0, flags)
        add(pdf, picture, resolution(opened), orientation, flags)
    else:
        _frames(pdf, open_picture(content), content, limits, flags)


def _whole_jpeg(pdf: pikepdf.Pdf, opened: Image.Image, content: bytes) -> pikepdf.Object | None:
    """The JPEG as it is, where PDF can show it and nothing of it is missing; else None."""
    found = jpegs.stream(content)
    if found is None or len(found.components) not in (1, 3) or found.bits != 8:
        return None
    size = opened.size
    if size != (found.width, found.height) or not (found.whole or _decodes(opened)):
        return None
    return pictures.jpeg(pdf, content, found, opened.info.get("icc_profile"))


def _decodes(opened: Image.Image) -> bool:
    """Whether a JPEG that looks cut has all its pixels: every coded byte is read, few pixels are made."""
    size = opened.size
    try:
        opened.draft(opened.mode, (max(1, size[0] // 8), max(1, size[1] // 8)))
        opened.load()
    except BAD_PICTURE:
        return False
    finally:
        opened._size = size
    return True


def _frames(pdf: pikepdf.Pdf, opened: Image.Image, content: bytes, limits: Limits, flags: dict[Flag, FlagNote]) -> None:
    """Every frame of a picture that must be decoded."""
    try:
        count = int(getattr(opened, "n_frames", 1))
    except BAD_PICTURE as e:
        raise DocumentProblem(Reason.CORRUPT, f"The frames cannot be counted ({type(e).__name__}).") from None
    if count > limits.pages:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The picture has {count} frames.")
    total = 0
    for number in range(count):
        try:
            opened.seek(number)
        except BAD_PICTURE as e:
            raise DocumentProblem(
                Reason.CORRUPT, f"Frame {number + 1} cannot be reached ({type(e).__name__})."
            ) from None
        within(*opened.size, limits)
        total += opened.size[0] * opened.size[1]
        if total > DECODED_PAGES * limits.pixels:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, "The picture has too many pixels in all its frames.")
        dpi = resolution(opened)
        picture, orientation = load(content, opened, number, flags)
        add(pdf, picture, dpi, orientation, flags)
