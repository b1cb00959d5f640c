"""Every real example message, as a page: nothing of the XML is missing in what a PDF reader finds on it."""

from __future__ import annotations

import re
from pathlib import Path

import pypdfium2
import pytest
from lxml import etree

from archive.normalise.contract import Limits
from archive.normalise.xmlrecord import xmlrecord

FOOTER = re.compile(r"[^\n]*\n?Side \d+ av \d+")
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]{200,}")


def squashed(text: str) -> str:
    """Without white space and what a line break may do to a hyphen."""
    return re.sub(r"[\s\u00ad\ufffe-]+", "", text)


def words_of(path: Path) -> set[str]:
    found: set[str] = set()
    for element in etree.parse(path).getroot().iter():
        if not isinstance(element.tag, str):
            continue
        values = [element.text or "", *(child.tail or "" for child in element)]
        values += [str(v) for k, v in element.attrib.items() if not str(k).endswith("chemaLocation")]
        for value in values:
            if not BASE64.fullmatch(value.strip()) or " " in value.strip():
                found.update(line for line in map(squashed, value.splitlines()) if line)
    return found


@pytest.mark.parametrize(
    "folder",
    ["Dialogmelding", "Epikrise", "Henvisning", "KommunikasjonAvEPJ-innhold", "plo", "Rekvisisjon", "Svarrapport", "."],
)
def test_every_word_of_every_message(shared: Path, tmp_path: Path, folder: str) -> None:
    root = shared / "exports" / "kith"
    files = sorted(root.glob("*.xml") if folder == "." else (root / folder).rglob("*.xml"))
    assert files
    for i, path in enumerate(files):
        result = xmlrecord(path, tmp_path / f"{i}.pdf", Limits())
        with pypdfium2.PdfDocument(result.pdf) as document:
            pages = [FOOTER.sub("", page.get_textpage().get_text_range().replace("\r", "")) for page in document]
        shown, text = squashed("".join(pages)), squashed(result.text or "")
        words = words_of(path)
        assert len(words) > 10
        assert not [w for w in words if w not in shown], path.name
        assert not [w for w in words if w not in text], path.name
