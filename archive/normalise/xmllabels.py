"""Norwegian words for the elements and codes of health messages, from `schemas/xml-labels.toml` and
`schemas/code-texts.toml`."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

_VOLVEN = "2.16.578.1.12.4.1.1."
_WORDS = re.compile(r"[A-ZÆØÅ]+(?![a-zæøå])|[A-ZÆØÅ]?[a-zæøå]+|\d+|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Labels:
    """The table, and what is derived where the table is silent."""

    elements: dict[str, str]
    titles: dict[str, str]
    plain: frozenset[str]
    silent: frozenset[str]
    systems: dict[str, str]
    clinical: frozenset[str]
    lists: dict[str, list[str]]
    """Element name to the numbers of the code lists that its codes are of where it names none."""
    texts: dict[str, dict[str, str]]
    """Number of a code list to its codes and their texts."""

    def element(self, name: str) -> str:
        """The word for an element; an unknown name is taken apart: `FasteHjelpemidler` is "Faste hjelpemidler"."""
        if name in self.elements:
            return self.elements[name]
        words = _WORDS.findall(name) or [name]
        text = " ".join(w if w.isupper() and len(w) > 1 else w.lower() for w in words)
        # Taken apart, the name must still be there, letter for letter, for whoever looks for it.
        return text[:1].upper() + text[1:] if "".join(words) == name else name

    def system(self, oid: str) -> str:
        """The name of a code system; `kodeverk <number>` for an unknown one of Volven's, the OID for any other."""
        if not oid.startswith(_VOLVEN):
            return oid
        number = oid.removeprefix(_VOLVEN)
        return self.systems.get(number, f"kodeverk {number}")

    def is_small(self, oid: str) -> bool:
        """Whether it is one of Volven's lists for messages, and no classification that clinicians know by name."""
        return oid.startswith(_VOLVEN) and oid.removeprefix(_VOLVEN) not in self.clinical

    def code(self, element: str, code: str, system: str = "") -> str:
        """What a code means that the message has no text for: by its code system (an OID), else by its element.
        Empty where the tables are silent."""
        if system.startswith(_VOLVEN):
            return self.texts.get(system.removeprefix(_VOLVEN), {}).get(code, "")
        if system:
            return ""
        return next((text for n in self.lists.get(element, ()) if (text := self.texts[n].get(code))), "")


@functools.cache
def labels() -> Labels:
    """The table, read once."""
    raw: dict[str, Any] = tomllib.loads(resources.files("schemas").joinpath("xml-labels.toml").read_text("utf-8"))
    return Labels(
        elements=raw["elements"],
        titles=raw["layout"]["titles"],
        plain=frozenset(raw["layout"]["plain"]),
        silent=frozenset(raw["layout"]["silent"]),
        systems=raw["systems"],
        clinical=frozenset(raw["layout"]["clinical"]),
        lists=raw["lists"],
        texts=tomllib.loads(resources.files("schemas").joinpath("code-texts.toml").read_text("utf-8")),
    )


_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?"
    r"|(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(?:\.(\d+))?)?([+-]\d{4})?)?"
)


def shown_time(value: str, *, hl7: bool = False) -> str:
    """An ISO 8601 date or instant as Norwegians write it, with `hl7` also one without separators (TS of HL7 v3); empty
    for anything else.

    Nothing is computed: an instant stays in its own time zone, which is told where the value has one.
    """
    found = _TIME.fullmatch(value)
    if found is None or not (hl7 or found[1]):
        return ""
    year, month, day, clock, seconds, fraction, zone = found.groups()[:7]
    if year is None:
        year, month, day, hour, minute, seconds, fraction, zone = found.groups()[7:]
        clock = f"{hour}:{minute}" if hour else None
    if not ("01" <= month <= "12" and "01" <= day <= "31"):
        return ""
    shown = f"{day}.{month}.{year}"
    if clock:
        shown += f" kl. {clock}" + (f":{seconds}" if seconds and (seconds != "00" or fraction) else "")
        shown += (f",{fraction}" if fraction else "") + (f" ({'UTC' if zone == 'Z' else zone})" if zone else "")
    return shown
