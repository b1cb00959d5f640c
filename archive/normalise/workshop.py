"""What a worker process has at hand for every file: limits, engines started when first needed, scratch folders,
clocks."""

from __future__ import annotations

import contextlib
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from archive.normalise import office
from archive.normalise.contract import Limits, Timings
from archive.store import disk_full_is_clear, remove_tree
from archive.validate import PdfaValidator


class Workshop:
    """One per process.

    Args:
        limits: what a single file may cost.
        given: folder for temporary files, made if absent; a temporary folder of the system by default.
        long_run: as of `PdfaValidator`.
    """

    def __init__(self, limits: Limits, given: Path | None, *, long_run: bool = False) -> None:
        self.limits = limits
        self._long_run = long_run
        self.timings = Timings()
        self._given = given
        self._scratch: Path | None = None
        self._office: office.Office | None = None
        self._validator: PdfaValidator | None = None

    @property
    def validator(self) -> PdfaValidator:
        """The process's validator."""
        if self._validator is None:
            self._validator = PdfaValidator(
                seconds=self.limits.validate_seconds,
                temporary=self.folder("java"),
                long_run=self._long_run,
                file_bytes=self.limits.output_bytes,
            )
        return self._validator

    @property
    def broken(self) -> bool:
        """Whether the process should be replaced: a validation hangs in it that cannot be stopped."""
        return self._validator is not None and self._validator.stuck

    @property
    def libreoffice(self) -> office.Office:
        """The process's LibreOffice, with a profile of its own."""
        if self._office is None:
            self._office = office.Office(self.folder("office"), self.limits)
        return self._office

    def folder(self, name: str) -> Path:
        """A temporary folder of ours, made if absent."""
        with disk_full_is_clear():
            if self._scratch is None or not self._scratch.is_dir():
                if self._given is not None:
                    self._given.mkdir(parents=True, exist_ok=True)
                self._scratch = Path(tempfile.mkdtemp(prefix="normalise-", dir=self._given))
            folder = self._scratch / name
            folder.mkdir(exist_ok=True)
            return folder

    def clear(self, *names: str) -> None:
        """Remove such folders and what is in them."""
        if self._scratch is not None:
            for name in names:
                remove_tree(self._scratch / name)

    def close(self) -> None:
        """Remove all temporary files; the workshop may be used again after."""
        if self._scratch is not None:
            remove_tree(self._scratch)
        self._scratch = self._office = None

    @contextlib.contextmanager
    def stages(self, names: Sequence[str]) -> Iterator[None]:
        """Measure what happens within as the work of several stages in equal shares, one name for each file."""
        cpu, wall = _cpu(), time.monotonic()
        try:
            yield
        finally:
            share = 1 / max(len(names), 1)
            cpu, wall = (_cpu() - cpu) * share, (time.monotonic() - wall) * share
            for name in names:
                self.timings.add(name, cpu, wall)

    @contextlib.contextmanager
    def stage(self, name: str, count: int = 1) -> Iterator[None]:
        """Measure what happens within as a stage of the work."""
        cpu, wall = _cpu(), time.monotonic()
        try:
            yield
        finally:
            self.timings.add(name, _cpu() - cpu, time.monotonic() - wall, count)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
