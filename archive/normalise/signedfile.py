"""Files of CMS (`.p7m`) that stand by themselves: what was signed is opened, what was encrypted is not."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from archive.normalise import smime
from archive.normalise.contract import Limits, Made
from archive.normalise.letter import Letter
from archive.normalise.mail import message_page
from archive.reasons import DocumentProblem, Reason

ROUTE = "signedfile"

_ARMOUR = re.compile(rb"-----BEGIN (?:PKCS7|CMS)-----\s+([A-Za-z0-9+/=\s]+)-----END")
_MIME = re.compile(rb"\s*(?:content-[a-z-]+|mime-version):", re.IGNORECASE)


def signedfile(source: Path, out: Path, limits: Limits) -> Made:
    """Show what a signature holds: a message as one, any other file as a part.

    Raises DocumentProblem: ENCRYPTED; CORRUPT where nothing can be read; and what `archive.normalise.mail` raises.
    """
    content = source.read_bytes()
    if armour := _ARMOUR.search(content[:1024] + content[1024:]):
        try:
            content = base64.b64decode(armour[1])
        except (binascii.Error, ValueError):
            raise DocumentProblem(Reason.CORRUPT, "The signature's armour is broken.") from None
    inside = smime.content_of(content)
    if inside is None:
        raise DocumentProblem(Reason.CORRUPT, "The signature holds nothing that can be read.")
    if _MIME.match(inside):
        return message_page(inside, out, limits, signed=True)
    letter = Letter(out, limits)
    letter.field("Signert fil", f"{len(inside)} byte")
    letter.signed()
    letter.carry("innhold", inside)
    return letter.made()
