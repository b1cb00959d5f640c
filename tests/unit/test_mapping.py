"""Mappings: what is read, and that every mistake is told with its line and the nearest valid name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import MappingError
from archive.identifiers import archive_id
from extract.mapping import load, loads
from extract.mapping.lines import line_of, positions

GOOD = """\
format = "journalarkiv.mapping/1"
[system]
name = "Gammel EPJ"
version = "4.2"
[owner]
name = "Prøve kommune"
organisation_number = "964965226"
[csv]
delimiter = ";"
[dates]
formats = ["%d.%m.%Y"]
[paths]
prefixes = [{ from = 'D:\\dok', to = "dok" }]
[tables.pas]
file = "pas.csv"
key = "NR"
[tables.dok]
file = "dok.csv"
[codes.status]
values = { S = "signed" }
[patient]
table = "pas"
key = "NR"
sex = { column = "KJ", codes = { K = "female" } }
[document]
table = "dok"
key = "ID"
patient = "NR"
status = { column = "ST", codes = "status" }
document_date = { column = "DATO", formats = ["%Y"] }
title = { column = "T", pattern = "(.*)" }
joins = { pas = "NR" }
[[document.files]]
path = "FIL"
"""


def lines_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


MISTAKES = [
    # what is replaced, by what, where the fault stands, what it says
    ('delimiter = ";"', 'delimeter = ";"', "delimeter", "unknown key 'delimeter' in [csv]; did you mean 'delimiter'?"),
    ('delimiter = ";"', "delimiter = 5", "delimiter", "'delimiter' must be text in quotes"),
    ('delimiter = ";"', 'delimiter = ""', "delimiter", "'delimiter' must not be empty"),
    ('delimiter = ";"', 'quotechar = "ab"', "quotechar", "'quotechar' must be one character"),
    ('delimiter = ";"', 'encoding = "cp1253x"', "encoding", "unknown encoding 'cp1253x'; did you mean 'cp1252'?"),
    ('delimiter = ";"', 'encoding = "base64"', "encoding", "unknown encoding 'base64'"),
    ('delimiter = ";"', 'encoding_errors = "ignore"', "encoding_errors", "'encoding_errors' cannot be 'ignore'"),
    ('["%d.%m.%Y"]', '["%Y",\n "%d.%q.%Y"]', '"%d.%q', "bad date format '%d.%q.%Y': '%q' is no date directive"),
    ('["%d.%m.%Y"]', '["%d.%m"]', "formats", "bad date format '%d.%m': there is no year"),
    ('["%d.%m.%Y"]', '["%d.%Y"]', "formats", "there is a day but no month"),
    ('["%d.%m.%Y"]', '["%d.%m.%y"]', "formats", "%y needs `pivot`"),
    ('["%d.%m.%Y"]', '["%d.%m.%Y %Y"]', "formats", "'%Y' stands twice"),
    ('["%d.%m.%Y"]', '["%m.%Y %H"]', "formats", "there is a time but no day"),
    ('["%d.%m.%Y"]', '["%d.%m.%Y"]\npivot = 200', "pivot", "'pivot' must be from 0 to 99"),
    ('["%d.%m.%Y"]', '["%d.%m.%Y"]\nlatest = "x"', "latest", "'latest' must be a date"),
    ('formats = ["%Y"]', 'formats = ["%Q"]', "document_date", "'%Q' is no date directive"),
    ('formats = ["%Y"]', 'precision = "days"', "document_date", "'precision' cannot be 'days'; did you mean 'day'?"),
    (", to = ", ", till = ", "prefixes", "'to' is missing in [paths.prefixes]"),
    ('file = "pas.csv"', 'fil = "pas.csv"', "[tables.pas]", "'file' is missing in [tables.pas]"),
    ('file = "pas.csv"', 'file = "pas.csv"\nrow = "/a"', "row", "'row' is for XML tables only"),
    ('file = "pas.csv"', 'file = "pas.xml"', "[tables.pas]", "'row' is missing in [tables.pas]"),
    ('file = "pas.csv"', 'file = "p.xml"\nrow = "/a"\nheader = true', "header", "'header' says nothing about an XML"),
    ('file = "pas.csv"', 'file = "pas.csv"\nheader = false', "[tables.pas]", "'columns' is missing in [tables.pas]"),
    ('file = "pas.csv"', 'file = " "', "file = ", "'file' must not be empty"),
    (
        'values = { S = "signed" }',
        'values = { S = "sined" }',
        "values",
        "'sined' is no value of 'status'; did you mean 'signed'",
    ),
    ('values = { S = "signed" }', 'table = "dok"', "[codes.status]", "[codes.status] lacks 'key', 'value'"),
    (
        'values = { S = "signed" }',
        'table = "do"\nkey = "a"\nvalue = "b"',
        'table = "do"',
        "unknown table 'do'; did you mean 'dok'",
    ),
    ('values = { S = "signed" }', 'default = "draft"', "[codes.status]", "has neither 'values' nor"),
    ('values = { S = "signed" }', 'values = {}\ntable = "dok"', "[codes.status]", "has both 'values' and a table"),
    ('K = "female"', 'K = "femal"', "sex =", "'femal' is no value of 'sex'; did you mean 'female'?"),
    ('codes = "status"', 'codes = "stats"', "status = {", "unknown code list 'stats'; did you mean 'status'?"),
    ('table = "pas"\nkey', 'table = "pass"\nkey', 'table = "pass"', "unknown table 'pass'; did you mean 'pas'?"),
    ('patient = "NR"\n', "", "[document]", "'patient' is missing in [document]"),
    ('patient = "NR"', "patient = 7", "patient = 7", "'patient' must be a column name in quotes"),
    (
        'title = { column = "T", ',
        'title = { colum = "T", ',
        "title =",
        "unknown key 'colum' in [document.title]; did you mean 'column'?",
    ),
    ('title = { column = "T", ', "title = { ", "title =", "document.title needs exactly one of 'column'"),
    (
        'title = { column = "T", ',
        'title = { column = "T", constant = "x", ',
        "title =",
        "needs exactly one of 'column'",
    ),
    ('pattern = "(.*)"', 'pattern = "(.*"', "title =", "bad regular expression '(.*': missing )"),
    ('pattern = "(.*)"', 'pattern = "(.*)", group = 2', "title =", "the pattern has 1 groups, not 2"),
    ('pattern = "(.*)"', 'pattern = "(?P<navn>.*)", group = "nav"', "title =", "no group 'nav'; did you mean 'navn'?"),
    ('pattern = "(.*)"', "group = 1", "title =", "has 'group' or 'no_match' but no 'pattern'"),
    ('column = "T", pattern = "(.*)"', 'template = "x"', "title =", "'template' names no column in braces"),
    ('pattern = "(.*)"', 'formats = ["%Y"]', "title =", "unknown key 'formats' in [document.title]"),
    ('pattern = "(.*)"', 'true = ["J"]', "title =", "unknown key 'true' in [document.title]"),
    ('joins = { pas = "NR" }', 'joins = { pa = "NR" }', "joins =", "unknown table 'pa'; did you mean 'pas'?"),
    (
        'joins = { pas = "NR" }',
        'joins = { pas = ["NR", "X"] }',
        "joins =",
        "the key of table 'pas' has 1 columns, but the join is on 2",
    ),
    ('joins = { pas = "NR" }', 'joins = { dok = "NR" }', "joins =", "the key of table 'dok' is not given"),
    ('joins = { pas = "NR" }', 'joins = { pas = { on = "NR", mising = "flag" } }', "joins =", "unknown key 'mising'"),
    ('[[document.files]]\npath = "FIL"\n', "", "[document]", "'files' is missing in [document]"),
    ('path = "FIL"', 'path = "FIL"\ntable = "dok"', "[[document.files]]", "'key' is missing: which columns tie"),
    ('path = "FIL"', 'path = "FIL"\norder = "X"', "order", "'order' says nothing without 'table'"),
    (
        'path = "FIL"',
        'path = "FIL"\ntable = "dok"\nkey = ["A", "B"]\non = "C"',
        "[[document.files]]",
        "'key' has 2 columns and 'on' has 1",
    ),
    (
        'path = "FIL"',
        'path = "FIL"\n[[document.exclude]]\nrule = "r"\nvalue = "A"',
        "[[document.exclude]]",
        "exactly one of 'values'",
    ),
    (
        'path = "FIL"',
        'path = "FIL"\n[[document.exclude]]\nrule = "r"\nvalue = "A"\nmatches = "("',
        "matches",
        "bad regular",
    ),
    ('"964965226"', '"964965227"', "organisation_number", "'964965227' is no organisation number"),
    ('format = "journalarkiv.mapping/1"', 'format = "x"', "format", "'format' cannot be 'x'"),
    ('format = "journalarkiv.mapping/1"\n', "", "[system]", "'format' is missing in the mapping"),
    (
        'format = "journalarkiv.mapping/1"',
        'format = "journalarkiv.mapping/1"\narchive_id = "7"',
        "archive_id",
        "'7' is no UUID",
    ),
    ("[patient]", "[patent]", "[patent]", "unknown key 'patent' in the mapping; did you mean 'patient'?"),
    ("[csv]", "[[csv]]", "[[csv]]", "'csv' must be a table"),
    ('delimiter = ";"', 'delimiter = "', "delimiter", ""),
]


@pytest.mark.parametrize(("old", "new", "at", "says"), MISTAKES)
def test_each_mistake_is_told_with_its_line(old: str, new: str, at: str, says: str) -> None:
    assert GOOD.count(old) == 1
    text = GOOD.replace(old, new)
    with pytest.raises(MappingError) as caught:
        loads(text, Path("prøve.toml"))
    line = 1 if "'format' is missing" in says else lines_of(text, at)
    told = [f for f in caught.value.findings if f.startswith(f"prøve.toml:{line}: ") and says in f]
    assert told, (line, caught.value.findings)


def test_all_mistakes_are_told_at_once_in_line_order() -> None:
    text = (
        GOOD.replace("delimiter", "delimeter")
        .replace('"signed"', '"sined"')
        .replace("[[document.files]]", "[[document.fils]]")
    )
    with pytest.raises(MappingError) as caught:
        loads(text, Path("m.toml"))
    lines = [int(f.split(":")[1]) for f in caught.value.findings]
    assert len(lines) >= 4 and lines == sorted(lines)
    assert "mistakes" in str(caught.value)


def test_a_good_mapping_is_read() -> None:
    mapping = loads(GOOD, Path("m.toml"))
    info = mapping.archive_info()
    assert info.id == archive_id("964965226", "Gammel EPJ")
    assert (info.system_version, info.owner_name, info.owner_number) == ("4.2", "Prøve kommune", "964965226")
    dates = mapping.document.fields["document_date"].dates
    assert dates is not None and dates.formats == ("%Y",)
    assert mapping.document.joins[0].table == "pas"


def test_a_given_archive_id_is_kept() -> None:
    given_id = "5b7b9d3e-6a52-5d1f-9a3c-0f6f4a1c7e10"
    assert loads(f'archive_id = "{given_id}"\n' + GOOD, Path("m.toml")).archive_info().id == given_id


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(GOOD.encode("cp1252"))
    with pytest.raises(MappingError) as caught:
        load(path)
    assert caught.value.findings[0].startswith("m.toml:6: byte 0xf8")
    with pytest.raises(MappingError):
        load(tmp_path / "none.toml")


KEYS = st.text("abcæ_", min_size=1, max_size=4)
LEAVES = st.one_of(
    st.integers(), st.text("a\"'#\n[]{}=,.\\é", max_size=8), st.booleans(), st.lists(st.text("x#]"), max_size=3)
)


@given(st.dictionaries(KEYS, st.one_of(LEAVES, st.dictionaries(KEYS, LEAVES, max_size=3)), max_size=5))
def test_positions_are_found_in_any_toml(data: dict[str, object]) -> None:
    """A document written by us, one key a line, has every key on the line it was written on."""

    def toml(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return '"' + "".join(f"\\u{ord(c):04x}" if c in '"\\\n' else c for c in value) + '"'
        if isinstance(value, list):
            return "[\n" + ",\n".join(toml(v) for v in value) + "]"
        return str(value)

    lines: list[str] = []
    expected: dict[tuple[str, ...], int] = {}

    def write(key: tuple[str, ...], value: object) -> None:
        expected[key] = sum(part.count("\n") + 1 for part in lines) + 1
        lines.append(f"{toml(key[-1])} = {toml(value)} # [comment] = 1")

    for key, value in data.items():
        if not isinstance(value, dict):
            write((key,), value)
    for key, value in data.items():
        if isinstance(value, dict):
            expected[(key,)] = sum(part.count("\n") + 1 for part in lines) + 1
            lines.append(f"[{toml(key)}]")
            for inner, leaf in value.items():
                write((key, inner), leaf)
    text = "\n".join(lines)
    assert tomllib.loads(text) == data
    found = positions(text)
    assert {key: found[key] for key in expected} == expected


def test_positions_in_the_forms_toml_has() -> None:
    text = '''a.b = 1
[[t]]
x = """one
two""" # c
[[t]]
y = { p = 1, q = [ "[", { r = 2 } ] }
[t.sub]
'z w' = '\\'
[u]
list = [
  # none
  1,
  2]
'''
    tomllib.loads(text)
    found = positions(text)
    assert found[("a", "b")] == 1
    assert found[("t", 0, "x")] == 3
    assert found[("t", 1)] == 5
    assert found[("t", 1, "y", "q", 1, "r")] == 6
    assert found[("t", 1, "sub", "z w")] == 8
    assert found[("u", "list", 1)] == 13
    assert line_of(found, ("u", "list", 7)) == 10
    assert line_of(found, ("nowhere",)) == 1
