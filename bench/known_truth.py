"""A generated export, end to end, against its known truth: nothing may differ.

    python -m bench.known_truth WORK [--documents 20000] [--workers 2] [--seed 7]

Generates (extract.sample, which writes what must become of each document), migrates, verifies, reports, indexes, and
compares: each document's state and code, its bytes, orphans and duplicate rows, patients' flags, every finding that
there is, and every planted word. WORK keeps export and archive: the same command goes on where it stopped. Says also
how each worker's memory went over the run. Ends with 1 where anything differs.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from archive.store import ArchiveStore
from bench.measure import journalarkiv, machine, memory, traced
from bench.normalise import ENTRIES, MIX
from bench.traced import read
from extract.sample import generate
from tests.e2e.cosdoc import rows, states

_FINDINGS = {"orphan-file", "duplicate-row", "conflicting-row"}
"""What the newest export may be told of; the truth says of each how many."""

_FLAGS = {
    *(
        "date-invalid",
        "date-missing",
        "unknown-code",
        "format-mismatch",
        "owner-password",
        "no-text",
        "encoding-guessed",
    ),
    *("id-invalid", "id-missing", "id-shared", "id-synthetic", "decoded-leniently"),
}
"""Flags that the sample's troubles explain."""


@click.command()
@click.argument("work", type=click.Path(file_okay=False, path_type=Path))
@click.option("--documents", type=int, default=20_000, show_default=True)
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--entries", type=int, default=ENTRIES, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Also write the figures to this file.")
def main(work: Path, documents: int, workers: int, seed: int, entries: int, out: Path | None) -> None:
    """Compare a run with its truth."""
    sample, archive = work / "sample", work / "archive"
    if not (work / "generated").exists():
        if sample.exists():
            raise click.UsageError(f"{sample} was not finished; remove it.")
        generate(sample, patients=max(1, documents // 40), documents=documents, seed=seed, mix=MIX, entries=entries)
        (work / "generated").touch()
    started = time.monotonic()
    arguments = (
        "migrate",
        sample / "export",
        archive,
        "--mapping",
        sample / "mapping.toml",
        "--workers",
        workers,
        "--json",
    )
    cost = traced(work / "trace", *arguments)
    run = json.loads(cost.output)["run"]
    verified = journalarkiv("verify", archive, "--level", "schemas", "--json", allowed=(0, 1, 8))
    told = journalarkiv("report", archive, "--fidelity", 20, "--json", allowed=(0, 1, 7))
    journalarkiv("index", archive, "--json")
    truth = json.loads((sample / "truth.json").read_text())
    differences = [
        *_documents(archive, truth),
        *_original_bytes(archive, truth),
        *_findings(archive, truth),
        *_patients(archive, truth),
        *_flags(archive),
        *_planted(archive, truth),
        *(f"verify: {f['code']} {f['subject']}" for f in json.loads(verified.output)["findings"]),
        *([] if json.loads(told.output)["reconciled"] else ["report: not reconciled"]),
    ]
    lines = read(work / "trace")
    report = {
        "bench": "known_truth",
        "machine": machine(),
        "documents": truth["distinct"],
        "rows": truth["rows"],
        "looked_at_in_this_run": run["documents"],
        "worker_deaths": run["worker_deaths"],
        "differences": differences[:200],
        "difference_count": len(differences),
        "memory": memory(lines),
        "wall_seconds": round(cost.wall, 1),
        "all_seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(cost.cpu, 1),
        "cpu_seconds_per_document": round(cost.cpu / max(1, run["documents"]), 4),
        "fidelity": json.loads(told.output)["fidelity"]["routes"],
    }
    text = json.dumps(report, indent=1)
    if out:
        out.write_text(text)
    click.echo(text)
    if differences:
        raise SystemExit(1)


def _documents(archive: Path, truth: dict[str, Any]) -> Iterator[str]:
    found = states(archive)
    for key in sorted(set(found) - set(truth["documents"])):
        yield f"document {key}: not in the truth"
    for key, fact in truth["documents"].items():
        _, state, reason = found.get(key, ("", "lost", None))
        if fact["expect"] == "any":
            if state not in ("archived", "quarantined"):
                yield f"document {key} ({fact['source']}): {state}"
        elif (state, reason) != (fact["expect"], fact.get("code")):
            wanted = fact.get("code") or fact["expect"]
            yield f"document {key} ({fact['source']}): {reason or state}, and not {wanted}"


def _original_bytes(archive: Path, truth: dict[str, Any]) -> Iterator[str]:
    """Sizes and hashes as recorded; `verify` holds them against the disk."""
    keys = {i: key for key, (i, state, _) in states(archive).items() if state == "archived"}
    files: Counter[str] = Counter()
    sql = "SELECT document_id, seq, source_sha256, verdict_passed OR archive_sha256='' FROM file"
    for id_, seq, sha256, passed in rows(archive / "catalogue.sqlite", sql):
        files[id_] += 1
        if not passed:
            yield f"document {keys[id_]}: file {seq} has no passed verdict"
        if seq == 1 and sha256 != truth["documents"][keys[id_]]["sha256"]:
            yield f"document {keys[id_]}: its original is another file"
    for id_, key in keys.items():
        wanted = 1 + truth["documents"][key].get("attachments", 0)
        if files[id_] != wanted:
            yield f"document {key}: {files[id_]} files, and not {wanted}"


def _findings(archive: Path, truth: dict[str, Any]) -> Iterator[str]:
    found: dict[str, set[str]] = {}
    for code, subject in rows(archive / "register.sqlite", "SELECT code, subject FROM finding"):
        found.setdefault(code, set()).add(str(subject))
    conflicting = {k for k, f in truth["documents"].items() if f["source"] == "conflicting-rows"}
    wanted = {
        "orphan-file": set(truth["orphan_files"]),
        "duplicate-row": set(map(str, truth["duplicate_rows"])),
        "conflicting-row": conflicting,
    }
    for code in sorted(set(found) | _FINDINGS):
        for subject in sorted(found.get(code, set()) ^ wanted.get(code, set())):
            where = "the truth has it, the register not" if subject in wanted.get(code, set()) else "not in the truth"
            yield f"finding {code} {subject}: {where}"


def _patients(archive: Path, truth: dict[str, Any]) -> Iterator[str]:
    sql = "SELECT source_key, flags, address_protection FROM patient"
    flags: dict[str, set[int]] = {}
    guarded, seen = set(), set()
    for key, text, protection in rows(archive / "catalogue.sqlite", sql):
        seen.add(int(key))
        if protection != "none":
            guarded.add(int(key))
        for code, _ in json.loads(text):
            flags.setdefault(code, set()).add(int(key))
    wanted = {
        "id-invalid": set(truth["invalid_ids"]),
        "id-missing": set(truth["no_id"]),
        "id-shared": {k for pair in truth["same_id"] for k in pair},
    }
    for code, keys in wanted.items():
        for key in sorted(flags.get(code, set()) ^ keys):
            yield f"patient {key}: {code} differs from the truth"
    for key in sorted(guarded ^ set(truth["address_protected"])):
        yield f"patient {key}: address protection differs from the truth"
    if len(seen) != truth["patients"]:
        yield f"{len(seen)} patients, and not {truth['patients']}"


def _flags(archive: Path) -> Iterator[str]:
    """Flags that nothing in the sample explains."""
    sql = "SELECT flags FROM document UNION ALL SELECT flags FROM file UNION ALL SELECT flags FROM patient"
    counts = Counter(code for (text,) in rows(archive / "catalogue.sqlite", sql) for code, _ in json.loads(text))
    yield from (
        f"flag {code}: {n} times, and nothing in the sample explains it"
        for code, n in counts.items()
        if code not in _FLAGS
    )


def _planted(archive: Path, truth: dict[str, Any]) -> Iterator[str]:
    from viewer.search import open_index

    keys = {i: int(key) for key, (i, _, _) in states(archive).items()}
    backend = open_index(ArchiveStore.open(archive))
    try:
        for word, documents in truth["search"].items():
            hits = backend.search_all(word, limit=1000, budget_seconds=60)
            found = {keys[h.document_id] for h in hits.hits}
            if found != set(documents):
                yield f"word {word}: found in {sorted(found)}, planted in {documents}"
    finally:
        backend.close()


if __name__ == "__main__":
    main()
