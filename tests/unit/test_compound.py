from __future__ import annotations

import random
import struct

import pytest

from archive.compound import Compound, written

CONTENTS: dict[tuple[str, ...], bytes | None] = {
    ("Workbook",): random.Random(1).randbytes(300_000),
    ("\x05SummaryInformation",): b"kort",
    ("tom",): b"",
    ("MBD01",): None,
    ("MBD01", "\x01Ole10Native"): b"x" * 4095,
    ("MBD01", "Contents"): b"y" * 4096,
    ("MBD01", "innerst"): None,
    ("MBD01", "innerst", "WordDocument"): bytes(range(256)) * 40,
    **{(f"liten {i:03}",): bytes([i]) * (i + 1) for i in range(200)},
}


def test_what_is_written_is_read() -> None:
    compound = Compound(written(CONTENTS))
    assert compound.paths() == sorted(CONTENTS)
    for path, content in CONTENTS.items():
        assert compound.is_storage(path) == (content is None)
        if content is not None:
            assert compound.read(path) == content


def test_a_storage_becomes_a_file_of_its_own() -> None:
    compound = Compound(Compound(written(CONTENTS)).storage(("MBD01",)))
    assert compound.paths() == sorted(p[1:] for p in CONTENTS if p[0] == "MBD01" and len(p) > 1)
    assert compound.read(("innerst", "WordDocument")) == CONTENTS["MBD01", "innerst", "WordDocument"]


def test_a_position_is_that_of_the_byte_in_the_file() -> None:
    content = written(CONTENTS)
    for path in (("Workbook",), ("MBD01", "\x01Ole10Native"), ("liten 150",)):
        stream, said = Compound(content).stream(path), CONTENTS[path]
        assert said is not None
        assert [content[stream.position(i)] for i in range(0, len(said), 61)] == list(said[::61])


@pytest.mark.parametrize("seed", range(60))
def test_broken_files_raise_what_is_promised(seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(written({p: c for p, c in CONTENTS.items() if p[0] != "Workbook"}))
    if seed % 3 == 0:
        del content[chance.randrange(len(content)) :]
    for _ in range(40):
        content[chance.randrange(len(content))] = chance.randrange(256)
    content[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    try:
        compound = Compound(content)
        for path in compound.paths():
            if not compound.is_storage(path):
                compound.read(path)
    except (ValueError, LookupError, struct.error):
        pass
