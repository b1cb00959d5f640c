"""ZIP files: a page that lists the members, which become files of the document. Nothing is unpacked by its name."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from archive.normalise.contract import Limits, Made
from archive.normalise.letter import Letter, safe_name
from archive.reasons import DocumentProblem, Reason

ROUTE = "zipped"

_LEFTOVERS = frozenset((".ds_store", "thumbs.db", "desktop.ini"))
_UTF8 = 0x800
_MEMBER = b"PK\3\4"
_WINDOWS = (0, 10, 11, 14)


def zipped(source: Path, out: Path, limits: Limits) -> Made:
    """Show what a ZIP file holds; its members are parts (APPNOTE.TXT 6.3.10).

    Raises DocumentProblem: RESOURCE_LIMIT before anything is unpacked, where it says that it holds too much; ENCRYPTED,
    CORRUPT, EMPTY where it holds no file, UNSUPPORTED_FORMAT for a compression that is not known here.
    """
    letter = Letter(out, limits)
    try:
        with zipfile.ZipFile(source) as archive:
            listed = archive.infolist()
            members = [m for m in listed if not m.is_dir()]
            if len(members) > limits.parts or sum(m.file_size for m in members) > limits.expanded_bytes:
                raise DocumentProblem(Reason.RESOURCE_LIMIT, "The ZIP file holds more than is allowed.")
            letter.field("ZIP-fil", f"{len(members)} filer")
            if archive.comment:
                letter.field("Kommentar", archive.comment.decode("utf-8", "replace"))
            kept = sum(_carry(archive, member, letter) for member in members)
    except zipfile.BadZipFile:
        raise DocumentProblem(Reason.CORRUPT, "A member of the ZIP file is broken.") from None
    except NotImplementedError:
        raise DocumentProblem(Reason.UNSUPPORTED_FORMAT, "A compression of the ZIP file is not known.") from None
    except RuntimeError:
        raise DocumentProblem(Reason.ENCRYPTED, "The members of the ZIP file are encrypted.") from None
    except (EOFError, zlib.error, struct.error, ValueError, LookupError):
        raise DocumentProblem(Reason.CORRUPT, "The ZIP file cannot be read.") from None
    if not kept:
        if not listed and _MEMBER in source.read_bytes():
            raise DocumentProblem(Reason.CORRUPT, "The ZIP file's directory names none of its members.")
        raise DocumentProblem(Reason.EMPTY, "The ZIP file holds no file.")
    return letter.made()


def _carry(archive: zipfile.ZipFile, member: zipfile.ZipInfo, letter: Letter) -> bool:
    path = name_of(member)
    place = PurePosixPath(path)
    if place.name.lower() in _LEFTOVERS or "__MACOSX" in place.parts or place.name.startswith("._"):
        letter.note(f"Ikke tatt ut (hjelpefil fra operativsystemet): {safe_name(path)}")
        return False
    if stat.S_ISLNK(member.external_attr >> 16):
        letter.note(f"Ikke tatt ut (en lenke, som ikke følges): {safe_name(path)}")
        return False
    year, month, day, hour, minute, _ = member.date_time
    folder = f"i mappen {' / '.join(place.parts[:-1])}" if len(place.parts) > 1 else ""
    about = ", ".join(p for p in (f"{day:02}.{month:02}.{year} kl. {hour:02}.{minute:02}", folder) if p)
    with archive.open(member) as opened:
        if letter.carry(safe_name(path) or "uten navn", opened, about) != member.file_size:
            raise DocumentProblem(Reason.CORRUPT, "A member of the ZIP file has another size than it says.")
    return True


def name_of(member: zipfile.ZipInfo) -> str:
    """A member's name. Without the UTF-8 mark the standard says cp437; Windows in Norway writes cp850."""
    if member.flag_bits & _UTF8 or member.create_system not in _WINDOWS:
        return member.filename
    try:
        return member.orig_filename.encode("cp437").decode("cp850").replace("\\", "/")
    except ValueError:
        return member.filename
