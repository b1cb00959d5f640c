"""XML registers: rows and columns by path, streamed; hostile and broken files are refused with their line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from archive.errors import MappingError, SourceUnreadableError
from extract.mapping.model import TableSpec
from extract.sources import xmltable
from extract.sources.xmltable import XmlTable
from extract.sources.xpaths import compile_xpath

NESTED = """<?xml version="1.0" encoding="iso-8859-1"?>
<eksport><eier>Prøve</eier>
 <pasient nr="1"><navn>Åse</navn>
  <dok id="a"><fil>x</fil><fil>y</fil><tekst>en <b>to</b> tre</tekst></dok>
  <dok id="b"/>
 </pasient>
 <pasient nr="2"><navn>Bo</navn><dok id="c"><fil> z </fil></dok></pasient>
</eksport>"""


def table(root: Path, content: str, row: str, needed: list[str], **spec: object) -> XmlTable:
    (root / "t.xml").write_bytes(content.encode("latin-1"))
    return XmlTable(
        root, TableSpec(name="t", where=(), file="t.xml", format="xml", row=row, **{"encoding": "", **spec}), needed
    )  # type: ignore[arg-type]


def rows(*args: object, **spec: object) -> list[list[str]]:
    return [values for _, values, _ in table(*args, **spec).rows()]  # type: ignore[arg-type]


@pytest.mark.parametrize("row", ["/eksport/pasient/dok", "dok", "pasient/dok", "/eksport/*/dok"])
def test_rows_inside_rows_see_what_is_above(tmp_path: Path, row: str) -> None:
    columns = ["@id", "../@nr", "../navn", "fil", "tekst", "../../eier", "count(fil)", "fil[2]"]
    assert rows(tmp_path, NESTED, row, columns) == [
        ["a", "1", "Åse", "x; y", "en to tre", "Prøve", "2", "y"],
        ["b", "1", "Åse", "", "", "Prøve", "0", ""],
        ["c", "2", "Bo", "z", "", "Prøve", "1", ""],
    ]


def test_places_have_lines(tmp_path: Path) -> None:
    assert [place for place, _, _ in table(tmp_path, NESTED, "dok", []).rows()] == ["t.xml:4", "t.xml:5", "t.xml:7"]


def test_namespaces(tmp_path: Path) -> None:
    text = '<e xmlns="urn:a" xmlns:q="urn:b"><q:r k="1"><n>x</n></q:r></e>'
    spaces = {"namespaces": (("a", "urn:a"), ("b", "urn:b"))}
    assert rows(tmp_path, text, "/a:e/b:r", ["@k", "a:n"], **spaces) == [["1", "x"]]
    with pytest.raises(ValueError, match="Undefined namespace prefix"):
        compile_xpath("c:n", TableSpec(name="t", where=(), file="t.xml"))
    with pytest.raises(ValueError, match="Invalid"):
        compile_xpath("a[", TableSpec(name="t", where=(), file="t.xml"))


def test_a_wrong_row_path_is_a_mistake_in_the_mapping(tmp_path: Path) -> None:
    with pytest.raises(
        MappingError, match=r"no element '/eksport/pasient/dokk'; did you mean '/eksport/pasient/dok'\?"
    ):
        rows(tmp_path, NESTED, "/eksport/pasient/dokk", ["@id"])


def test_broken_xml_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError, match=r"t\.xml:5: the XML is broken"):
        rows(tmp_path, NESTED.replace('<dok id="b"/>', '<dok id="b" <'), "dok", [])
    with pytest.raises(SourceUnreadableError, match=r"t\.xml:7: the XML is broken"):
        rows(tmp_path, NESTED[: NESTED.index("</pasient>\n</eks")], "dok", [])


@pytest.mark.parametrize(
    "entity",
    ['<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">', '<!ENTITY b SYSTEM "file:///etc/hostname">', '<!ENTITY % p "x">'],
)
def test_entities_are_refused(tmp_path: Path, entity: str) -> None:
    with pytest.raises(SourceUnreadableError, match="declares entities"):
        rows(tmp_path, f"<!DOCTYPE e [{entity}]><e><r>&b;</r></e>", "r", ["."])


def test_a_harmless_doctype_is_read(tmp_path: Path) -> None:
    assert rows(tmp_path, '<!DOCTYPE e SYSTEM "e.dtd"><e><r>1</r></e>', "r", ["."]) == [["1"]]


@pytest.mark.parametrize(("row", "look_up"), [("/e/d", False), ("/e/p/d", False), ("/e/p/d", True)])
def test_memory_does_not_grow_with_rows(tmp_path: Path, row: str, look_up: bool) -> None:
    """Measured from outside in a process of its own: libxml2's memory is not Python's."""
    text = "x" * 1_000
    inner = f"<d><f>{text}</f></d>"
    columns = ["f"]
    if row == "/e/p/d":
        columns += ["../navn", "../sist"] if look_up else []
        inner = f"<p><navn>{text}</navn><andre><x/></andre><andre>{text}</andre>{inner}<sist/></p>"

    def peak(count: int) -> int:
        with (tmp_path / "t.xml").open("w") as f:
            f.write("<e>")
            f.writelines(f"<annet>{text}</annet>{inner}\n" for _ in range(count))
            f.write("</e>")
        script = (
            "import resource, sys; from pathlib import Path\n"
            "from extract.mapping.model import TableSpec; from extract.sources.xmltable import XmlTable\n"
            f"spec = TableSpec(name='t', where=(), file='t.xml', format='xml', row={row!r}, encoding='')\n"
            f"print(sum(1 for _ in XmlTable(Path({str(tmp_path)!r}), spec, {columns!r}).rows()))\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
        assert int(out[0]) == count
        return int(out[1])

    assert peak(20_000) < peak(1_000) + 5_000  # kilobytes, of a file that grew by 40 000 or 80 000


def people(count: int, inside: str, *, before: str = "<fnr>{n}</fnr>", after: str = "", filler: int = 0) -> str:
    """An export of patients; `inside` holds a patient's documents, two in a wrapper."""
    filling = f"<annet>{'x' * filler}</annet>" if filler else ""
    each = f"<pasient nr='{{n}}'>{before}{filling}{inside}{after}</pasient>"
    return "<u><eier>E</eier>" + "".join(each.replace("{n}", str(n)) for n in range(count)) + "</u>"


WRAPPED = "<dokumenter><dok id='{n}a'/><dok id='{n}b'/></dokumenter>"
BARE = "<dok id='{n}a'/><mellom/><dok id='{n}b'/>"
OWN = [[f"{n}{d}", str(n)] for n in range(40) for d in "ab"]


@pytest.mark.parametrize("filler", [0, 900, 33_000])
@pytest.mark.parametrize("row", ["absolute", "relative"])
@pytest.mark.parametrize(
    ("before", "after"), [("<fnr>{n}</fnr>", ""), ("", "<fnr>{n}</fnr>"), ("<navn/>", "<fnr>{n}</fnr><x/>")]
)
@pytest.mark.parametrize(
    ("inside", "path", "column"),
    [
        (WRAPPED, "/u/pasient/dokumenter/dok", "../../fnr"),
        (WRAPPED, "/u/pasient/dokumenter/dok", "string(../../fnr)"),
        (WRAPPED, "/u/pasient/dokumenter/dok", "ancestor::pasient/fnr"),
        (BARE, "/u/pasient/dok", "../fnr"),
        (BARE, "/u/pasient/dok", "parent::*/fnr"),
    ],
)
def test_a_parents_value_holds_for_all_its_rows(
    tmp_path: Path, inside: str, path: str, column: str, before: str, after: str, row: str, filler: int
) -> None:
    """Above, beside and after the row, wherever the parser's chunks of 32 kB end."""
    text = people(40, inside, before=before, after=after, filler=filler)
    assert rows(tmp_path, text, path if row == "absolute" else "dok", ["@id", column]) == OWN


def test_what_a_parent_lacks_is_not_taken_from_another(tmp_path: Path) -> None:
    text = people(3, BARE).replace("<fnr>1</fnr>", "")
    assert [r[1] for r in rows(tmp_path, text, "dok", ["@id", "../fnr"])] == ["0", "0", "", "", "2", "2"]


def test_all_of_a_parents_values_hold_for_all_its_rows(tmp_path: Path) -> None:
    text = people(2, "<dok id='{n}'/><m>1<b>2</b></m><dok id='{n}'/><m>3</m>", before="")
    assert [r[1] for r in rows(tmp_path, text, "dok", ["@id", "../m"])] == ["12; 3"] * 4


def test_patients_without_rows_are_no_values_beside(tmp_path: Path) -> None:
    text = people(3, WRAPPED).replace("</u>", "<pasient nr='x'><fnr>9</fnr></pasient></u>")
    assert len(rows(tmp_path, text, "dok", ["@id", "ancestor::pasient/@nr", "/u/eier"])) == 6


@pytest.mark.parametrize("filler", [0, 40_000])
@pytest.mark.parametrize("first", ["", "<eier>A</eier>"])
def test_a_value_of_the_whole_file_after_its_rows_is_refused(tmp_path: Path, first: str, filler: int) -> None:
    text = f"<u>{first}<dok id='1'/><x>{'x' * filler}</x><dok id='2'/><eier>B</eier></u>"
    with pytest.raises(SourceUnreadableError, match=r"t\.xml:1: an element that the mapping reads"):
        rows(tmp_path, text, "dok", ["@id", "../eier"])


def test_a_flat_list_of_patients_and_their_rows_is_refused(tmp_path: Path) -> None:
    text = "<u><pas>1</pas><dok id='a'/><pas>2</pas><dok id='b'/></u>"
    with pytest.raises(SourceUnreadableError, match="whose it is"):
        rows(tmp_path, text, "dok", ["@id", "../pas"])


def test_a_parent_with_very_many_rows_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmltable, "_HELD", 3)
    text = people(5, "<dok id='{n}'/>" * 7)
    assert [r[1] for r in rows(tmp_path, text, "dok", ["@id", "../fnr"])] == [
        str(n) for n in range(5) for _ in range(7)
    ]
    with pytest.raises(SourceUnreadableError, match="whose it is"):
        rows(tmp_path, people(5, "<dok id='{n}'/>" * 7, before="", after="<fnr>{n}</fnr>"), "dok", ["@id", "../fnr"])


@pytest.mark.parametrize(
    "column", ["preceding-sibling::dok[1]/@id", "following::fnr", "..", "string(..)", "../dok[1]/@id", "../ p:dok/@id"]
)
def test_columns_that_would_read_other_rows_are_refused(column: str) -> None:
    spec = TableSpec(name="t", where=(), file="t.xml", row="/u/p:dok", namespaces=(("p", "urn:p"),))
    with pytest.raises(ValueError, match="row"):
        compile_xpath(column, spec)


@pytest.mark.parametrize("column", ["name(..)", "local-name( ..)", "../doknr", "'..'", "count(../fnr)", "@*", ".//fil"])
def test_columns_that_look_like_it_are_not_refused(column: str) -> None:
    compile_xpath(column, TableSpec(name="t", where=(), file="t.xml", row="/u/dok"))


def test_broken_xml_is_told_without_what_stands_in_it(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError) as caught:
        rows(tmp_path, "<u><dok>&Testesen; <b></dok></u>", "dok", ["."])
    assert "Testesen" not in str(caught.value)


def test_comments_and_instructions_around_rows_change_nothing(tmp_path: Path) -> None:
    text = people(3, WRAPPED).replace("<dok ", "<!-- x --><?y z?><dok ").replace("<u>", "<?a b?><u><!-- first -->")
    assert rows(tmp_path, text, "dok", ["@id", "../../fnr"]) == OWN[:6]
