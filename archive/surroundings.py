"""What a command needs of the machine before it begins: a locale that holds file names, a clock that can be right, and
files that nobody else can read."""

from __future__ import annotations

import codecs
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TextIO

from archive.errors import ClockWrongError, LocaleUnfitError

RELEASED = date(2026, 11, 23)
"""No clock that is right can be before this day; set anew at each release."""
PRIVATE_UMASK = 0o077
"""New files are for their owner alone, whatever the umask was."""
GROUP_UMASK = 0o027
"""New files may be read by their group besides."""


def check_locale(encoding: str | None = None) -> None:
    """A register names files in Unicode; an encoding that is not UTF-8 would look for other names, or find none.

    Args:
        encoding: that of file names; the running system's by default.

    Raises:
        LocaleUnfitError: it is another than UTF-8.
    """
    encoding = encoding or sys.getfilesystemencoding()
    if codecs.lookup(encoding).name != "utf-8":
        raise LocaleUnfitError(
            f"The locale has file names in {encoding}, which cannot hold every name that a journal's files may have.",
            remedy="Set LC_ALL=C.UTF-8 (or PYTHONUTF8=1) and run it again.",
        )


def check_clock(now: datetime | None = None) -> None:
    """Times of events, exports and looks are part of the record; a clock that was never set would make them false.

    Args:
        now: the present by default.

    Raises:
        ClockWrongError: it is before the release of this software.
    """
    now = now or datetime.now(UTC)
    if now.astimezone(UTC).date() < RELEASED:
        raise ClockWrongError(
            f"The clock says {now:%Y-%m-%d}, which is before this software was released ({RELEASED.isoformat()}).",
            remedy="Set the computer's clock, and run it again.",
        )


def on_read_only_media(path: Path) -> bool:
    """Whether a path lies in a file system that cannot be written by anybody: a DVD, WORM storage, a snapshot."""
    if not hasattr(os, "statvfs"):
        return False
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def keep_private() -> None:
    """From here on, what this process and those it starts write is for their owner alone."""
    os.umask(PRIVATE_UMASK)


def print_anything(*streams: TextIO) -> None:
    """Let a stream print characters that its encoding does not have as escapes, where it would stop the work."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
