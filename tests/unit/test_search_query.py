"""Whatever is typed is understood as something; our synonym table is what it claims to be."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.search.analysis import Analyser
from viewer.search.highlight import find_matches, make_snippets
from viewer.search.query import MAX_LEAVES, MIN_PREFIX, load_synonyms, parse

_TYPED = st.text(alphabet=st.sampled_from(list('abæå\u030a-"*() :/.,7ORNT\n\u00ad«»\x00|+^~[]{}\\')), max_size=260)


@given(_TYPED | st.text(max_size=260))
def test_no_query_is_an_error(text: str) -> None:
    query = parse(text, Analyser())
    leaves = [*query.leaves, *query.excluded]
    assert len(leaves) <= MAX_LEAVES
    for leaf in leaves:
        for slots in leaf.alternatives:
            assert slots
            for slot in slots:
                assert slot.terms or len(slot.prefix) >= MIN_PREFIX
    assert query.required or query.notes, "nothing is asked for, and nobody is told"


@given(_TYPED, st.text(max_size=400) | _TYPED)
def test_matches_lie_in_the_text_in_order_and_snippets_agree(query: str, text: str) -> None:
    analyser = Analyser()
    parsed, end = parse(query, analyser), 0
    for start, stop in find_matches(parsed, text, analyser):
        assert end <= start < stop <= len(text)
        end = stop
    for snippet in make_snippets(parsed, text, analyser, 2):
        assert all(0 <= a < b <= len(snippet.text) for a, b in snippet.spans)
        assert len(snippet.text) <= len(text)


@given(st.text(max_size=300) | _TYPED)
def test_the_words_of_a_text_are_those_that_are_indexed(text: str) -> None:
    analyser, positions = Analyser(), dict[str, int | list[int]]()
    analyser.positions(text, 0, positions)
    tokens = list(analyser.tokens(text))
    assert {t.term for t in tokens} == positions.keys()
    for term, found in positions.items():
        places = [found] if isinstance(found, int) else found
        assert places == sorted(set(places))
        assert set(places) == {p for t in tokens if t.term == term for p in (t.position, t.last)}


def test_every_group_of_synonyms_joins_words_that_would_not_meet_without_it() -> None:
    analyser = Analyser()
    groups = tomllib.loads(resources.files("schemas").joinpath("synonyms.toml").read_text("utf-8"))["groups"]
    for group in groups:
        assert len({analyser.stem(word) for word in group}) > 1, group
        assert all(len(list(analyser.tokens(word))) == 1 for word in group), group
    assert all(term in same for term, same in load_synonyms().items())


@pytest.mark.parametrize(
    ("written", "asked", "found"),
    [("CO₂-retensjon", "co2", True), ("BMI 31 kg/m²", "m2", True), ("10⁹/l", "10⁹", True), ("10⁹/l", "109", False)],
)
def test_raised_and_lowered_digits_are_found_as_digits(written: str, asked: str, found: bool) -> None:
    analyser = Analyser()
    terms = [t.term for t in analyser.tokens(written)]
    wanted = [t.term for t in analyser.tokens(asked)]
    assert any(terms[n : n + len(wanted)] == wanted for n in range(len(terms))) is found
