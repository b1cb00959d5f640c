"""Another vendor's export, of our own making: it needs a mapping and no code.

Its patients are XML; its documents tab-separated cp850 over two files, tied to patients through episodes; paths are
absolute Windows paths of two old servers; names stand in one column, dates in three.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from archive.reasons import Flag, Reason
from archive.record import DocumentStatus, Sex
from extract.mapping import loads
from extract.sources.contract import FileReference
from extract.sources.directory import DirectorySource

MAPPING = r"""
format = "journalarkiv.mapping/1"
submission_agreement = "2026/17"

[system]
name = "Pleieplan"
version = "3.1"

[owner]
name = "Prøve kommune"
organisation_number = "974760673"

[csv]
encoding = "cp850"
delimiter = "\t"
quotechar = ""
empty = ["NULL"]

[dates]
formats = ["%Y-%m-%d", "%Y-%m", "%Y"]
latest = 2020-12-31

[paths]
match_case = false
prefixes = [
    { from = '\\FIL01\epj$', to = "filer" },
    { from = 'H:\Arkiv', to = "filer/arkiv" },
]
not_documents = ["*.log"]

[tables.personer]
file = "register/personer.xml"
row = "/p:uttrekk/p:person"
namespaces = { p = "urn:eksempel:pleieplan" }

[tables.journal]
file = "register/JOURNAL_*.TXT"
header = false
columns = ["GUID", "EPI", "AAR", "MND", "DAG", "TYPE", "OVERSKRIFT", "SIGN", "SPERRE", "STI"]

[tables.episode]
file = "register/EPISODE.TXT"
key = "EPI"

[tables.bilag]
file = "register/BILAG.TXT"

[codes.typer.values]
1 = "Journalnotat"
2 = "Epikrise"

[patient]
table = "personer"
key = "@lopenr"
identifier = "p:id[@type='FNR']"
historic_identifiers = "p:id[@type='TIDL']"
local_identifiers = "@lopenr"
family_name = { column = "p:navn", pattern = '^([^,]+)' }
given_name = { column = "p:navn", pattern = ',\s*(.+)$', no_match = "empty" }
birth_date = { template = "{p:fodt/@aar}-{p:fodt/@mnd}-{p:fodt/@dag}", formats = ["%Y-%m-%d", "%Y--"] }
sex = { column = "p:kjonn", codes = { 1 = "male", 2 = "female" } }
deceased = { column = "p:status", true = ["DØD"], false = ["AKTIV", "INAKTIV"] }

[document]
table = "journal"
key = "GUID"
patient = "episode.LOPENR"
joins = { episode = "EPI" }
document_date = { template = "{AAR}-{MND}-{DAG}", formats = ["%Y-%m-%d", "%Y-%m-", "%Y--"] }
type_code = "TYPE"
type_text = { column = "TYPE", codes = "typer" }
title = "OVERSKRIFT"
author_name = { column = "SIGN", pattern = '^(.+?)\s*/' }
author_role = { column = "SIGN", pattern = '/\s*(?P<rolle>\w+)', group = "rolle", case = "lower" }
status = { column = "SIGN", pattern = '\*$', no_match = "empty", codes = { "*" = "draft" }, default = "signed" }
blocked = "SPERRE"
unit_name = "episode.AVD"
episode = "EPI"
extra = { signatur = "SIGN" }

[[document.files]]
path = "STI"

[[document.files]]
table = "bilag"
key = "JNR"
on = "GUID"
path = { template = '\\fil01\EPJ$\bilag\{MAPPE}\{NAVN}' }

[[document.exclude]]
rule = "test"
value = "OVERSKRIFT"
matches = "^TEST"
"""

PERSONS = """<?xml version="1.0" encoding="UTF-8"?>
<uttrekk xmlns="urn:eksempel:pleieplan" dato="2021-01-01">
  <person lopenr="P1"><id type="FNR">28903641055</id><id type="TIDL">01015000232</id><id type="TIDL">64060038145</id>
    <navn>Sæther, Åse Marie</navn><fodt aar="1936" mnd="10" dag="28"/><kjonn>2</kjonn><status>DØD</status></person>
  <person lopenr="P2"><navn>Ukjent</navn><fodt aar="1950"/><kjonn>9</kjonn><status>AKTIV</status></person>
</uttrekk>
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    root = tmp_path / "eksport"
    register = root / "register"
    register.mkdir(parents=True)
    (register / "personer.xml").write_text(PERSONS, encoding="utf-8")

    def tabs(name: str, *rows: str) -> None:
        (register / name).write_bytes("".join(f"{r}\r\n" for r in rows).replace("|", "\t").encode("cp850"))

    tabs(
        "JOURNAL_1.TXT",
        r'g1|e1|2004|02|29|2|"Epikrise|Bø, Tor / LEGE*|NULL|\\fil01\EPJ$\Dok\Ærlig.rtf',
        r"g2|e2|2005|06||1|Notat|Ås, Liv / HJELPEPL|SPERRET|h:\arkiv\2.TXT",
        r"g3|e1|2021|01|01|7|Fremtid|Uten rolle|NULL|D:\annet\3.txt",
    )
    tabs("JOURNAL_2.TXT", r"g4|e9|1999|||1|TEST av system|x / y|NULL|H:\Arkiv\..\..\..\etc\passwd", r"g5|e1|for få")
    tabs("EPISODE.TXT", "EPI|LOPENR|AVD", "e1|P1|Bølgen", "e2|P2|NULL")
    tabs("BILAG.TXT", "JNR|MAPPE|NAVN", "g1|a|b.jpg", "g1|a|c.jpg", "g9|a|d.jpg")
    for name in ("filer/dok/ærlig.RTF", "filer/arkiv/2.txt", "filer/bilag/a/B.JPG", "register/kjøring.log"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return root


@pytest.fixture
def source(export: Path, tmp_path: Path) -> DirectorySource:
    return DirectorySource(
        export, loads(MAPPING, Path("pleieplan.toml")), tmp_path / "s.sqlite", today=date(2026, 1, 1)
    )


def test_patients(source: DirectorySource) -> None:
    first, second = [p.patient for p in source.patients()]
    source.close()
    assert (first.source_key, first.family_name, first.given_name) == ("P1", "Sæther", "Åse Marie")
    assert [(i.value, i.current) for i in first.identifiers] == [
        ("28903641055", True),
        ("01015000232", False),
        ("64060038145", False),
        ("P1", True),
    ]
    assert (first.birth_date, first.sex, first.deceased) == ("1936-10-28", Sex.FEMALE, True)
    assert (second.family_name, second.given_name, second.birth_date) == ("Ukjent", "", "1950")
    assert (second.sex, second.sex_source, second.deceased) == (Sex.UNKNOWN, "9", False)
    assert {n.code for n in second.flags} == {Flag.ID_MISSING, Flag.UNKNOWN_CODE}


def on_disk(source: DirectorySource, files: Sequence[FileReference]) -> list[str | None]:
    """The files on the disk that a document's rows mean."""
    names = {source.fold_name(f.path): f.path for f in source.files()}
    return [names.get(source.fold_name(f.path), f.path) if f.path else None for f in files]


def test_documents(source: DirectorySource) -> None:
    found = {d.key: d for d in source.documents()}
    disk = {key: on_disk(source, d.files) for key, d in found.items()}
    source.close()
    g1, g2, g3, g4, g5 = (found[k] for k in ("g1", "g2", "g3", "g4", "g5"))
    assert (g1.patient_key, g1.row, g1.document.document_date) == ("P1", "register/JOURNAL_1.TXT:1", "2004-02-29")
    assert disk["g1"] == ["filer/dok/ærlig.RTF", "filer/bilag/a/B.JPG", "filer/bilag/a/c.jpg"]
    assert (g1.document.author.name, g1.document.author.role) == ("Bø, Tor", "lege")
    assert (g1.document.status, g1.document.type_text, g1.document.title) == (
        DocumentStatus.DRAFT,
        "Epikrise",
        '"Epikrise',
    )
    assert (g1.document.unit.name, g1.document.episode, g1.document.blocked) == ("Bølgen", "e1", False)
    assert g1.document.extra == (("signatur", "Bø, Tor / LEGE*"),)
    assert (g2.document.document_date, g2.document.blocked, g2.document.status) == (
        "2005-06",
        True,
        DocumentStatus.SIGNED,
    )
    assert disk["g2"] == ["filer/arkiv/2.txt"]
    assert (g3.document.document_date, g3.files[0].path, g3.document.type_text) == (None, None, "7")
    assert {n.code for n in g3.document.flags} == {Flag.DATE_IMPLAUSIBLE, Flag.UNKNOWN_CODE, Flag.VALUE_INVALID}
    assert (g4.excluded, g4.files[0].path, g4.document.document_date) == ("test", None, "1999")
    assert g5.problem is not None and g5.problem[0] is Reason.BAD_ROW
    (loose,) = (d for d in found.values() if d.key.startswith("!"))
    assert (loose.row, loose.files[0].path) == ("register/BILAG.TXT:4", "filer/bilag/a/d.jpg")
    assert len(found) == 6


def test_files(source: DirectorySource) -> None:
    files = {f.path: f.register for f in source.files()}
    named = {path for d in source.documents() for path in on_disk(source, d.files)}
    source.close()
    assert {p for p, register in files.items() if not register} == named & files.keys()
    assert files["register/kjøring.log"] and files["register/JOURNAL_2.TXT"]


def test_xpath_mistakes_are_told(export: Path, tmp_path: Path) -> None:
    from archive.errors import MappingError

    wrong = MAPPING.replace("p:kjonn", "p:kjonn[").replace("p:status", "q:status")
    with pytest.raises(MappingError) as caught:
        DirectorySource(export, loads(wrong, Path("m.toml")), tmp_path / "s.sqlite")
    assert len(caught.value.findings) == 2
    assert all("bad XPath" in f for f in caught.value.findings)
    assert f"m.toml:{wrong[: wrong.index('sex =')].count(chr(10)) + 1}: " in caught.value.findings[0]
