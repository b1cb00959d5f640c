"""Pictures before or behind which there is something else, and notes laid over a scan."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from archive.identify import identify
from archive.normalise import behind, wangnotes
from archive.normalise.contract import Limits, Made
from archive.normalise.image import image
from archive.normalise.text_of import text_of
from archive.reasons import Flag
from tests.pdfforms import drawn

LIMITS = Limits()
FORMATS = ("JPEG", "PNG", "GIF")


def picture(colour: str, size: tuple[int, int] = (120, 80)) -> Image.Image:
    made = Image.new("RGB", size, colour)
    ImageDraw.Draw(made).line((0, 0, *size), fill="white", width=5)
    return made


def coded(made: Image.Image, kind: str, **more: object) -> bytes:
    data = io.BytesIO()
    made.save(data, kind, **more)
    return data.getvalue()


def archived(folder: Path, content: bytes, name: str = "a.jpg") -> Made:
    (folder / name).write_bytes(content)
    return image(folder / name, folder / "out.pdf", LIMITS)


def colours(result: Made) -> list[str]:
    """The main colour of each page."""
    with pikepdf.open(result.pdf) as document:
        count = len(document.pages)
    found = []
    for number in range(count):
        page = drawn(result.pdf, number)
        red, green, blue = page.getpixel((page.width // 4, page.height * 3 // 4))  # type: ignore[misc]
        found.append("red" if red > 200 else "blue" if blue > 200 else "green" if green > 100 else "white")
    return found


@pytest.mark.parametrize("first", FORMATS)
@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("between", [b"", b"\0" * 37, b"SEFT trailer of a camera"])
def test_a_picture_behind_the_first_is_a_page(tmp_path: Path, first: str, second: str, between: bytes) -> None:
    content = coded(picture("red"), first) + between + coded(picture("blue"), second)
    result = archived(tmp_path, content)
    assert colours(result) == ["red", "blue"]
    assert not result.flags


def test_all_pictures_of_a_camera_are_pages_but_not_what_it_shows_on_its_display(tmp_path: Path) -> None:
    several = coded(picture("red"), "MPO", save_all=True, append_images=[picture("blue"), picture("green")])
    assert colours(archived(tmp_path, several)) == ["red", "blue", "green"]
    small = picture("red").resize((60, 40))
    assert colours(archived(tmp_path, coded(picture("red"), "JPEG") + coded(small, "JPEG"))) == ["red"]
    assert colours(archived(tmp_path, coded(picture("red"), "JPEG") + coded(picture("blue", (108, 72)), "JPEG"))) == [
        "red", "blue",
    ]  # fmt: skip


def test_each_page_holds_its_own_picture_alone(tmp_path: Path) -> None:
    first, second = coded(picture("red"), "JPEG"), coded(picture("blue"), "JPEG")
    result = archived(tmp_path, first + b"\0\0" + second + b"end")
    with pikepdf.open(result.pdf) as document:
        held = [page.obj.Resources.XObject.I0.read_raw_bytes() for page in document.pages]
    assert held == [first, second]


def test_a_picture_with_something_behind_it_keeps_its_bytes(tmp_path: Path) -> None:
    content = coded(picture("red"), "JPEG")
    for more in (b"", b"\0" * 99, b"\xff\xd8\xff\xe0 no picture", b"trailer" * 30):
        result = archived(tmp_path, content + more)
        with pikepdf.open(result.pdf) as document:
            assert len(document.pages) == 1
            assert document.pages[0].obj.Resources.XObject.I0.read_raw_bytes() == content + more


def test_a_further_picture_that_is_cut_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    second = coded(picture("blue", (400, 300)), "JPEG")
    result = archived(tmp_path, coded(picture("red"), "JPEG") + second[: len(second) * 9 // 10])
    assert [n.code for n in result.flags] == [Flag.DECODED_LENIENTLY]
    assert colours(result)[0] == "red"


@pytest.mark.parametrize("kind", [*FORMATS, "TIFF"])
@pytest.mark.parametrize("before", [b"\r\n", bytes(range(1, 129)), b"HEAD\0\1\2\3" * 100])
def test_bytes_before_a_picture_are_looked_past_and_told(tmp_path: Path, kind: str, before: bytes) -> None:
    name = {"JPEG": "a.jpg", "PNG": "a.png", "GIF": "a.gif", "TIFF": "a.tif"}[kind]
    result = archived(tmp_path, before + coded(picture("red"), kind), name)
    assert colours(result) == ["red"]
    assert [n.code for n in result.flags] == [Flag.DECODED_LENIENTLY]
    assert identify(tmp_path / name, name).family == kind.lower()
    assert identify(tmp_path / name, "BILDE").family == kind.lower()


def test_a_picture_within_another_kind_of_file_is_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(b"\1\2\3\4" * 20 + coded(picture("red"), "JPEG"))
    assert identify(path, "a.dat").family == "unknown"
    path.write_bytes(b"\1\2\3\4" * 400 + coded(picture("red"), "JPEG"))
    assert identify(path, "a.jpg").family == "unknown"


def test_a_first_mark_that_is_repeated(tmp_path: Path) -> None:
    assert colours(archived(tmp_path, b"\xff\xd8" * 2 + coded(picture("red"), "JPEG"))) == ["red"]


@given(st.binary(max_size=400))
def test_any_bytes_have_a_start_and_perhaps_an_end(tail: bytes) -> None:
    for start in behind.STARTS:
        content = start + tail
        assert behind.start_of(content) <= len(content)
        end = behind.end_of(content)
        assert end is None or end > 0
        assert behind.pictures_of(content)[0][:6] == content[:6]


def block(text: bytes) -> bytes:
    data = struct.pack("<iiii", 0, 1000, 1, len(text)) + text
    return struct.pack("<ii", 6, 12) + b"OiAnText" + struct.pack("<i", len(data)) + data


def test_words_of_notes_over_a_scan_are_on_a_page_and_told(tmp_path: Path) -> None:
    data = struct.pack("<ii", 0, 1) + struct.pack("<ii", 5, 4) + b"mark" + block(b"CAVE: penicillin\0\0")
    data += block("Oppfølging på poliklinikk".encode("cp1252") + b"\0")
    pages = [picture("white", (200, 200)), picture("white", (200, 200))]
    content = coded(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo={wangnotes.TAG: data})
    result = archived(tmp_path, content, "a.tif")
    text = text_of(result.pdf, most_pages=9)[0]
    for words in ("CAVE: penicillin", "Oppfølging på poliklinikk", "Side 1"):
        assert words in text
    assert [n.code for n in result.flags] == [Flag.ANNOTATIONS_MISSING]
    with pikepdf.open(result.pdf) as document:
        assert len(document.pages) == 3


def test_marks_without_words_are_told(tmp_path: Path) -> None:
    content = coded(picture("red"), "TIFF", tiffinfo={wangnotes.TAG: struct.pack("<iiii", 0, 1, 5, 4) + b"mark"})
    result = archived(tmp_path, content, "a.tif")
    assert [n.code for n in result.flags] == [Flag.ANNOTATIONS_MISSING]
    with pikepdf.open(result.pdf) as document:
        assert len(document.pages) == 1


@given(st.binary(max_size=120))
def test_any_notes_are_read_or_left(data: bytes) -> None:
    wangnotes.texts({wangnotes.TAG: tuple(float(b) for b in data + b"OiAnText" + data)})


# What other readers of pictures forgive, or show in their own way
def test_colours_of_wide_range_and_of_maps_are_shown(tmp_path: Path) -> None:
    content = coded(picture("red"), "TIFF", tiffinfo={33550: (1.0, 1.0, 0.0), 34735: (1, 1, 0, 1), 42113: "-9999"})
    assert colours(archived(tmp_path, content, "a.tif")) == ["red"]
