"""Office files of ZIP whose parts are named otherwise than LibreOffice looks for them.

The names of parts are one in upper and lower case, and may be written with `%20` or a leading slash (ECMA-376 part 2,
6.2 and annex B); some programs wrote backslashes. Only the copy that LibreOffice gets is changed, and only where a part
is not found by its very name.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from pathlib import Path
from urllib.parse import unquote

_TYPES = "[Content_Types].xml"
_TARGET = re.compile(rb"<(?:\w+:)?Relationship\s[^<>]*>")
_ATTRIBUTE = re.compile(rb"\b(Target|TargetMode)\s*=\s*[\"']([^\"']*)[\"']")
_MOST_PART = 16 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)


def named_rightly(source: Path, copy: Path) -> bool:
    """Write a copy whose parts have the names that its relationships say; False, and no copy, where they have."""
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
            plain = {m.filename: m.filename.replace("\\", "/").lstrip("/") for m in members}
            by_name = {_folded(name): given for given, name in plain.items()}
            names = dict(plain)
            if (types := by_name.get(_folded(_TYPES))) is not None:
                names[types] = _TYPES
            relations = {
                m.filename: archive.read(m)
                for m in members
                if plain[m.filename].lower().endswith(".rels") and m.file_size <= _MOST_PART
            }
            # From the root on: a part's name follows from its relationship, those of its own from its name.
            for given in sorted(relations, key=lambda r: plain[r].count("/")):
                names[given] = _beside(plain[given], names, by_name)
                for target in _targets(relations[given], names[given]):
                    found = by_name.get(_folded(target))
                    if found is not None and names[found] == plain[found]:
                        names[found] = target
            if all(given == name for given, name in names.items()) or len(set(names.values())) < len(names):
                return False
            with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as target_file:
                for member in members:
                    target_file.writestr(names[member.filename], archive.read(member))
    except _UNREADABLE:
        copy.unlink(missing_ok=True)
        return False
    return True


def _folded(name: str) -> str:
    return unquote(name).lower()


def _targets(relations: bytes, base: str) -> list[str]:
    """The names of the parts that a relationship part points to."""
    folder = posixpath.dirname(posixpath.dirname(base))
    found = []
    for relation in _TARGET.findall(relations):
        attributes = dict(_ATTRIBUTE.findall(relation))
        target = attributes.get(b"Target", b"").decode("utf-8", "replace")
        if target and attributes.get(b"TargetMode", b"") != b"External":
            found.append(posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/"))
    return found


def _beside(name: str, names: dict[str, str], by_name: dict[str, str]) -> str:
    """A relationship part stands in the folder `_rels` of the part it is of, and is named for it."""
    folder, own = posixpath.split(name)
    of = posixpath.join(posixpath.dirname(folder), own[: -len(".rels")])
    other = names.get(by_name.get(_folded(of), ""), of)
    place, part = posixpath.split(other)
    return posixpath.join(place, "_rels", f"{part}.rels")
