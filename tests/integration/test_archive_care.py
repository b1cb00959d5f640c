"""Verify, rebuild and report over real packages, quarantine entries and seals: any damage is found and named."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archive import commands, quarantine, seal
from archive.catalogue import Catalogue, catalogue_digest
from archive.errors import CatalogueInvalidError, DamagedError, NotReconciledError
from archive.findings import FindingCode, Findings
from archive.fixity import merkle_root, sidecar_path, write_sidecar
from archive.identifiers import package_id
from archive.package import PackageReceipt, read_package
from archive.rebuild import rebuild
from archive.record import Verdict
from archive.report import make_report
from archive.store import ArchiveStore, sha256_file
from archive.verify import Level, VerifyReport, verify
from extract.incoming import read_export
from extract.register import Register
from tests.fake_source import FakeSource
from tests.journals import Journal, make_patient, make_quarantined

C = FindingCode


class Kept:
    """An archive of three patients: one with two generations, one with one, one with nothing archived."""

    def __init__(self, store: ArchiveStore, folder: Path) -> None:
        self.store = store
        self.receipts: list[PackageReceipt] = []
        changed = Journal(folder, make_patient("1"))
        changed.add("a", files=2)
        changed.add("b", blocked=True)
        simple = Journal(folder, make_patient("2", family_name="Ås", identifiers=()))
        simple.add("c")
        empty = Journal(folder, make_patient("3"))
        self.refused = make_quarantined(empty.patient, "q")
        (folder / "x").write_bytes(b"broken")
        with Catalogue.open(store, write=True) as catalogue:
            for journal in (changed, simple, empty):
                self._write(catalogue, journal, 1)
            changed.add("a", files=2, salt="second", title="Rettet")
            changed.add("d")
            self._write(catalogue, changed, 2)
            stored = quarantine.put(store, self.refused, {"dok/x.rtf": folder / "x"})
            catalogue.record_quarantined(stored, empty.patient.id)
        self.changed, self.simple, self.empty = changed, simple, empty

    def _write(self, catalogue: Catalogue, journal: Journal, generation: int) -> None:
        receipt = journal.write(self.store, generation)
        catalogue.record_package(receipt, journal.patient, journal.documents)
        self.receipts.append(receipt)

    def path(self, journal: Journal, generation: int = 1) -> Path:
        return self.store.package_path(package_id(journal.patient.id, generation))

    def place(self, journal: Journal, generation: int = 1) -> str:
        return self.path(journal, generation).relative_to(self.store.root).as_posix()

    def drop_catalogue(self) -> None:
        for path in self.store.root.glob("catalogue.sqlite*"):
            path.unlink()

    def alter_catalogue(self, sql: str) -> None:
        with contextlib.closing(sqlite3.connect(self.store.catalogue)) as connection, connection:
            connection.execute(sql)


@pytest.fixture
def kept(archive_store: ArchiveStore, tmp_path: Path) -> Kept:
    return Kept(archive_store, tmp_path / "sources")


def found(report: VerifyReport | Findings) -> set[tuple[FindingCode, str]]:
    findings = report.findings if isinstance(report, VerifyReport) else report
    return {(f.code, f.subject) for f in findings}


def codes(report: VerifyReport) -> set[FindingCode]:
    return set(report.findings.counts)


@contextlib.contextmanager
def flipped(path: Path, place: int, mask: int = 0x01) -> Iterator[None]:
    with path.open("r+b") as f:
        f.seek(place)
        before = f.read(1)
        f.seek(place)
        f.write(bytes([before[0] ^ mask]))
    yield
    with path.open("r+b") as f:
        f.seek(place)
        f.write(before)


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None], extra: dict[str, bytes] | None = None) -> None:
    """Write a package anew with some members changed, and a hash file that fits: a forgery, or a faulty writer."""
    out = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for info in old:
            content = old.extractfile(info)
            if content is None:
                new.addfile(info)
                continue
            changed = change(info.name.partition("/")[2], content.read())
            if changed is not None:
                info.size = len(changed)
                new.addfile(info, io.BytesIO(changed))
        for name, added in (extra or {}).items():
            info = tarfile.TarInfo(f"{path.stem}/{name}")
            info.size = len(added)
            new.addfile(info, io.BytesIO(added))
    path.write_bytes(out.getvalue())
    write_sidecar(path, sha256_file(path)[0])


# --- verify ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [Level.COUNTS, Level.SIZES, Level.HASHES, Level.SCHEMAS])
def test_an_archive_in_order_has_no_findings(kept: Kept, level: Level) -> None:
    report = verify(kept.store, level)
    assert list(report.findings) == []
    assert (report.packages, report.quarantined) == (4, 1)
    if level >= Level.HASHES:
        assert (report.documents, report.files) == (4, 5)
        assert report.bytes_read == sum(p.stat().st_size for p in kept.store.package_files())
    report.require_undamaged()


def test_progress_is_told_per_package(kept: Kept) -> None:
    told: list[tuple[int, int]] = []
    verify(kept.store, Level.COUNTS, lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def structural_places(path: Path) -> list[int]:
    """Bytes of every kind of region: each header field, paddings, first and last of each payload, the end blocks."""
    places: set[int] = set()
    fields = (0, 50, 99, 100, 108, 116, 124, 135, 136, 147, 148, 155, 156, 157, 256, 257, 263, 265, 297, 329, 345, 500)
    with tarfile.open(path) as tar:
        for info in tar:
            places.update(info.offset + n for n in fields)
            end = info.offset_data + info.size
            if info.size:
                places.update((info.offset_data, end - 1))
            if end % 512:
                places.update((end, end + 511 - (end - 1) % 512 - 1))
        last = tar.offset
    size = path.stat().st_size
    places.update((last, last + 1, size - 513, size - 1))
    return sorted(p for p in places if p < size)


@pytest.mark.parametrize("catalogued", [True, False])
def test_any_flipped_byte_of_any_package_is_found(kept: Kept, catalogued: bool) -> None:
    if not catalogued:
        kept.drop_catalogue()
    rng = random.Random(20261123)
    for path in list(kept.store.package_files()):
        others = {(C.CATALOGUE_INVALID, "catalogue.sqlite")} if not catalogued else set()
        assert found(verify(kept.store, Level.HASHES)) == others
        place = path.relative_to(kept.store.root).as_posix()
        structural = structural_places(path)
        random_places = [rng.randrange(path.stat().st_size) for _ in range(40)]
        for at in rng.sample(structural, min(60, len(structural))) + random_places:
            with flipped(path, at, 1 << rng.randrange(8)):
                report = verify(kept.store, Level.HASHES)
                assert (C.PACKAGE_HASH, place) in found(report), f"byte {at}"
                with pytest.raises(DamagedError):
                    report.require_undamaged()
        assert found(verify(kept.store, Level.HASHES)) == others


def test_any_flipped_payload_byte_is_found_by_the_mets_alone(kept: Kept) -> None:
    """As `tar` and `sha256sum` would find it, with neither catalogue nor hash file."""
    kept.drop_catalogue()
    path = kept.path(kept.simple)
    sidecar_path(path).unlink()
    with tarfile.open(path) as tar:
        payload = [i for i in tar if "/data/" in i.name]
    assert len(payload) == 3
    for info in payload:
        for at in range(info.offset_data, info.offset_data + info.size):
            with flipped(path, at):
                named = found(verify(kept.store, Level.HASHES))
            assert (C.FILE_HASH, f"{kept.place(kept.simple)}/{info.name.partition('/')[2]}") in named


@pytest.mark.parametrize("catalogued", [True, False])
def test_a_package_that_is_gone_is_found_at_the_cheapest_level(kept: Kept, catalogued: bool) -> None:
    if not catalogued:
        kept.drop_catalogue()
    kept.path(kept.changed, 1).unlink()
    assert (C.PACKAGE_MISSING, kept.place(kept.changed, 1)) in found(verify(kept.store, Level.COUNTS))


def test_an_old_generation_that_is_gone_is_found_without_any_list(kept: Kept) -> None:
    kept.drop_catalogue()
    kept.path(kept.changed, 1).unlink()
    sidecar_path(kept.path(kept.changed, 1)).unlink()
    assert (C.PACKAGE_MISSING, kept.place(kept.changed, 1)) in found(verify(kept.store, Level.HASHES))


def test_a_changed_size_is_found_without_reading(kept: Kept) -> None:
    with kept.path(kept.simple).open("ab") as f:
        f.write(bytes(512))
    report = verify(kept.store, Level.SIZES)
    assert found(report) == {(C.PACKAGE_SIZE, kept.place(kept.simple))}
    assert report.bytes_read == 0


def test_a_truncated_package_is_found(kept: Kept) -> None:
    path = kept.path(kept.simple)
    path.write_bytes(path.read_bytes()[:-3000])
    assert {C.PACKAGE_SIZE, C.PACKAGE_HASH} <= codes(verify(kept.store, Level.HASHES))
    path.write_bytes(b"")
    assert {C.PACKAGE_SIZE, C.PACKAGE_HASH, C.PACKAGE_STRUCTURE} <= codes(verify(kept.store, Level.HASHES))


def test_what_does_not_belong_is_found(kept: Kept) -> None:
    root = kept.store.packages
    (root / "stray.txt").write_text("x")
    (root / "ab").mkdir(exist_ok=True)
    (root / "ab" / "note.txt").write_text("x")
    folder = kept.path(kept.simple).parent
    (folder / "package.tar.tmp").write_text("x")
    (folder / "other.bin").write_text("x")
    copy = folder / kept.path(kept.changed).name
    if not copy.exists():
        shutil.copy(kept.path(kept.changed), copy)
    kept.store.work.mkdir(exist_ok=True)
    (kept.store.work / "w1").mkdir()
    named = found(verify(kept.store, Level.COUNTS))
    place = folder.relative_to(kept.store.root).as_posix()
    assert {
        (C.UNKNOWN_FILE, "packages/stray.txt"),
        (C.UNKNOWN_FILE, "packages/ab/note.txt"),
        (C.UNKNOWN_FILE, f"{place}/other.bin"),
        (C.UNKNOWN_FILE, f"{place}/{copy.name}"),
        (C.LEFTOVER, f"{place}/package.tar.tmp"),
        (C.LEFTOVER, "work/w1"),
    } <= named


def test_leftovers_alone_are_no_damage(kept: Kept) -> None:
    (kept.path(kept.simple).parent / "package.tar.tmp").write_text("x")
    report = verify(kept.store, Level.COUNTS)
    assert codes(report) == {C.LEFTOVER}
    report.require_undamaged()


def test_a_package_nobody_recorded_is_found(kept: Kept) -> None:
    kept.alter_catalogue(f"DELETE FROM package WHERE id='{kept.path(kept.changed, 1).stem}'")
    report = verify(kept.store, Level.COUNTS)
    assert found(report) == {(C.PACKAGE_UNKNOWN, kept.place(kept.changed, 1))}


def test_hash_files_are_checked_too(kept: Kept) -> None:
    beside = sidecar_path(kept.path(kept.simple))
    place = beside.relative_to(kept.store.root).as_posix()
    with flipped(beside, 5):
        assert found(verify(kept.store, Level.COUNTS)) == {(C.SIDECAR_MISMATCH, place)}
    with flipped(beside, 64):
        assert found(verify(kept.store, Level.COUNTS)) == {(C.SIDECAR_MISMATCH, place)}
    beside.unlink()
    assert found(verify(kept.store, Level.COUNTS)) == {(C.SIDECAR_MISSING, kept.place(kept.simple))}


def forged(kept: Kept) -> set[tuple[FindingCode, str]]:
    """Findings about the simple patient's package when only its own metadata can tell."""
    kept.drop_catalogue()
    place = kept.place(kept.simple)
    return {
        (code, subject.removeprefix(place).lstrip("/"))
        for code, subject in found(verify(kept.store, Level.SCHEMAS))
        if subject.startswith(place)
    }


def test_a_changed_file_in_a_well_made_tar_is_found(kept: Kept) -> None:
    document = kept.simple.documents[0].id
    rewrite(kept.path(kept.simple), lambda n, c: c.swapcase() if n.endswith(f"{document}/1.txt") else c)
    named = forged(kept)
    path = f"representations/text/data/{document}/1.txt"
    assert {(C.FILE_HASH, path), (C.PREMIS_MISMATCH, path), (C.JOURNAL_MISMATCH, f"{document}/1")} <= named


def test_a_file_too_many_or_too_few_is_found(kept: Kept) -> None:
    rewrite(kept.path(kept.simple), lambda n, c: c, {"representations/text/data/more.txt": b"x"})
    assert (C.FILE_UNKNOWN, "representations/text/data/more.txt") in forged(kept)
    document = kept.simple.documents[0].id
    rewrite(kept.path(kept.simple), lambda n, c: None if n.endswith(f"{document}/1.txt") else c)
    assert (C.FILE_MISSING, f"representations/text/data/{document}/1.txt") in forged(kept)


def test_a_changed_journal_is_found(kept: Kept) -> None:
    rewrite(kept.path(kept.simple), lambda n, c: c.replace(b"Epikrise c", b"Epikrise X"))
    assert (C.FILE_HASH, "metadata/descriptive/journal.xml") in forged(kept)


def test_a_journal_against_its_schema_is_found(kept: Kept) -> None:
    rewrite(kept.path(kept.simple), lambda n, c: c.replace(b"</journal>", b"<unheard-of/></journal>"))
    assert (C.JOURNAL_SCHEMA, "metadata/descriptive/journal.xml") in forged(kept)


def test_another_patients_package_under_this_name_is_found(kept: Kept) -> None:
    path = kept.path(kept.simple)
    shutil.copy(kept.path(kept.changed), path)
    write_sidecar(path, sha256_file(path)[0])
    assert (C.PACKAGE_STRUCTURE, "") in forged(kept)


def test_a_copy_the_validator_rejected_is_found(kept: Kept, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "more", make_patient("4"))
    d = journal.add("r")
    f = d.files[0]
    object.__setattr__(f.archive_copy, "verdict", Verdict("veraPDF", "1", "2b", False, ("6.1-1",)))
    receipt = journal.write(kept.store)
    assert (C.VERDICT_MISSING, f"{receipt.path}/{d.id}/1") in found(verify(kept.store, Level.HASHES))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE document SET title='Ny' WHERE source_key='c'",
        "UPDATE file SET pdf_offset=pdf_offset+1 WHERE seq=2",
        "UPDATE patient SET family_name='Ny' WHERE source_key='2'",
        "UPDATE patient SET name_folded='ny' WHERE source_key='3'",
        "DELETE FROM patient_identifier WHERE value='lokal-1'",
        "DELETE FROM document WHERE source_key='c'",
        "DELETE FROM file WHERE seq=2",
        "UPDATE package SET current=1-current WHERE generation=2",
        "UPDATE package SET path='packages/x'",
        "UPDATE quarantined SET reason='empty'",
        "UPDATE patient SET document_count=9 WHERE source_key='1'",
        "INSERT INTO document(id, patient_id) VALUES('d', 'p')",
    ],
)
def test_a_catalogue_that_says_otherwise_is_found(kept: Kept, change: str) -> None:
    kept.alter_catalogue(change)
    assert C.CATALOGUE_DIFFERS in codes(verify(kept.store, Level.HASHES))


def test_a_broken_catalogue_is_found_and_the_packages_are_checked_without(kept: Kept) -> None:
    with kept.store.catalogue.open("r+b") as f:
        f.seek(0)
        f.write(b"x" * 4000)
    with flipped(kept.path(kept.simple), 2000):
        named = found(verify(kept.store, Level.HASHES))
    assert (C.CATALOGUE_INVALID, "catalogue.sqlite") in named
    assert (C.PACKAGE_HASH, kept.place(kept.simple)) in named


def test_quarantine_is_checked(kept: Kept) -> None:
    id_ = kept.refused.document.id
    folder = kept.store.quarantine_path(id_)
    (stored,) = (f.stored_as for f in quarantine.get(kept.store, id_).files if f.stored_as)
    with flipped(folder / stored, 3):
        assert found(verify(kept.store, Level.SIZES)) == set()
        assert found(verify(kept.store, Level.HASHES)) == {(C.QUARANTINE_HASH, f"quarantine/{id_}/{stored}")}
    (folder / "more.txt").write_text("x")
    (kept.store.quarantine / "stray").mkdir()
    assert found(verify(kept.store, Level.COUNTS)) == {
        (C.UNKNOWN_FILE, f"quarantine/{id_}/more.txt"),
        (C.UNKNOWN_FILE, "quarantine/stray"),
    }
    (folder / "more.txt").unlink()
    (kept.store.quarantine / "stray").rmdir()
    (folder / stored).unlink()
    assert found(verify(kept.store, Level.COUNTS)) == {(C.QUARANTINE_HASH, f"quarantine/{id_}/{stored}")}
    (folder / "reason.json").write_text("{")
    assert found(verify(kept.store, Level.COUNTS)) == {(C.QUARANTINE_UNREADABLE, f"quarantine/{id_}")}
    shutil.rmtree(folder)
    assert found(verify(kept.store, Level.COUNTS)) == {(C.QUARANTINE_MISSING, f"quarantine/{id_}")}


def test_a_quarantined_document_nobody_recorded_is_found(kept: Kept) -> None:
    kept.alter_catalogue("DELETE FROM quarantined")
    named = found(verify(kept.store, Level.COUNTS))
    assert named == {(C.QUARANTINE_UNKNOWN, f"quarantine/{kept.refused.document.id}")}


class Judge:
    """A validator that rejects one file."""

    def __init__(self, rejected: str) -> None:
        self.rejected, self.seen = rejected, 0

    def validate(self, pdf: Path, flavour: str) -> Verdict:
        self.seen += 1
        passed = hashlib.sha256(pdf.read_bytes()).hexdigest() != self.rejected
        return Verdict("judge", "1", flavour, passed, () if passed else ("6.2-1",))


def test_the_dearest_level_asks_the_validator_about_every_copy(kept: Kept) -> None:
    rejected = kept.simple.documents[0].files[0].archive_copy.sha256
    judge = Judge(rejected)
    report = verify(kept.store, Level.PDFA, validator=judge)  # type: ignore[arg-type]
    place = f"{kept.place(kept.simple)}/{kept.simple.documents[0].id}/1"
    assert [(f.code, f.subject, f.detail) for f in report.findings] == [(C.PDFA_REJECTED, place, "6.2-1")]
    assert judge.seen == 3 + 4 + 1


def test_the_real_validator_is_asked_in_the_same_way(kept: Kept) -> None:
    report = verify(kept.store, Level.PDFA)
    assert {f.code for f in report.findings} == {C.PDFA_REJECTED}
    assert {f.detail for f in report.findings} == {"not-parsable"}
    assert len(report.findings) == 8


# --- rebuild --------------------------------------------------------------------------------------------------------


def test_a_rebuilt_catalogue_answers_as_the_one_before(kept: Kept) -> None:
    before = catalogue_digest(kept.store)
    kept.drop_catalogue()
    report = rebuild(kept.store)
    assert list(report.findings) == []
    assert (report.packages, report.patients, report.documents, report.files, report.quarantined) == (4, 3, 4, 5, 1)
    assert catalogue_digest(kept.store) == before
    assert found(verify(kept.store)) == set()
    assert list(kept.store.root.glob("*.tmp*")) == []


def test_rebuilding_in_use_reaches_who_has_it_open(kept: Kept) -> None:
    before = catalogue_digest(kept.store)
    kept.alter_catalogue("DELETE FROM document")
    with Catalogue.open(kept.store) as reader:
        serial = reader.content_serial
        assert reader.connection.execute("SELECT count(*) FROM document").fetchone()[0] == 0
        rebuild(kept.store)
        assert reader.digest() == before
        assert reader.content_serial > serial
        with Catalogue.open(kept.store, write=True) as writer:
            writer.record_patient(kept.empty.patient)
        assert reader.content_serial > serial + 1


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000])
def test_a_broken_catalogue_is_replaced(kept: Kept, content: bytes) -> None:
    before = catalogue_digest(kept.store)
    kept.store.catalogue.write_bytes(content)
    kept.store.catalogue.with_name("catalogue.sqlite-wal").write_bytes(b"an old log")
    with pytest.raises(CatalogueInvalidError):
        Catalogue.open(kept.store)
    rebuild(kept.store)
    assert catalogue_digest(kept.store) == before


def test_damaged_packages_are_findings_and_the_generation_before_answers(kept: Kept) -> None:
    path = kept.path(kept.changed, 2)
    with tarfile.open(path) as tar:
        journal = next(i for i in tar if i.name.endswith("journal.xml"))
    with flipped(path, journal.offset_data + 3):
        report = rebuild(kept.store)
        assert (C.PACKAGE_STRUCTURE, kept.place(kept.changed, 2)) in found(report.findings)
        with Catalogue.open(kept.store) as catalogue:
            row = catalogue.connection.execute("SELECT generation FROM patient WHERE source_key='1'").fetchone()
            assert row["generation"] == 1
            titles = catalogue.connection.execute("SELECT title FROM document WHERE source_key='a'").fetchone()
            assert titles["title"] == "Epikrise a"
    rebuild(kept.store)
    with Catalogue.open(kept.store) as catalogue:
        row = catalogue.connection.execute("SELECT generation FROM patient WHERE source_key='1'").fetchone()
        assert row["generation"] == 2


def test_a_damaged_payload_is_found_by_verify_after_the_rebuild_too(kept: Kept) -> None:
    path = kept.path(kept.simple)
    with tarfile.open(path) as tar:
        text = next(i for i in tar if i.name.endswith("1.txt"))
    with path.open("r+b") as f:
        f.seek(text.offset_data)
        f.write(b"X")
    report = rebuild(kept.store)
    assert found(report.findings) == {(C.PACKAGE_HASH, kept.place(kept.simple))}
    assert (C.PACKAGE_HASH, kept.place(kept.simple)) in found(verify(kept.store, Level.HASHES))


def test_a_generation_missing_in_between_is_found(kept: Kept) -> None:
    kept.path(kept.changed, 1).unlink()
    report = rebuild(kept.store)
    assert (C.PACKAGE_MISSING, package_id(kept.changed.patient.id, 1)) in found(report.findings)


def test_a_rebuild_that_fails_leaves_the_old_catalogue(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    before = catalogue_digest(kept.store)

    def interrupted(self: ArchiveStore) -> Iterator[Path]:
        yield kept.path(kept.simple)
        raise KeyboardInterrupt

    monkeypatch.setattr(ArchiveStore, "package_files", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rebuild(kept.store)
    assert catalogue_digest(kept.store) == before
    assert list(kept.store.root.glob("*.tmp*")) == []


def test_the_refused_newer_version_of_an_archived_document_is_no_document_of_its_own(
    kept: Kept, tmp_path: Path
) -> None:
    newer = make_quarantined(kept.simple.patient, "c")
    (tmp_path / "n").write_bytes(b"newer!")
    quarantine.put(kept.store, newer, {"dok/x.rtf": tmp_path / "n"})
    before = catalogue_digest(kept.store)
    rebuild(kept.store)
    assert catalogue_digest(kept.store) == before
    assert found(verify(kept.store, Level.COUNTS)) == set()


# --- seals and reports ----------------------------------------------------------------------------------------------


def test_a_report_seals_what_is_there(kept: Kept) -> None:
    now = datetime(2026, 11, 23, 5, 6, 7, tzinfo=UTC)
    report = make_report(kept.store, now=now)
    lines = (kept.store.seals / "packages-20261123T050607Z.sha256").read_bytes().splitlines(keepends=True)
    assert lines == [f"{sha256_file(p)[0]}  {p.relative_to(kept.store.root)}\n".encode()
                     for p in kept.store.package_files()]  # fmt: skip
    assert report.seal.merkle_root == merkle_root(lines)
    with Catalogue.open(kept.store) as catalogue:
        assert seal.package_root(catalogue) == (report.seal.merkle_root, report.seal.packages)
    assert (report.holdings.packages, report.holdings.current, report.holdings.documents) == (4, 3, 4)
    assert report.quarantined == {"corrupt": 1}
    assert report.flags == {"id-invalid": 3, "unknown-code": 4}
    assert report.engines == {"veraPDF 1.31.207": 5}
    with pytest.raises(NotReconciledError):
        report.require_reconciled()
    assert found(verify(kept.store)) == set()


def test_the_certificate_names_no_person_and_fetches_nothing(kept: Kept) -> None:
    make_report(kept.store)
    (html,) = (p.read_text("utf-8") for p in kept.store.seals.glob("*.html"))
    (plain,) = (p.read_text("utf-8") for p in kept.store.seals.glob("certificate-*.json"))
    for private in ("Bjørnstad", "Noëlle", "14879012315", "lokal-1", "1990-07-14", "Epikrise a", "Lege Prøve", "Ås"):
        assert private not in html
        assert private not in plain
    for fetched in ("http:", "https:", "src=", "<script", "<link", "url("):
        assert fetched not in html
    assert json.loads(plain)["seal"]["merkle_root"] in html


def test_a_package_swapped_with_all_its_hashes_breaks_the_seal(kept: Kept) -> None:
    make_report(kept.store)
    path = kept.path(kept.simple)
    kept.simple.add("c", salt="forged")
    receipt = kept.simple.write(kept.store)
    with Catalogue.open(kept.store, write=True) as catalogue:
        catalogue.record_package(receipt, kept.simple.patient, kept.simple.documents)
    assert read_package(path).documents == tuple(kept.simple.documents)
    assert found(verify(kept.store)) == {(C.SEAL_BROKEN, kept.place(kept.simple))}


def test_a_changed_seal_is_found(kept: Kept) -> None:
    make_report(kept.store)
    (manifest,) = kept.store.seals.glob("packages-*.sha256")
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[1:]))
    (certificate,) = (p.name for p in kept.store.seals.glob("certificate-*.json"))
    assert found(verify(kept.store, Level.COUNTS)) == {(C.SEAL_BROKEN, f"seals/{certificate}")}
    manifest.unlink()
    assert found(verify(kept.store, Level.COUNTS)) == {(C.SEAL_BROKEN, f"seals/{certificate}")}


# --- the commands ---------------------------------------------------------------------------------------------------


def run(verb: str, *arguments: object) -> Result:
    return CliRunner().invoke(getattr(commands, verb), [str(a) for a in arguments], standalone_mode=False)


def test_verify_tells_people_and_programs(kept: Kept) -> None:
    result = run("verify", kept.store.root)
    assert result.return_value == 0
    assert "4 packages, 4 documents, 5 files and 1 quarantined" in result.stdout
    plain = json.loads(run("verify", kept.store.root, "--json", "--level", "sizes").stdout)
    assert plain["format"] == "journalarkiv.verify/1"
    assert (plain["undamaged"], plain["findings"], plain["level"]) == (True, [], "sizes")
    with flipped(kept.path(kept.simple), 700):
        result = run("verify", kept.store.root, "--json", "--level", "hashes")
    assert isinstance(result.exception, DamagedError)
    plain = json.loads(result.stdout)
    assert plain["finding_counts"]["package-hash"] == 1
    assert plain["findings"][0]["severity"] == "damage"
    (kept.path(kept.simple).parent / "x.tar.tmp").write_text("")
    assert run("verify", kept.store.root).return_value == 1


def test_rebuild_tells_people_and_programs(kept: Kept) -> None:
    result = run("rebuild", kept.store.root)
    assert (result.return_value, result.stderr) == (0, "")
    assert "3 patients, 4 documents" in result.stdout
    sidecar_path(kept.path(kept.simple)).unlink()
    result = run("rebuild", kept.store.root, "--json")
    assert result.return_value == 1
    plain = json.loads(result.stdout)
    assert (plain["format"], plain["documents"]) == ("journalarkiv.rebuild/1", 4)
    assert plain["finding_counts"] == {"sidecar-missing": 1}


def test_report_without_a_register_says_so(kept: Kept) -> None:
    result = run("report", kept.store.root)
    assert isinstance(result.exception, NotReconciledError)
    assert "Not reconciled" in result.stdout
    plain = json.loads(run("report", kept.store.root, "--json").stdout)
    assert (plain["format"], plain["reconciled"], plain["reconciliation"]) == ("journalarkiv.report/1", False, None)


def with_register(kept: Kept, folder: Path) -> None:
    """A work register that fits what is archived: five documents, one row twice, one file nobody names."""
    source = FakeSource(folder)
    source.write("orphan.txt", b"o")
    source.patient_rows = [("1", ""), ("2", ""), ("3", "")]
    owners = {"a": "1", "b": "1", "d": "1", "c": "2", "q": "3"}
    source.document_rows = [(key, owner, (f"{key}.rtf",), {}) for key, owner in owners.items()]
    source.document_rows.append(source.document_rows[0])
    with Register(kept.store.register) as register:
        export, _ = register.begin_export(folder, delta=False, register_sha256="r", mapping_sha256="m", now="n")
        read_export(register, source, export, lambda kind, n: None)
        db = register.connection
        for journal in (kept.changed, kept.simple, kept.empty):
            db.execute("UPDATE patient SET id=? WHERE key=?", (journal.patient.id, journal.patient.source_key))
            for d in journal.documents:
                db.execute(
                    "UPDATE document SET id=?, state='archived', type_code='EPI', year=2004, unit_code='MED',"
                    " service='SOM' WHERE key=?",
                    (d.id, d.source_key),
                )
        db.execute(
            "UPDATE document SET id=?, state='quarantined', reason='corrupt' WHERE key='q'", (kept.refused.document.id,)
        )


def test_report_tells_people_and_programs(kept: Kept, tmp_path: Path) -> None:
    with_register(kept, tmp_path / "export")
    result = run("report", kept.store.root)
    assert result.return_value == 1
    assert "Reconciled: every row" in result.stdout
    assert "orphan-file" in result.stdout
    result = run("report", kept.store.root, "--json")
    plain = json.loads(result.stdout)
    assert plain["reconciled"] is True
    totals = plain["reconciliation"]["totals"]
    assert totals == {
        "rows": 6,
        "archived": 4,
        "quarantined": 1,
        "excluded": 0,
        "duplicates": 1,
        "newer_rejected": 0,
        "unaccounted": 0,
    }
    assert plain["reconciliation"]["by_type"]["EPI"]["rows"] == 5
    assert plain["reconciliation"]["findings"] == {"orphan-file": 1, "duplicate-row": 1}
    html = max(kept.store.seals.glob("*.html")).read_text("utf-8")
    assert "EPI Epikrise" in html
    assert "Reconciled: every row" in html
    with Register(kept.store.register) as register:
        register.connection.execute("DELETE FROM document WHERE key='b'")
    result = run("report", kept.store.root, "--json")
    assert isinstance(result.exception, NotReconciledError)
    plain = json.loads(result.stdout)
    assert {d["code"] for d in plain["reconciliation"]["differences"]} == {
        "source-rows",
        "catalogue-archived",
        "patient-documents",
    }


def test_a_report_never_says_reconciled_of_packages_that_are_not_there(kept: Kept, tmp_path: Path) -> None:
    with_register(kept, tmp_path / "export")
    plain = json.loads(run("report", kept.store.root, "--json", "--check").stdout)
    assert plain["reconciled"] is True
    assert plain["reconciliation"]["checked"] == {"packages": 4, "content": False}
    assert plain["reconciliation"]["flags"] == plain["flags"] != {}
    text = run("report", kept.store.root, "--check").stdout
    assert "4 packages by name and size; their content was not read" in text
    assert not list(kept.store.seals.iterdir()), "--check writes nothing"
    for damage, code in ((b"", "package-size"), (None, "package-missing")):
        if damage is None:
            kept.path(kept.simple).unlink()
        else:
            kept.path(kept.simple).write_bytes(damage)
        result = run("report", kept.store.root, "--json")
        assert isinstance(result.exception, NotReconciledError)
        plain = json.loads(result.stdout)
        assert plain["reconciled"] is False
        assert [(d["code"], d["subject"]) for d in plain["reconciliation"]["differences"]] == [
            (code, kept.place(kept.simple))
        ]
        assert "NOT RECONCILED" in run("report", kept.store.root).stdout


def test_a_report_tells_a_package_nobody_recorded_and_quarantined_bytes_that_are_gone(
    kept: Kept, tmp_path: Path
) -> None:
    with_register(kept, tmp_path / "export")
    kept.alter_catalogue("DELETE FROM package WHERE NOT current")
    (stored,) = kept.store.quarantine_path(kept.refused.document.id).glob("*.rtf")
    stored.unlink()
    plain = json.loads(run("report", kept.store.root, "--json", "--check").stdout)
    found = {(d["code"], d["subject"], d["found"]) for d in plain["reconciliation"]["differences"]}
    package = kept.path(kept.changed, 1)
    assert found == {
        ("package-unknown", kept.place(kept.changed, 1), package.stat().st_size),
        ("quarantine-bytes", kept.refused.document.id, 0),
    }


@pytest.mark.parametrize("verb", ["verify", "rebuild", "report"])
def test_help_has_an_example(verb: str) -> None:
    result = run(verb, "--help")
    assert f"Example: journalarkiv {verb}" in result.stdout
