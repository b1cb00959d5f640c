"""Files that ask for a password, opened with one of those the owner knows.

Nobody can break an encryption that is sound, and nobody here tries to: a municipality that knows the few passwords its
users had gives them in a file. They are held in memory only, and stand in no record, log or message.

Sources: ISO 32000-2 7.6 (PDF); [MS-OFFCRYPTO] 2.3 (office files; 2.3.6 to 2.3.7 the older ones), which msoffcrypto-tool
reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msoffcrypto
import pikepdf
from msoffcrypto.exceptions import DecryptionError, FileFormatError, ParseError
from msoffcrypto.format.ooxml import OOXMLFile
from olefile.olefile import OleFileError

from archive.containers import OLE_MAGIC
from archive.errors import UsageError
from archive.reasons import DocumentProblem, Reason

_BUILT_IN = ("VelvetSweatshop",)
"""[MS-XLS] 2.2.10: what office programs themselves use where a file is protected, but not against being opened."""
_MOST_BYTES = 1 << 20
_PDF_HEADER_WITHIN = 1024


def read_passwords(path: Path) -> tuple[str, ...]:
    """The passwords in a text file (UTF-8), one on each line as it stands; empty lines are none.

    Raises UsageError: it cannot be read, is no UTF-8, or has more than 1 MB.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is too large for a list of passwords.", remedy="Give one password on each line.")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror}.") from e
    except UnicodeDecodeError as e:
        raise UsageError(f"{path} is not UTF-8.", remedy="Save it as UTF-8, one password on each line.") from e
    return tuple(dict.fromkeys(line for line in lines if line))


def unlock(source: Path, out: Path, passwords: Sequence[str]) -> None:
    """Write an encrypted PDF or office file to `out` as it is without its password.

    Raises:
        DocumentProblem: ENCRYPTED, none of the passwords opens it, or it is encrypted in a way nobody here reads.
        OSError: `source` cannot be read or `out` cannot be written.
    """
    with source.open("rb") as file:
        head = file.read(_PDF_HEADER_WITHIN)
    if head.startswith(OLE_MAGIC):
        opened = _office(source, out, (*_BUILT_IN, *passwords))
    elif b"%PDF-" in head:
        opened = _pdf(source, out, passwords)
    else:
        opened = False
    if not opened:
        raise DocumentProblem(Reason.ENCRYPTED)


def _pdf(source: Path, out: Path, passwords: Sequence[str]) -> bool:
    for password in _as_bytes(passwords):
        with contextlib.suppress(pikepdf.PasswordError), pikepdf.open(source, password=password) as document:
            document.save(out, static_id=True, encryption=False)
            return True
    return False


def _as_bytes(passwords: Iterable[str]) -> Iterator[bytes]:
    """UTF-8, as of revision 5, and PDFDocEncoding, as before it (ISO 32000-2 7.6.4.3)."""
    for password in passwords:
        yield (plain := password.encode())
        with contextlib.suppress(UnicodeEncodeError):
            if (older := password.encode("pdfdoc")) != plain:  # a codec that pikepdf brings
                yield older


def _office(source: Path, out: Path, passwords: Sequence[str]) -> bool:
    with source.open("rb") as file:
        try:
            locked = msoffcrypto.OfficeFile(file)
        except (FileFormatError, ParseError, OleFileError):
            return False
        for password in passwords:
            try:
                if isinstance(locked, OOXMLFile):
                    # With SHA-1 (Office 2010) its check fails for the right password too. `decrypt` looks for a ZIP
                    # file in what came out, so a wrong one is seen there.
                    check = locked.info.get("passwordHashAlgorithm") != "SHA1"
                    locked.load_key(password=password, verify_password=check)
                else:
                    locked.load_key(password=password)
                with out.open("wb") as opened:
                    locked.decrypt(opened)
            except DecryptionError:  # the next one is tried
                continue
            return True
    return False
