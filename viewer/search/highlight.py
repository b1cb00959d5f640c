"""Where a query's words and phrases are in a text, and the pieces of it worth showing."""

from __future__ import annotations

from viewer.search import Snippet
from viewer.search.analysis import Analyser, Token
from viewer.search.query import Query, Slot

_BEFORE = 60
_WIDTH = 180


def find_matches(query: Query, text: str, analyser: Analyser) -> list[tuple[int, int]]:
    """The spans of the query's words, and of its phrases from first to last word; sorted, overlaps joined."""
    alternatives = [slots for leaf in query.leaves for slots in leaf.alternatives]
    if not alternatives:
        return []
    starting: dict[int, list[Token]] = {}
    for token in analyser.tokens(text):
        starting.setdefault(token.position, []).append(token)
    spans = []
    for tokens in starting.values():
        for token in tokens:
            for slots in alternatives:
                if _fits(slots[0], token) and (end := _follow(slots, token, starting)) is not None:
                    spans.append((token.start, end))
    return _joined(sorted(spans))


def make_snippets(query: Query, text: str, analyser: Analyser, n: int) -> tuple[Snippet, ...]:
    """The n pieces of the text with most matches in them, in the order of the text."""
    spans = find_matches(query, text, analyser)
    windows: list[list[tuple[int, int]]] = []
    for span in spans:
        if windows and span[1] - windows[-1][0][0] <= _WIDTH - _BEFORE:
            windows[-1].append(span)
        else:
            windows.append([span])
    best = sorted(windows, key=lambda w: (-len({text[a:b].lower() for a, b in w}), w[0]))[:n]
    return tuple(_snippet(text, window) for window in sorted(best))


def _fits(slot: Slot, token: Token) -> bool:
    if slot.prefix:
        return token.word.startswith(slot.prefix) or token.term.startswith(slot.prefix)
    return token.term in slot.terms


def _follow(slots: tuple[Slot, ...], first: Token, starting: dict[int, list[Token]]) -> int | None:
    """Where the phrase that begins with this token ends, None if it does not go on as it should."""
    reached = {first.last: first.end}
    for slot in slots[1:]:
        reached = {
            token.last: token.end
            for last in reached
            for token in starting.get(last + 1, ())
            if _fits(slot, token)
        }  # fmt: skip
    return max(reached.values(), default=None)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _snippet(text: str, spans: list[tuple[int, int]]) -> Snippet:
    start = _to_word(text, max(0, spans[0][0] - _BEFORE), spans[0][0])
    end = min(len(text), max(start + _WIDTH, spans[-1][1]))
    if end < len(text) and (space := text.rfind(" ", spans[-1][1], end)) > 0:
        end = space
    piece = "".join(c if c.isprintable() else " " for c in text[start:end])
    return Snippet(piece, tuple((a - start, b - start) for a, b in spans), start)


def _to_word(text: str, start: int, limit: int) -> int:
    """The beginning of a word at or after `start`."""
    if start == 0:
        return 0
    while start < limit and not text[start - 1].isspace():
        start += 1
    return start
