"""Mapping values compiled to functions: once per run, so that a row costs only calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import TypeVar

from archive.reasons import Flag
from archive.record import FlagNote
from extract.mapping.dates import DateReader, DateRules
from extract.mapping.keys import PROTECTIONS
from extract.mapping.lines import Where
from extract.mapping.model import TEMPLATE_PART, CodeList, ValueSpec
from extract.sources.contract import Protection
from extract.sources.staging import Lookup
from extract.sources.tables import Answer, Padded, Several, padded

Notes = list[FlagNote]
Getter = Callable[[Sequence[str], Notes], str]
Position = Callable[[str, Where], int]
"""Where a column is in a row's values; an unknown one is noted as a fault and given as 0."""

W = TypeVar("W", bound=StrEnum)


class Compiler:
    """Compiles the values of one record. `lookups` holds the code lists that are tables, by list name."""

    def __init__(self, position: Position, lookups: Mapping[str, Lookup], today: date, *, several: bool) -> None:
        self._position = position
        self._lookups = lookups
        self._today = today
        self._several = several
        self.protections: dict[str, Protection] = {}
        """How fields that protect were read, by field; filled as rows are."""
        self._readers: dict[DateRules, DateReader] = {}

    def text(self, spec: ValueSpec | None, name: str) -> Getter:
        """A function that gives the field's text and notes what is remarkable about it."""
        if spec is None:
            return lambda row, notes: ""
        get = self._source(spec)
        if self._several:
            get = _joined(get, spec.join)
        return self._made(get, spec, name)

    def _made(self, get: Getter, spec: ValueSpec, name: str) -> Getter:
        """What is done with a text, in the order the mapping's page gives."""
        if spec.empty:
            get = _emptied(get, frozenset(spec.empty))
        if spec.pattern:
            get = _matched(get, spec, name)
        if spec.zero_pad:
            get = _padded(get, spec.zero_pad)
        if spec.case:
            get = _cased(get, upper=spec.case == "upper")
        if spec.codes:
            get = self._coded(get, spec.codes, name)
        if spec.default:
            get = _defaulted(get, spec.default)
        return get

    def texts(self, spec: ValueSpec, name: str) -> Callable[[Sequence[str], Notes], list[str]]:
        """Like `text`, for a value that may hold several (`split`, or an XPath that finds several)."""
        source, split = self._source(spec), spec.split
        made = self._made(lambda row, notes: row[0], spec, name)

        def values(row: Sequence[str], notes: Notes) -> list[str]:
            text = source(row, notes)
            found = []
            for part in text.parts if isinstance(text, Several) else (text,):
                whole = made((part,), notes)
                found += [p for t in whole.split(split) if (p := t.strip())] if split else [whole] if whole else []
            return found

        return values

    def date(self, spec: ValueSpec | None, name: str) -> Callable[[Sequence[str], Notes], tuple[str | None, str]]:
        """A function that gives the ISO date (or None) and what the source says."""
        if spec is None or spec.dates is None:
            return lambda row, notes: (None, "")
        get = self.text(spec, name)
        read = self._readers.setdefault(spec.dates, DateReader(spec.dates, self._today))
        notes_of = {flag: FlagNote(flag, name) for flag in (Flag.DATE_INVALID, Flag.DATE_IMPLAUSIBLE)}

        def value(row: Sequence[str], notes: Notes) -> tuple[str | None, str]:
            text = get(row, notes)
            iso, flag = read(text)
            if flag is not None:
                notes.append(notes_of[flag])
            return iso, text

        return value

    def flag(self, spec: ValueSpec | None, name: str, *, unsure: bool) -> Callable[[Sequence[str], Notes], bool]:
        """A function that gives yes or no; `unsure` is what a value means that the mapping does not know."""
        if spec is None:
            return lambda row, notes: False
        get = self.text(spec, name)
        true, false = frozenset(spec.true), frozenset(spec.false)
        otherwise = spec.present or not true
        note = FlagNote(Flag.VALUE_INVALID, f"{name}: a value is neither yes nor no in the mapping")
        seen = self._protection(spec, listed=bool(true or false))

        def read(text: str, notes: Notes) -> tuple[bool, str]:
            if text in true or text in false:
                return text in true, "known"
            if isinstance(text, Answer) and spec.present:
                return text.truth, "there"
            if not text:
                return False, "there" if isinstance(text, Answer) else "empty"
            if otherwise:
                return True, "unknown"
            notes.append(note)
            return unsure, "unknown"

        def value(row: Sequence[str], notes: Notes) -> bool:
            answer, how = read(get(row, notes), notes)
            if seen is not None:
                seen[answer, how] += 1
            return answer

        return value

    def _protection(self, spec: ValueSpec, *, listed: bool) -> Counter[tuple[bool, str]] | None:
        """Where the answers of a field that protects are counted; None of other fields, and of what is constant."""
        field = str(spec.where[-1])
        if field not in PROTECTIONS or spec.constant is not None:
            return None
        rule = repr(replace(spec, where=(), codes=spec.codes and replace(spec.codes, where=()), expect=""))
        self.protections[field] = Protection(rule, spec.expect, listed)
        return self.protections[field].seen

    def word(
        self, spec: ValueSpec | None, name: str, words: type[W], nothing: W, unsure: W
    ) -> Callable[[Sequence[str], Notes], tuple[W, str]]:
        """A function that gives one of a field's words and what the source says."""
        if spec is None:
            return lambda row, notes: (nothing, "")
        get = self.text(spec, name)
        # The source's own text is wanted beside the word, so the same value is read without its code list too.
        written = self.text(_without_codes(spec), name)
        members = {str(w): w for w in words} | {"": nothing}
        seen = self._protection(spec, listed=spec.codes is not None)

        def value(row: Sequence[str], notes: Notes) -> tuple[W, str]:
            before = len(notes)
            text = get(row, notes)
            found = members.get(text)
            source = written(row, [])
            if seen is not None:
                how = "unknown" if found is None else "known" if source else "empty"
                if isinstance(source, Answer):
                    how = "there"
                seen[found is not nothing, how] += 1
            if found is None:
                del notes[before:]
                notes.append(FlagNote(Flag.UNKNOWN_CODE, f"{name}: {_short(text)}"))
                found = unsure
            return found, source

        return value

    def _source(self, spec: ValueSpec) -> Getter:
        if spec.constant is not None:
            constant = spec.constant
            return lambda row, notes: constant
        if spec.template:
            return self._template(spec)
        where = spec.where
        at = [self._position(c, where) for c in spec.columns]
        if len(at) == 1:
            index = at[0]
            return lambda row, notes: row[index]

        def first(row: Sequence[str], notes: Notes) -> str:
            for i in at:
                if row[i]:
                    return row[i]
            return ""

        return first

    def _template(self, spec: ValueSpec) -> Getter:
        pieces = TEMPLATE_PART.split(spec.template)
        literal = pieces[::2]
        at = [self._position(c, (*spec.where, "template")) for c in pieces[1::2]]

        def filled(row: Sequence[str], notes: Notes) -> str:
            values = [row[i] for i in at]
            if not any(values):
                return ""
            text = literal[0]
            for value, after in zip(values, literal[1:], strict=True):
                text += value + after
            last = values[-1]
            if isinstance(last, Padded) and not literal[-1]:  # a file's name at the end keeps its blanks after it
                return padded(text.lstrip() + last.written[len(last.written.rstrip()) :])
            return text.strip()

        return filled

    def _coded(self, get: Getter, codes: CodeList, name: str) -> Getter:
        known = dict(codes.values)
        if codes.ignore_case:
            known = {code.casefold(): value for code, value in known.items()}
        lookup = self._lookups.get(codes.name) if codes.table else None
        default, fold = codes.default, codes.ignore_case
        source = codes.name or name

        def value(row: Sequence[str], notes: Notes) -> str:
            text = get(row, notes)
            code = text.casefold() if fold else text
            found = known.get(code)
            if found is not None:
                return found
            if not text:
                return ""
            if lookup is not None and (hit := lookup.get(code)) is not None:
                return hit[0][0]
            if default is not None:
                return default
            notes.append(FlagNote(Flag.UNKNOWN_CODE, f"{name}: {_short(text)} is not in {source}"))
            return text

        return value


def _without_codes(spec: ValueSpec) -> ValueSpec:
    return replace(spec, codes=None, default="", no_match="keep")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _joined(get: Getter, join: str) -> Getter:
    def value(row: Sequence[str], notes: Notes) -> str:
        text = get(row, notes)
        return join.join(text.parts) if isinstance(text, Several) else text

    return value


def _emptied(get: Getter, empty: frozenset[str]) -> Getter:
    return lambda row, notes: "" if (text := get(row, notes)) in empty else text


def _padded(get: Getter, width: int) -> Getter:
    def value(row: Sequence[str], notes: Notes) -> str:
        text = get(row, notes)
        return text.zfill(width) if text.isdigit() else text

    return value


def _cased(get: Getter, *, upper: bool) -> Getter:
    return (lambda row, notes: get(row, notes).upper()) if upper else (lambda row, notes: get(row, notes).lower())


def _defaulted(get: Getter, default: str) -> Getter:
    return lambda row, notes: get(row, notes) or default


def _matched(get: Getter, spec: ValueSpec, name: str) -> Getter:
    pattern = re.compile(spec.pattern)
    group = spec.group if spec.group is not None else min(pattern.groups, 1)
    note = FlagNote(Flag.VALUE_INVALID, f"{name}: the value is not of the form the mapping expects")

    def value(row: Sequence[str], notes: Notes) -> str:
        text = get(row, notes)
        if not text:
            return ""
        found = pattern.search(text)
        if found:
            return (found[group] or "").strip()
        if spec.no_match == "empty":
            return ""
        if spec.no_match == "flag":
            notes.append(note)
        return text

    return value
