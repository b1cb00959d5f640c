"""Calls into libraries with a hostile document in hand: whatever goes wrong becomes a DocumentProblem.

Details never hold the exception's own text, since libraries quote the document in it.
"""

from __future__ import annotations

import contextlib
import errno
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from archive.errors import JournalarkivError
from archive.normalise.contract import PassedOn
from archive.reasons import DocumentProblem, Reason
from archive.store import disk_full_is_clear

T = TypeVar("T")

_MARGIN_SECONDS = 5.0


def guarded(call: Callable[[], T], seconds: float) -> T:
    """Call, with a deadline where this thread can be interrupted.

    Raises:
        DocumentProblem: whatever the call raised because of the document; CONVERSION_TIMEOUT after `seconds`.
        JournalarkivError: a full disk or a missing engine, which is not the document's fault.
        PassedOn: the route declines the file.
    """
    try:
        with disk_full_is_clear(), _deadline(seconds + _MARGIN_SECONDS):
            return call()
    except (DocumentProblem, JournalarkivError, PassedOn):
        raise
    except MemoryError:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "The conversion needs more memory than is allowed.") from None
    except RecursionError:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "The file is nested too deeply.") from None
    except OSError as e:
        if e.errno in (errno.EMFILE, errno.ENFILE, errno.EROFS):
            raise
        raise DocumentProblem(Reason.CONVERSION_FAILED, f"{type(e).__name__} ({e.errno}).") from None
    except Exception as e:
        raise DocumentProblem(Reason.CONVERSION_FAILED, f"An engine gave up ({type(e).__name__}).") from None
    except BaseException as e:
        # A panic of a library written in Rust is no Exception.
        if type(e).__name__ != "PanicException":
            raise
        raise DocumentProblem(Reason.CONVERSION_FAILED, "An engine gave up (panic).") from None


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """An alarm, in the main thread and where none is set yet."""
    if threading.current_thread() is not threading.main_thread() or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def late(*_: object) -> None:
        raise DocumentProblem(Reason.CONVERSION_TIMEOUT, f"The conversion did not end within {seconds:.0f} s.")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
