"""Pages at the end of a copy with the text of its source that the pages before do not show."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from archive.normalise.mailbody import join
from archive.normalise.plaintext import expanded, wrapped
from archive.normalise.text_of import PAGE_BREAK
from archive.normalise.typeset import drawable, typeset
from archive.reasons import DocumentProblem, Reason

TITLE = "Tekst i originalen som sidene foran ikke viser"
_COLUMNS, _LINES, _SIZE = 80, 60, 10.0
_MOST_PAGES = 500


def annexed(pdf: Path, lines: Sequence[str], out: Path) -> str:
    """Write `out`, the pages of `pdf` and those of the annex behind them; give back the annex's text.

    Args:
        pdf: a PDF of any of the routes, not yet PDF/A.
        lines: what of the source is to be shown.

    Raises:
        DocumentProblem: RESOURCE_LIMIT where it fills too many pages; and as `typeset`.
        pikepdf.PdfError: `pdf` cannot be read.
    """
    table = drawable(lines)
    shown = [TITLE, "=" * len(TITLE), ""]
    for line in lines:
        shown += wrapped(expanded(line).translate(table), _COLUMNS)
    pages = ["\n".join(shown[at : at + _LINES]) for at in range(0, len(shown), _LINES)]
    if len(pages) > _MOST_PAGES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The text that is missing fills {len(pages)} pages.")
    more = out.with_suffix(".annex.pdf")
    typeset("plain", {"title": TITLE, "size": _SIZE, "landscape": False, "pages": pages}, more, tagged=False)
    shutil.copyfile(pdf, out)
    join(out, [more])
    return "\n".join((TITLE, "", *lines, ""))


def with_annex(text: str, annex: str) -> str:
    """A text copy with an annex as its last page."""
    return f"{text}{PAGE_BREAK}{annex}"
