"""Hashes above the single file: the sidecar beside each package, and the Merkle root that seals a whole archive.

Ladder: a file's SHA-256 stands in journal.xml, METS and PREMIS of its package; the package's SHA-256 stands in its
sidecar and in the catalogue; all packages' lines stand in a seal's manifest, whose Merkle root stands in the
completeness certificate. Whoever keeps that one root elsewhere can prove that no package was changed, added or taken.

The tree is that of RFC 9162 section 2.1.1 (SHA-256, leaf prefix 0x00, node prefix 0x01); a leaf is one manifest line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from archive.store import write_durably

_SIDECAR = re.compile(rb"([0-9a-f]{64})  ([^\n/]+)\n")


class MerkleTree:
    """A Merkle tree that is only ever added to; memory is one hash per level."""

    def __init__(self) -> None:
        self._peaks: list[tuple[int, bytes]] = []
        self.size = 0

    def add(self, leaf: bytes) -> None:
        """Add a leaf's content (not its hash)."""
        height, node = 0, hashlib.sha256(b"\x00" + leaf).digest()
        while self._peaks and self._peaks[-1][0] == height:
            node = hashlib.sha256(b"\x01" + self._peaks.pop()[1] + node).digest()
            height += 1
        self._peaks.append((height, node))
        self.size += 1

    def root(self) -> str:
        """The root of what was added so far, lower-case hex."""
        if not self._peaks:
            return hashlib.sha256().hexdigest()
        node = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            node = hashlib.sha256(b"\x01" + peak + node).digest()
        return node.hex()


def merkle_root(leaves: Iterable[bytes]) -> str:
    """The root over some leaves, in their order."""
    tree = MerkleTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def manifest_line(path: str, sha256: str) -> bytes:
    """One line as `sha256sum -c` reads it; `path` relative to the archive's root, POSIX."""
    return f"{sha256}  {path}\n".encode()


def sidecar_path(package: Path) -> Path:
    """`<uuid>.tar.sha256`, beside the package."""
    return package.with_name(package.name + ".sha256")


def write_sidecar(package: Path, sha256: str) -> None:
    """Write the package's hash beside it, durably, in the form `sha256sum -c` reads.

    Raises:
        DiskFullError: no room.
    """
    write_durably(sidecar_path(package), manifest_line(package.name, sha256))


def read_sidecar(package: Path) -> str | None:
    """The hash a package's sidecar gives, None where the sidecar is not exactly one line of this package's.

    Raises:
        FileNotFoundError: there is no sidecar.
    """
    with sidecar_path(package).open("rb") as f:
        found = _SIDECAR.fullmatch(f.read(512))
    if found is None or found[2] != package.name.encode():
        return None
    return found[1].decode()


class HashingReader:
    """Reads a binary file forward and hashes every byte that passes, so that one reading serves two purposes."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._digest = hashlib.sha256()
        self.position = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end."""
        data = self._raw.read(size)
        self._digest.update(data)
        self.position += len(data)
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self.read(1 << 20):
            pass

    def hexdigest(self) -> str:
        """SHA-256 of everything read so far, lower-case hex."""
        return self._digest.hexdigest()
