"""Identical bytes are converted once, also from one task to the next, and nothing else differs for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.catalogue import Catalogue
from archive.identifiers import document_id, package_id, patient_id
from archive.package import read_package
from archive.record import ArchivedFile
from archive.store import ArchiveStore
from archive.verify import Level, verify
from extract.migrate import Options, RunSummary, migrate
from extract.progress import Progress
from tests.fake_run import FakeMapping, ObedientNormaliser, SerialExecutor
from tests.fake_source import ARCHIVE_ID, SYSTEM, FakeSource


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
    assert summary.timings.count["reuse"] == 12 - len(bench.normaliser.seen)
    first = bench.file(0)
    for n in range(1, 10):
        same = bench.file(n)
        assert (same.archive_copy, same.text, same.flags) == (first.archive_copy, first.text, first.flags)
    assert list(verify(ArchiveStore.open(tmp_path / "archive"), Level.HASHES).findings) == []


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
