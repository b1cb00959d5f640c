"""Words that LibreOffice leaves out are told; those a page may lack, and those that are there, are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from archive.normalise.contract import Normalised
from archive.normalise.ladder import Normaliser
from archive.reasons import Flag
from archive.rereading.docwords import doc_text
from archive.rereading.officetext import office_texts
from archive.rereading.readers import source_text
from archive.rereading.words import words_kept, words_of
from tests.documents import docx, jobs, run

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def flags(normaliser: Normaliser, folder: Path, **files: bytes) -> dict[str, dict[Flag, str]]:
    """Flags with their details, by name."""
    found = {}
    for name, outcome in normaliser.normalise(jobs(folder, **files), folder / "out").items():
        assert isinstance(outcome, Normalised), (name, outcome)
        found[name] = {f.code: f.detail for f in outcome.flags}
    return found


def nested(depth: int) -> bytes:
    """A letter with a table in a table and so on, and words in the innermost cell."""
    inner = f"<w:p>{run('Reagerer på penicillin')}</w:p>"
    for _ in range(depth):
        inner = f"<w:tbl><w:tr><w:tc>{inner}<w:p/></w:tc></w:tr></w:tbl>"
    return docx(f"{run('Notat')}</w:p>{inner}<w:p>{run('Slutt')}")


def test_a_table_too_deep_loses_words_and_is_told(tmp_path: Path, normaliser: Normaliser) -> None:
    found = flags(normaliser, tmp_path, deep_docx=nested(60), plain_docx=nested(2))
    assert found["deep_docx"][Flag.WORDS_MISSING] == "3 of 5 words, numbers and signs."
    assert Flag.TEXT_ANNEXED in found["deep_docx"]
    assert Flag.WORDS_MISSING not in found["plain_docx"]


def test_headers_that_no_page_has_are_no_loss(tmp_path: Path, normaliser: Normaliser) -> None:
    letter = rb"{\rtf1\ansi\deff0\facingp{\fonttbl{\f0 Arial;}}{\headerl\pard Bare partall\par}\sectd\sbkodd Notat\par}"
    found = flags(normaliser, tmp_path, a_rtf=letter)
    assert Flag.WORDS_MISSING not in found["a_rtf"]


def test_hidden_words_of_word_97_are_told_as_hidden(tmp_path: Path, normaliser: Normaliser) -> None:
    hidden = '<w:r><w:rPr><w:vanish/></w:rPr><w:t xml:space="preserve"> skjult merknad</w:t></w:r>'
    for name, body in (("a", run("Notat om prøvesvar") + hidden), ("b", run("Notat om prøvesvar"))):
        (tmp_path / f"{name}.docx").write_bytes(docx(body))
    command = ["soffice", f"-env:UserInstallation={(tmp_path / 'p').as_uri()}", "--headless", "--convert-to", "doc"]
    sources = [tmp_path / "a.docx", tmp_path / "b.docx"]
    subprocess.run([*command, "--outdir", tmp_path, *sources], check=True, capture_output=True, timeout=60)
    told = doc_text(tmp_path / "a.doc")
    assert (told.body.split(), told.hidden.split()) == (["Notat", "om", "prøvesvar"], ["skjult", "merknad"])
    files = {f"{name}_doc": (tmp_path / f"{name}.doc").read_bytes() for name in "ab"}
    found = flags(normaliser, tmp_path, **files)
    assert Flag.HIDDEN_CONTENT in found["a_doc"] and Flag.WORDS_MISSING not in found["a_doc"]
    assert found["b_doc"] == {}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the project")
def test_real_word_files_are_read_as_libreoffice_reads_them(tmp_path: Path) -> None:
    """Two readings that share nothing: what LibreOffice exports as text is in ours, but for what it numbers itself."""
    files = {p.stem: p for p in sorted(CORPUS.glob("doc/*.doc"))}
    ours = {name: text for name, p in files.items() if (text := source_text(p, "doc")) is not None}
    assert len(ours) >= 80
    theirs = office_texts({f"{n}": (files[name], "doc") for n, name in enumerate(ours)}, tmp_path / "office")
    words = kept = 0
    odd = []
    for n, (name, text) in enumerate(ours.items()):
        letters = " ".join(w for w in words_of(theirs.get(f"{n}", "")) if not w.isdigit())
        found = words_kept(letters, text)
        words, kept = words + found.words, kept + found.kept
        if found.share < 0.9:
            odd.append(name)
    assert kept / words > 0.98, (kept, words, odd)
    assert len(odd) <= 5, odd
    assert sum(map(bool, ours.values())) >= 75
