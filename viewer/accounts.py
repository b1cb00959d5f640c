"""Local accounts: passwords as argon2id, few hashings at a time, the same answer for a wrong name and a wrong word."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from archive.errors import UsageError
from archive.store import ArchiveStore
from viewer.access import Role, User
from viewer.audit import AuditAction, AuditEvent, AuditLog, log_path, system_user
from viewer.state import StateDatabase, state_folder

MINIMUM_PASSWORD = 12
_USER = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

# OWASP's argon2id profile of 46 MiB and one pass. Each hashing holds that memory, so no more than two run at once:
# a flood of logins queues instead of exhausting the machine.
_HASHER = PasswordHasher(memory_cost=47104, time_cost=1, parallelism=1)
_SLOTS = threading.BoundedSemaphore(2)
_WAIT_SECONDS = 5.0


def check_account(user: str, password: str) -> None:
    """Raise UsageError for a user name or password that an account may not have."""
    if not _USER.fullmatch(user):
        raise UsageError(f"{user!r} cannot be a user name.", remedy="Use a-z, 0-9, dot, hyphen, underscore or @.")
    if len(password) < MINIMUM_PASSWORD:
        raise UsageError(f"The password is shorter than {MINIMUM_PASSWORD} characters.")


class BusyError(Exception):
    """Too many logins at once; try again."""


class Accounts:
    """The accounts in a state database."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database
        self._dummy: str | None = None

    def create(self, user: str, password: str, role: Role, name: str = "", *, now: datetime | None = None) -> None:
        """Make an account, or give an existing one a new password, role and name.

        Raises:
            UsageError: the user name holds more than a-z, 0-9, `.`, `_`, `@`, `-`, or the password is short.
        """
        check_account(user, password)
        hashed = self._hash(password)
        created = (now or datetime.now(UTC)).isoformat(timespec="seconds")
        with self._database.change() as db:
            db.execute("INSERT OR REPLACE INTO account VALUES(?,?,?,?,?)", (user, hashed, role.value, name, created))
            # the name may be another person's now, or the role another: whatever the old one had opened ends
            _end_all(db, user)

    def remove(self, user: str) -> bool:
        """Remove an account and end its sessions and stated grounds; False if there was none."""
        with self._database.change() as db:
            _end_all(db, user)
            return db.execute("DELETE FROM account WHERE user=?", (user,)).rowcount > 0

    def get(self, user: str) -> User | None:
        """The account of that name. Read at every request, so that a removed account or changed role counts at once."""
        with self._database.use() as db:
            row = db.execute("SELECT user, role, name FROM account WHERE user=?", (user,)).fetchone()
        return None if row is None else User(row["user"], Role(row["role"]), row["name"])

    def all(self) -> list[User]:
        """Every account, by name."""
        with self._database.use() as db:
            return [
                User(r["user"], Role(r["role"]), r["name"]) for r in db.execute("SELECT * FROM account ORDER BY user")
            ]

    def login(self, user: str, password: str) -> User | None:
        """The account if the password is right, else None, in about the same time whether or not the account exists.

        Raises:
            BusyError: too many logins are being checked at this moment.
        """
        with self._database.use() as db:
            row = db.execute("SELECT password FROM account WHERE user=?", (user.strip().lower(),)).fetchone()
        if self._dummy is None:
            self._dummy = self._hash("nobody has this password")
        right = self._verify(row["password"] if row else self._dummy, password[:1024])
        return self.get(user.strip().lower()) if right and row else None

    def _hash(self, password: str) -> str:
        if not _SLOTS.acquire(timeout=_WAIT_SECONDS):
            raise BusyError
        try:
            return _HASHER.hash(password)
        finally:
            _SLOTS.release()

    def _verify(self, hashed: str, password: str) -> bool:
        if not _SLOTS.acquire(timeout=_WAIT_SECONDS):
            raise BusyError
        try:
            return _HASHER.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
        finally:
            _SLOTS.release()


def _end_all(db: sqlite3.Connection, user: str) -> None:
    db.execute("DELETE FROM ground WHERE user=?", (user,))
    db.execute("DELETE FROM device WHERE user=?", (user,))
    for table in ("remembered", "found"):
        db.execute(f"DELETE FROM {table} WHERE id_hash IN (SELECT id_hash FROM session WHERE user=?)", (user,))  # noqa: S608
    db.execute("DELETE FROM session WHERE user=?", (user,))


@contextlib.contextmanager
def _accounts_of(store: ArchiveStore, state: str) -> Iterator[Accounts]:
    database = StateDatabase(state_folder(store, state))
    try:
        yield Accounts(database)
    finally:
        database.close()


def create_account(
    store: ArchiveStore, user: str, password: str, role: Role | str, name: str = "", *, state: str = ""
) -> None:
    """Make an account for an archive's viewer, or change the one of that name. `state`: as `server.state_folder`.

    Raises:
        UsageError: see `Accounts.create`; also for an unknown role.
        AuditBrokenError: the change cannot be written down; it is not made then.
    """
    try:
        role = Role(role)
    except ValueError:
        raise UsageError(f"Unknown role {role!r}.", remedy=f"Roles: {', '.join(Role)}.") from None
    check_account(user, password)
    with _accounts_of(store, state) as accounts:
        known = accounts.get(user)
        _write_down(store, state, user, f"account {'changed' if known else 'added'}", role)
        accounts.create(user, password, role, name)


def all_accounts(store: ArchiveStore, state: str = "") -> list[User]:
    """The accounts of an archive's viewer, by name."""
    with _accounts_of(store, state) as accounts:
        return accounts.all()


def account_count(store: ArchiveStore, state: str = "") -> int:
    """How many accounts there are."""
    return len(all_accounts(store, state))


def remove_account(store: ArchiveStore, user: str, state: str = "") -> bool:
    """Remove an account and end its sessions and grounds; False if there was none.

    Raises:
        AuditBrokenError: the change cannot be written down; it is not made then.
    """
    with _accounts_of(store, state) as accounts:
        known = accounts.get(user)
        if known is None:
            return False
        _write_down(store, state, user, "account removed", known.role)
        return accounts.remove(user)


def _write_down(store: ArchiveStore, state: str, user: str, what: str, role: Role) -> None:
    """Record a change of accounts in the audit log, by the operating system's user."""
    with AuditLog(log_path(store, state)) as log:
        log.append(
            AuditEvent(
                action=AuditAction.ADMIN,
                user=system_user(),
                issuer="operating-system",
                detail=f"{what}: {user} ({role.value})",
            )
        )
