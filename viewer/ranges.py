"""One file out of a package, whole or in part: Range requests (RFC 9110 section 14) over a span of the tar.

Before the first byte the whole span is checked against its recorded SHA-256, for files up to a size; larger ones are
checked by `journalarkiv verify`.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask import Request, Response

from archive.package import Span, open_span

_CHUNK = 1 << 16
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_REMEMBERED = 512


class DamagedSpanError(Exception):
    """The bytes in the package are not those recorded."""


class UnsafePathError(Exception):
    """A package path of the catalogue leads somewhere else than into packages/."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """First and last byte, both included, of a file of `size` bytes."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        """Bytes in the range."""
        return self.last - self.first + 1


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The one range a Range header asks for; None for the whole file.

    A header that is no single byte range is ignored, as RFC 9110 allows.

    Raises:
        ValueError: the range lies outside the file (416).
    """
    match = _RANGE.fullmatch((header or "").strip().lower().replace(" ", ""))
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise ValueError("empty suffix")
        return ByteRange(max(0, size - int(last)), size - 1, size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise ValueError("beyond the end")
    return ByteRange(int(first), min(int(last or size - 1), size - 1), size)


def wanted_range(request: Request, size: int, etag: str) -> ByteRange | None:
    """The range of a request, with If-Range respected. Raises ValueError as `parse_range`."""
    condition = request.headers.get("If-Range")
    if request.method not in ("GET", "HEAD") or (condition is not None and condition.strip() != f'"{etag}"'):
        return None
    return parse_range(request.headers.get("Range"), size)


def safe_package(root: Path, packages: Path, relative: str) -> Path:
    """The package file that a relative path of the catalogue names.

    Raises:
        UnsafePathError: it leads out of packages/ (by `..`, an absolute path, a link), or is no regular file.
    """
    if "\x00" in relative or "\\" in relative:
        raise UnsafePathError
    path = (root / relative).resolve()
    if not path.is_relative_to(packages.resolve()) or not path.is_file():
        raise UnsafePathError
    return path


class SpanChecker:
    """Checks spans against their recorded hashes, once per span and state of the package file."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._good: OrderedDict[tuple[object, ...], None] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, package: Path, span: Span, sha256: str, *, any_size: bool = False) -> bool:
        """True when the bytes are those recorded, False when the file is too large to be checked on the way.

        Raises:
            DamagedSpanError: they are others, or fewer.
        """
        if span.size > self._most and not any_size:
            return False
        stat = package.stat()
        key = (str(package), stat.st_mtime_ns, stat.st_size, stat.st_ino, span.offset, span.size, sha256)
        with self._lock:
            if key in self._good:
                self._good.move_to_end(key)
                return True
        digest = hashlib.sha256()
        read = 0
        for chunk in read_chunks(package, span, 0, span.size):
            digest.update(chunk)
            read += len(chunk)
        if read != span.size or digest.hexdigest() != sha256:
            raise DamagedSpanError
        with self._lock:
            self._good[key] = None
            while len(self._good) > _REMEMBERED:
                self._good.popitem(last=False)
        return True


def read_chunks(package: Path, span: Span, start: int, length: int) -> Iterator[bytes]:
    """`length` bytes of a span from `start`, in pieces."""
    with open_span(package, span) as reader:
        reader.seek(start)
        while length > 0:
            chunk = reader.read(min(_CHUNK, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk


def span_response(request: Request, package: Path, span: Span, etag: str, media_type: str, name: str) -> Response:
    """The response to a GET or HEAD of a span: 200, 206 or 416. `etag` is the SHA-256 of the file."""
    try:
        part = wanted_range(request, span.size, etag)
    except ValueError:
        return Response(status=416, headers={"Content-Range": f"bytes */{span.size}", "Accept-Ranges": "bytes"})
    first, length = (part.first, part.length) if part else (0, span.size)
    body = () if request.method == "HEAD" else read_chunks(package, span, first, length)
    response = Response(body, status=206 if part else 200, mimetype=media_type, direct_passthrough=True)
    response.headers["Content-Length"] = str(length)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    response.set_etag(etag)
    if part:
        response.headers["Content-Range"] = f"bytes {part.first}-{part.last}/{part.size}"
    return response
