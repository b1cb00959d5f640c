"""The verbs of the way out: index, serve, account, audit."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.errors import AuditBrokenError, ExitCode, UsageError
from archive.store import ArchiveStore, write_durably

if TYPE_CHECKING:
    from viewer.audit import Checkpoint

_ARCHIVE = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")


@click.command(epilog="Example: journalarkiv index ARCHIVE --workers 4")
@click.argument("archive", type=_ARCHIVE)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=lambda: len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    show_default="one per core",
    help="Processes; each needs up to 0.8 GB of memory for a full shard.",
)
@click.option("--shard-documents", type=click.IntRange(1), help="Documents to a shard, about; for tests of scale.")
@_json
def index(archive: Path, workers: int, shard_documents: int | None, as_json: bool) -> int:
    """Build the search index of ARCHIVE, or bring it up to date: only what changed is read again.

    The viewer goes on answering from the old index until the new one is whole.
    """
    from tqdm import tqdm

    from viewer.search.build import SHARD_DOCUMENTS, build_index

    store = ArchiveStore.open(archive)
    with tqdm(unit="doc", disable=not sys.stderr.isatty(), desc="index") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = build_index(
            store, progress=progress, workers=workers, shard_documents=shard_documents or SHARD_DOCUMENTS
        )
    click.echo(json.dumps(report.to_plain(), indent=2) if as_json else report.to_text())
    return int(ExitCode.DONE)


@click.command(epilog="Example: journalarkiv serve ARCHIVE --config viewer.toml")
@click.argument("archive", type=_ARCHIVE)
@click.option("--host", help="Address to listen on; default 127.0.0.1.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; default 8765.")
@click.option("--config", "config_file", type=_FILE, help="Settings (TOML); see docs/viewer.md.")
@click.option("--state", help="Folder of accounts and sessions; on read-only media of the log of looks, too.")
@click.option("--demo", is_flag=True, help="Make demo accounts with new passwords, print them, and mark every page.")
def serve(
    archive: Path, host: str | None, port: int | None, config_file: Path | None, state: str | None, demo: bool
) -> int:
    """Serve the read-only pages of ARCHIVE until interrupted."""
    from viewer.accounts import account_count
    from viewer.audit import log_path
    from viewer.config import load
    from viewer.serve import bind, create_demo_accounts, run, url_of

    store = ArchiveStore.open(archive)
    config = load(config_file, flags={
        "server.host": host, "server.port": port, "server.state_folder": state, "auth.demo": demo or None,
    })  # fmt: skip
    if (log := log_path(store, config.server.state_folder)).parent != store.audit:
        click.echo(f"The archive is on read-only media; who looks at what is written down in {log}.", err=True)
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(bind(config)) as listener:
        if demo:
            for user, password in create_demo_accounts(store, config.server.state_folder):
                click.echo(f"user {user:10} password {password}")
        elif not account_count(store, config.server.state_folder):
            click.echo("There are no accounts yet; make one with `journalarkiv account add ARCHIVE USER`.", err=True)
        click.echo(f"Serving {store.info.system_name} at {url_of(config)}  (stop with Ctrl-C)")
        run(store, config, listener)
    return int(ExitCode.DONE)


@click.group()
def account() -> None:
    """Make, list and remove the viewer's local accounts."""


_state = click.option("--state", default="", help="The viewer's state folder, if settings move it.")


@account.command(epilog="Example: journalarkiv account add ARCHIVE kari --role clinician --name 'Kari Lege'")
@click.argument("archive", type=_ARCHIVE)
@click.argument("user")
@click.option(
    "--role",
    type=click.Choice(["clinician", "archivist", "auditor", "it"]),
    default="clinician",
    show_default=True,
    help="What the user may see; docs/viewer.md.",
)
@click.option("--name", default="", help="The user's full name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin instead of asking.")
@_state
def add(archive: Path, user: str, role: str, name: str, password_stdin: bool, state: str) -> int:
    """Make an account, or give an existing one a new password, role and name; its open sessions end."""
    from viewer.accounts import create_account

    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    create_account(ArchiveStore.open(archive), user, password, role, name, state=state)
    click.echo(f"{user} is {role}.")
    return int(ExitCode.DONE)


@account.command("list", epilog="Example: journalarkiv account list ARCHIVE")
@click.argument("archive", type=_ARCHIVE)
@_state
def list_accounts(archive: Path, state: str) -> int:
    """List the accounts."""
    from viewer.accounts import all_accounts
    from viewer.audit.export import printable

    for found in all_accounts(ArchiveStore.open(archive), state):
        click.echo(f"{found.name:20} {found.role.value:10} {printable(found.full_name)}")
    return int(ExitCode.DONE)


@account.command(epilog="Example: journalarkiv account remove ARCHIVE kari")
@click.argument("archive", type=_ARCHIVE)
@click.argument("user")
@_state
def remove(archive: Path, user: str, state: str) -> int:
    """Remove an account; its open sessions end at once."""
    from viewer.accounts import remove_account

    if not remove_account(ArchiveStore.open(archive), user, state):
        raise UsageError(f"There is no account {user!r}.")
    return int(ExitCode.DONE)


@click.group()
def audit() -> None:
    """Check, seal and read the log of who looked at what."""


@audit.command(epilog="Example: journalarkiv audit verify ARCHIVE --anchor /media/usb/audit-20270101T030000Z-5120.txt")
@click.argument("archive", type=_ARCHIVE)
@click.option(
    "--anchor",
    "anchor_files",
    type=_FILE,
    multiple=True,
    help="A checkpoint kept outside the archive. Those in seals/ are always used.",
)
@_state
@_json
def verify(archive: Path, anchor_files: tuple[Path, ...], state: str, as_json: bool) -> int:
    """Check every record of the log, the chain through them and all checkpoints. Changes nothing."""
    from viewer.audit import log_path, verify_log
    from viewer.audit.export import printable

    store = ArchiveStore.open(archive)
    report = verify_log(log_path(store, state), _anchors(store, anchor_files))
    if as_json:
        click.echo(json.dumps(report.to_plain(), ensure_ascii=False, indent=2))
    else:
        click.echo(f"records      {report.checkpoint.size}\ncheckpoints  {report.anchors}")
        click.echo(f"root         {report.checkpoint.root.hex()}\nhead         {report.checkpoint.head.hex()}")
        for finding in report.findings:
            click.echo(printable(f"record {finding.seq}: {finding.code.sentence} {finding.detail}".rstrip()))
        click.echo("The log is whole." if report.intact else f"{report.finding_count} findings: the log is not whole.")
    return int(ExitCode.DONE if report.intact else ExitCode.AUDIT_BROKEN)


@audit.command(epilog="Example: journalarkiv audit checkpoint ARCHIVE --out - | mail -s audit archivist@example.org")
@click.argument("archive", type=_ARCHIVE)
@click.option("--out", type=click.Path(dir_okay=False, allow_dash=True), help="File, or - for stdout; default seals/.")
@_state
def checkpoint(archive: Path, out: str | None, state: str) -> int:
    """Write size, root and head of the log, to be kept where its keeper cannot change it. The log is checked first."""
    from viewer.audit import log_path, verify_log

    store = ArchiveStore.open(archive)
    report = verify_log(log_path(store, state), _anchors(store))
    if not report.intact:
        raise AuditBrokenError(
            "The log does not verify, so no checkpoint is made over it.", remedy="See `journalarkiv audit verify`."
        )
    text = report.checkpoint.to_text()
    if out == "-":
        click.echo(text, nl=False)
        return int(ExitCode.DONE)
    name = f"audit-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{report.checkpoint.size}.txt"
    target = Path(out) if out else store.seals / name
    write_durably(target, text.encode())
    click.echo(str(target))
    return int(ExitCode.DONE)


@audit.command(epilog="Example: journalarkiv audit export ARCHIVE --patient ID --from 2027-01-01 --csv > innsyn.csv")
@click.argument("archive", type=_ARCHIVE)
@click.option("--patient", default="", help="Patient id: everything that showed this patient.")
@click.option("--user", default="", help="Account: everything this user did.")
@click.option("--from", "since", help="First day (UTC).", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--to", "until", help="Last day (UTC), itself included.", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--csv/--json", "as_csv", default=True, help="CSV (default), or JSON with one record to a line.")
@_state
def export(
    archive: Path, patient: str, user: str, since: datetime | None, until: datetime | None, as_csv: bool, state: str
) -> int:
    """Print what was looked at. The reading is itself recorded in the log first."""
    from viewer.audit import AuditAction, AuditEvent, AuditLog, log_path, system_user
    from viewer.audit.export import read_records, write_csv, write_json_lines

    path = log_path(ArchiveStore.open(archive), state)
    days = {"since": f"{since:%Y-%m-%d}" if since else "", "until": f"{until:%Y-%m-%d}" if until else ""}
    if not path.is_file():
        raise AuditBrokenError(f"There is no audit log at {path}.", remedy="The viewer makes one when it starts.")
    with AuditLog(path) as log:
        log.append(
            AuditEvent(
                action=AuditAction.AUDIT_READ,
                user=system_user(),
                issuer="operating-system",
                patient_id=patient,
                query=json.dumps({"user": user, **days}, sort_keys=True),
            )
        )
    records = read_records(path, patient=patient, user=user, **days)
    if as_csv:
        write_csv(records, sys.stdout)
    else:
        write_json_lines(records, sys.stdout)
    return int(ExitCode.DONE)


def _anchors(store: ArchiveStore, files: tuple[Path, ...] = ()) -> list[Checkpoint]:
    from viewer.audit import Checkpoint

    anchors = []
    for path in (*files, *sorted(store.seals.glob("audit-*.txt"))):
        try:
            anchors.append(Checkpoint.from_text(path.read_text("utf-8")))
        except ValueError:
            raise UsageError(
                f"{path} is not a checkpoint.", remedy="`journalarkiv audit checkpoint` makes one."
            ) from None
    return anchors
