"""Signs of symbol fonts stand on the page and in the text copy, whichever format and way of storing they come in."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from fontTools.ttLib import TTFont

from archive.normalise import signs
from archive.normalise.contract import Limits, Normalised
from archive.normalise.ladder import Normaliser
from archive.reasons import Flag
from archive.symbolfonts import UNKNOWN, Encoding, encoding_of, sign
from tests.documents import docx, job, run
from tests.officefiles import as_family, packed, word

RTF = (
    rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}{\f1\froman\fcharset2 Symbol;}"
    rb"{\f2\fcharset2 Wingdings;}{\f3\fcharset2 Wingdings 3;}{\f4\fcharset2 Monotype Sorts;}}\f0\fs24 "
    rb"Dose 75 {\f1 m}g, puls {\f1\'a3} 60, {\b\f1 b}-blokker, Na{\f1\u-4048?}. Ja {\f2\'fe} nei {\f2\'a8} opp {\f3 #} "
    rb"ok {\f4 4}\par\trowd\cellx3000\cellx6000\intbl{\f1 D}-verdi\cell{\f2\'e0} inn\cell\row\pard"
    rb" slutt{\field{\*\fldinst SEQ a}{\fldrslt 7}}\par}"
)
SAYS = ("75 µg", "puls ≤ 60", "β-blokker", "Ja ☑ nei □", "opp ↑", "ok ✔", "Δ-verdi", "→ inn")
DRAWN = {Encoding.SYMBOL, Encoding.WINGDINGS, Encoding.WINGDINGS_3, Encoding.DINGBATS}


def font(name: str, text: str) -> str:
    return f'<w:r><w:rPr><w:rFonts w:ascii="{name}" w:hAnsi="{name}" w:cs="{name}"/></w:rPr><w:t>{text}</w:t></w:r>'


def letters_and_codes() -> bytes:
    body = run("a ") + font("Symbol", "m") + font("Symbol", "\uf06d") + run(" b ") + font("Wingdings", "þ")
    body += '<w:r><w:sym w:font="Symbol" w:char="F06D"/></w:r><w:r><w:sym w:font="Wingdings" w:char="00FE"/></w:r>'
    return docx(body + run(" c ") + font("Symbol", "→") + font("Symbol MT", "b"))


def style_and_list() -> bytes:
    names = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    fonts = '<w:rPr><w:rFonts w:ascii="Wingdings" w:hAnsi="Wingdings"/></w:rPr>'
    parts = {
        "styles": f'<w:styles {names}><w:style w:type="character" w:styleId="T"><w:name w:val="Tegn"/>{fonts}</w:style>'
        "</w:styles>",
        "numbering": f'<w:numbering {names}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt '
        f'w:val="bullet"/><w:lvlText w:val="\uf0fc"/>{fonts}</w:lvl></w:abstractNum><w:num w:numId="1">'
        '<w:abstractNumId w:val="0"/></w:num></w:numbering>',
    }
    body = f'<w:p><w:r><w:rPr><w:rStyle w:val="T"/></w:rPr><w:t>þ</w:t></w:r>{run(" ja")}</w:p>'
    body += f'<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>{run("punkt")}</w:p>'
    with zipfile.ZipFile(BytesIO(word(body))) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    kinds = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    target = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    for kind, content in parts.items():
        members[f"word/{kind}.xml"] = content
        for name, end, entry in (
            ("[Content_Types].xml", "Types", f'Override PartName="/word/{kind}.xml" ContentType="{kinds}.{kind}+xml"'),
            (
                "word/_rels/document.xml.rels",
                "Relationships",
                f'Relationship Id="{kind}" Type="{target}/{kind}" Target="{kind}.xml"',
            ),
        ):
            members[name] = members[name].replace(f"</{end}>", f"<{entry}/></{end}>")
    return packed(dict(members))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Normalised]:
    """All files of this module, taken at once."""
    folder = tmp_path_factory.mktemp("signs")
    files = {
        "rtf": RTF,
        "letters.docx": letters_and_codes(),
        "style.docx": style_and_list(),
        "unknown.docx": docx(run("før ") + font("Marlett", "a") + font("Symbol", "\uf0ff") + run(" etter")),
        "private.docx": docx(run("før \ue123 etter")),
    }
    for family in ("doc", "odt"):
        files[family] = as_family(RTF, "rtf", family, folder).read_bytes()
    found = {}
    with Normaliser(Limits(seconds=60), folder / "work") as normaliser:
        jobs = [job(put(folder, f"x-{name}", files[name]), name, f"x.{name.split('.')[-1]}") for name in files]
        for key, outcome in normaliser.normalise(jobs, folder / "out").items():
            assert isinstance(outcome, Normalised), outcome
            assert outcome.verdict is not None
            assert outcome.verdict.passed
            found[key] = outcome
    return found


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def text_of(outcome: Normalised) -> str:
    """What the first page says."""
    return " ".join(outcome.text.read_text(encoding="utf-8").partition("\f")[0].split())


def flags(outcome: Normalised) -> set[Flag]:
    return {f.code for f in outcome.flags}


def drawn_in(pdf: Path) -> set[Encoding]:
    with pikepdf.open(pdf) as document:
        fonts = [str(font.BaseFont).lstrip("/") for page in document.pages for font in page.Resources.Font.values()]
    return {encoding for font in fonts if (encoding := encoding_of(font)) is not None}


@pytest.mark.parametrize("family", ["rtf", "doc", "odt"])
def test_signs_of_every_family_say_and_show_what_they_mean(outcomes: dict[str, Normalised], family: str) -> None:
    outcome = outcomes[family]
    text = text_of(outcome)
    assert [said for said in SAYS if said not in text] == []
    assert not flags(outcome) & {Flag.SYMBOLS_MISSING, Flag.SYMBOLS_UNREADABLE}
    assert outcome.flavour in ("2a", "2u")
    assert drawn_in(outcome.pdf) == DRAWN


def test_letters_private_codes_and_symbol_elements_of_docx_are_one(outcomes: dict[str, Normalised]) -> None:
    assert text_of(outcomes["letters.docx"]) == "a µµ b ☑µ☑ c →β"


def test_a_style_and_a_list_may_name_the_font(outcomes: dict[str, Normalised]) -> None:
    assert text_of(outcomes["style.docx"]) == "☑ ja ✓ punkt"


def test_a_sign_without_a_known_meaning_is_marked_and_told(outcomes: dict[str, Normalised]) -> None:
    assert text_of(outcomes["unknown.docx"]) == f"før {UNKNOWN}{UNKNOWN} etter"
    assert Flag.SYMBOLS_MISSING in flags(outcomes["unknown.docx"])


def test_a_private_character_of_no_known_font_is_told(outcomes: dict[str, Normalised]) -> None:
    assert Flag.SYMBOLS_UNREADABLE in flags(outcomes["private.docx"])


@pytest.mark.parametrize("encoding", list(Encoding))
def test_the_fonts_draw_what_the_tables_say(encoding: Encoding) -> None:
    """Each font was made from the tables as they are: glyphs of equal names for equal signs, different for others."""
    folder = Path(signs.__file__).with_name("signfonts")
    with TTFont(folder / f"{encoding.value.replace(' ', '')}.ttf") as font_file:
        family = font_file["name"].getDebugName(1)
        tables = font_file["cmap"].tables
        assert [(t.platformID, t.platEncID) for t in tables] == [(3, 0)]
        glyphs = tables[0].cmap
        outlines = {code: font_file["glyf"][name] for code, name in glyphs.items()}
    assert encoding_of(family) == encoding
    assert sorted(glyphs) == list(range(0xF020, 0xF100))
    by_sign: dict[str, set[str]] = {}
    for code in range(0x21, 0x100):
        by_sign.setdefault(sign(encoding, code) or UNKNOWN, set()).add(glyphs[0xF000 + code])
        assert outlines[0xF000 + code].numberOfContours != 0
    assert all(len(names) == 1 for names in by_sign.values())
    assert len({name for names in by_sign.values() for name in names}) == len(by_sign)
