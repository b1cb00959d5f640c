"""From a file of an old journal to validated PDF/A: the cheapest faithful route first, then the fallbacks.

For each file: identify; make a PDF by the routes of its family, best first; put it before the validator at the best
level, then lower ones; repair what it rejects; then Ghostscript, then pages as pictures; else quarantine with a
reason (`climb`). Files found within a file climb after it and are archived beside it (`parts`). A bad file never
raises: only a missing engine or a full disk does.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from archive.identify import identify, pronom
from archive.normalise.climb import Climb
from archive.normalise.contract import Job, Limits, Normalised, Outcome, Rejected, Timings
from archive.normalise.guard import guarded
from archive.normalise.judging import Judging
from archive.normalise.office import TOGETHER
from archive.normalise.parts import Allowance, Taken, take
from archive.normalise.unlock import unlock
from archive.normalise.workshop import Workshop
from archive.reasons import DocumentProblem, Reason
from archive.record import FileFormat
from archive.store import disk_full_is_clear
from archive.validate import PdfaValidator

OFFICE_AT_ONCE = 100
"""Most files that are held half way before LibreOffice is called."""
_UNLOCKED = "unlocked"


class Normaliser:
    """The engines of one worker process, started when first needed. A context manager; one per process.

    Args:
        limits: what a single file may cost.
        work: folder for temporary files, made if absent; a temporary folder of the system by default.
        judging: which copies are put before the validator.
        known_part: finds the outcome of a file within a file where the same bytes are archived already, or gives None.
        passwords: to try on files that need one.
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        work: Path | None = None,
        judging: Judging = Judging(),  # noqa: B008 (frozen)
        known_part: Callable[[Job, Path], Normalised | None] | None = None,
        passwords: Sequence[str] = (),
    ) -> None:
        self._shop, self._judging = Workshop(limits, work, long_run=judging.long_run), judging
        self._known_part, self._passwords = known_part, tuple(passwords)

    def __enter__(self) -> Normaliser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove all temporary files; the normaliser may be used again after."""
        self._shop.close()

    @property
    def timings(self) -> Timings:
        """Seconds per stage; callers may put their own object here."""
        return self._shop.timings

    @timings.setter
    def timings(self, timings: Timings) -> None:
        self._shop.timings = timings

    @property
    def broken(self) -> bool:
        """Whether the process should be replaced: a validation hangs in it that cannot be stopped."""
        return self._shop.broken

    @property
    def validator(self) -> PdfaValidator:
        """The process's validator, for those who judge a file outside the ladder."""
        return self._shop.validator

    def normalise(self, jobs: Sequence[Job], out: Path) -> dict[str, Outcome]:
        """Normalise a batch. Outputs are `out/<key>.pdf` and `.txt`; jobs with the same bytes and extension share them.

        Raises:
            EngineMissingError: a program or engine that a file of the batch needs is not installed.
            DiskFullError: no space left; nothing of the batch counts.
        """
        with disk_full_is_clear():
            out.mkdir(parents=True, exist_ok=True)
            return self._batch(jobs, out, {})

    def _batch(self, jobs: Sequence[Job], out: Path, allowances: Mapping[str, Allowance]) -> dict[str, Outcome]:
        """One level of files; then all files that were found within them, together. `allowances` of those that are
        parts themselves, by job key."""
        outcomes: dict[str, Outcome] = {}
        leaders: dict[tuple[str, str], Job] = {}
        for job in jobs:
            leaders.setdefault(_identity(job), job)
        taken: list[Taken] = []
        conclude = functools.partial(self._conclude, out=out, outcomes=outcomes, taken=taken, allowances=allowances)
        for job in leaders.values():
            if job.key in allowances and (known := self._known(job, out)) is not None:
                outcomes[job.key] = known
        unknown = {job: None for job in leaders.values() if job.key not in outcomes}
        self._climb_all(unknown, out, outcomes, conclude)
        self._climb_all(self._unlocked(unknown, outcomes), out, outcomes, conclude)
        self._shop.clear(_UNLOCKED)
        if taken:
            inner = [job for t in taken for job in t.jobs]
            within = self._batch(inner, out, {job.key: t.allowance for t in taken for job in t.jobs})
            for t in taken:
                outcomes[t.key] = t.joined(outcomes[t.key], within)
        return {job.key: _for(job, outcomes[leaders[_identity(job)].key]) for job in jobs}

    def _climb_all(
        self,
        jobs: Mapping[Job, Path | None],
        out: Path,
        outcomes: dict[str, Outcome],
        conclude: Callable[[Climb], None],
    ) -> None:
        """Take each file up the ladder, or what it is without its password."""
        waiting: list[Climb] = []
        for job, unlocked in jobs.items():
            try:
                fmt = self._identify(job, unlocked)
            except DocumentProblem as e:
                outcomes[job.key] = Rejected(job.key, e.reason, e.detail)
                continue
            climb = Climb(self._shop, job, fmt, out, validated=self._judging.judges(job.sha256), unlocked=unlocked)
            climb.go()
            if climb.awaits_office:
                waiting.append(climb)
            else:
                conclude(climb)
            if len(waiting) >= OFFICE_AT_ONCE:
                self._through_office(waiting, conclude)
        self._through_office(waiting, conclude)

    def _unlocked(self, jobs: Iterable[Job], outcomes: Mapping[str, Outcome]) -> dict[Job, Path | None]:
        """Those that turned out to need a password, and can be opened: each with itself as it is without."""
        unlocked: dict[Job, Path | None] = {}
        for job in jobs:
            outcome = outcomes[job.key]
            if not isinstance(outcome, Rejected) or outcome.reason is not Reason.ENCRYPTED:
                continue
            path = self._shop.folder(_UNLOCKED) / job.key
            with contextlib.suppress(DocumentProblem), self._shop.stage("unlock"):
                guarded(functools.partial(unlock, job.source, path, self._passwords), self._shop.limits.seconds)
                unlocked[job] = path
        return unlocked

    def _known(self, job: Job, out: Path) -> Normalised | None:
        if self._known_part is None:
            return None
        with self._shop.stage("reused", 0):
            known = self._known_part(job, out)
        if known is not None:
            self._shop.timings.add("reused", 0.0, 0.0)
        return known

    def _identify(self, job: Job, unlocked: Path | None = None) -> FileFormat:
        """What a file is; an `unlocked` one as it is without its password, with the PRONOM id it has as it came."""
        limits = self._shop.limits
        if job.size > limits.source_bytes:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The file has {job.size} bytes.")
        with self._shop.stage("identify"):
            source, name, most = unlocked or job.source, job.declared_name, limits.expanded_bytes
            found = guarded(lambda: identify(source, name, expanded_bytes=most), limits.seconds)
            if unlocked is None:
                return found
            puid, format_name = guarded(lambda: pronom(job.source), limits.seconds)
            return replace(found, puid=puid or found.puid, format_name=format_name or found.format_name)

    def _through_office(self, waiting: list[Climb], conclude: Callable[[Climb], None]) -> None:
        """Convert all files that wait for LibreOffice, those it can take at once together, and go on with each; empties
        the list."""
        groups: dict[str, list[Climb]] = {}
        for climb in waiting:
            family = climb.format.family
            groups.setdefault("" if family in TOGETHER else family, []).append(climb)
        waiting.clear()
        for _, members in sorted(groups.items()):
            with self._shop.stages([f"convert:{climb.format.family}" for climb in members]):
                files = {climb.job.sha256: climb.office_file() for climb in members}
                answers = self._shop.libreoffice.convert(list(files.values()), self._shop.folder("office-made"))
            for climb in members:
                climb.go(answers[climb.job.sha256])
                conclude(climb)
            self._shop.clear("office-made")

    def _conclude(
        self,
        climb: Climb,
        out: Path,
        outcomes: dict[str, Outcome],
        taken: list[Taken],
        allowances: Mapping[str, Allowance],
    ) -> None:
        """Note how a climb ended, and take the files it found before its folder goes."""
        outcome = climb.outcome
        if outcome is None:
            raise TypeError("the climb has not ended")
        key = climb.job.key
        if isinstance(outcome, Normalised) and climb.parts:
            allowance = allowances.get(key) or Allowance.of(self._shop.limits)
            try:
                with self._shop.stage("parts", len(climb.parts)):
                    taken.append(
                        take(key, climb.parts, out, allowance.deeper(), container=climb.container, says=climb.says)
                    )
            except DocumentProblem as e:
                outcome = Rejected(key, e.reason, e.detail, outcome.format, outcome.attempts)
        outcomes[key] = outcome
        climb.close()


def _identity(job: Job) -> tuple[str, str]:
    return job.sha256, Path(job.declared_name).suffix.lower()


def _for(job: Job, outcome: Outcome) -> Outcome:
    """The leader's outcome under another job's key."""
    return replace(outcome, key=job.key)
