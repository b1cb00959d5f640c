from __future__ import annotations

import errno
import hashlib
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import tarfile
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from archive import tario
from archive.errors import DamagedError, DiskFullError
from archive.fixity import read_sidecar, sidecar_path
from archive.identifiers import package_id
from archive.package import (
    ChangedWhileArchived,
    PackageReceipt,
    Payload,
    Span,
    open_span,
    read_package,
    read_span,
    write_package,
)
from archive.packageread import events_of_package
from archive.record import JournalDocument, Patient
from archive.store import ArchiveStore
from schemas import schema_path
from tests.conftest import ARCHIVE_INFO, REPOSITORY
from tests.records import a_document, a_journal, a_patient

NOW = datetime(2026, 11, 22, 5, 0, 1, 999, tzinfo=UTC)
Journal = tuple[Patient, list[JournalDocument], "Payloads"]
Payloads = dict[tuple[str, int], Payload]


@pytest.fixture
def journal(tmp_path: Path) -> tuple[Patient, list[JournalDocument], Payloads]:
    patient = a_patient()
    return patient, *a_journal(tmp_path / "source", patient)


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {m.name.partition("/")[2]: (f.read() if (f := tar.extractfile(m)) else b"") for m in tar}


def leftovers(store: ArchiveStore) -> list[str]:
    return sorted(
        str(p.relative_to(store.root)) for d in (store.packages, store.work) for p in d.rglob("*") if p.is_file()
    )


def test_what_is_written_is_read_back(archive_store: ArchiveStore, journal: Journal) -> None:
    patient, docs, payloads = journal
    receipt = write_package(archive_store, patient, reversed_(docs), payloads, generation=1, now=NOW)
    path = archive_store.root / receipt.path
    assert path == archive_store.package_path(package_id(patient.id, 1))
    assert (receipt.sha256, receipt.size) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    assert read_sidecar(path) == receipt.sha256
    contents = read_package(path)
    assert contents.patient == patient
    assert contents.documents == tuple(sorted(docs, key=lambda d: d.id))
    assert (contents.package_id, contents.generation, contents.predecessor) == (receipt.package_id, 1, None)
    assert contents.spans == receipt.spans
    assert leftovers(archive_store) == sorted([receipt.path, receipt.path + ".sha256"])


def reversed_(docs: list[JournalDocument]) -> list[JournalDocument]:
    return list(reversed(docs))


def test_spans_are_the_very_bytes_and_seekable(archive_store: ArchiveStore, journal: Journal) -> None:
    patient, docs, payloads = journal
    receipt = write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    path = archive_store.root / receipt.path
    for key, spans in receipt.spans.items():
        for form in ("pdf", "original", "text"):
            wanted = getattr(payloads[key], form).read_bytes()
            span = getattr(spans, form)
            assert read_span(path, span) == wanted
            with open_span(path, span) as f:
                assert (f.seekable(), f.seek(0, io.SEEK_END)) == (True, len(wanted))
                f.seek(len(wanted) // 2)
                assert f.read(10) == wanted[len(wanted) // 2 :][:10]
                f.seek(-min(3, len(wanted)), io.SEEK_END)
                assert f.read() == wanted[-3:]
                assert f.seek(len(wanted) + 5) == len(wanted) + 5
                assert f.read() == b""
    with pytest.raises(DamagedError):
        read_span(path, Span(receipt.size - 1, 2))


def test_the_layout_is_the_documented_one(archive_store: ArchiveStore, journal: Journal) -> None:
    patient, docs, payloads = journal
    receipt = write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    d1 = docs[0].id
    names = list(members(archive_store.root / receipt.path))
    assert names[:5] == [
        "METS.xml",
        "metadata/descriptive/journal.xml",
        "metadata/preservation/premis.xml",
        "schemas/journal.xsd",
        "documentation/README.txt",
    ]
    assert {n for n in names if d1 in n} == {
        *(f"representations/pdfa/data/{d1}/{n}.pdf" for n in (1, 2, 3)),
        *(f"representations/text/data/{d1}/{n}.txt" for n in (1, 2, 3)),
        f"representations/original/data/{d1}/1.rtf",
        f"representations/original/data/{d1}/2.tif",
        f"representations/original/data/{d1}/3.bin",
    }
    with tarfile.open(archive_store.root / receipt.path) as tar:
        for m in tar:
            assert (m.uid, m.gid, m.uname, m.gname, m.mode) == (0, 0, "", "", 0o644)
            assert (m.mtime, m.type, m.pax_headers) == (int(NOW.timestamp()), tarfile.REGTYPE, {})


def test_two_runs_differ_in_recorded_times_only(tmp_path: Path, journal: Journal) -> None:
    patient, docs, payloads = journal
    written = []
    for name, order, now in (("a", docs, NOW), ("b", reversed_(docs), NOW), ("c", docs, NOW + timedelta(days=3))):
        store = ArchiveStore.create(tmp_path / name, ARCHIVE_INFO)
        receipt = write_package(store, patient, order, payloads, generation=1, now=now)
        written.append((store.root / receipt.path, receipt))
    (a, _), (b, _), (c, _) = written
    assert a.read_bytes() == b.read_bytes()
    one, other = members(a), members(c)
    assert one.keys() == other.keys()
    differing = {n for n in one if one[n] != other[n]}
    assert differing == {"METS.xml", "metadata/preservation/premis.xml"} | {
        f"representations/{r}/METS.xml" for r in ("pdfa", "original", "text")
    }
    for n in differing:
        assert without_times(one[n]) == without_times(other[n]), n
    assert written[0][1].spans == written[2][1].spans


def without_times(xml: bytes) -> bytes:
    lines = re.sub(rb"2026-11-2\dT\d\d:\d\d:\d\dZ", b"WHEN", xml).split(b"\n")
    # what holds times has another hash
    return b"\n".join(
        re.sub(rb' CHECKSUM="\w+"', b"", line) if b'/premis.xml"' in line or b'/METS.xml"' in line else line
        for line in lines
    )


def test_tar_and_sha256sum_alone_check_a_package(archive_store: ArchiveStore, journal: Journal, tmp_path: Path) -> None:
    patient, docs, payloads = journal
    receipt = write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    path = archive_store.root / receipt.path
    subprocess.run(["sha256sum", "-c", sidecar_path(path).name], cwd=path.parent, check=True, capture_output=True)
    subprocess.run(["tar", "xf", path, "-C", tmp_path], check=True)
    folder = tmp_path / receipt.package_id
    readme = (folder / "documentation" / "README.txt").read_text("utf-8")
    assert "PK 2026/17" in readme
    script = readme[readme.index("  find .") :]
    checked = set()
    for mets in folder.rglob("METS.xml"):
        for href in re.findall(r'xlink:href="([^"]+)"', mets.read_text("utf-8")):
            checked.add(str((mets.parent / href).relative_to(folder)))
    assert checked | {"METS.xml"} == members(path).keys()

    def check() -> str:
        done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True)
        return done.stdout + done.stderr

    assert check() == ""
    for name in sorted(checked):
        good = (folder / name).read_bytes()
        if good:
            (folder / name).write_bytes(bytes([good[0] ^ 1]) + good[1:])
            assert "FAULT" in check(), name
            (folder / name).write_bytes(good)


def test_the_xml_inside_fits_its_schema_and_premis_says_what_happened(
    archive_store: ArchiveStore, journal: Journal
) -> None:
    patient, docs, payloads = journal
    receipt = write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    inside = members(archive_store.root / receipt.path)
    assert inside["schemas/journal.xsd"] == schema_path("journal.xsd").read_bytes()
    etree.XMLSchema(etree.fromstring(inside["schemas/journal.xsd"])).assertValid(
        etree.fromstring(inside["metadata/descriptive/journal.xml"])
    )
    p = {"p": "http://www.loc.gov/premis/v3"}
    premis = etree.fromstring(inside["metadata/preservation/premis.xml"])
    objects = premis.xpath("p:object", namespaces=p)
    by_path = {o.findtext("p:objectIdentifier/p:objectIdentifierValue", namespaces=p): o for o in objects}
    assert set(by_path) == {n for n in inside if "/data/" in n} | {receipt.package_id}
    for path, o in by_path.items():
        if path == receipt.package_id:
            continue
        facts = o.find("p:objectCharacteristics", namespaces=p)
        assert facts.findtext("p:fixity/p:messageDigest", namespaces=p) == hashlib.sha256(inside[path]).hexdigest()
        assert int(facts.findtext("p:size", namespaces=p)) == len(inside[path])
        source = o.findtext("p:relationship/p:relatedObjectIdentifier/p:relatedObjectIdentifierValue", namespaces=p)
        if "/original/" in path:
            assert o.findtext("p:originalName", namespaces=p).startswith("DOK/")
        else:
            assert source in by_path
    assert "fmt/355" in [e.text for e in premis.iter("{*}formatRegistryKey")]
    assert {a.text for a in premis.iter("{*}agentName")} == {"journalarkiv", "veraPDF"}
    agents = {a.findtext("{*}agentIdentifier/{*}agentIdentifierValue") for a in premis.iter("{*}agent")}
    assert {e.text for e in premis.iter("{*}linkingAgentIdentifierValue")} == agents
    assert {e.text for e in premis.iter("{*}linkingObjectIdentifierValue")} <= set(by_path)
    events = [e.text for e in premis.iter("{*}eventType")]
    files = sum(len(d.files) for d in docs)
    for kind in ("ingestion", "format identification", "normalization", "validation", "message digest calculation"):
        assert events.count(kind) == files, kind
    identifiers = [e.text for e in premis.iter("{*}eventIdentifierValue")]
    assert len(set(identifiers)) == len(identifiers)


def test_a_new_generation_copies_from_the_old_and_keeps_its_events(
    archive_store: ArchiveStore, journal: Journal, tmp_path: Path
) -> None:
    patient, docs, payloads = journal
    first = write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    old = archive_store.root / first.path
    before = old.read_bytes()
    new, new_payloads = a_document("d4", patient, tmp_path, 1, salt="changed")
    added, added_payloads = a_document("d5", patient, tmp_path, 1)
    carried = {k: Payload(s.pdf, s.original, s.text) for k, s in first.spans.items() if k[0] != new.id}
    later = NOW + timedelta(days=30)
    second = write_package(
        archive_store,
        patient,
        [*docs[:3], new, added],
        {**carried, **new_payloads, **added_payloads},
        generation=2,
        now=later,
        previous=old,
    )
    assert old.read_bytes() == before
    contents = read_package(archive_store.root / second.path)
    assert (contents.generation, contents.predecessor) == (2, first.package_id)
    for key, spans in carried.items():
        assert read_span(archive_store.root / second.path, second.spans[key].pdf) == read_span(old, spans.pdf)  # type: ignore[arg-type]
    events = events_of_package(archive_store.root / second.path)
    times = {path: {e.when for e in list_} for path, list_ in events.items()}
    for path, when in times.items():
        fresh = new.id in path or added.id in path
        assert when == {"2026-12-22T05:00:01Z" if fresh else "2026-11-22T05:00:01Z"}, path
    mets = members(archive_store.root / second.path)["METS.xml"]
    assert b'RECORDSTATUS="VERSION"' in mets
    assert first.package_id.encode() in mets


def test_a_journal_without_documents_is_a_package(archive_store: ArchiveStore) -> None:
    patient = a_patient("nobody")
    receipt = write_package(archive_store, patient, [], {}, generation=1, now=NOW)
    contents = read_package(archive_store.root / receipt.path)
    assert (contents.patient, contents.documents, contents.spans) == (patient, (), {})


@pytest.mark.parametrize("change", ["bytes", "longer", "shorter", "gone"])
@pytest.mark.parametrize("form", ["pdf", "original", "text"])
def test_bytes_that_change_between_hashing_and_packing_are_refused(
    archive_store: ArchiveStore, journal: Journal, change: str, form: str
) -> None:
    patient, docs, payloads = journal
    key = (docs[1].id, 1)
    path = getattr(payloads[key], form)
    good = path.read_bytes()
    match change:
        case "gone":
            path.unlink()
        case "bytes":
            path.write_bytes(good[:-1] + b"?")
        case "longer":
            path.write_bytes(good + b"?")
        case "shorter":
            path.write_bytes(good[:-1])
    with pytest.raises(ChangedWhileArchived) as caught:
        write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    assert (caught.value.document_id, caught.value.seq, caught.value.reason.value) == (*key, "unreadable")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.document_id, again.seq, again.detail) == (*key, caught.value.detail)
    assert leftovers(archive_store) == []


def test_damage_of_the_generation_before_is_not_carried_on(archive_store: ArchiveStore, journal: Journal) -> None:
    patient, docs, payloads = journal
    first = write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    old = archive_store.root / first.path
    spans = first.spans[docs[0].id, 1]
    with old.open("rb+") as f:
        f.seek(spans.pdf.offset)
        f.write(b"X")
    carried = {k: Payload(s.pdf, s.original, s.text) for k, s in first.spans.items()}
    with pytest.raises(DamagedError):
        write_package(archive_store, patient, docs, carried, generation=2, now=NOW, previous=old)
    assert len(list(archive_store.package_files())) == 1


class FullDisk:
    """The n-th write below the archive fails as on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left, self.hit = at, False
        put = tario.TarWriter._put

        def failing(writer: tario.TarWriter, data: bytes) -> None:
            self.left -= 1
            if self.left == 0:
                self.hit = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            put(writer, data)

        monkeypatch.setattr(tario.TarWriter, "_put", failing)


@pytest.mark.parametrize("at", [1, 5, 20, 60])
def test_a_full_disk_is_said_and_leaves_nothing(
    archive_store: ArchiveStore, journal: Journal, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    patient, docs, payloads = journal
    disk = FullDisk(monkeypatch, at)
    with pytest.raises(DiskFullError):
        write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    assert disk.hit
    assert leftovers(archive_store) == []
    monkeypatch.undo()
    write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)


@pytest.mark.parametrize("step", ["archive.package.write_sidecar", "archive.package.publish"])
def test_a_full_disk_at_the_very_end_leaves_nothing_either(
    archive_store: ArchiveStore, journal: Journal, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EDQUOT, "quota")

    patient, docs, payloads = journal
    monkeypatch.setattr(step, full)
    with pytest.raises(DiskFullError):
        write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    assert leftovers(archive_store) == []


def test_the_same_package_again_is_left_as_it_is(archive_store: ArchiveStore, journal: Journal) -> None:
    patient, docs, payloads = journal
    first = write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    path = archive_store.root / first.path
    stat = path.stat()
    assert write_package(archive_store, patient, docs, payloads, generation=1, now=NOW + timedelta(1)) == first
    assert path.stat() == stat


def test_another_package_of_the_same_generation_takes_its_place(archive_store: ArchiveStore, journal: Journal) -> None:
    patient, docs, payloads = journal
    first = write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)
    fewer = docs[:1]
    some = {k: v for k, v in payloads.items() if k[0] == docs[0].id}
    second = write_package(archive_store, patient, fewer, some, generation=1, now=NOW)
    assert (first.path, first.sha256 == second.sha256) == (second.path, False)
    assert read_sidecar(archive_store.root / second.path) == second.sha256
    write_package(archive_store, patient, docs, payloads, generation=2, now=NOW)
    with pytest.raises(DamagedError, match="successor"):
        write_package(archive_store, patient, docs, payloads, generation=1, now=NOW)


def test_wrong_calls_are_refused(archive_store: ArchiveStore, journal: Journal) -> None:
    patient, docs, payloads = journal

    def write(d: list[JournalDocument], p: Payloads, now: datetime = NOW) -> PackageReceipt:
        return write_package(archive_store, patient, d, p, generation=1, now=now)

    with pytest.raises(ValueError, match="same files"):
        write(docs[1:], payloads)
    with pytest.raises(ValueError, match="twice"):
        write([*docs, docs[0]], payloads)
    with pytest.raises(ValueError, match="zone"):
        write(docs, payloads, NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="needs the package"):
        key = next(iter(payloads))
        write(docs, {**payloads, key: Payload(Span(0, 1), Span(0, 1), Span(0, 1))})
    other = a_patient("other")
    with pytest.raises(ValueError, match="another patient"):
        write_package(archive_store, other, docs, payloads, generation=1, now=NOW)
    assert leftovers(archive_store) == []


def test_what_is_no_package_of_ours_is_damaged(archive_store: ArchiveStore, journal: Journal, tmp_path: Path) -> None:
    patient, docs, payloads = journal
    path = archive_store.root / write_package(archive_store, patient, docs, payloads, generation=1, now=NOW).path
    good = path.read_bytes()
    renamed = tmp_path / f"{package_id(patient.id, 9)}.tar"
    renamed.write_bytes(good)
    cases = [renamed]
    for i, bad in enumerate(
        (
            b"",
            b"not a tar" * 200,
            good[: len(good) // 2],
            good.replace(b"<seq>1</seq>", b"<seq>x</seq>", 1),
            good.replace(b"metadata/descriptive/journal.xml", b"metadata/descriptive/journal.xnl"),
            good.replace(b"<sex>male</sex>", b"<sex>M...</sex>"[:15], 1),
            good.replace(b"<?xml", b"<!DOC", 2),
        )
    ):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / path.name).write_bytes(bad)
        cases.append(folder / path.name)
    for case in cases:
        with pytest.raises(DamagedError):
            read_package(case)
    with pytest.raises(FileNotFoundError):
        read_package(tmp_path / "none.tar")


KILLED = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from archive.package import write_package
from archive.store import ArchiveStore
from tests.records import a_journal, a_patient
store = ArchiveStore.open(Path(sys.argv[1]))
patient = a_patient()
docs, payloads = a_journal(Path(sys.argv[2]), patient)
print("ready", flush=True)
generation = int(sys.argv[3])
now = datetime(2026, 11, 22, tzinfo=UTC)
while True:
    write_package(store, patient, docs, payloads, generation=generation, now=now)
    print(generation, flush=True)
    generation += 1
"""


def test_kill_9_while_writing_leaves_whole_packages_only(archive_store: ArchiveStore, tmp_path: Path) -> None:
    generation, seen = 1, 0
    for delay in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.13, 0.2):
        arguments = [sys.executable, "-c", KILLED, archive_store.root, tmp_path / "source", str(generation)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=REPOSITORY) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            if delay > 0.1:
                assert child.stdout.readline().strip().isdigit()
            time.sleep(delay % 0.1)
            child.send_signal(signal.SIGKILL)
        files = list(archive_store.package_files())
        for path in files:
            contents = read_package(path)
            assert read_sidecar(path) == hashlib.sha256(path.read_bytes()).hexdigest()
            assert len(contents.documents) == 4
        assert len(files) >= seen
        seen = len(files)
        generation = seen + 1
    assert seen > 0


def test_memory_does_not_grow_with_the_files(archive_store: ArchiveStore, tmp_path: Path) -> None:
    patient = a_patient()
    document, payloads = a_document("big", patient, tmp_path, 1)
    big = tmp_path / "big"
    with big.open("wb") as f:
        for _ in range(48):
            f.write(os.urandom(1 << 20))
    sha256 = hashlib.sha256()
    with big.open("rb") as f:
        while chunk := f.read(1 << 20):
            sha256.update(chunk)
    file = document.files[0]
    file = replace(file, original=replace(file.original, sha256=sha256.hexdigest(), size=48 << 20))
    (key,) = payloads
    payloads[key] = replace(payloads[key], original=big)
    tracemalloc.start()
    try:
        write_package(archive_store, patient, [replace(document, files=(file,))], payloads, generation=1, now=NOW)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20
