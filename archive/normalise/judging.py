"""Which copies are put before the validator: all, or for those who accept it a sample of what we drew ourselves.

A sample is drawn by the source's SHA-256, so the same file meets the same decision in every run, on any number of
workers and after any stop.
"""

from __future__ import annotations

from dataclasses import dataclass

KNOWN_ROUTES = frozenset(("plaintext", "xmlrecord", "jsonrecord", "sourcetext", "rtf", "image"))
"""Routes that may go without a verdict: pages drawn from data by an engine that refuses what PDF/A does not allow, and
pictures embedded by ourselves. All of their copies of a corpus of real files passed at the first level asked. What
other programs lay out is always judged: LibreOffice's copies fail level A for 4 in 100 files, HTML brings fonts of its
own, and what becomes of a PDF depends on the verdict."""

_ALL = "all"
_SAMPLE = "sample:"


@dataclass(frozen=True, slots=True)
class Judging:
    """How the copies of a run are judged. `long_run`: each process will judge thousands of files."""

    share: float = 1.0
    """Of the sources whose route leaves the choice, 0 to 1."""
    long_run: bool = False

    @classmethod
    def parse(cls, text: str) -> Judging:
        """From `all` or `sample:P`, P in per cent. Raises ValueError: it is neither, or P is not within 0 and 100."""
        if text == _ALL:
            return cls()
        if not text.startswith(_SAMPLE):
            raise ValueError("Give `all` or `sample:P`, P in per cent.")
        try:
            percent = float(text.removeprefix(_SAMPLE))
        except ValueError:
            raise ValueError("P of `sample:P` is a number.") from None
        if not 0 < percent < 100:
            raise ValueError("P of `sample:P` is more than 0 and less than 100.")
        return cls(percent / 100)

    def __str__(self) -> str:
        return _ALL if self.share >= 1 else f"{_SAMPLE}{100 * self.share:.6g}"

    def judges(self, sha256: str) -> bool:
        """Whether the copy of the source with this hash (lower-case hex) is judged on every route."""
        return self.share >= 1 or int(sha256[:16], 16) < self.share * 2.0**64
