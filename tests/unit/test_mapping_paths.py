"""Paths as written, to paths inside the export."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.mapping.paths import PathRules, relative_path

PREFIXES = (("D:\\EPJ\\dok", "dok"), (r"\\srv\epj$", ""), ("D:\\EPJ", "annet"), ("/mnt/epj", "mnt"))


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (r"dok\700\1.rtf", "dok/700/1.rtf"),
        ("dok/700/1.rtf", "dok/700/1.rtf"),
        (r".\dok\\700\.\1.rtf", "dok/700/1.rtf"),
        (r"dok\x\..\1.rtf", "dok/1.rtf"),
        (r"dok\1.rtf ", "dok/1.rtf "),
        ("A\u030arsrapport.rtf", "A\u030arsrapport.rtf"),
        (r"..\..\etc\hostname", None),
        (r"dok\..\..\x", None),
        ("/etc/passwd", None),
        (r"\etc\passwd", None),
        (r"C:\Windows\x", None),
        ("C:x", None),
        (r"\\srv\share\x", None),
        (r"\\?\C:\x", None),
        (r"\\?\UNC\srv\share\x", None),
        ("dok\0/x", None),
        ("", None),
        (".", None),
        ("dok/..", None),
    ],
)
def test_paths_are_read(raw: str, path: str | None) -> None:
    assert relative_path(raw, PathRules()) == path


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (r"D:\EPJ\dok\1.rtf", "dok/1.rtf"),
        (r"d:\epj\DOK\1.rtf", "dok/1.rtf"),
        (r"D:\EPJ\dokument\1.rtf", "annet/dokument/1.rtf"),
        (r"\\SRV\epj$\a\b", "a/b"),
        (r"\\?\D:\EPJ\dok\1.rtf", "dok/1.rtf"),
        (r"\\?\UNC\srv\epj$\a", "a"),
        ("/mnt/epj/x", "mnt/x"),
        (r"D:\EPJ\dok\..\..\x", None),
        (r"E:\EPJ\dok\1.rtf", None),
    ],
)
def test_prefixes_are_rewritten(raw: str, path: str | None) -> None:
    assert relative_path(raw, PathRules(prefixes=PREFIXES)) == path


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (r"X:\a\b", "a/b"),
        (r"X:a", "a"),
        (r"\\srv\share\a\b", "a/b"),
        ("/a/b", "a/b"),
        (r"X:\..\a", None),
        ("a/b", "a/b"),
    ],
)
def test_roots_are_stripped_when_the_mapping_says_so(raw: str, path: str | None) -> None:
    assert relative_path(raw, PathRules(strip_roots=True)) == path


def test_without_windows_a_backslash_is_a_character() -> None:
    rules = PathRules(windows=False, prefixes=(("/Mnt", "x"),))
    assert relative_path(r"a\b", rules) == r"a\b"
    assert relative_path("C:x", rules) == "C:x"
    assert relative_path("/mnt/a", rules) is None
    assert relative_path("/Mnt/a", rules) == "x/a"


PARTS = st.sampled_from(
    ["..", ".", "", "a", "Ø", "A\u030a", "C:", "\\", "/", "//", "\\\\?\\", "UNC", "srv", "\0", " ", "..."]
)
RULES = st.builds(
    PathRules,
    windows=st.booleans(),
    strip_roots=st.booleans(),
    prefixes=st.sampled_from([(), PREFIXES, (("a", "../.."), ("C:", "/etc"))]),
)


@given(st.lists(st.one_of(PARTS, st.text(max_size=3)), max_size=8).map("/".join) | st.text(max_size=20), RULES)
def test_no_path_ever_leaves_the_export(raw: str, rules: PathRules) -> None:
    path = relative_path(raw, rules)
    if path is None:
        return
    assert path and not path.startswith("/") and "\0" not in path
    assert not {"", ".", ".."} & set(path.split("/"))
    root = Path("/eksport")
    assert root in (root / path).parents
    assert (root / path).resolve().is_relative_to(root)
    # Read once more it is the same path, unless its own text looks like a root or has a backslash.
    if not rules.prefixes and "\\" not in path and ":" not in path:
        assert relative_path(path, rules) == path
    assert str(PurePosixPath(path)) == path
