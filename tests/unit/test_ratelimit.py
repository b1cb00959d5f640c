"""The sliding minute."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from viewer.ratelimit import RateLimiter


def test_a_minute_slides() -> None:
    now = [0.0]
    limiter = RateLimiter(lambda: now[0])
    assert [limiter.allow("a", 3) for _ in range(4)] == [True, True, True, False]
    assert limiter.allow("b", 3), "keys do not share"
    now[0] = 59.9
    assert not limiter.allow("a", 3)
    now[0] = 60.0
    assert [limiter.allow("a", 3) for _ in range(4)] == [True, True, True, False]


def test_memory_is_bounded() -> None:
    limiter = RateLimiter(lambda: 0.0)
    for n in range(10_050):
        limiter.allow(f"key {n}", 5)
    assert len(limiter._events) == 10_000
    assert limiter.allow("key 0", 1) and not limiter.allow("key 10049", 1)


def test_a_place_is_taken_in_one_step() -> None:
    limiter = RateLimiter()
    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(lambda _: limiter.allow("a", 7), range(500))) == 7


def test_beyond_the_limit_one_after_another() -> None:
    now = [0.0]
    limiter = RateLimiter(lambda: now[0])
    take = partial(limiter.take, "a", 2, pace=5.0, most_wait=6.0)
    assert [take(), take(), take(), take()] == [0.0, 0.0, 5.0, None]
    now[0] = 9.9
    assert take() == pytest.approx(0.1)
    limiter.give_back("a")
    now[0] = 10.0
    assert take() == 0.0 and limiter.take("a", 2, pace=5.0) is None
    limiter.give_back("never")
