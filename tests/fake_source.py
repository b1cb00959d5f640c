"""A source made of Python lists, for tests of the register and the run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from archive.identifiers import classify, document_id, patient_id
from archive.reasons import Reason
from archive.record import JournalDocument, Patient
from extract.sources.contract import FileReference, FoundFile, Protection, SourceDocument, SourcePatient
from extract.sources.names import fold_name

ARCHIVE_ID = "11111111-2222-5333-8444-555555555555"
SYSTEM = "TestEPJ"


@dataclass
class FakeSource:
    """Rows are (key, patient key, file names, extra facts)."""

    root: Path
    patient_rows: list[tuple[str, str]] = field(default_factory=list)
    """(key, national id or empty)"""
    document_rows: list[tuple[str, str, tuple[str | None, ...], dict[str, object]]] = field(default_factory=list)
    system: str = SYSTEM
    archive_id: str = ARCHIVE_ID
    protections: dict[str, Protection] = field(default_factory=dict)
    bad_rows: dict[str, int] = field(default_factory=dict)

    def patients(self) -> Iterator[SourcePatient]:
        for n, (key, fnr) in enumerate(self.patient_rows):
            ids = (classify(fnr),) if fnr else ()
            patient = Patient(patient_id(ARCHIVE_ID, SYSTEM, key), key, identifiers=ids, family_name=f"Prøve {key}")
            yield SourcePatient(key, patient, f"pasient:{n + 2}")

    def documents(self) -> Iterator[SourceDocument]:
        for n, (key, patient, names, facts) in enumerate(self.document_rows):
            facts = dict(facts)
            problem = facts.pop("problem", None)
            excluded = facts.pop("excluded", None)
            replaces = facts.pop("replaces", None)
            document = JournalDocument(
                document_id(ARCHIVE_ID, SYSTEM, key),
                key,
                patient_id(ARCHIVE_ID, SYSTEM, patient),
                replaces=document_id(ARCHIVE_ID, SYSTEM, str(replaces)) if replaces else None,
                **facts,  # type: ignore[arg-type]
            )
            files = tuple(FileReference(name or "..\\x", name) for name in names)
            yield SourceDocument(
                key,
                patient,
                document,
                files,
                f"dokument:{n + 2}",
                problem=(problem, "as made") if isinstance(problem, Reason) else None,
                excluded=str(excluded) if excluded else None,
            )

    def files(self) -> Iterator[FoundFile]:
        for path in sorted(self.root.rglob("*")):
            if path.is_file():
                yield FoundFile(path.relative_to(self.root).as_posix(), path.stat().st_size)

    def number_keys(self, known: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        return known

    def fold_name(self, path: str) -> str:
        return fold_name(path, match_case=False)

    def open_path(self, path: str) -> Path:
        return self.root / path

    def register_digest(self) -> str:
        return hashlib.sha256(repr((self.patient_rows, self.document_rows)).encode()).hexdigest()

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
