"""OCR over real archives with the real engine: what was a picture is found, proven, and nothing else is changed."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import img2pdf
import pikepdf
import pypdfium2
import pytest
from click.testing import CliRunner
from pikepdf import pdfa

from archive.catalogue import catalogue_digest
from archive.errors import DiskFullError, EngineMissingError
from archive.identifiers import document_id, patient_id
from archive.ocr import publish as publishing
from archive.ocr import recognise as reading
from archive.ocr.command import ocr as ocr_command
from archive.ocr.run import Options, Summary, run, status
from archive.ocr.words import PageWords
from archive.packageread import events_of_package
from archive.reasons import DocumentProblem, Flag, Reason
from archive.rebuild import rebuild
from archive.record import ArchivedFile
from archive.report import make_report
from archive.store import ArchiveStore
from archive.verify import Level, verify
from tests.conftest import REPOSITORY
from tests.fake_source import ARCHIVE_ID, SYSTEM
from tests.scanned import LETTER, OTHER, Line, fax, jpeg, mixed_pdf, needs_tesseract
from viewer.search import open_index
from viewer.search.build import build_index

pytestmark = needs_tesseract


def ocr(store: ArchiveStore, **options: object) -> Summary:
    return run(store, Options(**options), lambda *_: None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of scans of two patients, and a note that is none; shared, so tests work on copies of it."""
    line = Line(tmp_path_factory.mktemp("ocr"))
    fill(line)
    line.migrate()
    return line.archive.parent


def fill(line: Line) -> None:
    line.add("fax", "1", {"dok/fax.tif": fax(LETTER, (), OTHER)})
    line.add("photo", "1", {"dok/photo.jpg": jpeg(OTHER), "dok/again.jpg": jpeg(OTHER)})
    line.add("note", "1", {"dok/note.txt": "Et notat på én side.".encode()})
    line.add("mixed", "2", {"dok/mixed.pdf": mixed_pdf(LETTER)})


@pytest.fixture
def line(migrated: Path, tmp_path: Path) -> Line:
    shutil.copytree(migrated, tmp_path / "line")
    line = Line(tmp_path / "line")
    line.source.patient_rows, line.source.document_rows = [], []
    fill(line)
    return line


def files(line: Line, patient: str) -> dict[tuple[str, int], ArchivedFile]:
    _, contents = line.package(patient)
    return {(d.source_key, f.seq): f for d in contents.documents for f in d.files}


def images(pdf: bytes) -> list[tuple[object, ...]]:
    """Every picture of a PDF as it is stored, and what it decodes to."""
    found = []
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for number, page in enumerate(document.pages):
            for name, image in sorted(page.obj.Resources.get("/XObject", {}).items()):
                decoded = pikepdf.PdfImage(image).as_pil_image()
                found.append((number, name, image.read_raw_bytes(), decoded.mode, decoded.tobytes()))
    return found


def rendered(pdf: bytes) -> list[bytes]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=1).to_pil().tobytes() for page in document]
    finally:
        document.close()


def page_text(pdf: bytes, number: int) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return " ".join(document[number].get_textpage().get_text_range().split())
    finally:
        document.close()


def test_scans_become_searchable_and_stay_what_they_were(line: Line) -> None:
    before = {patient: line.forms(patient) for patient in "12"}
    summary = ocr(line.store, workers=2)
    assert (summary.read, summary.with_words, summary.nothing_found, summary.failed) == (6, 5, 1, 0)
    assert (summary.files_published, summary.packages_written, summary.patients_waiting_for_archive) == (4, 2, 0)
    after = {patient: line.forms(patient) for patient in "12"}
    for patient, forms in before.items():
        for key, (pdf, original, text) in forms.items():
            new_pdf, new_original, new_text = after[patient][key]
            assert new_original == original
            if key == ("note", 1):
                assert (new_pdf, new_text) == (pdf, text)
                continue
            assert images(new_pdf) == images(pdf) != []
            assert rendered(new_pdf) == rendered(pdf)
    texts = {key: text for forms in after.values() for key, (_, _, text) in forms.items()}
    first, blank, second = texts["fax", 1].split("\f")
    assert first.split() == " ".join(LETTER).split()
    assert blank == ""
    assert second.split() == " ".join(OTHER).split()
    assert texts["photo", 1].split() == texts["photo", 2].split() == " ".join(OTHER).split()
    told, read = texts["mixed", 1].split("\f")
    assert told == "Vedlagt skannet brev"
    assert read.split() == " ".join(LETTER).split()
    for number, lines in ((0, LETTER), (1, ()), (2, OTHER)):
        assert page_text(after["1"]["fax", 1][0], number) == " ".join(lines)
    assert page_text(after["2"]["mixed", 1][0], 0) == "Vedlagt skannet brev"
    assert sorted(page_text(after["2"]["mixed", 1][0], 1).split()) == sorted(" ".join(LETTER).split())


def test_the_record_says_that_the_words_are_by_ocr(line: Line) -> None:
    was = files(line, "1")
    ocr(line.store)
    now = files(line, "1")
    fax_file = now["fax", 1]
    (note,) = [n for n in fax_file.flags if n.code is Flag.OCR_TEXT]
    assert Flag.NO_TEXT not in {n.code for n in fax_file.flags}
    assert note.detail.startswith("tesseract ")
    assert " nor 300 dpi; 2 of 3 pages; mean confidence 9" in note.detail
    copy = fax_file.archive_copy
    assert copy.route == f"{was['fax', 1].archive_copy.route}+ocr"
    assert copy.attempts[:-1] == was["fax", 1].archive_copy.attempts
    assert (copy.attempts[-1].route, copy.attempts[-1].outcome) == (copy.route, "made")
    assert copy.verdict is not None
    assert copy.verdict.passed
    assert copy.flavour == "2u"
    assert now["note", 1] == was["note", 1]
    path, contents = line.package("1")
    assert contents.generation == 2
    events = {Path(p).parent.name: [e.type for e in group] for p, group in events_of_package(path).items()}
    by_key = {d.source_key: events[d.id] for d in contents.documents}
    first = ["ingestion", "format identification", "normalization", "validation", "message digest calculation"]
    assert by_key["note"] == first
    assert by_key["fax"] == [*first, "modification", "validation", "message digest calculation"]


def test_the_archive_verifies_and_is_rebuilt_from_its_packages(line: Line) -> None:
    ocr(line.store)
    report = verify(line.store, Level.PDFA, lambda *_: None)
    assert list(report.findings) == []
    made = make_report(line.store)
    made.require_reconciled()
    assert made.to_plain()["flags"] == {"ocr-text": 4}
    before = catalogue_digest(line.store)
    assert len(rebuild(line.store, lambda *_: None).findings) == 0
    assert catalogue_digest(line.store) == before


def test_a_second_run_finds_nothing_to_do(line: Line) -> None:
    ocr(line.store)
    packages = sorted(line.store.package_files())
    again = ocr(line.store)
    assert (again.read, again.packages_written) == (0, 0)
    assert sorted(line.store.package_files()) == packages
    assert again.queue == {"waiting": 0, "recognised": 0, "done": 5, "nothing-found": 1, "failed": 0}
    assert status(line.store) == again.queue
    assert not line.store.ocr_work.exists()


def test_without_its_queue_nothing_that_is_done_is_done_again(line: Line) -> None:
    ocr(line.store)
    packages = sorted(line.store.package_files())
    for path in line.archive.glob("ocr.sqlite*"):
        path.unlink()
    again = ocr(line.store)
    assert (again.read, again.packages_written) == (0, 0)
    assert sorted(line.store.package_files()) == packages


def test_pages_with_the_same_picture_are_read_once(line: Line, counted: Path) -> None:
    ocr(line.store, workers=1)
    pictures = counted.read_text().split()
    assert len(pictures) == len(set(pictures)) == 4  # five pages with words, and two of them are the same photograph


def test_a_limit_stops_and_the_next_run_goes_on(line: Line) -> None:
    first = ocr(line.store, limit=2)
    assert (first.read, first.has_findings) == (2, False)
    assert sum(first.queue[state] for state in ("waiting", "recognised", "nothing-found", "done")) == 6
    rest = ocr(line.store)
    assert rest.read == 4
    assert rest.queue["done"] == 5


def test_a_migration_goes_on_from_what_ocr_wrote(line: Line) -> None:
    ocr(line.store)
    path, contents = line.package("1")
    text = line.forms("1")["fax", 1][2]
    assert line.migrate().packages_written == 0
    assert line.package("1")[0] == path
    line.add("note", "1", {"dok/note.txt": "Et rettet notat på én side.".encode()})
    assert line.migrate().packages_written == 1
    path, contents = line.package("1")
    assert contents.generation == 3
    forms = line.forms("1")
    assert forms["note", 1][2].strip() == "Et rettet notat på én side."
    assert forms["fax", 1][2] == text
    assert Flag.OCR_TEXT in {n.code for n in files(line, "1")["fax", 1].flags}
    assert ocr(line.store).read == 0


def test_a_run_that_was_under_way_goes_on_from_what_ocr_wrote(line: Line) -> None:
    """The register knows generation 1 and has work left in the very same export: nothing is registered anew."""
    ocr(line.store)
    from extract.register import Register

    with Register(line.store.register) as register, register.transaction():
        register.connection.execute("UPDATE export SET finished=0")
        register.connection.execute("UPDATE patient SET done=0, done_fingerprint=''")
        register.connection.execute("UPDATE document SET done_fingerprint='', state='pending', content='[]'")
    line.migrate()
    assert line.package("1")[1].generation == 3
    assert list(verify(line.store, Level.HASHES, lambda *_: None).findings) == []


def test_a_scan_that_changed_is_read_again(line: Line) -> None:
    ocr(line.store)
    line.add("fax", "1", {"dok/fax.tif": fax(OTHER)})
    line.migrate()
    assert Flag.NO_TEXT in {n.code for n in files(line, "1")["fax", 1].flags}
    assert ocr(line.store).read == 1
    assert line.forms("1")["fax", 1][2].split() == " ".join(OTHER).split()


def test_while_a_migration_writes_pages_are_read_and_wait(line: Line) -> None:
    packages = sorted(line.store.package_files())
    with line.store.lock():
        summary = ocr(line.store)
        assert (summary.with_words, summary.packages_written) == (5, 0)
        assert summary.patients_waiting_for_archive == 2
        assert summary.has_findings
        assert sorted(line.store.package_files()) == packages
    later = ocr(line.store)
    assert (later.read, later.packages_written, later.has_findings) == (0, 2, False)
    assert later.queue["done"] == 5


def test_a_full_disk_loses_nothing(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, "lay", full)
    with pytest.raises(DiskFullError):
        ocr(line.store)
    assert not line.store.ocr_work.exists()
    monkeypatch.undo()
    later = ocr(line.store)
    assert (later.packages_written, later.queue["done"]) == (2, 5)


def test_a_page_that_failed_gets_its_words_by_a_later_run(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    real = reading._read

    def moody(engine: object, picture: Path, *rest: object) -> PageWords:
        if picture.name == "page-3.pgm":
            raise DocumentProblem(Reason.CONVERSION_TIMEOUT, "It did not end.")
        return real(engine, picture, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "_read", moody)
    first = ocr(line.store)
    assert (first.failed, first.has_findings, first.queue["failed"]) == (1, True, 1)
    assert line.forms("1")["fax", 1][2].split("\f")[2] == ""
    monkeypatch.undo()
    later = ocr(line.store)
    assert (later.read, later.packages_written, later.queue["failed"]) == (1, 1, 0)
    parts = line.forms("1")["fax", 1][2].split("\f")
    assert [p.split() for p in parts] == [" ".join(lines).split() for lines in (LETTER, (), OTHER)]
    fax_file = files(line, "1")["fax", 1]
    assert [n.detail.split("; ")[1] for n in fax_file.flags if n.code is Flag.OCR_TEXT] == ["2 of 3 pages"]
    assert fax_file.archive_copy.route.count("+ocr") == 1
    assert list(verify(line.store, Level.PDFA, lambda *_: None).findings) == []


def test_words_that_would_break_the_file_leave_it_as_it_is(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(pdf: Path, out: Path, *_: object, **__: object) -> None:
        out.write_bytes(pdf.read_bytes().replace(b"/Metadata", b"/Metadatx"))

    monkeypatch.setattr(publishing, "lay", broken)
    before = sorted(line.store.package_files())
    summary = ocr(line.store)
    assert (summary.failed, summary.packages_written, summary.has_findings) == (5, 0, True)
    assert sorted(line.store.package_files()) == before


def test_a_language_that_is_not_installed_is_named(line: Line) -> None:
    with pytest.raises(EngineMissingError, match="xyz") as error:
        ocr(line.store, language="xyz")
    assert "tesseract-ocr-xyz" in error.value.remedy


def test_a_missing_engine_is_named(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineMissingError, match="tesseract") as error:
        ocr(line.store)
    assert "apt-get install tesseract-ocr" in error.value.remedy


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one line for each picture that tesseract has read to the end: its SHA-256."""
    log, real = tmp_path / "read.log", shutil.which("tesseract")
    log.touch()
    wrapper = tmp_path / "bin" / "tesseract"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\ncase "$1" in *.pgm) sum=$(sha256sum <"$1"); {real} "$@" && echo "${{sum%% *}}" >>{log};;'
        f' *) exec {real} "$@";; esac\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    return log


def test_killed_in_the_middle_it_continues_to_the_same_end(line: Line, counted: Path, migrated: Path) -> None:
    command = [sys.executable, "-m", "journalarkiv", "ocr", str(line.archive), "--workers", "1", "--json"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 120
        while len(counted.read_text().split()) < 2 and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["format"] == "journalarkiv.ocr/1"
    assert told["run"]["queue"]["done"] == 5
    assert told["run"]["read"] <= 5
    # one that was read to its end in the very moment of the kill may not have been recorded
    assert max(Counter(counted.read_text().split()).values()) <= 2
    assert sum(Counter(counted.read_text().split()).values()) <= 5
    other = ArchiveStore.open(shutil.copytree(migrated / "archive", line.archive.parent / "unbroken"))
    ocr(other, workers=2)
    assert catalogue_digest(line.store, packages=False) == catalogue_digest(other, packages=False)
    assert [p.relative_to(line.archive) for p in line.store.package_files()] == [
        p.relative_to(other.root) for p in other.package_files()
    ]
    assert not line.store.ocr_work.exists()


def test_the_command_tells_where_the_pages_stand(line: Line) -> None:
    def call(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(ocr_command, [str(line.archive), *arguments], standalone_mode=False)
        assert done.exception is None
        return done.return_value, done.stdout

    assert call("--status") == (0, "No page was looked for yet.\n")
    with line.store.lock():
        code, told = call("--workers", "2")
    assert code == 1
    assert "The words of 2 patients wait" in told
    assert json.loads(call("--status", "--json")[1])["queue"]["recognised"] == 5
    code, told = call()
    assert code == 0
    assert "4 files of 2 patients are searchable now" in told
    assert "5 done" in call("--status")[1]


def test_interrupted_it_ends_at_once_and_leaves_nothing(line: Line, counted: Path) -> None:
    command = [sys.executable, "-m", "journalarkiv", "ocr", str(line.archive), "--workers", "1"]
    # A shell that runs the tests in the background lets its children ignore interrupts, and they theirs.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as first:
        deadline = time.monotonic() + 120
        while not counted.read_text() and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=60)
    assert (first.returncode, said.strip()) == (130, "Interrupted. Run the same command again and it continues.")
    assert not line.store.ocr_work.exists()
    assert ocr(line.store).queue["done"] == 5


def test_a_depositors_own_pdf_a_gets_words_and_stays_as_original(tmp_path: Path) -> None:
    line = Line(tmp_path / "kept")
    with pikepdf.open(io.BytesIO(img2pdf.convert(jpeg(LETTER)))) as document:
        pdfa.prepare(document, "1b", output_intent="sRGB")
        out = io.BytesIO()
        document.save(out, **pdfa.resolve_save_kwargs("1b", deterministic_id=True))
    line.add("kept", "1", {"dok/kept.pdf": out.getvalue()})
    line.migrate()
    copy = files(line, "1")["kept", 1].archive_copy
    assert (copy.route, copy.flavour) == ("pdf-kept", "1b")
    ocr(line.store)
    copy = files(line, "1")["kept", 1].archive_copy
    assert (copy.route, copy.flavour) == ("pdf-kept+ocr", "2u")
    pdf, original, text = line.forms("1")["kept", 1]
    assert original == out.getvalue()
    assert images(pdf) == images(original)
    assert text.split() == " ".join(LETTER).split()


def test_blank_pages_are_never_given_to_the_engine(tmp_path: Path, counted: Path) -> None:
    line = Line(tmp_path / "blank")
    line.add("blank", "1", {"dok/blank.tif": fax((), ())})
    line.migrate()
    summary = ocr(line.store)
    assert (summary.nothing_found, summary.packages_written) == (2, 0)
    assert counted.read_text() == ""


def test_the_next_index_finds_the_words(line: Line) -> None:
    build_index(line.store)
    patient = patient_id(ARCHIVE_ID, SYSTEM, "1")
    with contextlib.closing(open_index(line.store)) as index:
        assert index.search_patient(patient, "åndenød", allowed=None, limit=9, budget_seconds=60).total == 0
    ocr(line.store)
    build_index(line.store)
    with contextlib.closing(open_index(line.store)) as index:
        found = index.search_patient(patient, "åndenød", allowed=None, limit=9, budget_seconds=60)
    assert [hit.document_id for hit in found.hits] == [document_id(ARCHIVE_ID, SYSTEM, "fax")]
