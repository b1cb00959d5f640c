from __future__ import annotations

import hashlib

import pytest

from archive.normalise.judging import KNOWN_ROUTES, Judging
from archive.normalise.routes import load


def hashes(number: int) -> list[str]:
    return [hashlib.sha256(str(n).encode()).hexdigest() for n in range(number)]


def test_all_judges_all() -> None:
    assert Judging.parse("all") == Judging()
    assert all(Judging().judges(sha) for sha in [*hashes(50), "f" * 64])


@pytest.mark.parametrize(("asked", "share"), [("sample:25", 0.25), ("sample:2.5", 0.025), ("sample:99.9", 0.999)])
def test_a_sample_has_its_share_and_says_what_was_asked(asked: str, share: float) -> None:
    judging = Judging.parse(asked)
    assert str(judging) == asked
    drawn = sum(judging.judges(sha) for sha in hashes(20_000))
    assert drawn == pytest.approx(20_000 * share, abs=200)


def test_a_larger_sample_holds_the_smaller() -> None:
    small, large = Judging.parse("sample:5"), Judging.parse("sample:50")
    assert all(large.judges(sha) for sha in hashes(2000) if small.judges(sha))
    assert any(small.judges(sha) for sha in hashes(2000))


@pytest.mark.parametrize("asked", ["", "none", "sample", "sample:", "sample:x", "sample:0", "sample:100", "sample:nan"])
def test_anything_else_is_refused(asked: str) -> None:
    with pytest.raises(ValueError, match="sample:P"):
        Judging.parse(asked)


def test_known_routes_are_routes_and_no_fallbacks() -> None:
    assert all(callable(load(route)) for route in KNOWN_ROUTES)
    assert KNOWN_ROUTES.isdisjoint({"pdf", "html", "libreoffice", "mail"})
