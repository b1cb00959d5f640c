"""veraPDF: the verdict that is stored beside every PDF/A file.

The engine runs inside this process (`archive.verapdf`), each process its own, kept warm: measured, 8 to 14 ms a file
once it has seen some hundred.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from archive import verapdf
from archive.errors import DiskFullError
from archive.reasons import DocumentProblem, Reason
from archive.record import Verdict

ENGINE = verapdf.NAME
NOT_PARSABLE = verapdf.NOT_PARSABLE
FLAVOURS = ("1a", "1b", "2a", "2b", "2u", "3a", "3b", "3u")
"""The PDF/A levels that can be asked for."""

LONG_RUN = 3000
"""Files from which a process is told that its run is long."""

_LEAST_FREE = 16 << 20
_STACK_BYTES = 32 << 20  # the model is walked recursively; deep page trees need room
_GRACE_SECONDS = 5.0


class ValidatorStuck(Exception):
    """A validation neither ended in time nor could be cancelled: its thread lives on and burns a core, since a Java
    thread cannot be killed. The process should be replaced soon; until then further validations still work."""


class PdfaValidator:
    """Judges files against PDF/A. The Java machine starts with the first validation, once per process.

    Args:
        heap_mb: most memory the Java machine may use for objects; fixed by the first validator of the process.
        seconds: wall clock that one validation may take.
        temporary: folder for the engine's own temporary files; fixed by the first validator of the process.
        long_run: the process will judge `LONG_RUN` files or more: the Java machine takes more time to make its code
            fast; fixed by the first validator of the process.
        file_bytes: largest temporary file that a validation may write; a stream that unpacks to more than 10 kB goes
            into one. A larger one cannot be read by the engine, so its rules are broken.

    Raises EngineMissingError (on first use): jar or Java runtime are absent, or not the ones that were tested.
    """

    def __init__(
        self,
        *,
        heap_mb: int = 768,
        seconds: float = 120.0,
        temporary: Path | None = None,
        long_run: bool = False,
        file_bytes: int = 1 << 30,
    ) -> None:
        self._heap_mb, self._seconds, self._temporary, self._long_run = heap_mb, seconds, temporary, long_run
        self._file_bytes = file_bytes
        self._engine: verapdf.Engine | None = None
        self._thread: _JavaThread | None = None
        self.stuck = False
        """True once a validation could not be stopped: replace the process."""

    @property
    def engine_version(self) -> str:
        """Version of veraPDF's validation model, e.g. `veraPDF 1.31.207`."""
        return verapdf.version(verapdf.jar())

    def validate(self, pdf: Path, flavour: str) -> Verdict:
        """Judge a file at a PDF/A level (`2u` ...). A file that cannot be parsed fails with the rule `not-parsable`.

        Raises:
            DiskFullError: it fails, and there is so little room for temporary files that this may be why.
            DocumentProblem: CONVERSION_TIMEOUT or RESOURCE_LIMIT, where the file exceeds time or memory.
            ValidatorStuck: it exceeds the time and could not be stopped.
        """
        if flavour not in FLAVOURS:
            raise ValueError(f"no PDF/A flavour {flavour!r}")
        engine = self._start()
        with _file_size(self._file_bytes):
            passed, rules = self._call(lambda running: engine.validate(pdf, flavour, running), engine)
        if not passed:
            self._check_room()
        return Verdict(ENGINE, self.engine_version, flavour, passed, rules)

    @staticmethod
    def rules(flavour: str) -> frozenset[str]:
        """All rules of a level, as `clause-test`: what breaks one of them at a higher level breaks it here too."""
        return verapdf.rules(verapdf.jar(), flavour)

    def claimed_flavour(self, pdf: Path) -> str | None:
        """The PDF/A level the file's metadata claim (`1b` ...), None where there is no claim; nothing is judged.

        Raises: as `validate`.
        """
        engine = self._start()
        with _file_size(self._file_bytes):
            claim: str | None = self._call(lambda running: engine.claim(pdf), engine)
        return claim if claim in FLAVOURS else None

    def _check_room(self) -> None:
        """A font that cannot be unpacked is a broken rule to the engine; files must not be refused for a full disk."""
        folder = self._temporary or Path(tempfile.gettempdir())
        folder = next((f for f in (folder, *folder.parents) if f.is_dir()), folder)
        if shutil.disk_usage(folder).free < _LEAST_FREE:
            raise DiskFullError(
                "There is no space left for the validator's temporary files.",
                remedy="Make room and run the same command again; it continues where it stopped.",
            )

    def _start(self) -> verapdf.Engine:
        if self._engine is None:
            self._engine = verapdf.start(heap_mb=self._heap_mb, temporary=self._temporary, long_run=self._long_run)
        return self._engine

    def _call(self, work: Callable[[list[Any]], Any], engine: verapdf.Engine) -> Any:
        if self._thread is None:
            self._thread = _JavaThread()
        running: list[Any] = []
        answer = self._thread.submit(lambda: work(running))
        timed_out = False
        try:
            result, error = answer.get(timeout=self._seconds)
        except queue.Empty:
            timed_out = True
            for validator in running:
                engine.cancel(validator)
            try:
                result, error = answer.get(timeout=_GRACE_SECONDS)
            except queue.Empty:
                self._thread, self.stuck = None, True
                raise ValidatorStuck(f"A validation did not end within {self._seconds:.0f} s.") from None
        if timed_out:
            raise DocumentProblem(
                Reason.CONVERSION_TIMEOUT, f"The validation did not end within {self._seconds:.0f} s."
            )
        if error is not None:
            raise error
        return result


@contextlib.contextmanager
def _file_size(most: int) -> Iterator[None]:
    """Let this process write no larger file for a while: Java has no such limit of its own."""
    if sys.platform == "win32":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limits = [size for size in (most, soft, hard) if size != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class _JavaThread:
    """One daemon thread that calls Java, so that the caller can stop waiting."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[tuple[Any, Any]]]] = (
            queue.SimpleQueue()
        )
        before = threading.stack_size(_STACK_BYTES)
        try:
            threading.Thread(target=self._serve, name="validator", daemon=True).start()
        finally:
            threading.stack_size(before)

    def submit(self, work: Callable[[], Any]) -> queue.SimpleQueue[tuple[Any, Any]]:
        answer: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._work.put((work, answer))
        return answer

    def _serve(self) -> None:
        while True:
            work, answer = self._work.get()
            try:
                answer.put((work(), None))
            except Exception as e:  # handed to the caller
                answer.put((None, e))
            del work, answer
