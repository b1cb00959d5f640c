"""A package's tar, byte by byte: deterministic USTAR headers, hashed while written, read without unpacking.

Every member is a plain file of mode 0644 and owner 0, stamped with one time; there are no folder entries (tar makes
the folders). A name or size that USTAR cannot hold gets a PAX header. The tar ends with the two zero blocks POSIX
asks for and nothing more.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import IO

_BLOCK = 512
_CHUNK = 1 << 20


class TarWriter:
    """Writes a tar forward. `sha256` and `position` are of everything written so far."""

    def __init__(self, out: IO[bytes], mtime: int) -> None:
        self._out = out
        self._mtime = mtime
        self._digest = hashlib.sha256()
        self.position = 0

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> int:
        """Write a member and say where its bytes begin.

        Raises:
            ValueError: the chunks are not together `size` bytes.
        """
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, self._mtime, 0o644
        self._put(_header(info))
        offset = self.position
        for chunk in chunks:
            self._put(chunk)
        if self.position - offset != size:
            raise ValueError(f"{self.position - offset} bytes came where {size} were announced")
        self._put(bytes(-size % _BLOCK))
        return offset

    def close(self) -> None:
        """Write the end of the tar; the stream stays open."""
        self._put(bytes(2 * _BLOCK))

    @property
    def sha256(self) -> str:
        """Lower-case hex."""
        return self._digest.hexdigest()

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self.position += len(data)


def _header(info: tarfile.TarInfo) -> bytes:
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    except ValueError:
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def members(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and size of every member's bytes, by its full name, in the order of the tar.

    Raises:
        ValueError: not a tar, cut short, or with a member that is no plain file or is there twice.
        OSError: it cannot be read.
    """
    found: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                if not info.isreg() or info.name in found:
                    raise ValueError(f"the tar's member {len(found) + 1} is no file or is there twice")
                found[info.name] = (info.offset_data, info.size)
    except (tarfile.TarError, EOFError, UnicodeError) as e:
        raise ValueError(f"the tar cannot be read: {e}") from e
    if found and max(offset + size for offset, size in found.values()) > path.stat().st_size:
        raise ValueError("the tar is cut short")
    return found


def first_members(path: Path, names: Collection[str]) -> dict[str, tuple[int, int]]:
    """As `members`, of these names only, and reading no further than the last of them."""
    found: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            while len(found) < len(names) and (info := tar.next()) is not None:
                if info.name in names:
                    found[info.name] = (info.offset_data, info.size)
    except (tarfile.TarError, EOFError, UnicodeError) as e:
        raise ValueError(f"the tar cannot be read: {e}") from e
    return found


class RangeReader(io.RawIOBase):
    """A range of bytes of a file, readable and seekable as if it were a file of its own."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._offset, self._size, self._position = offset, size, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the range; as with files, moving beyond its end is no error."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("negative position")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Position within the range."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read what fits, at most to the end of the range."""
        view = memoryview(buffer)[: max(0, min(len(buffer), self._size - self._position))]
        self._file.seek(self._offset + self._position)
        count = self._file.readinto(view) or 0
        self._position += count
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()
