"""Checking sections of a mapping against the keys they may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from extract.mapping.keys import SECTIONS, Kind
from extract.mapping.lines import Where, line_of


def nearest(name: str, valid: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the valid names where none is near."""
    names = sorted(set(valid))
    folded = {n.casefold(): n for n in names}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {folded[close[0]]!r}?"
    shown = ", ".join(repr(n) for n in names[:40])
    return f"; there are {shown}{' and more' if len(names) > 40 else ''}" if names else ""


class Checker:
    """Checks sections and collects faults, each with its line."""

    def __init__(self, found: Mapping[Where, int]) -> None:
        self.found = found
        self.faults: list[tuple[int, str]] = []

    def fault(self, where: Where, message: str) -> None:
        """Note a fault at a place."""
        self.faults.append((line_of(self.found, where), message))

    def section(self, name: str, data: Any, where: Where, *, present: bool = True) -> dict[str, Any]:
        """The keys of a section that are known and of the right kind; faults for all others."""
        if not isinstance(data, dict):
            self.fault(where, f"{dotted(where)} must be {Kind.SECTION}")
            return {}
        keys = SECTIONS[name]
        good: dict[str, Any] = {}
        for key, value in data.items():
            at = (*where, key)
            if key not in keys:
                elsewhere = "; it has its place elsewhere" if any(key in s for s in SECTIONS.values()) else ""
                place = f"[{dotted(where)}]" if where else "the mapping"
                self.fault(at, f"unknown key {key!r} in {place}{nearest(key, keys) or elsewhere}")
            elif not _fits(keys[key].kind, value):
                self.fault(at, f"{key!r} must be {keys[key].kind}")
            elif keys[key].words and value not in keys[key].words:
                self.fault(at, f"{key!r} cannot be {value!r}{nearest(value, keys[key].words)}")
            else:
                good[key] = value
        for key, rule in keys.items():
            if rule.required and key not in data and present:
                self.fault(where, f"{key!r} is missing in {f'[{dotted(where)}]' if where else 'the mapping'}")
            elif (
                rule.required
                and key in good
                and rule.kind is Kind.TEXT
                and not (good[key].strip() or rule.may_be_blank)
            ):
                self.fault((*where, key), f"{key!r} must not be empty")
        return good


def dotted(where: Where) -> str:
    """A place as TOML writes it."""
    return ".".join(str(w) for w in where if not isinstance(w, int))


def _fits(kind: Kind, value: Any) -> bool:
    """Whether a TOML value is of the kind; what stands inside sections is checked with them."""

    def texts(v: Any) -> bool:
        return isinstance(v, list) and all(isinstance(x, str) for x in v)

    def one(v: Any) -> bool:
        return isinstance(v, (str, dict))

    match kind:
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.CHARACTER:
            return isinstance(value, str) and len(value) <= 1
        case Kind.INTEGER:
            return type(value) is int and value >= 0
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.DAY:
            return isinstance(value, date) and not isinstance(value, datetime)
        case Kind.TEXTS:
            return texts(value)
        case Kind.TEXT_OR_TEXTS:
            return isinstance(value, str) or (texts(value) and bool(value))
        case Kind.INTEGER_OR_TEXT:
            return isinstance(value, str) or (type(value) is int and value >= 0)
        case Kind.PAIRS:
            return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
        case Kind.CODES:
            return isinstance(value, str) or (
                isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
            )
        case Kind.SECTION:
            return isinstance(value, dict)
        case Kind.NAMED_SECTIONS:
            return isinstance(value, dict) and all(isinstance(v, dict) for v in value.values())
        case Kind.SECTIONS:
            return isinstance(value, list) and all(isinstance(v, dict) for v in value) and bool(value)
        case Kind.VALUE:
            return one(value)
        case Kind.VALUES:
            return one(value) or (isinstance(value, list) and all(one(v) for v in value))
        case Kind.NAMED_VALUES:
            return isinstance(value, dict) and all(one(v) for v in value.values())
        case Kind.JOINS:
            return isinstance(value, dict) and all(one(v) or texts(v) for v in value.values())
