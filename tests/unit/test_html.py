from __future__ import annotations

from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.normalise.contract import Limits, Made
from archive.normalise.html import html
from archive.reasons import DocumentProblem, Flag, Reason

LIMITS = Limits()


def made(tmp_path: Path, content: bytes, limits: Limits = LIMITS) -> Made:
    source = tmp_path / "source"
    source.write_bytes(content)
    out = tmp_path / "out.pdf"
    out.unlink(missing_ok=True)
    return html(source, out, limits)


def text(pdf: Path) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


@pytest.mark.parametrize(
    "content",
    [
        "<p>Blåbær</p>".encode(),
        '<meta charset="iso-8859-1"><p>Blåbær</p>'.encode("latin-1"),
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><p>Blåbær</p>'.encode("cp1252"),
        '<meta charset="utf-8"><p>Blåbær er på bordet for øyeblikket</p>'.encode("cp1252"),
        "<p>Blåbær er på bordet</p>".encode("cp850"),
        "<p>Blåbær</p>".encode("utf-16"),
        '<?xml version="1.0" encoding="iso-8859-1"?><html><body><p>Blåbær</p></body></html>'.encode("latin-1"),
    ],
)
def test_the_encoding_is_found(tmp_path: Path, content: bytes) -> None:
    assert "Blåbær" in text(made(tmp_path, content).pdf)


def test_scripts_are_ignored_and_flagged(tmp_path: Path) -> None:
    result = made(tmp_path, b'<p onclick="x()">hei<script>document.write("ond")</script> verden</p>')
    assert "hei verden" in text(result.pdf)
    assert "ond" not in text(result.pdf)
    assert [f.code for f in result.flags] == [Flag.ACTIVE_CONTENT_REMOVED]


def test_nothing_outside_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.html"
    secret.write_text("<p>hemmelig</p>")
    css = tmp_path / "secret.css"
    css.write_text("p::after { content: 'hemmelig' }")
    result = made(
        tmp_path,
        f'<link rel="stylesheet" href="{css.as_uri()}"><style>@import url("{css.as_uri()}");</style>'
        f'<object data="{secret.as_uri()}"></object><iframe src="{secret.as_uri()}"></iframe>'
        f'<link rel="attachment" href="{secret.as_uri()}"><img src="{secret.as_uri()}"><p>innhold</p>'.encode(),
    )
    assert "innhold" in text(result.pdf)
    assert "hemmelig" not in text(result.pdf)
    with pikepdf.open(result.pdf) as pdf:
        assert "/EmbeddedFiles" not in pdf.Root.get("/Names", {})


def test_data_images_are_shown(tmp_path: Path) -> None:
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
    result = made(tmp_path, f'<p>bilde <img src="data:image/png;base64,{dot}" width=50></p>'.encode())
    with pikepdf.open(result.pdf) as pdf:
        assert len(pdf.pages[0].Resources.XObject) == 1
    assert not result.flags


def test_a_fragment_and_a_template_are_pages(tmp_path: Path) -> None:
    assert "hei {{ navn }}" in text(made(tmp_path, b"<div ng-if='x'>hei {{ navn }}").pdf)


def test_characters_without_font_are_visible(tmp_path: Path) -> None:
    result = made(tmp_path, ("<p>Takk \U0001fae8</p><p>" + "mer tekst " * 20 + "</p>").encode())
    assert "‹U+1FAE8›" in text(result.pdf)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, b"<div>" * 3000 + b"x")
    assert problem.value.reason is Reason.RESOURCE_LIMIT


def test_what_can_grow_runs_contained(tmp_path: Path) -> None:
    result = made(tmp_path, b"<style>:root{--a:1cm} p{margin-left:var(--a)}</style><p>hei<script>1</script></p>")
    assert "hei" in text(result.pdf)
    assert [f.code for f in result.flags] == [Flag.ACTIVE_CONTENT_REMOVED]


def test_exponential_styles_end(tmp_path: Path) -> None:
    laughs = "".join(f"--a{i}:var(--a{i - 1}) var(--a{i - 1});" for i in range(1, 60))
    content = f"<style>p{{--a0:x;{laughs}font-family:var(--a59)}}</style><p>hei</p>".encode()
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, content, Limits(seconds=4.0, memory_bytes=1 << 30))
    assert problem.value.reason in (Reason.CONVERSION_TIMEOUT, Reason.RESOURCE_LIMIT, Reason.CONVERSION_FAILED)


def test_missing_pictures_and_frames_are_told_in_place(tmp_path: Path) -> None:
    result = made(
        tmp_path,
        b"""<p>f\xc3\xb8r <img src="http://epj.local/rtg.jpg" alt="Thorax"> etter</p>
        <img src="spacer.gif" width=1 height=1>
        <iframe src="svar.html"></iframe><object data="ekg.pdf">reserve</object>""",
    )
    shown = " ".join(text(result.pdf).split())
    assert "f\xf8r [Bilde \xabThorax\xbb er ikke i kopien: http://epj.local/rtg.jpg] etter" in shown
    assert "[Ramme er ikke i kopien: svar.html]" in shown
    assert "[Innbygd fil er ikke i kopien: ekg.pdf] reserve" in shown
    assert "spacer" not in shown
    assert [f.code for f in result.flags] == [Flag.ACTIVE_CONTENT_REMOVED]


def test_frames_and_their_replacement_are_shown(tmp_path: Path) -> None:
    content = b"<frameset><frame src='a.htm'><noframes><p>uten rammer</p></noframes></frameset>"
    shown = " ".join(text(made(tmp_path, content).pdf).split())
    assert "[Ramme er ikke i kopien: a.htm]" in shown
    assert "uten rammer" in shown


@pytest.mark.parametrize(
    "content",
    [
        b"<p style='display:none'>skjult ord</p><p>synlig</p>",
        b"<style>.x{visibility:hidden}</style><p class=x>skjult ord</p><p>synlig</p>",
        b"<p hidden>skjult ord</p><p>synlig</p>",
        b"<style>@media print{.x{display:none}}</style><p class=x>skjult ord</p><p>synlig</p>",
    ],
)
def test_hidden_text_is_in_the_text_copy_and_flagged(tmp_path: Path, content: bytes) -> None:
    result = made(tmp_path, content)
    assert "skjult" not in text(result.pdf)
    assert (result.text or "").endswith("\nTekst i kilden som ikke vises p\xe5 siden:\nskjult ord\n")
    assert [f.code for f in result.flags] == [Flag.HIDDEN_TEXT]


def test_forms_show_what_was_filled_in(tmp_path: Path) -> None:
    content = (
        b"<form><input value='verdi i felt'><textarea>tekst</textarea><select><option>en<option selected>to</select>"
        b"<input type=hidden value=teknisk></form>"
    )
    shown = text(made(tmp_path, content).pdf)
    assert all(word in shown for word in ("verdi i felt", "tekst", "to"))
    assert "teknisk" not in shown


def test_moderately_deep_nesting_is_laid_out_elsewhere(tmp_path: Path) -> None:
    assert "x" in text(made(tmp_path, b"<div>" * 300 + b"x" + b"</div>" * 300).pdf)


def test_pages_are_limited(tmp_path: Path) -> None:
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, b"<p style='page-break-after:always'>x</p>" * 4, Limits(pages=3))
    assert problem.value.reason is Reason.RESOURCE_LIMIT


def test_the_same_bytes_give_the_same_pdf(tmp_path: Path) -> None:
    content = b"<h1>a</h1><p>b <b>c</b></p>"
    first = made(tmp_path, content).pdf.read_bytes()
    made(tmp_path, b"<p style='font-family:DejaVu Serif'>noe \xe2\x82\xac annet</p>")
    assert made(tmp_path, content).pdf.read_bytes() == first


PIECES = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<b>",
        "<table>",
        "<td/colspan=9>",
        "</table>",
        "<img/src=x>",
        "<iframe>",
        "</iframe>",
        "<!--",
        "-->",
        "<frame>",
        "<style>",
        "</style>",
        "p{color:red}",
        "<svg>",
        "æøå",
        "ord",
        "\x00",
        "&#0;",
        "&amp",
        "<",
        "]]>",
        "<object/data=y>",
        "<select><option>",
        "<a/href='javascript:x'>",
        "<math>",
        "<li>",
        "style='width:1e9px'",
        ">",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=40), st.binary(max_size=60))
def test_any_bytes_are_a_page_or_a_problem(tmp_path: Path, pieces: list[str], rest: bytes) -> None:
    try:
        result = made(tmp_path, "".join(pieces).encode() + rest, Limits(seconds=20))
    except DocumentProblem:
        return
    assert result.pdf.read_bytes().startswith(b"%PDF-")


def test_a_word_that_the_engine_would_cut_is_refused(tmp_path: Path) -> None:
    assert shown_count(made(tmp_path, b"<p>" + b"x" * 9_000)) == 9_000
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, b"<p>" + b"x" * 20_000)
    assert problem.value.reason is Reason.CONVERSION_FAILED


def shown_count(result: Made) -> int:
    return text(result.pdf).count("x")
