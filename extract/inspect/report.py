"""What `inspect` found, as text for people and as plain data for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from extract.inspect.columns import Column
from extract.inspect.relate import Join, Roles, Table

FORMAT = "journalarkiv.inspect/1"
_MANY = 12


@dataclass(frozen=True, slots=True)
class FileKinds:
    """Files of one extension: how many, and their bytes."""

    extension: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class MappedCounts:
    """What a run with the mapping given would read. Flags and problems by code."""

    patients: int
    documents: int
    distinct_documents: int
    excluded: int
    problems: dict[str, int]
    patient_flags: dict[str, int]
    document_flags: dict[str, int]
    unknown_patient: int


@dataclass(frozen=True, slots=True)
class InspectReport:
    """The profile of an export. Holds counts, kinds and patterns, and no values of patients."""

    root: str
    files: tuple[FileKinds, ...]
    tables: tuple[Table, ...]
    roles: Roles
    named: int
    """Different paths the register names."""
    missing: int
    outside: int
    orphans: int
    empty: int
    ambiguous: int = 0
    """Of which two files or two names fit each other in letter case, Unicode form or blanks only."""
    findings: tuple[str, ...] = ()
    mapped: MappedCounts | None = None
    draft: str = field(default="", repr=False)

    def draft_mapping(self) -> str:
        """The draft of a mapping, TOML; empty where the export has no table to map."""
        return self.draft

    def to_plain(self) -> dict[str, Any]:
        """The report as JSON-ready data of the format `journalarkiv.inspect/1` (docs/mapping.md)."""
        roles = self.roles
        return {
            "format": FORMAT,
            "export": self.root,
            "files": [{"extension": f.extension, "count": f.count, "bytes": f.size} for f in self.files],
            "paths": {
                "named": self.named,
                "missing": self.missing,
                "ambiguous": self.ambiguous,
                "outside": self.outside,
                "orphans": self.orphans,
                "empty_files": self.empty,
            },
            "tables": [_table(t) for t in self.tables],
            "joins": [
                {"table": j.table, "column": j.column, "target": j.target, "key": j.key, "share": round(j.share, 4)}
                for j in _best(roles.joins)
            ],
            "roles": {
                "patients": roles.patients.name if roles.patients else None,
                "documents": roles.documents.name if roles.documents else None,
                "attachments": [t.name for t in roles.attachments],
                "lookups": [t.name for t in roles.lookups],
            },
            "mapped": None
            if self.mapped is None
            else {name: getattr(self.mapped, name) for name in MappedCounts.__dataclass_fields__},
            "findings": list(self.findings),
        }

    def to_text(self) -> str:
        """The report for people."""
        lines = [f"Export {self.root}", "", "Files"]
        for kind in self.files:
            lines.append(f"  {kind.count:>9,} {kind.extension or '(none)':<8} {_size(kind.size):>10}")
        lines += ["", "Paths the register names"]
        for label, count in (
            ("different paths", self.named),
            ("missing on disk", self.missing),
            ("of which the file is not certain", self.ambiguous),
            ("leading outside", self.outside),
            ("files not named (orphans)", self.orphans),
            ("empty files", self.empty),
        ):
            lines.append(f"  {count:>9,} {label}")
        for table in self.tables:
            lines += ["", *_table_text(table, self.roles)]
        joins = _best(self.roles.joins)
        if joins:
            lines += ["", "Joins"]
            lines += [f"  {j.table}.{j.column} -> {j.target}.{j.key}  {j.share:.1%} of values found" for j in joins]
        if self.mapped is not None:
            lines += ["", *_mapped_text(self.mapped)]
        if self.findings:
            lines += ["", "Findings", *(f"  {f}" for f in self.findings)]
        return "\n".join(lines)


def _best(joins: tuple[Join, ...]) -> list[Join]:
    """Of each column its likeliest join."""
    best: dict[tuple[str, str], Join] = {}
    for j in joins:
        known = best.get((j.table, j.column))
        if known is None or j.score > known.score:
            best[j.table, j.column] = j
    return list(best.values())


def _table(table: Table) -> dict[str, Any]:
    spec = table.spec
    dialect = (
        {"row": spec.row, "namespaces": dict(spec.namespaces)}
        if spec.format == "xml"
        else {n: getattr(spec, n) for n in ("encoding", "delimiter", "quotechar", "header")}
    )
    return {
        "name": spec.name,
        "file": spec.file,
        "format": spec.format,
        **dialect,
        "rows": table.rows,
        "bad_rows": table.bad_rows,
        "keys": [c.name for c in table.key_columns()],
        "columns": [_column(c) for c in table.columns],
    }


def _column(column: Column) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "name": column.name,
        "filled": column.filled,
        "distinct": column.distinct,
        "distinct_exact": column.distinct_exact,
        "kind": column.kind,
        "max_length": column.max_length,
        "patterns": [{"pattern": p, "count": n} for p, n in column.patterns],
    }
    if column.formats:
        plain |= {"formats": list(column.formats), "years": list(column.years or ())}
    if column.kind in ("date", "national-id"):
        plain |= {"unreadable": column.unreadable, "sampled": column.sampled}
    if column.codes:
        plain["codes"] = dict(column.codes)
    if column.present:
        plain["present_without_text"] = column.present
    if column.zero_pad:
        plain["zero_pad"] = column.zero_pad
    return plain


def _table_text(table: Table, roles: Roles) -> list[str]:
    spec = table.spec
    how = f"rows {spec.row}" if spec.format == "xml" else f"{spec.encoding}, delimiter {spec.delimiter!r}"
    if spec.format == "csv":
        how += f", quotes {spec.quotechar!r}" if spec.quotechar else ", no quotes"
        how += "" if spec.header else ", no header"
    roles_of = {t.name: "lookup" for t in roles.lookups} | {t.name: "attachments" for t in roles.attachments}
    roles_of |= {t.name: r for t, r in ((roles.patients, "patients"), (roles.documents, "documents")) if t is not None}
    role = f"  [{roles_of[table.name]}]" if table.name in roles_of else ""
    lines = [f"Table {spec.name}: {spec.file} ({how}), {table.rows:,} rows{role}"]
    if table.bad_rows:
        lines.append(f"  {table.bad_rows:,} rows cannot be split into the header's columns")
    keys = table.key_columns()
    if keys:
        lines.append(f"  keys may be: {', '.join(c.name for c in keys[:_MANY])}")
    width = max((len(c.name) for c in table.columns), default=0)
    for c in table.columns:
        share = c.filled / c.rows if c.rows else 0.0
        about = "" if c.distinct_exact else "about "
        lines.append(
            f"  {c.name:<{width}}  {share:>6.1%} filled  {about}{c.distinct:,} different  {c.kind}{_details(c)}"
        )
    return lines


def _details(column: Column) -> str:
    if column.kind == "date" and column.years:
        bad = f", {column.unreadable} of {column.sampled} looked at are none" if column.unreadable else ""
        return f" {' '.join(column.formats)}, {column.years[0]}-{column.years[1]}{bad}"
    if column.kind == "national-id":
        zeros = f", zeros before them are lost (zero_pad = {column.zero_pad})" if column.zero_pad else ""
        bad = f", {column.unreadable} of {column.sampled} looked at are not valid" if column.unreadable else ""
        return zeros + bad
    if column.present:
        return f", there without text in {column.present:,} of {column.rows:,} rows{_codes(column)}"
    if column.codes:
        return _codes(column)
    if column.kind in ("text", "number", "path", "code") and column.patterns:
        return f": {', '.join(p for p, _ in column.patterns[:2])}"
    return ""


def _codes(column: Column) -> str:
    shown = ", ".join(f"{code} {count}" for code, count in column.codes[:_MANY])
    return f": {shown}{' ...' if len(column.codes) > _MANY else ''}" if shown else ""


def _mapped_text(mapped: MappedCounts) -> list[str]:
    lines = [
        "With the mapping given",
        f"  {mapped.patients:>9,} patients",
        f"  {mapped.documents:>9,} rows of documents, {mapped.distinct_documents:,} different keys",
        f"  {mapped.unknown_patient:>9,} rows of unknown patients",
        f"  {mapped.excluded:>9,} rows left out by rule",
    ]
    for label, counts in (
        ("rows with the problem", mapped.problems),
        ("patients flagged", mapped.patient_flags),
        ("documents flagged", mapped.document_flags),
    ):
        lines += [f"  {count:>9,} {label} {code}" for code, count in sorted(counts.items())]
    return lines


def _size(size: int) -> str:
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
