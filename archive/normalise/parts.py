"""Files within files: what a route found in its source climbs the ladder itself, within what one source may hold."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from archive.normalise.contract import Job, Limits, Normalised, NormalisedPart, Outcome, Part, Rejected
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote
from archive.store import sha256_file

_NAMED = 5
"""Parts that a flag's detail names."""


class Allowance:
    """What all files within one file of the export may come to, however deep: their number, their bytes, the depth."""

    def __init__(self, left: list[int], depth: int) -> None:
        self._left, self._depth = left, depth

    @classmethod
    def of(cls, limits: Limits) -> Allowance:
        """A new one, for a file of the export."""
        return cls([limits.parts, limits.expanded_bytes], limits.part_depth)

    def deeper(self) -> Allowance:
        """The same one for what lies within.

        Raises:
            DocumentProblem: RESOURCE_LIMIT, nested too deeply.
        """
        if self._depth <= 0:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, "Files are nested within files too deeply.")
        return Allowance(self._left, self._depth - 1)

    def spend(self, files: int, size: int) -> None:
        """Take from it.

        Raises:
            DocumentProblem: RESOURCE_LIMIT, nothing is left.
        """
        self._left[0] -= files
        self._left[1] -= size
        if min(self._left) < 0:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, "The files within it are more, or larger, than is allowed.")


@dataclass(frozen=True, slots=True)
class Taken:
    """The parts of the file with that job key, as jobs."""

    key: str
    parts: tuple[Part, ...]
    jobs: tuple[Job, ...]
    container: bool
    says: bool
    allowance: Allowance

    def joined(self, outcome: Outcome, within: Mapping[str, Outcome]) -> Outcome:
        """The file's outcome with those of its parts. What is not archived is flagged; of a container it is kept as it
        is, without a copy, unless nothing else of the container is sound. An empty part has nothing to lose."""
        if not isinstance(outcome, Normalised):
            return outcome
        made: list[NormalisedPart] = []
        refused: list[tuple[int, Reason]] = []
        for n, (part, job) in enumerate(zip(self.parts, self.jobs, strict=True), start=1):
            result = within[job.key]
            if isinstance(result, Rejected):
                refused.append((n, result.reason))
                if not self.container or result.reason is Reason.EMPTY:
                    continue
            made.append(NormalisedPart(part.name, job.source, job.sha256, job.size, result))
        flags = outcome.flags
        if refused:
            which = ", ".join(f"file {n} ({reason.value})" for n, reason in refused[:_NAMED])
            more = f" and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
            detail = f"Of {len(self.parts)}: {which}{more}."
            if self.container and not self.says and made and all(isinstance(p.made, Rejected) for p in made):
                return Rejected(self.key, Reason.PART_NOT_ARCHIVABLE, detail, outcome.format, outcome.attempts)
            flags = (*flags, FlagNote(Flag.PART_NOT_ARCHIVED, detail))
        return replace(outcome, flags=flags, parts=tuple(made))


def take(key: str, parts: Sequence[Part], out: Path, allowance: Allowance, *, container: bool, says: bool) -> Taken:
    """Move the parts' bytes to where they outlive the climb that found them, and make jobs of them.

    Raises:
        DocumentProblem: RESOURCE_LIMIT, see `Allowance`.
    """
    jobs = []
    for n, part in enumerate(parts, start=1):
        allowance.spend(1, part.path.stat().st_size)
        part_key = f"{key}-{n}"
        source = Path(shutil.move(part.path, out / f"{part_key}.part"))
        sha256, size = sha256_file(source)
        jobs.append(Job(part_key, source, part.name, sha256, size))
    return Taken(key, tuple(parts), tuple(jobs), container, says, allowance)
