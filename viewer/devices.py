"""Browsers that a user has logged in with before: strangers who try passwords cannot shut the user out there.

The cookie holds 256 random bits, the database only their SHA-256, with the users who logged in under it. It gives no
access; it only counts a browser's failed logins apart from everybody else's (OWASP, "device cookies").
"""

from __future__ import annotations

import hashlib
import secrets
import time

from viewer.state import StateDatabase

KEEP_DAYS = 180
_MOST_FOR_USER = 20


class Devices:
    """The known browsers in a state database."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def known(self, token: str | None, user: str) -> str:
        """The short name of a browser this user has logged in with, else an empty text."""
        if not token:
            return ""
        key, since = _hash(token), time.time() - KEEP_DAYS * 86400
        with self._database.use() as db:
            row = db.execute(
                "SELECT 1 FROM device WHERE id_hash=? AND user=? AND last_seen>?", (key, user, since)
            ).fetchone()
        return key[:16] if row else ""

    def remember(self, token: str | None, user: str) -> str:
        """Note that a user has logged in with a browser; returns the token for its cookie, the same if it is ours."""
        with self._database.change() as db:
            ours = token and db.execute("SELECT 1 FROM device WHERE id_hash=?", (_hash(token),)).fetchone()
            kept = token if token and ours else secrets.token_urlsafe(32)
            db.execute("INSERT OR REPLACE INTO device VALUES(?,?,?)", (_hash(kept), user, time.time()))
            db.execute(
                "DELETE FROM device WHERE user=? AND id_hash NOT IN"
                " (SELECT id_hash FROM device WHERE user=? ORDER BY last_seen DESC LIMIT ?)",
                (user, user, _MOST_FOR_USER),
            )
        return kept


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
