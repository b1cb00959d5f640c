"""What e-mail says (RFC 5322, 2045 to 2047) and Outlook items say ([MS-OXMSG]), by readers of our own: subject,
persons, and the text of the message itself. What is attached is a file of its own.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections import Counter
from pathlib import Path

from archive.compound import Compound
from archive.normalise.encodings import decode
from archive.rereading.webwords import html_text, shown

_FIELDS = ("subject", "from", "to", "cc")
_CODED_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(=\?)")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_PARAMETER = re.compile(r'([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))')
_WRAPPED = re.compile(rb"(\d{1,9})[ \t]*\r?\n(?=[!-9;-~]+:)")
_MOST_DEPTH = 20
_LATIN = frozenset(("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"))
# Properties of an Outlook item ([MS-OXPROPS]): subject, sender, receivers, copies.
_ITEM = (0x0037, 0x0C1A, 0x0E04, 0x0E03)
_BODY, _HTML, _CODE_PAGE = 0x1000, 0x1013, 0x3FDE


def mail_text(path: Path) -> str:
    """The text of an e-mail, also in Apple Mail's wrapping. Raises ValueError: it is none; OSError."""
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip()
    if (wrapped := _WRAPPED.match(content)) is not None:
        content = content[wrapped.end() : wrapped.end() + int(wrapped[1])]
    return message_text(content)


def message_text(content: bytes, fields: tuple[str, ...] = _FIELDS) -> str:
    """The text of a message's bytes: these fields of its head, and its body. Raises ValueError: it has no head."""
    head, body = _split(content)
    if not head:
        raise ValueError("no fields")
    said = [_field(head[name]) for name in fields if name in head]
    return "\n".join([*said, _part(head, body, 0)])


def _split(content: bytes) -> tuple[dict[str, bytes], bytes]:
    """The fields of a message or part (the last of each name), and what stands behind them."""
    found = re.search(rb"\r?\n[ \t]*\r?\n|\r[ \t]*\r", content)
    head, body = (content[: found.start()], content[found.end() :]) if found else (content, b"")
    if content[:1] in (b"\n", b"\r"):
        return {}, content.lstrip(b"\r\n")
    fields: dict[str, bytes] = {}
    for line in re.split(rb"\r\n(?![ \t])|\n(?![ \t])|\r(?![\n \t])", head):
        if (field := _FIELD.fullmatch(line)) is not None:
            fields.setdefault(field[1].decode("ascii", "replace").lower(), field[2].strip())
    return fields, body


def _field(value: bytes) -> str:
    text = decode(value).text if value.strip() else ""
    text = _BETWEEN.sub(r"\1\2", re.sub(r"\r?\n", "", text))
    return _CODED_WORD.sub(_decoded_word, text)


def _decoded_word(found: re.Match[str]) -> str:
    raw = found[3].encode("ascii", "replace")
    try:
        content = binascii.a2b_base64(raw) if found[2] in "bB" else quopri.decodestring(raw, header=True)
    except binascii.Error:
        return found[0]
    return _letters(content, found[1].partition("*")[0])


def _letters(content: bytes, charset: str) -> str:
    if not content.isascii():
        try:
            return content.decode("utf-8")  # what fits is hardly anything else, whatever is declared
        except ValueError:
            pass
    try:
        return content.decode("cp1252" if charset.lower() in _LATIN else charset)
    except (LookupError, ValueError):
        return decode(content).text if content.strip() else ""


def _parameters(value: bytes) -> dict[str, str]:
    return {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(value.decode("latin-1"))}


def _part(fields: dict[str, bytes], body: bytes, depth: int) -> str:
    kind = fields.get("content-type", b"text/plain").split(b";")[0].strip().lower().decode("latin-1")
    told = _parameters(fields.get("content-type", b""))
    if kind.startswith("multipart/") and told.get("boundary") and depth < _MOST_DEPTH:
        texts = [_part(*_split(part), depth + 1) for part in _parts(body, told["boundary"])]
        return _longest(texts) if kind == "multipart/alternative" else "\n".join(texts)
    disposition = fields.get("content-disposition", b"").lower()
    named = "name" in told or b"filename" in disposition
    if kind not in ("text/plain", "text/html") or named or disposition.startswith(b"attachment"):
        return ""
    coding = fields.get("content-transfer-encoding", b"").strip().lower()
    if coding == b"base64":
        body = binascii.a2b_base64(re.sub(rb"[^A-Za-z0-9+/=]", b"", body) + b"==")
    elif coding == b"quoted-printable":
        body = quopri.decodestring(body)
    charset = told.get("charset", "")
    text = _letters(body, charset) if charset else decode(body).text if body.strip() else ""
    return shown(text) if kind == "text/html" and charset else html_text(body) if kind == "text/html" else text


def _parts(body: bytes, boundary: str) -> list[bytes]:
    mark = re.escape(b"--" + boundary.encode("latin-1", "replace"))
    pieces = re.split(rb"(?:^|\r?\n)" + mark + rb"(--)?[ \t]*(?=\r?\n|$)", body)
    found = []
    for closes, piece in zip(pieces[1::2], pieces[2::2], strict=False):
        if closes:
            break
        found.append(re.sub(rb"^\r?\n", b"", piece, count=1))
    return found


def _longest(texts: list[str]) -> str:
    """What one of several forms of the same says, and what another says besides."""
    texts = sorted(texts, key=len)
    if len(texts) < 2:
        return "".join(texts)
    longest, rest = texts[-1], Counter[str]()
    for text in texts[:-1]:
        rest |= Counter(text.split())
    return f"{longest}\n{' '.join((rest - Counter(longest.split())).elements())}"


def outlook_text(path: Path) -> str:
    """The text of an Outlook item. Raises ValueError, LookupError, struct.error: it is none; OSError."""
    container = Compound(path.read_bytes())
    streams = {p[-1].upper(): p for p in container.paths() if len(p) == 1}

    def said(number: int) -> str:
        for kind, encoding in (("001F", "utf-16-le"), ("001E", "cp1252")):
            if (place := streams.get(f"__SUBSTG1.0_{number:04X}{kind}")) is not None:
                return container.read(place).decode(encoding, "replace").rstrip("\0")
        return ""

    out = [said(number) for number in _ITEM]
    body = said(_BODY)
    if not body and (place := streams.get(f"__SUBSTG1.0_{_HTML:04X}0102")) is not None:
        body = html_text(container.read(place))
    return "\n".join([*out, body])
