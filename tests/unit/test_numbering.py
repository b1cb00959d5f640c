"""Equal keys of two tables are two documents, or the second mapping is refused; ids that are there never change."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import MappingError
from archive.identifiers import document_id, document_ids, patient_id, patient_ids
from archive.store import ArchiveStore
from extract.mapping import loads
from extract.mapping.model import Mapping
from extract.migrate import _numberings
from extract.register import Register
from extract.sources.directory import DirectorySource
from extract.sources.numbering import scoped, settle, tables
from extract.sources.records import row_key
from tests.unit.test_directory import DOCUMENT, FILES, HEAD, PATIENT

ARCHIVE = "11111111-2222-5333-8444-555555555555"


def mapping(file: str = "dok.csv", key: str = "ID", numbering: str | None = None, head: str = HEAD) -> Mapping:
    own = "" if numbering is None else f'numbering = "{numbering}"\n'
    document = DOCUMENT.replace('"ID"', f'"{key}"') + own
    return loads(head.replace("dok.csv", file) + PATIENT + document + FILES, Path("m.toml"))


def test_the_ids_of_the_first_table_are_those_they_always_were() -> None:
    assert document_ids(ARCHIVE, "S")("17") == document_id(ARCHIVE, "S", "17")
    assert patient_ids(ARCHIVE, "S")("17") == patient_id(ARCHIVE, "S", "17")


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=2, unique=True))
def test_no_two_keys_have_one_id_or_one_text(pairs: list[tuple[str, str]]) -> None:
    (a, b), (c, d) = pairs
    assert document_ids(ARCHIVE, "S", a)(b) != document_ids(ARCHIVE, "S", c)(d)
    if "\x1f" not in a + c and b and d:  # the name of a numbering is the mapping's
        assert scoped(a, b) != scoped(c, d)


@pytest.mark.parametrize("other", [mapping("notat.csv"), mapping(key="NR"), mapping("a/dok.csv")])
def test_another_table_is_refused_until_the_mapping_says_whose_numbers_these_are(other: Mapping) -> None:
    known = settle(mapping(), {})
    with pytest.raises(MappingError) as caught:
        settle(other, known)
    assert "numbering" in str(caught.value) and len(caught.value.findings) == 1
    assert settle(mapping(), known) == known


def test_a_second_numbering_is_kept_and_cannot_be_changed() -> None:
    known = settle(mapping("notat.csv", numbering="notat"), settle(mapping(), {}))
    assert sorted(known["document"].values()) == ["", "notat"]
    assert settle(mapping("notat.csv"), known) == known
    for numbering in ("", "annet"):
        with pytest.raises(MappingError, match="was 'notat'"):
            settle(mapping("notat.csv", numbering=numbering), known)


def test_the_same_table_in_another_file_keeps_its_ids() -> None:
    known = settle(mapping("dok_2025.csv", numbering=""), tables(mapping()))
    assert set(known["document"].values()) == {""}


def test_equal_keys_of_two_numberings_are_two_documents(tmp_path: Path) -> None:
    root = tmp_path / "eksport"
    root.mkdir()
    (root / "pas.csv").write_text("NR\n1\n")
    (root / "dok.csv").write_text("ID;NR;FIL\n17;1;a\n;1;b\n")
    (root / "notat.csv").write_text("ID;NR;FIL\n17;1;c\n;1;b\n18;;\n")
    known: dict[str, dict[str, str]] = {}
    keys, ids, patients = [], [], set()
    for m in (mapping(), mapping("notat.csv", numbering="notat")):
        with DirectorySource(root, m, tmp_path / "s.sqlite") as source:
            known = source.number_keys(known)
            documents = list(source.documents())
            keys += [d.key for d in documents]
            ids += [d.document.id for d in documents]
            patients |= {d.patient_key for d in documents}
            assert documents[0].document.source_key == "17"
            assert {p.key for p in source.patients()} == {"1"}
    assert len(set(keys)) == len(set(ids)) == 5
    assert patients == {"1", ""}


@pytest.mark.parametrize("kept", [True, False])
def test_an_archive_of_an_earlier_version_knows_its_first_table(tmp_path: Path, kept: bool) -> None:
    text = HEAD + PATIENT + DOCUMENT + FILES
    store = ArchiveStore.create(tmp_path / "arkiv", mapping().archive_info())
    if kept:
        (store.seals / "mapping-0123456789abcdef.toml").write_text(text)
    with Register(store.register) as register:
        assert _numberings(store, register) == {}
        export, _ = register.begin_export(
            tmp_path, delta=False, register_sha256="", mapping_sha256="0123456789abcdef99", now=""
        )
        register.connection.execute("UPDATE export SET registered=1 WHERE number=?", (export.number,))
        assert _numberings(store, register) == (tables(mapping()) if kept else {})


def test_rows_without_a_key_have_one_of_their_own() -> None:
    rows = (["a", "b"], ["a\x1fb"], ["a\x1fb", ""], ["a", "b", ""], ['["a"]'], ["\x1f", ""])
    assert len({row_key(row) for row in rows}) == len(rows)
    assert row_key(["a", "b"]) == "!" + hashlib.sha256(b"a\x1fb").hexdigest()[:24]  # as it always was
