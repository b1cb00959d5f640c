"""The whole ladder with the real engines: what becomes of good, odd, broken and hostile files."""

from __future__ import annotations

import multiprocessing
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from archive.errors import EngineMissingError
from archive.normalise import climb, guard, office, routes
from archive.normalise.contract import Job, Limits, Made, Normalised, Rejected
from archive.normalise.finish import finish
from archive.normalise.ladder import Normaliser
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import Verdict
from archive.validate import PdfaValidator, ValidatorStuck
from tests import documents
from tests.documents import children, docx, job, locked_docx, locked_pdf, rtf, run
from tests.oracles import stock_verapdf


@pytest.fixture
def normaliser(tmp_path: Path) -> Iterator[Normaliser]:
    with Normaliser(Limits(seconds=60), work=tmp_path / "work") as made:
        yield made
    assert list((tmp_path / "work").iterdir()) == []
    assert children() == []


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def one(normaliser: Normaliser, source: Path, name: str | None = None) -> Normalised | Rejected:
    return normaliser.normalise([job(source, "a-1", name)], source.parent / "out")["a-1"]


def archived(outcome: object) -> Normalised:
    assert isinstance(outcome, Normalised), outcome
    assert outcome.verdict.passed
    return outcome


def rejected(outcome: object) -> Rejected:
    assert isinstance(outcome, Rejected), outcome
    return outcome


def good_files(folder: Path) -> list[Path]:
    """One file of each of the usual kinds, each with the word Blodprøve where it has text."""
    jpeg = folder / "d.jpg"
    Image.new("RGB", (300, 200), (200, 30, 30)).save(jpeg)
    kept = folder / "f.pdf"
    finish(documents.pdf(folder / "f-source.pdf", text=""), kept, "2b")
    return [
        put(folder, "a.rtf", rtf("Blodprøve i {\\b dag}")),
        put(folder, "b.docx", docx(run("Blodprøve i dag"))),
        put(folder, "c.txt", "Blodprøve i dag\r\nog i morgen".encode("cp1252")),
        jpeg,
        documents.pdf(folder / "e.pdf", text="Blodprøve"),
        kept,
        put(folder, "g.html", "<!DOCTYPE html><p>Blodprøve i dag</p>".encode()),
        put(folder, "h.xml", '<?xml version="1.0"?><svar><prøve>Blodprøve</prøve></svar>'.encode()),
    ]


@pytest.mark.oracle
def test_every_kind_becomes_pdfa_that_stock_verapdf_accepts(tmp_path: Path, normaliser: Normaliser) -> None:
    files = good_files(tmp_path)
    outcomes = normaliser.normalise([job(p, p.stem) for p in files], tmp_path / "out")
    made = {key: archived(outcome) for key, outcome in outcomes.items()}
    judged = stock_verapdf([(m.pdf, m.flavour) for m in made.values()])
    assert [j.result for j in judged] == ["PASS"] * len(files)


def test_every_kind_its_route_level_text_and_flags(tmp_path: Path, normaliser: Normaliser) -> None:
    files = good_files(tmp_path)
    outcomes = normaliser.normalise([job(p, p.stem) for p in files], tmp_path / "out")
    made = {key: archived(outcome) for key, outcome in outcomes.items()}
    assert {key: (m.route.partition("+")[0], m.flavour) for key, m in made.items()} == {
        "a": ("rtf", "2u"), "b": ("libreoffice", "2a"), "c": ("plaintext", "2a"), "d": ("image", "2b"),
        "e": ("pdf", "2u"), "f": ("pdf-kept", "2b"), "g": ("html", "2u"), "h": ("xmlrecord", "2a"),
    }  # fmt: skip
    assert made["c"].text.read_bytes() == "Blodprøve i dag\nog i morgen".encode()
    for key in "abceg":
        assert "Blodprøve" in made[key].text.read_text(encoding="utf-8"), key
    assert made["f"].pdf.read_bytes() == (tmp_path / "f.pdf").read_bytes()
    assert {k for k, m in made.items() if Flag.NO_TEXT in {f.code for f in m.flags}} == {"d", "f"}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        f"{k}.{suffix}" for k in made for suffix in ("pdf", "txt")
    )
    timings = normaliser.timings
    assert timings.count["identify"] == len(files)
    assert timings.count["convert:rtf"] == 1
    assert timings.cpu["validate"] > 0


def test_bad_files_end_in_their_reason_and_nothing_is_made(tmp_path: Path, normaliser: Normaliser) -> None:
    with pikepdf.open(documents.pdf(tmp_path / "open.pdf")) as document:
        document.save(tmp_path / "locked.pdf", encryption=pikepdf.Encryption(user="a", owner="b"))
    whole, noise = docx(run("x" * 5000)), random.Random(3).randbytes(30_000)
    cases = {
        put(tmp_path, "empty.rtf", b""): Reason.EMPTY,
        tmp_path / "locked.pdf": Reason.ENCRYPTED,
        put(tmp_path, "cut.docx", whole[: len(whole) // 2]): Reason.TRUNCATED,
        put(tmp_path, "cut.rtf", rtf("Blodprøve " * 50)[:-60]): Reason.TRUNCATED,
        put(tmp_path, "cut.pdf", documents.pdf(tmp_path / "p.pdf", pages=9).read_bytes()[:900]): Reason.TRUNCATED,
        put(tmp_path, "program.doc", b"MZ" + noise): Reason.UNSUPPORTED_FORMAT,
        put(tmp_path, "noise", noise): Reason.UNSUPPORTED_FORMAT,
        put(tmp_path, "sound.mp3", b"ID3\x03" + noise): Reason.UNSUPPORTED_FORMAT,
    }
    jobs = [job(path, f"k{n}") for n, path in enumerate(cases)]
    outcomes = normaliser.normalise(jobs, tmp_path / "out")
    assert {p.name: rejected(outcomes[f"k{n}"]).reason for n, p in enumerate(cases)} == {
        p.name: reason for p, reason in cases.items()
    }
    assert list((tmp_path / "out").iterdir()) == []


def test_locked_files_are_opened_with_the_passwords_given(tmp_path: Path) -> None:
    locked_docx(tmp_path / "a.docx", "Sommer2004", "Blodprøve tatt.")
    locked_pdf(tmp_path / "b.pdf", "blåbær", 3)
    locked_docx(tmp_path / "c.docx", "VelvetSweatshop", "Blodprøve tatt.")
    locked_docx(tmp_path / "d.docx", "Vinter2005", "Blodprøve tatt.")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as bundle:
        bundle.write(tmp_path / "a.docx", "inni.docx")
    jobs = [job(path, path.stem) for path in sorted(tmp_path.iterdir()) if path.name != "plain.pdf"]
    with Normaliser(
        Limits(seconds=60), work=tmp_path / "work", passwords=("feil", "blåbær", "Sommer2004")
    ) as normaliser:
        outcomes = normaliser.normalise(jobs, tmp_path / "out")
    made = {key: archived(outcomes[key]) for key in "abce"}
    assert all(Flag.OPENED_WITH_PASSWORD in {f.code for f in made[key].flags} for key in "abc")
    assert "Blodprøve tatt." in made["a"].text.read_text("utf-8")
    assert made["a"].format.puid != "fmt/412"  # of the bytes as they came, and not of what was within
    assert [made["a"].format.family, made["b"].format.family] == ["docx", "pdf"]
    (inner,) = made["e"].parts
    assert "Blodprøve tatt." in inner.made.text.read_text("utf-8")
    assert inner.source.read_bytes() == (tmp_path / "a.docx").read_bytes()
    assert rejected(outcomes["d"]).reason is Reason.ENCRYPTED


def test_same_bytes_are_converted_once_and_the_name_may_differ(tmp_path: Path, normaliser: Normaliser) -> None:
    content = rtf("Blodprøve")
    sources = [put(tmp_path, n, content) for n in ("a.rtf", "b.rtf", "c.doc", "d")]
    outcomes = normaliser.normalise([job(p, p.stem) for p in sources], tmp_path / "out")
    made = {key: archived(o) for key, o in outcomes.items()}
    assert all(m.key == key for key, m in made.items())
    assert made["a"].pdf == made["b"].pdf
    assert len({m.pdf.read_bytes() for m in made.values()}) == 1
    assert {k for k, m in made.items() if Flag.FORMAT_MISMATCH in {f.code for f in m.flags}} == {"c"}


def test_same_bytes_in_other_company_give_the_same_bytes(tmp_path: Path) -> None:
    results = []
    for number, others in enumerate(([], ["x.rtf", "y.docx", "w.pdf"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        files = good_files(folder)
        for name in others:
            content = {"rtf": rtf("annet"), "docx": docx(run("annet"))}.get(name[2:])
            files.insert(0, put(folder, name, content) if content else documents.pdf(folder / name, text="annet"))
        with Normaliser(work=folder / "work") as normaliser:
            outcomes = normaliser.normalise([job(p, p.stem) for p in files], folder / "out")
        results.append({k: archived(o).pdf.read_bytes() for k, o in outcomes.items() if k in "abcdefgh"})
    assert results[0].keys() == results[1].keys()
    assert [k for k in results[0] if results[0][k] != results[1][k]] == []


def test_limits_of_size_and_pages(tmp_path: Path) -> None:
    source = put(tmp_path, "a.rtf", rtf("side\\page " * 5))
    for limits in (Limits(source_bytes=10), Limits(pages=3), Limits(output_bytes=100)):
        with Normaliser(limits, work=tmp_path / "work") as normaliser:
            outcome = rejected(one(normaliser, source))
        assert outcome.reason in (Reason.RESOURCE_LIMIT, Reason.CONVERSION_FAILED)
        assert (outcome.reason is Reason.CONVERSION_FAILED) == (limits.output_bytes == 100)
    assert [p.name for p in tmp_path.rglob("*.pdf")] == []


def test_scripts_and_restrictions_are_taken_off_and_flagged(tmp_path: Path, normaliser: Normaliser) -> None:
    outcome = archived(one(normaliser, documents.with_script(tmp_path / "a.pdf")))
    assert outcome.route == "pdf"
    assert {f.code for f in outcome.flags} == {Flag.ACTIVE_CONTENT_REMOVED, Flag.ATTACHMENTS_SPLIT_OFF}
    assert "merknad" in outcome.text.read_text(encoding="utf-8")
    with pikepdf.open(outcome.pdf) as made:
        assert str(made.pages[0].Annots[0].Contents) == "merknad"


def test_a_false_claim_is_repaired_and_recorded(tmp_path: Path, normaliser: Normaliser) -> None:
    finish(documents.pdf(tmp_path / "p.pdf", text=""), tmp_path / "a.pdf", "2a")
    outcome = archived(one(normaliser, tmp_path / "a.pdf"))
    assert [(a.route, a.outcome) for a in outcome.attempts] == [("pdf-kept", "rejected"), ("pdf", "made")]
    assert re.fullmatch(r"pikepdf \d+\.\d+.*", outcome.attempts[-1].detail), "the record says which program made it"
    assert outcome.flavour == "2u"


def test_without_ghostscript_pages_become_pictures_with_their_words(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(climb.ghostscript, "available", lambda: False)
    with pikepdf.open(documents.pdf(tmp_path / "a.pdf", text="Blodprøve"), allow_overwriting_input=True) as document:
        document.pages[0].obj.Resources.Font.F.BaseFont = pikepdf.Name("/Frutiger")  # none that we stand in for
        document.save(tmp_path / "a.pdf")
    outcome = archived(one(normaliser, tmp_path / "a.pdf"))
    assert outcome.route == "pdf+rasterised"
    assert Flag.PAGES_RASTERISED in {f.code for f in outcome.flags}
    assert outcome.text.read_text(encoding="utf-8") == "Blodprøve 1"
    assert [a.outcome for a in outcome.attempts] == ["rejected", "rejected", "made"]


class Refusing(PdfaValidator):
    """Says no to everything."""

    def validate(self, pdf: Path, flavour: str) -> Verdict:
        return Verdict("veraPDF", "x", flavour, passed=False, failed_rules=("6.1.2-1",))


class Stuck(PdfaValidator):
    """Hangs at the first file."""

    def validate(self, pdf: Path, flavour: str) -> Verdict:
        if not self.stuck:
            self.stuck = True
            raise ValidatorStuck("A validation did not end within 1 s.")
        return super().validate(pdf, flavour)


def test_nothing_is_archived_without_the_validators_word(tmp_path: Path, normaliser: Normaliser) -> None:
    normaliser._shop._validator = Refusing()
    outcome = rejected(one(normaliser, put(tmp_path, "a.rtf", rtf("x"))))
    assert outcome.reason is Reason.VALIDATION_FAILED
    assert "6.1.2-1" in outcome.detail
    assert [a.route for a in outcome.attempts][:2] == ["rtf", "rtf+repaired"]
    assert outcome.attempts[-1].route == "rtf+rasterised"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_stuck_validator_costs_one_document_and_asks_for_a_new_process(
    tmp_path: Path, normaliser: Normaliser
) -> None:
    normaliser._shop._validator = Stuck()
    jobs = [job(put(tmp_path, f"{n}.txt", f"notat {n}".encode()), f"n{n}") for n in range(3)]
    outcomes = normaliser.normalise(jobs, tmp_path / "out")
    assert rejected(outcomes["n0"]).reason is Reason.CONVERSION_TIMEOUT
    assert all(isinstance(outcomes[k], Normalised) for k in ("n1", "n2"))
    assert normaliser.broken


class PanicException(BaseException):
    """As a library written in Rust raises it."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("Ola Nordmann har hoste"), Reason.CONVERSION_FAILED),
        (PanicException("Ola Nordmann har hoste"), Reason.CONVERSION_FAILED),
        (OSError(5, "Ola Nordmann har hoste"), Reason.CONVERSION_FAILED),
        (MemoryError(), Reason.RESOURCE_LIMIT),
        (RecursionError("Ola Nordmann har hoste"), Reason.RESOURCE_LIMIT),
        (DocumentProblem(Reason.CORRUPT, "kort"), Reason.CORRUPT),
    ],
)
def test_an_engine_that_breaks_breaks_no_run_and_tells_nothing_of_the_patient(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch, error: BaseException, reason: Reason
) -> None:
    def broken(source: Path, out: Path, limits: Limits) -> Made:
        raise error

    monkeypatch.setattr(routes, "load", lambda name: broken)
    monkeypatch.setattr(routes, "of", lambda family: ("image",))
    outcome = rejected(one(normaliser, put(tmp_path, "a.txt", b"hei")))
    assert outcome.reason is reason
    assert "Ola" not in repr(outcome)


def test_another_route_is_tried_where_one_breaks(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: Path, out: Path, limits: Limits) -> Made:
        raise RuntimeError

    monkeypatch.setattr(routes, "load", lambda name: broken)
    outcome = archived(one(normaliser, put(tmp_path, "a.txt", "Blodprøve på ø".encode("cp1252"))))
    assert outcome.route == "libreoffice"
    assert outcome.text.read_text(encoding="utf-8") == "Blodprøve på ø"
    assert [(a.route, a.outcome) for a in outcome.attempts] == [
        ("plaintext", "conversion-failed"), ("libreoffice", "made"),
    ]  # fmt: skip


def test_an_engine_that_never_ends_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(source: Path, out: Path, limits: Limits) -> Made:
        while True:
            pass

    monkeypatch.setattr(guard, "_MARGIN_SECONDS", 0.0)
    monkeypatch.setattr(routes, "load", lambda name: endless)
    monkeypatch.setattr(routes, "of", lambda family: ("plaintext",))
    with Normaliser(Limits(seconds=0.3), work=tmp_path / "work") as normaliser:
        outcome = rejected(one(normaliser, put(tmp_path, "a.txt", b"hei")))
    assert outcome.reason is Reason.CONVERSION_TIMEOUT


def test_a_missing_engine_ends_the_run_and_no_document(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office.contained.shutil, "which", lambda program: None)
    with pytest.raises(EngineMissingError, match="libreoffice-writer-nogui"):
        one(normaliser, put(tmp_path, "a.rtf", rtf(r"{\scaps x}")))


def in_another_process(folder: Path, jobs: list[Job], answers: Any) -> None:
    with Normaliser(work=folder / "work") as normaliser:
        outcomes = normaliser.normalise(jobs, folder / "out")
    answers.put({k: type(o).__name__ for k, o in outcomes.items()})


def test_it_works_in_a_spawned_process(tmp_path: Path) -> None:
    jobs = [job(put(tmp_path, "a.rtf", rtf("x")), "a"), job(documents.pdf(tmp_path / "b.pdf", text=""), "b")]
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=in_another_process, args=(tmp_path, jobs, answers))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    assert answers.get() == {"a": "Normalised", "b": "Normalised"}
    assert list((tmp_path / "work").iterdir()) == []
