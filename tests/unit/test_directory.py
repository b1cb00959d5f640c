"""The directory source on small exports: every field's rules, bad rows, joins, and names that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from archive.errors import MappingError, SourceUnreadableError
from archive.identifiers import IdentifierType, document_id, patient_id
from archive.reasons import Flag, Reason
from archive.record import AddressProtection, DocumentStatus, Sex
from extract.mapping import loads
from extract.sources import staging
from extract.sources.contract import SourceDocument, SourcePatient
from extract.sources.directory import DirectorySource

HEAD = """\
format = "journalarkiv.mapping/1"
[system]
name = "Gammel"
[owner]
name = "Prøve kommune"
organisation_number = "964965226"
[dates]
formats = ["%d.%m.%Y"]
[tables.pas]
file = "pas.csv"
[tables.dok]
file = "dok.csv"
"""
PATIENT = '[patient]\ntable = "pas"\nkey = "NR"\n'
DOCUMENT = '[document]\ntable = "dok"\nkey = "ID"\npatient = "NR"\n'
FILES = '[[document.files]]\npath = "FIL"\n'

Opener = Callable[..., DirectorySource]


@pytest.fixture
def source(tmp_path: Path) -> Opener:
    """Opens an export made of texts; the mapping is HEAD and the sections given."""
    opened = []

    def make(
        *,
        patient: str = "",
        document: str = "",
        more: str = "",
        files: str = FILES,
        pas: str = "NR\n1\n",
        dok: str = "ID;NR;FIL\nd;1;a\n",
        **tables: str,
    ) -> DirectorySource:
        root = tmp_path / "eksport"
        root.mkdir(exist_ok=True)
        for name, text in {"pas": pas, "dok": dok, **tables}.items():
            (root / f"{name}.csv").write_text(text, encoding="utf-8")
        mapping = loads(HEAD + more + PATIENT + patient + DOCUMENT + document + files, Path("m.toml"))
        opened.append(DirectorySource(root, mapping, tmp_path / "staging.sqlite", today=date(2026, 6, 1)))
        return opened[-1]

    yield make  # type: ignore[misc]
    for s in opened:
        s.close()


def patient_of(s: DirectorySource) -> SourcePatient:
    (only,) = s.patients()
    return only


def document_of(s: DirectorySource) -> SourceDocument:
    (only,) = s.documents()
    return only


def codes(flags: object) -> list[Flag]:
    return [note.code for note in flags]  # type: ignore[attr-defined]


def test_keys_and_ids(source: Opener) -> None:
    s = source(document='replaces = "ER"\n', dok="ID;NR;FIL;ER\nd;1;a;e\n")
    p, d = patient_of(s), document_of(s)
    assert (p.key, p.row, p.patient.id) == ("1", "pas.csv:2", patient_id(s.archive_id, "Gammel", "1"))
    assert (d.key, d.patient_key, d.row) == ("d", "1", "dok.csv:2")
    assert d.document.id == document_id(s.archive_id, "Gammel", "d")
    assert d.document.patient_id == p.patient.id
    assert d.document.replaces == document_id(s.archive_id, "Gammel", "e")


@pytest.mark.parametrize(
    ("fnr", "old", "values", "flags"),
    [
        ("14037243710", "", [("14037243710", IdentifierType.FNR, True)], []),
        ("140372 43710", "14037243710", [("14037243710", IdentifierType.FNR, True)], []),
        ("01015000232", "64060038145", [("01015000232", "fnr", True), ("64060038145", "dnr", False)], []),
        ("", "14037243710", [("14037243710", IdentifierType.FNR, False)], [Flag.ID_MISSING]),
        ("14037243711", "", [("14037243711", IdentifierType.FNR, True)], [Flag.ID_INVALID]),
        ("", "", [], [Flag.ID_MISSING]),
        ("28903641055", "", [("28903641055", IdentifierType.FNR, True)], [Flag.ID_SYNTHETIC]),
    ],
)
def test_identifiers(
    source: Opener, fnr: str, old: str, values: list[tuple[str, str, bool]], flags: list[Flag]
) -> None:
    s = source(patient='identifier = "F"\nhistoric_identifiers = ["G"]\n', pas=f"NR;F;G\n1;{fnr};{old}\n")
    patient = patient_of(s).patient
    assert [(i.value, i.type, i.current) for i in patient.identifiers] == values
    assert codes(patient.flags) == flags


def test_several_old_numbers_in_one_column_lost_zeros_and_local_numbers(source: Opener) -> None:
    s = source(
        patient='identifier = { column = "F", zero_pad = 11 }\n'
        'historic_identifiers = { column = "G", split = "," }\nlocal_identifiers = "NR"\n',
        pas="NR;F;G\nJ-7;1015000232;64060038145, 14037243710\n",
    )
    found = [(i.value, i.type, i.valid, i.current) for i in patient_of(s).patient.identifiers]
    assert found == [
        ("01015000232", IdentifierType.FNR, True, True),
        ("64060038145", IdentifierType.DNR, True, False),
        ("14037243710", IdentifierType.FNR, True, False),
        ("J-7", IdentifierType.LOCAL, True, True),
    ]


@pytest.mark.parametrize(
    ("written", "protection", "flags"),
    [
        ("", AddressProtection.NONE, []),
        ("6", AddressProtection.STRICTLY_CONFIDENTIAL, []),
        ("7", AddressProtection.CONFIDENTIAL, []),
        ("X", AddressProtection.STRICTLY_CONFIDENTIAL, [Flag.UNKNOWN_CODE]),
    ],
)
def test_an_unknown_address_protection_protects(
    source: Opener, written: str, protection: AddressProtection, flags: list[Flag]
) -> None:
    s = source(
        patient='address_protection = { column = "A", codes = { 6 = "strictly-confidential", 7 = "confidential" } }\n',
        pas=f"NR;A\n1;{written}\n",
    )
    patient = patient_of(s).patient
    assert patient.address_protection is protection
    assert codes(patient.flags) == [*flags, Flag.ID_MISSING]


def test_sex_names_death_and_extra(source: Opener) -> None:
    s = source(
        patient="""family_name = { column = "NAVN", pattern = '^([^,]+),' }
given_name = { column = "NAVN", pattern = ',\\s*(?P<f>.+)$', group = "f" }
sex = { column = "KJ", codes = { K = "female" } }
deceased_date = "DOD"
birth_date = { template = "{D}.{M}.{Y}", formats = ["%d.%m.%Y", "..%Y"] }
extra = { kommune = "KOM", "alt navn" = { template = "{NAVN} ({KJ})" } }
""",
        pas="NR;NAVN;KJ;DOD;D;M;Y;KOM\n1;Bø, Åse;K;31.12.9999;;;1950;1103\n2;Ås;X;;1;2;1950;\n3;;;;;;;\n",
    )
    first, second, third = [p.patient for p in s.patients()]
    assert (first.family_name, first.given_name, first.sex, first.sex_source) == ("Bø", "Åse", Sex.FEMALE, "K")
    assert (first.birth_date, first.birth_date_source) == ("1950", "..1950")
    assert (first.deceased, first.deceased_date) == (True, None)
    assert first.extra == (("kommune", "1103"), ("alt navn", "Bø, Åse (K)"), ("deceased_date", "31.12.9999"))
    assert codes(first.flags) == [Flag.DATE_IMPLAUSIBLE, Flag.ID_MISSING]
    assert (second.family_name, second.given_name, second.sex, second.sex_source) == ("Ås", "Ås", Sex.UNKNOWN, "X")
    assert codes(second.flags) == [Flag.UNKNOWN_CODE, Flag.ID_MISSING, Flag.VALUE_INVALID, Flag.VALUE_INVALID]
    assert (third.birth_date, third.birth_date_source, third.sex, third.extra) == (None, "", Sex.UNKNOWN, ())


@pytest.mark.parametrize(
    ("written", "iso", "flag"),
    [
        ("04.04.2004", "2004-04-04", []),
        ("", None, [Flag.DATE_MISSING]),
        ("00.00.0000", None, [Flag.DATE_INVALID]),
        ("12.05.2999", None, [Flag.DATE_IMPLAUSIBLE]),
    ],
)
def test_document_dates(source: Opener, written: str, iso: str | None, flag: list[Flag]) -> None:
    d = document_of(source(document='document_date = "D"\n', dok=f"ID;NR;FIL;D\nd;1;a;{written}\n")).document
    assert (d.document_date, d.document_date_source, codes(d.flags)) == (iso, written, flag)


@pytest.mark.parametrize(
    ("rule", "written", "blocked", "flags"),
    [
        ('"S"', "", False, []),
        ('"S"', "0", True, []),
        ('{ column = "S", true = ["J"], false = ["N"] }', "J", True, []),
        ('{ column = "S", true = ["J"], false = ["N"] }', "N", False, []),
        ('{ column = "S", true = ["J"], false = ["N"] }', "", False, []),
        ('{ column = "S", true = ["J"] }', "j", True, [Flag.VALUE_INVALID]),
        ('{ column = "S", false = ["0"] }', "3", True, []),
        ('{ column = "S", true = ["J"], present = true }', "x", True, []),
        ('{ column = "S", empty = ["0"] }', "0", False, []),
    ],
)
def test_blocking(source: Opener, rule: str, written: str, blocked: bool, flags: list[Flag]) -> None:
    d = document_of(source(document=f"blocked = {rule}\n", dok=f"ID;NR;FIL;S\nd;1;a;{written}\n")).document
    assert (d.blocked, codes(d.flags)) == (blocked, flags)


def test_code_lists(source: Opener) -> None:
    s = source(
        more='[tables.typ]\nfile = "typ.csv"\n[codes.typ]\ntable = "typ"\nkey = "K"\nvalue = "T"\nignore_case = true\n'
        '[codes.volven]\nvalues = { EP = "A03-2" }\ndefault = ""\n',
        document="""type_code = "TY"
type_text = { column = "TY", codes = "typ" }
type_9602 = { column = "TY", codes = "volven" }
title = { columns = ["T1", "TY"], case = "lower", default = "uten" }
service = { constant = "PLO" }
status = { column = "ST", codes = { S = "signed" } }
""",
        typ="K;T\nep;Epikrise\njn;\n",
        dok="ID;NR;FIL;TY;ST;T1\n1;1;a;EP;S;Å\n2;1;a;JN;U;\n3;1;a;QQ;;\n4;1;a;;;\n",
    )
    found = [d.document for d in s.documents()]
    assert [(d.type_text, d.type_9602, d.title, codes(d.flags)) for d in found] == [
        ("Epikrise", "A03-2", "å", []),
        ("", "", "jn", [Flag.UNKNOWN_CODE]),  # the status U
        ("QQ", "", "qq", [Flag.UNKNOWN_CODE]),
        ("", "", "uten", []),
    ]
    assert [d.status for d in found] == [DocumentStatus.SIGNED, *[DocumentStatus.UNKNOWN] * 3]
    assert (found[1].status_source, found[1].flags[0].detail, found[2].flags[0].detail) == (
        "U",
        "status: 'U'",
        "type text: 'QQ' is not in typ",
    )
    assert {d.service for d in found} == {"PLO"}


@pytest.mark.parametrize("limit", [0, 100])
def test_joins(source: Opener, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(staging, "IN_MEMORY", limit)
    s = source(
        more='[tables.enhet]\nfile = "enhet.csv"\nkey = ["A", "B"]\n[tables.person]\nfile = "person.csv"\nkey = "P"\n',
        document='unit_name = "enhet.NAVN"\nauthor_name = "person.NAVN"\nauthor_hpr = "person.HPR"\n'
        'joins = { enhet = ["E1", "E2"], person = "enhet.LEDER" }\n',
        enhet="A;B;NAVN;LEDER\n1;1;Sone Øst;p\n1;2;Sone Vest;q\n1;2;Sone V;q\n",
        person="P;NAVN;HPR\np;Åse;12x\n",
        dok="ID;NR;FIL;E1;E2\n1;1;a;1;1\n2;1;a;1;2\n3;1;a;9;9\n4;1;a;;\n",
    )
    found = [d.document for d in s.documents()]
    assert [(d.unit.name, d.author.name, d.author.hpr, codes(d.flags)) for d in found] == [
        ("Sone Øst", "Åse", "12x", [Flag.VALUE_INVALID]),
        ("Sone Vest", "", "", [Flag.VALUE_INVALID, Flag.UNKNOWN_CODE]),
        ("", "", "", [Flag.UNKNOWN_CODE]),
        ("", "", "", []),
    ]


@pytest.mark.parametrize("limit", [0, 100])
def test_attachments(source: Opener, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(staging, "IN_MEMORY", limit)
    s = source(
        more='[tables.ved]\nfile = "ved.csv"\n',
        files=FILES + '[[document.files]]\ntable = "ved"\nkey = "D"\non = "ID"\norder = "N"\n'
        'path = { template = "ved\\\\{FIL}" }\n',
        ved="D;N;FIL\nd;10;x\nd;9;y\nborte;1;..\\z\ne;1;w;for mye\n",
        dok="ID;NR;FIL\nd;1;a\ne;1;\n",
    )
    for _ in range(2):
        first, second, loose = s.documents()
        assert [f.path for f in first.files] == ["a", "ved/y", "ved/x"]
        assert [f.path for f in second.files] == ["ved/w"]
        assert loose.problem is not None and loose.problem[0] is Reason.BAD_ROW
        assert (loose.row, loose.patient_key, [f.raw for f in loose.files]) == ("ved.csv:4", "", ["ved\\..\\z"])
    assert s.findings[0] == "ved.csv:5: The row has 4 columns where the header has 3."


def test_several_files_in_one_column_and_none(source: Opener) -> None:
    s = source(files='[[document.files]]\npath = { column = "FIL", split = "|" }\n', dok="ID;NR;FIL\n1;1;a| b|\n2;1;\n")
    first, second = s.documents()
    assert [f.path for f in first.files] == ["a", "b"]
    assert first.problem is None
    assert second.problem == (Reason.NO_FILE, Reason.NO_FILE.sentence)


def test_bad_rows_are_documents_with_a_problem(source: Opener) -> None:
    s = source(dok='ID;NR;FIL\n1;1;a\n2;1;b;mer\n;1;c\n3;"x"y;d\n4;;e\n5;1\n')
    found = list(s.documents())
    assert [d.problem and d.problem[0] for d in found] == [None, *[Reason.BAD_ROW] * 3, None, Reason.BAD_ROW]
    assert [d.row for d in found] == [f"dok.csv:{n}" for n in range(2, 8)]
    assert [d.key for d in found][1::4] == ["2", "5"]
    assert [d.files[0].path if d.files else None for d in found] == ["a", "b", "c", None, "e", None]
    assert found[4].patient_key == ""
    again = [d.key for d in s.documents()]
    assert again == [d.key for d in found] and len(set(again)) == 6


def test_bad_patient_rows_are_flagged_patients(source: Opener) -> None:
    first, second, third = source(patient='family_name = "N"\n', pas="NR;N\n1;A\n2;B;C\n;D\n").patients()
    assert first.key == "1" and codes(first.patient.flags) == [Flag.ID_MISSING]
    assert second.key == "2" and Flag.VALUE_INVALID in codes(second.patient.flags)
    assert third.key.startswith("!") and Flag.VALUE_INVALID in codes(third.patient.flags)


def test_rows_left_out_by_rule(source: Opener) -> None:
    s = source(
        files=FILES
        + '[[document.exclude]]\nrule = "prøvepasient"\nvalue = "NR"\nvalues = ["9"]\n'
        + '[[document.exclude]]\nrule = "slettet"\nvalue = "T"\nmatches = "^X"\n'
        + '[[document.exclude]]\nrule = "uten type"\nvalue = "T"\nempty = true\n',
        dok="ID;NR;FIL;T\n1;9;a;A\n2;1;a;XA\n3;1;;\n4;1;a;AX\n",
    )
    found = list(s.documents())
    assert [d.excluded for d in found] == ["prøvepasient", "slettet", "uten type", None]
    assert [d.problem for d in found] == [None] * 4


def test_replaced_characters_are_flagged(source: Opener) -> None:
    s = source(more="")
    (s.root / "dok.csv").write_bytes(b"ID;NR;FIL\nd;1;a\xff\n")
    with pytest.raises(SourceUnreadableError, match=r"dok\.csv:2"):
        list(s.documents())
    mapping = loads(HEAD + 'encoding_errors = "replace"\n' + PATIENT + DOCUMENT + FILES, Path("m.toml"))
    with DirectorySource(s.root, mapping, s.root.parent / "s2.sqlite") as lenient:
        assert codes(document_of(lenient).document.flags) == [Flag.VALUE_INVALID]


def test_paths_stay_as_the_register_writes_them(source: Opener) -> None:
    dok = 'ID;NR;FIL\n1;1;DOK\\A\u030a.RTF\n2;1; b \n3;1;"c;d.rtf "\n'
    for more in ("", "[paths]\nmatch_case = false\n"):
        paths = [d.files[0].path for d in source(more=more, dok=dok).documents()]
        assert paths == ["DOK/A\u030a.RTF", " b ", "c;d.rtf "]


def test_columns_the_export_does_not_have_are_all_told(source: Opener) -> None:
    with pytest.raises(MappingError) as caught:
        source(
            more='[tables.enhet]\nfile = "enhet.csv"\nkey = "KODE"\n'
            '[codes.t]\ntable = "enhet"\nkey = "EN"\nvalue = "NAVN"\n',
            patient='family_name = "ETTERNAM"\n',
            document='title = { template = "{TITTEL} {ID}" }\nunit_name = "enhet.NAM"\njoins = { enhet = "ENH" }\n',
            files=FILES + '[[document.files]]\ntable = "enhet"\nkey = "X"\non = "Y"\norder = "Z"\npath = "W"\n',
            pas="NR;ETTERNAVN\n",
            dok="ID;NR;FIL;ENHET\n",
            enhet="ENHET;NAVN\n",
        )
    told = [f.split(": ", 1)[1] for f in caught.value.findings]
    lines = [int(f.split(":")[1]) for f in caught.value.findings]
    assert "pas.csv has no column 'ETTERNAM'; did you mean 'ETTERNAVN'?" in told
    assert "dok.csv has no column 'TITTEL'; there are 'ENHET', 'FIL', 'ID', 'NR'" in told
    assert "enhet.csv has no column 'NAM'; did you mean 'NAVN'?" in told
    assert "dok.csv has no column 'ENH'; did you mean 'ENHET'?" in told
    assert len([t for t in told if t.startswith("enhet.csv has no column")]) == 6
    assert lines == sorted(lines) and lines[0] == 15


def test_missing_folder_and_table(source: Opener, tmp_path: Path) -> None:
    s = source()
    with pytest.raises(SourceUnreadableError, match="is not a folder"):
        DirectorySource(tmp_path / "ingen", s.mapping, tmp_path / "x")
    (s.root / "pas.csv").unlink()
    with pytest.raises(SourceUnreadableError, match=r"pas\.csv, which holds the table 'pas'"):
        DirectorySource(s.root, s.mapping, tmp_path / "x")


def test_the_export_is_not_changed(source: Opener) -> None:
    s = source()
    before = {p: p.stat().st_mtime_ns for p in s.root.rglob("*")}
    list(s.patients()), list(s.documents()), list(s.files())
    assert {p: p.stat().st_mtime_ns for p in s.root.rglob("*")} == before


def test_a_bad_row_of_a_file_table_stops_its_document(source: Opener) -> None:
    s = source(
        more='[tables.ved]\nfile = "ved.csv"\n',
        files=FILES + '[[document.files]]\ntable = "ved"\nkey = "ID"\non = "ID"\npath = "FIL"\n',
        dok="ID;NR;FIL\n1;1;a\n2;1;b\n3;1;c\n4;1;d\n",
        ved='ID;LNR;FIL\n1;1;x\n2;1;"y\n3;1;z\n4;1;"\n4;2;w\n9;1\n',
    )
    found = {d.key: d for d in s.documents()}
    assert found["1"].problem is None and [f.path for f in found["1"].files] == ["a", "x"]
    for key in "234":
        problem = found[key].problem
        assert problem is not None and problem[0] is Reason.BAD_ROW and "ved.csv" in problem[1]
    (loose,) = (d for d in found.values() if d.key.startswith("!"))
    assert loose.problem is not None and "2 columns where the header has 3" in loose.problem[1]
    assert s.bad_rows == {"ved": 4}


@pytest.mark.parametrize("row", ["P0;Testesen;Kari;01.02.1950", "Testesen;Kari", "Testesen", "NRR;Testesen"])
def test_a_first_row_that_is_no_header_is_never_quoted(source: Opener, row: str) -> None:
    with pytest.raises(MappingError) as caught:
        source(patient='family_name = "TESTESEN"\n', pas=f"{row}\n{row}\n")
    message = str(caught.value)
    assert "pas.csv has no column 'NR'" in message and "does not look like a header" in message
    assert not [value for value in row.split(";") if value in message]


def test_a_header_that_is_one_helps(source: Opener) -> None:
    with pytest.raises(MappingError, match="did you mean 'ETTERNAVN'"):
        source(patient='family_name = "ETTERNAM"\n', pas="NR;ETTERNAVN\n1;x\n")
