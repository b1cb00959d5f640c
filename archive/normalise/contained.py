"""Runs an external program so that a hostile document can do little: without network, with limits on wall clock, CPU,
memory and output, with an empty home, and gone with its whole process tree when it must end or we die.

Linux namespaces (util-linux `unshare`) are used where the system allows them; `containment()` tells what was found.
In a process started from a thread, the program also dies with that thread (Linux parent-death signal).
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.errors import EngineMissingError

_POLL_SECONDS = 0.02
_POLL_MOST = 0.25
_PROBE_SECONDS = 60.0
_KEPT_OUTPUT = 10_000

_DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
_CANDIDATES = (
    ("user-namespace", (*_DIE_WITH_US, "unshare", "--user", "--map-root-user", "--net", "--pid", "--fork")),
    ("namespace", (*_DIE_WITH_US, "unshare", "--net", "--pid", "--fork")),
    ("user-network-namespace", (*_DIE_WITH_US, "unshare", "--user", "--map-root-user", "--net")),
    ("process-group", _DIE_WITH_US),
)


@dataclass(frozen=True, slots=True)
class Containment:
    """What the system allows: `name` for the record, `network_blocked` and `tree_dies` for the threat model."""

    name: str
    prefix: tuple[str, ...]
    network_blocked: bool
    tree_dies: bool
    """Also processes that left the process group die with the program."""
    limits: bool
    """CPU, memory and output limits are enforced by the kernel."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: its exit code (128 + n or -n for signal n), and whether it was ended by us."""

    code: int
    timed_out: bool = False
    stalled: bool = False

    @property
    def ended_itself(self) -> bool:
        """True unless a limit of wall clock ended it."""
        return not (self.timed_out or self.stalled)


@functools.cache
def containment() -> Containment:
    """The strongest way of running a program that works here; tried once per process."""
    limits = _works(("prlimit", "--core=0", "--", "true"))
    for name, prefix in _CANDIDATES:
        whole_tree = "--fork" in prefix
        if whole_tree:
            prefix = (*prefix, "--kill-child")
        if _works((*prefix, "true")):
            return Containment(name, prefix, "--net" in prefix, whole_tree, limits)
    return Containment("plain", (), network_blocked=False, tree_dies=False, limits=limits)


def _works(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def find(program: str, *, remedy: str) -> Path:
    """Where a program is installed.

    Raises:
        EngineMissingError: nowhere on the PATH; the error carries `remedy`.
    """
    found = shutil.which(program)
    if found is None:
        raise EngineMissingError(f"{program} is not installed.", remedy=remedy)
    return Path(found)


def version(command: Sequence[str], *, remedy: str) -> str:
    """The first line a program prints (for instance of its `--version`): shows that it is there and starts.

    Raises:
        EngineMissingError: it is not there or does not start.
    """
    find(command[0], remedy=remedy)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_SECONDS)
    except (OSError, subprocess.SubprocessError) as e:
        raise EngineMissingError(f"{command[0]} does not start ({type(e).__name__}).", remedy=remedy) from e
    lines = done.stdout[:_KEPT_OUTPUT].decode("utf-8", "replace").split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if done.returncode != 0 or not first:
        raise EngineMissingError(f"{command[0]} does not start (exit code {done.returncode}).", remedy=remedy)
    return first


def run(
    command: Sequence[str],
    *,
    folder: Path,
    seconds: float,
    memory_bytes: int,
    output_bytes: int,
    environment: Mapping[str, str] | None = None,
    progress: Callable[[], object] | None = None,
    stall_seconds: float = 0.0,
) -> Finished:
    """Run a program to its end, or end it.

    Args:
        command: program and arguments.
        folder: scratch folder of our own: holds its home and temporary files; it is the working directory.
        seconds: wall clock, and CPU time of each of its processes.
        memory_bytes: address space of each of its processes.
        output_bytes: largest file it may write.
        environment: variables besides the few that are always set.
        progress: asked now and then; when its answer stays the same for `stall_seconds`, the program is ended.

    Raises:
        OSError: the program cannot be started at all, or the scratch folder cannot be written.
    """
    folder = folder.absolute()  # the program runs in it, and is told of the folders below it
    home, temporary = folder / "home", folder / "tmp"
    for path in (home, temporary):
        path.mkdir(exist_ok=True)
    base = {"HOME": str(home), "TMPDIR": str(temporary), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    box = containment()
    process = subprocess.Popen(
        [*box.prefix, *_limited(command, box, seconds, memory_bytes, output_bytes)],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), **base, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return _watch(process, seconds, progress, stall_seconds)
    finally:
        _end(process)


def _limited(
    command: Sequence[str], box: Containment, seconds: float, memory_bytes: int, output_bytes: int
) -> list[str]:
    limited = list(command)
    if box.tree_dies:
        # The first process of a process namespace ignores most signals, its own abort() included: let it be a shell.
        limited = ["sh", "-c", '"$@"; exit $?', "sh", *limited]
    if box.limits:
        cpu = int(seconds) + 1
        limits = [f"--as={memory_bytes}", f"--cpu={cpu}:{cpu + 5}", f"--fsize={output_bytes}", "--core=0"]
        limited = ["prlimit", *limits, "--", *limited]
    return limited


def _watch(
    process: subprocess.Popen[bytes], seconds: float, progress: Callable[[], object] | None, stall_seconds: float
) -> Finished:
    start = moved = time.monotonic()
    seen = progress() if progress else None
    pause = _POLL_SECONDS
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return Finished(process.wait(pause))
        pause = min(pause * 1.5, _POLL_MOST)
        now = time.monotonic()
        if now - start > seconds:
            return Finished(-signal.SIGKILL, timed_out=True)
        if progress is not None:
            current = progress()
            if current != seen:
                seen, moved = current, now
            elif now - moved > stall_seconds:
                return Finished(-signal.SIGKILL, stalled=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of the program is left after this; also when it ended by itself but left children in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
