"""Names that are spelt in several ways, and names that are joined or not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.names import fold_name, name_column, name_forms


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Bjørn", "BJOERN"),
        ("Bjørn", "bjorn"),
        ("Bøe", "Boee"),
        ("Håkon Ås", "haakon aas"),
        ("Sæther", "saether"),
        ("Göran Ängström", "goran angstrom"),
        ("Åsgård", "Asgard"),
        ("Aasgaard", "Åsgard"),
        ("Sæther", "Sather"),
        ("Müller", "Mueller"),
        ("Müller", "muller"),
        ("Han\u200bsen", "Hansen"),
        ("Han\u00adsen", "\ufeffhansen"),
        ("André-Marie  O'Neil", "andre marie o neil"),
        ("Šuoŋŋá Đorđević", "suonna dordevic"),
        ("Straße", "STRASSE"),
        (unicodedata.normalize("NFD", "Ågård"), "aagaard"),
        ("", " - "),
    ],
)
def test_names_alike_fold_alike(left: str, right: str) -> None:
    assert fold_name(left) == fold_name(right)


def test_names_apart_stay_apart() -> None:
    assert len({fold_name(n) for n in ("Hansen", "Hanssen", "Ås", "Os", "Sara", "Søren", "Særen", "王", "Иван")}) == 9


@given(st.text(max_size=30))
def test_folding_does_not_depend_on_unicode_form_and_is_stable(name: str) -> None:
    folded = fold_name(name)
    assert fold_name(folded) == folded
    assert fold_name(unicodedata.normalize("NFD", name)) == fold_name(unicodedata.normalize("NFC", name)) == folded


@given(st.text(max_size=12), st.text(alphabet="aeouøåæäöüAEOUbdnst", max_size=6))
def test_the_beginning_of_a_name_folds_to_the_beginning(head: str, tail: str) -> None:
    """A name typed in part finds the whole: words are looked for by their beginnings."""
    typed, whole = fold_name(head).split(), fold_name(f"{head}{tail}").split()
    assert all(w.startswith(t) for t, w in zip(typed, whole, strict=False))


def test_joined_names_stand_both_ways() -> None:
    assert name_column("D'Angelo Anne-Marie") == "d angelo anne marie dangelo annemarie"
    assert name_column("Ås-Ås Ås-Ås Per") == "as as as as per asas"
    assert name_column("Hansen Kari") == "hansen kari"
    assert name_forms("O’Neil") == ("oneil", ["o", "neil"])
    assert name_forms("-") == ("", [])
