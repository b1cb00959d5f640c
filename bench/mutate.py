"""Broken files on demand: seeded mutants of a corpus, cut files, and the directory export that carries them.

A mutant is decided by (seed, number) and the corpus alone, so that any one of them can be made again.
"""

from __future__ import annotations

import csv
import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KINDS = ("hostile", "cut", "mutant")
_TOKENS = {
    "rtf": re.compile(rb"\\[a-z]+-?\d* ?|\\'[0-9a-f]{2}|[{}]"),
    "xml": re.compile(rb"</?[\w:.-]+|[\w:.-]+=\"[^\"]*\"|&\w+;|>"),
    "html": re.compile(rb"</?\w+|\w+=\"[^\"]*\"|&\w+;|>"),
    "pdf": re.compile(rb"/\w+|\d+ \d+ R|\d+ \d+ obj|endobj|stream|endstream|xref|trailer|<<|>>"),
}
_ODD = (b"0", b"-1", b"1", b"65535", b"65536", b"2147483647", b"-2147483648", b"4294967295", b"99999999999999")
_WAYS = ("bytes", "bytes", "remove", "repeat", "swap", "number", "splice", "token", "token", "fill")
_NUMBER = re.compile(rb"-?\d+")
_SMALL = 1 << 16
_PER_PATIENT = 10


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken file. `kind` is of KINDS; `origin` names the corpus's file(s) and what was done."""

    name: str
    kind: str
    format: str
    origin: str
    content: bytes


class Breaker:
    """Makes broken files of a corpus.

    Args:
        files: (format, path, hostile) of the corpus.
        seed: decides everything left to chance.
        formats: those to mutate; all by default.
    """

    def __init__(self, files: Sequence[tuple[str, Path, bool]], seed: int, formats: Sequence[str] = ()) -> None:
        self._seed = seed
        self._all = [f for f in sorted(files, key=lambda f: (f[0], f[1].name)) if not formats or f[0] in formats]
        self._by_format: dict[str, list[Path]] = {}
        for name, path, _ in self._all:
            if path.stat().st_size:
                self._by_format.setdefault(name, []).append(path)
        # small files come more often, since what breaks a reader is seldom in the bulk
        self._weights = {n: [1 / (1 + p.stat().st_size / 8192) for p in paths] for n, paths in self._by_format.items()}

    def hostile(self) -> list[Broken]:
        """The corpus's own hostile files, as they are."""
        return [
            Broken(f"hostile-{n:05}.{name}", "hostile", name, path.name, path.read_bytes())
            for n, (name, path, hostile) in enumerate(self._all)
            if hostile
        ]

    def cut(self, number: int) -> Broken | None:
        """The corpus's file of that number, cut at a random place; None for the shortest and beyond the last."""
        if number >= len(self._all):
            return None
        name, path, _ = self._all[number]
        content = path.read_bytes()
        if len(content) < 2:
            return None
        place = random.Random(f"{self._seed}/cut/{path.name}").randrange(1, len(content))
        return Broken(f"cut-{number:05}.{name}", "cut", name, f"{path.name} cut at {place}", content[:place])

    @property
    def cuts(self) -> int:
        """How many numbers `cut` knows."""
        return len(self._all)

    def mutant(self, number: int) -> Broken:
        """The mutant of that number."""
        rng = random.Random(f"{self._seed}/mutant/{number}")
        name = rng.choice(sorted(self._by_format))
        path = rng.choices(self._by_format[name], self._weights[name])[0]
        content, done = path.read_bytes(), []
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            how = rng.choice(
                ("bytes", "bytes", "remove", "repeat", "swap", "number", "splice", "token", "token", "fill")
            )
            content = self._mutated(how, content, name, rng)
            done.append(how)
        if content == path.read_bytes():
            content += rng.randbytes(3)
            done.append("tail")
        return Broken(f"mutant-{number:06}.{name}", "mutant", name, f"{path.name}: {', '.join(done)}", content)

    def _mutated(self, how: str, content: bytes, name: str, rng: random.Random) -> bytes:
        if not content:
            return content
        start = rng.randrange(len(content))
        length = min(len(content) - start, int(2 ** rng.uniform(0, 12)))
        block = content[start : start + length]
        match how:
            case "bytes":
                return _flipped(content, rng)
            case "remove":
                return content[:start] + content[start + length :]
            case "repeat":
                return content[:start] + block * rng.choice((2, 3, 50)) + content[start + length :]
            case "fill":
                return content[:start] + bytes([rng.choice((0, 32, 255))]) * length + content[start + length :]
            case "swap":
                other = rng.randrange(len(content))
                low, high = sorted((start, other))
                length = min(length, high - low, len(content) - high)
                return b"".join(
                    (
                        *(content[:low], content[high : high + length], content[low + length : high]),
                        *(content[low : low + length], content[high + length :]),
                    )
                )
            case "splice":
                other_file = rng.choice(self._by_format[name]).read_bytes()
                there = rng.randrange(len(other_file))
                if rng.random() < 0.5:
                    return content[:start] + other_file[there:]
                return content[:start] + other_file[there : there + length] + content[start:]
            case "number":
                return _replaced(_NUMBER, content, rng, lambda _: rng.choice(_ODD))
            case _:
                tokens = _TOKENS.get(name)
                if tokens is None:
                    return _flipped(content, rng)
                found = [m[0] for m in _some(tokens, content, rng)]
                return _replaced(
                    tokens, content, rng, lambda m: rng.choice((b"", m * 2, m * 400, rng.choice(found or [b""])))
                )


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    # near the beginning are the headers
    reach = len(content) if rng.random() < 0.6 else min(len(content), 512)
    for _ in range(rng.choice((1, 1, 4, 16, 64))):
        place = rng.randrange(reach)
        changed[place] = rng.choice((changed[place] ^ (1 << rng.randrange(8)), rng.randrange(256), 0, 255))
    return bytes(changed)


def _some(pattern: re.Pattern[bytes], content: bytes, rng: random.Random) -> list[re.Match[bytes]]:
    start = rng.randrange(max(1, len(content) - _SMALL))
    return list(pattern.finditer(content, start, start + _SMALL))


def _replaced(pattern: re.Pattern[bytes], content: bytes, rng: random.Random, new: Callable[[bytes], bytes]) -> bytes:
    found = _some(pattern, content, rng)
    if not found:
        return _flipped(content, rng)
    for m in sorted(rng.sample(found, min(len(found), rng.choice((1, 1, 3, 10)))), key=lambda m: -m.start()):
        content = content[: m.start()] + new(m[0]) + content[m.end() :]
    return content


MAPPING = """format = "journalarkiv.mapping/1"

[system]
name = "Broken files"

[owner]
name = "Test"
organisation_number = "310000000"

[csv]
encoding = "utf-8"
delimiter = ";"

[tables.patients]
file = "patients.csv"

[tables.documents]
file = "documents.csv"

[patient]
table = "patients"
key = "ID"

[document]
table = "documents"
key = "ID"
patient = "PATIENT"

[[document.files]]
path = "FILE"
"""


def write_export(folder: Path, files: Iterator[Broken]) -> dict[str, dict[str, str]]:
    """Write an export of such files (folder/export, folder/mapping.toml), ten to a patient; what each is, by name."""
    export = folder / "export"
    (export / "files").mkdir(parents=True)
    (folder / "mapping.toml").write_text(MAPPING)
    told: dict[str, dict[str, str]] = {}
    with (
        (export / "patients.csv").open("w", newline="") as patients,
        (export / "documents.csv").open("w", newline="") as documents,
    ):
        patient_rows, rows = csv.writer(patients, delimiter=";"), csv.writer(documents, delimiter=";")
        patient_rows.writerow(("ID", "NAME"))
        rows.writerow(("ID", "PATIENT", "FILE"))
        for number, broken in enumerate(files):
            patient = f"p{number // _PER_PATIENT}"
            if number % _PER_PATIENT == 0:
                patient_rows.writerow((patient, patient))
            rows.writerow((broken.name, patient, f"files/{broken.name}"))
            (export / "files" / broken.name).write_bytes(broken.content)
            told[broken.name] = {
                "kind": broken.kind,
                "format": broken.format,
                "origin": broken.origin,
                "sha256": hashlib.sha256(broken.content).hexdigest(),
            }
    return told
