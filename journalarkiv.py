"""The command line: one group that loads each verb's module only when the verb is called."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from importlib import metadata
from typing import NoReturn

import click

from archive.errors import ExitCode, JournalarkivError

VERBS = {
    "inspect": "extract.commands:inspect",
    "migrate": "extract.commands:migrate",
    "retry": "extract.commands:retry",
    "sample": "extract.sample.command:sample",
    "verify": "archive.commands:verify",
    "rebuild": "archive.commands:rebuild",
    "report": "archive.commands:report",
    "ocr": "archive.ocr.command:ocr",
    "index": "viewer.commands:index",
    "serve": "viewer.commands:serve",
    "account": "viewer.commands:account",
    "audit": "viewer.commands:audit",
}


class LazyGroup(click.Group):
    """A group whose commands are named in `VERBS` and imported on use, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of the work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        target = VERBS.get(cmd_name)
        if target is None:
            return None
        module, _, name = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb when an unknown one is given."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"auto_envvar_prefix": "JOURNALARKIV", "help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 done with findings, 2 wrong use, 3-99 see docs/exit-codes.md, 130 interrupted.",
)
@click.version_option(metadata.version("journalarkiv"), prog_name="journalarkiv")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr; tracebacks for unexpected errors.")
def cli(verbose: bool) -> None:
    """Take an old patient journal's documents into a standard archive, and keep them possible to look up."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    # Converters' libraries name files in their messages; only our own loggers speak.
    for chatty in ("fontTools", "weasyprint", "PIL", "pikepdf", "waitress.queue"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)


def main() -> None:
    """Run the command; turn our errors into a sentence on stderr and their exit code."""
    try:
        result = cli(standalone_mode=False)
    except JournalarkivError as e:
        click.echo(f"Error: {e}", err=True)
        _exit(int(e.exit_code))
    except click.exceptions.Exit as e:
        _exit(e.exit_code)
    except click.ClickException as e:
        e.show()
        _exit(e.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted. Run the same command again and it continues.", err=True)
        _exit(int(ExitCode.INTERRUPTED))
    _exit(int(result) if isinstance(result, int) else 0)


def _exit(status: int) -> NoReturn:
    """End with a status. With a Java machine in the process (`verify --level pdfa`) without taking Python down, since
    that can abort after everything is done and would hide the status."""
    if "jpype" in sys.modules and sys.modules["jpype"].isJVMStarted():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
