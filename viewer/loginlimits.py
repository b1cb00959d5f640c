"""How many passwords may be tried, so that guessing is slow and nobody can shut another out.

A browser that the user has logged in with before counts for itself. All others count by account and address together,
by account, and by address. A full count is not a closed door: one try after another is let through at a slow pace, so
whoever knows the password gets in, from behind a shared address too. Places are taken before the password is checked
and given back when it was right, so that many tries at once are no more than their number.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from viewer.config import Limits
from viewer.ratelimit import RateLimiter

_ADDRESS_PACE = 1.0
_ALL_ADDRESSES = 10
"""Tries of one account from all addresses together, as a multiple of the tries from one."""
_MOST_WAIT = 2.0
_WAITING = 2


class LoginLimits:
    """The counts of one viewer. `sleep` is for tests."""

    def __init__(self, limiter: RateLimiter, limits: Limits, sleep: Callable[[float], None] = time.sleep) -> None:
        self._limiter, self._limits, self._sleep = limiter, limits, sleep
        self._waiting = threading.BoundedSemaphore(_WAITING)

    @contextmanager
    def attempt(self, account: str, address: str, device: str) -> Iterator[Attempt | None]:
        """A try at a password; None where it is refused. It counts as failed unless it is told not to.

        Args:
            account: the account's name as typed.
            address: of the client.
            device: the name of a browser the account is known with, else empty.
        """
        taken: list[str] = []
        for key, limit, pace in self._counts(account, network_of(address), device):
            wait = self._limiter.take(key, limit, pace=pace, most_wait=_MOST_WAIT)
            if wait is not None:
                taken.append(key)
            if wait is None or not self._waited(wait):
                for one in taken:
                    self._limiter.give_back(one)
                yield None
                return
        attempt = Attempt()
        yield attempt
        if not attempt.counts:
            for key in taken:
                self._limiter.give_back(key)

    def _counts(self, account: str, network: str, device: str) -> list[tuple[str, int, float]]:
        each, pace = self._limits.login_per_account, 60 / self._limits.login_per_account
        if device:
            return [(f"login:{account}:device:{device}", each, pace)]
        return [
            (f"login:{account}:{network}", each, pace),
            (f"login:{account}:all", each * _ALL_ADDRESSES, pace / _ALL_ADDRESSES),
            (f"login:address:{network}", self._limits.login_per_address, _ADDRESS_PACE),
        ]

    def _waited(self, seconds: float) -> bool:
        """Wait for one's turn. False where others wait already: waiting holds one of the few threads that serve."""
        if seconds <= 0:
            return True
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            self._sleep(seconds)
        finally:
            self._waiting.release()
        return True


class LeftOut:
    """Counts the failed logins that were not written down singly."""

    def __init__(self) -> None:
        self._count, self._lock = 0, threading.Lock()

    def left_out(self) -> None:
        """One more."""
        with self._lock:
            self._count += 1

    def take(self) -> int:
        """How many there were since this was last asked."""
        with self._lock:
            count, self._count = self._count, 0
            return count


class Attempt:
    """A try that is let through."""

    counts = True

    def uncount(self) -> None:
        """The password was right, or was not looked at: the try does not count as failed."""
        self.counts = False


def network_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that name a network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
