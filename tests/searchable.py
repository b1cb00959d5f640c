"""Archives with searchable text for tests: real packages and catalogue, invented persons and notes."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.catalogue import Catalogue
from archive.package import Payload
from archive.record import JournalDocument
from archive.store import ArchiveStore
from tests.journals import Journal, make_document, make_file, make_patient


@dataclass(frozen=True)
class Note:
    """A document to be: the texts of its files, and what else matters to search."""

    key: str
    texts: Sequence[str] = ("",)
    title: str = ""
    type_text: str = ""
    date: str | None = "2004-04-04"
    blocked: bool = False


class SearchableArchive:
    """Writes packages of patients given by their key, generation after generation."""

    def __init__(self, store: ArchiveStore, folder: Path) -> None:
        self.store, self._folder = store, folder
        self._generation: dict[str, int] = {}
        self.documents: dict[str, JournalDocument] = {}

    def id_of(self, key: str) -> str:
        """A document's id by its key."""
        return self.documents[key].id

    def put(self, patient_key: str, notes: Sequence[Note]) -> None:
        """Write the patient's whole journal as a new generation."""
        patient = make_patient(patient_key)
        journal = Journal(self._folder / patient_key, patient)
        shutil.rmtree(journal.folder, ignore_errors=True)
        journal.folder.mkdir(parents=True)
        for note in notes:
            files = []
            for seq, text in enumerate(note.texts, 1):
                content = text.encode()
                pdf, original = b"%PDF-1.7 " + content, b"{\\rtf1 " + content + b"}"
                files.append(make_file(seq, pdf, original, content))
                paths = []
                for name, data in (("pdf", pdf), ("rtf", original), ("txt", content)):
                    path = journal.folder / f"{note.key}-{seq}.{name}"
                    path.write_bytes(data)
                    paths.append(path)
                document = make_document(patient, note.key, ())
                journal.payloads[document.id, seq] = Payload(*paths)
            document = make_document(
                patient, note.key, files, title=note.title, type_text=note.type_text,
                document_date=note.date, blocked=note.blocked,
            )  # fmt: skip
            self.documents[note.key] = document
            journal.documents.append(document)
        generation = self._generation[patient_key] = self._generation.get(patient_key, 0) + 1
        receipt = journal.write(self.store, generation)
        with Catalogue.open(self.store, write=True) as catalogue:
            catalogue.record_package(receipt, patient, journal.documents)


def patient_id(key: str) -> str:
    """A patient's id by its key."""
    return make_patient(key).id


def write_archive(store: ArchiveStore, folder: Path, journals: Mapping[str, Sequence[Note]]) -> SearchableArchive:
    """An archive with these journals."""
    archive = SearchableArchive(store, folder)
    for key, notes in journals.items():
        archive.put(key, notes)
    return archive


def dated(note: Note, date: str) -> Note:
    """The same note on another day."""
    return dataclasses.replace(note, date=date)
