"""Pictures as PDF pages: image objects whose pixels are those of the source, placed by a matrix and never resampled."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import pikepdf
from pikepdf import Array, Dictionary, Name
from PIL import Image

from archive.normalise import strips
from archive.normalise.jpegs import Stream

_POINTS = 72.0
_A4 = (595.28, 841.89)
_LEAST_DPI, _MOST_DPI = 90.0, 2400.0
_SCREEN_DPI = 96.0
_LEAST_PAGE = 72.0
_MOST_PAGE = 14400.0
# EXIF orientation -> the matrix that puts the upright unit square where the stored picture must go.
_MATRICES = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
_PNG_COLOURS = {0: (1, Name.DeviceGray), 2: (3, Name.DeviceRGB), 3: (1, Name.Indexed)}


@dataclass(frozen=True, slots=True)
class Part:
    """An image object and the pixels of the stored picture it covers, counted from its left and top edge; what
    reaches over the picture's edge is not shown."""

    image: pikepdf.Object
    left: int
    top: int
    columns: int
    rows: int


def add_page(
    pdf: pikepdf.Pdf,
    parts: list[Part],
    size: tuple[int, int],
    dpi: tuple[float, float] | None,
    orientation: int = 1,
) -> None:
    """Add a page that is just as large as the picture says it is, upright as its orientation (1 to 8, EXIF) says.

    A resolution that is missing or nonsense is replaced by one that fits the picture to A4 without enlarging it.
    """
    width, height = size
    across, down = _extent(width, height, dpi)
    matrix = _MATRICES.get(orientation, _MATRICES[1])
    page = (down, across) if matrix[0] == 0 else (across, down)
    paper = (max(page[0], _LEAST_PAGE), max(page[1], _LEAST_PAGE))
    left, bottom = (paper[0] - page[0]) / 2, (paper[1] - page[1]) / 2
    # One matrix to stored pixels, and whole numbers within: strips meet without a gap, and viewers that reckon in
    # single precision draw them pixel by pixel.
    a, b, c, d, e, f = matrix
    first = (a * page[0] / width, b * page[1] / width, c * page[0] / height, d * page[1] / height)
    content = [_cm(*first, e * page[0] + left, f * page[1] + bottom)]
    if any(part.left + part.columns > width or part.top + part.rows > height for part in parts):
        content.append(f"0 0 {width} {height} re W n")
    images = Dictionary()
    for i, part in enumerate(parts):
        images[f"/I{i}"] = part.image
        place = _cm(part.columns, 0, 0, part.rows, part.left, height - part.top - part.rows)
        content.append(f"q {place} /I{i} Do Q")
    pdf.add_blank_page(page_size=paper)
    made = pdf.pages[-1]
    made.Contents = pdf.make_stream("\n".join(content).encode())
    made.Resources = Dictionary(XObject=images)


def _cm(*numbers: float) -> str:
    return " ".join(f"{n:.12f}".rstrip("0").rstrip(".") for n in numbers) + " cm"


def _extent(width: int, height: int, dpi: tuple[float, float] | None) -> tuple[float, float]:
    """Width and height in points."""
    if dpi is None or not all(_LEAST_DPI <= d <= _MOST_DPI for d in dpi):
        # Pixels of a fax are not square: their shape is kept where the sizes are nonsense.
        shape = dpi[0] / dpi[1] if dpi and min(dpi) > 0 and 0.25 <= dpi[0] / dpi[1] <= 4 else 1.0
        long, short = max(width, height * shape), min(width, height * shape)
        fitted = max(_SCREEN_DPI, long * _POINTS / _A4[1], short * _POINTS / _A4[0])
        dpi = (fitted, fitted / shape)
    across, down = width * _POINTS / dpi[0], height * _POINTS / dpi[1]
    shrink = min(1.0, _MOST_PAGE / max(across, down))
    return max(across * shrink, 0.1), max(down * shrink, 0.1)


def group4(pdf: pikepdf.Pdf, coded: bytes, width: int, rows: int, *, white_is_zero: bool) -> pikepdf.Object:
    """An image object of CCITT Group 4 bytes, unchanged."""
    parameters = Dictionary(K=-1, Columns=width, Rows=rows, BlackIs1=not white_is_zero)
    return _image(pdf, coded, width, rows, 1, Name.DeviceGray, Name.CCITTFaxDecode, parameters)


def jpeg(
    pdf: pikepdf.Pdf, content: bytes, found: Stream, icc: bytes | None = None, *, inverted: bool = False
) -> pikepdf.Object:
    """An image object of JPEG bytes (grey or colour, 8 bit), unchanged.

    Args:
        pdf: where it belongs.
        content: the stream.
        found: what the stream says of itself.
        icc: its colour profile.
        inverted: whether its least value is white.
    """
    components = len(found.components)
    plain = Name.DeviceGray if components == 1 else Name.DeviceRGB
    # Without a mark PDF takes three components for YCbCr, and libjpeg looks at their ids besides.
    parameters = Dictionary(ColorTransform=0) if found.rgb and found.adobe is None else None
    space = _profiled(pdf, icc, components, plain)
    image = _image(pdf, content, found.width, found.height, 8, space, Name.DCTDecode, parameters)
    if inverted:
        image.Decode = Array([1, 0])
    return image


def flate(
    pdf: pikepdf.Pdf, data: bytes, page: strips.TiffPage, segment: strips.Segment, predictor: int
) -> pikepdf.Object | None:
    """An image object of the Deflate bytes of a TIFF's strip, unchanged; None where they do not inflate to its
    pixels."""
    row = -(-segment.columns * page.samples * page.bits // 8)
    if not _inflates_to(data, segment.rows * row):
        return None
    space: pikepdf.Object = Name.DeviceRGB if page.samples == 3 else Name.DeviceGray
    if page.photometric == 3:
        table = [int(v) for v in page.tags.get(320, ())]
        count = 1 << page.bits
        if len(table) != 3 * count:
            return None
        shift = 8 if max(table) > 255 else 0  # some writers give 8 bits of the 16
        colours = bytes(table[band * count + i] >> shift for i in range(count) for band in range(3))
        space = Array([Name.Indexed, Name.DeviceRGB, count - 1, pikepdf.String(colours)])
    parameters = None
    if predictor != 1:
        parameters = Dictionary(
            Predictor=predictor, Colors=page.samples, BitsPerComponent=page.bits, Columns=segment.columns
        )
    image = _image(pdf, data, segment.columns, segment.rows, page.bits, space, Name.FlateDecode, parameters)
    if page.white_is_zero:
        image.Decode = Array([1, 0])
    return image


def pixels(pdf: pikepdf.Pdf, picture: Image.Image) -> pikepdf.Object:
    """An image object of a decoded picture of mode 1, L, P, RGB, LA, PA or RGBA, coded without loss."""
    icc = picture.info.get("icc_profile")
    if picture.mode == "1":
        return _bilevel(pdf, picture)
    alpha = None
    if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
        if picture.mode in ("P", "PA", "RGB"):
            picture = picture.convert("RGBA")
        elif picture.mode == "L":
            picture = picture.convert("LA")
        alpha = picture.getchannel("A")
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
    image = _coded(pdf, picture, icc)
    if alpha is not None and alpha.getextrema() != (255, 255):
        image.SMask = _coded(pdf, alpha, None)
    return image


def _coded(pdf: pikepdf.Pdf, picture: Image.Image, icc: bytes | None) -> pikepdf.Object:
    buffer = io.BytesIO()
    bare = picture.copy()
    bare.info.clear()
    bare.save(buffer, "PNG")
    image = png(pdf, buffer.getvalue(), icc)
    if image is None:
        raise ValueError("the picture cannot be coded as PNG")
    return image


def _bilevel(pdf: pikepdf.Pdf, picture: Image.Image) -> pikepdf.Object:
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF", compression="group4", tiffinfo={278: picture.height})
    content = buffer.getvalue()
    page = (strips.pages(content, 1) or [])[0]
    if not page.plain_fax or page.segments is None or len(page.segments) != 1:
        raise ValueError("the picture cannot be coded as Group 4")
    coded = strips.coded(content, page.segments[0], page)
    return group4(pdf, coded, page.width, page.height, white_is_zero=page.white_is_zero)


def png(pdf: pikepdf.Pdf, content: bytes, icc: bytes | None) -> pikepdf.Object | None:
    """An image object of a PNG's own compressed pixels; None where it is interlaced, transparent or damaged."""
    try:
        chunks = _chunks(content)
        width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        data = chunks[b"IDAT"]
    except (struct.error, KeyError, ValueError):
        return None
    if interlace or kind not in _PNG_COLOURS or b"tRNS" in chunks or not width or not height:
        return None
    space: pikepdf.Object
    components, plain = _PNG_COLOURS[kind]
    if not _inflates_to(data, height * (1 + -(-width * components * depth // 8))):
        return None
    if kind == 3:
        palette = chunks.get(b"PLTE", b"")
        count = min(len(palette) // 3, 1 << depth)
        if not count:
            return None
        space = Array([plain, Name.DeviceRGB, count - 1, pikepdf.String(palette[: 3 * count])])
    else:
        space = _profiled(pdf, icc, components, plain)
    parameters = Dictionary(Predictor=15, Colors=components, BitsPerComponent=depth, Columns=width)
    return _image(pdf, data, width, height, depth, space, Name.FlateDecode, parameters)


def _chunks(content: bytes) -> dict[bytes, bytes]:
    result: dict[bytes, bytes] = {}
    data: list[bytes] = []
    at = 8
    while at + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        if struct.unpack_from(">I", content, at + 8 + size)[0] != zlib.crc32(kind + body):
            raise ValueError("a chunk is damaged")
        if kind == b"IDAT":
            data.append(body)
        else:
            result.setdefault(kind, body)
        at += 12 + size
    result[b"IDAT"] = b"".join(data)
    return result


def _inflates_to(data: bytes, expected: int) -> bool:
    inflater = zlib.decompressobj()
    got = 0
    try:
        pending = data
        while pending and got <= expected:
            got += len(inflater.decompress(pending, 1 << 20))
            pending = inflater.unconsumed_tail
        got += len(inflater.flush()) if got <= expected else 0
    except zlib.error:
        return False
    return inflater.eof and got == expected and not inflater.unused_data


def _profiled(pdf: pikepdf.Pdf, icc: bytes | None, components: int, plain: pikepdf.Object) -> pikepdf.Object:
    """The picture's own ICC profile where it is one that PDF/A allows, else the plain colour space."""
    if not icc or len(icc) < 132 or icc[36:40] != b"acsp" or icc[8] > 4 or len(icc) > 4 << 20:
        return plain
    wanted = {1: b"GRAY", 3: b"RGB "}[components]
    if icc[16:20] != wanted or icc[12:16] not in (b"mntr", b"scnr", b"prtr", b"spac"):
        return plain
    if struct.unpack_from(">I", icc)[0] != len(icc):
        return plain
    profile = pdf.make_stream(icc)
    profile.N = components
    return Array([Name.ICCBased, profile])


def _image(
    pdf: pikepdf.Pdf,
    data: bytes,
    width: int,
    height: int,
    depth: int,
    space: pikepdf.Object,
    codec: pikepdf.Object,
    parameters: pikepdf.Object | None,
) -> pikepdf.Object:
    image = pdf.make_stream(data)
    image.Type = Name.XObject
    image.Subtype = Name.Image
    image.Width = width
    image.Height = height
    image.BitsPerComponent = depth
    image.ColorSpace = space
    image.Filter = codec
    if parameters is not None:
        image.DecodeParms = parameters
    return image
