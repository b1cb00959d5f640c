"""What was recognised on a page: lines of words with their places, read from hOCR (the format of tesseract and others,
kba.github.io/hocr-spec), and the text they make.

Places are in pixels of the picture that was read, from its upper left corner.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

LEAST_CONFIDENCE = 30
"""Words the engine is less sure of (percent) are left out: on ruled forms and photographs they are noise."""

_QUARTERS = frozenset((0, 90, 180, 270))
_DROPPED = dict.fromkeys([*range(0x20), 0x7F, *range(0x80, 0xA0), 0xFEFF, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)])
_HYPHENATED = re.compile(r"(?<=[^\W\d_])[-\u00ad\u00ac\u2010]\n\n?(?=[a-zæøåäöéèêüôó])")


@dataclass(frozen=True, slots=True)
class Word:
    """A word in its box; `confidence` in percent."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    confidence: int


@dataclass(frozen=True, slots=True)
class Line:
    """Words in a line, in reading order. `angle` is how far it is turned counter-clockwise (0, 90, 180, 270).

    Of an upright line, the baseline at x is `base + slope * x`; `height` reaches from the top of its tall letters to
    the bottom of those that reach lowest, which is `descent` below the baseline. `first` begins a paragraph.
    """

    words: tuple[Word, ...]
    angle: int
    base: float
    slope: float
    height: float
    descent: float
    first: bool


@dataclass(frozen=True, slots=True)
class PageWords:
    """All that was recognised on a page; `width` and `height` of the picture in pixels."""

    width: int
    height: int
    lines: tuple[Line, ...]

    @property
    def count(self) -> int:
        """Number of words."""
        return sum(len(line.words) for line in self.lines)

    @property
    def confidence(self) -> float:
        """Mean confidence in percent, 0 without words."""
        return sum(w.confidence for line in self.lines for w in line.words) / max(self.count, 1)

    def text(self) -> str:
        """The words in reading order: a line each, an empty line between paragraphs. A word that was parted at a
        line's end is joined, so that it is found."""
        out: list[str] = []
        for line in self.lines:
            if line.first and out:
                out.append("")
            out.append(" ".join(w.text for w in line.words))
        return _HYPHENATED.sub("", "\n".join(out))

    def pack(self) -> bytes:
        """As compressed JSON; the same words give the same bytes."""
        plain = [
            (
                [(w.text, w.left, w.top, w.right, w.bottom, w.confidence) for w in x.words],
                *(x.angle, x.base, x.slope, x.height, x.descent, int(x.first)),
            )
            for x in self.lines
        ]
        return zlib.compress(json.dumps([self.width, self.height, plain], separators=(",", ":")).encode())

    @classmethod
    def unpack(cls, packed: bytes) -> PageWords:
        """The inverse of `pack`."""
        width, height, plain = json.loads(zlib.decompress(packed))
        lines = tuple(
            Line(tuple(Word(*w) for w in words), angle, base, slope, tall, descent, bool(first))
            for words, angle, base, slope, tall, descent, first in plain
        )
        return cls(width, height, lines)


def read_hocr(content: bytes, width: int, height: int) -> PageWords:
    """Read an hOCR page of a picture of `width` x `height` pixels.

    Words with nothing to read in them, without a place within the picture, or below `LEAST_CONFIDENCE` are left out.

    Raises:
        ValueError: it is not XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as e:
        raise ValueError("the hOCR is not XML") from e
    lines: list[Line] = []
    seen: object = None
    for element in root.iter("{*}span"):
        if element.get("class") not in ("ocr_line", "ocr_header", "ocr_caption", "ocr_textfloat"):
            continue
        words = tuple(_words(element, width, height))
        if words:
            paragraph = element.getparent()
            lines.append(_line(element, words, first=paragraph is not seen))
            seen = paragraph
    return PageWords(width, height, tuple(lines))


def _words(line: etree._Element, width: int, height: int) -> Iterator[Word]:
    for element in line.iter("{*}span"):
        if element.get("class") != "ocrx_word":
            continue
        facts = _facts(element)
        text = "".join("".join(str(t) for t in element.itertext()).translate(_DROPPED).split())
        box, confidence = facts.get("bbox", ()), facts.get("x_wconf", (0,))
        if len(box) != 4 or not text or not confidence or confidence[0] < LEAST_CONFIDENCE:
            continue
        left, right = (min(max(int(v), 0), width) for v in (box[0], box[2]))
        top, bottom = (min(max(int(v), 0), height) for v in (box[1], box[3]))
        if left < right and top < bottom:
            yield Word(text, left, top, right, bottom, min(int(confidence[0]), 100))


def _line(element: etree._Element, words: Sequence[Word], *, first: bool) -> Line:
    facts = _facts(element)
    top, bottom = min(w.top for w in words), max(w.bottom for w in words)
    angle = round(facts.get("textangle", (0,))[0]) % 360
    if angle not in _QUARTERS:
        angle = 0
    box, baseline = facts.get("bbox", ()), facts.get("baseline", ())
    height = facts.get("x_size", (0,))[0]
    descent = facts.get("x_descenders", (0,))[0]
    if angle or len(box) != 4 or len(baseline) != 2 or not 0 < descent < height:
        return Line(tuple(words), angle, float(bottom), 0.0, float(bottom - top), 0.0, first)
    slope = baseline[0] if abs(baseline[0]) < 1 else 0.0
    base = box[3] + baseline[1] - slope * box[0]
    return Line(tuple(words), 0, round(base, 2), slope, height, descent, first)


def _facts(element: etree._Element) -> dict[str, tuple[float, ...]]:
    """The properties in an element's title; those that are not numbers are left out."""
    facts: dict[str, tuple[float, ...]] = {}
    for part in (element.get("title") or "").split(";"):
        name, *values = part.split()[:8] or [""]
        try:
            numbers = tuple(float(v) for v in values)
        except ValueError:
            continue
        if all(math.isfinite(n) and abs(n) < 1e6 for n in numbers):
            facts[name] = numbers
    return facts
