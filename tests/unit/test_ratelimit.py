"""The sliding minute."""

from __future__ import annotations

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
        limiter.count(f"key {n}")
    assert len(limiter._events) == 10_000
    assert not limiter.full("key 0", 1) and limiter.full("key 10049", 1)
