"""OLE compound files ([MS-CFB]): where a stream's bytes are, what a stream says, and a storage within it as a compound
file of its own."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass

NO_SECTOR = 0xFFFFFFFA
_NONE = 0xFFFFFFFF
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_MINI_SHIFT = 6
_CUTOFF = 4096
_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_ENTRIES = 1 << 16
_MOST_DEPTH = 64

Path = tuple[str, ...]
"""Names of storages, then of a stream, from the root; as they are written, though they are case-insensitive."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Where the blocks of a stream are in the file; each has `1 << shift` bytes."""

    blocks: list[int]
    shift: int
    size: int

    def position(self, offset: int) -> int:
        """Where in the file a byte of the stream is."""
        return self.blocks[offset >> self.shift] + (offset & ((1 << self.shift) - 1))


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: int
    links: tuple[int, int, int]
    clsid: bytes
    start: int
    size: int


class Compound:
    """A compound file in memory.

    Raises:
        ValueError, struct.error, LookupError: it is none, or a broken one; its methods raise the same.
    """

    def __init__(self, content: bytes | bytearray) -> None:
        self.content = content
        if not content.startswith(_MAGIC):
            raise ValueError("no compound file")
        self._shift: int = struct.unpack_from("<H", content, 30)[0]
        if self._shift not in (9, 12):
            raise ValueError("no such sector size")
        directory, self._cutoff, mini_fat = struct.unpack_from("<I4xII", content, 48)
        self._fat = [e for s in self._fat_sectors() for e in self._numbers(s)]
        self._mini_fat = [e for s in self._chain(mini_fat, self._fat) for e in self._numbers(s)]
        self._entries = self._read_directory(self._chain(directory, self._fat))
        self._root = [e for e in self._entries if e.kind == _ROOT][0]  # noqa: RUF015 (an IndexError is a LookupError)
        self._paths: dict[Path, int] = {}
        self._walk(self._root.links[2], ())

    def paths(self) -> list[Path]:
        """All storages and streams, in the order of their names."""
        return sorted(self._paths)

    def is_storage(self, path: Path) -> bool:
        """Whether it holds others."""
        return self._entries[self._paths[path]].kind == _STORAGE

    def stream(self, path: Path) -> Stream:
        """Where a stream is; small ones lie in pieces of 64 bytes inside the root's."""
        return self._stream(self._entries[self._paths[path]])

    def read(self, path: Path) -> bytes:
        """What a stream says."""
        stream = self.stream(path)
        width = 1 << stream.shift
        return b"".join(bytes(self.content[at : at + width]) for at in stream.blocks)[: stream.size]

    def storage(self, path: Path) -> bytes:
        """A storage as a compound file of its own."""
        members = {p[len(path) :]: p for p in self.paths() if p[: len(path)] == path and p != path}
        contents = {short: None if self.is_storage(p) else self.read(p) for short, p in members.items()}
        return written(contents, self._entries[self._paths[path]].clsid)

    def _at(self, sector: int) -> int:
        return (sector + 1) << self._shift

    def _numbers(self, sector: int) -> tuple[int, ...]:
        numbers: tuple[int, ...] = struct.unpack_from(f"<{(1 << self._shift) // 4}I", self.content, self._at(sector))
        return numbers

    def _fat_sectors(self) -> list[int]:
        sectors = list(struct.unpack_from("<109I", self.content, 76))
        (following,) = struct.unpack_from("<I", self.content, 68)
        for _ in range(len(self.content) >> self._shift):
            if following >= NO_SECTOR:
                break
            *more, following = self._numbers(following)
            sectors += more
        return [s for s in sectors if s < NO_SECTOR]

    def _chain(self, sector: int, table: list[int]) -> list[int]:
        chain: list[int] = []
        while sector < NO_SECTOR and len(chain) <= len(table):
            chain.append(sector)
            sector = table[sector]
        return chain

    def _read_directory(self, sectors: list[int]) -> list[_Entry]:
        entries = []
        for sector in sectors:
            for at in range(self._at(sector), self._at(sector) + (1 << self._shift), 128):
                length, kind = struct.unpack_from("<HB", self.content, at + 64)
                name = bytes(self.content[at : at + max(min(length, 64) - 2, 0)]).decode("utf-16-le", "replace")
                links = struct.unpack_from("<3I", self.content, at + 68)
                clsid = bytes(self.content[at + 80 : at + 96])
                entries.append(_Entry(name, kind, links, clsid, *struct.unpack_from("<II", self.content, at + 116)))
                if len(entries) > _MOST_ENTRIES:
                    raise ValueError("too many entries")
        return entries

    def _walk(self, number: int, above: Path) -> None:
        """Note an entry, its neighbours to both sides, and what is below."""
        waiting, seen = [(number, above)], set(self._paths.values())
        while waiting:
            number, above = waiting.pop()
            if number >= len(self._entries) or number in seen or len(above) > _MOST_DEPTH:
                continue
            seen.add(number)
            entry = self._entries[number]
            left, right, child = entry.links
            waiting += [(left, above), (right, above)]
            if entry.kind in (_STORAGE, _STREAM):
                self._paths.setdefault((*above, entry.name), number)
            if entry.kind == _STORAGE:
                waiting.append((child, (*above, entry.name)))

    def _stream(self, entry: _Entry) -> Stream:
        if entry.size >= self._cutoff or entry.kind == _ROOT:
            blocks = [self._at(s) for s in self._chain(entry.start, self._fat)]
            return Stream(blocks, self._shift, min(entry.size, len(self.content)))
        inside = self._stream(self._root)
        pieces = self._chain(entry.start, self._mini_fat) if entry.size else []
        return Stream([inside.position(piece << _MINI_SHIFT) for piece in pieces], _MINI_SHIFT, entry.size)


def written(contents: Mapping[Path, bytes | None], clsid: bytes = bytes(16)) -> bytes:
    """A compound file of version 3 with these streams, and storages (None); those above them need to be named too."""
    paths = sorted(contents, key=lambda p: (len(p), [(len(n), n.upper()) for n in p]))
    numbers = {path: i + 1 for i, path in enumerate(paths)}
    small, sectors = bytearray(), bytearray()
    fat: list[int] = []
    mini_fat: list[int] = []

    def stored(data: bytes | bytearray) -> int:
        if not data:
            return NO_SECTOR + 4
        first, count = len(fat), -(-len(data) // 512)
        sectors.extend(data.ljust(count * 512, b"\0"))
        fat.extend([*range(first + 1, first + count), NO_SECTOR + 4])
        return first

    placed: dict[Path, tuple[int, int]] = {}
    for path in paths:
        data = contents[path]
        if data is None:
            placed[path] = 0, 0
        elif len(data) >= _CUTOFF:
            placed[path] = stored(data), len(data)
        elif data:
            first, count = len(mini_fat), -(-len(data) // 64)
            small.extend(data.ljust(count * 64, b"\0"))
            mini_fat.extend([*range(first + 1, first + count), NO_SECTOR + 4])
            placed[path] = first, len(data)
        else:
            placed[path] = NO_SECTOR + 4, 0
    mini_start = stored(small)
    mini_table = stored(b"".join(struct.pack("<I", n) for n in mini_fat + [_NONE] * (-len(mini_fat) % 128)))
    children: dict[Path, list[Path]] = {}
    for path in paths:
        children.setdefault(path[:-1], []).append(path)
    below = {above: numbers[members[0]] for above, members in children.items()}
    after = {a: numbers[b] for members in children.values() for a, b in itertools.pairwise(members)}
    entries = [_directory_entry("Root Entry", _ROOT, _NONE, below.get((), _NONE), clsid, mini_start, len(small))]
    for path in paths:
        kind = _STORAGE if contents[path] is None else _STREAM
        start, size = placed[path]
        entries.append(
            _directory_entry(path[-1], kind, after.get(path, _NONE), below.get(path, _NONE), bytes(16), start, size)
        )
    entries += [_directory_entry("", 0, _NONE, _NONE, bytes(16), 0, 0)] * (-len(entries) % 4)
    directory = stored(b"".join(entries))
    tables = -(-(len(fat) + 1) // 127)  # each table of 128 numbers also says where it is itself
    if tables > 109:
        raise ValueError("too large")
    at = len(fat)
    fat += [NO_SECTOR + 3] * tables
    listed = b"".join(struct.pack("<I", n) for n in fat + [_NONE] * (tables * 128 - len(fat)))
    mini_count = -(-len(mini_fat) // 128)
    header = _MAGIC + bytes(16) + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, tables, directory, 0, _CUTOFF, mini_table, mini_count, NO_SECTOR + 4, 0)
    header += b"".join(struct.pack("<I", n) for n in [*range(at, at + tables), *[_NONE] * (109 - tables)])
    return header + bytes(sectors) + listed


def _directory_entry(name: str, kind: int, right: int, child: int, clsid: bytes, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le")[:62]
    length = len(encoded) + 2 if kind else 0
    head = encoded.ljust(64, b"\0") + struct.pack("<HBBIII", length, kind, 1, _NONE, right, child)
    return head + clsid + bytes(20) + struct.pack("<IQ", start, size)
