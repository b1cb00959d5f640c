"""Writes and reads one patient's package: an E-ARK AIP (CSIP 2.1, eHealth1) in an uncompressed tar.

What is inside is said in `archive.layout`, docs/internals/on-disk.md and every package's own README. The record knows
the hash and size of every file before the first byte is written, so METS comes first in the tar, and each byte is
held against the record on its way through; no file is ever in memory whole.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata as distribution
from pathlib import Path
from typing import IO, cast

from archive import layout, tario
from archive.errors import DamagedError
from archive.events import Agent, PreservationEvent
from archive.fixity import read_sidecar, sidecar_path, write_sidecar
from archive.identifiers import package_id
from archive.layout import Representation, fixity_of, packaged_path
from archive.metadata import PackageIdentity, write_journal
from archive.mets import Context, Described, write_representation_mets, write_root_mets
from archive.packageread import (
    FileSpans,
    PackageContents,
    Span,
    events_of_package,
    open_span,
    read_package,
    read_span,
    same_journal,
)
from archive.premis import write_premis
from archive.readme import NO_DOCUMENTS, readme
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import ArchivedFile, JournalDocument, Patient
from archive.store import ArchiveStore, disk_full_is_clear, publish, sha256_file, sync_folder
from schemas import schema_path

__all__ = [
    "ChangedWhileArchived",
    "FileSpans",
    "PackageContents",
    "PackageReceipt",
    "Payload",
    "Span",
    "open_span",
    "read_package",
    "read_span",
    "write_package",
]

_CHUNK = 1 << 20
_IN_MEMORY = 4 << 20
_ORIGINAL = list(Representation).index(Representation.ORIGINAL)


@dataclass(frozen=True, slots=True)
class Payload:
    """Where the bytes of one archived file come from: a file, or a span of the previous generation's tar; None for a
    form that the file does not have."""

    pdf: Path | Span | None
    original: Path | Span
    text: Path | Span | None


@dataclass(frozen=True, slots=True)
class PackageReceipt:
    """What was written. `path` is relative to the archive root (POSIX); `spans` by (document id, file seq)."""

    package_id: str
    patient_id: str
    generation: int
    path: str
    sha256: str
    size: int
    spans: Mapping[tuple[str, int], FileSpans] = field(default_factory=dict)


class ChangedWhileArchived(DocumentProblem):
    """The bytes of a file are no longer those that were hashed; nothing of the package was written.

    Attributes:
        document_id: whose file it is.
        seq: which of its files.
    """

    def __init__(self, document_id: str, seq: int, detail: str) -> None:
        super().__init__(Reason.UNREADABLE, detail)
        self.document_id, self.seq = document_id, seq

    def __reduce__(self) -> tuple[type[ChangedWhileArchived], tuple[str, int, str]]:  # type: ignore[override]
        return (ChangedWhileArchived, (self.document_id, self.seq, self.detail))


def write_package(
    store: ArchiveStore,
    patient: Patient,
    documents: Sequence[JournalDocument],
    payloads: Mapping[tuple[str, int], Payload],
    *,
    generation: int,
    now: datetime,
    previous: Path | None = None,
    software: str | None = None,
    work: Path | None = None,
) -> PackageReceipt:
    """Write a generation of a patient's package, durably, with its sidecar.

    A crash at any point leaves under the package's name either a complete package with its sidecar, or no package:
    the tar is written and fsynced under a temporary name in `work`; then its sidecar is written durably; then the tar
    gets its name. A sidecar without a tar is what a crash between the last two leaves, and is overwritten by the next
    attempt. Where the package is there already (a run that died before it could record it, or the same work done
    again) and says the very same, it is left as it is; where it says something else, it was never recorded, and is
    removed before the sidecar of the new one takes the old one's place.

    Args:
        store: the archive.
        patient: whose journal it is.
        documents: the whole journal in this generation, in any order; none at all is a journal too.
        payloads: the bytes of each file, by (document id, seq).
        generation: counted from 1.
        now: time of the run, aware; all that differs between two runs over the same facts.
        previous: the tar of the generation before, which spans among the payloads refer to, and whose PREMIS events
            are kept for the files that are unchanged.
        software: name and version of what writes it; this version of journalarkiv if left out.
        work: folder for temporary files, on the file system of the archive; the store's own if left out.

    Raises:
        ChangedWhileArchived: bytes of a source or converted file are not those the record states.
        DamagedError: bytes of the previous generation are not those the record states, or a later one exists.
        DiskFullError: no room; nothing is left behind.
        ValueError: documents and payloads do not belong together.
    """
    ordered = sorted(documents, key=lambda d: d.id)
    _check_call(patient, ordered, payloads, now)
    predecessor = package_id(patient.id, generation - 1) if generation > 1 else None
    identity = PackageIdentity(package_id(patient.id, generation), generation, predecessor)
    final = store.package_path(identity.id)
    stamp = now.astimezone(UTC).replace(microsecond=0)
    when = stamp.strftime("%Y-%m-%dT%H:%M:%SZ")
    context = Context(identity, store.info, Agent.parse(software or _software()), when)
    work = work or store.work
    if store.package_path(package_id(patient.id, generation + 1)).exists():
        raise DamagedError(
            f"Generation {generation} of the package of patient {patient.id} has a successor already.",
            remedy="The work register is not the one of this archive; put the right one back.",
        )
    with disk_full_is_clear(), ExitStack() as stack:
        work.mkdir(parents=True, exist_ok=True)
        journal = _Part(layout.JOURNAL, stack, work)
        write_journal(journal.file, identity, store.info, patient, ordered)
        if (receipt := _written_already(store, final, journal)) is not None:
            return receipt
        parts = _write_metadata(context, ordered, journal, previous, stack, work)
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=work, prefix="package-"))) / final.name
        with temporary.open("wb", buffering=_CHUNK) as out:
            tar = tario.TarWriter(out, int(stamp.timestamp()))
            for part in parts:
                tar.add(f"{identity.id}/{part.path}", part.size, part.chunks())
            spans = _write_payloads(tar, identity.id, ordered, payloads, previous)
            tar.close()
        _publish_with_sidecar(temporary, final, tar.sha256)
    path = final.relative_to(store.root).as_posix()
    return PackageReceipt(identity.id, patient.id, generation, path, tar.sha256, tar.position, spans)


def _check_call(
    patient: Patient, documents: Sequence[JournalDocument], payloads: Mapping[tuple[str, int], Payload], now: datetime
) -> None:
    if now.tzinfo is None:
        raise ValueError("the time of the run has no zone")
    keys = [(d.id, f.seq) for d in documents for f in d.files]
    if len(set(keys)) != len(keys) or len({d.id for d in documents}) != len(documents):
        raise ValueError("a document or file is there twice")
    if set(keys) != set(payloads):
        raise ValueError("documents and payloads do not name the same files")
    if any(d.files and d.files[0].archive_copy is None for d in documents):
        raise ValueError("a document's main file has no archive copy")
    if any(d.patient_id != patient.id for d in documents):
        raise ValueError("a document is another patient's")


def _software() -> str:
    try:
        return f"journalarkiv {distribution.version('journalarkiv')}"
    except distribution.PackageNotFoundError:
        return "journalarkiv"


class _Part:
    """A metadata file of a package being written: in memory while it is small, else in a temporary file."""

    def __init__(self, path: str, stack: ExitStack, work: Path, content: bytes = b"") -> None:
        self.path = path
        spooled = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(work))  # noqa: SIM115 - the stack closes it
        self.file = cast(IO[bytes], stack.enter_context(spooled))
        self.file.write(content)

    def chunks(self) -> Iterator[bytes]:
        self.file.seek(0)
        while chunk := self.file.read(_CHUNK):
            yield chunk

    @property
    def size(self) -> int:
        return self.file.seek(0, io.SEEK_END)

    def described(self, media_type: str = "application/xml") -> Described:
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return Described(self.path, digest.hexdigest(), self.size, media_type)


def _write_metadata(
    context: Context,
    documents: Sequence[JournalDocument],
    journal: _Part,
    previous: Path | None,
    stack: ExitStack,
    work: Path,
) -> list[_Part]:
    """Everything that is not payload, in the order in which it stands in the tar."""
    premis = _Part(layout.PREMIS, stack, work)
    carried, recognised = _carried(previous, documents)
    write_premis(
        premis.file,
        context.package,
        documents,
        carried,
        when=context.when,
        software=context.software,
        recognised=recognised,
    )
    schema = _Part(layout.SCHEMA, stack, work, schema_path("journal.xsd").read_bytes())
    text = _Part(layout.README, stack, work, readme(context.package, context.archive).encode())
    representations, notes = {}, []
    if any(d.files for d in documents):
        for representation in Representation:
            part = _Part(f"{representation.folder}/{layout.ROOT_METS}", stack, work)
            write_representation_mets(part.file, representation, documents, context)
            representations[representation] = part
    else:
        # Both E-ARK validators want a representation (CSIP114), and one that holds something (CSIP58, CSIP107).
        note = _Part(layout.NO_DOCUMENTS, stack, work, NO_DOCUMENTS.encode())
        part = _Part(f"{Representation.TEXT.folder}/{layout.ROOT_METS}", stack, work)
        write_representation_mets(part.file, Representation.TEXT, documents, context, note.described("text/plain"))
        representations[Representation.TEXT] = part
        note.path = f"{Representation.TEXT.folder}/{layout.NO_DOCUMENTS}"
        notes.append(note)
    root = _Part(layout.ROOT_METS, stack, work)
    write_root_mets(
        root.file,
        context,
        journal=journal.described(),
        premis=premis.described(),
        documentation=[text.described("text/plain")],
        schemas=[schema.described()],
        representations={name: part.described() for name, part in representations.items()},
    )
    return [root, journal, premis, schema, text, *representations.values(), *notes]


def _carried(
    previous: Path | None, documents: Sequence[JournalDocument]
) -> tuple[dict[str, list[PreservationEvent]], frozenset[str]]:
    """The PREMIS events of files that are in the generation before with the very same bytes, or whose archive copy
    alone is another, since it got words by OCR; and which files the latter are. By the path of the original."""
    if previous is None:
        return {}, frozenset()
    before = {
        packaged_path(Representation.ORIGINAL, d.id, f): _hashes(f) for d, f in _files(read_package(previous).documents)
    }
    carried, recognised = {}, set()
    events = events_of_package(previous)
    for d, f in _files(documents):
        path, hashes = packaged_path(Representation.ORIGINAL, d.id, f), _hashes(f)
        if path not in events or path not in before:
            continue
        if hashes == before[path]:
            carried[path] = events[path]
        elif hashes[_ORIGINAL] == before[path][_ORIGINAL] and any(n.code is Flag.OCR_TEXT for n in f.flags):
            carried[path] = events[path]
            recognised.add(path)
    return carried, frozenset(recognised)


def _files(documents: Iterable[JournalDocument]) -> Iterator[tuple[JournalDocument, ArchivedFile]]:
    return ((d, f) for d in documents for f in d.files)


def _hashes(file: ArchivedFile) -> tuple[tuple[str, int] | None, ...]:
    return tuple(fixity_of(representation, file) for representation in Representation)


def _write_payloads(
    tar: tario.TarWriter,
    root: str,
    documents: Sequence[JournalDocument],
    payloads: Mapping[tuple[str, int], Payload],
    previous: Path | None,
) -> dict[tuple[str, int], FileSpans]:
    spans: dict[tuple[str, int], dict[Representation, Span]] = {}
    for representation in Representation:
        for document in documents:
            for file in document.files:
                key = (document.id, file.seq)
                payload = payloads[key]
                source = {
                    Representation.PDFA: payload.pdf,
                    Representation.ORIGINAL: payload.original,
                    Representation.TEXT: payload.text,
                }[representation]
                fixity = fixity_of(representation, file)
                if source is None or fixity is None:
                    if source is not None or fixity is not None:
                        raise ValueError("record and payload do not have the same forms of a file")
                    continue
                sha256, size = fixity
                chunks = _verified(source, previous, sha256, size, key)
                offset = tar.add(f"{root}/{packaged_path(representation, document.id, file)}", size, chunks)
                spans.setdefault(key, {})[representation] = Span(offset, size)
    return {
        key: FileSpans(of.get(Representation.PDFA), of[Representation.ORIGINAL], of.get(Representation.TEXT))
        for key, of in spans.items()
    }


def _verified(
    source: Path | Span, previous: Path | None, sha256: str, size: int, key: tuple[str, int]
) -> Iterator[bytes]:
    """The bytes of a source, in pieces; raises at the end where they are not those that the record states."""
    if isinstance(source, Span) and previous is None:
        raise ValueError("a span needs the package it is of")
    digest, left = hashlib.sha256(), size
    try:
        with source.open("rb") if isinstance(source, Path) else open_span(previous or Path(), source) as file:
            # One byte more than announced is asked for, so that a file that has grown is noticed.
            while chunk := file.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    break
                digest.update(chunk)
                yield chunk
    except OSError as e:
        left = -1
        detail = f"A file could not be read again ({type(e).__name__}, {e.errno})."
    else:
        detail = "A file changed while it was being archived."
    if left == 0 and digest.hexdigest() == sha256:
        return
    if isinstance(source, Span):
        raise DamagedError(
            f"{previous} does not hold the bytes it says of file {key[1]} of document {key[0]}.",
            remedy="Run `journalarkiv verify`, and restore the package from a copy.",
        )
    raise ChangedWhileArchived(*key, detail)


def _written_already(store: ArchiveStore, final: Path, journal: _Part) -> PackageReceipt | None:
    """The receipt of a complete package that is there and holds the same journal, else None."""
    try:
        recorded = read_sidecar(final)
        sha256, size = sha256_file(final)
    except FileNotFoundError:
        return None
    if recorded != sha256:
        return None
    if not same_journal(final, journal.chunks()):
        return None
    contents = read_package(final)
    path = final.relative_to(store.root).as_posix()
    return PackageReceipt(
        contents.package_id, contents.patient.id, contents.generation, path, sha256, size, contents.spans
    )


def _publish_with_sidecar(temporary: Path, final: Path, sha256: str) -> None:
    missing = [folder for folder in (final.parent.parent, final.parent) if not folder.is_dir()]
    final.parent.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)
    if final.exists():
        final.unlink()
        sync_folder(final.parent)
    write_sidecar(final, sha256)
    try:
        publish(temporary, final)
    except BaseException:
        if not final.exists():
            sidecar_path(final).unlink(missing_ok=True)
        raise
