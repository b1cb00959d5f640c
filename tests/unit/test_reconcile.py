from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.catalogue import Catalogue
from archive.errors import NotReconciledError
from archive.identifiers import package_id
from archive.package import FileSpans, PackageReceipt, Span
from archive.reconcile import (
    DifferenceCode,
    Reconciliation,
    SourceGroup,
    compare,
    reconcile,
    reconcile_archive,
    reconcile_store,
)
from archive.record import JournalDocument, Patient
from archive.store import ArchiveStore
from extract.incoming import read_export
from extract.register import Register
from tests.fake_source import FakeSource
from tests.journals import contents_of, make_document, make_file, make_patient, make_quarantined

END_STATES = ("archived", "quarantined", "excluded")
documents = st.builds(
    SourceGroup,
    state=st.sampled_from(END_STATES),
    reason=st.sampled_from((None, "corrupt", "empty")),
    type_code=st.sampled_from(("", "EPI", "NOT")),
    year=st.sampled_from((None, 1999, 2004)),
    unit_code=st.sampled_from(("", "MED")),
    service=st.sampled_from(("", "SOM", "BUP")),
    documents=st.just(1),
    rows=st.integers(1, 4),
)


def codes(result: Reconciliation) -> set[DifferenceCode]:
    return {d.code for d in result.differences}


@given(st.lists(documents, max_size=40))
def test_it_balances_when_nothing_is_lost(rows: list[SourceGroup]) -> None:
    given_rows = sum(r.rows for r in rows)
    result = reconcile(rows, source_rows=given_rows)
    assert result.balanced
    t = result.totals
    assert (t.rows, t.archived + t.quarantined + t.excluded + t.duplicates) == (given_rows, given_rows)
    assert t.archived == sum(r.state == "archived" for r in rows)
    for breakdown in (result.by_type, result.by_year, result.by_unit, result.by_service):
        assert sum(x.rows for x in breakdown.values()) == given_rows
        assert sum(x.duplicates for x in breakdown.values()) == t.duplicates
        assert not any(x.unaccounted for x in breakdown.values())
    assert result.quarantined == Counter(r.reason or "" for r in rows if r.state == "quarantined")
    result.require_balanced()


@given(st.lists(documents, min_size=1, max_size=40), st.data())
def test_it_does_not_balance_when_anything_is_lost(rows: list[SourceGroup], data: st.DataObject) -> None:
    given_rows = sum(r.rows for r in rows)
    place = data.draw(st.integers(0, len(rows) - 1))
    victim = rows[place]
    loss = data.draw(st.sampled_from(("document", "row", "state")))
    if loss == "document":
        left = rows[:place] + rows[place + 1 :]
    elif loss == "row":
        left = [*rows, SourceGroup("archived", rows=1)]
    else:
        pending = SourceGroup("pending", None, victim.type_code, victim.year, victim.unit_code, victim.service)
        left = [*rows[:place], pending, *rows[place + 1 :]]
    result = reconcile(left, source_rows=given_rows)
    assert not result.balanced
    with pytest.raises(NotReconciledError):
        result.require_balanced()
    if loss == "state":
        assert any(d.subject == f"type {victim.type_code or '-'}" for d in result.differences)
        assert result.consistent == (victim.rows == 1)


@given(st.lists(documents, max_size=30))
def test_counting_together_and_alone_is_the_same(rows: list[SourceGroup]) -> None:
    grouped: Counter[tuple[object, ...]] = Counter()
    row_counts: Counter[tuple[object, ...]] = Counter()
    for r in rows:
        key = (r.state, r.reason, r.type_code, r.year, r.unit_code, r.service)
        grouped[key] += 1
        row_counts[key] += r.rows
    together = [SourceGroup(*key, n, row_counts[key]) for key, n in grouped.items()]  # type: ignore[arg-type]
    assert reconcile(together).to_plain() == reconcile(rows).to_plain()


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 3)), st.dictionaries(st.text(max_size=3), st.integers(1, 3)))
def test_compare_finds_exactly_what_differs(left: dict[str, int], right: dict[str, int]) -> None:
    found = list(compare(sorted(left.items()), sorted(right.items())))
    expected = [
        (k, left.get(k, 0), right.get(k, 0)) for k in sorted(left.keys() | right.keys()) if left.get(k) != right.get(k)
    ]
    assert found == expected


class Bench:
    """A register with a source behind it, and the catalogue and folders that fit it."""

    def __init__(self, store: ArchiveStore, folder: Path) -> None:
        self.store = store
        self.source = FakeSource(folder)
        self.source.write("a.txt", b"a")
        self.source.write("orphan.txt", b"o")
        self.source.patient_rows = [("1", ""), ("2", "")]
        self.source.document_rows = [
            ("a", "1", ("a.txt",), {}),
            ("a", "1", ("a.txt",), {}),
            ("b", "1", ("b.txt",), {}),
            ("c", "2", ("c.txt",), {}),
        ]
        self.register = Register(store.register)
        self.read()
        self.settle()

    def read(self, *, delta: bool = False) -> None:
        export, _ = self.register.begin_export(
            self.source.root, delta=delta, register_sha256=repr(self.source.document_rows), mapping_sha256="m", now="n"
        )
        read_export(self.register, self.source, export, lambda kind, n: None)

    def settle(self) -> None:
        db = self.register.connection
        db.execute("UPDATE document SET state='archived' WHERE key IN ('a', 'b')")
        db.execute("UPDATE document SET state='quarantined', reason='corrupt' WHERE key='c'")
        ids = dict(db.execute("SELECT key, id FROM document").fetchall())
        patients = dict(db.execute("SELECT key, id FROM patient").fetchall())
        one, two = (make_patient(k, id=patients[k]) for k in ("1", "2"))
        archived = [make_document(one, k, [make_file(1, *contents_of(k, 1))], id=ids[k]) for k in ("a", "b")]
        with Catalogue.open(self.store, write=True) as catalogue:
            for patient, held in ((one, archived), (two, [])):
                made = receipt(patient, held)
                place = self.store.root / made.path
                place.parent.mkdir(parents=True)
                place.write_bytes(bytes(made.size))
                catalogue.record_package(made, patient, held)
            refused = make_quarantined(two, "c")
            object.__setattr__(refused, "document", make_document(two, "c", (), id=ids["c"]))
            catalogue.record_quarantined(refused, two.id)
        self.put("c", ids)
        (self.store.quarantine / "left-by-a-crash").mkdir()
        self.ids = ids

    def put(self, key: str, ids: dict[str, str]) -> None:
        (self.store.quarantine / ids[key]).mkdir()
        (self.store.quarantine / ids[key] / "reason.json").touch()
        (self.store.quarantine / ids[key] / "kept.rtf").write_bytes(bytes(64))

    def result(self) -> Reconciliation:
        with Catalogue.open(self.store) as catalogue:
            return reconcile_archive(self.store, self.register.connection, catalogue)


def receipt(patient: Patient, held: list[JournalDocument]) -> PackageReceipt:
    spans = {(d.id, 1): FileSpans(Span(1, 1), Span(2, 1), Span(3, 1)) for d in held}
    id_ = package_id(patient.id, 1)
    return PackageReceipt(id_, patient.id, 1, f"packages/{id_[:2]}/{id_[2:4]}/{id_}.tar", "0" * 64, 512, spans)


@pytest.fixture
def bench(archive_store: ArchiveStore, tmp_path: Path) -> Bench:
    return Bench(archive_store, tmp_path / "export")


def test_a_settled_register_balances(bench: Bench) -> None:
    result = bench.result()
    assert result.differences == []
    t = result.totals
    assert (t.rows, t.archived, t.quarantined, t.excluded, t.duplicates) == (4, 2, 1, 0, 1)
    assert result.findings == {"orphan-file": 1, "duplicate-row": 1}
    assert reconcile_store(bench.store).to_plain() == result.to_plain()
    assert "Reconciled." in result.to_text()
    json.dumps(result.to_plain())


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE document SET state='pending' WHERE key='b'", {"unaccounted", "catalogue-archived",
                                                               "patient-documents"}),
        ("DELETE FROM document WHERE key='b'", {"source-rows", "catalogue-archived", "patient-documents"}),
        ("UPDATE document SET rows=1 WHERE key='a'", {"source-rows"}),
        ("UPDATE document SET state='archived' WHERE key='c'", {"catalogue-archived", "catalogue-quarantined",
                                                                "quarantine-folder", "patient-documents"}),
        ("UPDATE document SET patient_key='2' WHERE key='a'", {"patient-documents"}),
        ("UPDATE export SET registered=0", {"registration-unfinished"}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(bench: Bench, damage: str, found: set[str]) -> None:
    bench.register.connection.execute(damage)
    result = bench.result()
    assert codes(result) == found
    with pytest.raises(NotReconciledError):
        result.require_balanced()
    assert "NOT reconciled" in result.to_text()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM document WHERE source_key='a'", {"catalogue-archived", "patient-documents"}),
        ("DELETE FROM quarantined", {"catalogue-quarantined"}),
    ],
)
def test_a_catalogue_that_lost_something_is_named(bench: Bench, damage: str, found: set[str]) -> None:
    with Catalogue.open(bench.store, write=True) as catalogue:
        catalogue.connection.execute(damage)
    assert codes(bench.result()) == found


def test_a_quarantine_folder_that_is_gone_is_named(bench: Bench) -> None:
    (bench.store.quarantine / bench.ids["c"] / "reason.json").unlink()
    result = bench.result()
    assert [(d.code, d.subject) for d in result.differences] == [(DifferenceCode.QUARANTINE_FOLDER, bench.ids["c"])]


def test_a_refused_newer_version_counts_as_archived(bench: Bench) -> None:
    bench.register.connection.execute("UPDATE document SET newer_rejected=1, reason='corrupt' WHERE key='a'")
    bench.put("a", bench.ids)
    result = bench.result()
    assert result.balanced
    assert result.quarantined == {"corrupt": 1}


def test_a_second_export_counts_what_only_the_first_had(bench: Bench) -> None:
    bench.source.document_rows = [("b", "1", ("b.txt",), {}), ("c", "2", ("c.txt",), {})]
    bench.read()
    result = bench.result()
    assert result.differences == []
    assert (result.totals.rows, result.totals.archived, result.totals.duplicates) == (4, 2, 1)


def test_without_a_register_nothing_can_be_reconciled(archive_store: ArchiveStore) -> None:
    with pytest.raises(NotReconciledError, match="no work register"):
        reconcile_store(archive_store)


def test_differences_beyond_the_first_thousand_are_counted() -> None:
    groups = [SourceGroup("pending", type_code=str(n)) for n in range(3000)]
    result = reconcile(groups)
    assert (len(result.differences), result.difference_count) == (1000, 1 + 3000 + 3)
    assert not result.balanced


def test_documents_that_only_wait_are_said_to_wait() -> None:
    result = reconcile([SourceGroup("archived"), SourceGroup("pending", documents=3, rows=3)])
    assert result.consistent
    assert not result.balanced
    assert result.to_text().endswith("3 document(s) wait to be worked; everything else adds up.")
    assert "NOT reconciled" in reconcile([SourceGroup("archived")], source_rows=2).to_text()
