"""Records that our routes show rightly are found sound by the second reading, and a lost value is not."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from archive.normalise.contract import Limits
from archive.normalise.html import html
from archive.normalise.jsonrecord import jsonrecord
from archive.normalise.sourcecheck import check
from archive.normalise.text_of import text_of
from archive.normalise.xmlrecord import xmlrecord
from archive.rereading.contract import Findings

NARRATIVE = """<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><text>
<paragraph>10<sup>9</sup> 10<sup>1,5</sup>
<content revised="delete">2,5 mg</content><content revised="insert">5 mg</content></paragraph>
<list listType="ordered"><item>a</item><item>b<list listType="ordered"><item>c</item></list></item></list>
<table><tr><td colspan="2">x</td><td colspan="2" rowspan="2">y</td></tr><tr><td ID="n2">z</td><td>w</td></tr></table>
</text><entry><act><text><reference value="#n2"/></text></act></entry>
<entry><act><text><reference value="#n2"/></text></act></entry>
</section></component></structuredBody></component></ClinicalDocument>"""
PDF = base64.b64encode(b"%PDF-1.3 noe langt nok").decode()
HELD = [
    r"{\rtf1 Hei p\'e5 deg}",
    "sa <b>nei</b> til 10<sup>9</sup><br>",
    PDF,
    r"{\rtf1 ny {\strike gammel}}",
    "Hb <10, >3",
]


def found(tmp_path: Path, content: str, family: str) -> tuple[Findings, Findings]:
    """What the second reading finds of the copy; and of one without its last number."""
    source = tmp_path / "source"
    source.write_text(content, encoding="utf-8")
    made = {"xml": xmlrecord, "json": jsonrecord, "html": html}[family](source, tmp_path / "out.pdf", Limits())
    shown, _ = text_of(made.pdf, most_pages=9)
    codes = [flag.code for flag in made.flags]
    first = check(source, family, shown, made.text or shown, codes)
    second = check(source, family, shown.replace("5", ""), (made.text or shown).replace("5", ""), codes)
    assert first is not None
    assert second is not None
    return first, second


@pytest.mark.parametrize(
    ("family", "content"),
    [
        ("xml", NARRATIVE),
        (
            "xml",
            '<a n="25">' + "".join(f"<b>{v.replace('&', '&amp;').replace('<', '&lt;')}</b>" for v in HELD) + "</a>",
        ),
        ("json", json.dumps({"verdier": HELD, "tall": 25})),
        (
            "html",
            "<style>.x{display:none}</style><p class=x>skjult</p>"
            "<p>10<sup>9</sup> 10<sup>1,5</sup> <s>25</s><ins>30</ins></p>",
        ),
    ],
)
def test_what_is_shown_is_found_and_what_is_lost_is_told(tmp_path: Path, family: str, content: str) -> None:
    whole, lacking = found(tmp_path, content, family)
    assert whole.sound, (whole.on_pages.lines, whole.in_text.lines)
    assert lacking.on_pages.numbers
