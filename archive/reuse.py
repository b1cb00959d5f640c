"""Identical bytes are converted once: what an earlier package holds of the same source is taken from there.

An old journal repeats itself (forms, leaflets, the same scan filed twice, a logo in every message). A copy that this
version of the software has made and judged is as good for another document with the same bytes and the same extension,
with all that was found within it. It is proven by its hashes when it is taken; whatever is wrong with it means that the
file is simply converted.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from archive.catalogue import Catalogue
from archive.errors import DamagedError, JournalarkivError
from archive.events import Agent
from archive.layout import Representation, packaged_path
from archive.normalise.contract import Job, Normalised, NormalisedPart
from archive.packageread import FileSpans, Span, open_span, read_document
from archive.record import ArchivedFile
from archive.store import ArchiveStore

_MOST_DOCUMENTS = 4_000
"""Documents of a journal that is still cheaper to read than the file is to convert."""

_MOST_TRIED = 3
_MOST_REMEMBERED = 512

# In no order: where a form lies ten thousand times, any of them will do.
_CANDIDATES = """
SELECT f.document_id, f.seq, f.source_name, f.archive_sha256, p.path FROM file f JOIN document d ON d.id=f.document_id
JOIN patient t ON t.id=d.patient_id JOIN package p ON p.id=t.package_id
WHERE f.source_sha256=? AND f.verdict_passed=1 AND t.document_count<=? LIMIT 20"""
_PLACES = """
SELECT seq, archive_sha256, pdf_offset, pdf_size, original_offset, original_size, text_offset, text_size FROM file
WHERE document_id=?"""


@dataclass(frozen=True, slots=True)
class _Held:
    """A file in a package, and after it all that was found within it, with where their bytes are."""

    package: Path
    files: tuple[ArchivedFile, ...]
    spans: tuple[FileSpans, ...]


class Earlier:
    """What is archived already, for one worker process. It only reads.

    Args:
        store: the archive.
        software: name and version of what runs; copies that another version has made are not taken.
    """

    def __init__(self, store: ArchiveStore, software: str) -> None:
        self._store, self._software = store, Agent.parse(software)
        self._catalogue: Catalogue | None = None
        self._remembered: OrderedDict[tuple[str, str], _Held] = OrderedDict()

    def close(self) -> None:
        """Let go of the catalogue."""
        if self._catalogue is not None:
            self._catalogue.close()
        self._catalogue = None

    def find(self, job: Job, out: Path) -> Normalised | None:
        """The earlier outcome of the same bytes under the same extension, its files written to `out`; None where there
        is none, or where it cannot be proven to be whole."""
        return self._find(job, out, bare=False)

    def find_bare(self, job: Job, out: Path) -> Normalised | None:
        """As `find`, of a file with no others within it: for files within files, which share one allowance."""
        return self._find(job, out, bare=True)

    def _find(self, job: Job, out: Path, *, bare: bool) -> Normalised | None:
        identity = (job.sha256, _extension(job.declared_name))
        for held in self._candidates(identity):
            if bare and len(held.files) > 1:
                return None
            with contextlib.suppress(OSError):
                if (found := _taken(held, job, out)) is not None:
                    self._remembered[identity] = held
                    self._remembered.move_to_end(identity)
                    if len(self._remembered) > _MOST_REMEMBERED:
                        self._remembered.popitem(last=False)
                    return found
        self._remembered.pop(identity, None)
        return None

    def _candidates(self, identity: tuple[str, str]) -> Iterator[_Held]:
        if identity in self._remembered:
            yield self._remembered[identity]
        try:
            if self._catalogue is None:
                self._catalogue = Catalogue.open(self._store)
            rows = self._catalogue.connection.execute(_CANDIDATES, (identity[0], _MOST_DOCUMENTS)).fetchall()
        except (sqlite3.Error, JournalarkivError):
            self.close()
            return
        fitting = [row for row in rows if _extension(row["source_name"]) == identity[1]]
        for row in fitting[:_MOST_TRIED]:
            with contextlib.suppress(OSError, DamagedError, sqlite3.Error, LookupError):
                if (held := self._held(self._catalogue, row)) is not None:
                    yield held

    def _held(self, catalogue: Catalogue, row: sqlite3.Row) -> _Held | None:
        """The file of a row, where this version has made it and all within it."""
        path = self._store.root / row["path"]
        if (read := read_document(path, row["document_id"])) is None:
            return None
        document, events = read
        files: list[ArchivedFile] = []
        for f in document.files:  # a file comes before what was found within it
            if f.seq == row["seq"] or any(f.part_of == held.seq for held in files):
                files.append(f)
        for f in files:
            copy = f.archive_copy
            done = events.get(packaged_path(Representation.ORIGINAL, document.id, f), ())
            ours = any(e.type == "normalization" and e.agent == self._software for e in done)
            if (
                not ours
                or copy is None
                or copy.verdict is None
                or not copy.verdict.passed
                or copy.route.endswith("+ocr")
            ):
                return None
        places = {place["seq"]: place for place in catalogue.connection.execute(_PLACES, (document.id,))}
        if not files or any(f.archive_copy and places[f.seq]["archive_sha256"] != f.archive_copy.sha256 for f in files):
            return None
        return _Held(path, tuple(files), tuple(_spans(places[f.seq]) for f in files))


def _taken(held: _Held, job: Job, out: Path) -> Normalised | None:
    """The files of `held` written to `out`, under names that derive from the job's key; None where one is not what its
    record says."""
    made: dict[int, tuple[str, Path]] = {}
    for n, (f, spans) in enumerate(zip(held.files, held.spans, strict=True)):
        key = f"{job.key}-{n}" if n else job.key
        source = out / f"{key}.part" if n else job.source
        if f.archive_copy is None or f.text is None or spans.pdf is None or spans.text is None:
            return None
        copies = [
            (spans.pdf, out / f"{key}.pdf", f.archive_copy.sha256),
            (spans.text, out / f"{key}.txt", f.text.sha256),
        ]
        if n:
            copies.append((spans.original, source, f.original.sha256))
        if not all(_copied(held.package, span, to, sha256) for span, to, sha256 in copies):
            return None
        made[f.seq] = key, source
    return _normalised(held.files[0], held.files[1:], made, out)


def _normalised(
    file: ArchivedFile, within: Sequence[ArchivedFile], made: dict[int, tuple[str, Path]], out: Path
) -> Normalised:
    key, copy = made[file.seq][0], file.archive_copy
    if copy is None:
        raise TypeError("only a file with a copy can be taken again")
    parts = tuple(
        NormalisedPart(
            f.original.name, made[f.seq][1], f.original.sha256, f.original.size, _normalised(f, within, made, out)
        )
        for f in within
        if f.part_of == file.seq
    )
    return Normalised(
        key, file.original.format, out / f"{key}.pdf", out / f"{key}.txt", copy.flavour, copy.route, copy.verdict,
        copy.page_count, copy.attempts, file.flags, parts, file.message,
    )  # fmt: skip


def _spans(place: sqlite3.Row) -> FileSpans:
    return FileSpans(*(Span(place[f"{name}_offset"], place[f"{name}_size"]) for name in ("pdf", "original", "text")))


def _copied(package: Path, span: Span, to: Path, sha256: str) -> bool:
    digest = hashlib.sha256()
    with open_span(package, span) as source, to.open("wb") as target:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest() == sha256


def _extension(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
