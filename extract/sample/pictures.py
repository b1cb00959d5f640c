"""Scanned pages, photographs and charts, drawn with Pillow's own font: TIFF (CCITT G4), JPEG, PNG."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from random import Random
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from extract.sample.notes import Note
from extract.sample.plain import lines_of

_DPI = 200
_PAGE = (1654, 2339)  # A4 at 200 dpi
_MARGIN, _LEADING, _LETTER = 150, 40, 28
_BOMB = 40000
TIFF_PAGES = 3


_BASE = str.maketrans(
    {"å": "a", "Å": "A", "ø": "o", "Ø": "O", "é": "e", "–": "-", "µ": "u", "§": "S", "«": '"', "»": '"', "á": "a"}
)


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, fill: Any = 0) -> None:
    """Write a line. Pillow's font has ASCII alone, so the Norwegian letters get their marks by hand."""
    font = _font(size)
    plain = text.replace("æ", "ae").replace("Æ", "AE")
    draw.text(at, plain.translate(_BASE), fill=fill, font=font)
    for n, c in enumerate(plain):
        if c not in "åÅøØé":
            continue
        left = at[0] + font.getlength(plain[:n].translate(_BASE))
        width = font.getlength(c.translate(_BASE))
        top = at[1] + size * (0.05 if c == "Å" else 0.22)
        if c in "åÅ":
            draw.ellipse(
                (left + width / 2 - size / 10, top - size / 10, left + width / 2 + size / 10, top + size / 10),
                outline=fill,
                width=max(1, size // 14),
            )
        elif c == "é":
            draw.line((left + width / 2, top + 2, left + width * 0.7, top - size / 10), fill=fill, width=size // 12)
        else:
            head = at[1] + size * (0.2 if c == "Ø" else 0.4)
            draw.line((left + width * 0.1, at[1] + size * 0.98, left + width * 0.9, head), fill=fill, width=size // 14)


def tiff(note: Note, rng: Random) -> bytes:
    """A fax or scan of three pages in black and white."""
    lines = lines_of(note, 84)
    pages = [_letter(lines, 1), _letter(["Vedlegg til brev", "", *lines[2:8]], 2), _chart(rng, "1")]
    target = io.BytesIO()
    pages[0].save(
        target, "TIFF", compression="group4", dpi=(_DPI, _DPI), save_all=True, append_images=pages[1:TIFF_PAGES]
    )
    return target.getvalue()


def scanned_page(note: Note) -> tuple[bytes, int, int]:
    """A grey scan of the note as JPEG, with its width and height."""
    page = _letter(lines_of(note, 84), 1).convert("L").resize((_PAGE[0] // 2, _PAGE[1] // 2), Image.Resampling.BILINEAR)
    page = ImageOps.colorize(page, (40, 40, 44), (236, 234, 226)).convert("L")
    target = io.BytesIO()
    page.save(target, "JPEG", quality=70, dpi=(_DPI // 2, _DPI // 2))
    return target.getvalue(), page.width, page.height


def jpeg(note: Note, rng: Random) -> bytes:
    """A photograph of a wound with a ruler beside it, or a grey scan of the note."""
    if rng.random() < 0.4:
        return scanned_page(note)[0]
    width, height = rng.choice(((1200, 900), (1024, 768), (900, 1200)))
    skin = ImageOps.colorize(Image.linear_gradient("L").resize((width, height)), (214, 170, 148), (236, 200, 178))
    diameter = rng.randint(height // 5, height // 2)
    spot = Image.radial_gradient("L").resize((diameter, diameter))
    wound = ImageOps.colorize(spot, (112, 30, 28), (220, 150, 132), mid=(170, 62, 54))
    mask = ImageOps.invert(spot).point(lambda v: 0 if v < 110 else min(255, v * 2))
    skin.paste(wound, ((width - diameter) // 2, (height - diameter) // 3), mask)
    draw = ImageDraw.Draw(skin)
    top = height - 90
    draw.rectangle((60, top, width - 60, top + 60), fill=(250, 250, 244))
    for n, x in enumerate(range(80, width - 80, 12)):
        draw.line((x, top, x, top + (30 if n % 10 == 0 else 15)), fill=(20, 20, 20), width=2)
    _write(draw, (70, top + 32), f"mm   {note.day:%d.%m.%Y}", 24, (20, 20, 20))
    target = io.BytesIO()
    skin.save(target, "JPEG", quality=80)
    return target.getvalue()


def png(rng: Random) -> bytes:
    """A chart, as systems export them."""
    target = io.BytesIO()
    _chart(rng, "P").resize((827, 1170)).save(target, "PNG")
    return target.getvalue()


def picture_bomb() -> bytes:
    """A small PNG that claims, and has, 40,000 x 40,000 pixels."""
    return _bomb()


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(1)
    row = bytes(1 + _BOMB // 8)
    packed = b"".join(packer.compress(row * 100) for _ in range(_BOMB // 100)) + packer.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", _BOMB, _BOMB, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _letter(lines: list[str], number: int) -> Image.Image:
    page = Image.new("1", _PAGE, 1)
    draw = ImageDraw.Draw(page)
    for n, line in enumerate(lines[: (_PAGE[1] - 2 * _MARGIN) // _LEADING]):
        _write(draw, (_MARGIN, _MARGIN + n * _LEADING), line, _LETTER)
    _write(draw, (_PAGE[0] // 2, _PAGE[1] - 80), f"side {number}", 22)
    return page


def _chart(rng: Random, mode: str) -> Image.Image:
    page = Image.new(mode, _PAGE, 1)
    if mode == "P":
        page.putpalette([20, 20, 20, 255, 255, 255, 30, 90, 170, 200, 60, 50])
    draw = ImageDraw.Draw(page)
    _write(draw, (_MARGIN, _MARGIN), "Blodtrykk og puls", 44)
    left, top, right, bottom = _MARGIN, 300, _PAGE[0] - _MARGIN, 1500
    draw.rectangle((left, top, right, bottom), outline=0, width=3)
    for level in range(40, 220, 20):
        y = bottom - (level - 40) * (bottom - top) // 180
        draw.line((left, y, right, y), fill=0)
        _write(draw, (left - 70, y - 14), str(level), 24)
    for ink, base in ((2, rng.randint(120, 160)), (3, rng.randint(60, 90))):
        points, value = [], base
        for x in range(left + 40, right, 80):
            value = min(210, max(45, value + rng.randint(-12, 12)))
            points.append((x, bottom - (value - 40) * (bottom - top) // 180))
        draw.line(points, fill=ink if mode == "P" else 0, width=5)
    return page
