"""Plain RTF to PDF without an office suite: our own reader, pages by typst.

Only what is proven to look as LibreOffice shows it (docs/internals/rtf.md) is done here; every other file is passed on.
"""

from __future__ import annotations

from pathlib import Path

from archive.normalise.contract import Limits, Made, PassedOn
from archive.normalise.rtfread.reader import read
from archive.normalise.rtfread.write import Writer, plain_text
from archive.normalise.typeset import typeset
from archive.reasons import DocumentProblem, Reason

ROUTE = "rtf"

_MOST_BYTES = 32 << 20


def rtf(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset an RTF file. `Made.text` is its text in the order in which it is seen.

    Raises:
        PassedOn: the file has anything whose rendering is not proven, or is not well-formed.
    """
    if source.stat().st_size > _MOST_BYTES:
        raise PassedOn(f"more than {_MOST_BYTES >> 20} MB")
    document = read(source.read_bytes())
    if not document.body:
        raise PassedOn("no text")
    pictures = out.with_suffix(".pictures")
    data = Writer(document, pictures).data()
    try:
        typeset("rtf", data, out, tagged=False, pictures=pictures if pictures.is_dir() else None)
    except DocumentProblem as e:
        if e.reason is Reason.CONVERSION_FAILED:
            raise PassedOn("a page that could not be typeset") from None
        raise
    # Plain RTF has no structure that tags could keep but lines and cells, and they double the time of validation.
    return Made(out, ("2u", "2b"), text=plain_text(document))
