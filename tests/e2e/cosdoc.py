"""What the end-to-end tests on the realistic export share: running the command, and reading what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MAPPING = ROOT / "docs" / "mappings" / "cosdoc.toml"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "journalarkiv", *map(str, arguments)]


def run(*arguments: object, expect: tuple[int, ...] = (0,)) -> Any:
    """Run a verb with --json and give back what it printed."""
    done = subprocess.run(command(*arguments, "--json"), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in expect, f"{arguments[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def migrate(export: Path, archive: Path, *more: object) -> Any:
    workers = os.environ.get("JOURNALARKIV_TEST_WORKERS", "2")
    return run("migrate", export, archive, "--mapping", MAPPING, "--workers", workers, *more, expect=(0, 1))


def states(archive: Path) -> dict[str, tuple[str, str, str | None]]:
    """Source key -> (id, state, reason)."""
    with sqlite3.connect(archive / "register.sqlite") as db:
        found = {k: (i, s, r) for k, i, s, r in db.execute("SELECT key, id, state, reason FROM document")}
    db.close()
    return found


def rows(database: Path, sql: str, *parameters: object) -> list[Any]:
    db = sqlite3.connect(database)
    try:
        return db.execute(sql, parameters).fetchall()
    finally:
        db.close()


def packages(archive: Path) -> dict[str, str]:
    return {
        p.relative_to(archive).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted((archive / "packages").rglob("*.tar"))
    }


def originals(archive: Path) -> dict[tuple[str, int], str]:
    """(document id, seq) -> SHA-256 of the original bytes as they lie in the package now."""
    found = {}
    for path, document, seq, offset, size in rows(
        archive / "catalogue.sqlite",
        "SELECT p.path, f.document_id, f.seq, f.original_offset, f.original_size FROM file f"
        " JOIN document d ON d.id=f.document_id JOIN package p ON p.patient_id=d.patient_id AND p.current=1",
    ):
        with (archive / path).open("rb") as f:
            f.seek(offset)
            found[document, seq] = hashlib.sha256(f.read(size)).hexdigest()
    return found
