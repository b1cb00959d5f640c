"""What becomes of a corpus of real files: archived, valid, with all its words, at what cost; each miss with its reason.

    python -m bench.corpus [CORPUS] [--workers N] [--format rtf] [--stock] [--out DIR]

CORPUS has a manifest.tsv (format, file, ..., hostile) and a folder for each format; ../shared/corpus by default. Words
are held against a reading of the source that shares nothing with the route (`archive.rereading`). CPU is that of the
worker and its children, LibreOffice's batch divided among its files; a worker's engines are started before it counts.
Files that need a password to open (confirmed apart from the product) count as all others do: they are opened with
those in passwords.txt, which the projects that made the files tell in their tests, or quarantined as `encrypted`. Ends
with 1 where a target is missed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import random
import statistics
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
import pikepdf

from archive.fidelity.compare import compare
from archive.normalise.contract import Job, Limits, Normalised
from archive.normalise.ladder import Normaliser
from archive.normalise.unlock import read_passwords, unlock
from archive.reasons import DocumentProblem
from archive.rereading.officetext import office_texts
from archive.rereading.readers import OFFICE_ONLY
from bench.measure import machine
from bench.traced import Tracer

TARGETS = {
    **dict.fromkeys(("rtf", "doc", "docx", "txt"), 99.0),
    **dict.fromkeys(("html", "xml", "jpeg+png"), 98.0),
    "tiff": 90.0,
    "pdf": 97.0,
}
"""Least share of the files not hostile that must be archived, in per cent."""

_CHUNK = 25
_WHOLE, _ALIKE = 0.99, 0.35
"""Copies with fewer words, or more difference as pictures, are listed."""
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_SHARED = Path(__file__).parents[2] / "shared" / "corpus"
_PASSWORDS = read_passwords(Path(__file__).with_name("passwords.txt"))


@click.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path), default=_SHARED)
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--format", "formats", multiple=True, help="Only these formats.")
@click.option("--most", type=int, help="At most so many files of a format, drawn by a fixed seed.")
@click.option("--stock", is_flag=True, help="Put every copy before stock veraPDF too.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for corpus.json and corpus.md.")
def main(corpus: Path, workers: int, formats: tuple[str, ...], most: int | None, stock: bool, out: Path | None) -> None:
    """Run the corpus through the ladder."""
    entries = read_manifest(corpus, formats, most)
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        results = normalise_all(entries, Path(folder), workers)
        if stock:
            ask_stock(results)
    report = {"bench": "corpus", "machine": machine(), "workers": workers, **summary(results)}
    text = "\n".join(table(report))
    click.echo(text)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "corpus.json").write_text(json.dumps({**report, "files": results}, indent=1, ensure_ascii=False))
        (out / "corpus.md").write_text(text + "\n", encoding="utf-8")
    if report["missed"]:
        raise SystemExit(1)


def read_manifest(corpus: Path, formats: Sequence[str] = (), most: int | None = None) -> list[dict[str, Any]]:
    """The corpus's files, format by format."""
    with (corpus / "manifest.tsv").open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    entries = [
        _entry(r["format"], corpus / r["format"] / r["file"], r["hostile"] == "1")
        for r in rows
        if not formats or r["format"] in formats
    ]
    entries.sort(key=lambda e: (str(e["format"]), str(e["file"])))
    if most is None:
        return entries
    rng, chosen = random.Random(1), []
    for name in sorted({str(e["format"]) for e in entries}):
        members = [e for e in entries if e["format"] == name]
        chosen += rng.sample(members, min(most, len(members)))
    return chosen


def _entry(name: str, path: Path, hostile: bool) -> dict[str, Any]:
    return {"format": name, "file": path.name, "hostile": hostile, "locked": locked(path), "path": str(path)}


def locked(path: Path) -> bool:
    """Whether a password is needed to open the file."""
    content = path.read_bytes()
    if content.startswith(_OLE):
        return "EncryptedPackage".encode("utf-16-le") in content
    if b"%PDF" not in content[:1024]:
        return False
    try:
        pikepdf.open(path).close()
    except pikepdf.PasswordError:
        return True
    except pikepdf.PdfError:
        return False
    return False


def normalise_all(entries: list[dict[str, Any]], folder: Path, workers: int) -> list[dict[str, Any]]:
    """One result for each entry, in their order."""
    chunks: list[tuple[list[dict[str, Any]], str]] = []
    for name in dict.fromkeys(e["format"] for e in entries):
        members = [e for e in entries if e["format"] == name]
        chunks += [(members[i : i + _CHUNK], str(folder / f"{name}-{i}")) for i in range(0, len(members), _CHUNK)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(str(folder),)) as pool:
        return [r for results in pool.map(_chunk, chunks) for r in results]


_tracer = Tracer()
_normaliser: Normaliser | None = None


def _start(folder: str) -> None:
    """Start the engines, so that the first file does not pay for them."""
    global _normaliser
    warnings.simplefilter("ignore")
    _tracer.install()
    work = Path(folder) / f"work-{multiprocessing.current_process().pid}"
    _normaliser = Normaliser(Limits(), work=work, passwords=_PASSWORDS)
    with tempfile.TemporaryDirectory() as warm:
        path = Path(warm) / "w.txt"
        path.write_text("Oppvarming")
        _normaliser.normalise([_job("warm", path)], Path(warm) / "out")
    _tracer.lines.clear()


def _job(key: str, path: Path) -> Job:
    content = path.read_bytes()
    return Job(key, path, path.name, hashlib.sha256(content).hexdigest(), len(content))


def _chunk(task: tuple[list[dict[str, Any]], str]) -> list[dict[str, Any]]:
    entries, folder = task
    assert _normaliser is not None
    jobs = [_job(f"f-{n}", Path(e["path"])) for n, e in enumerate(entries)]
    outcomes = _normaliser.normalise(jobs, Path(folder))
    traced = {line["sha256"]: line for line in _tracer.lines}
    _tracer.lines.clear()
    wanted = {j.key: (j.source, "doc") for j in jobs if _family(outcomes[j.key]) in OFFICE_ONLY}
    texts = office_texts(wanted, Path(folder) / "texts")
    return [
        _result(e, j, outcomes[j.key], traced.get(j.sha256, {}), texts.get(j.key))
        for e, j in zip(entries, jobs, strict=True)
    ]


def _family(outcome: Any) -> str:
    return outcome.format.family if outcome.format is not None else ""


def _result(entry: dict[str, Any], job: Job, outcome: Any, line: dict[str, Any], words: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        **entry,
        "found": _family(outcome),
        "archived": isinstance(outcome, Normalised),
        "cpu_ms": round(1000 * line.get("cpu", 0.0), 1),
        "wall_ms": round(1000 * line.get("wall", 0.0), 1),
    }
    if not isinstance(outcome, Normalised):
        return {**result, "reason": outcome.reason.value, "detail": outcome.detail}
    result |= {"route": outcome.route, "flavour": outcome.flavour, "pdf": str(outcome.pdf), "pages": outcome.page_count}
    result["passed"] = outcome.verdict is not None and outcome.verdict.passed
    result["flags"] = [f.code.value for f in outcome.flags]
    source = job.source
    if entry["locked"]:
        source = outcome.pdf.with_suffix(".unlocked")
        try:
            unlock(job.source, source, _PASSWORDS)
        except DocumentProblem:  # it is archived all the same: that is told as wrong
            source = job.source
    found = compare(source, _family(outcome), outcome.pdf, outcome.text.read_text("utf-8"), source_words=words)
    for name, kept in (("on_pages", found.on_pages), ("in_text", found.in_text)):
        if kept is not None and kept.words:
            result[name] = {"words": kept.words, "kept": kept.kept}
    result |= {"source_pages": found.pages, "difference": found.difference}
    return result


def ask_stock(results: list[dict[str, Any]]) -> None:
    """Add what stock veraPDF says of each copy, as `stock`."""
    from tests.oracles import stock_verapdf

    archived = [r for r in results if r["archived"]]
    for r, verdict in zip(archived, stock_verapdf((Path(r["pdf"]), r["flavour"]) for r in archived), strict=True):
        r["stock"] = verdict.result


def by_format(results: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Results by the format the corpus files them under."""
    return {name: [r for r in results if r["format"] == name] for name in dict.fromkeys(r["format"] for r in results)}


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures per format, targets missed, and every miss."""
    formats = {name: _figures(members) for name, members in by_format(results).items()}
    missed = []
    for names, least in TARGETS.items():
        members = [formats[n] for n in names.split("+") if n in formats]
        good, total = sum(m["archived"] for m in members), sum(m["files"] for m in members)
        if total and 100 * good < least * total:
            missed.append(f"{names}: {100 * good / total:.1f} % archived, {least:.0f} % wanted")
    archived = [r for r in results if r["archived"]]
    missed += [f"{_name(r)}: archived without a passed verdict" for r in archived if not r["passed"]]
    missed += [f"{_name(r)}: stock veraPDF says {r['stock']}" for r in archived if r.get("stock", "PASS") != "PASS"]
    missed += [
        f"{_name(r)}: locked by a password, and neither opened with one nor quarantined as such"
        for r in results
        if r["locked"] and r.get("reason") != "encrypted" and "opened-with-password" not in r.get("flags", ())
    ]
    fields = ("format", "file", "found", "reason", "detail")
    misses = [{k: r[k] for k in fields} for r in results if not (r["archived"] or r["hostile"])]
    lost = sorted((r for r in archived if _share(r) < _WHOLE), key=_share)
    few = [{k: r[k] for k in ("format", "file", "route", "flags", "on_pages", "in_text")} for r in lost]
    differs = [
        {k: r[k] for k in ("format", "file", "route", "source_pages", "pages", "difference")}
        for r in archived
        if (r["source_pages"] not in (None, r["pages"])) or (r["difference"] or 0) > _ALIKE
    ]
    return {"formats": formats, "missed": missed, "misses": misses, "words_lost": few, "pages_differ": differs}


def _name(result: dict[str, Any]) -> str:
    return f"{result['format']}/{result['file']}"


def _share(result: dict[str, Any]) -> float:
    kept = result.get("on_pages")
    return kept["kept"] / kept["words"] if kept else 1.0


def _figures(results: list[dict[str, Any]]) -> dict[str, Any]:
    hostile = [r for r in results if r["hostile"]]
    plain = [r for r in results if not r["hostile"]]
    archived = [r for r in results if r["archived"]]
    cpu = sorted(r["cpu_ms"] for r in results)
    figures: dict[str, Any] = {
        "files": len(plain),
        "archived": sum(r["archived"] for r in plain),
        "locked": sum(r["locked"] for r in results),
        "hostile": dict(sorted(Counter("archived" if r["archived"] else r["reason"] for r in hostile).items())),
        "passed_percent": round(100 * sum(r["passed"] for r in archived) / max(1, len(archived)), 2),
        "routes": dict(sorted(Counter(r["route"] for r in archived).items())),
        "cpu_ms": {"mean": round(statistics.fmean(cpu), 1), "p50": _percentile(cpu, 50), "p95": _percentile(cpu, 95)},
    }
    for name in ("on_pages", "in_text"):
        told = [r[name] for r in archived if name in r]
        words = sum(t["words"] for t in told)
        figures[name] = {
            "files": len(told),
            "words": words,
            "kept_percent": round(100 * sum(t["kept"] for t in told) / words, 3) if words else None,
            "files_whole": sum(t["kept"] == t["words"] for t in told),
        }
    drawn = [r["difference"] for r in archived if r["difference"] is not None]
    if drawn:
        figures["picture_difference"] = {"mean": round(statistics.fmean(drawn), 4), "max": round(max(drawn), 4)}
    return figures


def _percentile(values: Sequence[float], percent: int) -> float:
    return values[min(len(values) - 1, len(values) * percent // 100)]


def table(report: dict[str, Any]) -> Iterable[str]:
    """The report in Markdown."""
    head = ("format", "files", "archived", "locked", "hostile", "veraPDF passes", "words on the pages")
    head = (*head, "words in the text", "CPU ms mean / p50 / p95")
    yield f"| {' | '.join(head)} |"
    yield "|" + " --- |" * len(head)
    for name, f in report["formats"].items():
        cpu = f["cpu_ms"]
        cells = (
            *(name, f["files"], f"{f['archived']} ({100 * f['archived'] / max(1, f['files']):.1f} %)", f["locked"]),
            ", ".join(f"{n} {what}" for what, n in f["hostile"].items()) or "-",
            f"{f['passed_percent']} %",
            *(f"{k['kept_percent']} % of {k['words']:,}" if k["words"] else "-" for k in (f["on_pages"], f["in_text"])),
            f"{cpu['mean']} / {cpu['p50']} / {cpu['p95']}",
        )
        yield f"| {' | '.join(map(str, cells))} |"
    for title, key in (("Not archived", "misses"), ("Words lost", "words_lost"), ("Pages differ", "pages_differ")):
        if report[key]:
            yield from ("", f"{title}:", "")
            for m in report[key]:
                rest = "; ".join(f"{k} {v}" for k, v in m.items() if k not in ("format", "file"))
                yield f"- {_name(m)}: {rest}"
    if report["missed"]:
        yield from ("", "TARGETS MISSED:", "", *(f"- {line}" for line in report["missed"]))


if __name__ == "__main__":
    main()
