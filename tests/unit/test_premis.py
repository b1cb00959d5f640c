from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from archive.events import Agent, events_of
from archive.layout import Representation, packaged_path
from archive.metadata import PackageIdentity
from archive.premis import events_by_original, read_events, write_premis
from archive.reasons import Flag
from archive.record import ArchivedFile, Attempt, FlagNote, JournalDocument, Verdict
from tests.records import a_document, a_patient, some_uuid

WHEN = "2026-11-22T05:00:01Z"
US = Agent("journalarkiv", "0.1.0")
PACKAGE = PackageIdentity(some_uuid("package"), 1)
P = {"p": "http://www.loc.gov/premis/v3"}


@pytest.fixture
def archived(tmp_path: Path) -> tuple[JournalDocument, ArchivedFile]:
    document, _ = a_document("d", a_patient(), tmp_path, 2)
    return document, document.files[0]


def written(document: JournalDocument, **facts: object) -> bytes:
    out = io.BytesIO()
    write_premis(out, PACKAGE, [document], facts.get("carried", {}), when=WHEN, software=US)  # type: ignore[arg-type]
    return out.getvalue()


def test_events_come_back(archived: tuple[JournalDocument, ArchivedFile]) -> None:
    document, _ = archived
    events = list(read_events(io.BytesIO(written(document))))
    of_files = [e for f in document.files for e in events_of(document, f, 1, WHEN, US)]
    assert events[:-1] == of_files
    assert (events[-1].type, events[-1].objects) == ("information package creation", ((PACKAGE.id, "outcome"),))
    grouped = events_by_original(events)
    assert list(grouped) == [packaged_path(Representation.ORIGINAL, document.id, f) for f in document.files]
    assert [e for group in grouped.values() for e in group] == of_files


def test_carried_events_stand_as_they_were(archived: tuple[JournalDocument, ArchivedFile]) -> None:
    document, file = archived
    original = packaged_path(Representation.ORIGINAL, document.id, file)
    old = [replace(e, when="2020-01-01T00:00:00Z") for e in events_of(document, file, 1, WHEN, Agent("other", "3"))]
    grouped = events_by_original(read_events(io.BytesIO(written(document, carried={original: old}))))
    assert grouped.pop(original) == old
    assert {e.when for group in grouped.values() for e in group} == {WHEN}


def test_an_original_that_needs_a_password_says_so_and_its_copy_does_not(
    archived: tuple[JournalDocument, ArchivedFile],
) -> None:
    document, file = archived
    opened = replace(file, flags=(FlagNote(Flag.OPENED_WITH_PASSWORD),))
    premis = etree.fromstring(written(replace(document, files=(opened, *document.files[1:]))))
    (inhibitors,) = premis.iterfind(".//p:inhibitors", P)
    assert inhibitors.findtext("p:inhibitorType", None, P) == "Password protection"
    (path,) = premis.xpath("p:object[.//p:inhibitors]/p:objectIdentifier/p:objectIdentifierValue/text()", namespaces=P)
    assert path == packaged_path(Representation.ORIGINAL, document.id, file)


def test_a_file_within_another_was_taken_out_of_it(archived: tuple[JournalDocument, ArchivedFile]) -> None:
    document, container = archived
    part = replace(document.files[1], part_of=container.seq)
    document = replace(document, files=(container, part, *document.files[2:]))
    held, taken = (packaged_path(Representation.ORIGINAL, document.id, f) for f in (container, part))
    unpacking = events_of(document, part, 1, WHEN, US)[0]
    assert (unpacking.type, unpacking.objects) == ("unpacking", ((held, "source"), (taken, "outcome")))
    content = written(document)
    grouped = events_by_original(read_events(io.BytesIO(content)))
    # Each event is of one file, or it would be written twice into the next generation.
    assert unpacking in grouped[taken] and unpacking not in grouped[held]
    assert written(document, carried=grouped) == content
    of_part = etree.fromstring(content).xpath(
        "p:object[p:objectIdentifier/p:objectIdentifierValue=$path]/p:relationship//p:relatedObjectIdentifierValue",
        namespaces=P, path=taken,
    )  # fmt: skip
    assert [e.text for e in of_part] == [held]


def test_outcomes_say_what_happened(archived: tuple[JournalDocument, ArchivedFile]) -> None:
    document, file = archived

    def outcomes(f: ArchivedFile) -> dict[str, tuple[str, str]]:
        return {e.type: (e.outcome, e.note) for e in events_of(document, f, 1, WHEN, US)}

    good = outcomes(file)
    assert good["validation"] == ("pass", "PDF/A-2u")
    assert good["normalization"] == ("success", "pdf-repair: rejected; office: made")
    assert good["format identification"] == ("success", "Rich Text Format; PRONOM: fmt/355")
    flagged = replace(
        file,
        flags=(FlagNote(Flag.PAGES_RASTERISED),),
        archive_copy=replace(
            file.archive_copy, verdict=Verdict("veraPDF", "1.30.2", "2b", False, ("6.1.2-1", "6.2.3-2"))
        ),
    )
    bad = outcomes(flagged)
    assert bad["validation"] == ("fail", "PDF/A-2b; rules not met: 6.1.2-1 6.2.3-2")
    assert bad["normalization"][0] == "warning"
    assert "pages-rasterised" in bad["normalization"][1]


def test_a_file_that_was_pdf_a_already_was_kept(archived: tuple[JournalDocument, ArchivedFile]) -> None:
    document, file = archived
    kept = replace(file, archive_copy=replace(file.archive_copy, sha256=file.original.sha256))
    assert "byte for byte" in events_of(document, kept, 1, WHEN, US)[2].detail


def test_elements_stand_in_the_order_premis_3_wants(archived: tuple[JournalDocument, ArchivedFile]) -> None:
    """PREMIS 3.0 data dictionary; its schema is a sequence for each of these."""
    order = {
        "premis": ["object", "event", "agent"],
        "object": ["objectIdentifier", "objectCharacteristics", "originalName", "relationship"],
        "objectCharacteristics": ["compositionLevel", "fixity", "size", "format", "inhibitors"],
        "inhibitors": ["inhibitorType", "inhibitorTarget"],
        "fixity": ["messageDigestAlgorithm", "messageDigest"],
        "format": ["formatDesignation", "formatRegistry"],
        "formatRegistry": ["formatRegistryName", "formatRegistryKey"],
        "relationship": ["relationshipType", "relationshipSubType", "relatedObjectIdentifier"],
        "event": [
            "eventIdentifier",
            "eventType",
            "eventDateTime",
            "eventDetailInformation",
            "eventOutcomeInformation",
            "linkingAgentIdentifier",
            "linkingObjectIdentifier",
        ],
        "eventOutcomeInformation": ["eventOutcome", "eventOutcomeDetail"],
        "linkingObjectIdentifier": [
            "linkingObjectIdentifierType",
            "linkingObjectIdentifierValue",
            "linkingObjectRole",
        ],
        "agent": ["agentIdentifier", "agentName", "agentType", "agentVersion"],
    }
    seen = set()
    document, file = archived
    locked = replace(file, flags=(FlagNote(Flag.OPENED_WITH_PASSWORD),))
    for element in etree.fromstring(written(replace(document, files=(locked, *document.files[1:])))).iter():
        name = etree.QName(element).localname
        if name in order:
            seen.add(name)
            positions = [order[name].index(etree.QName(child).localname) for child in element]
            assert positions == sorted(positions), name
    assert seen == set(order)


@pytest.mark.parametrize(
    ("software", "agent"),
    [
        ("journalarkiv 0.1.0", Agent("journalarkiv", "0.1.0")),
        ("LibreOffice Writer/7.4", Agent("LibreOffice Writer", "7.4")),
        ("nameless", Agent("nameless")),
    ],
)
def test_software_is_split_into_name_and_version(software: str, agent: Agent) -> None:
    assert Agent.parse(software) == agent


def test_a_premis_with_a_lame_event_is_refused() -> None:
    with pytest.raises(ValueError, match="event without"):
        list(read_events(io.BytesIO(b'<premis xmlns="http://www.loc.gov/premis/v3"><event/></premis>')))


def test_words_by_ocr_are_an_event_after_the_others(archived: tuple[JournalDocument, ArchivedFile]) -> None:
    document, file = archived
    attempt = Attempt("image+ocr", "made", "tesseract 5.3.0")
    searchable = replace(
        file,
        flags=(FlagNote(Flag.OCR_TEXT, "tesseract 5.3.0 nor; 1 of 1 pages."),),
        archive_copy=replace(file.archive_copy, attempts=(*file.archive_copy.attempts, attempt)),
    )
    document = replace(document, files=(searchable,))
    original = packaged_path(Representation.ORIGINAL, document.id, file)
    before = [replace(e, when="2020-01-01T00:00:00Z") for e in events_of(document, file, 1, WHEN, US)]
    out = io.BytesIO()
    package = replace(PACKAGE, generation=2)
    write_premis(out, package, [document], {original: before}, when=WHEN, software=US, recognised={original})
    events = events_by_original(read_events(io.BytesIO(out.getvalue())))[original]
    assert events[: len(before)] == before
    added = events[len(before) :]
    assert [e.type for e in added] == ["modification", "validation", "message digest calculation"]
    assert {e.when for e in added} == {WHEN}
    assert (added[0].agent, added[0].note) == (Agent("tesseract", "5.3.0"), "tesseract 5.3.0 nor; 1 of 1 pages.")
    assert len({e.id for e in events}) == len(events)
