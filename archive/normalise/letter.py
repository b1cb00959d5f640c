"""The page of a container (e-mail, ZIP file): what it says, and a list of the files it carries, which become parts."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO

import lxml.html

from archive.identify import media_type_of
from archive.normalise.contract import Limits, Made, Part
from archive.normalise.encodings import Decoded
from archive.normalise.mailbody import Pictures, join, lay_out, says_more
from archive.normalise.plaintext import plaintext
from archive.normalise.text_of import PAGE_BREAK
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

FIELDS = {
    "from": "Fra",
    "sender": "Avsender",
    "to": "Til",
    "cc": "Kopi til",
    "bcc": "Blindkopi til",
    "reply-to": "Svar til",
    "date": "Dato",
    "subject": "Emne",
}
"""Header fields a reader looks for, with their Norwegian names."""

_BLOCKS = frozenset(("br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "pre"))
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_MOST_NAME = 200
_CHUNK = 1 << 20
_TOO_MUCH = "The files within it are more, or larger, than is allowed."


def safe_name(name: str) -> str:
    """A file's name as shown: its last component, without characters that would mislead a reader."""
    last = _UNSAFE.sub(" ", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return " ".join(last.split())[-_MOST_NAME:]


class Letter:
    """Collects what a container says and carries.

    Args:
        out: the PDF to make; the files are written beside it.
        limits: of one file: how many files it may carry, and how large.
    """

    def __init__(self, out: Path, limits: Limits) -> None:
        self._out, self._limits = out, limits
        self._folder = out.with_suffix(".parts")
        self._head: list[str] = []
        self._more: list[str] = []
        self._body: list[str] = []
        self._notes: list[str] = []
        self._listed: list[str] = []
        self._parts: list[Part] = []
        self._left = limits.expanded_bytes
        self._pages: list[tuple[str, bytes, str]] = []
        self._flags: list[FlagNote] = []
        self.pictures = Pictures()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The files that it carries so far."""
        return tuple(self._parts)

    def field(self, name: str, value: str, *, important: bool = True) -> None:
        """A header field."""
        (self._head if important else self._more).append(f"{name}: {value}")

    def text(self, text: str) -> None:
        """Words of the message itself."""
        if text.strip():
            self._body.append(text.replace("\r\n", "\n").replace("\r", "\n").strip("\n"))

    def note(self, sentence: str) -> None:
        """Something to know of it."""
        if sentence not in self._notes:
            self._notes.append(sentence)

    def html(self, name: str, content: bytes, text: str) -> None:
        """The message itself as HTML: its bytes, and what they say. `name` is for where it can only be carried."""
        self._pages.append((name, content, text))

    def read(self, found: Decoded) -> str:
        """A text of it, with a flag for what was guessed of its characters or does not fit."""
        if not found.lossless:
            self.flag(Flag.DECODED_LENIENTLY, found.detail or f"Read as {found.encoding}.")
        elif not found.certain:
            self.flag(Flag.ENCODING_GUESSED, found.detail or f"Read as {found.encoding}.")
        return found.text

    def flag(self, flag: Flag, detail: str) -> None:
        """Something remarkable of it; once each."""
        if flag not in {f.code for f in self._flags}:
            self._flags.append(FlagNote(flag, detail))

    def signed(self) -> None:
        """It is signed, by whatever means."""
        self.note("Meldingen er signert. Signaturen står i originalen.")
        self.flag(Flag.SIGNATURE_FACTS, "The message is signed (S/MIME or OpenPGP).")

    def carry(self, name: str, content: bytes | IO[bytes], about: str = "") -> int:
        """A file that it carries, with what the container knows of it; gives back its size.

        Raises:
            DocumentProblem: RESOURCE_LIMIT, too many or too large.
        """
        if len(self._parts) >= self._limits.parts:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, _TOO_MUCH)
        self._folder.mkdir(exist_ok=True)
        number = len(self._parts) + 1
        path, digest, size = self._folder / str(number), hashlib.sha256(), 0
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        with path.open("wb") as target:
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > self._left:
                    raise DocumentProblem(Reason.RESOURCE_LIMIT, _TOO_MUCH)
                digest.update(chunk)
                target.write(chunk)
        self._left -= size
        self._parts.append(Part(name, path))
        media_type = media_type_of(path, name, expanded_bytes=self._limits.expanded_bytes)
        facts = ", ".join(f for f in (f"{size} byte", media_type, about) if f)
        self._listed += [f"{number}. {name} ({facts})", f"   SHA-256 {digest.hexdigest()}"]
        return size

    def made(self) -> Made:
        """Make its pages.

        Raises:
            DocumentProblem: see `archive.normalise.plaintext`.
        """
        shown = self._shown()
        written = PAGE_BREAK.join(page.text or "" for page in shown)
        body = [b for b in self._body if not shown or says_more(b, written)]
        if shown:
            self.note("Meldingen er skrevet som HTML, og vises slik på sidene som følger.")
        listed = [f"Filer i denne ({len(self._parts)}):", *self._listed] if self._parts else []
        blocks = [self._head, *([b] for b in body), self._notes, listed]
        if self._more:
            blocks.append(["Øvrige felter:", *self._more])
        text = "\n\n".join("\n".join(block) for block in blocks if block)
        source = self._out.with_suffix(".letter")
        source.write_text(text, encoding="utf-8-sig", newline="\n")
        made = plaintext(source, self._out, self._limits)
        flags = _once((*made.flags, *self._flags, *(f for page in shown for f in page.flags)))
        if shown:
            join(self._out, [page.pdf for page in shown])
            text = PAGE_BREAK.join((made.text or "", written))
            made = replace(made, text=text, flavours=("2u", "2b"))
        return replace(made, flags=flags, parts=(*self._parts, *made.parts), container=True, says=bool(body or shown))

    def _shown(self) -> list[Made]:
        """The pages of its HTML. What cannot be laid out is carried instead, and another engine may show it."""
        shown: list[Made] = []
        for n, (name, content, text) in enumerate(self._pages, start=1):
            if not words_of(text) and "<img" not in text.lower():
                continue
            try:
                shown.append(lay_out(text, self.pictures, self._out.with_suffix(f".{n}.pdf"), self._limits))
            except DocumentProblem as e:
                if e.reason is Reason.CONVERSION_TIMEOUT:
                    raise
                if not any(b.strip() for b in self._body):
                    self.text(words_of(text))
                self.carry(name, content)
        return shown


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


def _once(flags: Iterable[FlagNote]) -> tuple[FlagNote, ...]:
    """The first of each."""
    found: dict[Flag, FlagNote] = {}
    for flag in flags:
        found.setdefault(flag.code, flag)
    return tuple(found.values())
