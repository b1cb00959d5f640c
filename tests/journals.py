"""Makes records and packages for tests of the archive: invented persons, files with real bytes, no converters."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from archive.identifiers import classify, document_id, patient_id
from archive.package import PackageReceipt, Payload
from archive.reasons import Flag, Reason
from archive.record import (
    ArchiveCopy,
    ArchivedFile,
    Author,
    DocumentStatus,
    FileFormat,
    FileRole,
    FlagNote,
    JournalDocument,
    OriginalFile,
    Patient,
    Quarantined,
    QuarantinedFile,
    Sex,
    TextCopy,
    Unit,
    Verdict,
)
from archive.store import ArchiveStore
from tests.conftest import ARCHIVE_INFO

SYSTEM = ARCHIVE_INFO.system_name
NOW = datetime(2026, 11, 23, 4, 0, 0, tzinfo=UTC)
FNR = ("14879012315", "01810112345")


def make_patient(key: str = "1", **changes: object) -> Patient:
    facts: dict[str, object] = {
        "id": patient_id(ARCHIVE_INFO.id, SYSTEM, key),
        "source_key": key,
        "identifiers": (classify(FNR[0]), classify(FNR[1], current=False), classify(f"lokal-{key}")),
        "family_name": "Bjørnstad",
        "given_name": "Åse Noëlle",
        "birth_date": "1990-07-14",
        "sex": Sex.FEMALE,
        "flags": (FlagNote(Flag.ID_INVALID, "gammel"),),
    }
    return Patient(**{**facts, **changes})  # type: ignore[arg-type]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_file(seq: int, pdf: bytes, original: bytes, text: bytes, name: str = "dok/brev.rtf") -> ArchivedFile:
    return ArchivedFile(
        seq=seq,
        role=FileRole.MAIN if seq == 1 else FileRole.ATTACHMENT,
        original=OriginalFile(
            name, digest(original), len(original), FileFormat("rtf", "application/rtf", "fmt/355", "rtf")
        ),
        archive_copy=ArchiveCopy(
            digest(pdf), len(pdf), "2b", "office", 1, Verdict("veraPDF", "veraPDF 1.31.207", "2b", True)
        ),
        text=TextCopy(digest(text), len(text)),
        flags=(FlagNote(Flag.NO_TEXT),) if not text else (),
    )


def make_document(patient: Patient, key: str, files: Sequence[ArchivedFile], **changes: object) -> JournalDocument:
    facts: dict[str, object] = {
        "id": document_id(ARCHIVE_INFO.id, SYSTEM, key),
        "source_key": key,
        "patient_id": patient.id,
        "type_code": "EPI",
        "type_text": "Epikrise",
        "title": f"Epikrise {key}",
        "document_date": "2004-04-04",
        "author": Author("Lege Prøve", "9144889"),
        "unit": Unit("MED", "Medisinsk avdeling"),
        "service": "SOM",
        "status": DocumentStatus.SIGNED,
        "flags": (FlagNote(Flag.UNKNOWN_CODE, "X9"),),
        "files": tuple(files),
    }
    return JournalDocument(**{**facts, **changes})  # type: ignore[arg-type]


def contents_of(key: str, seq: int, salt: str = "") -> tuple[bytes, bytes, bytes]:
    """The bytes of a file's three copies: invented, different for every file."""
    text = f"Tekst {key} {seq} {salt}\n".encode()
    return b"%PDF-1.7\n% " + text * 3, b"{\\rtf1 " + text + b"}", text


class Journal:
    """A patient's documents with their bytes on disk, ready to be packaged."""

    def __init__(self, folder: Path, patient: Patient) -> None:
        self.folder, self.patient = folder, patient
        self.documents: list[JournalDocument] = []
        self.payloads: dict[tuple[str, int], Payload] = {}

    def add(self, key: str, *, files: int = 1, salt: str = "", **changes: object) -> JournalDocument:
        made = []
        for seq in range(1, files + 1):
            copies = contents_of(key, seq, salt)
            made.append(make_file(seq, *copies))
        document = make_document(self.patient, key, made, **changes)
        for seq in range(1, files + 1):
            paths = []
            for name, content in zip(("pdf", "rtf", "txt"), contents_of(key, seq, salt), strict=True):
                path = self.folder / f"{document.id}-{seq}.{name}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                paths.append(path)
            self.payloads[document.id, seq] = Payload(*paths)
        for stale in [k for k in self.payloads if k[0] == document.id and k[1] > files]:
            del self.payloads[stale]
        self.documents = [*(d for d in self.documents if d.id != document.id), document]
        return document

    def write(self, store: ArchiveStore, generation: int = 1, now: datetime = NOW) -> PackageReceipt:
        from archive.package import write_package

        return write_package(
            store, self.patient, self.documents, self.payloads, generation=generation, now=now, software="test 1"
        )


def make_quarantined(patient: Patient, key: str, *, blocked: bool = False) -> Quarantined:
    document = make_document(patient, key, (), blocked=blocked)
    return Quarantined(
        document,
        patient.source_key,
        Reason.CORRUPT,
        "The bytes make no sense.",
        (QuarantinedFile("dok/x.rtf", digest(b"broken"), 6), QuarantinedFile("dok/none.rtf")),
    )
