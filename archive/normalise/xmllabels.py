"""Norwegian words for the elements and codes of health messages, from `schemas/xml-labels.toml`."""

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
    codes: dict[str, dict[str, str]]

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

    def code(self, element: str, code: str) -> str:
        """What a code means that the message has no text for; empty where the table is silent."""
        return self.codes.get(element, {}).get(code, "")


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
        codes=raw["codes"],
    )
