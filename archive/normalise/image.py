"""Pictures and scans to PDF: JPEG, PNG and Group 4 bytes go in unchanged, all else decoded and coded without loss."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import pikepdf
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from archive.normalise import pictures, samples, strips
from archive.normalise.contract import Limits, Made
from archive.normalise.pictures import Part
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "image"

_ORIENTATION = 0x0112
_DECODED_PAGES = 16
"""How many pages of the most pixels allowed may be decoded for one file."""
# Decoders of broken pictures raise nearly anything. Not Exception itself: a deadline's DocumentProblem must pass.
_BAD_PICTURE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, struct.error, zlib.error),
)


def image(source: Path, out: Path, limits: Limits) -> Made:
    """A PDF with every page of a JPEG, PNG, TIFF or other picture, upright and at its own size.

    Raises DocumentProblem: RESOURCE_LIMIT by the dimensions alone, before anything is decoded; TRUNCATED or CORRUPT
    where not even a part of a page can be decoded.
    """
    content = source.read_bytes()
    flags: dict[Flag, FlagNote] = {}
    with _quiet(), pikepdf.new() as pdf:
        if content[:2] in (b"II", b"MM"):
            _tiff(pdf, content, limits, flags)
        else:
            _picture(pdf, content, limits, flags)
        pdf.save(out, deterministic_id=True)
    return Made(out, ("2b",), tuple(flags.values()))


@contextlib.contextmanager
def _quiet(*, lenient: bool = False) -> Iterator[None]:
    """Pillow's switches are the process's own: set here, and set back. Its bomb guard gives way to our limits."""
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, lenient
    try:
        with warnings.catch_warnings(), _silent_libtiff():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


@contextlib.contextmanager
def _silent_libtiff() -> Iterator[None]:
    """libtiff writes its complaints straight to file descriptor 2, a line for every bad row; Pillow raises besides."""
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _within(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise DocumentProblem(Reason.CORRUPT, "A page of the picture has no size.")
    if width * height > limits.pixels:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"A page has {width} x {height} pixels.")


def _open(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise DocumentProblem(Reason.CORRUPT, "The picture's header is broken.") from None
    except _BAD_PICTURE as e:
        raise DocumentProblem(Reason.CORRUPT, f"The picture cannot be opened ({type(e).__name__}).") from None


def _note(flags: dict[Flag, FlagNote], flag: Flag, detail: str = "") -> None:
    flags.setdefault(flag, FlagNote(flag, detail))


def _tiff(pdf: pikepdf.Pdf, content: bytes, limits: Limits, flags: dict[Flag, FlagNote]) -> None:
    directory = strips.pages(content, limits.pages)
    if directory is None:
        _frames(pdf, _open(content), content, limits, flags)
        return
    if len(directory) > limits.pages:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The TIFF has more than {limits.pages} pages.")
    wanted = [i for i, page in enumerate(directory) if i == 0 or not page.subordinate]
    for i in wanted:
        _within(directory[i].width, directory[i].height, limits)
    decoded = sum(directory[i].width * directory[i].height for i in wanted if directory[i].strips is None)
    if decoded > _DECODED_PAGES * limits.pixels:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The TIFF has {decoded} pixels in all.")
    try:
        frames: Image.Image | None = _open(content)
    except DocumentProblem:
        frames = None
    for i in wanted:
        page = directory[i]
        if page.strips is not None and frames is not None and _decodes(frames, i):
            _copy_strips(pdf, content, page, page.strips)
            continue
        if page.bits > 8:
            _note(flags, Flag.PICTURE_REDUCED, f"{page.bits} bits per sample were reduced to 8.")
        if samples.unusual(page) and (own := _by_samples(content, i)) is not None:
            _add(pdf, own, page.dpi, page.orientation, flags)
            continue
        picture, orientation = _tiff_page(content, frames, i, flags)
        # Pillow has turned the decoded page upright, and with it the axes of its resolution.
        turned = orientation == 1 and page.orientation in (5, 6, 7, 8)
        _add(pdf, picture, page.dpi[::-1] if page.dpi and turned else page.dpi, orientation, flags)


def _by_samples(content: bytes, number: int) -> Image.Image | None:
    try:
        return samples.decode(content, number)
    except _BAD_PICTURE:
        return None


def _tiff_page(
    content: bytes, frames: Image.Image | None, number: int, flags: dict[Flag, FlagNote]
) -> tuple[Image.Image, int]:
    """A page by Pillow, else by our own decoder, else what Pillow can make of its unbroken part."""
    if frames is not None and _decodes(frames, number):
        return frames.copy(), 1
    own = _by_samples(content, number)
    if own is not None:
        return own, int(strips.tags(content, number).get(274, (1,))[0])
    return _lenient(content, number, flags)[0], 1


def _decodes(frames: Image.Image, number: int) -> bool:
    try:
        frames.seek(number)
        frames.load()
    except _BAD_PICTURE:
        return False
    return True


def _copy_strips(pdf: pikepdf.Pdf, content: bytes, page: strips.TiffPage, found: tuple[strips.Strip, ...]) -> None:
    parts, top = [], 0
    for strip in found:
        coded = strips.strip_bytes(content, strip, page)
        made = pictures.group4(pdf, coded, page.width, strip.rows, white_is_zero=page.white_is_zero)
        parts.append(Part(made, top, strip.rows))
        top += strip.rows
    pictures.add_page(pdf, parts, (page.width, page.height), page.dpi, page.orientation)


def _picture(pdf: pikepdf.Pdf, content: bytes, limits: Limits, flags: dict[Flag, FlagNote]) -> None:
    opened = _open(content)
    _within(*opened.size, limits)
    kind = opened.format
    if kind in ("JPEG", "MPO"):
        made = _whole_jpeg(pdf, opened, content)
    elif kind == "PNG" and not getattr(opened, "is_animated", False):
        made = pictures.png(pdf, content, opened.info.get("icc_profile"))
    else:
        made = None
    if made is not None:
        size, dpi, orientation = opened.size, _dpi(opened), _orientation(opened)
        pictures.add_page(pdf, [Part(made, 0, size[1])], size, dpi, orientation)
    elif kind in ("JPEG", "MPO"):
        picture, orientation = _load(content, _open(content), 0, flags)
        _add(pdf, picture, _dpi(opened), orientation, flags)
    else:
        _frames(pdf, _open(content), content, limits, flags)


def _whole_jpeg(pdf: pikepdf.Pdf, opened: Image.Image, content: bytes) -> pikepdf.Object | None:
    """The JPEG as it is, where PDF can show it and it can be decoded to its end; else None."""
    size, components, icc = opened.size, len(opened.getbands()), opened.info.get("icc_profile")
    if components not in (1, 3) or getattr(opened, "bits", 8) != 8:
        return None
    try:
        # Decoded at an eighth of the size: every coded byte is read, few pixels are made.
        opened.draft(opened.mode, (max(1, size[0] // 8), max(1, size[1] // 8)))
        opened.load()
    except _BAD_PICTURE:
        return None
    finally:
        opened._size = size
    return pictures.jpeg(pdf, content, *size, components, icc)


def _frames(pdf: pikepdf.Pdf, opened: Image.Image, content: bytes, limits: Limits, flags: dict[Flag, FlagNote]) -> None:
    """Every frame of a picture that must be decoded."""
    try:
        count = int(getattr(opened, "n_frames", 1))
    except _BAD_PICTURE as e:
        raise DocumentProblem(Reason.CORRUPT, f"The frames cannot be counted ({type(e).__name__}).") from None
    if count > limits.pages:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The picture has {count} frames.")
    total = 0
    for number in range(count):
        try:
            opened.seek(number)
        except _BAD_PICTURE as e:
            raise DocumentProblem(
                Reason.CORRUPT, f"Frame {number + 1} cannot be reached ({type(e).__name__})."
            ) from None
        _within(*opened.size, limits)
        total += opened.size[0] * opened.size[1]
        if total > _DECODED_PAGES * limits.pixels:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, "The picture has too many pixels in all its frames.")
        dpi = _dpi(opened)
        picture, orientation = _load(content, opened, number, flags)
        _add(pdf, picture, dpi, orientation, flags)


def _load(content: bytes, frames: Image.Image, number: int, flags: dict[Flag, FlagNote]) -> tuple[Image.Image, int]:
    """A decoded frame and the orientation still to be applied; leniently where it is broken."""
    try:
        frames.seek(number)
        frames.load()
        return frames.copy(), _orientation(frames)
    except _BAD_PICTURE:
        return _lenient(content, number, flags)


def _lenient(content: bytes, number: int, flags: dict[Flag, FlagNote]) -> tuple[Image.Image, int]:
    """As much of a frame as can be decoded. From a new opening: after a failure Pillow gives black without a word."""
    with _quiet(lenient=True):
        again = _open(content)
        try:
            again.seek(number)
            again.load()
            picture = again.copy()
        except _BAD_PICTURE as e:
            reason = Reason.TRUNCATED if "runcated" in str(e) else Reason.CORRUPT
            raise DocumentProblem(reason, f"Page {number + 1} cannot be decoded ({type(e).__name__}).") from None
    if all(least == most for least, most in _extrema(picture)):
        # Nothing was decoded; an empty page must not pass for the picture.
        raise DocumentProblem(Reason.CORRUPT, f"Nothing of page {number + 1} can be decoded.")
    _note(flags, Flag.DECODED_LENIENTLY, f"Page {number + 1} is broken; the part that could be decoded is shown.")
    return picture, _orientation(again)


def _extrema(picture: Image.Image) -> list[tuple[float, float]]:
    found = picture.getextrema()
    return [found] if len(picture.getbands()) == 1 else list(found)  # type: ignore[list-item, arg-type]


def _add(
    pdf: pikepdf.Pdf,
    picture: Image.Image,
    dpi: tuple[float, float] | None,
    orientation: int,
    flags: dict[Flag, FlagNote],
) -> None:
    try:
        shown = _viewable(picture, flags)
        made = pictures.pixels(pdf, shown)
    except _BAD_PICTURE as e:
        raise DocumentProblem(Reason.CORRUPT, f"The pixels cannot be converted ({type(e).__name__}).") from None
    pictures.add_page(pdf, [Part(made, 0, shown.height)], shown.size, dpi, orientation)


def _viewable(picture: Image.Image, flags: dict[Flag, FlagNote]) -> Image.Image:
    """The picture in a mode that PDF/A shows without a press profile: at most 8 bits, grey or RGB."""
    mode = picture.mode
    if mode in ("1", "L", "P", "RGB", "LA", "PA", "RGBA"):
        return picture
    if mode == "CMYK":
        _note(flags, Flag.PICTURE_REDUCED, "Process colours (CMYK) were converted to RGB.")
        return _from_cmyk(picture)
    if mode.startswith("I;16"):
        picture = picture.convert("I")
        mode = "I"
    if mode in ("I", "F"):
        _note(flags, Flag.PICTURE_REDUCED, "Samples of 16 or 32 bits were scaled to 8.")
        return _scaled(picture)
    _note(flags, Flag.PICTURE_REDUCED, f"The colours ({mode}) were converted to RGB.")
    return picture.convert("RGBA" if mode in ("RGBa", "La") else "RGB")


def _from_cmyk(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            converted = ImageCms.profileToProfile(
                picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                converted.info.pop("icc_profile", None)
                return converted
    result = picture.convert("RGB")
    result.info.pop("icc_profile", None)
    return result


def _scaled(picture: Image.Image) -> Image.Image:
    """Wide samples on the scale that keeps contrasts: by the bits the brightest uses, else from least to most."""
    least, most = picture.getextrema()
    if not (isinstance(least, (int, float)) and isinstance(most, (int, float))):
        raise ValueError("not a single band")
    if 255 < most <= 65535 and least >= 0 and picture.mode == "I":
        least, most = 0, 65535
    elif least >= 0 and most <= (255 if picture.mode == "I" else 1):
        least, most = 0, 255 if picture.mode == "I" else 1
    span = (most - least) or 1
    return picture.convert("F").point(lambda v: v * (255.0 / span) + (-least * 255.0 / span)).convert("L")


def _dpi(opened: Image.Image) -> tuple[float, float] | None:
    found = opened.info.get("dpi")
    try:
        return (float(found[0]), float(found[1])) if found else None
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None


def _orientation(opened: Image.Image) -> int:
    try:
        return int(opened.getexif().get(_ORIENTATION, 1))
    except _BAD_PICTURE:
        return 1
