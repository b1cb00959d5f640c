"""A signed PDF, made here: a key and certificate of a synthetic person, and a signature over the file's bytes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from pikepdf import Array, Dictionary, Name

from tests import documents

SERIAL = 0xC0FFEE
_ROOM = 4096
_DAY = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)


def signed_pdf(path: Path, *, signer: str = "Kari Testlege", issuer: str = "Testutsteder") -> Path:
    """A PDF of one page with a signature that covers the whole file."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (signer, issuer)]
    certificate = (
        x509.CertificateBuilder(names[1], names[0], key.public_key(), SERIAL, _DAY, _DAY.replace(year=2049))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    with pikepdf.open(documents.pdf(path), allow_overwriting_input=True) as document:
        value = Dictionary(
            Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), SubFilter=Name("/adbe.pkcs7.detached"),
            M="D:20200229134501+01'00'", ByteRange=Array([0] + [1234567890] * 3), Contents=bytes([0xAA]) * _ROOM,
        )  # fmt: skip
        field = Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T="Signatur", F=4, V=document.make_indirect(value),
            Rect=Array([50, 50, 200, 90]),
        )  # fmt: skip
        look = document.make_stream(
            b"0 0 150 40 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 150, 40])
        )
        field.AP = Dictionary(N=look)
        field = document.make_indirect(field)
        document.pages[0].obj.Annots = Array([field])
        document.Root.AcroForm = Dictionary(Fields=Array([field]), SigFlags=3)
        document.save(path, deterministic_id=True, compress_streams=False)
    content = path.read_bytes()
    start = content.index(b"<" + b"aa" * _ROOM)
    end = start + 2 * _ROOM + 2
    ranges = (0, start, end, len(content) - end)
    placeholder = b"0 1234567890 1234567890 1234567890"
    content = content.replace(placeholder, (b"%d %d %d %d" % ranges).ljust(len(placeholder)), 1)
    told = content[:start] + content[end:]
    signature = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(told)
        .add_signer(certificate, key, hashes.SHA256())
        .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    )
    hexed = signature.hex().encode().ljust(2 * _ROOM, b"0")
    path.write_bytes(content[: start + 1] + hexed + content[end - 1 :])
    return path
