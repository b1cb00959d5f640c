"""An error that nobody expected: its own exit code, one sentence, and a log file without anything of a patient."""

from __future__ import annotations

import errno
import os
import pickle
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import pytest

import journalarkiv
from archive.errors import ExitCode, JournalarkivError, UsageError
from archive.unexpected import as_ours, describe, where, write_log
from tests.conftest import REPOSITORY

NAME = "Testesen, Kari 01811523867"


def fail(depth: int = 0) -> None:
    secret = NAME
    if depth:
        fail(depth - 1)
    try:
        {}[secret]
    except KeyError as e:
        error = ValueError(f"could not read {secret}")
        error.add_note(f"the row was {secret}")
        error.add_note(f'  File "extract/work.py", line 12, in run\n    row = {secret!r}\n')
        raise error from e


def caught(function: object = fail, *arguments: object) -> BaseException:
    try:
        function(*arguments)  # type: ignore[operator]
    except BaseException as e:
        return e
    raise AssertionError("nothing was raised")


def in_group() -> None:
    raise ExceptionGroup(NAME, [caught(), OSError(errno.ENOENT, "no such file", f"/{NAME}.txt")])


def test_the_log_holds_kinds_and_places_and_nothing_else() -> None:
    told = describe(caught())
    assert "Testesen" not in told
    assert "01811523867" not in told
    for part in ("builtins.ValueError", "caused by: builtins.KeyError", "in fail", 'File "extract/work.py", line 12'):
        assert part in told


def test_a_group_is_told_member_by_member() -> None:
    told = describe(caught(in_group))
    assert "Testesen" not in told
    for part in ("ExceptionGroup", "one of a group: builtins.ValueError", "FileNotFoundError (ENOENT)"):
        assert part in told


def test_what_another_process_raised_keeps_its_places_without_its_words() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        error = caught(pool.submit(fail).result)
    told = describe(error)
    assert "RemoteTraceback" in told
    assert "test_unexpected.py" in told
    assert "Testesen" not in told


def test_a_recursion_is_told_shortly() -> None:
    told = describe(caught(fail, 900))
    assert "more ..." in told
    assert len(told.splitlines()) < 260


def test_a_chain_that_leads_back_to_itself_ends() -> None:
    error = caught()
    error.__context__, error.__cause__ = error, error
    assert describe(error).count("ValueError") == 1


def test_the_log_file_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNALARKIV_LOG_FOLDER", str(tmp_path / "logs"))
    before = os.umask(0)
    try:
        path = write_log(caught())
    finally:
        os.umask(before)
    assert path is not None
    assert path.parent == tmp_path / "logs"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_without_a_folder_for_it_there_is_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr("archive.unexpected._folders", lambda: iter([tmp_path / "file" / "below"]))
    assert write_log(caught()) is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, NAME), ExitCode.DISK_FULL),
        (OSError(errno.EDQUOT, NAME), ExitCode.DISK_FULL),
        (OSError(errno.EROFS, "read-only", NAME), ExitCode.SYSTEM_REFUSED),
        (PermissionError(errno.EACCES, "denied", NAME), ExitCode.SYSTEM_REFUSED),
        (OSError(errno.EIO, NAME), ExitCode.SYSTEM_REFUSED),
        (FileNotFoundError(errno.ENOENT, "gone", NAME), ExitCode.UNEXPECTED),
        (OSError(NAME), ExitCode.UNEXPECTED),
        (ValueError(NAME), ExitCode.UNEXPECTED),
        (RecursionError(NAME), ExitCode.UNEXPECTED),
        (MemoryError(NAME), ExitCode.UNEXPECTED),
        (AssertionError(NAME), ExitCode.UNEXPECTED),
        (UnicodeEncodeError("ascii", NAME, 0, 1, NAME), ExitCode.UNEXPECTED),
        (SystemError(NAME), ExitCode.UNEXPECTED),
        (ExceptionGroup(NAME, [ValueError(NAME)]), ExitCode.UNEXPECTED),
        (UsageError("The options contradict."), ExitCode.USAGE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (click.Abort(), ExitCode.INTERRUPTED),
    ],
)
def test_every_error_has_its_exit_code_and_one_sentence(
    error: BaseException,
    code: ExitCode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def raising(**_: object) -> None:
        raise error

    monkeypatch.setenv("JOURNALARKIV_LOG_FOLDER", str(tmp_path))
    monkeypatch.setattr(journalarkiv, "cli", raising)
    assert journalarkiv._run() == code
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == 1
    assert "Traceback" not in told
    assert "Testesen" not in told
    logs = list(tmp_path.iterdir())
    assert len(logs) == (not isinstance(error, JournalarkivError | KeyboardInterrupt | click.Abort))
    for log in logs:
        assert "Testesen" not in log.read_text()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, ExitCode.DISK_FULL),
        (sqlite3.SQLITE_IOERR | 10 << 8, ExitCode.SYSTEM_REFUSED),
        (sqlite3.SQLITE_READONLY | 6 << 8, ExitCode.SYSTEM_REFUSED),
        (sqlite3.SQLITE_CORRUPT, ExitCode.SYSTEM_REFUSED),
        (sqlite3.SQLITE_BUSY, ExitCode.SYSTEM_REFUSED),
        (sqlite3.SQLITE_CONSTRAINT, None),
    ],
)
def test_what_a_database_refuses_is_told_by_its_number(code: int, expected: ExitCode | None) -> None:
    error = sqlite3.OperationalError(NAME)
    error.sqlite_errorcode = code
    ours = as_ours(error)
    assert (ours and ours.exit_code) == expected
    assert "Testesen" not in str(ours)


def test_the_sentence_names_the_last_place_in_our_own_code() -> None:
    from archive.record import from_json

    told = where(caught(from_json, dict, "{"))
    assert told.startswith("JSONDecodeError in archive/")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_output_is_a_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "journalarkiv", "--version"], cwd=REPOSITORY, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == ExitCode.DISK_FULL
    assert done.stderr.decode().count("\n") == 1


def test_a_reader_who_is_gone_is_told_without_a_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "journalarkiv", "--help"], cwd=REPOSITORY, stdout=gone, stderr=subprocess.PIPE
        )
    assert done.returncode == ExitCode.OUTPUT_FAILED
    assert done.stderr.decode().count("\n") == 1


def test_errors_of_ours_pass_between_processes() -> None:
    error = pickle.loads(pickle.dumps(UsageError("It is so.", remedy="Do that.")))
    assert (str(error), error.exit_code) == ("It is so. Do that.", ExitCode.USAGE)
