from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from archive.errors import EngineMissingError, ExitCode
from archive.normalise import contained
from archive.normalise.contained import Finished, containment, run

GENEROUS = {"seconds": 20.0, "memory_bytes": 2 << 30, "output_bytes": 1 << 20}


def alive(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if mark in " ".join(process.info["cmdline"] or ()) and process.pid != os.getpid():
            found.append(process.pid)
    return found


def gone(mark: str, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while alive(mark) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(mark)


def test_exit_code_is_the_programs(tmp_path: Path) -> None:
    assert run(["sh", "-c", "exit 81"], folder=tmp_path, **GENEROUS) == Finished(81)
    assert run(["true"], folder=tmp_path, **GENEROUS).ended_itself


def test_home_and_temporary_folder_are_ours_and_the_environment_is_small(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_RUN", "1")
    run(["sh", "-c", "env > seen; ls -A $HOME > home-holds; pwd > where"], folder=tmp_path, **GENEROUS)
    seen = (tmp_path / "seen").read_text()
    assert f"HOME={tmp_path / 'home'}\n" in seen
    assert f"TMPDIR={tmp_path / 'tmp'}\n" in seen
    assert "SECRET_OF_THE_RUN" not in seen
    assert (tmp_path / "home-holds").read_text() == ""
    assert (tmp_path / "where").read_text().strip() == str(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are of Linux")
def test_no_network_interface_but_a_dead_loopback(tmp_path: Path) -> None:
    assert containment().network_blocked
    run(["cp", "/proc/net/dev", "seen"], folder=tmp_path, **GENEROUS)
    interfaces = [line.split(":")[0].strip() for line in (tmp_path / "seen").read_text().splitlines()[2:]]
    assert interfaces == ["lo"]


def test_wall_clock_ends_the_whole_tree_even_what_left_the_group(tmp_path: Path) -> None:
    mark = f"sleep 98{os.getpid()}"
    script = f"setsid {mark} & setsid sh -c '{mark}; :' & while :; do :; done"
    start = time.monotonic()
    ended = run(["sh", "-c", script], folder=tmp_path, **GENEROUS | {"seconds": 0.5})
    assert ended.timed_out
    assert not ended.ended_itself
    assert time.monotonic() - start < 5
    assert gone(mark)


def test_a_program_that_ends_leaves_no_child_behind(tmp_path: Path) -> None:
    mark = f"sleep 97{os.getpid()}"
    assert run(["sh", "-c", f"{mark} & exit 0"], folder=tmp_path, **GENEROUS) == Finished(0)
    assert gone(mark)


def test_a_program_that_makes_no_progress_is_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    ended = run(["sleep", "60"], folder=tmp_path, progress=lambda: 0, stall_seconds=0.5, **GENEROUS)
    assert ended.stalled
    assert time.monotonic() - start < 5


def test_progress_keeps_a_program_going(tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5 6; do touch made$i; sleep 0.2; done"
    ended = run(
        ["sh", "-c", script],
        folder=tmp_path,
        progress=lambda: len(list(tmp_path.glob("made*"))),
        stall_seconds=0.7,
        **GENEROUS,
    )
    assert ended == Finished(0)


def test_memory_is_limited(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "x = bytearray(1 << 30)"]
    assert run(program, folder=tmp_path, **GENEROUS | {"memory_bytes": 512 << 20}).code != 0
    assert run(program, folder=tmp_path, **GENEROUS | {"memory_bytes": 4 << 30}).code == 0


def test_size_of_a_file_it_writes_is_limited(tmp_path: Path) -> None:
    ended = run(["dd", "if=/dev/zero", "of=big", "bs=1M", "count=4"], folder=tmp_path, **GENEROUS)
    assert ended.code != 0
    assert (tmp_path / "big").stat().st_size <= 1 << 20


def test_it_dies_with_us(tmp_path: Path) -> None:
    mark = f"sleep 96{os.getpid()}"
    script = (
        "import sys; from pathlib import Path; from archive.normalise.contained import run;"
        f"run({mark.split()!r}, folder=Path(sys.argv[1]), seconds=60.0, memory_bytes=1 << 30, output_bytes=1)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    end = time.monotonic() + 20
    while not alive(mark) and time.monotonic() < end:
        time.sleep(0.05)
    assert alive(mark)
    parent.kill()
    parent.wait()
    assert gone(mark)


@pytest.mark.parametrize("weaker", ["namespace", "user-network-namespace", "process-group", "plain"])
def test_a_weaker_system_still_runs_and_ends_programs(tmp_path: Path, monkeypatch, weaker: str) -> None:
    names = [name for name, _ in contained._CANDIDATES]
    at = names.index(weaker) if weaker in names else len(names)
    monkeypatch.setattr(contained, "_CANDIDATES", contained._CANDIDATES[at:])
    containment.cache_clear()
    try:
        if weaker != containment().name:
            pytest.skip(f"this system has no {weaker}")
        assert run(["sh", "-c", "exit 3"], folder=tmp_path, **GENEROUS) == Finished(3)
        mark = f"sleep 95{os.getpid()}"
        ended = run(["sh", "-c", f"{mark} & {mark}"], folder=tmp_path, **GENEROUS | {"seconds": 0.3})
        assert ended.timed_out
        assert gone(mark)
    finally:
        containment.cache_clear()


def test_a_missing_program_is_an_error_with_its_remedy() -> None:
    with pytest.raises(EngineMissingError, match=r"not installed\. Install it") as caught:
        contained.find("no-such-program-here", remedy="Install it.")
    assert caught.value.exit_code == ExitCode.ENGINE_MISSING


def test_a_program_that_does_not_start_is_missing_too(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(EngineMissingError, match="does not start"):
        contained.version([str(broken), "--version"], remedy="Install it.")


def test_version_is_the_first_line() -> None:
    assert contained.version([sys.executable, "--version"], remedy="").startswith("Python 3.")
