"""The preservation events of a file: what was done to it, by which program, and how it ended (PREMIS 3.0 section 2).

Types are of the Library of Congress's list of event types. `archive.premis` writes and reads them.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from archive.layout import Representation, packaged_path
from archive.metadata import PackageIdentity
from archive.reasons import Flag
from archive.record import ArchivedFile, JournalDocument, Verdict

UNPACKING = "unpacking"
_VERSIONED = re.compile(r"(\S.*?)[ /](\d\S*)")


@dataclass(frozen=True, slots=True)
class Agent:
    """A program that acted on files."""

    name: str
    version: str = ""

    @classmethod
    def parse(cls, software: str) -> Agent:
        """Read `name version`, as programs give themselves."""
        found = _VERSIONED.fullmatch(software.strip())
        return cls(found[1], found[2]) if found else cls(software.strip())

    @property
    def id(self) -> str:
        """Name and version, as events refer to it."""
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class PreservationEvent:
    """Something that was done. `type` is of the Library of Congress's list of PREMIS event types; `when` UTC, ISO
    8601; `objects` are (path in the package, role: `source` or `outcome`)."""

    id: str
    type: str
    when: str
    detail: str
    outcome: str
    note: str
    agent: Agent
    objects: tuple[tuple[str, str], ...]


def events_of(
    document: JournalDocument, file: ArchivedFile, generation: int, when: str, software: Agent
) -> list[PreservationEvent]:
    """The events of a file that is archived in this generation for the first time, in the order they happened."""
    pdf, original, text = _paths(document, file)
    copy, format_ = file.archive_copy, file.original.format
    kept = copy is not None and copy.sha256 == file.original.sha256
    flags = ", ".join(note.code.value for note in file.flags)
    tried = "; ".join(
        f"{a.route}: {a.outcome}" + (f" by {a.detail}" if a.outcome == "made" and a.detail else "")
        for a in (file.attempts if copy is None else copy.attempts)
    )
    found = f"{format_.format_name or format_.media_type}; PRONOM: {format_.puid or 'unknown'}"
    made = ((original, "source"), *(() if copy is None else ((pdf, "outcome"), (text, "outcome"))))
    if copy is None:
        shown, outcome = "No route to PDF/A was found; the original alone is kept.", "failure"
    elif kept:
        shown, outcome = "Kept byte for byte, since it is PDF/A already; its text was read.", ""
    else:
        shown, outcome = f"Route to PDF/A: {copy.route}; its text was read.", ""
    event = functools.partial(_event, document, file, generation, when, software)
    if file.part_of is None:
        taken = event(
            "ingestion", "The file was taken unchanged from the export.", "success", "", ((original, "source"),)
        )
    else:
        taken = event(
            UNPACKING,
            "The file was taken unchanged out of the file that held it.",
            "success",
            "",
            ((held_in(document, file), "source"), (original, "outcome")),
        )
    return [
        taken,
        event(
            "format identification",
            "By signature, not by name.",
            "success" if format_.puid else "warning",
            found,
            ((original, "source"),),
        ),
        event(
            "normalization",
            shown,
            outcome or ("warning" if flags else "success"),
            "; ".join(part for part in (tried, f"flags: {flags}" if flags else "") if part),
            made,
        ),
        *([] if copy is None or copy.verdict is None else [_validated(event, copy.verdict, pdf)]),
        event(
            "message digest calculation",
            "SHA-256 of the original." if copy is None else "SHA-256 of all three forms.",
            "success",
            "",
            tuple((p, "source") for p, _ in made),
        ),
    ]


def events_of_ocr(
    document: JournalDocument, file: ArchivedFile, generation: int, when: str, software: Agent
) -> list[PreservationEvent]:
    """The events of a file whose pages got the words that OCR recognised; they follow those it had before."""
    pdf, _, text = _paths(document, file)
    copy = file.archive_copy
    engine = Agent.parse(copy.attempts[-1].detail) if copy is not None and copy.attempts else software
    note = "; ".join(n.detail for n in file.flags if n.code is Flag.OCR_TEXT)
    event = functools.partial(_event, document, file, generation, when, software)
    return [
        event(
            "modification",
            "Words recognised by OCR were laid invisibly over the pages' pictures, which are unchanged.",
            "warning",
            note,
            ((pdf, "outcome"), (text, "outcome")),
            engine,
        ),
        *([] if copy is None or copy.verdict is None else [_validated(event, copy.verdict, pdf)]),
        event(
            "message digest calculation",
            "SHA-256 of archive copy and text.",
            "success",
            "",
            ((pdf, "source"), (text, "source")),
        ),
    ]


def event_of_creation(package: PackageIdentity, when: str, software: Agent) -> PreservationEvent:
    """The event of the package itself."""
    detail = f"Generation {package.generation} of this journal's package."
    id_ = str(uuid.uuid5(uuid.UUID(package.id), "creation"))
    objects = ((package.id, "outcome"),)
    return PreservationEvent(id_, "information package creation", when, detail, "success", "", software, objects)


def held_in(document: JournalDocument, file: ArchivedFile) -> str:
    """The original that a file was found within."""
    container = next(f for f in document.files if f.seq == file.part_of)
    return packaged_path(Representation.ORIGINAL, document.id, container)


def _paths(document: JournalDocument, file: ArchivedFile) -> tuple[str, str, str]:
    return (
        packaged_path(Representation.PDFA, document.id, file),
        packaged_path(Representation.ORIGINAL, document.id, file),
        packaged_path(Representation.TEXT, document.id, file),
    )


def _event(
    document: JournalDocument,
    file: ArchivedFile,
    generation: int,
    when: str,
    software: Agent,
    type_: str,
    detail: str,
    outcome: str,
    note: str,
    objects: tuple[tuple[str, str], ...],
    agent: Agent | None = None,
) -> PreservationEvent:
    id_ = str(uuid.uuid5(uuid.UUID(document.id), f"{type_}\n{file.seq}\n{generation}"))
    return PreservationEvent(id_, type_, when, detail, outcome, note, agent or software, objects)


def _validated(event: Callable[..., PreservationEvent], verdict: Verdict, pdf: str) -> PreservationEvent:
    rules = f"PDF/A-{verdict.flavour}" + (
        f"; rules not met: {' '.join(verdict.failed_rules)}" if not verdict.passed else ""
    )
    outcome = "pass" if verdict.passed else "fail"
    engine = Agent(verdict.engine, verdict.engine_version)
    return event("validation", "Against ISO 19005.", outcome, rules, ((pdf, "source"),), engine)
