"""A copy that the validator accepts: its texts, and what of its source it does not say."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from archive.normalise import sourcecheck
from archive.normalise.annex import annexed, with_annex
from archive.normalise.contract import Made
from archive.normalise.guard import guarded
from archive.normalise.text_of import PAGE_BREAK, clean, count_pages, text_of
from archive.normalise.workshop import Workshop
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import Attempt, FlagNote, Verdict
from archive.rereading.contract import Findings
from archive.rereading.pagetext import plain_pages
from archive.rereading.pdftext import drawn_text

ANNEX = "annex"

Judged = tuple[Path, str, Verdict | None]
"""The finished file, its PDF/A level, and the verdict where there is one."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a route. `found` is None where its source could not be read a second time."""

    route: str
    judged: Judged
    made: Made
    text: str
    pages: int
    found: Findings | None

    @property
    def missing(self) -> int:
        """How many words, numbers and signs of the source its pages lack."""
        return self.found.on_pages.total if self.found else 0


def read(
    shop: Workshop, source: Path, family: str, route: str, judged: Judged, made: Made, *, same: bool = False
) -> Copy:
    """A judged copy with its texts, held against its source.

    Args:
        shop: the engines.
        source: the original, without its password.
        family: what it is.
        route: how the copy was made.
        judged: the copy.
        made: what the route said of it.
        same: the copy is the source itself.

    Raises:
        DocumentProblem: the copy's pages cannot be read, or are too many.
    """
    limits, pdf = shop.limits, judged[0]

    def whole() -> tuple[str, int]:
        return guarded(lambda: text_of(pdf, most_pages=limits.pages), limits.seconds)

    with shop.stage("text"):
        plain = None
        if made.text is None:
            shown, pages = whole()
            text = shown
        else:
            text = PAGE_BREAK.join(map(clean, made.text.split(PAGE_BREAK)))
            plain = guarded(lambda: plain_pages(pdf), limits.seconds)
            shown, pages = (plain, plain.count("\f") + 1) if plain is not None else whole()
    if pages > limits.pages:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The file has {pages} pages.")
    if same:
        return Copy(route, judged, made, text, pages, Findings(strange=sourcecheck.strange(text)))
    codes = [f.code for f in made.flags]
    pictures = Flag.PAGES_RASTERISED in codes
    try:
        with shop.stage("reread"):
            check = functools.partial(sourcecheck.check, source, family, flags=codes)
            found = guarded(lambda: check(None if pictures else shown, text), limits.seconds)
            if found is not None and found.on_pages.total and not pictures:
                # looked for once more where a PDF reader shows it, with what annotations draw
                shown = guarded(lambda: drawn_text(pdf), limits.seconds)
                found = guarded(lambda: check(shown, text), limits.seconds)
    except DocumentProblem:
        found = None  # what a second reader cannot read says nothing of the copy
    return Copy(route, judged, made, text, pages, found)


def with_missing_text(
    shop: Workshop,
    copy: Copy,
    out: Path,
    judge: Callable[[Made, str, bool], Judged | None],
    attempts: list[Attempt],
) -> Copy:
    """A copy whose pages lack something of the source, with pages behind them that show it; the copy as it is where
    that is not possible.

    Args:
        shop: the engines.
        copy: the copy.
        out: the PDF to make, not yet PDF/A.
        judge: gives the PDF/A of what was made, by the name of the attempt, and whether repaired; or None.
        attempts: what was tried, to be added to.

    Raises:
        DocumentProblem: there is nothing on the copy's pages, and what is missing cannot be shown.
    """
    if copy.found is None or not copy.found.on_pages.lines:
        return copy
    lines, name = copy.found.on_pages.lines, f"{copy.route}+{ANNEX}"
    try:
        with shop.stage(f"convert:{ANNEX}"):
            annex = guarded(lambda: annexed(copy.made.pdf, lines, out), shop.limits.seconds)
        note = FlagNote(Flag.TEXT_ANNEXED, f"{len(lines)} lines.")
        made = replace(copy.made, pdf=out, flavours=("2u", "2b"), flags=(*copy.made.flags, note))
        for attempt, thorough in ((name, False), (f"{name}+repaired", True)):
            if (judged := judge(made, attempt, thorough)) is not None:
                pages = guarded(lambda: count_pages(judged[0], most_pages=shop.limits.pages), shop.limits.seconds)
                text = with_annex(copy.text, annex)
                return replace(copy, route=attempt, judged=judged, made=made, text=text, pages=pages)
    except DocumentProblem as e:
        attempts.append(Attempt(name, e.reason.value, e.detail))
    if copy.found.blank:
        raise DocumentProblem(Reason.CONVERSION_FAILED, "The source has words, and no route shows them.")
    return copy
