"""A draft that does not load is of no use: each line that a mapping may not have is left out, with a word why."""

from __future__ import annotations

import re
from pathlib import Path

from archive.errors import MappingError, SourceUnreadableError
from extract.mapping import loads
from extract.sources.directory import DirectorySource

_NAME = Path("draft.toml")
_AT = re.compile(r"draft\.toml:(\d+): (.*)", re.DOTALL)
_TRIES = 50


def checked(draft: str, root: Path, work: Path) -> tuple[str, tuple[str, ...]]:
    """The draft as `migrate` accepts it, and what is still wrong with it.

    Args:
        draft: TOML text.
        root: the export's folder.
        work: a folder for a work file.
    """
    lines = draft.splitlines()
    faults: tuple[str, ...] = ()
    for _ in range(_TRIES):
        try:
            with DirectorySource(root, loads("\n".join(lines) + "\n", _NAME), work / "draft.sqlite"):
                return "\n".join(lines) + "\n", ()
        except SourceUnreadableError as e:
            return "\n".join(lines) + "\n", (e.message,)
        except MappingError as e:
            faults = e.findings or (e.message,)
        at = {int(found[1]) for fault in faults if (found := _AT.match(fault))}
        wrong = [n for n in at if 0 < n <= len(lines) and re.match(r"[\w\"'-]+ *=", lines[n - 1])]
        if not wrong:
            break
        for n in wrong:
            lines[n - 1] = f"# check: this line was not accepted: {lines[n - 1]}"
    return "\n".join(lines) + "\n", faults
