"""Which columns a mapping needs of which table: what XML tables are read for, and what headers are checked against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field

from extract.mapping.lines import Where
from extract.mapping.model import TEMPLATE_PART, DocumentSpec, JoinSpec, Mapping, PatientSpec, ValueSpec
from extract.sources.tables import Table

Check = Callable[[str, str, Where], None]
"""Called with table, column and place for every column the mapping names."""


@dataclass(slots=True)
class Scope:
    """The columns one record can see: its own table's, and its joins' as `join.COLUMN`."""

    table: str
    joins: tuple[JoinSpec, ...] = ()
    needed: dict[str, list[str]] = field(default_factory=dict)
    joined: dict[str, list[str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    """Columns of the record's own table that hold names of files."""

    def split(self, column: str) -> tuple[JoinSpec | None, str]:
        """The join a column name belongs to (None: the record's own table) and its name there."""
        for join in self.joins:
            if column.startswith(f"{join.name}."):
                return join, column[len(join.name) + 1 :]
        return None, column

    def index(self, column: str, table: Table, position: ReadOnly[str, int]) -> int:
        """Where a column is in a joined row."""
        return position[column] if column in position else table.position[column]


def columns_used(mapping: Mapping, check: Check) -> dict[str, Scope]:
    """The scopes `patient`, `document` and `files 0`, `files 1` ... of a mapping, with all columns they need."""
    scopes = {"patient": _scope(mapping, mapping.patient, check), "document": _scope(mapping, mapping.document, check)}
    for number, files in enumerate(mapping.document.files):
        if not files.table:
            _use(mapping, scopes["document"], files.path, check)
            _name(scopes["document"], files.path)
            continue
        scope = scopes[f"files {number}"] = Scope(files.table)
        _use(mapping, scope, files.path, check)
        _name(scope, files.path)
        for column in (*files.key, *((files.order,) if files.order else ())):
            _need(mapping, scope, column, (*files.where, "order" if column == files.order else "key"), check)
        for column in files.on:
            _need(mapping, scopes["document"], column, (*files.where, "on"), check)
    for codes in mapping.codes.values():
        if codes.table:
            check(codes.table, codes.key, (*codes.where, "key"))
            check(codes.table, codes.value, (*codes.where, "value"))
    return scopes


def _scope(mapping: Mapping, spec: PatientSpec | DocumentSpec, check: Check) -> Scope:
    scope = Scope(spec.table, spec.joins, {spec.table: []}, {j.name: [] for j in spec.joins})
    for join in spec.joins:
        for column in join.on:
            _need(mapping, scope, column, (*join.where, "on"), check)
        for column in mapping.tables[join.table].key:
            check(join.table, column, (*mapping.tables[join.table].where, "key"))
    for value in _values(spec):
        _use(mapping, scope, value, check)
    return scope


def _values(spec: PatientSpec | DocumentSpec) -> Iterator[ValueSpec]:
    yield spec.key
    yield from spec.fields.values()
    yield from (value for _, value in spec.extra)
    if isinstance(spec, PatientSpec):
        yield from (*spec.identifiers, *spec.historic_identifiers, *spec.local_identifiers)
    else:
        yield spec.patient
        yield from (e.value for e in spec.exclude)


def _use(mapping: Mapping, scope: Scope, value: ValueSpec, check: Check) -> None:
    columns: Sequence[str] = value.columns
    if value.template:
        columns = TEMPLATE_PART.findall(value.template)
    for column in columns:
        _need(mapping, scope, column, value.where, check)


def _name(scope: Scope, value: ValueSpec) -> None:
    """Note the columns a file's name is taken from; of a template, the one it ends with."""
    columns = TEMPLATE_PART.findall(value.template)[-1:] if value.template else value.columns
    own = [c for c in columns if scope.split(c)[0] is None]
    scope.names += [c for c in own if c not in scope.names]


def _need(mapping: Mapping, scope: Scope, column: str, where: Where, check: Check) -> None:
    join, name = scope.split(column)
    table = join.table if join else scope.table
    check(table, name, where)
    wanted = scope.joined[join.name] if join else scope.needed.setdefault(table, [])
    if name not in wanted:
        wanted.append(name)
