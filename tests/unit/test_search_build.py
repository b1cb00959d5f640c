"""The index is built whole or not at all, kept up to date by its changed parts, and never believed unchecked."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive.errors import ArchiveBusyError, CatalogueInvalidError, IndexMissingError
from archive.store import ArchiveStore
from tests.conftest import ARCHIVE_INFO, REPOSITORY
from tests.searchable import Note, SearchableArchive, patient_id, write_archive
from viewer.commands import index as index_command
from viewer.search import open_index
from viewer.search import worker as worker_module
from viewer.search.build import build_index
from viewer.search.generation import ShardFacts, read_manifest, shard_of
from viewer.search.worker import ShardJob


def journals(patients: int = 12, notes: int = 6) -> dict[str, list[Note]]:
    rng = random.Random(5)
    words = [f"ord{n}" for n in range(60)]
    return {
        f"p{p}": [
            Note(f"p{p}n{n}", [" ".join(rng.choices(words, k=30)) + f" unikt{p}x{n}"], date=f"20{p:02}-0{1 + n}-01")
            for n in range(notes)
        ]
        for p in range(patients)
    }


@pytest.fixture
def archive(archive_store: ArchiveStore, tmp_path: Path) -> SearchableArchive:
    return write_archive(archive_store, tmp_path / "files", journals())


def answers(store: ArchiveStore) -> dict[str, list[str]]:
    """What the index answers to a good many queries."""
    backend = open_index(store)
    queries = [f"ord{n}" for n in range(0, 60, 7)] + [f"unikt{p}x{n}" for p in range(14) for n in range(7)]
    found = {
        q: [h.document_id for h in backend.search_all(q, limit=999, budget_seconds=60).hits]
        for q in [*queries, "unikt1*", '"ord1 ord2"']
    }
    backend.close()
    return found


def shard_files(store: ArchiveStore) -> dict[str, str]:
    generation = store.index / read_manifest(store).generation
    return {
        str(p.relative_to(generation)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(generation.rglob("*"))
        if p.is_file() and p.name != "manifest.json"
    }


def test_every_document_is_found_by_its_own_word(archive: SearchableArchive) -> None:
    report = build_index(archive.store, shard_documents=20)
    assert (report.documents, report.shards, report.built) == (72, 4, 4)
    found = answers(archive.store)
    for p in range(12):
        for n in range(6):
            assert found[f"unikt{p}x{n}"] == [archive.id_of(f"p{p}n{n}")]


def test_processes_and_number_of_shards_change_no_answer(archive: SearchableArchive) -> None:
    build_index(archive.store, shard_documents=10_000)
    one = answers(archive.store)
    shutil.rmtree(archive.store.index)
    told: list[tuple[int, int]] = []
    report = build_index(archive.store, shard_documents=30, workers=2, progress=lambda *n: told.append(n))
    assert report.built == 3
    assert answers(archive.store) == one
    assert told[-1] == (72, 72)


def test_an_index_up_to_date_is_left_alone(archive: SearchableArchive) -> None:
    build_index(archive.store, shard_documents=20)
    before = shard_files(archive.store)
    report = build_index(archive.store, shard_documents=20)
    assert not report.changed
    assert shard_files(archive.store) == before


def test_only_shards_whose_packages_changed_are_built(archive: SearchableArchive) -> None:
    store = archive.store
    build_index(store, shard_documents=20)
    before = shard_files(store)
    changed = f"shard-{shard_of(patient_id('p3'), 4):04d}"
    archive.put("p3", [*journals()["p3"][1:], Note("nytt", ["unikt13x0 helt nytt"])])
    assert open_index(store).covers().stale
    report = build_index(store, shard_documents=20)
    assert (report.built, report.carried, report.generation) == (1, 3, "g000002")
    after = shard_files(store)
    assert {n for n in before if before[n] != after.get(n)} <= {n for n in before if n.startswith(changed)}
    found = answers(store)
    assert found["unikt13x0"] == [archive.id_of("nytt")]
    assert found["unikt3x0"] == []
    updated = found
    shutil.rmtree(store.index)
    build_index(store, shard_documents=20)
    assert answers(store) == updated, "an update answers as an index built from nothing does"


def test_two_generations_are_kept(archive: SearchableArchive) -> None:
    for n in range(4):
        archive.put("p0", [Note(f"x{n}", [f"unikt{n}"])])
        build_index(archive.store)
    assert sorted(p.name for p in archive.store.index.iterdir()) == ["current", "g000003", "g000004"]


def test_growth_makes_more_shards(archive: SearchableArchive) -> None:
    assert build_index(archive.store, shard_documents=72).shards == 1
    archive.put("p20", [Note(f"mer{n}", ["mer"]) for n in range(100)])
    report = build_index(archive.store, shard_documents=72)
    assert report.carried == 0
    assert open_index(archive.store).search_all("mer", limit=1, budget_seconds=60).total == 100


def test_no_catalogue_no_index(archive_store: ArchiveStore) -> None:
    with pytest.raises(CatalogueInvalidError):
        build_index(archive_store)
    with pytest.raises(IndexMissingError, match="no search index"):
        open_index(archive_store)


def test_only_one_builds_at_a_time(archive: SearchableArchive) -> None:
    with archive.store.lock(), pytest.raises(ArchiveBusyError):
        build_index(archive.store)


def _files(store: ArchiveStore) -> list[Path]:
    return sorted(p for p in store.index.rglob("*") if p.is_file() and p.name != "shard.json")


@pytest.mark.parametrize("which", range(5))
def test_a_changed_file_is_noticed_before_it_is_read_and_mended_by_the_next_build(
    archive: SearchableArchive, which: int
) -> None:
    store = archive.store
    build_index(store)
    good = answers(store)
    files = _files(store)
    assert {p.suffix or p.name for p in files} == {"current", ".json", ".seg", ".toc", ".txt"}
    path = files[which]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexMissingError):
        open_index(store)
    build_index(store)
    assert answers(store) == good


@pytest.mark.parametrize("what", ["cut", "gone", "added"])
def test_a_file_cut_gone_or_added_is_noticed(archive: SearchableArchive, what: str) -> None:
    store = archive.store
    build_index(store)
    (segment,) = store.index.rglob("*.seg")
    if what == "cut":
        os.truncate(segment, segment.stat().st_size - 1)
    elif what == "gone":
        segment.unlink()
    else:
        segment.with_name("_MAIN_9.toc").write_bytes(b"")  # Whoosh would take this for a newer table of contents
    with pytest.raises(IndexMissingError):
        open_index(store)


class _Dangerous:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("ran",))


def test_what_somebody_put_into_the_index_is_never_unpickled(
    archive: SearchableArchive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build_index(archive.store)
    monkeypatch.chdir(tmp_path)
    for toc in archive.store.index.rglob("*.toc"):
        toc.write_bytes(pickle.dumps(_Dangerous()))
    with pytest.raises(IndexMissingError):
        open_index(archive.store)
    assert not (tmp_path / "ran").exists()
    build_index(archive.store)
    assert not (tmp_path / "ran").exists()


def test_the_index_of_another_archive_or_version_is_not_used(
    archive: SearchableArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(archive.store)
    other = ArchiveStore.create(
        tmp_path / "other", type(ARCHIVE_INFO)(id="1a6d3f0e-5f0c-5c55-9d5c-3f2b1f1f7a01", system_name="Annen")
    )
    shutil.copytree(archive.store.index, other.index)
    with pytest.raises(IndexMissingError, match="another archive"):
        open_index(other)
    monkeypatch.setattr("viewer.search.generation.FORMAT", 99)
    with pytest.raises(IndexMissingError, match="another version"):
        open_index(archive.store)


def test_an_unfinished_build_changes_nothing_and_its_finished_shards_are_used(
    archive: SearchableArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = archive.store
    build_index(store, shard_documents=20)
    before = answers(store)
    for n in range(12):
        archive.put(f"p{n}", [*journals()[f"p{n}"], Note(f"extra{n}", ["unikt13x6"])])
    real, built = worker_module.build_shard, []

    def dies_at_the_third(job: ShardJob, progress: object) -> ShardFacts:
        if len(built) == 2:
            raise KeyboardInterrupt
        built.append(job.number)
        return real(job, progress)  # type: ignore[arg-type]

    monkeypatch.setattr("viewer.search.build.build_shard", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        build_index(store, shard_documents=20)
    assert answers(store) == before
    monkeypatch.undo()
    report = build_index(store, shard_documents=20)
    assert (report.resumed, report.built) == (2, 2)
    assert len(answers(store)["unikt13x6"]) == 12


def test_a_shard_that_lost_documents_is_not_published(
    archive: SearchableArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = worker_module.InvertingWriter.add_document
    calls = iter(range(10_000))

    def forgetful(self: object, **fields: object) -> None:
        if next(calls) != 5:
            real(self, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(worker_module.InvertingWriter, "add_document", forgetful)
    with pytest.raises(IndexMissingError, match="71 documents were written, not 72"):
        build_index(archive.store)
    with pytest.raises(IndexMissingError):
        open_index(archive.store)


def test_long_words_and_long_texts_pass_the_check_of_what_was_written(archive: SearchableArchive) -> None:
    texts = ["b" * 70_000, "c d " * 700 + "aa-bb-cc-dd " * 90, "1,2." * 900 + "x", "å\u0301" * 1500]
    archive.put("p20", [Note(f"lang{n}", [" ".join(["zz"] * 665) + text]) for n, text in enumerate(texts)])
    assert build_index(archive.store).documents == 76


def test_killed_at_any_moment_and_run_again_it_answers_the_same(archive: SearchableArchive) -> None:
    store = archive.store
    build_index(store, shard_documents=10)
    whole = answers(store)
    shutil.rmtree(store.index)
    script = (
        "import sys; from pathlib import Path; from archive.store import ArchiveStore\n"
        "from viewer.search.build import build_index\n"
        "print('on', flush=True); build_index(ArchiveStore.open(Path(sys.argv[1])), shard_documents=10)\n"
    )
    killed = 0
    for n in range(30):
        run = subprocess.Popen([sys.executable, "-c", script, store.root], cwd=REPOSITORY, stdout=subprocess.PIPE)
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(0.02 * (n + 1))
        run.send_signal(signal.SIGKILL)
        run.stdout.close()
        if run.wait() == 0:
            break
        killed += 1
        if (store.index / "current").exists():
            assert answers(store) == whole
    assert killed >= 2
    build_index(store, shard_documents=10)
    assert answers(store) == whole


def test_the_command_reports_what_it_did(archive: SearchableArchive) -> None:
    def run(*args: str) -> str:
        result = CliRunner().invoke(index_command, [str(archive.store.root), *args])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert json.loads(run("--json", "--workers", "1"))["documents"] == 72
    assert run() == "The index is up to date: 72 documents (g000001).\n"
