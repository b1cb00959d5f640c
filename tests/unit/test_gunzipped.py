"""Files compressed with gzip: the file within comes out with its name, and nothing is unpacked without bounds."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from pathlib import Path

import pytest

from archive.identify import identify
from archive.normalise.contract import Limits
from archive.normalise.gunzipped import gunzipped
from archive.reasons import DocumentProblem, Reason

NOTE = b"{\\rtf1 Notat om Testesen}"


def packed(content: bytes, name: str = "", when: float = 0) -> bytes:
    target = io.BytesIO()
    with gzip.GzipFile(filename=name, mode="wb", fileobj=target, mtime=when) as f:
        f.write(content)
    return target.getvalue()


def part(tmp_path: Path, content: bytes, name: str = "0.rtf.gz") -> tuple[str, bytes]:
    source = tmp_path / name
    source.write_bytes(content)
    (found,) = gunzipped(source, tmp_path / "ut.pdf", Limits()).parts
    return found.name, found.path.read_bytes()


@pytest.mark.parametrize(
    ("content", "file", "name"),
    [
        (packed(NOTE), "0.rtf.gz", "0.rtf"),
        (packed(NOTE), "0.RTF.GZ", "0.RTF"),
        (packed(NOTE), "tegning.svgz", "tegning.svg"),
        (packed(NOTE), "17", "17"),
        (packed(NOTE, "Brev.rtf", 1e9), "17", "Brev.rtf"),
        (packed(NOTE, "../../Brev.rtf"), "17", "Brev.rtf"),
        (gzip.compress(NOTE[:9]) + gzip.compress(NOTE[9:]), "0.rtf.gz", "0.rtf"),
    ],
)
def test_the_file_within_is_a_part(tmp_path: Path, content: bytes, file: str, name: str) -> None:
    assert part(tmp_path, content, file) == (name, NOTE)


def test_it_is_known_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.rtf").write_bytes(packed(NOTE))
    assert identify(tmp_path / "x.rtf", "x.rtf").family == "gzip"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (packed(b"\0" * 5_000_000), Reason.RESOURCE_LIMIT),
        (packed(NOTE)[:-9], Reason.TRUNCATED),
        (packed(NOTE)[:-8] + b"\0\0\0\0" + packed(NOTE)[-4:], Reason.CORRUPT),
        (packed(NOTE)[:12] + b"\xff\xff" + packed(NOTE)[14:], Reason.CORRUPT),
        (packed(b""), Reason.EMPTY),
        (b"\x1f\x8b\x08", Reason.TRUNCATED),
        (b"\x1f\x8b\x08\x04" + b"\0" * 6 + b"\xff\xff", Reason.TRUNCATED),
    ],
)
def test_what_cannot_be_unpacked_says_why(tmp_path: Path, content: bytes, reason: Reason) -> None:
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(DocumentProblem) as caught:
        gunzipped(tmp_path / "x.gz", tmp_path / "ut.pdf", replace(Limits(), expanded_bytes=1_000_000))
    assert caught.value.reason is reason
