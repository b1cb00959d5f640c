"""From a file of an old journal to validated PDF/A: the cheapest faithful route first, then the fallbacks.

For each file: identify; make a PDF by the routes of its family, best first; put it before the validator at the best
level, then lower ones; repair what it rejects; then Ghostscript, then pages as pictures; else quarantine with a
reason. Every rung that was tried is recorded. A bad file never raises: only a missing engine or a full disk does.
"""

from __future__ import annotations

import contextlib
import functools
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from archive.identify import identify, mismatch
from archive.normalise import ghostscript, office, raster, routes
from archive.normalise import pdf as pdf_route
from archive.normalise.contract import Job, Limits, Made, Normalised, Outcome, Rejected, Timings
from archive.normalise.engines import engine_of
from archive.normalise.finish import finish
from archive.normalise.guard import guarded
from archive.normalise.text_of import clean, text_of
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import Attempt, FileFormat, FlagNote, Verdict
from archive.store import disk_full_is_clear, remove_tree
from archive.validate import PdfaValidator, ValidatorStuck

_FINAL = frozenset(
    (Reason.EMPTY, Reason.ENCRYPTED, Reason.RESOURCE_LIMIT, Reason.UNSUPPORTED_FORMAT, Reason.UNREADABLE)
)
"""Reasons that another route would not change."""

_KEPT_FLAVOURS = ("1a", "1b", "2a", "2b", "2u")


class Normaliser:
    """The engines of one worker process, started when first needed. A context manager; one per process.

    Args:
        limits: what a single file may cost.
        work: folder for temporary files, made if absent; a temporary folder of the system by default.

    Attributes:
        timings: seconds per stage; callers may put their own object here.
    """

    def __init__(self, limits: Limits = Limits(), work: Path | None = None) -> None:  # noqa: B008 (frozen)
        self.timings = Timings()
        self._limits = limits
        self._given = work
        self._scratch: Path | None = None
        self._office: office.Office | None = None
        self._validator: PdfaValidator | None = None

    def __enter__(self) -> Normaliser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove all temporary files; the normaliser may be used again after."""
        if self._scratch is not None:
            remove_tree(self._scratch)
        self._scratch = self._office = None

    @property
    def broken(self) -> bool:
        """Whether the process should be replaced: a validation hangs in it that cannot be stopped."""
        return self._validator is not None and self._validator.stuck

    @property
    def validator(self) -> PdfaValidator:
        """The process's validator, for those who judge a file outside the ladder."""
        if self._validator is None:
            self._validator = PdfaValidator(seconds=self._limits.validate_seconds, temporary=self._folder("java"))
        return self._validator

    def normalise(self, jobs: Sequence[Job], out: Path) -> dict[str, Outcome]:
        """Normalise a batch. Outputs are `out/<key>.pdf` and `.txt`; jobs with the same bytes and extension share them.

        Raises:
            EngineMissingError: a program or engine that a file of the batch needs is not installed.
            DiskFullError: no space left; nothing of the batch counts.
        """
        outcomes: dict[str, Outcome] = {}
        leaders: dict[tuple[str, str], Job] = {}
        for job in jobs:
            leaders.setdefault(_identity(job), job)
        self._identified: dict[str, FileFormat] = {}
        with disk_full_is_clear():
            out.mkdir(parents=True, exist_ok=True)
            for job in leaders.values():
                try:
                    self._identified[job.key] = self._identify(job)
                except DocumentProblem as e:
                    outcomes[job.key] = Rejected(job.key, e.reason, e.detail)
            made = self._office_batches([j for j in leaders.values() if j.key in self._identified])
            for job in leaders.values():
                if job.key not in outcomes:
                    outcomes[job.key] = self._climb(job, self._identified[job.key], made.pop(job.key, None), out)
                    self._clear("made", "judged")
            self._clear("office-made")
        return {job.key: _for(job, outcomes[leaders[_identity(job)].key]) for job in jobs}

    def _identify(self, job: Job) -> FileFormat:
        if job.size > self._limits.source_bytes:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The file has {job.size} bytes.")
        with self._stage("identify"):
            return guarded(
                lambda: identify(job.source, job.declared_name, expanded_bytes=self._limits.expanded_bytes),
                self._limits.seconds,
            )

    def _office_batches(self, jobs: Sequence[Job]) -> dict[str, Path | DocumentProblem]:
        """Convert all files whose first route is LibreOffice, family by family; by job key."""
        families: dict[str, list[Job]] = {}
        for job in jobs:
            family = self._identified[job.key].family
            if routes.of(family)[:1] == (office.ROUTE,):
                families.setdefault(family, []).append(job)
        results: dict[str, Path | DocumentProblem] = {}
        for family, members in sorted(families.items()):
            with self._stage(f"convert:{family}", len(members)):
                files = {job.sha256: office.OfficeFile(job.sha256, job.source, family) for job in members}
                answers = self._libreoffice().convert(list(files.values()), self._folder("office-made"))
            results |= {job.key: answers[job.sha256] for job in members}
        return results

    def _climb(self, job: Job, fmt: FileFormat, batch: Path | DocumentProblem | None, out: Path) -> Outcome:
        attempts: list[Attempt] = []
        rejected: list[tuple[str, Made]] = []
        problem: DocumentProblem | None = None
        try:
            if fmt.family == "pdf" and (kept := self._keep(job, fmt, attempts, out)) is not None:
                return kept
            for route in routes.of(fmt.family):
                try:
                    made = self._make(route, job, fmt, batch if route == office.ROUTE else None)
                except DocumentProblem as e:
                    attempts.append(Attempt(route, e.reason.value, e.detail))
                    problem = problem or e
                    if e.reason in _FINAL:
                        break
                    continue
                for name, thorough in ((route, False), (f"{route}+repaired", True)):
                    if (judged := self._judge(made, name, attempts, thorough=thorough)) is not None:
                        return self._deliver(job, fmt, name, judged, made, attempts, out)
                rejected.append((route, made))
            for route, made in rejected[:1]:
                for rung, rewrite in self._last_rungs():
                    name = f"{route}+{rung}"
                    try:
                        other = self._rewritten(rung, rewrite, made)
                    except DocumentProblem as e:
                        attempts.append(Attempt(name, e.reason.value, e.detail))
                        continue
                    if (judged := self._judge(other, name, attempts, thorough=True)) is not None:
                        return self._deliver(job, fmt, name, judged, other, attempts, out)
        except DocumentProblem as e:
            return Rejected(job.key, e.reason, e.detail, fmt, tuple(attempts))
        except ValidatorStuck as e:
            return Rejected(job.key, Reason.CONVERSION_TIMEOUT, str(e), fmt, tuple(attempts))
        if rejected:
            detail = f"Rules broken: {attempts[0].detail or 'none'}." if attempts else ""
            return Rejected(job.key, Reason.VALIDATION_FAILED, detail, fmt, tuple(attempts))
        if problem is None:
            problem = DocumentProblem(Reason.UNSUPPORTED_FORMAT, fmt.format_name)
        return Rejected(job.key, problem.reason, problem.detail, fmt, tuple(attempts))

    def _keep(self, job: Job, fmt: FileFormat, attempts: list[Attempt], out: Path) -> Normalised | None:
        """The input itself, where it claims PDF/A-1 or -2 and is."""
        with self._stage("look"):
            looked = guarded(lambda: pdf_route.look(job.source, self._limits), self._limits.seconds)
        if not looked.claims_pdfa or looked.protected:
            return None
        with self._stage("validate"):
            claim = self.validator.claimed_flavour(job.source)
            if claim not in _KEPT_FLAVOURS:
                return None
            verdict = self.validator.validate(job.source, claim)
        if not verdict.passed:
            attempts.append(Attempt(pdf_route.KEPT, "rejected", _broken(verdict)))
            return None
        attempts.append(Attempt(pdf_route.KEPT, "made"))
        copy = self._folder("judged") / "kept.pdf"
        shutil.copyfile(job.source, copy)
        return self._deliver(job, fmt, pdf_route.KEPT, (copy, verdict), Made(copy), attempts, out)

    def _make(self, route: str, job: Job, fmt: FileFormat, batch: Path | DocumentProblem | None) -> Made:
        out = self._folder("made") / f"{route}.pdf"
        if route != office.ROUTE:
            with self._stage(f"convert:{fmt.family}"):
                return guarded(lambda: routes.load(route)(job.source, out, self._limits), self._limits.seconds)
        if batch is None:
            with self._stage(f"convert:{fmt.family}"):
                source = routes.for_office(job.source, fmt.family, out.with_suffix(".in"))
                file = office.OfficeFile(job.sha256, source, fmt.family)
                batch = self._libreoffice().convert([file], out.parent)[file.stem]
        if isinstance(batch, DocumentProblem):
            raise routes.sharper(batch, job.source, fmt.family)
        return Made(batch, routes.OFFICE_FLAVOURS, routes.office_flags(job.source, fmt.family))

    def _judge(self, made: Made, name: str, attempts: list[Attempt], *, thorough: bool) -> tuple[Path, Verdict] | None:
        """Finish and validate at each level, best first; None where none holds (and the attempt is recorded)."""
        verdict: Verdict | None = None
        for flavour in made.flavours:
            if verdict is not None and not self.validator.rules(flavour).isdisjoint(verdict.failed_rules):
                continue
            finished = self._folder("judged") / f"{flavour}.pdf"
            finished.unlink(missing_ok=True)
            with self._stage("finish"):
                try:
                    write = functools.partial(finish, made.pdf, finished, flavour, thorough=thorough)
                    guarded(write, self._limits.seconds)
                except DocumentProblem as e:
                    attempts.append(Attempt(name, e.reason.value, e.detail))
                    return None
            if finished.stat().st_size > self._limits.output_bytes:
                raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The PDF/A has {finished.stat().st_size} bytes.")
            with self._stage("validate"):
                verdict = self.validator.validate(finished, flavour)
            if verdict.passed:
                attempts.append(Attempt(name, "made", engine_of(name)))
                return finished, verdict
        if verdict is not None:
            attempts.append(Attempt(name, "rejected", _broken(verdict)))
        return None

    def _last_rungs(self) -> Iterator[tuple[str, Callable[[Path, Path, Limits], None]]]:
        if ghostscript.available():
            yield ghostscript.ROUTE, ghostscript.rewrite
        yield raster.ROUTE, raster.rasterise

    def _rewritten(self, rung: str, rewrite: Callable[[Path, Path, Limits], None], made: Made) -> Made:
        out = self._folder("made") / f"{rung}.pdf"
        text, flags = made.text, made.flags
        with self._stage(f"convert:{rung}"):
            guarded(lambda: rewrite(made.pdf, out, self._limits), self._limits.seconds)
            if rung == raster.ROUTE:
                flags = (*flags, FlagNote(Flag.PAGES_RASTERISED))
                if text is None:
                    text, _ = guarded(lambda: text_of(made.pdf, most_pages=self._limits.pages), self._limits.seconds)
        return Made(out, ("2u", "2b"), flags, text)

    def _deliver(
        self, job: Job, fmt: FileFormat, route: str, judged: tuple[Path, Verdict], made: Made,
        attempts: list[Attempt], out: Path,
    ) -> Normalised:  # fmt: skip
        finished, verdict = judged
        with self._stage("text"):
            text, pages = guarded(lambda: text_of(finished, most_pages=self._limits.pages), self._limits.seconds)
            if made.text is not None:
                text = clean(made.text)
            text_path = out / f"{job.key}.txt"
            text_path.write_text(text, encoding="utf-8", newline="\n")
        pdf = Path(shutil.move(finished, out / f"{job.key}.pdf"))
        flags = list(made.flags)
        if mismatch(fmt):
            flags.append(FlagNote(Flag.FORMAT_MISMATCH, f"Named .{fmt.declared_extension}, but is {fmt.family}."))
        if not text.strip():
            flags.append(FlagNote(Flag.NO_TEXT))
        return Normalised(
            job.key, fmt, pdf, text_path, verdict.flavour, route, verdict, pages, tuple(attempts), tuple(flags)
        )

    def _libreoffice(self) -> office.Office:
        if self._office is None:
            self._office = office.Office(self._folder("office"), self._limits)
        return self._office

    def _folder(self, name: str) -> Path:
        """A temporary folder of ours, made if absent."""
        with disk_full_is_clear():
            if self._scratch is None or not self._scratch.is_dir():
                if self._given is not None:
                    self._given.mkdir(parents=True, exist_ok=True)
                self._scratch = Path(tempfile.mkdtemp(prefix="normalise-", dir=self._given))
            folder = self._scratch / name
            folder.mkdir(exist_ok=True)
            return folder

    def _clear(self, *names: str) -> None:
        if self._scratch is not None:
            for name in names:
                remove_tree(self._scratch / name)

    @contextlib.contextmanager
    def _stage(self, name: str, count: int = 1) -> Iterator[None]:
        cpu, wall = _cpu(), time.monotonic()
        try:
            yield
        finally:
            self.timings.add(name, _cpu() - cpu, time.monotonic() - wall, count)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _identity(job: Job) -> tuple[str, str]:
    return job.sha256, Path(job.declared_name).suffix.lower()


def _for(job: Job, outcome: Outcome) -> Outcome:
    """The leader's outcome under another job's key."""
    return replace(outcome, key=job.key)


def _broken(verdict: Verdict) -> str:
    return f"{verdict.flavour}: {' '.join(verdict.failed_rules)}"
