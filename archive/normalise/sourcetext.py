"""The source text of a structured file that cannot be read as what it is: shown as it stands, and flagged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archive.normalise.contract import Limits, Made
from archive.normalise.plaintext import plaintext
from archive.reasons import Flag
from archive.record import FlagNote

ROUTE = "sourcetext"


def sourcetext(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset the file's own text.

    Raises DocumentProblem: as `archive.normalise.plaintext.plaintext`.
    """
    made = plaintext(source, out, limits)
    note = FlagNote(Flag.DECODED_LENIENTLY, "Its structure is broken or refused; its source text is shown.")
    return replace(made, flags=(note, *made.flags))
