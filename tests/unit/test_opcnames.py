"""Parts of office files that are named otherwise than their relationships say."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from archive.normalise.opcnames import named_rightly
from tests.documents import docx, run
from tests.officefiles import packed, word


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


SOUND = word(f"<w:p>{run('x')}</w:p>", footnotes="<w:footnotes/>", files={"a.bin": b"1"})


def changed(name: Callable[[str], str]) -> bytes:
    return packed({name(old): content for old, content in members(SOUND).items()})


@pytest.mark.parametrize(
    "name",
    [
        lambda n: f"/{n}",
        lambda n: n.replace("/", "\\"),
        lambda n: n.upper(),
        lambda n: n.replace("word/document.xml", "Word/Document.xml"),
        lambda n: n.replace("[Content_Types]", "[content_types]"),
        lambda n: n.replace("footnotes", "Footnotes"),
    ],
)
def test_parts_are_found_by_the_names_that_others_write(tmp_path: Path, name: Callable[[str], str]) -> None:
    (tmp_path / "a").write_bytes(changed(name))
    assert named_rightly(tmp_path / "a", tmp_path / "b")
    made = members((tmp_path / "b").read_bytes())
    for part in ("[Content_Types].xml", "_rels/.rels", "word/document.xml", "word/_rels/document.xml.rels"):
        assert made[part] == members(SOUND)[part]
    assert "word/footnotes.xml" in made
    assert len(made) == len(members(SOUND))


def test_an_escaped_name_is_the_same_name(tmp_path: Path) -> None:
    parts = members(SOUND)
    parts["_rels/.rels"] = parts["_rels/.rels"].replace(b"document.xml", b"dok%20ument.xml")
    parts["word/dok ument.xml"] = parts.pop("word/document.xml")
    (tmp_path / "a").write_bytes(packed(dict(parts)))
    assert named_rightly(tmp_path / "a", tmp_path / "b")
    assert "word/dok%20ument.xml" in members((tmp_path / "b").read_bytes())


@pytest.mark.parametrize("content", [SOUND, docx(run("x")), b"PK\x03\x04", b"", packed({"A.xml": "1", "a.xml": "2"})])
def test_sound_and_unreadable_files_are_not_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert not named_rightly(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b").exists()
