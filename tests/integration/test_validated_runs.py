"""Runs with real workers and the real validator: a sample without verdicts, and a validator killed from outside."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from archive.catalogue import Catalogue
from archive.certificate import render_text
from archive.findings import FindingCode
from archive.identifiers import package_id, patient_id
from archive.normalise.contract import Limits
from archive.normalise.judging import Judging
from archive.package import read_package
from archive.rebuild import rebuild
from archive.record import ArchivedFile
from archive.report import make_report
from archive.store import ArchiveStore
from archive.verify import Level, verify
from extract import work
from extract.migrate import Options, local_workers, migrate
from extract.progress import Progress
from extract.results import RunSummary
from extract.workers import WorkerPool
from tests import documents
from tests.fake_run import FakeMapping
from tests.fake_source import ARCHIVE_ID, SYSTEM, FakeSource

QUIET = Progress(quiet=True)
HALF = Judging.parse("sample:50")
NOTES = 14


@pytest.fixture
def source(tmp_path: Path) -> FakeSource:
    """Notes, a picture and PDFs of three patients."""
    made = FakeSource(tmp_path / "export")
    made.patient_rows = [("1", ""), ("2", ""), ("3", "")]
    for n in range(NOTES):
        made.write(f"dok/{n}.txt", f"Notat nummer {n} om blodtrykk.".encode())
        made.document_rows.append((f"n{n}", str(n % 3 + 1), (f"dok/{n}.txt",), {}))
    Image.new("RGB", (60, 40), (200, 30, 30)).save(made.root / "dok" / "bilde.png")
    for n in range(4):
        documents.pdf(made.root / "dok" / f"{n}.pdf", text=f"Brev {n}")
        made.document_rows.append((f"p{n}", "1", (f"dok/{n}.pdf",), {}))
    made.document_rows.append(("b", "2", ("dok/bilde.png",), {}))
    return made


def run(source: FakeSource, archive: Path, *, executor: Any = None, **options: Any) -> RunSummary:
    mapping: Any = FakeMapping(source.root.parent / "mapping.toml")
    return migrate(source, mapping, archive, Options(**options), QUIET, executor=executor)


def copies(archive: Path) -> dict[str, ArchivedFile]:
    """The archived files by their document's key."""
    store = ArchiveStore.open(archive)
    packages = (store.package_path(package_id(patient_id(ARCHIVE_ID, SYSTEM, key), 1)) for key in "123")
    return {d.source_key: f for p in packages for d in read_package(p).documents for f in d.files}


def test_a_sample_leaves_known_copies_without_a_verdict_and_says_so(source: FakeSource, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    summary = run(source, archive, workers=2, batch=4, judging=HALF)
    made = copies(archive)
    assert len(made) == NOTES + 5
    for key, file in made.items():
        drawn = HALF.judges(file.original.sha256) or key.startswith("p")  # PDFs are always judged
        assert (file.archive_copy.verdict is not None) == drawn, key
        assert file.archive_copy.attempts[-1].outcome == "made"
        assert file.archive_copy.attempts[-1].detail
    without = {key for key, file in made.items() if file.archive_copy.verdict is None}
    assert 0 < len(without) < NOTES
    assert (summary.validate, summary.copies_unjudged) == ("sample:50", len(without))
    assert summary.copies_judged == len(made) - len(without)

    store = ArchiveStore.open(archive)
    (told,) = (json.loads(p.read_bytes()) for p in store.seals.glob("run-*.json"))
    assert (told["validate"], told["copies_unjudged"]) == ("sample:50", len(without))
    with Catalogue.open(store) as catalogue:
        rows = catalogue.connection.execute("SELECT verdict_engine FROM file WHERE verdict_passed IS NULL").fetchall()
    assert [r[0] for r in rows] == [""] * len(without)
    report = make_report(store)
    assert (report.validation.unjudged, report.validation.asked) == (len(without), {"sample:50": 1})
    assert report.engines == {"veraPDF 1.31.207": report.validation.judged}
    assert f"; {len(without)} have no verdict (asked: sample:50 in 1 run(s))" in render_text(report.to_plain())
    rebuild(store)
    assert not verify(store, Level.PDFA).findings


def test_a_sample_is_the_same_on_any_number_of_workers_and_after_a_stop(source: FakeSource, tmp_path: Path) -> None:
    run(source, tmp_path / "one", workers=1, judging=HALF)
    run(source, tmp_path / "two", workers=2, batch=3, judging=HALF, sample=4)
    run(source, tmp_path / "two", workers=2, batch=3, judging=HALF)
    assert copies(tmp_path / "one") == copies(tmp_path / "two")


def test_verification_judges_what_the_run_did_not(source: FakeSource, tmp_path: Path) -> None:
    """A copy whose claim does not hold, and that no run has judged: the level is declared, and nobody looked."""
    del source.document_rows[1:]
    run(source, tmp_path / "archive", executor=forgetful, judging=Judging(1e-9))
    ((key, file),) = copies(tmp_path / "archive").items()
    assert (key, file.archive_copy.verdict) == ("n0", None)
    findings = verify(ArchiveStore.open(tmp_path / "archive"), Level.PDFA).findings
    assert [(f.code, f.detail) for f in findings] == [(FindingCode.PDFA_REJECTED, "6.6.2.1-1")]


def forgetful(store: ArchiveStore, options: Options) -> WorkerPool:
    return WorkerPool(1, initializer=start_forgetful, initargs=(store, options.limits, options.judging))


def start_forgetful(store: ArchiveStore, limits: Limits, judging: Judging) -> None:
    """A worker whose copies lack the metadata."""
    import pikepdf

    from archive.normalise import climb, finish

    def without(pdf: Path, out: Path, flavour: str, *, thorough: bool = False) -> None:
        finish.finish(pdf, out, flavour, thorough=thorough)
        with pikepdf.open(out, allow_overwriting_input=True) as document:
            del document.Root.Metadata
            document.save(out)

    climb.finish = without
    work.start_worker(store, limits, "journalarkiv test", judging)


def start_watched(store: ArchiveStore, limits: Limits, judging: Judging, notes: str, most: int) -> None:
    """A worker that says in a file when it validates, and then goes on validating until it is killed."""
    from archive import verapdf

    judge = verapdf.Engine.validate

    def validate(self: verapdf.Engine, pdf: Path, flavour: str, running: list[Any]) -> tuple[bool, tuple[str, ...]]:
        verdict = judge(self, pdf, flavour, running)
        note = Path(notes) / str(os.getpid())
        if pdf.name == "2a.pdf" and len(list(note.parent.iterdir())) < most and not note.exists():
            note.touch()
            until = time.monotonic() + 20
            while time.monotonic() < until:
                judge(self, pdf, flavour, [])
        return verdict

    verapdf.Engine.validate = validate  # type: ignore[method-assign]
    work.start_worker(store, limits, "journalarkiv test", judging)


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[tuple[Path, list[int]]]:
    """A folder; whoever leaves his process id in it is sent the next signal of the list."""
    notes, signals, ended = tmp_path / "notes", [int(signal.SIGKILL), int(signal.SIGABRT)], threading.Event()
    notes.mkdir()
    left = list(signals)

    def watch() -> None:
        seen: set[Path] = set()
        while not ended.is_set():
            for note in set(notes.iterdir()) - seen:
                seen.add(note)
                time.sleep(0.05)
                os.kill(int(note.name), left.pop(0))
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield notes, signals
    ended.set()
    watcher.join()


def test_a_validator_killed_from_outside_costs_a_retry_and_nothing_else(
    source: FakeSource, tmp_path: Path, killer: tuple[Path, list[int]]
) -> None:
    notes, signals = killer
    run(source, tmp_path / "calm", workers=2, batch=3, executor=local_workers)

    def watched(store: ArchiveStore, options: Options) -> WorkerPool:
        start = (store, options.limits, options.judging, str(notes), len(signals))
        return WorkerPool(2, initializer=start_watched, initargs=start)

    summary = run(source, tmp_path / "killed", workers=2, batch=3, executor=watched)
    assert len(list(notes.iterdir())) == summary.worker_deaths == len(signals)
    assert summary.archived == len(source.document_rows)
    assert summary.quarantined == 0
    assert copies(tmp_path / "killed") == copies(tmp_path / "calm")
    assert not ArchiveStore.open(tmp_path / "killed").work.exists()
    assert not verify(ArchiveStore.open(tmp_path / "killed"), Level.SCHEMAS).findings
