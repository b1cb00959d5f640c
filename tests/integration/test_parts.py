"""Files within files, from the ladder to the package: each becomes a file of the document, or it is told."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from archive.catalogue import Catalogue
from archive.identifiers import document_id, package_id, patient_id
from archive.layout import PREMIS
from archive.normalise import parts
from archive.normalise.contract import Limits, Made, Normalised, Part, Rejected
from archive.normalise.ladder import Normaliser
from archive.package import read_package, read_span
from archive.reasons import DocumentProblem, Flag, Reason
from archive.rebuild import rebuild
from archive.record import JournalDocument
from archive.store import ArchiveStore
from archive.verify import Level, verify
from extract.migrate import Options, migrate
from extract.progress import Progress
from tests import documents
from tests.documents import docx, job, rtf, run
from tests.fake_run import FakeMapping, SerialExecutor
from tests.fake_source import ARCHIVE_ID, SYSTEM, FakeSource
from tests.oracles import commons_ip, eark_validator

LETTER = rtf("Blodprøve i dag")


def message(*files: bytes) -> bytes:
    """An XML record that carries files."""
    coded = "".join(f"<Base64Container>{base64.encodebytes(f).decode()}</Base64Container>" for f in files)
    return f'<?xml version="1.0"?><Melding><Tittel>Henvisning</Tittel>{coded}</Melding>'.encode()


def normalised(normaliser: Normaliser, folder: Path, content: bytes, name: str = "a.xml") -> Normalised | Rejected:
    (folder / name).write_bytes(content)
    return normaliser.normalise([job(folder / name, "a-1")], folder / "out")["a-1"]


def test_parts_climb_for_themselves_however_deep(tmp_path: Path, normaliser: Normaliser) -> None:
    pdf = documents.pdf(tmp_path / "svar.pdf", text="Hemoglobin").read_bytes()
    outcome = normalised(normaliser, tmp_path, message(LETTER, message(pdf, docx(run("Epikrise")))))
    assert isinstance(outcome, Normalised)
    letter, inner = outcome.parts
    assert letter.source.read_bytes() == LETTER and letter.sha256 == hashlib.sha256(LETTER).hexdigest()
    assert "Blodprøve" in letter.made.text.read_text()
    assert [p.made.format.family for p in inner.made.parts] == ["pdf", "docx"]
    assert "Epikrise" in inner.made.parts[1].made.text.read_text()
    assert all(p.made.verdict is not None and p.made.verdict.passed for p in (letter, inner, *inner.made.parts))


def test_a_part_that_cannot_be_archived_is_told_of(tmp_path: Path, normaliser: Normaliser) -> None:
    sound = b"RIFF\x24\x08\x00\x00WAVEfmt " + bytes(2000)
    outcome = normalised(normaliser, tmp_path, message(LETTER, sound))
    assert isinstance(outcome, Normalised)
    assert len(outcome.parts) == 1
    assert [f.detail for f in outcome.flags if f.code is Flag.PART_NOT_ARCHIVED] == [
        "Of 2: file 2 (unsupported-format)."
    ]


def test_a_container_of_which_something_is_sound_is_archived_with_the_rest_as_it_is(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archive.normalise import routes

    def container(source: Path, out: Path, limits: Limits) -> Made:
        made = real("plaintext")(source, out, limits)
        held = []
        for n, content in enumerate(source.read_bytes().split(b"--")[1:]):
            path = out.with_suffix(f".{n}")
            path.write_bytes(content if content != b"program" else b"MZ\x90\x00\x03" + bytes(80))
            held.append(Part(f"vedlegg-{n}.rtf", path))
        return replace(made, parts=tuple(held), container=True, says=says)

    says = False
    real = routes.load
    monkeypatch.setattr(routes, "load", lambda name: container if name == "plaintext" else real(name))
    whole = normalised(normaliser, tmp_path, b"brev--" + LETTER + b"--", "a.txt")
    assert isinstance(whole, Normalised)
    assert len(whole.parts) == 1  # the empty one has nothing to lose
    partly = normalised(normaliser, tmp_path, b"brev--" + LETTER + b"--program", "b.txt")
    assert isinstance(partly, Normalised)
    assert [f.detail for f in partly.flags if f.code is Flag.PART_NOT_ARCHIVED] == [
        "Of 2: file 2 (unsupported-format)."
    ]
    sound, kept = partly.parts
    assert isinstance(sound.made, Normalised)
    assert isinstance(kept.made, Rejected) and kept.made.reason is Reason.UNSUPPORTED_FORMAT
    assert kept.source.read_bytes().startswith(b"MZ")
    nothing = normalised(normaliser, tmp_path, b"brev--program--program", "c.txt")
    assert isinstance(nothing, Rejected)
    assert nothing.reason is Reason.PART_NOT_ARCHIVABLE
    assert nothing.detail == "Of 2: file 1 (unsupported-format), file 2 (unsupported-format)."
    says = True
    told = normalised(normaliser, tmp_path, b"brev til deg--program", "d.txt")
    assert isinstance(told, Normalised) and [type(p.made) for p in told.parts] == [Rejected]


@pytest.mark.parametrize(
    ("limits", "content"),
    [
        (Limits(parts=2), message(LETTER, b"{\\rtf1 b}" * 30, b"{\\rtf1 c}" * 30)),
        (Limits(part_depth=1), message(message(message(LETTER)))),
        (Limits(expanded_bytes=2_000), message(b"{\\rtf1 " + b"a" * 3_000 + b"}")),
    ],
    ids=["number", "depth", "size"],
)
def test_what_a_file_may_hold_is_limited(tmp_path: Path, limits: Limits, content: bytes) -> None:
    with Normaliser(limits, work=tmp_path / "work") as normaliser:
        outcome = normalised(normaliser, tmp_path, content)
    while isinstance(outcome, Normalised) and outcome.parts:
        outcome = outcome.parts[0].made
    flagged = isinstance(outcome, Normalised) and [f for f in outcome.flags if f.code is Flag.PART_NOT_ARCHIVED]
    assert flagged or (isinstance(outcome, Rejected) and outcome.reason is Reason.RESOURCE_LIMIT)


def test_an_allowance_is_shared_by_all_that_lies_within() -> None:
    outer = parts.Allowance.of(Limits(parts=3, part_depth=2))
    first, second = outer.deeper(), outer.deeper()
    first.spend(2, 10)
    second.spend(1, 10)
    with pytest.raises(DocumentProblem, match="resource-limit"):
        first.deeper().spend(1, 10)
    with pytest.raises(DocumentProblem, match="resource-limit"):
        first.deeper().deeper()


class Archive:
    """An export of two documents that carry files, run into an archive with the real engines."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.source, self.root = FakeSource(root / "export"), root
        pdf = documents.pdf(root / "svar.pdf", text="Hemoglobin").read_bytes()
        self.source.write("a.xml", message(LETTER, message(pdf)))
        self.source.write("b.rtf", rtf("Notat"))
        self.source.patient_rows = [("1", "")]
        self.source.document_rows = [("a", "1", ("a.xml", "b.rtf"), {}), ("b", "1", ("b.rtf",), {})]

    def run(self) -> ArchiveStore:
        with Normaliser(work=self.root / "work") as normaliser:
            migrate(
                self.source,
                FakeMapping(self.root / "mapping.toml"),  # type: ignore[arg-type]
                self.root / "archive",
                Options(),
                Progress(quiet=True),
                executor=lambda store, o: SerialExecutor(store, o, normaliser),  # type: ignore[arg-type]
            )
        return ArchiveStore.open(self.root / "archive")

    def package(self, generation: int = 1) -> Path:
        store = ArchiveStore.open(self.root / "archive")
        return store.package_path(package_id(patient_id(ARCHIVE_ID, SYSTEM, "1"), generation))

    def document(self, generation: int = 1) -> JournalDocument:
        wanted = document_id(ARCHIVE_ID, SYSTEM, "a")
        return next(d for d in read_package(self.package(generation)).documents if d.id == wanted)


def test_parts_are_files_of_the_document_in_package_and_catalogue(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "one")
    store = archive.run()
    document = archive.document()
    assert [(f.seq, f.part_of, f.original.format.family) for f in document.files] == [
        (1, None, "xml"),
        (2, None, "rtf"),
        (3, 1, "rtf"),
        (4, 1, "xml"),
        (5, 4, "pdf"),
    ]
    spans = read_package(archive.package()).spans
    assert read_span(archive.package(), spans[document.id, 3].original) == LETTER
    assert "unpacking" in _member(archive.package(), PREMIS)
    assert list(verify(store, level=Level.PDFA).findings) == []
    with Catalogue.open(store) as catalogue:
        before = catalogue.digest()
        assert catalogue.connection.execute("SELECT count(*) FROM file").fetchone()[0] == 6
    rebuild(store)
    with Catalogue.open(store) as catalogue:
        assert catalogue.digest() == before


def test_parts_are_carried_over_and_the_same_archive_comes_of_the_same_export(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "one")
    archive.run()
    first = archive.document()
    archive.source.write("c.rtf", rtf("Nytt"))
    archive.source.document_rows.append(("c", "1", ("c.rtf",), {}))
    store = archive.run()
    assert archive.document(2) == first
    assert list(verify(store, level=Level.HASHES).findings) == []
    again = Archive(tmp_path / "two")
    again.source.write("a.xml", archive.source.open_path("a.xml").read_bytes())
    again.run()
    assert again.document() == first


@pytest.mark.oracle
def test_others_find_the_package_valid(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "one")
    archive.run()
    subprocess.run(["tar", "xf", archive.package(), "-C", tmp_path], check=True)
    folder = tmp_path / archive.package().stem
    for judgement in commons_ip([folder], tmp_path, "2.1.0"):
        assert judgement.result == "VALID", judgement
    report = cast(dict[str, Any], eark_validator(folder))
    assert report["structure"]["status"] == "WellFormed"
    assert report["metadata"]["schema_results"] == {"status": "VALID", "messages": []}


def _member(package: Path, name: str) -> str:
    import tarfile

    with tarfile.open(package) as tar:
        member = next(m for m in tar if m.name.endswith(name))
        found = tar.extractfile(member)
        assert found is not None
        return found.read().decode()
