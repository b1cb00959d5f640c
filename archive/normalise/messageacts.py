"""What a message says it does to another one, and of itself: cancelled, changed, added to, entered in error.

Sources: national code list 7309 (`ServType`, `Forsendelsesstatus`) and HIS 1128 (`RefToParent`); HL7 CDA release 2,
4.2.3.1 (`relatedDocument`, `setId`, `versionNumber`); HL7 FHIR R4 and R5 (`status`, `relatesTo`, `replaces`).
"""

from __future__ import annotations

from collections.abc import Iterator

from archive.normalise import cda, fhir, kith
from archive.normalise.xmltree import Node, local
from archive.record import DocumentStatus, MessageAct, MessageFacts

_TYPES = ("ServType", "Forsendelsesstatus")
_SERIES = ("ServProvId", "Id", "MeldingId")
_KITH = {"C": MessageAct.CANCELS, "M": MessageAct.CHANGES, "A": MessageAct.ADDS}
_KITH_WORDS = (("kanseller", "C"), ("endring", "M"), ("tillegg", "A"))
_CDA = {"RPLC": MessageAct.CHANGES, "APND": MessageAct.ADDS, "XFRM": MessageAct.ADDS}
_FHIR = {"replaces": MessageAct.CHANGES, "appends": MessageAct.ADDS, "transforms": MessageAct.ADDS}
_RETRACTED = frozenset(("entered-in-error", "cancelled", "revoked", "nullified", "aborted"))
_SUPERSEDED = frozenset(("superseded", "obsolete", "retired", "replaced"))
_AMENDED = frozenset(("amended", "corrected", "appended"))
_UNFINISHED = frozenset(("preliminary", "registered", "partial", "draft"))
_STATUSES = ("status", "docStatus", "verificationStatus")
_PERSONS = frozenset(("Patient", "Person", "RelatedPerson", "Practitioner"))
_MOST = 50
_NOT_SAID = DocumentStatus.UNKNOWN
_DEEPEST_TYPE = 2
_SAID = {
    MessageAct.CANCELS: "KANSELLERING: Meldingen kansellerer en tidligere melding.",
    MessageAct.CHANGES: "ENDRING: Meldingen endrer eller erstatter en tidligere melding.",
    MessageAct.ADDS: "TILLEGG: Meldingen er et tillegg til en tidligere melding.",
}


def message_facts(root: Node) -> MessageFacts | None:
    """What a message says; None of what is none. Takes nothing from what is to be shown."""
    if kith.is_message(root):
        return _of_kith(root)
    if cda.is_document(root):
        return _of_cda(root)
    if fhir.is_resource(root):
        return _of_fhir(root)
    return None


def banner(root: Node, facts: MessageFacts | None) -> list[str]:
    """What a reader must know before all else, for the top of the page."""
    if facts is None:
        return []
    lines = [f"{_SAID[facts.act]} ({facts.said})"] if facts.act is not MessageAct.NONE else []
    if facts.refers and facts.act is not MessageAct.NONE:
        lines.append(f"Gjelder: {', '.join(facts.refers)}")
    if facts.act is not MessageAct.CANCELS and facts.status is DocumentStatus.RETRACTED:
        lines.append(f"IKKE GYLDIG: Dokumentet er kansellert eller ført inn ved en feil. ({facts.said})")
    elif facts.status is DocumentStatus.SUPERSEDED:
        lines.append(f"ERSTATTET: Dokumentet er erstattet av et annet. ({facts.said})")
    if facts.amended:
        lines.append(f"ENDRET: Dokumentet er endret etter at det var ferdig. ({facts.said})")
    return lines + _within(root)


def _within(root: Node) -> list[str]:
    """What is said of parts of the message: results that are cancelled or changed, resources entered in error."""
    counts: dict[str, int] = {}
    main = set(_main_resource(root)[0].children if fhir.is_resource(root) else _main_types(root))
    for node in root.walk():
        if node in main:
            continue
        if kith.is_message(node) and node.name in _TYPES:
            if (code := _kith_code(node)) in ("C", "M"):
                what = "kansellert" if code == "C" else "endret"
                counts[what] = counts.get(what, 0) + 1
        elif fhir.is_resource(node) and node.name in _STATUSES:
            code = _fhir_code(node)
            if code in _RETRACTED or code in _UNFINISHED:
                counts[code] = counts.get(code, 0) + 1
    return [f"Deler av innholdet er merket «{what}» ({count})." for what, count in counts.items()]


# --- KITH and e-helse ------------------------------------------------------------------------------------------------


def _of_kith(root: Node) -> MessageFacts:
    head = root.first("MsgInfo") or root
    types = _main_types(root)
    parent = next((p for p in root.walk() if types and types[0] in p.children), None)
    act = _KITH.get(_kith_code(types[0]), MessageAct.NONE) if types else MessageAct.NONE
    series = next((v for n in _SERIES if parent and (c := parent.first(n)) and (v := _said(c))), "")
    refers = _texts(head.first("ConversationRef"), "RefToParent") if act is not MessageAct.NONE else ()
    return MessageFacts(
        said=_kith_words(types[0]) if types and act is not MessageAct.NONE else "",
        act=act,
        status=DocumentStatus.RETRACTED if act is MessageAct.CANCELS else DocumentStatus.UNKNOWN,
        ids=_texts(head, "MsgId"),
        series=f"{parent.name}:{series}" if parent and series else "",
        refers=refers,
        time=next(iter(_texts(head, "GenDate")), ""),
    )


def _main_types(root: Node) -> list[Node]:
    """The elements that say what the message as a whole does: those nearest to the top of its content."""
    contents = [n for n in root.walk() if n.name == "Content" and n.namespace == root.namespace]
    tops = [c for content in contents for c in content.children] if root.name == "MsgHead" else [root]
    for top in tops:
        level = [top]
        for _ in range(_DEEPEST_TYPE):
            level = [c for n in level for c in n.children]
            if found := [n for n in level if n.name in _TYPES]:
                return found[:1]
    return []


def _kith_code(node: Node) -> str:
    code = node.attributes.get("V", "").strip().upper()
    if code:
        return code
    words = (node.attributes.get("DN", "") or node.text).lower()
    return next((code for begin, code in _KITH_WORDS if words.startswith(begin)), "")


def _kith_words(node: Node) -> str:
    code, words = node.attributes.get("V", ""), node.attributes.get("DN", "")
    return f"{node.name} {code}{f' ({words})' if words else ''}".strip()


def _said(node: Node) -> str:
    return (node.attributes.get("V", "") or node.text).strip()


def _texts(node: Node | None, name: str) -> tuple[str, ...]:
    return tuple(v for c in node.children if c.name == name and (v := _said(c))) if node else ()


# --- CDA -------------------------------------------------------------------------------------------------------------


def _of_cda(root: Node) -> MessageFacts:
    act, said = MessageAct.NONE, ""
    refers: list[str] = []
    for related in (c for c in root.children if c.name == "relatedDocument"):
        code = related.attributes.get("typeCode", "")
        found = _CDA.get(code, MessageAct.NONE)
        if found is MessageAct.NONE or (act is MessageAct.CHANGES and found is not MessageAct.CHANGES):
            continue
        if found is not act:
            act, said, refers = found, f"relatedDocument {code}", []
        refers += [i for parent in related.children if parent.name == "parentDocument" for i in _cda_ids(parent)]
    status = _cda_attribute(root.first("statusCode"), "code").lower()
    version = _cda_attribute(root.first("versionNumber"), "value")
    counted = version.isdecimal() and len(version) < 10
    if act is MessageAct.NONE and counted and int(version) > 1 and root.first("setId"):
        act, said = MessageAct.CHANGES, f"versionNumber {version}"
    own = _own_status(status)
    return MessageFacts(
        said=said or (f"statusCode {status}" if own is not DocumentStatus.UNKNOWN else ""),
        act=act,
        status=own,
        ids=tuple(_cda_ids(root)),
        series=_cda_id(root.first("setId")),
        refers=tuple(dict.fromkeys(refers)),
        time=version.zfill(9) if counted else _cda_attribute(root.first("effectiveTime"), "value"),
    )


def _cda_ids(node: Node) -> Iterator[str]:
    for name in ("id", "setId"):
        for child in (c for c in node.children if c.name == name):
            value = _cda_id(child)
            if value and name == "id":
                yield value
            elif value and (version := _cda_attribute(node.first("versionNumber"), "value")):
                yield f"{value} version {version}"


def _cda_id(node: Node | None) -> str:
    return "^".join(v for name in ("root", "extension") if (v := _cda_attribute(node, name)))


def _cda_attribute(node: Node | None, name: str) -> str:
    return next((v.strip() for k, v in node.attributes.items() if local(k) == name), "") if node else ""


# --- FHIR ------------------------------------------------------------------------------------------------------------


def _of_fhir(root: Node) -> MessageFacts:
    main, full = _main_resource(root)
    codes = {n.name: _fhir_code(n) for n in _statuses(main)}
    graver = [(name, code) for name, code in codes.items() if _own_status(code) is not DocumentStatus.UNKNOWN]
    changed = [(name, code) for name, code in codes.items() if code in _AMENDED]
    act = MessageAct.NONE
    refers: list[str] = []
    words = [f"{main.name}.{name} {code}" for name, code in (graver or changed)[:1]]
    for related in (c for c in main.children if c.name in ("relatesTo", "replaces")):
        code = "replaces" if related.name == "replaces" else _fhir_code(related.first("code", "type"))
        found = _FHIR.get(code, MessageAct.NONE)
        if found is MessageAct.NONE or (act is MessageAct.CHANGES and found is not MessageAct.CHANGES):
            continue
        if found is not act:
            act, refers = found, []
            words = [*words[:1], f"{main.name}.{related.name} {code}"]
        refers += _references(related)
    own = {f"{main.name}/{_fhir_value(main.first('id'))}"} if _fhir_value(main.first("id")) else set()
    own |= {
        i
        for n in (main, root)
        if n.name not in _PERSONS
        for c in n.children
        if c.name == "identifier" and (i := _identifier(c))
    }
    return MessageFacts(
        said=", ".join(words),
        act=act,
        status=next((_own_status(code) for _, code in graver), DocumentStatus.UNKNOWN),
        amended=bool(changed),
        ids=tuple(sorted(own | ({full} if full else set()))),
        refers=tuple(dict.fromkeys(refers)),
        time=next(
            (v for n in ("date", "issued", "authoredOn", "recordedDate") if (v := _fhir_value(main.first(n)))), ""
        ),
    )


def _statuses(resource: Node) -> list[Node]:
    return [n for n in resource.children if n.name in _STATUSES]


def _main_resource(root: Node) -> tuple[Node, str]:
    """What the file is about, and its full URL in the bundle: the composition, else the one resource of its kind."""
    if root.name != "Bundle":
        return root, ""
    found: list[tuple[Node, str]] = []
    for entry in (c for c in root.children if c.name == "entry"):
        held = [r for c in entry.children if c.name == "resource" for r in c.children]
        found += [(r, _fhir_value(entry.first("fullUrl"))) for r in held]
    documents = [f for f in found if f[0].name == "Composition"] or [
        f for f in found if f[0].name == "DocumentReference"
    ]
    # What a bundle replaces may lie in it beside what replaces it.
    in_force = [f for f in documents if all(_own_status(_fhir_code(c)) is _NOT_SAID for c in _statuses(f[0]))]
    reports = [f for f in found if f[0].name == "DiagnosticReport"]
    return next((group[0] for group in (in_force, documents, reports, found) if len(group) == 1), (root, ""))


def _references(related: Node) -> list[str]:
    """What a reference or identifier points to: `Type/id` of a relative or absolute address, or as it stands."""
    found = []
    for node in related.walk():
        value = _fhir_value(node)
        if node.name == "reference" and value and not node.children:
            parts = value.partition("/_history/")[0].split("/")
            found.append("/".join(parts[-2:]) if len(parts) > 1 else value)
        elif node.name.lower().endswith("identifier") and (identifier := _identifier(node)):
            found.append(identifier)
    return found[:_MOST]


def _identifier(node: Node) -> str:
    value = _fhir_value(node.first("value"))
    return f"{_fhir_value(node.first('system'))}|{value}" if value else ""


def _fhir_code(node: Node | None) -> str:
    """The code of a `code`, or of the first coding of a `CodeableConcept`."""
    if node is None:
        return ""
    coded = (_fhir_value(n) for n in node.walk() if n is node or n.name == "code")
    return next((v.strip().lower() for v in coded if v.strip()), "")


def _fhir_value(node: Node | None) -> str:
    return next((v for k, v in node.attributes.items() if local(k) == "value"), "") if node else ""


def _own_status(code: str) -> DocumentStatus:
    if code in _RETRACTED:
        return DocumentStatus.RETRACTED
    return DocumentStatus.SUPERSEDED if code in _SUPERSEDED else DocumentStatus.UNKNOWN
