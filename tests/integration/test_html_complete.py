"""Every page of the HTML corpus, and pages that are too wide for paper: no word is missing, none lies off its page.

The words are read from the source by lxml, without what no reader sees (scripts, styles, templates, comments, the
title), and looked for in the PDF's text and the text copy; the places of the letters are PDFium's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import lxml.html
import pypdfium2
import pytest

from archive.identify import identify
from archive.normalise.contract import Limits
from archive.normalise.html import _decoded, html
from archive.reasons import Flag

UNSEEN = ("script", "style", "template", "title", "iframe", "head", "option")
WIDE = {
    "many columns": "<table border=1>" + ("<tr>" + "<td>verdi1234</td>" * 22 + "</tr>") * 5 + "</table>",
    "far too many columns": "<table>" + ("<tr>" + "<td>kolonne</td>" * 90 + "</tr>") * 3 + "</table>",
    "one line": "<table><tr><td nowrap>" + "ord og mer " * 40 + "</td></tr></table>",
    "no space": f"<table><tr><td>{'x' * 900}</td><td>etter</td></tr></table>",
    "fixed width": "<div style='width:1900px;text-align:right'>langt til høyre</div>",
    "preformatted": "<pre style='white-space:pre'>" + "kolonne " * 40 + "</pre>",
    "placed": "<div style='position:absolute;left:1500px;top:40px'>til høyre</div>",
    "placed below": "<div style='position:absolute;left:20px;top:4000px'>langt nede</div>",
    "placed outside": "<div style='position:absolute;left:-900px'>utenfor</div>",
    "indented away": "<p style='text-indent:-9999px'>borte</p>",
    "scrolled": "<div style='height:40px;overflow-y:scroll'>" + "<p>linje</p>" * 40 + "<p>siste</p></div>",
}


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def said(source: str) -> Iterator[str]:
    root = lxml.html.document_fromstring(source)
    for element in root.iter():
        if isinstance(element.tag, str):
            if not any(above.tag in UNSEEN for above in (element, *element.iterancestors())):
                yield element.text or ""
            above = element.getparent()
            if above is None or not any(e.tag in UNSEEN for e in (above, *above.iterancestors())):
                yield element.tail or ""
        else:
            yield element.tail or ""


def off_page(pdf: Path) -> int:
    """How many letters do not lie on their page (within two points)."""
    found = 0
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            width, height = page.get_size()
            text = page.get_textpage()
            for i in range(text.count_chars()):
                left, bottom, right, top = text.get_charbox(i)
                found += left < -2 or bottom < -2 or right > width + 2 or top > height + 2
    return found


def shown(pdf: Path) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "".join("".join(page.get_textpage().get_text_range().split()) for page in document)


@pytest.mark.parametrize("name", WIDE)
def test_what_is_too_wide_is_all_there(tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    source.write_text(f"<meta charset=utf-8><h1>Før</h1>{WIDE[name]}<p>til slutt</p>", encoding="utf-8")
    result = html(source, tmp_path / "out.pdf", Limits())
    assert off_page(result.pdf) == 0
    on_page = shown(result.pdf)
    assert all(word in on_page for text in said(source.read_text("utf-8")) for word in words(text))
    assert not result.flags


@pytest.mark.slow
def test_no_word_of_the_corpus_is_missing(shared: Path, tmp_path: Path) -> None:
    missing: dict[str, list[str]] = {}
    done = 0
    for i, path in enumerate(sorted((shared / "corpus" / "html").iterdir())):
        if identify(path, path.name).family != "html":
            continue
        result = html(path, tmp_path / f"{i}.pdf", Limits())
        done += 1
        if lost := off_page(result.pdf):
            missing[path.name] = [f"{lost} letters off the page"]
        if any(flag.code is Flag.GLYPHS_MISSING for flag in result.flags):
            continue
        text, _ = _decoded(path.read_bytes())
        copy = "".join((result.text or "").split())
        lost_words = sorted({word for part in said(re.sub(r"^\s*<\?xml[^>]*\?>", "", text)) for word in words(part)})
        lost_words = [word for word in lost_words if word not in copy]
        if lost_words:
            missing.setdefault(path.name, []).extend(lost_words[:5])
    assert done >= 45
    assert not missing
