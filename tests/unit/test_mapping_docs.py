"""docs/mapping.md explains every key of the code and no other, and its examples are accepted."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from archive.reasons import Flag, Reason
from extract.mapping import load, loads
from extract.mapping.check import Checker
from extract.mapping.keys import FIELD_KINDS, FIELD_WORDS, SECTIONS, Field
from extract.mapping.read import read_plain
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "docs" / "mapping.md").read_text("utf-8")
ROW = re.compile(r"^\| `([^`]+)` \| (.*?) ?\| `(.+)` \|$")


def documented() -> dict[str, dict[str, tuple[str, str]]]:
    sections = {}
    for part in re.split(r"<!-- keys: ", TEXT)[1:]:
        name, _, rest = part.partition(" -->\n")
        table = rest.split("\n\n", 1)[0].splitlines()
        rows = [ROW.match(line) for line in table[2:]]
        assert all(rows), (name, table)
        sections[name] = {r[1]: (r[2], r[3]) for r in rows if r}
    return sections


def blocks() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_every_key_is_explained_and_no_other() -> None:
    found = documented()
    assert found.keys() == SECTIONS.keys()
    for name, keys in SECTIONS.items():
        inherited = found["value"] if name.startswith("value of") else found["csv"] if name == "table" else {}
        assert keys.keys() == found[name].keys() | inherited.keys(), name


@pytest.mark.parametrize(("section", "key"), [(s, k) for s, keys in documented().items() for k in keys])
def test_the_example_of_every_key_is_accepted(section: str, key: str) -> None:
    data = tomllib.loads(documented()[section][key][1])
    assert list(data) == [key]
    checker = Checker({})
    required = {k for k, rule in SECTIONS[section].items() if rule.required}
    good = checker.section(section, data, (), present=not required - {key})
    assert good == data
    assert [m for _, m in checker.faults if "is missing" not in m] == []


def test_required_keys_are_said_to_be() -> None:
    for section, keys in documented().items():
        for key, (meaning, _) in keys.items():
            assert SECTIONS[section][key].required == meaning.startswith("required"), (section, key)


def merged(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in other.items():
        inner = result.get(key)
        result[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def test_whole_examples_load_and_parts_fit_into_them(tmp_path: Path) -> None:
    whole, *parts = blocks()
    loads(whole, Path("whole.toml"))
    base = merged(tomllib.loads(whole), {"tables": {"doktype": {"file": "doktype.csv"}}})
    assert len(parts) >= 6
    for part in parts:
        read_plain(merged(base, tomllib.loads(part)), Path("part.toml"))


def test_the_mappings_of_the_docs_load() -> None:
    found = sorted((REPOSITORY / "docs" / "mappings").glob("*.toml"))
    assert [p.name for p in found] == ["cosdoc.toml"]
    for path in found:
        load(path)


def test_words_and_codes_are_those_of_the_code() -> None:
    tables = documented()
    for field, words in FIELD_WORDS.items():
        record = "patient" if field in SECTIONS["patient"] else "document"
        assert all(f"`{w}`" in tables[record][field][0] for w in words), field
    for field, kind in FIELD_KINDS.items():
        record = "patient" if field in SECTIONS["patient"] else "document"
        if kind is not Field.WORD:
            assert f"a {kind.value}" in tables[record][field][0], field
    coded = set(re.findall(r"`([a-z]+-[a-z-]+)`", TEXT))
    flags = {f.value for f in Flag} | {r.value for r in Reason}
    mentioned = {c for c in coded if c.split("-")[0] in {f.split("-")[0] for f in flags}}
    assert {"date-missing", "date-invalid", "date-implausible", "unknown-code", "bad-row"} <= mentioned <= flags
