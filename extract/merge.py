"""Takes an export that was read whole over into the register: one transaction, all of it or nothing.

What the rows of an export mean for documents that are known is decided here: who has moved, who has vanished, which
patients must be worked again. What is then done with each document is `archive.ledger.next_step`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

from archive.errors import ExportShrunkError
from archive.record import JournalDocument, from_json, to_json
from extract.locate import compare
from extract.register import INDEXES, Export, Register
from extract.sources.names import Comparison

_BATCH = 2000
LEAST_GONE = 20
"""So many must be gone before a share of them means anything."""

_DOCUMENT = """
INSERT INTO document(key, id, patient_key, record, fingerprint, row, rows, distinct_rows, excluded_rows, excluded_rule,
    first_seen, last_seen, problem, problem_detail, replaces, type_code, year, unit_code, service, extension)
SELECT key, id, patient_key, record, fingerprint, row, rows, distinct_rows, excluded_rows, excluded_rule,
    :n, :n, problem, problem_detail, replaces, type_code, year, unit_code, service, extension
FROM temp.incoming_document WHERE true ORDER BY key
ON CONFLICT(key) DO UPDATE SET {moved}, id=excluded.id, patient_key=excluded.patient_key, record=excluded.record,
    fingerprint=excluded.fingerprint, row=excluded.row, rows=excluded.rows, distinct_rows=excluded.distinct_rows,
    excluded_rows=excluded.excluded_rows, excluded_rule=excluded.excluded_rule, last_seen=excluded.last_seen,
    vanished=0, problem=excluded.problem, problem_detail=excluded.problem_detail, replaces=excluded.replaces,
    type_code=excluded.type_code, year=excluded.year, unit_code=excluded.unit_code, service=excluded.service,
    extension=excluded.extension""".format(
    # to its new patient a document that has moved is a new one: no package of his holds it yet
    moved=", ".join(
        f"{column}=CASE WHEN patient_key=excluded.patient_key THEN {column} ELSE {new} END"
        for column, new in (
            *(("state", "'pending'"), ("reason", "NULL"), ("detail", "NULL"), ("content", "NULL")),
            *(("done_fingerprint", "NULL"), ("newer_rejected", "0"), ("worked", "0"), ("again", "0")),
        )
    )
)
_PATIENT = """
INSERT INTO patient(key, id, record, fingerprint, row, rows, distinct_rows, protection, first_seen, last_seen)
SELECT key, id, record, fingerprint, row, rows, distinct_rows, CASE WHEN distinct_rows>1 THEN protection END, :n, :n
FROM temp.incoming_patient WHERE true ORDER BY key
ON CONFLICT(key) DO UPDATE SET id=excluded.id,
    record=CASE WHEN excluded.distinct_rows>1 AND record IS NOT NULL THEN record ELSE excluded.record END,
    fingerprint=excluded.fingerprint, row=excluded.row, rows=excluded.rows, distinct_rows=excluded.distinct_rows,
    protection=excluded.protection, last_seen=excluded.last_seen, vanished=0"""
_SHARED = """
UPDATE patient SET shared=1-shared, done=0 WHERE id IS NOT NULL AND shared<>EXISTS(
    SELECT 1 FROM identifier a JOIN identifier b ON a.value=b.value AND b.patient_key<>a.patient_key
    WHERE a.patient_key=patient.key)"""


def merge(
    register: Register,
    export: Export,
    *,
    patient_rows: int,
    document_rows: int,
    max_gone: int = 100,
    conclude: Callable[[Comparison], None] = lambda names: None,
) -> None:
    """Take over what `extract.incoming` has read.

    Args:
        register: where to.
        export: the export, not yet registered.
        patient_rows, document_rows: how many rows it gave.
        max_gone: the share in per cent of the known documents and patients, and of the files of archived documents,
            that may be gone from it; of documents and patients only where it is a whole export.
        conclude: called at the end, in the same transaction, with how the register's names and the files have met.

    Raises:
        ExportShrunkError: more than that is gone; the register is as it was.
    """
    db = register.connection
    # The registration can be done again, so its pages need not be on the disk one by one; NORMAL keeps the file whole
    # through a power cut all the same (SQLite, "PRAGMA synchronous").
    db.execute("PRAGMA synchronous=NORMAL")
    # the cache's size also bounds what sorting may take: above it SQLite sorts on disk
    db.execute("PRAGMA cache_size=-16384")
    try:
        with register.transaction():
            db.execute("CREATE INDEX IF NOT EXISTS temp.incoming_file_folded ON incoming_file(folded)")
            _stop_where_too_much_is_gone(db, delta=export.delta, max_gone=max_gone)
            _take_over(db, export.number)
            for index in INDEXES:
                db.execute(index)
            conclude(_conclude(db, export.number, delta=export.delta))
            db.execute(
                "UPDATE export SET registered=1, patient_rows=?, document_rows=? WHERE number=?",
                (patient_rows, document_rows, export.number),
            )
    except ExportShrunkError:
        register.forget_export(export.number)
        raise
    finally:
        db.execute("PRAGMA cache_size=-65536")
        db.execute("PRAGMA synchronous=FULL")


def _stop_where_too_much_is_gone(db: sqlite3.Connection, *, delta: bool, max_gone: int) -> None:
    if max_gone >= 100 or not db.execute("SELECT 1 FROM document LIMIT 1").fetchone():
        return
    asked = [
        (
            "files of archived documents",
            "SELECT count(*), coalesce(sum(NOT EXISTS(SELECT 1 FROM temp.incoming_file f WHERE f.folded=r.folded)), 0)"
            " FROM temp.incoming_document_file r JOIN document d ON d.key=r.document_key AND d.state='archived'",
        )
    ]
    if not delta:
        asked += [
            (
                f"{table}s",
                f"SELECT count(*), coalesce(sum(key NOT IN (SELECT key FROM temp.incoming_{table})), 0)"  # noqa: S608
                f" FROM {table} WHERE vanished=0{more}",
            )
            for table, more in (("document", ""), ("patient", " AND record IS NOT NULL"))
        ]
    gone = [(what, *db.execute(sql).fetchone()) for what, sql in asked]
    too_many = [f"{n} of {known} {what}" for what, known, n in gone if n >= LEAST_GONE and 100 * n > max_gone * known]
    if too_many:
        raise ExportShrunkError(
            f"This export lacks {', '.join(too_many)} that earlier ones had. Nothing was changed.",
            remedy="Look whether all of it is there (a share that is not mounted?). If so: --delta for a part,"
            " or --max-gone 100.",
        )


def _take_over(db: sqlite3.Connection, n: int) -> None:
    db.execute("DELETE FROM file")
    db.execute("INSERT INTO file SELECT * FROM temp.incoming_file ORDER BY path")
    db.execute("INSERT INTO delivery SELECT ?, disk, sha256 FROM temp.incoming_delivery", (n,))
    db.execute("INSERT INTO finding SELECT ?, code, subject, detail FROM temp.incoming_finding", (n,))
    db.execute(_PATIENT, {"n": n})
    db.execute("DELETE FROM identifier WHERE patient_key IN (SELECT key FROM temp.incoming_patient)")
    db.execute("INSERT INTO identifier SELECT * FROM temp.incoming_identifier ORDER BY value, patient_key")
    _keep_the_unclear(db)
    # a document that has moved leaves its old patient's next package, whether or not he is named now
    db.execute(
        "UPDATE patient SET done=0 WHERE key IN (SELECT d.patient_key FROM temp.incoming_document i"
        " JOIN document d ON d.key=i.key WHERE d.patient_key<>i.patient_key)"
    )
    db.execute(_DOCUMENT, {"n": n})
    db.execute("DELETE FROM document_file WHERE document_key IN (SELECT key FROM temp.incoming_document)")
    db.execute("INSERT INTO document_file SELECT * FROM temp.incoming_document_file ORDER BY document_key, seq")


def _keep_the_unclear(db: sqlite3.Connection) -> None:
    """Where nobody has said whose a document is, one that is archived stays where it is, and any other is nobody's."""
    last = ""
    while rows := db.execute(
        "SELECT i.key, i.record, d.patient_key FROM temp.incoming_document i"
        " LEFT JOIN document d ON d.key=i.key AND d.state='archived' WHERE i.unclear AND i.key>?"
        " ORDER BY i.key LIMIT ?",
        (last, _BATCH),
    ).fetchall():
        for row in rows:
            document = replace(from_json(JournalDocument, row["record"]), patient_id="")
            db.execute(
                "UPDATE temp.incoming_document SET patient_key=?, record=? WHERE key=?",
                (row["patient_key"] or "", to_json(document), row["key"]),
            )
        last = rows[-1]["key"]


def _conclude(db: sqlite3.Connection, n: int, *, delta: bool) -> Comparison:
    db.execute(
        "INSERT OR IGNORE INTO patient(key, first_seen, last_seen)"
        " SELECT DISTINCT patient_key, ?, ? FROM document WHERE last_seen=?",
        (n, n, n),
    )
    if not delta:
        for table in ("document", "patient"):
            db.execute(
                f"UPDATE {table} SET vanished=? WHERE last_seen<? AND vanished=0",  # noqa: S608
                (n, n),
            )
    db.execute("INSERT INTO finding SELECT ?, 'vanished', key, '' FROM document WHERE vanished=?", (n, n))
    comparison = compare(db, n)
    db.executemany(
        "INSERT INTO finding VALUES(?, 'orphan-file', ?, ?)", ((n, path, size) for path, size in comparison.unnamed())
    )
    # Only patients that the export has anything to say of are worked again; those whom a run before has left undone
    # stay undone.
    (before,) = db.execute(
        "SELECT coalesce(max(number), 0) FROM export WHERE registered=1 AND number<?", (n,)
    ).fetchone()
    touched = "last_seen=:n OR vanished=:n"
    db.execute(
        f"UPDATE patient SET done=:n WHERE done>=:before AND NOT ({touched})"  # noqa: S608
        f" AND key NOT IN (SELECT patient_key FROM document WHERE {touched})",
        {"n": n, "before": before},
    )
    db.execute(_SHARED)
    return comparison
