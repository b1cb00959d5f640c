"""Joined tables answer the same whether they are in memory or staged on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.sources import staging
from extract.sources.staging import Groups, Lookup, Staging


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
