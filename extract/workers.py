"""Where tasks run: local worker processes behind `concurrent.futures.Executor`.

The standard ProcessPoolExecutor gives up as a whole when one process dies and cannot say which task killed it. Over
millions of real files processes do die (a converter's bug, the kernel's memory guard), so each worker here is one
process with one task at a time: its death fails exactly that task, and a new process takes its place. A task may also
ask for its process to be replaced after it (a stuck engine, memory that grew).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
_SIGN_EVERY_SECONDS = 1.0

_pipe: Connection | None = None
"""In a worker process, to its coordinator."""
_last_sign = 0.0


class WorkerDied(Exception):
    """The process that ran a task ended without an answer, or had to be ended. `exit_code` is negative for a signal."""

    def __init__(self, exit_code: int | None, pid: int | None = None) -> None:
        super().__init__(f"worker process {pid} ended with {exit_code}")
        self.exit_code = exit_code
        self.pid = pid


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task may return instead of a bare value: the value, and whether its process should be replaced."""

    value: Any
    replace_worker: bool = False


class WorkerPool(Executor):
    """A fixed number of worker processes. Results and arguments must be picklable.

    Args:
        workers: number of processes.
        initializer: called once in each new process, with `initargs`.
        tasks_per_worker: a process is replaced after that many tasks, which keeps memory flat over days.
        silent_seconds: a task that has neither answered nor shown a sign of life (`sign_of_life`) for that long has
            its process killed (WorkerDied). Not a limit of a task as a whole: a patient's documents are one task,
            however many they are.
        pinned: where there is a process for each core this one may use, keep each of them, and what it starts, on one.
            A file passes between a dozen threads of its process (Java, Go). The system moves them to other cores, and
            these were idle for 4.5 % of the time; 1.5 % where each process keeps to its own.
        environment: set for the processes where the user has not set them; for this process too, since libraries read
            them when they are loaded and that may be before any code of ours runs there.
    """

    def __init__(
        self,
        workers: int,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        tasks_per_worker: int = 80,
        silent_seconds: float = 3600.0,
        pinned: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        for name, value in (environment or {}).items():
            os.environ.setdefault(name, value)
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None] = (
            queue.SimpleQueue()
        )
        self._start = (initializer, initargs)
        cores = _cores()
        self._cores: list[int | None] = [*cores] if pinned and workers == len(cores) else [None] * workers
        self._tasks_per_worker = tasks_per_worker
        self._silent_seconds = silent_seconds
        self._closing = threading.Event()
        self._processes: dict[int, SpawnProcess] = {}
        self._slots = [threading.Thread(target=self._serve, args=(i,), name=f"worker-{i}") for i in range(workers)]
        for slot in self._slots:
            slot.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue `fn(*args)`; it must be importable by name. Keyword arguments are not supported."""
        if kwargs:
            raise TypeError("WorkerPool.submit takes positional arguments only")
        if self._closing.is_set():
            raise RuntimeError("cannot schedule new tasks after shutdown")
        future: Future[Any] = Future()
        self._queue.put((future, fn, args))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop. With `cancel_futures` the processes are killed and what waits is cancelled."""
        self._closing.set()
        if cancel_futures:
            with contextlib.suppress(queue.Empty):
                while True:
                    item = self._queue.get_nowait()
                    if item is not None:
                        item[0].cancel()
            for process in list(self._processes.values()):
                process.kill()
        for _ in self._slots:
            self._queue.put(None)
        if wait:
            for slot in self._slots:
                slot.join()

    def _serve(self, slot: int) -> None:
        process: SpawnProcess | None = None
        pipe: Connection | None = None
        served = 0
        while (item := self._queue.get()) is not None:
            future, fn, args = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                if process is None or pipe is None:
                    process, pipe = self._launch(slot)
                    served = 0
                pipe.send((fn, args))
                answer = self._receive(process, pipe)
            except BaseException as e:  # every failure belongs to this task's future, never to the thread
                _end(process, pipe)
                if isinstance(e, EOFError | BrokenPipeError | ConnectionResetError):
                    e = WorkerDied(process.exitcode if process else None, process.pid if process else None)
                process = pipe = None
                future.set_exception(e)
                continue
            served += 1
            value, error, replace_worker = answer
            if replace_worker or served >= self._tasks_per_worker:
                _end(process, pipe)
                process = pipe = None
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)
        _end(process, pipe)
        self._processes.pop(slot, None)

    def _launch(self, slot: int) -> tuple[SpawnProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work, args=(theirs, self._cores[slot], *self._start), name=f"journalarkiv-worker-{slot}"
        )
        process.start()
        theirs.close()
        self._processes[slot] = process
        return process, ours

    def _receive(self, process: SpawnProcess, pipe: Connection) -> tuple[Any, BaseException | None, bool]:
        while ready := wait([pipe, process.sentinel], timeout=self._silent_seconds):
            if not pipe.poll():
                break
            answer: tuple[Any, BaseException | None, bool] | None = pipe.recv()
            if answer is not None:
                return answer
        if not ready:
            process.kill()
        process.join()
        raise WorkerDied(process.exitcode, process.pid)


def _end(process: SpawnProcess | None, pipe: Connection | None) -> None:
    if pipe is not None:
        pipe.close()
    if process is not None:
        process.join(2)
        if process.exitcode is None:
            process.kill()
            process.join()


def _cores() -> list[int]:
    """The cores this process may use; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _work(
    pipe: Connection, core: int | None, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
) -> None:
    """The life of a worker process."""
    if core is not None:
        with contextlib.suppress(OSError):  # the core was taken from us meanwhile
            os.sched_setaffinity(0, {core})
    try:
        _serve_tasks(pipe, initializer, initargs)
    finally:
        leave(0)


def sign_of_life() -> None:
    """Show the coordinator that the task at hand goes on; for the thread that does it, as often as it likes.

    Does nothing outside a worker process.
    """
    global _last_sign
    now = time.monotonic()
    if _pipe is None or now - _last_sign < _SIGN_EVERY_SECONDS:
        return
    _last_sign = now
    with contextlib.suppress(OSError):  # the coordinator is gone; the answer will meet the same
        _pipe.send(None)


def leave(status: int) -> NoReturn:
    """End this process at once. An engine in it (a Java machine) may abort while Python takes itself down, after all
    work is done; nothing of ours waits for that: what matters is on disk, and the streams are flushed here."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _serve_tasks(pipe: Connection, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
    global _pipe
    _pipe = pipe
    die_with_parent()
    # An interrupt at the keyboard reaches the whole group; the coordinator decides what happens to us.
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if initializer is not None:
        initializer(*initargs)
    while True:
        try:
            fn, args = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            value = fn(*args)
            answer = value if isinstance(value, Answer) else Answer(value)
            reply: tuple[Any, BaseException | None, bool] = (answer.value, None, answer.replace_worker)
        except BaseException as e:  # carried to the coordinator, which knows what it means
            e.add_note("".join(traceback.format_tb(e.__traceback__)))  # frames only: messages may quote a document
            reply = (None, e, True)
        try:
            pipe.send(reply)
        except (BrokenPipeError, OSError):
            return
        except Exception as e:  # an answer that cannot be pickled
            pipe.send((None, RuntimeError(f"unsendable answer: {type(e).__name__}"), True))
        if reply[2]:
            return


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, so that a killed run leaves nothing behind (Linux)."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)  # the parent died before the request was made
