"""Lays recognised words invisibly over a PDF's pages, where they stand in the picture; the pictures stay as they are.

The words stand at the beginning of the page's content, in a graphics state of their own: being invisible (render mode
3, ISO 32000-1 9.3.6) they need not be above the picture, and nothing that follows can be disturbed by them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pikepdf
from pikepdf import Dictionary, Name

from archive.normalise import child
from archive.normalise.contract import Limits
from archive.normalise.finish import finish
from archive.normalise.raster import GLYPH_WIDTH, invisible_font
from archive.ocr.words import Line, PageWords, Word

_FONT = "/OcrWords"
_MOST_PARENTS = 100


def lay(
    pdf: Path, out: Path, pages: Mapping[int, PageWords], flavour: str, *, thorough: bool, folder: Path, limits: Limits
) -> None:
    """Write `out`: `pdf` with words on its pages (numbers count from 1), declaring a PDF/A level; in a process of its
    own that works in `folder`. Whether the level holds, the validator says.

    Raises:
        DocumentProblem: the process died or did not end in time.
    """
    manifest = folder / "words"
    manifest.write_text(
        json.dumps({number: words.pack().hex() for number, words in sorted(pages.items())}), encoding="ascii"
    )
    arguments = (str(pdf.resolve()), str(manifest.resolve()), str(out.resolve()), flavour, str(int(thorough)))
    child.call("archive.ocr.layer:alone", arguments, folder=folder, limits=limits)


def alone(pdf: str, manifest: str, out: str, flavour: str, thorough: str) -> None:
    """What the contained process runs."""
    pages = {
        int(number): PageWords.unpack(bytes.fromhex(packed))
        for number, packed in json.loads(Path(manifest).read_text(encoding="ascii")).items()
    }
    layered = Path("layered.pdf")
    with pikepdf.open(pdf) as document:
        add_words(document, pages)
        document.save(layered, deterministic_id=True)
    finish(layered, Path(out), flavour, thorough=thorough == "1")


def add_words(document: pikepdf.Pdf, pages: Mapping[int, PageWords]) -> None:
    """Add the words of each page (numbers count from 1) to an open PDF."""
    font = invisible_font(document)
    for number, words in sorted(pages.items()):
        page = document.pages[number - 1]
        # resources may be shared with other pages, or inherited
        resources = _copied(_inherited(page.obj, "/Resources"))
        fonts = _copied(resources.get("/Font"))
        name = _FONT
        while name in fonts:
            name += "x"
        fonts[name] = font
        resources.Font = fonts
        page.obj.Resources = resources
        page.contents_add(document.make_stream(content(page, words, name)), prepend=True)


def content(page: pikepdf.Page, words: PageWords, font: str) -> bytes:
    """The operators that show a page's words, the picture of which is the page as a viewer shows it."""
    to_user, width, height = _placing(page)
    across, up = width / words.width, height / words.height
    parts = [f"q {to_user} cm BT 3 Tr\n"]
    for line in words.lines:
        parts.extend(_line(line, words.height, across, up, font))
    parts.append("ET Q\n")
    return "".join(parts).encode("ascii")


def _placing(page: pikepdf.Page) -> tuple[str, float, float]:
    """How what a viewer shows (turned, cropped; from its lower left corner) lies in the page's own coordinates, and
    its width and height in units of those."""
    crop, media = _box(page.cropbox), _box(page.mediabox)
    left, bottom = max(crop[0], media[0]), max(crop[1], media[1])
    right, top = min(crop[2], media[2]), min(crop[3], media[3])
    if left >= right or bottom >= top:
        left, bottom, right, top = media
    rotate = _inherited(page.obj, "/Rotate")
    match int(rotate) % 360 if isinstance(rotate, int) else 0:
        case 90:
            matrix, sides = (0, 1, -1, 0, right, bottom), (top - bottom, right - left)
        case 180:
            matrix, sides = (-1, 0, 0, -1, right, top), (right - left, top - bottom)
        case 270:
            matrix, sides = (0, -1, 1, 0, left, top), (top - bottom, right - left)
        case _:
            matrix, sides = (1, 0, 0, 1, left, bottom), (right - left, top - bottom)
    return " ".join(_number(v) for v in matrix), *sides


def _box(box: pikepdf.Array) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(v) for v in box)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _copied(value: object) -> pikepdf.Dictionary:
    return Dictionary(dict(value.items())) if isinstance(value, pikepdf.Dictionary) else Dictionary()


def _inherited(node: pikepdf.Object, key: str) -> object:
    for _ in range(_MOST_PARENTS):
        if key in node:
            return node[key]
        parent = node.get(Name.Parent)
        if not isinstance(parent, pikepdf.Dictionary):
            break
        node = parent
    return None


def _line(line: Line, height: int, across: float, up: float, font: str) -> Iterator[str]:
    """One line's words; a space as wide as the gap stands between two, so that every reader parts them alike."""
    for word, following in zip(line.words, [*line.words[1:], None], strict=True):
        codes = "".join(f"{ord(c):04x}" for c in word.text if ord(c) < 0x10000)
        size, length, gap, matrix = _place(line, word, following, height, across, up)
        if not codes or size <= 0 or length <= 0:
            continue
        glyph = size * GLYPH_WIDTH / 1000
        stretch = 100 * length / (len(codes) / 4 * glyph)
        yield f"{font} {_number(size)} Tf {matrix} Tm {_number(stretch)} Tz <{codes}> Tj\n"
        if following is not None:
            yield f"{_number(max(100 * gap / glyph, 1))} Tz <0020> Tj\n"


def _place(
    line: Line, word: Word, following: Word | None, height: int, across: float, up: float
) -> tuple[float, float, float, str]:
    """Size of the letters, length of the word, the gap after it, and the matrix that places it (all in points)."""
    left, right = word.left * across, word.right * across
    top, bottom = (height - word.top) * up, (height - word.bottom) * up
    match line.angle:
        case 90:
            gap = 0.0 if following is None else (word.top - following.bottom) * up
            return right - left, top - bottom, gap, _matrix(0, 1, right, bottom)
        case 180:
            gap = 0.0 if following is None else (word.left - following.right) * across
            return top - bottom, right - left, gap, _matrix(-1, 0, right, top)
        case 270:
            gap = 0.0 if following is None else (following.top - word.bottom) * up
            return right - left, top - bottom, gap, _matrix(0, -1, left, top)
    turn = -math.atan(line.slope)
    foot = (height - (line.base + line.slope * word.left + line.descent)) * up
    gap = 0.0 if following is None else (following.left - word.right) * across
    return line.height * up, right - left, gap, _matrix(math.cos(turn), math.sin(turn), left, foot)


def _matrix(cosine: float, sine: float, x: float, y: float) -> str:
    return " ".join(_number(v, 5) for v in (cosine, sine, -sine, cosine)) + f" {_number(x)} {_number(y)}"


def _number(value: float, digits: int = 2) -> str:
    text = f"{float(value):.{digits}f}"
    return (text.rstrip("0").rstrip(".") or "0") if float(text) else "0"
