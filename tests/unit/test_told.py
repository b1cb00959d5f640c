"""What a registration tells: odd rows by number, and protections that every row has, or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from archive.errors import ProtectionUnclearError
from archive.reasons import Flag
from extract import told
from extract.incoming import read_export
from extract.mapping import loads
from extract.register import Register
from extract.sources.directory import DirectorySource
from tests.unit.test_directory import DOCUMENT, FILES, HEAD, PATIENT

Read = Callable[..., sqlite3.Connection]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Registers an export and gives the work register; several calls are exports of one archive."""
    registers = []

    def run(
        *, document: str = "", patient: str = "", more: str = "", pas: str = "NR\n1\n", dok: str = "", **files: str
    ) -> sqlite3.Connection:
        root = tmp_path / "eksport"
        root.mkdir(exist_ok=True)
        for name, text in {"pas.csv": pas, "dok.csv": dok or "ID;NR;FIL\n1;1;a\n", "a": "x", **files}.items():
            (root / name.replace("_", ".")).write_text(text, encoding="utf-8")
        mapping = loads(HEAD + more + PATIENT + patient + DOCUMENT + document + FILES, Path("m.toml"))
        register = Register(tmp_path / "register.sqlite")
        registers.append(register)
        with DirectorySource(root, mapping, tmp_path / "s.sqlite") as source:
            export, _ = register.begin_export(
                root, delta=False, register_sha256=str(len(registers)), mapping_sha256="", now=""
            )
            read_export(register, source, export, lambda what, n: None)
            register.finish_export(export.number, "")
        return register.connection

    yield run  # type: ignore[misc]
    for register in registers:
        register.connection.close()


def unclear(db: sqlite3.Connection) -> set[str]:
    number = db.execute("SELECT max(number) FROM export").fetchone()[0]
    names = set(told.unclear(db, number))
    if names:
        with pytest.raises(ProtectionUnclearError) as caught:
            told.require_clear(db, number)
        assert "expect" in caught.value.remedy and all(f"`{n}`" in caught.value.message for n in names)
    else:
        told.require_clear(db, number)
    return names


def blocks(values: Sequence[str]) -> str:
    return "ID;NR;FIL;S\n" + "".join(f"{n};1;a;{v}\n" for n, v in enumerate(values))


LISTED = 'blocked = { column = "S", true = ["J"], false = ["N"] }\n'


@pytest.mark.parametrize(
    ("rule", "values", "stops"),
    [
        ('blocked = "S"\n', ["", ""], True),
        ('blocked = "S"\n', ["J", "N"], True),
        ('blocked = "S"\n', ["J"], True),
        ('blocked = "S"\n', ["J", ""], False),
        ('blocked = { column = "S", expect = "none" }\n', ["", ""], False),
        ('blocked = { column = "S", expect = "all" }\n', ["", ""], True),
        ('blocked = { column = "S", expect = "all" }\n', ["J", "N"], False),
        ('blocked = { column = "S", expect = "none" }\n', ["J", "J"], True),
        ('blocked = { column = "S", expect = "all" }\n', ["J", ""], True),
        ('blocked = { column = "S", expect = "none" }\n', ["J", ""], False),
        ('blocked = { constant = "J" }\n', ["", ""], False),
        (LISTED, ["1", "0"], True),
        (LISTED, ["J", "J"], False),
        (LISTED, ["N", "N", ""], False),
        (LISTED, ["N"] * 199, False),
        (LISTED, ["N"] * 200, True),
        (LISTED, [""] * 200, True),
        (LISTED, [*["N"] * 200, "J"], False),
        (LISTED.replace('["N"] }', '["N"], expect = "none" }'), ["N"] * 200, False),
        ('blocked = { column = "S", empty = ["J"] }\n', ["J", "J", ""], True),
        ('blocked = { column = "S", pattern = "^J(.*)" }\n', ["J", "J"], True),
    ],
)
def test_a_block_that_every_row_has_or_none_stops(read: Read, rule: str, values: list[str], stops: bool) -> None:
    assert unclear(read(document=rule, dok=blocks(values))) == ({"blocked"} if stops else set())


@pytest.mark.parametrize(
    ("rule", "values", "stops"),
    [
        ('address_protection = "A"\n', ["", ""], True),
        ('address_protection = "A"\n', ["confidential", ""], False),
        ('address_protection = { column = "A", codes = { 6 = "strictly-confidential" } }\n', ["SPSF", "SPSF"], True),
        ('address_protection = { column = "A", codes = { 6 = "strictly-confidential" } }\n', ["", ""], False),
        ('address_protection = { column = "A", codes = { 6 = "strictly-confidential" } }\n', [""] * 200, True),
        ('address_protection = { column = "A", expect = "none" }\n', ["", ""], False),
        ('address_protection = { column = "A", codes = { 6 = "none" } }\n', ["6", "6"], False),
    ],
)
def test_an_address_protection_likewise(read: Read, rule: str, values: list[str], stops: bool) -> None:
    pas = "NR;A\n" + "".join(f"{n};{v}\n" for n, v in enumerate(values))
    assert unclear(read(patient=rule, pas=pas)) == ({"address_protection"} if stops else set())


def test_a_rule_that_has_shown_both_answers_is_believed_of_a_later_export(read: Read) -> None:
    assert unclear(read(document='blocked = "S"\n', dok=blocks(["J", ""]))) == set()
    assert unclear(read(document='blocked = "S"\n', dok=blocks([""]))) == set()
    assert unclear(read(document='blocked = { column = "S", case = "upper" }\n', dok=blocks([""]))) == {"blocked"}


XML = '[tables.x]\nfile = "x.xml"\nrow = "/u/d"\n'
THREE = "<u><d i='1'{0}><f>a</f>{1}</d><d i='2'{2}><f>a</f>{3}</d><d i='3'><f>a</f></d></u>"


@pytest.mark.parametrize(
    ("rule", "register", "blocked"),
    [
        ("sperret", THREE.format("", "<sperret/>", "", "<sperret>N</sperret>"), "12"),
        ("@sperret", THREE.format(" sperret=''", "", "", ""), "1"),
        ("boolean(sperret)", THREE.format("", "<sperret/>", "", ""), "1"),
        ("not(aapen)", THREE.format("", "<aapen/>", "", ""), "23"),
        ("count(sperring)", THREE.format("", "<sperring/><sperring/>", "", ""), "1"),
        ("merke/sperret", THREE.format("", "<merke><sperret/></merke>", "", "<merke/>"), "1"),
    ],
)
def test_an_element_that_is_there_is_a_truth(tmp_path: Path, rule: str, register: str, blocked: str) -> None:
    root = tmp_path / "eksport"
    root.mkdir()
    (root / "x.xml").write_text(register)
    (root / "pas.csv").write_text("NR\n1\n")
    (root / "dok.csv").write_text("NR\n1\n")
    mapping = HEAD + XML + PATIENT + DOCUMENT.replace('"dok"', '"x"').replace('"ID"', '"@i"').replace('"NR"', '"f"')
    text = mapping + f'blocked = "{rule}"\n' + FILES.replace("FIL", "f")
    with DirectorySource(root, loads(text, Path("m.toml")), tmp_path / "s.sqlite") as source:
        assert "".join(d.key for d in source.documents() if d.document.blocked) == blocked
        assert {yes for yes, _ in source.protections["blocked"].seen} == {True, False}


def test_what_is_odd_is_counted_by_code_and_field(read: Read) -> None:
    document = (
        'document_date = "DATO"\nstatus = { column = "ST", codes = { S = "signed" } }\n'
        'service = { column = "TJ", codes = { H = "Hjemmesykepleie" } }\n'
    )
    pas = "NR;K;F\n007;K;8825621904\n08;X;\n2;Z;\n"
    patient = 'sex = { column = "K", codes = { K = "female" } }\nidentifier = "F"\n'
    dok = (
        "ID;NR;FIL;DATO;ST;TJ\n"
        "1;7;a;01.02.2004;S;H\n"  # a patient whose zeros are lost
        "2;99;a;32.02.2004;S;\n"  # an unknown patient, a date that is none
        "3;007;b;01.02.2004;X;Q\n"  # a missing file, two unknown codes
        "4;2;;01.02.2004;Y;Q\n"  # no file
        "5;2;a\n"  # too short
        "6;2;../x;;S;\n"  # out of the export, no date
    )
    db = read(document=document, patient=patient, pas=pas, dok=dok)
    counts = told.counts(db, 1, whole=True)
    assert counts == {
        "bad-row": 1,
        "date-invalid document date": 1,
        "date-missing": 1,
        "file-missing": 1,
        "id-missing": 2,
        "id-invalid": 1,
        "leading-zeros-lost identifier": 1,
        "leading-zeros-lost patient key": 1,
        "no-file": 1,
        "path-outside-export": 1,
        "unknown-code service": 2,
        "unknown-code sex": 2,
        "unknown-code status": 2,
        "unknown-patient": 2,
    }
    assert all(code.partition(" ")[2] for code in told.counts(db, 1, whole=False))
    assert Flag.UNKNOWN_CODE.value in "".join(told.counts(db, 1, whole=False))
