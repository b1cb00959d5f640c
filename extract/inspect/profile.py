"""Inspecting an export: inventory, tables, columns, joins, paths, and the draft."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from archive.errors import MappingError, SourceUnreadableError
from extract.inspect.checked import checked
from extract.inspect.columns import ColumnBuilder
from extract.inspect.discover import TABLE_SUFFIXES, csv_spec, merge_parts
from extract.inspect.discoverxml import xml_groups, xml_specs
from extract.inspect.draft import Drafter
from extract.inspect.inventory import Inventory
from extract.inspect.relate import Roles, Table, find_roles
from extract.inspect.report import InspectReport, MappedCounts
from extract.mapping.model import Mapping, TableSpec
from extract.mapping.paths import PathRules, relative_path
from extract.sources.directory import DirectorySource
from extract.sources.names import FileKind
from extract.sources.staging import Staging
from extract.sources.tables import Several, csv_columns, files_of, open_table
from extract.sources.walk import FileTree

Progress = Callable[[str, int], None]
"""Called with what is being looked at and how much of it is done."""

_README = ("lesmeg", "les meg", "readme", "read me", "innhold", "manifest")
_EVERY = 5_000
_TOLD = 20
_DATABASES = (".mdb", ".accdb", ".db", ".sqlite", ".sqlite3", ".fdb", ".mdf", ".dbf")
_CANNOT_READ = {
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".xlsb", ".xlsm"), "a spreadsheet, which inspect cannot read"),
    **dict.fromkeys((".sql", ".dump", ".dmp", ".bak"), "a dump of a database, which inspect cannot read"),
    **dict.fromkeys(_DATABASES, "a database, which inspect cannot read"),
    **dict.fromkeys((".json", ".ndjson", ".jsonl", ".parquet"), "data in a form that inspect cannot read as a table"),
    ".siard": "a SIARD archive of a database, which inspect cannot read",
    **dict.fromkeys(TABLE_SUFFIXES, "text that inspect does not recognise as a table (fixed columns?)"),
}
_NOT_FILES = (
    (FileKind.UNREADABLE_FOLDER, "{} folders cannot be listed; what is in them is not known"),
    (FileKind.UNREADABLE, "{} files cannot be read"),
    (FileKind.OUTSIDE, "{} links lead out of the export; they were not followed"),
    (FileKind.SPECIAL, "{} names are of devices, pipes or links that lead nowhere"),
)


def inspect_export(root: Path, mapping: Mapping | None = None, progress: Progress | None = None) -> InspectReport:
    """Profile an export. With a mapping, its tables are read as it says, and what a run would read is counted too.

    Raises:
        SourceUnreadableError: the folder, or a table the mapping names, cannot be read.
        MappingError: the mapping names columns the export does not have.
    """
    if not root.is_dir():
        raise SourceUnreadableError(f"{root} is not a folder.", remedy="Give the folder that holds the export.")
    with tempfile.TemporaryDirectory(prefix="journalarkiv-inspect-") as folder:
        staging = Staging(Path(folder) / "inspect.sqlite")
        try:
            return _Inspection(root, mapping, progress or (lambda what, done: None), staging, Path(folder)).report()
        finally:
            staging.close()


class _Inspection:
    def __init__(self, root: Path, mapping: Mapping | None, progress: Progress, staging: Staging, work: Path) -> None:
        self.root, self.mapping, self.progress, self.staging, self.work = root, mapping, progress, staging, work
        self.findings: list[str] = []
        encoding = mapping.paths.name_encoding if mapping else PathRules().name_encoding
        self.tree = FileTree(root, encoding, (), staging)
        self.files = Inventory(staging, self.tree, progress)
        self.rules = mapping.paths if mapping else PathRules()
        self.folders: dict[tuple[str, str], str] = {}

    def report(self) -> InspectReport:
        tables: list[Table] = []
        for spec, columns in self._specs():
            try:
                tables.append(self._table(spec, columns))
            except SourceUnreadableError as e:
                self.findings.append(f"{spec.file}: {e.message}")
        roles = self._mapped_roles(tables) if self.mapping else find_roles(tables)
        drafted = tables
        tables = [_without_keys(t, roles) for t in tables]
        readme = self._readme(tables)
        register = [p.relative_to(self.root).as_posix() for t in tables for p in files_of(self.root, t.spec)]
        counts = self.files.counts([*register, *readme], match_case=self.rules.match_case)
        if self.mapping is None:
            self.findings += self._not_read({t.spec.file for t in tables}, [*register, *readme])
        self.findings += [sentence.format(n) for kind, sentence in _NOT_FILES if (n := self.files.not_files[kind])]
        draft = ""
        if tables:
            draft = Drafter(
                roles,
                drafted,
                system=self.root.resolve().name,
                readme=readme,
                prefixes=self.rules.prefixes,
                folders=self.folders,
                match_case=self.rules.match_case,
            ).text()
            if self.mapping is None:
                draft, faults = checked(draft, self.root, self.work)
                self.findings += [f"the draft needs a hand: {fault}" for fault in faults]
        else:
            self.findings.append("No file of the export looks like a table; a mapping must be written by hand.")
        return InspectReport(
            root=str(self.root),
            files=self.files.kinds,
            tables=tuple(tables),
            roles=roles,
            named=counts.named,
            missing=counts.missing,
            ambiguous=counts.ambiguous,
            outside=self.files.outside,
            orphans=counts.orphans,
            empty=self.files.empty,
            findings=tuple(self.findings),
            mapped=self._mapped() if self.mapping else None,
            draft=draft,
        )

    # -- tables -----------------------------------------------------------------------------------------------------

    def _specs(self) -> Iterator[tuple[TableSpec, tuple[str, ...]]]:
        """The tables to profile: those of the mapping, else what is found, the surest first: a file that a table names
        as a document is no table."""
        if self.mapping is not None:
            for spec in self.mapping.tables.values():
                yield spec, self._columns(spec)
            return
        paths = self.files.paths()
        found: list[TableSpec] = []
        for sure in (True, False):
            specs = []
            for path in paths:
                suffix = Path(path).suffix.lower()
                if (suffix in TABLE_SUFFIXES[:5]) is not sure or suffix == ".xml" or self.files.is_named(path):
                    continue
                table = csv_spec(self.tree.open_path(path), self.root)
                if table is not None:
                    specs.append(table)
            for spec in merge_parts(specs, self.root):
                unique = self._unique(spec, {s.name for s in found})
                found.append(unique)
                yield unique, csv_columns(self.root, unique)
        xml = [self.tree.open_path(p) for p in paths if p.lower().endswith(".xml")]
        taken_names = {s.name for s in found}
        for group in xml_groups(xml, self.root):
            # by now a register may have named them as documents
            group = [p for p in group if not self.files.is_named(p.relative_to(self.root).as_posix())]
            for spec, columns in xml_specs(group, self.root) if group else ():
                yield self._unique(spec, taken_names), columns

    @staticmethod
    def _unique(spec: TableSpec, taken: set[str]) -> TableSpec:
        name, n = spec.name, 1
        while name in taken:
            n += 1
            name = f"{spec.name}_{n}"
        taken.add(name)
        return replace(spec, name=name)

    def _columns(self, spec: TableSpec) -> tuple[str, ...]:
        if spec.format == "csv":
            return csv_columns(self.root, spec)
        files = files_of(self.root, spec)
        found = [c for path in files[:1] for s, c in xml_specs([path], self.root) if s.row == spec.row]
        return found[0] if found else (".",)

    def _table(self, spec: TableSpec, columns: Sequence[str]) -> Table:
        table = open_table(self.root, spec, columns)
        builders = [ColumnBuilder(name) for name in columns]
        rows = bad = 0
        for rows, (_, values, problem) in enumerate(table.rows(), start=1):
            if problem:
                bad += 1
            else:
                for builder, value in zip(builders, values, strict=True):
                    builder.add(value)
            if rows % _EVERY == 0:
                self.progress(spec.file, rows)
        profiles = tuple(b.column(lambda v: self.files.has(relative_path(v, PathRules()))) for b in builders)
        result = Table(spec, profiles, rows, bad)
        self._paths(result, {n: c.name for n, c in enumerate(profiles) if c.kind == "path"})
        return result

    def _paths(self, table: Table, columns: dict[int, str]) -> None:
        """Learn how the columns' paths find files, then note which files they name."""
        if not columns:
            return
        rows = open_table(self.root, table.spec, [c.name for c in table.columns])
        if self.mapping is None:
            first = [v for _, v, problem in _first(rows.rows(), 1_000) if not problem]
            for index, column in columns.items():
                rules, folder = self.files.rules_for([v[index] for v in first if v[index]])
                known = dict.fromkeys((*self.rules.prefixes, *rules.prefixes))
                case = self.rules.match_case and rules.match_case
                self.rules = replace(rules, prefixes=tuple(known), match_case=case)
                self.folders[table.name, column] = folder
        before = {index: self.folders.get((table.name, column), "") for index, column in columns.items()}
        for _, values, problem in rows.rows():
            for index, folder in before.items():
                if problem or not values[index]:
                    continue
                value = values[index]
                for one in value.parts if isinstance(value, Several) else (value,):
                    self.files.name(relative_path(f"{folder}/{one}" if folder else one, self.rules))

    def _readme(self, tables: Sequence[Table]) -> list[str]:
        """Files near the root that explain the export rather than belong to a patient."""
        if self.mapping is not None:
            return [
                f.path
                for f in FileTree(self.root, "utf-8", self.mapping.paths.not_documents, self.staging)
                if f.register
            ]
        register = {t.spec.file for t in tables}
        return [
            p
            for p in self.files.near_root()
            if p not in register
            and not self.files.is_named(p)
            and p.rpartition("/")[2].lower().startswith((*_README, "thumbs.db", "desktop.ini"))
        ]

    def _not_read(self, tables: set[str], known: Sequence[str]) -> list[str]:
        """Files near the root that may be the register, in a form that is not read."""
        found = []
        for path in self.files.near_root():
            kind = _CANNOT_READ.get(Path(path).suffix.lower())
            if kind and path not in known and path not in tables and not self.files.is_named(path):
                found.append(f"{path}: {kind}; if it is the register, it must be exported to CSV or XML first")
        more = [f"and {len(found) - _TOLD} more such files"] if len(found) > _TOLD else []
        return [*found[:_TOLD], *more]

    # -- with a mapping ---------------------------------------------------------------------------------------------

    def _mapped_roles(self, tables: Sequence[Table]) -> Roles:
        assert self.mapping is not None  # noqa: S101  only called with one
        by_name = {t.name: t for t in tables}
        attached = {f.table for f in self.mapping.document.files if f.table}
        patients = by_name.get(self.mapping.patient.table)
        documents = by_name.get(self.mapping.document.table)
        joined = {j.table for j in (*self.mapping.document.joins, *self.mapping.patient.joins)}
        joined |= {c.table for c in self.mapping.codes.values() if c.table}
        return Roles(
            patients,
            documents,
            tuple(t for t in tables if t.name in attached),
            tuple(t for t in tables if t.name in joined),
            find_roles(tables).joins,
        )

    def _mapped(self) -> MappedCounts:
        assert self.mapping is not None  # noqa: S101  only called with one
        patient_flags: Counter[str] = Counter()
        document_flags: Counter[str] = Counter()
        problems: Counter[str] = Counter()
        patients = documents = excluded = unknown = 0
        keys = self.staging.new_table("key TEXT PRIMARY KEY", "WITHOUT ROWID")
        distinct = self.staging.new_table("key TEXT PRIMARY KEY", "WITHOUT ROWID")
        db = self.staging.db
        db.execute("BEGIN")
        with DirectorySource(self.root, self.mapping, self.work / "source.sqlite") as source:
            for p in source.patients():
                patients += 1
                patient_flags.update({str(n.code.value) for n in p.patient.flags})
                db.execute(f"INSERT OR IGNORE INTO {keys} VALUES (?)", (p.key,))  # noqa: S608
            for d in source.documents():
                documents += 1
                document_flags.update({str(n.code.value) for n in d.document.flags})
                db.execute(f"INSERT OR IGNORE INTO {distinct} VALUES (?)", (d.key,))  # noqa: S608
                excluded += d.excluded is not None
                if d.problem:
                    problems[str(d.problem[0].value)] += 1
                unknown += db.execute(f"SELECT 1 FROM {keys} WHERE key = ?", (d.patient_key,)).fetchone() is None  # noqa: S608
                if documents % _EVERY == 0:
                    self.progress("documents", documents)
            self.findings += source.findings
        db.execute("COMMIT")
        (different,) = db.execute(f"SELECT count(*) FROM {distinct}").fetchone()  # noqa: S608
        return MappedCounts(
            patients=patients,
            documents=documents,
            distinct_documents=different,
            excluded=excluded,
            problems=dict(problems),
            patient_flags=dict(patient_flags),
            document_flags=dict(document_flags),
            unknown_patient=unknown,
        )


def _without_keys(table: Table, roles: Roles) -> Table:
    """The table without the values of columns that are keys of patients or documents, however short they are."""
    people = {t.name for t in (roles.patients, roles.documents) if t is not None}
    keys = {j.column for j in roles.joins if j.table == table.name and j.target in people}
    columns = tuple(replace(c, codes=()) if c.name in keys else c for c in table.columns)
    return replace(table, columns=columns)


def _first(rows: Iterator[tuple[str, list[str], str]], count: int) -> Iterator[tuple[str, list[str], str]]:
    for n, row in enumerate(rows):
        if n >= count:
            return
        yield row


__all__ = ["MappingError", "Progress", "inspect_export"]
