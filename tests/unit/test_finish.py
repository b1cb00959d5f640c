from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Dictionary, Name

from archive.normalise.finish import LINEARIZE_FROM, finish
from tests.documents import pdf, with_script


@pytest.mark.parametrize("flavour", ["2a", "2u", "2b"])
def test_level_and_output_intent_are_declared(tmp_path: Path, flavour: str) -> None:
    finish(pdf(tmp_path / "in.pdf", text=""), tmp_path / "out.pdf", flavour)
    with pikepdf.open(tmp_path / "out.pdf") as made:
        xmp = made.Root.Metadata.read_bytes().decode()
        assert f"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>{flavour[1].upper()}</pdfaid:conformance>" in xmp
        (intent,) = made.Root.OutputIntents
        assert intent.S == Name.GTS_PDFA1
        assert intent.DestOutputProfile.read_bytes()[36:40] == b"acsp"


def test_same_pages_give_the_same_bytes_whatever_dates_ids_and_producer_say(tmp_path: Path) -> None:
    made = []
    for number, year in enumerate(("2004", "2026")):
        source = pdf(tmp_path / f"in{number}.pdf", text="")
        with pikepdf.open(source, allow_overwriting_input=True) as document:
            document.docinfo["/CreationDate"] = f"D:{year}0404120000Z"
            document.docinfo["/Producer"] = f"Maker {year}"
            document.trailer.ID = pikepdf.Array([pikepdf.String(year), pikepdf.String(year)])
            document.save(source)
        out = tmp_path / f"out{number}.pdf"
        finish(source, out, "2u")
        made.append(out.read_bytes())
    assert made[0] == made[1]
    assert b"2004" not in made[0]
    assert b"Maker" not in made[0]


def test_a_dated_srgb_profile_is_replaced_by_a_fixed_one(tmp_path: Path) -> None:
    """LibreOffice writes the time into the profile of its output intent."""
    made = []
    for year in (7, 26):
        source = pdf(tmp_path / "in.pdf", text="")
        with pikepdf.open(source, allow_overwriting_input=True) as document:
            profile = document.make_stream(bytes((0, 0, 0, 0)) * 6 + bytes((7, 0xD0 + year)) + b"acsp", N=3)
            intent = Dictionary(
                Type=Name.OutputIntent, S=Name.GTS_PDFA1, OutputConditionIdentifier="sRGB IEC61966-2.1",
                DestOutputProfile=profile,
            )  # fmt: skip
            document.Root.OutputIntents = pikepdf.Array([intent])
            document.save(source)
        finish(source, tmp_path / "out.pdf", "2u")
        made.append((tmp_path / "out.pdf").read_bytes())
    assert made[0] == made[1]


def test_an_intent_of_another_colour_space_stays(tmp_path: Path) -> None:
    source = pdf(tmp_path / "in.pdf", text="")
    with pikepdf.open(source, allow_overwriting_input=True) as document:
        intent = Dictionary(
            Type=Name.OutputIntent, S=Name.GTS_PDFA1, OutputConditionIdentifier="FOGRA39",
            DestOutputProfile=document.make_stream(b"cmyk", N=4),
        )  # fmt: skip
        document.Root.OutputIntents = pikepdf.Array([intent])
        document.save(source)
    finish(source, tmp_path / "out.pdf", "2u")
    with pikepdf.open(tmp_path / "out.pdf") as made:
        assert made.Root.OutputIntents[0].DestOutputProfile.read_bytes() == b"cmyk"


def test_comments_get_an_appearance_and_stay(tmp_path: Path) -> None:
    finish(with_script(tmp_path / "in.pdf"), tmp_path / "out.pdf", "2b")
    with pikepdf.open(tmp_path / "out.pdf") as made:
        (note,) = made.pages[0].Annots
        assert str(note.Contents) == "merknad"
        assert isinstance(note.AP.N, pikepdf.Stream)


def test_only_large_files_are_linearized(tmp_path: Path) -> None:
    small = pdf(tmp_path / "small.pdf", text="")
    finish(small, tmp_path / "out.pdf", "2b")
    with pikepdf.open(tmp_path / "out.pdf") as made:
        assert not made.is_linearized
    with pikepdf.open(small) as document:
        noise = bytes((i * i * 31 + i // 7) % 251 for i in range(1024)) * (LINEARIZE_FROM // 1024 + 1)
        document.pages[0].obj.Contents = document.make_stream(b"%" + noise.replace(b"\n", b" ").replace(b"\r", b" "))
        document.save(tmp_path / "large.pdf", compress_streams=False)
    finish(tmp_path / "large.pdf", tmp_path / "out2.pdf", "2b")
    with pikepdf.open(tmp_path / "out2.pdf") as made:
        assert made.is_linearized
