"""Parts of a file out of a package: RFC 9110 ranges, hashes before the first byte, no way out of packages/."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from archive.package import Span
from viewer import ranges
from viewer.ranges import (
    ByteRange,
    DamagedSpanError,
    SpanChecker,
    UnsafePathError,
    parse_range,
    safe_package,
    span_response,
)

CONTENT = bytes(range(256)) * 700  # more than two chunks
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "p.tar"
    path.write_bytes(b"H" * 512 + CONTENT + b"T" * 512)
    return path


SPAN = Span(512, len(CONTENT))


def ask(package: Path, method: str = "GET", **headers: str) -> object:
    request = Request(
        EnvironBuilder(method=method, headers={k.replace("_", "-"): v for k, v in headers.items()}).get_environ()
    )
    return span_response(request, package, SPAN, SHA, "application/pdf", "x.pdf")


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        (None, None), ("", None), ("bytes=", None), ("bytes=-", None), ("bytes=a-b", None), ("items=0-1", None),
        ("bytes=0-1,4-5", None), ("bytes=5-2", None), ("bytes=0-" + "9" * 30, None),
        ("bytes=0-0", (0, 0)), ("bytes=0-", (0, 9)), ("bytes=3-5", (3, 5)), ("bytes=3-99", (3, 9)),
        ("bytes=-3", (7, 9)), ("bytes=-99", (0, 9)), ("BYTES = 1 - 2", (1, 2)), ("bytes=9-9", (9, 9)),
    ],
)  # fmt: skip
def test_parse(header: str | None, answer: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == (None if answer is None else ByteRange(*answer, 10))


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_outside(header: str) -> None:
    with pytest.raises(ValueError, match="e"):
        parse_range(header, 10)
    with pytest.raises(ValueError, match="e"):
        parse_range("bytes=-5", 0)


@given(st.integers(1, 50), st.text("0123456789-=bytes ,", max_size=20))
def test_whatever_is_asked_a_range_lies_inside(size: int, header: str) -> None:
    try:
        found = parse_range(header, size)
    except ValueError:
        return
    assert found is None or (0 <= found.first <= found.last < size and found.length == found.last - found.first + 1)


def test_whole(package: Path) -> None:
    response = ask(package)
    assert response.status_code == 200 and b"".join(response.iter_encoded()) == CONTENT
    assert response.headers["Content-Length"] == str(len(CONTENT)) and response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"] == f'"{SHA}"' and response.mimetype == "application/pdf"
    assert "Content-Range" not in response.headers


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 9), (100, 70_000), (65_535, 65_537), (179_000, 179_199)])
def test_part(package: Path, first: int, last: int) -> None:
    response = ask(package, Range=f"bytes={first}-{last}")
    assert response.status_code == 206 and b"".join(response.iter_encoded()) == CONTENT[first : last + 1]
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert response.headers["Content-Length"] == str(last - first + 1)


def test_beyond_the_end(package: Path) -> None:
    response = ask(package, Range=f"bytes={len(CONTENT)}-")
    assert response.status_code == 416 and response.headers["Content-Range"] == f"bytes */{len(CONTENT)}"
    assert b"".join(response.iter_encoded()) == b""


@pytest.mark.parametrize(("etag", "status"), [(f'"{SHA}"', 206), ('"other"', 200), (f'W/"{SHA}"', 200)])
def test_if_range(package: Path, etag: str, status: int) -> None:
    assert ask(package, Range="bytes=0-9", If_Range=etag).status_code == status


def test_head(package: Path) -> None:
    response = ask(package, "HEAD", Range="bytes=0-9")
    assert response.status_code == 206 and list(response.iter_encoded()) == []
    assert response.headers["Content-Length"] == "10"


def test_hash_is_checked_once_for_one_state_of_the_file(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checker, reads = SpanChecker(1 << 20), []
    real = ranges.read_chunks
    monkeypatch.setattr(ranges, "read_chunks", lambda *a: reads.append(a) or real(*a))
    assert checker.check(package, SPAN, SHA) and checker.check(package, SPAN, SHA)
    assert len(reads) == 1
    os.utime(package, ns=(1, 1))
    assert checker.check(package, SPAN, SHA) and len(reads) == 2


def test_one_changed_byte_is_found_and_never_forgiven(package: Path) -> None:
    checker = SpanChecker(1 << 20)
    assert checker.check(package, SPAN, SHA)
    content = bytearray(package.read_bytes())
    content[512 + 100_000] ^= 1
    package.write_bytes(content)
    for _ in range(2):
        with pytest.raises(DamagedSpanError):
            checker.check(package, SPAN, SHA)


def test_a_package_cut_short(package: Path) -> None:
    package.write_bytes(package.read_bytes()[:1000])
    with pytest.raises((DamagedSpanError, OSError)):
        SpanChecker(1 << 20).check(package, SPAN, SHA)


def test_large_files_are_left_to_verify(package: Path) -> None:
    assert SpanChecker(1000).check(package, SPAN, "no such hash") is False


def test_the_memory_of_checked_spans_is_bounded(package: Path) -> None:
    checker = SpanChecker(1 << 20)
    for n in range(600):
        piece = Span(512 + n, 1)
        checker.check(package, piece, hashlib.sha256(CONTENT[n : n + 1]).hexdigest())
    assert len(checker._good) == 512


def test_paths(tmp_path: Path) -> None:
    packages = tmp_path / "archive" / "packages"
    (packages / "aa").mkdir(parents=True)
    (packages / "aa" / "x.tar").write_bytes(b"x")
    (tmp_path / "archive" / "secret").write_bytes(b"x")
    (packages / "link.tar").symlink_to(tmp_path / "archive" / "secret")
    root = tmp_path / "archive"
    assert safe_package(root, packages, "packages/aa/x.tar") == (packages / "aa" / "x.tar").resolve()
    for bad in (
        "secret",
        "packages/../secret",
        "../archive/secret",
        str(root / "secret"),
        "packages/link.tar",
        "packages",
        "packages/aa",
        "packages/none.tar",
        "",
        "packages\\aa\\x.tar",
        "packages/aa/x.tar\x00",
        "//host/share/x",
    ):
        with pytest.raises(UnsafePathError):
            safe_package(root, packages, bad)
