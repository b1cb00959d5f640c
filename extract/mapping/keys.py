"""Every key a mapping may have, and of what kind it is. `docs/mapping.md` explains each; a test compares the two."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from archive.record import AddressProtection, DocumentStatus, Sex


class Kind(StrEnum):
    """What a key's value must be."""

    TEXT = "text in quotes"
    CHARACTER = "one character in quotes, or empty quotes"
    INTEGER = "a whole number of 0 or more"
    BOOLEAN = "true or false"
    DAY = "a date such as 2024-12-31"
    TEXTS = "a list of texts"
    TEXT_OR_TEXTS = "text in quotes, or a list of texts"
    INTEGER_OR_TEXT = "a number, or a name in quotes"
    PAIRS = "a table of texts"
    SECTION = "a table"
    SECTIONS = "a list of tables"
    NAMED_SECTIONS = "a table of tables"
    VALUE = 'a column name in quotes, or a table such as { column = "A" }'
    VALUES = 'a column name, a table such as { column = "A" }, or a list of these'
    NAMED_VALUES = "a table of column names"
    CODES = "the name of a code list in quotes, or a table of codes"
    JOINS = "a table of joins"


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its kind, whether it must be there, the section it opens, the words it may be, and whether a
    required text may be blank."""

    kind: Kind
    required: bool = False
    section: str = ""
    words: tuple[str, ...] = ()
    may_be_blank: bool = False


class Field(StrEnum):
    """What a record field takes."""

    TEXT = "text"
    DATE = "date"
    FLAG = "flag"
    WORD = "word"


_CSV = {
    "encoding": Key(Kind.TEXT),
    "encoding_errors": Key(Kind.TEXT, words=("strict", "replace")),
    "delimiter": Key(Kind.TEXT),
    "quotechar": Key(Kind.CHARACTER),
    "doublequote": Key(Kind.BOOLEAN),
    "escapechar": Key(Kind.CHARACTER),
    "line_end": Key(Kind.TEXT),
    "header": Key(Kind.BOOLEAN),
    "skip_lines": Key(Kind.INTEGER),
    "ragged": Key(Kind.BOOLEAN),
    "empty": Key(Kind.TEXTS),
}
_DATES = {
    "formats": Key(Kind.TEXTS),
    "not_dates": Key(Kind.TEXTS),
    "precision": Key(Kind.TEXT, words=("year", "month", "day", "second")),
    "pivot": Key(Kind.INTEGER),
}
_ANY_VALUE = {
    "column": Key(Kind.TEXT),
    "columns": Key(Kind.TEXTS),
    "template": Key(Kind.TEXT),
    "constant": Key(Kind.TEXT),
    "empty": Key(Kind.TEXTS),
    "pattern": Key(Kind.TEXT),
    "group": Key(Kind.INTEGER_OR_TEXT),
    "no_match": Key(Kind.TEXT, words=("flag", "keep", "empty")),
    "zero_pad": Key(Kind.INTEGER),
    "case": Key(Kind.TEXT, words=("upper", "lower")),
    "codes": Key(Kind.CODES),
    "default": Key(Kind.TEXT),
    "join": Key(Kind.TEXT),
}
_FLAG = {"true": Key(Kind.TEXTS), "false": Key(Kind.TEXTS), "present": Key(Kind.BOOLEAN)}
_EXPECT = {"expect": Key(Kind.TEXT, words=("none", "all"))}

SECTIONS: dict[str, dict[str, Key]] = {
    "mapping": {
        "format": Key(Kind.TEXT, required=True, words=("journalarkiv.mapping/1",)),
        "archive_id": Key(Kind.TEXT),
        "submission_agreement": Key(Kind.TEXT),
        "system": Key(Kind.SECTION, required=True, section="system"),
        "owner": Key(Kind.SECTION, required=True, section="owner"),
        "csv": Key(Kind.SECTION, section="csv"),
        "dates": Key(Kind.SECTION, section="dates"),
        "paths": Key(Kind.SECTION, section="paths"),
        "tables": Key(Kind.NAMED_SECTIONS, required=True, section="table"),
        "codes": Key(Kind.NAMED_SECTIONS, section="codes"),
        "patient": Key(Kind.SECTION, required=True, section="patient"),
        "document": Key(Kind.SECTION, required=True, section="document"),
    },
    "system": {"name": Key(Kind.TEXT, required=True), "version": Key(Kind.TEXT)},
    "owner": {"name": Key(Kind.TEXT, required=True), "organisation_number": Key(Kind.TEXT, required=True)},
    "csv": _CSV,
    "dates": {**_DATES, "earliest": Key(Kind.DAY), "latest": Key(Kind.DAY)},
    "paths": {
        "windows": Key(Kind.BOOLEAN),
        "prefixes": Key(Kind.SECTIONS, section="prefix"),
        "strip_roots": Key(Kind.BOOLEAN),
        "match_case": Key(Kind.BOOLEAN),
        "name_encoding": Key(Kind.TEXT),
        "not_documents": Key(Kind.TEXTS),
    },
    "prefix": {"from": Key(Kind.TEXT, required=True), "to": Key(Kind.TEXT, required=True, may_be_blank=True)},
    "table": {
        "file": Key(Kind.TEXT, required=True),
        "format": Key(Kind.TEXT, words=("csv", "xml")),
        **_CSV,
        "columns": Key(Kind.TEXTS),
        "key": Key(Kind.TEXT_OR_TEXTS),
        "row": Key(Kind.TEXT),
        "namespaces": Key(Kind.PAIRS),
    },
    "codes": {
        "values": Key(Kind.PAIRS),
        "table": Key(Kind.TEXT),
        "key": Key(Kind.TEXT),
        "value": Key(Kind.TEXT),
        "default": Key(Kind.TEXT),
        "ignore_case": Key(Kind.BOOLEAN),
    },
    "patient": {
        "table": Key(Kind.TEXT, required=True),
        "key": Key(Kind.VALUE, required=True),
        "numbering": Key(Kind.TEXT),
        "joins": Key(Kind.JOINS, section="join"),
        "identifier": Key(Kind.VALUES),
        "historic_identifiers": Key(Kind.VALUES),
        "local_identifiers": Key(Kind.VALUES),
        "family_name": Key(Kind.VALUE),
        "given_name": Key(Kind.VALUE),
        "birth_date": Key(Kind.VALUE),
        "sex": Key(Kind.VALUE),
        "deceased": Key(Kind.VALUE),
        "deceased_date": Key(Kind.VALUE),
        "address_protection": Key(Kind.VALUE),
        "extra": Key(Kind.NAMED_VALUES),
    },
    "document": {
        "table": Key(Kind.TEXT, required=True),
        "key": Key(Kind.VALUE, required=True),
        "patient": Key(Kind.VALUE, required=True),
        "numbering": Key(Kind.TEXT),
        "joins": Key(Kind.JOINS, section="join"),
        "files": Key(Kind.SECTIONS, required=True, section="files"),
        "exclude": Key(Kind.SECTIONS, section="exclude"),
        "type_code": Key(Kind.VALUE),
        "type_text": Key(Kind.VALUE),
        "type_9602": Key(Kind.VALUE),
        "title": Key(Kind.VALUE),
        "document_date": Key(Kind.VALUE),
        "entry_date": Key(Kind.VALUE),
        "author_name": Key(Kind.VALUE),
        "author_hpr": Key(Kind.VALUE),
        "author_role": Key(Kind.VALUE),
        "unit_code": Key(Kind.VALUE),
        "unit_name": Key(Kind.VALUE),
        "unit_organisation_number": Key(Kind.VALUE),
        "service": Key(Kind.VALUE),
        "episode": Key(Kind.VALUE),
        "status": Key(Kind.VALUE),
        "blocked": Key(Kind.VALUE),
        "replaces": Key(Kind.VALUE),
        "extra": Key(Kind.NAMED_VALUES),
    },
    "join": {
        "table": Key(Kind.TEXT),
        "on": Key(Kind.TEXT_OR_TEXTS, required=True),
        "missing": Key(Kind.TEXT, words=("flag", "ignore")),
    },
    "files": {
        "path": Key(Kind.VALUE, required=True),
        "table": Key(Kind.TEXT),
        "key": Key(Kind.TEXT_OR_TEXTS),
        "on": Key(Kind.TEXT_OR_TEXTS),
        "order": Key(Kind.TEXT),
    },
    "exclude": {
        "rule": Key(Kind.TEXT, required=True),
        "value": Key(Kind.VALUE, required=True),
        "values": Key(Kind.TEXTS),
        "matches": Key(Kind.TEXT),
        "empty": Key(Kind.BOOLEAN),
    },
    "value": _ANY_VALUE,
    "value of a date": {**_ANY_VALUE, **_DATES},
    "value of a flag": {**_ANY_VALUE, **_FLAG},
    "value of a block": {**_ANY_VALUE, **_FLAG, **_EXPECT},
    "value of a protection": {**_ANY_VALUE, **_EXPECT},
    "value of several": {**_ANY_VALUE, "split": Key(Kind.TEXT)},
}

FIELD_KINDS: dict[str, Field] = {
    "birth_date": Field.DATE,
    "deceased_date": Field.DATE,
    "document_date": Field.DATE,
    "entry_date": Field.DATE,
    "deceased": Field.FLAG,
    "blocked": Field.FLAG,
    "sex": Field.WORD,
    "address_protection": Field.WORD,
    "status": Field.WORD,
}
"""Fields that are more than text."""

FIELD_WORDS: dict[str, tuple[str, ...]] = {
    "sex": tuple(w.value for w in Sex),
    "address_protection": tuple(w.value for w in AddressProtection),
    "status": tuple(w.value for w in DocumentStatus),
}
"""The words a code list must lead to, for fields that know only these."""

PROTECTIONS = {"blocked": "value of a block", "address_protection": "value of a protection"}
"""Fields that protect somebody, and the sections of their values."""
