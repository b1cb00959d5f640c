"""Identical bytes are converted once, also from one task to the next, and nothing else differs for it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

import extract.work
from archive.catalogue import Catalogue
from archive.errors import DamagedError
from archive.identifiers import document_id, package_id, patient_id
from archive.normalise.contract import Job, Limits
from archive.normalise.ladder import Normaliser
from archive.package import read_package
from archive.packageread import events_of_package, read_document
from archive.record import ArchivedFile, JournalDocument
from archive.reuse import Earlier
from archive.store import ArchiveStore
from archive.verify import Level, verify
from extract.migrate import Options, migrate
from extract.progress import Progress
from extract.results import RunSummary
from tests import documents
from tests.documents import rtf
from tests.fake_run import FakeMapping, ObedientNormaliser, SerialExecutor
from tests.fake_source import ARCHIVE_ID, SYSTEM, FakeSource
from tests.integration.test_parts import message


class Bench:
    """Twelve patients with the same form each, one document to a task."""

    def __init__(self, root: Path, ending: str = ".txt") -> None:
        root.mkdir(exist_ok=True)
        self.root, self.normaliser = root, ObedientNormaliser()
        self.source = FakeSource(root / "export")
        self.source.patient_rows = [(str(n), "") for n in range(12)]
        for n in range(12):
            name = f"dok/{n}{ending if n else '.txt'}"
            self.source.write(name, b"BAD corrupt" if n > 9 else b"skjema")
            self.source.document_rows.append((f"d{n}", str(n), (name,), {}))

    def run(self) -> RunSummary:
        self.normaliser.seen.clear()
        return migrate(
            self.source,
            FakeMapping(self.root / "mapping.toml"),  # type: ignore[arg-type]
            self.root / "archive",
            Options(batch=1),
            Progress(quiet=True),
            executor=lambda store, o: SerialExecutor(store, o, self.normaliser),
        )

    def file(self, n: int) -> ArchivedFile:
        store = ArchiveStore.open(self.root / "archive")
        package = store.package_path(package_id(patient_id(ARCHIVE_ID, SYSTEM, str(n)), 1))
        (document,) = read_package(package).documents
        assert document.id == document_id(ARCHIVE_ID, SYSTEM, f"d{n}")
        return document.files[0]


def test_the_same_bytes_are_converted_once_and_rejections_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    summary = bench.run()
    assert (summary.archived, summary.quarantined) == (10, 2)
    # What is in flight when the first is archived is converted too; the broken ones are always tried.
    assert 3 <= len(bench.normaliser.seen) <= 6
    assert summary.timings.count["reused"] == summary.reused == 12 - len(bench.normaliser.seen)
    first = bench.file(0)
    for n in range(1, 10):
        same = bench.file(n)
        assert (same.archive_copy, same.text, same.flags) == (first.archive_copy, first.text, first.flags)
    assert list(verify(ArchiveStore.open(tmp_path / "archive"), Level.HASHES).findings) == []


@pytest.mark.parametrize("changed", ["as it is", "read by ocr", "not accepted", "not judged", "without a copy"])
def test_only_a_copy_that_was_judged_and_not_added_to_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    bench = Bench(tmp_path)
    bench.run()
    file, store = bench.file(0), ArchiveStore.open(tmp_path / "archive")
    real, copy = read_document, file.archive_copy
    assert copy is not None and copy.verdict is not None
    other = {
        "as it is": copy,
        "read by ocr": replace(copy, route=f"{copy.route}+ocr"),
        "not accepted": replace(copy, verdict=replace(copy.verdict, passed=False)),
        "not judged": replace(copy, verdict=None),
        "without a copy": None,
    }[changed]

    def read(path: Path, document_id: str) -> object:
        found = real(path, document_id)
        assert found is not None
        document, events = found
        files = tuple(replace(f, archive_copy=other) for f in document.files)
        return replace(document, files=files), events

    monkeypatch.setattr("archive.reuse.read_document", read)
    source = tmp_path / "export" / "dok" / "0.txt"
    job = Job("k", source, "0.txt", file.original.sha256, file.original.size)
    (tmp_path / "out").mkdir()
    with contextlib.closing(Earlier(store, _software(store))) as earlier:
        assert (earlier.find(job, tmp_path / "out") is not None) == (changed == "as it is")


def test_a_part_that_holds_files_itself_is_converted_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is found within a document shares one allowance."""
    bench = Bench(tmp_path)
    bench.run()
    file, store = bench.file(0), ArchiveStore.open(tmp_path / "archive")
    source = tmp_path / "export" / "dok" / "0.txt"
    job = Job("k", source, "0.txt", file.original.sha256, file.original.size)
    (tmp_path / "out").mkdir()
    with contextlib.closing(Earlier(store, _software(store))) as earlier:
        assert earlier.find_bare(job, tmp_path / "out") is not None
        (held,) = earlier._remembered.values()
        inner = replace(held, files=held.files * 2, spans=held.spans * 2)
        monkeypatch.setattr(earlier, "_candidates", lambda identity: iter([inner]))
        assert earlier.find_bare(job, tmp_path / "out") is None


def _software(store: ArchiveStore) -> str:
    package = next(store.packages.rglob("*.tar"))
    events = [e for events in events_of_package(package).values() for e in events if e.type == "normalization"]
    return f"{events[0].agent.name} {events[0].agent.version}"


def test_another_extension_is_another_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ending=".rtf")
    bench.run()
    assert bench.file(0).original.format.declared_extension == "txt"
    assert bench.file(9).original.format.declared_extension == "rtf"


def test_a_damaged_or_lost_package_means_that_it_is_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)
    bench.run()
    store = ArchiveStore.open(tmp_path / "archive")
    for n in range(10):
        package = store.package_path(package_id(patient_id(ARCHIVE_ID, SYSTEM, str(n)), 1))
        content = bytearray(package.read_bytes())
        at = content.index(b"%PDF-1.7\n") + 20
        content[at] ^= 1
        package.write_bytes(content)
    bench.source.patient_rows.append(("20", ""))
    bench.source.write("dok/20.txt", b"skjema")
    bench.source.document_rows.append(("d20", "20", ("dok/20.txt",), {}))
    bench.run()
    assert bench.normaliser.seen == [f"{document_id(ARCHIVE_ID, SYSTEM, 'd20')}-1"]
    with Catalogue.open(store) as catalogue:
        shas = {r[0] for r in catalogue.connection.execute("SELECT archive_sha256 FROM file")}
    assert len(shas) == 1


@pytest.mark.parametrize("software", ["journalarkiv test", "journalarkiv 99.0"])
def test_what_another_version_made_is_made_anew(tmp_path: Path, software: str) -> None:
    bench = Bench(tmp_path)
    bench.run()
    store = ArchiveStore.open(tmp_path / "archive")
    (tmp_path / "out").mkdir()
    source = tmp_path / "a.txt"
    source.write_bytes(b"skjema")
    first = bench.file(0)
    job = Job("a-1", source, "annet/navn.TXT", first.original.sha256, first.original.size)
    with contextlib.closing(Earlier(store, software)) as earlier:
        for _ in range(2):
            found = earlier.find(job, tmp_path / "out")
            assert (found is not None) == (software == "journalarkiv test")
        if found is not None:
            assert (found.key, found.pdf.parent) == ("a-1", tmp_path / "out")
            assert earlier.find(replace(job, declared_name="a.rtf"), tmp_path / "out") is None


class Messages:
    """Patients who got the very same message with a letter and a form, each in a task of its own; and one who got the
    letter in another message."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.root, self.source = root, FakeSource(root / "export")
        letter, form = rtf("Blodprøve"), documents.pdf(root / "skjema.pdf", text="Skjema").read_bytes()
        self.source.patient_rows = [(str(n), "") for n in range(6)]
        for n in range(6):
            held = [letter, message(form)] if n < 5 else [letter, rtf("Et annet")]
            self.source.write(f"{n}.xml", message(*held))
            self.source.document_rows.append((f"d{n}", str(n), (f"{n}.xml",), {}))

    def run(self, *, reuse: bool = True) -> RunSummary:
        with Normaliser(Limits(seconds=60), work=self.root / "work") as normaliser:

            def executor(store: ArchiveStore, options: Options) -> SerialExecutor:
                made = SerialExecutor(store, options, normaliser)  # type: ignore[arg-type]
                earlier = Earlier(store, "journalarkiv test" if reuse else "none")
                normaliser._known_part = earlier.find_bare
                extract.work._worker._earlier = earlier  # type: ignore[union-attr]
                return made

            return migrate(
                self.source,
                FakeMapping(self.root / "mapping.toml"),  # type: ignore[arg-type]
                self.root / "archive",
                Options(batch=1),
                Progress(quiet=True),
                executor=executor,
            )

    def documents(self) -> list[JournalDocument]:
        store = ArchiveStore.open(self.root / "archive")
        packages = [package_id(patient_id(ARCHIVE_ID, SYSTEM, str(n)), 1) for n in range(6)]
        return [d for p in packages for d in read_package(store.package_path(p)).documents]


def test_files_within_files_are_taken_too_and_the_journal_is_the_same(tmp_path: Path) -> None:
    repeated, fresh = Messages(tmp_path / "a"), Messages(tmp_path / "b")
    with_reuse, without = repeated.run(), fresh.run(reuse=False)
    assert (with_reuse.archived, without.archived, without.reused) == (6, 6, 0)
    # Two tasks may be in flight before the first is recorded; the last message shares its letter alone.
    assert 3 <= with_reuse.reused <= 5
    assert with_reuse.timings.count["convert:xml"] < without.timings.count["convert:xml"]
    assert repeated.documents() == fresh.documents()
    assert [len(d.files) for d in repeated.documents()] == [4, 4, 4, 4, 4, 3]
    assert list(verify(ArchiveStore.open(tmp_path / "a" / "archive"), Level.HASHES).findings) == []


def test_one_document_is_read_as_with_all_others(tmp_path: Path) -> None:
    bench = Messages(tmp_path / "a")
    bench.source.document_rows += [("e", "1", ("2.xml", "5.xml"), {}), ("f", "1", ("3.xml",), {})]
    bench.run()
    store = ArchiveStore.open(tmp_path / "a" / "archive")
    path = store.package_path(package_id(patient_id(ARCHIVE_ID, SYSTEM, "1"), 1))
    events, whole = events_of_package(path), read_package(path)
    read = [read_document(path, d.id) for d in whole.documents]
    assert [r and r[0] for r in read] == list(whole.documents)
    together = {original: told for r in read if r for original, told in r[1].items()}
    assert together == events and len(events) == 4 + 7 + 4
    assert read_document(path, patient_id(ARCHIVE_ID, SYSTEM, "1")) is None
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DamagedError):
        read_document(path, whole.documents[0].id)
