"""Whether the copy that LibreOffice made has the words of its source.

LibreOffice leaves out what it cannot place (a cell in a table too deep, a text box of a shape it does not know, a frame
off the page) and says nothing. So the words are read from the source a second time, by a reader that shares nothing
with it (`archive.rereading.readers`), and looked for in the copy's text. Headers and footers are not, since the pages
they are for may not exist. A style may hide words, and the reader may err, so a difference is told, not judged.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from archive.reasons import Flag
from archive.record import FlagNote
from archive.rereading.readers import source_text
from archive.rereading.words import words_kept

_FAMILIES = frozenset(("rtf", "doc", "docx", "odt", "xlsx", "ods", "html", "txt", "emf", "wmf"))
_HIDING = frozenset(("odt", "xlsx", "ods"))
"""Families whose reader reads hidden words too."""
_MOST_BYTES = 32 << 20


def words_missing(source: Path, family: str, text: str, flags: Collection[Flag]) -> tuple[FlagNote, ...]:
    """The flag for words of a source that are not in its copy's text; none where the words of its family cannot be
    told, or `flags` say already that it hides some."""
    if family not in _FAMILIES or source.stat().st_size > _MOST_BYTES:
        return ()
    if family in _HIDING and Flag.HIDDEN_CONTENT in flags:
        return ()
    words = source_text(source, family, margins=False)
    if words is None:
        return ()
    kept = words_kept(words, text)
    missing = kept.words - kept.kept
    return (FlagNote(Flag.WORDS_MISSING, f"{missing} of {kept.words} words."),) if missing else ()
