"""From recognised words to the archive: a searchable copy of each file, then one new generation of the package.

Making the copies needs no lock, since packages never change once they are there; publishing them does, for as long as
it takes to copy the package.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from archive.catalogue import Catalogue
from archive.errors import DamagedError
from archive.normalise.contract import Limits
from archive.normalise.text_of import PAGE_BREAK
from archive.ocr.layer import lay
from archive.ocr.queue import Queue, QueuedFile
from archive.ocr.words import PageWords
from archive.package import PackageReceipt, Payload, write_package
from archive.packageread import FileSpans, Span, open_span, read_package, read_span
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import ArchiveCopy, ArchivedFile, Attempt, FlagNote, TextCopy, Verdict
from archive.store import ArchiveStore, remove_tree, sha256_file
from archive.validate import PdfaValidator, ValidatorStuck

ROUTE = "ocr"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Searchable:
    """A copy of an archived file with words, proven and ready to be published."""

    file: QueuedFile
    pdf: Path
    text: Path
    flavour: str
    verdict: Verdict
    engine: str
    note: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """What is needed to make a searchable copy: words by page, and what is known of them."""

    file: QueuedFile
    words: dict[int, PageWords]
    engine: str
    """Name and version of what read them."""
    note: str


@dataclass(frozen=True, slots=True)
class Located:
    """Where a file of the catalogue is: the package's path, the byte ranges, and its facts."""

    package: Path
    pdf: Span
    text: Span
    flavour: str
    page_count: int


class Laboratory:
    """Makes searchable copies and has them judged; for several threads.

    Args:
        folder: for temporary files, on the file system of the archive.
        limits: of laying the words over one file.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self._validator = PdfaValidator(seconds=limits.validate_seconds, temporary=folder / "validator")
        self._judging = threading.Lock()

    def make(self, where: Located, found: Recognised) -> Searchable:
        """Lay the words over a file and prove the result. Its folder is the caller's to remove.

        Raises:
            DocumentProblem: it cannot be done, or the result is not PDF/A.
            DamagedError: the archive's copy is not what the record says.
            DiskFullError: no room.
        """
        folder = Path(tempfile.mkdtemp(dir=self._folder, prefix="layer-"))
        try:
            return self._make(where, found, folder)
        except BaseException:
            remove_tree(folder)
            raise

    def _make(self, where: Located, found: Recognised, folder: Path) -> Searchable:
        source = folder / "source.pdf"
        copy_out(where, found.file.archive_sha256, source)
        before = read_span(where.package, where.text).decode("utf-8", "replace")
        text = folder / "text.txt"
        text.write_text(
            text_with(before, {n: w.text() for n, w in found.words.items()}, where.page_count),
            encoding="utf-8",
            newline="\n",
        )
        broken: tuple[str, ...] = ()
        for thorough in (False, True):
            for flavour in flavours_above(where.flavour):
                pdf = folder / f"{flavour}{int(thorough)}.pdf"
                lay(source, pdf, found.words, flavour, thorough=thorough, folder=folder, limits=self._limits)
                verdict = self._judge(pdf, flavour)
                if verdict.passed:
                    source.unlink()
                    return Searchable(found.file, pdf, text, flavour, verdict, found.engine, found.note)
                pdf.unlink()
                broken = verdict.failed_rules
        raise DocumentProblem(Reason.VALIDATION_FAILED, f"Rules broken: {' '.join(broken)}.")

    def _judge(self, pdf: Path, flavour: str) -> Verdict:
        with self._judging:
            try:
                return self._validator.validate(pdf, flavour)
            except ValidatorStuck as e:
                raise DocumentProblem(Reason.CONVERSION_TIMEOUT, str(e)) from None


def flavours_above(flavour: str) -> tuple[str, ...]:
    """The levels to try for a file of this level with words added. A word over a picture is no part of the document's
    structure, so level A is declared no longer (the structure stays); a PDF/A-1 has become another file, which is
    declared PDF/A-2 like all that is made here."""
    part = flavour[0] if flavour[0] in "23" else "2"
    return f"{part}u", f"{part}b"


def text_with(before: str, pages: dict[int, str], page_count: int) -> str:
    """A text copy with the text of some pages (from 1) put in."""
    parts = before.split(PAGE_BREAK)
    if len(parts) != page_count:
        parts = [before, *[""] * (page_count - 1)]
    for number, text in pages.items():
        parts[number - 1] = "\n".join(t for t in (parts[number - 1].rstrip(), text) if t)
    return PAGE_BREAK.join(parts)


def locate(store: ArchiveStore, catalogue: Catalogue, file: QueuedFile) -> Located | None:
    """Where a queued file is now; None where it is no longer the one that was queued."""
    row = catalogue.connection.execute(
        "SELECT p.path, f.* FROM file f JOIN document d ON d.id=f.document_id"
        " JOIN package p ON p.patient_id=d.patient_id AND p.current"
        " WHERE f.document_id=? AND f.seq=? AND f.archive_sha256=? AND d.patient_id=?",
        (*file.key, file.archive_sha256, file.patient_id),
    ).fetchone()
    if row is None:
        return None
    return Located(
        store.root / row["path"],
        Span(row["pdf_offset"], row["pdf_size"]),
        Span(row["text_offset"], row["text_size"]),
        row["flavour"],
        row["page_count"],
    )


def copy_out(where: Located, sha256: str, out: Path) -> None:
    """Copy a file out of its package.

    Raises:
        DamagedError: it is not what the record says.
    """
    with open_span(where.package, where.pdf) as source, out.open("wb") as target:
        while chunk := source.read(_CHUNK):
            target.write(chunk)
    if sha256_file(out)[0] != sha256:
        raise DamagedError(
            f"{where.package} does not hold the bytes that are recorded.",
            remedy="Run `journalarkiv verify`, and restore the package from a copy.",
        )


def publish(
    store: ArchiveStore, queue: Queue, patient_id: str, made: Sequence[Searchable], work: Path
) -> PackageReceipt | None:
    """Write a patient's next generation, with the copies in place of what they are made of, and record it.

    Files that have changed since they were queued are left as they are; None where no other is left.

    Raises:
        ArchiveBusyError: another process is writing the archive; nothing was done.
        DamagedError: the package's bytes are not what it says.
        DiskFullError: no room; nothing was done.
    """
    with store.lock(brief=True), Catalogue.open(store, write=True) as catalogue:
        row = catalogue.connection.execute(
            "SELECT path FROM package WHERE patient_id=? AND current", (patient_id,)
        ).fetchone()
        if row is None:
            return None
        path = store.root / row["path"]
        contents = read_package(path)
        by_key = {s.file.key: s for s in made}
        documents, payloads, taken = [], {}, []
        for document in contents.documents:
            files = []
            for file in document.files:
                key = (document.id, file.seq)
                copy = by_key.get(key)
                before = file.archive_copy
                if copy is None or before is None or copy.file.archive_sha256 != before.sha256:
                    payloads[key] = _as_it_was(contents.spans[key])
                else:
                    file, sha256 = _with_words(file, before, copy)
                    payloads[key] = replace(_as_it_was(contents.spans[key]), pdf=copy.pdf, text=copy.text)
                    taken.append((copy.file, sha256))
                files.append(file)
            documents.append(replace(document, files=tuple(files)))
        if not taken:
            return None
        receipt = write_package(
            store,
            contents.patient,
            documents,
            payloads,
            generation=contents.generation + 1,
            now=datetime.now(UTC),
            previous=path,
            work=work,
        )
        catalogue.record_package(receipt, contents.patient, documents)
        queue.published(receipt.package_id, taken)
    return receipt


def _as_it_was(spans: FileSpans) -> Payload:
    return Payload(spans.pdf, spans.original, spans.text)


def _with_words(file: ArchivedFile, before: ArchiveCopy, made: Searchable) -> tuple[ArchivedFile, str]:
    """The file with the copy that has words, and that copy's hash."""
    route = before.route if before.route.endswith(f"+{ROUTE}") else f"{before.route}+{ROUTE}"
    sha256, size = sha256_file(made.pdf)
    copy = replace(
        before,
        sha256=sha256,
        size=size,
        flavour=made.flavour,
        route=route,
        verdict=made.verdict,
        attempts=(*before.attempts, Attempt(route, "made", made.engine)),
    )
    flags = [f for f in file.flags if f.code not in (Flag.NO_TEXT, Flag.OCR_TEXT)]
    searchable = replace(
        file,
        archive_copy=copy,
        text=TextCopy(*sha256_file(made.text)),
        flags=(*flags, FlagNote(Flag.OCR_TEXT, made.note)),
    )
    return searchable, sha256
