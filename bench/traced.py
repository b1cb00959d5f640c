"""The command as it is, with a trace: what each single file cost, in which stage, and its worker's memory then.

    BENCH_TRACE=FOLDER python -m bench.traced migrate EXPORT ARCHIVE ...

Each worker process writes FOLDER/<pid>.jsonl. Worker processes load this module again, since it is their main module,
so they trace as well. BENCH_CORES=N leaves them N cores. BENCH_OFFICE_ONLY=1 takes our own routes for office formats
out: LibreOffice in batches alone.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from archive.normalise import ladder, office, routes
from archive.normalise.climb import Climb
from archive.normalise.contract import Normalised
from archive.normalise.workshop import Workshop, _cpu

_FOLDER = os.environ.get("BENCH_TRACE")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


class Tracer:
    """Collects one line per file. `lines` is what was not written to a file."""

    def __init__(self, folder: str | None = None) -> None:
        self.lines: list[dict[str, Any]] = []
        self._folder = folder
        self._office: dict[str, tuple[float, float]] = {}
        self._begun = 0

    def tell(self, line: dict[str, Any]) -> None:
        """Keep a line."""
        if self._folder is None:
            self.lines.append(line)
            return
        Path(self._folder).mkdir(parents=True, exist_ok=True)
        with (Path(self._folder) / f"{os.getpid()}.jsonl").open("a") as f:
            f.write(json.dumps(line) + "\n")

    def install(self) -> None:
        """Put the tracing climb in the ladder's place."""
        tracer = self

        class TracedClimb(Climb):
            def __init__(self, workshop: Workshop, *arguments: Any, **more: Any) -> None:
                super().__init__(workshop, *arguments, **more)
                self._spent: dict[str, float] = {}
                self._cpu_spent = 0.0

            def go(self, answer: Any = None) -> None:
                shop = self._shop
                before, cpu, wall = dict(shop.timings.wall), _cpu(), time.monotonic()
                try:
                    super().go(answer)
                finally:
                    self._cpu_spent += _cpu() - cpu
                    self._spent["all"] = self._spent.get("all", 0.0) + time.monotonic() - wall
                    for stage, seconds in shop.timings.wall.items():
                        if seconds > before.get(stage, 0.0):
                            self._spent[stage] = self._spent.get(stage, 0.0) + seconds - before.get(stage, 0.0)
                if self.outcome is not None:
                    tracer.finished(self)

            @property
            def spent(self) -> tuple[float, dict[str, float]]:
                return self._cpu_spent, self._spent

        ladder.Climb = TracedClimb  # type: ignore[misc,attr-defined]

        convert = office.Office.convert

        def converted(self: office.Office, files: Any, out: Path) -> Any:
            cpu, wall = _cpu(), time.monotonic()
            answers = convert(self, files, out)
            each = (_cpu() - cpu) / max(1, len(files)), (time.monotonic() - wall) / max(1, len(files))
            for f in files:
                tracer._office[f.stem] = each
            return answers

        office.Office.convert = converted  # type: ignore[method-assign]

    def finished(self, climb: Any) -> None:
        """Write a file's line."""
        self._begun += 1
        outcome, (cpu, spent) = climb.outcome, climb.spent
        office_cpu, office_wall = self._office.pop(climb.job.sha256, (0.0, 0.0))
        stages = {k: round(v, 4) for k, v in spent.items() if k != "all"}
        if office_wall:
            stages["office batch, its share"] = round(office_wall, 4)
        good = isinstance(outcome, Normalised)
        self.tell(
            {
                "key": climb.job.key,
                "sha256": climb.job.sha256,
                "size": climb.job.size,
                "family": climb.format.family,
                "outcome": outcome.route if good else outcome.reason.value,
                "archived": good,
                "cpu": round(cpu + office_cpu, 4),
                "wall": round(spent.get("all", 0.0) + office_wall, 4),
                "stages": stages,
                "pid": os.getpid(),
                "number": self._begun,
                "at": round(time.time(), 2),
                "resident": resident(),
            }
        )


def office_only() -> None:
    """Take our own routes for office formats out of the ladder."""
    for family in office.FAMILIES - {"txt", "html"}:
        routes._ROUTES[family] = (office.ROUTE,)


def read(folder: Path) -> list[dict[str, Any]]:
    """All lines of a trace, in the order of time."""
    lines = []
    for path in folder.glob("*.jsonl"):
        lines += [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(lines, key=lambda line: float(line["at"]))


if (_cores := int(os.environ.get("BENCH_CORES", "0"))) and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_cores])
if _FOLDER:
    Tracer(_FOLDER).install()
if os.environ.get("BENCH_OFFICE_ONLY"):
    office_only()

if __name__ == "__main__":
    from journalarkiv import main

    main()
