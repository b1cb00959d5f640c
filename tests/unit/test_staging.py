"""Joined tables answer the same whether they are in memory or staged on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extract.sources import staging
from extract.sources.staging import Groups, Lookup, Staging, join_key
from extract.sources.tables import Padded, Several, padded, several


@pytest.fixture(params=["memory", "staged"])
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "staged":
        monkeypatch.setattr(staging, "IN_MEMORY", 1)
        monkeypatch.setattr(staging, "_BATCH", 1)
        monkeypatch.setattr(staging, "_CACHED", 1)


def test_lookup(tmp_path: Path, limit: None) -> None:
    work = Staging(tmp_path / "w" / "s.sqlite")
    rows = [("1", ("a", "")), ("2", ("b", "æ")), ("1", ("a", "")), ("2", ("c", "")), ("3", ("", ""))]
    lookup = Lookup(work, rows)
    for _ in range(2):
        assert lookup.get("1") == (("a", ""), False)
        assert lookup.get("2") == (("b", "æ"), True)
        assert lookup.get("3") == (("", ""), False)
        assert lookup.get("4") is None
    work.close()
    assert not (tmp_path / "w" / "s.sqlite").exists()


def test_groups(tmp_path: Path, limit: None) -> None:
    work = Staging(tmp_path / "s.sqlite")
    groups = Groups(work, [("1", "t:2", ["a"]), ("2", "t:3", ["b"]), ("1", "t:4", ["c"]), ("3", "t:5", ["d"])])
    for _ in range(2):
        groups.restart()
        assert groups.get("1") == [("t:2", ["a"]), ("t:4", ["c"])]
        assert groups.get("9") == []
        assert list(groups.not_asked()) == [("2", "t:3", ["b"]), ("3", "t:5", ["d"])]
        assert groups.get("3") == [("t:5", ["d"])]
        assert list(groups.not_asked()) == [("2", "t:3", ["b"])]
    work.close()


def test_a_left_over_work_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"not a database")
    work = Staging(path)
    work.fill(f"INSERT INTO {work.new_table('a')} VALUES (?)", [(1,)])
    work.close()


def test_no_value_is_cut_at_a_sign_it_holds(tmp_path: Path, limit: None) -> None:
    work = Staging(tmp_path / "s.sqlite")
    odd = ["b\x1ea", "\x1f", "\x1d\x1c\0", '["x"]', "\n", '"', "\\", "", "å\ufffe"]
    lookup = Lookup(work, [("1", tuple(odd)), ("2", ("b", "a", *odd[2:])), ("\x1f", ("c",))])
    groups = Groups(work, [("1", "t:2", odd), ("2", "t:3", ["b", "a"]), ("\x1e", "t:4", ["d"])])
    assert lookup.get("1") == (tuple(odd), False) and lookup.get("\x1f") == (("c",), False)
    assert groups.get("1") == [("t:2", odd)] and groups.get("\x1e") == [("t:4", ["d"])]
    work.close()


def test_rows_keep_what_is_more_than_text(tmp_path: Path, limit: None) -> None:
    work = Staging(tmp_path / "s.sqlite")
    rows = [("1", "t:2", [padded(" a "), several(["x", "y; z"])]), ("2", "t:3", ["b", "c"])]
    groups = Groups(work, rows)
    ((_, (name, both)),) = groups.get("1")
    assert isinstance(name, Padded) and name == "a" and name.written == " a "
    assert isinstance(both, Several) and both.parts == ("x", "y; z")
    work.close()


@given(st.lists(st.text(max_size=3), min_size=2, max_size=2), st.lists(st.text(max_size=3), min_size=2, max_size=2))
@example(["a\x1fb", "c"], ["a", "b\x1fc"])
@example(["a|b", "c"], ["a", "b|c"])
@example(["", ""], ["", " "])
def test_different_parts_make_different_keys(one: list[str], other: list[str]) -> None:
    assert (join_key(one) == join_key(other)) is (one == other)
