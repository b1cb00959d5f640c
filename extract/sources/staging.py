"""Tables that rows are joined with: in memory while they are small, in a SQLite file of their own when they are not."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from extract.sources.tables import Answer, Padded, Several, answer, padded, several

IN_MEMORY = 20_000
"""Rows of a table up to which it is kept in memory."""

_BATCH = 2_000
_CACHED = 4_096

Found = tuple[tuple[str, ...], bool]
"""A row's values, and whether other rows with the same key say something else."""


def join_key(parts: Sequence[str]) -> str:
    """A key of one or several columns as one text, which no other parts have; empty where all of them are."""
    if len(parts) == 1:
        return parts[0]
    return json.dumps(parts, ensure_ascii=False) if any(parts) else ""


def _packed(values: Sequence[str]) -> str:
    """A row as one text, from which `_unpacked` makes the same row."""
    return json.dumps([_plain(v) for v in values], ensure_ascii=False)


def _plain(value: str) -> object:
    if isinstance(value, Several):
        return list(value.parts)
    if isinstance(value, Answer):
        return {"text": str(value), "truth": value.truth}
    return {"written": value.written} if isinstance(value, Padded) else value


def _made(value: Any) -> str:
    if isinstance(value, list):
        return several(value)
    if isinstance(value, dict):
        return padded(value["written"]) if "written" in value else answer(value["text"], truth=value["truth"])
    return str(value)


def _unpacked(text: str) -> list[str]:
    return [v if isinstance(v, str) else _made(v) for v in json.loads(text)]


class Staging:
    """The SQLite file. It is work state: made anew by every source, removed when it is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._tables = 0

    @property
    def db(self) -> sqlite3.Connection:
        """The connection, opened when it is first needed."""
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._remove()
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = OFF")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute("PRAGMA cache_size = -16000")
            self._db.execute("PRAGMA temp_store = FILE")
        return self._db

    def new_table(self, columns: str, options: str = "") -> str:
        """Make a table and give its name."""
        self._tables += 1
        name = f"t{self._tables}"
        self.db.execute(f"CREATE TABLE {name} ({columns}) {options}")
        return name

    def fill(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement for every row, in one transaction."""
        self.db.execute("BEGIN")
        self.db.executemany(statement, rows)
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Close and remove the file."""
        if self._db is not None:
            self._db.close()
            self._db = None
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


class Lookup:
    """One row per key; of several with the same key the first counts, and the others make it ambiguous."""

    def __init__(self, staging: Staging, rows: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        self._staging = staging
        self._memory: dict[str, Found] = {}
        self._table = ""
        source = iter(rows)
        for key, values in source:
            known = self._memory.get(key)
            if known is None:
                self._memory[key] = values, False
            elif known[0] != values:
                self._memory[key] = known[0], True
            if len(self._memory) > IN_MEMORY:
                self._spill(source)
                break

    def _spill(self, rest: Iterator[tuple[str, tuple[str, ...]]]) -> None:
        self._table = self._staging.new_table("key TEXT PRIMARY KEY, row TEXT, ambiguous INT", "WITHOUT ROWID")
        insert = (
            f"INSERT INTO {self._table} VALUES (?, ?, ?) ON CONFLICT(key) DO UPDATE SET ambiguous = 1 "  # noqa: S608
            "WHERE row <> excluded.row"
        )
        memory, self._memory = self._memory, {}
        self._staging.fill(insert, ((k, _packed(v), int(a)) for k, (v, a) in memory.items()))
        del memory
        self._staging.fill(insert, ((k, _packed(v), 0) for k, v in rest))
        self._select = f"SELECT row, ambiguous FROM {self._table} WHERE key = ?"  # noqa: S608

    def get(self, key: str) -> Found | None:
        """The row of a key, None where there is none."""
        found = self._memory.get(key)
        if found is None and self._table:
            row = self._staging.db.execute(self._select, (key,)).fetchone()
            if row is not None:
                if len(self._memory) >= _CACHED:
                    self._memory.clear()
                found = self._memory[key] = tuple(_unpacked(row[0])), bool(row[1])
        return found


class Groups:
    """Several rows per key, in the order given; which keys were asked for is remembered."""

    def __init__(self, staging: Staging, rows: Iterable[tuple[str, str, list[str]]]) -> None:
        self._staging = staging
        self._memory: dict[str, list[tuple[str, list[str]]]] = {}
        self._used: set[str] = set()
        self._table = ""
        source = iter(rows)
        for count, (key, place, values) in enumerate(source, start=1):
            self._memory.setdefault(key, []).append((place, values))
            if count > IN_MEMORY:
                self._spill(source)
                break

    def _spill(self, rest: Iterator[tuple[str, str, list[str]]]) -> None:
        staging = self._staging
        self._table = staging.new_table("seq INTEGER PRIMARY KEY, key TEXT, place TEXT, row TEXT")
        insert = f"INSERT INTO {self._table} (key, place, row) VALUES (?, ?, ?)"  # noqa: S608
        memory, self._memory = self._memory, {}
        rows = ((key, place, _packed(values)) for key, group in memory.items() for place, values in group)
        staging.fill(insert, rows)
        del memory, rows
        staging.fill(insert, ((key, place, _packed(values)) for key, place, values in rest))
        staging.db.execute(f"CREATE INDEX {self._table}_key ON {self._table} (key)")
        self._asked = staging.new_table("key TEXT PRIMARY KEY", "WITHOUT ROWID")
        self._select = f"SELECT place, row FROM {self._table} WHERE key = ? ORDER BY seq"  # noqa: S608

    def restart(self) -> None:
        """Forget which keys were asked for."""
        self._used.clear()
        if self._table:
            self._staging.db.execute(f"DELETE FROM {self._asked}")  # noqa: S608

    def get(self, key: str) -> list[tuple[str, list[str]]]:
        """Where each row of a key stands, and its values; empty where there is none."""
        if not self._table:
            found = self._memory.get(key, [])
            if found:
                self._used.add(key)
            return found
        rows = self._staging.db.execute(self._select, (key,)).fetchall()
        if rows:
            self._used.add(key)
            if len(self._used) >= _BATCH:
                self._write_used()
        return [(place, _unpacked(row)) for place, row in rows]

    def _write_used(self) -> None:
        self._staging.fill(f"INSERT OR IGNORE INTO {self._asked} VALUES (?)", ((k,) for k in self._used))  # noqa: S608
        self._used.clear()

    def not_asked(self) -> Iterator[tuple[str, str, list[str]]]:
        """Key, place and values of every row whose key was not asked for since `restart`."""
        if not self._table:
            for key, group in self._memory.items():
                if key not in self._used:
                    yield from ((key, place, values) for place, values in group)
            return
        self._write_used()
        select = (
            f"SELECT key, place, row FROM {self._table} WHERE key NOT IN (SELECT key FROM {self._asked}) ORDER BY seq"  # noqa: S608
        )
        for key, place, row in self._staging.db.execute(select):
            yield key, place, _unpacked(row)
