from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from archive.ocr.pick import pages_without_text
from archive.ocr.queue import MOST_ATTEMPTS, PageState, Queue, QueuedFile
from archive.ocr.recognise import PageResult, version_of
from archive.ocr.words import Line, PageWords, Word
from archive.store import ArchiveStore

ENGINE = "tesseract 5.3.0 nor 300 dpi"
WORDS = PageWords(9, 9, (Line((Word("ord", 0, 0, 9, 9, 80),), 0, 9.0, 0.0, 9.0, 2.0, True),))
NOTHING = PageWords(9, 9, ())


def a_file(*pages: int, patient: str = "p", document: str = "d", sha: str = "a") -> QueuedFile:
    return QueuedFile(patient, document, 1, sha, pages)


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "ocr.sqlite", "archive")


def states(queue: Queue) -> dict[str, int]:
    return {state.value: n for state, n in queue.counts().items() if n}


def test_a_page_goes_from_waiting_to_done(queue: Queue) -> None:
    assert queue.unlooked(["k1", "k2"]) == {"k1", "k2"}
    file = a_file(1, 2, 3)
    queue.add([("k1", "p", [file])])
    assert queue.unlooked(["k1", "k2"]) == {"k2"}
    assert list(queue.patients()) == ["p"]
    assert queue.files("p", PageState.WAITING) == [file]
    assert queue.record(file, PageResult(1, "r1", WORDS), ENGINE) is PageState.RECOGNISED
    assert queue.record(file, PageResult(2, "r2", NOTHING), ENGINE) is PageState.NOTHING_FOUND
    assert queue.record(file, PageResult(3), ENGINE) is PageState.NOTHING_FOUND
    assert queue.known_words("r1", ENGINE) == WORDS
    assert queue.known_words("r1", "another") is None
    assert queue.words_of(file) == {1: (WORDS, ENGINE)}
    assert queue.certainty(file) == (1, 80)
    queue.published("k2", [(file, "b")])
    assert states(queue) == {"done": 1, "nothing-found": 2}
    assert (queue.unlooked(["k2"]), list(queue.patients())) == (set(), [])
    queue.tidy()
    assert queue.known_words("r1", ENGINE) is None


def test_what_was_recorded_is_there_after_a_stop(tmp_path: Path) -> None:
    path = tmp_path / "ocr.sqlite"
    with Queue(path, "archive") as queue:
        queue.add([("k1", "p", [a_file(1, 2)])])
        queue.record(a_file(1), PageResult(1, "r1", WORDS), ENGINE)
    with Queue(path, "archive") as queue:
        assert states(queue) == {"recognised": 1, "waiting": 1}
        assert queue.files("p", PageState.WAITING) == [a_file(2)]
        queue.tidy()
        assert queue.known_words("r1", ENGINE) == WORDS
    with Queue(path, "archive", write=False) as queue:
        assert states(queue) == {"recognised": 1, "waiting": 1}
    with Queue(path, "other") as queue:  # derived: that of another archive is begun anew
        assert states(queue) == {}


def test_a_failed_page_is_tried_again_but_not_for_ever(queue: Queue) -> None:
    file = a_file(1)
    queue.add([("k1", "p", [file])])
    for _ in range(MOST_ATTEMPTS):
        queue.reopen(ENGINE)
        assert states(queue) == {"waiting": 1}
        assert queue.record(file, PageResult(1, "r", problem="It died."), ENGINE) is PageState.FAILED
    queue.reopen(ENGINE)
    assert states(queue) == {"failed": 1}
    queue.reopen("tesseract 6 nor 300 dpi")
    assert states(queue) == {"waiting": 1}


def test_another_engine_looks_again_where_nothing_was_found(queue: Queue) -> None:
    file = a_file(1)
    queue.add([("k1", "p", [file])])
    queue.record(file, PageResult(1, "r", NOTHING), ENGINE)
    queue.reopen(ENGINE)
    assert states(queue) == {"nothing-found": 1}
    queue.reopen("another")
    assert states(queue) == {"waiting": 1}


def test_a_file_that_cannot_take_the_words_is_not_tried_again(queue: Queue) -> None:
    file = a_file(1, 2)
    queue.add([("k1", "p", [file])])
    queue.record(file, PageResult(1, "r", WORDS), ENGINE)
    queue.fail(file, "Rules broken.")
    queue.reopen(ENGINE)
    assert states(queue) == {"failed": 1, "waiting": 1}


def test_a_new_generation_keeps_what_is_known_of_the_same_bytes(queue: Queue) -> None:
    same, changed, gone = a_file(1, document="same"), a_file(1, document="changed"), a_file(1, document="gone")
    queue.add([("k1", "p", [same, changed, gone])])
    for file in (same, changed, gone):
        queue.record(file, PageResult(1, "r", WORDS), ENGINE)
    queue.add([("k2", "p", [same, a_file(1, 2, document="changed", sha="b")])])
    assert queue.files("p", PageState.RECOGNISED) == [same]
    assert queue.files("p", PageState.WAITING) == [a_file(1, 2, document="changed", sha="b")]


def test_a_document_that_moved_is_the_other_patients(queue: Queue) -> None:
    file = a_file(1)
    queue.add([("k1", "p", [file])])
    queue.record(file, PageResult(1, "r", WORDS), ENGINE)
    queue.add([("k2", "q", [a_file(1, patient="q")])])
    queue.add([("k3", "p", [])])
    assert queue.files("q", PageState.RECOGNISED) == [a_file(1, patient="q")]
    assert list(queue.patients()) == ["q"]


def test_a_result_for_other_bytes_changes_nothing(queue: Queue) -> None:
    queue.add([("k1", "p", [a_file(1, sha="new")])])
    queue.record(a_file(1, sha="old"), PageResult(1, "r", WORDS), ENGINE)
    assert states(queue) == {"waiting": 1}


def test_pages_without_text() -> None:
    assert pages_without_text("en\f \n\f\ffire", 4) == (2, 3)
    assert pages_without_text("en\fto", 2) == ()
    assert pages_without_text("the text of a source that knows no pages", 3) == ()


def test_the_version_of_an_engine() -> None:
    assert version_of(ENGINE) == "tesseract 5.3.0"


def test_nobody_gives_up_while_one_brief_holder_leaves_and_the_next_comes(archive_store: ArchiveStore) -> None:
    import time
    from concurrent.futures import ThreadPoolExecutor

    def often(_: int) -> int:
        for _turn in range(15):
            with archive_store.lock(brief=True):
                time.sleep(0.001)
            time.sleep(0.06)  # longer than who waits sleeps between two looks
        return 15

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(often, range(4))) == 60


def test_who_holds_the_lock_briefly_is_waited_for(archive_store: ArchiveStore) -> None:
    import threading

    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with archive_store.lock(brief=True):
            holding.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(10)
    threading.Timer(0.3, release.set).start()
    with archive_store.lock():
        assert release.is_set()
    thread.join()
    with contextlib.ExitStack() as stack:
        stack.enter_context(archive_store.ocr_lock())
        stack.enter_context(archive_store.lock())
