"""Builds one shard, in a process of its own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from uuid import UUID

from whoosh import index

from archive.catalogue import Catalogue
from archive.errors import IndexMissingError
from archive.package import Span, read_span
from archive.store import ArchiveStore, disk_full_is_clear, remove_tree, sync_folder
from viewer.search.analysis import HEADING_SLOT, Analyser, slot_of
from viewer.search.generation import ShardFacts, seal_shard
from viewer.search.segment import InvertingWriter, Parts, schema

_SAMPLED = 16
_SAMPLED_WORDS = 200
_REPORT_EVERY = 100


@dataclass(frozen=True, slots=True)
class ShardJob:
    """What to build: the patients' current packages, and the folder the shard becomes."""

    store: ArchiveStore
    number: int
    fingerprint: str
    patients: tuple[tuple[str, str], ...]
    target: Path


@dataclass(slots=True)
class _Document:
    id: str
    date: str
    heading: str
    package: str
    files: list[tuple[int, int, int]]


def build_shard(job: ShardJob, progress: Callable[[int], None]) -> ShardFacts:
    """Build, check, make durable and rename. `progress` gets the number of documents done since it was last called.

    Raises:
        IndexMissingError: what was written is not what should be in it.
        DiskFullError: no room.
    """
    temporary = job.target.with_name(job.target.name + ".tmp")
    remove_tree(temporary)
    with disk_full_is_clear():
        temporary.mkdir(parents=True)
        vocabulary: set[str] = set()
        documents = _documents(job)
        sample = _write(job, documents, temporary, vocabulary, progress)
        words = sorted(w.encode("utf-8", "replace") for w in vocabulary)
        (temporary / "words.txt").write_bytes(b"".join(w + b"\n" for w in words))
        _check(temporary, documents, sample)
        facts = seal_shard(temporary, job.number, job.fingerprint, len(documents))
        remove_tree(job.target)
        temporary.rename(job.target)
        sync_folder(job.target.parent)
    return facts


def _documents(job: ShardJob) -> list[_Document]:
    """All documents of the shard's patients, newest first; those without a date last."""
    packages = dict(job.patients)
    with Catalogue.open(job.store) as catalogue:
        run = catalogue.connection.execute
        # a table in memory: the catalogue itself is open for reading only
        run("PRAGMA temp_store=MEMORY")
        run("CREATE TEMP TABLE wanted(id TEXT PRIMARY KEY)")
        catalogue.connection.executemany("INSERT INTO wanted VALUES(?)", ((p,) for p in packages))
        documents = {}
        for row in run(
            "SELECT d.id, d.patient_id, d.title, d.type_text, coalesce(d.document_date, d.entry_date, '') AS date "
            "FROM wanted CROSS JOIN document d ON d.patient_id = wanted.id"
        ):
            heading = f"{row['title'] or ''}\n{row['type_text'] or ''}"
            documents[row["id"]] = _Document(row["id"], row["date"], heading, packages[row["patient_id"]], [])
        for row in run(
            "SELECT f.document_id, f.seq, f.text_offset, f.text_size FROM wanted "
            "CROSS JOIN document d ON d.patient_id = wanted.id CROSS JOIN file f ON f.document_id = d.id "
            "WHERE f.text_size IS NOT NULL ORDER BY f.document_id, f.seq"
        ):
            documents[row["document_id"]].files.append((row["seq"], row["text_offset"], row["text_size"]))
    return sorted(sorted(documents.values(), key=lambda d: d.id), key=lambda d: d.date, reverse=True)


def _write(
    job: ShardJob,
    documents: list[_Document],
    folder: Path,
    vocabulary: set[str],
    progress: Callable[[int], None],
) -> dict[int, list[str]]:
    """Write the Whoosh index; gives back some terms of some documents, to look for afterwards."""
    chosen = set(random.Random(job.number).sample(range(len(documents)), min(_SAMPLED, len(documents))))  # noqa: S311
    sample: dict[int, list[str]] = {}
    patients = {path: patient for patient, path in job.patients}
    analyser = Analyser(vocabulary)
    with closing(index.create_in(str(folder), schema())) as ix:
        writer = InvertingWriter(ix, analyser)
        try:
            for number, document in enumerate(documents):
                parts = list(_parts(job.store, document))
                writer.add_document(
                    doc=UUID(document.id).bytes,
                    date=_as_number(document.date),
                    patient=patients[document.package],
                    body=parts,
                )
                if number in chosen:
                    # the first words of each text, never a piece of text: a cut would make words of its own
                    first = (islice(Analyser().tokens(text), _SAMPLED_WORDS) for _, text in parts)
                    sample[number] = sorted({t.term for t in chain.from_iterable(first)})[:20]
                if number % _REPORT_EVERY == _REPORT_EVERY - 1:
                    progress(_REPORT_EVERY)
            writer.commit()  # type: ignore[no-untyped-call]
        except BaseException:
            if not writer.is_closed:
                writer.cancel()  # type: ignore[no-untyped-call]
            raise
    progress(len(documents) % _REPORT_EVERY)
    return sample


def _parts(store: ArchiveStore, document: _Document) -> Iterator[tuple[int, str]]:
    files = {slot_of(seq): Span(offset, size) for seq, offset, size in document.files}
    texts: Parts = [(HEADING_SLOT, document.heading)]
    path = store.root / document.package
    yield from sorted([*texts, *((s, read_span(path, span).decode("utf-8", "replace")) for s, span in files.items())])


def _as_number(date: str) -> int:
    """`2004-04-04` as 20040404, a less precise date with zeros, none as 0."""
    digits = date[:10].replace("-", "")
    return int(digits.ljust(8, "0")) if digits.isdecimal() else 0


def _check(folder: Path, documents: list[_Document], sample: dict[int, list[str]]) -> None:
    """Open what was written with Whoosh's own reader and look for what must be there."""
    with closing(index.open_dir(str(folder))) as ix, closing(ix.reader()) as reader:
        if reader.doc_count_all() != len(documents):
            raise _faulty(f"{reader.doc_count_all()} documents were written, not {len(documents)}")
        ids = reader.column_reader("doc", translate=False) if documents else ()
        for number, terms in sample.items():
            if bytes(ids[number]) != UUID(documents[number].id).bytes:
                raise _faulty("a document has another id")
            for term in terms:
                matcher = reader.postings("body", term.encode())
                matcher.skip_to(number)
                if not matcher.is_active() or matcher.id() != number:
                    raise _faulty("a document is not found by its own words")


def _faulty(what: str) -> IndexMissingError:
    return IndexMissingError(f"The search index was not written as it should be: {what}.", remedy="Run it again.")
