from __future__ import annotations

import hashlib
import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.fixity import HashingReader, MerkleTree, merkle_root, read_sidecar, sidecar_path, write_sidecar

# The reference vectors of Certificate Transparency (RFC 6962 / 9162), as published with its first implementation.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("count", range(len(ROOTS)))
def test_root_is_that_of_the_reference_vectors(count: int) -> None:
    assert merkle_root(bytes.fromhex(leaf) for leaf in LEAVES[:count]) == ROOTS[count]


def recursive_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + recursive_root(leaves[:k]) + recursive_root(leaves[k:])).digest()


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    tree = MerkleTree()
    for leaf in leaves:
        tree.add(leaf)
    assert tree.root() == recursive_root(leaves).hex()
    assert tree.size == len(leaves)


def test_sidecar_is_read_back_and_by_sha256sum(tmp_path: Path) -> None:
    package = tmp_path / "a.tar"
    package.write_bytes(b"some bytes")
    write_sidecar(package, hashlib.sha256(b"some bytes").hexdigest())
    assert read_sidecar(package) == hashlib.sha256(b"some bytes").hexdigest()
    checked = subprocess.run(["sha256sum", "-c", sidecar_path(package).name], cwd=tmp_path, capture_output=True)
    assert checked.returncode == 0


def test_any_flipped_byte_of_a_sidecar_is_noticed(tmp_path: Path) -> None:
    package = tmp_path / "a.tar"
    good = "0123456789abcdef" * 4
    write_sidecar(package, good)
    path = sidecar_path(package)
    content = path.read_bytes()
    for i in range(len(content)):
        for bit in range(8):
            path.write_bytes(content[:i] + bytes([content[i] ^ 1 << bit]) + content[i + 1 :])
            assert read_sidecar(package) != good
    path.write_bytes(content + b"\n")
    assert read_sidecar(package) is None
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_sidecar(package)


@given(st.binary(max_size=5000), st.integers(1, 999))
def test_hashing_reader_hashes_what_passes(data: bytes, size: int) -> None:
    reader = HashingReader(io.BytesIO(data))
    assert reader.read(size) == data[:size]
    assert reader.hexdigest() == hashlib.sha256(data[:size]).hexdigest()
    reader.drain()
    assert (reader.hexdigest(), reader.position) == (hashlib.sha256(data).hexdigest(), len(data))
