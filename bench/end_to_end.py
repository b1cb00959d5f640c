"""The whole line: documents per second and core, where the time goes, and the pipeline one would otherwise script.

    python -m bench.end_to_end EXPORT --mapping MAPPING [--workers N] [--baseline N]

Runs migrate, index on the export with every output validated, and then, in the same run, converts a seeded part of
its office documents with LibreOffice started once per file (`--baseline`, 0 for all).
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from bench.measure import journalarkiv, machine

_OFFICE = ("rtf", "doc", "docx")


@click.command()
@click.argument("export", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--mapping", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--baseline", type=int, default=60, show_default=True, help="Office files to convert one by one.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the figures to this file.")
def main(export: Path, mapping: Path, workers: int, baseline: int, out: Path | None) -> None:
    """Measure the line on an export."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        cost = journalarkiv("migrate", export, archive, "--mapping", mapping, "--workers", workers, "--json")
        run: dict[str, Any] = json.loads(cost.output)["run"]
        index = journalarkiv("index", archive, "--json")
        per_file = _one_by_one(export, baseline, Path(folder))
    stages = run["stages"]
    office = [stages[s] for s in stages if s.startswith("convert:") and s.removeprefix("convert:") in _OFFICE]
    batched = sum(s["cpu_seconds"] for s in office) / max(1, sum(s["count"] for s in office))
    report = {
        "bench": "end_to_end",
        "machine": machine(),
        "workers": workers,
        "documents": run["documents"],
        "archived": run["archived"],
        "wall_seconds": round(cost.wall, 1),
        "cpu_seconds": round(cost.cpu, 1),
        "cpu_seconds_per_document": round(cost.cpu / run["documents"], 4),
        "documents_per_core_second": round(run["documents"] / cost.cpu, 2),
        "documents_per_second": round(run["documents"] / cost.wall, 2),
        "peak_mb": {
            "coordinator_tree": cost.peak >> 20,
            "worker": run["peak_memory_worker"] >> 20,
            "converter": run["peak_memory_converter"] >> 20,
        },
        "index": {
            "cpu_seconds": round(index.cpu, 1),
            "wall_seconds": round(index.wall, 1),
            "peak_mb": index.peak >> 20,
        },
        "stages": stages,
        "office_cpu_seconds_per_document": round(batched, 4),
        "baseline_soffice_per_file": per_file,
        "ratio_baseline_to_ours": round(per_file["cpu_seconds_per_document"] / batched, 1) if batched else None,
    }
    click.echo(json.dumps(report, indent=2))
    if out:
        out.write_text(json.dumps(report, indent=2))


def _one_by_one(export: Path, number: int, work: Path) -> dict[str, Any]:
    """LibreOffice started for each file, as a script would."""
    files = sorted(p for p in export.rglob("*") if p.suffix.lower()[1:] in _OFFICE and p.stat().st_size)
    random.Random(1).shuffle(files)
    files = files[:number] if number else files
    before, started, made = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
    for n, source in enumerate(files):
        out = work / f"single-{n}"
        command = ["soffice", f"-env:UserInstallation=file://{work}/profile", "--headless", "--convert-to"]
        command += ['pdf:writer_pdf_Export:{"SelectPdfVersion":{"type":"long","value":"2"}}', "--outdir", str(out)]
        try:
            subprocess.run([*command, str(source)], capture_output=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            continue
        made += any(out.glob("*.pdf"))
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "files": len(files),
        "made": made,
        "cpu_seconds_per_document": round(cpu / max(1, len(files)), 3),
        "wall_seconds_per_document": round(wall / max(1, len(files)), 3),
    }


if __name__ == "__main__":
    main()
