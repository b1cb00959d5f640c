"""Local accounts: argon2id, one answer for everything wrong, a bound on the memory logins can take."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.errors import UsageError
from archive.store import ArchiveStore
from viewer import accounts as module
from viewer.access import Role
from viewer.accounts import Accounts, BusyError, all_accounts, create_account, remove_account
from viewer.state import StateDatabase


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    database = StateDatabase(tmp_path)
    yield Accounts(database)
    database.close()


def test_login(accounts: Accounts) -> None:
    accounts.create("kari", "riktig passord", Role.CLINICIAN, "Kari Lege")
    user = accounts.login(" Kari ", "riktig passord")
    assert user and (user.name, user.role, user.full_name) == ("kari", Role.CLINICIAN, "Kari Lege")
    assert accounts.login("kari", "riktig passorD") is None
    assert accounts.login("kari", "") is None
    assert accounts.login("ola", "riktig passord") is None
    assert accounts.login("ola", "nobody has this password") is None, "the stand-in for unknown names opens nothing"


def test_passwords_are_kept_as_argon2id(accounts: Accounts, tmp_path: Path) -> None:
    accounts.create("kari", "riktig passord", Role.CLINICIAN)
    content = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"$argon2id$v=19$m=47104,t=1,p=1$" in content and b"riktig passord" not in content


def test_an_unknown_name_takes_as_long_as_a_known_one(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.create("kari", "riktig passord", Role.CLINICIAN)
    verified: list[str] = []
    real = accounts._verify
    monkeypatch.setattr(accounts, "_verify", lambda hashed, word: verified.append(hashed) or real(hashed, word))
    accounts.login("kari", "feil")
    accounts.login("ingen", "feil")
    assert len(verified) == 2 and verified[0].split("$")[:4] == verified[1].split("$")[:4]


@pytest.mark.parametrize("user", ["", "Kari", "a b", "../x", "-x", "æ", "x" * 65])
def test_user_names(accounts: Accounts, user: str) -> None:
    with pytest.raises(UsageError):
        accounts.create(user, "riktig passord", Role.IT)


def test_short_passwords(accounts: Accounts) -> None:
    with pytest.raises(UsageError, match="12"):
        accounts.create("kari", "x" * 11, Role.IT)


def test_no_more_than_two_hashings_at_once(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock = 0, 0, threading.Lock()

    class Slow:
        def verify(self, hashed: str, word: str) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.05)
            with lock:
                running -= 1
            return True

        def hash(self, word: str) -> str:
            return "x"

    monkeypatch.setattr(module, "_HASHER", Slow())
    threads = [threading.Thread(target=accounts.login, args=("kari", "x")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_when_all_slots_stay_taken_the_login_is_put_off(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.create("kari", "riktig passord", Role.IT)
    accounts.login("kari", "x")
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(module, "_SLOTS", threading.BoundedSemaphore(1))
    with module._SLOTS, pytest.raises(BusyError):
        accounts.login("kari", "riktig passord")
    with module._SLOTS, pytest.raises(BusyError):
        accounts.create("ola", "riktig passord", Role.IT)


def test_accounts_of_an_archive(archive_store: ArchiveStore) -> None:
    create_account(archive_store, "kari", "riktig passord", "archivist", "Kari")
    create_account(archive_store, "ola", "riktig passord", Role.IT)
    assert [(u.name, u.role) for u in all_accounts(archive_store)] == [("kari", "archivist"), ("ola", "it")]
    assert remove_account(archive_store, "ola") and not remove_account(archive_store, "ola")
    with pytest.raises(UsageError, match="king"):
        create_account(archive_store, "per", "riktig passord", "king")
