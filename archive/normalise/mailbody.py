"""The HTML of a message as it is shown: with the pictures it carries in their places, on pages after its head."""

from __future__ import annotations

import base64
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pikepdf

from archive.normalise.contract import Limits, Made
from archive.normalise.html import html

_MOST_PICTURES = 16 << 20
"""Bytes of pictures that are shown in their places; the others are files of their own like all of them."""

_CID = re.compile(r"""cid:([^\s"'<>()]+)""", re.IGNORECASE)
_SOURCE = re.compile(r"""(\b(?:src|background)\s*=\s*)(["'])([^"'<>]{1,2000})\2""", re.IGNORECASE)
_WORD = re.compile(r"\w+")


class Pictures:
    """What a message carries that its HTML may show: by Content-ID (RFC 2392) or Content-Location (RFC 2557)."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, bytes]] = {}

    def add(self, content_id: str, location: str, media_type: str, content: bytes) -> None:
        """A part of the message; what is no picture is never shown within the HTML."""
        if media_type.lower().startswith("image/"):
            for name in (content_id.strip().strip("<>"), location.strip()):
                if name:
                    self._found.setdefault(name, (media_type.lower(), content))

    def placed(self, text: str) -> str:
        """The HTML with each picture in its place."""
        left = _MOST_PICTURES

        def address(name: str) -> str | None:
            nonlocal left
            media_type, content = self._found.get(name) or self._found.get(unquote(name)) or ("", b"")
            left -= len(content)
            if not content or left < 0:
                return None
            return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"

        def source(found: re.Match[str]) -> str:
            shown = address(found[3].strip())
            return found[0] if shown is None else f"{found[1]}{found[2]}{shown}{found[2]}"

        text = _CID.sub(lambda found: address(found[1]) or found[0], text)
        return _SOURCE.sub(source, text) if self._found else text


def lay_out(text: str, pictures: Pictures, out: Path, limits: Limits) -> Made:
    """The pages of a message's HTML.

    Raises:
        DocumentProblem: see `archive.normalise.html`.
    """
    source = out.with_suffix(".html")
    source.write_text(pictures.placed(text), encoding="utf-8-sig", errors="replace", newline="")
    return html(source, out, limits)


def says_more(plain: str, shown: str) -> bool:
    """Whether the plain text of a message has words that its HTML does not."""
    return bool(Counter(_WORD.findall(plain)) - Counter(_WORD.findall(shown)))


def join(first: Path, others: list[Path]) -> None:
    """Put the pages of `others` after those of `first`. The tags of none remain, since they would name other pages."""
    with pikepdf.open(first, allow_overwriting_input=True) as document:
        for path in others:
            with pikepdf.open(path) as other:
                document.pages.extend(other.pages)
        for key in ("/StructTreeRoot", "/MarkInfo"):
            if key in document.Root:
                del document.Root[key]
        for page in document.pages:
            if "/StructParents" in page.obj:
                del page.obj["/StructParents"]
        document.save(first, deterministic_id=True)
