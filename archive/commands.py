"""The verbs that look after an archive: verify, rebuild, report. Thin: the work is in the modules they name."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from archive.errors import ExitCode
from archive.findings import Findings
from archive.store import ArchiveStore

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LEVELS = ("counts", "sizes", "hashes", "schemas", "pdfa")


@click.command(
    epilog="Example: journalarkiv verify /srv/archive --level hashes\n\n"
    "Exit codes: 0 nothing found, 1 only leftovers found, 8 damage found."
)
@click.argument("archive", type=_FOLDER)
@click.option("--level", type=click.Choice(_LEVELS), default="schemas", show_default=True, help="How far to go.")
@click.option("--json", "as_json", is_flag=True, help="Result as JSON, journalarkiv.verify/1.")
def verify(archive: Path, level: str, as_json: bool) -> int:
    """Check that everything recorded is on disk, unchanged, whole and valid.

    Levels, each with those before it: counts (what is there), sizes, hashes (every byte), schemas (the XML), pdfa
    (every archive copy before the validator again). Nothing is changed.
    """
    from archive.verify import Level
    from archive.verify import verify as run

    store = ArchiveStore.open(archive)
    with _bar("verify") as progress:
        report = run(store, Level[level.upper()], progress)
    if as_json:
        _print_json(
            "verify",
            {
                "level": level,
                "undamaged": not report.findings.damage,
                "packages": report.packages,
                "documents": report.documents,
                "files": report.files,
                "quarantined": report.quarantined,
                "bytes_read": report.bytes_read,
                **_findings(report.findings),
            },
        )
    else:
        _print_findings(report.findings)
        click.echo(
            f"{report.packages} packages, {report.documents} documents, {report.files} files and"
            f" {report.quarantined} quarantined documents verified at level {level}:"
            f" {len(report.findings)} finding(s)."
        )
    report.require_undamaged()
    return int(ExitCode.FINDINGS if len(report.findings) else ExitCode.DONE)


@click.command(
    epilog="Example: journalarkiv rebuild /srv/archive\n\nExit codes: 0 done, 1 done, but some packages are damaged."
)
@click.argument("archive", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Result as JSON, journalarkiv.rebuild/1.")
def rebuild(archive: Path, as_json: bool) -> int:
    """Make the catalogue again from the packages and the quarantine.

    The old catalogue stays in use until the new one is whole. Packages that cannot be read are told and left out.
    """
    from archive.rebuild import rebuild as run

    store = ArchiveStore.open(archive)
    with store.lock(), _bar("rebuild") as progress:
        report = run(store, progress)
    if as_json:
        counts = {n: getattr(report, n) for n in ("packages", "patients", "documents", "files", "quarantined")}
        _print_json("rebuild", {**counts, **_findings(report.findings)})
    else:
        _print_findings(report.findings)
        click.echo(
            f"The catalogue holds {report.patients} patients, {report.documents} documents and {report.files} files"
            f" in {report.packages} packages, and {report.quarantined} quarantined documents."
        )
    return int(ExitCode.FINDINGS if len(report.findings) else ExitCode.DONE)


@click.command(
    epilog="Example: journalarkiv report /srv/archive\n\n"
    "Exit codes: 0 reconciled, 1 reconciled, but something is in quarantine or lacks a copy, 7 not reconciled."
)
@click.argument("archive", type=_FOLDER)
@click.option("--fidelity", type=click.IntRange(0), default=0, help="Files of each route to compare with originals.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which files the fidelity sample draws.")
@click.option("--passwords", type=_FILE, help="As given to migrate: opens originals that the sample compares.")
@click.option("--check", is_flag=True, help="Only tell: write nothing, as on read-only media.")
@click.option("--json", "as_json", is_flag=True, help="Result as JSON, journalarkiv.report/1.")
def report(archive: Path, fidelity: int, seed: int, passwords: Path | None, check: bool, as_json: bool) -> int:
    """Reconcile source and archive, and write the completeness certificate.

    Writes three files into seals/: the certificate as HTML and JSON, and the list of all packages with their hashes,
    over whose lines the certificate's Merkle root is made. Keep a copy of the certificate elsewhere.

    Packages are looked for by name and size; `verify` reads them.

    With --fidelity, files of every route are compared with their originals: words kept, pages, difference as pictures.
    """
    from archive.certificate import render_text
    from archive.fidelity.sample import measure
    from archive.normalise.unlock import read_passwords
    from archive.report import html_path, make_report

    known = () if passwords is None else read_passwords(passwords)
    store = ArchiveStore.open(archive)
    with contextlib.nullcontext() if check else store.lock(), _bar("compare", " files") as progress:
        wanted = functools.partial(measure, store, per_route=fidelity, seed=seed, passwords=known, progress=progress)
        made = make_report(store, fidelity=wanted if fidelity else None, write=not check)
    plain = made.to_plain()
    if as_json:
        click.echo(json.dumps(plain, ensure_ascii=False))
    else:
        click.echo(render_text(plain))
        click.echo("Nothing was written." if check else f"Written: {html_path(store, made)}")
    made.require_reconciled()
    refused = made.reconciliation is not None and made.reconciliation.newer_rejected
    incomplete = made.reconciliation is not None and made.reconciliation.incomplete
    return int(ExitCode.FINDINGS if made.quarantined or refused or incomplete else ExitCode.DONE)


def _print_json(verb: str, content: dict[str, object]) -> None:
    click.echo(json.dumps({"format": f"journalarkiv.{verb}/1", **content}, ensure_ascii=False))


def _findings(findings: Findings) -> dict[str, object]:
    return {
        "finding_count": len(findings),
        "finding_counts": {code.value: n for code, n in sorted(findings.counts.items())},
        "findings": [
            {"code": f.code.value, "severity": f.code.severity.value, "subject": f.subject, "detail": f.detail}
            for f in findings
        ],
    }


def _print_findings(findings: Findings) -> None:
    shown = 0
    for f in findings:
        click.echo(f"{f.code.value}  {f.subject}  {f.detail or f.code.sentence}")
        shown += 1
    if shown < len(findings):
        click.echo(f"... and {len(findings) - shown} more")


@contextlib.contextmanager
def _bar(title: str, unit: str = " packages") -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, quiet where stderr is no terminal."""
    from tqdm import tqdm

    with tqdm(desc=title, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield tell
