"""What normalisation takes and gives: jobs in, outcomes out. Shared by the ladder, its routes and its callers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from archive.reasons import Reason
from archive.record import Attempt, FileFormat, FlagNote, MessageFacts, Verdict


@dataclass(frozen=True, slots=True)
class Limits:
    """What a single file may cost. Times in seconds of wall clock, sizes in bytes."""

    source_bytes: int = 512 << 20
    output_bytes: int = 1 << 30
    memory_bytes: int = 4 << 30
    """Address space of an external converter."""
    seconds: float = 120.0
    """For one file alone; a batch gets 30 s + 5 s per file before it is split."""
    validate_seconds: float = 120.0
    pixels: int = 250_000_000
    """Per page; 40,000 x 40,000 is a bomb, A0 at 300 dpi (140 million) is not."""
    pages: int = 5_000
    expanded_bytes: int = 1 << 30
    """What a container (ZIP-based office file) may unpack to; and all files within one file together."""
    parts: int = 500
    """Files within one file, however deep."""
    part_depth: int = 5
    """How deep files may lie within files."""


@dataclass(frozen=True, slots=True)
class Job:
    """One source file to normalise. `key` is unique in the batch and safe as a file name (`[0-9a-z-]+`)."""

    key: str
    source: Path
    declared_name: str
    """Name in the export, for its extension only; never used as a path."""
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Normalised:
    """A file that became PDF/A: validated (a `verdict` has always passed), its text read."""

    key: str
    format: FileFormat
    pdf: Path
    text: Path
    """UTF-8, LF, may be empty."""
    flavour: str
    route: str
    verdict: Verdict | None
    """None where the copy is outside the sample that is validated."""
    page_count: int
    attempts: tuple[Attempt, ...] = ()
    flags: tuple[FlagNote, ...] = ()
    parts: tuple[NormalisedPart, ...] = ()
    """Files within it that were archived beside it, in the container's order."""
    message: MessageFacts | None = None
    """What it says as a message of itself and of others."""


@dataclass(frozen=True, slots=True)
class NormalisedPart:
    """A file that was within another one, normalised for itself; it may have parts again."""

    name: str
    """As its container names it; for display and its extension, never used as a path."""
    source: Path
    sha256: str
    size: int
    made: Normalised | Rejected
    """Rejected: its bytes alone are kept, for a container whose other words or files are sound."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that did not; `attempts` holds every rung that was tried."""

    key: str
    reason: Reason
    detail: str
    format: FileFormat | None = None
    attempts: tuple[Attempt, ...] = ()


Outcome = Normalised | Rejected


@dataclass(frozen=True, slots=True)
class Part:
    """A file that a route found within its source (an attachment, a member of a ZIP file), its bytes written to
    `path`, which lies beside the route's `out`. `name` as in `NormalisedPart`."""

    name: str
    path: Path


class PassedOn(Exception):
    """A route declines a file that another route renders more faithfully. `construct` says what it does not prove;
    it never quotes the document's text."""

    def __init__(self, construct: str) -> None:
        super().__init__(construct)
        self.construct = construct


@dataclass(frozen=True, slots=True)
class Made:
    """What a route gives back: a PDF (not yet judged) and what is remarkable about it.

    `flavours` are the PDF/A levels to put before the validator, best first. `text` is the source's own text where
    the route knows it better than a PDF reader would; else None. `parts` are files within the source that are to be
    archived beside it; one that cannot be is flagged, and its bytes are in the original. `container` says that the
    source is there to carry files (e-mail, ZIP): such a part is then kept beside it without a copy. `says` is whether
    a container has words of its own; if it has none, and no part is sound, it is not archived. `message` is what the
    source says of itself and of other messages, where it is one.
    """

    pdf: Path
    flavours: tuple[str, ...] = ("2u", "2b")
    flags: tuple[FlagNote, ...] = ()
    text: str | None = None
    parts: tuple[Part, ...] = ()
    container: bool = False
    message: MessageFacts | None = None
    says: bool = False


class Route(Protocol):
    """A way to PDF: a function file -> file. Raises `archive.reasons.DocumentProblem` where it cannot, `PassedOn` where
    another route should."""

    name: str

    def __call__(self, source: Path, out: Path, limits: Limits) -> Made:
        """Make `out` (a path that does not exist yet) from `source`."""
        ...


@dataclass(slots=True)
class Timings:
    """Seconds spent per stage (`identify`, `convert:rtf`, `validate`, `text` ...): CPU of this process and its
    children, and wall clock; with the number of files."""

    cpu: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)

    def add(self, stage: str, cpu: float, wall: float, count: int = 1) -> None:
        """Add one measurement."""
        self.cpu[stage] = self.cpu.get(stage, 0.0) + cpu
        self.wall[stage] = self.wall.get(stage, 0.0) + wall
        self.count[stage] = self.count.get(stage, 0) + count

    def merge(self, other: Timings) -> None:
        """Add all of another's."""
        for stage, count in other.count.items():
            self.add(stage, other.cpu[stage], other.wall[stage], count)


class NormaliserLike(Protocol):
    """What a worker needs of `archive.normalise.ladder.Normaliser` (a context manager; one per process)."""

    timings: Timings

    def normalise(self, jobs: Sequence[Job], out: Path) -> dict[str, Outcome]:
        """Normalise a batch; outputs are files below `out`, one outcome per job key, never an exception for a bad
        file."""
        ...
