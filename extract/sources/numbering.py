"""Whose numbers keys are. Two tables may both have a document 17; in one archive they must not be one document.

The first table of patients and the first of documents that an archive is made from give their keys as they are. Keys of
another table belong to a numbering that the mapping names, and go into ids and into the work register with its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping as ReadOnly

from archive.errors import MappingError
from extract.mapping.model import DocumentSpec, Mapping, PatientSpec

Known = dict[str, dict[str, str]]
"""By `patient` and `document`: the tables an archive has been made from, and the numbering of each."""

_SIGN = "\x1f"


def scoped(numbering: str, key: str) -> str:
    """A key as the work register has it: no two keys of different numberings are the same text."""
    if numbering and key:
        return f"{numbering}{_SIGN}{key}"
    # a plain key that has the sign itself must not be taken for one of a numbering
    return f"{_SIGN}{key}" if _SIGN in key else key


def table_of(mapping: Mapping, spec: PatientSpec | DocumentSpec) -> str:
    """What a table is known again by: its file, its rows and where the key stands."""
    table = mapping.tables[spec.table]
    return json.dumps([table.file, table.row, *(spec.key.columns or (spec.key.template,))], ensure_ascii=False)


def tables(mapping: Mapping) -> Known:
    """The tables of an archive's first mapping."""
    return {spec.where[0]: {table_of(mapping, spec): ""} for spec in (mapping.patient, mapping.document)}  # type: ignore[misc]


def settle(mapping: Mapping, known: ReadOnly[str, ReadOnly[str, str]]) -> Known:
    """The numbering of each table, with those of the mapping.

    Raises:
        MappingError: a table is not that of earlier exports, and the mapping does not say whose numbers its keys are.
    """
    found = {kind: dict(of) for kind, of in known.items()}
    faults = []
    for kind, spec in (("patient", mapping.patient), ("document", mapping.document)):
        before = found.setdefault(kind, {})
        table = table_of(mapping, spec)
        if table in before:
            if spec.numbering not in (None, before[table]):
                faults.append(
                    mapping.fault(spec.where, f"'numbering' of this table was {before[table]!r} in earlier exports")
                )
        elif spec.numbering is None and before:
            file = mapping.tables[spec.table].file
            faults.append(
                mapping.fault(
                    spec.where,
                    f"the archive has {kind}s of another table or key than {file}. If these are numbered each for"
                    f' itself, give the new ones a name: numbering = "{spec.table}". If it is the same table in another'
                    ' file, say: numbering = ""',
                )
            )
        else:
            before[table] = spec.numbering or ""
    if faults:
        raise MappingError(
            "Keys of two tables may be the same without meaning the same:",
            findings=tuple(faults),
            remedy="Nothing was read or changed.",
        )
    return found
