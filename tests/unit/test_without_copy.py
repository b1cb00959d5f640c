"""A file that could not be brought to PDF/A lies in the package as it is: everywhere, and told of everywhere."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from archive.catalogue import Catalogue, catalogue_digest
from archive.findings import FindingCode
from archive.layout import Representation, forms_of
from archive.ocr.pick import fill
from archive.ocr.queue import Queue
from archive.package import PackageReceipt, Payload, open_span, read_package, write_package
from archive.packagecheck import Measured, check_package, measure
from archive.reasons import Flag
from archive.rebuild import rebuild
from archive.record import ArchivedFile, Attempt, FlagNote, JournalDocument, from_json, to_json
from archive.reuse import Earlier
from archive.store import ArchiveStore
from archive.verify import verify
from tests.journals import NOW, Journal, make_patient
from viewer.search.build import build_index

NOTE = FlagNote(Flag.FILE_NOT_CONVERTED, "encrypted: The file cannot be opened without a password.")
TRIED = (Attempt("office", "encrypted", "Locked."),)


def bare(file: ArchivedFile) -> ArchivedFile:
    return replace(file, archive_copy=None, text=None, flags=(NOTE,), attempts=TRIED)


class Bench:
    """A patient with a document of three files, of which the second has no copy."""

    def __init__(self, store: ArchiveStore, folder: Path) -> None:
        self.store = store
        self.journal = Journal(folder, make_patient())
        document = self.journal.add("a", files=3)
        self.whole = document
        first, second, third = document.files
        self.document = replace(document, files=(first, bare(second), third))
        self.journal.documents = [self.document]
        self.whole_payloads = dict(self.journal.payloads)
        before = self.journal.payloads[document.id, 2]
        self.journal.payloads[document.id, 2] = Payload(None, before.original, None)
        self.receipt = self.journal.write(store)
        self.record(self.receipt, [self.document])

    def record(self, receipt: PackageReceipt, documents: list[JournalDocument]) -> None:
        with Catalogue.open(self.store, write=True) as catalogue:
            catalogue.record_package(receipt, self.journal.patient, documents)

    @property
    def path(self) -> Path:
        return self.store.root / self.receipt.path


@pytest.fixture
def bench(archive_store: ArchiveStore, tmp_path: Path) -> Bench:
    return Bench(archive_store, tmp_path / "sources")


def test_the_record_says_so_and_reads_back(bench: Bench) -> None:
    file = bench.document.files[1]
    assert forms_of(file) == (Representation.ORIGINAL,)
    assert from_json(ArchivedFile, to_json(file)) == file
    contents = read_package(bench.path)
    assert contents.documents == (bench.document,)
    spans = contents.spans[bench.document.id, 2]
    assert (spans.pdf, spans.text) == (None, None)
    assert spans == bench.receipt.spans[bench.document.id, 2]
    original = bench.whole_payloads[bench.document.id, 2].original
    assert isinstance(original, Path)
    with open_span(bench.path, spans.original) as held:
        assert held.read() == original.read_bytes()


def test_the_package_holds_its_original_alone_and_says_what_was_tried(bench: Bench) -> None:
    with tarfile.open(bench.path) as tar:
        names = [n.partition("/")[2] for n in tar.getnames()]
        premis = tar.extractfile(f"{bench.path.stem}/metadata/preservation/premis.xml")
        assert premis is not None
        text = etree.tostring(etree.parse(premis), encoding="unicode")
    held = [n for n in names if f"/data/{bench.document.id}/2." in n]
    assert held == [f"representations/original/data/{bench.document.id}/2.rtf"]
    assert "No route to PDF/A was found; the original alone is kept." in text
    assert "office: encrypted" in text
    assert f"representations/pdfa/data/{bench.document.id}/2.pdf" not in text


def test_verify_rebuild_and_report_know_it(bench: Bench) -> None:
    report = verify(bench.store)
    assert list(report.findings) == []
    assert (report.documents, report.files) == (1, 3)
    before = catalogue_digest(bench.store)
    rebuild(bench.store)
    assert catalogue_digest(bench.store) == before
    with Catalogue.open(bench.store) as catalogue:
        row = catalogue.connection.execute("SELECT * FROM file WHERE seq=2").fetchone()
        assert (row["archive_sha256"], row["pdf_size"], row["text_size"], row["page_count"]) == ("", None, None, 0)
        assert json.loads(row["flags"]) == [[NOTE.code.value, NOTE.detail]]
        assert catalogue.flag_counts()["file-not-converted"] == 1


def test_index_and_ocr_pass_it_over(bench: Bench, tmp_path: Path) -> None:
    assert build_index(bench.store).documents == 1
    with Queue(tmp_path / "ocr.sqlite", bench.store.info.id) as queue, Catalogue.open(bench.store) as catalogue:
        fill(bench.store, catalogue, queue, lambda done, total: None)
        assert queue.unlooked([bench.receipt.package_id]) == set()


def test_it_is_carried_into_the_next_generation_and_gets_its_copy_there(bench: Bench) -> None:
    def next_one(
        document: JournalDocument, payloads: dict[tuple[str, int], Payload], generation: int
    ) -> PackageReceipt:
        previous = bench.store.root / bench.receipt.path
        made = write_package(
            bench.store,
            bench.journal.patient,
            [document],
            payloads,
            generation=generation,
            now=NOW,
            previous=previous,
            software="test 1",
        )
        bench.record(made, [document])
        bench.receipt = made
        return made

    renamed = replace(bench.document, title="Rettet")
    spans = read_package(bench.path).spans
    carried = {key: Payload(s.pdf, s.original, s.text) for key, s in spans.items()}
    assert next_one(renamed, carried, 2).spans[renamed.id, 2].pdf is None
    assert list(verify(bench.store).findings) == []
    converted = replace(bench.whole, title="Rettet")
    assert next_one(converted, bench.whole_payloads, 3).spans[renamed.id, 2].pdf is not None
    assert list(verify(bench.store).findings) == []


def test_its_bytes_are_never_taken_for_a_copy(bench: Bench, tmp_path: Path) -> None:
    from archive.normalise.contract import Job

    file = bench.document.files[1]
    job = Job("a-1", tmp_path, file.original.name, file.original.sha256, file.original.size)
    assert Earlier(bench.store, "test 1").find(job, tmp_path) is None


@pytest.mark.parametrize("what", ["main", "payload", "record"])
def test_a_package_that_would_not_say_what_it_holds_is_not_written(bench: Bench, what: str) -> None:
    first, second, third = bench.document.files
    payloads = dict(bench.journal.payloads)
    if what == "main":
        files = (bare(first), second, third)
        before = bench.whole_payloads[bench.document.id, 1]
        payloads[bench.document.id, 1] = Payload(None, before.original, None)
    elif what == "payload":
        files = (first, second, third)
        payloads[bench.document.id, 2] = bench.whole_payloads[bench.document.id, 2]
    else:
        files = bench.whole.files
    with pytest.raises(ValueError, match=r"archive copy|same forms"):
        write_package(
            bench.store,
            bench.journal.patient,
            [replace(bench.document, files=files)],
            payloads,
            generation=2,
            now=NOW,
            software="test 1",
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda f: replace(f, flags=()),
        lambda f: replace(f, seq=1),
        lambda f: replace(f, flags=(FlagNote(Flag.NO_TEXT),)),
    ],
)
def test_a_file_without_a_copy_that_nothing_explains_is_a_finding(
    bench: Bench, change: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archive import packagecheck
    from archive.findings import Findings

    contents = read_package(bench.path)
    first, second, third = bench.document.files
    changed = change(second)  # type: ignore[operator]
    spans = dict(contents.spans)
    spans[bench.document.id, changed.seq] = contents.spans[bench.document.id, 2]
    files = (changed,) if changed.seq == 1 else (first, changed, third)
    altered = replace(contents, documents=(replace(bench.document, files=files),), spans=spans)
    monkeypatch.setattr(packagecheck, "read_package", lambda _: altered)
    measured: Measured = measure(bench.path)
    findings = Findings()
    check_package(bench.path, "p", measured, findings)
    assert [(f.code, f.detail) for f in findings] == [
        (FindingCode.JOURNAL_MISMATCH, "It has no archive copy, and nothing says why.")
    ]
