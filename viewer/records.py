"""What the pages ask the catalogue. Who may see what stands inside each query, never after it.

Two conditions run through all of it: blocked documents are counted and otherwise absent, and of a person with a
protected address neither the unit's name nor anything counted by unit comes out. Every query has a time budget.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archive.catalogue import Catalogue
from archive.identifiers import classify
from archive.names import name_forms
from archive.package import Span
from viewer.access import DocumentFacts, PatientFacts

_VISIBLE = "d.patient_id = :patient AND d.blocked = 0"
_TYPE = "coalesce(nullif(d.type_code, ''), d.type_text)"
_UNIT = "coalesce(nullif(d.unit_code, ''), d.unit_name)"
_NEWEST = "coalesce(d.document_date, d.entry_date, '') DESC, d.id"
_MASK = "(SELECT p.address_protection <> 'none' FROM patient p WHERE p.id = d.patient_id)"


class QueryTimeoutError(Exception):
    """The catalogue did not answer within the time budget."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag of the catalogue: stable code and its detail."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class PatientRow:
    """A patient as lists and banners show him. `identifiers` are (value, type, valid, current), current first."""

    id: str
    family_name: str
    given_name: str
    birth_date: str | None
    sex: str
    deceased: bool
    deceased_date: str | None
    address_protection: str
    flags: tuple[Flagged, ...]
    identifiers: tuple[tuple[str, str, bool, bool], ...]
    visible_count: int
    blocked_count: int
    quarantined_count: int
    shared_identifier: bool

    @property
    def protected(self) -> bool:
        """Whether the address is protected (code 6 or 7)."""
        return self.address_protection != "none"

    @property
    def facts(self) -> PatientFacts:
        """What access control needs."""
        return PatientFacts(self.id, self.protected)


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document as lists show it."""

    id: str
    type_text: str
    title: str
    date: str | None
    author: str
    unit: str
    status: str
    flags: tuple[Flagged, ...]
    files: int
    pages: int


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of a document, and where its copies are in the package."""

    seq: int
    role: str
    source_name: str
    source_sha256: str
    source_size: int
    media_type: str
    puid: str | None
    archive_sha256: str
    flavour: str
    route: str
    verdict_passed: bool
    verdict_engine: str
    page_count: int
    flags: tuple[Flagged, ...]
    pdf: Span
    text: Span
    text_sha256: str
    package_path: str
    part_of: int | None
    """`seq` of the file it was found within."""

    @property
    def converted(self) -> bool:
        """Whether it has an archive copy and a text; else its original alone is kept."""
        return bool(self.archive_sha256)


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One document with everything its page shows. `replaces`/`replaced_by` only where that one may be seen too."""

    row: DocumentRow
    entry_date: str | None
    author_hpr: str
    service: str
    type_9602: str
    replaces: str | None
    replaced_by: str | None
    files: tuple[FileRow, ...]

    def holder(self, file: FileRow) -> FileRow:
        """The file of the export that a file is, or lies within, however deep."""
        by_seq = {f.seq: f for f in self.files if f.seq <= file.seq}  # a holder comes before what it holds
        while file.part_of is not None and file.part_of < file.seq and file.part_of in by_seq:
            file = by_seq[file.part_of]
        return file

    def held(self, file: FileRow) -> list[tuple[FileRow, int]]:
        """What lies within a file, in its order, each with how deep (1: in the file itself)."""
        depths = {file.seq: 0}
        found = []
        for f in self.files:
            if f.part_of is not None and f.part_of in depths and f.seq not in depths:
                depths[f.seq] = depths[f.part_of] + 1
                found.append((f, depths[f.seq]))
        return found


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; empty text means "all". `ids` are the hits of a full-text search."""

    type: str = ""
    year: str = ""
    unit: str = ""
    ids: tuple[str, ...] | None = None

    def query_args(self) -> dict[str, str]:
        """The filters that are set, as URL arguments."""
        return {k: v for k, v in (("type", self.type), ("year", self.year), ("unit", self.unit)) if v}


@dataclass(frozen=True, slots=True)
class Facet:
    """One value a list can be narrowed to, and how many documents that would leave."""

    key: str
    text: str
    count: int


class Records:
    """Queries over an open catalogue."""

    def __init__(self, catalogue: Catalogue, *, budget_seconds: float = 2.0) -> None:
        self._db = catalogue.connection
        self._budget = budget_seconds

    def find(self, identifier: str, name: str, birth_date: str | None, limit: int) -> tuple[list[PatientRow], bool]:
        """Patients who fit everything given, and whether there are more than `limit`.

        `identifier` is any number the patient has or had, exactly. Persons with a protected address come out for an
        exact identifier only.

        Raises:
            QueryTimeoutError: the name is too short for a catalogue of this size.
        """
        where, args = ["1=1"], {}
        if identifier:
            where.append("p.id IN (SELECT patient_id FROM patient_identifier WHERE value = :value)")
            args["value"] = classify(identifier).value
        else:
            where.append("p.address_protection = 'none'")
        if birth_date:
            where.append("p.birth_date = :birth")
            args["birth"] = birth_date
        for n, forms in enumerate(_name_words(name)):
            # folded words hold letters and digits only, so no LIKE wildcard can come from the user
            either = []
            for m, parts in enumerate(forms):
                either.append(" AND ".join(f"(' ' || p.name_folded) LIKE :word{n}_{m}_{i}" for i in range(len(parts))))
                args |= {f"word{n}_{m}_{i}": f"% {part}%" for i, part in enumerate(parts)}
            where.append(f"({' OR '.join(either)})")
        sql = f"SELECT p.id FROM patient p WHERE {' AND '.join(where)} ORDER BY p.name_folded, p.id LIMIT :limit"  # noqa: S608
        with self._within_budget():
            ids = [r["id"] for r in self._db.execute(sql, {**args, "limit": limit + 1})]
            found = [p for p in map(self.patient, ids[:limit]) if p is not None]
        return found, len(ids) > limit

    def patient(self, patient_id: str) -> PatientRow | None:
        """The patient with that id."""
        run = self._db.execute
        row = run("SELECT * FROM patient WHERE id = ?", (patient_id,)).fetchone()
        if row is None:
            return None
        identifiers = run(
            "SELECT value, type, valid, current FROM patient_identifier WHERE patient_id = ?"
            " ORDER BY current DESC, type <> 'fnr', rowid",
            (patient_id,),
        ).fetchall()
        quarantined = run(
            "SELECT coalesce(sum(blocked = 0), 0) AS open, coalesce(sum(blocked <> 0), 0) AS blocked"
            " FROM quarantined WHERE patient_id = ?",
            (patient_id,),
        ).fetchone()
        shared = run(
            "SELECT EXISTS(SELECT 1 FROM patient_identifier o JOIN patient_identifier m ON m.value = o.value"
            " WHERE m.patient_id = :id AND o.patient_id <> :id AND m.value <> '')",
            {"id": patient_id},
        ).fetchone()[0]
        return PatientRow(
            id=row["id"],
            family_name=row["family_name"],
            given_name=row["given_name"],
            birth_date=row["birth_date"],
            sex=row["sex"],
            deceased=bool(row["deceased"]),
            deceased_date=row["deceased_date"],
            address_protection=row["address_protection"],
            flags=_flags(row["flags"]),
            identifiers=tuple((i["value"], i["type"], bool(i["valid"]), bool(i["current"])) for i in identifiers),
            visible_count=row["document_count"] - row["blocked_count"],
            blocked_count=row["blocked_count"] + quarantined["blocked"],
            quarantined_count=quarantined["open"],
            shared_identifier=bool(shared),
        )

    def document_facts(self, document_id: str) -> DocumentFacts | None:
        """What access control needs to know of a document, blocked or not."""
        row = self._db.execute("SELECT id, patient_id, blocked FROM document WHERE id = ?", (document_id,)).fetchone()
        return None if row is None else DocumentFacts(row["id"], row["patient_id"], bool(row["blocked"]))

    def visible_ids(self, patient_id: str, filters: Filters = Filters()) -> list[str]:
        """The documents that may be seen, newest first."""
        where, args = self._where(patient_id, filters)
        with self._within_budget():
            sql = f"SELECT d.id FROM document d WHERE {where} ORDER BY {_NEWEST}"  # noqa: S608
            return [r["id"] for r in self._db.execute(sql, args)]

    def rows(self, patient_id: str, ids: Sequence[str]) -> list[DocumentRow]:
        """These documents of the patient, in this order; those that may not be seen are left out."""
        sql = (
            f"SELECT d.*, iif({_MASK}, '', d.unit_name) AS shown_unit,"  # noqa: S608
            " (SELECT count(*) FROM file f WHERE f.document_id = d.id) AS files,"
            " (SELECT coalesce(sum(f.page_count), 0) FROM file f WHERE f.document_id = d.id) AS pages"
            f" FROM document d WHERE {_VISIBLE} AND d.id IN (SELECT value FROM json_each(:ids))"
        )
        with self._within_budget():
            found = {
                r["id"]: _document_row(r)
                for r in self._db.execute(sql, {"patient": patient_id, "ids": json.dumps(ids)})
            }
        return [found[i] for i in ids if i in found]

    def facets(self, patient_id: str, filters: Filters) -> dict[str, list[Facet]]:
        """For type, year and unit: the values and how many documents each has under the other filters."""
        result = {}
        for name, key, text in (
            ("type", _TYPE, "max(d.type_text)"),
            ("year", "coalesce(CAST(d.year AS TEXT), '-')", "max(CAST(d.year AS TEXT))"),
            ("unit", f"iif({_MASK}, '', {_UNIT})", "max(d.unit_name)"),
        ):
            where, args = self._where(patient_id, filters, without=name)
            order = "k DESC" if name == "year" else "n DESC, t, k"
            sql = (
                f"SELECT {key} AS k, {text} AS t, count(*) AS n FROM document d"  # noqa: S608
                f" WHERE {where} GROUP BY k ORDER BY {order}"
            )
            with self._within_budget():
                rows = self._db.execute(sql, args).fetchall()
            result[name] = [Facet(r["k"], r["t"] or r["k"], r["n"]) for r in rows if r["k"]]
        return result

    def document(self, patient_id: str, document_id: str) -> DocumentView | None:
        """A document of the patient that may be seen, with its files."""
        sql = (
            f"SELECT d.*, iif({_MASK}, '', d.unit_name) AS shown_unit, 0 AS files, 0 AS pages"  # noqa: S608
            f" FROM document d WHERE {_VISIBLE} AND d.id = :document"
        )
        row = self._db.execute(sql, {"patient": patient_id, "document": document_id}).fetchone()
        if row is None:
            return None
        linked = [i for i in (row["replaces"], row["replaced_by"]) if i]
        visible = {d.id for d in self.rows(patient_id, linked)} if linked else set()
        files = self._db.execute(
            "SELECT f.*, k.path AS package_path FROM file f JOIN document d ON d.id = f.document_id"  # noqa: S608
            " JOIN patient p ON p.id = d.patient_id JOIN package k ON k.id = p.package_id"
            f" WHERE {_VISIBLE} AND d.id = :document ORDER BY f.seq",
            {"patient": patient_id, "document": document_id},
        ).fetchall()
        return DocumentView(
            row=_document_row(row),
            entry_date=row["entry_date"],
            author_hpr=row["author_hpr"],
            service=row["service"],
            type_9602=row["type_9602"],
            replaces=row["replaces"] if row["replaces"] in visible else None,
            replaced_by=row["replaced_by"] if row["replaced_by"] in visible else None,
            files=tuple(_file_row(f) for f in files),
        )

    def coverage(self) -> tuple[int, int, int | None, int | None]:
        """Patients, documents, and the first and last year of the whole archive."""
        with self._within_budget():
            patients = self._db.execute("SELECT count(*) FROM patient").fetchone()[0]
            row = self._db.execute("SELECT count(*), min(year), max(year) FROM document").fetchone()
        return patients, row[0], row[1], row[2]

    def _where(self, patient_id: str, filters: Filters, without: str = "") -> tuple[str, dict[str, Any]]:
        where, args = [_VISIBLE], {"patient": patient_id}
        if filters.type and without != "type":
            where.append(f"{_TYPE} = :type")
            args["type"] = filters.type
        if filters.year and without != "year":
            where.append("coalesce(CAST(d.year AS TEXT), '-') = :year")
            args["year"] = filters.year
        if filters.unit and without != "unit":
            # a filter by a masked unit finds nothing, or it would tell which unit it is
            where.append(f"iif({_MASK}, '', {_UNIT}) = :unit")
            args["unit"] = filters.unit
        if filters.ids is not None:
            where.append("d.id IN (SELECT value FROM json_each(:ids))")
            args["ids"] = json.dumps(filters.ids)
        return " AND ".join(where), args

    @contextlib.contextmanager
    def _within_budget(self) -> Iterator[None]:
        deadline = time.monotonic() + self._budget
        self._db.set_progress_handler(lambda: int(time.monotonic() > deadline), 5000)
        try:
            yield
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise QueryTimeoutError from e
            raise
        finally:
            self._db.set_progress_handler(None, 0)


def _name_words(name: str) -> list[list[list[str]]]:
    """For each word of a name the ways in which it may stand in the catalogue: each a list of words, all to be there.

    A word joined by signs may stand as its parts or as one; two words beside each other may stand as one.
    """
    words = [forms for forms in map(name_forms, name.split()) if forms[0]]
    found = []
    for at, (whole, parts) in enumerate(words):
        ways = [parts, [whole]]
        if at > 0:
            ways.append([words[at - 1][0] + whole])
        if at + 1 < len(words):
            ways.append([whole + words[at + 1][0]])
        found.append([way for n, way in enumerate(ways) if way and way not in ways[:n]])
    return found


def _flags(text: str | None) -> tuple[Flagged, ...]:
    return tuple(Flagged(code, detail) for code, detail in json.loads(text or "[]"))


def _document_row(row: sqlite3.Row) -> DocumentRow:
    return DocumentRow(
        id=row["id"],
        type_text=row["type_text"] or row["type_code"],
        title=row["title"],
        date=row["document_date"] or row["entry_date"],
        author=row["author_name"],
        unit=row["shown_unit"],
        status=row["status"],
        flags=_flags(row["flags"]),
        files=row["files"],
        pages=row["pages"],
    )


def _file_row(row: sqlite3.Row) -> FileRow:
    same = (
        *("seq", "role", "source_name", "source_sha256", "source_size", "media_type", "puid", "archive_sha256"),
        *("flavour", "route", "verdict_engine", "page_count", "package_path", "part_of"),
        "text_sha256",
    )
    return FileRow(
        **{name: row[name] for name in same},
        verdict_passed=bool(row["verdict_passed"]),
        flags=_flags(row["flags"]),
        pdf=Span(row["pdf_offset"] or 0, row["pdf_size"] or 0),
        text=Span(row["text_offset"] or 0, row["text_size"] or 0),
    )
