"""E-mail to PDF: a page with all header fields and the message's text; what it carries are files of its own.

Sources: RFC 5322 (fields), RFC 2045-2049 (MIME), RFC 2231 (names), RFC 1847 and 8551 (signed and encrypted).
"""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import re
from email.message import Message
from pathlib import Path

from archive.normalise import smime
from archive.normalise.charsets import declared
from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import Decoded
from archive.normalise.letter import FIELDS, Letter, safe_name
from archive.normalise.mailfields import header
from archive.normalise.uuencoded import split_off
from archive.reasons import DocumentProblem, Flag, Reason

ROUTE = "mail"

_SIGNATURES = frozenset(("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"))
_SMIME = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_CLOSED = ("enveloped-data", "authenveloped-data")
_BYTES = "application/octet-stream"
_EMLX = re.compile(rb"(\d{1,9})[ \t]*\r?\n(?=[!-9;-~]+:)")
_META = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_PGP = "-----BEGIN PGP MESSAGE-----"
_MESSAGES = frozenset(("message/rfc822", "message/global", "message/news"))
# As it was written: no line is folded anew, and characters outside ASCII stay the bytes they are.
_POLICY = email.policy.compat32.clone(max_line_length=0)
_ENDINGS = {"text/html": "html", "text/plain": "txt", "text/calendar": "ics", "image/jpeg": "jpg", "image/png": "png",
            "application/pdf": "pdf", "application/rtf": "rtf", "text/rtf": "rtf", "image/tiff": "tif"}  # fmt: skip


def mail(source: Path, out: Path, limits: Limits) -> Made:
    """Show an e-mail (RFC 5322): its fields and text, then its HTML. What is attached, shown or forwarded are parts.

    Raises DocumentProblem: ENCRYPTED, and what `archive.normalise.plaintext` raises.
    """
    return message_page(unwrapped(source.read_bytes()), out, limits)


def message_page(content: bytes, out: Path, limits: Limits, *, signed: bool = False) -> Made:
    """The same of a message's bytes; `signed` where a signature held them."""
    ending = "\r\n" if b"\r\n" in content[:4096] else "\n"
    message: Message[str, str] = email.message_from_bytes(content, policy=_POLICY.clone(linesep=ending))
    letter = Letter(out, limits)
    charset = next((c for p in message.walk() if (c := p.get_content_charset())), None)
    for name, value in message.raw_items():
        said = letter.read(header(value, charset))
        letter.field(FIELDS.get(name.lower(), name), said, important=name.lower() in FIELDS)
    if signed:
        letter.signed()
    _take(message, letter, charset)
    return letter.made()


def unwrapped(content: bytes) -> bytes:
    """A message without the blank lines or mark before it, and without what Apple Mail puts around it (emlx: the
    message's size in bytes, then it, then a property list)."""
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t ")
    if (apple := _EMLX.match(content)) is not None:
        return content[apple.end() : apple.end() + int(apple[1])]
    return content


def header_text(value: object) -> str:
    """A field's words alone."""
    return header(value).text


def _take(top: Message[str, str], letter: Letter, charset: str | None) -> None:
    """Walk the MIME tree: text and HTML are the message itself, all else is carried."""
    waiting, seen = [top], []
    while waiting:
        part = waiting.pop()
        seen.append(part)
        kind = part.get_content_type()
        if kind == "multipart/encrypted" or (kind in _SMIME and part.get_param("smime-type") in _CLOSED):
            raise DocumentProblem(Reason.ENCRYPTED, "The e-mail is encrypted.")
        if (kind in _SMIME or (part is top and _is_cms(part))) and (
            inside := smime.content_of(_bytes(part))
        ) is not None:
            letter.signed()
            waiting.append(email.message_from_bytes(inside, policy=_POLICY))
        elif kind in _MESSAGES and part.is_multipart():
            letter.carry(_name(part, "melding.eml"), _message_bytes(part))
        elif part.is_multipart():
            inner = _inner(part)
            if kind.startswith("message/"):  # a report: what it says stands in header fields
                for m in inner:
                    letter.text("\n".join(f"{name}: {header_text(value)}" for name, value in m.items()))
            waiting += reversed(inner)
        elif kind in _SIGNATURES or (kind == _BYTES and (part.get_filename() or "").lower().endswith(".p7s")):
            letter.signed()
        elif kind.startswith("multipart/"):
            # Its boundary is nowhere: what stands there is the message.
            letter.text(letter.read(declared(_bytes(part), charset)))
        else:
            _leaf(part, kind, letter)
    if any(part.defects for part in seen):
        letter.flag(Flag.DECODED_LENIENTLY, "The e-mail is not written as its standard says.")


def _leaf(part: Message[str, str], kind: str, letter: Letter) -> None:
    content = _bytes(part)
    if _is_text(part):
        text = letter.read(_text(part, content, kind))
        if kind != "text/plain":
            letter.html(_name(part, "melding.html"), content, text)
            return
        if text.lstrip().startswith(_PGP):
            raise DocumentProblem(Reason.ENCRYPTED, "The e-mail is encrypted (OpenPGP).")
        text, files = split_off(text)
        letter.text(text)
        for name, held in files:
            letter.carry(safe_name(name) or "vedlegg.bin", held)
        return
    letter.pictures.add(str(part.get("content-id", "")), str(part.get("content-location", "")), kind, content)
    letter.carry(_name(part, f"vedlegg.{_ENDINGS.get(kind, 'bin')}"), content)


def _is_cms(part: Message[str, str]) -> bool:
    """Whether a message is nothing but CMS, whatever it calls itself."""
    return not part.is_multipart() and smime.looks(_bytes(part))


def _message_bytes(part: Message[str, str]) -> bytes:
    """A message within a message, as it was written. Some encode it, though they must not (RFC 2046, 5.2.1)."""
    inner = part.get_payload(0)
    content = inner.as_bytes() if isinstance(inner, Message) else b""
    if str(part.get("content-transfer-encoding", "")).strip().lower() == "base64":
        with contextlib.suppress(ValueError):
            return base64.b64decode(b"".join(content.split()), validate=True)
    return content


def _inner(part: Message[str, str]) -> list[Message[str, str]]:
    return [p for p in part.get_payload() if isinstance(p, Message)]


def _is_text(part: Message[str, str]) -> bool:
    """Whether it is shown as the message itself, and not carried by it."""
    return (
        part.get_content_maintype() == "text"
        and part.get_content_subtype() in ("plain", "html")
        and part.get_content_disposition() != "attachment"
        and not part.get_filename()
    )


def _bytes(part: Message[str, str]) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message[str, str], content: bytes, kind: str) -> Decoded:
    charset = part.get_content_charset()
    if charset is None and kind != "text/plain" and (meta := _META.search(content[:4096])):
        charset = meta[1].decode("ascii")
    return declared(content, charset)


def _name(part: Message[str, str], otherwise: str) -> str:
    found = part.get_filename()
    return safe_name(header_text(found)) or otherwise if found else otherwise
