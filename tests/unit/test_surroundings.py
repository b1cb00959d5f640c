"""A locale that cannot hold file names, a clock before the release, and files that others could read."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.catalogue import Catalogue
from archive.errors import ClockWrongError, ExitCode, LocaleUnfitError, NotAnArchiveError
from archive.quarantine import put
from archive.store import ArchiveStore
from archive.surroundings import RELEASED, check_clock, check_locale, print_anything
from tests.conftest import ARCHIVE_INFO, REPOSITORY
from tests.journals import make_patient, make_quarantined


@pytest.mark.parametrize("encoding", ["iso8859-1", "ascii", "cp1252", "latin-1", "utf-16"])
def test_a_locale_that_cannot_hold_file_names_is_refused(encoding: str) -> None:
    with pytest.raises(LocaleUnfitError, match="UTF-8"):
        check_locale(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", None])
def test_a_locale_of_utf8_is_fit(encoding: str | None) -> None:
    check_locale(encoding)


def test_a_clock_before_the_release_is_refused() -> None:
    release = datetime(RELEASED.year, RELEASED.month, RELEASED.day, tzinfo=UTC)
    for wrong in (release - timedelta(seconds=1), datetime(1970, 1, 1, tzinfo=UTC), datetime(2019, 5, 1, tzinfo=UTC)):
        with pytest.raises(ClockWrongError, match="clock"):
            check_clock(wrong)
    check_clock(release)
    check_clock()


@pytest.mark.parametrize("verb", [["report"], ["retry"], ["serve"], ["index"], ["migrate"], ["inspect"]])
def test_the_locale_is_asked_for_before_anything_else(verb: list[str], tmp_path: Path) -> None:
    code = "import sys; sys.getfilesystemencoding = lambda: 'iso8859-1'; import journalarkiv; journalarkiv.main()"
    done = subprocess.run([sys.executable, "-c", code, *verb, tmp_path], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == ExitCode.LOCALE_UNFIT
    assert "LC_ALL=C.UTF-8" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_an_encoding_lacks_is_printed_as_an_escape() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    print_anything(stream)
    stream.write("blå \udcff")
    stream.flush()
    assert raw.getvalue() == rb"bl\xe5 \udcff"


def modes(root: Path) -> set[int]:
    return {p.lstat().st_mode & 0o777 for p in [root, *root.rglob("*")]}


def fill(store: ArchiveStore) -> None:
    with store.lock(), Catalogue.open(store, write=True) as catalogue:
        catalogue.record_patient(make_patient())
        put(store, make_quarantined(make_patient(), "q"), {})


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
@pytest.mark.parametrize(("readable_by", "expected"), [("owner", {0o700, 0o600}), ("group", {0o750, 0o640})])
def test_an_archive_is_readable_as_it_says_whatever_the_umask(
    tmp_path: Path, umask: int, readable_by: str, expected: set[int]
) -> None:
    before = os.umask(umask)
    try:
        store = ArchiveStore.create(tmp_path / "archive", replace(ARCHIVE_INFO, readable_by=readable_by))
        fill(store)
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert modes(store.root) == expected
    assert ArchiveStore.open(store.root).info.readable_by == readable_by


def test_a_folder_that_was_there_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive").chmod(0o777)
    store = ArchiveStore.create(tmp_path / "archive", ARCHIVE_INFO)
    assert store.root.stat().st_mode & 0o777 == 0o700
    assert "readable_by" not in (store.root / "archive.toml").read_text()  # as all versions read it


def test_who_may_read_is_one_of_two(archive_store: ArchiveStore) -> None:
    with (archive_store.root / "archive.toml").open("a") as f:
        f.write('readable_by = "everybody"\n')
    with pytest.raises(NotAnArchiveError, match="readable_by"):
        ArchiveStore.open(archive_store.root)
