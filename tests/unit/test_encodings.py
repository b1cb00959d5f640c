from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.normalise.encodings import decode

NOTE = (
    "Pasienten har vært på tur og følger råd. Blodtrykk 140/90, temp 37,5 °C. Økt dose – «ok» etter § 3-4.\r\n"
    "Årsak: smerter i høyre øye. Årlig kontroll hos øyelege på Ål."
)
PLAIN = NOTE.replace("–", "-").replace("«ok»", "ok")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (NOTE, "cp1252"),
        (PLAIN, "cp850"),
        (PLAIN.replace("§", "par."), "cp865"),
        (PLAIN + " 5 €", "iso8859-15"),
        (NOTE, "mac-roman"),
        (NOTE, "utf-8"),
        (NOTE, "utf-8-sig"),
        (NOTE, "utf-16"),
        (NOTE, "utf-16-le"),
        (NOTE, "utf-16-be"),
        (NOTE, "utf-32"),
        ("Tabell\n┌────┬────┐\n│ Hb │ 14 │\n└────┴────┘\nmålt i går", "cp850"),
        ("Blodprøve", "cp1252"),
        ("Blodprøve", "cp850"),
        ("ÆØÅ", "cp850"),
        ("± 2 mm", "cp1252"),
    ],
)
def test_what_was_written_is_read(text: str, encoding: str) -> None:
    found = decode(text.encode(encoding))
    assert found.text == text
    assert found.certain
    assert found.lossless


def test_seven_bit_norwegian() -> None:
    found = decode("Pasienten har v{rt p} tur, og f|r det ogs} vondt i h|yre |ye.".encode("ascii"))
    assert found.text == "Pasienten har vært på tur, og før det også vondt i høyre øye."
    assert not found.certain


def test_brackets_are_not_letters() -> None:
    code = "if (x) { a[i] = b|c; } // {p} er f|r"
    assert decode(code.encode("ascii")).text == code


def test_little_to_go_by_is_still_read() -> None:
    assert decode("½ tabl".encode("cp850")).text == "½ tabl"


def test_a_lone_sign_is_a_guess() -> None:
    assert not decode(b"\x9b\xb0").certain


def test_utf8_with_pasted_bytes() -> None:
    content = "Hun går på skole. Også før. ".encode() * 3 + "Blåbær".encode("cp1252")
    found = decode(content)
    assert found.text.endswith("Blåbær")
    assert not found.lossless


def test_broken_utf16_is_shown_leniently() -> None:
    found = decode("hei på deg".encode("utf-16") + b"\x01")
    assert found.text.startswith("hei på deg")
    assert not found.lossless


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_text(content: bytes) -> None:
    found = decode(content)
    if found.lossless and found.encoding not in ("ns_4551-1",):
        without_mark = content.removeprefix(b"\xef\xbb\xbf") if found.encoding == "utf-8" else content
        if found.encoding.startswith(("utf-16", "utf-32")):
            without_mark = without_mark[len(without_mark) - len(found.text.encode(found.encoding)) :]
        assert found.text.encode(found.encoding) == without_mark


WORDS = st.lists(
    st.sampled_from(
        [
            "Blodtrykk",
            "målt",
            "på",
            "høyre",
            "arm",
            "før",
            "trening",
            "og",
            "også",
            "væske",
            "ørene",
            "årlig",
            "Østby",
            "Ærlig",
            "Åse",
        ]
    ),
    min_size=6,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(words=WORDS, encoding=st.sampled_from(["cp1252", "cp850", "cp865", "iso8859-1", "utf-8", "utf-16"]))
def test_norwegian_words_in_any_page(words: list[str], encoding: str) -> None:
    text = " ".join(words)
    assert decode(text.encode(encoding)).text == text
