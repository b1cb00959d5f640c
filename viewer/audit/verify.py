"""Checks an audit log: every record, the chain through them, and checkpoints that were kept outside it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive.coded import Coded
from archive.database import NotFoldedInError
from archive.database import connect_read_only as connect_anywhere
from archive.errors import AuditBrokenError
from viewer.audit.events import canonical_json
from viewer.audit.log import GUARDS, INDEXES, TABLE, marker_path
from viewer.audit.tree import START, Checkpoint, Frontier, chain_hash, leaf_hash

_KEPT = 1_000


class AuditFindingCode(Coded):
    """What can be wrong with a log, with a sentence for people. Codes never change meaning."""

    UNREADABLE = "unreadable", "The file is damaged."
    NOT_A_LOG = "not-a-log", "The file does not begin as an audit log does."
    MISSING = "missing-records", "Records are missing: the sequence numbers have a gap."
    ORDER = "out-of-order", "A record says it has another sequence number than its place."
    BODY = "body-altered", "A record's content is not what was hashed when it was written."
    COLUMNS = "columns-differ", "The searchable columns say something else than the record."
    CHAIN = "chain-broken", "The chain does not lead from the record before to this one."
    GUARDS = "protection-removed", "Triggers or indexes of the log are missing or changed."
    CUT = "cut", "The log is shorter than a checkpoint says it was."
    ANCHOR = "checkpoint-differs", "The records are not those the checkpoint was made over."
    OTHER_LOG = "another-log", "The checkpoint or the id file belongs to another log: this one has been replaced."


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing found, at record `seq` (0: the log as a whole)."""

    code: AuditFindingCode
    seq: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The verdict. `checkpoint` is how the log stands as it was read; findings beyond the first 1,000 only counted."""

    checkpoint: Checkpoint
    findings: tuple[AuditFinding, ...]
    finding_count: int
    anchors: int

    @property
    def intact(self) -> bool:
        """True where nothing was found."""
        return self.finding_count == 0

    def to_plain(self) -> dict[str, Any]:
        """JSON-ready; the shape is documented in docs/internals/audit-log.md."""
        return {
            "format": "journalarkiv-audit-report/1",
            "intact": self.intact,
            "log": self.checkpoint.log_id,
            "records": self.checkpoint.size,
            "root": self.checkpoint.root.hex(),
            "head": self.checkpoint.head.hex(),
            "checkpoints": self.anchors,
            "finding_count": self.finding_count,
            "findings": [
                {"code": f.code.value, "seq": f.seq, "sentence": f.code.sentence, "detail": f.detail}
                for f in self.findings
            ],
        }


class _Notes:
    def __init__(self) -> None:
        self.kept: list[AuditFinding] = []
        self.count = 0

    def add(self, code: AuditFindingCode, seq: int = 0, detail: str = "") -> None:
        self.count += 1
        if len(self.kept) < _KEPT:
            self.kept.append(AuditFinding(code, seq, detail))


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open a log for reading; one on a read-only medium, without its side files, too.

    Raises:
        AuditBrokenError: there is none.
    """
    if not path.is_file():
        raise AuditBrokenError(f"There is no audit log at {path}.", remedy="The viewer makes one when it starts.")
    try:
        connection = connect_anywhere(path)
    except NotFoldedInError as e:
        raise AuditBrokenError(
            f"The audit log {path} cannot be opened: {e}.", remedy="Check it where it can be written, or a copy of it."
        ) from None
    except sqlite3.DatabaseError:
        # what is wrong is found, and told, when it is read
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


def verify_log(path: Path, anchors: Sequence[Checkpoint] = ()) -> AuditReport:
    """Read the whole log and check it; every fault is collected. Memory does not grow with the log.

    Without anchors, whoever can write the file can also cut it or write all of it anew; with them neither goes
    unnoticed for the records before the newest anchor.

    Raises:
        AuditBrokenError: there is no log at all.
    """
    notes, tree, chain, log_id = _Notes(), Frontier(), START, ""
    at = {a.size for a in anchors}
    states: dict[int, tuple[bytes, bytes]] = {}
    with closing(connect_read_only(path)) as connection:
        try:
            _check_guards(connection, notes)
            # an index that differs from the table would hide records from those who read the log
            for (text,) in connection.execute("PRAGMA integrity_check(20)"):
                if text != "ok":
                    notes.add(AuditFindingCode.UNREADABLE, 0, text)
            expected = 1
            for row in _rows(connection):
                leaf = _check_row(row, expected, notes)
                if row["seq"] == 1:
                    log_id = _log_id(row["body"], notes)
                expected_chain = chain_hash(chain, leaf)
                if expected_chain != row["chain"]:
                    notes.add(AuditFindingCode.CHAIN, row["seq"])
                # go on from what is recorded: one fault is then told once
                chain = bytes(row["chain"])
                tree.append(leaf)
                expected = row["seq"] + 1
                if tree.size in at:
                    states[tree.size] = (tree.root(), chain)
            if not log_id:
                notes.add(AuditFindingCode.NOT_A_LOG)
        except (sqlite3.DatabaseError, TypeError, ValueError, AttributeError) as e:
            notes.add(AuditFindingCode.UNREADABLE, tree.size + 1, str(e))
    marker = marker_path(path)
    if log_id and marker.is_file() and marker.read_text("utf-8", "replace").strip() != log_id:
        notes.add(AuditFindingCode.OTHER_LOG, 0, marker.name)
    for anchor in anchors:
        _check_anchor(anchor, log_id, tree.size, states, notes)
    checkpoint = Checkpoint(log_id, tree.size, tree.root(), chain)
    return AuditReport(checkpoint, tuple(notes.kept), notes.count, len(anchors))


def _rows(connection: sqlite3.Connection) -> Iterator[sqlite3.Row]:
    yield from connection.execute(
        "SELECT seq, ts, user, action, patient, body, salt, leaf, chain FROM log NOT INDEXED ORDER BY seq"
    )


def _check_guards(connection: sqlite3.Connection, notes: _Notes) -> None:
    made = dict(connection.execute("SELECT name, sql FROM sqlite_master").fetchall())
    for name, sql in {"log": TABLE, **GUARDS, **INDEXES}.items():
        if made.get(name) != sql:
            notes.add(AuditFindingCode.GUARDS, 0, name)


def _check_row(row: sqlite3.Row, expected: int, notes: _Notes) -> bytes:
    seq = row["seq"]
    if seq != expected:
        notes.add(AuditFindingCode.MISSING, seq, f"{expected} to {seq - 1}")
    leaf = leaf_hash(row["salt"], row["body"])
    if leaf != row["leaf"]:
        notes.add(AuditFindingCode.BODY, seq)
    try:
        body = json.loads(row["body"])
        columns = tuple(body.get(name, "") for name in ("ts", "user", "action", "patient_id"))
        if canonical_json(body) != row["body"]:
            notes.add(AuditFindingCode.BODY, seq, "not in canonical form")
        if body.get("seq") != seq:
            notes.add(AuditFindingCode.ORDER, seq, str(body.get("seq")))
        if columns != (row["ts"], row["user"], row["action"], row["patient"]):
            notes.add(AuditFindingCode.COLUMNS, seq)
    except (ValueError, AttributeError):
        notes.add(AuditFindingCode.BODY, seq, "not readable")
    return leaf


def _log_id(body: str, notes: _Notes) -> str:
    try:
        data = json.loads(body)
        if data["action"] == "log-created":
            return str(data["detail"])
    except (ValueError, KeyError, TypeError):
        pass
    notes.add(AuditFindingCode.NOT_A_LOG, 1)
    return ""


def _check_anchor(
    anchor: Checkpoint, log_id: str, size: int, states: dict[int, tuple[bytes, bytes]], notes: _Notes
) -> None:
    if anchor.log_id != log_id:
        notes.add(AuditFindingCode.OTHER_LOG, 0, f"checkpoint of {anchor.log_id}")
    elif anchor.size > size:
        notes.add(AuditFindingCode.CUT, anchor.size, f"{size} records of {anchor.size}")
    elif anchor.size == 0 or states[anchor.size] != (anchor.root, anchor.head):
        notes.add(AuditFindingCode.ANCHOR, anchor.size)
