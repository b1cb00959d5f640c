"""The words of Word 97 files, made here stream by stream, and that nothing in one makes the reader fail unheard."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.compound import written
from archive.normalise.officefile import hides
from archive.rereading.docwords import doc_text
from archive.rereading.readers import source_text

_TEXT_AT = 2048


def word97(*pieces: str, stories: tuple[int, ...] = (), hidden: tuple[int, int] | None = None, flags: int = 0) -> bytes:
    """A Word 97 file of pieces, by turns with one byte and with two bytes for a letter.

    `stories` are the lengths of main text, notes, headers ...; all is main text by default. `hidden` are the first
    letter and the one after the last of the first piece that a run of its own hides.
    """
    text, clx_pieces, starts = b"", b"", [0]
    for number, piece in enumerate(pieces):
        place = _TEXT_AT + len(text)
        narrow = number % 2 == 0
        text += piece.encode("cp1252" if narrow else "utf-16-le")
        text += bytes(len(text) % 2)
        clx_pieces += struct.pack("<HIH", 0, (1 << 30) | place * 2 if narrow else place, 0)
        starts.append(starts[-1] + len(piece))
    plc = struct.pack(f"<{len(starts)}I", *starts) + clx_pieces
    clx = b"\1\2\0ab" + b"\2" + struct.pack("<I", len(plc)) + plc
    page = bytearray(512)
    if hidden:
        edges = [_TEXT_AT, _TEXT_AT + hidden[0], _TEXT_AT + hidden[1]]
        struct.pack_into("<3I", page, 0, *edges)
        page[12:14] = bytes((0, 200))
        properties = struct.pack("<HB", 0x0835, 1) + struct.pack("<HI", 0x6A03, 7) + struct.pack("<HB", 0x083C, 1)
        page[400] = len(properties)
        page[401 : 401 + len(properties)] = properties
        page[511] = 2
    runs = struct.pack("<III", _TEXT_AT, _TEXT_AT + len(text), 2)
    main = bytearray(_TEXT_AT)
    struct.pack_into("<HH6xH", main, 0, 0xA5EC, 0xC1, 0x0200 | flags)
    struct.pack_into("<8i", main, 0x4C, *(*(stories or (starts[-1],)), *[0] * 8)[:8])
    struct.pack_into("<II", main, 0xFA, len(clx), len(runs))
    struct.pack_into("<II", main, 0x1A2, 0, len(clx))
    main[1024:1536] = page
    table = (clx + runs).ljust(4096, b"\0")
    return written({("WordDocument",): (bytes(main) + text).ljust(4096, b"\0"), ("1Table",): table})


def put(folder: Path, content: bytes) -> Path:
    path = folder / "a.doc"
    path.write_bytes(content)
    return path


def test_pieces_of_both_widths_are_read(tmp_path: Path) -> None:
    path = put(tmp_path, word97("Blodtrykk målt\r", "Prøvesvar → lege\r", "Slutt\r"))
    assert doc_text(path).body.split() == ["Blodtrykk", "målt", "Prøvesvar", "→", "lege", "Slutt"]
    assert not hides(path, "doc")


def test_fields_show_their_result_and_marks_part_words(tmp_path: Path) -> None:
    path = put(tmp_path, word97("Side \x13 PAGE \x143\x15 av\x13 TC skjult\x15 ti\x07celle\x1e1 del\x1ft\r"))
    assert doc_text(path).body.split() == ["Side", "3", "av", "ti", "celle-1", "delt"]


def test_headers_are_apart(tmp_path: Path) -> None:
    path = put(tmp_path, word97("Notat\rSide 2\r", stories=(6, 0, 7)))
    found = doc_text(path)
    assert (found.body.split(), found.margins.split()) == (["Notat"], ["Side", "2"])
    assert (source_text(path, "doc") or "").split() == ["Notat", "Side", "2"]
    assert (source_text(path, "doc", margins=False) or "").split() == ["Notat"]


def test_hidden_letters_are_apart(tmp_path: Path) -> None:
    path = put(tmp_path, word97("Notat skjult her\r", "→ og mer\r", hidden=(6, 12)))
    found = doc_text(path)
    assert (found.body.split(), found.hidden) == (["Notat", "her", "→", "og", "mer"], "skjult")
    assert hides(path, "doc")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Blodtrykk",
        word97("Notat\r", flags=0x0100),
        word97("Notat\r", stories=(6, -1)),
        word97("Notat\r", stories=(2**31 - 1,) * 3),
        word97("Notat\r").replace(struct.pack("<II", 0, 6), struct.pack("<II", 9, 6)),
        written({("WordDocument",): bytes(4096)}),
        written({("Noe annet",): bytes(4096)}),
    ],
    ids=["empty", "text", "encrypted", "negative", "endless", "backwards", "zeros", "other"],
)
def test_what_cannot_be_told_is_none(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path, content)
    assert source_text(path, "doc") is None
    assert not hides(path, "doc")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_none_or_text(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(word97("Notat skjult her\r", "→ og mer\r", hidden=(6, 12)))
    for at in data.draw(st.lists(st.integers(512, len(content) - 1), max_size=6)):
        content[at] = data.draw(st.integers(0, 255))
    path = put(tmp_path, bytes(content[: data.draw(st.integers(0, len(content)))]))
    assert isinstance(source_text(path, "doc"), str | None)
    hides(path, "doc")
