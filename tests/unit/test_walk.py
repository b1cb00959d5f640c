"""The inventory of an export: every regular file once, under a path that leads back to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.sources import walk
from extract.sources.names import FileKind, written
from extract.sources.staging import Staging
from extract.sources.walk import FileTree


def tree(root: Path, register: tuple[str, ...] = (), encoding: str = "cp1252") -> FileTree:
    return FileTree(root, encoding, register, Staging(root.parent / f"{root.name}.sqlite"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "eksport"
    folder.mkdir()
    return folder


def test_names_that_are_not_utf8_or_not_nfc(root: Path) -> None:
    names = [b"\xc5rsrapport \x96 1.rtf", "A\u030a.rtf".encode(), "Å.rtf".encode(), b"\x81.rtf", b"\xc5.rtf", b"b.rtf"]
    for name in names:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(name)
    found = tree(root)
    files = {f.path for f in found}
    assert files == {"Årsrapport – 1.rtf", "Å.rtf", "A\u030a.rtf", "Å.rtf//2", "\x81.rtf", "b.rtf"}
    assert {found.open_path(p).read_bytes() for p in files} == set(names)
    assert found.open_path("Å.rtf").read_bytes() == "Å.rtf".encode()


def test_register_files_are_marked(root: Path) -> None:
    (root / "dok").mkdir()
    for name in ("pas.csv", "LESMEG.txt", "dok/Thumbs.db", "dok/1.rtf", "dok/pas.csv"):
        (root / name).write_text("x")
    marked = [f.path for f in tree(root, ("pas.csv", "LESMEG.*", "*.db")) if f.register]
    assert marked == ["LESMEG.txt", "dok/Thumbs.db", "pas.csv"]


def test_links_are_followed_only_inside(root: Path, tmp_path: Path) -> None:
    (tmp_path / "hemmelig").write_text("x")
    (root / "dok").mkdir()
    (root / "dok" / "a").write_text("a")
    (root / "ut").symlink_to(tmp_path / "hemmelig")
    (root / "opp").symlink_to(tmp_path)
    (root / "inn").symlink_to("dok/a")
    (root / "mappe").symlink_to("dok")
    (root / "dok" / "ring").symlink_to("..")
    (root / "brutt").symlink_to("ingen")
    os.mkfifo(root / "rør")
    found = tree(root)
    listed = {f.path: f.kind for f in found}
    assert [p for p, kind in listed.items() if kind.is_file] == ["dok/a", "inn", "mappe/a"]
    assert {p: kind for p, kind in listed.items() if not kind.is_file} == {
        "brutt": FileKind.SPECIAL,
        "opp": FileKind.OUTSIDE,
        "rør": FileKind.SPECIAL,
        "ut": FileKind.OUTSIDE,
    }
    for path in ("ut", "opp/hemmelig", "brutt", "rør", "../hemmelig", "dok/../dok/a", "/etc/passwd", "dok", "", "a\0"):
        with pytest.raises(FileNotFoundError):
            found.open_path(path)
    assert found.open_path("inn").read_text() == "a"


def test_large_folders_are_sorted_outside_memory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "_NAMES_IN_MEMORY", 3)
    for n in range(10):
        (root / f"{9 - n}").mkdir()
        (root / f"{9 - n}" / "æ").write_text("x")
        (root / f"{9 - n}.txt").write_text("x")
    paths = [f.path for f in tree(root)]
    assert len(paths) == 20 and paths[:3] == ["0/æ", "0.txt", "1/æ"]


NAMES = st.binary(min_size=1, max_size=6).filter(lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b".."))


@settings(max_examples=60, deadline=None)
@given(st.sets(NAMES | st.sampled_from(["å", "a\u030a", "å (2)"]).map(str.encode), max_size=6))
def test_every_file_is_found_once_and_leads_back(tmp_path_factory: pytest.TempPathFactory, names: set[bytes]) -> None:
    root = tmp_path_factory.mktemp("tre")
    for name in names:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(name)
    found = tree(root)
    paths = [f.path for f in found]
    assert len(paths) == len(set(paths)) == len(names)
    assert {found.open_path(p).read_bytes() for p in paths} == names
    assert all(p.encode() and "//" not in written(p) for p in paths)
    assert {p.encode() for p in paths} >= {n for n in names if _is_utf8(n)}


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("folder", ["", "dok"])
def test_a_folder_that_cannot_be_listed_is_given_as_such(
    root: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (root / "dok").mkdir()
    (root / "dok" / "a").write_text("a")
    (root / "b").write_text("b")
    real = os.scandir

    def scandir(path: str) -> object:
        if Path(path) == root / folder:
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = [(f.path, f.kind) for f in tree(root)]
    assert found == (
        [(".", FileKind.UNREADABLE_FOLDER)]
        if not folder
        else [("b", FileKind.DOCUMENT), ("dok", FileKind.UNREADABLE_FOLDER)]
    )


def test_a_file_that_may_not_be_read_is_given_as_such(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a").write_text("a")
    (root / "b").write_text("b")
    (root / "a").chmod(0)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "a")
    assert [(f.path, f.kind) for f in tree(root)] == [("a", FileKind.UNREADABLE), ("b", FileKind.DOCUMENT)]
