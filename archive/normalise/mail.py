"""E-mail to PDF: a page with all header fields and the message's text; what it carries are files of its own.

Sources: RFC 5322 (fields), RFC 2045-2049 (MIME), RFC 2231 (names), RFC 1847 and 8551 (signed and encrypted).
"""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
from email.header import decode_header
from email.message import Message
from pathlib import Path

from archive.normalise import smime
from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import decode
from archive.normalise.letter import FIELDS, Letter, safe_name
from archive.reasons import DocumentProblem, Flag, Reason

ROUTE = "mail"

_SIGNATURES = frozenset(("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"))
_SMIME = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_CLOSED = ("enveloped-data", "authenveloped-data")
_MESSAGES = frozenset(("message/rfc822", "message/global", "message/news"))
# As it was written: no line is folded anew, and characters outside ASCII stay the bytes they are.
_POLICY = email.policy.compat32.clone(max_line_length=0)
_ENDINGS = {"text/html": "html", "text/plain": "txt", "text/calendar": "ics", "image/jpeg": "jpg", "image/png": "png",
            "application/pdf": "pdf", "application/rtf": "rtf", "text/rtf": "rtf", "image/tiff": "tif"}  # fmt: skip


def mail(source: Path, out: Path, limits: Limits) -> Made:
    """Show an e-mail (RFC 5322): its fields and text, then its HTML. What is attached, shown or forwarded are parts.

    Raises DocumentProblem: ENCRYPTED, and what `archive.normalise.plaintext` raises.
    """
    content = source.read_bytes()
    ending = "\r\n" if b"\r\n" in content[:4096] else "\n"
    message: Message[str, str] = email.message_from_bytes(content, policy=_POLICY.clone(linesep=ending))
    letter = Letter(out, limits)
    for name, value in message.items():
        letter.field(FIELDS.get(name.lower(), name), header_text(value), important=name.lower() in FIELDS)
    _take(message, letter)
    return letter.made()


def header_text(value: object) -> str:
    """A field's words, with encoded words (RFC 2047) decoded and folding undone; as it stands where it is broken."""
    raw = str(value)
    try:
        words = [
            decode(text).text if charset in (None, "unknown-8bit") else text.decode(charset or "ascii", "replace")
            for text, charset in ((t.encode("ascii", "surrogateescape") if isinstance(t, str) else t, c)
                                  for t, c in decode_header(raw))
        ]  # fmt: skip
    except (ValueError, LookupError, email.errors.MessageError):
        words = [raw.encode("utf-8", "replace").decode("utf-8")]
    return " ".join("".join(words).split())


def _take(top: Message[str, str], letter: Letter) -> None:
    """Walk the MIME tree: text and HTML are the message itself, all else is carried."""
    waiting, seen = [top], []
    while waiting:
        part = waiting.pop()
        seen.append(part)
        kind = part.get_content_type()
        if kind == "multipart/encrypted" or (kind in _SMIME and part.get_param("smime-type") in _CLOSED):
            raise DocumentProblem(Reason.ENCRYPTED, "The e-mail is encrypted.")
        if kind in _SMIME and (inside := smime.content_of(_bytes(part))) is not None:
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
        elif kind in _SIGNATURES:
            letter.signed()
        else:
            _leaf(part, kind, letter)
    if any(part.defects for part in seen):
        letter.flag(Flag.DECODED_LENIENTLY, "The e-mail is not written as its standard says.")


def _leaf(part: Message[str, str], kind: str, letter: Letter) -> None:
    if _is_text(part) and kind == "text/plain":
        letter.text(_text(part))
        return
    content = _bytes(part)
    if _is_text(part):
        letter.html(_name(part, "melding.html"), content, _text(part))
        return
    letter.pictures.add(str(part.get("content-id", "")), str(part.get("content-location", "")), kind, content)
    letter.carry(_name(part, f"vedlegg.{_ENDINGS.get(kind, 'bin')}"), content)


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


def _text(part: Message[str, str]) -> str:
    content = _bytes(part)
    try:
        return content.decode(part.get_content_charset("ascii"))
    except (LookupError, ValueError):
        return decode(content).text if content.strip() else ""


def _name(part: Message[str, str], otherwise: str) -> str:
    found = part.get_filename()
    return safe_name(header_text(found)) or otherwise if found else otherwise
