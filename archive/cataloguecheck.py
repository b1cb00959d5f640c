"""Holds the catalogue against itself, against what is on disk, and against each package's own words."""

from __future__ import annotations

import sqlite3

from archive.catalogue import Catalogue
from archive.cataloguerows import document_row, file_row, identifier_rows, patient_row
from archive.findings import FindingCode, Findings
from archive.package import PackageContents
from archive.record import Patient
from archive.store import ArchiveStore

_CONTRADICTIONS = {
    "The patient's count of documents is not the number of documents.": (
        "SELECT id FROM patient p WHERE document_count<>(SELECT count(*) FROM document d WHERE d.patient_id=p.id)"
    ),
    "The patient's count of blocked documents is not their number.": (
        "SELECT id FROM patient p WHERE blocked_count<>"
        "(SELECT count(*) FROM document d WHERE d.patient_id=p.id AND d.blocked)"
    ),
    "The patient's package is not recorded as a current one.": (
        "SELECT id FROM patient p WHERE NOT EXISTS"
        " (SELECT 1 FROM package k WHERE k.id=p.package_id AND k.patient_id=p.id AND k.current)"
    ),
    "The document's patient is not in the catalogue.": (
        "SELECT id FROM document WHERE patient_id NOT IN (SELECT id FROM patient)"
    ),
    "The document has no files.": "SELECT id FROM document WHERE id NOT IN (SELECT document_id FROM file)",
    "The file's document is not in the catalogue.": (
        "SELECT document_id FROM file WHERE document_id NOT IN (SELECT id FROM document)"
    ),
    "The patient has not exactly one current package.": (
        "SELECT patient_id FROM package GROUP BY patient_id HAVING sum(current)<>1"
    ),
}


def check_catalogue(store: ArchiveStore, catalogue: Catalogue, findings: Findings) -> None:
    """What the catalogue records must be on disk, and it must not contradict itself; nothing is opened."""
    for row in catalogue.connection.execute("SELECT path FROM package ORDER BY id"):
        if not (store.root / row["path"]).is_file():
            findings.add(FindingCode.PACKAGE_MISSING, row["path"])
    for sentence, sql in _CONTRADICTIONS.items():
        for row in catalogue.connection.execute(sql):
            findings.add(FindingCode.CATALOGUE_DIFFERS, str(row[0]), sentence)


def compare_package(
    catalogue: Catalogue,
    row: sqlite3.Row,
    contents: PackageContents,
    place: str,
    findings: Findings,
    *,
    newest: bool,
) -> None:
    """Hold everything the catalogue has of a package against what the package says.

    Args:
        catalogue: the open catalogue.
        row: the package's row in it.
        contents: what the package says.
        place: the package's path below the archive's root.
        findings: where to put what differs.
        newest: whether it is its patient's newest generation, which the other tables must be made of.
    """
    patient, generation = contents.patient, contents.generation
    if (row["patient_id"], row["generation"], row["path"]) != (patient.id, generation, place):
        findings.add(FindingCode.CATALOGUE_DIFFERS, place, "Table package.")
    if newest != bool(row["current"]):
        findings.add(FindingCode.CATALOGUE_DIFFERS, place, "Another generation is the current one.")
    if not newest:
        known = {r[0] for r in _identifiers(catalogue, patient.id, "value")}
        if not known.issuperset(i.value for i in patient.identifiers):
            findings.add(FindingCode.CATALOGUE_DIFFERS, place, "Table patient_identifier.")
        return
    documents = sorted(contents.documents, key=lambda d: d.id)
    expected = {
        "patient WHERE id=?": [patient_row(patient, contents.package_id, generation, documents)],
        "document WHERE patient_id=? ORDER BY id": [document_row(d) for d in documents],
        "file WHERE document_id IN (SELECT id FROM document WHERE patient_id=?) ORDER BY document_id, seq": [
            file_row(d.id, f, contents.spans[d.id, f.seq])
            for d in documents
            for f in sorted(d.files, key=lambda f: f.seq)
            if (d.id, f.seq) in contents.spans
        ],
    }
    if not _identified(catalogue, patient, generation):
        findings.add(FindingCode.CATALOGUE_DIFFERS, place, "Table patient_identifier.")
    for query, rows in expected.items():
        found = catalogue.connection.execute(f"SELECT * FROM {query}", (patient.id,))  # noqa: S608 - our own text
        if [tuple(r) for r in found] != rows:
            findings.add(FindingCode.CATALOGUE_DIFFERS, place, f"Table {query.partition(' ')[0]}.")


def _identified(catalogue: Catalogue, patient: Patient, generation: int) -> bool:
    """Whether the catalogue has the identifiers of the package, and beside them only former ones of older packages."""
    values = {i.value for i in patient.identifiers}
    found = _identifiers(catalogue, patient.id, "*")
    former = [r for r in found if r["value"] not in values]
    if former and (generation == 1 or any(r["current"] for r in former)):
        return False
    return [tuple(r) for r in found if r["value"] in values] == identifier_rows(patient)


def _identifiers(catalogue: Catalogue, patient_id: str, columns: str) -> list[sqlite3.Row]:
    select = f"SELECT {columns} FROM patient_identifier WHERE patient_id=? ORDER BY rowid"  # noqa: S608 - our own text
    return catalogue.connection.execute(select, (patient_id,)).fetchall()
