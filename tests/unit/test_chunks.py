"""Parts of Word documents in other formats, as paragraphs."""

from __future__ import annotations

import pytest

from archive.normalise.chunks import chunk

MHTML = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; "
    b"charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Pr=F8ve 12,5</p>\r\n--b--\r\n"
)


def said(content: bytes) -> list[str]:
    found = chunk(content)
    assert found is not None
    return ["".join(text for text, _ in paragraph).strip() for paragraph in found]


@pytest.mark.parametrize(
    ("content", "paragraphs"),
    [
        ("<html><meta charset=utf-8><p>BT <b>180/110</b>, på Ås<p>To".encode(), ["BT 180/110, på Ås", "To"]),
        (b"<div>En<div>To</div>Tre<br>Fire</div>", ["En", "To", "Tre\nFire"]),
        (b"<table><tr><td>Hb</td><td>13,2</td></tr><tr><td>CRP<td>5</table>", ["Hb\t13,2", "CRP\t5"]),
        (b"<ul><li>en<li>to</ul><script>x</script><style>p{}</style>", ["• en", "• to"]),
        (b"<p>50 <font face=Symbol>m</font>g</p>", ["50 µg"]),
        (b"<p><img alt='Thorax'><input value='svar'></p>", ["[Bilde «Thorax» er ikke i kopien]svar"]),
        (b"<pre>a  b\nc</pre>", ["a  b\nc"]),
        (MHTML, ["Prøve 12,5"]),
        ("Glukose 22\r\nneste, å".encode("cp1252"), ["Glukose 22", "neste, å"]),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}\f0 Kreatinin {\b 220}\par\trowd\cellx2000\cellx4000\intbl A\cell B\cell\row}",
         ["Kreatinin 220", "A\tB"]),
    ],
)  # fmt: skip
def test_paragraphs_of_each_format(content: bytes, paragraphs: list[str]) -> None:
    assert said(content) == paragraphs


def test_looks_are_kept() -> None:
    found = chunk(b"<p>10<sup>9</sup> <b><i>x</i></b> <del>borte</del></p>")
    assert found == [[("10", ""), ("9", "superscript"), (" ", ""), ("x", "b i"), (" ", ""), ("borte", "strike")]]
    assert chunk(rb"{\rtf1{\fonttbl{\f0 Arial;}}\f0 a{\super 2}{\strike b}\par}") == [
        [("a", ""), ("2", "superscript"), ("b", "strike")]
    ]


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04...", b"%PDF-1.4", b"<?xml version='1.0'?><a/>", rb"{\rtf1 \shp x", b"\xd0\xcf\x11\xe0"]
)
def test_what_is_not_known_here_is_left_alone(content: bytes) -> None:
    assert chunk(content) is None
