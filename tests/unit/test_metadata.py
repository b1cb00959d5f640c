from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from archive.metadata import Journal, PackageIdentity, read_journal, write_journal
from archive.record import JournalDocument, Patient
from schemas import schema_path
from tests.conftest import ARCHIVE_INFO
from tests.records import a_journal, a_patient, documents, ids, patients, some_uuid

SCHEMA = etree.XMLSchema(file=str(schema_path("journal.xsd")))
identities = st.builds(PackageIdentity, ids, st.integers(1, 99), st.none() | ids)


def written(
    package: PackageIdentity, patient: Patient, docs: tuple[JournalDocument, ...] | list[JournalDocument]
) -> bytes:
    out = io.BytesIO()
    write_journal(out, package, ARCHIVE_INFO, patient, docs)
    return out.getvalue()


@settings(deadline=None, max_examples=150)
@given(identities, patients, st.lists(documents, max_size=3, unique_by=lambda d: d.id).map(tuple))
def test_everything_a_record_can_hold_comes_back_and_fits_the_schema(
    package: PackageIdentity, patient: Patient, docs: tuple[JournalDocument, ...]
) -> None:
    xml = written(package, patient, docs)
    assert read_journal(io.BytesIO(xml)) == Journal(package, ARCHIVE_INFO, patient, docs)
    SCHEMA.assertValid(etree.fromstring(xml))


def test_the_schema_explains_every_type() -> None:
    xs = "{http://www.w3.org/2001/XMLSchema}"
    root = etree.parse(schema_path("journal.xsd")).getroot()
    named = [e for e in root if e.tag in (f"{xs}complexType", f"{xs}simpleType", f"{xs}element")]
    assert len(named) > 10
    for element in named:
        assert (element.findtext(f"{xs}annotation/{xs}documentation") or "").strip(), element.get("name")


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    patient = a_patient()
    docs, _ = a_journal(tmp_path, patient)
    return written(PackageIdentity(some_uuid("p"), 2, some_uuid("q")), patient, docs)


def test_the_example_is_what_the_schema_says(good: bytes) -> None:
    SCHEMA.assertValid(etree.fromstring(good))
    assert "Prøve-Ærlig".encode() in good
    assert b"_x0007_" in good


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<blocked>true</blocked>", b"<blocked>yes</blocked>"),
        (b"<blocked>true</blocked>", b"<blocked>true</blocked><blocked>true</blocked>"),
        (b"<blocked>true</blocked>", b"<blocked><b/></blocked>"),
        (b"<generation>2</generation>", b"<generation>two</generation>"),
        (b"<generation>2</generation>", b""),
        (b"<sex>male</sex>", b"<sex>M</sex>"),
        (b"<sex>male</sex>", b"<gender>male</gender>"),
        (b'version="1"', b'version="2"'),
        (b"urn:journalarkiv:journal:1", b"urn:journalarkiv:journal:2"),
        (b'<extra name="KOMMUNE">', b"<extra>"),
        (b"</archive>", b"</archive><package/>"),
        (b"</journal>", b"<patient/></journal>"),
    ],
)
def test_what_does_not_fit_the_record_is_refused(good: bytes, old: bytes, new: bytes) -> None:
    assert old in good
    with pytest.raises(ValueError, match=r"journal|XML|neither|not a whole|not a valid"):
        read_journal(io.BytesIO(good.replace(old, new, 1)))


def test_every_record_field_is_in_the_schema() -> None:
    text = schema_path("journal.xsd").read_text("utf-8")
    for cls in (Patient, JournalDocument):
        for field in dataclasses.fields(cls):
            if field.name not in ("identifiers", "flags", "files", "attempts"):
                first, *rest = field.name.split("_")
                assert f'name="{first}{"".join(w.capitalize() for w in rest)}"' in text


def test_the_schema_sees_a_document_twice(good: bytes) -> None:
    root = etree.fromstring(good)
    root.append(etree.fromstring(etree.tostring(root[-1])))
    assert not SCHEMA.validate(root)
