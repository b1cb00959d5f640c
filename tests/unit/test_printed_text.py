"""Text for screens and printers of DOS: signs below the blank, commands, printouts, PostScript."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.identify import identify
from archive.normalise.contract import Limits, Made
from archive.normalise.dossigns import signs
from archive.normalise.plaintext import plaintext, wrapped
from archive.normalise.postscript import postscript
from archive.normalise.printercodes import without_commands
from archive.normalise.printout import printout
from archive.reasons import DocumentProblem, Flag, Reason


def made(tmp_path: Path, content: bytes) -> Made:
    source = tmp_path / "kilde"
    source.write_bytes(content)
    (tmp_path / "ut.pdf").unlink(missing_ok=True)
    return plaintext(source, tmp_path / "ut.pdf", Limits())


def drawn(result: Made) -> str:
    with pypdfium2.PdfDocument(result.pdf) as document:
        return "".join(page.get_textpage().get_text_range() for page in document)


SIGNS = "Hb ↓, CRP ↑ 80, SR↑. § 2-1 og § 1-3 (§ 4)\n• Punkt en\n► Videre\nVekt → 70, ← far\n¶ 3\n"
CODES = {"↓": "\x19", "↑": "\x18", "§": "\x15", "•": "\x07", "►": "\x10", "→": "\x1a", "←": "\x1b", "¶": "\x14"}


def coded(text: str) -> str:
    return text.translate(str.maketrans(CODES))


@pytest.mark.parametrize("page", ["cp850", "cp865", "ascii"])
def test_signs_of_dos_are_on_the_page_in_the_text_and_told(tmp_path: Path, page: str) -> None:
    letters = "" if page == "ascii" else "Føler seg bedre på Ås.\n"
    content = letters.encode("cp850" if page == "ascii" else page) + coded(SIGNS).encode("ascii")
    result = made(tmp_path, content + b"\x1a\0\0")
    assert result.text == letters + SIGNS
    assert all(sign in drawn(result) for sign in CODES)
    assert [f.code for f in result.flags] == [Flag.ENCODING_GUESSED]
    assert "§ (3)" in result.flags[0].detail


@pytest.mark.parametrize(
    "text", ["a\x18b", "f\x07r", "x\x15y", "\x1b[1Km", "Ord\x14", "\x0eSTORT\x14", "a\x01\x02\x03b"]
)
def test_control_characters_that_are_no_signs_stay_visible(tmp_path: Path, text: str) -> None:
    assert signs(text, "ascii") == (text, {})
    assert "‹U+00" in (made(tmp_path, text.encode() + b" og mer tekst " * 8).text or "")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16-le", "EBCDIC (page 277)"])
def test_other_codes_have_no_signs_there(encoding: str) -> None:
    assert signs(coded(SIGNS), encoding) == (coded(SIGNS), {})


@given(st.text(st.sampled_from("aÅ .(\n1\x07\x10\x14\x15\x18\x19\x1a\x1b\x0e["), max_size=40))
def test_signs_change_nothing_but_themselves(text: str) -> None:
    found, counted = signs(text, "cp850")
    assert len(found) == len(text)
    assert sum(counted.values()) == sum(a != b for a, b in zip(text, found, strict=True))


def test_commands_of_matrix_printers_are_taken_out_and_counted(tmp_path: Path) -> None:
    text = "\x1b@\x1bR\x09\x1bE\x0eEPIKRISE\x14\x1bF\r\n\x1b-\x01Kari\x1b-\x00 har det bra.\x1bC\x00\x0b\x1bx\x01\r\n"
    result = made(tmp_path, text.encode())
    assert result.text == "EPIKRISE\nKari har det bra.\n"
    assert [f.code for f in result.flags] == [Flag.CONTROL_CODES_REMOVED]
    assert without_commands(text)[1] == 10


def test_a_text_with_a_lone_escape_is_not_a_printers() -> None:
    for text in ("a \x1bE b", "\x1b[31mrød", "C:\\\x1bx"):
        assert without_commands(text) == (text, 0)


@pytest.mark.parametrize("mark", ["\u202e", "\u202a", "\u2066", "\u2069"])
def test_marks_that_turn_the_direction_are_seen(tmp_path: Path, mark: str) -> None:
    result = made(tmp_path, f"50{mark} gm\n".encode())
    assert f"‹U+{ord(mark):04X}›" in drawn(result)
    assert result.text == f"50{mark} gm\n"


def test_a_line_of_a_million_characters_is_wrapped_whole() -> None:
    line = "ord " * 250_000 + "å" * 1000
    assert "".join(wrapped(line, 80)) == line


PCL = (
    b"\x1bE\x1b&l26A\x1b&l0O\x1b(11U\x1b(s0p10h12v0s0b3TEpikrise for K\x86re\r\n\x1b&a4R\x1b&a10CHb\x1b&a30C13,2\r\n"
    b"\x1b*p300x+150YBilag\x1b&d0DUnderstreket\x1b&d@\r\n\x0cSide to\x1b(0DF\\LER\x1b(s3WxyzM}lt\x1b&p3X\x1b\x07[\x1bE"
)


def printed(tmp_path: Path, content: bytes) -> Made:
    source = tmp_path / "utskrift.prn"
    source.write_bytes(content)
    assert identify(source, source.name).family == "pcl"
    return printout(source, tmp_path / "utskrift.pdf", Limits())


@pytest.mark.parametrize("job", [b"", b"\x1b%-12345X@PJL SET COPIES=1\r\n@PJL ENTER LANGUAGE=PCL\r\n"])
def test_a_printout_is_its_words_where_they_stood(tmp_path: Path, job: bytes) -> None:
    result = printed(tmp_path, job + PCL + (b"\x1b%-12345X" if job else b""))
    text = result.text or ""
    assert text.startswith("Epikrise for Kåre\n")
    assert "          Hb                  13,2" in text
    assert "BilagUnderstreket" in text
    assert "FØLERMålt" in text.replace(" ", "")
    assert not set("\x1b&@") & set(text)
    assert text.index("Understreket") < text.index("Side to")
    assert Flag.CONTROL_CODES_REMOVED in {f.code for f in result.flags}
    with pypdfium2.PdfDocument(result.pdf) as document:
        assert len(document) == 2


@pytest.mark.parametrize("more", [b"\x1b*b3Wabc", b"\x1b%0BIN;SP1;LBord\x03", b"\x1b%1B", b"\x1b*v5Wabcde"])
def test_a_printout_with_more_than_text_is_refused(tmp_path: Path, more: bytes) -> None:
    with pytest.raises(DocumentProblem) as problem:
        printed(tmp_path, PCL + more)
    assert problem.value.reason is Reason.UNSUPPORTED_FORMAT


def test_printing_twice_for_bold_says_a_word_once(tmp_path: Path) -> None:
    assert (printed(tmp_path, b"\x1bE\x1b(10UFet\rFet skrift\r\n\x1bE").text or "").split() == ["Fet", "skrift"]


RTF = r"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}\f0\fs20 Kari f\'f8ler seg bedre \{nå\}.\par}"


@pytest.mark.parametrize("before", ["Notat 12\r\n", '"', "\x0cSide 2 "])
def test_rtf_that_stands_in_a_text_is_its_words(tmp_path: Path, before: str) -> None:
    result = made(tmp_path, f"{before}{RTF}\r\nSlutt på notat\r\n".encode("cp1252"))
    text = result.text or ""
    assert "Kari føler seg bedre {nå}." in text
    assert "Slutt på notat" in text
    assert "fonttbl" not in text
    assert not result.parts


def test_rtf_in_a_text_that_is_more_than_words_is_a_file(tmp_path: Path) -> None:
    rtf = RTF.replace("bedre", r"\strike bedre\strike0 ")
    result = made(tmp_path, f"A {rtf} B {RTF} C {{\\rtf1 uten slutt".encode("cp1252"))
    assert [part.name for part in result.parts] == ["notat 1.rtf"]
    assert result.parts[0].path.read_bytes().startswith(b"{\\rtf1")
    text = result.text or ""
    assert "A [Fil: notat 1.rtf] B Kari føler seg bedre {nå}. C {\\rtf1 uten slutt" in text
    assert Flag.ATTACHMENTS_SPLIT_OFF in {f.code for f in result.flags}


def test_a_text_that_is_nothing_but_a_coded_file_is_that_file(tmp_path: Path) -> None:
    pdf = b"%PDF-1.4 innhold " * 20
    for coded in (base64.encodebytes(pdf), pdf.hex().encode()):
        result = made(tmp_path, coded)
        assert [(p.name, p.path.read_bytes()) for p in result.parts] == [("innhold.pdf", pdf)]
        assert result.container


def test_ebcdic_with_short_lines_and_a_pdf_behind_a_job_are_known(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes("\x85".join(["PASIENT 1", "HAR DET BRA", "I DAG"] * 9).encode("cp500"))
    assert identify(source, "a").family == "txt"
    source.write_bytes(b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\r\n%PDF-1.4\n1 0 obj\n")
    assert identify(source, "a").family == "pdf"


@pytest.mark.skipif(shutil.which("gs") is None, reason="Ghostscript is not installed")
@pytest.mark.parametrize("head", [b"", b"\x04", b"\x1b%-12345X@PJL ENTER LANGUAGE=POSTSCRIPT\r\n"])
def test_postscript_is_drawn(tmp_path: Path, head: bytes) -> None:
    source = tmp_path / "a.ps"
    page = b"/Helvetica findfont 20 scalefont setfont 72 700 moveto (Blodtrykk 120/80) show showpage\n"
    source.write_bytes(head + b"%!PS-Adobe-3.0\n" + page)
    assert identify(source, "a.ps").family == "ps"
    assert "Blodtrykk 120/80" in drawn(postscript(source, tmp_path / "a.pdf", Limits()))


@pytest.mark.skipif(shutil.which("gs") is None, reason="Ghostscript is not installed")
def test_postscript_that_reads_files_or_draws_nothing_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "hemmelig.txt"
    secret.write_text("passord")
    read = f"({secret}) (r) file 100 string readstring pop 72 700 moveto show showpage"
    programs = {read: Reason.CORRUPT, "1 1 add pop": Reason.EMPTY}
    for number, (program, reason) in enumerate(programs.items()):
        source = tmp_path / f"{number}.ps"
        source.write_text(f"%!PS\n/Helvetica findfont 9 scalefont setfont {program}\n")
        with pytest.raises(DocumentProblem) as problem:
            postscript(source, tmp_path / f"{number}.pdf", Limits())
        assert problem.value.reason is reason
