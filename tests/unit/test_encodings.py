from __future__ import annotations

import quopri
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import ebcdic
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


LETTER = "Pasienten går på kurs og får råd. Øyet er rødt, væske bak øret. Blodtrykk målt i høyre arm."


@pytest.mark.parametrize(
    "text", ["Blodtrykk målt", "Prøve", "på", LETTER, LETTER * 20, "Åse", "Zażółć gęślą jaźń", "Пациент в больнице"]
)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda utf8: utf8 + b", temp 38\xb0\r\n",
        lambda utf8: b"\xe5, " + utf8,
        lambda utf8: utf8 + b" p\xc3\xa5 \xc3",
        lambda utf8: utf8 + b" p\xc3\xa5 \xe2\x80",
        lambda utf8: utf8 + b" \xe2\x80\r\nNeste",
        lambda utf8: utf8 + b"\xff",
    ],
)
def test_one_wrong_byte_leaves_utf8_what_it_is(text: str, spoil: Callable[[bytes], bytes]) -> None:
    found = decode(spoil(text.encode()))
    assert text in found.text
    assert not found.certain
    assert not found.lossless
    assert found.detail.startswith("Read as utf-8; 1 byte is not of it")


def test_wrong_bytes_are_counted() -> None:
    found = decode((LETTER + " ").encode() + b"\xb0 \xe6 \xf8.")
    assert found.detail.startswith("Read as utf-8; 3 bytes are not of it")
    assert found.text.endswith("° æ ø.")


@pytest.mark.parametrize("page", ["cp1252", "cp850", "cp865"])
@pytest.mark.parametrize("wrong", [b"\x81", b"\x8d", b"\x9d", b"\x90"])
def test_one_byte_that_is_not_of_a_page_leaves_it_what_it_is(page: str, wrong: bytes) -> None:
    found = decode(LETTER.encode(page) + b" (" + wrong + b")")
    assert found.text.startswith(LETTER)


FIRST, THEN = "Prøve på Ås i 1991, føler seg bedre.", "Prøve på Ås i 1999, følte seg dårligere."


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("cp865", "cp1252"),
        ("cp850", "cp1252"),
        ("cp1252", "cp850"),
        ("utf-8", "cp1252"),
        ("cp1252", "utf-8"),
        ("utf-8", "cp850"),
        ("cp850", "utf-8"),
    ],
)
@pytest.mark.parametrize(("count", "others"), [(3, 3), (20, 1), (1, 20), (200, 7)])
def test_each_line_is_read_in_its_own_encoding(first: str, then: str, count: int, others: int) -> None:
    found = decode((FIRST + "\r\n").encode(first) * count + (THEN + "\r\n").encode(then) * others)
    assert found.text == (FIRST + "\r\n") * count + (THEN + "\r\n") * others
    assert not found.certain
    assert not found.lossless
    assert f"{min(count, others)} as " in found.detail or "not of it" in found.detail


def test_a_lone_line_of_foreign_words_does_not_make_two_encodings() -> None:
    text = f"{LETTER}\r\n– “sitat” fra café Zürich…\r\n{LETTER}"
    assert decode(text.encode("cp1252")).text == text


@pytest.mark.parametrize(
    "text",
    [
        "PASIENTEN FØLER SEG BEDRE PÅ SYKEHUSET. HUN HAR FÅTT BLÅBÆR OG RØDE PRØVER.",
        "Ingen feber. Hun fikk en ny blodprøve, og blir undersøkt i morgen.",
        "Øre: væske. Høyre øye rødt. Åpent sår på legg, måtte sys.",
        "BLODPRØVE",
        "INNLAGT PÅ SYKEHUS I GÅR, PÅ NY",
        "Hun ligger på rom 4, på avdeling 2",
    ],
)
def test_seven_bit_norwegian_small_and_capital(text: str) -> None:
    seats = str.maketrans("ÆØÅæøå", "[\\]{|}")
    found = decode(text.translate(seats).encode("ascii"))
    assert found.text == text
    assert not found.certain
    assert "ns_4551-1" in found.detail


@pytest.mark.parametrize(
    "text",
    [
        "C:\\PROGRAM\\PR\\VER\\for.txt [1] {a|b}",
        "[p] {s} x[i] = y|z; // \\r\\n",
        "Se [1] og [2]. {\\rtf1 f|r}",
        "\\par \\f0 {\\b fet}",
        "a = [1, 2, 3]; print({x: y})",
        "1+1=2, Hb=12, HTTP?a=b+c-d, x=41 y=E5",
        "Ring +47-22 22 22 22, +AB-",
    ],
)
def test_other_uses_of_those_signs_are_left_alone(text: str) -> None:
    found = decode(text.encode("ascii"))
    assert (found.text, found.encoding, found.certain) == (text, "ascii", True)


@pytest.mark.parametrize("text", [LETTER, "Kåre på Ås", "Temp 38 °C, målt på Ås – «ok»"])
def test_utf7_and_quoted_printable_that_were_saved_as_they_came(text: str) -> None:
    found = decode(text.encode("utf-7"))
    assert (found.text, found.certain) == (text, False)
    for encoding in ("utf-8", "cp1252"):
        found = decode(quopri.encodestring(text.encode(encoding)))
        assert (found.text.rstrip("\n"), found.certain) == (text, False)


@pytest.mark.parametrize("end", [b"\x15", b"\x25", b"\x0d\x25"])
@pytest.mark.parametrize("page", [277, 278, 500])
def test_ebcdic_is_read_and_told(page: int, end: bytes) -> None:
    table = {ebcdic.decode(bytes([code]), page): code for code in range(0x40, 0xFF)}
    lines = ["PASIENT KARI PROVE", "Pasienten har det bedre i dag, blodtrykk 120/80.", "Ny time om to uker."]
    if page == 277:
        lines.append("Føler seg bedre på Ås, ærlig talt.")
    found = decode(b"".join(bytes(table[c] for c in line) + end for line in lines))
    assert [line for line in found.text.split("\n") if line] == lines
    assert not found.certain
    assert "EBCDIC" in found.detail


def test_cards_of_ebcdic_are_lines() -> None:
    cards = "".join(f"{line:80}" for line in ("PASIENT 1 HAR DET BRA", "NY TIME OM TO UKER")).encode("cp500")
    assert decode(cards).text == "PASIENT 1 HAR DET BRA\nNY TIME OM TO UKER"


@pytest.mark.parametrize("text", ["@@@@@@@@@@@@@@@@@@@@ @@@ epost", "ÆØÅ" * 20, "På " * 30, "Жалобы на боли в груди"])
@pytest.mark.parametrize("page", ["cp1252", "cp850", "cp866"])
def test_no_other_text_is_taken_for_ebcdic(text: str, page: str) -> None:
    assert "EBCDIC" not in decode(text.encode(page, "ignore")).encoding


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("Jahr;Kinotheater;Kinosäle;Sitzplätze;Besucher in 1000;Vorhandene Plätze je 1000 Einwohner", "cp1252"),
        ("Text with a single right quote instead of an apostrophe shouldn’t be mistaken.", "utf-8"),
        ("delims=¶", "utf-8"),
        ("Précis:", "utf-8"),
        ("Adil davranmaktan bahsetmişken… Ağrı yok, iyi ve sağlıklı bir gün için", "cp1254"),
        ("SLIMOK: Środa, Śląsk, źródło, świeże powietrze nie jest", "cp1250"),
    ],
)
def test_shapes_that_other_detectors_were_reported_to_misread(text: str, page: str) -> None:
    assert decode(text.encode(page)).text == text
