"""What a Norwegian health message is about: its title, patient, sender and date; and its results as a table.

Source: HIS 1128 (hodemelding), HIS 1080 and later standards for epikrise, svarrapport, henvisning, rekvisisjon and
dialogmelding. The facts are read again from what the page shows further down; they take nothing away from it.
"""

from __future__ import annotations

import itertools
import re

from archive.normalise.xmllabels import labels
from archive.normalise.xmllayout import Layout
from archive.normalise.xmlnarrative import all_text, is_narrative, tidy
from archive.normalise.xmltree import Node

_NAMESPACES = ("http://www.kith.no/xmlstds/", "http://ehelse.no/xmlstds/", "http://www.ehelse.no/xmlstds/")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d))?")
_MOST_RESULT = 120
_ABOUT = "Opplysninger om meldingen"
_RESULT_COLUMNS = (
    ("Undersøkelse", ("Investigation", "ClinInv")),
    ("Resultat", ("NumResult", "TextResult", "DateResult", "StructuredInfo")),
    ("Referanse", ("RefInterval",)),
    ("Avvik", ("DevResultInd",)),
)
_SENDERS, _RECEIVERS = ("Sender", "ServProvider"), ("Receiver", "Requester")


def is_message(root: Node) -> bool:
    """Whether it is a message of KITH or Direktoratet for e-helse, enveloped or bare."""
    return root.namespace.startswith(_NAMESPACES)


class MessageLayout(Layout):
    """A layout that knows results."""

    def special(self, run: list[Node], level: int) -> bool:
        """Results as lines of one table; one that holds running text stands by itself."""
        if run[0].name != "ResultItem":
            return super().special(run, level)
        for long, group in itertools.groupby(run, _is_long):
            if long:
                for node in group:
                    self.heading(level, _investigation(node) or self.label(node))
                    self.body(node, level + 1)
            else:
                self._results(list(group), level)
        return True

    def _results(self, items: list[Node], level: int) -> None:
        self.heading(level, "Resultater")
        lines, others = [], []
        for item in items:
            lines.append([_values(self, item.first(*names)) for _, names in _RESULT_COLUMNS])
            rest: dict[str, str] = {}
            for node in item.walk():
                if node.hidden or node.hidden_attributes:
                    label = self.label(node)
                    rest[label] = f"{rest[label]}, {self.value(node)}" if label in rest else self.value(node)
            others.append(rest)
        common = dict(others[0]) if len(others) > 1 else {}
        for rest in others[1:]:
            common = {k: v for k, v in common.items() if rest.get(k) == v}
        for label, value in common.items():
            self.row(label, value)
        for line, rest in zip(lines, others, strict=True):
            line.append("; ".join(f"{k}: {v}" for k, v in rest.items() if k not in common))
        self.table([*(name for name, _ in _RESULT_COLUMNS), "Øvrige opplysninger"], lines)


def lay_out(root: Node, layout: MessageLayout) -> tuple[str, str, list[list[str]]]:
    """Place the whole message, what it says before what it is; give back its title, subtitle and facts."""
    head = _title(root), _subtitle(root), _facts(root)
    if root.name == "MsgHead":
        contents = [n for n in root.walk() if n.name == "Content" and n.namespace == root.namespace]
        attached = False
        for payload in [c for content in contents for c in content.children]:
            layout.skip.add(payload)
            file = payload.name == "Base64Container"
            if not (file and attached):
                layout.heading(2, "Vedlegg" if file else layout.label(payload))
            attached = file
            if file and payload.text.startswith("Vedlegg "):
                layout.row(*payload.take_text().split(": ", 1))
            elif payload.children:
                layout.body(payload, 3)
            else:
                layout.row(layout.label(payload), layout.value(payload))
        layout.heading(2, _ABOUT)
        layout.body(root, 3)
        return head
    leaves = [c for c in root.children if not c.children]
    layout.skip.update(leaves)
    layout.body(root, 2)
    if leaves:
        layout.heading(2, _ABOUT)
        for leaf in leaves:
            layout.element(leaf, 3)
    return head


def _is_long(item: Node) -> bool:
    """Whether it does not fit a line: running text, or a group of other results."""
    below = [n for child in item.children for n in child.walk()]
    return any(
        is_narrative(n) or n.name == "ResultItem" or (not n.children and len(n.text) > _MOST_RESULT) for n in below
    )


def _values(layout: Layout, node: Node | None) -> str:
    if node is None:
        return ""
    return ", ".join(said for n in node.walk() if not n.children and (said := layout.value(n)))


def _investigation(item: Node) -> str:
    node = item.first("Investigation", "ClinInv")
    return next((n.attributes["DN"] for n in node.walk() if n.attributes.get("DN")), "") if node else ""


def _title(root: Node) -> str:
    for path in (("MsgInfo", "Type"), ("Type",)):
        node: Node | None = root
        for name in path:
            node = node.first(name) if node else None
        if node is not None and (text := node.attributes.get("DN", "") or node.text):
            return text
    return labels().element(root.name)


def _subtitle(root: Node) -> str:
    found = next((n for n in root.walk() if n.name in ("MsgDescr", "ContentDescription")), None)
    return tidy(found.attributes.get("DN", "") or found.text) if found else ""


def _facts(root: Node) -> list[list[str]]:
    facts = [["Pasient", _patient(root)]]
    for label, names in (("Fra", _SENDERS), ("Til", _RECEIVERS)):
        node = next((n for name in names for n in root.walk() if n.name == name), None)
        facts.append([label, _unit(node)])
    date = next((n for name in ("IssueDate", "GenDate") for n in root.walk() if n.name == name), None)
    facts.append(["Dato", shown_date(date.attributes.get("V", "") or date.text) if date else ""])
    return [f for f in facts if f[1]]


def _patient(root: Node) -> str:
    patient = next((n for n in root.walk() if n.name == "Patient"), None)
    if patient is None:
        return ""
    known = {c.name: c for c in patient.children}
    names = [known[n].text for n in ("FamilyName", "GivenName", "MiddleName") if n in known and known[n].text]
    name = f"{names[0]}, {' '.join(names[1:])}" if len(names) > 1 else "".join(names)
    name = name or (known["Name"].text if "Name" in known else "")
    ident = known.get("OffId")
    number = ident.text if ident else next((n.text for n in patient.walk() if n.name == "Id"), "")
    born = known["DateOfBirth"].attributes.get("V", "") or known["DateOfBirth"].text if "DateOfBirth" in known else ""
    sex = known["Sex"].attributes.get("DN", "") if "Sex" in known else ""
    parts = [name, number, f"født {shown_date(born)}" if born else "", sex]
    return "  ·  ".join(p for p in parts if p)


def _unit(node: Node | None) -> str:
    if node is None:
        return ""
    names: list[str] = []
    for n in node.walk():
        if n.name in ("OrganisationName", "Name") and not is_narrative(n):
            names.append(tidy(all_text(n)))
        elif n.name in ("HealthcareProfessional", "HCPerson") and n.first("FamilyName"):
            parts = [n.first("GivenName"), n.first("MiddleName"), n.first("FamilyName")]
            names.append(" ".join(p.text for p in parts if p is not None and p.text))
    return ", ".join(dict.fromkeys(n for n in names if n))


def shown_date(value: str) -> str:
    """An ISO date or instant as Norwegians write it; anything else as it is."""
    found = _DATE.match(value)
    if not found:
        return value
    year, month, day, clock = found.groups()
    return f"{day}.{month}.{year}" + (f" kl. {clock}" if clock else "")
