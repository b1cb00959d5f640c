"""How often somebody may do something: a sliding minute, in the memory of this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

_WINDOW = 60.0
_MOST_KEYS = 10_000


class RateLimiter:
    """Counts events by key over the last minute. Keeps no more than 10,000 keys; the oldest are forgotten first."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._events: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def allow(self, key: str, limit: int) -> bool:
        """Count one more event unless the limit is reached; False then."""
        return self.take(key, limit) is not None

    def take(self, key: str, limit: int, *, pace: float = _WINDOW, most_wait: float = 0.0) -> float | None:
        """Count one more event, in one step with the look at the limit, so that many at once are no more than it.

        When the limit is reached, one event after another is still taken at a distance of `pace` seconds.

        Args:
            key: what is counted.
            limit: events a minute.
            pace: seconds between events beyond the limit.
            most_wait: seconds the caller would wait for its turn.

        Returns:
            the seconds to wait for the turn that was taken; None where none was.
        """
        with self._lock:
            now = self._now()
            events = self._recent(key, now)
            wait = 0.0
            if len(events) >= limit:
                wait = max(0.0, events[-1] + pace - now)
                if wait > most_wait:
                    return None
            self._add(key, now + wait)
            return wait

    def give_back(self, key: str) -> None:
        """Take the latest event of a key out of the count."""
        with self._lock:
            events = self._events.get(key)
            if events:
                events.pop()

    def _recent(self, key: str, now: float) -> deque[float]:
        events = self._events.get(key)
        if events is None:
            return deque()
        while events and events[0] <= now - _WINDOW:
            events.popleft()
        return events

    def _add(self, key: str, at: float) -> None:
        self._events.setdefault(key, deque(maxlen=10_000)).append(at)
        self._events.move_to_end(key)
        while len(self._events) > _MOST_KEYS:
            self._events.popitem(last=False)
