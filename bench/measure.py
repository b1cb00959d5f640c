"""Run a command and say what it cost: wall seconds, CPU seconds and peak memory, its children included."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Wall and CPU in seconds, `peak` the largest resident set of the command itself in bytes."""

    wall: float
    cpu: float
    peak: int
    status: int
    output: str


def run(command: Sequence[str], *, cwd: Path | None = None, allowed: tuple[int, ...] = (0,)) -> Cost:
    """Run to the end; raises RuntimeError on an exit status that is not allowed."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode not in allowed:
        raise RuntimeError(f"{command[:4]} ended with {process.returncode}")
    return Cost(
        time.monotonic() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
        process.returncode,
        output,
    )


def journalarkiv(*arguments: object, allowed: tuple[int, ...] = (0, 1)) -> Cost:
    """Run a verb of ours with this interpreter, from the repository."""
    command = [sys.executable, "-m", "journalarkiv", *map(str, arguments)]
    return run(command, cwd=Path(__file__).parents[1], allowed=allowed)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    model = "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {"cores": os.cpu_count(), "cpu": model, "python": sys.version.split()[0], "load": os.getloadavg()[0]}
