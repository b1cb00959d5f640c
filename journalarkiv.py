"""The command line: one group that loads each verb's module only when the verb is called."""

from __future__ import annotations

import contextlib
import errno
import importlib
import logging
import os
import sys
from importlib import metadata
from typing import NoReturn, TextIO

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


_TIMELESS = frozenset({"inspect", "sample", "verify"})
"""Verbs that record no time in an archive."""


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
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr; where unexpected errors arose, too.")
@click.pass_context
def cli(context: click.Context, verbose: bool) -> None:
    """Take an old patient journal's documents into a standard archive, and keep them possible to look up."""
    from archive.surroundings import check_clock, check_locale
    from archive.unexpected import PlaceFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(PlaceFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])
    # Converters' libraries name files in their messages; only our own loggers speak.
    for chatty in ("fontTools", "weasyprint", "PIL", "pikepdf", "waitress.queue"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    check_locale()
    if context.invoked_subcommand not in _TIMELESS:
        check_clock()


def main() -> None:
    """Run the command; turn every error into a sentence on stderr and its exit code."""
    from archive.surroundings import keep_private, print_anything
    from archive.unexpected import never_quote

    never_quote()
    keep_private()
    print_anything(sys.stdout, sys.stderr)
    stdout = sys.stdout  # Click replaces it when its reader is gone
    status = _run()
    if (failed := _output_failure(stdout)) is not None:
        _tell(f"Error: {failed}")
        status = int(failed.exit_code)
    _exit(status)


def _run() -> int:
    try:
        result = cli(standalone_mode=False)
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.ClickException as e:
        with contextlib.suppress(OSError):
            e.show()
        return e.exit_code
    except SystemExit:
        # so Click ends for a pipe whose reader is gone, with 1, which is another thing here
        _tell("Error: Standard output could not be written to its end: who reads it is gone.")
        return int(ExitCode.OUTPUT_FAILED)
    except (KeyboardInterrupt, click.Abort):
        _tell("Interrupted. Run the same command again and it continues.")
        return int(ExitCode.INTERRUPTED)
    except JournalarkivError as e:
        _tell(f"Error: {e}")
        return int(e.exit_code)
    except Exception as e:
        if isinstance(e, OSError) and (failed := _output_failure()) is not None:
            _tell(f"Error: {failed}")
            return int(failed.exit_code)
        return _unexpected(e)
    return int(result) if isinstance(result, int) else 0


def _unexpected(error: Exception) -> int:
    """Say that it happened, in one sentence, and leave the place in a log file."""
    from archive.unexpected import as_ours, describe, where, write_log

    path = write_log(error)
    place = f"Where it happened, without anything of a patient: {path}" if path else "No log file could be written."
    if "-v" in sys.argv or "--verbose" in sys.argv:
        _tell(describe(error))
    if (ours := as_ours(error)) is not None:
        _tell(f"Error: {ours} {place}")
        return int(ours.exit_code)
    what = "There is not enough memory" if isinstance(error, MemoryError) else "Something unexpected happened"
    _tell(f"Error: {what} ({where(error)}). Everything recorded so far is safe. {place}")
    return int(ExitCode.UNEXPECTED)


def _output_failure(stream: TextIO | None = None) -> JournalarkivError | None:
    """Why what was printed does not reach its reader; what is left of it is dropped, so that it is not tried again."""
    from archive.errors import DiskFullError, OutputFailedError

    stream = stream or sys.stdout
    try:
        stream.flush()
    except OSError as e:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFullError(
                "There is no space left where standard output goes.", remedy="What is in the archive is safe."
            )
        return OutputFailedError("Standard output could not be written to its end: who reads it is gone.")
    return None


def _tell(sentence: str) -> None:
    with contextlib.suppress(OSError):  # stderr may be gone as well; the status says it
        click.echo(sentence, err=True)


def _exit(status: int) -> NoReturn:
    """End with a status. With a Java machine in the process (`verify --level pdfa`) without taking Python down, since
    that can abort after everything is done and would hide the status."""
    if "jpype" in sys.modules and sys.modules["jpype"].isJVMStarted():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
