"""The draft for the cosdoc export needs few edits: it reads the same patients, documents and files as the mapping of
the docs, and tells no patient's values."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from extract.inspect import InspectReport, inspect_export
from extract.mapping import Mapping, load, loads
from extract.sources.directory import DirectorySource
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def export(shared: Path) -> Path:
    return shared / "exports" / "cosdoc" / "export"


@pytest.fixture(scope="module")
def report(export: Path) -> InspectReport:
    return inspect_export(export)


def test_the_draft_reads_what_the_mapping_reads(export: Path, report: InspectReport, tmp_path: Path) -> None:
    hand = load(REPOSITORY / "docs" / "mappings" / "cosdoc.toml")
    draft = loads(report.draft_mapping(), Path("draft.toml"))

    def read(mapping: Mapping) -> tuple[list[object], list[object], list[object]]:
        with DirectorySource(export, mapping, tmp_path / "s.sqlite") as source:
            patients: list[object] = []
            for row in source.patients():
                p = row.patient
                patients.append((p.source_key, p.identifiers, p.family_name, p.given_name, p.birth_date, p.sex,
                                 p.deceased, p.address_protection, p.flags))  # fmt: skip
            documents: list[object] = []
            for d in source.documents():
                x = d.document
                documents.append((d.key, d.patient_key, d.files, d.problem, x.type_code, x.type_text, x.title,
                                  x.document_date, x.entry_date, x.author, x.unit, x.service, x.status, x.blocked,
                                  bool(x.replaces), x.flags))  # fmt: skip
            return patients, documents, list(source.files())

    for drafted, made in zip(read(draft), read(hand), strict=True):
        assert drafted == made


def test_files_are_counted_as_the_truth_says(report: InspectReport) -> None:
    assert (report.missing, report.outside, report.orphans, report.empty) == (7, 1, 5, 4)
    assert report.named == 1446
    assert sum(kind.count for kind in report.files) == 1450
    assert report.roles.patients is not None and report.roles.patients.name == "pasient"
    assert report.roles.documents is not None and report.roles.documents.name == "dokument"
    assert [t.name for t in report.roles.attachments] == ["vedlegg"]
    assert {t.name for t in report.roles.lookups} == {"doktype", "enhet"}


def test_no_patient_is_told(export: Path, report: InspectReport) -> None:
    told = report.to_text() + json.dumps(report.to_plain(), ensure_ascii=False) + report.draft_mapping()
    with (export / "pasient.csv").open(encoding="cp1252", newline="") as f:
        patients = list(csv.DictReader(f, delimiter=";"))
    for row in patients:
        for column in ("PASNR", "FNR", "GMLID", "ETTERNAVN", "FORNAVN", "FODT", "DOD"):
            assert not row[column] or row[column] not in told, column
    with (export / "dokument.csv").open(encoding="cp1252", newline="") as f:
        for row in csv.DictReader(f, delimiter=";"):
            for column in ("DOKNR", "FORFATTER", "DOKDATO", "FIL"):
                assert not row[column] or row[column] not in told, column
