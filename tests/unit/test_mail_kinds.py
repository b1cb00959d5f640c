"""Messages in wrappings, web archives, files in text, signatures that call themselves bytes."""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archive.identify import identify, mismatch
from archive.normalise import routes
from archive.normalise.contract import Limits, Made
from archive.normalise.mailbox import split
from archive.normalise.uuencoded import split_off
from archive.reasons import DocumentProblem, Flag, Reason

FIELDS = b"From: kari@example.no\nTo: b@example.no\nSubject: =?iso-8859-1?Q?Pr=F8ve?=\nMIME-Version: 1.0\n"
QUOTED = (
    FIELDS
    + b"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
    + b"P=E5 =C5s =96 fin.\n"
)


def made(tmp_path: Path, content: bytes, name: str = "fil.eml", family: str = "eml") -> Made:
    source, out = tmp_path / name, tmp_path / f"{name}.pdf"
    source.write_bytes(content)
    assert identify(source, name).family == family
    (route,) = routes.of(family)[:1]
    return routes.load(route)(source, out, Limits())


def text(result: Made) -> str:
    return result.text or ""


def test_an_mbox_of_one_message_is_that_message(tmp_path: Path) -> None:
    for line in (b"From kari@example.no Mon Mar  3 10:00:00 1997\n", b"From - Mon Mar 03 10:00:00 1997\r\n"):
        result = made(tmp_path, line + QUOTED, family="mbox")
        assert "På Ås – fin." in text(result)
        assert "Emne: Prøve" in text(result)


def test_an_mbox_of_several_is_a_list_of_them(tmp_path: Path) -> None:
    line = b"From kari@example.no Mon Mar  3 10:00:00 1997\n"
    content = (
        line + QUOTED + b">From her er sitatet\n\n" + line + QUOTED + b"\nFrom here on it is text\n\n" + line + QUOTED
    )
    assert split(content) == [QUOTED + b"From her er sitatet\n\n", QUOTED + b"\nFrom here on it is text\n\n", QUOTED]
    result = made(tmp_path, content, "post.mbox", "mbox")
    assert [part.name for part in result.parts] == ["melding 1.eml", "melding 2.eml", "melding 3.eml"]
    assert "3 meldinger" in text(result)


@pytest.mark.parametrize("plist", [b"", b'<?xml version="1.0"?>\n<plist version="1.0"><dict/></plist>\n'])
def test_apple_mails_wrapping_is_taken_off(tmp_path: Path, plist: bytes) -> None:
    result = made(tmp_path, b"%-10d\n" % len(QUOTED) + QUOTED + plist, "1.emlx")
    assert "På Ås – fin." in text(result)
    assert "plist" not in text(result)


@pytest.mark.parametrize("before", [b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_message_behind_blank_lines_or_a_mark_has_its_fields(tmp_path: Path, before: bytes) -> None:
    assert "Emne: Prøve" in text(made(tmp_path, before + QUOTED))


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_what_was_guessed_of_a_message_is_flagged(tmp_path: Path, kind: str) -> None:
    body = f"Content-Type: text/{kind}; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nPrøven på Ås\n".encode()
    result = made(tmp_path, FIELDS + body)
    assert "Prøven på Ås" in text(result)
    assert [f.code for f in result.flags] == [Flag.ENCODING_GUESSED]
    wrong = FIELDS + f"Content-Type: text/{kind}; charset=utf-8\n\nmålt på Ås ".encode() + b"\xb0\n"
    result = made(tmp_path, wrong, "feil.eml")
    assert "målt på Ås" in text(result)
    assert [f.code for f in result.flags] == [Flag.DECODED_LENIENTLY]


def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (40, 20), "#c81e1e").save(content, "PNG")
    return content.getvalue()


def web_archive(*parts: tuple[str, str, bytes], head: str = "") -> bytes:
    content = f'{head}MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="=_x"\r\n\r\nEn webside.\r\n'
    for place, kind, body in parts:
        coded = base64.encodebytes(body).decode().replace("\n", "\r\n")
        content += f"\r\n--=_x\r\nContent-Location: {place}\r\nContent-Type: {kind}\r\n"
        content += f"Content-Transfer-Encoding: base64\r\n\r\n{coded}"
    return f"{content}\r\n--=_x--\r\n".encode()


PAGE = (
    '<html><head><link rel=stylesheet href="f_filer/s.css"></head><body><p>På bedringens vei</p>'
    '<img src="f_filer/b%20c.png"></body></html>'
)
BASE = "file:///C:/A1/"


@pytest.mark.parametrize("name", ["brev.doc", "brev.xls", "brev.mht", "brev"])
@pytest.mark.parametrize("head", ["", "From: <Saved by Windows Internet Explorer 8>\r\nSubject: Brev\r\nDate: x\r\n"])
def test_a_web_archive_is_its_page_with_its_pictures(tmp_path: Path, name: str, head: str) -> None:
    content = web_archive(
        (BASE + "f.htm", 'text/html; charset="windows-1252"', PAGE.encode("cp1252")),
        (BASE + "f_filer/b%20c.png", "image/png", picture()),
        (BASE + "f_filer/s.css", "text/css", b"p {color: #00f}"),
        (BASE + "f_filer/filelist.xml", "text/xml", b"<xml/>"),
        (BASE + "f_filer/skjult.rtf", "application/rtf", b"{\\rtf1 Vedlegg}"),
        head=head,
    )
    result = made(tmp_path, content, name, "mhtml")
    assert mismatch(identify(tmp_path / name, name)) == (name in ("brev.doc", "brev.xls"))
    assert "På bedringens vei" in text(result)
    assert [part.name for part in result.parts] == ["skjult.rtf"]
    with pypdfium2.PdfDocument(result.pdf) as document:
        (page,) = list(document)
        colours = {c for _, c in page.render().to_pil().convert("RGB").getcolors(1 << 20)}
        assert (200, 30, 30) in colours
        assert any(b > 200 > 90 > r for r, _, b in colours)


def test_every_sheet_of_a_web_archive_is_shown(tmp_path: Path) -> None:
    frames = b'<html><frameset><frame src="f_filer/sheet001.htm"><frame src="f_filer/tabstrip.htm"></frameset></html>'
    result = made(
        tmp_path,
        web_archive(
            (BASE + "f.htm", "text/html", frames),
            (BASE + "f_filer/tabstrip.htm", "text/html", b"<html><body>Ark1 Ark2</body></html>"),
            (BASE + "f_filer/sheet001.htm", "text/html", "<html><body>Hb 13,2 på Ås</body></html>".encode()),
            (BASE + "f_filer/sheet002.htm", "text/html", b"<html><body>CRP 8</body></html>"),
        ),
        "ark.xls",
        "mhtml",
    )
    assert "Hb 13,2 på Ås" in text(result)
    assert "CRP 8" in text(result)


def test_a_sent_message_with_related_parts_is_a_message(tmp_path: Path) -> None:
    content = web_archive(
        (BASE, "text/html", b"<p>Hei</p>"), head="From: a@b.no\r\nTo: c@d.no\r\nMessage-ID: <1@x>\r\n"
    )
    assert "Fra: a@b.no" in text(made(tmp_path, content))


def uuencoded(name: str, content: bytes, mode: str = "644") -> str:
    lines = [binascii.b2a_uu(content[at : at + 45]).decode() for at in range(0, len(content), 45)]
    return f"begin {mode} {name}\n{''.join(lines)}`\nend\n"


def test_uuencoded_files_in_a_message_are_files(tmp_path: Path) -> None:
    body = f"Se vedlegg.\n\n{uuencoded('svar 1.pdf', b'%PDF-1.4 ' * 20)}\nHilsen Kari\n"
    result = made(tmp_path, FIELDS + b"\n" + body.encode())
    assert [(p.name, p.path.read_bytes()) for p in result.parts] == [("svar 1.pdf", b"%PDF-1.4 " * 20)]
    assert "[Fil: svar 1.pdf]" in text(result)
    assert "Hilsen Kari" in text(result)
    assert "M)5!$" not in text(result)


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_uuencode_gives_back_what_went_in(content: bytes, base: bool) -> None:
    coded = f"begin-base64 644 a\n{base64.encodebytes(content).decode()}====\n" if base else uuencoded("a", content)
    assert split_off(f"før\n{coded}etter\n") == ("før\n[Fil: a]\netter\n", [("a", content)])
    # Mail has lost the trailing blanks on the way.
    assert base or split_off(coded.replace("`", " ").replace(" \n", "\n"))[1] == [("a", content)]


@settings(max_examples=50)
@given(st.text(st.sampled_from("begin 644x`#\nend\r"), max_size=200))
def test_text_that_is_no_uuencode_stays(words: str) -> None:
    kept, files = split_off(words)
    assert files or kept == words


@pytest.mark.parametrize("cut", [3, 40, 90])
def test_a_file_that_is_cut_stays_in_the_text(cut: int) -> None:
    words = uuencoded("a.bin", bytes(range(200)))[:-cut]
    assert split_off(words) == (words, [])


def _der(tag: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    size = bytes((len(value),)) if len(value) < 128 else b"\x82" + len(value).to_bytes(2, "big")
    return bytes((tag,)) + size + value


def cms(kind: int, inside: bytes) -> bytes:
    data = _der(0x30, bytes.fromhex("06092a864886f70d010701"), _der(0xA0, _der(0x04, inside)))
    return _der(
        0x30,
        bytes.fromhex("06092a864886f70d0107") + bytes((kind,)),
        _der(0xA0, _der(0x30, b"\2\1\1", _der(0x31), data)),
    )


INSIDE = "Content-Type: text/plain; charset=utf-8\r\n\r\nHemmelig om prøven\r\n".encode()
TYPES = ["application/pkcs7-mime; smime-type=x", "application/octet-stream", "application/x-something", "text/x-none"]


@pytest.mark.parametrize("kind", TYPES)
def test_a_signed_message_is_opened_by_its_bytes(tmp_path: Path, kind: str) -> None:
    coded = base64.encodebytes(cms(2, INSIDE))
    head = f'Content-Type: {kind}; name="smime.p7m"\nContent-Transfer-Encoding: base64\n\n'.encode()
    result = made(tmp_path, FIELDS + head + coded)
    assert "Hemmelig om prøven" in text(result)
    assert Flag.SIGNATURE_FACTS in {f.code for f in result.flags}
    assert not result.parts
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, FIELDS + head + base64.encodebytes(cms(3, b"x")), "lukket.eml")
    assert problem.value.reason is Reason.ENCRYPTED


@pytest.mark.parametrize("armour", [False, True])
def test_a_signed_file_by_itself_is_opened(tmp_path: Path, armour: bool) -> None:
    def file(content: bytes) -> bytes:
        return (
            b"-----BEGIN PKCS7-----\n" + base64.encodebytes(content) + b"-----END PKCS7-----\n" if armour else content
        )

    assert "Hemmelig om prøven" in text(made(tmp_path, file(cms(2, INSIDE)), "a.p7m", "p7m"))
    (part,) = made(tmp_path, file(cms(2, b"%PDF-1.4 x")), "b.p7m", "p7m").parts
    assert part.path.read_bytes() == b"%PDF-1.4 x"
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, file(cms(3, b"x" * 50)), "c.p7m", "p7m")
    assert problem.value.reason is Reason.ENCRYPTED


def test_a_message_in_openpgp_is_encrypted(tmp_path: Path) -> None:
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, FIELDS + b"\n-----BEGIN PGP MESSAGE-----\nhQEMA\n-----END PGP MESSAGE-----\n")
    assert problem.value.reason is Reason.ENCRYPTED


# Shapes of faults that users of other readers of mail reported.


def test_a_message_whose_boundary_is_nowhere_is_its_words(tmp_path: Path) -> None:
    head = b'Content-Type: multipart/alternative; boundary="=_aldri"\n\n'
    assert "Noen ord på Ås" in text(made(tmp_path, FIELDS + head + "Noen ord på Ås\n".encode()))


def test_boundaries_that_begin_alike_part_what_they_should(tmp_path: Path) -> None:
    body = (
        "Content-Type: multipart/mixed; boundary=foo\n\n--foo\n"
        "Content-Type: multipart/alternative; boundary=foo_bar\n\n"
        "--foo_bar\nContent-Type: text/plain\n\nFørste\n--foo_bar--\n--foo\nContent-Type: text/plain\n\nAndre\n--foo\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Disposition: inline\n\nTredje på Ås\n"
    )
    shown = text(made(tmp_path, FIELDS + body.encode()))
    assert [w for w in ("Andre", "Tredje på Ås") if w not in shown] == []
    assert "rste" in shown


def test_rtf_in_the_text_of_a_message_is_not_lost(tmp_path: Path) -> None:
    rtf = r"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}\f0\fs20 Hb \strike 13\strike0  14.\par}"
    result = made(tmp_path, FIELDS + f"\nNotat:\n{rtf}\nHilsen\n".encode())
    assert [p.name for p in result.parts] == ["notat 1.rtf"]
    assert "[Fil: notat 1.rtf]" in text(result)
