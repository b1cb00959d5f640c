"""Codes in words, and dates as people write them."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import Babel

from archive.identifiers import IdentifierType
from archive.reasons import Flag
from archive.record import AddressProtection, DocumentStatus, FileRole, Sex
from viewer.access import Ground, Role
from viewer.pages import words
from viewer.pages.snippets import marked, matched_words
from viewer.records import Flagged
from viewer.search import QueryNote


def test_every_code_of_the_archive_has_words() -> None:
    assert set(words._SENTENCES) == set(Flag)
    assert set(words.GROUNDS) == set(Ground) and set(words.ROLES) == set(Role)
    assert set(words.SEXES) == {s.value for s in Sex}
    assert set(words.IDENTIFIERS) == {t.value for t in IdentifierType}
    assert set(words.FILE_ROLES) == {r.value for r in FileRole}
    assert set(words.STATUSES) == {s.value for s in DocumentStatus} - {"signed", "unknown"}
    assert set(words.PROTECTION) == {p.value for p in AddressProtection} - {"none"}
    assert set(words.NOTES) == set(QueryNote)


def test_flags_in_words() -> None:
    app = Flask(__name__)
    Babel(app, default_locale="nb")
    with app.test_request_context():
        assert "ikke en gyldig dato" in words.sentence(Flagged("date-invalid", "document date"))
        assert "UTP" not in words.sentence(Flagged("unknown-code", "unit: UTP")), "a detail may name a place"
        assert words.sentence(Flagged("of-a-later-version", "Says so.")) == "of-a-later-version"
        assert words.short(Flagged("vanished-from-source", "")) == "Borte i kilden"
        assert words.short(Flagged("encoding-guessed", "")) == "" == words.short(Flagged("of-a-later-version", ""))


@pytest.mark.parametrize(
    ("iso", "shown"),
    [("2004-04-03", "03.04.2004"), ("2004-04", "04.2004"), ("2004", "2004"), (None, ""), ("31.02.1999", "31.02.1999"),
     ("2004-04-03T13:45:00", "03.04.2004")],
)  # fmt: skip
def test_shown_date(iso: str | None, shown: str) -> None:
    assert words.shown_date(iso) == shown


def test_shown_time() -> None:
    assert words.shown_date("2004-04-03T13:45:00", time=True) == "03.04.2004 13:45"


@pytest.mark.parametrize(
    ("typed", "iso"),
    [
        ("17.5.1948", "1948-05-17"),
        ("17051948", "1948-05-17"),
        (" 1948-05-17 ", "1948-05-17"),
        ("17/05/1948", "1948-05-17"),
        ("17.05.48", None),
        ("1948", None),
        ("32.01.1948", None),
        ("01.13.1948", None),
        ("", None),
        ("17.5.1948x", None),
    ],
)
def test_iso_date(typed: str, iso: str | None) -> None:
    assert words.iso_date(typed) == iso


def test_numbers_and_sizes() -> None:
    assert words.grouped("17854810073", "fnr") == "178548 10073"
    assert words.grouped("17854810073", "local") == "17854810073" and words.grouped("123", "fnr") == "123"
    assert words.size(10) == "1 kB" and words.size(20_400) == "20 kB" and words.size(1_550_000) == "1,6 MB"


def test_marked_gives_the_text_back() -> None:
    text = "En pneumoni og to Pneumonier."
    spans = [(3, 11), (18, 28)]
    assert list(marked(text, spans)) == [
        ("En ", False),
        ("pneumoni", True),
        (" og to ", False),
        ("Pneumonier", True),
        (".", False),
    ]
    assert list(marked(text, [(3, 11), (5, 8)]))[1] == ("pneumoni", True), "overlapping spans never repeat text"
    assert list(marked("", [])) == []
    assert matched_words("en brutt\n frase", [(3, 15)]) == ["brutt frase"]
    assert matched_words(text, [*spans, (3, 11), (4, 4)]) == ["pneumonier", "pneumoni"]
