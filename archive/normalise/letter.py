"""The page of a container (e-mail, ZIP file): what it says, and a list of the files it carries, which become parts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from archive.normalise.contract import Limits, Made, Part
from archive.normalise.plaintext import plaintext
from archive.reasons import DocumentProblem, Flag, Reason

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

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_MOST_NAME = 200


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

    def carry(self, name: str, content: bytes, about: str = "") -> None:
        """A file that it carries.

        Raises:
            DocumentProblem: RESOURCE_LIMIT, too many or too large.
        """
        self._left -= len(content)
        if self._left < 0 or len(self._parts) >= self._limits.parts:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, "The files within it are more, or larger, than is allowed.")
        self._folder.mkdir(exist_ok=True)
        number = len(self._parts) + 1
        path = self._folder / str(number)
        path.write_bytes(content)
        self._parts.append(Part(name, path))
        facts = ", ".join(f for f in (f"{len(content)} byte", about) if f)
        self._listed += [f"{number}. {name} ({facts})", f"   SHA-256 {hashlib.sha256(content).hexdigest()}"]

    def made(self) -> Made:
        """Typeset the page.

        Raises:
            DocumentProblem: see `archive.normalise.plaintext`.
        """
        listed = [f"Filer i denne ({len(self._parts)}):", *self._listed] if self._parts else []
        blocks = [self._head, *([b] for b in self._body), self._notes, listed]
        if self._more:
            blocks.append(["Øvrige felter:", *self._more])
        text = "\n\n".join("\n".join(block) for block in blocks if block)
        source = self._out.with_suffix(".letter")
        source.write_text(text, encoding="utf-8-sig", newline="\n")
        made = plaintext(source, self._out, self._limits)
        flags = tuple(f for f in made.flags if f.code is not Flag.ENCODING_GUESSED)
        return replace(made, flags=flags, parts=tuple(self._parts), container=True)
