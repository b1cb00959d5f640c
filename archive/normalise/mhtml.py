"""Web archives (MHTML, RFC 2557) to PDF: what Word, Excel and browsers save as one file, often under the name of an
office file. The pages are laid out as HTML with their pictures and styles in their places.
"""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.message import Message
from pathlib import Path
from urllib.parse import unquote, urljoin

from archive.normalise.charsets import declared
from archive.normalise.contract import Limits, Made
from archive.normalise.letter import Letter, safe_name, words_of
from archive.normalise.mailbody import Pictures, join, lay_out
from archive.normalise.text_of import PAGE_BREAK
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "mhtml"

_HTML = frozenset(("text/html", "application/xhtml+xml"))
_META = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_LINK = re.compile(r"""<link\b[^>]*\bhref\s*=\s*["']?([^"'\s>]+)[^>]*>""", re.IGNORECASE)
_SOURCE = re.compile(r"""(\bsrc\s*=\s*)(?:(["'])([^"'<>]{1,2000})\2|([^\s"'<>]{1,2000}))""", re.IGNORECASE)
_FORM_ONLY = re.compile(
    r"(filelist\.xml|themedata\.thmx|colorschememapping\.xml|tabstrip\.html?|props\d*\.xml|item\d+\.xml|master\d*\.xml"
    r"|editdata\.mso|oledata\.mso|preview\.wmf|header\.html?)$",
    re.IGNORECASE,
)
_STYLES = "text/css"


def mhtml(source: Path, out: Path, limits: Limits) -> Made:
    """Lay out a web archive: the first page, then every other page with words on it (the sheets of a workbook).

    Raises DocumentProblem: CORRUPT where it has no page, and what `archive.normalise.html` raises.
    """
    content = source.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip()
    message: Message[str, str] = email.message_from_bytes(content, policy=email.policy.compat32)
    parts = [p for p in message.walk() if not p.is_multipart()]
    pages = [p for p in parts if p.get_content_type() in _HTML]
    if not pages:
        raise DocumentProblem(Reason.CORRUPT, "The web archive has no page.")
    styles = {_place(p): _text(p) for p in parts if p.get_content_type() == _STYLES}
    made: list[Made] = []
    placed: set[str] = set()
    for number, page in enumerate(pages):
        text = _with_styles(_text(page), _place(page), styles)
        if re.search(r"tabstrip\.html?$", _place(page), re.IGNORECASE) or not (words_of(text) or "<img" in text):
            continue
        pictures = Pictures()
        for other in parts:
            pictures.add(str(other.get("content-id", "")), _place(other), other.get_content_type(), _bytes(other))
        text = _absolute(text, _place(page), {_place(p) for p in parts}, placed)
        made.append(lay_out(text, pictures, out.with_suffix(f".{number}.pdf"), limits))
    if not made:
        raise DocumentProblem(Reason.EMPTY, "No page of the web archive has anything on it.")
    made[0].pdf.replace(out)
    join(out, [m.pdf for m in made[1:]])
    carried = _carried(parts, pages, placed, out, limits)
    flags = tuple({f.code: f for m in made for f in m.flags}.values())
    if any(p.defects for p in message.walk()):
        flags = (*flags, FlagNote(Flag.DECODED_LENIENTLY, "The web archive is not written as its standard says."))
    text = PAGE_BREAK.join(m.text or "" for m in made)
    return replace(made[0], pdf=out, flavours=("2u", "2b"), text=text, flags=flags, parts=carried.parts)


def _place(part: Message[str, str]) -> str:
    return unquote("".join(str(part.get("content-location", "")).split()))


def _bytes(part: Message[str, str]) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message[str, str]) -> str:
    content = _bytes(part)
    meta = _META.search(content[:4096])
    return declared(content, part.get_content_charset() or (meta[1].decode("ascii") if meta else None)).text


def _with_styles(text: str, base: str, styles: dict[str, str]) -> str:
    def style(found: re.Match[str]) -> str:
        sheet = styles.get(unquote(urljoin(base, found[1])))
        return found[0] if sheet is None else f"<style>{sheet.replace('</', '<')}</style>"

    return _LINK.sub(style, text) if styles else text


def _absolute(text: str, base: str, places: set[str], placed: set[str]) -> str:
    """The page with the addresses of its pictures as the archive names them."""

    def address(found: re.Match[str]) -> str:
        said = found[3] or found[4]
        whole = unquote(urljoin(base, said.replace("\\", "/")))
        if whole not in places:
            return found[0]
        placed.add(whole)
        return f'{found[1]}"{whole}"'

    return _SOURCE.sub(address, text)


def _carried(
    parts: list[Message[str, str]], pages: list[Message[str, str]], placed: set[str], out: Path, limits: Limits
) -> Letter:
    """What neither is a page, a style or a picture on a page, nor tells how the program keeps its files."""
    letter = Letter(out, limits)
    for part in parts:
        place, kind = _place(part), part.get_content_type()
        cid = str(part.get("content-id", "")).strip("<> ")
        if part in pages or place in placed or kind == _STYLES or _FORM_ONLY.search(place) or not _bytes(part).strip():
            continue
        if kind.startswith("image/") and cid and any(f"cid:{cid}" in _text(p) for p in pages):
            continue
        letter.carry(safe_name(place) or "fil.bin", _bytes(part))
    return letter
