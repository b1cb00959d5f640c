"""Workbooks whose cells are too narrow: numbers and dates are readable on the page, long texts go on in their cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.normalise.contract import Limits, Normalised
from archive.normalise.ladder import Normaliser
from archive.normalise.sheetmend import mended_xlsx
from archive.reasons import Flag
from tests.documents import job
from tests.officefiles import as_family, packed

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KINDS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts><numFmt numFmtId="164" formatCode="0.000&quot; mmol/l&quot;"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><sz val="22"/><name val="Calibri"/></font>'
    '</fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/>'
    '</cellStyleXfs><cellXfs><xf numFmtId="0" fontId="0"/><xf numFmtId="14" fontId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="164" fontId="0" applyNumberFormat="1"/><xf numFmtId="4" fontId="1" applyNumberFormat="1"/></cellXfs>'
    "</styleSheet>"
)


def text(place: str, words: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{words}</t></is></c>'


def workbook(columns: str, *rows: str) -> bytes:
    sheet = f'<worksheet xmlns="{_MAIN}">{columns}<sheetData>{"".join(rows)}</sheetData></worksheet>'
    kinds = {"workbook": "sheet.main", "worksheets/sheet1": "worksheet", "styles": "styles"}
    overrides = "".join(f'<Override PartName="/xl/{n}.xml" ContentType="{_KINDS}.{k}+xml"/>' for n, k in kinds.items())
    return packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
            f'"application/vnd.openxmlformats-package.relationships+xml"/>{overrides}</Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r" Type="{_OFFICE}/'
            'officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="A" sheetId="1" '
            'r:id="s"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="s" '
            f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="t" Type="{_OFFICE}/styles" '
            'Target="styles.xml"/></Relationships>',
            "xl/styles.xml": _STYLES,
            "xl/worksheets/sheet1.xml": sheet,
        }
    )


LONG = "Lang merknad om svaret som fortsetter og fortsetter helt til den er ferdig her"
NARROW = workbook(
    '<cols><col min="1" max="3" width="4" customWidth="1"/><col min="5" max="5" width="3" customWidth="1"/></cols>',
    '<row r="1"><c r="A1"><v>123456.78</v></c><c r="B1" s="1"><v>37653</v></c><c r="C1" s="2"><v>5.4</v></c>'
    '<c r="D1" s="3"><v>9876543.21</v></c><c r="E1"><v>-44</v></c></row>',
    f'<row r="2" ht="15" customHeight="1">{text("A2", LONG)}{text("B2", "nabo")}</row>',
)
SAYS = ("123456,78", "01.02.2003", "5,400 mmol/l", "9 876 543,21", "-44", "nabo")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Normalised]:
    folder = tmp_path_factory.mktemp("sheets")
    (folder / "a.xlsx").write_bytes(NARROW)
    as_family(NARROW, "xlsx", "xls", folder).rename(folder / "a.xls")
    with Normaliser(Limits(seconds=60), folder / "work") as normaliser:
        made = normaliser.normalise([job(folder / f"a.{k}", k) for k in ("xlsx", "xls")], folder / "out")
    return {key: outcome for key, outcome in made.items() if isinstance(outcome, Normalised)}


def test_numbers_dates_and_long_texts_are_shown(outcomes: dict[str, Normalised]) -> None:
    outcome = outcomes["xlsx"]
    said = " ".join(outcome.text.read_text(encoding="utf-8").replace("\u00a0", " ").replace("\u202f", " ").split())
    assert [words for words in SAYS if words not in said] == []
    assert "###" not in said
    assert sorted(set(LONG.split()) - set(said.split())) == []
    assert not {f.code for f in outcome.flags} & {Flag.CELLS_CLIPPED, Flag.NUMBERS_CHANGED, Flag.WORDS_MISSING}


def test_cells_that_stay_too_narrow_are_told(outcomes: dict[str, Normalised]) -> None:
    outcome = outcomes["xls"]
    clipped = "###" in outcome.text.read_text(encoding="utf-8")
    assert clipped == (Flag.CELLS_CLIPPED in {f.code for f in outcome.flags})
    assert clipped


@pytest.mark.parametrize(
    "content",
    [
        workbook('<cols><col min="1" max="2" width="20"/></cols>', '<row r="1"><c r="A1"><v>12</v></c></row>'),
        workbook("", f'<row r="1">{text("A1", "lang tekst uten nabo til høyre for seg")}</row>'),
        b"PK\x03\x04 broken",
        b"",
    ],
)
def test_sound_and_unreadable_workbooks_are_not_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    assert not mended_xlsx(tmp_path / "a.xlsx", tmp_path / "b.xlsx")
    assert not (tmp_path / "b.xlsx").exists()
