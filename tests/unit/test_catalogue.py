from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from archive.catalogue import SCHEMA_VERSION, Catalogue, catalogue_digest
from archive.errors import CatalogueInvalidError, DiskFullError
from archive.identifiers import package_id
from archive.package import FileSpans, PackageReceipt, Span
from archive.record import JournalDocument, Patient
from archive.store import ArchiveStore
from tests.journals import FNR, contents_of, make_document, make_file, make_patient, make_quarantined


def receipt(patient: Patient, documents: list[JournalDocument], generation: int = 1) -> PackageReceipt:
    id_ = package_id(patient.id, generation)
    spans = {
        (d.id, f.seq): FileSpans(Span(512, 10), Span(1024, 11), Span(1536, 12)) for d in documents for f in d.files
    }
    return PackageReceipt(id_, patient.id, generation, f"packages/x/y/{id_}.tar", "ab" * 32, 9999, spans)


def document(patient: Patient, key: str, files: int = 1, **changes: object) -> JournalDocument:
    return make_document(patient, key, [make_file(n, *contents_of(key, n)) for n in range(1, files + 1)], **changes)


def rows(catalogue: Catalogue, sql: str) -> list[tuple[object, ...]]:
    return [tuple(r) for r in catalogue.connection.execute(sql)]


def test_a_package_is_recorded_whole(archive_store: ArchiveStore) -> None:
    patient = make_patient()
    documents = [document(patient, "a", 2), document(patient, "b", blocked=True, document_date=None)]
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.record_package(receipt(patient, documents), patient, documents)
    with Catalogue.open(archive_store) as catalogue:
        (p,) = catalogue.connection.execute("SELECT * FROM patient").fetchall()
        assert (p["document_count"], p["blocked_count"], p["generation"]) == (2, 1, 1)
        assert p["name_folded"] == "bjornstad ase nolle"
        assert json.loads(p["flags"]) == [["id-invalid", "gammel"]]
        for value in (*FNR, "lokal-1"):
            found = rows(catalogue, f"SELECT patient_id FROM patient_identifier WHERE value='{value}'")
            assert found == [(patient.id,)]
        assert rows(catalogue, "SELECT value, valid, synthetic, current FROM patient_identifier")[0] == (
            FNR[0],
            0,
            1,
            1,
        )
        first = catalogue.connection.execute("SELECT * FROM document WHERE source_key='a'").fetchone()
        assert (first["year"], first["unit_name"], first["status"]) == (2004, "Medisinsk avdeling", "signed")
        assert rows(catalogue, "SELECT year FROM document WHERE source_key='b'") == [(None,)]
        f = catalogue.connection.execute("SELECT * FROM file WHERE seq=2").fetchone()
        assert (f["pdf_offset"], f["original_size"], f["text_offset"]) == (512, 11, 1536)
        assert (f["role"], f["puid"], f["verdict_passed"]) == ("attachment", "fmt/355", 1)
        assert f["verdict_engine"] == "veraPDF 1.31.207"


def test_recording_again_changes_nothing_but_the_serial(archive_store: ArchiveStore) -> None:
    patient = make_patient()
    documents = [document(patient, "a")]
    q = make_quarantined(patient, "q")
    with Catalogue.open(archive_store, write=True) as catalogue:
        digests, serials = [], []
        for _ in range(3):
            with catalogue.transaction():
                catalogue.record_package(receipt(patient, documents), patient, documents)
                catalogue.record_quarantined(q, patient.id)
            digests.append(catalogue.digest())
            serials.append(catalogue.content_serial)
        assert serials == [1, 2, 3]
        with catalogue.transaction():
            catalogue.forget_quarantined("no such document")
        assert catalogue.content_serial == 3
    assert set(digests) == {catalogue_digest(archive_store)}


def test_a_new_generation_replaces_the_old_rows_in_either_order(archive_store: ArchiveStore) -> None:
    patient, renamed = make_patient(), make_patient(family_name="Ny")
    old = [document(patient, "a", 2), document(patient, "b")]
    new = [document(patient, "a"), document(patient, "c", 3)]
    digests = set()
    for order in ((1, 2), (2, 1), (1, 2, 1)):
        archive_store.catalogue.unlink(missing_ok=True)
        (archive_store.root / "catalogue.mark").unlink(missing_ok=True)
        with Catalogue.open(archive_store, write=True) as catalogue:
            for n in order:
                documents, who = (old, patient) if n == 1 else (new, renamed)
                catalogue.record_package(receipt(patient, documents, n), who, documents)
            assert rows(catalogue, "SELECT generation, current FROM package ORDER BY 1") == [(1, 0), (2, 1)]
            assert rows(catalogue, "SELECT source_key FROM document ORDER BY 1") == [("a",), ("c",)]
            assert rows(catalogue, "SELECT count(*) FROM file") == [(4,)]
            assert rows(catalogue, "SELECT family_name, generation FROM patient") == [("Ny", 2)]
            digests.add(catalogue.digest())
    assert len(digests) == 1


def test_a_document_that_moves_to_another_patient_is_there_once(archive_store: ArchiveStore) -> None:
    one, two = make_patient("1"), make_patient("2")
    with Catalogue.open(archive_store, write=True) as catalogue:
        before = [document(one, "a", 3)]
        catalogue.record_package(receipt(one, before), one, before)
        after = [document(two, "a", 1)]
        catalogue.record_package(receipt(two, after), two, after)
        catalogue.record_package(receipt(one, [], 2), one, [])
        assert rows(catalogue, "SELECT patient_id FROM document") == [(two.id,)]
        assert rows(catalogue, "SELECT seq FROM file") == [(1,)]


def test_quarantine_names_known_patients_only(archive_store: ArchiveStore) -> None:
    patient = make_patient()
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.record_quarantined(make_quarantined(patient, "q", blocked=True), patient.id)
        assert rows(catalogue, "SELECT patient_id, reason, blocked, size FROM quarantined") == [(None, "corrupt", 1, 0)]
        catalogue.record_patient(patient)
        catalogue.record_quarantined(make_quarantined(patient, "q"), patient.id)
        assert rows(catalogue, "SELECT patient_id FROM quarantined") == [(patient.id,)]
        catalogue.forget_quarantined(make_quarantined(patient, "q").document.id)
        assert rows(catalogue, "SELECT count(*) FROM quarantined") == [(0,)]


def test_recording_a_patient_keeps_what_the_package_said(archive_store: ArchiveStore) -> None:
    patient = make_patient()
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.record_patient(patient)
        assert rows(catalogue, "SELECT package_id, document_count FROM patient") == [(None, 0)]
        documents = [document(patient, "a")]
        catalogue.record_package(receipt(patient, documents), patient, documents)
        catalogue.record_patient(make_patient(family_name="Ny"))
        found = rows(catalogue, "SELECT family_name, package_id, document_count FROM patient")
        assert found == [("Ny", package_id(patient.id, 1), 1)]


def test_a_transaction_is_all_or_nothing(archive_store: ArchiveStore) -> None:
    patient = make_patient()
    with Catalogue.open(archive_store, write=True) as catalogue:
        with pytest.raises(KeyError), catalogue.transaction():
            catalogue.record_patient(patient)
            raise KeyError
        assert rows(catalogue, "SELECT count(*) FROM patient") == [(0,)]
        assert catalogue.content_serial == 0
        catalogue.record_patient(patient)
        assert catalogue.content_serial == 1


def test_a_full_disk_is_said_and_nothing_is_recorded(archive_store: ArchiveStore) -> None:
    patient = make_patient()
    documents = [document(patient, str(n)) for n in range(400)]
    with Catalogue.open(archive_store, write=True) as catalogue:
        pages = catalogue.connection.execute("PRAGMA page_count").fetchone()[0]
        catalogue.connection.execute(f"PRAGMA max_page_count={pages + 5}")
        with pytest.raises(DiskFullError):
            catalogue.record_package(receipt(patient, documents), patient, documents)
        assert rows(catalogue, "SELECT count(*) FROM patient") == [(0,)]


def test_reading_cannot_write(archive_store: ArchiveStore) -> None:
    with Catalogue.open(archive_store, write=True):
        pass
    with Catalogue.open(archive_store) as catalogue, pytest.raises(sqlite3.OperationalError):
        catalogue.record_patient(make_patient())


def test_a_reader_sees_what_is_recorded_later(archive_store: ArchiveStore) -> None:
    with Catalogue.open(archive_store, write=True) as writer, Catalogue.open(archive_store) as reader:
        writer.record_patient(make_patient())
        assert rows(reader, "SELECT count(*) FROM patient") == [(1,)]


def test_an_unusable_catalogue_says_what_to_do(archive_store: ArchiveStore) -> None:
    def refused() -> str:
        with pytest.raises(CatalogueInvalidError, match="rebuild") as caught:
            Catalogue.open(archive_store)
        return caught.value.message

    assert "no catalogue" in refused()
    archive_store.catalogue.write_bytes(b"")
    refused()
    archive_store.catalogue.write_bytes(b"not a database at all" * 100)
    refused()
    archive_store.catalogue.unlink()
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.connection.execute("UPDATE meta SET value='99' WHERE key='schema_version'")
    assert "version 99" in refused()
    with contextlib.closing(sqlite3.connect(archive_store.catalogue)) as connection:
        connection.execute("UPDATE meta SET value=? WHERE key='schema_version'", (SCHEMA_VERSION,))
        connection.execute("UPDATE meta SET value='other' WHERE key='archive_id'")
        connection.commit()
    assert "another archive" in refused()


def test_the_digest_sees_every_column(archive_store: ArchiveStore) -> None:
    patient = make_patient()
    documents = [document(patient, "a")]
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.record_package(receipt(patient, documents), patient, documents)
        catalogue.record_quarantined(make_quarantined(patient, "q"), patient.id)
        seen, seen_without = {catalogue.digest()}, {catalogue.digest(packages=False)}
        changes = 0
        for table in ("package", "patient", "patient_identifier", "document", "file", "quarantined"):
            for column in catalogue.connection.execute(f"PRAGMA table_info({table})").fetchall():
                catalogue.connection.execute(f"UPDATE {table} SET {column['name']}='changed ' || rowid")
                changes += 1
                seen.add(catalogue.digest())
                seen_without.add(catalogue.digest(packages=False))
        assert len(seen) == changes + 1
        assert len(seen_without) == changes + 1 - 5
