"""Packages before judges written by others."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from archive.package import PackageReceipt, Payload, write_package
from archive.reasons import Flag
from archive.record import FlagNote
from archive.store import ArchiveStore
from tests.conftest import ARCHIVE_INFO
from tests.oracles import commons_ip, eark_validator
from tests.records import a_document, a_journal, a_patient

pytestmark = pytest.mark.oracle

NOW = datetime(2026, 11, 22, 5, 0, 1, tzinfo=UTC)
# What the validators and eHealth1 v2.0.1 contradict each other in, and nothing else. CSIP2, CSIP4: vocabulary of
# before eHealth1 v2. CSIP12, 13, 16: asked of every CREATOR agent, where EHR6-9 demand a second one. CSIP63: wants
# the content type both absent and given. CSIP101, 103, 105: want a division labelled exactly `Representations`.
CONTRADICTIONS = {"CSIP2", "CSIP4", "CSIP12", "CSIP13", "CSIP16", "CSIP63", "CSIP101", "CSIP103", "CSIP105"}
# SHOULD and MAY: no rights metadata (CSIP45), not compressed (CSIPSTR3), no further metadata folders.
ADVICE = {"CSIP45", "CSIPSTR3", "CSIPSTR8", "CSIPSTR13"}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Unpacked: a journal of every oddity, its second generation, and one without documents."""
    base = tmp_path_factory.mktemp("oracle")
    store = ArchiveStore.create(base / "archive", ARCHIVE_INFO)
    patient = a_patient()
    docs, payloads = a_journal(base / "source", patient)
    first = write_package(store, patient, docs, payloads, generation=1, now=NOW)
    added, more = a_document("d9", patient, base / "source", 2, episode="E-2")
    without_copy = (FlagNote(Flag.FILE_NOT_CONVERTED, "encrypted: Locked."),)
    bare = replace(added.files[1], archive_copy=None, text=None, flags=without_copy)
    added = replace(added, files=(added.files[0], bare))
    more[added.id, 2] = replace(more[added.id, 2], pdf=None, text=None)
    carried = {key: Payload(s.pdf, s.original, s.text) for key, s in first.spans.items()}
    second = write_package(
        store,
        patient,
        [*docs, added],
        {**carried, **more},
        generation=2,
        now=NOW,
        previous=store.root / first.path,
    )
    empty = write_package(store, a_patient("nobody"), [], {}, generation=1, now=NOW)
    return [unpack(store, receipt, base / "unpacked") for receipt in (first, second, empty)]


def unpack(store: ArchiveStore, receipt: PackageReceipt, to: Path) -> Path:
    to.mkdir(exist_ok=True)
    subprocess.run(["tar", "xf", store.root / receipt.path, "-C", to], check=True)
    return to / receipt.package_id


@pytest.mark.parametrize("specification", ["2.0.4", "2.1.0", "2.2.0"])
def test_commons_ip_finds_every_package_valid(packages: list[Path], tmp_path: Path, specification: str) -> None:
    for judgement in commons_ip(packages, tmp_path, specification):
        assert judgement.result == "VALID", judgement
        assert set(judgement.rules) <= ADVICE, judgement


def test_eark_validator_finds_nothing_but_the_known_contradictions(packages: list[Path]) -> None:
    for package in packages:
        report = cast(dict[str, Any], eark_validator(package))
        assert report["structure"]["status"] == "WellFormed"
        assert [m["rule_id"] for m in report["structure"]["messages"] if m["severity"] == "Error"] == []
        assert report["metadata"]["schema_results"] == {"status": "VALID", "messages": []}
        broken = {m["rule_id"] for m in report["metadata"]["schematron_results"]["messages"]}
        assert broken <= CONTRADICTIONS, broken - CONTRADICTIONS


def change_a_byte(package: Path) -> None:
    path = next(iter(sorted(package.glob("representations/pdfa/data/*/1.pdf"))))
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def lengthen(package: Path) -> None:
    path = next(iter(sorted(package.glob("representations/text/data/*/1.txt"))))
    path.write_bytes(path.read_bytes() + b"x")


def remove_a_file(package: Path) -> None:
    next(iter(sorted(package.glob("representations/original/data/*/1.*")))).unlink()


def add_a_file(package: Path) -> None:
    (package / "representations/pdfa/data/more.pdf").write_bytes(b"%PDF")


def damage_premis(package: Path) -> None:
    path = package / "metadata/preservation/premis.xml"
    path.write_bytes(path.read_bytes().replace(b"success", b"warning", 1))


def damage_journal(package: Path) -> None:
    path = package / "metadata/descriptive/journal.xml"
    path.write_bytes(path.read_bytes().replace(b"Utskrivning", b"Innskrivning", 1))


def without_representation_mets(package: Path) -> None:
    (package / "representations/pdfa/METS.xml").unlink()


def root(pattern: str, replacement: str) -> Callable[[Path], None]:
    """A fault in the root METS."""

    def mutate(package: Path) -> None:
        path = package / "METS.xml"
        text, count = re.subn(pattern, replacement, path.read_text("utf-8"), count=1)
        assert count == 1
        path.write_text(text, "utf-8")

    return mutate


def representation(pattern: str, replacement: str) -> Callable[[Path], None]:
    """A fault in a representation's METS, whose new hash and size are put into the root METS."""

    def mutate(package: Path) -> None:
        path = package / "representations/pdfa/METS.xml"
        old = path.read_bytes()
        text, count = re.subn(pattern, replacement, old.decode(), count=1)
        assert count == 1
        path.write_text(text, "utf-8")
        new = path.read_bytes()
        top = (package / "METS.xml").read_text("utf-8")
        old_facts = f'SIZE="{len(old)}" CREATED="2026-11-22T05:00:01Z" CHECKSUM="{hashlib.sha256(old).hexdigest()}"'
        assert old_facts in top
        facts = f'SIZE="{len(new)}" CREATED="2026-11-22T05:00:01Z" CHECKSUM="{hashlib.sha256(new).hexdigest()}"'
        (package / "METS.xml").write_text(top.replace(old_facts, facts), "utf-8")

    return mutate


MUTATIONS: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "byte": (change_a_byte, {"CSIP71"}),
    "size": (lengthen, {"CSIP69", "CSIP71"}),
    "missing": (remove_a_file, {"CSIP0"}),
    "unlisted": (add_a_file, {"CSIP66"}),
    "premis": (damage_premis, {"CSIP43"}),
    "journal": (damage_journal, {"CSIP27", "CSIP29"}),
    "representation-mets": (without_representation_mets, {"CSIP66", "CSIP103", "CSIP110"}),
    "object-id": (root(r'OBJID="\w', 'OBJID="g'), {"CSIP1"}),
    "media-type": (representation(r'MIMETYPE="application/pdf"', 'MIMETYPE="application/pdff"'), {"CSIP68"}),
    "checksum": (representation(r'CHECKSUM="\w{8}', 'CHECKSUM="00000000'), {"CSIP71"}),
    "no-csip-map": (representation(r'LABEL="CSIP"', 'LABEL="Other"'), {"CSIP80", "CSIP82"}),
    "file-id": (representation(r'<mets:file ID="ID-', '<mets:file ID="F-'), {"AIP9"}),
    "package-type": (root(r'OAISPACKAGETYPE="AIP"', 'OAISPACKAGETYPE="XIP"'), {"CSIP0", "CSIP9"}),
}


def test_commons_ip_rejects_every_mutation(packages: list[Path], tmp_path: Path) -> None:
    mutated = []
    for name, (mutate, _) in MUTATIONS.items():
        copy = tmp_path / name / packages[0].name
        shutil.copytree(packages[0], copy)
        mutate(copy)
        mutated.append(copy)
    judgements = commons_ip(mutated, tmp_path / "reports")
    missed = [
        (name, judgement.result, judgement.rules)
        for name, judgement in zip(MUTATIONS, judgements, strict=True)
        if judgement.result != "INVALID" or not set(judgement.rules) & MUTATIONS[name][1]
    ]
    assert missed == []
