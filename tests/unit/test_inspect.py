"""Inspecting exports nobody has described: what is found, and that the draft of a mapping works."""

from __future__ import annotations

import json
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archive.errors import MappingError, SourceUnreadableError
from extract import commands
from extract.inspect import FORMAT, InspectReport, inspect_export
from extract.inspect.checked import checked
from extract.inspect.columns import Column, ColumnBuilder
from extract.inspect.discover import csv_spec
from extract.mapping import loads
from extract.sources.directory import DirectorySource

FEMALE = ["Åse", "Kari", "Siv", "Unni", "Bjørg"]
FAMILY = ["Sæther", "Bø", "Nærland", "Øye", "Vik"]


def drafted(report: InspectReport, root: Path, work: Path) -> DirectorySource:
    return DirectorySource(root, loads(report.draft_mapping(), Path("draft.toml")), work / "s.sqlite")


def column(values: list[str], files: tuple[str, ...] = ()) -> Column:
    builder = ColumnBuilder("K")
    for value in values:
        builder.add(value)
    return builder.column(lambda v: v in files)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["", ""], "empty"),
        (["28903641055", "04846724953", "23811772887", "158692", ""], "national-id"),
        (["974760673", "964965226"], "organisation-number"),
        (["01.02.2003", "13.12.1999", "00.00.0000", ""], "date"),
        (["2003-02-01 10:11:12.123"] * 3, "date"),
        (["20030201", "19991231"], "date"),
        (["20030201", "19991331", "20031131", "70012345"], "number"),
        (["dok\\1.rtf", "dok\\2.rtf"], "path"),
        (["1_2", "1_3", "1_4"], "text"),
        (["J", "", "", "J", "N", "N"], "flag"),
        (["EP", "JN", "SN"] * 5, "code"),
        (["17", "18", "19"], "number"),
        (["to ord", "tre andre ord"], "text"),
    ],
)
def test_kinds_of_columns(values: list[str], kind: str) -> None:
    assert column(values).kind == kind


def test_names_without_extension_are_paths_when_the_files_are_there() -> None:
    assert column(["a_1", "a_2", "a 3"], files=("a_1", "a_2")).kind == "text"
    assert column(["a.1", "dok.x1", "a 3"], files=("dok.x1",)).kind == "path"


def test_long_columns_are_counted_by_sample_and_overlap_is_right() -> None:
    keys = column([str(n) for n in range(100_000)])
    assert not keys.distinct_exact and abs(keys.distinct - 100_000) < 5_000
    assert keys.unique_share == 1 and len(keys.hashes) <= 8_192
    drawn = random.Random(1)
    half = column([str(drawn.randrange(50_000, 150_000)) for _ in range(40_000)])
    share, _ = half.overlap(keys)
    assert abs(share - 0.5) < 0.05
    assert half.unique_share < 0.9
    few = column(["7", "8", "99999", "x"])
    assert few.overlap(few) == (1.0, 1.0)


def test_values_that_may_be_told() -> None:
    assert column(["K", "M", "K", "K", "M"]).codes == (("K", 3), ("M", 2))
    assert column(["Bø"] * 9).codes == ()
    assert column(["1936", "1937"]).codes == ()
    assert column(["28903641055"] * 9).codes == ()
    assert all("Bø" not in p for p, _ in column(["Bø, Åse 1"]).patterns)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "cp850", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|", ",", "||"])
def test_how_a_table_is_written(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [
        ["NR", "NAVN", "STED"],
        *([str(n), f"Åse på jordet nær fjøset {n}", "Bodø; ved kai, nord"] for n in range(20)),
    ]
    text = "\r\n".join(delimiter.join(f'"{v}"' for v in row) for row in rows)
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    spec = csv_spec(path, tmp_path)
    assert spec is not None
    assert spec.encoding == encoding.removesuffix("-sig")
    assert (spec.delimiter, spec.quotechar, spec.header, spec.encoding_errors) == (delimiter, '"', True, "strict")


@pytest.mark.parametrize(
    "content",
    [b"", b"bare tekst, med komma\nog linjer uten\n", b"%PDF-1.4\n1;2\n", b"{\\rtf1;a\n;b}", b"<a>;</a>", b"a\0;b\n"],
)
def test_what_is_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    assert csv_spec(tmp_path / "t.txt", tmp_path) is None


def test_a_table_without_header_and_with_bytes_of_no_encoding(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("1;Åse\n2;Kåre\n3;Bø\n".encode("cp1252") + b"4;\x81\n")
    spec = csv_spec(tmp_path / "t.csv", tmp_path)
    assert spec is not None and not spec.header and spec.columns == ("K1", "K2")
    assert (spec.encoding, spec.encoding_errors) in (("cp1252", "replace"), ("cp850", "strict"))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Another kind of export: one XML register with documents inside patients, server paths in the wrong case."""
    root = tmp_path / "Profdok"
    (root / "filer").mkdir(parents=True)
    drawn = random.Random(3)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<uttrekk xmlns="urn:eksempel">']
    number = 0
    for n in range(30):
        lines.append(f'<pasient pid="P{n + 100}"><navn>{drawn.choice(FAMILY)}, {drawn.choice(FEMALE)}</navn>')
        lines.append(
            f"<fodt>{drawn.randrange(1920, 2000)}-0{drawn.randrange(1, 10)}-11</fodt><kjonn>{n % 2 + 1}</kjonn>"
        )
        for _ in range(drawn.randrange(1, 5)):
            number += 1
            name = f"{number:04}.rtf"
            (root / "filer" / name).write_text("x")
            lines.append(
                f'<dokument id="D{number}" type="{drawn.choice(["EP", "JN"])}"><tittel>Notat {number}</tittel>'
                f"<dato>20{drawn.randrange(10, 24)}-03-0{drawn.randrange(1, 10)}</dato>"
                f"<fil>\\\\SRV1\\epj$\\FILER\\{name.upper()}</fil></dokument>"
            )
        lines.append("</pasient>")
    (root / "filer" / "ekstra.rtf").write_text("")
    (root / "register.xml").write_text("\n".join([*lines, "</uttrekk>"]), encoding="utf-8")
    (root / "lesmeg.txt").write_text("Uttrekk fra en prøve.\n")
    return root


def test_an_xml_register_is_found_and_its_draft_works(export: Path, tmp_path: Path) -> None:
    report = inspect_export(export)
    assert report.roles.patients is not None and report.roles.patients.spec.row.endswith("pasient")
    assert report.roles.documents is not None and report.roles.documents.spec.row.endswith("dokument")
    with drafted(report, export, tmp_path) as source:
        patients, documents = list(source.patients()), list(source.documents())
        files = {source.fold_name(f.path): f.register for f in source.files()}
        named = {source.fold_name(d.files[0].path or "") for d in documents}
    assert len(patients) == 30 and {p.patient.given_name for p in patients} <= set(FEMALE)
    assert {d.patient_key for d in documents} == {p.key for p in patients}
    assert len({d.key for d in documents}) == len(documents) == len(files) - 3
    assert named <= set(files)
    assert all(d.document.document_date for d in documents)
    assert (report.missing, report.orphans, report.empty, report.named) == (0, 1, 1, len(documents))
    assert [path for path, register in files.items() if register] == ["lesmeg.txt", "register.xml"]


def test_the_report_has_no_values_of_patients(export: Path) -> None:
    report = inspect_export(export)
    plain = report.to_plain()
    assert plain["format"] == FORMAT
    told = json.dumps(plain, ensure_ascii=False) + report.to_text() + report.draft_mapping()
    for value in (*FAMILY, *FEMALE, "P100", "P129", 'D1"', "0001", "Notat"):
        assert value not in told, value


def test_nothing_in_the_export_is_changed_and_progress_is_told(export: Path) -> None:
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in export.rglob("*")}
    inspect_export(export, progress=lambda what, done: None)
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in export.rglob("*")} == before


def test_parts_of_a_table_become_one(tmp_path: Path) -> None:
    for n in (1, 2):
        (tmp_path / f"DOK_{n}.csv").write_text(f"ID;NR;FIL\n{n};1;a{n}.rtf\n")
    (tmp_path / "pas.csv").write_text("NR;ETTERNAVN;FODT\n1;A;01.01.1950\n2;B;01.01.1950\n")
    report = inspect_export(tmp_path)
    assert {(t.name, t.spec.file, t.rows) for t in report.tables} == {("dok", "DOK_*.csv", 2), ("pas", "pas.csv", 2)}


def test_folders_and_drives_in_paths_are_found(tmp_path: Path) -> None:
    root = tmp_path / "e"
    (root / "dok").mkdir(parents=True)
    (root / "vedlegg").mkdir()
    with (root / "dokument.csv").open("w") as f, (root / "vedlegg.csv").open("w") as v:
        f.write("DOKNR;PASNR;FIL\n")
        v.write("DOKNR;FIL\n")
        for n in range(20):
            (root / "dok" / f"{n}.rtf").write_text("x")
            (root / "vedlegg" / f"v{n}.jpg").write_text("x")
            f.write(f"{n + 500};{n % 4 + 70};H:\\EPJ\\dok\\{n}.rtf\n")
            v.write(f"{n + 500};v{n}.jpg\n")
    (root / "pasient.csv").write_text("PASNR;ETTERNAVN;FORNAVN\n" + "".join(f"{n + 70};A;B\n" for n in range(4)))
    report = inspect_export(root)
    assert (report.missing, report.orphans) == (0, 0)
    with drafted(report, root, tmp_path) as source:
        found = {f.path for f in source.files() if not f.register}
        assert {f.path for d in source.documents() for f in d.files} == found and len(found) == 40


def test_an_export_without_tables(tmp_path: Path) -> None:
    (tmp_path / "notat.rtf").write_text("x")
    report = inspect_export(tmp_path)
    assert report.draft_mapping() == "" and len(report.findings) == 1
    assert "notat" not in report.to_text()
    with pytest.raises(SourceUnreadableError):
        inspect_export(tmp_path / "ingen")


def test_a_broken_table_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("A;B\n" + "1;2\n" * 100 + "3;4;5\n")
    (report,) = inspect_export(tmp_path).tables
    assert (report.rows, report.bad_rows) == (101, 1)


def test_with_a_mapping_the_run_is_counted(export: Path) -> None:
    mapping = loads(inspect_export(export).draft_mapping(), Path("m.toml"))
    report = inspect_export(export, mapping)
    assert report.mapped is not None
    assert (report.mapped.patients, report.mapped.unknown_patient, report.mapped.problems) == (30, 0, {})
    assert report.mapped.patient_flags == {"id-missing": 30}
    assert report.to_plain()["mapped"]["documents"] == report.mapped.distinct_documents
    with pytest.raises(MappingError):
        wrong = report.draft_mapping().replace('"@pid"', '"@p["')
        inspect_export(export, loads(wrong, Path("m.toml")))


def drafts(root: Path, tmp_path: Path) -> tuple[InspectReport, dict[str, Any], int]:
    """The report, the draft as data, and how many documents a run would read with it."""
    report = inspect_export(root)
    text = report.draft_mapping()
    with DirectorySource(root, loads(text, tmp_path / "d.toml"), tmp_path / "d.sqlite") as source:
        assert list(source.patients())
        return report, tomllib.loads(text), len(list(source.documents()))


FNRS = ("01811523867", "08825621904", "03822618455")


def xml_export(root: Path, *, element: str, files: int = 1) -> Path:
    root.mkdir()
    people = [
        f"<pasient><nr>P{n}</nr><fnr>{fnr}</fnr><navn><etternavn>Testesen{n}</etternavn></navn><notater>"
        + "".join(
            f"<notat id='{n}{d}'>{element if d else ''}<vedlegg><fil sti='dok/{n}{d}.rtf'/></vedlegg></notat>"
            for d in (0, 1)
        )
        + "</notater></pasient>"
        for n, fnr in enumerate(FNRS)
    ]
    for n in range(len(FNRS)):
        for d in (0, 1):
            (root / "dok").mkdir(exist_ok=True)
            (root / "dok" / f"{n}{d}.rtf").write_text("x")
    if files == 1:
        (root / "uttrekk.xml").write_text(f"<u>{''.join(people)}</u>")
    else:
        (root / "pasienter").mkdir()
        for n, person in enumerate(people):
            (root / "pasienter" / f"p{n}.xml").write_text(person)
    return root


@pytest.mark.parametrize("files", [1, 3])
def test_nested_and_empty_elements_are_columns(tmp_path: Path, files: int) -> None:
    root = xml_export(tmp_path / "e", element="<skjermet/><sperret/>", files=files)
    report, draft, documents = drafts(root, tmp_path)
    assert documents == 6 and report.missing == 0 and report.orphans == 0
    assert draft["patient"]["family_name"] == "navn/etternavn"
    assert draft["document"]["files"] == [{"path": "vedlegg/fil/@sti"}]
    assert draft["document"]["blocked"] in ("sperret", "skjermet")
    assert draft["document"]["key"] == "@id"
    assert "there without text in 3 of 6 rows" in report.to_text()


def test_tables_of_one_name_have_two(tmp_path: Path) -> None:
    root = xml_export(tmp_path / "e", element="<sperret/>")
    for folder in ("a", "b"):
        (root / folder).mkdir()
        (root / folder / "enhet.csv").write_text("KODE;NAVN;X\n1;Bølgen;y\n2;Havet;z\n3;Elva;x\n")
        (root / folder / "koder.xml").write_text("<k><kode><v>1</v><t>x</t></kode><kode><v>2</v><t>y</t></kode></k>")
    _, draft, _ = drafts(root, tmp_path)
    assert len([name for name in draft["tables"] if "enhet" in name]) == 2
    assert len([name for name in draft["tables"] if "koder" in name]) == 2


def test_messages_that_the_register_names_are_no_tables(tmp_path: Path) -> None:
    root = xml_export(tmp_path / "e", element="")
    text = (root / "uttrekk.xml").read_text().replace(".rtf", ".xml")
    (root / "uttrekk.xml").write_text(text)
    for file in (root / "dok").glob("*.rtf"):
        file.with_suffix(".xml").write_text("<m><i><v>1</v><t>x</t></i><i><v>2</v><t>y</t></i></m>")
    _, draft, _ = drafts(root, tmp_path)
    assert {t["file"] for t in draft["tables"].values()} == {"uttrekk.xml"}


CODES = "ID;PNR;DOKTYPE;FORFATTERNAVN;FIL\n" + "".join(
    f"{n};{n % 3};{('Epikrise', 'SKJEMA', 'Notat')[n % 3]};{('HANSEN', 'OLSEN')[n % 2]};dok/{n}.rtf\n"
    for n in range(30)
)


def test_long_codes_are_told_and_names_are_not(tmp_path: Path) -> None:
    root = tmp_path / "e"
    root.mkdir()
    (root / "dok.csv").write_text(CODES)
    text = inspect_export(root).to_text()
    assert "Epikrise 10" in text and "SKJEMA 10" in text
    assert "HANSEN" not in text and "OLSEN" not in text


def test_lost_zeros_are_told_and_padded(tmp_path: Path) -> None:
    root = tmp_path / "e"
    root.mkdir()
    pas = "PASNR;FNR;ETTERNAVN\n" + "".join(f"00{n};{fnr.lstrip('0')};X\n" for n, fnr in enumerate(FNRS, start=7))
    (root / "pas.csv").write_text(pas)
    (root / "dok.csv").write_text("DOKNR;PASNR;FIL\n" + "".join(f"{n};{7 + n % 3};dok/{n}.rtf\n" for n in range(9)))
    report, draft, _ = drafts(root, tmp_path)
    assert draft["patient"]["identifier"] == {"column": "FNR", "zero_pad": 11}
    assert draft["document"]["patient"] == {"column": "PASNR", "zero_pad": 3}
    assert "zero_pad = 11" in report.to_text()


@pytest.mark.parametrize("name", ["register.xlsx", "dump.sql", "epj.mdb", "data.ndjson", "uttrekk.siard", "fast.txt"])
def test_a_register_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    root = tmp_path / "e"
    root.mkdir()
    (root / name).write_text("0001 Testesen Kari\n0002 Prøvås Ola\n")
    report = inspect_export(root)
    assert report.draft_mapping() == ""
    assert any((f.startswith(f"{name}: ") and "cannot read" in f) or "not recognise" in f for f in report.findings)


def test_no_draft_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    found = CliRunner().invoke(commands.inspect, [str(tmp_path / "e"), "--mapping", str(tmp_path / "d.toml")])
    assert not (tmp_path / "d.toml").exists() and "was not written" in found.output


def test_odd_names_of_columns_make_a_valid_draft(tmp_path: Path) -> None:
    root = tmp_path / "e"
    root.mkdir()
    names = ["ID", 'a"b', "a'b", "a\\b", "a.b", "a b\t", "{x}", "TJENESTE", "SERVICE", "\U000e0041", "æ''\"\\"]
    quoted = [f'"{n.replace(chr(34), chr(34) * 2)}"' for n in names]
    rows = "".join(f"{n}" + ";v" * (len(names) - 1) + f";dok/{n}.rtf\n" for n in range(5))
    (root / "dok.csv").write_text(";".join([*quoted, "FIL"]) + "\n" + rows)
    _, draft, documents = drafts(root, tmp_path)
    assert documents == 5 and draft["document"]["files"]


def test_a_line_that_is_not_accepted_is_left_out(tmp_path: Path) -> None:
    root = tmp_path / "e"
    root.mkdir()
    (root / "dok.csv").write_text("DOKNR;PASNR;FIL\n" + "".join(f"{n};{n};dok/{n}.rtf\n" for n in range(5)))
    draft = inspect_export(root).draft_mapping()
    broken = draft.replace("[document]", '[document]\ntitle = "INGEN"\nnonsense = "x"', 1)
    mended, faults = checked(broken, root, tmp_path)
    assert faults == () and "# check: this line was not accepted: title" in mended
    loads(mended, tmp_path / "d.toml")
