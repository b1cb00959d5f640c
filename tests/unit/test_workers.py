"""Worker processes: a death fails one task and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from extract.workers import Answer, WorkerDied, WorkerPool, sign_of_life


def double(x: int) -> int:
    return 2 * x


def pid() -> int:
    return os.getpid()


def leave() -> Answer:
    return Answer(os.getpid(), replace_worker=True)


def die(how: int) -> None:
    os.kill(os.getpid(), how)
    time.sleep(10)


def fail() -> None:
    raise ValueError("as expected")


def unsendable() -> object:
    return lambda: None


def linger() -> None:
    time.sleep(60)


def cores() -> tuple[int, ...]:
    return tuple(sorted(os.sched_getaffinity(0)))


def cores_of_a_converter() -> str:
    count = "import os; print(sorted(os.sched_getaffinity(0)))"
    return subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=True).stdout.strip()


def test_results_come_back_from_several_processes() -> None:
    with WorkerPool(2) as pool:
        futures = [pool.submit(double, i) for i in range(20)]
        assert [f.result() for f in futures] == [2 * i for i in range(20)]


def test_a_death_fails_its_own_task_only() -> None:
    with WorkerPool(2) as pool:
        before = [pool.submit(double, i) for i in range(5)]
        bad = pool.submit(die, signal.SIGKILL)
        after = [pool.submit(double, i) for i in range(5, 10)]
        with pytest.raises(WorkerDied) as death:
            bad.result()
        assert death.value.exit_code == -signal.SIGKILL
        assert death.value.pid
        assert [f.result() for f in (*before, *after)] == [2 * i for i in range(10)]


def test_an_exception_is_the_tasks_and_its_process_is_replaced() -> None:
    with WorkerPool(1) as pool:
        first = pool.submit(pid).result()
        with pytest.raises(ValueError, match="as expected") as failed:
            pool.submit(fail).result()
        assert "in fail" in failed.value.__notes__[0], "where it happened in the worker"
        assert pool.submit(pid).result() != first


def test_a_task_may_ask_for_a_new_process() -> None:
    with WorkerPool(1) as pool:
        assert pool.submit(leave).result() != pool.submit(pid).result()


def test_processes_are_renewed_after_so_many_tasks() -> None:
    with WorkerPool(1, tasks_per_worker=3) as pool:
        pids = [pool.submit(pid).result() for _ in range(6)]
    assert len(set(pids)) == 2
    assert pids[0] == pids[2] != pids[3]


def variables() -> tuple[str | None, str | None]:
    return os.environ.get("JA_ONE"), os.environ.get("JA_TWO")


def test_processes_have_the_environment_where_the_user_has_not_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JA_ONE", "the user's")
    monkeypatch.setenv("JA_TWO", "")  # so that it is taken away again
    monkeypatch.delenv("JA_TWO")
    with WorkerPool(1, environment={"JA_ONE": "ours", "JA_TWO": "ours"}) as pool:
        assert pool.submit(variables).result() == ("the user's", "ours")


def test_an_answer_that_cannot_be_sent_is_an_error_not_a_hang() -> None:
    with WorkerPool(1) as pool, pytest.raises(RuntimeError, match="unsendable"):
        pool.submit(unsendable).result(30)


def signs_of_life() -> float:
    started = time.monotonic()
    while time.monotonic() - started < 8:
        time.sleep(0.2)
        sign_of_life()
    return time.monotonic() - started


def test_a_task_that_goes_on_has_all_the_time_it_needs() -> None:
    with WorkerPool(1, silent_seconds=4) as pool:
        assert pool.submit(signs_of_life).result(60) >= 8
        assert pool.submit(double, 4).result() == 8


def test_a_sign_of_life_means_nothing_outside_a_worker() -> None:
    sign_of_life()


def test_a_silent_task_is_killed() -> None:
    with WorkerPool(1, silent_seconds=3) as pool:
        with pytest.raises(WorkerDied):
            pool.submit(linger).result(30)
        assert pool.submit(double, 4).result() == 8


def test_cancelling_kills_and_cancels() -> None:
    pool = WorkerPool(1)
    running, waiting = pool.submit(linger), pool.submit(double, 1)
    while not pool._processes:
        time.sleep(0.05)
    started = time.monotonic()
    pool.shutdown(wait=True, cancel_futures=True)
    assert time.monotonic() - started < 20
    assert waiting.cancelled()
    assert isinstance(running.exception(), WorkerDied)
    with pytest.raises(RuntimeError):
        pool.submit(double, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="parent death signals are Linux's")
def test_workers_die_with_a_killed_coordinator() -> None:
    program = (
        "import sys, time\n"
        "from extract.workers import WorkerPool\n"
        "from tests.unit.test_workers import linger, pid\n"
        "if __name__ == '__main__':\n"
        "    pool = WorkerPool(2)\n"
        "    wait = [pool.submit(pid) for _ in range(8)]\n"
        "    print(*{f.result() for f in wait}, flush=True)\n"
        "    [pool.submit(linger) for _ in range(2)]\n"
        "    time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    workers = [int(p) for p in run.stdout.readline().split()]
    run.kill()
    run.wait()
    run.stdout.close()
    deadline = time.monotonic() + 20
    while any(_alive(p) for p in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers
    assert not any(_alive(p) for p in workers)


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_many_futures_complete_without_threads_left() -> None:
    import threading

    before = threading.active_count()
    with WorkerPool(2) as pool:
        done, _ = wait([pool.submit(double, i) for i in range(100)])
    assert len(done) == 100
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not tell which cores there are")
def test_a_pinned_worker_for_each_core_stays_on_it_with_what_it_starts_and_after_a_death() -> None:
    ours = cores()
    with WorkerPool(len(ours), pinned=True) as pool:
        wait([pool.submit(time.sleep, 1) for _ in ours])  # each worker has one
        seen = {f.result() for f in [pool.submit(cores) for _ in range(20)]}
        with pytest.raises(WorkerDied):
            pool.submit(die, signal.SIGKILL).result()
        after = {f.result() for f in [pool.submit(cores) for _ in range(20)]}
        converters = {f.result() for f in [pool.submit(cores_of_a_converter) for _ in range(20)]}
    assert seen <= {(core,) for core in ours}
    assert after <= {(core,) for core in ours}
    assert converters <= {f"[{core}]" for core in ours}
    assert cores() == ours, "the coordinator may use all"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not tell which cores there are")
def test_workers_may_use_all_cores_unless_there_is_one_for_each() -> None:
    ours = cores()
    for workers in {1, len(ours) + 1} - {len(ours)}:
        with WorkerPool(workers, pinned=True) as pool:
            assert pool.submit(cores).result() == ours
    with WorkerPool(len(ours)) as pool:
        assert pool.submit(cores).result() == ours
