"""Decoding of pictures by Pillow, as far as they go, and what becomes of pixels that PDF/A cannot show as they are."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import tempfile
import warnings
import zlib
from collections.abc import Iterator

import pikepdf
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from archive.normalise import pictures
from archive.normalise.contract import Limits
from archive.normalise.pictures import Part
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

# Decoders of broken pictures raise nearly anything. Not Exception itself: a deadline's DocumentProblem must pass.
BAD_PICTURE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, struct.error, zlib.error),
)
DECODED_PAGES = 16
"""How many pages of the most pixels allowed may be decoded for one file."""

_ORIENTATION = 0x0112


@contextlib.contextmanager
def quiet(*, lenient: bool = False) -> Iterator[None]:
    """Pillow's switches are the process's own: set here, and set back. Its bomb guard gives way to our limits."""
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, lenient
    try:
        with warnings.catch_warnings(), _silent():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """libtiff writes its complaints straight to file descriptor 2, a line for every bad row."""
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


def fax_complaints(frames: Image.Image, number: int) -> bool:
    """Decode a fax page, and tell whether libtiff found bad codes in it: it says so on file descriptor 2 only, and
    raises nothing. Within `quiet`."""
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        try:
            os.dup2(said.fileno(), 2)
            frames.seek(number)
            frames.load()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        said.seek(0)
        return b"Fax" in said.read(1 << 20)


def within(width: int, height: int, limits: Limits) -> None:
    """Raises DocumentProblem (CORRUPT, RESOURCE_LIMIT) for a size that cannot be or is not allowed."""
    if width < 1 or height < 1:
        raise DocumentProblem(Reason.CORRUPT, "A page of the picture has no size.")
    if width * height > limits.pixels:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"A page has {width} x {height} pixels.")


def open_picture(content: bytes) -> Image.Image:
    """Open a picture; raises DocumentProblem (CORRUPT)."""
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise DocumentProblem(Reason.CORRUPT, "The picture's header is broken.") from None
    except BAD_PICTURE as e:
        raise DocumentProblem(Reason.CORRUPT, f"The picture cannot be opened ({type(e).__name__}).") from None


def note(flags: dict[Flag, FlagNote], flag: Flag, detail: str = "") -> None:
    """Add a flag, once."""
    flags.setdefault(flag, FlagNote(flag, detail))


def load(content: bytes, frames: Image.Image, number: int, flags: dict[Flag, FlagNote]) -> tuple[Image.Image, int]:
    """A decoded frame and the orientation still to be applied; leniently where it is broken."""
    try:
        frames.seek(number)
        frames.load()
        return frames.copy(), orientation_of(frames)
    except BAD_PICTURE:
        return lenient(content, number, flags)


def lenient(content: bytes, number: int, flags: dict[Flag, FlagNote]) -> tuple[Image.Image, int]:
    """As much of a frame as can be decoded. From a new opening: after a failure Pillow gives black without a word."""
    with quiet(lenient=True):
        again = open_picture(content)
        try:
            again.seek(number)
            again.load()
            picture = again.copy()
        except BAD_PICTURE as e:
            reason = Reason.TRUNCATED if "runcated" in str(e) else Reason.CORRUPT
            raise DocumentProblem(reason, f"Page {number + 1} cannot be decoded ({type(e).__name__}).") from None
    if all(least == most for least, most in _extrema(picture)):
        # Nothing was decoded; an empty page must not pass for the picture.
        raise DocumentProblem(Reason.CORRUPT, f"Nothing of page {number + 1} can be decoded.")
    note(flags, Flag.DECODED_LENIENTLY, f"Page {number + 1} is broken; the part that could be decoded is shown.")
    return picture, orientation_of(again)


def _extrema(picture: Image.Image) -> list[tuple[float, float]]:
    found = picture.getextrema()
    return [found] if len(picture.getbands()) == 1 else list(found)  # type: ignore[list-item, arg-type]


def add(
    pdf: pikepdf.Pdf,
    picture: Image.Image,
    dpi: tuple[float, float] | None,
    orientation: int,
    flags: dict[Flag, FlagNote],
) -> None:
    """Add a page with a decoded picture, without further loss."""
    try:
        shown = _viewable(picture, flags)
        made = pictures.pixels(pdf, shown)
    except BAD_PICTURE as e:
        raise DocumentProblem(Reason.CORRUPT, f"The pixels cannot be converted ({type(e).__name__}).") from None
    pictures.add_page(pdf, [Part(made, 0, 0, *shown.size)], shown.size, dpi, orientation)


def _viewable(picture: Image.Image, flags: dict[Flag, FlagNote]) -> Image.Image:
    """The picture in a mode that PDF/A shows without a press profile: at most 8 bits, grey or RGB."""
    mode = picture.mode
    if mode in ("1", "L", "P", "RGB", "LA", "PA", "RGBA"):
        return picture
    if mode == "CMYK":
        note(flags, Flag.PICTURE_REDUCED, "Process colours (CMYK) were converted to RGB.")
        return _from_cmyk(picture)
    if mode.startswith("I;16"):
        picture = picture.convert("I")
        mode = "I"
    if mode in ("I", "F"):
        note(flags, Flag.PICTURE_REDUCED, "Samples of 16 or 32 bits were scaled to 8.")
        return _scaled(picture)
    note(flags, Flag.PICTURE_REDUCED, f"The colours ({mode}) were converted to RGB.")
    if mode == "La":
        return picture.convert("LA")
    return picture.convert("RGBA" if mode == "RGBa" else "RGB")


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


def resolution(opened: Image.Image) -> tuple[float, float] | None:
    """What a picture says of its dots per inch."""
    found = opened.info.get("dpi")
    try:
        return (float(found[0]), float(found[1])) if found else None
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None


def orientation_of(opened: Image.Image) -> int:
    """The orientation its EXIF data give; 1 where there are none, or they give no number, as viewers take it."""
    try:
        found = opened.getexif().get(_ORIENTATION, 1)
    except BAD_PICTURE:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1
