"""SQLite files are whole by themselves, and are read from read-only media without false damage."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive.catalogue import Catalogue
from archive.cataloguemark import CatalogueMark
from archive.database import NotFoldedInError, connect_read_only, fold_in, folded_in
from archive.errors import CatalogueInvalidError
from archive.rebuild import rebuild
from archive.store import ArchiveStore
from tests.journals import make_patient


def database(path: Path) -> sqlite3.Connection:
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("CREATE TABLE t(a)")
    made.execute("INSERT INTO t VALUES(1)")
    return made


def alone(path: Path, folder: Path) -> list[tuple[int]]:
    """What a copy of the file by itself holds."""
    copy = folder / "copy.sqlite"
    shutil.copyfile(path, copy)
    with contextlib.closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as read:
        try:
            return read.execute("SELECT a FROM t").fetchall()
        except sqlite3.OperationalError:
            return []


@pytest.fixture
def read_only_media(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """As read-only media are to SQLite: nothing can be made beside a file."""

    def put_in() -> None:
        real = sqlite3.connect

        def connect(name: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
            if "immutable" not in str(name):
                error = sqlite3.OperationalError("unable to open database file")
                error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
                raise error
            return real(name, *args, **kwargs)

        monkeypatch.setattr(sqlite3, "connect", connect)
        monkeypatch.setattr(os, "access", lambda *_: False)

    return put_in


def test_folding_in_leaves_the_file_whole_with_other_connections_open(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    with contextlib.closing(database(path)) as writer, contextlib.closing(connect_read_only(path)) as reader:
        assert alone(path, tmp_path) == []
        reader.execute("SELECT * FROM t").fetchall()
        fold_in(writer)
        assert alone(path, tmp_path) == [(1,)]


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_killed_writer_left_is_folded_in_by_the_next_one(tmp_path: Path, fails: bool) -> None:
    path = tmp_path / "d.sqlite"
    with contextlib.closing(database(path)):
        with contextlib.suppress(RuntimeError), folded_in(path, tmp_path / "absent.sqlite"):
            if fails:
                raise RuntimeError
        assert alone(path, tmp_path) == [(1,)]
    assert not (tmp_path / "absent.sqlite").exists()


def test_a_database_on_read_only_media_is_read(tmp_path: Path, read_only_media: Callable[[], None]) -> None:
    path = tmp_path / "d.sqlite"
    database(path).close()
    read_only_media()
    with contextlib.closing(connect_read_only(path)) as read:
        assert read.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_log_that_cannot_be_folded_in_is_never_passed_over(
    tmp_path: Path, read_only_media: Callable[[], None]
) -> None:
    path = tmp_path / "d.sqlite"
    with contextlib.closing(database(path)):
        read_only_media()
        with pytest.raises(NotFoldedInError, match="write-ahead log"):
            connect_read_only(path)


def test_a_database_that_is_refused_where_one_may_write_is_not_opened_as_unchanging(
    tmp_path: Path, read_only_media: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.sqlite"
    database(path).close()
    read_only_media()
    monkeypatch.setattr(os, "access", lambda *_: True)
    with pytest.raises(sqlite3.OperationalError, match="unable"):
        connect_read_only(path)


def test_a_catalogue_on_read_only_media_is_read(
    archive_store: ArchiveStore, read_only_media: Callable[[], None]
) -> None:
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.record_patient(make_patient())
    read_only_media()
    with Catalogue.open(archive_store) as catalogue:
        assert catalogue.connection.execute("SELECT count(*) FROM patient").fetchone()[0] == 1


def test_a_former_catalogue_put_in_its_place_is_refused_until_it_is_made_again(archive_store: ArchiveStore) -> None:
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.record_patient(make_patient())
    former = archive_store.catalogue.read_bytes()
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.record_patient(make_patient("p2"))
    archive_store.catalogue.write_bytes(former)
    for write in (False, True):
        with pytest.raises(CatalogueInvalidError, match="older") as caught:
            Catalogue.open(archive_store, write=write)
        assert "rebuild" in caught.value.remedy
    archive_store.catalogue.unlink()
    with pytest.raises(CatalogueInvalidError, match="gone"):
        Catalogue.open(archive_store, write=True)
    assert not archive_store.catalogue.exists()
    rebuild(archive_store)
    with Catalogue.open(archive_store) as catalogue:
        assert catalogue.content_serial == CatalogueMark.of(archive_store).serial


def test_a_mark_never_goes_back(archive_store: ArchiveStore) -> None:
    mark = CatalogueMark.of(archive_store)
    mark.raise_to(7)
    mark.raise_to(3)
    assert CatalogueMark.of(archive_store).serial == mark.serial == 7


@pytest.mark.parametrize("content", [b"", b"[]", b'{"content_serial": "9"}', b"\xff\xfe", b'{"content_serial": null}'])
def test_a_mark_that_cannot_be_read_is_none(archive_store: ArchiveStore, content: bytes) -> None:
    with Catalogue.open(archive_store, write=True) as catalogue:
        catalogue.record_patient(make_patient())
    (archive_store.root / "catalogue.mark").write_bytes(content)
    Catalogue.open(archive_store).close()
