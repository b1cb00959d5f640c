"""Files compressed one by one (gzip): a page that says so; the file within becomes a file of the document."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from archive.normalise.contract import Limits, Made
from archive.normalise.letter import Letter, safe_name
from archive.reasons import DocumentProblem, Reason

ROUTE = "gunzipped"

_NAME, _EXTRA = 0x08, 0x04
_INNER = {".gz": "", ".tgz": ".tar", ".svgz": ".svg", ".emz": ".emf", ".wmz": ".wmf", ".z": ""}
_LONGEST_NAME = 1024


def gunzipped(source: Path, out: Path, limits: Limits) -> Made:
    """Show what a gzip file holds, which is a part (RFC 1952). Nothing is unpacked beyond the limits.

    Raises DocumentProblem: RESOURCE_LIMIT where it unpacks to more than is allowed, TRUNCATED, CORRUPT, EMPTY.
    """
    letter = Letter(out, limits)
    name, when = _header(source)
    letter.field("GZIP-fil", "1 fil")
    try:
        with gzip.open(source) as opened:
            size = letter.carry(safe_name(name) or "uten navn", cast(IO[bytes], opened), when)
    except EOFError:
        raise DocumentProblem(Reason.TRUNCATED, "The compressed file ends before its end.") from None
    except (gzip.BadGzipFile, zlib.error):
        raise DocumentProblem(Reason.CORRUPT, "The compressed file cannot be unpacked.") from None
    if not size:
        raise DocumentProblem(Reason.EMPTY, "The compressed file holds no bytes.")
    return letter.made()


def _header(source: Path) -> tuple[str, str]:
    """The name of the file within, and when it was changed, as the header says; else by the name of the file."""
    with source.open("rb") as file:
        head = file.read(12 + 0xFFFF + _LONGEST_NAME)
    flags, seconds, at = head[3:4], int.from_bytes(head[4:8], "little"), 10
    name = ""
    if flags and flags[0] & _EXTRA:
        at += 2 + int.from_bytes(head[at : at + 2], "little")
    if flags and flags[0] & _NAME:
        raw, ended, _ = head[at : at + _LONGEST_NAME].partition(b"\0")
        name = _decoded(raw).replace("\\", "/").rpartition("/")[2] if ended else ""
    if not name:
        stem, suffix = source.stem, source.suffix
        name = stem + _INNER[suffix.lower()] if suffix.lower() in _INNER else source.name
    return name, datetime.fromtimestamp(seconds, UTC).strftime("%d.%m.%Y kl. %H.%M") if seconds else ""


def _decoded(raw: bytes) -> str:
    # the standard says Latin-1, most programs write what their system has
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
