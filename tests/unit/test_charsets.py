"""Texts whose character set is declared, and header fields."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.normalise.charsets import codec_of, declared
from archive.normalise.mailfields import header

LETTER = "Prøven på Ås viste økt CRP, vær så god å ringe."
WINDOWS = "Hun sa “det går bra” – pris 100 €, Han’s prøve…"


@pytest.mark.parametrize(
    "name", ["iso-8859-1", "ISO_8859-1", "latin1", "Latin-1", "us-ascii", "x-ansi", "windows-1252"]
)
def test_latin1_means_windows_1252(name: str) -> None:
    found = declared(WINDOWS.encode("cp1252"), name)
    assert found.text == WINDOWS
    assert found.lossless


@pytest.mark.parametrize("name", ["iso-8859-1", "windows-1252", "iso-8859-15", "us-ascii", "cp850"])
def test_utf8_under_another_name_is_utf8_and_told(name: str) -> None:
    found = declared(LETTER.encode(), name)
    assert found.text == LETTER
    assert name == "us-ascii" or not found.certain
    assert declared("å".encode() * 2, name).text == "åå"


def test_what_reads_well_as_declared_stays_as_declared() -> None:
    """C2 B7 is a sign of UTF-8, and a capital with a dot of Windows-1252."""
    for text, name in ((LETTER, "cp1252"), ("Zażółć gęślą jaźń", "iso8859-2"), ("Пациент в больнице", "koi8-r")):
        found = declared(text.encode(name), name)
        assert (found.text, found.certain, found.lossless) == (text, True, True)


@pytest.mark.parametrize(("says", "name"), [("iso-8859-1", "cp850"), ("iso-8859-1", "mac-roman")])
def test_a_declaration_that_makes_nonsense_gives_way(says: str, name: str) -> None:
    found = declared((LETTER * 3).encode(name), says)
    assert found.text == LETTER * 3
    assert found.detail.startswith("Declared as cp1252")


@pytest.mark.parametrize("wrong", [b"\xb0", b"\xc3", b"\xe2\x80"])
def test_declared_utf8_with_a_wrong_byte_stays_utf8(wrong: bytes) -> None:
    found = declared(b"m\xc3\xa5lt til 120/80 " + wrong, "utf-8")
    assert found.text.startswith("målt til 120/80 ")
    assert not found.lossless


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gb2312", "发烧头痛"),
        ("shift_jis", "患者は①元気です"),
        ("ks_c_5601-1987", "환자는 좋습니다"),
        ("iso-2022-jp", "患者"),
        ("iso-8859-9", "Göğüs ağrısı"),
        ("iso-8859-8-i", "חולה"),
        ("utf-7", LETTER),
        ("utf-16", LETTER),
        ("macintosh", LETTER),
    ],
)
def test_names_mean_what_mail_programs_mean(name: str, text: str) -> None:
    codec = codec_of(name)
    assert codec is not None
    assert declared(text.encode(codec), name).text == text


@pytest.mark.parametrize(
    "name", [None, "", "x-unknown", "no-such-set", "base64", "rot13", "unicode_escape", "idna", "\0"]
)
def test_a_name_of_no_set_is_none(name: str | None) -> None:
    assert codec_of(name) is None
    assert declared(LETTER.encode("cp1252"), name).text == LETTER


@given(st.binary(max_size=80), st.sampled_from([None, "utf-8", "iso-8859-1", "gb2312", "utf-16", "utf-7", "koi8-r"]))
def test_any_bytes_under_any_name_are_text(content: bytes, name: str | None) -> None:
    declared(content, name).text.encode("utf-8", "surrogatepass")


def encoded(text: str, charset: str, kind: str = "Q", codec: str = "") -> str:
    content = text.encode(codec or charset)
    coded = (
        base64.b64encode(content) if kind == "B" else quopri.encodestring(content, header=True).replace(b"?", b"=3F")
    )
    return f"=?{charset}?{kind}?{coded.decode()}?="


@pytest.mark.parametrize("kind", ["Q", "B"])
def test_words_of_fields(kind: str) -> None:
    assert header(encoded("Prøve – “viktig”", "iso-8859-1", kind, "cp1252")).text == "Prøve – “viktig”"
    assert header(f"Sv: {encoded('Prøve', 'utf-8', kind)} (ny)").text == "Sv: Prøve (ny)"
    assert (
        header(f"{encoded('Åse', 'utf-8', kind)}\r\n {encoded('Øye', 'utf-8', kind)} <a@b.no>").text
        == "ÅseØye <a@b.no>"
    )


def test_a_character_that_is_cut_between_two_encoded_words_is_whole() -> None:
    first, second = (base64.b64encode(part).decode() for part in (b"Pr\xc3", b"\xb8ve"))
    found = header(f"=?UTF-8?B?{first}?=\r\n =?utf-8?B?{second}?=")
    assert (found.text, found.certain) == ("Prøve", True)


def test_broken_encoded_words_lose_nothing() -> None:
    assert header("=?iso-8859-1?Q?Pr=F8ve p=E5 tur?=").text == "Prøve på tur"
    assert header("=?utf-8?B?UHLDuHZl").text == "=?utf-8?B?UHLDuHZl"
    assert header("=?utf-8?B?UHLDuHZ?=").text.startswith("Pr")
    assert header("=?utf-8*no?Q?Pr=C3=B8ve?=").text == "Prøve"


@pytest.mark.parametrize("codec", ["utf-8", "cp1252"])
def test_bytes_that_nobody_encoded(codec: str) -> None:
    raw = "Prøve på Ås".encode(codec).decode("ascii", "surrogateescape")
    assert header(raw).text == "Prøve på Ås"
    assert header(f"{raw} {encoded('øye', 'utf-8')}", "iso-8859-1").text == "Prøve på Ås øye"
