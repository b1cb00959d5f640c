"""FHIR resources, in XML or JSON: a document's sections first, then every resource completely.

Source: HL7 FHIR R4 (2.6.4 documents: the composition's narrative is what was attested). Codes, quantities and names
are put on one line; every other data type is shown element by element.
"""

from __future__ import annotations

from archive.normalise.xmllabels import labels, shown_time
from archive.normalise.xmllayout import Layout
from archive.normalise.xmltree import FHIR, Node, local

_CODING = frozenset(("coding", "text"))
_CODED = frozenset(("system", "version", "code", "display", "userSelected"))
_QUANTITY = frozenset(("value", "comparator", "unit", "system", "code"))
_NAME = frozenset(("use", "prefix", "given", "family", "suffix", "text"))


def is_resource(root: Node) -> bool:
    """Whether it is a FHIR resource."""
    return root.namespace == FHIR


class ResourceLayout(Layout):
    """A layout that knows the commonest data types."""

    def element(self, node: Node, level: int) -> None:
        """Codes, quantities and names of persons on one line; a narrative as it is; all else as ever."""
        if node.name == "text" and (div := node.first("div")) is not None:
            for child in node.children:
                if child is div:
                    self.narrative(child)
                else:
                    super().element(child, level)
            return
        said = self._on_one_line(node)
        if said is None:
            super().element(node, level)
        else:
            self.row(self.label(node), said)

    def _on_one_line(self, node: Node) -> str | None:
        names = {child.name for child in node.children}
        if not names or any(n.hidden or n.hidden_attributes - {"value"} for n in node.walk()):
            return None
        if names <= _CODING and all(
            _simple(c, _CODED) if c.name == "coding" else not c.children for c in node.children
        ):
            parts = [self._coding(c) if c.children else self.value(c) for c in node.children]
            return "; ".join(dict.fromkeys(reversed(parts)))
        if not _simple(node, _CODED | _QUANTITY | _NAME):
            return None
        if "value" in names and names <= _QUANTITY:
            return self._quantity(node)
        if "code" in names and names <= _CODED:
            return self._coding(node)
        if "family" in names and names <= _NAME:
            order = ("prefix", "given", "family", "suffix", "text", "use")
            return " ".join(self.value(c) for name in order for c in node.children if c.name == name)
        return None

    def _coding(self, node: Node) -> str:
        said = {child.name: self.value(child) for child in node.children}
        display = said.pop("display", "")
        rest = ", ".join(said[name] for name in ("code", "system", "version", "userSelected") if name in said)
        return f"{display} ({rest})" if display and rest else display or rest

    def _quantity(self, node: Node) -> str:
        said = {child.name: self.value(child) for child in node.children}
        shown = " ".join(said[name] for name in ("comparator", "value", "unit") if name in said)
        rest = ", ".join(said[name] for name in ("code", "system") if name in said)
        return f"{shown} ({rest})" if rest else shown


def lay_out(root: Node, layout: Layout) -> tuple[str, str, list[list[str]]]:
    """Place the whole resource; give back its title, subtitle and facts."""
    held = [r for entry in root.children if entry.name == "entry" for w in entry.children for r in w.children]
    resources = [n for n in held if n.name[:1].isupper()] if root.name == "Bundle" else [root]
    composition = next((r for r in resources if r.name == "Composition"), None)
    patient = next((r for r in resources if r.name == "Patient"), None)
    title = _value(composition, "title") if composition else ""
    facts = [["Pasient", _patient(patient)], ["Dato", _date(composition)]]
    if composition is not None:
        for section in [c for c in composition.children if c.name == "section"]:
            _section(section, layout, 2)
    if root.name == "Bundle":
        for resource in resources:
            layout.skip.add(resource)
            layout.heading(2, layout.label(resource))
            layout.body(resource, 3)
        layout.heading(2, "Om samlingen")
        layout.body(root, 3)
    elif root.children:
        layout.body(root, 2)
    else:
        layout.row(layout.label(root), layout.value(root))
    name = labels().element(root.name)
    return title or name, name if title else "", [f for f in facts if f[1]]


def _section(section: Node, layout: Layout, level: int) -> None:
    titled, text = section.first("title"), section.first("text")
    layout.heading(level, _value(section, "title") or layout.label(section))
    if titled is not None:
        titled.take("value")
        if not titled.hidden_attributes and not titled.hidden and not titled.children:
            layout.skip.add(titled)
    if text is not None:
        layout.element(text, level + 1)
        layout.skip.add(text)
    for below in [c for c in section.children if c.name == "section"]:
        _section(below, layout, level + 1)


def _simple(node: Node, names: frozenset[str]) -> bool:
    return bool(node.children) and all(c.name in names and not c.children for c in node.children)


def _value(node: Node | None, *names: str) -> str:
    for name in names:
        node = node.first(name) if node else None
    return next((v for k, v in node.attributes.items() if local(k) == "value"), "") if node else ""


def _date(composition: Node | None) -> str:
    value = _value(composition, "date")
    return shown_time(value) or value


def _patient(patient: Node | None) -> str:
    name = patient.first("name") if patient else None
    if patient is None:
        return ""
    given = [_value(n) for n in name.children if n.name == "given"] if name else []
    said = " ".join(filter(None, [*given, _value(name, "family")])) or _value(name, "text")
    born = _value(patient, "birthDate")
    parts = [said, _value(patient, "identifier", "value"), f"født {shown_time(born) or born}" if born else ""]
    return "  ·  ".join(p for p in parts if p)
