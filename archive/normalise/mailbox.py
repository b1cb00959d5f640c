"""Messages in the wrappings of mail programs: mbox (many in one file, RFC 4155) and Apple Mail's emlx.

An mbox of one message is that message; of several, a page that counts them, and each is a file of the document.
"""

from __future__ import annotations

import re
from pathlib import Path

from archive.normalise.contract import Limits, Made
from archive.normalise.letter import Letter
from archive.normalise.mail import message_page

ROUTE = "mailbox"

_FROM = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From \S+[ \t][^\r\n]*\d\d:\d\d[^\r\n]*\r?\n(?=[!-9;-~]+:[ \t])")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def mailbox(source: Path, out: Path, limits: Limits) -> Made:
    """Show an mbox.

    Raises DocumentProblem: as `archive.normalise.mail`; RESOURCE_LIMIT where it has more messages than are allowed.
    """
    messages = split(source.read_bytes())
    if len(messages) == 1:
        return message_page(messages[0], out, limits)
    letter = Letter(out, limits)
    letter.field("Postkasse", f"{len(messages)} meldinger")
    for number, message in enumerate(messages, start=1):
        letter.carry(f"melding {number}.eml", message)
    return letter.made()


def split(content: bytes) -> list[bytes]:
    """The messages of an mbox, without the lines that part them and without the `>` that keeps their own apart."""
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    marks = list(_FROM.finditer(content))
    ends = [*(mark.start() for mark in marks[1:]), len(content)]
    if not marks:
        return [content]
    return [_QUOTED.sub(rb"\1", content[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]
