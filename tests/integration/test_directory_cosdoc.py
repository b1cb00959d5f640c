"""The cosdoc export read by the mapping of the docs, against what is known of it."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive.reasons import Flag
from archive.record import AddressProtection, DocumentStatus
from extract.mapping import load
from extract.sources.contract import SourceDocument
from extract.sources.directory import DirectorySource
from tests.conftest import REPOSITORY


@pytest.fixture
def cosdoc(shared: Path, tmp_path: Path) -> Iterator[DirectorySource]:
    mapping = load(REPOSITORY / "docs" / "mappings" / "cosdoc.toml")
    with DirectorySource(shared / "exports" / "cosdoc" / "export", mapping, tmp_path / "s.sqlite") as source:
        yield source


@pytest.fixture
def truth(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "exports" / "cosdoc" / "truth.json").read_text("utf-8"))
    return found


def test_patients_are_as_the_truth_says(cosdoc: DirectorySource, truth: dict[str, Any]) -> None:
    patients = {int(p.key): p.patient for p in cosdoc.patients()}
    assert len(patients) == truth["patients"]

    def having(flag: Flag) -> list[int]:
        return sorted(key for key, p in patients.items() if any(n.code is flag for n in p.flags))

    assert having(Flag.ID_INVALID) == truth["invalid_ids"]
    assert having(Flag.ID_MISSING) == truth["no_id"]
    protected = [key for key, p in patients.items() if p.address_protection is not AddressProtection.NONE]
    assert protected == truth["address_protected"]
    for one, other in truth["same_id"]:
        assert patients[one].identifiers[0].value == patients[other].identifiers[0].value
        assert patients[one].id != patients[other].id
    assert [i.current for i in patients[10045].identifiers] == [True, False]
    assert all(p.family_name and p.given_name and p.birth_date for p in patients.values())


def test_documents_are_as_the_truth_says(cosdoc: DirectorySource, truth: dict[str, Any]) -> None:
    documents = list(cosdoc.documents())
    by_key: dict[str, list[SourceDocument]] = collections.defaultdict(list)
    for d in documents:
        by_key[d.key].append(d)
    assert len(documents) == truth["rows"]
    assert len(by_key) == truth["distinct"]
    assert by_key.keys() == truth["documents"].keys()
    assert sorted(int(k) for k, rows in by_key.items() if len(rows) > 1) == sorted(truth["duplicate_rows"])
    assert not [d for d in documents if d.problem or d.excluded]
    for key, expected in truth["documents"].items():
        assert len(by_key[key][0].files) == 1 + expected.get("attachments", 0), key
    outside = {k for k, v in truth["documents"].items() if v.get("code") == "path-outside-export"}
    assert {d.key for d in documents if any(f.path is None for f in d.files)} == outside


def test_files_are_as_the_truth_says(cosdoc: DirectorySource, truth: dict[str, Any]) -> None:
    found = {f.path: f for f in cosdoc.files()}
    named = {f.path: d.key for d in cosdoc.documents() for f in d.files if f.path}
    assert sorted(p for p, f in found.items() if p not in named and not f.register) == truth["orphan_files"]
    missing = {key for path, key in named.items() if path not in found}
    assert missing == {k for k, v in truth["documents"].items() if v.get("code") == "file-missing"}
    assert {p for p, f in found.items() if f.register} == {
        "LESMEG.txt", "doktype.csv", "dokument.csv", "enhet.csv", "pasient.csv", "vedlegg.csv",
    }  # fmt: skip
    assert all(cosdoc.open_path(p).stat().st_size == f.size for p, f in found.items())


def test_fields_are_what_the_register_says(cosdoc: DirectorySource) -> None:
    documents = {d.key: d.document for d in cosdoc.documents()}
    first = documents["703278"]
    assert (first.type_code, first.type_text, first.title) == ("VE", "Vedtak", "Vedtak")
    assert (first.document_date, first.entry_date) == ("2022-12-17", "2022-12-17T10:35:00")
    assert (first.author.name, first.author.hpr) == ("HSP Siv Ådland", "2345678")
    assert (first.unit.code, first.unit.name, first.status) == ("1109", "Avd. 9 (nedlagt 1998)", DocumentStatus.SIGNED)
    flags = collections.Counter(n.code for d in documents.values() for n in d.flags)
    assert flags == {Flag.DATE_INVALID: 2, Flag.DATE_MISSING: 1, Flag.DATE_IMPLAUSIBLE: 1}
    assert sum(d.blocked for d in documents.values()) == 10
    assert sum(d.status is DocumentStatus.DRAFT for d in documents.values()) == 58
    ids = {d.id for d in documents.values()}
    assert sum(d.replaces in ids for d in documents.values() if d.replaces) == 6
