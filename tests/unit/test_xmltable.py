"""XML registers: rows and columns by path, streamed; hostile and broken files are refused with their line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from archive.errors import MappingError, SourceUnreadableError
from extract.mapping.model import TableSpec
from extract.sources.xmltable import XmlTable, compile_xpath

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


@pytest.mark.parametrize("row", ["/e/d", "/e/p/d"])
def test_memory_does_not_grow_with_rows(tmp_path: Path, row: str) -> None:
    """Measured from outside in a process of its own: libxml2's memory is not Python's."""
    text = "x" * 1_000
    inner = f"<d><f>{text}</f></d>"
    if row == "/e/p/d":
        inner = f"<p><navn>{text}</navn><andre><x/></andre><andre>{text}</andre>{inner}</p>"

    def peak(count: int) -> int:
        with (tmp_path / "t.xml").open("w") as f:
            f.write("<e>")
            f.writelines(f"<annet>{text}</annet>{inner}\n" for _ in range(count))
            f.write("</e>")
        script = (
            "import resource, sys; from pathlib import Path\n"
            "from extract.mapping.model import TableSpec; from extract.sources.xmltable import XmlTable\n"
            f"spec = TableSpec(name='t', where=(), file='t.xml', format='xml', row={row!r}, encoding='')\n"
            f"print(sum(1 for _ in XmlTable(Path({str(tmp_path)!r}), spec, ['f']).rows()))\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
        assert int(out[0]) == count
        return int(out[1])

    assert peak(20_000) < peak(1_000) + 5_000  # kilobytes, of a file that grew by 40 000 or 80 000
