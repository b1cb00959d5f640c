"""Which file a row means: never another one because the names look alike, and never a guess between two."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reasons import Reason
from extract.incoming import read_export
from extract.inspect import inspect_export
from extract.mapping import loads
from extract.mapping.paths import fold_letters
from extract.plan import Planner
from extract.register import Register
from extract.sources.directory import DirectorySource
from extract.sources.names import NoFile, by_group, fold_name, matches
from tests.unit.test_directory import DOCUMENT, FILES, HEAD, PATIENT

Answer = Reason | bytes
Found = tuple[dict[str, Answer], set[str]]


@pytest.fixture
def find(tmp_path: Path) -> Callable[..., Found]:
    """What each row is given, rows being named 0, 1 ...: a file's name on disk, or a reason; and the orphans."""

    def run(
        names: Sequence[str],
        files: Sequence[str | bytes],
        *,
        paths: str = "windows = false\n",
        files_at: str = FILES,
        more: str = "",
    ) -> Found:
        root = tmp_path / "eksport"
        root.mkdir()
        for file in files:
            raw = file if isinstance(file, bytes) else file.encode()
            at = Path(os.fsdecode(os.fsencode(root) + b"/" + raw))
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(raw)
        rows = "".join(f'{n};1;"{name}"\n' for n, name in enumerate(names))
        (root / "dok.csv").write_text("ID;NR;FIL\n" + rows, encoding="utf-8")
        (root / "pas.csv").write_text("NR\n1\n", encoding="utf-8")
        mapping = loads(HEAD + f"[paths]\n{paths}" + PATIENT + DOCUMENT + files_at + more, Path("m.toml"))
        with (
            DirectorySource(root, mapping, tmp_path / "s.sqlite") as source,
            Register(tmp_path / "register.sqlite") as register,
        ):
            export, _ = register.begin_export(root, delta=False, register_sha256="", mapping_sha256="", now="")
            read_export(register, source, export, lambda what, n: None)
            orphans = register.connection.execute("SELECT subject FROM finding WHERE code='orphan-file'")
            found: dict[str, Answer] = {}
            for d in Planner(register, export.number).patient("1").documents:
                (file,) = d.files
                found[d.key] = file.problem[0] if file.problem else file.path.read_bytes()  # type: ignore[union-attr]
            return found, {row[0] for row in orphans}

    return run


NFD = unicodedata.normalize("NFD", "Blå.txt")


@pytest.mark.parametrize("paths", ["windows = false\n", "windows = false\nmatch_case = false\n", ""])
@pytest.mark.parametrize(
    "twins", [("a.txt", "A.txt"), ("Blå.txt", NFD), ("a.txt", "a.txt "), ("ß.txt", "ss.txt"), ("\u0131.txt", "I.txt")]
)
def test_of_twins_each_row_has_its_own_file(find: Callable[..., Found], twins: tuple[str, str], paths: str) -> None:
    found, orphans = find(twins, twins, paths=paths)
    assert found == {"0": twins[0].encode(), "1": twins[1].encode()}
    assert orphans == set()


@pytest.mark.parametrize(
    "twins", [("a.txt", "A.txt"), ("blå/1.txt", "Blå/1.txt"), ("Blå.txt", NFD), ("a.txt", "a.txt ")]
)
def test_the_file_of_one_twin_is_never_given_to_the_other(find: Callable[..., Found], twins: tuple[str, str]) -> None:
    found, orphans = find(twins, twins[:1], paths="windows = false\nmatch_case = false\n")
    assert found == {"0": twins[0].encode(), "1": Reason.FILE_AMBIGUOUS}
    assert orphans == set()


def test_letter_case_matters_unless_the_mapping_says_otherwise(find: Callable[..., Found]) -> None:
    found, orphans = find(["A.txt"], ["a.txt"])
    assert found == {"0": Reason.FILE_MISSING} and orphans == {"a.txt"}


@pytest.mark.parametrize(("name", "file"), [("DOK/A.TXT", "dok/a.txt"), ("Ⅳ.txt", "ⅳ.txt"), ("Σ.txt", "ς.txt")])
def test_one_name_and_one_file_meet_in_letter_case(find: Callable[..., Found], name: str, file: str) -> None:
    found, orphans = find([name, name], [file], paths="match_case = false\n")
    assert found == {"0": file.encode(), "1": file.encode()} and orphans == set()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("\u30ac\u30d1.txt", "\u30ab\u3099\u30cf\u309a.txt"),
        ("Blå.txt", NFD),
        (NFD, "Blå.txt"),
        ("a.txt  ", "a.txt"),
        ("a.txt", " a.txt"),
    ],
)
def test_one_name_and_one_file_meet_in_form_and_blanks(find: Callable[..., Found], name: str, file: str) -> None:
    found, orphans = find([name, name], [file])
    assert found == {"0": file.encode(), "1": file.encode()} and orphans == set()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("strasse.txt", "straße.txt"),
        ("\u0130.txt", "i.txt"),
        ("\u0131.txt", "I.txt"),
        ("ﬁl.txt", "fil.txt"),
        ("ａ.txt", "a.txt"),
        ("a  b.txt", "a b.txt"),
        ("a\u00adb.txt", "ab.txt"),
        ("10².txt", "102.txt"),
    ],
)
def test_letters_that_only_look_alike_are_not_folded(find: Callable[..., Found], name: str, file: str) -> None:
    found, orphans = find([name], [file], paths="match_case = false\n")
    assert found == {"0": Reason.FILE_MISSING} and orphans == {file}


def test_between_two_files_nobody_guesses(find: Callable[..., Found]) -> None:
    found, orphans = find(["A.TXT"], ["a.txt", "A.txt"], paths="match_case = false\n")
    assert found == {"0": Reason.FILE_AMBIGUOUS}
    assert orphans == {"a.txt", "A.txt"}


def test_between_two_names_nobody_guesses(find: Callable[..., Found]) -> None:
    found, orphans = find(["dok/A.TXT", "DOK/a.txt"], ["dok/a.txt"], paths="match_case = false\n")
    assert found == {"0": Reason.FILE_AMBIGUOUS, "1": Reason.FILE_AMBIGUOUS}
    assert orphans == {"dok/a.txt"}


def test_two_encodings_of_one_name_are_two_files(find: Callable[..., Found]) -> None:
    found, _ = find(
        ["blå.txt", "ål (2).txt", "ål (2).txt//2"], ["blå.txt", b"bl\xe5.txt", "ål (2).txt", b"\xe5l (2).txt"]
    )
    assert found == {"0": Reason.FILE_AMBIGUOUS, "1": Reason.FILE_AMBIGUOUS, "2": Reason.FILE_MISSING}


def test_a_name_in_an_old_encoding_is_found_where_it_is_the_only_one(find: Callable[..., Found]) -> None:
    found, orphans = find(["mæ/blå.txt"], [b"m\xe6/bl\xe5.txt"])
    assert found == {"0": b"m\xe6/bl\xe5.txt"} and orphans == set()


def test_a_slash_or_a_dot_step_makes_no_other_name(find: Callable[..., Found]) -> None:
    found, orphans = find([r"dok\a.txt", r".\dok\\a.txt", "dok/x/../a.txt"], ["dok/a.txt"], paths="")
    assert set(found.values()) == {b"dok/a.txt"} and orphans == set()


def test_a_backslash_is_a_letter_where_the_mapping_says_so(find: Callable[..., Found]) -> None:
    found, orphans = find([r"dok\a.txt"], ["dok/a.txt"])
    assert found == {"0": Reason.FILE_MISSING} and orphans == {"dok/a.txt"}


def test_rows_that_are_left_out_count_as_names(find: Callable[..., Found]) -> None:
    rule = '[[document.exclude]]\nrule = "test"\nvalue = "ID"\nvalues = ["1"]\n'
    found, _ = find(["A.txt", "a.TXT"], ["a.txt"], paths="match_case = false\n", more=rule)
    assert found["0"] is Reason.FILE_AMBIGUOUS


def test_the_last_blanks_of_a_template_are_the_names_own(find: Callable[..., Found]) -> None:
    found, _ = find(
        ["a.txt ", "a.txt"], ["dok/a.txt", "dok/a.txt "], files_at=FILES.replace('"FIL"', '{ template = "dok/{FIL}" }')
    )
    assert found == {"0": b"dok/a.txt ", "1": b"dok/a.txt"}


def test_inspect_counts_by_the_same_rule(tmp_path: Path) -> None:
    root = tmp_path / "eksport"
    (root / "dok").mkdir(parents=True)
    names = ["dok/a1.rtf", "dok/B1.rtf", "dok/b1.RTF", "dok/c.rtf", "dok/d.rtf ", "dok/strasse.rtf"]
    rows = "".join(f"{n};1;{name}\n" for n, name in enumerate(names))
    (root / "dok.csv").write_text("ID;NR;FIL\n" + rows, encoding="utf-8")
    for file in ("a1.rtf", "A1.rtf", "B1.rtf", "C.rtf", "d.rtf", "straße.rtf"):
        (root / "dok" / file).write_text(file)
    report = inspect_export(root)
    assert (report.named, report.missing, report.ambiguous, report.orphans) == (6, 1, 1, 2)


NAMES = st.sets(st.sampled_from(["a", "A", "a ", "å", "a\u030a", "Å", "ß", "ss", "SS"]), max_size=5)


@given(NAMES, NAMES)
def test_no_file_is_given_to_two_names(names: set[str], files: set[str]) -> None:
    groups = by_group(
        sorted((fold_name(n, match_case=False), n) for n in names),
        sorted((fold_name(f, match_case=False), f) for f in files),
    )
    given_to: dict[str, str] = {}
    for rows, listed in groups:
        for name, answer in matches(rows, listed).items():
            if isinstance(answer, NoFile):
                assert name not in files
                assert (answer is NoFile.MISSING) is (not listed)
            else:
                assert listed[answer] not in given_to
                given_to[listed[answer]] = name
    assert {n for n in names if n in files} <= set(given_to.values())


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=12))
def test_folding_keeps_the_length_and_is_stable(text: str) -> None:
    folded = fold_letters(text)
    assert len(folded) == len(text)
    assert fold_letters(folded) == folded


def test_what_cannot_be_listed_or_leads_out_is_not_called_missing(
    find: Callable[..., Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ute").mkdir()
    (tmp_path / "ute" / "x.txt").write_text("x")
    root, real = tmp_path / "eksport", os.scandir

    def scandir(path: str) -> object:
        if Path(path) == root / "lukket":
            raise OSError(5, "Input/output error")
        if Path(path) == root and not (root / "ut").exists():
            (root / "ut").symlink_to(tmp_path / "ute")
            (root / "x.txt").symlink_to(tmp_path / "ute" / "x.txt")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    names = ["lukket/a.txt", "lukket/b/c.txt", "ut/x.txt", "x.txt", "annet/a.txt"]
    found, orphans = find(names, ["lukket/a.txt"])
    unknown, outside = Reason.UNREADABLE, Reason.PATH_OUTSIDE_EXPORT
    assert list(found.values()) == [unknown, unknown, outside, outside, Reason.FILE_MISSING]
    assert orphans == set()


def test_names_of_an_earlier_export_make_none_of_this_one_ambiguous(tmp_path: Path) -> None:
    mapping = loads(HEAD + "[paths]\nmatch_case = false\n" + PATIENT + DOCUMENT + FILES, Path("m.toml"))
    with Register(tmp_path / "register.sqlite") as register:
        for number, name in enumerate(("A.txt", "a.TXT"), start=1):
            root = tmp_path / str(number)
            root.mkdir()
            (root / "pas.csv").write_text("NR\n1\n")
            (root / "dok.csv").write_text(f"ID;NR;FIL\n{number};1;{name}\n")
            (root / "a.txt").write_text(str(number))
            with DirectorySource(root, mapping, tmp_path / "s.sqlite") as source:
                export, _ = register.begin_export(
                    root, delta=True, register_sha256=str(number), mapping_sha256="", now=""
                )
                read_export(register, source, export, lambda what, n: None)
            register.finish_export(export.number, "")
        (file,) = Planner(register, export.number).patient("1").documents[1].files
        assert file.path == tmp_path / "2" / "a.txt"
        assert not register.connection.execute("SELECT 1 FROM finding WHERE code='orphan-file'").fetchall()
