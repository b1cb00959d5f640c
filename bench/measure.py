"""Run a command and say what it cost: wall seconds, CPU seconds and peak memory, its children included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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


def memory(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each worker in a trace (`bench.traced`): resident MB after a tenth of its documents, after half, at the end
    and at most, and how many MB it gains per 1,000 documents in the second half (least squares)."""
    workers: dict[int, list[Mapping[str, Any]]] = {}
    for line in lines:
        workers.setdefault(line["pid"], []).append(line)
    told = []
    for own in workers.values():
        late = own[len(own) // 2 :]
        count, sizes = [n / 1000 for n in range(len(late))], [line["resident"] / 2**20 for line in late]
        slope = statistics.linear_regression(count, sizes).slope if len(late) > 1 else 0.0
        told.append(
            {
                "documents": len(own),
                "mb_at_a_tenth": round(own[len(own) // 10]["resident"] / 2**20),
                "mb_at_half": round(sizes[0]),
                "mb_at_the_end": round(sizes[-1]),
                "mb_at_most": round(max(line["resident"] for line in own) / 2**20),
                "mb_per_1000_documents": round(slope, 1),
            }
        )
    return sorted(told, key=lambda t: -t["documents"])


def traced(trace: Path, *arguments: object, environment: Mapping[str, str] | None = None) -> Cost:
    """Run a verb of ours with a trace in that folder (`bench.traced`)."""
    command = [sys.executable, "-m", "bench.traced", *map(str, arguments)]
    more = {"BENCH_TRACE": str(trace), **(environment or {})}
    return run(["env", *(f"{k}={v}" for k, v in more.items()), *command], cwd=Path(__file__).parents[1], allowed=(0, 1))
