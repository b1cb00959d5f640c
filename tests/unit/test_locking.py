"""One process at a time, on every kind of file system; a folder's fsync that a file system does not know."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from archive.errors import ArchiveBusyError, SystemRefusedError
from archive.locking import held
from archive.store import sync_folder, write_durably

UNKNOWN = [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP]


def refusing(number: int) -> Any:
    def call(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("number", [*UNKNOWN, errno.ENOLCK])
def test_a_file_system_without_flock_is_not_busy(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = fcntl.lockf
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    monkeypatch.setattr(fcntl, "lockf", lambda *a: (asked.append(a[1]), real(*a))[1])
    with held(tmp_path / "lock", "busy"):
        pass
    assert asked == [fcntl.LOCK_EX | fcntl.LOCK_NB]


def test_a_file_system_without_any_lock_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOSYS))
    monkeypatch.setattr(fcntl, "lockf", refusing(errno.ENOLCK))
    with pytest.raises(SystemRefusedError, match="no file locks"), held(tmp_path / "lock", "busy"):
        pytest.fail("it was not held")


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EACCES])
@pytest.mark.parametrize("call", ["flock", "lockf"])
def test_who_holds_it_makes_others_busy(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if call == "lockf":
        monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOSYS))
    monkeypatch.setattr(fcntl, call, refusing(number))
    with pytest.raises(ArchiveBusyError, match="somebody"), held(tmp_path / "lock", "somebody is at work."):
        pytest.fail("it was not held")


def test_an_input_output_error_is_neither_busy_nor_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(errno.EIO))
    with pytest.raises(OSError, match="nput/output") as caught, held(tmp_path / "lock", "busy"):
        pytest.fail("it was not held")
    assert not isinstance(caught.value, ArchiveBusyError)


@pytest.mark.parametrize("number", UNKNOWN)
def test_a_folder_that_cannot_be_synced_is_no_error(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refusing(number))
    sync_folder(tmp_path)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EBADF])
def test_a_folder_that_failed_to_sync_is_one(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refusing(number))
    with pytest.raises(OSError) as caught:
        sync_folder(tmp_path)
    assert caught.value.errno == number


@pytest.mark.parametrize("number", UNKNOWN)
def test_a_file_that_cannot_be_synced_is_an_error(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refusing(number))
    with pytest.raises(OSError):
        write_durably(tmp_path / "file", b"x")
    assert not (tmp_path / "file").exists()
