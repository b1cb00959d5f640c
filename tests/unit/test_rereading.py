"""A source read a second time and held against its copy: each word, number and sign that is lost is told, none else."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archive.reasons import Flag
from archive.rereading.compare import compare
from archive.rereading.contract import Findings, Reading
from archive.rereading.tokens import tokens


def found(source: str, copy: str) -> Findings:
    return compare(Reading(source), copy, copy)


def lost(source: str, copy: str) -> tuple[int, int, int]:
    missing = found(source, copy).on_pages
    return missing.words, missing.numbers, missing.signs


def test_tokens_are_words_numbers_and_signs() -> None:
    said = "BT 120/80, T -3 °C (-1,5) 10-15 ½ m² 10⁹ ☑ ja → 50µg 25 % _ • – x"
    assert tokens(said).texts == [
        *("bt", "120/80", "t", "-3", "°", "c", "-1,5", "10-15", "½", "m", "²", "10", "⁹", "☑", "ja", "→", "50", "μg"),
        *("25", "%", "x"),
    ]


@pytest.mark.parametrize(
    ("source", "copy", "missing"),
    [
        ("Dose 50 µg daglig", "Dose 50 g daglig", (1, 0, 0)),
        ("Temp ≥ 38", "Temp 38", (0, 0, 1)),
        ("Temp ≥ 38", "Temp > 38", (0, 0, 1)),
        ("Dose 1,5 mg", "Dose 15 mg", (0, 1, 0)),
        ("Dose 1,5 mg", "Dose 1.5 mg", (0, 1, 0)),
        ("Dose 12 mg", "Dose 128 mg", (0, 1, 0)),
        ("BE -3", "BE 3", (0, 1, 0)),
        ("½ tablett", "1 tablett", (0, 0, 1)),
        ("svar og svaret", "og svaret", (1, 0, 0)),
        ("ja i dag", "ja dag", (1, 0, 0)),
        ("☑ ja ☐ nei", "☐ ja ☐ nei", (0, 0, 1)),
        ("β-blokker", "b-blokker", (1, 0, 0)),
        ("血圧", "血", (1, 0, 0)),
        ("blodprøve blod, prøve,", "blod prøve", (1, 0, 0)),
        ("blodprøve blod prøve", "blod prøve nytt", (1, 0, 0)),  # other words are not its pieces
        ("blodprøve og blodprøve", "blod prøve og", (1, 0, 0)),  # what is found in pieces is found once
        ("den i dag, i morgen", "Side i Side i\nden dag, i morgen", (1, 0, 0)),
        ("se sluttnote her", "se vsluttnoten her", (1, 0, 0)),
        ("se sluttnote her", "se avsluttnote her", (1, 0, 0)),
    ],
)
def test_what_is_lost_or_changed_is_told(source: str, copy: str, missing: tuple[int, int, int]) -> None:
    assert lost(source, copy) == missing
    assert lost(source, source) == (0, 0, 0)


@pytest.mark.parametrize(
    ("source", "copy"),
    [
        ("Blodprøvesvar er 120/80 fint", "blodprø-\nvesvar er 120/\n80 fint".replace("-\n", "\x02\r\n")),
        ("Blodprøvesvar er fint", "Blodprø\nvesvar erfint"),
        ("CRP 12 og 13", "CRP 1\n2 og13"),
        ("50 μg/l", "50 µg/l"),
        ("finne ﬁnne", "ﬁnne finne"),
        ("−5 og ∆", "-5 og Δ"),
        ("Navn: Kari\nAlder: 50", "Alder: 50 Navn: Kari"),
        ("m² og 10⁹", "m2 og 109"),
        ("teksten\nSluttnote her", "teksten\niSluttnote her"),
    ],
)
def test_lines_order_and_forms_are_no_loss(source: str, copy: str) -> None:
    assert lost(source, copy) == (0, 0, 0)


def test_raised_digits_behind_a_digit_are_told_of_the_text_copy() -> None:
    assert compare(Reading("LPK 10⁹, areal m²"), "LPK 109 areal m2", "LPK 109 areal m2").raised == 1
    for copy in ("LPK 10⁹ areal m²", "LPK 10^9 areal m2"):
        assert compare(Reading("LPK 10⁹, areal m²"), "LPK 109 areal m2", copy).sound
    assert compare(Reading("10⁻³"), "10-3", "10^-3").sound


@pytest.mark.parametrize("letter", ["\ue000", "\uf0fe", "\ufffd", "\x85", "\U000f1234"])
def test_characters_without_a_meaning_are_told(letter: str) -> None:
    assert [f for f, _ in found(f"a {letter} b", f"a {letter} b").flags()] == [Flag.SYMBOLS_UNREADABLE]


def test_pages_without_any_word_of_the_source_are_blank() -> None:
    assert found("Ikke tomt", " \f ").blank
    assert not found("Ikke tomt", "Ikke").blank
    assert not found("–", "").blank


def test_the_lines_that_hold_what_is_missing_are_given() -> None:
    missing = found("Første linje\nAndre µ linje\n  Tredje linje ", "Første linje Andre linje linje").on_pages
    assert missing.lines == ("Andre µ linje", "Tredje linje")


def test_each_flag_says_its_own_kind() -> None:
    told = found("mg 1,5 ≥", "noe").flags()
    assert [f for f, _ in told] == [Flag.WORDS_MISSING, Flag.NUMBERS_CHANGED, Flag.SYMBOLS_MISSING]
    assert {d for _, d in told} == {"1 of 3 words, numbers and signs."}


def test_the_pages_and_the_text_copy_are_held_apart() -> None:
    only_text = compare(Reading("a 1 µ"), "a", "a 1 µ")
    assert (only_text.on_pages.total, only_text.in_text.total) == (2, 0)
    only_pages = compare(Reading("a 1 µ"), "a 1 µ", "a")
    assert (only_pages.on_pages.total, only_pages.in_text.total) == (0, 2)


WORDS = st.lists(st.text("abcdeæøåµ", min_size=1, max_size=6) | st.integers(0, 999).map(str) | st.sampled_from("≥±☑°"))


@given(WORDS, st.data())
def test_one_token_less_is_always_told(words: list[str], data: st.DataObject) -> None:
    assume(len(words) > 1)
    at = data.draw(st.integers(0, len(words) - 1))
    left = words[:at] + words[at + 1 :]
    assert found(" ".join(words), " ".join(left)).on_pages.total == len(tokens(words[at]).texts)
    assert found(" ".join(words), "\n".join(reversed(words))).sound


def around(margins: str, copy: str) -> int:
    return compare(Reading("Notat om en ting", margins), copy, copy).on_pages.total


@pytest.mark.parametrize(
    ("margins", "copy", "missing"),
    [
        ("Journal for Kari Prøve født 01.02.1950", "Journal for Kari Prøve født 01.02.1950 Notat om en ting", 0),
        ("Journal for Kari Prøve født 01.02.1950", "Journal for Kari Prøve født 01.02.1960 Notat om en ting", 1),
        ("Journal for Kari Prøve", "Journal for Prøve Notat om en ting", 1),
        ("Journal for Kari Prøve", "Notat om en ting", 0),
        ("Journal for Kari\fNotatark for Kari", "Journal for Kari Notat om en ting", 0),
        ("Side 2 av 3 journal for", "Side 1 av 1 journal for Notat om en ting", 0),
        ("Journal forKari Prøve her", "Journal for Kari Prøve her Notat om en ting", 0),
    ],
)
def test_a_header_that_is_there_must_be_whole(margins: str, copy: str, missing: int) -> None:
    assert around(margins, copy) == missing
