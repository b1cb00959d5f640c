"""A draft of a mapping from what the tables show: it loads, and says of each guess what to check."""

from __future__ import annotations

import re
from collections.abc import Sequence

from extract.inspect.columns import Column
from extract.inspect.relate import Join, Roles, Table, hinted, likeness
from extract.mapping.model import TableSpec

_PATIENT = {
    "family_name": ("etternavn|familienavn|slektsnavn|surname|lastname|family", ()),
    "given_name": ("fornavn|given|first", ()),
    "birth_date": ("fodt|fodsel|birth|fdato", ("date",)),
    "sex": ("kjonn|gender|sex", ()),
    "deceased_date": ("^dod|dodsdato|death|deceased|mors", ("date",)),
    "deceased": ("^dod|death|deceased|mors", ("flag", "code")),
    "address_protection": ("adrsperr|adressesperr|adressebeskytt|kode67|skjerm|gradering|fortrolig", ()),
}
_DOCUMENT = {
    "type_code": ("doktype|dokumenttype|doctype|typekode|type|kategori", ("code", "flag", "number", "text")),
    "title": ("tittel|title|overskrift|emne|subject|beskrivelse", ()),
    "document_date": ("dokdato|dokumentdato|notatdato|journaldato|docdate|^dato|date|dato", ("date",)),
    "entry_date": ("regdato|registrert|opprettet|created|entry|innlagt|reg", ("date",)),
    "author_hpr": ("hpr", ()),
    "author_name": ("forfatter|author|skrevetav|behandler|signatur|sign|ansvarlig", ()),
    "author_role": ("rolle|stilling|yrke|role|profession", ()),
    "unit_code": ("enhet|avdeling|avd|unit|department|sone", ()),
    "service": ("tjeneste|service", ()),
    "episode": ("episode|opphold|kontakt|encounter|sak", ()),
    "status": ("status|tilstand|signert", ("code", "flag")),
    "blocked": ("sperr|block|skjult|reserv", ()),
    "replaces": ("erstatt|replace|korriger|forrige", ()),
}
_BY_PRESENCE = ("blocked", "deceased", "address_protection")
_OLD_IDENTIFIER = "gml|gammel|tidl|hist|old|prev|former"
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "sex": {
        "female": ("K", "F", "2", "KVINNE", "W"),
        "male": ("M", "1", "MANN"),
        "unknown": ("0", "U"),
        "other": ("9",),
    },
    "address_protection": {
        "strictly-confidential": ("6", "SPSF", "STRENGT"),
        "confidential": ("7", "SPFO", "FORTROLIG"),
        "none": ("0", "N", "INGEN"),
    },
    "status": {
        "signed": ("S", "SIGN", "SIGNERT", "G", "GODKJENT", "F", "FERDIG"),
        "draft": ("U", "K", "KLADD", "USIGNERT", "USIGN"),
        "superseded": ("E", "ERST", "ERSTATTET"),
        "retracted": ("T", "SLETTET", "D", "TRUKKET"),
    },
}
_NOT_WORDS = {"sex": "unknown", "address_protection": "strictly-confidential", "status": "unknown"}
_YES = ("J", "JA", "Y", "YES", "1", "T", "TRUE", "X")
_NO = ("N", "NEI", "NO", "0", "F", "FALSE")


class Drafter:
    """Writes the draft. `folders` tells for a path column what must stand before its values, or None."""

    def __init__(
        self,
        roles: Roles,
        tables: Sequence[Table],
        *,
        system: str,
        readme: Sequence[str] = (),
        prefixes: Sequence[tuple[str, str]] = (),
        folders: dict[tuple[str, str], str] | None = None,
        match_case: bool = True,
    ) -> None:
        self.roles, self.tables, self.system = roles, tables, system
        self.readme, self.prefixes, self.folders = readme, prefixes, folders or {}
        self.match_case = match_case
        self.lines: list[str] = []
        self.codes: list[str] = []
        self.used: set[str] = set()

    def text(self) -> str:
        """The draft as TOML; its fields are drafted first, since they decide which code lists there are."""
        patient, document = self._patient(), self._document()
        self._head()
        self._tables()
        return "\n".join([*self.lines, *self.codes, *patient, *document]) + "\n"

    # -- head and tables --------------------------------------------------------------------------------------------

    def _head(self) -> None:
        first = self.tables[0].spec if self.tables else TableSpec("", (), "")
        csv = [t.spec for t in self.tables if t.spec.format == "csv"]
        first = csv[0] if csv else first
        self.lines += [
            '# A draft made by `journalarkiv inspect` from what the export shows. Read every line marked "check".',
            "# Every key is explained in docs/mapping.md.",
            "",
            'format = "journalarkiv.mapping/1"',
            "",
            "[system]",
            f"name = {_q(self.system)}  # check: the old system's name; document ids follow from it and from the owner",
            "",
            "[owner]",
            'name = "Eier av journalene"  # check: who is responsible for the journals',
            'organisation_number = "999999999"  # check: the owner\'s number in Enhetsregisteret',
            "",
        ]
        if csv:
            self.lines += ["[csv]", *_csv_lines(first, None), ""]
        formats = list(dict.fromkeys(f for t in self.tables for c in t.columns for f in c.formats))
        if formats:
            self.lines += ["[dates]", f"formats = {_list(formats)}"]
            if any("%y" in f for f in formats):
                self.lines.append("pivot = 30  # check: two-digit years from 30 on are 19xx")
            if {"%d/%m/%Y", "%m/%d/%Y"} & set(formats):
                self.lines.append("# check: whether the day or the month comes first")
            self.lines.append("")
        self.lines.append("[paths]")
        if self.prefixes:
            self.lines += ["prefixes = ["]
            self.lines += [f"    {{ from = {_q(a)}, to = {_q(b)} }}," for a, b in self.prefixes]
            self.lines += ["]  # check: where the old system's folders lie in the export"]
        if not self.match_case:
            self.lines.append("match_case = false  # some paths differ from the files' names in upper and lower case")
        if self.readme:
            self.lines.append(f"not_documents = {_list(self.readme)}  # check: files that explain the export itself")
        self.lines.append("")

    def _tables(self) -> None:
        csv = [t.spec for t in self.tables if t.spec.format == "csv"]
        for table in self.tables:
            spec = table.spec
            self.lines += [f"[tables.{spec.name}]", f"file = {_q(spec.file)}"]
            if spec.format == "xml":
                self.lines.append(f"row = {_q(spec.row)}")
                if spec.namespaces:
                    pairs = ", ".join(f"{p} = {_q(u)}" for p, u in spec.namespaces)
                    self.lines.append(f"namespaces = {{ {pairs} }}")
            else:
                self.lines += _csv_lines(spec, csv[0])
            key = next((j.key for j in self.roles.joins if j.target == table.name), None)
            if table in self.roles.lookups and key is not None:
                self.lines.append(f"key = {_q(key)}")
            self.lines.append("")

    # -- patients ---------------------------------------------------------------------------------------------------

    def _patient(self) -> list[str]:
        table = self.roles.patients
        if table is None:
            table = self.tables[0]
        lines = ["[patient]", f"table = {_q(table.name)}"]
        if self.roles.patients is None:
            lines[0] += "  # check: no table looks like a patient register"
        key = self._key(table)
        taken = {key.name}
        lines.append(f"key = {_q(key.name)}{_duplicates(key)}")
        national = [c for c in table.columns if c.kind == "national-id"]
        old = [c for c in hinted(table.columns, _OLD_IDENTIFIER) if c.kind in ("national-id", "number")]
        current = [c for c in national if c not in old]
        current = sorted(current, key=lambda c: -c.filled)[:1]
        old += [c for c in national if c not in old and c not in current]
        for name, columns in (("identifier", current), ("historic_identifiers", old)):
            if columns:
                bad = sum(c.unreadable for c in columns)
                note = f"  # {bad} of {sum(c.sampled for c in columns)} looked at are no valid number" if bad else ""
                values = [_padded(c.name, c.zero_pad) for c in columns]
                value = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
                lines.append(f"{name} = {value}{note}")
                taken |= {c.name for c in columns}
        lines += self._fields(table, _PATIENT, taken)
        full = [c for c in hinted(table.columns, "^navn$|pasientnavn|fulltnavn|name") if c.name not in taken]
        if full and not any(line.startswith("family_name") for line in lines):
            taken.add(full[0].name)
            if full[0].comma_share >= 0.5:
                lines += [
                    f"family_name = {{ column = {_q(full[0].name)}, pattern = '^([^,]+)' }}",
                    f"given_name = {{ column = {_q(full[0].name)}, pattern = ',\\s*(.+)$', no_match = \"empty\" }}",
                ]
            else:
                lines.append(f"family_name = {_q(full[0].name)}  # check: the whole name stands in one column")
        return [*_once(lines), "", *self._extra("patient", table, taken)]

    # -- documents --------------------------------------------------------------------------------------------------

    def _document(self) -> list[str]:
        table = self.roles.documents
        guessed = table is not None
        if table is None:
            table = max(self.tables, key=lambda t: t.rows)
        lines = ["[document]" if guessed else "[document]  # check: no table looks like a document register"]
        key = self._key(table)
        lines += [f"table = {_q(table.name)}", f"key = {_q(key.name)}{_duplicates(key)}"]
        patients = self.roles.patients
        to_patient = self.roles.join(table.name, patients.name) if patients else None
        patient = to_patient.column if to_patient else self._fallback(table, key).name
        note = (
            f"  # {to_patient.share:.0%} of its values are patients" if to_patient else "  # check: found by name only"
        )
        lines.append(f"patient = {_padded(patient, to_patient.zero_pad if to_patient else 0)}{note}")
        taken = {key.name, patient}
        joins: dict[str, Join] = {}
        lines += self._fields(table, _DOCUMENT, taken, joins)
        lines = _once(lines)
        files = self._files(table, key, taken)
        if joins:
            lines += ["", "[document.joins]", *(f"{name} = {_q(j.column)}" for name, j in joins.items())]
        return [*lines, "", *self._extra("document", table, taken), *files]

    def _files(self, table: Table, key: Column, taken: set[str]) -> list[str]:
        lines: list[str] = []
        for column in table.columns:
            if column.kind == "path":
                taken.add(column.name)
                lines += ["[[document.files]]", f"path = {self._path(table, column)}", ""]
        for attached in self.roles.attachments:
            join = self.roles.join(attached.name, table.name)
            paths = [c for c in attached.columns if c.kind == "path"]
            if join is None or not paths:
                continue
            order = hinted(attached.columns, "^lnr|lopenr|nr$|seq|order|rekke|sort", "number", "code", "flag")
            order = [c for c in order if c.name != join.column]
            lines += [
                "[[document.files]]",
                f"table = {_q(attached.name)}",
                f"key = {_q(join.column)}",
                f"on = {_q(join.key)}",
            ]
            lines += [f"order = {_q(order[0].name)}"] if order else []
            lines += [f"path = {self._path(attached, paths[0])}", ""]
        if not lines:
            last = table.columns[-1].name
            lines = ["[[document.files]]", f"path = {_q(last)}  # check: no column was found that names files", ""]
        return lines

    def _path(self, table: Table, column: Column) -> str:
        folder = self.folders.get((table.name, column.name))
        if not folder:
            return _q(column.name)
        return f"{{ template = {_q(folder + '/{' + column.name + '}')} }}  # check: the folder the files were found in"

    # -- fields -----------------------------------------------------------------------------------------------------

    def _fields(
        self,
        table: Table,
        hints: dict[str, tuple[str, tuple[str, ...]]],
        taken: set[str],
        joins: dict[str, Join] | None = None,
    ) -> list[str]:
        lines: list[str] = []
        for field, (hint, kinds) in hints.items():
            column = next((c for c in hinted(table.columns, hint, *kinds) if c.name not in taken), None)
            if column is None or column.kind == "path" or (column.kind == "presence" and field not in _BY_PRESENCE):
                continue
            taken.add(column.name)
            lines.append(self._field(field, column))
            if joins is not None and field in ("type_code", "unit_code"):
                lines += self._looked_up(field, table, column, joins)
        return lines

    def _field(self, field: str, column: Column) -> str:
        name = _q(column.name)
        if column.kind == "presence":
            note = f"  # check: yes where the element is there, in {column.present} of {column.rows} rows"
            if field in _WORDS:
                words = 'codes = { true = "strictly-confidential", false = "none" }'
                return f"{field} = {{ column = {_q(f'boolean({column.name})')}, {words} }}{note}"
            return f"{field} = {name}{note}"
        if field in _WORDS:
            return self._words(field, column)
        if field in ("blocked", "deceased"):
            values = [code for code, _ in column.codes]
            false = [v for v in values if v.upper() in _NO]
            true = [v for v in values if v.upper() not in _NO]
            if not values:
                return f"{field} = {name}  # check: any value at all means yes"
            parts = [f"column = {name}", f"true = {_list(true)}"] + ([f"false = {_list(false)}"] if false else [])
            sure = all(v.upper() in _YES for v in true)
            return f"{field} = {{ {', '.join(parts)} }}" + ("" if sure else "  # check: what the values mean")
        note = ""
        if column.kind == "date":
            note = f"  # {column.years[0]}-{column.years[1]}" if column.years else ""
            note += f", {column.unreadable} of {column.sampled} looked at are no date" if column.unreadable else ""
        return f"{field} = {name}{note}"

    def _words(self, field: str, column: Column) -> str:
        words = {code: word for word, codes in _WORDS[field].items() for code in codes}
        pairs, unsure = [], []
        for code, _ in column.codes:
            if code.upper() not in words:
                unsure.append(code)
            pairs.append(f"{_key(code)} = {_q(words.get(code.upper(), _NOT_WORDS[field]))}")
        if not pairs:
            pairs = [f"{_key(c[0])} = {_q(word)}" for word, c in _WORDS[field].items()]
            return f"{field} = {{ column = {_q(column.name)}, codes = {{ {', '.join(pairs)} }} }}  # check: the codes"
        note = f"  # check: what {', '.join(unsure)} mean" if unsure else "  # check: the codes' meaning"
        return f"{field} = {{ column = {_q(column.name)}, codes = {{ {', '.join(pairs)} }} }}{note}"

    def _looked_up(self, field: str, table: Table, column: Column, joins: dict[str, Join]) -> list[str]:
        join = self.roles.join_of(table.name, column.name)
        target = next((t for t in self.roles.lookups if join and t.name == join.target), None)
        if join is None or target is None:
            return []
        texts = hinted(target.columns, "navn|name|tekst|text|beskrivelse|betegnelse|tittel")
        texts = texts or [c for c in target.columns if c.kind == "text" and c.name != join.key]
        texts = texts or [c for c in target.columns if c.name != join.key]
        if field == "type_code":
            if not texts:
                return []
            self.codes += [
                f"[codes.{target.name}]",
                f"table = {_q(target.name)}",
                f"key = {_q(join.key)}",
                f"value = {_q(texts[0].name)}",
                "",
            ]
            return [f"type_text = {{ column = {_q(column.name)}, codes = {_q(target.name)} }}"]
        joins[target.name] = join
        lines = [f"unit_name = {_q(f'{target.name}.{texts[0].name}')}"] if texts else []
        numbers = hinted(target.columns, "orgnr|organisasjonsn|orgno") or [
            c for c in target.columns if c.kind == "organisation-number"
        ]
        if numbers:
            lines.append(f"unit_organisation_number = {_q(f'{target.name}.{numbers[0].name}')}")
        services = hinted(target.columns, "tjeneste|service")
        if services:
            lines.append(f"service = {_q(f'{target.name}.{services[0].name}')}")
        return lines

    def _extra(self, record: str, table: Table, taken: set[str]) -> list[str]:
        rest = [c for c in table.columns if c.name not in taken and c.kind != "empty" and ".." not in c.name]
        if not rest:
            return []
        lines = ["# check: columns no field was found for; they are kept under their names.", f"[{record}.extra]"]
        values = [(c.name, f"boolean({c.name})" if c.kind == "presence" else c.name) for c in rest]
        return [*lines, *(f"{_key(name)} = {_q(value)}" for name, value in values), ""]

    # -- keys -------------------------------------------------------------------------------------------------------

    def _key(self, table: Table) -> Column:
        """The column others join with, else one named like a key, else the first that identifies rows."""
        keys = table.key_columns()
        patients = self.roles.patients
        if table is self.roles.documents and patients and (join := self.roles.join(table.name, patients.name)):
            # a column of patients' keys is no key of documents, however different they are
            keys = [k for k in keys if k.name != join.column] or keys
        names = {k.name for k in keys}
        joins = [j for j in self.roles.joins if j.target == table.name and j.table != table.name]
        targets = {j.key: j.score for j in joins if j.key in names}
        if targets:
            return table.column(max(targets, key=lambda k: targets[k]))
        named = hinted(keys, "guid|id$|nr$|key|nokkel")
        return (named or keys or list(table.columns))[0]

    def _fallback(self, table: Table, key: Column) -> Column:
        wanted = self._key(self.roles.patients).name if self.roles.patients else "pasient"
        rest = [c for c in table.columns if c is not key] or [key]
        named = hinted(rest, "pasient|pasnr|pas|patient|person")
        return named[0] if named else max(rest, key=lambda c: likeness(c.name, wanted))


def _padded(column: str, width: int) -> str:
    return f"{{ column = {_q(column)}, zero_pad = {width} }}" if width else _q(column)


def _once(lines: Sequence[str]) -> list[str]:
    """The lines of a section, without those of a key that has one."""
    kept: dict[str, str] = {}
    for line in lines:
        kept.setdefault(line.partition(" =")[0], line)
    return list(kept.values())


_STANDARD = {"encoding_errors": "strict", "quotechar": '"'}


def _csv_lines(spec: TableSpec, base: TableSpec | None) -> list[str]:
    lines = []
    for key in ("encoding", "encoding_errors", "delimiter", "quotechar"):
        value = getattr(spec, key)
        standard = getattr(base, key) if base is not None else _STANDARD.get(key)
        if value != standard:
            note = "  # check: some bytes are not of this encoding" if value == "replace" else ""
            lines.append(f"{key} = {_q(value)}{note}")
    if not spec.header:
        lines += ["header = false", f"columns = {_list(spec.columns)}  # check: the file does not name its columns"]
    return lines


def _duplicates(column: Column) -> str:
    return "" if column.unique_share == 1 else "  # some values stand in several rows"


def _q(text: str) -> str:
    if ("\\" in text or '"' in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    escaped = "".join(_escape(c) if c in '"\\' or not c.isprintable() else c for c in text)
    return '"' + escaped.replace("\\u0009", "\\t") + '"'


def _escape(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}"


def _key(text: str) -> str:
    return (
        text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _q(text).replace("'", '"') if "\\" not in text else _q(text)
    )


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(_q(v) for v in values) + "]"
