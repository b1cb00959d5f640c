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

    def full(self, key: str, limit: int) -> bool:
        """Whether `limit` events of the key lie within the last minute."""
        with self._lock:
            events = self._events.get(key)
            if events is None:
                return False
            while events and events[0] <= self._now() - _WINDOW:
                events.popleft()
            return len(events) >= limit

    def count(self, key: str) -> None:
        """One more event of the key."""
        with self._lock:
            self._events.setdefault(key, deque(maxlen=10_000)).append(self._now())
            self._events.move_to_end(key)
            while len(self._events) > _MOST_KEYS:
                self._events.popitem(last=False)

    def allow(self, key: str, limit: int) -> bool:
        """Count one more event unless the limit is reached; False then."""
        if self.full(key, limit):
            return False
        self.count(key)
        return True
