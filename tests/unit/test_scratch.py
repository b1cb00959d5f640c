"""The folder for a run's temporary files: whose it is, and that nothing stays in it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from archive.errors import UsageError
from archive.store import ArchiveInfo, ArchiveStore
from extract.scratch import scratch_folder

INFO = ArchiveInfo("arkiv", "cosdoc", "1", "Prøve kommune", "964965226", "SA-1")


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore.create(tmp_path / "archive", INFO)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    (tmp_path / "memory").mkdir()
    return tmp_path / "memory"


def test_it_is_in_the_archive_where_none_is_given(store: ArchiveStore) -> None:
    store.work.mkdir(exist_ok=True)
    (store.work / "left").write_bytes(b"")
    with scratch_folder(store, None) as folder:
        assert folder == store.work
        assert not list(folder.iterdir())
        (folder / "copy.pdf").write_bytes(b"%PDF")
    assert not store.work.exists()


def test_it_is_made_for_us_alone_and_removed(store: ArchiveStore, given: Path) -> None:
    with scratch_folder(store, given) as folder:
        assert folder.parent == given
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert store.work.is_dir()
        (folder / "copy.pdf").write_bytes(b"%PDF")
    assert not list(given.iterdir())
    assert not store.work.exists()


def test_it_is_removed_after_an_error(store: ArchiveStore, given: Path) -> None:
    with pytest.raises(OSError, match="full"), scratch_folder(store, given):
        raise OSError("full")
    assert not list(given.iterdir())


def test_each_archive_has_its_own(store: ArchiveStore, given: Path, tmp_path: Path) -> None:
    other = ArchiveStore.create(tmp_path / "other", INFO)
    with scratch_folder(store, given) as one, scratch_folder(other, given) as two:
        assert one != two


def left_by_a_kill(store: ArchiveStore, given: Path) -> Path:
    """What is there when a run is killed."""
    script = """if True:
        import os, signal, sys
        from pathlib import Path
        from archive.store import ArchiveStore
        from extract.scratch import scratch_folder
        with scratch_folder(ArchiveStore.open(Path(sys.argv[1])), Path(sys.argv[2])) as folder:
            (folder / "copy.pdf").write_bytes(b"%PDF")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    done = subprocess.run([sys.executable, "-c", script, str(store.root), str(given)])
    assert done.returncode == -signal.SIGKILL
    (left,) = given.iterdir()
    assert [p.name for p in left.iterdir()] == ["copy.pdf"]
    return left


@pytest.mark.parametrize("again", [True, False], ids=["given again", "not given again"])
def test_the_next_run_removes_what_a_killed_one_left(store: ArchiveStore, given: Path, again: bool) -> None:
    left = left_by_a_kill(store, given)
    with scratch_folder(store, given if again else None) as folder:
        assert not list(folder.iterdir())
        assert left.exists() == again
    assert not list(given.iterdir())


def test_a_note_cannot_name_what_is_not_ours(store: ArchiveStore, given: Path) -> None:
    (given / "precious").mkdir()
    store.work.mkdir(exist_ok=True)
    (store.work / "scratch").write_bytes(os.fsencode(given / "precious"))
    with scratch_folder(store, None):
        pass
    assert (given / "precious").is_dir()


def test_a_link_under_its_name_is_refused(store: ArchiveStore, given: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with scratch_folder(store, given) as folder:
        pass
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="not ours"), scratch_folder(store, given):
        pytest.fail("it was taken")
    assert (tmp_path / "elsewhere").is_dir()


def test_another_users_folder_is_refused(store: ArchiveStore, given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch_folder(store, given) as folder:
        pass
    folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(UsageError, match="not ours"), scratch_folder(store, given):
        pytest.fail("it was taken")


def test_it_is_outside_of_the_archive_and_a_folder(store: ArchiveStore, given: Path) -> None:
    (given / "file").write_bytes(b"")
    if os.geteuid() != 0:
        given.chmod(0o500)
        with pytest.raises(UsageError, match="cannot be made"), scratch_folder(store, given):
            pytest.fail("it was taken")
    for wrong in (store.root, store.packages, given / "none", given / "file"):
        with pytest.raises(UsageError), scratch_folder(store, wrong):
            pytest.fail("it was taken")
