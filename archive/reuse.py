"""Identical bytes are converted once: what an earlier package holds of the same source is taken from there.

An old journal repeats itself (forms, leaflets, the same scan filed twice). A copy that was made and judged before is as
good for another document with the same bytes and the same extension; it is proven by its hashes when it is taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from pathlib import Path, PurePosixPath

from archive.catalogue import Catalogue
from archive.errors import JournalarkivError
from archive.normalise.contract import Job, Normalised
from archive.packageread import Span, open_span, read_package
from archive.record import ArchivedFile
from archive.store import ArchiveStore

_MOST_DOCUMENTS = 400
"""Documents of a journal that is still cheaper to read than the file is to convert."""

_CANDIDATES = """
SELECT f.document_id, f.seq, f.source_name, p.path FROM file f JOIN document d ON d.id=f.document_id
JOIN patient t ON t.id=d.patient_id JOIN package p ON p.patient_id=d.patient_id AND p.current=1
WHERE f.source_sha256=? AND f.verdict_passed=1 AND t.document_count<=? AND f.route NOT LIKE '%+ocr'
ORDER BY f.document_id, f.seq LIMIT 8"""


class Earlier:
    """What is archived already, for one worker process. It only reads."""

    def __init__(self, store: ArchiveStore) -> None:
        self._store = store
        self._catalogue: Catalogue | None = None

    def close(self) -> None:
        """Let go of the catalogue."""
        if self._catalogue is not None:
            self._catalogue.close()
        self._catalogue = None

    def find(self, job: Job, out: Path) -> Normalised | None:
        """The earlier outcome of the same bytes under the same extension, its files written to `out`; None where there
        is none, or where it cannot be proven to be whole: then the file is simply converted."""
        try:
            if self._catalogue is None:
                self._catalogue = Catalogue.open(self._store)
            rows = self._catalogue.connection.execute(_CANDIDATES, (job.sha256, _MOST_DOCUMENTS)).fetchall()
            for row in rows:
                if _extension(row["source_name"]) == _extension(job.declared_name):
                    with contextlib.suppress(OSError):
                        return self._taken(job, row, out)
        except (sqlite3.Error, JournalarkivError):
            self.close()
        return None

    def _taken(self, job: Job, row: sqlite3.Row, out: Path) -> Normalised | None:
        path = self._store.root / row["path"]
        contents = read_package(path)
        document = next((d for d in contents.documents if d.id == row["document_id"]), None)
        if document is None:
            return None
        file = next((f for f in document.files if f.seq == row["seq"]), None)
        if file is None or any(f.part_of == file.seq for f in document.files):
            return None
        spans = contents.spans[document.id, file.seq]
        pdf, text = out / f"{job.key}.pdf", out / f"{job.key}.txt"
        whole = _copied(path, spans.pdf, pdf, file.archive_copy.sha256) and _copied(
            path, spans.text, text, file.text.sha256
        )
        return _normalised(job, file, pdf, text) if whole else None


def _normalised(job: Job, file: ArchivedFile, pdf: Path, text: Path) -> Normalised:
    copy = file.archive_copy
    return Normalised(
        job.key, file.original.format, pdf, text, copy.flavour, copy.route, copy.verdict, copy.page_count,
        copy.attempts, file.flags,
    )  # fmt: skip


def _copied(package: Path, span: Span, to: Path, sha256: str) -> bool:
    digest = hashlib.sha256()
    with open_span(package, span) as source, to.open("wb") as target:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest() == sha256


def _extension(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
