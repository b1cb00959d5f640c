"""What a second reading gives, and what comparing it with a copy finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archive.reasons import Flag


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source says, read apart from the route that made its copy.

    Attributes:
        text: words, numbers and signs in the order of the source, a line for each paragraph, cell or value. Raised
            digits in the characters of Unicode for them.
        margins: headers and footers, parted by form feeds, else by lines; the pages they are for may not exist.
        partly: the reader knows that it reads more than is shown (hidden words, cells without their formats), so that
            what is missing is no certain loss.
        kinds: lines of the text whose loss has a flag of its own.
    """

    text: str
    margins: str = ""
    partly: bool = False
    kinds: Mapping[str, Flag] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Missing:
    """What of a source is not in one text: numbers of words, numbers and signs.

    Attributes:
        said: how many of all of them the source has, where any is missing.
        lines: lines of the reading in which it stands.
    """

    words: int = 0
    numbers: int = 0
    signs: int = 0
    lines: tuple[str, ...] = ()
    said: int = 0

    def plus(self, other: Missing) -> Missing:
        """Both together."""
        return Missing(
            self.words + other.words,
            self.numbers + other.numbers,
            self.signs + other.signs,
            (*self.lines, *other.lines),
            self.said + other.said,
        )

    @property
    def total(self) -> int:
        """All of it."""
        return self.words + self.numbers + self.signs


@dataclass(frozen=True, slots=True)
class Findings:
    """What differs between a source and its copy.

    Attributes:
        on_pages: what the pages do not show.
        in_text: what the text copy does not have.
        raised: raised digits behind a digit that the text copy gives as ordinary ones (10⁹ as 109).
        strange: characters without an agreed meaning in the text copy: private use, U+FFFD, C1 controls.
        kinds: flags of the lines that are missing somewhere and have one of their own.
        blank: the source has words and the pages have none.
    """

    on_pages: Missing = field(default_factory=Missing)
    in_text: Missing = field(default_factory=Missing)
    raised: int = 0
    strange: int = 0
    kinds: tuple[Flag, ...] = ()
    blank: bool = False

    @property
    def sound(self) -> bool:
        """Whether nothing differs."""
        return not (self.on_pages.total or self.in_text.total or self.raised or self.strange)

    def flags(self) -> list[tuple[Flag, str]]:
        """What to tell of it: codes with a detail that holds numbers only."""
        found: list[tuple[Flag, str]] = []
        pages, text = self.on_pages, self.in_text
        kinds = (
            (Flag.WORDS_MISSING, max(pages.words, text.words)),
            (Flag.NUMBERS_CHANGED, max(pages.numbers, text.numbers)),
            (Flag.SYMBOLS_MISSING, max(pages.signs, text.signs)),
        )
        for flag, count in kinds:
            if count:
                found.append((flag, f"{count} of {max(pages.said, text.said)} words, numbers and signs."))
        found += [(flag, "Words of them are missing.") for flag in self.kinds]
        if self.raised:
            found.append((Flag.RAISED_AS_DIGITS, f"{self.raised} places."))
        if self.strange:
            found.append((Flag.SYMBOLS_UNREADABLE, f"{self.strange} characters."))
        return found
