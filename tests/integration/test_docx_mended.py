"""What LibreOffice alone would leave out of a Word document stands in its place: formulas, other formats, links."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from archive.normalise.contract import Limits, Normalised
from archive.normalise.docxmend import mended_docx
from archive.normalise.ladder import Normaliser
from archive.reasons import Flag
from tests.documents import docx, job, run
from tests.officefiles import packed, word

_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MATH = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
_DRAWING = (
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"'
)
_PICTURE = (
    f'<w:r><w:drawing {_DRAWING}><wp:inline><wp:extent cx="900" cy="900"/><wp:docPr id="1" name="n" descr="Thorax"/>'
    '<a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:blipFill>'
    '<a:blip r:link="far"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>'
)
_OLD_PICTURE = '<w:r><w:pict><v:shape alt="EKG"><v:imagedata r:id="far"/></v:shape></w:pict></w:r>'
_FORMULA = (
    f"<m:oMathPara {_MATH}><m:oMath><m:r><m:t>BMI=</m:t></m:r><m:f><m:num><m:r><m:t>92</m:t></m:r></m:num><m:den>"
    "<m:r><m:t>x</m:t></m:r></m:den></m:f></m:oMath></m:oMathPara>"
)


def with_part(body: str, name: str, content: bytes, ending: str = "htm", kind: str = "text/html") -> bytes:
    with zipfile.ZipFile(BytesIO(word(body))) as archive:
        members: dict[str, str | bytes] = {n: archive.read(n) for n in archive.namelist()}
        relations = archive.read("word/_rels/document.xml.rels").decode()
        types = archive.read("[Content_Types].xml").decode()
    more = f'<Relationship Id="part" Type="{_KIND}/aFChunk" Target="{name}"/>'
    more += f'<Relationship Id="far" Type="{_KIND}/image" Target="file:///C:/bilder/th%20x.png" TargetMode="External"/>'
    members["word/_rels/document.xml.rels"] = relations.replace("</Relationships>", f"{more}</Relationships>")
    default = f'<Default Extension="{ending}" ContentType="{kind}"/>'
    members["[Content_Types].xml"] = types.replace("<Override", f"{default}<Override", 1)
    members["word/del.htm" if name.startswith(("/", "DEL", "del.h")) else f"word/{name}"] = content
    return packed(members)


def p(inner: str) -> str:
    return f"<w:p>{inner}</w:p>"


_PART = '<w:altChunk r:id="part"/>'
_HTML = b"<p>Trykk <b>180/110</b><p>10<sup>9</sup>"
FILES = {
    "html": (with_part(p(run("foran")) + _PART + p(run("bak")), "del.htm", _HTML), "foran Trykk 180/110 109 bak"),
    "absolute": (with_part(_PART + p(run("bak")), "/word/del.htm", b"<p>helt sted"), "helt sted bak"),
    "case": (with_part(_PART + p(run("bak")), "DEL.HTM", b"<p>stor sti"), "stor sti bak"),
    "rtf": (
        with_part(
            _PART + p(run("bak")), "d.rtf", rb"{\rtf1{\fonttbl{\f0 Arial;}}\f0 kreatinin 220\par}", "rtf", "x/rtf"
        ),
        "kreatinin 220 bak",
    ),
    "cell": (
        with_part(f"<w:tbl><w:tr><w:tc>{_PART}<w:p/></w:tc></w:tr></w:tbl>{p(run('bak'))}", "del.htm", b"<p>i celle"),
        "i celle bak",
    ),
    "formula": (docx(f"{run('Under ')}{_FORMULA}{run(' over')}"), "Under BMI=92 / x over"),
    "picture": (
        with_part(p(run("a ") + _PICTURE + run(" b")), "x.htm", b""),
        "a [Bilde «Thorax» er ikke i kopien: file:///C:/bilder/th x.png] b",
    ),
    "drawn": (
        docx(
            run("a ") + '<w:r><w:pict xmlns:v="urn:schemas-microsoft-com:vml"><v:shape type="#_x0000_t136" '
            'style="width:90pt;height:40pt"><v:textpath string="UTKAST 7"/></v:shape></w:pict></w:r>' + run(" b")
        ),
        "a UTKAST 7 b",
    ),
    "old picture": (
        with_part(p(run("a ") + _OLD_PICTURE + run(" b")), "x.htm", b""),
        "a [Bilde «EKG» er ikke i kopien: file:///C:/bilder/th x.png] b",
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Normalised]:
    folder = tmp_path_factory.mktemp("mended")
    jobs = []
    for name, (content, _) in FILES.items():
        (folder / f"{name}.docx").write_bytes(content)
        jobs.append(job(folder / f"{name}.docx", name.replace(" ", "-")))
    with Normaliser(Limits(seconds=60), folder / "work") as normaliser:
        made = normaliser.normalise(jobs, folder / "out")
    assert all(isinstance(outcome, Normalised) for outcome in made.values()), made
    return {key: outcome for key, outcome in made.items() if isinstance(outcome, Normalised)}


@pytest.mark.parametrize("name", FILES)
def test_it_stands_in_its_place(outcomes: dict[str, Normalised], name: str) -> None:
    outcome = outcomes[name.replace(" ", "-")]
    page = outcome.text.read_text(encoding="utf-8").partition("\f")[0]
    assert " ".join(page.split()) == FILES[name][1]
    assert Flag.WORDS_MISSING not in {f.code for f in outcome.flags}


@pytest.mark.parametrize("content", [docx(run("altChunk oMath r:link=")), docx(run("x")), b"PK\x03\x04 broken", b""])
def test_what_needs_no_mending_is_not_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.docx").write_bytes(content)
    assert not mended_docx(tmp_path / "a.docx", tmp_path / "b.docx")
    assert not (tmp_path / "b.docx").exists()
