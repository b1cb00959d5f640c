"""Reads records out of the audit log: what was looked at in one patient's journal, or by one user."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from viewer.audit.events import FIELD_NAMES
from viewer.audit.verify import connect_read_only

_NOT_SHOWN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
COLUMNS = ("seq", "ts", *FIELD_NAMES)
"""The columns of the CSV form; lists are separated by spaces."""


def read_records(
    path: Path, *, patient: str = "", user: str = "", since: str = "", until: str = ""
) -> Iterator[dict[str, Any]]:
    """The records, oldest first, as they were written; with a filter only those that meet all that is given.

    Args:
        path: the log.
        patient: a patient id; records whose hit list showed the patient are found too.
        user: an account.
        since: first day or instant (ISO 8601, UTC).
        until: last day or instant, itself included.

    Raises:
        AuditBrokenError: there is no log.
    """
    # a day as upper bound means the whole day: no character of a time stamp sorts after this one
    bounds = {"user": user, "since": since, "until": f"{until}\uffff" if until else ""}
    where = {"user": "user = :user", "since": "ts >= :since", "until": "ts <= :until"}
    conditions = [where[name] for name, value in bounds.items() if value]
    if patient:
        conditions.append(
            "(patient = :patient OR EXISTS (SELECT 1 FROM json_each(body, '$.patients') WHERE value = :patient))"
        )
    condition = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    with closing(connect_read_only(path)) as connection:
        for row in connection.execute(
            f"SELECT body FROM log {condition}ORDER BY seq",  # noqa: S608 - fixed texts only
            {**bounds, "patient": patient},
        ):
            yield json.loads(row["body"])


def write_csv(records: Iterable[dict[str, Any]], out: IO[str]) -> int:
    """Write records as CSV with a heading; returns how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for record in records:
        writer.writerow([_cell(record.get(name, "")) for name in COLUMNS])
        count += 1
    return count


def write_json_lines(records: Iterable[dict[str, Any]], out: IO[str]) -> int:
    """Write records as JSON, one to a line; returns how many."""
    count = 0
    for record in records:
        # JSON escapes every control character but this one
        out.write(json.dumps(record, ensure_ascii=True, sort_keys=True).replace("\x7f", "\\u007f") + "\n")
        count += 1
    return count


def printable(text: str) -> str:
    """A text that a terminal only shows: control characters, and signs that turn the direction of writing, as escapes.

    What users type stands in the log as it was typed, and a terminal would obey it (CWE-150).
    """
    return "".join(
        c if unicodedata.category(c) not in _NOT_SHOWN else c.encode("unicode_escape").decode() for c in text
    )


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = " ".join(value)
    text = printable(str(value))
    # a spreadsheet must not take what a user typed for a formula
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
