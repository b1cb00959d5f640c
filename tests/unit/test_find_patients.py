"""Patients looked for by names and numbers as people write them."""

from __future__ import annotations

import pytest

from archive.catalogue import Catalogue
from archive.store import ArchiveStore
from tests.journals import make_patient
from viewer.records import Records

NAMES = {
    "a": ("D'Angelo", "Kari"),
    "b": ("Åsgård", "Anne-Marie"),
    "c": ("Moe", "Annemarie"),
    "d": ("Van_der_Berg", "Per"),
    "e": ("Müller", "Møtte"),
}


@pytest.fixture
def records(archive_store: ArchiveStore) -> Records:
    catalogue = Catalogue.open(archive_store, write=True)
    for key, (family, given) in NAMES.items():
        catalogue.record_patient(make_patient(key, family_name=family, given_name=given))
    return Records(catalogue)


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("DAngelo", "D'Angelo"),
        ("D Angelo", "D'Angelo"),
        ("D’Angelo", "D'Angelo"),
        ("kari d'ang", "D'Angelo"),
        ("Annemarie", "Moe Åsgård"),
        ("Anne-Marie", "Moe Åsgård"),
        ("Anne Marie", "Moe Åsgård"),
        ("Marie", "Åsgård"),
        ("Marie Anne", "Åsgård"),
        ("Asgard", "Åsgård"),
        ("Aasgaard", "Åsgård"),
        ("Åsg Anne Mari", "Åsgård"),
        ("Berg, Per", "Van_der_Berg"),
        ("Mueller", "Müller"),
        ("Mul\u200bler", "Müller"),
    ],
)
def test_a_name_as_people_write_it(records: Records, name: str, who: str) -> None:
    found, _ = records.find("", name, None, 10)
    assert sorted(p.family_name for p in found) == sorted(who.split(" "))
