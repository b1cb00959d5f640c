"""A reading held against what a copy says: which words, numbers and signs of the source are missing.

Each must occur as often as in the source; their order is the page's affair. What a page breaks over two lines, or sets
without a space, is found only where the copy has tokens that the source has not, so that a longer word elsewhere never
stands for a lost one. A token that the copy repeats (in a header, a list, a second place) is looked for between its
neighbours, so that the repeats do not hide a loss.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections import Counter
from collections.abc import Iterator

from archive.rereading.contract import Findings, Missing, Reading
from archive.rereading.tokens import Tokens, is_number, is_word, tokens

_MOST_LOOKED_FOR = 3000
"""Tokens that are looked for in other words than their own; with more missing the copy is another text."""
_MOST_PLACES = 20
_MOST_REPEATED = 20_000
_SURE_LETTERS = 6
"""Letters that a word and both its neighbours have together at least, to be found within a longer run."""
_LEAST_OF_NOTE = 4
"""Letters of a word that may stand behind a note's number."""
_LEAST_OF_MARGIN = 3
"""How many different words a header must have, so that it is known to be there though one is missing."""
_PAGE_NUMBER = re.compile(r"\bSide\s+\d{1,4}\s+av\s+\d{1,4}\b")
"""What our own pages have at the foot, so that its numbers do not stand for lost ones."""
_STRANGE = re.compile("[\ue000-\uf8ff\ufffd\x80-\x9f\U000f0000-\U0010fffd]")
_RAISED = re.compile("(?<=[0-9])[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_POWER = re.compile(r"(?<=[0-9])\^[({]?(?=[-+\u2212]?[0-9])")
_NOTE_NUMBER = re.compile("[ivx]{1,5}")
"""What a page has before the first word of a note, without a space between."""
_LINE_END_HYPHEN = re.compile("[\x02\ufffe]\\s*")


def compare(reading: Reading, page_text: str, text_copy: str) -> Findings:
    """What of a source its copy does not say.

    Args:
        reading: the source, read by other means.
        page_text: the text of the copy's pages, as a PDF reader gives it.
        text_copy: the text that is stored beside the copy.
    """
    on_pages = _missing(reading, page_text)
    in_text = on_pages if text_copy == page_text else _missing(reading, text_copy)
    wanted = 0 if reading.text.isascii() else len(_RAISED.findall(reading.text))
    raised = wanted - sum(len(p.findall(text_copy)) for p in (_RAISED, _POWER)) if wanted else 0
    kinds = dict.fromkeys(k for line in on_pages.lines + in_text.lines if (k := reading.kinds.get(line)) is not None)
    return Findings(
        on_pages=on_pages,
        in_text=in_text,
        raised=max(0, raised),
        strange=strange(text_copy) or strange(page_text),
        kinds=tuple(kinds),
        blank=on_pages.words > 0 and not tokens(page_text).texts,
    )


def strange(text: str) -> int:
    """How many characters of a text have no meaning that all agree on: private use, U+FFFD, C1 controls."""
    return 0 if text.isascii() else len(_STRANGE.findall(text))


def _missing(reading: Reading, copy: str) -> Missing:
    text = reading.text
    copy = _POWER.sub("", _LINE_END_HYPHEN.sub("", copy))
    if (feet := len(_PAGE_NUMBER.findall(copy))) and (feet := feet - len(_PAGE_NUMBER.findall(text))) > 0:
        copy = _PAGE_NUMBER.sub(" ", copy, count=feet)
    # What stands between spaces in both, as often, says the same in both: only the rest is looked at more closely.
    one, two = Counter(text.split()), Counter(copy.split())
    rest, more = _counted(one - two), _counted(two - one)
    lost, surplus = rest - more, more - rest
    if not lost and not surplus:
        return Missing()
    told = _missing_margins(reading.margins, surplus, copy) if reading.margins and surplus else Missing()
    source, pages = tokens(text, lowered=True), tokens(copy, lowered=True)
    if lost and surplus:
        lost -= Counter(_found_apart(source, pages, lost, surplus))
    places = _places(source, lost)
    places += _lost_repeats(source, pages, surplus, set(places))
    if not places:
        return told
    found = [source.texts[i] for i in places]
    numbers, words = sum(map(is_number, found)), sum(map(is_word, found))
    lines = _lines(text, source, sorted(places))
    return told.plus(Missing(words, numbers, len(found) - numbers - words, lines, len(source.texts)))


def _missing_margins(margins: str, surplus: Counter[str], copy: str) -> Missing:
    """What headers and footers lack that are on the pages: those of whose words the copy has all but one besides its
    text, in their order. Short numbers count pages, and so are not looked for.
    """
    told = Missing()
    blocks = {}
    for block in margins.split("\f" if "\f" in margins else "\n"):
        found = [t for t in tokens(block, lowered=True).texts if len(t) > 3 or not is_number(t)]
        blocks[block] = (found, set(found) - surplus.keys())
    whole = [set(found) for found, lost in blocks.values() if not lost]
    for block, (found, lost) in blocks.items():
        if len(lost) != 1 or len(set(found)) < _LEAST_OF_MARGIN or any(set(found) - lost <= other for other in whole):
            continue
        said = tokens(copy, lowered=True).texts
        (token,) = lost
        pairs, wanted = set(itertools.pairwise(said)), set(itertools.pairwise(found))
        if len(wanted & pairs) >= max(1, len(wanted) - 2) and token not in "".join(said):
            kind = Missing(int(is_word(token)), int(is_number(token)))
            line = " ".join(block.split())
            told = told.plus(Missing(kind.words, kind.numbers, 1 - kind.words - kind.numbers, (line,), len(found)))
    return told


def _counted(chunks: Counter[str]) -> Counter[str]:
    """The tokens of pieces of text, each as often as its piece."""
    if not chunks:
        return Counter()
    return Counter(tokens("\n".join(chunks.elements()), lowered=True).texts)


def _found_apart(source: Tokens, copy: Tokens, lost: Counter[str], surplus: Counter[str]) -> Iterator[str]:
    """Lost tokens, once for each place where the copy has them in pieces, or joined to their neighbours."""
    joined, whole = _Joined(copy, surplus, ""), _Joined(copy, surplus, None)
    looked = 0
    given = Counter[str]()
    for i, token in enumerate(source.texts):
        if token not in lost or given[token] >= lost[token]:
            continue
        looked += 1
        if looked > _MOST_LOOKED_FOR:
            return
        number = is_number(token)
        space = whole if number else joined
        before = _run(source, i - 1, i) if number else "".join(source.texts[max(0, i - 1) : i])
        after = _run(source, i + 1, i) if number else "".join(source.texts[i + 1 : i + 2])
        if space.has(token, before, after):
            given[token] += 1
            yield token


def _run(source: Tokens, other: int, this: int) -> str:
    """A neighbour of a number, with the punctuation between the two."""
    if not 0 <= other < len(source.places):
        return ""
    first, second = sorted((other, this))
    (start, end), (start_2, end_2) = source.places[first], source.places[second]
    gap = "".join(source.folded[end:start_2].split())
    return source.folded[start:end] + gap if other < this else gap + source.folded[start_2:end_2]


class _Joined:
    """A copy without its spaces, and where in it the tokens are that the source has not.

    Args:
        between: what stands between tokens; None for the punctuation that does.
    """

    def __init__(self, copy: Tokens, surplus: Counter[str], between: str | None) -> None:
        parts: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._odd: list[bool] = []
        at = last = 0
        for token, (start, end) in zip(copy.texts, copy.places, strict=True):
            gap = "".join(copy.folded[last:start].split()) if between is None else between
            said = copy.folded[start:end] if between is None else token
            at += len(gap)
            self._starts.append(at)
            at += len(said)
            self._ends.append(at)
            self._odd.append(token in surplus)
            parts += (gap, said)
            last = end
        self._text = "".join(parts)
        self._edges, self._stops = set(self._starts), set(self._ends)
        self._used: set[int] = set()

    def has(self, token: str, before: str, after: str) -> bool:
        """Whether it stands somewhere in pieces, or joined with its neighbours, where nothing else was found yet."""
        if self._look(token, 0, len(token), exact=True):
            return True
        b, size = len(before), len(token)
        if before and self._look(before + token, b, size, exact=True):
            return True
        if after and self._look(token + after, 0, size, exact=True):
            return True
        if size >= _LEAST_OF_NOTE and is_word(token) and self._noted(token):
            return True
        run = before + token + after
        return bool(before and after) and len(run) >= _SURE_LETTERS and self._look(run, b, size, exact=False)

    def _noted(self, token: str) -> bool:
        """Whether it is the end of a word that begins with the number of a note (`iSluttnote`)."""
        at = -1
        for _ in range(_MOST_PLACES):
            at = self._text.find(token, at + 1)
            if at < 0:
                return False
            first = bisect.bisect_right(self._starts, at) - 1
            if first < 0 or at in self._used or self._ends[first] != at + len(token) or not self._odd[first]:
                continue
            if _NOTE_NUMBER.fullmatch(self._text, self._starts[first], at):
                self._used.add(at)
                return True
        return False

    def _look(self, run: str, offset: int, size: int, *, exact: bool) -> bool:
        at = -1
        for _ in range(_MOST_PLACES):
            at = self._text.find(run, at + 1)
            if at < 0:
                return False
            if exact and not (at in self._edges and at + len(run) in self._stops):
                continue
            start = at + offset
            if start in self._used:
                continue
            first = bisect.bisect_right(self._starts, start) - 1
            if first < 0 or (self._starts[first] == start and self._ends[first] == start + size):
                continue  # it is a token of the copy itself, and counted as such
            last = bisect.bisect_left(self._starts, start + size)
            if any(self._odd[first:last]):
                self._used.add(start)
                return True
        return False


def _places(source: Tokens, lost: Counter[str]) -> list[int]:
    """Where lost tokens stand in the source; of one that is there more often than it is lost, the last places."""
    if not lost:
        return []
    left = Counter(lost)
    places = []
    for i in range(len(source.texts) - 1, -1, -1):
        if left[source.texts[i]] > 0:
            left[source.texts[i]] -= 1
            places.append(i)
    return places


def _lost_repeats(source: Tokens, copy: Tokens, surplus: Counter[str], known: set[int]) -> list[int]:
    """Places of tokens that the copy has more often than the source, but nowhere beside a neighbour of that place."""
    doubtful = surplus.keys() & set(source.texts)
    if not doubtful or len(source.texts) > _MOST_REPEATED:
        return []
    texts = copy.texts
    pairs = set(itertools.pairwise(texts))
    found = []
    for i in range(1, len(source.texts) - 1):
        token = source.texts[i]
        if token not in doubtful or i in known:
            continue
        before, after = source.texts[i - 1], source.texts[i + 1]
        if (before, token) in pairs or (token, after) in pairs:
            continue
        start, end = source.places[i - 1][1], source.places[i + 1][0]
        if "\n" in source.folded[start:end] or (before, after) not in pairs:
            continue
        found.append(i)
    return found


def _lines(text: str, source: Tokens, places: list[int]) -> tuple[str, ...]:
    lines = text.split("\n")
    numbers: dict[int, None] = {}
    line = at = 0
    for i in places:
        start = source.places[i][0]
        line += source.folded.count("\n", at, start)
        at = start
        numbers[min(line, len(lines) - 1)] = None
    return tuple(said for n in numbers if (said := lines[n].strip()))
