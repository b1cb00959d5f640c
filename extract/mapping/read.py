"""Reading a mapping file: every mistake is found and told at once, with its line and the nearest valid name."""

from __future__ import annotations

import codecs
import re
import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archive.errors import MappingError
from archive.identifiers import organisation_number_ok
from extract.mapping.check import Checker, dotted, nearest
from extract.mapping.dates import DateRules, compile_format
from extract.mapping.keys import FIELD_KINDS, FIELD_WORDS, PROTECTIONS, SECTIONS, Field, Kind
from extract.mapping.lines import Where, positions
from extract.mapping.model import (
    TEMPLATE_PART,
    CodeList,
    DocumentSpec,
    Exclusion,
    FilesSpec,
    JoinSpec,
    PatientSpec,
    TableSpec,
    ValueSpec,
)
from extract.mapping.model import Mapping as MappingModel
from extract.mapping.paths import PathRules

_SECTION_OF_VALUE = {
    Field.TEXT: "value",
    Field.WORD: "value",
    Field.DATE: "value of a date",
    Field.FLAG: "value of a flag",
}


def load(path: Path) -> MappingModel:
    """Read and check a mapping file.

    Raises:
        MappingError: the file cannot be read or is no valid mapping; `findings` holds every mistake.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as e:
        raise MappingError(f"The mapping {path} cannot be read: {e.strerror}.") from e
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise MappingError(
            f"The mapping {path.name} is not UTF-8.", findings=(f"{path.name}:{line}: byte 0x{e.object[e.start]:02x}",)
        ) from e
    return loads(text, path)


def loads(text: str, path: Path) -> MappingModel:
    """Check the text of a mapping; `path` names it in findings.

    Raises:
        MappingError: see `load`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(e))
        line = int(at[1]) if at else text.rstrip().count("\n") + 1
        what = re.sub(r" \(at [^)]*\)$", "", str(e))
        raise MappingError(
            f"The mapping {path.name} is not valid TOML.", findings=(f"{path.name}:{line}: {what}",)
        ) from e
    return read_plain(data, path, positions(text))


def read_plain(data: dict[str, Any], path: Path, found: Mapping[Where, int] | None = None) -> MappingModel:
    """Check a mapping that is already parsed; `found` tells where its keys stand.

    Raises:
        MappingError: see `load`.
    """
    return _Reader(path, found or {}).mapping(data)


class _Reader(Checker):
    """Builds the mapping and collects faults. Builders return something harmless where they found a fault."""

    def __init__(self, path: Path, found: Mapping[Where, int]) -> None:
        super().__init__(found)
        self.path = path
        self.tables: dict[str, TableSpec] = {}
        self.codes: dict[str, CodeList] = {}
        self.dates = DateRules()

    def mapping(self, data: dict[str, Any]) -> MappingModel:
        root = self.section("mapping", data, ())
        system = self.section("system", root.get("system", {}), ("system",), present="system" in root)
        owner = self.section("owner", root.get("owner", {}), ("owner",), present="owner" in root)
        number = owner.get("organisation_number", "")
        if number and not organisation_number_ok(number):
            self.fault(("owner", "organisation_number"), f"{number!r} is no organisation number (nine digits, mod 11)")
        given_id = root.get("archive_id", "")
        if given_id and not _is_uuid(given_id):
            self.fault(("archive_id",), f"{given_id!r} is no UUID in lower case")
        self.dates = self.date_rules(self.section("dates", root.get("dates", {}), ("dates",)), ("dates",))
        csv = self.section("csv", root.get("csv", {}), ("csv",))
        self.csv_faults(csv, ("csv",))
        for name, table in root.get("tables", {}).items():
            self.tables[name] = self.table(name, table, csv)
        for name, codes in root.get("codes", {}).items():
            self.codes[name] = self.code_list(name, codes)
        paths = self.path_rules(self.section("paths", root.get("paths", {}), ("paths",)))
        patient = self.patient(root["patient"]) if "patient" in root else None
        document = self.document(root["document"]) if "document" in root else None
        if self.faults or patient is None or document is None:
            findings = tuple(f"{self.path.name}:{line}: {m}" for line, m in sorted(set(self.faults)))
            count = f"{len(findings)} mistakes" if len(findings) != 1 else "1 mistake"
            raise MappingError(
                f"The mapping {self.path.name} has {count}:",
                findings=findings,
                remedy="Every key is explained in docs/mapping.md.",
            )
        return MappingModel(
            path=self.path,
            system_name=system["name"],
            system_version=system.get("version", ""),
            owner_name=owner["name"],
            owner_number=number,
            archive_id=given_id,
            submission_agreement=root.get("submission_agreement", ""),
            tables=self.tables,
            codes=self.codes,
            paths=paths,
            patient=patient,
            document=document,
            positions=self.found,
        )

    # -- rules ------------------------------------------------------------------------------------------------------

    def date_rules(self, data: dict[str, Any], where: Where, base: DateRules | None = None) -> DateRules:
        pivot = data.get("pivot", base.pivot if base else None)
        for index, text in enumerate(data.get("formats", ())):
            try:
                compile_format(text, pivot=pivot)
            except ValueError as e:
                self.fault((*where, "formats", index), f"bad date format {text!r}: {e}")
        if pivot is not None and not 0 <= pivot <= 99:
            self.fault((*where, "pivot"), "'pivot' must be from 0 to 99")
        given: dict[str, Any] = {k: tuple(data[k]) for k in ("formats", "not_dates") if k in data}
        given |= {k: data[k] for k in ("precision", "pivot") if k in data}
        given |= {k: data[k].isoformat() for k in ("earliest", "latest") if k in data}
        return replace(base or DateRules(), **given)

    def path_rules(self, data: dict[str, Any]) -> PathRules:
        prefixes = []
        for index, item in enumerate(data.get("prefixes", ())):
            prefix = self.section("prefix", item, ("paths", "prefixes", index))
            if prefix.keys() >= {"from", "to"}:
                prefixes.append((prefix["from"], prefix["to"]))
        if "name_encoding" in data:
            self.encoding(data["name_encoding"], ("paths", "name_encoding"))
        given = {k: v for k, v in data.items() if k in ("windows", "strip_roots", "match_case", "name_encoding")}
        return PathRules(**given, prefixes=tuple(prefixes), not_documents=tuple(data.get("not_documents", ())))

    # -- tables and codes -------------------------------------------------------------------------------------------

    def encoding(self, name: str, where: Where) -> None:
        try:
            if not codecs.lookup(name)._is_text_encoding:
                raise LookupError
        except LookupError:
            common = ("utf-8", "cp1252", "cp850", "cp865", "iso-8859-1", "iso-8859-15", "utf-16", "latin-1", "cp437")
            self.fault(where, f"unknown encoding {name!r}{nearest(name, common)}")

    def csv_faults(self, data: dict[str, Any], where: Where) -> None:
        if "encoding" in data:
            self.encoding(data["encoding"], (*where, "encoding"))
        for key in ("delimiter", "line_end"):
            if data.get(key) == "":
                self.fault((*where, key), f"{key!r} must not be empty")
        if data.get("delimiter") and data["delimiter"] in (data.get("quotechar"), "\n", "\r"):
            self.fault((*where, "delimiter"), "'delimiter' cannot be the quote character or a line end")

    def table(self, name: str, data: Any, csv: dict[str, Any]) -> TableSpec:
        where = ("tables", name)
        own = self.section("table", data, where)
        self.csv_faults(own, where)
        form = own.get("format") or ("xml" if own.get("file", "").lower().endswith(".xml") else "csv")
        merged: dict[str, Any] = {**csv, **own, "format": form}
        if form == "xml":
            merged = {"empty": csv.get("empty", ()), "encoding": "", **own, "format": form}
            if "row" not in own:
                self.fault(where, f"'row' is missing in [tables.{name}]: the path of the element that is one row")
            for key in ("delimiter", "quotechar", "columns", "header", "ragged", "skip_lines"):
                if key in own:
                    self.fault((*where, key), f"{key!r} says nothing about an XML table")
        else:
            for key in ("row", "namespaces"):
                if key in own:
                    self.fault((*where, key), f"{key!r} is for XML tables only")
            if not merged.get("header", True) and "columns" not in own:
                self.fault(where, f"'columns' is missing in [tables.{name}], as its file has no header")
        for key in ("empty", "columns"):
            merged[key] = tuple(merged.get(key, ()))
        merged["key"] = _texts(merged.get("key", ()))
        merged["namespaces"] = tuple(merged.get("namespaces", {}).items())
        merged.setdefault("file", "")
        return TableSpec(name=name, where=where, **merged)

    def table_name(self, name: str, where: Where) -> None:
        if name not in self.tables:
            self.fault(where, f"unknown table {name!r}{nearest(name, self.tables)}")

    def code_list(self, name: str, data: Any, where: Where | None = None) -> CodeList:
        where = where or ("codes", name)
        own = self.section("codes", data, where)
        lookup = [k for k in ("table", "key", "value") if k in own]
        if lookup and "values" in own:
            self.fault(where, f"[{dotted(where)}] has both 'values' and a table; it can have one of them")
        elif lookup and len(lookup) < 3:
            missing = ", ".join(repr(k) for k in ("table", "key", "value") if k not in own)
            self.fault(where, f"[{dotted(where)}] lacks {missing}")
        elif not lookup and "values" not in own:
            self.fault(where, f"[{dotted(where)}] has neither 'values' nor 'table', 'key' and 'value'")
        if "table" in own:
            self.table_name(own["table"], (*where, "table"))
        own["values"] = tuple(own.get("values", {}).items())
        return CodeList(name=name, where=where, **own)

    # -- values -----------------------------------------------------------------------------------------------------

    def value(self, data: Any, where: Where, field: str = "", section: str = "") -> ValueSpec:
        kind = FIELD_KINDS.get(field, Field.TEXT)
        spec = ValueSpec(where, dates=self.dates if kind is Field.DATE else None)
        if isinstance(data, str):
            return replace(spec, columns=(data,), present=kind is Field.FLAG)
        own = self.section(section or PROTECTIONS.get(field) or _SECTION_OF_VALUE[kind], data, where)
        sources = [k for k in ("column", "columns", "template", "constant") if k in own]
        if len(sources) != 1 and not (data.keys() - SECTIONS["value"].keys() and not sources):
            self.fault(where, f"{dotted(where)} needs exactly one of 'column', 'columns', 'template' and 'constant'")
        given: dict[str, Any] = {}
        if "column" in own or "columns" in own:
            given["columns"] = _texts(own.get("columns", own.get("column", ())))
        if "template" in own and not TEMPLATE_PART.search(own["template"]):
            self.fault((*where, "template"), "'template' names no column in braces, such as {A}")
        given |= {k: own[k] for k in ("template", "constant", "no_match", "zero_pad", "case", "default") if k in own}
        given |= {k: own[k] for k in ("join", "split", "present", "expect") if k in own}
        given |= {k: tuple(own[k]) for k in ("empty", "true", "false") if k in own}
        if "pattern" in own:
            given["pattern"] = own["pattern"]
            self.group(own, where)
            given["group"] = own.get("group")
        elif "group" in own or "no_match" in own:
            self.fault(where, f"{dotted(where)} has 'group' or 'no_match' but no 'pattern'")
        if kind is Field.FLAG:
            given.setdefault("present", not (given.get("true") or given.get("false")))
        if kind is Field.DATE:
            given["dates"] = self.date_rules(own, where, self.dates)
        if "codes" in own:
            given["codes"] = self.codes_of(own["codes"], (*where, "codes"))
        spec = replace(spec, **given)
        if kind is Field.WORD:
            self.words(spec, FIELD_WORDS[field])
        return spec

    def group(self, own: dict[str, Any], where: Where) -> None:
        try:
            pattern = re.compile(own["pattern"])
        except re.error as e:
            self.fault((*where, "pattern"), f"bad regular expression {own['pattern']!r}: {e}")
            return
        group = own.get("group", 0)
        if isinstance(group, str) and group not in pattern.groupindex:
            self.fault((*where, "group"), f"the pattern has no group {group!r}{nearest(group, pattern.groupindex)}")
        elif isinstance(group, int) and group > pattern.groups:
            self.fault((*where, "group"), f"the pattern has {pattern.groups} groups, not {group}")

    def codes_of(self, data: Any, where: Where) -> CodeList:
        if isinstance(data, dict):
            return CodeList(name="", where=where, values=tuple(data.items()))
        if data not in self.codes:
            self.fault(where, f"unknown code list {data!r}{nearest(data, self.codes)}")
            return CodeList(name=data, where=where)
        return self.codes[data]

    def words(self, spec: ValueSpec, words: tuple[str, ...]) -> None:
        """Faults for results of a code list that the field does not know."""
        results: list[tuple[Where, str]] = []
        if spec.codes and not spec.codes.table:
            inside = () if spec.codes.where[-1] == "codes" and len(spec.codes.where) > 2 else ("values",)
            results = [((*spec.codes.where, *inside, code), word) for code, word in spec.codes.values]
            if spec.codes.default:
                results.append(((*spec.codes.where, "default"), spec.codes.default))
        if spec.default:
            results.append(((*spec.where, "default"), spec.default))
        if spec.constant is not None and not spec.codes:
            results.append(((*spec.where, "constant"), spec.constant))
        for where, word in results:
            if word and word not in words:
                self.fault(where, f"{word!r} is no value of {spec.where[1]!r}{nearest(word, words)}")

    def values(self, data: Any, where: Where) -> tuple[ValueSpec, ...]:
        if isinstance(data, list):
            return tuple(self.value(v, (*where, n), section="value of several") for n, v in enumerate(data))
        return () if data is None else (self.value(data, where, section="value of several"),)

    def named_values(self, data: dict[str, Any], where: Where) -> tuple[tuple[str, ValueSpec], ...]:
        return tuple((name, self.value(v, (*where, name))) for name, v in data.items())

    # -- records ----------------------------------------------------------------------------------------------------

    def joins(self, data: dict[str, Any], where: Where) -> tuple[JoinSpec, ...]:
        joins = []
        for name, item in data.items():
            at = (*where, name)
            own: dict[str, Any] = {"on": item} if isinstance(item, (str, list)) else self.section("join", item, at)
            table = own.get("table", name)
            self.table_name(table, (*at, "table"))
            on = _texts(own.get("on", ()))
            if table in self.tables and len(self.tables[table].key) != len(on):
                wanted = len(self.tables[table].key)
                has = f"has {wanted} columns" if wanted else "is not given ('key' in its table)"
                self.fault(at, f"the key of table {table!r} {has}, but the join is on {len(on)}")
            joins.append(JoinSpec(name, at, table, on, own.get("missing", "flag")))
        return tuple(joins)

    def record(self, name: str, data: Any) -> tuple[dict[str, Any], dict[str, ValueSpec], dict[str, Any]]:
        """A record section: its checked keys, its single fields, and what patients and documents have in common."""
        own = self.section(name, data, (name,))
        if "table" in own:
            self.table_name(own["table"], (name, "table"))
        keys = SECTIONS[name]
        single = [k for k, v in own.items() if keys[k].kind is Kind.VALUE and k not in ("key", "patient")]
        fields = {k: self.value(own[k], (name, k), k) for k in single}
        common = {
            "where": (name,),
            "table": own.get("table", ""),
            "key": self.value(own.get("key", ""), (name, "key")),
            "joins": self.joins(own.get("joins", {}), (name, "joins")),
            "numbering": own.get("numbering"),
            "extra": self.named_values(own.get("extra", {}), (name, "extra")),
        }
        return own, fields, common

    def patient(self, data: Any) -> PatientSpec:
        own, fields, common = self.record("patient", data)
        several = ("identifier", "historic_identifiers", "local_identifiers")
        current, historic, local = (self.values(own.get(k), ("patient", k)) for k in several)
        return PatientSpec(
            **common,
            fields=fields,
            identifiers=current,
            historic_identifiers=historic,
            local_identifiers=local,
        )

    def document(self, data: Any) -> DocumentSpec:
        own, fields, common = self.record("document", data)
        return DocumentSpec(
            **common,
            fields=fields,
            patient=self.value(own.get("patient", ""), ("document", "patient")),
            files=tuple(self.files(f, ("document", "files", n)) for n, f in enumerate(own.get("files", ()))),
            exclude=tuple(self.exclusion(e, ("document", "exclude", n)) for n, e in enumerate(own.get("exclude", ()))),
        )

    def files(self, data: Any, where: Where) -> FilesSpec:
        own = self.section("files", data, where)
        key, on = _texts(own.get("key", ())), _texts(own.get("on", ()))
        if "table" in own:
            self.table_name(own["table"], (*where, "table"))
            for name, columns in (("key", key), ("on", on)):
                if not columns:
                    self.fault(where, f"{name!r} is missing: which columns tie the files to their document")
            if key and on and len(key) != len(on):
                self.fault(where, f"'key' has {len(key)} columns and 'on' has {len(on)}")
        else:
            for name in ("key", "on", "order"):
                if name in own:
                    self.fault((*where, name), f"{name!r} says nothing without 'table'")
        path = self.value(own.get("path", ""), (*where, "path"), section="value of several")
        return FilesSpec(where, path, own.get("table", ""), key, on, own.get("order", ""))

    def exclusion(self, data: Any, where: Where) -> Exclusion:
        own = self.section("exclude", data, where)
        if len(own.keys() & {"values", "matches", "empty"}) != 1:
            self.fault(where, "an exclusion needs exactly one of 'values', 'matches' and 'empty'")
        try:
            re.compile(own.get("matches", ""))
        except re.error as e:
            self.fault((*where, "matches"), f"bad regular expression {own['matches']!r}: {e}")
        return Exclusion(
            where=where,
            rule=own.get("rule", ""),
            value=self.value(own.get("value", ""), (*where, "value")),
            values=tuple(own.get("values", ())),
            matches=own.get("matches", ""),
            empty=own.get("empty", False),
        )


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
