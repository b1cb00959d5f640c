"""The words people type, understood: a small grammar of our own, in which nothing is an error.

    query   = item { item }                every item must be there (AND may be written, and means nothing)
    item    = word | phrase | item OR item | -item | NOT item
    phrase  = "word word ..."              the words beside each other, in this order
    word*                                  any word that begins so; at least three letters

OR binds more tightly than the space: `hoste feber OR frysninger` asks for hoste and one of the others. ELLER is OR.
A query is cut at 200 characters and 10 words or phrases. What cannot be understood is taken as words, with a note.
A word also finds its synonyms (schemas/synonyms.toml); in quotation marks it does not.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from viewer.search import QueryNote
from viewer.search.analysis import GROUPED, Analyser

MAX_CHARACTERS = 200
MAX_LEAVES = 10
MIN_PREFIX = 3

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»″", '"'))
_PART = re.compile(r'(?P<minus>-?)"(?P<phrase>[^"]*)(?P<close>"?)|(?P<plain>(?<!\S)(?:' + GROUPED + r')(?!\S)|[^\s"]+)')


@dataclass(frozen=True, slots=True)
class Slot:
    """What may stand at one place: any of these terms, or any word with this prefix."""

    terms: frozenset[str]
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A word or phrase: one of the alternatives must be there, the slots of an alternative beside each other."""

    alternatives: tuple[tuple[Slot, ...], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """Of each group in `required` one leaf must be there, of `excluded` none."""

    required: tuple[tuple[Leaf, ...], ...]
    excluded: tuple[Leaf, ...] = ()
    notes: tuple[QueryNote, ...] = ()

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """All that is asked for, without what is excluded."""
        return tuple(leaf for group in self.required for leaf in group)


@dataclass(slots=True)
class _Reading:
    groups: list[list[Leaf]] = field(default_factory=list)
    excluded: list[Leaf] = field(default_factory=list)
    notes: dict[QueryNote, None] = field(default_factory=dict)
    either: bool = False
    negated: bool = False

    def note(self, note: QueryNote) -> None:
        self.notes[note] = None

    def add(self, leaf: Leaf, *, minus: bool = False) -> None:
        if len(self.excluded) + sum(map(len, self.groups)) >= MAX_LEAVES:
            self.note(QueryNote.TOO_MANY_WORDS)
        elif minus or self.negated:
            if self.either:
                self.note(QueryNote.OPERATOR_MISPLACED)
            self.excluded.append(leaf)
        elif self.either and self.groups:
            self.groups[-1].append(leaf)
        else:
            self.groups.append([leaf])
        self.either = self.negated = False


def parse(text: str, analyser: Analyser, synonyms: Mapping[str, frozenset[str]] | None = None) -> Query:
    """Understand a query. `synonyms` gives for a term the terms that mean the same (default: ours)."""
    synonyms = load_synonyms() if synonyms is None else synonyms
    reading = _Reading()
    text = unicodedata.normalize("NFC", text).translate(_QUOTES).strip()
    if len(text) > MAX_CHARACTERS:
        reading.note(QueryNote.TOO_LONG)
        # a word cut in two would be another word
        text = text[: MAX_CHARACTERS + 1].rpartition(" ")[0] or text[:MAX_CHARACTERS]
    for part in _PART.finditer(text):
        plain = part["plain"]
        if plain is not None:
            _plain(plain, reading, analyser, synonyms)
        elif part["close"]:
            _phrase(part["phrase"], reading, analyser, minus=bool(part["minus"]))
        else:
            reading.note(QueryNote.QUOTE_OPEN)
            for word in part["phrase"].split():
                _plain(word, reading, analyser, synonyms)
    if reading.either or reading.negated:
        reading.note(QueryNote.OPERATOR_MISPLACED)
    if not reading.groups:
        reading.note(QueryNote.ONLY_EXCLUDED if reading.excluded else QueryNote.EMPTY)
    return Query(tuple(map(tuple, reading.groups)), tuple(reading.excluded), tuple(reading.notes))


def _plain(word: str, reading: _Reading, analyser: Analyser, synonyms: Mapping[str, frozenset[str]]) -> None:
    if word in ("OR", "ELLER"):
        if reading.either or not reading.groups:
            reading.note(QueryNote.OPERATOR_MISPLACED)
        reading.either = bool(reading.groups)
        return
    if word == "NOT":
        reading.negated = True
        return
    if word == "AND":
        return
    minus = len(word) > 1 and word[0] == "-"
    bare = word.lstrip("-") if minus else word
    starred = bare.rstrip(".,;:!?)").endswith("*")
    if "*" in bare.rstrip(".,;:!?)").rstrip("*"):
        reading.note(QueryNote.STAR_MISPLACED)
        starred = False
    tokens = list(analyser.tokens(bare.replace("*", " ")))
    pieces = [t for t in tokens if t.position == t.last]
    if not pieces:
        return
    if starred and len(pieces[-1].word) < MIN_PREFIX:
        reading.note(QueryNote.PREFIX_SHORT)
        starred = False
    slots = [Slot(frozenset({t.term}) | (synonyms.get(t.term, frozenset()) if len(pieces) == 1 else frozenset()))
             for t in pieces]  # fmt: skip
    if starred:
        slots[-1] = Slot(frozenset(), pieces[-1].word)
    alternatives = [tuple(slots)]
    whole = [t for t in tokens if t.last > t.position]
    if whole and len(whole) == 1 and (whole[0].position, whole[0].last) == (0, len(pieces) - 1):
        joined = Slot(frozenset(), whole[0].word) if starred else Slot(frozenset({whole[0].term}))
        alternatives.append((joined,))
    reading.add(Leaf(tuple(alternatives)), minus=minus)


def _phrase(phrase: str, reading: _Reading, analyser: Analyser, *, minus: bool) -> None:
    slots = tuple(Slot(frozenset({t.term})) for t in analyser.tokens(phrase) if t.position == t.last)
    if slots:
        reading.add(Leaf((slots,)), minus=minus)


@cache
def load_synonyms() -> Mapping[str, frozenset[str]]:
    """For a term the terms of the groups it is in (schemas/synonyms.toml), stemmed."""
    analyser = Analyser()
    data = tomllib.loads(resources.files("schemas").joinpath("synonyms.toml").read_text("utf-8"))
    table: dict[str, set[str]] = {}
    for group in data["groups"]:
        terms = {analyser.stem(unicodedata.normalize("NFC", word)) for word in group}
        for term in terms:
            table.setdefault(term, set()).update(terms)
    return {term: frozenset(terms) for term, terms in table.items()}
