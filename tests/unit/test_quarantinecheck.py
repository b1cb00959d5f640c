from __future__ import annotations

import os
from pathlib import Path

from archive.quarantinecheck import folder_names


def test_names_come_sorted_whatever_they_are(tmp_path: Path) -> None:
    names = ["b", "a", "ø", "z.tmp", "A", os.fsdecode(b"\xff\xfe")]
    for name in names:
        (tmp_path / name).mkdir()
    assert list(folder_names(tmp_path)) == sorted(names, key=os.fsencode)


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(folder_names(tmp_path / "none")) == []
