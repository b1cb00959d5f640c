"""Progress for people: bars with rate and ETA on stderr, quiet when it is not a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm


class Progress:
    """Draws tqdm bars, or nothing. Nothing it shows names a patient or a document."""

    def __init__(self, *, quiet: bool | None = None) -> None:
        self.quiet = not sys.stderr.isatty() if quiet is None else quiet

    @contextlib.contextmanager
    def registering(self) -> Iterator[Callable[[str, int], None]]:
        """A counter of rows read; the callable takes what was read and how many."""
        counts: dict[str, int] = {}
        with tqdm(desc="reading the register", unit=" rows", disable=self.quiet, file=sys.stderr) as bar:

            def tell(kind: str, number: int) -> None:
                counts[kind] = counts.get(kind, 0) + number
                bar.set_postfix(counts, refresh=False)
                bar.update(number)

            yield tell

    @contextlib.contextmanager
    def inspecting(self) -> Iterator[Callable[[str, int], None]]:
        """A line on what is looked at; the callable takes what it is and how much of it is done."""
        with tqdm(desc="looking", unit=" rows", disable=self.quiet, file=sys.stderr, bar_format="{desc}") as bar:
            yield lambda what, done: bar.set_description_str(f"looking at {what}: {done:,}")

    @contextlib.contextmanager
    def working(self, documents: int) -> Iterator[Callable[[int, int], None]]:
        """A bar over documents with failures and ETA; the callable takes documents done and failures so far."""
        with tqdm(
            desc="archiving", total=documents, unit=" docs", disable=self.quiet, file=sys.stderr, smoothing=0.05
        ) as bar:

            def tell(number: int, failures: int) -> None:
                bar.set_postfix({"quarantined": failures}, refresh=False)
                bar.update(number)

            yield tell
