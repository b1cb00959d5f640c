"""What only told a printer or a terminal how to draw: taken out of a text, and counted.

Terminals: ECMA-48 renditions. Typewriters: characters struck twice or over an underscore. Matrix printers: Epson's
ESC/P and IBM's Proprinter, whose commands have a letter and a fixed number of bytes. A text is taken for theirs only
where several of their commands stand in it; any other control character stays, and is shown by its number.
"""

from __future__ import annotations

import re

_RENDITION = re.compile(r"\x1b\[[0-9;]*m")
_STRUCK = re.compile(r"([^\x00-\x1f])(?:\x08(?:\1|_))+|_\x08([^\x00-\x1f])(?:\x08\2)*")
# Epson ESC/P reference manual, chapter C: by the letter of a command, how many bytes are behind it.
_PARAMETERS = {
    **dict.fromkeys("@EFGHMPTgw0124567<=>#89O:j\x0e\x0f", 0),
    **dict.fromkeys("!-3AJCQRSWaklpqrtxhNUcs +/fiu", 1),
    **dict.fromkeys("$\\", 2),
}
_ANY = r"[\s\S]"
_COMMAND = re.compile(
    "\x1bC\x00[\\s\\S]|\x1b[BD][^\x00]{0,32}\x00|"
    + "|".join("\x1b" + re.escape(letter) + _ANY * count for letter, count in sorted(_PARAMETERS.items()))
)
_STARTS = re.compile("\x1b[@EFGHMPgx!kWRt2340C-]")
_SHIFTS = re.compile("[\x0e\x0f\x12\x14\x11\x13]")
_LEAST = 2


def without_marks(text: str) -> tuple[str, int]:
    """A text without renditions and overstriking, and how many there were."""
    if "\x1b" not in text and "\b" not in text:
        return text, 0
    plain, renditions = _RENDITION.subn("", text)
    plain, struck = _STRUCK.subn(lambda m: m[1] or m[2], plain)
    return (plain, renditions + struck) if renditions + struck else (text, 0)


def without_commands(text: str) -> tuple[str, int]:
    """A text without the commands of matrix printers, and how many there were; none where it is not theirs."""
    if len(_STARTS.findall(text)) < _LEAST and not (text.startswith("\x1b@") and _STARTS.match(text)):
        return text, 0
    plain, commands = _COMMAND.subn("", text)
    plain, shifts = _SHIFTS.subn("", plain)
    return plain, commands + shifts
