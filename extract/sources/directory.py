"""An export as a folder: a register of CSV or XML tables, and the document files beside it, read by a mapping."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType

from archive.errors import MappingError, SourceUnreadableError
from archive.reasons import Flag
from archive.record import FlagNote
from archive.store import sha256_file
from extract.mapping.check import nearest
from extract.mapping.lines import Where
from extract.mapping.model import CodeList, JoinSpec, Mapping, TableSpec
from extract.sources.contract import FoundFile, Protection, SourceDocument, SourcePatient
from extract.sources.fields import Compiler
from extract.sources.names import fold_name
from extract.sources.numbering import Known, settle, table_of
from extract.sources.records import DocumentBuilder, FilesBuilder, PatientBuilder, row_key
from extract.sources.scope import Scope, columns_used
from extract.sources.staging import Groups, Lookup, Staging, join_key
from extract.sources.tables import Row, Table, csv_columns, files_of, open_table
from extract.sources.walk import FileTree
from extract.sources.xpaths import compile_xpath

_FINDINGS = 1_000
_NO_HEADER = (
    "; its first row has none of the columns and does not look like a header (`header`, `skip_lines`, `delimiter`,"
    " `encoding`)"
)


class DirectorySource:
    """A folder read by a mapping; implements `Source`.

    Args:
        root: the export's folder; nothing in it is changed.
        mapping: what the register's columns mean.
        staging: where a work file may be made for tables too large for memory; it is removed by `close`.
        today: dates after it are implausible (default: the day it is; the mapping's `latest` goes before).

    Raises:
        MappingError: the mapping names tables, columns or elements the export does not have; all are listed.
        SourceUnreadableError: the folder or a table of the register cannot be read.
    """

    def __init__(self, root: Path, mapping: Mapping, staging: Path, *, today: date | None = None) -> None:
        if not root.is_dir():
            raise SourceUnreadableError(f"{root} is not a folder.", remedy="Give the folder that holds the export.")
        self.root = root
        self.mapping = mapping
        self.system = mapping.system_name
        self.archive_id = mapping.archive_info().id
        self.protections: dict[str, Protection] = {}
        self._numberings: Known = {}
        self.bad_rows: Counter[str] = Counter()
        self.findings: list[str] = []
        """What is wrong with rows of joined tables, at most a thousand sentences."""
        self._today = today or date.today()
        self._staging = Staging(staging)
        self._scopes = self._checked()
        self._lookups: dict[str, Lookup] | None = None
        register = [
            *mapping.paths.not_documents,
            *(p.relative_to(root).as_posix() for t in mapping.tables.values() for p in files_of(root, t)),
        ]
        self._tree = FileTree(root, mapping.paths.name_encoding, register, self._staging)
        self._match_case = mapping.paths.match_case

    def close(self) -> None:
        """Remove the work file."""
        self._staging.close()

    def __enter__(self) -> DirectorySource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- the register -----------------------------------------------------------------------------------------------

    def patients(self) -> Iterator[SourcePatient]:
        """See `Source.patients`. A bad row gives a patient that is flagged, so that no row is lost."""
        spec = self.mapping.patient
        table, compiler, join = self._opened("patient", spec.joins)
        build = PatientBuilder(spec, compiler, self.archive_id, self.system, self._numbering("patient"))
        self.protections |= compiler.protections
        for place, row, problem in table.rows():
            notes: list[FlagNote] = []
            whole = self._fitted(row, table.width) if problem else row
            yield build(place, join(whole, notes), problem, notes)

    def documents(self) -> Iterator[SourceDocument]:
        """See `Source.documents`. After the register's rows come those of file tables that no document asked for."""
        spec = self.mapping.document
        table, compiler, join = self._opened("document", spec.joins)
        files = [self._files(n, compiler, table) for n in range(len(spec.files))]
        for builder in files:
            if builder.groups is not None:
                builder.groups.restart()
        of = self._numbering("document"), self._numbering("patient")
        build = DocumentBuilder(spec, compiler, files, self.archive_id, self.system, *of)
        self.protections |= compiler.protections
        replaced = self.mapping.tables[spec.table].encoding_errors == "replace"
        for place, row, problem in table.rows():
            notes: list[FlagNote] = []
            if problem:
                yield build(place, join(self._fitted(row, table.width), notes) if len(row) > 1 else row, problem, notes)
                continue
            if replaced and any("\ufffd" in value for value in row):
                notes.append(FlagNote(Flag.VALUE_INVALID, "Some characters of the row could not be read."))
            yield build(place, join(row, notes), "", notes)
        yield from self._unasked(build, files)

    def _unasked(self, build: DocumentBuilder, files: Sequence[FilesBuilder]) -> Iterator[SourceDocument]:
        for spec, builder in zip(self.mapping.document.files, files, strict=True):
            if builder.groups is None:
                continue
            for _, place, values in builder.groups.not_asked():
                problem = (
                    values[-1]
                    or f"The row of the table {spec.table!r} belongs to a document that the register does not have."
                )
                references = builder.of_row(values, [])
                yield build.loose(place, row_key([spec.table, *values[:-1]]), "", references, problem)

    def number_keys(self, known: Known) -> Known:
        """See `Source.number_keys`."""
        self._numberings = settle(self.mapping, known)
        return self._numberings

    def _numbering(self, kind: str) -> str:
        spec = self.mapping.patient if kind == "patient" else self.mapping.document
        return self._numberings.get(kind, {}).get(table_of(self.mapping, spec), spec.numbering or "")

    def register_digest(self) -> str:
        """See `Source.register_digest`."""
        digest = hashlib.sha256()
        for name in sorted(self.mapping.tables):
            for path in files_of(self.root, self.mapping.tables[name]):
                digest.update(f"{name}\n{sha256_file(path)[0]}\n".encode())
        return digest.hexdigest()

    # -- the files --------------------------------------------------------------------------------------------------

    def files(self) -> Iterator[FoundFile]:
        """See `Source.files`."""
        return iter(self._tree)

    def open_path(self, path: str) -> Path:
        """See `Source.open_path`. Raises FileNotFoundError where there is no such file inside the export."""
        return self._tree.open_path(path)

    def fold_name(self, path: str) -> str:
        """See `Source.fold_name`: with letter case where the mapping says that it matters."""
        return fold_name(path, match_case=self._match_case)

    # -- opening ----------------------------------------------------------------------------------------------------

    def _checked(self) -> dict[str, Scope]:
        """Which columns each record needs of which table, after every name has been checked against the export."""
        faults: list[tuple[Where, str]] = []
        headers: dict[str, tuple[str, ...] | None] = {}
        for name, spec in self.mapping.tables.items():
            files_of(self.root, spec)
            headers[name] = csv_columns(self.root, spec) if spec.format == "csv" else None

        asked: list[tuple[str, str, Where]] = []

        def check(table: str, column: str, where: Where) -> None:
            asked.append((table, column, where))

        scopes = columns_used(self.mapping, check)
        # A first row with none of the columns is no header, but most likely a patient: nothing of it is told.
        named = {table for table, column, _ in asked if column in (headers[table] or ())}
        for table, column, where in asked:
            header, spec = headers[table], self.mapping.tables[table]
            if header is None:
                try:
                    compile_xpath(column, spec)
                except ValueError as e:
                    faults.append((where, f"bad XPath {column!r}: {e}"))
            elif column not in header:
                hint = nearest(column, header) if table in named or not spec.header else _NO_HEADER
                faults.append((where, f"{spec.file} has no column {column!r}{hint}"))
        if faults:
            findings = dict.fromkeys(self.mapping.fault(where, message) for where, message in sorted(faults, key=str))
            raise MappingError(
                f"The mapping {self.mapping.path.name} does not fit the export:",
                findings=tuple(sorted(findings, key=_line)),
                remedy="`journalarkiv inspect` shows which columns the export has.",
            )
        return scopes

    def _opened(
        self, record: str, joins: Sequence[JoinSpec]
    ) -> tuple[Table, Compiler, Callable[[list[str], list[FlagNote]], list[str]]]:
        scope = self._scopes[record]
        spec = self.mapping.tables[scope.table]
        table = open_table(self.root, spec, scope.needed[scope.table], scope.names)
        joined = [(j, *self._joined(j, scope)) for j in joins]
        position: dict[str, int] = {}
        width = table.width
        keys = []
        for j, lookup, columns in joined:
            position |= {f"{j.name}.{c}": width + n for n, c in enumerate(columns)}
            keys.append((j, lookup, [scope.index(o, table, position) for o in j.on], ("",) * len(columns)))
            width += len(columns)

        def join(row: list[str], notes: list[FlagNote]) -> list[str]:
            for j, lookup, on, nothing in keys:
                key = row[on[0]] if len(on) == 1 else join_key([row[i] for i in on])
                found = lookup.get(key) if key else None
                if found is None:
                    row.extend(nothing)
                    if key and j.missing == "flag":
                        notes.append(FlagNote(Flag.UNKNOWN_CODE, f"{j.name}: the key is not in the table {j.table!r}"))
                    continue
                row.extend(found[0])
                if found[1]:
                    notes.append(
                        FlagNote(
                            Flag.VALUE_INVALID, f"{j.name}: several rows of {j.table!r} have the key; the first counts"
                        )
                    )
            return row

        def at(column: str, where: Where) -> int:
            return scope.index(column, table, position)

        compiler = Compiler(at, self._code_tables(), self._today, several=spec.format == "xml")
        return table, compiler, join

    def _joined(self, join: JoinSpec, scope: Scope) -> tuple[Lookup, tuple[str, ...]]:
        spec = self.mapping.tables[join.table]
        columns = tuple(scope.joined[join.name])
        return self._lookup(spec, spec.key, columns), columns

    def _lookup(self, spec: TableSpec, key: Sequence[str], columns: Sequence[str]) -> Lookup:
        table = open_table(self.root, spec, [*key, *columns])
        at = [table.position[k] for k in key]
        take = [table.position[c] for c in columns]
        rows = ((join_key([row[i] for i in at]), tuple([row[i] for i in take])) for row in self._sound(table))
        return Lookup(self._staging, rows)

    def _code_tables(self) -> dict[str, Lookup]:
        if self._lookups is None:
            self._lookups = {
                codes.name: self._code_table(codes) for codes in self.mapping.codes.values() if codes.table
            }
        return self._lookups

    def _code_table(self, codes: CodeList) -> Lookup:
        table = open_table(self.root, self.mapping.tables[codes.table], [codes.key, codes.value])
        key, value = table.position[codes.key], table.position[codes.value]
        fold = codes.ignore_case
        rows = ((row[key].casefold() if fold else row[key], (row[value],)) for row in self._sound(table))
        return Lookup(self._staging, rows)

    def _files(self, number: int, compiler: Compiler, table: Table) -> FilesBuilder:
        spec = self.mapping.document.files[number]
        rules = self.mapping.paths
        if not spec.table:
            return FilesBuilder(compiler.texts(spec.path, "file"), rules)
        scope = self._scopes[f"files {number}"]
        own = self.mapping.tables[spec.table]
        rows = open_table(self.root, own, scope.needed[spec.table], scope.names)
        at = [rows.position[k] for k in spec.key]
        # what is wrong with a row goes with it, behind its values
        placed = ((join_key([r[i] for i in at]), place, [*r, why]) for place, r, why in self._placed(rows))
        groups = Groups(self._staging, placed)
        inner = Compiler(
            lambda column, where: rows.position[column],
            self._code_tables(),
            self._today,
            several=own.format == "xml",
        )
        on = [self._scopes["document"].index(c, table, {}) for c in spec.on]
        order = rows.position[spec.order] if spec.order else None
        return FilesBuilder(inner.texts(spec.path, "file"), rules, groups, on, order)

    # -- rows of joined tables --------------------------------------------------------------------------------------

    def _sound(self, table: Table) -> Iterator[list[str]]:
        for _, row, _ in self._placed(table):
            yield row

    def _placed(self, table: Table) -> Iterator[tuple[str, list[str], str]]:
        place: str
        row: list[str]
        problem: str
        rows: Iterator[Row] = table.rows()
        for place, row, problem in rows:
            if problem:
                if len(self.findings) < _FINDINGS:
                    self.findings.append(f"{place}: {problem}")
                row = self._fitted(row, table.width)
                self.bad_rows[table.spec.name] += 1
            yield place, row, problem

    @staticmethod
    def _fitted(row: Sequence[str], width: int) -> list[str]:
        return [*row[:width], *[""] * (width - len(row))]


def _line(finding: str) -> int:
    return int(finding.split(":", 2)[1])
