"""The run's own logic, with real packages, catalogue and quarantine but without converters: what becomes of every
document over several exports, and that stopping anywhere changes nothing in the end."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from archive import quarantine
from archive.catalogue import Catalogue
from archive.errors import DamagedError, DiskFullError
from archive.identifiers import document_id, package_id, patient_id
from archive.normalise.contract import Job
from archive.reasons import Flag
from extract.migrate import Options, retry
from tests.fake_run import QUIET, Bench, SerialExecutor
from tests.fake_source import ARCHIVE_ID, SYSTEM


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    for n in range(8):
        made.source.write(f"dok/{n}.txt", f"notat {n}".encode())
    made.source.write("dok/bad.txt", b"BAD corrupt")
    made.source.patient_rows = [("1", ""), ("2", ""), ("3", "")]
    made.source.document_rows = [
        ("a", "1", ("dok/0.txt",), {"title": "Første"}),
        ("b", "1", ("dok/1.txt", "dok/2.txt"), {}),
        ("c", "2", ("dok/3.txt",), {}),
        ("d", "2", ("dok/bad.txt",), {}),
        ("e", "2", ("dok/none.txt",), {}),
        ("f", "2", (None,), {}),
        ("g", "9", ("dok/4.txt",), {}),
        ("h", "2", (), {}),
        ("x", "2", ("dok/5.txt",), {"excluded": "rule"}),
        ("a", "1", ("dok/0.txt",), {"title": "Første"}),
    ]
    return made


def test_every_document_has_a_state_and_its_bytes_are_kept(bench: Bench) -> None:
    summary = bench.run()
    assert bench.states() == {
        "a": ("archived", None),
        "b": ("archived", None),
        "c": ("archived", None),
        "d": ("quarantined", "corrupt"),
        "e": ("quarantined", "file-missing"),
        "f": ("quarantined", "path-outside-export"),
        "g": ("quarantined", "unknown-patient"),
        "h": ("quarantined", "no-file"),
        "x": ("excluded", "rule"),
    }
    assert (summary.archived, summary.quarantined, summary.packages_written) == (3, 5, 3)
    assert bench.documents("3") == {}
    entry = quarantine.get(bench.store, document_id(ARCHIVE_ID, SYSTEM, "d"))
    stored = bench.store.quarantine_path(entry.document.id) / (entry.files[0].stored_as or "")
    assert stored.read_bytes() == b"BAD corrupt"
    assert bench.balanced()
    assert not bench.store.work.exists()


def test_running_again_changes_nothing(bench: Bench) -> None:
    bench.run()
    before = bench.packages()
    summary = bench.run()
    assert bench.packages() == before
    assert (summary.archived, summary.packages_written, bench.normaliser.seen) == (0, 0, [])
    assert bench.balanced()


def test_a_later_export_adds_changes_and_flags_and_touches_nothing_else(bench: Bench) -> None:
    bench.run()
    before = bench.packages()
    bench.source.write("dok/3.txt", b"changed")  # c of patient 2: new bytes
    bench.source.write("dok/new.txt", b"new")
    bench.source.document_rows = [r for r in bench.source.document_rows if r[0] != "b"]  # b of patient 1 vanished
    bench.source.document_rows.append(("n", "3", ("dok/new.txt",), {}))
    summary = bench.run()
    after = bench.packages()
    assert {k: v for k, v in after.items() if k in before} == before
    assert [bench.generation(k) for k in "123"] == [2, 2, 2]
    assert summary.packages_written == 3
    assert summary.archived == 2
    one = bench.documents("1")
    assert [f.code for f in one["b"].flags] == [Flag.VANISHED_FROM_SOURCE]
    assert one["b"].files and one["a"].flags == ()
    assert bench.balanced()
    assert bench.run().packages_written == 0


def test_only_the_facts_changed(bench: Bench) -> None:
    bench.run()
    bench.source.document_rows[0] = ("a", "1", ("dok/0.txt",), {"title": "Rettet"})
    bench.source.document_rows.pop()
    bench.run()
    assert bench.normaliser.seen == []
    assert bench.documents("1")["a"].title == "Rettet"
    assert bench.generation("1") == 2


def test_a_worse_newer_version_never_hides_what_was_archived(bench: Bench) -> None:
    bench.run()
    old = bench.documents("1")["a"]
    bench.source.write("dok/0.txt", b"BAD truncated")
    bench.run()
    document = bench.documents("1")["a"]
    assert document.files == old.files
    assert [f.code for f in document.flags] == [Flag.NEWER_VERSION_REJECTED]
    assert bench.states()["a"] == ("archived", "truncated")
    assert quarantine.get(bench.store, document.id).reason == "truncated"
    assert bench.balanced()
    assert bench.run().packages_written == 0
    assert bench.documents("1")["a"] == document
    bench.source.write("dok/0.txt", b"mended")
    bench.run()
    assert bench.documents("1")["a"].flags == ()
    assert bench.states()["a"] == ("archived", None)
    assert bench.balanced()


def test_a_delta_says_nothing_of_the_rest(bench: Bench) -> None:
    bench.run()
    bench.source.write("dok/6.txt", b"more")
    bench.source.patient_rows = [("1", "")]
    bench.source.document_rows = [("m", "1", ("dok/6.txt",), {})]
    summary = bench.run(delta=True)
    assert summary.packages_written == 1
    documents = bench.documents("1")
    assert sorted(documents) == ["a", "b", "m"]
    assert all(not d.flags for d in documents.values())
    assert [bench.generation(k) for k in "123"] == [2, 1, 1]
    assert bench.balanced()


def test_a_missing_file_that_turns_up_is_archived_by_the_next_run(bench: Bench) -> None:
    bench.run()
    bench.source.write("dok/none.txt", b"found")
    bench.run()
    assert bench.states()["e"] == ("archived", None)
    with pytest.raises(Exception, match=r".*"):
        quarantine.get(bench.store, document_id(ARCHIVE_ID, SYSTEM, "e"))
    assert bench.balanced()


def test_retry_takes_kept_bytes_when_the_export_is_gone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run()
    for path in bench.source.root.rglob("*.txt"):
        path.unlink()
    seen: list[bytes] = []
    bench.normaliser.before = lambda job: seen.append(job.source.read_bytes())
    monkeypatch.setattr("extract.migrate.local_workers", lambda store, o: SerialExecutor(store, o, bench.normaliser))
    summary = retry(bench.archive, Options(), QUIET, reason="corrupt")
    assert seen == [b"BAD corrupt"]
    assert bench.states()["d"] == ("quarantined", "corrupt")
    assert summary.quarantined == 1
    assert bench.balanced()


@pytest.mark.parametrize("stop", range(1, 12))
def test_a_run_stopped_anywhere_continues_to_the_same_end(bench: Bench, tmp_path: Path, stop: int) -> None:
    """Stops before every single step that makes something durable, by an exception that nothing catches."""
    import archive.store

    whole = Bench(tmp_path / "whole")
    whole.source = bench.source
    whole.run()

    class Stopped(BaseException):
        pass

    calls = 0
    original = archive.store.publish

    def publish(temporary: Path, final: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise Stopped
        original(temporary, final)

    with pytest.MonkeyPatch.context() as patch:
        for module in ("archive.store", "archive.package", "archive.quarantine"):
            patch.setattr(f"{module}.publish", publish, raising=False)
        with contextlib.suppress(Stopped):
            bench.run()
    bench.run()
    assert bench.states() == whole.states()
    assert sorted(bench.packages()) == sorted(whole.packages())
    for key in "123":
        assert bench.documents(key) == whole.documents(key)
    assert bench.balanced()


def test_temporary_files_can_be_elsewhere(bench: Bench, tmp_path: Path) -> None:
    given, seen = tmp_path / "memory", set()
    given.mkdir()

    def look(job: object) -> None:
        seen.update(p.name for p in given.rglob("*"))

    bench.normaliser.before = look
    bench.run(scratch=given)
    assert "out" in seen
    assert not list(given.iterdir())
    assert bench.states()["a"] == ("archived", None)
    assert bench.balanced()


def test_a_full_disk_ends_the_run_and_loses_nothing(bench: Bench) -> None:
    def full(job: object) -> None:
        raise OSError(28, "No space left on device")

    bench.normaliser.before = full
    with pytest.raises(DiskFullError):
        bench.run()
    assert {state for state, _ in bench.states().values()} <= {"pending", "quarantined", "excluded"}
    bench.normaliser.before = lambda job: None
    bench.run()
    assert bench.states()["a"] == ("archived", None)
    assert bench.balanced()


def test_a_pilot_archives_whole_patients_and_the_run_goes_on_from_it(bench: Bench) -> None:
    bench.source.patient_rows = [(str(n), "") for n in range(40)]
    bench.source.document_rows = [(f"{n}-{k}", str(n), ("dok/1.txt",), {}) for n in range(40) for k in range(3)]
    summary = bench.run(sample=12, seed=3)
    assert (summary.patients, summary.archived) == (4, 12)
    before = bench.packages()
    summary = bench.run()
    assert summary.patients == 36
    assert {k: v for k, v in bench.packages().items() if k in before} == before
    assert bench.balanced()


def test_register_only_converts_nothing(bench: Bench) -> None:
    bench.run(register_only=True)
    assert bench.normaliser.seen == []
    assert set(bench.states().values()) == {("pending", None)}
    bench.run()
    assert bench.balanced()


def test_a_source_that_changes_under_our_hands_stops_its_document_only(bench: Bench) -> None:
    def touch(job: object) -> None:
        bench.source.write("dok/0.txt", b"changed after it was hashed")

    bench.normaliser.before = touch
    bench.run()
    states = bench.states()
    assert states["a"] == ("quarantined", "unreadable")
    assert states["b"] == states["c"] == ("archived", None)
    assert bench.balanced()
    bench.normaliser.before = lambda job: None
    bench.run()
    assert bench.states()["a"] == ("archived", None)
    assert bench.balanced()


def test_a_lost_register_never_overwrites_a_package(bench: Bench) -> None:
    bench.run()
    before = bench.packages()
    for path in bench.archive.glob("register.sqlite*"):
        path.unlink()
    bench.source.document_rows[0] = ("a", "1", ("dok/0.txt",), {"title": "Rettet"})
    bench.run()
    after = bench.packages()
    assert {k: v for k, v in after.items() if k in before} == before
    assert [bench.generation(k) for k in "123"] == [2, 1, 1]


def test_a_damaged_package_stops_its_patient_and_nothing_else(bench: Bench) -> None:
    bench.run()
    patient = patient_id(ARCHIVE_ID, SYSTEM, "1")
    path = bench.store.package_path(package_id(patient, 1))
    content = bytearray(path.read_bytes())
    place = content.index(b"<journal")
    content[place + 3] ^= 1
    path.write_bytes(content)
    bench.source.write("dok/3.txt", b"changed")
    bench.source.write("dok/0.txt", b"changed too")
    with pytest.raises(DamagedError):
        bench.run()
    assert [bench.generation(k) for k in "123"] == [1, 2, 1]
    assert path.read_bytes() == content


def test_a_mistake_of_ours_costs_one_document_and_not_the_run(bench: Bench) -> None:
    def fail(job: Job) -> None:
        if job.declared_name == "dok/1.txt":
            raise RuntimeError("a bug")

    bench.normaliser.before = fail
    bench.run()
    states = bench.states()
    assert states["b"] == ("quarantined", "conversion-failed")
    assert states["a"] == states["c"] == ("archived", None)
    assert bench.balanced()


@pytest.mark.parametrize("delta", [False, True])
def test_a_document_moved_to_another_patient_is_in_his_package_and_no_longer_in_the_other(
    bench: Bench, delta: bool
) -> None:
    bench.run()
    before = bench.packages()
    rows = [("a", "3", ("dok/0.txt",), {"title": "Første"})]
    if delta:
        bench.source.patient_rows = [("3", "")]
        bench.source.document_rows = list(rows)
    else:
        bench.source.document_rows = rows + [r for r in bench.source.document_rows if r[0] != "a"]
    bench.run(delta=delta)
    assert list(bench.documents("3")) == ["a"]
    assert list(bench.documents("1")) == ["b"]
    assert bench.states()["a"] == ("archived", None)
    assert {k: v for k, v in bench.packages().items() if k in before} == before
    assert bench.balanced()
    with Catalogue.open(bench.store) as catalogue:
        found = catalogue.connection.execute("SELECT patient_id FROM document WHERE source_key='a'").fetchall()
    assert [r[0] for r in found] == [patient_id(ARCHIVE_ID, SYSTEM, "3")]
