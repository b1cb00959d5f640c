"""What the tables of an export are to each other: keys, joins by the values they share, and which is the register."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from extract.inspect.columns import Column
from extract.inspect.spelling import plain
from extract.mapping.model import TableSpec

_NEVER_KEY = ("date", "path", "flag", "empty", "presence", "organisation-number")
_SAMPLED = 1_000
"""Rows of which every value is in a column's sample."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its columns. `bad_rows` are rows that could not be split into the header's columns."""

    spec: TableSpec
    columns: tuple[Column, ...]
    rows: int
    bad_rows: int = 0

    @property
    def name(self) -> str:
        """The table's name in the draft mapping."""
        return self.spec.name

    def column(self, name: str) -> Column:
        """A column by name."""
        return next(c for c in self.columns if c.name == name)

    def key_columns(self) -> list[Column]:
        """Columns that (nearly) identify a row, the likeliest first."""
        found = [
            c
            for c in self.columns
            if c.kind not in _NEVER_KEY
            and c.filled >= 0.999 * self.rows
            and c.unique_share >= 0.98
            and c.max_length <= 64
        ]
        return sorted(found, key=lambda c: (c.kind == "national-id", -c.unique_share > -0.98, self.columns.index(c)))


@dataclass(frozen=True, slots=True)
class Join:
    """Values of `table.column` are keys of `target.key`: `share` of its different values are found there."""

    table: str
    column: str
    target: str
    key: str
    share: float
    score: float
    zero_pad: int = 0
    """Length to which zeros make the values those of the key, which has them."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Which table is what. `attachments` name files of documents; `lookups` explain codes."""

    patients: Table | None = None
    documents: Table | None = None
    attachments: tuple[Table, ...] = ()
    lookups: tuple[Table, ...] = ()
    joins: tuple[Join, ...] = field(default=())

    def join(self, table: str, target: str) -> Join | None:
        """The likeliest join from one table to another."""
        found = [j for j in self.joins if (j.table, j.target) == (table, target)]
        return max(found, key=lambda j: j.score, default=None)

    def join_of(self, table: str, column: str) -> Join | None:
        """The likeliest join of a column to another table."""
        found = [j for j in self.joins if (j.table, j.column) == (table, column) and j.target != table]
        return max(found, key=lambda j: j.score, default=None)


def folded(name: str) -> str:
    """A column's name for comparing: plain, without XML prefixes, and nothing but letters and digits."""
    return re.sub(r"\w+:|[^a-z0-9]", "", plain(name))


def likeness(one: str, other: str) -> float:
    """How alike two names are, 0 to 1."""
    return SequenceMatcher(None, folded(one), folded(other)).ratio()


def find_joins(tables: Sequence[Table]) -> tuple[Join, ...]:
    """Columns whose values are the keys of a table (another one, or its own: `replaces`)."""
    found = []
    for target in tables:
        for key in target.key_columns():
            for table in tables:
                for column in table.columns:
                    if (
                        column.kind in ("empty", "presence", "date", "path")
                        or not column.hashes
                        or (table is target and column is key)
                    ):
                        continue
                    share, met = column.overlap(key)
                    pad = 0
                    if share < 0.5 and (lost := _without_zeros(column, key, target.rows)):
                        share, met, pad = lost, lost, key.max_length
                    alike = max(likeness(column.name, key.name), likeness(column.name, target.name))
                    if share < 0.5 or (share < 0.9 and alike < 0.6):
                        continue
                    # Small numbers are keys of many tables; then only names, or most keys being met, make a join.
                    if alike < 0.5 and met < 0.05:
                        continue
                    score = share + 0.5 * alike + 0.2 * met
                    found.append(Join(table.name, column.name, target.name, key.name, share, score, pad))
    return tuple(found)


def _without_zeros(column: Column, key: Column, rows: int) -> float:
    """The share of a column's numbers that are keys but for zeros before them; 0 where it has as many digits."""
    if not column.bare or not key.bare or column.max_length >= key.max_length or rows > _SAMPLED:
        return 0.0
    return len(column.bare & key.bare) / len(column.bare)


def hinted(columns: Iterable[Column], hint: str, *kinds: str) -> list[Column]:
    """Columns whose name fits the hint and whose kind is one of `kinds` (if given), in order of the hint's words."""
    words = hint.split("|")
    found = [
        (n, c)
        for c in columns
        if c.kind != "empty" and (not kinds or c.kind in kinds)
        for n, word in enumerate(words)
        if re.search(word, folded(c.name))
    ]
    return list(dict.fromkeys(c for _, c in sorted(found, key=lambda f: f[0])))


def find_roles(tables: Sequence[Table]) -> Roles:
    """Judge the tables; where there is nothing to go by, a role is empty."""
    joins = find_joins(tables)

    def joined(table: Table, target: Table) -> bool:
        return any((j.table, j.target) == (table.name, target.name) for j in joins)

    def has_paths(table: Table) -> bool:
        return any(c.kind == "path" for c in table.columns)

    def patient_score(table: Table) -> float:
        score = 3.0 * any(c.kind == "national-id" for c in table.columns)
        score += sum(
            bool(hinted(table.columns, hint))
            for hint in (
                "etternavn|family|surname|lastname",
                "fornavn|given|first",
                "fodt|fodsel|birth",
                "kjonn|sex|gender",
            )
        )
        score += bool(table.key_columns()) + 0.5 * any(joined(t, table) for t in tables if t is not table)
        return score - 3.0 * has_paths(table)

    patients = max(tables, key=patient_score, default=None)
    if patients is None or patient_score(patients) < 2:
        patients = None

    def document_score(table: Table) -> float:
        score = 3.0 * has_paths(table) + any(c.kind == "date" for c in table.columns) + 0.5 * bool(table.key_columns())
        score += 2.0 * (patients is not None and joined(table, patients)) + 0.1 * len(table.columns)
        return score + sum(0.5 for t in tables if t is not table and joined(t, table) and has_paths(t))

    others = [t for t in tables if t is not patients]
    documents = max(others, key=document_score, default=None)
    if documents is None or document_score(documents) < 2:
        return Roles(patients, None, (), (), joins)
    attachments = tuple(t for t in others if t is not documents and has_paths(t) and joined(t, documents))
    lookups = tuple(
        t
        for t in others
        if t is not documents
        and t not in attachments
        and any(j.target == t.name and j.table in (documents.name, patients.name if patients else "") for j in joins)
    )
    return Roles(patients, documents, attachments, lookups, joins)
