"""Text out of a package, and the places in it that a search found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from archive.package import open_span
from archive.store import ArchiveStore
from viewer.ranges import SpanChecker, safe_package
from viewer.records import FileRow

Spans = Sequence[tuple[int, int]]


def package_of(file: FileRow, store: ArchiveStore) -> Path:
    """The package that holds a file. Raises UnsafePathError."""
    return safe_package(store.root, store.packages, file.package_path)


def read_text(file: FileRow, store: ArchiveStore, checker: SpanChecker, most_bytes: int) -> str:
    """The beginning of a file's text, once the whole of it is known to be what was archived.

    Raises:
        UnsafePathError: the package's path leads out of packages/.
        DamagedSpanError: the text is not the one recorded.
        OSError: it cannot be read.
    """
    package = package_of(file, store)
    checker.check(package, file.text, file.text_sha256, any_size=True)
    with open_span(package, file.text) as reader:
        return str(reader.read(min(most_bytes, file.text.size)), "utf-8", "replace")


def marked(text: str, spans: Spans) -> Iterator[tuple[str, bool]]:
    """A text cut into pieces, each with whether it is a hit. The pieces together are the text."""
    at = 0
    for start, end in spans:
        if start < at:
            continue
        if start > at:
            yield text[at:start], False
        yield text[start:end], True
        at = end
    if at < len(text):
        yield text[at:], False


def matched_words(text: str, spans: Spans, most: int = 60) -> list[str]:
    """The different words and phrases at the spans, in lower case: what the PDF pane looks for in the page."""
    found = {" ".join(text[a:b].casefold().split()) for a, b in spans} - {""}
    return sorted(found, key=lambda w: (-len(w), w))[:most]
