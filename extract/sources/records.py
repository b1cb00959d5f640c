"""Rows to records: what the mapping says of patients and documents, compiled for one export."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence

from archive.identifiers import (
    Identifier,
    IdentifierType,
    classify,
    document_ids,
    hpr_number_ok,
    organisation_number_ok,
    patient_ids,
)
from archive.reasons import Flag, Reason
from archive.record import (
    AddressProtection,
    Author,
    DocumentStatus,
    FlagNote,
    JournalDocument,
    Patient,
    Sex,
    Unit,
)
from extract.mapping.model import DocumentSpec, PatientSpec, ValueSpec
from extract.mapping.paths import PathRules, relative_path
from extract.sources.contract import FileReference, SourceDocument, SourcePatient
from extract.sources.fields import Compiler, Getter, Notes
from extract.sources.numbering import scoped
from extract.sources.staging import Groups, join_key
from extract.sources.tables import Padded

_CACHED = 16_384


def row_key(values: Sequence[str]) -> str:
    """A key for a row that has none: of its content, so that the same row has it again in a later export."""
    plain = "\x1f".join(values)
    if plain.count("\x1f") < len(values):  # no value has the sign itself, so the text is of this row alone
        return "!" + _digest(plain)
    return "!-" + _digest(json.dumps(values, ensure_ascii=False))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


class PatientBuilder:
    """Makes a patient of a row."""

    def __init__(self, spec: PatientSpec, compiler: Compiler, archive: str, system: str, numbering: str = "") -> None:
        fields = spec.fields
        self._numbering = numbering
        self._key = compiler.text(spec.key, "key")
        self._id = patient_ids(archive, system, numbering)
        self._current = [compiler.texts(v, "identifier") for v in spec.identifiers]
        self._historic = [compiler.texts(v, "historic identifier") for v in spec.historic_identifiers]
        self._local = [compiler.texts(v, "local identifier") for v in spec.local_identifiers]
        self._family_name = compiler.text(fields.get("family_name"), "family name")
        self._given_name = compiler.text(fields.get("given_name"), "given name")
        self._birth_date = compiler.date(fields.get("birth_date"), "birth date")
        self._sex = compiler.word(fields.get("sex"), "sex", Sex, Sex.UNKNOWN, Sex.UNKNOWN)
        self._deceased = compiler.flag(fields.get("deceased"), "deceased", unsure=False)
        self._deceased_date = compiler.date(fields.get("deceased_date"), "date of death")
        self._protection = compiler.word(
            fields.get("address_protection"),
            "address protection",
            AddressProtection,
            AddressProtection.NONE,
            # A protection nobody has explained to us hides the address, until somebody has.
            AddressProtection.STRICTLY_CONFIDENTIAL,
        )
        self._extra = [(name, compiler.text(v, name)) for name, v in spec.extra]

    def __call__(self, place: str, row: Sequence[str], problem: str, notes: Notes) -> SourcePatient:
        """The patient of a row; `notes` may already say something of it."""
        if problem:
            notes.append(FlagNote(Flag.VALUE_INVALID, problem))
        key = self._key(row, notes)
        if not key:
            key = row_key(row)
            notes.append(FlagNote(Flag.VALUE_INVALID, "The row gives no patient key."))
        birth_date, birth_source = self._birth_date(row, notes)
        death_date, death_source = self._deceased_date(row, notes)
        sex, sex_source = self._sex(row, notes)
        protection, _ = self._protection(row, notes)
        extra = [(name, text) for name, get in self._extra if (text := get(row, notes))]
        if death_source and death_date is None:
            extra.append(("deceased_date", death_source))
        patient = Patient(
            id=self._id(key),
            source_key=key,
            identifiers=self._identifiers(row, notes),
            family_name=self._family_name(row, notes),
            given_name=self._given_name(row, notes),
            birth_date=birth_date,
            birth_date_source=birth_source,
            sex=sex,
            sex_source=sex_source,
            deceased_date=death_date,
            deceased=bool(death_source) or self._deceased(row, notes),
            address_protection=protection,
            flags=tuple(dict.fromkeys(notes)),
            extra=tuple(extra),
        )
        return SourcePatient(scoped(self._numbering, key), patient, place)

    def _identifiers(self, row: Sequence[str], notes: Notes) -> tuple[Identifier, ...]:
        found: dict[str, Identifier] = {}
        for getters, current in ((self._current, True), (self._historic, False)):
            for get in getters:
                for text in get(row, notes):
                    identifier = classify(text, current=current)
                    found.setdefault(identifier.value, identifier)
        if not any(i.current for i in found.values()):
            notes.append(FlagNote(Flag.ID_MISSING))
        if not all(i.valid for i in found.values()):
            notes.append(FlagNote(Flag.ID_INVALID))
        if any(i.synthetic for i in found.values()):
            notes.append(FlagNote(Flag.ID_SYNTHETIC))
        for get in self._local:
            for text in get(row, notes):
                found.setdefault(text, Identifier(text, IdentifierType.LOCAL))
        return tuple(found.values())


class FilesBuilder:
    """The files of a document named by one of the mapping's `files`; `groups` where they are rows of a table."""

    def __init__(
        self,
        path: Callable[[Sequence[str], Notes], list[str]],
        rules: PathRules,
        groups: Groups | None = None,
        on: Sequence[int] = (),
        order: int | None = None,
    ) -> None:
        self._path, self._rules = path, rules
        self.groups, self._on, self._order = groups, tuple(on), order
        self.problem = ""
        """What is wrong with the rows of the table that the last document asked for."""

    def __call__(self, row: Sequence[str], notes: Notes) -> list[FileReference]:
        """References in the order of the register, or of the mapping's `order`."""
        self.problem = ""
        if self.groups is None:
            return self.of_row(row, notes)
        key = join_key([row[i] for i in self._on])
        group = self.groups.get(key) if key else []
        if not group:
            return []
        rows = [values for _, values in group]
        self.problem = next((f"{place}: {values[-1]}" for place, values in group if values[-1]), "")
        if self._order is not None and len(rows) > 1:
            at = self._order
            rows.sort(key=lambda values: _natural(values[at]))
        return [reference for values in rows for reference in self.of_row(values, notes)]

    def of_row(self, row: Sequence[str], notes: Notes) -> list[FileReference]:
        """The references one row names."""
        names = [text.written if isinstance(text, Padded) else text for text in self._path(row, notes)]
        return [FileReference(name, relative_path(name, self._rules)) for name in names]


class DocumentBuilder:
    """Makes a document of a row."""

    def __init__(
        self,
        spec: DocumentSpec,
        compiler: Compiler,
        files: Sequence[FilesBuilder],
        archive: str,
        system: str,
        numbering: str = "",
        of_patients: str = "",
    ) -> None:
        fields: Mapping[str, ValueSpec] = spec.fields
        self._numbering, self._of_patients = numbering, of_patients
        self._document_id = document_ids(archive, system, numbering)
        self._patient_id = patient_ids(archive, system, of_patients)
        self._key = compiler.text(spec.key, "key")
        self._patient = compiler.text(spec.patient, "patient")
        self._files = files

        def text(name: str) -> Getter:
            return compiler.text(fields.get(name), name.replace("_", " "))

        self._type_code, self._type_text = text("type_code"), text("type_text")
        self._type_9602, self._title = text("type_9602"), text("title")
        self._document_date = compiler.date(fields.get("document_date"), "document date")
        self._entry_date = compiler.date(fields.get("entry_date"), "entry date")
        self._author = [text(f"author_{part}") for part in ("name", "hpr", "role")]
        self._unit = [text(f"unit_{part}") for part in ("code", "name", "organisation_number")]
        self._authors: dict[tuple[str, ...], tuple[Author, FlagNote | None]] = {}
        self._units: dict[tuple[str, ...], tuple[Unit, FlagNote | None]] = {}
        self._service, self._episode = text("service"), text("episode")
        self._status = compiler.word(
            fields.get("status"), "status", DocumentStatus, DocumentStatus.UNKNOWN, DocumentStatus.UNKNOWN
        )
        self._blocked = compiler.flag(fields.get("blocked"), "blocked", unsure=True)
        self._replaces = text("replaces")
        self._extra = [(name, compiler.text(v, name)) for name, v in spec.extra]
        self._exclusions = [
            (e.rule, compiler.text(e.value, "exclusion"), _rule(e.values, e.matches)) for e in spec.exclude
        ]
        self._dated = "document_date" in fields

    def __call__(self, place: str, row: Sequence[str], problem: str, notes: Notes) -> SourceDocument:
        """The document of a row; `notes` may already say something of it."""
        if problem:
            return self.bad(place, row, problem)
        key = self._key(row, notes)
        if not key:
            return self.bad(place, row, "The row gives no document key.")
        patient = self._patient(row, notes)
        document_date, document_source = self._document_date(row, notes)
        if self._dated and not document_source:
            notes.append(FlagNote(Flag.DATE_MISSING))
        entry_date, entry_source = self._entry_date(row, notes)
        status, status_source = self._status(row, notes)
        replaces = self._replaces(row, notes)
        files: list[FileReference] = []
        for of in self._files:
            files += of(row, notes)
        extra = tuple([(name, text) for name, get in self._extra if (text := get(row, notes))])
        document = JournalDocument(
            id=self._document_id(key),
            source_key=key,
            patient_id=self._patient_id(patient),
            type_code=self._type_code(row, notes),
            type_text=self._type_text(row, notes),
            type_9602=self._type_9602(row, notes),
            title=self._title(row, notes),
            document_date=document_date,
            document_date_source=document_source,
            entry_date=entry_date,
            entry_date_source=entry_source,
            author=self._author_of(row, notes),
            unit=self._unit_of(row, notes),
            service=self._service(row, notes),
            episode=self._episode(row, notes),
            status=status,
            status_source=status_source,
            blocked=self._blocked(row, notes),
            replaces=self._document_id(replaces) if replaces else None,
            extra=extra,
            flags=tuple(dict.fromkeys(notes)) if notes else (),
        )
        excluded = None
        for rule, get, applies in self._exclusions:
            if applies(get(row, [])):
                excluded = rule
                break
        wrong: tuple[Reason, str] | None = None
        if not excluded and (bad := next((of.problem for of in self._files if of.problem), "")):
            wrong = Reason.BAD_ROW, bad
        elif not files and not excluded:
            wrong = Reason.NO_FILE, Reason.NO_FILE.sentence
        return SourceDocument(*self._scoped(key, patient), document, tuple(files), place, wrong, excluded)

    def _scoped(self, key: str, patient: str) -> tuple[str, str]:
        return scoped(self._numbering, key), scoped(self._of_patients, patient)

    def bad(self, place: str, row: Sequence[str], problem: str) -> SourceDocument:
        """A row that cannot be used as it is, with what can be made out: key, patient and files."""
        known = len(row) > 1
        key = (self._key(row, []) if known else "") or row_key(row)
        patient = self._patient(row, []) if known else ""
        files = [f for of in self._files for f in of(row, [])] if known else []
        return self.loose(place, key, patient, files, problem)

    def loose(self, place: str, key: str, patient: str, files: Sequence[FileReference], problem: str) -> SourceDocument:
        """A document of which little is known."""
        document = JournalDocument(
            id=self._document_id(key), source_key=key, patient_id=self._patient_id(patient), flags=()
        )
        return SourceDocument(*self._scoped(key, patient), document, tuple(files), place, (Reason.BAD_ROW, problem))

    def _author_of(self, row: Sequence[str], notes: Notes) -> Author:
        parts = tuple([get(row, notes) for get in self._author])
        found = self._authors.get(parts)
        if found is None:
            if len(self._authors) >= _CACHED:
                self._authors.clear()
            wrong = bool(parts[1]) and not hpr_number_ok(parts[1])
            note = FlagNote(Flag.VALUE_INVALID, "author hpr: no number of Helsepersonellregisteret") if wrong else None
            found = self._authors[parts] = Author(*parts), note
        if found[1]:
            notes.append(found[1])
        return found[0]

    def _unit_of(self, row: Sequence[str], notes: Notes) -> Unit:
        parts = tuple([get(row, notes) for get in self._unit])
        found = self._units.get(parts)
        if found is None:
            if len(self._units) >= _CACHED:
                self._units.clear()
            wrong = bool(parts[2]) and not organisation_number_ok(parts[2])
            note = (
                FlagNote(Flag.VALUE_INVALID, "unit organisation number: not nine digits, modulus 11") if wrong else None
            )
            found = self._units[parts] = Unit(*parts), note
        if found[1]:
            notes.append(found[1])
        return found[0]


def _rule(values: Sequence[str], matches: str) -> Callable[[str], bool]:
    if values:
        known = frozenset(values)
        return lambda text: text in known
    if matches:
        pattern = re.compile(matches)
        return lambda text: pattern.search(text) is not None
    return lambda text: not text


def _natural(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isascii() and text.isdigit() else (1, 0, text)
