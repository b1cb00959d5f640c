"""What becomes of documents over several exports, whole or in part, with stops and retries between: one test a promise
of docs/migration.md and docs/internals/states.md."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from archive import quarantine
from archive.catalogue import Catalogue
from archive.errors import CatalogueInvalidError, ExportShrunkError
from archive.identifiers import document_id, patient_id
from archive.reasons import Flag, Reason
from archive.rebuild import rebuild
from archive.reconcile import Reconciliation, reconcile_store
from archive.record import AddressProtection, Patient
from archive.verify import Level, verify
from extract.register import Register
from extract.sources.contract import FoundFile, SourcePatient
from tests.fake_run import Bench
from tests.fake_source import ARCHIVE_ID, SYSTEM, FakeSource

A, B, C = "14879012315", "16866924087", "03882378401"


class Delivery(FakeSource):
    """A source whose register is a file too, and whose patients may have a protected address."""

    protected: dict[tuple[str, str], AddressProtection]

    def patients(self):  # type: ignore[no-untyped-def]
        for row, (key, number) in zip(super().patients(), self.patient_rows, strict=True):
            protection = getattr(self, "protected", {}).get((key, number), AddressProtection.NONE)
            yield SourcePatient(key, replace(row.patient, address_protection=protection), row.row)

    def files(self):  # type: ignore[no-untyped-def]
        from extract.sources.names import FileKind

        for f in super().files():
            yield FoundFile(f.path, f.size, FileKind.REGISTER) if f.path.endswith(".csv") else f


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.source = Delivery(tmp_path / "export1")
    for n in range(6):
        made.source.write(f"dok/{n}.txt", f"notat {n}".encode())
    made.source.patient_rows = [("1", A), ("2", B)]
    made.source.document_rows = [
        ("a", "1", ("dok/0.txt",), {"title": "A"}),
        ("b", "1", ("dok/1.txt",), {"title": "B"}),
        ("c", "2", ("dok/2.txt",), {"title": "C"}),
    ]
    made.run()
    return made


def deliver(bench: Bench, name: str, *, files: bool = True) -> None:
    """The next export comes in another folder."""
    old, bench.source.root = bench.source.root, bench.source.root.with_name(name)
    if files:
        shutil.copytree(old, bench.source.root)
    else:
        bench.source.root.mkdir()


def row(bench: Bench, key: str, *, patient: str | None = None, file: str | None = None, **facts: object) -> None:
    """Change the row of a document."""
    for n, (k, p, names, held) in enumerate(bench.source.document_rows):
        if k == key:
            names = (file,) if file else names
            bench.source.document_rows[n] = (k, p if patient is None else patient, names, {**held, **facts})


def flags(bench: Bench, patient: str, key: str) -> set[Flag]:
    return {n.code for n in bench.documents(patient)[key].flags}


def waiting(bench: Bench, key: str) -> quarantine.Quarantined | None:
    try:
        return quarantine.get(bench.store, document_id(ARCHIVE_ID, SYSTEM, key))
    except FileNotFoundError:
        return None


def words(bench: Bench, patient: str, key: str) -> bytes:
    """What is archived, as the fake normaliser has it: by the original's hash."""
    import hashlib

    (f,) = bench.documents(patient)[key].files
    found = [p for p in bench.source.root.parent.rglob("*.txt") if p.is_file()]
    return next(p.read_bytes() for p in found if hashlib.sha256(p.read_bytes()).hexdigest() == f.original.sha256)


def rows_in_packages(bench: Bench) -> dict[str, str]:
    with Catalogue.open(bench.store) as catalogue:
        return dict(catalogue.connection.execute("SELECT source_key, patient_id FROM document").fetchall())


def rebuilt_alike(bench: Bench) -> bool:
    """Whether verify finds nothing, and the packages give the catalogue that is there."""
    assert not list(verify(bench.store, level=Level.HASHES).findings)
    with Catalogue.open(bench.store) as catalogue:
        before = catalogue.digest()
    rebuild(bench.store)
    with Catalogue.open(bench.store) as catalogue:
        return catalogue.digest() == before


# --- whose it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("also", ["", "facts"])
def test_a_document_that_leaves_a_patient_whose_rows_conflict_leaves_his_package(bench: Bench, also: str) -> None:
    bench.source.patient_rows.append(("1", C))
    row(bench, "a", patient="2", **({"title": "Rettet"} if also else {}))
    bench.run()
    assert sorted(bench.documents("1")) == ["b"] and sorted(bench.documents("2")) == ["a", "c"]
    assert bench.balanced() and rebuilt_alike(bench)


def test_while_rows_of_a_patient_conflict_he_stays_as_he_was_with_the_strictest_protection(bench: Bench) -> None:
    bench.source.patient_rows.append(("1", C))
    assert isinstance(bench.source, Delivery)
    bench.source.protected = {("1", C): AddressProtection.STRICTLY_CONFIDENTIAL}
    bench.run()

    def person() -> Patient:
        from archive.identifiers import package_id
        from archive.package import read_package

        patient = patient_id(ARCHIVE_ID, SYSTEM, "1")
        return read_package(bench.store.package_path(package_id(patient, bench.generation("1")))).patient

    assert [i.value for i in person().identifiers] == [A]
    assert person().address_protection is AddressProtection.STRICTLY_CONFIDENTIAL
    assert flags(bench, "1", "a") == set(), "its version is the one that is held"
    bench.source.patient_rows = [("1", A), ("2", B)]
    bench.run()
    assert person().address_protection is AddressProtection.NONE
    assert bench.balanced()


@pytest.mark.parametrize("kind", ["cut", "nobody", "two patients", "two rows"])
def test_a_row_that_has_become_unclear_takes_nothing_out_of_a_package(bench: Bench, kind: str) -> None:
    held = bench.documents("1")["a"]
    if kind == "cut":
        row(bench, "a", patient="", problem=Reason.BAD_ROW)
    elif kind == "nobody":
        row(bench, "a", patient="")
    elif kind == "two patients":
        bench.source.document_rows.append(("a", "2", ("dok/0.txt",), {"title": "A"}))
    else:
        bench.source.document_rows.append(("a", "1", ("dok/3.txt",), {"title": "Annet"}))
    bench.run()
    shown = bench.documents("1")["a"]
    assert (shown.title, shown.files) == (held.title, held.files)
    assert flags(bench, "1", "a") == {Flag.NEWER_VERSION_REJECTED}
    assert waiting(bench, "a") is not None and rows_in_packages(bench)["a"] == patient_id(ARCHIVE_ID, SYSTEM, "1")
    assert bench.balanced() and rebuilt_alike(bench)
    bench.source.document_rows = [("a", "2", ("dok/0.txt",), {"title": "A"}), *bench.source.document_rows[1:3]]
    bench.run()
    assert sorted(bench.documents("1")) == ["b"] and sorted(bench.documents("2")) == ["a", "c"]
    assert waiting(bench, "a") is None and bench.balanced()


def test_a_document_that_two_patients_claim_is_nobodys_until_one_does(bench: Bench) -> None:
    for patient in ("1", "2"):
        bench.source.document_rows.append(("n", patient, ("dok/4.txt",), {}))
    bench.run()
    entry = waiting(bench, "n")
    assert entry is not None and entry.reason is Reason.CONFLICTING_ROWS and entry.document.patient_id == ""
    with Catalogue.open(bench.store) as catalogue:
        assert catalogue.connection.execute("SELECT patient_id FROM quarantined").fetchall()[0][0] is None
    assert rebuilt_alike(bench)
    bench.source.document_rows.pop()
    bench.run()
    assert sorted(bench.documents("1")) == ["a", "b", "n"] and bench.balanced()


def test_a_document_that_waits_is_nobodys_once_its_row_names_nobody(bench: Bench) -> None:
    deliver(bench, "export2")
    bench.source.write("dok/4.txt", b"BAD corrupt")
    bench.source.document_rows.append(("n", "1", ("dok/4.txt",), {}))
    bench.run()
    row(bench, "n", patient="")
    bench.run()
    with Catalogue.open(bench.store) as catalogue:
        assert catalogue.connection.execute("SELECT patient_id FROM quarantined").fetchall()[0][0] is None
    assert rebuilt_alike(bench) and bench.balanced()


def test_an_unknown_patients_document_is_his_once_he_is_known(bench: Bench) -> None:
    bench.source.document_rows.append(("n", "9", ("dok/4.txt",), {}))
    bench.run()
    deliver(bench, "export2")
    bench.source.patient_rows, bench.source.document_rows = [("9", C)], []
    bench.run(delta=True)
    assert bench.documents("9") == {} and rebuilt_alike(bench)
    with Catalogue.open(bench.store) as catalogue:
        (found,) = catalogue.connection.execute("SELECT patient_id FROM quarantined").fetchone()
    assert found == patient_id(ARCHIVE_ID, SYSTEM, "9")
    bench.retry()
    assert sorted(bench.documents("9")) == ["n"] and bench.balanced() and rebuilt_alike(bench)


# --- whose bytes they are ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("register_file", [True, False])
def test_a_delivery_folder_used_again_gives_nobody_anothers_bytes(bench: Bench, register_file: bool) -> None:
    deliver(bench, "levering", files=False)
    bench.source.write("fil.txt", b"BAD corrupt")
    if register_file:
        bench.source.write("reg.csv", b"n;fil.txt")
    bench.source.document_rows = [("n", "1", ("fil.txt",), {})]
    bench.run(delta=True)
    bench.source.write("fil.txt", b"en annens notat")
    if register_file:  # the next delivery lies there and was not migrated yet
        bench.source.write("reg.csv", b"m;fil.txt")
    else:
        bench.source.document_rows = [("m", "2", ("fil.txt",), {})]
        bench.run(delta=True)
    bench.retry()
    assert sorted(bench.documents("1")) == ["a", "b"]
    entry = waiting(bench, "n")
    assert entry is not None and entry.reason is Reason.CORRUPT
    kept = bench.store.quarantine_path(entry.document.id) / (entry.files[0].stored_as or "")
    assert kept.read_bytes() == b"BAD corrupt"
    assert bench.balanced()


def test_a_mended_file_in_the_folder_of_its_own_export_is_taken_by_retry(bench: Bench) -> None:
    deliver(bench, "levering", files=False)
    bench.source.write("reg.csv", b"")
    for name in ("fil.txt", "dok/1.txt"):
        bench.source.write(name, b"BAD empty")
    bench.source.document_rows = [
        ("n", "1", ("fil.txt",), {}),
        ("b", "1", ("dok/1.txt",), {"title": "B2"}),
        ("m", "2", ("savnet.txt",), {}),
    ]
    bench.run(delta=True)
    assert flags(bench, "1", "b") == {Flag.NEWER_VERSION_REJECTED}
    for name in ("fil.txt", "dok/1.txt", "savnet.txt"):
        bench.source.write(name, f"rettet {name}".encode())
    bench.retry(reason="empty")
    assert bench.states()["m"] == ("quarantined", "file-missing")
    assert (words(bench, "1", "n"), words(bench, "1", "b")) == (b"rettet fil.txt", b"rettet dok/1.txt")
    assert bench.documents("1")["b"].title == "B2" and flags(bench, "1", "b") == set()
    bench.retry()
    assert words(bench, "2", "m") == b"rettet savnet.txt" and bench.balanced()


def test_a_newer_row_without_its_file_does_not_get_the_bytes_that_wait(bench: Bench) -> None:
    """They are of the version that an older row spoke of."""
    bench.source.document_rows.append(("n", "9", ("dok/4.txt",), {"title": "Gammel"}))
    bench.run()
    assert bench.states()["n"] == ("quarantined", "unknown-patient")
    deliver(bench, "export2", files=False)
    bench.source.patient_rows = [("9", C)]
    bench.source.document_rows = [("n", "9", ("dok/4.txt",), {"title": "Ny"})]
    bench.run(delta=True)
    assert bench.documents("9") == {} and bench.states()["n"] == ("quarantined", "file-missing")
    assert bench.balanced()


def test_kept_bytes_that_are_not_those_that_were_kept_are_not_archived(bench: Bench) -> None:
    deliver(bench, "levering", files=False)
    bench.source.write("fil.txt", b"BAD corrupt")
    bench.source.document_rows = [("n", "1", ("fil.txt",), {})]
    bench.run(delta=True)
    entry = waiting(bench, "n")
    assert entry is not None
    (bench.store.quarantine_path(entry.document.id) / (entry.files[0].stored_as or "")).write_bytes(b"noe annet!!")
    (bench.source.root / "fil.txt").unlink()
    bench.retry()
    assert "n" not in bench.documents("1") and bench.states()["n"] == ("quarantined", "unreadable")


# --- what waits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [b"BAD corrupt", None])
def test_a_new_block_is_shown_at_once_while_its_version_is_refused(bench: Bench, fault: bytes | None) -> None:
    deliver(bench, "export2")
    (bench.source.root / "dok/0.txt").unlink()
    if fault:
        bench.source.write("dok/0.txt", fault)
    row(bench, "a", blocked=True, title="Ny")
    bench.run()
    a = bench.documents("1")["a"]
    assert (a.blocked, a.title) == (True, "A")
    with Catalogue.open(bench.store) as catalogue:
        assert catalogue.connection.execute("SELECT blocked FROM document WHERE source_key='a'").fetchone()[0] == 1
    row(bench, "a", blocked=False)
    bench.run()
    assert bench.documents("1")["a"].blocked, "that it is lifted comes with the version"
    bench.source.write("dok/0.txt", b"notat 0 mendet")
    bench.run()
    assert not bench.documents("1")["a"].blocked and bench.balanced()


def test_of_rows_that_conflict_a_block_counts_whichever_has_it(bench: Bench) -> None:
    bench.source.document_rows.append(("a", "1", ("dok/0.txt",), {"title": "A", "blocked": True}))
    bench.run()
    assert bench.documents("1")["a"].blocked


def test_vanished_and_refused_are_both_told(bench: Bench) -> None:
    deliver(bench, "export2")
    bench.source.write("dok/0.txt", b"BAD corrupt")
    bench.run()
    gone, bench.source.document_rows = bench.source.document_rows, bench.source.document_rows[1:]
    bench.run()
    assert flags(bench, "1", "a") == {Flag.NEWER_VERSION_REJECTED, Flag.VANISHED_FROM_SOURCE}
    bench.source.document_rows = gone
    bench.run()
    assert flags(bench, "1", "a") == {Flag.NEWER_VERSION_REJECTED}
    bench.source.write("dok/0.txt", b"notat 0")
    bench.run()
    assert flags(bench, "1", "a") == set() and waiting(bench, "a") is None and bench.balanced()


def test_what_waits_and_is_left_out_later_waits_no_longer(bench: Bench) -> None:
    deliver(bench, "export2")
    bench.source.write("dok/4.txt", b"BAD corrupt")
    bench.source.document_rows.append(("n", "2", ("dok/4.txt",), {}))
    bench.run()
    assert waiting(bench, "n") is not None
    row(bench, "n", excluded="rule")
    row(bench, "a", excluded="rule")
    bench.run()
    assert waiting(bench, "n") is None and bench.states()["n"] == ("excluded", "rule")
    assert bench.documents("1")["a"].title == "A" and bench.states()["a"][0] == "archived"
    assert bench.balanced() and rebuilt_alike(bench)


def test_a_document_that_moves_and_is_left_out_leaves_both(bench: Bench) -> None:
    row(bench, "a", patient="2", excluded="rule")
    bench.run()
    assert sorted(bench.documents("1")) == ["b"] and sorted(bench.documents("2")) == ["c"]
    assert bench.states()["a"] == ("excluded", "rule") and bench.balanced()


def sums(bench: Bench) -> Reconciliation:
    return reconcile_store(bench.store)


def test_refused_newer_versions_are_in_the_sums(bench: Bench) -> None:
    deliver(bench, "export2")
    bench.source.write("dok/0.txt", b"BAD corrupt")
    (bench.source.root / "dok/2.txt").unlink()
    summary = bench.run()
    assert (summary.quarantined, summary.newer_rejected) == (2, 2)
    assert dict(sums(bench).newer_rejected) == {"corrupt": 1, "file-missing": 1}
    assert sums(bench).totals.newer_rejected == 2 and sums(bench).totals.archived == 3
    assert "2 have a newer version" in sums(bench).to_text()


# --- rows of one key -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_a_rule_leaves_out_rows_before_their_keys_are_compared(bench: Bench, order: tuple[int, int, int]) -> None:
    three = [
        ("n", "2", ("dok/3.txt",), {"title": "Gammel", "excluded": "gamle"}),
        ("n", "2", ("dok/4.txt",), {"title": "Gyldig"}),
        ("n", "1", ("dok/5.txt",), {"title": "Eldre", "excluded": "gamle"}),
    ]
    bench.source.document_rows += [three[n] for n in order]  # type: ignore[misc]
    bench.run()
    assert bench.documents("2")["n"].title == "Gyldig" and words(bench, "2", "n") == b"notat 4"
    totals = sums(bench).totals
    assert (totals.rows, totals.archived, totals.excluded, totals.duplicates) == (6, 4, 2, 0)
    assert dict(sums(bench).excluded) == {"gamle": 2} and bench.balanced()


def test_two_sound_rows_that_remain_conflict_and_keep_both_files(bench: Bench) -> None:
    bench.source.document_rows += [
        ("n", "2", ("dok/3.txt",), {"excluded": "gamle"}),
        ("n", "2", ("dok/4.txt",), {"title": "En"}),
        ("n", "2", ("dok/5.txt",), {"title": "To"}),
        ("n", "2", ("dok/4.txt",), {"title": "En"}),
    ]
    bench.run()
    entry = waiting(bench, "n")
    assert entry is not None and entry.reason is Reason.CONFLICTING_ROWS
    kept = {p.read_bytes() for p in bench.store.quarantine_path(entry.document.id).iterdir() if p.suffix == ".txt"}
    assert kept == {b"notat 4", b"notat 5"}
    assert sums(bench).totals.duplicates == 2 and bench.balanced()


# --- stops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("following", ["delta", "whole", "retry", "same"])
def test_a_run_stopped_after_registration_is_finished_by_whatever_comes_next(bench: Bench, following: str) -> None:
    deliver(bench, "export2")
    bench.source.write("dok/0.txt", b"nytt innhold")
    bench.source.write("dok/4.txt", b"nytt notat")
    row(bench, "a", title="Rettet")
    bench.source.document_rows.append(("n", "2", ("dok/4.txt",), {}))
    bench.source.document_rows[2] = ("c", "1", ("dok/2.txt",), {"title": "C"})
    bench.run(register_only=True)
    if following == "delta":
        deliver(bench, "export3", files=False)
        bench.source.write("ny.txt", b"enda et")
        bench.source.patient_rows, bench.source.document_rows = [("2", B)], [("x", "2", ("ny.txt",), {})]
        bench.run(delta=True)
    elif following == "whole":
        deliver(bench, "export3")
        bench.run()
    elif following == "retry":
        bench.retry()
    else:
        bench.run()
    assert bench.documents("1")["a"].title == "Rettet" and words(bench, "1", "a") == b"nytt innhold"
    assert words(bench, "2", "n") == b"nytt notat"
    assert "c" in bench.documents("1") and "c" not in bench.documents("2")
    assert bench.balanced()


def test_bytes_of_a_stopped_run_whose_folder_is_used_again_are_refused_and_not_guessed(bench: Bench) -> None:
    deliver(bench, "levering", files=False)
    bench.source.write("dok/0.txt", b"nytt innhold")
    bench.source.document_rows = [("a", "1", ("dok/0.txt",), {"title": "Rettet"})]
    bench.run(delta=True, register_only=True)
    bench.source.write("dok/0.txt", b"en annens")
    bench.source.document_rows = [("x", "2", ("dok/0.txt",), {})]
    bench.run(delta=True)
    a = bench.documents("1")["a"]
    assert a.title == "A" and flags(bench, "1", "a") == {Flag.NEWER_VERSION_REJECTED}
    entry = waiting(bench, "a")
    assert entry is not None and (entry.reason, entry.files[0].sha256) == (Reason.FILE_MISSING, None)
    assert words(bench, "2", "x") == b"en annens" and bench.balanced()


@pytest.mark.parametrize("at", ["files", "patients", "documents"])
@pytest.mark.parametrize("delta", [False, True])
def test_a_registration_cut_short_changes_nothing(bench: Bench, at: str, delta: bool) -> None:
    """Attachments, numbers and titles of rows that were read and forgotten are in no table and no package."""
    from extract.incoming import read_export

    def tables() -> dict[str, list[tuple[object, ...]]]:
        with Register(bench.store.register) as register:
            names = ("document", "document_file", "patient", "identifier", "file", "delivery", "finding")
            run = register.connection.execute
            return {t: [tuple(r) for r in run(f"SELECT * FROM {t} ORDER BY 1, 2")] for t in names}

    before = tables()
    wrong = Delivery(bench.source.root)
    wrong.patient_rows = [("1", B), ("9", C)]
    wrong.document_rows = [("a", "2", ("dok/0.txt", "dok/5.txt"), {"title": "Feil"}), ("z", "9", ("dok/4.txt",), {})]

    def stop(kind: str, n: int) -> None:
        if kind == at:
            raise KeyboardInterrupt

    with Register(bench.store.register) as register:
        export, _ = register.begin_export(
            wrong.root, delta=delta, register_sha256="x", mapping_sha256="m", now="2026-01-01"
        )
        with pytest.raises(KeyboardInterrupt):
            read_export(register, wrong, export, stop)
    assert tables() == before
    bench.retry()
    bench.source.document_rows = [("b", "1", ("dok/1.txt",), {"title": "B2"})]
    bench.run(delta=True)
    assert bench.documents("1")["a"].title == "A" and len(bench.documents("1")["a"].files) == 1
    assert bench.documents("1")["b"].title == "B2" and bench.balanced()


def test_a_stop_in_retry_is_finished_by_the_next_command(bench: Bench) -> None:
    deliver(bench, "export2")
    bench.source.write("dok/4.txt", b"BAD corrupt")
    bench.source.write("reg.csv", b"")
    bench.source.document_rows.append(("n", "2", ("dok/4.txt",), {}))
    bench.run()
    bench.source.write("dok/4.txt", b"rettet")

    class Stopped(BaseException):
        pass

    def stop(job: object) -> None:
        raise Stopped

    bench.normaliser.before = stop
    with pytest.raises(Stopped):
        bench.retry()
    bench.normaliser.before = lambda job: None
    deliver(bench, "export3", files=False)
    bench.source.write("ny.txt", b"nytt")
    bench.source.document_rows = [("x", "1", ("ny.txt",), {})]
    bench.run(delta=True)
    assert "n" in bench.documents("2") and waiting(bench, "n") is None and bench.balanced()


def test_a_migration_without_its_catalogue_makes_no_empty_one(bench: Bench) -> None:
    for path in bench.archive.glob("catalogue.sqlite*"):
        path.unlink()
    for again in (bench.run, bench.retry):
        with pytest.raises(CatalogueInvalidError, match="rebuild"):
            again()
    assert not bench.store.catalogue.exists()
    rebuild(bench.store)
    bench.run()
    assert bench.balanced() and bench.generation("1") == 1


# --- numbers -------------------------------------------------------------------------------------------------------


def found_by(bench: Bench, number: str) -> set[tuple[str, int]]:
    with Catalogue.open(bench.store) as catalogue:
        select = (
            "SELECT p.source_key, i.current FROM patient_identifier i JOIN patient p ON p.id=i.patient_id WHERE value=?"
        )
        return {(r[0], r[1]) for r in catalogue.connection.execute(select, (number,))}


def test_a_corrected_number_finds_the_patient_as_before(bench: Bench) -> None:
    for n, number in enumerate((C, B, A)):
        deliver(bench, f"export{n + 2}", files=False)
        bench.source.patient_rows, bench.source.document_rows = [("1", number)], []
        bench.run(delta=True)
        assert ("1", 1) in found_by(bench, number) and rebuilt_alike(bench)
    assert found_by(bench, A) == {("1", 1)} and found_by(bench, C) == {("1", 0)}
    assert found_by(bench, B) == {("1", 0), ("2", 1)}


@pytest.mark.parametrize(
    "wrong",
    [
        "DELETE FROM patient_identifier WHERE value=:old",
        "UPDATE patient_identifier SET current=1 WHERE value=:old",
        "DELETE FROM patient_identifier WHERE value=:new",
        "UPDATE patient_identifier SET current=0 WHERE value=:new",
        "INSERT INTO patient_identifier SELECT id, '1', 'local', 1, 0, 0 FROM patient WHERE source_key='2'",
    ],
)
def test_verify_knows_former_numbers_and_notices_what_is_wrong_with_them(bench: Bench, wrong: str) -> None:
    deliver(bench, "export2", files=False)
    bench.source.patient_rows, bench.source.document_rows = [("1", C)], []
    bench.run(delta=True)
    assert not list(verify(bench.store, level=Level.HASHES).findings)
    with Catalogue.open(bench.store, write=True) as catalogue:
        catalogue.connection.execute(wrong, {"old": A, "new": C})
    assert [f.detail for f in verify(bench.store, level=Level.HASHES).findings] == ["Table patient_identifier."]


def patient_flags(bench: Bench, key: str) -> str:
    with Catalogue.open(bench.store) as catalogue:
        row = catalogue.connection.execute("SELECT flags FROM patient WHERE source_key=?", (key,)).fetchone()
        return str(row[0])


def test_a_number_shared_or_no_longer_shared_by_a_delta_is_told_on_both(bench: Bench) -> None:
    untouched = bench.source.document_rows
    for number, shared in ((B, True), (C, False), (B, True)):
        deliver(bench, f"export-{bench.generation('1')}-{number}", files=False)
        bench.source.patient_rows, bench.source.document_rows = [("1", number)], []
        bench.run(delta=True)
        for key in "12":
            assert ("id-shared" in patient_flags(bench, key)) is shared, key
        assert bench.balanced() and rebuilt_alike(bench)
    bench.source.document_rows = untouched


# --- much is gone --------------------------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.source.patient_rows = [(str(n), "") for n in range(40)]
    made.source.document_rows = [(f"d{n}", str(n), (f"{n}.txt",), {"title": "En"}) for n in range(40)]
    for n in range(40):
        made.source.write(f"{n}.txt", f"notat {n}".encode())
    made.run()
    return made


@pytest.mark.parametrize("what", ["files", "documents", "patients"])
def test_an_export_from_which_most_is_gone_changes_nothing(many: Bench, what: str) -> None:
    def state() -> object:
        with Register(many.store.register) as register:
            run = register.connection.execute
            return [[tuple(r) for r in run(f"SELECT * FROM {t}")] for t in ("export", "document", "patient", "file")]

    before, packages = state(), many.packages()
    many.source.document_rows = [(k, p, f, {"title": "To"}) for k, p, f, _ in many.source.document_rows]
    if what == "files":
        for n in range(21):
            (many.source.root / f"{n}.txt").unlink()
    elif what == "documents":
        many.source.document_rows = many.source.document_rows[21:]
    else:
        many.source.patient_rows = many.source.patient_rows[21:]
    with pytest.raises(ExportShrunkError, match="21 of 40"):
        many.run(max_gone=50)
    assert state() == before and many.packages() == packages and many.balanced()
    many.run(max_gone=53)
    assert many.packages() != packages and many.balanced()


@pytest.mark.parametrize(("gone", "share"), [(20, 50), (19, 10)])
def test_a_share_is_exceeded_only_by_more_and_few_say_nothing(many: Bench, gone: int, share: int) -> None:
    many.source.document_rows = many.source.document_rows[gone:]
    many.run(max_gone=share)
    assert many.balanced()


def test_a_delta_lacks_no_rows_but_may_lack_files(many: Bench) -> None:
    many.source.document_rows = many.source.document_rows[:25]
    many.source.patient_rows = []
    many.run(delta=True, max_gone=0)
    for n in range(25):
        (many.source.root / f"{n}.txt").unlink()
    many.source.document_rows = [(k, p, f, {"title": "To"}) for k, p, f, _ in many.source.document_rows]
    with pytest.raises(ExportShrunkError, match="files of archived documents"):
        many.run(delta=True, max_gone=50)
