"""PostScript and EPS to PDF by Ghostscript, in its safe mode and contained: nothing of the machine can be read or
written by the program that a PostScript file is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pypdfium2

from archive.normalise import contained, ghostscript
from archive.normalise.contract import Limits, Made
from archive.normalise.text_of import count_pages
from archive.reasons import DocumentProblem, Reason
from archive.store import remove_tree

ROUTE = "postscript"

_MOST_SECONDS = 60.0
_HEADER = b"%!"
_DOS_EPS = b"\xc5\xd0\xd3\xc6"
_KEEP = (
    "-dAutoRotatePages=/None",
    *(f"-dDownsample{kind}Images=false" for kind in ("Color", "Gray", "Mono")),
    *(f"-dAutoFilter{kind}Images=false" for kind in ("Color", "Gray")),
    *(f"-d{kind}ImageFilter=/FlateEncode" for kind in ("Color", "Gray")),
)


def postscript(source: Path, out: Path, limits: Limits) -> Made:
    """Let Ghostscript draw the pages.

    Raises:
        DocumentProblem: UNSUPPORTED_FORMAT where Ghostscript is not installed, CONVERSION_TIMEOUT, CORRUPT where it
            gives up, EMPTY where it draws nothing, RESOURCE_LIMIT.
        OSError: nothing can be written.
    """
    if not ghostscript.available():
        raise DocumentProblem(
            Reason.UNSUPPORTED_FORMAT, "PostScript: Ghostscript, which can draw it, is not installed."
        )
    content = source.read_bytes()
    if not content.startswith(_DOS_EPS):
        content = content[max(content.find(_HEADER, 0, 4096), 0) :]
    crop = ("-dEPSCrop",) if content.startswith(_DOS_EPS) or b"EPSF" in content[:64] else ()
    folder = out.parent / f"{out.name}.ps"
    try:
        folder.mkdir()
        (folder / "in.ps").write_bytes(content)
        ended = contained.run(
            [
                *("gs", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dQUIET", "-sDEVICE=pdfwrite", *crop, *_KEEP),
                *("-sColorConversionStrategy=RGB", "-sOutputFile=out.pdf", "in.ps"),
            ],
            folder=folder,
            seconds=min(limits.seconds, _MOST_SECONDS),
            memory_bytes=limits.memory_bytes,
            output_bytes=limits.output_bytes,
        )
        if not ended.ended_itself:
            raise DocumentProblem(Reason.CONVERSION_TIMEOUT, f"Ghostscript did not end within {_MOST_SECONDS:.0f} s.")
        made = folder / "out.pdf"
        if ended.code != 0 or not made.is_file() or made.stat().st_size == 0:
            raise DocumentProblem(Reason.CORRUPT, f"Ghostscript cannot draw the PostScript (exit code {ended.code}).")
        count_pages(made, most_pages=limits.pages)
        if _is_blank(made):
            raise DocumentProblem(Reason.EMPTY, "The PostScript draws nothing.")
        shutil.move(made, out)
    finally:
        remove_tree(folder)
    return Made(out, ("2u", "2b"))


def _is_blank(pdf: Path) -> bool:
    """Whether nothing stands on any page."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return not any(True for page in document for _ in page.get_objects(max_depth=1))
    finally:
        document.close()
