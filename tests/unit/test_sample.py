"""The synthetic export: what it promises of itself, whatever the arguments."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tomllib
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archive.errors import UsageError
from archive.identifiers import classify, organisation_number_ok
from archive.identify import identify
from extract.mapping import load
from extract.sample import DEFAULT_MIX, generate
from extract.sample.command import sample
from extract.sample.files import file_name
from extract.sample.generate import TYPES, mapping_text
from extract.sample.notes import AUTHORS, UNITS, phrases
from extract.sample.people import CYCLE, person
from extract.sample.plan import FIRST_DOCUMENT, PLANTED, TROUBLES, Plan
from extract.sample.word97 import Line, word97
from tests.conftest import REPOSITORY

PATIENTS, DOCUMENTS = 60, 240


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "out"
    generate(out, patients=PATIENTS, documents=DOCUMENTS, seed=5)
    return out


@pytest.fixture(scope="module")
def truth(made: Path) -> Any:
    return json.loads((made / "truth.json").read_text())


def rows(made: Path, table: str) -> list[dict[str, str]]:
    with (made / "export" / f"{table}.csv").open(encoding="cp1252", newline="") as f:
        return list(csv.DictReader(f, delimiter=";"))


def tree(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()
    }


def plan(documents: int, *, seed: int = 1, patients: int = 10) -> Plan:
    return Plan(patients=patients, documents=documents, seed=seed, mix=DEFAULT_MIX)


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(made: Path, tmp_path: Path) -> None:
    generate(tmp_path / "again", patients=PATIENTS, documents=DOCUMENTS, seed=5)
    generate(tmp_path / "other", patients=PATIENTS, documents=DOCUMENTS, seed=6)
    assert tree(tmp_path / "again") == tree(made)
    assert tree(tmp_path / "other") != tree(made)


def test_truth_counts_what_the_register_has(made: Path, truth: Any) -> None:
    register = rows(made, "dokument")
    assert len(register) == truth["rows"]
    assert len({r["DOKNR"] for r in register}) == truth["distinct"] == DOCUMENTS == len(truth["documents"])
    assert len(rows(made, "pasient")) == truth["patients"] == PATIENTS
    repeated = {int(k) for k, n in Counter(tuple(r.values()) for r in register).items() if n == 2 for k in k[:1]}
    assert repeated == set(truth["duplicate_rows"])


def test_truth_knows_every_file_and_its_bytes(made: Path, truth: Any) -> None:
    export = made / "export"
    named = {r["DOKNR"]: r["FIL"].replace("\\", "/") for r in rows(made, "dokument")}
    for key, fact in truth["documents"].items():
        path = export / named[key]
        if fact["sha256"] is None:
            assert not named[key] or not path.resolve().is_relative_to(export) or not path.exists()
        else:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == fact["sha256"]
            assert path.stat().st_size == fact["bytes"]
    attached = {r["FIL"].replace("\\", "/") for r in rows(made, "vedlegg")}
    register = {"LESMEG.txt", *(f"{t}.csv" for t in ("pasient", "dokument", "vedlegg", "doktype", "enhet"))}
    there = {str(p.relative_to(export)) for p in export.rglob("*") if p.is_file()}
    assert there - set(named.values()) - attached - register == set(truth["orphan_files"])
    assert attached <= there


def test_every_kind_of_trouble_is_there(truth: Any) -> None:
    assert set(TROUBLES) <= {fact["source"] for fact in truth["documents"].values()}


def test_files_are_what_they_are_meant_to_be(made: Path, truth: Any) -> None:
    named = {r["DOKNR"]: r["FIL"].replace("\\", "/") for r in rows(made, "dokument")}
    seen = set()
    for key, fact in truth["documents"].items():
        if fact["source"] in DEFAULT_MIX:
            assert identify(made / "export" / named[key], named[key]).family == fact["source"], key
            seen.add(fact["source"])
    assert seen == set(DEFAULT_MIX)


def test_encrypted_files_need_a_password_and_restricted_ones_do_not(made: Path, truth: Any) -> None:
    named = {r["DOKNR"]: made / "export" / r["FIL"].replace("\\", "/") for r in rows(made, "dokument")}
    for key, fact in truth["documents"].items():
        if fact["source"] == "encrypted":
            with pytest.raises(pikepdf.PasswordError):
                pikepdf.open(named[key])
        elif fact["source"] == "owner-password":
            with pikepdf.open(named[key]) as pdf:
                assert pdf.is_encrypted


def test_tiffs_are_three_pages_of_group_4(made: Path) -> None:
    found = [p for p in (made / "export").rglob("*.tif") if p.read_bytes()[:2] == b"II"]
    assert found
    with Image.open(found[0]) as picture:
        assert (picture.n_frames, picture.info["compression"]) == (3, "group4")


def test_persons_are_synthetic_and_alone_with_their_ids() -> None:
    owners: dict[str, int] = {}
    for index in range(3000):
        known = person(1, index)
        for text in filter(None, (known.fnr, known.former_id)):
            identifier = classify(text)
            assert identifier.synthetic
            assert identifier.valid == (index % CYCLE != 7 or text != known.fnr)
            assert owners.setdefault(text, index) == index or index % CYCLE == 21
        if known.fnr:
            assert (int(known.fnr[8]) % 2 == 0) == (known.sex == "K") or index % CYCLE == 21
        assert known.died is None or known.died > known.birth


def test_organisations_are_synthetic_and_authors_unknown_to_the_register_of_professionals() -> None:
    assert all(organisation_number_ok(u.organisation) and u.organisation.startswith("31") for u in UNITS.values())
    assert all(not a.hpr or (a.hpr.startswith("99") and len(a.hpr) == 9) for a in AUTHORS)


def test_phrases_can_be_filled_written_and_attributed() -> None:
    for kind in phrases().values():
        assert kind["type"] in TYPES
        assert set(kind["units"]) <= set(UNITS)
        assert any(a.role in kind["roles"] for a in AUTHORS)
        text = " ".join(s for section in kind["sections"] for s in section["nb"] + section["nn"])
        text.encode("cp1252")
        assert not any(word[:7].lower() in text.lower() for word in PLANTED), "a planted word would not be alone"


def test_planted_words_stand_in_exactly_the_documents_named(made: Path, truth: Any) -> None:
    texts = {p.stem: p.read_bytes() for p in (made / "export" / "dok").rglob("*.txt")}
    found = dict.fromkeys(PLANTED, 0)
    for key, content in texts.items():
        for word in PLANTED:
            there = any(word.encode(e) in content for e in ("utf-8", "cp1252", "cp850"))
            assert there == (int(key) in truth["search"][word]), (key, word)
            found[word] += there
    assert sum(found.values())


def test_the_mapping_is_the_documented_one_but_for_whose_journal_it_is() -> None:
    documented = tomllib.loads((REPOSITORY / "docs/mappings/cosdoc.toml").read_text())
    ours = tomllib.loads(mapping_text())
    assert ours.pop("system") != documented.pop("system")
    assert ours.pop("owner") != documented.pop("owner")
    assert ours == documented


def test_the_mapping_beside_the_export_loads(made: Path) -> None:
    assert load(made / "mapping.toml").archive_info().owner_number == "310000000"


def test_without_files_only_the_register_is_written(tmp_path: Path) -> None:
    report = generate(tmp_path / "out", patients=10, documents=200, seed=1, files=False)
    assert sorted(p.name for p in (tmp_path / "out" / "export").iterdir()) == [
        "LESMEG.txt", "doktype.csv", "dokument.csv", "enhet.csv", "pasient.csv", "vedlegg.csv",
    ]  # fmt: skip
    assert (report.files, report.size) == (0, 0)
    assert set(report.expected) == {
        "file-missing", "unknown-patient", "path-outside-export", "no-file", "conflicting-rows",
    }  # fmt: skip


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path) -> None:
    peaks = []
    for documents in (1000, 6000):
        tracemalloc.start()
        generate(tmp_path / str(documents), patients=200, documents=documents, seed=1, files=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3


def test_the_mix_is_kept(tmp_path: Path) -> None:
    generate(tmp_path / "out", patients=5, documents=100, seed=2, files=False, mix={"txt": 3, "rtf": 1})
    endings = Counter(Path(r["FIL"].replace("\\", "/")).suffix for r in rows(tmp_path / "out", "dokument"))
    assert endings[".txt"] > 2 * endings[".rtf"] > 0
    assert not endings[".tif"] - 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"patients": 0}, "at least one patient"),
        ({"documents": -1}, "zero documents"),
        ({"mix": {"wpd": 1.0}}, "wpd"),
        ({"mix": {"rtf": 0.0}}, "mix"),
        ({"mix": {"rtf": 2.0, "txt": -1.0}}, "mix"),
    ],
)
def test_senseless_arguments_are_refused(tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        generate(tmp_path / "out", **{"patients": 1, "documents": 1, "seed": 1} | arguments)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not an empty folder"):
        generate(tmp_path / "out", patients=1, documents=1, seed=1)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_the_verb_tells_what_it_wrote_and_how_far_it_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        sample, [str(tmp_path / "out"), "--patients", "3", "--documents", "9", "--json"], standalone_mode=False
    )
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["format"], told["patients"], told["documents"]) == ("journalarkiv.sample/1", 3, 9)
    seen: list[tuple[int, int]] = []
    generate(tmp_path / "b", patients=3, documents=9, seed=1, progress=lambda d, t: seen.append((d, t)), files=False)
    assert seen[-1] == (9, 9)


@given(st.integers(0, 900), st.integers(-(10**9), 10**9), st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_any_plan_is_sound(documents: int, seed: int, patients: int) -> None:
    made = plan(documents, seed=seed, patients=patients)
    names = set()
    for index in range(documents):
        document = made.at(index)
        assert index % 100 or document == plan(documents, seed=seed, patients=patients).at(index)
        assert document.patient is None or 0 <= document.patient < patients
        assert (document.patient is None) == (document.trouble == "unknown-patient")
        if document.replaces is not None:
            before = made.at(document.replaces - FIRST_DOCUMENT)
            assert before.patient == document.patient
        names.add(file_name(document) or index)
    assert len(names) >= documents - documents // 200 - 2  # rows that lead out of the export share one path
    assert all(not made.at(i).trouble for i in made.planted)


@given(st.lists(st.builds(Line, st.text("ab æøå–«»\t\n…中", max_size=300), st.booleans()), max_size=200))
@settings(max_examples=40, deadline=None)
def test_any_text_becomes_a_compound_file_that_is_known_as_word(lines: list[Line]) -> None:
    content = word97(lines)
    assert len(content) % 512 == 0
    from archive.containers import ole_family

    assert ole_family(io.BytesIO(content)) == "doc"
