"""What the reading of a register tells before anything is converted: counts by code, and protections nobody has.

The counts are gathered while the rows stream by and kept in the work register, so that a later run of the same export
knows them too.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from archive.errors import ProtectionUnclearError
from archive.identifiers import classify
from archive.reasons import Flag, Reason
from archive.record import FlagNote
from extract.sources.contract import Protection, Source, SourceDocument, SourcePatient
from extract.sources.names import Comparison, FileKind, NoFile

_COUNTED = frozenset(
    {
        Flag.UNKNOWN_CODE,
        Flag.VALUE_INVALID,
        Flag.DATE_INVALID,
        Flag.DATE_IMPLAUSIBLE,
        Flag.DATE_MISSING,
        Flag.ID_INVALID,
        Flag.ID_MISSING,
    }
)
ZEROS_LOST = "leading-zeros-lost"
"""Numbers that would be valid, or known, with zeros before them: a spreadsheet has dropped these."""
_MANY = 200
"""Rows from which on it is remarkable that no row has a protection, although the values are read as listed."""


class Tally:
    """Counts what rows tell while they are registered."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()

    def patients(self, rows: Iterable[SourcePatient]) -> None:
        """Count patients' rows."""
        for row in rows:
            if row.patient.flags:
                self._flags(row.patient.flags)
            for identifier in row.patient.identifiers:
                value = identifier.value
                if len(value) == 10 and value.isascii() and value.isdigit() and classify(f"0{value}").valid:
                    self.rows[f"{ZEROS_LOST} identifier"] += 1

    def documents(self, rows: Iterable[SourceDocument]) -> None:
        """Count documents' rows."""
        for row in rows:
            if row.document.flags:
                self._flags(row.document.flags)

    def _flags(self, notes: Iterable[FlagNote]) -> None:
        # of several notes of one kind a row counts once; a note's detail begins with the name of its field
        self.rows.update({f"{n.code.value} {_field(n.detail)}".strip() for n in notes if n.code in _COUNTED})

    def keep(self, db: sqlite3.Connection, export: int, names: Comparison, source: Source) -> None:
        """Put the counts of an export into the work register."""
        for reason, key in (
            (Reason.FILE_MISSING, NoFile.MISSING),
            (Reason.FILE_AMBIGUOUS, NoFile.AMBIGUOUS),
            (Reason.PATH_OUTSIDE_EXPORT, FileKind.OUTSIDE),
            (Reason.UNREADABLE, FileKind.UNREADABLE),
        ):
            self.rows[reason.value] += names.counts[key]
        for table, rows in source.bad_rows.items():
            self.rows[f"{Reason.BAD_ROW.value} table {table}"] += rows
        before = load(db, "protections")
        protections = {name: _merged(before.get(name), p) for name, p in source.protections.items()}
        store(db, f"told {export}", {code: n for code, n in self.rows.items() if n})
        store(db, "protections", before | protections)
        store(db, f"unclear {export}", {n: why for n, p in protections.items() if (why := _unclear(p))})


def _field(detail: str) -> str:
    field = detail.partition(":")[0]
    return "" if field.endswith(".") else field  # a sentence is of the whole row


def counts(db: sqlite3.Connection, export: int, *, whole: bool) -> dict[str, int]:
    """Rows (or names of files) by code, and by field where a code is of one.

    Args:
        db: the work register.
        export: a registered export.
        whole: count what takes a reading of the whole register too.
    """
    found = Counter(load(db, f"told {export}"))
    if not whole:
        return {code: n for code, n in sorted(found.items()) if code.partition(" ")[2]}
    for problem, several, unknown, rows in db.execute(
        "SELECT d.problem, d.distinct_rows>1, p.record IS NULL, count(*) FROM document d"
        " LEFT JOIN patient p ON p.key=d.patient_key WHERE d.last_seen=? GROUP BY 1, 2, 3",
        (export,),
    ):
        if problem:
            found[problem] += rows
        if several:
            found[Reason.CONFLICTING_ROWS.value] += rows
        if unknown and problem is None:
            found[Reason.UNKNOWN_PATIENT.value] += rows
    found[Reason.PATH_OUTSIDE_EXPORT.value] += db.execute(
        "SELECT count(*) FROM document_file r JOIN document d ON d.key=r.document_key WHERE r.path IS NULL"
        " AND d.last_seen=?",
        (export,),
    ).fetchone()[0]
    found[f"{ZEROS_LOST} patient key"] += _zeros_lost(db, export)
    return {code: n for code, n in sorted(found.items()) if n}


def _zeros_lost(db: sqlite3.Connection, export: int) -> int:
    """Rows whose patient is unknown, but would be known with more or fewer zeros before the key."""
    unknown = (
        "SELECT p.key AS key, count(*) AS n FROM patient p JOIN document d ON d.patient_key=p.key"
        " WHERE p.record IS NULL AND d.last_seen=? AND p.key GLOB '[0-9]*' GROUP BY 1"
    )
    if db.execute(f"SELECT 1 FROM ({unknown}) LIMIT 1", (export,)).fetchone() is None:  # noqa: S608
        return 0
    known = "SELECT DISTINCT ltrim(key, '0') FROM patient WHERE record NOT NULL AND key GLOB '[0-9]*'"
    sum_of = f"SELECT coalesce(sum(n), 0) FROM ({unknown}) WHERE ltrim(key, '0') IN ({known})"  # noqa: S608
    return int(db.execute(sum_of, (export,)).fetchone()[0])


def require_clear(db: sqlite3.Connection, export: int) -> None:
    """Refuse to archive while a protection is read the same from every row and the mapping does not say so.

    Raises:
        ProtectionUnclearError: names the fields.
    """
    unclear = load(db, f"unclear {export}")
    if unclear:
        raise ProtectionUnclearError(
            "\n".join(f"`{name}`: {why}" for name, why in sorted(unclear.items())) + "\nNothing of it was archived.",
            remedy="Correct the field's rule in the mapping; where it is really so, say it there, say"
            ' `blocked = { column = "SPERRET", expect = "none" }` (or "all"), and run it again.',
        )


def unclear(db: sqlite3.Connection, export: int) -> dict[str, str]:
    """Protections that would stop the run, with a sentence each."""
    return {str(name): str(why) for name, why in load(db, f"unclear {export}").items()}


def _merged(before: Any, protection: Protection) -> dict[str, Any]:
    """What was ever read by this rule: a later export may lawfully have no protected row at all."""
    seen: Counter[str] = Counter(before["seen"] if before and before["rule"] == protection.rule else {})
    for (answer, how), rows in protection.seen.items():
        seen[f"{'yes' if answer else 'no'} {how}"] += rows
    return {"rule": protection.rule, "expect": protection.expect, "listed": protection.listed, "seen": dict(seen)}


def _unclear(protection: Mapping[str, Any]) -> str:
    """Why the answers cannot be believed without a word of the mapping; empty where they can."""
    seen: dict[str, int] = protection["seen"]
    rows = sum(seen.values())
    yes = sum(n for how, n in seen.items() if how.startswith("yes"))
    if not rows:
        return ""
    expect = protection["expect"]
    if expect == "all" and yes < rows:
        return f'the mapping says `expect = "all"`, but {rows - yes} of {rows} rows are read as not protected.'
    if 0 < yes < rows or expect == ("all" if yes else "none"):
        return ""
    # "known": a value that the mapping lists; "empty": nothing there; else values or elements that it says nothing of
    strange = rows - sum(seen.get(f"{answer} {how}", 0) for answer in ("yes", "no") for how in ("known", "empty"))
    if protection["listed"] and not strange and rows < _MANY:
        return ""
    answer = "protected" if yes else "not protected"
    more = f"; {strange} of them by a value or an element that the mapping does not list" if strange else ""
    return f"each of the {rows} rows is read as {answer}{more}."


def load(db: sqlite3.Connection, key: str) -> dict[str, Any]:
    """A JSON object of the work register's table `meta`, empty where there is none."""
    row = db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
    found: dict[str, Any] = json.loads(row[0]) if row else {}
    return found


def store(db: sqlite3.Connection, key: str, value: Mapping[str, Any]) -> None:
    """Keep a JSON object in the work register's table `meta`."""
    db.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (key, json.dumps(value, ensure_ascii=False, sort_keys=True)))
