"""One file's way up the ladder: its routes best first, each result repaired and judged, then the last rungs.

A climb can pause before the route that works in batches (LibreOffice), so that the caller does all such files at once.
Every rung that was tried is recorded.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from archive.identify import mismatch
from archive.normalise import copies, ghostscript, office, raster, routes, sourcecheck
from archive.normalise import pdf as pdf_route
from archive.normalise.contract import Job, Limits, Made, Normalised, Part, PassedOn, Rejected
from archive.normalise.copies import Copy, Judged
from archive.normalise.engines import engine_of
from archive.normalise.finish import finish
from archive.normalise.guard import guarded
from archive.normalise.judging import KNOWN_ROUTES
from archive.normalise.officefile import boxes
from archive.normalise.text_of import text_of
from archive.normalise.workshop import Workshop
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import Attempt, FileFormat, FlagNote, Verdict
from archive.rereading.pictures import PICTURES
from archive.validate import ValidatorStuck

PASSED_ON = "passed-on"
"""Outcome of an attempt whose route declined the file."""

INCOMPLETE = "incomplete"
"""Outcome of an attempt whose pages lack something that the source says."""

_FINAL = frozenset(
    (Reason.EMPTY, Reason.ENCRYPTED, Reason.RESOURCE_LIMIT, Reason.UNSUPPORTED_FORMAT, Reason.UNREADABLE)
)
"""Reasons that another route would not change."""

_KEPT_FLAVOURS = ("1a", "1b", "2a", "2b", "2u")
_NEXT_IS_BETTER = frozenset(("rtf", "html", "plaintext"))
"""Routes behind which there is another engine for the same pages."""


class Climb:
    """One file on the ladder.

    Args:
        workshop: the engines.
        job: the file.
        fmt: what it was found to be.
        out: folder for the results.
        validated: otherwise a copy of a route whose copies we know goes without a verdict.
        unlocked: the file without its password, where it needs one; what is made is made of this.

    Attributes:
        outcome: how it ended; None while it goes on.
        parts: files found within the source, for the caller to normalise; their bytes are gone with `close`.
        container: whether the source is there to carry its parts; `says`: whether it has words of its own.
    """

    def __init__(
        self,
        workshop: Workshop,
        job: Job,
        fmt: FileFormat,
        out: Path,
        *,
        validated: bool = True,
        unlocked: Path | None = None,
    ) -> None:
        self.job, self.format = job, fmt
        self.outcome: Normalised | Rejected | None = None
        self.parts: tuple[Part, ...] = ()
        self.container = self.says = False
        self._shop, self._out, self._validated = workshop, out, validated
        self._unlocked = unlocked
        self._source = unlocked or job.source
        self._routes = list(routes.of(fmt.family))
        self._attempts: list[Attempt] = []
        self._rejected: list[tuple[str, Made]] = []
        self._best: Copy | None = None
        self._problem: DocumentProblem | None = None
        self._begun = False

    @property
    def awaits_office(self) -> bool:
        """Whether the next step is LibreOffice: give `go` its answer."""
        return self.outcome is None and self._routes[:1] == [office.ROUTE]

    def office_file(self) -> office.OfficeFile:
        """What LibreOffice is to convert for this file."""
        family = self.format.family
        source = routes.for_office(self._source, family, self._folder() / "for-office")
        return office.OfficeFile(self.job.sha256, source, family)

    def close(self) -> None:
        """Remove its temporary files."""
        self._shop.clear(f"made-{self.job.key}", "judged")

    def go(self, answer: Path | DocumentProblem | None = None) -> None:
        """Climb until LibreOffice is needed or the outcome is known.

        Args:
            answer: LibreOffice's, where `awaits_office`.

        Raises:
            EngineMissingError: an engine this file needs is not installed.
            DiskFullError: no space left.
        """
        try:
            self.outcome = self._go(answer)
        except DocumentProblem as e:
            self.outcome = self._reject(e.reason, e.detail)
        except ValidatorStuck as e:
            self.outcome = self._reject(Reason.CONVERSION_TIMEOUT, str(e))

    def _go(self, answer: Path | DocumentProblem | None) -> Normalised | Rejected | None:
        if not self._begun:
            self._begun = True
            if self.format.family == "pdf" and not self._unlocked and (kept := self._keep()) is not None:
                return kept
        while self._routes:
            if self._routes[0] == office.ROUTE and answer is None:
                return None
            route = self._routes.pop(0)
            try:
                made = self._make(route, answer)
            except PassedOn as e:
                self._attempts.append(Attempt(route, PASSED_ON, e.construct))
                continue
            except DocumentProblem as e:
                self._attempts.append(Attempt(route, e.reason.value, e.detail))
                self._problem = self._problem or e
                if e.reason in _FINAL:
                    break
                continue
            for name, thorough in ((route, False), (f"{route}+repaired", True)):
                if (judged := self._judge(made, name, thorough=thorough)) is not None:
                    copy = self._better(self._read(name, judged, made))
                    # another route would not take out the files within, nor read what a message says of others
                    last = bool(made.parts) or made.message is not None
                    if copy.missing and self._routes and route in _NEXT_IS_BETTER and not last:
                        self._attempts.append(Attempt(name, INCOMPLETE, f"{copy.missing} words, numbers and signs."))
                        self._keep_aside(copy)
                        break
                    return self._deliver(copy)
            else:
                self._rejected.append((route, made))
        return self._deliver(self._best) if self._best else self._last()

    def _last(self) -> Normalised | Rejected:
        for route, made in self._rejected[:1]:
            for rung, rewrite in self._last_rungs():
                name = f"{route}+{rung}"
                try:
                    other = self._rewritten(rung, rewrite, made)
                except DocumentProblem as e:
                    self._attempts.append(Attempt(name, e.reason.value, e.detail))
                    continue
                if (judged := self._judge(other, name, thorough=True)) is not None:
                    return self._deliver(self._read(name, judged, other))
        if self._rejected:
            broken = next((a.detail for a in self._attempts if a.outcome == "rejected"), "")
            return self._reject(Reason.VALIDATION_FAILED, f"Rules broken: {broken or 'none'}.")
        problem = self._problem or DocumentProblem(Reason.UNSUPPORTED_FORMAT, routes.unsupported(self.format))
        return self._reject(problem.reason, problem.detail)

    def _reject(self, reason: Reason, detail: str) -> Rejected:
        return Rejected(self.job.key, reason, detail, self.format, tuple(self._attempts))

    def _keep(self) -> Normalised | None:
        """The input itself, where it claims PDF/A-1 or -2 and is."""
        source, shop = self._source, self._shop
        with shop.stage("look"):
            looked = guarded(lambda: pdf_route.look(source, shop.limits), shop.limits.seconds)
        if not looked.claims_pdfa or looked.protected:
            return None
        with shop.stage("validate"):
            claim = shop.validator.claimed_flavour(source)
            if claim not in _KEPT_FLAVOURS:
                return None
            verdict = shop.validator.validate(source, claim)
        if not verdict.passed:
            self._attempts.append(Attempt(pdf_route.KEPT, "rejected", _broken(verdict)))
            return None
        folder = self._folder() / "kept.parts"
        kept = guarded(lambda: pdf_route.kept(source, folder, shop.limits), shop.limits.seconds)
        if kept is None:
            self._attempts.append(Attempt(pdf_route.KEPT, "rejected", "A field or annotation has no appearance."))
            return None
        self._attempts.append(Attempt(pdf_route.KEPT, "made"))
        copy, found = self._folder() / "kept.pdf", kept.within
        shutil.copyfile(source, copy)
        made = Made(copy, flags=found.flags, text=kept.text, parts=found.parts, container=found.container)
        return self._deliver(self._read(pdf_route.KEPT, (copy, claim, verdict), made))

    def _make(self, route: str, answer: Path | DocumentProblem | None) -> Made:
        family, source, shop = self.format.family, self._source, self._shop
        if route == office.ROUTE:
            if isinstance(answer, DocumentProblem):
                raise routes.sharper(answer, source, family)
            if answer is None:
                raise TypeError("LibreOffice's answer is needed")
            with shop.stage(f"convert:{family}", 0):
                pdf, folder, limits = answer, self._folder(), shop.limits
                return guarded(lambda: routes.from_office(source, family, pdf, folder, limits), limits.seconds)
        out = self._folder() / f"{route}.pdf"
        with shop.stage(f"convert:{family}"):
            return guarded(lambda: routes.load(route)(source, out, shop.limits), shop.limits.seconds)

    def _judge(self, made: Made, name: str, *, thorough: bool) -> Judged | None:
        """Finish and validate at each level, best first; None where none holds (and the attempt is recorded)."""
        shop = self._shop
        verdict: Verdict | None = None
        for flavour in made.flavours:
            if verdict is not None and not shop.validator.rules(flavour).isdisjoint(verdict.failed_rules):
                continue
            finished = shop.folder("judged") / f"{flavour}.pdf"
            finished.unlink(missing_ok=True)
            with shop.stage("finish"):
                try:
                    write = functools.partial(finish, made.pdf, finished, flavour, thorough=thorough)
                    guarded(write, shop.limits.seconds)
                except DocumentProblem as e:
                    self._attempts.append(Attempt(name, e.reason.value, e.detail))
                    return None
            if finished.stat().st_size > shop.limits.output_bytes:
                raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The PDF/A has {finished.stat().st_size} bytes.")
            if not self._validated and name in KNOWN_ROUTES:
                self._attempts.append(Attempt(name, "made", engine_of(name)))
                return finished, flavour, None
            with shop.stage("validate"):
                verdict = shop.validator.validate(finished, flavour)
            if verdict.passed:
                self._attempts.append(Attempt(name, "made", engine_of(name)))
                return finished, flavour, verdict
        if verdict is not None:
            self._attempts.append(Attempt(name, "rejected", _broken(verdict)))
        return None

    @staticmethod
    def _last_rungs() -> Iterator[tuple[str, Callable[[Path, Path, Limits], None]]]:
        if ghostscript.available():
            yield ghostscript.ROUTE, ghostscript.rewrite
        yield raster.ROUTE, raster.rasterise

    def _rewritten(self, rung: str, rewrite: Callable[[Path, Path, Limits], None], made: Made) -> Made:
        limits = self._shop.limits
        out = self._folder() / f"{rung}.pdf"
        text, flags = made.text, made.flags
        with self._shop.stage(f"convert:{rung}"):
            guarded(lambda: rewrite(made.pdf, out, limits), limits.seconds)
            if rung == raster.ROUTE:
                flags = (*flags, FlagNote(Flag.PAGES_RASTERISED))
                if text is None:
                    text, _ = guarded(lambda: text_of(made.pdf, most_pages=limits.pages), limits.seconds)
        return Made(out, ("2u", "2b"), flags, text, made.parts, made.container, made.message, made.says)

    def _read(self, route: str, judged: Judged, made: Made) -> Copy:
        same = route == pdf_route.KEPT
        return copies.read(self._shop, self._source, self.format.family, route, judged, made, same=same)

    def _better(self, copy: Copy) -> Copy:
        """The one of this copy and the best before it that says more of the source."""
        return self._best if self._best is not None and self._best.missing <= copy.missing else copy

    def _keep_aside(self, copy: Copy) -> Copy:
        """Keep a copy while others are made."""
        finished, flavour, verdict = copy.judged
        aside = self._folder() / "best.pdf"
        if finished != aside:
            shutil.move(finished, aside)
        self._best = replace(copy, judged=(aside, flavour, verdict))
        return self._best

    def _deliver(self, copy: Copy) -> Normalised:
        if copy.missing:
            copy = self._keep_aside(copy)
            out = self._folder() / f"{copies.ANNEX}.pdf"

            def judge(made: Made, name: str, thorough: bool) -> Judged | None:
                return self._judge(made, name, thorough=thorough)

            copy = copies.with_missing_text(self._shop, copy, out, judge, self._attempts)
        (finished, flavour, verdict), made, key = copy.judged, copy.made, self.job.key
        text_path = self._out / f"{key}.txt"
        text_path.write_text(copy.text, encoding="utf-8", newline="\n")
        pdf = Path(shutil.move(finished, self._out / f"{key}.pdf"))
        flags = list(made.flags)
        if self._unlocked:
            flags.append(FlagNote(Flag.OPENED_WITH_PASSWORD))
        if mismatch(self.format):
            declared, found = self.format.declared_extension, self.format.family
            flags.append(FlagNote(Flag.FORMAT_MISMATCH, f"Named .{declared}, but is {found}."))
        if copy.route.startswith(office.ROUTE):
            flags += boxes(copy.text, self.format.family)
        known = {f.code for f in flags}
        if self.format.family in PICTURES:
            with self._shop.stage("reread"):
                flags += sourcecheck.pages_missing(self._source, self.format.family, copy.pages)
        flags += [n for n in sourcecheck.notes(copy.found, self.format.family) if n.code not in known]
        if not copy.text.strip():
            flags.append(FlagNote(Flag.NO_TEXT))
        self.parts, self.container, self.says = made.parts, made.container, made.says
        return Normalised(
            key,
            self.format,
            pdf,
            text_path,
            flavour,
            copy.route,
            verdict,
            copy.pages,
            tuple(self._attempts),
            tuple(flags),
            message=made.message,
        )

    def _folder(self) -> Path:
        return self._shop.folder(f"made-{self.job.key}")


def _broken(verdict: Verdict) -> str:
    return f"{verdict.flavour}: {' '.join(verdict.failed_rules)}"
