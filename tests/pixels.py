"""The raster of a PDF page made of pictures, put together from its image objects alone: no viewer's scaling in it."""

from __future__ import annotations

import re
from pathlib import Path

import pikepdf
from PIL import Image

_PLACED = re.compile(rb"q (\d+) 0 0 (\d+) (\d+) (-?\d+) cm (/I\d+) Do Q")


def raster(pdf: Path, number: int = 0) -> Image.Image:
    """The stored pixels of a page (before its orientation).

    Raises:
        AssertionError: image objects leave a gap, overlap, or are not drawn pixel by pixel.
    """
    with pikepdf.open(pdf) as opened:
        page = opened.pages[number]
        content = page.Contents.read_bytes()
        placed = [(*map(int, found[:4]), found[4].decode()) for found in _PLACED.findall(content)]
        assert len(placed) == len(page.Resources.XObject) > 0
        clip = re.search(rb"0 0 (\d+) (\d+) re W n", content)
        width = int(clip[1]) if clip else max(left + columns for columns, _, left, _, _ in placed)
        height = int(clip[2]) if clip else max(bottom + rows for _, rows, _, bottom, _ in placed)
        whole: Image.Image | None = None
        covered = Image.new("L", (width, height))
        for columns, rows, left, bottom, name in placed:
            part = pikepdf.PdfImage(page.Resources.XObject[name]).as_pil_image()
            assert part.size == (columns, rows)
            top = height - bottom - rows
            assert covered.crop((left, top, min(width, left + columns), min(height, top + rows))).getbbox() is None
            covered.paste(255, (left, top, left + columns, top + rows))
            if whole is None:
                whole = Image.new(part.mode, (width, height))
                if part.mode == "P":
                    whole.putpalette(part.getpalette() or [])
            whole.paste(part, (left, top))
        assert covered.getextrema() == (255, 255)
        assert whole is not None
        return whole
