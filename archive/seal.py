"""Seals: the manifest of all packages, in the form `sha256sum -c` reads, and its Merkle root.

`seals/packages-<time>.sha256` is a plain list; `seals/certificate-<time>.json` names its root. Packages are never
edited, so every package of the newest seal must still be there with the same hash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from archive.catalogue import Catalogue
from archive.findings import FindingCode, Findings
from archive.fixity import MerkleTree, manifest_line
from archive.store import ArchiveStore, disk_full_is_clear, publish

MANIFEST = "packages-{stamp}.sha256"
CERTIFICATE = "certificate-{stamp}.json"


def manifest(catalogue: Catalogue) -> Iterator[bytes]:
    """One line per package of the catalogue, every generation, by package id."""
    for row in catalogue.connection.execute("SELECT path, sha256 FROM package ORDER BY id"):
        yield manifest_line(row["path"], row["sha256"])


def package_root(catalogue: Catalogue) -> tuple[str, int]:
    """The Merkle root over all packages recorded now, and their number."""
    tree = MerkleTree()
    for line in manifest(catalogue):
        tree.add(line)
    return tree.root(), tree.size


def write_manifest(store: ArchiveStore, catalogue: Catalogue, stamp: str) -> tuple[Path, str, int]:
    """Write the manifest durably; returns its path, Merkle root and number of packages.

    Raises:
        DiskFullError: no room.
    """
    tree = MerkleTree()
    path = store.seals / MANIFEST.format(stamp=stamp)
    temporary = path.with_name(path.name + ".tmp")
    with disk_full_is_clear():
        store.seals.mkdir(exist_ok=True)
        with temporary.open("wb") as f:
            for line in manifest(catalogue):
                f.write(line)
                tree.add(line)
        publish(temporary, path)
    return path, tree.root(), tree.size


def check_newest(store: ArchiveStore, recorded: Callable[[Path], str | None], findings: Findings) -> None:
    """Hold the newest seal against itself and against the packages.

    Args:
        store: the archive; without a seal nothing is checked.
        recorded: gives the hash on record of a package's path, None where the package is gone.
        findings: where to put what is wrong.
    """
    certificates = sorted(store.seals.glob(CERTIFICATE.format(stamp="*")))
    if not certificates:
        return
    newest = certificates[-1]
    place = newest.relative_to(store.root).as_posix()
    stamp = newest.name.removeprefix("certificate-").removesuffix(".json")
    tree = MerkleTree()
    try:
        expected = json.loads(newest.read_text("utf-8"))["seal"]["merkle_root"]
        with (store.seals / MANIFEST.format(stamp=stamp)).open("rb") as f:
            for line in f:
                tree.add(line)
                sha256, _, path = line.decode().removesuffix("\n").partition("  ")
                if recorded(store.root / path) != sha256:
                    findings.add(FindingCode.SEAL_BROKEN, path, f"It is not as {place} has it.")
    except (OSError, ValueError, KeyError, TypeError) as e:
        findings.add(FindingCode.SEAL_BROKEN, place, f"It cannot be read ({type(e).__name__}).")
        return
    if tree.root() != expected:
        findings.add(FindingCode.SEAL_BROKEN, place, "Its manifest has another Merkle root.")
