"""Sessions end when they should, and the database never holds what the browser holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from viewer.access import Ground, Role
from viewer.accounts import Accounts
from viewer.sessions import Sessions
from viewer.state import FILE, StateDatabase


class Clock:
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StateDatabase]:
    made = StateDatabase(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(database: StateDatabase, clock: Clock) -> Sessions:
    return Sessions(database, idle_seconds=900, absolute_seconds=36_000, now=clock)


def test_a_session_is_found_by_its_token_alone(sessions: Sessions) -> None:
    token = sessions.start("kari", "nb")
    live = sessions.get(token)
    assert live is not None and live.user == "kari" and live.language == "nb" and live.shortcuts
    assert sessions.get(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert sessions.get(live.id_hash) is None
    assert len(token) >= 43, "256 bits"


def test_the_token_is_nowhere_on_disk(sessions: Sessions, database: StateDatabase) -> None:
    token = sessions.start("kari", "nb")
    sessions.get(token)
    database.close()
    content = b"".join(p.read_bytes() for p in database.path.parent.iterdir())
    assert b"kari" in content and token.encode() not in content


def test_the_files_are_the_owners_alone(database: StateDatabase) -> None:
    assert database.path.name == FILE
    assert database.path.stat().st_mode & 0o077 == 0
    assert database.path.parent.stat().st_mode & 0o077 == 0


def test_idle_and_absolute_end(sessions: Sessions, clock: Clock) -> None:
    token = sessions.start("kari", "nb")
    for _ in range(38):  # used every 15 minutes: idle never ends it, the shift does
        clock.time += 899
        alive = sessions.get(token) is not None
        assert alive is (clock.time - 1_000_000 <= 36_000)
    other = sessions.start("kari", "nb")
    clock.time += 900
    assert sessions.get(other) is not None
    clock.time += 901
    assert sessions.get(other) is None
    clock.time -= 901
    assert sessions.get(other) is None, "ended is ended, whatever the clock says later"


def test_logging_in_again_gives_a_new_token_and_ends_the_old(sessions: Sessions) -> None:
    first = sessions.start("kari", "nb")
    second = sessions.start("kari", "nb", replaces=first)
    assert first != second and sessions.get(first) is None and sessions.get(second) is not None


def test_what_is_remembered_is_this_sessions_alone_and_goes_with_it(
    sessions: Sessions, database: StateDatabase
) -> None:
    token, other = sessions.start("kari", "nb"), sessions.start("ola", "nb")
    mine, theirs = sessions.get(token), sessions.get(other)
    assert mine and theirs
    kept = sessions.remember(mine, {"query": "nyresvikt"})
    assert sessions.recall(mine, kept) == {"query": "nyresvikt"}
    assert sessions.recall(theirs, kept) is None and sessions.recall(mine, "x") is None
    sessions.has_found(mine, ["p1", "p1", "p2"])
    assert sessions.found(mine, "p2") and not sessions.found(theirs, "p1") and not sessions.found(mine, "p3")
    sessions.end(token)
    with database.use() as db:
        assert db.execute("SELECT count(*) FROM remembered").fetchone()[0] == 0
        assert db.execute("SELECT count(*) FROM found").fetchone()[0] == 0


def test_no_more_than_a_hundred_searches_are_remembered(sessions: Sessions) -> None:
    live = sessions.get(sessions.start("kari", "nb"))
    assert live
    tokens = [sessions.remember(live, {"n": n}) for n in range(105)]
    assert [sessions.recall(live, t) is None for t in tokens] == [True] * 5 + [False] * 100


def test_a_ground_holds_for_user_and_patient_until_it_ends(sessions: Sessions, clock: Clock) -> None:
    sessions.state_ground("kari", "p1", Ground.TREATMENT, "", "telefon", seconds=100)
    held = sessions.ground("kari", "p1")
    assert held and held.ground is Ground.TREATMENT and held.detail == "telefon"
    assert sessions.ground("ola", "p1") is None and sessions.ground("kari", "p2") is None
    assert sessions.recent("kari") == ["p1"]
    clock.time += 100
    assert sessions.ground("kari", "p1") is None and sessions.recent("kari") == []
    sessions.state_ground("kari", "p1", Ground.INTERNAL_CONTROL, "", "", seconds=100)
    sessions.drop_ground("kari", "p1")
    assert sessions.ground("kari", "p1") is None


def test_choices(sessions: Sessions) -> None:
    token = sessions.start("kari", "nb")
    live = sessions.get(token)
    assert live
    sessions.choose(live, language="nn", shortcuts=False)
    again = sessions.get(token)
    assert again and again.language == "nn" and not again.shortcuts


def test_a_changed_or_removed_account_ends_its_sessions(
    sessions: Sessions, database: StateDatabase, clock: Clock
) -> None:
    accounts = Accounts(database)
    accounts.create("kari", "et langt passord", Role.CLINICIAN)
    for end in (lambda: accounts.create("kari", "et annet passord", Role.IT), lambda: accounts.remove("kari")):
        token = sessions.start("kari", "nb")
        live = sessions.get(token)
        assert live
        sessions.remember(live, {"query": "x"})
        end()
        assert sessions.get(token) is None
    sessions.start("ola", "nb")  # sweeps
    with database.use() as db:
        assert db.execute("SELECT count(*) FROM remembered").fetchone()[0] == 0


def test_sessions_past_their_time_are_swept(sessions: Sessions, database: StateDatabase, clock: Clock) -> None:
    sessions.start("kari", "nb")
    sessions.state_ground("kari", "p1", Ground.TREATMENT, "", "", seconds=10)
    clock.time += 1000
    sessions.start("ola", "nb")
    with database.use() as db:
        assert [r["user"] for r in db.execute("SELECT user FROM session")] == ["ola"]
        assert db.execute("SELECT count(*) FROM ground").fetchone()[0] == 0
