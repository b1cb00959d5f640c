"""Windows metafiles up the ladder: drawn by LibreOffice, and told where not all of one is."""

from __future__ import annotations

import zipfile
from email.message import EmailMessage
from pathlib import Path

import pypdfium2
import pytest

from archive.normalise.contract import Normalised, Rejected
from archive.normalise.ladder import Normaliser
from archive.reasons import Flag, Reason
from tests.documents import jobs
from tests.metafiles import emf, emf_line, emf_small_text, emf_text, wmf, wmf_line, wmf_long_text, wmf_text

EMF = emf(emf_text("Blodtrykk målt"), emf_text("Prøvesvar", 200), emf_line())
WMF = wmf(wmf_text("Blodtrykk målt"), wmf_long_text("Prøvesvar"), wmf_line())
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def normalised(normaliser: Normaliser, folder: Path, **files: bytes) -> dict[str, Normalised | Rejected]:
    return normaliser.normalise(jobs(folder, **files), folder / "out")


def test_both_kinds_are_drawn_with_their_words(tmp_path: Path, normaliser: Normaliser) -> None:
    bare = wmf(wmf_text("Blodtrykk målt"), wmf_text("Prøvesvar", 200), wmf_line(), placeable=False)
    for name, made in normalised(normaliser, tmp_path, a_emf=EMF, b_wmf=WMF, c_wmf=bare).items():
        assert isinstance(made, Normalised), (name, made)
        assert (made.format.family, made.route) == (name[2:], "libreoffice")
        assert made.verdict is not None and made.verdict.passed
        assert made.text.read_text().split() == ["Blodtrykk", "målt", "Prøvesvar"]
        assert made.flags == ()
        document = pypdfium2.PdfDocument(made.pdf)
        assert len(document) == 1
        document.close()


def test_what_is_missing_is_told(tmp_path: Path, normaliser: Normaliser) -> None:
    made = normalised(
        normaliser,
        tmp_path,
        cut_emf=EMF[:-40],
        cut_wmf=WMF[:-20],
        empty_emf=emf(),
        glyphs_emf=emf(emf_text("\x04\x11", options=0x10)),
        blank_emf=emf(emf_text("")),
    )
    for name, reason in (
        ("cut_emf", Reason.TRUNCATED),
        ("cut_wmf", Reason.TRUNCATED),
        ("empty_emf", Reason.EMPTY),
        ("glyphs_emf", Reason.CONVERSION_FAILED),
        ("blank_emf", Reason.CONVERSION_FAILED),
    ):
        outcome = made[name]
        assert isinstance(outcome, Rejected) and outcome.reason is reason, (name, outcome)


def test_words_that_are_not_drawn_are_told(tmp_path: Path, normaliser: Normaliser) -> None:
    picture = emf(emf_text("Blodtrykk målt"), emf_small_text("Reagerer på penicillin"))
    made = normalised(normaliser, tmp_path, a_emf=picture)["a_emf"]
    assert isinstance(made, Normalised)
    if "penicillin" not in made.text.read_text():  # as of LibreOffice 7.4, which does not know that record
        assert [(f.code, f.detail) for f in made.flags] == [(Flag.WORDS_MISSING, "3 of 5 words.")]


def test_a_message_with_one_in_its_text_is_archived(tmp_path: Path, normaliser: Normaliser) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "Prøvesvar"
    message["Date"], message["Message-ID"] = "Mon, 02 Mar 2009 08:00:00 +0100", "<1@example.org>"
    message.set_content("<p>Se tegningen: <img src='cid:tegning'></p>", subtype="html")
    message.add_related(EMF, "image", "x-emf", cid="<tegning>", filename="tegning.emf")
    made = normalised(normaliser, tmp_path, a_eml=message.as_bytes())["a_eml"]
    assert isinstance(made, Normalised)
    assert "Se tegningen" in made.text.read_text()
    (drawing,) = made.parts
    assert drawing.made.format.family == "emf" and "Blodtrykk" in drawing.made.text.read_text()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the project")
def test_those_of_real_word_files_are_drawn_with_their_words(tmp_path: Path, normaliser: Normaliser) -> None:
    found: dict[str, bytes] = {}
    for path in sorted(CORPUS.glob("docx/*.docx")):
        try:
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    if member.lower().endswith((".emf", ".wmf")):
                        content = archive.read(member)
                        found.setdefault(f"{len(found)}_{member[-3:].lower()}", content)
        except (zipfile.BadZipFile, OSError, RuntimeError):
            continue
    assert len(found) >= 10
    for name, made in normalised(normaliser, tmp_path, **found).items():
        assert isinstance(made, Normalised), (name, made)
        assert made.verdict is not None and made.verdict.passed
