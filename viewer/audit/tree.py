"""The hashes of the audit log: leaf, chain, Merkle tree (RFC 9162 section 2.1) and the checkpoint kept outside it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

START = bytes(32)
"""The chain value before the first record."""

_ORIGIN = "journalarkiv/audit/"


def leaf_hash(salt: bytes, body: str) -> bytes:
    """Hash of one record; salted, so that a record whose content was purged by rule cannot be guessed from its hash."""
    return hashlib.sha256(b"\x00" + salt + body.encode()).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node of the tree."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def chain_hash(previous: bytes, leaf: bytes) -> bytes:
    """The running hash over all records up to this one."""
    return hashlib.sha256(previous + leaf).digest()


class Frontier:
    """The roots of the perfect subtrees of a growing tree; memory is the logarithm of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the next leaf hash."""
        position, self.size = self.size, self.size + 1
        while position & 1:
            leaf = node_hash(self._roots.pop(), leaf)
            position >>= 1
        self._roots.append(leaf)

    def root(self) -> bytes:
        """The Merkle tree head over the leaves so far."""
        if not self._roots:
            return hashlib.sha256().digest()
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = node_hash(left, root)
        return root


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How the log stood at one moment. Kept where the log's keeper cannot change it, it proves all records before it.

    As text it is the body of a C2SP tlog-checkpoint (origin, size, root), with the chain's head as an extension line;
    a signature can be added under it as a C2SP signed note.
    """

    log_id: str
    size: int
    root: bytes
    head: bytes

    def to_text(self) -> str:
        """Four lines, each ended by a newline."""
        root = base64.b64encode(self.root).decode()
        return f"{_ORIGIN}{self.log_id}\n{self.size}\n{root}\nhead {self.head.hex()}\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """Read it back; signature lines after the first empty line are left aside.

        Raises:
            ValueError: it is no checkpoint of a journalarkiv audit log.
        """
        lines = text.replace("\r\n", "\n").split("\n\n", 1)[0].split("\n")
        if len(lines) < 4 or not lines[0].startswith(_ORIGIN) or not lines[3].startswith("head "):
            raise ValueError("not a checkpoint of an audit log")
        root, head = base64.b64decode(lines[2], validate=True), bytes.fromhex(lines[3].removeprefix("head "))
        if len(root) != 32 or len(head) != 32 or not lines[1].isdecimal():
            raise ValueError("not a checkpoint of an audit log")
        return cls(lines[0].removeprefix(_ORIGIN), int(lines[1]), root, head)
