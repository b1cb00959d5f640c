"""E-mail to PDF: a page with all header fields and the message's text; what it carries are files of its own.

Sources: RFC 5322 (fields), RFC 2045-2049 (MIME), RFC 2231 (names), RFC 1847 and 8551 (signed and encrypted).
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.header import decode_header
from email.message import Message
from pathlib import Path

import lxml.html

from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import decode
from archive.normalise.letter import FIELDS, Letter, safe_name
from archive.reasons import DocumentProblem, Reason

ROUTE = "mail"

_SIGNATURES = frozenset(("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"))
_ENCRYPTED = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_ENDINGS = {"text/html": "html", "text/plain": "txt", "text/calendar": "ics", "image/jpeg": "jpg", "image/png": "png",
            "application/pdf": "pdf", "application/rtf": "rtf", "text/rtf": "rtf", "image/tiff": "tif"}  # fmt: skip
_BLOCKS = frozenset(("br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "pre"))


def mail(source: Path, out: Path, limits: Limits) -> Made:
    """Show an e-mail (RFC 5322). Attachments, pictures, an HTML body and forwarded messages are parts.

    Raises DocumentProblem: ENCRYPTED, and what `archive.normalise.plaintext` raises.
    """
    message: Message[str, str] = email.message_from_bytes(source.read_bytes(), policy=email.policy.compat32)
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
    """Walk the MIME tree: the first text is the message's, all else is carried."""
    waiting = [top]
    has_text = any(_is_text(p) and p.get_content_type() == "text/plain" for p in _leaves(top))
    while waiting:
        part = waiting.pop()
        kind = part.get_content_type()
        if kind == "multipart/encrypted" or (kind in _ENCRYPTED and part.get_param("smime-type") != "signed-data"):
            raise DocumentProblem(Reason.ENCRYPTED, "The e-mail is encrypted.")
        if kind == "message/rfc822" and part.is_multipart():
            inner = part.get_payload(0)
            if isinstance(inner, Message):
                letter.carry(_name(part, "melding.eml"), inner.as_bytes(policy=email.policy.compat32))
        elif part.is_multipart():
            waiting += reversed(_inner(part))
        elif kind in _SIGNATURES:
            letter.note("Meldingen er signert. Signaturen står i originalen.")
        elif _is_text(part) and kind == "text/plain":
            letter.text(_text(part))
        else:
            content = _bytes(part)
            if kind == "text/html" and _is_text(part):
                if not has_text:
                    letter.text(words_of(_text(part)))
                letter.carry(_name(part, "melding.html"), content)
            else:
                letter.carry(_name(part, f"vedlegg.{_ENDINGS.get(kind, 'bin')}"), content)


def _leaves(top: Message[str, str]) -> Iterator[Message[str, str]]:
    waiting = [top]
    while waiting:
        part = waiting.pop()
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            waiting += _inner(part)
        else:
            yield part


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


def words_of(html: str) -> str:
    """An HTML body's words, a line for each block; none of what is broken."""
    try:
        root = lxml.html.document_fromstring(html)
    except (ValueError, lxml.etree.LxmlError):
        return ""
    lxml.etree.strip_elements(root, "script", "style", "head", lxml.etree.Comment, with_tail=False)
    words: list[str] = []
    for event, node in lxml.etree.iterwalk(root, events=("start", "end")):
        if node.tag in _BLOCKS:
            words.append("\0")
        words.append((node.text if event == "start" else node.tail) or "")
    lines = (" ".join(line.split()) for line in "".join(words).split("\0"))
    return "\n".join(line for line in lines if line)


def _name(part: Message[str, str], otherwise: str) -> str:
    found = part.get_filename()
    return safe_name(header_text(found)) or otherwise if found else otherwise
