"""The viewer tells of a file that has no archive copy, and shows the rest of its document."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.catalogue import Catalogue
from archive.errors import SystemRefusedError
from archive.identifiers import package_id
from archive.package import Payload, read_package, write_package
from archive.reasons import Flag
from archive.record import ArchivedFile, FileFormat, FileRole, FlagNote, OriginalFile
from archive.store import ArchiveStore
from tests.integration.viewer_client import Browser, links
from tests.viewer_data import Built
from viewer.audit import log_path
from viewer.state import state_folder

NAME = "note-0"


def with_a_locked_attachment(built: Built, folder: Path) -> None:
    """The next generation of a patient's package, in which a document has an attachment without a copy."""
    content = b"%PDF-1.7 locked"
    (folder / "locked").write_bytes(content)
    patient = built.patients["astrid"]
    before = read_package(built.store.package_path(package_id(patient.id, 1)))
    original = OriginalFile(
        "vedlegg/svar.pdf", hashlib.sha256(content).hexdigest(), len(content), FileFormat("pdf", "application/pdf")
    )
    note = FlagNote(Flag.FILE_NOT_CONVERTED, "encrypted: The file cannot be opened without a password.")
    locked = ArchivedFile(2, FileRole.ATTACHMENT, original, flags=(note,))
    documents = [
        replace(d, files=(*d.files, locked)) if d.id == built.documents[NAME].id else d for d in before.documents
    ]
    payloads = {key: Payload(s.pdf, s.original, s.text) for key, s in before.spans.items()}
    payloads[built.documents[NAME].id, 2] = Payload(None, folder / "locked", None)
    made = write_package(
        built.store,
        patient,
        documents,
        payloads,
        generation=2,
        now=datetime.now(UTC),
        previous=built.store.package_path(package_id(patient.id, 1)),
    )
    with Catalogue.open(built.store, write=True) as catalogue:
        catalogue.record_package(made, patient, documents)


def test_a_file_without_a_copy_is_told_of_and_the_rest_is_shown(browser: Browser, built: Built, tmp_path: Path) -> None:
    with_a_locked_attachment(built, tmp_path)
    browser.login().open()
    main = browser.get(browser.document(NAME))
    assert main.status_code == 200
    assert "svar.pdf" in main.text
    assert "dokument.pdf" in main.text
    page = browser.get(browser.document(NAME, "?fil=2"))
    assert page.status_code == 200
    assert "Filen kan ikke vises" in page.text
    assert "Originalen er bevart" in page.text
    assert hashlib.sha256(b"%PDF-1.7 locked").hexdigest() in page.text
    assert not [a for a in links(page) if "/2/" in a], "nothing leads to a copy that is not there"
    assert "Arkivkopi" not in page.text
    assert "skadet" not in page.text
    assert {browser.get(browser.document(NAME, f"/2/{what}")).status_code for what in ("tekst", "dokument.pdf")} <= {
        403,
        404,
    }
    assert browser.get(browser.document(NAME, "/1/dokument.pdf")).status_code == 200


def test_on_read_only_media_the_state_folder_has_the_log_too(
    archive_store: ArchiveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = str(tmp_path / "state")
    assert log_path(archive_store, state) == archive_store.audit / "audit.sqlite"
    assert state_folder(archive_store) == archive_store.root / "viewer"
    for module in ("viewer.audit.log", "viewer.state"):
        monkeypatch.setattr(f"{module}.on_read_only_media", lambda _: True)
    assert log_path(archive_store, state) == tmp_path / "state" / "audit.sqlite"
    assert log_path(archive_store) == archive_store.audit / "audit.sqlite"
    assert state_folder(archive_store, state) == tmp_path / "state"
    with pytest.raises(SystemRefusedError, match="read-only") as caught:
        state_folder(archive_store)
    assert "--state" in caught.value.remedy
