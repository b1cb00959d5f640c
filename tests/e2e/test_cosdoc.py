"""The whole line on the realistic export, against its known truth."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from archive.store import ArchiveStore
from tests import oracles
from tests.e2e import cosdoc

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def export(shared: Path) -> Path:
    return shared / "exports" / "cosdoc" / "export"


@pytest.fixture(scope="module")
def truth(export: Path) -> Any:
    return json.loads((export.parent / "truth.json").read_text())


@pytest.fixture(scope="module")
def archive(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export, migrated once; tests that write take a copy."""
    kept = os.environ.get("JOURNALARKIV_TEST_COSDOC")
    if kept:
        return Path(kept)
    made = tmp_path_factory.mktemp("cosdoc") / "archive"
    cosdoc.migrate(export, made)
    return made


@pytest.fixture
def copied(archive: Path, tmp_path: Path) -> Path:
    return shutil.copytree(archive, tmp_path / "archive")


def test_every_document_became_what_the_truth_says(archive: Path, truth: Any) -> None:
    states = cosdoc.states(archive)
    assert len(states) == truth["distinct"] == 1437
    wrong = {}
    free = archived = 0
    for key, expected in truth["documents"].items():
        _, state, reason = states[key]
        if expected["expect"] == "any":
            free += 1
            archived += state == "archived"
            assert state in ("archived", "quarantined")
        elif (state, reason) != (expected["expect"], expected.get("code")):
            wrong[key] = (state, reason, expected)
    assert wrong == {}
    assert archived >= 0.9 * free


def test_orphans_and_duplicate_rows_are_exactly_those(archive: Path, truth: Any) -> None:
    found: dict[str, list[str]] = {}
    for code, subject in cosdoc.rows(archive / "register.sqlite", "SELECT code, subject FROM finding"):
        found.setdefault(code, []).append(subject)
    assert sorted(found["orphan-file"]) == sorted(truth["orphan_files"])
    assert sorted(found["duplicate-row"]) == sorted(map(str, truth["duplicate_rows"]))


def test_patients_are_flagged_and_never_merged(archive: Path, truth: Any) -> None:
    flags = {
        int(key): {code for code, _ in json.loads(text)}
        for key, text in cosdoc.rows(archive / "catalogue.sqlite", "SELECT source_key, flags FROM patient")
    }
    assert len(flags) == truth["patients"] == 120
    assert {k for k, f in flags.items() if "id-invalid" in f} == set(truth["invalid_ids"])
    assert {k for k, f in flags.items() if "id-missing" in f} == set(truth["no_id"])
    assert {k for k, f in flags.items() if "id-shared" in f} == {k for pair in truth["same_id"] for k in pair}
    protected = cosdoc.rows(
        archive / "catalogue.sqlite", "SELECT source_key FROM patient WHERE address_protection<>'none'"
    )
    assert sorted(int(k) for (k,) in protected) == sorted(truth["address_protected"])


def test_original_bytes_are_kept_unchanged(archive: Path, truth: Any) -> None:
    ids = {i: key for key, (i, state, _) in cosdoc.states(archive).items() if state == "archived"}
    for (document, seq), sha256 in cosdoc.originals(archive).items():
        if seq == 1:
            assert sha256 == truth["documents"][ids[document]]["sha256"]


def test_planted_words_are_found_in_exactly_the_documents_named(copied: Path, truth: Any) -> None:
    from viewer.search import open_index

    cosdoc.run("index", copied)
    keys = {i: int(key) for key, (i, _, _) in cosdoc.states(copied).items()}
    backend = open_index(ArchiveStore.open(copied))
    try:
        for word, expected in truth["search"].items():
            hits = backend.search_all(word, limit=100, budget_seconds=30)
            assert {keys[h.document_id] for h in hits.hits} == set(expected), word
    finally:
        backend.close()


@pytest.mark.oracle
def test_stock_verapdf_agrees_with_every_stored_verdict(archive: Path, tmp_path: Path) -> None:
    listed = cosdoc.rows(
        archive / "catalogue.sqlite",
        "SELECT p.path, f.document_id, f.seq, f.pdf_offset, f.pdf_size, f.flavour, f.verdict_passed FROM file f"
        " JOIN document d ON d.id=f.document_id JOIN package p ON p.patient_id=d.patient_id AND p.current=1"
        " WHERE f.archive_sha256<>''",
    )
    wanted = []
    for path, document, seq, offset, size, flavour, passed in listed:
        assert passed == 1
        pdf = tmp_path / f"{document}-{seq}.pdf"
        with (archive / path).open("rb") as f:
            f.seek(offset)
            pdf.write_bytes(f.read(size))
        wanted.append((pdf, flavour))
    assert len(wanted) > 1300
    assert [j for j in oracles.stock_verapdf(wanted) if j.result != "PASS"] == []


@pytest.mark.oracle
def test_every_package_is_a_valid_aip(archive: Path, tmp_path: Path) -> None:
    folders = []
    for package in sorted((archive / "packages").rglob("*.tar")):
        with tarfile.open(package) as tar:
            tar.extractall(tmp_path / "aip", filter="data")
        folders.append(tmp_path / "aip" / package.stem)
    assert len(folders) == 120
    judgements = oracles.commons_ip(folders, tmp_path / "reports", "2.1.0")
    assert [j for j in judgements if j.result != "VALID"] == []


KNOWN_CONTRADICTIONS = {"CSIP2", "CSIP4", "CSIP12", "CSIP13", "CSIP16", "CSIP63", "CSIP101", "CSIP103", "CSIP105"}


@pytest.mark.oracle
def test_the_other_validator_finds_nothing_but_known_contradictions(archive: Path, tmp_path: Path) -> None:
    """Structure WellFormed, schema VALID; the rules it breaks are those the two validators themselves disagree on."""
    for package in sorted((archive / "packages").rglob("*.tar"))[::10]:
        with tarfile.open(package) as tar:
            tar.extractall(tmp_path, filter="data")
        report: Any = oracles.eark_validator(tmp_path / package.stem)
        assert report["structure"]["status"] == "WellFormed"
        assert report["metadata"]["schema_results"]["status"] == "VALID"
        broken = {m["rule_id"] for m in report["metadata"]["schematron_results"]["messages"]}
        assert broken <= KNOWN_CONTRADICTIONS


def test_tar_and_sha256sum_alone_prove_a_package(archive: Path, tmp_path: Path) -> None:
    """Every file of a package but its root METS is listed in a METS with the checksum that sha256sum gives."""
    for package in sorted((archive / "packages").rglob("*.tar"))[::17]:
        subprocess.run(["tar", "-xf", package, "-C", tmp_path], check=True)
        root = tmp_path / package.stem
        listed: dict[str, str] = {}
        for mets in sorted(root.rglob("METS.xml")):
            text = mets.read_text()
            for checksum, href in re.findall(r'CHECKSUM="([0-9a-f]{64})".*?href="([^"]+)"', text, re.DOTALL):
                listed[str((mets.parent / unquote(href)).relative_to(root))] = checksum
        found = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
        assert set(listed) == found - {"METS.xml"}
        lines = "".join(f"{checksum}  {name}\n" for name, checksum in listed.items())
        subprocess.run(["sha256sum", "-c", "--quiet"], input=lines, text=True, cwd=root, check=True)


def test_rebuild_and_index_give_the_same_answers(copied: Path) -> None:
    from archive.catalogue import catalogue_digest

    before = catalogue_digest(ArchiveStore.open(copied))
    for path in copied.glob("catalogue.sqlite*"):
        path.unlink()
    shutil.rmtree(copied / "index", ignore_errors=True)
    cosdoc.run("rebuild", copied)
    assert catalogue_digest(ArchiveStore.open(copied)) == before


def test_verify_finds_nothing_and_then_any_flipped_byte(copied: Path) -> None:
    cosdoc.run("verify", copied)
    rng = random.Random(20)
    everything = sorted((copied / "packages").rglob("*.tar"))
    for package in rng.sample(everything, 12):
        place = rng.randrange(package.stat().st_size)
        _flip(package, place)
        cosdoc.run("verify", copied, expect=(8,))
        _flip(package, place)
    cosdoc.run("verify", copied)


def _flip(path: Path, place: int) -> None:
    with path.open("r+b") as f:
        f.seek(place)
        byte = f.read(1)[0]
        f.seek(place)
        f.write(bytes([byte ^ 0x40]))


def test_other_worker_counts_give_the_same_archive(archive: Path, export: Path, tmp_path: Path) -> None:
    other = tmp_path / "one-worker"
    cosdoc.migrate(export, other, "--workers", "1", "--batch", "90")
    assert sorted(cosdoc.packages(other)) == sorted(cosdoc.packages(archive))
    for name in cosdoc.packages(archive):
        assert _journal(other / name) == _journal(archive / name)
    assert cosdoc.states(other) == cosdoc.states(archive)


def _journal(package: Path) -> bytes:
    with tarfile.open(package) as tar:
        member = tar.extractfile(f"{package.stem}/metadata/descriptive/journal.xml")
        assert member is not None
        return member.read()


def test_killed_twenty_times_it_ends_the_same(archive: Path, export: Path, tmp_path: Path) -> None:
    rng = random.Random(99)
    other = tmp_path / "killed"
    arguments = cosdoc.command(
        *("migrate", export, other, "--mapping", cosdoc.MAPPING, "--workers", "2", "--batch", "30", "--json")
    )
    for _ in range(20):
        run = subprocess.Popen(
            arguments, cwd=cosdoc.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(rng.uniform(0.3, 22))
        run.send_signal(signal.SIGKILL)
        run.wait()
    cosdoc.migrate(export, other)
    assert cosdoc.states(other) == cosdoc.states(archive)
    assert sorted(cosdoc.packages(other)) == sorted(cosdoc.packages(archive))
    assert cosdoc.originals(other) == cosdoc.originals(archive)
    assert not (other / "work").exists()
    cosdoc.run("verify", other)


def test_a_second_export_touches_only_what_it_changes(copied: Path, export: Path, tmp_path: Path, truth: Any) -> None:
    later = tmp_path / "later"
    changed, removed, added = _second_export(export, later, truth)
    before, states = cosdoc.packages(copied), cosdoc.states(copied)
    owners = _owners(later, {*changed, *added}) | _owners(export, removed)
    cosdoc.migrate(later, copied)
    after = cosdoc.packages(copied)
    assert {k: v for k, v in after.items() if k in before} == before
    generations = dict(cosdoc.rows(copied / "register.sqlite", "SELECT key, generation FROM patient"))
    assert {k for k, g in generations.items() if g == 2} == owners
    assert len(after) == len(before) + len(owners)
    now = cosdoc.states(copied)
    assert len(now) == len(states) + 40
    assert {k: v for k, v in now.items() if k not in changed and k not in added} == {
        k: v for k, v in states.items() if k not in changed
    }
    flagged = cosdoc.rows(
        copied / "catalogue.sqlite", "SELECT source_key FROM document WHERE flags LIKE '%vanished-from-source%'"
    )
    assert {k for (k,) in flagged} == removed
    cosdoc.run("verify", copied)
    assert cosdoc.migrate(later, copied)["run"]["packages_written"] == 0


def _lines(export: Path) -> list[str]:
    return (export / "dokument.csv").read_text("cp1252").splitlines()


def _owners(export: Path, keys: set[str]) -> set[str]:
    return {line.split(";")[1] for line in _lines(export)[1:] if line.split(";")[0] in keys}


def _second_export(export: Path, later: Path, truth: Any) -> tuple[set[str], set[str], set[str]]:
    """40 documents more, 10 changed (5 in their bytes, 5 in their facts), 5 fewer."""
    shutil.copytree(export, later)
    rng = random.Random(5)
    plain = [
        line
        for line in _lines(later)[1:]
        if truth["documents"][line.split(";")[0]]["source"] == "synthetic rtf" and not line.split(";")[11]
        if int(line.split(";")[0]) not in truth["duplicate_rows"]
    ]
    rng.shuffle(plain)
    bytes_changed, facts_changed, gone, templates = plain[:5], plain[5:10], plain[10:15], plain[15:55]
    for line in bytes_changed:
        path = later / line.split(";")[12].replace("\\", "/")
        path.write_bytes(path.read_bytes().rstrip().removesuffix(b"}") + rb"\par Etterskrift.}")
    lines = [line for line in _lines(later) if line not in gone]
    replaced: Callable[[str], str] = lambda line: (  # noqa: E731
        ";".join(["Rettet tittel" if i == 3 else v for i, v in enumerate(line.split(";"))])
        if line in facts_changed
        else line
    )
    lines = [replaced(line) for line in lines]
    added = set()
    for n, line in enumerate(templates):
        values = line.split(";")
        source = later / values[12].replace("\\", "/")
        values[0] = str(900000 + n)
        values[12] = f"dok\\900\\{values[0]}.rtf"
        target = later / "dok" / "900" / f"{values[0]}.rtf"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
        lines.append(";".join(values))
        added.add(values[0])
    (later / "dokument.csv").write_text("\r\n".join(lines) + "\r\n", "cp1252")
    keys = [{line.split(";")[0] for line in group} for group in (bytes_changed + facts_changed, gone)]
    return keys[0], keys[1], added
