"""The sample goes through the whole line and ends as its truth says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from archive.store import ArchiveStore
from extract.sample import generate
from tests.e2e import cosdoc


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "out"
    generate(out, patients=30, documents=160, seed=3)
    return out


@pytest.fixture(scope="module")
def truth(sample: Path) -> Any:
    return json.loads((sample / "truth.json").read_text())


@pytest.fixture(scope="module")
def archive(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made as people make one: in the current folder, with relative paths."""
    folder = tmp_path_factory.mktemp("archive")
    (folder / "out").symlink_to(sample)
    command = cosdoc.command("migrate", "out/export", "archive", "--mapping", "out/mapping.toml", "--workers", "1")
    environment = {**os.environ, "PYTHONPATH": str(cosdoc.ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    cosdoc.run("index", folder / "archive")
    return folder / "archive"


def test_every_document_became_what_the_truth_says(archive: Path, truth: Any) -> None:
    wrong = {}
    states = cosdoc.states(archive)
    assert len(states) == truth["distinct"]
    for key, fact in truth["documents"].items():
        _, state, reason = states[key]
        if fact["expect"] != "any" and (state, reason) != (fact["expect"], fact.get("code")):
            wrong[key] = (state, reason, fact)
    assert wrong == {}


def test_fonts_are_embedded_and_pages_stay_text(archive: Path) -> None:
    routes = dict(cosdoc.rows(archive / "catalogue.sqlite", "SELECT route, count(*) FROM file GROUP BY route"))
    assert routes["pdf"]
    assert not [route for route in routes if "raster" in route or "ghostscript" in route]


def test_the_report_holds_copies_against_their_originals(archive: Path) -> None:
    report = cosdoc.run("report", archive, "--fidelity", "4", "--seed", "1", expect=(1,))
    found = {(r["route"], r["family"]): r for r in report["fidelity"]["routes"]}
    counts = dict(cosdoc.rows(archive / "catalogue.sqlite", "SELECT route, count(*) FROM file GROUP BY route"))
    for route, count in counts.items():
        assert sum(r["files"] for (name, _), r in found.items() if name == route) == count
    for (_, family), r in found.items():
        assert r["failed"] == 0
        assert r["sampled"] == min(4, r["files"])
        if r["words"]:
            assert r["words_kept"] >= 0.99 * r["words"]
        assert r["with_words"] or family in ("jpeg", "png", "tiff", "pdf")
        assert r["pages_equal"] == r["paged"] == (r["sampled"] if family in ("jpeg", "png", "tiff", "pdf") else 0)
        assert (r["difference_max"] or 0) < 0.2
    again = cosdoc.run("report", archive, "--fidelity", "4", "--seed", "1", expect=(1,))
    assert again["fidelity"] == report["fidelity"]


def test_locked_documents_are_archived_once_their_password_is_known(archive: Path, truth: Any, tmp_path: Path) -> None:
    again = tmp_path / "archive"
    shutil.copytree(archive, again)
    locked = {key for key, fact in truth["documents"].items() if fact.get("code") == "encrypted"}
    assert locked
    before = cosdoc.packages(again)
    passwords = tmp_path / "passwords.txt"
    passwords.write_text("sommer2004\npasient\n", encoding="utf-8")
    run = cosdoc.run("retry", again, "--reason", "encrypted", "--passwords", passwords, "--workers", "1", expect=(0, 1))
    assert run["run"]["documents"] >= run["run"]["archived"] == len(locked)
    states = cosdoc.states(again)
    assert {states[key][1] for key in locked} == {"archived"}
    flagged = cosdoc.rows(again / "catalogue.sqlite", "SELECT 1 FROM file WHERE flags LIKE '%opened-with-password%'")
    assert len(flagged) == len(locked)
    after = cosdoc.packages(again)
    assert before.items() <= after.items()  # nothing that was there has changed
    cosdoc.run("verify", again)
    shut, opened = (
        cosdoc.run("report", again, "--fidelity", "1000", *option, expect=(1,))["fidelity"]["routes"]
        for option in ((), ("--passwords", passwords))
    )
    assert sum(r["with_words"] for r in opened) == sum(r["with_words"] for r in shut) + len(locked)
    new = [(o["words"] - s["words"], o["words_kept"] - s["words_kept"]) for o, s in zip(opened, shut, strict=True)]
    assert all(kept == words for words, kept in new)
    # what opened them stands nowhere: not in a package, not in a database, not in a summary
    holding = [p for p in again.rglob("*") if p.is_file() and b"sommer2004" in p.read_bytes()]
    assert holding == []


def test_planted_words_are_found_in_exactly_the_documents_named(archive: Path, truth: Any) -> None:
    from viewer.search import open_index

    keys = {i: int(key) for key, (i, _, _) in cosdoc.states(archive).items()}
    backend = open_index(ArchiveStore.open(archive))
    try:
        for word, expected in truth["search"].items():
            hits = backend.search_all(word, limit=100, budget_seconds=30)
            assert {keys[h.document_id] for h in hits.hits} == set(expected), word
    finally:
        backend.close()
