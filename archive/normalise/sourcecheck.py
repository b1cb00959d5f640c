"""Whether a copy says what its source says: the source is read once more, and held against pages and text copy.

Readers (`archive.rereading.readers`) share nothing with the routes. Headers and footers are not looked for, since the
pages they are for may not exist; nor is what the source hides, where its reader knows no better than to read it too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from archive.reasons import Flag
from archive.record import FlagNote
from archive.rereading.compare import compare
from archive.rereading.compare import strange as strange
from archive.rereading.contract import Findings, Missing
from archive.rereading.pictures import PICTURES, page_count
from archive.rereading.readers import REREAD, reading_of

_MOST_BYTES = 32 << 20
_HIDING = frozenset((Flag.HIDDEN_CONTENT,))


def check(source: Path, family: str, page_text: str | None, text_copy: str, flags: Collection[Flag]) -> Findings | None:
    """What of a source its copy does not say; None where it cannot be read a second time.

    Args:
        source: the original, without its password.
        family: as `archive.identify` found it.
        page_text: the text of the copy's pages; None where they are pictures.
        text_copy: the text that is stored beside the copy.
        flags: what is told of the copy already.
    """
    reading = reading_of(source, family) if source.stat().st_size <= _MOST_BYTES else None
    if reading is None:
        return None
    if reading.partly and not _HIDING.isdisjoint(flags):
        return Findings(strange=strange(text_copy))
    # What a style hides is in the text copy, and its absence from the pages is told.
    apart = page_text is None or Flag.HIDDEN_TEXT in flags
    found = compare(reading, text_copy if apart or page_text is None else page_text, text_copy)
    return found if page_text is not None else replace(found, on_pages=Missing(), blank=False)


def pages_missing(source: Path, family: str, pages: int) -> list[FlagNote]:
    """The flag for a copy that has fewer pages than a picture's file has pictures, as another reader counts them."""
    count = page_count(source, family) if family in PICTURES else None
    return [FlagNote(Flag.PAGES_MISSING, f"{pages} of {count}.")] if count is not None and count > pages else []


def notes(found: Findings | None, family: str) -> list[FlagNote]:
    """The flags for what was found; `found` as of `check`."""
    if found is None:
        return [FlagNote(Flag.NOT_REREAD)] if family in REREAD else []
    return [FlagNote(flag, detail) for flag, detail in found.flags()]
