"""What a Windows metafile says of itself, and that nothing in one makes the reader fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.normalise.metafile import look, read
from archive.reasons import DocumentProblem, Flag, Reason
from tests import documents
from tests.metafiles import (
    emf,
    emf_line,
    emf_record,
    emf_small_text,
    emf_text,
    wmf,
    wmf_line,
    wmf_long_text,
    wmf_text,
)

PICTURES = {
    "emf": emf(emf_text("Blodtrykk målt"), emf_small_text("Prøvesvar"), emf_line()),
    "wmf": wmf(wmf_text("Blodtrykk målt"), wmf_long_text("Prøvesvar"), wmf_line()),
    "bare-wmf": wmf(wmf_text("Blodtrykk målt"), wmf_long_text("Prøvesvar"), placeable=False),
}


@pytest.mark.parametrize("name", PICTURES)
def test_texts_are_read(name: str) -> None:
    found = read(PICTURES[name])
    assert found.whole
    assert found.texts == ("Blodtrykk målt", "Prøvesvar")
    assert not found.by_glyphs


@pytest.mark.parametrize("name", PICTURES)
def test_every_cut_is_seen(name: str) -> None:
    whole = PICTURES[name]
    assert not any(read(whole[:n]).whole for n in range(len(whole)))


@pytest.mark.parametrize("content", [emf(), wmf(), wmf(placeable=False)], ids=["emf", "wmf", "bare-wmf"])
def test_nothing_to_draw(content: bytes) -> None:
    found = read(content)
    assert found.whole and found.records == 0


def test_text_by_glyph_numbers_is_known() -> None:
    assert read(emf(emf_text("\x04\x11", options=0x10))).by_glyphs
    assert not read(emf(emf_text("", options=0x10))).by_glyphs


def test_a_record_that_holds_less_than_it_says_ends_the_reading() -> None:
    lying = bytearray(emf_text("Blodtrykk"))
    lying[44:48] = (10_000).to_bytes(4, "little")
    found = read(emf(bytes(lying), emf_text("Prøvesvar")))
    assert not found.whole and found.texts == ()
    assert not read(emf(emf_record(84, bytes(8)))).whole


def test_a_damaged_picture_that_is_drawn_is_flagged_and_one_that_is_not_is_refused(tmp_path: Path) -> None:
    source, drawn = tmp_path / "a.emf", documents.pdf(tmp_path / "a.pdf")
    source.write_bytes(PICTURES["emf"])
    assert look(source, drawn) == ()
    source.write_bytes(PICTURES["emf"][:-30])
    assert [f.code for f in look(source, drawn)] == [Flag.DECODED_LENIENTLY]
    blank = documents.pdf(tmp_path / "b.pdf", text="")
    for content, reason in ((PICTURES["emf"], Reason.CONVERSION_FAILED), (PICTURES["wmf"][:-9], Reason.TRUNCATED)):
        source.write_bytes(content)
        with pytest.raises(DocumentProblem) as problem:
            look(source, blank)
        assert problem.value.reason is reason


@given(st.sampled_from(sorted(PICTURES)), st.data())
def test_no_bytes_make_it_fail(name: str, data: st.DataObject) -> None:
    content = bytearray(PICTURES[name])
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    read(bytes(content))
    read(data.draw(st.binary(max_size=200)))
