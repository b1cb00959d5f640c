"""Bad input through the real run: hostile, cut and mutated files end archived and valid or in quarantine for a reason.

The long form of this is `python -m bench.hostile`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.hostile import corpus_files, run_batch
from bench.mutate import Breaker

FILES, SEED = 150, 4


@pytest.fixture(scope="module")
def breaker(shared: Path) -> Breaker:
    return Breaker(corpus_files(shared / "corpus"), SEED)


def test_broken_files_cost_nothing_but_themselves(breaker: Breaker, tmp_path: Path) -> None:
    files = breaker.hostile()
    cuts = (breaker.cut(n) for n in range(0, breaker.cuts, 17))
    files += [c for c in cuts if c is not None]
    files += [breaker.mutant(n) for n in range(FILES - len(files))]
    result = run_batch(iter(files), tmp_path / "batch", workers=2)
    assert result["problems"] == []
    assert len(result["files"]) == FILES
    assert {f["kind"] for f in result["files"].values()} == {"hostile", "cut", "mutant"}
    assert {f["state"] for f in result["files"].values()} == {"archived", "quarantined"}


def test_the_same_seed_breaks_the_same_way(breaker: Breaker, shared: Path) -> None:
    again = Breaker(corpus_files(shared / "corpus"), SEED)
    other = Breaker(corpus_files(shared / "corpus"), SEED + 1)
    assert [breaker.mutant(n) for n in range(20)] == [again.mutant(n) for n in range(20)]
    assert [breaker.mutant(n) for n in range(20)] != [other.mutant(n) for n in range(20)]
    originals = {path.read_bytes() for _, path, _ in corpus_files(shared / "corpus")}
    assert not originals & {breaker.mutant(n).content for n in range(200)}
