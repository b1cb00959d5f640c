"""Who signed a PDF: facts read from its signatures, for the record. Nothing is verified: that the original allows.

Source: ISO 32000-1, 12.8; RFC 5652.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from pikepdf import Array, Dictionary

from archive.normalise.repair import fields

_DATE = re.compile(r"D:(\d{4})(\d\d)(\d\d)(\d\d)?(\d\d)?(\d\d)?(Z|[+-]\d\d)?'?(\d\d)?")
_MOST_SIGNATURES = 50
_MOST_LETTERS = 120


def facts(pdf: pikepdf.Pdf, size: int) -> list[str]:
    """A sentence for each signature: signer, issuer, serial number, time, and how much of the file it covers.

    Args:
        pdf: the document as it came.
        size: bytes of its file.
    """
    return [_fact(value, size) for value in _signatures(pdf)]


def take_off(pdf: pikepdf.Pdf) -> None:
    """Leave the fields and how they look, but not signatures that no longer hold for the changed bytes."""
    for field in fields(pdf):
        if field.get("/FT") == "/Sig" and "/V" in field:
            del field["/V"]
    form = pdf.Root.get("/AcroForm")
    if isinstance(form, Dictionary) and "/SigFlags" in form:
        del form["/SigFlags"]


def _signatures(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    found = 0
    for field in fields(pdf):
        value = field.get("/V")
        if field.get("/FT") == "/Sig" and isinstance(value, Dictionary) and found < _MOST_SIGNATURES:
            found += 1
            yield value


def _fact(value: Dictionary, size: int) -> str:
    said = []
    certificate = _signer(value)
    if certificate is not None:
        issuer = certificate.issuer
        said.append(f"signer {_common(certificate.subject)}")
        said.append(f"issuer {_common(issuer)}")
        said.append(f"serial {certificate.serial_number:x}")
    elif isinstance(value.get("/Name"), pikepdf.String):
        said.append(f"signer {_short(str(value.Name))} (by the file's own word)")
    else:
        said.append("signer not readable")
    if (time := _DATE.match(str(value.get("/M", "")))) is not None:
        year, month, day, hour, minute, second, zone, minutes = time.groups()
        offset = "Z" if zone == "Z" else f"{zone}:{minutes or '00'}" if zone else ""
        clock = f"{hour}:{minute or '00'}:{second or '00'}"
        said.append(f"time {year}-{month}-{day}" + (f"T{clock}{offset}" if hour else ""))
    said.append(_covered(value.get("/ByteRange"), size))
    return ", ".join(said)


def _covered(ranges: object, size: int) -> str:
    try:
        numbers = [int(n) for n in ranges] if isinstance(ranges, Array) else []
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 4 or numbers[0] != 0:
        return "covers an unknown part of the file"
    return "covers the whole file" if numbers[2] + numbers[3] == size else "covers not what was added later"


def _signer(value: Dictionary) -> x509.Certificate | None:
    """The certificate that issued none of the others: the signer's own."""
    try:
        contents = bytes(value.Contents)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # certificates of old issuers break rules of today
            found = pkcs7.load_der_pkcs7_certificates(_der(contents))
            issuers = {c.issuer for c in found if c.issuer != c.subject}
            own = [c for c in found if c.subject not in issuers] or found
            return own[0] if own else None
    except Exception:  # the library raises what it likes at hostile bytes; a signature that cannot be read is a fact
        return None


def _der(data: bytes) -> bytes:
    """The first DER value: room is reserved for a signature, and what is left of it is zeros."""
    if len(data) < 2 or data[1] < 0x80:
        return data
    count = data[1] & 0x7F
    return data[: 2 + count + int.from_bytes(data[2 : 2 + count], "big")]


def _common(name: x509.Name) -> str:
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME) or name.get_attributes_for_oid(
        NameOID.ORGANIZATION_NAME
    )
    return _short(str(attributes[0].value)) if attributes else "without a name"


def _short(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MOST_LETTERS]
