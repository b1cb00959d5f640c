"""Symbol fonts in HTML: which runs are set in one is found as CSS finds it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tinyhtml5

from archive.normalise.contract import Limits
from archive.normalise.html import html
from archive.normalise.htmlsigns import recode_signs
from archive.reasons import Flag
from archive.symbolfonts import UNKNOWN


def words(markup: str) -> str:
    root = tinyhtml5.parse(markup, namespace_html_elements=False)
    recode_signs(root, markup)
    body = root.find("body")
    assert body is not None
    return " ".join("".join(body.itertext()).split())


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("<p>25 <font face=Symbol>m</font>g", "25 µg"),
        ("<p>25 <FONT FACE='Symbol, Arial'>m</FONT>g", "25 µg"),
        ("<p><font face='Arial, Symbol'>m</font>", "m"),
        ("<p style='font-family: Wingdings'>þ<b>¨<i>ü</i></b>x</p>y", "☑□✓☒y"),
        ("<p style='font-family:Wingdings'>þ <span style='font-family:Arial'>ja <br>þ</span> ¨</p>", "☑ ja þ □"),
        ("<style>.a{font-family:\"Wingdings 2\"}</style><p class=a>R<p> R", "☑ R"),
        ("<style>@media print{p b{font-family:Webdings !important}}</style><p>a<b>a</b>", "a✔"),
        (
            "<style>#x{font:bold 12pt/14pt Symbol} i{font-family:Symbol}</style><i id=x style='font-family:Arial'>b</i>"
            "<i>b</i><u id=x>a",
            "bβα",
        ),
        ("<style>b{font:9px 'Symbol'} .n{font-family:serif}</style><b>b</b><b class=n>b", "βb"),
        ("<style>p:hover, ::before {font-family:Symbol} a[</style><font face=Symbol>a</font>", "α"),
        ("<p style='font-family:Symbol'>\uf0b3 38 &#8804;", "≥ 38 ≤"),
        (
            "<p><span style='font-family:Symbol;mso-list:Ignore'>·<span style='font:7.0pt \"Times New Roman\"'>&nbsp; a"
            "</span></span>punkt",
            "• apunkt",
        ),
        ("<p style='mso-fareast-font-family:Symbol'>m", "m"),
        ("<font face=Wingdings>&agrave;</font>", "→"),
        ("<font face='Segoe UI Symbol'>m</font>", "m"),
    ],
)  # fmt: skip
def test_runs_in_a_symbol_font_become_its_signs(markup: str, said: str) -> None:
    assert words(markup) == said


def test_a_page_says_and_shows_the_signs_and_tells_of_unknown_ones(tmp_path: Path) -> None:
    source = tmp_path / "a.html"
    source.write_text(
        "<meta charset=utf-8><p>Dose 50 <font face=symbol>m</font>g <font face=wingdings>þ</font> ja "
        "<font face=marlett>a</font>",
        encoding="utf-8",
    )
    made = html(source, tmp_path / "a.pdf", Limits())
    assert made.text is not None
    assert made.text.split() == ["Dose", "50", "µg", "☑", "ja", UNKNOWN]
    assert [f.code for f in made.flags] == [Flag.SYMBOLS_MISSING]
