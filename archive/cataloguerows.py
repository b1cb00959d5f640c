"""The rows of the catalogue's tables: how a record is written in each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archive.names import name_column
from archive.record import ArchivedFile, FlagNote, JournalDocument, Patient, Quarantined, Verdict

if TYPE_CHECKING:
    from archive.package import FileSpans, PackageReceipt, Span

Row = tuple[Any, ...]
"""A table's row, in the order of its columns."""


def package_row(receipt: PackageReceipt, *, current: bool) -> Row:
    """The row of table `package`."""
    return (
        *(receipt.package_id, receipt.patient_id, receipt.generation, receipt.path, receipt.sha256, receipt.size),
        int(current),
    )


def patient_row(patient: Patient, package_id: str | None, generation: int, documents: Sequence[JournalDocument]) -> Row:
    """The row of table `patient`; documents that are blocked count in both of the last columns."""
    return (
        *(patient.id, patient.source_key, patient.family_name, patient.given_name),
        name_column(f"{patient.family_name} {patient.given_name}"),
        *(patient.birth_date, patient.sex.value, int(patient.deceased), patient.deceased_date),
        *(patient.address_protection.value, flags_json(patient.flags), package_id, generation),
        *(len(documents), sum(d.blocked for d in documents)),
    )


def identifier_rows(patient: Patient) -> list[Row]:
    """The rows of table `patient_identifier` that a package gives; those of older packages are there as former ones."""
    return [
        (patient.id, i.value, i.type.value, int(i.valid), int(i.synthetic), int(i.current)) for i in patient.identifiers
    ]


def document_row(d: JournalDocument) -> Row:
    """The row of table `document`."""
    return (
        *(d.id, d.patient_id, d.source_key, d.type_code, d.type_text, d.type_9602, d.title, d.document_date, d.year),
        *(d.entry_date, d.author.name, d.author.hpr, d.unit.code, d.unit.name, d.service, d.shown_status.value),
        *(int(d.blocked), d.replaces, d.replaced_by, flags_json(d.flags)),
    )


def file_row(document_id: str, f: ArchivedFile, spans: FileSpans) -> Row:
    """The row of table `file`."""
    copy = f.archive_copy
    verdict = copy.verdict if copy else None
    return (
        *(document_id, f.seq, f.role.value, f.original.name, f.original.sha256, f.original.size),
        *(f.original.format.media_type, f.original.format.puid),
        *((copy.sha256, copy.size, copy.flavour, copy.route) if copy else ("", 0, "", "")),
        *(None if verdict is None else int(verdict.passed), _engine(verdict)),
        *(copy.page_count if copy else 0, *_place(spans.pdf), *_place(spans.original)),
        *(*_place(spans.text), flags_json(f.flags), f.part_of, f.text.sha256 if f.text else ""),
    )


def _place(span: Span | None) -> tuple[int | None, int | None]:
    return (None, None) if span is None else (span.offset, span.size)


def quarantined_row(q: Quarantined, patient_id: str | None) -> Row:
    """The row of table `quarantined`; `size` is the bytes kept."""
    d = q.document
    return (
        *(d.id, patient_id, d.source_key, q.reason.value, q.detail, int(d.blocked), d.document_date, d.type_text),
        sum(f.size or 0 for f in q.files if f.stored_as is not None),
    )


def _engine(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    if verdict.engine_version.startswith(verdict.engine):
        return verdict.engine_version
    return f"{verdict.engine} {verdict.engine_version}".strip()


def flags_json(flags: Sequence[FlagNote]) -> str:
    """Flags as the JSON of the `flags` columns: `[[code, detail], ...]`."""
    return json.dumps([[f.code.value, f.detail] for f in flags], ensure_ascii=False, separators=(",", ":"))
