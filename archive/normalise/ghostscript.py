"""Ghostscript as a separate program: fonts that are not embedded, colours that need a profile, streams too broken.

Optional (AGPL, never linked), and only after the validator said no. It rewrites pages, and loses words in one of seven
of them (measured); so its work counts only where the words survive.
"""

from __future__ import annotations

import collections
import math
import shutil
from pathlib import Path

import pypdfium2

from archive.normalise import contained, pageboxes
from archive.normalise.contract import Limits
from archive.normalise.text_of import text_of, words
from archive.reasons import DocumentProblem, Reason
from archive.store import remove_tree

ROUTE = "ghostscript"

_PROGRAM = "gs"
SURVIVING = 0.99
"""Share of the words that a rewritten page must still have."""
_SAME_SIZE = 2.0
"""Points that rounding may move a page's corner by."""
_MOST_SECONDS, _FIRST_SECONDS, _PAGE_SECONDS = 60.0, 10.0, 1.0
"""Wall clock. Half a second a file is usual; drawings that call themselves keep it busy for ever, and pictures of the
pages can be had without it."""


def available() -> bool:
    """Whether Ghostscript is installed."""
    return shutil.which(_PROGRAM) is not None


def rewrite(pdf: Path, out: Path, limits: Limits) -> None:
    """Rewrite a PDF towards PDF/A-2, with the pages and at least 99 % of the words it had.

    Raises:
        DocumentProblem: CONVERSION_TIMEOUT, or CONVERSION_FAILED where it fails or pages or words are missing after.
        OSError: nothing can be written.
    """
    before, pages = text_of(pdf, most_pages=limits.pages)
    seconds = min(limits.seconds, _MOST_SECONDS, _FIRST_SECONDS + pages * _PAGE_SECONDS)
    folder = out.parent / f"{out.name}.gs"
    try:
        folder.mkdir()
        shutil.copyfile(pdf, folder / "in.pdf")
        ended = contained.run(
            [
                _PROGRAM,
                *("-dSAFER", "-dBATCH", "-dNOPAUSE", "-dQUIET", "-sDEVICE=pdfwrite"),
                *("-dPDFA=2", "-dPDFACompatibilityPolicy=1", "-sColorConversionStrategy=RGB"),
                # Pages stand as they are, pictures keep their pixels: its own defaults turn pages so that text is
                # upright, and make JPEG of what was coded without loss.
                "-dAutoRotatePages=/None",
                *(f"-dDownsample{kind}Images=false" for kind in ("Color", "Gray", "Mono")),
                *(f"-dAutoFilter{kind}Images=false" for kind in ("Color", "Gray")),
                *(f"-d{kind}ImageFilter=/FlateEncode" for kind in ("Color", "Gray")),
                *("-dPassThroughJPEGImages=true", "-dPassThroughJPXImages=true"),
                *("-sOutputFile=out.pdf", "in.pdf"),
            ],
            folder=folder,
            seconds=seconds,
            memory_bytes=limits.memory_bytes,
            output_bytes=limits.output_bytes,
        )
        if not ended.ended_itself:
            raise DocumentProblem(Reason.CONVERSION_TIMEOUT, f"Ghostscript did not end within {seconds:.0f} s.")
        if ended.code != 0 or not (folder / "out.pdf").is_file():
            raise DocumentProblem(Reason.CONVERSION_FAILED, f"Ghostscript ended with exit code {ended.code}.")
        after, pages_after = text_of(folder / "out.pdf", most_pages=limits.pages)
        if pages_after != pages:
            raise DocumentProblem(Reason.CONVERSION_FAILED, "Ghostscript's file has another number of pages.")
        if any(math.dist(a, b) > _SAME_SIZE for a, b in zip(_sizes(pdf), _sizes(folder / "out.pdf"), strict=True)):
            raise DocumentProblem(Reason.CONVERSION_FAILED, "Ghostscript's pages have another size, or are turned.")
        share = surviving(before, after)
        if share < SURVIVING:
            raise DocumentProblem(Reason.CONVERSION_FAILED, f"Ghostscript kept {share:.1%} of the words.")
        (folder / "out.pdf").replace(out)
    finally:
        remove_tree(folder)


def _sizes(pdf: Path) -> list[tuple[float, float]]:
    """Width and height of each page as it is shown, in points; Ghostscript writes larger units as points."""
    units = pageboxes.units(pdf)
    document = pypdfium2.PdfDocument(pdf)
    try:
        sizes = [(document.get_page_size(number), units.get(number, 1.0)) for number in range(len(document))]
        return [(width * unit, height * unit) for (width, height), unit in sizes]
    finally:
        document.close()


def surviving(before: str, after: str) -> float:
    """The share of a text's words (with their repetitions) that another text has; 1.0 where there were none."""
    had, has = collections.Counter(words(before)), collections.Counter(words(after))
    return (had & has).total() / had.total() if had else 1.0
