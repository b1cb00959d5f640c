from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from archive import quarantine
from archive.errors import DiskFullError
from archive.reasons import Flag, Reason
from archive.record import Attempt, FileFormat, FlagNote, JournalDocument, Quarantined, QuarantinedFile
from archive.store import ArchiveStore
from tests.records import ARCHIVE, documents, some_uuid


def entry(*files: QuarantinedFile, reason: Reason = Reason.CORRUPT, id_: str = "d") -> Quarantined:
    document = JournalDocument(some_uuid(id_), "k-1", some_uuid("p"), title="Prøve \x00", blocked=True)
    return Quarantined(
        document,
        "p-1",
        reason,
        "It breaks off.",
        files,
        (Attempt("office", "conversion-failed"),),
        (FlagNote(Flag.FORMAT_MISMATCH),),
    )


RTF = QuarantinedFile("DOK\\Æ/brev.RTF", "0" * 64, 1, FileFormat("rtf", "application/rtf", "fmt/355", "rtf"))
BARE = QuarantinedFile("../../etc/passwd")


def test_the_bytes_and_the_reason_are_kept(archive_store: ArchiveStore, tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"{\\rtf" * 1000)
    given_ = entry(RTF, BARE)
    kept = quarantine.put(archive_store, given_, {RTF.name: source})
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    assert kept.files[0] == QuarantinedFile(RTF.name, sha256, 5000, RTF.format, f"{sha256}.rtf")
    assert kept.files[1] == BARE
    folder = archive_store.quarantine_path(given_.document.id)
    assert {p.name for p in folder.iterdir()} == {"reason.json", f"{sha256}.rtf"}
    assert (folder / f"{sha256}.rtf").read_bytes() == source.read_bytes()
    assert quarantine.get(archive_store, given_.document.id) == kept
    assert json.loads((folder / "reason.json").read_text("utf-8"))["reason"] == "corrupt"


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents)
def test_any_document_comes_back(archive_store: ArchiveStore, document: JournalDocument) -> None:
    q = Quarantined(document, document.source_key, Reason.NO_FILE, document.title)
    assert quarantine.put(archive_store, q, {}) == q
    assert quarantine.get(archive_store, document.id) == q
    quarantine.remove(archive_store, document.id)


def test_an_entry_replaces_the_one_before_even_from_its_own_bytes(archive_store: ArchiveStore, tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"one")
    first = quarantine.put(archive_store, entry(RTF), {RTF.name: source})
    stored = archive_store.quarantine_path(first.document.id) / str(first.files[0].stored_as)
    second = quarantine.put(archive_store, entry(RTF, reason=Reason.TRUNCATED), {RTF.name: stored})
    assert (second.reason, second.files) == (Reason.TRUNCATED, first.files)
    assert stored.read_bytes() == b"one"
    source.write_bytes(b"two")
    third = quarantine.put(archive_store, entry(RTF), {RTF.name: source})
    assert not stored.exists()
    assert quarantine.get(archive_store, third.document.id) == third


def test_a_crash_before_the_end_leaves_the_old_entry_whole(
    archive_store: ArchiveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"one")
    first = quarantine.put(archive_store, entry(RTF), {RTF.name: source})
    source.write_bytes(b"two")

    def dies(*_: object) -> None:
        raise DiskFullError("full")

    monkeypatch.setattr(quarantine, "write_durably", dies)
    with pytest.raises(DiskFullError):
        quarantine.put(archive_store, entry(RTF, reason=Reason.EMPTY), {RTF.name: source})
    with pytest.raises(DiskFullError):
        quarantine.put(archive_store, entry(RTF, id_="new"), {RTF.name: source})
    monkeypatch.undo()
    assert quarantine.get(archive_store, first.document.id) == first
    stored = archive_store.quarantine_path(first.document.id) / str(first.files[0].stored_as)
    assert stored.read_bytes() == b"one"
    assert [q.document.id for q in quarantine.all_entries(archive_store)] == [first.document.id]


def test_what_cannot_be_read_has_no_bytes(archive_store: ArchiveStore, tmp_path: Path) -> None:
    kept = quarantine.put(archive_store, entry(RTF, BARE), {RTF.name: tmp_path, BARE.name: tmp_path / "none"})
    assert [f.stored_as for f in kept.files] == [None, None]
    assert kept.files[0].sha256 == RTF.sha256
    folder = archive_store.quarantine_path(kept.document.id)
    assert [p.name for p in folder.iterdir()] == ["reason.json"]


def test_entries_are_listed_and_removed(archive_store: ArchiveStore) -> None:
    assert list(quarantine.all_entries(archive_store)) == []
    for name in "abc":
        quarantine.put(archive_store, entry(BARE, id_=name), {})
    ids = sorted(some_uuid(name) for name in "abc")
    assert [q.document.id for q in quarantine.all_entries(archive_store)] == ids
    quarantine.remove(archive_store, ids[0])
    quarantine.remove(archive_store, ids[0])
    assert [q.document.id for q in quarantine.all_entries(archive_store)] == ids[1:]
    with pytest.raises(FileNotFoundError):
        quarantine.get(archive_store, ids[0])
    with pytest.raises(ValueError, match="document id"):
        quarantine.get(archive_store, f"../{ARCHIVE}")
