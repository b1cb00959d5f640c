"""Messages that cancel, change or add to another: what each says, and what becomes of the documents of one journal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from archive.messages import related
from archive.normalise.contract import Limits
from archive.normalise.jsonrecord import jsonrecord, tree
from archive.normalise.messageacts import message_facts
from archive.normalise.xmlrecord import xmlrecord
from archive.normalise.xmltree import parse
from archive.reasons import Flag
from archive.record import (
    ArchiveCopy,
    ArchivedFile,
    DocumentStatus,
    FileFormat,
    FileRole,
    FlagNote,
    JournalDocument,
    MessageAct,
    MessageFacts,
    OriginalFile,
    TextCopy,
)

LAB = """<Message xmlns="http://www.kith.no/xmlstds/labsvar/2012-02-15"><GenDate V="{time}"/><MsgId>{id}</MsgId>
<ServReport><ServType V="{type}"{words}/><ServProvId>svar-1</ServProvId><ResultItem><ServType V="{inner}"/></ResultItem>
</ServReport></Message>"""
PLO = """<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24">
<MsgInfo><GenDate>{time}</GenDate><MsgId>{id}</MsgId><ConversationRef><RefToParent>{parent}</RefToParent><RefToConversation>k</RefToConversation></ConversationRef></MsgInfo>
<Document><RefDoc><Content><Rapport xmlns="http://www.kith.no/xmlstds/po/2018-01-01"><Melding>
<Forsendelsesstatus V="{type}"/></Melding></Rapport></Content></RefDoc></Document></MsgHead>"""
CDA = """<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2" extension="{id}"/><setId root="1.2" extension="sett"/>
<versionNumber value="{version}"/>{related}</ClinicalDocument>"""


def lab(type_: str, id_: str, time: str = "2017-09-20T10:00:00", words: str = "", inner: str = "N") -> MessageFacts:
    return facts(LAB.format(type=type_, id=id_, time=time, words=words, inner=inner))


def facts(xml: str) -> MessageFacts:
    found = message_facts(parse(xml.encode()).root)
    assert found is not None
    return found


def fhir(**content: object) -> MessageFacts:
    found = message_facts(tree(json.loads(json.dumps(content), object_pairs_hook=list)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("type_", "words", "act", "status"),
    [
        ("N", "", MessageAct.NONE, DocumentStatus.UNKNOWN),
        ("H", "", MessageAct.NONE, DocumentStatus.UNKNOWN),
        ("C", "", MessageAct.CANCELS, DocumentStatus.RETRACTED),
        ("M", "", MessageAct.CHANGES, DocumentStatus.UNKNOWN),
        ("A", "", MessageAct.ADDS, DocumentStatus.UNKNOWN),
        ("", ' DN="Kansellering"', MessageAct.CANCELS, DocumentStatus.RETRACTED),
    ],
)
def test_a_health_message_says_what_it_does(type_: str, words: str, act: MessageAct, status: DocumentStatus) -> None:
    said = lab(type_, "m1", words=words)
    assert (said.act, said.status, said.ids, said.series) == (act, status, ("m1",), "ServReport:svar-1")
    assert facts(PLO.format(type=type_ or "C", id="p2", parent="p1", time="2018")).act is act


def test_a_result_that_is_cancelled_does_not_cancel_the_message() -> None:
    assert lab("N", "m1", inner="C").act is MessageAct.NONE
    nested = LAB.replace('<ServType V="{type}"{words}/>', "").format(id="x", time="", inner="C")
    assert facts(nested).act is MessageAct.NONE


def test_a_reply_changes_nothing() -> None:
    assert facts(PLO.format(type="N", id="p2", parent="p1", time="2018")).refers == ()


@pytest.mark.parametrize(
    ("related_", "version", "act", "refers"),
    [
        ("", "1", MessageAct.NONE, ()),
        ("", "2", MessageAct.CHANGES, ()),
        ("", "9" * 5000, MessageAct.NONE, ()),
        ("", "to", MessageAct.NONE, ()),
        ('<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2" extension="a"/></parentDocument>'
         "</relatedDocument>", "2", MessageAct.CHANGES, ("1.2^a",)),
        ('<relatedDocument typeCode="APND"><parentDocument><id root="9"/></parentDocument></relatedDocument>',
         "1", MessageAct.ADDS, ("9",)),
        ('<relatedDocument typeCode="XFRM"><parentDocument><setId root="8"/><versionNumber value="3"/></parentDocument>'
         "</relatedDocument>", "1", MessageAct.ADDS, ("8 version 3",)),
    ],
)  # fmt: skip
def test_a_clinical_document_says_what_it_does(
    related_: str, version: str, act: MessageAct, refers: tuple[str, ...]
) -> None:
    said = facts(CDA.format(id="b", version=version, related=related_))
    assert (said.act, said.refers) == (act, refers)
    assert said.ids == ("1.2^b", f"1.2^sett version {version}")


@pytest.mark.parametrize(
    ("status", "own", "amended"),
    [
        ("final", DocumentStatus.UNKNOWN, False),
        ("entered-in-error", DocumentStatus.RETRACTED, False),
        ("cancelled", DocumentStatus.RETRACTED, False),
        ("superseded", DocumentStatus.SUPERSEDED, False),
        ("amended", DocumentStatus.UNKNOWN, True),
        ("corrected", DocumentStatus.UNKNOWN, True),
    ],
)
def test_a_resource_says_what_it_is(status: str, own: DocumentStatus, amended: bool) -> None:
    alone = fhir(resourceType="DiagnosticReport", id="r1", status=status)
    entry = {"resource": {"resourceType": "Composition", "id": "r1", "status": status}, "fullUrl": "urn:uuid:1"}
    other = {"resource": {"resourceType": "Observation", "status": "entered-in-error"}}
    bundled = fhir(resourceType="Bundle", entry=[other, entry])
    assert [(f.status, f.amended) for f in (alone, bundled)] == [(own, amended)] * 2
    assert alone.ids == ("DiagnosticReport/r1",)
    assert bundled.ids == ("Composition/r1", "urn:uuid:1")


def test_a_resource_says_what_it_replaces() -> None:
    target = {"reference": "https://x.y/fhir/Composition/r1/_history/2"}
    said = fhir(resourceType="Composition", id="r2", relatesTo=[{"code": "replaces", "targetReference": target}])
    assert (said.act, said.refers) == (MessageAct.CHANGES, ("Composition/r1",))
    by_id = {"code": "appends", "targetIdentifier": {"system": "s", "value": "v"}}
    said = fhir(resourceType="Composition", relatesTo=[by_id])
    assert (said.act, said.refers) == (MessageAct.ADDS, ("s|v",))
    assert fhir(resourceType="Patient", identifier=[{"system": "fnr", "value": "1"}]).ids == ()


def test_a_bundle_that_holds_what_it_replaces_is_about_what_is_in_force() -> None:
    """As in the example of a replacement in IHE MHD."""
    old = {"resource": {"resourceType": "DocumentReference", "id": "old", "status": "superseded"}}
    target = {"reference": "DocumentReference/old"}
    new = {"resourceType": "DocumentReference", "id": "new", "status": "current"}
    related_ = {**new, "relatesTo": [{"code": "replaces", "target": target}]}
    said = fhir(resourceType="Bundle", entry=[old, {"resource": related_}])
    assert (said.status, said.act, said.ids) == (DocumentStatus.UNKNOWN, MessageAct.CHANGES, ("DocumentReference/new",))
    two = fhir(resourceType="Bundle", entry=[old, {"resource": new}, {"resource": {**new, "id": "third"}}])
    assert two == MessageFacts()
    assert fhir(resourceType="Bundle", entry=[old]).status is DocumentStatus.SUPERSEDED


def test_a_document_in_error_says_so_in_either_status() -> None:
    said = fhir(resourceType="DocumentReference", status="current", docStatus="entered-in-error")
    assert said.status is DocumentStatus.RETRACTED
    coding = [{"coding": [{"system": "s", "code": "entered-in-error"}]}]
    assert fhir(resourceType="Condition", verificationStatus=coding).status is DocumentStatus.RETRACTED


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_the_page_says_so_before_all_else(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    if kind == "xml":
        source.write_text(
            LAB.format(type="C", id="m", time="", words=' DN="Kansellering"', inner="C"), encoding="utf-8"
        )
        first = "KANSELLERING: Meldingen kansellerer en tidligere melding. (ServType C (Kansellering))"
    else:
        source.write_text('{"resourceType": "Observation", "status": "entered-in-error"}', encoding="utf-8")
        first = (
            "IKKE GYLDIG: Dokumentet er kansellert eller ført inn ved en feil. (Observation.status entered-in-error)"
        )
    made = (xmlrecord if kind == "xml" else jsonrecord)(source, tmp_path / "out.pdf", Limits())
    lines = (made.text or "").split("\n")
    assert lines[0] == first
    assert (lines[1] == "Deler av innholdet er merket «kansellert» (1).") is (kind == "xml")
    assert made.message is not None


# --- one journal ---


FILE = ArchivedFile(
    1,
    FileRole.MAIN,
    OriginalFile("a.xml", "0" * 64, 1, FileFormat("xml", "application/xml")),
    ArchiveCopy("0" * 64, 1, "2u", "xmlrecord", 1),
    TextCopy("0" * 64, 1),
)


def journal(**said: MessageFacts | None) -> dict[str, JournalDocument]:
    return {
        key: JournalDocument(key, key, "p", status=DocumentStatus.SIGNED, files=(replace(FILE, message=message),))
        for key, message in said.items()
    }


def codes(document: JournalDocument) -> set[Flag]:
    return {flag.code for flag in document.flags}


def test_a_chain_of_versions_leads_from_each_to_the_one_before() -> None:
    found = related(
        journal(
            c=lab("C", "m3", "2017-09-20T12:00:00"),
            a=lab("N", "m1", "2017-09-20T10:00:00"),
            b=lab("M", "m2", "2017-09-20T11:00:00"),
            x=None,
        )
    )
    assert {k: (d.replaces, d.replaced_by) for k, d in found.items()} == {
        "a": (None, "b"),
        "b": ("a", "c"),
        "c": ("b", None),
        "x": (None, None),
    }
    assert {k: d.shown_status.value for k, d in found.items()} == {
        "a": "superseded",
        "b": "retracted",
        "c": "retracted",
        "x": "signed",
    }
    assert all(d.status is DocumentStatus.SIGNED for d in found.values()), "the source's word stays"
    assert {Flag.CANCELS_ANOTHER, Flag.REPLACES_FROM_CONTENT, Flag.STATUS_FROM_CONTENT} == codes(found["c"])
    assert {Flag.REPLACED_FROM_CONTENT, Flag.STATUS_FROM_CONTENT} == codes(found["a"])
    assert not found["x"].flags
    assert related(found) == found, "worked out again, it is the same"


def test_versions_of_one_moment_are_told_by_what_they_do() -> None:
    found = related(journal(a=lab("C", "m2"), b=lab("N", "m1")))
    assert (found["a"].replaces, found["b"].replaced_by) == ("b", "a")


def test_a_message_that_is_named_is_found_and_one_that_is_not_there_is_told() -> None:
    said = facts(PLO.format(type="C", id="p2", parent="p1", time="2018"))
    found = related(journal(a=facts(PLO.format(type="N", id="p1", parent="p0", time="2017")), b=said))
    assert found["b"].replaces == "a"
    assert found["a"].shown_status is DocumentStatus.RETRACTED
    alone = related(journal(b=said))["b"]
    assert alone.replaces is None
    assert Flag.REPLACES_UNKNOWN in codes(alone)
    assert Flag.REPLACES_UNKNOWN not in codes(related({**found, "b": found["b"]})["b"])
    assert related({"b": alone, "a": found["a"]})["b"].replaces == "a", "what came later is found"


def test_every_copy_of_what_is_cancelled_is_cancelled() -> None:
    said = facts(PLO.format(type="C", id="p2", parent="p1", time="2018"))
    first = facts(PLO.format(type="N", id="p1", parent="p0", time="2017"))
    found = related(journal(a=first, b=first, c=said))
    assert [found[k].shown_status for k in "ab"] == [DocumentStatus.RETRACTED] * 2
    assert [found[k].replaced_by for k in "ab"] == ["c", "c"]


def test_an_addition_leaves_what_it_adds_to_in_force() -> None:
    found = related(journal(a=lab("N", "m1", "1"), b=lab("A", "m2", "2")))
    assert (found["b"].replaces, found["a"].replaced_by) == (None, None)
    assert codes(found["b"]) == {Flag.ADDS_TO_ANOTHER}
    assert codes(found["a"]) == {Flag.ADDED_TO}
    assert found["a"].shown_status is DocumentStatus.SIGNED


def test_a_cancelled_version_stays_cancelled_when_another_changes_it() -> None:
    cancel = facts(PLO.format(type="C", id="p2", parent="p1", time="2018-01"))
    change = facts(PLO.format(type="M", id="p3", parent="p1", time="2018-02"))
    found = related(journal(a=facts(PLO.format(type="N", id="p1", parent="", time="2017")), b=cancel, c=change))
    assert found["a"].shown_status is DocumentStatus.RETRACTED
    assert found["a"].replaced_by == "b"


def test_the_sources_own_words_are_not_changed() -> None:
    documents = journal(a=lab("N", "m1", "1"), b=lab("C", "m2", "2"), c=None)
    flags = (FlagNote(Flag.REPLACES_UNKNOWN),)
    documents["b"] = replace(documents["b"], replaces="c", status=DocumentStatus.RETRACTED, flags=flags)
    found = related(documents)
    assert found["b"].replaces == "c"
    assert codes(found["b"]) == {Flag.CANCELS_ANOTHER, Flag.REPLACES_UNKNOWN}
    assert found["b"].shown_status is DocumentStatus.RETRACTED


@pytest.mark.parametrize(
    ("register", "content", "shown"),
    [
        ("unknown", "unknown", "unknown"),
        ("signed", "superseded", "superseded"),
        ("draft", "retracted", "retracted"),
        ("superseded", "retracted", "retracted"),
        ("retracted", "superseded", "retracted"),
        ("draft", "superseded", "draft"),
    ],
)
def test_the_graver_word_is_shown(register: str, content: str, shown: str) -> None:
    document = JournalDocument("a", "a", "p", status=DocumentStatus(register), content_status=DocumentStatus(content))
    assert document.shown_status.value == shown


def test_what_no_longer_holds_goes() -> None:
    found = related(journal(a=lab("N", "m1", "1"), b=lab("C", "m2", "2")))
    again = related({"a": found["a"]})
    assert again == journal(a=lab("N", "m1", "1"))
    assert related(journal(x=None)) == journal(x=None)
