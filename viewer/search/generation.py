"""Where an index lies, what it was built from, and whether its bytes are the bytes that were built.

    index/current               which generation is in use, and the hash of its manifest
    index/<generation>/         g000001, g000002, ...
        manifest.json           everything below, with hashes; a folder without it is unfinished
        shard-0000/             one Whoosh index, words.txt, and shard.json (the same facts, for one shard)

Whoosh's files are pickles: reading them runs what is in them. So nothing is opened before its hash has been compared
with the manifest, and the manifest's with the pointer (docs/internals/search-index.md says what that is worth).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from archive.catalogue import Catalogue
from archive.errors import IndexMissingError
from archive.store import ArchiveStore, sha256_file, sync_folder, write_durably
from viewer.search import analysis

FORMAT = 1
BACKEND = "whoosh"
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError)


def version() -> str:
    """What an index must have been made by to be read: format, analysis, Whoosh and Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{FORMAT}/{analysis.VERSION}/{metadata.version('whoosh3')}/{python}"


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """One finished shard. `fingerprint` says what it was built from, `files` name -> (SHA-256, size)."""

    number: int
    fingerprint: str
    documents: int
    files: dict[str, tuple[str, int]]

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> ShardFacts:
        """The inverse of `dataclasses.asdict`. Raises KeyError, TypeError or ValueError."""
        files = {str(name): (str(sha), int(size)) for name, (sha, size) in data["files"].items()}
        return cls(int(data["number"]), str(data["fingerprint"]), int(data["documents"]), files)

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"shard-{self.number:04d}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A finished generation."""

    generation: str
    archive_id: str
    version: str
    content_serial: int
    packages: int
    packages_digest: str
    documents: int
    shard_count: int
    shards: tuple[ShardFacts, ...]
    """Those that hold documents, by number."""


@dataclass(frozen=True, slots=True)
class PackagesInShards:
    """The current packages of an archive, dealt out to shards by patient."""

    content_serial: int
    packages: int
    digest: str
    patients: dict[int, list[tuple[str, str]]]
    """Shard -> (patient id, package path), by patient id."""
    fingerprints: dict[int, str]


def shard_of(patient_id: str, shard_count: int) -> int:
    """The shard that holds all of a patient's documents."""
    return int.from_bytes(hashlib.sha256(patient_id.encode()).digest()[:8], "big") % shard_count


def deal_out(catalogue: Catalogue, shard_count: int) -> PackagesInShards:
    """Which packages belong in which shard, and a fingerprint of each shard's. Memory: some 200 bytes a patient."""
    patients: dict[int, list[tuple[str, str]]] = {}
    prints: dict[int, Any] = {}
    whole, count = hashlib.sha256(), 0
    for row in catalogue.connection.execute(
        "SELECT patient_id, id, path, sha256 FROM package WHERE current=1 ORDER BY patient_id"
    ):
        line = f"{row['id']} {row['sha256']}\n".encode()
        number = shard_of(row["patient_id"], shard_count)
        patients.setdefault(number, []).append((row["patient_id"], row["path"]))
        if number not in prints:
            prints[number] = hashlib.sha256(f"{version()} {number}/{shard_count}\n".encode())
        prints[number].update(line)
        whole.update(line)
        count += 1
    fingerprints = {number: h.hexdigest() for number, h in prints.items()}
    return PackagesInShards(catalogue.content_serial, count, whole.hexdigest(), patients, fingerprints)


def read_shard(folder: Path) -> ShardFacts | None:
    """A finished shard's facts if its files are what was built; None where it is unfinished or damaged."""
    try:
        facts = ShardFacts.from_plain(json.loads((folder / "shard.json").read_text("utf-8")))
        check_files(folder, facts)
    except (*_DAMAGE, IndexMissingError):
        return None
    return facts


def seal_shard(folder: Path, number: int, fingerprint: str, documents: int) -> ShardFacts:
    """Make a shard's files durable and write down what they are."""
    files = {}
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        if path.name.endswith("LOCK"):
            path.unlink()
            continue
        with path.open("rb+") as f:
            os.fsync(f.fileno())
        files[path.name] = sha256_file(path)
    facts = ShardFacts(number, fingerprint, documents, files)
    write_durably(folder / "shard.json", _json(asdict(facts)))
    sync_folder(folder)
    return facts


def check_files(folder: Path, facts: ShardFacts) -> None:
    """Compare a shard's files with its facts.

    Raises:
        IndexMissingError: a file is missing, changed or there that should not be.
    """
    there = {p.name for p in folder.iterdir()} - {"shard.json"}
    if there != facts.files.keys() or any("/" in name for name in there):
        raise _damaged(folder)
    for name, expected in facts.files.items():
        if sha256_file(folder / name) != expected:
            raise _damaged(folder / name)


def carry_over(source: Path, target: Path) -> None:
    """Put a finished shard into another generation: hard links where the file system has them, else copies."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link_or_copy)
    sync_folder(target)


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        with Path(target).open("rb+") as f:
            os.fsync(f.fileno())
    return target


def publish_generation(store: ArchiveStore, manifest: Manifest) -> None:
    """Write the manifest, then point to it: from here on the generation is the one in use."""
    content = _json(asdict(manifest))
    sync_folder(store.index / manifest.generation)
    write_durably(store.index / manifest.generation / "manifest.json", content)
    pointer = {"generation": manifest.generation, "manifest_sha256": hashlib.sha256(content).hexdigest()}
    write_durably(store.index / "current", _json(pointer))


def read_pointer(store: ArchiveStore) -> str:
    """The content of index/current; empty where there is none."""
    try:
        return (store.index / "current").read_text("utf-8")
    except OSError:
        return ""


def read_manifest(store: ArchiveStore) -> Manifest:
    """The manifest in use.

    Raises:
        IndexMissingError: there is none, or it is damaged, of another archive or another version.
    """
    pointer = read_pointer(store)
    if not pointer:
        raise IndexMissingError("The archive has no search index.", remedy="`journalarkiv index` makes it.")
    try:
        known = json.loads(pointer)
        path = store.index / Path(str(known["generation"])).name / "manifest.json"
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != known["manifest_sha256"]:
            raise _damaged(path)
        data = json.loads(content)
        shards = tuple(ShardFacts.from_plain(s) for s in data.pop("shards"))
        manifest = Manifest(**data, shards=shards)
    except _DAMAGE as e:
        raise _damaged(store.index / "current") from e
    if manifest.archive_id != store.info.id:
        raise IndexMissingError("The search index belongs to another archive.", remedy="Run `journalarkiv index`.")
    if manifest.version != version():
        raise IndexMissingError(
            "The search index was made by another version of the software.", remedy="Run `journalarkiv index`."
        )
    return manifest


def generations(store: ArchiveStore) -> list[Path]:
    """The generation folders, finished or not, oldest first."""
    if not store.index.is_dir():
        return []
    return sorted(p for p in store.index.iterdir() if p.is_dir() and p.name[:1] == "g" and p.name[1:].isdecimal())


def _damaged(path: Path) -> IndexMissingError:
    return IndexMissingError(f"The search index is damaged ({path.name}).", remedy="`journalarkiv index` repairs it.")


def _json(data: object) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode() + b"\n"
