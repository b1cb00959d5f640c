"""HL7 CDA documents: what the author attested, section by section, before the coded entries and the header.

Source: HL7 Clinical Document Architecture release 2. The narrative of a section (`text`) is what a receiver must show
(4.1.2.1); the entries hold the same in code, and stand completely under "Strukturerte opplysninger".
"""

from __future__ import annotations

from archive.normalise.xmllabels import labels, shown_time
from archive.normalise.xmllayout import Layout
from archive.normalise.xmlnarrative import all_text, tidy
from archive.normalise.xmltree import HL7, Node, local

_DEEPEST = 4
_MEDIA = frozenset(("observationMedia", "regionOfInterest"))


def is_document(root: Node) -> bool:
    """Whether it is a CDA document."""
    return root.name == "ClinicalDocument" and root.namespace == HL7


def lay_out(root: Node, layout: Layout) -> tuple[str, str, list[list[str]]]:
    """Place the whole document; give back its title, subtitle and facts."""
    code = root.first("code")
    kind = code.attributes.get("displayName", "") if code else ""
    titled = root.first("title")
    title = tidy(all_text(titled)) if titled else ""
    facts = _facts(root)
    layout.anchors.update(_anchors(root))
    sections = [s for body in _below(root, "component", "structuredBody") for s in _below(body, "component", "section")]
    for section in sections:
        _narrative(section, layout, 2)
    for body in _below(root, "component", "nonXMLBody"):
        if (text := body.first("text")) is not None:
            layout.heading(2, "Innhold")
            layout.element(text, 3)
            layout.skip.add(text)
    layout.skip.update(sections)
    coded = [s for s in sections if _has_more(s, layout)]
    if coded:
        layout.heading(2, "Strukturerte opplysninger")
        for section in coded:
            _entries(section, layout, 3)
    layout.heading(2, "Om dokumentet")
    layout.body(root, 3)
    return title or kind or labels().element(root.name), kind if title else "", facts


def _anchors(root: Node) -> dict[str, str]:
    """What a narrative means by the ID of an entry: the file that stands there, and where that is shown."""
    found: dict[str, str] = {}
    for node in root.walk():
        name = node.attributes.get("ID", "")
        if name and node.name in _MEDIA and (value := node.first("value")) is not None:
            reference = value.first("reference")
            found[name] = value.text or (reference.attributes.get("value", "") if reference else "")
    return found


def _below(node: Node, *names: str) -> list[Node]:
    found = [node]
    for name in names:
        found = [child for n in found for child in n.children if child.name == name]
    return found


def _narrative(section: Node, layout: Layout, level: int) -> None:
    title, text = section.first("title"), section.first("text")
    layout.heading(min(level, _DEEPEST), _name(section))
    if title is not None and not title.children:
        title.take_text()
        layout.skip.add(title)
    if text is not None:
        layout.skip.add(text)
        layout.narrative(text)
    for below in _below(section, "component", "section"):
        layout.skip.add(below)
        _narrative(below, layout, level + 1)


def _entries(section: Node, layout: Layout, level: int) -> None:
    below = _below(section, "component", "section")
    if any(c not in layout.skip and not _only_holds(c, below) for c in section.children):
        layout.heading(min(level, _DEEPEST), _name(section))
    layout.body(section, level + 1)
    for inner in below:
        _entries(inner, layout, level)


def _only_holds(node: Node, sections: list[Node]) -> bool:
    return node.name == "component" and all(c in sections for c in node.children)


def _has_more(section: Node, layout: Layout) -> bool:
    return any(
        n.name == "entry" or n not in layout.skip for s in section.walk() if s.name == "section" for n in s.children
    )


def _name(section: Node) -> str:
    title, code = section.first("title"), section.first("code")
    said = tidy(all_text(title)) if title else ""
    return said or (code.attributes.get("displayName", "") if code else "") or labels().element(section.name)


def _facts(root: Node) -> list[list[str]]:
    facts = [["Pasient", _patient(root)]]
    for label, name in (("Fra", "author"), ("Forvalter", "custodian"), ("Til", "informationRecipient")):
        facts.append([label, ", ".join(dict.fromkeys(said for n in _below(root, name) for said in _names(n)))])
    time = root.first("effectiveTime")
    value = time.attributes.get("value", "") if time else ""
    facts.append(["Dato", shown_time(value, hl7=True) or value])
    return [f for f in facts if f[1]]


def _patient(root: Node) -> str:
    roles = _below(root, "recordTarget", "patientRole")
    if not roles:
        return ""
    ids = [v for n in _below(roles[0], "id") for k, v in n.attributes.items() if local(k) == "extension"]
    parts = [*_names(roles[0])[:1], *ids[:1]]
    for person in _below(roles[0], "patient"):
        for born in _below(person, "birthTime"):
            value = born.attributes.get("value", "")
            parts.append(f"født {shown_time(value, hl7=True) or value}" if value else "")
        parts += [n.attributes.get("displayName", "") for n in _below(person, "administrativeGenderCode")]
    return "  ·  ".join(p for p in parts if p)


def _names(node: Node) -> list[str]:
    return [said for n in node.walk() if n.name == "name" and (said := tidy(all_text(n)))]
