"""Server-side sessions: the browser holds 256 random bits, the database only their SHA-256.

A session ends after a time without use, after a time in any case, at logout, and when its account is changed. What a
session remembers (searches, patients found) lies here and never in a URL. Stated grounds hold for user and patient.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from viewer.access import Ground
from viewer.state import StateDatabase

_KEEP_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that holds. `id_hash` names it in the audit log; the token itself is never stored."""

    id_hash: str
    user: str
    csrf: str
    created: float
    language: str
    shortcuts: bool


@dataclass(frozen=True, slots=True)
class StatedGround:
    """A ground that a user has stated for a patient and that still holds; `until` in seconds since the epoch."""

    ground: Ground
    reference: str
    detail: str
    until: float


class Sessions:
    """The sessions in a state database; `now` is seconds since the epoch."""

    def __init__(
        self,
        database: StateDatabase,
        *,
        idle_seconds: float,
        absolute_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._idle = idle_seconds
        self._absolute = absolute_seconds
        self.now = now

    def start(self, user: str, language: str, *, replaces: str | None = None) -> str:
        """A new session with a new token, which is returned; the session of the token `replaces` ends."""
        if replaces:
            self.end(replaces)
        token, now = secrets.token_urlsafe(32), self.now()
        with self._database.use() as db:
            self._sweep(now)
            db.execute(
                "INSERT INTO session VALUES(?,?,?,?,?,?,1)",
                (_hash(token), user, secrets.token_urlsafe(32), now, now, language),
            )
        return token

    def get(self, token: str) -> LiveSession | None:
        """The session of a token if it still holds; its time without use begins again."""
        now, key = self.now(), _hash(token)
        with self._database.use() as db:
            row = db.execute("SELECT * FROM session WHERE id_hash=?", (key,)).fetchone()
            if row is None:
                return None
            if now - row["last_seen"] > self._idle or now - row["created"] > self._absolute:
                self._forget([key])
                return None
            # one write a few seconds is precise enough, and spares one per range request
            if now - row["last_seen"] > 5:
                db.execute("UPDATE session SET last_seen=? WHERE id_hash=?", (now, key))
        return LiveSession(key, row["user"], row["csrf"], row["created"], row["language"], bool(row["shortcuts"]))

    def end(self, token: str) -> None:
        """End the session of a token, with all it remembers."""
        self._forget([_hash(token)])

    def choose(self, session: LiveSession, *, language: str | None = None, shortcuts: bool | None = None) -> None:
        """Change the session's language or whether single-key shortcuts are on."""
        with self._database.use() as db:
            if language is not None:
                db.execute("UPDATE session SET language=? WHERE id_hash=?", (language, session.id_hash))
            if shortcuts is not None:
                db.execute("UPDATE session SET shortcuts=? WHERE id_hash=?", (int(shortcuts), session.id_hash))

    def remember(self, session: LiveSession, value: dict[str, Any]) -> str:
        """Keep a search with the session; the token returned may stand in a URL, the search may not."""
        token = secrets.token_urlsafe(9)
        with self._database.use() as db:
            db.execute(
                "INSERT INTO remembered VALUES(?,?,?,?)",
                (session.id_hash, token, json.dumps(value, ensure_ascii=False), self.now()),
            )
            db.execute(
                "DELETE FROM remembered WHERE id_hash=? AND rowid NOT IN"
                " (SELECT rowid FROM remembered WHERE id_hash=? ORDER BY created DESC, rowid DESC LIMIT ?)",
                (session.id_hash, session.id_hash, _KEEP_REMEMBERED),
            )
        return token

    def recall(self, session: LiveSession, token: str) -> dict[str, Any] | None:
        """What was kept under the token by this very session."""
        with self._database.use() as db:
            row = db.execute(
                "SELECT value FROM remembered WHERE id_hash=? AND token=?", (session.id_hash, token)
            ).fetchone()
        return json.loads(row["value"]) if row else None

    def has_found(self, session: LiveSession, patients: Iterable[str]) -> None:
        """Note that a search of this session showed these patients."""
        with self._database.use() as db:
            db.executemany("INSERT OR IGNORE INTO found VALUES(?,?)", ((session.id_hash, p) for p in patients))

    def found(self, session: LiveSession, patient: str) -> bool:
        """Whether a search of this session showed the patient."""
        with self._database.use() as db:
            return (
                db.execute("SELECT 1 FROM found WHERE id_hash=? AND patient=?", (session.id_hash, patient)).fetchone()
                is not None
            )

    def state_ground(
        self, user: str, patient: str, ground: Ground, reference: str, detail: str, *, seconds: float
    ) -> None:
        """Keep the ground a user states for a patient; it replaces an earlier one."""
        now = self.now()
        with self._database.use() as db:
            db.execute(
                "INSERT OR REPLACE INTO ground VALUES(?,?,?,?,?,?,?)",
                (user, patient, ground.value, reference, detail, now, now + seconds),
            )

    def ground(self, user: str, patient: str) -> StatedGround | None:
        """The ground that holds now for this user and patient."""
        with self._database.use() as db:
            row = db.execute(
                "SELECT * FROM ground WHERE user=? AND patient=? AND until>?", (user, patient, self.now())
            ).fetchone()
        return (
            None if row is None else StatedGround(Ground(row["ground"]), row["reference"], row["detail"], row["until"])
        )

    def recent(self, user: str, limit: int = 8) -> list[str]:
        """Patients for whom this user has a ground that holds, the latest stated first."""
        with self._database.use() as db:
            rows = db.execute(
                "SELECT patient FROM ground WHERE user=? AND until>? ORDER BY since DESC, rowid DESC LIMIT ?",
                (user, self.now(), limit),
            )
            return [r["patient"] for r in rows]

    def drop_ground(self, user: str, patient: str) -> None:
        """The user is done with the patient: the journal closes."""
        with self._database.use() as db:
            db.execute("DELETE FROM ground WHERE user=? AND patient=?", (user, patient))

    def _sweep(self, now: float) -> None:
        with self._database.use() as db:
            gone = db.execute(
                "SELECT id_hash FROM session WHERE last_seen<? OR created<?", (now - self._idle, now - self._absolute)
            ).fetchall()
            db.execute("DELETE FROM ground WHERE until<?", (now,))
            # sessions that ended with their account
            for table in ("remembered", "found"):
                db.execute(f"DELETE FROM {table} WHERE id_hash NOT IN (SELECT id_hash FROM session)")  # noqa: S608
        self._forget([r["id_hash"] for r in gone])

    def _forget(self, keys: list[str]) -> None:
        with self._database.use() as db:
            for key in keys:
                for table in ("session", "remembered", "found"):
                    db.execute(f"DELETE FROM {table} WHERE id_hash=?", (key,))  # noqa: S608  (fixed names)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
