"""HL7 v2: every field on the page, escapes read, files and RTF within it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.identify import identify
from archive.normalise.contract import Limits, Made
from archive.normalise.hl7 import hl7
from archive.reasons import DocumentProblem, Flag

HEAD = "MSH|^~\\&|LAB|SYK|EPJ|KOM|200301021200||ORU^R01|77|P|2.3"
PDF = b"%PDF-1.4\nrapport\n%%EOF"


def made(tmp_path: Path, *segments: str, end: str = "\r", encoding: str = "utf-8", around: bytes = b"") -> Made:
    source = tmp_path / "lab.hl7"
    source.write_bytes(around[:1] + end.join(segments).encode(encoding) + around[1:])
    assert identify(source, "lab.hl7").family == "hl7"
    (tmp_path / "lab.pdf").unlink(missing_ok=True)
    return hl7(source, tmp_path / "lab.pdf", Limits())


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize(("encoding", "around"), [("utf-8", b""), ("cp1252", b"\x0b\x1c\r"), ("cp865", b"")])
def test_fields_have_names_and_results_are_rows(tmp_path: Path, end: str, encoding: str, around: bytes) -> None:
    result = made(
        tmp_path,
        HEAD,
        "PID|1||12345^^^X||Prøve^Kåre||19500201|M|||Storgata 5^^Ås^^1430",
        "OBR|1|A1||PAT^Hematologi",
        "OBX|1|NM|HB^Hemoglobin||13.2|g/dL|11.7-17.0|N|||F|||20030102",
        "OBX|2|NM|CRP^C-reaktivt protein||80|mg/L|<5|HH|||F",
        "NTE|1||Prøven er hemolysert på laben",
        "ZZZ|hjemmelaget|verdi",
        end=end,
        encoding=encoding,
        around=around,
    )
    text = result.text or ""
    assert "Navn: Prøve, Kåre" in text
    assert "Født: 01.02.1950 (19500201)" in text
    assert "Adresse: Storgata 5, Ås, 1430" in text
    assert "HB, Hemoglobin\t13.2\tg/dL\t11.7-17.0\tN\tF\t02.01.2003 (20030102)" in text
    assert "CRP, C-reaktivt protein\t80\tmg/L\t<5\tHH\tF" in text
    assert "Kommentar: Prøven er hemolysert på laben" in text
    assert "ZZZ-2: verdi" in text


def test_escapes_are_read(tmp_path: Path) -> None:
    value = (
        "Linje en\\.br\\Linje to \\T\\ mer \\H\\viktig\\N\\ 5\\S\\3 a\\F\\b \\E\\ \\R\\ \\X41C3A6\\ \\Zukjent\\ slutt"
    )
    text = made(tmp_path, HEAD, f"OBX|1|FT|NOTE||{value}||||||F").text or ""
    assert "Linje en\nLinje to & mer viktig 5^3 a|b \\ ~ Aæ \\Zukjent\\ slutt" in text


def test_other_separators_are_those_the_message_names(tmp_path: Path) -> None:
    text = made(tmp_path, "MSH#*~!%#LAB", "PID#1###A*B#Prøve*Kari!F!").text or ""
    assert "Navn: Prøve, Kari#" in text


@pytest.mark.parametrize(("name", "coded"), [("Base64", base64.b64encode(PDF).decode()), ("Hex", PDF.hex())])
def test_files_in_results_are_parts(tmp_path: Path, name: str, coded: str) -> None:
    result = made(tmp_path, HEAD, f"OBX|1|ED|PDF^Rapport||LAB^application^pdf^{name}^{coded}||||||F")
    (part,) = result.parts
    assert part.path.read_bytes() == PDF
    assert part.name.endswith(".pdf")
    assert coded[:20] not in (result.text or "")
    assert Flag.ATTACHMENTS_SPLIT_OFF in {f.code for f in result.flags}


def test_a_file_that_is_not_coded_as_it_says_stays_and_is_told(tmp_path: Path) -> None:
    result = made(tmp_path, HEAD, "OBX|1|ED|PDF||LAB^application^pdf^Base64^ikke base64!||||||F")
    assert "ikke base64!" in (result.text or "")
    assert Flag.DECODED_LENIENTLY in {f.code for f in result.flags}


def test_files_and_rtf_that_nothing_announces(tmp_path: Path) -> None:
    rtf = r"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}\f0\fs20 Kari f\'f8ler seg bedre.\par}"
    escaped = rtf.replace("\\", "\\E\\")
    result = made(
        tmp_path, HEAD, f"OBX|1|TX|NOTAT||{escaped}||||||F", f"OBX|2|ST|SVAR||{base64.b64encode(PDF).decode()}||||||F"
    )
    assert "Kari føler seg bedre." in (result.text or "")
    assert "fonttbl" not in (result.text or "")
    assert [p.path.read_bytes() for p in result.parts] == [PDF]


# Shapes of faults that users of other readers reported.


def test_line_ends_as_bytes_in_a_row_and_as_two_bytes_each(tmp_path: Path) -> None:
    text = made(tmp_path, HEAD, "NTE|1||Noter\\X0D\\\\X0A\\linje to\\X000d\\\\X0A\\linje tre").text or ""
    assert [line.strip() for line in text.split("\n") if "linje" in line] == ["linje to", "linje tre"]


@pytest.mark.parametrize("kind", ["FT", "TX", "ST"])
def test_separators_that_nobody_escaped_in_text_stay(tmp_path: Path, kind: str) -> None:
    text = made(tmp_path, HEAD, f"OBX|1|{kind}|REF||se www.lab.no?a=1&b=2 og 10^9~neste linje||||||F").text or ""
    assert "se www.lab.no?a=1&b=2 og 10^9\nneste linje" in text


def test_a_file_whose_components_are_parted_as_repetitions(tmp_path: Path) -> None:
    coded = base64.b64encode(PDF).decode()
    (part,) = made(tmp_path, HEAD, f"OBX|1|ED|PDF||LAB~TEXT~pdf~Base64~{coded}||||||F").parts
    assert part.path.read_bytes() == PDF


FIELD = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters="\x85\x7f"), max_size=12)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["PID", "OBX", "NTE", "ZX1", "MSH"]), st.lists(FIELD, max_size=8)), max_size=5)
)
def test_no_word_of_any_message_is_lost(
    tmp_path_factory: pytest.TempPathFactory, segments: list[tuple[str, list[str]]]
) -> None:
    words = [[f for f in fields if f.isalnum()] for name, fields in segments if name != "MSH"]
    lines = [
        "|".join((name, *fields)) for name, fields in zip([n for n, _ in segments if n != "MSH"], words, strict=True)
    ]
    try:
        text = made(tmp_path_factory.mktemp("hl7"), HEAD, *lines).text or ""
    except DocumentProblem:
        return
    assert all(word in text for fields in words for word in fields)
