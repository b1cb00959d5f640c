"""What normalising costs: CPU and wall per document, where it goes, and what other ways cost on the same files.

    python -m bench.normalise [--documents 2000] [--workers 2] [--baseline 80] [--out FILE]
    python -m bench.normalise --export EXPORT --mapping MAPPING

Without --export, a generated export in the proportions of an old journal: RTF 45 %, Word 10, text 10, HTML 3, TIFF 10
(three pages each, G4), JPEG and PNG 7, PDF 10 (a quarter of them scans; of the others half with embedded fonts, a fifth
PDF/A, the rest with a font that is not embedded, so that they need Ghostscript), XML 5; notes of one to two pages, and
the usual mess (missing, empty, cut, locked files; duplicates). In the same run and on the same cores: the
product with every copy validated, a core for each worker; the same with one worker and all of these cores, and as at
first once more (--scaling); with one worker and one core (--one-core); without our own RTF reader (--office-only), the
batched routes; and what one would otherwise script (`bench.otherwise`, --baseline files).
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bench import otherwise
from bench.measure import Cost, machine, memory, traced
from bench.traced import read
from extract.sample import generate

MIX = {"rtf": 45, "doc": 5, "docx": 5, "txt": 10, "html": 3, "tiff": 10, "jpeg": 5, "png": 2, "pdf": 10, "xml": 5}
ENTRIES = 9
"""Dated entries in a note at most: 260 words, 1.4 pages on the average."""

BATCHED = 0.17
"""CPU seconds per document that the batched routes took when they were first measured, on the same mix."""


@click.command()
@click.option("--export", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--mapping", type=click.Path(exists=True, path_type=Path))
@click.option("--documents", type=int, default=2000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--baseline", type=int, default=80, show_default=True, help="Files for the other pipeline; 0 for none.")
@click.option("--scaling/--no-scaling", default=True, show_default=True, help="Also with one, and again.")
@click.option("--one-core/--no-one-core", default=False, show_default=True, help="Also with one worker on one core.")
@click.option("--office-only/--no-office-only", default=True, show_default=True, help="Also without our RTF reader.")
@click.option("--scratch", type=click.Path(exists=True, file_okay=False, path_type=Path), help="As of `migrate`.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the figures to this file.")
def main(
    export: Path | None,
    mapping: Path | None,
    documents: int,
    seed: int,
    workers: int,
    baseline: int,
    scaling: bool,
    one_core: bool,
    office_only: bool,
    scratch: Path | None,
    out: Path | None,
) -> None:
    """Measure normalisation."""
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        if export is None or mapping is None:
            people = max(1, documents // 40)
            generate(folder / "s", patients=people, documents=documents, seed=seed, mix=MIX, entries=ENTRIES)
            export, mapping = folder / "s" / "export", folder / "s" / "mapping.toml"
        report: dict[str, Any] = {"bench": "normalise", "machine": machine(), "scratch": str(scratch or "")}
        ours = functools.partial(_ours, export, mapping, scratch)
        report["ours"] = ours(workers, folder / "ours")
        if scaling and workers > 1:
            report["one_worker"] = ours(1, folder / "one", cores=workers)
            report["ours_again"] = ours(workers, folder / "again")  # a machine's speed drifts
            report["speed_up"] = _speed_up(report, "one_worker")
        if one_core:
            report["one_core"] = ours(1, folder / "core")
            report["speed_up_per_core"] = _speed_up(report, "one_core")
        if office_only:
            report["batched"] = ours(workers, folder / "batched", {"BENCH_OFFICE_ONLY": "1"})
        if baseline:
            files = _files(export, folder / "ours" / "trace")
            report["otherwise"] = otherwise.measured(files, baseline, folder / "other")
            theirs = report["otherwise"]["cpu_seconds_per_document"]
            report["ratio"] = round(theirs / report["ours"]["cpu_seconds_per_document"], 1)
    text = json.dumps(report, indent=1)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    click.echo(text)
    click.echo("\n".join(markdown(report)))


def _speed_up(report: dict[str, Any], other: str) -> float:
    """How much longer that run took than ours, the mean of those before and after it."""
    walls = [report[name]["wall_seconds"] for name in ("ours", "ours_again") if name in report]
    return round(float(report[other]["wall_seconds"] * len(walls) / sum(walls)), 2)


def _ours(
    export: Path,
    mapping: Path,
    scratch: Path | None,
    workers: int,
    folder: Path,
    more: dict[str, str] | None = None,
    *,
    cores: int | None = None,
) -> dict[str, Any]:
    trace = folder / "trace"
    more = {"BENCH_CORES": str(cores or workers), **(more or {})}
    arguments = ["migrate", export, folder / "archive", "--mapping", mapping, "--workers", workers, "--json"]
    arguments += ["--scratch", scratch] if scratch else []
    os.sync()  # what was written before is not for this run to wait for
    cost: Cost = traced(trace, *arguments, environment=more)
    run, lines = json.loads(cost.output)["run"], read(trace)
    families: dict[str, list[float]] = {}
    for line in lines:
        families.setdefault(line["family"], []).append(line["cpu"])
    return {
        "workers": workers,
        "documents": run["documents"],
        "archived": run["archived"],
        "quarantined": run["quarantined"],
        "files": len(lines),
        "wall_seconds": round(cost.wall, 1),
        "cpu_seconds": round(cost.cpu, 1),
        "cpu_seconds_per_document": round(cost.cpu / run["documents"], 4),
        "documents_per_core_second": round(run["documents"] / cost.cpu, 1),
        "peak_worker_mb": run["peak_memory_worker"] >> 20,
        "peak_converter_mb": run["peak_memory_converter"] >> 20,
        "memory": memory(lines),
        "stages": run["stages"],
        "families": {
            name: {"files": len(costs), "cpu_ms_each": round(1000 * sum(costs) / len(costs), 1)}
            for name, costs in sorted(families.items())
        },
    }


def _files(export: Path, trace: Path) -> dict[str, list[Path]]:
    """The files that were archived, by what they were found to be."""
    import hashlib

    families = {line["sha256"]: line["family"] for line in read(trace) if line["archived"]}
    found: dict[str, list[Path]] = {}
    for path in sorted(p for p in export.rglob("*") if p.is_file()):
        family = families.get(hashlib.sha256(path.read_bytes()).hexdigest())
        if family:
            found.setdefault(family, []).append(path)
    return found


def markdown(report: dict[str, Any]) -> Iterator[str]:
    """Lines for docs/benchmarks.md."""
    ours = report["ours"]
    yield "| way | CPU s a document | documents per core-second | wall s |"
    yield "| --- | --- | --- | --- |"
    for name, key in (
        ("ours", "ours"),
        ("ours, one worker", "one_worker"),
        ("ours, after that", "ours_again"),
        ("ours, one worker on one core", "one_core"),
        ("LibreOffice in batches for RTF", "batched"),
    ):
        if r := report.get(key):
            cells = (r["cpu_seconds_per_document"], r["documents_per_core_second"], r["wall_seconds"])
            yield f"| {name} | {' | '.join(map(str, cells))} |"
    if o := report.get("otherwise"):
        per = o["cpu_seconds_per_document"]
        yield f"| soffice and ocrmypdf per file, a validator start per 100 | {per} | {1 / per:.2f} | - |"
    yield from ("", "| stage | files | CPU s | ms each | of the CPU |", "| --- | --- | --- | --- | --- |")
    total = ours["cpu_seconds"]
    for name, s in sorted(ours["stages"].items(), key=lambda s: -s[1]["cpu_seconds"]):
        each = 1000 * s["cpu_seconds"] / max(1, s["count"])
        cpu = s["cpu_seconds"]
        yield f"| {name} | {s['count']:,} | {cpu:.1f} | {each:.1f} | {100 * cpu / total:.0f} % |"
    rest = total - sum(s["cpu_seconds"] for s in ours["stages"].values())
    yield f"| start, register, catalogue, the rest | | {rest:.1f} | | {100 * rest / total:.0f} % |"


if __name__ == "__main__":
    main()
