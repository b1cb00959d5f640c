"""What becomes of bad input: the corpus's hostile files, every file of it cut, and thousands of mutants.

    python -m bench.hostile WORK [--count 10000] [--seed 1] [--workers 2] [--minutes 60] [--formats rtf,pdf]
    python -m bench.hostile WORK --show mutant-000123.pdf

They go in batches through the real `journalarkiv migrate`. Of each it is checked that it ended archived with a passed
verdict or in quarantine with a code its format allows; that its bytes are in the package or in quarantine; and of each
run that it ended by itself within its limits, that no process and no temporary file is left. WORK keeps what was done:
the same command goes on where it stopped. Ends with 1 where anything was wrong. `--alone` says that nobody else uses
this machine, so that every new entry of /tmp is ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import psutil

from archive import quarantine
from archive.normalise.contract import Limits, Normalised
from archive.reasons import Reason
from archive.store import ArchiveStore
from bench import traced
from bench.corpus import _SHARED, _job, read_manifest
from bench.measure import machine
from bench.mutate import Breaker, Broken, write_export
from tests.e2e.cosdoc import rows, states

ROOT = Path(__file__).parents[1]
_BROKEN = {
    Reason.TRUNCATED,
    Reason.CORRUPT,
    Reason.CONVERSION_FAILED,
    Reason.UNSUPPORTED_FORMAT,
    Reason.VALIDATION_FAILED,
}
_LARGE = {Reason.RESOURCE_LIMIT, Reason.CONVERSION_TIMEOUT}
_CONTAINERS = _BROKEN | _LARGE | {Reason.ENCRYPTED}
ALLOWED: dict[str, set[Reason]] = {
    **dict.fromkeys(("pdf", "docx", "doc"), _CONTAINERS),
    **dict.fromkeys(("rtf", "html", "xml", "jpeg", "png", "tiff"), _BROKEN | _LARGE),
    # noise that is no text has no route, and text always has one
    "txt": {Reason.UNSUPPORTED_FORMAT, Reason.CORRUPT, Reason.TRUNCATED, Reason.CONVERSION_FAILED},
}
"""What a broken file of a format may be quarantined for; a mutant may have become another format's file, and is judged
by what it was found to be too."""

_DIED = "worker process died"
_BATCH = 250
_SECONDS = 30.0
_OURS = ("normalise-", "OSL_PIPE", "lu", "gs_", "hsperfdata", "fidelity-", "tmp", "pip-", "magick-")


@click.command()
@click.argument("work", type=click.Path(file_okay=False, path_type=Path))
@click.option("--corpus", type=click.Path(exists=True, file_okay=False, path_type=Path), default=_SHARED)
@click.option("--count", type=int, default=10_000, show_default=True, help="Mutants.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--seconds", type=float, default=_SECONDS, show_default=True, help="The run's limit for one file.")
@click.option("--minutes", type=float, help="Begin no batch after that; the same command goes on.")
@click.option("--formats", default="", help="Only these, separated by commas.")
@click.option("--kinds", default="hostile,cut,mutant", show_default=True)
@click.option("--alone", is_flag=True, help="Nobody else uses this machine.")
@click.option("--show", help="Make one file again, say what becomes of it, and keep it in WORK.")
def main(
    work: Path,
    corpus: Path,
    count: int,
    seed: int,
    workers: int,
    seconds: float,
    minutes: float | None,
    formats: str,
    kinds: str,
    alone: bool,
    show: str | None,
) -> None:
    """Put broken files through the product."""
    work.mkdir(parents=True, exist_ok=True)
    breaker = Breaker(corpus_files(corpus), seed, tuple(filter(None, formats.split(","))))
    if show:
        click.echo(json.dumps(shown(breaker, show, work, seconds), indent=1))
        return
    state = work / f"batches-{seed}{'-' + formats if formats else ''}.jsonl"
    done = {line["batch"]: line for line in map(json.loads, state.read_text().splitlines())} if state.exists() else {}
    until = time.monotonic() + 60 * minutes if minutes else None
    whole = True
    for name, files in batches(breaker, count, kinds.split(",")):
        if name in done:
            continue
        if until and time.monotonic() > until:
            whole = False
            break
        line = {"batch": name, **run_batch(files, work / "batch", workers=workers, seconds=seconds, alone=alone)}
        with state.open("a") as f:
            f.write(json.dumps(line) + "\n")
        done[name] = line
        wrong = "\n  ".join(["", *line["problems"]]) or " nothing wrong"
        click.echo(f"{name}: {len(line['files'])} files, {line['wall']:.0f} s,{wrong}", err=True)
    report = {"bench": "hostile", "machine": machine(), "seed": seed, "complete": whole, **summary(list(done.values()))}
    (work / f"summary-{seed}.json").write_text(json.dumps(report, indent=1))
    click.echo(json.dumps(report, indent=1))
    if report["problems"]:
        raise SystemExit(1)


def corpus_files(corpus: Path) -> list[tuple[str, Path, bool]]:
    """Format, path and whether it is hostile, of a corpus with a manifest."""
    return [(e["format"], Path(e["path"]), e["hostile"]) for e in read_manifest(corpus)]


def batches(breaker: Breaker, count: int, kinds: Sequence[str]) -> Iterator[tuple[str, Iterator[Broken]]]:
    """Batches by name; their files are made when they are asked for."""
    if "hostile" in kinds:
        yield "hostile", iter(breaker.hostile())
    if "cut" in kinds:
        for at in range(0, breaker.cuts, _BATCH):
            made = (breaker.cut(n) for n in range(at, min(at + _BATCH, breaker.cuts)))
            yield f"cut-{at}", (b for b in made if b is not None)
    if "mutant" in kinds:
        for at in range(0, count, _BATCH):
            yield (
                f"mutant-{at}-{min(at + _BATCH, count)}",
                (breaker.mutant(n) for n in range(at, min(at + _BATCH, count))),
            )


def run_batch(
    files: Iterator[Broken], folder: Path, *, workers: int, seconds: float = _SECONDS, alone: bool = False
) -> dict[str, Any]:
    """Migrate such files into an archive in `folder`, and check everything about it; `folder` is removed again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    told = write_export(folder, files)
    temporary, trace, archive = folder / "tmp", folder / "trace", folder / "archive"
    temporary.mkdir()
    mark, before = uuid.uuid4().hex, _in_tmp()
    environment = {**os.environ, "TMPDIR": str(temporary), "BENCH_TRACE": str(trace), "BENCH_MARK": mark}
    command = [sys.executable, "-m", "bench.traced", "migrate", str(folder / "export"), str(archive)]
    command += [
        "--mapping",
        str(folder / "mapping.toml"),
        "--workers",
        str(workers),
        "--seconds",
        str(seconds),
        "--json",
    ]
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    result: dict[str, Any] = {"wall": round(time.monotonic() - started, 1), "status": done.returncode, "problems": []}
    problems: list[str] = result["problems"]
    problems += [f"left running: {p}" for p in left_running(mark, archive)]
    problems += [f"left in its TMPDIR: {p.name}" for p in temporary.iterdir()]
    if alone:
        problems += [f"left in /tmp: {n}" for n in sorted(_in_tmp() - before)]
    if done.returncode not in (0, 1):
        problems.append(f"the run ended with {done.returncode}: {done.stderr[-2000:]}")
        result["files"] = {}
        return result
    run = json.loads(done.stdout)["run"]
    result["worker_deaths"] = run["worker_deaths"]
    if (archive / "work").exists():
        problems.append("the archive's work folder is left")
    lines = {line["sha256"]: line for line in traced.read(trace)} if trace.exists() else {}
    result["files"], wrong = judged(archive, told, lines, seconds)
    problems += wrong
    shutil.rmtree(folder)
    return result


def judged(
    archive: Path, told: dict[str, dict[str, str]], lines: dict[str, Any], seconds: float
) -> tuple[dict[str, Any], list[str]]:
    """What became of each file, and what is wrong with that."""
    store, found, wrong = ArchiveStore.open(archive), states(archive), []
    kept = _archived(archive)
    files: dict[str, Any] = {}
    for name, fact in told.items():
        id_, state, reason = found.get(name, ("", "lost", None))
        line = lines.get(fact["sha256"], {})
        entry: dict[str, Any] = {**fact, "state": state, "wall": line.get("wall"), "stages": line.get("stages")}
        if state == "archived":
            entry["route"] = kept.get(id_, {}).get("route")
            entry["wrong"] = _wrong_archived(kept.get(id_), fact["sha256"])
        elif state == "quarantined" and reason:
            entry |= {"reason": reason, **_quarantined(store, id_)}
            entry["wrong"] = _wrong_quarantined(entry, fact)
        else:
            entry["wrong"] = f"it is {state}"
        if (entry["wall"] or 0) > 5 * seconds:
            entry["wrong"] = entry["wrong"] or f"it took {entry['wall']} s"
        if entry["wrong"]:
            wrong.append(f"{name} ({fact['origin']}): {entry['wrong']}")
        files[name] = {k: v for k, v in entry.items() if v is not None and k != "sha256"}
    return files, wrong


def _archived(archive: Path) -> dict[str, dict[str, Any]]:
    """Of each archived document: its main file's route and verdict, and the hashes of the bytes as they lie there."""
    sql = (
        "SELECT f.document_id, f.route, f.verdict_passed, f.archive_sha256, p.path, f.original_offset, f.original_size,"
        " f.pdf_offset, f.pdf_size, f.seq FROM file f JOIN document d ON d.id=f.document_id JOIN package p ON"
        " p.patient_id=d.patient_id AND p.current=1 WHERE f.archive_sha256<>'' ORDER BY f.document_id, f.seq DESC"
    )
    found: dict[str, dict[str, Any]] = {}
    for id_, route, passed, pdf_sha, path, o_at, o_size, p_at, p_size, _ in rows(archive / "catalogue.sqlite", sql):
        before = found.get(id_, {"passed": True})
        whole = _hash(archive / path, p_at, p_size) == pdf_sha
        passed = bool(passed) and whole and before["passed"]
        found[id_] = {"route": route, "passed": passed, "original": _hash(archive / path, o_at, o_size)}
    return found


def _hash(path: Path, offset: int, size: int) -> str:
    with path.open("rb") as f:
        f.seek(offset)
        return hashlib.sha256(f.read(size)).hexdigest()


def _wrong_archived(kept: dict[str, Any] | None, sha256: str) -> str | None:
    if kept is None:
        return "the catalogue does not have it"
    if not kept["passed"]:
        return "archived without a passed verdict"
    return None if kept["original"] == sha256 else "its original's bytes are not in the package"


def _quarantined(store: ArchiveStore, id_: str) -> dict[str, Any]:
    entry = quarantine.get(store, id_)
    (file,) = entry.files[:1] or (None,)
    stored = store.quarantine_path(id_) / file.stored_as if file and file.stored_as else None
    content = stored.read_bytes() if stored else None
    return {
        "detail": entry.detail,
        "found": file.format.family if file and file.format else None,
        "kept": None if content is None else hashlib.sha256(content).hexdigest(),
        "blank": content is not None and not content.strip(b" \t\r\n\f\v\0"),
        "filler": content is not None and not content.strip(b" \t\r\n\f\v\0\xff"),
    }


def _wrong_quarantined(entry: dict[str, Any], fact: dict[str, str]) -> str | None:
    kept, blank, filler = entry.pop("kept"), entry.pop("blank"), entry.pop("filler")
    if kept != fact["sha256"]:
        return "its bytes are not in quarantine"
    if _DIED in entry["detail"]:
        return "its worker died, or it was taken for the one that killed it"
    allowed = ALLOWED[fact["format"]] | ALLOWED.get(entry["found"] or "", _CONTAINERS)
    if blank:  # whatever it was, all that could be read has been cut out of it
        allowed = {Reason.EMPTY}
    elif filler:
        allowed = {*allowed, Reason.EMPTY}
    return None if Reason(entry["reason"]) in allowed else f"quarantined as {entry['reason']}: {entry['detail']}"


def left_running(mark: str, archive: Path) -> list[str]:
    """Processes of a run that are still there two seconds after it."""
    for attempt in range(20):
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("BENCH_MARK") == mark or any(str(archive) in a for a in process.cmdline())
                if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {process.name()}")
            except psutil.Error:
                continue
        if not found:
            return []
        if attempt < 19:
            time.sleep(0.1)
    return found


def _in_tmp() -> set[str]:
    folder = Path(tempfile.gettempdir())
    return {p.name for p in folder.iterdir() if p.name.startswith(_OURS)}


def shown(breaker: Breaker, name: str, work: Path, seconds: float) -> dict[str, Any]:
    """One file again, and its way through the ladder."""
    from archive.normalise.ladder import Normaliser

    kind, number = name.partition(".")[0].split("-")
    if kind == "hostile":
        broken = next(b for b in breaker.hostile() if b.name == name)
    else:
        made = breaker.cut(int(number)) if kind == "cut" else breaker.mutant(int(number))
        assert made is not None
        broken = made
    path = work / broken.name
    path.write_bytes(broken.content)
    tracer = traced.Tracer()
    tracer.install()
    with Normaliser(Limits(seconds=seconds), work=work / "engines") as normaliser:
        outcome = normaliser.normalise([_job("shown", path)], work / "out")["shown"]
    told: dict[str, Any] = {"file": str(path), "origin": broken.origin, "trace": tracer.lines}
    told["attempts"] = [f"{a.route}: {a.outcome} {a.detail}" for a in outcome.attempts]
    if isinstance(outcome, Normalised):
        return {**told, "archived": outcome.route, "flags": [f.code.value for f in outcome.flags]}
    return {**told, "quarantined": outcome.reason.value, "detail": outcome.detail}


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What all batches together say."""
    files = {name: f for line in lines for name, f in line["files"].items()}
    per: dict[str, Counter[str]] = {}
    for f in files.values():
        per.setdefault(f"{f['kind']} {f['format']}", Counter())[f.get("reason") or f["state"]] += 1
    slow = sorted((f for f in files.items() if f[1].get("wall")), key=lambda f: -f[1]["wall"])[:20]
    return {
        "files": len(files),
        "by_kind": {kind: sum(f["kind"] == kind for f in files.values()) for kind in ("hostile", "cut", "mutant")},
        "archived": sum(f["state"] == "archived" for f in files.values()),
        "quarantined": dict(Counter(f["reason"] for f in files.values() if f.get("reason")).most_common()),
        "outcomes": {k: dict(c.most_common()) for k, c in sorted(per.items())},
        "worker_deaths": sum(line.get("worker_deaths", 0) for line in lines),
        "wall_seconds": round(sum(line["wall"] for line in lines)),
        "slowest": [
            {
                "file": n,
                "origin": f["origin"],
                "wall": f["wall"],
                "end": f.get("reason") or f.get("route"),
                "stages": dict(sorted(f.get("stages", {}).items(), key=lambda s: -s[1])[:2]),
            }
            for n, f in slow
        ],
        "problems": [f"{line['batch']}: {p}" for line in lines for p in line["problems"]],
    }


if __name__ == "__main__":
    main()
