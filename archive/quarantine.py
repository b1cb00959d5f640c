"""quarantine/<document id>/: what could not be archived, why, and its original bytes.

`reason.json` is the entry; it is written last and atomically, and names the stored files, which are called by their
hash. So replacing an entry never touches a file that the old one names before the new one is in place: at any moment
there is a complete entry, the old or the new. Files that no entry names are what a crash leaves; the next `put` removes
them, and a folder without `reason.json` is no entry.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from archive.record import Quarantined, QuarantinedFile, from_json, to_plain
from archive.store import ArchiveStore, disk_full_is_clear, remove_tree, sync_folder, write_durably

_REASON = "reason.json"
_CHUNK = 1 << 20
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,8})$")


def put(store: ArchiveStore, quarantined: Quarantined, sources: Mapping[str, Path]) -> Quarantined:
    """Keep a document that could not be archived; replaces an entry of the same document.

    Args:
        store: the archive.
        quarantined: what is known of it.
        sources: for the names of its files, where their bytes are; may be files of the entry replaced. A file that is
            not here, or cannot be read, has no bytes to keep.

    Returns:
        The entry as written: `stored_as`, `sha256` and `size` are those of the bytes kept.

    Raises:
        DiskFullError: no room; an entry that was there is still there.
    """
    folder = store.quarantine_path(quarantined.document.id)
    with disk_full_is_clear():
        if not folder.is_dir():
            folder.mkdir(parents=True)
            sync_folder(folder.parent)
        files = tuple(_keep(f, sources.get(f.name), folder) for f in quarantined.files)
        kept = replace(quarantined, files=files)
        # An undecodable byte of the source is a lone surrogate here: its JSON escape is what backslashreplace writes.
        text = json.dumps(to_plain(kept), ensure_ascii=False, sort_keys=True, indent=1) + "\n"
        write_durably(folder / _REASON, text.encode("utf-8", "backslashreplace"))
    named = {_REASON} | {f.stored_as for f in files}
    for path in folder.iterdir():
        if path.name not in named:
            path.unlink(missing_ok=True)
    return kept


def _keep(file: QuarantinedFile, source: Path | None, folder: Path) -> QuarantinedFile:
    if source is None:
        return replace(file, stored_as=None)
    temporary = folder / "incoming.tmp"
    digest, size = hashlib.sha256(), 0
    try:
        reader = source.open("rb")
    except OSError:
        return replace(file, stored_as=None)
    with reader, temporary.open("wb") as out:
        while chunk := _read(reader.fileno()):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
        if chunk is None:
            return replace(file, stored_as=None)
        out.flush()
        os.fsync(out.fileno())
    extension = _EXTENSION.search(file.name)
    stored_as = f"{digest.hexdigest()}.{extension[1].lower() if extension else 'bin'}"
    temporary.replace(folder / stored_as)
    sync_folder(folder)
    return replace(file, sha256=digest.hexdigest(), size=size, stored_as=stored_as)


def _read(fd: int) -> bytes | None:
    """The next piece; None where the system refuses to read on. Kept apart from writing, whose errors matter."""
    try:
        return os.read(fd, _CHUNK)
    except OSError:
        return None


def get(store: ArchiveStore, document_id: str) -> Quarantined:
    """The entry of a document.

    Raises:
        FileNotFoundError: it is not in quarantine.
        KeyError, TypeError, ValueError: its `reason.json` is damaged.
    """
    return from_json(Quarantined, (store.quarantine_path(document_id) / _REASON).read_text("utf-8"))


def all_entries(store: ArchiveStore) -> Iterator[Quarantined]:
    """Every entry, in the order of document ids; memory holds their ids and one entry at a time."""
    if not store.quarantine.is_dir():
        return
    for name in sorted(p.name for p in store.quarantine.iterdir()):
        if (store.quarantine / name / _REASON).is_file():
            yield get(store, name)


def remove(store: ArchiveStore, document_id: str) -> None:
    """Remove an entry; nothing happens if there is none."""
    folder = store.quarantine_path(document_id)
    if folder.is_dir():
        # First what makes it an entry, so that a crash leaves it whole or not at all.
        (folder / _REASON).unlink(missing_ok=True)
        sync_folder(folder)
        remove_tree(folder)
        sync_folder(store.quarantine)
