"""Every real example message, as a page: nothing of the XML is missing in what a PDF reader finds on it.

Each text node that is not blank and each attribute value is looked for, whole, in the PDF's text without white space;
one of a few letters and digits as a word of its own. Left out, and nothing else: namespace declarations and
`xsi:schemaLocation` (they say how the XML is checked, not what it says), comments and processing instructions (no part
of a message), and attachments in base64, whose bytes must be the parts that were split off.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pypdfium2
import pytest
from lxml import etree

from archive.normalise.contract import Limits
from archive.normalise.xmlrecord import xmlrecord

FOOTER = re.compile(r"[^\n]*\n?Side \d+ av \d+")
CONTAINER = "{http://www.kith.no/xmlstds/base64container}Base64Container"
SCHEMA_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
FOLDERS = {
    ".": 4,
    "Dialogmelding": 6,
    "Epikrise": 6,
    "Henvisning": 21,
    "KommunikasjonAvEPJ-innhold": 1,
    "Rekvisisjon": 19,
    "Svarrapport": 41,
    "plo": 44,
}


def squashed(text: str) -> str:
    """Without white space and what a line break may do to a hyphen."""
    return re.sub(r"[\s\u00ad\ufffe-]+", "", text)


def values_of(path: Path) -> tuple[list[str], list[bytes]]:
    values: list[str] = []
    files: list[bytes] = []
    for element in etree.parse(path).iter():
        if not isinstance(element.tag, str):
            values.append(element.tail or "")
        elif element.tag == CONTAINER:
            files.append(base64.b64decode(element.text or ""))
            values.append(element.tail or "")
        else:
            values += [element.text or "", element.tail or ""]
        if isinstance(element.tag, str):
            values += [str(v) for k, v in element.attrib.items() if k != SCHEMA_LOCATION]
    return [v for v in values if v.strip()], files


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_of_any_message_is_missing(shared: Path, tmp_path: Path, folder: str) -> None:
    root = shared / "exports" / "kith"
    paths = sorted(root.glob("*.xml") if folder == "." else (root / folder).rglob("*.xml"))
    assert len(paths) == FOLDERS[folder]
    for i, path in enumerate(paths):
        result = xmlrecord(path, tmp_path / f"{i}.pdf", Limits())
        with pypdfium2.PdfDocument(result.pdf) as document:
            pages = [FOOTER.sub("", page.get_textpage().get_text_range().replace("\r", "")) for page in document]
        values, files = values_of(path)
        assert len(values) > 30
        for shown in ("\n".join(pages), result.text or ""):
            whole, words = squashed(shown), set(re.findall(r"\w+", shown))
            missing = [v for v in values if squashed(v) not in whole]
            missing += [v for v in values if len(v) < 5 and v.isalnum() and v not in words]
            assert not missing, path.name
        assert [part.path.read_bytes() for part in result.parts] == files
