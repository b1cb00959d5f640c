"""From normalised files to the files of an archived document, and the rule of what a document cannot be without.

A document's main file must have an archive copy. An attachment that cannot be brought to PDF/A, and a file within a
container of which something else is sound, is kept as it is, without a copy, and flagged; so is an attachment that is
not there, which the document is flagged for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from archive.normalise.contract import Job, Normalised, NormalisedPart, Outcome, Rejected
from archive.package import Payload, open_span, read_package
from archive.reasons import Flag, Reason
from archive.record import (
    ArchiveCopy,
    ArchivedFile,
    FileFormat,
    FileRole,
    FlagNote,
    JournalDocument,
    OriginalFile,
    TextCopy,
)
from archive.store import sha256_file

_UNKNOWN = FileFormat("unknown", "application/octet-stream")


def position(job: Job) -> int:
    """Which of its document's files it is, counted from 1 as the register names them."""
    return int(job.key.rpartition("-")[2])


def is_main(job: Job) -> bool:
    """Whether it is the file that its document cannot be without."""
    return position(job) == 1


_WAITED_FOR = frozenset({Reason.FILE_MISSING, Reason.UNREADABLE})
_INCOMPLETE = (Flag.ATTACHMENT_MISSING, Flag.FILE_NOT_CONVERTED)


def missing_note(seq: int, count: int, reason: Reason, held: Sequence[str | None] | None) -> FlagNote | None:
    """The flag of a document whose file could not be had; None where the document cannot be archived without.

    Args:
        seq: which of the document's files, counted from 1; the first is the main one.
        count: how many files the register names.
        reason: why. A file that another may be meant by, or that lies outside, stops the document.
        held: the hash of each file of the version that is archived, None for one that was missing then; None where
            none is archived. Nothing that is archived is given up for a version that lacks it.
    """
    if seq == 1 or reason not in _WAITED_FOR or (held is not None and seq <= len(held) and held[seq - 1] is not None):
        return None
    return FlagNote(Flag.ATTACHMENT_MISSING, f"{reason.value}: File {seq} of {count}.")


def with_missing(document: JournalDocument, notes: Sequence[FlagNote]) -> JournalDocument:
    """The document flagged for those of the notes that are of missing attachments."""
    of_ours = tuple(n for n in notes if n.code is Flag.ATTACHMENT_MISSING)
    return replace(document, flags=(*document.flags, *of_ours)) if of_ours else document


def incomplete(document: JournalDocument) -> tuple[str | None, str | None]:
    """Why an archived document is not complete, by the first flag that tells: reason code and detail; else None."""
    for note in (*document.flags, *(n for f in document.files for n in f.flags)):
        if note.code in _INCOMPLETE:
            reason, _, detail = note.detail.partition(": ")
            return reason, detail
    return None, None


def held_original(package: Path, document_id: str, seq: int, to: Path) -> Path | None:
    """The original of an archived file, copied out of its package; None where the package does not hold it.

    Raises:
        DamagedError, OSError: the package cannot be read.
    """
    spans = read_package(package).spans.get((document_id, seq))
    if spans is None:
        return None
    with open_span(package, spans.original) as source, to.open("wb") as target:
        while chunk := source.read(1 << 20):
            target.write(chunk)
    return to


def filed_files(
    jobs: Sequence[Job], outcomes: Mapping[str, Outcome], count: int
) -> Iterator[tuple[ArchivedFile, Payload]]:
    """A document's files in their order: those of the export, then what was within each, depth first.

    Args:
        jobs: the files that are there.
        outcomes: what became of each, by job key.
        count: how many files the register names; their parts are numbered after these.

    Raises:
        TypeError: the main file was not normalised.
    """
    found: list[tuple[NormalisedPart, int]] = []
    for job in jobs:
        made = outcomes[job.key]
        if is_main(job) and not isinstance(made, Normalised):
            raise TypeError("only a normalised file can be a document's main file")
        file, seq = NormalisedPart(job.declared_name, job.source, job.sha256, job.size, made), position(job)
        yield _archived_file(file, seq, None)
        found += [(part, seq) for part in _within(file)]
    found.reverse()
    seq = count
    while found:
        part, container = found.pop()
        seq += 1
        yield _archived_file(part, seq, container)
        found += [(inner, seq) for inner in reversed(_within(part))]


def _within(file: NormalisedPart) -> tuple[NormalisedPart, ...]:
    return file.made.parts if isinstance(file.made, Normalised) else ()


def _archived_file(file: NormalisedPart, seq: int, container: int | None) -> tuple[ArchivedFile, Payload]:
    made = file.made
    role = FileRole.MAIN if seq == 1 else FileRole.ATTACHMENT
    original = OriginalFile(file.name, file.sha256, file.size, made.format or _UNKNOWN)
    if isinstance(made, Rejected):
        note = FlagNote(Flag.FILE_NOT_CONVERTED, f"{made.reason.value}: {made.detail}")
        kept = ArchivedFile(seq, role, original, flags=(note,), part_of=container, attempts=made.attempts)
        return kept, Payload(None, file.source, None)
    copy = ArchiveCopy(*sha256_file(made.pdf), made.flavour, made.route, made.page_count, made.verdict, made.attempts)
    archived = ArchivedFile(
        seq,
        role,
        original,
        copy,
        TextCopy(*sha256_file(made.text)),
        flags=made.flags,
        part_of=container,
        message=made.message,
    )
    return archived, Payload(pdf=made.pdf, original=file.source, text=made.text)
