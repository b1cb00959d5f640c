"""The verbs of the way in: inspect, migrate, retry."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from archive.errors import ExitCode, UsageError
from archive.normalise.contract import Limits
from archive.normalise.judging import Judging
from archive.normalise.unlock import read_passwords
from archive.reasons import Flag, Reason
from archive.reconcile import Reconciliation, reconcile_store
from archive.store import READABLE_BY, ArchiveStore
from extract.migrate import Options
from extract.plan import BATCH_DOCUMENTS
from extract.progress import Progress
from extract.results import RunSummary

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ARCHIVE = click.Path(file_okay=False, path_type=Path)


def _default_workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_workers = click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=_default_workers,
    show_default="one per core",
    help="Worker processes. Each needs about 1.5 GB of memory with its engines.",
)
_batch = click.option(
    "--batch",
    type=click.IntRange(1),
    default=BATCH_DOCUMENTS,
    show_default=True,
    help="Documents per task: smaller loses less work at a stop, larger feeds the converters better.",
)
_seconds = click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=Limits().seconds,
    show_default=True,
    help="Time limit for converting one file.",
)


def _read_passwords(_context: click.Context, _option: click.Parameter, value: Path | None) -> tuple[str, ...]:
    return () if value is None else read_passwords(value)


_passwords = click.option(
    "--passwords",
    type=_FILE,
    callback=_read_passwords,
    help="Text file (UTF-8) of passwords, one on each line, to try on PDF and office files that need one.",
)

_scratch = click.option(
    "--scratch",
    type=_FOLDER,
    help="Where to keep temporary files, say in memory (/dev/shm).  [default: within the archive]",
)


def _judging(_context: click.Context, _option: click.Parameter, value: str) -> Judging:
    try:
        return Judging.parse(value)
    except ValueError as e:
        raise click.BadParameter(str(e)) from None


_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")


@click.command(epilog="Example: journalarkiv inspect EXPORT --mapping draft.toml")
@click.argument("export", type=_FOLDER)
@click.option("--mapping", type=click.Path(dir_okay=False, path_type=Path), help="Write a draft mapping to this file.")
@_json
def inspect(export: Path, mapping: Path | None, as_json: bool) -> int:
    """Profile an EXPORT: tables, columns, files, what is missing; draft a mapping. Changes nothing in it."""
    from extract.inspect import inspect_export

    if mapping is not None and mapping.exists():
        raise UsageError(f"{mapping} exists.", remedy="Give a new file name; drafts never replace a mapping.")
    with Progress().inspecting() as tell:
        report = inspect_export(export, None, tell)
    draft = report.draft_mapping()
    if mapping is not None and draft:
        mapping.write_text(draft, encoding="utf-8")
    click.echo(json.dumps(report.to_plain(), ensure_ascii=False, indent=2) if as_json else report.to_text())
    if mapping is not None and not draft:
        click.echo(f"{mapping} was not written: no table was found that a mapping could be drafted of.", err=True)
    return int(ExitCode.DONE if draft else ExitCode.FINDINGS)


@click.command(epilog="Example: journalarkiv migrate EXPORT ARCHIVE --mapping cosdoc.toml --workers 8")
@click.argument("export", type=_FOLDER)
@click.argument("archive", type=_ARCHIVE)
@click.option("--mapping", "mapping_path", type=_FILE, required=True, help="TOML mapping of the export's fields.")
@_workers
@_batch
@_seconds
@click.option("--delta", is_flag=True, help="The export holds only what is new or changed: nothing vanishes.")
@click.option("--sample", type=click.IntRange(1), help="Pilot: archive whole patients of about this many documents.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which patients a pilot draws.")
@click.option("--register-only", is_flag=True, help="Read, register and reconcile; convert nothing.")
@click.option(
    "--max-gone",
    type=click.IntRange(0, 100),
    default=50,
    show_default=True,
    metavar="PERCENT",
    help="Stop, and change nothing, where more is gone from a later export of what earlier ones had. 100: never.",
)
@click.option(
    "--validate",
    "judging",
    metavar="all|sample:P",
    default="all",
    show_default=True,
    callback=_judging,
    help="Copies put before the validator: all, or P per cent of those that we draw ourselves and all others.",
)
@click.option(
    "--readable-by",
    type=click.Choice(READABLE_BY),
    help="Who may read a new archive's files: its owner alone, or their group too.  [default: owner]",
)
@_passwords
@_scratch
@_json
def migrate(
    export: Path,
    archive: Path,
    mapping_path: Path,
    workers: int,
    batch: int,
    seconds: float,
    delta: bool,
    sample: int | None,
    seed: int,
    register_only: bool,
    max_gone: int,
    judging: Judging,
    readable_by: str | None,
    passwords: tuple[str, ...],
    scratch: Path | None,
    as_json: bool,
) -> int:
    """Archive the documents of an EXPORT into ARCHIVE. Run it again after any stop: it continues.

    The same export again, a newer one of the same system, or a --delta adds what is new, makes a new generation of
    the packages of what changed, flags what vanished, and leaves everything else as it is.
    """
    from extract.mapping import load
    from extract.migrate import migrate as run
    from extract.sources.directory import DirectorySource

    if sample is not None and register_only:
        raise UsageError("--sample and --register-only exclude each other.")
    if archive.resolve().is_relative_to(export.resolve()):
        raise UsageError(
            "ARCHIVE lies in EXPORT, so that it would become part of what is migrated.",
            remedy="Give a folder outside of the export.",
        )
    mapping = load(mapping_path)
    options = Options(
        workers=workers,
        batch=batch,
        delta=delta,
        sample=sample,
        seed=seed,
        register_only=register_only,
        max_gone=max_gone,
        judging=judging,
        passwords=passwords,
        scratch=scratch,
        limits=replace(Limits(), seconds=seconds),
    )
    store = ArchiveStore.create(archive, replace(mapping.archive_info(), readable_by=readable_by or "owner"))
    if readable_by not in (None, store.info.readable_by):
        raise UsageError(
            f"{archive} was made to be readable by its {store.info.readable_by}, not its {readable_by}.",
            remedy="Leave the option out. docs/migration.md says how to change an archive that is there.",
        )
    with DirectorySource(export, mapping, store.root / "staging.sqlite") as source:
        summary = run(source, mapping, archive, options, Progress())
    return _conclude(store, summary, as_json, partial=sample is not None or register_only)


@click.command(epilog="Example: journalarkiv retry ARCHIVE --reason conversion-timeout --seconds 600")
@click.argument("archive", type=_FOLDER)
@click.option(
    "--reason",
    type=click.Choice([r.value for r in Reason]),
    help="Only documents, or files of them, with this reason.  [default: all]",
)
@_workers
@_seconds
@_passwords
@_scratch
@_json
def retry(
    archive: Path,
    reason: str | None,
    workers: int,
    seconds: float,
    passwords: tuple[str, ...],
    scratch: Path | None,
    as_json: bool,
) -> int:
    """Take quarantined documents of ARCHIVE up again, and archived ones with a file that is missing or has no copy.

    From the export or, where it is gone, from their kept bytes.
    """
    from extract.migrate import retry as run

    options = Options(workers=workers, limits=replace(Limits(), seconds=seconds), passwords=passwords, scratch=scratch)
    summary = run(archive, options, Progress(), reason=reason)
    return _conclude(ArchiveStore.open(archive), summary, as_json, partial=False)


def _conclude(store: ArchiveStore, summary: RunSummary, as_json: bool, *, partial: bool) -> int:
    """Print what the run did and how the source adds up; the exit code follows from it.

    After a `partial` run (a pilot, registration alone) documents without an end state are expected, nothing else is.
    """
    reconciliation = reconcile_store(store)
    if as_json:
        plain: dict[str, Any] = {
            "format": "journalarkiv.migrate/1",
            "run": summary.to_plain(),
            "reconciliation": reconciliation.to_plain(),
        }
        click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
    else:
        click.echo(_text(summary, reconciliation))
    if not (partial and reconciliation.consistent):
        reconciliation.require_balanced()
    waiting = reconciliation.quarantined or reconciliation.newer_rejected
    unknown = any(code.startswith((Flag.UNKNOWN_CODE.value, Reason.BAD_ROW.value)) for code in summary.told)
    findings = partial or waiting or unknown or reconciliation.findings or reconciliation.incomplete
    return int(ExitCode.FINDINGS if findings else ExitCode.DONE)


def _text(summary: RunSummary, reconciliation: Reconciliation) -> str:
    lines = [
        f"This run: {summary.documents} documents of {summary.patients} patients looked at in {summary.seconds:.0f} s;"
        f" {summary.archived} archived, {summary.quarantined} quarantined, {summary.carried_over} as they were;"
        f" {summary.packages_written} packages written."
    ]
    if summary.copies_unjudged:
        made = summary.copies_judged + summary.copies_unjudged
        lines.append(
            f"{summary.copies_judged} of {made} copies made were put before the validator (--validate"
            f" {summary.validate})."
        )
    if summary.reused:
        lines.append(
            f"{summary.reused} files were the very bytes of archived ones; their copies were taken from there."
        )
    if summary.worker_deaths:
        lines.append(f"{summary.worker_deaths} worker processes died and were replaced.")
    if summary.told:
        lines += ["Rows of the register:"] + [f"{n:>10}  {code}" for code, n in summary.told.items()]
    for name, why in summary.unclear.items():
        lines.append(f"`{name}` will stop the run: {why}")
    lines.append(reconciliation.to_text())
    return "\n".join(lines)
