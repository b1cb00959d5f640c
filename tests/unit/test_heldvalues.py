from __future__ import annotations

import base64

import pytest

from archive.normalise.heldvalues import held, rtf_bytes

RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}\f0\fs20 "
    r"Kari f\'f8ler seg bedre.\par Ny time \'e5 avtale.\par}"
)


def test_rtf_kept_as_text_says_its_words() -> None:
    found = held("\n " + RTF)
    assert found is not None
    assert found.text == "Kari føler seg bedre.\nNy time å avtale."
    assert found.extension == "rtf"


def test_letters_and_signs_beyond_ascii_in_such_rtf_are_kept() -> None:
    found = held(RTF.replace("Kari", "Åse 😀 ≥ 38"))
    assert found is not None
    assert found.content.isascii()
    assert found.text is None or found.text.startswith("Åse 😀 ≥ 38")
    assert rtf_bytes("ø≥").decode() == "\\u248?\\u8805?"
    assert rtf_bytes("\uff01") == b"\\u-255?"


@pytest.mark.parametrize("control", [r"\strike Marevan\strike0 ", r"10\super 9\nosupersub ", r"\weird123\*\x "])
def test_what_words_alone_would_not_say_is_a_file_of_its_own(control: str) -> None:
    found = held(RTF.replace("Ny time", control + "Ny time"))
    assert found is not None
    assert found.text is None
    assert control.strip().encode() in found.content


@pytest.mark.parametrize("wrap", [0, 64, 76])
@pytest.mark.parametrize(
    ("content", "extension"),
    [(b"%PDF-1.4\n%abc\n%%EOF short", "pdf"), (RTF.encode(), "rtf"), (b"\x89PNG\r\n\x1a\n" + bytes(40), "png")],
)
def test_base64_of_a_known_kind_is_that_file(content: bytes, extension: str, wrap: int) -> None:
    coded = base64.b64encode(content).decode()
    if wrap:
        coded = "\r\n".join(coded[at : at + wrap] for at in range(0, len(coded), wrap))
    for value in (coded, coded.rstrip("="), f"data:application/x;base64,{coded}", content.hex(), content.hex().upper()):
        found = held(value)
        assert found is not None
        assert (found.content, found.extension) == (content, extension)


@pytest.mark.parametrize(
    "value", ["", "JVBERi0=", "Pasienten har det bra", "{ikke rtf}", "deadbeef" * 8, "QUJD" * 30, r"{\rtfabc 1}"]
)
def test_any_other_value_stays_text(value: str) -> None:
    assert held(value) is None
