"""The native RTF route shows what LibreOffice shows: the same text, the same pages, within stated bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.normalise.rtfread.codepages import CHARSETS, PAGES
from archive.normalise.rtfread.fonts import face
from archive.normalise.rtfread.model import Look
from archive.normalise.rtfread.words import WHERE_ZERO, WITHOUT_EFFECT, WITHOUT_EFFECT_ON_ROWS
from tests.pdf_compare import sheets
from tests.rtf_compare import Comparison, by_libreoffice, compare
from tests.rtf_notes import note

_BREAKS_SHARE = 0.2
"""Share of varied notes, most of them of several pages, in which some line or page may break elsewhere."""
_PAGES_SHARE = 0.02


def _judged(results: list[Comparison], *, taken: float, breaks: float = _BREAKS_SHARE) -> None:
    native = [r for r in results if not r.passed_on]
    assert len(native) >= taken * len(results), [(r.name, r.passed_on) for r in results if r.passed_on]
    assert not [(r.name, r.findings) for r in native if r.findings]
    assert sum(r.breaks for r in native) <= breaks * len(native), [r.name for r in native if r.breaks]
    assert sum(r.pages[0] != r.pages[1] for r in native) <= _PAGES_SHARE * len(native) + 1


def _notes(folder: Path, seeds: range) -> list[Path]:
    folder.mkdir()
    files = [folder / f"note{seed:05}.rtf" for seed in seeds]
    for seed, file in zip(seeds, files, strict=True):
        file.write_bytes(note(seed))
    return files


def test_notes(tmp_path: Path) -> None:
    _judged(compare(_notes(tmp_path / "notes", range(60)), tmp_path), taken=0.75)


@pytest.mark.slow
def test_two_thousand_notes(tmp_path: Path) -> None:
    _judged(compare(_notes(tmp_path / "notes", range(10_000, 12_000)), tmp_path), taken=0.75)


def test_corpus(shared: Path, tmp_path: Path) -> None:
    _judged(compare(sorted((shared / "corpus" / "rtf").glob("*.rtf")), tmp_path), taken=0.15)


@pytest.mark.slow
def test_cosdoc(shared: Path, tmp_path: Path) -> None:
    """Every note of the export that the route takes, which are most."""
    files = sorted((shared / "exports" / "cosdoc" / "export" / "dok").glob("*/*.rtf"))
    _judged(compare(files, tmp_path), taken=0.9, breaks=0.02)


def _all_characters(system: str, charset: str, codec: str) -> bytes:
    """Every character of a code page that the font has, ten in a word."""
    regular = face(Look("Liberation Sans", 20))
    good = [byte for byte in range(0x80, 0x100) if regular.has(_decoded(byte, codec))]
    words = (r"\'".join(["", *(f"{byte:02x}" for byte in good[at : at + 10])]) for at in range(0, len(good), 10))
    head = rf"{{\rtf1\{system}\deff0{{\fonttbl{{\f0\fswiss{charset} Arial;}}}}\pard\f0\fs20 "
    return (head + " ".join(words) + r"\par}").encode("ascii")


def _decoded(byte: int, codec: str) -> str:
    text = bytes((byte,)).decode(codec, "replace")
    return text if text.isprintable() and text.strip() and (codec, byte) != ("cp850", 0xD5) else "\ufffd"


def test_code_pages(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    for number, codec in PAGES.items():
        file = folder / f"page{number}.rtf"
        file.write_bytes(_all_characters(rf"ansi\ansicpg{number}", "", codec))
    for number, page in CHARSETS.items():
        file = folder / f"charset{number}.rtf"
        file.write_bytes(_all_characters("ansi", rf"\fcharset{number}", PAGES[page]))
    for system, page in (("mac", 10000), ("pc", 437), ("pca", 850)):
        (folder / f"{system}.rtf").write_bytes(_all_characters(system, "", PAGES[page]))
    _judged(compare(sorted(folder.iterdir()), tmp_path), taken=1.0, breaks=0.0)


def _with_words(text: str, row: str) -> bytes:
    head = r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman Times New Roman;}{\f1\fswiss Arial;}}"
    words = "many words more " * 20
    paragraphs = rf"\pard{text}\f0\fs20 some AVAVA \b bold\b0  {words}\par\pard\qj{text} second {words}\par"
    cells = rf"\trowd\trgaph70{row}\cellx3000{row}\cellx6000\pard\intbl{text} a {words}\cell b\cell\row"
    return rf"{head}\pard\f0\fs20 before\par{paragraphs}{cells}\pard after\par}}".encode()


def test_words_without_effect_have_none(tmp_path: Path) -> None:
    """LibreOffice shows the same pages with each of them as without."""
    sources = {"base": _with_words("", "")}
    for word in WITHOUT_EFFECT - {"fromhtml", "fromtext"}:
        sources[f"{word.lower()}-1"] = _with_words(rf"\{word}1", "")
    for word in WITHOUT_EFFECT_ON_ROWS:
        sources[f"{word.lower()}-row"] = _with_words("", rf"\{word}1")
    for word in WHERE_ZERO:
        sources[f"{word.lower()}-0"] = _with_words(rf"\{word}0", "")
    for name, content in sources.items():
        (tmp_path / f"{name}.rtf").write_bytes(content)
    made = by_libreoffice([tmp_path / f"{name}.rtf" for name in sources], tmp_path)
    base = made.pop("base")
    assert isinstance(base, Path)
    expected = sheets(base)
    other = [name for name, pdf in made.items() if not isinstance(pdf, Path) or sheets(pdf) != expected]
    assert not sorted(other)
