"""Which pages have no text: found in the catalogue and in the text copies, without opening a PDF."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator

from archive.catalogue import Catalogue
from archive.normalise.text_of import PAGE_BREAK
from archive.ocr.queue import Queue, QueuedFile
from archive.packageread import Span, read_span
from archive.reasons import Flag
from archive.store import ArchiveStore

_BATCH = 200


def fill(store: ArchiveStore, catalogue: Catalogue, queue: Queue, progress: Callable[[int, int], None]) -> None:
    """Look through every package that was not looked through yet, and queue the pages without text.

    A file flagged `no-text` is read as a whole; of another one with several pages, those of which its text copy has
    nothing. Whether there is anything to read on them shows when they are drawn.

    Args:
        store: the archive.
        catalogue: its catalogue, to read.
        queue: the queue, to write.
        progress: takes packages done and packages in all.
    """
    total = catalogue.connection.execute("SELECT count(*) FROM package WHERE current").fetchone()[0]
    done = 0
    for batch in _batches(catalogue.connection):
        new = queue.unlooked([row["id"] for row in batch])
        looked = []
        for row in batch:
            if row["id"] in new:
                files = list(_files(store, catalogue.connection, row))
                looked.append((row["id"], row["patient_id"], files))
        if looked:
            queue.add(looked)
        done += len(batch)
        progress(done, total)


def _batches(connection: sqlite3.Connection) -> Iterator[list[sqlite3.Row]]:
    last = ""
    while batch := connection.execute(
        "SELECT id, patient_id, path FROM package WHERE current AND id>? ORDER BY id LIMIT ?", (last, _BATCH)
    ).fetchall():
        yield batch
        last = batch[-1]["id"]


def _files(store: ArchiveStore, connection: sqlite3.Connection, package: sqlite3.Row) -> Iterator[QueuedFile]:
    for row in connection.execute(
        "SELECT f.document_id, f.seq, f.archive_sha256, f.page_count, f.text_offset, f.text_size, f.flags FROM file f"
        " JOIN document d ON d.id=f.document_id WHERE d.patient_id=? AND f.archive_sha256<>''"
        " ORDER BY f.document_id, f.seq",
        (package["patient_id"],),
    ):
        flags = {code for code, _ in json.loads(row["flags"])}
        pages: tuple[int, ...] = ()
        if Flag.OCR_TEXT.value in flags:
            pass  # what is known of it is in the queue; without a queue it counts as done
        elif Flag.NO_TEXT.value in flags:
            pages = tuple(range(1, row["page_count"] + 1))
        elif row["page_count"] > 1:
            text = read_span(store.root / package["path"], Span(row["text_offset"], row["text_size"]))
            pages = pages_without_text(text.decode("utf-8", "replace"), row["page_count"])
        yield QueuedFile(package["patient_id"], row["document_id"], row["seq"], row["archive_sha256"], pages)


def pages_without_text(text: str, page_count: int) -> tuple[int, ...]:
    """The pages (from 1) of which a text copy has nothing; none where it does not say which page a text is of."""
    parts = text.split(PAGE_BREAK)
    if len(parts) != page_count:
        return ()
    return tuple(number for number, part in enumerate(parts, start=1) if not part.strip())
