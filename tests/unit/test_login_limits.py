"""Who is let try a password, and how often: nobody shuts another out."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from viewer.access import Ground, Role
from viewer.accounts import Accounts
from viewer.config import Limits
from viewer.devices import Devices
from viewer.loginlimits import LeftOut, LoginLimits, network_of
from viewer.ratelimit import RateLimiter
from viewer.sessions import Sessions
from viewer.state import StateDatabase


class Tries:
    def __init__(self, **limits: int) -> None:
        self.now = 0.0
        self.limits = LoginLimits(RateLimiter(lambda: self.now), Limits(**limits), sleep=self.sleep)
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self, account: str, address: str = "192.0.2.1", device: str = "", *, right: bool = False) -> bool:
        with self.limits.attempt(account, address, device) as attempt:
            if attempt is not None and right:
                attempt.uncount()
            return attempt is not None


def test_a_stranger_elsewhere_shuts_nobody_out() -> None:
    tries = Tries(login_per_account=3)
    assert [tries("kari", "203.0.113.9") for _ in range(6)] == [True] * 3 + [False] * 3
    assert tries("kari", right=True), "from another address"
    assert tries("kari", "203.0.113.9", "known browser", right=True), "a browser that is known, from the very address"


def test_many_names_from_one_address_shut_nobody_out() -> None:
    tries = Tries(login_per_address=5)
    for n in range(40):
        tries(f"a{n}")
    assert tries("kari", right=True)
    assert len(tries.slept) > 30 and max(tries.slept) <= 2.0, "the others come one a second"


def test_a_full_count_is_slow_and_not_shut() -> None:
    tries = Tries(login_per_account=3)
    for _ in range(3):
        tries("kari")
    assert not tries("kari", right=True)
    tries.now += 20
    assert tries("kari", right=True)


def test_a_right_password_does_not_count() -> None:
    tries = Tries(login_per_account=2)
    assert all(tries("kari", right=True) for _ in range(20))


def test_all_addresses_together_are_bounded() -> None:
    tries = Tries(login_per_account=2)
    let = sum(tries("kari", f"198.51.100.{n}") for n in range(200))
    assert 20 <= let < 60 + tries.now


def test_waiting_holds_few_threads() -> None:
    gate = threading.Event()
    limits = LoginLimits(RateLimiter(lambda: 0.0), Limits(login_per_address=1), sleep=lambda _: gate.wait(10) and None)
    got: list[bool] = []

    def one(n: int) -> None:
        with limits.attempt(f"a{n}", "192.0.2.1", "") as attempt:
            got.append(attempt is not None)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads[3:]:
        thread.join(0.2)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert len(got) == 12 and sum(got) <= 3


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_what_counts_as_one_client(address: str, network: str) -> None:
    assert network_of(address) == network


def test_left_out_is_told_once() -> None:
    left = LeftOut()
    left.left_out()
    left.left_out()
    assert (left.take(), left.take()) == (2, 0)


def test_a_known_browser_is_known_for_its_users_only(tmp_path: Path) -> None:
    database = StateDatabase(tmp_path)
    devices = Devices(database)
    token = devices.remember(None, "kari")
    assert devices.remember(token, "ola") == token, "one browser, two users"
    assert devices.known(token, "kari") and devices.known(token, "ola") and not devices.known(token, "per")
    assert devices.remember("forged", "per") != "forged", "a token that is not ours is not taken over"
    assert not devices.known(None, "kari") and not devices.known("forged", "per")
    for _ in range(30):
        devices.remember(None, "kari")
    assert not devices.known(token, "kari"), "the oldest are forgotten"
    assert devices.known(token, "ola")
    database.close()


@pytest.mark.parametrize("end", ["removed", "made anew"])
def test_everything_ends_with_the_account(tmp_path: Path, end: str) -> None:
    database = StateDatabase(tmp_path)
    accounts, devices = Accounts(database), Devices(database)
    sessions = Sessions(database, idle_seconds=900, absolute_seconds=9000)
    accounts.create("kari", "et langt passord", Role.CLINICIAN)
    accounts.create("ola", "et langt passord", Role.CLINICIAN)
    for user in ("kari", "ola"):
        sessions.state_ground(user, "p1", Ground.TREATMENT, "", "", seconds=3600)
    token, device = sessions.start("kari", "nb"), devices.remember(None, "kari")
    session = sessions.get(token)
    assert session
    sessions.has_found(session, ["p1"])
    if end == "removed":
        assert accounts.remove("kari")
        accounts.create("kari", "en annens passord", Role.CLINICIAN, "Kari Annen")
    else:
        accounts.create("kari", "en annens passord", Role.ARCHIVIST, "Kari Annen")
    assert sessions.get(token) is None and sessions.ground("kari", "p1") is None and sessions.recent("kari") == []
    assert not sessions.found(session, "p1") and not devices.known(device, "kari")
    assert sessions.ground("ola", "p1"), "the others keep theirs"
    database.close()


def test_an_account_is_changed_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    database = StateDatabase(tmp_path)
    accounts = Accounts(database)
    accounts.create("kari", "et langt passord", Role.CLINICIAN)
    sessions = Sessions(database, idle_seconds=900, absolute_seconds=9000)
    sessions.state_ground("kari", "p1", Ground.TREATMENT, "", "", seconds=3600)
    with database.use() as db:
        db.execute("CREATE TRIGGER broken BEFORE DELETE ON ground BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        accounts.create("kari", "en annens passord", Role.ARCHIVIST)
    found = accounts.get("kari")
    assert found and found.role is Role.CLINICIAN and accounts.login("kari", "et langt passord")
    database.close()
