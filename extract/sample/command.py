"""The verb `sample`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from archive.errors import ExitCode


@click.command(epilog="Example: journalarkiv sample OUT --patients 40 --documents 300 --seed 1")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--patients", type=click.IntRange(1), default=40, show_default=True, help="Synthetic patients.")
@click.option("--documents", type=click.IntRange(0), default=300, show_default=True, help="Documents in the register.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--no-files", is_flag=True, help="Write the register alone, for tests of registers of millions of rows.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def sample(out: Path, patients: int, documents: int, seed: int, no_files: bool, as_json: bool) -> int:
    """Write a synthetic export into OUT: OUT/export, OUT/mapping.toml, and OUT/truth.json with what must become of it.

    The persons are of the test population and the notes are invented. The export has the mess of a real one: missing,
    empty, cut and encrypted files, wrong names, unknown patients, duplicate rows, bad dates and ids.
    """
    from tqdm import tqdm

    from extract.sample.generate import generate

    with tqdm(total=documents, unit="doc", disable=not sys.stderr.isatty(), desc="sample") as bar:

        def progress(done: int, _total: int) -> None:
            bar.update(done - bar.n)

        report = generate(
            out,
            patients=patients,
            documents=documents,
            seed=seed,
            files=not no_files,
            progress=progress,
        )
    click.echo(json.dumps(report.to_plain(), ensure_ascii=False, indent=2) if as_json else report.to_text())
    return int(ExitCode.DONE)
