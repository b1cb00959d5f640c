"""A run without engines: an in-process executor and a normaliser that obeys its input, to test the run's own logic."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

import extract.work
from archive.catalogue import Catalogue
from archive.identifiers import package_id, patient_id
from archive.normalise.contract import Job, Limits, Normalised, Outcome, Rejected, Timings
from archive.normalise.messageacts import message_facts
from archive.normalise.xmltree import parse
from archive.package import read_package
from archive.reasons import Reason
from archive.reconcile import reconcile_archive
from archive.record import Attempt, FileFormat, JournalDocument, Verdict
from archive.store import ArchiveInfo, ArchiveStore
from extract.migrate import Options, migrate, retry
from extract.progress import Progress
from extract.register import Register
from extract.results import RunSummary
from extract.workers import Answer
from tests.fake_source import ARCHIVE_ID, SYSTEM, FakeSource


class ObedientNormaliser:
    """Content that begins with `BAD <reason code>` is rejected for that reason; anything else becomes a "PDF", and XML
    says what it is as a message."""

    def __init__(self) -> None:
        self.timings = Timings()
        self.seen: list[str] = []
        self.before: Callable[[Job], None] = lambda job: None
        self.patient = False
        """Whether it waits for what timed out before."""

    def normalise(self, jobs: Sequence[Job], out: Path) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        for job in jobs:
            self.before(job)
            self.seen.append(job.key)
            content = job.source.read_bytes()
            found = FileFormat("txt", "text/plain", "x-fmt/111", declared_extension=Path(job.declared_name).suffix[1:])
            if content.startswith(b"BAD ") and not (self.patient and b"timeout" in content):
                reason = Reason(content.split()[1].decode())
                outcomes[job.key] = Rejected(job.key, reason, "as the content says", found)
                continue
            pdf, text = out / f"{job.key}.pdf", out / f"{job.key}.txt"
            pdf.write_bytes(b"%PDF-1.7\n" + hashlib.sha256(content).digest() + content)
            text.write_bytes(content)
            said = message_facts(parse(content).root) if content.startswith(b"<") else None
            verdict, attempts = Verdict("fake", "1", "2u", True), (Attempt("fake", "made"),)
            outcomes[job.key] = Normalised(job.key, found, pdf, text, "2u", "fake", verdict, 1, attempts, message=said)
        return outcomes


class SerialExecutor(Executor):
    """Runs each task at once, in this process."""

    def __init__(self, store: ArchiveStore, options: Options, normaliser: ObedientNormaliser) -> None:
        extract.work._worker = extract.work.Worker(
            store, Limits(), "journalarkiv test", normaliser, scratch=options.scratch
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            value = fn(*args, **kwargs)
            future.set_result(value.value if isinstance(value, Answer) else value)
        except BaseException as e:
            future.set_exception(e)
        return future


class FakeMapping:
    """Just enough of a mapping for the run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text("# a mapping\n")

    def archive_info(self) -> ArchiveInfo:
        return ArchiveInfo(ARCHIVE_ID, SYSTEM, "1", "Prøve kommune", "964965226", "SA-1")


QUIET = Progress(quiet=True)


class Bench:
    """A source, an archive and a way to run one into the other."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self.source = FakeSource(root / "export")
        self.archive = root / "archive"
        self.mapping = FakeMapping(root / "mapping.toml")
        self.normaliser = ObedientNormaliser()

    def run(self, **options: object) -> RunSummary:
        self.normaliser.seen.clear()
        return migrate(
            self.source,
            self.mapping,  # type: ignore[arg-type]
            self.archive,
            Options(**options),  # type: ignore[arg-type]
            QUIET,
            executor=lambda store, o: SerialExecutor(store, o, self.normaliser),
        )

    def retry(self, reason: str | None = None) -> RunSummary:
        with pytest.MonkeyPatch.context() as patch:
            serial = lambda store, o: SerialExecutor(store, o, self.normaliser)  # noqa: E731
            patch.setattr("extract.migrate.local_workers", serial)
            return retry(self.archive, Options(), QUIET, reason=reason)

    @property
    def store(self) -> ArchiveStore:
        return ArchiveStore.open(self.archive)

    def states(self) -> dict[str, tuple[str, str | None]]:
        with Register(self.store.register) as register:
            rows = register.connection.execute("SELECT key, state, reason FROM document ORDER BY key")
            return {r["key"]: (r["state"], r["reason"]) for r in rows}

    def generation(self, key: str) -> int:
        with Register(self.store.register) as register:
            return int(register.connection.execute("SELECT generation FROM patient WHERE key=?", (key,)).fetchone()[0])

    def documents(self, key: str) -> dict[str, JournalDocument]:
        patient = patient_id(ARCHIVE_ID, SYSTEM, key)
        path = self.store.package_path(package_id(patient, self.generation(key)))
        return {d.source_key: d for d in read_package(path).documents}

    def packages(self) -> dict[str, str]:
        return {
            p.relative_to(self.archive).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in self.store.package_files()
        }

    def balanced(self) -> bool:
        with Register(self.store.register) as register, Catalogue.open(self.store) as catalogue:
            result = reconcile_archive(self.store, register.connection, catalogue)
        assert result.differences == [], [str(d) for d in result.differences]
        return result.balanced
