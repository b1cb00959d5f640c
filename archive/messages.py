"""What the documents of one journal say of each other: which message cancels, changes or adds to which.

The facts are read from the files' content when they are archived (`archive.record.MessageFacts`); here they meet,
within one patient's journal and never beyond it. What follows from them stands beside what the register says, is
flagged, and is worked out anew each time the journal gets a new generation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from archive.reasons import Flag
from archive.record import DocumentStatus, FlagNote, JournalDocument, MessageAct, MessageFacts

_OURS = frozenset(
    (
        Flag.STATUS_FROM_CONTENT,
        Flag.CANCELS_ANOTHER,
        Flag.CHANGES_ANOTHER,
        Flag.ADDS_TO_ANOTHER,
        Flag.ADDED_TO,
        Flag.AMENDED,
        Flag.REPLACES_FROM_CONTENT,
        Flag.REPLACED_FROM_CONTENT,
    )
)
_FLAGS = {
    MessageAct.CANCELS: Flag.CANCELS_ANOTHER,
    MessageAct.CHANGES: Flag.CHANGES_ANOTHER,
    MessageAct.ADDS: Flag.ADDS_TO_ANOTHER,
}
_LEAVES = {MessageAct.CANCELS: DocumentStatus.RETRACTED, MessageAct.CHANGES: DocumentStatus.SUPERSEDED}
"""The status of the document that was cancelled or changed."""
_FROM_CONTENT = "by its content"


def related(documents: Mapping[str, JournalDocument]) -> dict[str, JournalDocument]:
    """The documents of one journal, by id, with what their contents say of each other.

    Nothing that the source's register says is changed: `replaces` and `replaced_by` are filled in where it is silent.
    """
    found = {key: _as_the_source_says(d) for key, d in documents.items()}
    facts = {key: said for key, d in found.items() if (said := facts_of(d)) is not None}
    if not facts:
        return found
    by_id: dict[str, list[str]] = defaultdict(list)
    series: dict[str, list[str]] = defaultdict(list)
    for key in sorted(facts, key=lambda k: (facts[k].time, k)):
        for name in dict.fromkeys(facts[key].ids):
            by_id[name].append(key)
        if facts[key].series:
            series[facts[key].series].append(key)
    for key in sorted(facts, key=lambda k: (facts[k].time, k)):
        said = facts[key]
        if said.status is not DocumentStatus.UNKNOWN:
            found[key] = _with_status(found[key], said.status, said.said)
        if said.amended:
            found[key] = _flagged(found[key], Flag.AMENDED, said.said)
        if said.act is not MessageAct.NONE:
            _apply(found, key, said, _targets(key, facts, by_id, series))
    return {key: _told(d) for key, d in found.items()}


def facts_of(document: JournalDocument) -> MessageFacts | None:
    """What a document's message says: that of its first file that is one, those within other files last."""
    said = [f for f in document.files if f.message is not None]
    return min(said, key=lambda f: (f.part_of is not None, f.seq)).message if said else None


def _as_the_source_says(document: JournalDocument) -> JournalDocument:
    """Without what was worked out before."""
    codes = {flag.code for flag in document.flags}
    flags = tuple(f for f in document.flags if f.code not in _OURS and not f.detail.startswith(_FROM_CONTENT))
    return replace(
        document,
        flags=flags,
        content_status=DocumentStatus.UNKNOWN,
        content_status_source="",
        replaces=None if Flag.REPLACES_FROM_CONTENT in codes else document.replaces,
        replaced_by=None if Flag.REPLACED_FROM_CONTENT in codes else document.replaced_by,
    )


def _targets(
    key: str, facts: Mapping[str, MessageFacts], by_id: Mapping[str, list[str]], series: Mapping[str, list[str]]
) -> list[str]:
    """The documents that a message is about: those it names, else the version before it."""
    said = facts[key]
    named = [k for name in said.refers for k in by_id.get(name, ()) if k != key]
    if named:
        return list(dict.fromkeys(named))
    others = [k for k in series.get(said.series, ()) if k != key]
    before = [k for k in others if facts[k].time < said.time]
    if not before:  # of the same moment: the one that does nothing to another was first
        before = [k for k in others if facts[k].time == said.time and facts[k].act is MessageAct.NONE]
    last = max((facts[k].time for k in before), default="")
    return [k for k in before if facts[k].time == last]


def _apply(found: dict[str, JournalDocument], key: str, said: MessageFacts, targets: list[str]) -> None:
    document = _flagged(found[key], _FLAGS[said.act], said.said)
    if said.act is MessageAct.CANCELS:
        document = _with_status(document, DocumentStatus.RETRACTED, said.said)
    if not targets:
        document = _flagged(document, Flag.REPLACES_UNKNOWN, f"{_FROM_CONTENT}: {said.said}")
    elif said.act is MessageAct.ADDS:
        document = _flagged(document, Flag.ADDS_TO_ANOTHER, f"{said.said}, document {targets[0]}")
    elif document.replaces is None:
        document = _flagged(replace(document, replaces=targets[0]), Flag.REPLACES_FROM_CONTENT, said.said)
    found[key] = document
    for target in targets:
        other = found[target]
        if said.act is MessageAct.ADDS:
            found[target] = _flagged(other, Flag.ADDED_TO, f"Document {key}.")
            continue
        if other.replaced_by is None:
            other = _flagged(replace(other, replaced_by=key), Flag.REPLACED_FROM_CONTENT, f"Document {key}.")
        found[target] = _with_status(other, _LEAVES[said.act], f"{said.said}, in document {key}")


def _with_status(document: JournalDocument, status: DocumentStatus, source: str) -> JournalDocument:
    """With what content says of its status, unless content has said something graver."""
    if document.content_status is DocumentStatus.RETRACTED:
        return document
    return replace(document, content_status=status, content_status_source=source)


def _told(document: JournalDocument) -> JournalDocument:
    if document.shown_status is document.status:
        return document
    return _flagged(document, Flag.STATUS_FROM_CONTENT, document.content_status_source)


def _flagged(document: JournalDocument, code: Flag, detail: str) -> JournalDocument:
    """With a flag; a later word on the same replaces the earlier."""
    flags = tuple(f for f in document.flags if f.code is not code)
    return replace(document, flags=(*flags, FlagNote(code, detail)))
