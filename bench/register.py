"""How fast a register is read, and that memory does not grow with it.

    python -m bench.register [--rows 100000 --rows 1000000]

Writes registers of the given sizes (no files), runs `migrate --register-only` on each in a process of its own, and
prints rows per second and peak memory. The baseline in the same run is what the same rows cost when they are only
parsed: Python's csv module over the same tables.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from pathlib import Path

import click

from bench.measure import journalarkiv, machine


@click.command()
@click.option("--rows", multiple=True, type=int, default=(100_000, 1_000_000), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Also write the figures to this file.")
def main(rows: tuple[int, ...], out: Path | None) -> None:
    """Measure registration at several sizes."""
    figures = []
    for n in rows:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            journalarkiv("sample", root / "sample", "--patients", n // 40, "--documents", n, "--seed", 1, "--no-files")
            baseline = _parse_only(root / "sample" / "export")
            cost = journalarkiv(
                *("migrate", root / "sample" / "export", root / "archive", "--register-only", "--json"),
                *("--mapping", root / "sample" / "mapping.toml"),
            )
            result = json.loads(cost.output)
            seconds = result["run"]["seconds_registering"]
            figures.append(
                {
                    "rows": n,
                    "seconds": round(seconds, 1),
                    "rows_per_second": round(n / seconds),
                    "peak_mb": cost.peak >> 20,
                    "command_seconds": round(cost.wall, 1),
                    "cpu_seconds": round(cost.cpu, 1),
                    "parse_only_seconds": round(baseline, 2),
                    "ratio_to_parse_only": round(seconds / baseline, 1),
                }
            )
            click.echo(json.dumps(figures[-1]))
    report = {"bench": "register", "machine": machine(), "figures": figures}
    if out:
        out.write_text(json.dumps(report, indent=2))


def _parse_only(export: Path) -> float:
    started = time.monotonic()
    for table in export.glob("*.csv"):
        with table.open(encoding="cp1252", newline="") as f:
            for _ in csv.reader(f, delimiter=";"):
                pass
    return time.monotonic() - started


if __name__ == "__main__":
    main()
