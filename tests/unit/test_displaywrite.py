"""DisplayWrite documents: the words of their text in the right letters, and away with what is not sure."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.identify import identify
from archive.normalise.contract import Limits
from archive.normalise.displaywrite import displaywrite, read
from archive.reasons import DocumentProblem, Flag, Reason

_LETTERS = {"æ": 0xC0, "ø": 0x6A, "å": 0xD0, "Æ": 0x7B, "Ø": 0x7C, "Å": 0x5B}
_RETURN = b"\x06"


def norwegian(text: str) -> bytes:
    """In code page 277."""
    return b"".join(bytes((_LETTERS[c],)) if c in _LETTERS else c.encode("cp500") for c in text)


def structured(kind: int, said: bytes = b"") -> bytes:
    return struct.pack(">HHB", 5 + len(said), kind, 0) + said


def control(kind: int, said: bytes = b"") -> bytes:
    return bytes((0x2B, kind >> 8, 2 + len(said), kind & 0xFF)) + said


def lines(page: int) -> bytes:
    """What line parameters say: seven bytes of margins, then character set and code page."""
    return bytes(7) + struct.pack(">HH", 697, page) + bytes(3)


def document(*bodies: bytes, page: int = 277, margins: bytes = b"", tail: bytes = b"") -> bytes:
    return b"".join(
        (
            structured(0xE103),
            structured(0xE205, struct.pack(">HH", 697, page) + bytes(8)),
            structured(0xE103),
            structured(0xE201, structured(0xE507, bytes(14)) + structured(0xE601, lines(page))),
            margins,
            *(structured(0xE104) + structured(0xE807, body) for body in bodies),
            structured(0xE106),
            tail,
        )
    )


def test_norwegian_letters_lines_and_pages_come_out(tmp_path: Path) -> None:
    first = norwegian("Blodprøve på Åsgård, Ærfugl og Øre.") + _RETURN + norwegian("Ny linje") + b"\x0c"
    path = tmp_path / "a.doc"
    path.write_bytes(document(first, norwegian("Side to"), tail=bytes(100)))
    assert identify(path, "a.doc").family == "rft"
    made = displaywrite(path, tmp_path / "out.pdf", Limits())
    assert made.text == "Blodprøve på Åsgård, Ærfugl og Øre.\nNy linje\nSide to"
    assert made.flags == ()


def test_form_is_left_out_and_told(tmp_path: Path) -> None:
    bold = control(0xD18A, b"\x01") + norwegian("Diagnose") + control(0xD18E) + norwegian(": frisk")
    (tmp_path / "a").write_bytes(document(control(0xD402) + control(0xD405, lines(277)) + control(0xD406) + bold))
    made = displaywrite(tmp_path / "a", tmp_path / "out.pdf", Limits())
    assert made.text == "Diagnose: frisk"
    assert [f.code for f in made.flags] == [Flag.DECODED_LENIENTLY]


def test_headers_stand_first_and_footers_last_with_their_page_number() -> None:
    head = structured(0xE801, norwegian("Ås kommune"))
    foot = structured(0xE804, norwegian("Side ") + control(0xD447, b"\x01"))
    assert read(document(norwegian("Notat"), margins=foot + head)).whole() == "Ås kommune\n\nNotat\n\nSide #"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (control(0xD472) + norwegian("feil") + control(0xD476), "D472"),  # struck out
        (norwegian("10") + b"\x095", "09"),  # raised
        (norwegian("o") + b"\x16" + norwegian("/"), "16"),  # struck over
        (control(0xD447), "D447"),
        (control(0xD985, b"\x01"), "D985"),
        (b"\xe1", "E1"),
        (control(0xD101, struct.pack(">HH", 697, 870)), "870"),
    ],
)
def test_what_could_change_the_meaning_is_not_read(body: bytes, said: str) -> None:
    with pytest.raises(DocumentProblem) as caught:
        read(document(body))
    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT
    assert said in caught.value.detail


def test_a_cut_document_is_truncated_and_a_broken_one_corrupt() -> None:
    whole = document(norwegian("Blodprøve"))
    for length in range(1, len(whole)):
        with pytest.raises(DocumentProblem) as caught:
            read(whole[:length])
        assert caught.value.reason is Reason.TRUNCATED, length
    for broken in (whole.replace(b"\0\5\xe1\4", b"\0\2\xe1\4"), document(b"\x2b\xd4"), document(b"\x2b\xd4\xff\x0a")):
        with pytest.raises(DocumentProblem) as caught:
            read(broken)
        assert caught.value.reason is Reason.CORRUPT


@given(st.data())
def test_bytes_changed_anywhere_are_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(document(norwegian("Blodprøve") + control(0xD405, lines(277)), norwegian("x")))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content))
    except DocumentProblem as e:
        assert e.reason in (Reason.TRUNCATED, Reason.CORRUPT, Reason.UNSUPPORTED_FORMAT)


def test_a_document_that_displaywrite_wrote(shared: Path) -> None:
    path = shared / "corpus" / "doc" / "format-corpus__testIBMDisplayWrite40.doc"
    words = read(path.read_bytes()).whole().replace(".", "").split()
    assert words == 12 * ["Sluwe", "Sjaantje", "sloeg", "de", "slome", "slager"]
