"""A document with a sound main file is archived whatever its attachments are, and nothing is given up for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from archive.reasons import Flag
from archive.reconcile import Reconciliation, reconcile_store
from archive.verify import Level, verify
from extract.migrate import Options, retry
from extract.progress import Progress
from tests.fake_run import SerialExecutor
from tests.integration.test_migrate import Bench

QUIET = Progress(quiet=True)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    for n in range(4):
        made.source.write(f"dok/{n}.txt", f"notat {n}".encode())
    made.source.write("dok/locked.txt", b"BAD encrypted")
    made.source.write("dok/slow.txt", b"BAD conversion-timeout")
    made.source.patient_rows = [("1", "")]
    made.source.document_rows = [("a", "1", ("dok/0.txt", "dok/1.txt"), {"title": "Brev"})]
    return made


def rows(bench: Bench, *files: str | None, title: str = "Brev") -> None:
    bench.source.document_rows = [("a", "1", files, {"title": title})]


def take_up(bench: Bench, monkeypatch: pytest.MonkeyPatch, reason: str | None = None) -> None:
    bench.normaliser.seen.clear()
    monkeypatch.setattr("extract.migrate.local_workers", lambda store, o: SerialExecutor(store, o, bench.normaliser))
    retry(bench.archive, Options(), QUIET, reason=reason)


def notes(bench: Bench) -> tuple[list[str], dict[int, list[str]]]:
    """Details of the document's flags that tell of what is not there, and those of each file."""
    document = bench.documents("1")["a"]
    ours = (Flag.ATTACHMENT_MISSING, Flag.FILE_NOT_CONVERTED)
    return (
        [n.detail for n in document.flags if n.code in ours],
        {f.seq: [n.detail for n in f.flags if n.code in ours] for f in document.files},
    )


def sound(bench: Bench) -> Reconciliation:
    assert list(verify(bench.store, Level.SCHEMAS).findings) == []
    result = reconcile_store(bench.store)
    assert result.differences == []
    return result


def test_an_attachment_that_cannot_be_converted_keeps_no_main_file_out(bench: Bench) -> None:
    rows(bench, "dok/0.txt", "dok/locked.txt", "dok/2.txt")
    bench.run()
    assert bench.states() == {"a": ("archived", "encrypted")}
    first, second, third = bench.documents("1")["a"].files
    assert first.archive_copy and third.archive_copy and third.text
    assert (second.archive_copy, second.text) == (None, None)
    assert notes(bench) == ([], {1: [], 2: ["encrypted: as the content says"], 3: []})
    result = sound(bench)
    assert (result.totals.archived, result.totals.quarantined) == (1, 0)
    assert result.incomplete == 1
    assert list(bench.store.quarantine.iterdir()) == []
    before = bench.packages()
    bench.run()
    assert bench.packages() == before
    assert bench.states() == {"a": ("archived", "encrypted")}


@pytest.mark.parametrize("bad", ["dok/locked.txt", "dok/none.txt", None])
def test_a_main_file_that_cannot_be_archived_stops_its_document(bench: Bench, bad: str | None) -> None:
    rows(bench, bad, "dok/1.txt")
    bench.run()
    assert bench.states()["a"][0] == "quarantined"
    assert bench.documents("1") == {}
    assert sound(bench).totals.quarantined == 1


def test_an_attachment_that_leads_outside_stops_its_document(bench: Bench) -> None:
    rows(bench, "dok/0.txt", None)
    bench.run()
    assert bench.states() == {"a": ("quarantined", "path-outside-export")}


def test_a_missing_attachment_is_told_and_taken_up_when_it_comes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    rows(bench, "dok/0.txt", "dok/late.txt", "dok/2.txt")
    bench.run()
    assert bench.states() == {"a": ("archived", "file-missing")}
    assert [f.seq for f in bench.documents("1")["a"].files] == [1, 3]
    assert notes(bench) == (["file-missing: File 2 of 3."], {1: [], 3: []})
    assert sound(bench).incomplete == 1
    before = bench.packages()
    take_up(bench, monkeypatch)
    assert bench.packages() == before, "it has not come"
    assert bench.states() == {"a": ("archived", "file-missing")}
    bench.source.write("dok/late.txt", b"late")
    take_up(bench, monkeypatch, "encrypted")
    assert bench.packages() == before, "nothing waits for that reason"
    take_up(bench, monkeypatch, "file-missing")
    assert bench.states() == {"a": ("archived", None)}
    assert [f.seq for f in bench.documents("1")["a"].files] == [1, 2, 3]
    assert notes(bench) == ([], {1: [], 2: [], 3: []})
    assert sound(bench).incomplete == 0


def test_a_later_export_brings_a_missing_attachment(bench: Bench) -> None:
    rows(bench, "dok/0.txt", "dok/late.txt")
    bench.run()
    bench.source.write("dok/late.txt", b"late")
    bench.run()
    assert bench.states() == {"a": ("archived", None)}
    assert len(bench.documents("1")["a"].files) == 2
    assert sound(bench).incomplete == 0


def test_new_facts_come_though_the_attachment_is_missing_still(bench: Bench) -> None:
    rows(bench, "dok/0.txt", "dok/late.txt")
    bench.run()
    rows(bench, "dok/0.txt", "dok/late.txt", title="Rettet")
    bench.run()
    assert bench.documents("1")["a"].title == "Rettet"
    assert notes(bench)[0] == ["file-missing: File 2 of 2."]
    assert bench.states() == {"a": ("archived", "file-missing")}
    assert sound(bench).incomplete == 1


def test_an_attachment_that_is_archived_is_never_given_up_for_a_version_that_lacks_it(bench: Bench) -> None:
    bench.run()
    (bench.source.root / "dok/1.txt").unlink()
    bench.source.write("dok/0.txt", b"new words")
    rows(bench, "dok/0.txt", "dok/1.txt", title="Ny")
    bench.run()
    document = bench.documents("1")["a"]
    assert (document.title, len(document.files)) == ("Brev", 2)
    assert [f.code for f in document.flags] == [Flag.NEWER_VERSION_REJECTED]
    assert bench.states() == {"a": ("archived", "file-missing")}
    assert sound(bench).incomplete == 0


def test_an_attachment_that_a_later_version_adds_may_be_missing(bench: Bench) -> None:
    bench.run()
    rows(bench, "dok/0.txt", "dok/1.txt", "dok/late.txt")
    bench.run()
    assert [f.seq for f in bench.documents("1")["a"].files] == [1, 2]
    assert notes(bench)[0] == ["file-missing: File 3 of 3."]
    sound(bench)


def test_retry_converts_what_had_no_copy_and_leaves_the_rest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    rows(bench, "dok/0.txt", "dok/slow.txt", "dok/2.txt")
    bench.run()
    before = {f.seq: f for f in bench.documents("1")["a"].files}
    old, bench.normaliser.patient = dict(bench.packages()), False
    take_up(bench, monkeypatch)
    assert bench.packages() == old, "tried and failed again: no new package"
    bench.normaliser.patient = True
    take_up(bench, monkeypatch, "conversion-timeout")
    after = {f.seq: f for f in bench.documents("1")["a"].files}
    assert after[2].archive_copy is not None and after[2].original == before[2].original
    assert (after[1], after[3]) == (before[1], before[3])
    assert bench.states() == {"a": ("archived", None)}
    assert old.items() < bench.packages().items()
    assert sound(bench).incomplete == 0


def test_retry_takes_the_archived_bytes_when_the_export_is_gone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    rows(bench, "dok/0.txt", "dok/slow.txt", "dok/late.txt")
    bench.run()
    shutil.rmtree(bench.source.root)
    bench.normaliser.patient = True
    take_up(bench, monkeypatch, "conversion-timeout")
    assert bench.states() == {"a": ("archived", "file-missing")}, "asked for by the first reason alone"
    take_up(bench, monkeypatch)
    files = bench.documents("1")["a"].files
    assert [(f.seq, f.archive_copy is not None) for f in files] == [(1, True), (2, True)]
    assert bench.states() == {"a": ("archived", "file-missing")}
    assert notes(bench)[0] == ["file-missing: File 3 of 3."]
    sound(bench)


def test_a_retry_that_cannot_have_the_main_file_refuses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    rows(bench, "dok/0.txt", "dok/slow.txt")
    bench.run()
    before, document = bench.packages(), bench.documents("1")["a"]
    shutil.rmtree(bench.source.root)
    monkeypatch.setattr("extract.work.held_original", lambda *_: None)
    take_up(bench, monkeypatch)
    assert bench.documents("1")["a"] == document
    assert bench.packages() == before
    assert bench.states() == {"a": ("archived", "conversion-timeout")}
    sound(bench)


def test_a_lost_register_learns_again_what_is_missing(bench: Bench) -> None:
    rows(bench, "dok/0.txt", "dok/late.txt")
    bench.run()
    before = bench.packages()
    for path in bench.archive.glob("register.sqlite*"):
        path.unlink()
    bench.run()
    assert bench.packages() == before
    assert bench.states() == {"a": ("archived", "file-missing")}
    sound(bench)


def test_a_lost_register_learns_it_of_a_document_that_a_rule_leaves_out_today(bench: Bench) -> None:
    rows(bench, "dok/0.txt", "dok/late.txt")
    bench.run()
    for path in bench.archive.glob("register.sqlite*"):
        path.unlink()
    bench.source.document_rows = [("a", "1", ("dok/0.txt", "dok/late.txt"), {"title": "Brev", "excluded": "rule"})]
    bench.run()
    assert bench.states() == {"a": ("archived", "file-missing")}
    sound(bench)


def test_an_empty_attachment_is_kept_as_it_is(bench: Bench) -> None:
    bench.source.write("dok/empty.txt", b"BAD empty")
    rows(bench, "dok/0.txt", "dok/empty.txt")
    bench.run()
    assert bench.states() == {"a": ("archived", "empty")}
    sound(bench)


@pytest.mark.parametrize("how", ["file", "link out", "folder"])
def test_a_missing_main_file_that_is_put_in_its_place_is_taken_up(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    rows(bench, "dok/late.txt")
    bench.run()
    place = bench.source.root / "dok/late.txt"
    if how == "file":
        place.write_bytes(b"late")
    elif how == "folder":
        place.mkdir()
    else:
        (tmp_path / "outside.txt").write_bytes(b"another's")
        place.symlink_to(tmp_path / "outside.txt")
    take_up(bench, monkeypatch, "file-missing")
    assert bench.states() == {"a": ("archived", None) if how == "file" else ("quarantined", "file-missing")}
    sound(bench)
