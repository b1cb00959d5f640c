"""What a worker does with a task: here, only what can be seen of it without engines."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from archive.normalise.contract import Limits
from archive.store import ArchiveStore
from extract import work
from extract.plan import Task
from tests.conftest import ARCHIVE_INFO


def test_each_stage_that_ends_is_a_sign_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signs: list[None] = []
    monkeypatch.setattr(work, "sign_of_life", lambda: signs.append(None))
    worker = work.Worker(ArchiveStore.create(tmp_path / "archive", ARCHIVE_INFO), Limits(), "test")
    run = work.Run(worker, Task(()), tmp_path)
    for _ in range(3):
        with run._stage("hash"):
            assert len(signs) == run.timings.count.get("hash", 0)
    assert len(signs) == 3
    assert pickle.loads(pickle.dumps(run.timings)).count == {"hash": 3}, "they go to the coordinator"
