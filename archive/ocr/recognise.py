"""Pages as pictures, and the words that tesseract reads in them. Both work in contained processes.

A page is drawn as a viewer shows it (turned, cropped, with annotations), in grey. Which engine, language and resolution
read it is recorded with every page.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pypdfium2

from archive.errors import EngineMissingError, UsageError
from archive.normalise import child, contained
from archive.normalise.contract import Limits
from archive.normalise.text_of import clean
from archive.ocr.words import PageWords, read_hocr
from archive.reasons import DocumentProblem, Reason

PROGRAM = "tesseract"
REMEDY = "Install it (Debian: apt-get install tesseract-ocr tesseract-ocr-nor)."

_LANGUAGES = re.compile(r"[A-Za-z][A-Za-z_/]*(\+[A-Za-z][A-Za-z_/]*)*")
_MOST_PIXELS = 60_000_000
_MOST_SIDE = 32_000  # tesseract refuses more than 32,767
SECONDS = 300.0
"""That one page, or the words of one file, may take."""
_OUTPUT_BYTES = 64 << 20
_ORIENTATION = "osd"


@dataclass(frozen=True, slots=True)
class Engine:
    """The tesseract that is installed, with the languages and the resolution to read at."""

    version: str
    """Name and version, as the program gives them."""
    language: str
    dpi: int
    finds_orientation: bool

    @property
    def key(self) -> str:
        """Tells results of one way of reading from those of another."""
        return f"{self.version} {self.language} {self.dpi} dpi"

    @classmethod
    def find(cls, language: str, dpi: int) -> Engine:
        """The engine of this machine.

        Raises:
            EngineMissingError: it, or a language it is to read, is not installed.
            UsageError: `language` is not one.
        """
        if not _LANGUAGES.fullmatch(language):
            raise UsageError(f"{language!r} is no language of tesseract.", remedy="Give one like nor, or nor+eng.")
        version = contained.version([PROGRAM, "--version"], remedy=REMEDY)
        listed = subprocess.run([PROGRAM, "--list-langs"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        installed = set(listed.stdout.decode("utf-8", "replace").split("\n"))
        if missing := [name for name in language.split("+") if name not in installed]:
            raise EngineMissingError(
                f"{PROGRAM} cannot read {', '.join(missing)}: the language is not installed.",
                remedy=f"Install it (Debian: apt-get install {' '.join(f'tesseract-ocr-{m}' for m in missing)}).",
            )
        return cls(version, language, dpi, _ORIENTATION in installed)


def version_of(key: str) -> str:
    """Name and version of the program behind an engine's key."""
    return " ".join(key.split()[:-3])


@dataclass(frozen=True, slots=True)
class PageResult:
    """What came of one page: words (perhaps none), or the `problem` in a sentence. `raster` is the SHA-256 of its
    picture, None where there was nothing to read: a blank page, or one with text."""

    page: int
    raster: str | None = None
    words: PageWords | None = None
    problem: str | None = None


def recognise(
    engine: Engine,
    pdf: Path,
    pages: Sequence[int],
    *,
    folder: Path,
    known: Callable[[str], PageWords | None],
    stopping: Callable[[], None],
    limits: Limits,
) -> Iterator[PageResult]:
    """Read pages (counted from 1) of a PDF/A, one after another; each ends in a result, whatever is wrong with it.

    Args:
        engine: who reads.
        pdf: the file.
        pages: which of its pages.
        folder: an empty scratch folder.
        known: gives the words of a picture that was read before, by its SHA-256.
        stopping: called now and then; what it raises ends the work.
        limits: of the process that draws the pages, and memory of the one that reads.
    """
    try:
        drawn = child.call(
            "archive.ocr.recognise:draw",
            (str(pdf.resolve()), json.dumps(list(pages)), str(engine.dpi)),
            folder=folder,
            limits=limits,
        )
    except DocumentProblem as e:
        if len(pages) == 1:
            yield PageResult(pages[0], problem=e.detail)
            return
        for page in pages:  # so that one bad page costs one page
            yield from recognise(engine, pdf, [page], folder=folder, known=known, stopping=stopping, limits=limits)
        return
    for page, raster, width, height, dpi in drawn:
        if raster is None:
            yield PageResult(page)
            continue
        picture = folder / _picture(page)
        try:
            words = known(raster)
            if words is None:
                words = _read(engine, picture, width, height, dpi, folder, stopping, limits)
            yield PageResult(page, raster, words)
        except DocumentProblem as e:
            yield PageResult(page, raster, problem=e.detail)
        finally:
            picture.unlink(missing_ok=True)


def _read(
    engine: Engine,
    picture: Path,
    width: int,
    height: int,
    dpi: int,
    folder: Path,
    stopping: Callable[[], None],
    limits: Limits,
) -> PageWords:
    out = folder / "read"
    hocr = out.with_suffix(".hocr")
    hocr.unlink(missing_ok=True)
    # 1: find orientation and columns, 3: columns only
    options = ("--dpi", str(dpi), "--psm", "1" if engine.finds_orientation else "3", "hocr")
    ended = contained.run(
        [PROGRAM, str(picture.resolve()), str(out.resolve()), "-l", engine.language, *options],
        folder=folder,
        seconds=SECONDS,
        memory_bytes=limits.memory_bytes,
        output_bytes=_OUTPUT_BYTES,
        environment={"OMP_THREAD_LIMIT": "1", **_data()},
        progress=stopping,
        stall_seconds=2 * SECONDS,
    )
    if not ended.ended_itself:
        raise DocumentProblem(Reason.CONVERSION_TIMEOUT, f"Reading it did not end within {SECONDS:.0f} s.")
    try:
        return read_hocr(hocr.read_bytes(), width, height)
    except (OSError, ValueError):
        raise DocumentProblem(Reason.CONVERSION_FAILED, f"The engine gave up (exit code {ended.code}).") from None


def _data() -> dict[str, str]:
    found = os.environ.get("TESSDATA_PREFIX")
    return {"TESSDATA_PREFIX": found} if found else {}


def _picture(page: int) -> str:
    return f"page-{page}.pgm"


def draw(pdf: str, pages: str, dpi: str) -> list[tuple[int, str | None, int, int, int]]:
    """What the contained process runs: draw pages into its folder, and tell of each its number, the SHA-256 of its
    picture (None: there is nothing to read), width and height, and the resolution it was drawn at."""
    try:
        document = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError:
        raise DocumentProblem(Reason.CORRUPT, "The pages cannot be drawn.") from None
    document.init_forms()
    try:
        return [_draw(document, number, int(dpi)) for number in json.loads(pages)]
    except (pypdfium2.PdfiumError, IndexError):
        raise DocumentProblem(Reason.CORRUPT, "A page cannot be drawn.") from None


def _draw(document: pypdfium2.PdfDocument, number: int, dpi: int) -> tuple[int, str | None, int, int, int]:
    page = document[number - 1]
    text = page.get_textpage()
    if clean(text.get_text_range()).strip():
        return number, None, 0, 0, 0
    width, height = page.get_size()
    scale = min(dpi / 72, (_MOST_PIXELS / max(width * height, 1)) ** 0.5, _MOST_SIDE / max(width, height, 1))
    picture = page.render(scale=scale, grayscale=True, may_draw_forms=True).to_pil().convert("L")
    low, high = picture.getextrema()
    if low == high:
        return number, None, 0, 0, 0
    picture.save(_picture(number), "PPM")
    digest = hashlib.sha256(b"%d %d " % picture.size)
    digest.update(picture.tobytes())
    return number, digest.hexdigest(), *picture.size, max(round(scale * 72), 1)
