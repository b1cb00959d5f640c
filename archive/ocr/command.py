"""The verb `ocr`."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from archive.errors import ExitCode
from archive.ocr.run import Bar, Options, Summary
from archive.store import ArchiveStore


@click.command(
    epilog="Example: journalarkiv ocr /srv/archive --workers 8\n\n"
    "Exit codes: 0 done, 1 done, but pages failed, or words wait until a migration has ended."
)
@click.argument("archive", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=lambda: len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    show_default="one per core",
    help="Pages read at the same time. Each takes one core and about 0.3 GB of memory.",
)
@click.option("--language", default="nor", show_default=True, help="Tesseract's language, or several: nor+eng.")
@click.option("--limit", type=click.IntRange(1), help="Read at most this many pages, then stop.  [default: all]")
@click.option(
    "--dpi", type=click.IntRange(100, 600), default=300, show_default=True, help="Resolution to draw the pages at."
)
@click.option("--status", "only_status", is_flag=True, help="Only tell where the pages stand; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Result as JSON, journalarkiv.ocr/1.")
def ocr(
    archive: Path, workers: int, language: str, limit: int | None, dpi: int, only_status: bool, as_json: bool
) -> int:
    """Recognise the words on pages without text, so that they are found. Run it again after any stop: it continues.

    The words are laid invisibly over the pages in a new generation of each patient's package; pictures and originals
    stay as they are. It may run beside a migration, which it does not hold up. Run `journalarkiv index` after it.
    """
    from archive.ocr.run import run, status

    store = ArchiveStore.open(archive)
    if only_status:
        counts = status(store)
        if as_json:
            click.echo(json.dumps({"format": "journalarkiv.ocr/1", "queue": counts or {}}))
        else:
            click.echo("No page was looked for yet." if counts is None else _queue(counts))
        return int(ExitCode.DONE)
    with _bars() as tell:
        summary = run(store, Options(workers, language, dpi, limit), tell)
    if as_json:
        click.echo(json.dumps({"format": "journalarkiv.ocr/1", "run": dataclasses.asdict(summary)}))
    else:
        click.echo(_text(summary))
    return int(ExitCode.FINDINGS if summary.has_findings else ExitCode.DONE)


def _text(s: Summary) -> str:
    lines = [
        f"This run: {s.read} pages read in {s.seconds:.0f} s by {s.engine}: {s.with_words} with words,"
        f" {s.nothing_found} with nothing to read, {s.failed} failed; {s.files_published} files of"
        f" {s.packages_written} patients are searchable now.",
        _queue(s.queue),
    ]
    if s.patients_waiting_for_archive:
        lines.append(
            f"The words of {s.patients_waiting_for_archive} patients wait, since another process was writing the"
            " archive: run this again when it has ended."
        )
    if s.damaged:
        lines.append(f"{s.damaged} packages are damaged: see `journalarkiv verify`.")
    if s.packages_written:
        lines.append("Run `journalarkiv index`, so that search finds them.")
    return "\n".join(lines)


def _queue(counts: dict[str, int]) -> str:
    return "Pages: " + ", ".join(f"{number} {state}" for state, number in counts.items()) + "."


@contextmanager
def _bars() -> Iterator[Bar]:
    """Progress bars on stderr, one after the other; quiet where stderr is no terminal."""
    from tqdm import tqdm

    bars: dict[str, tqdm] = {}  # type: ignore[type-arg]

    def tell(what: str, done: int, total: int) -> None:
        if what not in bars:
            for other in bars.values():
                other.close()
            bars[what] = tqdm(desc="ocr", unit=f" {what}", file=sys.stderr, disable=not sys.stderr.isatty())
        bars[what].total = total
        bars[what].update(done - bars[what].n)

    try:
        yield tell
    finally:
        for bar in bars.values():
            bar.close()
