"""The work register: nothing of an export is dropped, and every question is answered over all exports."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from archive.errors import DiskFullError
from archive.reasons import Flag, Reason
from archive.record import DocumentStatus
from extract.incoming import read_export
from extract.plan import Planner, select_pilot
from extract.register import Export, Register
from tests.fake_source import FakeSource

FNR = "14879012315"


def register_export(register: Register, source: FakeSource, *, delta: bool = False) -> Export:
    export, done = register.begin_export(
        source.root, delta=delta, register_sha256=source.register_digest(), mapping_sha256="m", now="2026-01-01"
    )
    if not done:
        read_export(register, source, export, lambda kind, n: None)
    return export


def findings(register: Register, export: int) -> set[tuple[str, str]]:
    rows = register.connection.execute("SELECT code, subject FROM finding WHERE export=?", (export,))
    return {(r["code"], r["subject"]) for r in rows}


@pytest.fixture
def source(tmp_path: Path) -> FakeSource:
    made = FakeSource(tmp_path / "export")
    for name in ("dok/a.rtf", "dok/B.RTF", "dok/c.rtf", "dok/left-over.rtf"):
        made.write(name, name.encode())
    made.patient_rows = [("1", FNR), ("2", "")]
    made.document_rows = [
        ("a", "1", ("dok/a.rtf",), {"type_code": "JN"}),
        ("b", "1", ("dok/b.rtf",), {"type_code": "EP", "replaces": "a"}),
        ("c", "2", ("dok/c.rtf", "dok/missing.jpg"), {}),
        ("d", "9", ("dok/c.rtf",), {}),
        ("a", "1", ("dok/a.rtf",), {"type_code": "JN"}),
    ]
    return made


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path / "register.sqlite")


def test_duplicates_orphans_and_unknown_patients_are_found(source: FakeSource, register: Register) -> None:
    export = register_export(register, source)
    assert findings(register, export.number) == {("duplicate-row", "a"), ("orphan-file", "dok/left-over.rtf")}
    planner = Planner(register, export.number)
    assert planner.remaining(pilot=False) == (3, 4)
    tasks = list(planner.tasks(pilot=False))
    by_key = {p.key: p for t in tasks for p in t.patients}
    assert by_key["9"].patient is None
    assert [d.key for d in by_key["1"].documents] == ["a", "b"]
    missing = by_key["2"].documents[0].files[1]
    assert missing.path is None and missing.problem is not None and missing.problem[0] is Reason.FILE_MISSING


def test_letter_case_of_paths_does_not_matter_unless_it_is_ambiguous(source: FakeSource, register: Register) -> None:
    export = register_export(register, source)
    patient = Planner(register, export.number).patient("1")
    assert patient.documents[1].files[0].path == source.root / "dok/B.RTF"
    source.write("dok/b.rtF", b"another")
    source.document_rows.append(("e", "1", ("dok/none.rtf",), {}))
    export = register_export(register, source)
    planned = Planner(register, export.number).patient("1").documents[1].files[0]
    assert planned.path is None
    assert planned.problem is not None and "letter case" in planned.problem[1]


def test_what_is_replaced_is_superseded(source: FakeSource, register: Register) -> None:
    export = register_export(register, source)
    a, b = (d.document for d in Planner(register, export.number).patient("1").documents)
    assert a.status is DocumentStatus.SUPERSEDED
    assert a.replaced_by == b.id and b.replaces == a.id


def test_replacing_an_unknown_document_is_flagged(source: FakeSource, register: Register) -> None:
    source.document_rows.append(("f", "2", ("dok/c.rtf",), {"replaces": "zzz"}))
    export = register_export(register, source)
    planned = {d.key: d for d in Planner(register, export.number).patient("2").documents}
    assert [n.code for n in planned["f"].document.flags] == [Flag.REPLACES_UNKNOWN]


def test_patients_with_one_number_are_both_flagged_and_never_merged(source: FakeSource, register: Register) -> None:
    source.patient_rows.append(("3", FNR))
    export = register_export(register, source)
    planner = Planner(register, export.number)
    one, three = planner.patient("1"), planner.patient("3")
    assert one.patient is not None and three.patient is not None
    assert one.patient.id != three.patient.id
    for p in (one.patient, three.patient):
        assert Flag.ID_SHARED in {n.code for n in p.flags}


def test_different_rows_with_one_key_stop_the_document_and_keep_all_files(
    source: FakeSource, register: Register
) -> None:
    source.document_rows.append(("a", "1", ("dok/c.rtf",), {"type_code": "EP"}))
    export = register_export(register, source)
    a = Planner(register, export.number).patient("1").documents[0]
    assert a.problem is not None and a.problem[0] is Reason.CONFLICTING_ROWS
    assert [f.name for f in a.files] == ["dok/a.rtf", "dok/c.rtf"]
    row = register.connection.execute("SELECT rows, distinct_rows FROM document WHERE key='a'").fetchone()
    assert tuple(row) == (3, 2)


def test_different_rows_for_one_patient_are_a_conflict(source: FakeSource, register: Register) -> None:
    source.patient_rows.append(("1", "16866924087"))
    export = register_export(register, source)
    assert Planner(register, export.number).patient("1").conflicting
    assert ("conflicting-patient-row", "1") in findings(register, export.number)


def test_an_unfinished_export_is_continued_and_a_finished_one_checked_again(
    source: FakeSource, register: Register
) -> None:
    first = register_export(register, source)
    again, registered = register.begin_export(
        source.root, delta=False, register_sha256=source.register_digest(), mapping_sha256="m", now="x"
    )
    assert registered and again.number == first.number
    register.finish_export(first.number, "x")
    assert register_export(register, source).number == first.number + 1


def test_a_registration_cut_short_leaves_nothing_behind(source: FakeSource, register: Register) -> None:
    def stop(kind: str, n: int) -> None:
        if kind == "documents":
            raise KeyboardInterrupt

    export, _ = register.begin_export(source.root, delta=False, register_sha256="x", mapping_sha256="m", now="x")
    with pytest.raises(KeyboardInterrupt):
        read_export(register, source, export, stop)
    source.document_rows = source.document_rows[1:]  # meanwhile the export lost a row
    second = register_export(register, source)
    keys = [r[0] for r in register.connection.execute("SELECT key FROM document ORDER BY key")]
    assert keys == ["a", "b", "c", "d"]
    assert register.connection.execute("SELECT rows FROM document WHERE key='a'").fetchone()[0] == 1
    assert register.connection.execute("SELECT count(*) FROM document WHERE vanished").fetchone()[0] == 0
    assert second.number == 2


def test_a_full_export_marks_what_vanished_and_a_delta_does_not(source: FakeSource, register: Register) -> None:
    register.finish_export(register_export(register, source).number, "x")
    register.connection.execute("UPDATE patient SET done=1")
    register.connection.execute("UPDATE document SET worked=1")
    source.document_rows = [r for r in source.document_rows if r[0] == "c"]
    source.patient_rows, everybody = [("2", "")], source.patient_rows
    delta = register_export(register, source, delta=True)
    assert Planner(register, delta.number).remaining(pilot=False) == (1, 1)
    register.finish_export(delta.number, "x")
    source.patient_rows = everybody
    full = register_export(register, source)
    vanished = [r[0] for r in register.connection.execute("SELECT key FROM document WHERE vanished ORDER BY key")]
    assert vanished == ["a", "b", "d"]
    a = Planner(register, full.number).patient("1").documents[0]
    assert Flag.VANISHED_FROM_SOURCE in {n.code for n in a.document.flags} and not a.said_anew


def test_excluded_rows_carry_their_rule(source: FakeSource, register: Register) -> None:
    source.document_rows.append(("g", "2", ("dok/c.rtf",), {"excluded": "test-patients"}))
    export = register_export(register, source)
    planned = {d.key: d for d in Planner(register, export.number).patient("2").documents}
    assert planned["g"].excluded == "test-patients"


def test_a_pilot_draws_whole_patients_from_every_stratum_and_is_repeatable(tmp_path: Path, register: Register) -> None:
    source = FakeSource(tmp_path / "export")
    source.root.mkdir()
    source.patient_rows = [(str(i), "") for i in range(300)]
    kinds = ["JN"] * 9 + ["EP"]
    source.document_rows = [
        (f"{i}-{k}", str(i), ("x.rtf",), {"type_code": kinds[i % 10]}) for i in range(300) for k in (1, 2)
    ]
    export = register_export(register, source)
    chosen = select_pilot(register, export.number, documents=40, seed=7)
    assert chosen == 20
    first = [r[0] for r in register.connection.execute("SELECT key FROM patient WHERE selected ORDER BY key")]
    types = {
        r[0]
        for r in register.connection.execute(
            "SELECT DISTINCT type_code FROM document d JOIN patient p ON p.key=d.patient_key WHERE selected"
        )
    }
    assert types == {"JN", "EP"}
    assert Planner(register, export.number).remaining(pilot=True) == (20, 40)
    select_pilot(register, export.number, documents=40, seed=7)
    assert first == [r[0] for r in register.connection.execute("SELECT key FROM patient WHERE selected ORDER BY key")]
    select_pilot(register, export.number, documents=40, seed=8)
    assert first != [r[0] for r in register.connection.execute("SELECT key FROM patient WHERE selected ORDER BY key")]


def test_huge_patients_come_first_and_tasks_stay_bounded(tmp_path: Path, register: Register) -> None:
    source = FakeSource(tmp_path / "export")
    source.root.mkdir()
    source.patient_rows = [(str(i), "") for i in range(50)]
    source.document_rows = [(f"{i}-{k}", str(i), (), {}) for i in range(50) for k in range(100 if i == 33 else 3)]
    export = register_export(register, source)
    tasks = list(Planner(register, export.number).tasks(pilot=False, batch=30))
    assert [p.key for p in tasks[0].patients] == ["33"]
    assert all(t.documents <= 33 for t in tasks[1:])
    assert sum(t.documents for t in tasks) == 49 * 3 + 100


def test_the_last_tasks_are_small_so_that_all_workers_end_together(tmp_path: Path, register: Register) -> None:
    source = FakeSource(tmp_path / "export")
    source.root.mkdir()
    source.patient_rows = [(str(i), "") for i in range(400)]
    source.document_rows = [(f"{i}-{k}", str(i), (), {}) for i in range(400) for k in range(5)]
    planner = Planner(register, register_export(register, source).number)
    sizes = [t.documents for t in planner.tasks(pilot=False, batch=200, workers=2)]
    assert sum(sizes) == 2000
    assert sizes[:4] == [200] * 4
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    assert sizes[-2] == 25
    assert {t.documents for t in planner.tasks(pilot=False, batch=200, workers=1)} == {200}
    assert {t.documents for t in planner.tasks(pilot=False, batch=10, workers=2)} == {10}


def test_no_room_is_a_clear_error_and_loses_nothing(source: FakeSource, tmp_path: Path) -> None:
    register = Register(tmp_path / "small.sqlite")
    pages = register.connection.execute("PRAGMA page_count").fetchone()[0]
    register.connection.execute(f"PRAGMA max_page_count={pages + 6}")
    source.document_rows = [(f"{i}", "1", ("dok/a.rtf",), {"title": "t" * 200}) for i in range(5000)]
    with pytest.raises(DiskFullError):
        register_export(register, source)
    register.connection.execute("PRAGMA max_page_count=1000000")
    export = register_export(register, source)
    assert register.connection.execute("SELECT count(*) FROM document").fetchone()[0] == 5000
    assert Planner(register, export.number).remaining(pilot=False)[1] == 5000


def test_a_newer_register_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "register.sqlite"
    Register(path).connection.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value='99' WHERE key='schema_version'")
    db.close()
    with pytest.raises(Exception, match="version 99"):
        Register(path)


def test_a_register_of_version_1_goes_on_where_it_stood(source: FakeSource, tmp_path: Path) -> None:
    """Documents of patients who were worked are done; those of a run that was stopped are not."""
    path = tmp_path / "register.sqlite"
    with Register(path) as register:
        register_export(register, source)
        run = register.connection.execute
        run("UPDATE patient SET done=1 WHERE key='1'")
        for column in ("worked", "again", "excluded_rows", "excluded_rule"):
            run(f"ALTER TABLE document DROP COLUMN {column}")
        for column in ("shared", "protection"):
            run(f"ALTER TABLE patient DROP COLUMN {column}")
        run("DROP TABLE delivery")
        run("UPDATE meta SET value='1' WHERE key='schema_version'")
    with Register(path) as register:
        planner = Planner(register, 1)
        assert [d.said_anew for d in planner.patient("1").documents] == [False, False]
        assert [d.said_anew for d in planner.patient("2").documents] == [True]
        assert register_export(register, source).number == 1


def test_a_file_put_in_place_later_must_lie_in_the_export(source: FakeSource, register: Register) -> None:
    export = register_export(register, source)
    outside = source.root.parent / "outside.jpg"
    outside.write_bytes(b"another's")
    (source.root / "dok/missing.jpg").symlink_to(outside)
    (lost,) = (f for f in Planner(register, export.number).patient("2").documents[0].files if f.name.endswith("jpg"))
    assert lost.path is None and lost.problem is not None and lost.problem[0] is Reason.FILE_MISSING
    (source.root / "dok/missing.jpg").unlink()
    source.write("dok/missing.jpg", b"found")
    (found,) = (f for f in Planner(register, export.number).patient("2").documents[0].files if f.name.endswith("jpg"))
    assert found.path == source.root / "dok/missing.jpg"


def test_whose_document_it_was_is_asked_only_of_his_own_patient(source: FakeSource, register: Register) -> None:
    source.document_rows.append(("z", "2", ("dok/c.rtf",), {}))
    export = register_export(register, source)
    for d in Planner(register, export.number).patient("2").documents:
        assert d.document.replaced_by is None
