"""National identifiers: kinds, check digits, OIDs, synthetic numbers; and the ids journalarkiv gives its own things.

Source: HIS 1001:2010 "Identifikatorer for personer" (kinds, weights), Skatteetaten's 2032 rule (relaxed first check
digit; century and sex then not derivable), Tenor test population (month + 80).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from archive.names import without_width

_NAMESPACE = uuid.UUID("5b7b9d3e-6a52-5d1f-9a3c-0f6f4a1c7e10")
_K1 = (3, 7, 6, 1, 8, 9, 4, 5, 2)
_K2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_ORGNR = (3, 2, 7, 6, 5, 4, 3, 2)
_RFC4122_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


class IdentifierType(StrEnum):
    """Kinds of patient identifier (Volven 8116), with the OID of each where there is one."""

    FNR = "fnr"
    DNR = "dnr"
    HNR = "hnr"
    FHN = "fhn"
    DUF = "duf"
    LOCAL = "local"

    @property
    def oid(self) -> str | None:
        """The identifier system's OID, None for numbers of the old system's own."""
        return _OIDS.get(self)


_OIDS = {
    IdentifierType.FNR: "2.16.578.1.12.4.1.4.1",
    IdentifierType.DNR: "2.16.578.1.12.4.1.4.2",
    IdentifierType.FHN: "2.16.578.1.12.4.1.4.3",
    IdentifierType.DUF: "2.16.578.1.12.4.1.4.5",
}


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier a patient has or had. `valid` is what the check digits say; `synthetic` marks test populations."""

    value: str
    type: IdentifierType
    valid: bool = True
    synthetic: bool = False
    current: bool = True


def classify(text: str, *, current: bool = True) -> Identifier:
    """Read a patient identifier as written in a source: kind, validity and whether it is synthetic.

    Signs without width, which come with what is pasted, are dropped; so are spaces, dots and hyphens inside when eleven
    or twelve digits remain. Anything else is kept as written and is of kind LOCAL. Eleven digits that fail their check
    are kept with their apparent kind, `valid=False`.
    """
    raw = without_width(text).strip()
    digits = raw.translate({ord(c): None for c in " .-\u00a0"})
    if digits.isascii() and digits.isdigit():
        if len(digits) == 12:
            return Identifier(digits, IdentifierType.DUF, valid=_duf_ok(digits), current=current)
        if len(digits) == 11:
            return _eleven(digits, current)
    return Identifier(raw, IdentifierType.LOCAL, valid=False, current=current)


def _eleven(digits: str, current: bool) -> Identifier:
    ok = check_digits_ok(digits)
    first, month = int(digits[0]), int(digits[2:4])
    if first >= 8:
        return Identifier(digits, IdentifierType.FHN, valid=ok, current=current)
    kind = IdentifierType.DNR if first >= 4 else IdentifierType.FNR
    synthetic = False
    if month > 80:  # Tenor (Skatteetaten): month + 80
        synthetic, month = True, month - 80
    elif month > 65:  # Syntetiske personer fra NHN: month + 65
        synthetic, month = True, month - 65
    elif month > 40:
        # H-number; NAV's synthetic population uses the same range, so this alone never says "synthetic".
        kind = IdentifierType.HNR if kind is IdentifierType.FNR else kind
        month -= 40
    day = int(digits[:2]) - (40 if first >= 4 else 0)
    plausible = 1 <= month <= 12 and _day_exists(day, month, int(digits[4:6]))
    return Identifier(digits, kind, valid=ok and plausible, synthetic=synthetic, current=current)


def _day_exists(day: int, month: int, yy: int) -> bool:
    for century in (1900, 2000):  # a day of the 1800s exists in one of these too
        try:
            date(century + yy, month, day)
        except ValueError:
            continue
        return True
    return False


def check_digits_ok(digits: str) -> bool:
    """Whether eleven digits carry valid check digits, under the old rule or the 2032 rule."""
    d = [int(c) for c in digits]
    rest1 = (sum(w * x for w, x in zip(_K1, d, strict=False)) + d[9]) % 11
    rest2 = (sum(w * x for w, x in zip(_K2, d, strict=False)) + d[10]) % 11
    return rest1 in (0, 1, 2, 3) and rest2 == 0


def _duf_ok(digits: str) -> bool:
    return 1990 <= int(digits[:4]) <= 2100


def organisation_number_ok(text: str) -> bool:
    """Whether nine digits are a valid organisation number (mod 11)."""
    if len(text) != 9 or not (text.isascii() and text.isdigit()):
        return False
    rest = sum(w * int(c) for w, c in zip(_ORGNR, text, strict=False)) % 11
    check = 0 if rest == 0 else 11 - rest
    return check != 10 and check == int(text[8])


def hpr_number_ok(text: str) -> bool:
    """Whether the text can be a number of Helsepersonellregisteret: at most nine digits, none leading zero."""
    return 1 <= len(text) <= 9 and text.isascii() and text.isdigit() and text[0] != "0"


def archive_id(owner_number: str, system: str) -> str:
    """The archive's own id: the same owner and old system always give the same archive."""
    return str(uuid.uuid5(_NAMESPACE, f"archive\n{owner_number}\n{system}"))


def patient_id(archive: str, system: str, key: str) -> str:
    """The id of a patient: UUIDv5 of (archive id, source system, source key)."""
    return str(uuid.uuid5(uuid.UUID(archive), f"patient\n{system}\n{key}"))


def document_id(archive: str, system: str, key: str) -> str:
    """The id of a document: UUIDv5 of (archive id, source system, source key)."""
    return str(uuid.uuid5(uuid.UUID(archive), f"document\n{system}\n{key}"))


def patient_ids(archive: str, system: str, numbering: str = "") -> Callable[[str], str]:
    """`patient_id` with archive and system fixed, for millions of keys; a `numbering` other than the archive's first
    has ids of its own."""
    return _fast(archive, _kind("patient", system, numbering))


def document_ids(archive: str, system: str, numbering: str = "") -> Callable[[str], str]:
    """`document_id` with archive and system fixed, for millions of keys; see `patient_ids`."""
    return _fast(archive, _kind("document", system, numbering))


def _kind(kind: str, system: str, numbering: str) -> str:
    # the ids of archives that are there stay as they are; as JSON no numbering can look like a part of a key
    return f"{kind} of {json.dumps([system, numbering])}\n" if numbering else f"{kind}\n{system}\n"


def _fast(archive: str, prefix: str) -> Callable[[str], str]:
    # UUIDv5 without the objects of the uuid module, which cost more than the hash.
    start = hashlib.sha1(uuid.UUID(archive).bytes + prefix.encode(), usedforsecurity=False)

    def made(key: str) -> str:
        digest = start.copy()
        digest.update(key.encode())
        h = digest.hexdigest()
        return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_RFC4122_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"

    return made


def package_id(patient: str, generation: int) -> str:
    """The id of the package that holds a patient's journal in its n-th generation, counted from 1."""
    return str(uuid.uuid5(uuid.UUID(patient), f"package\n{generation}"))
