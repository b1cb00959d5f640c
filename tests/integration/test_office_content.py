"""What is easily lost of office files is on the page, in the text or beside the copy; and nothing is run or fetched."""

from __future__ import annotations

import io
import socket
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest

from archive.compound import Compound, written
from archive.normalise.contract import Limits, Normalised, Rejected
from archive.normalise.ladder import Normaliser
from archive.normalise.office import Office, OfficeFile
from archive.reasons import Flag, Reason
from tests.documents import children, docx, job, rtf, run
from tests.officefiles import WORDS, as_family, everything, packed, presentation, spreadsheet, with_macro, word


@pytest.fixture(scope="module")
def normaliser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Normaliser]:
    with Normaliser(Limits(seconds=40), tmp_path_factory.mktemp("work")) as made:
        yield made


def one(normaliser: Normaliser, path: Path) -> Normalised:
    outcome = normaliser.normalise([job(path, "a")], path.parent / "out")["a"]
    assert isinstance(outcome, Normalised), outcome
    assert outcome.verdict is not None
    assert outcome.verdict.passed
    return outcome


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def codes(made: Normalised) -> set[Flag]:
    return {f.code for f in made.flags}


def ink(pdf: Path, page: int, left: float, bottom: float, right: float, top: float) -> int:
    """Dark dots within a box of the page, in points."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        height = document[page].get_height()
        image = document[page].render(scale=2).to_pil().convert("L")
        cut = image.crop((int(left * 2), int((height - top) * 2), int(right * 2), int((height - bottom) * 2)))
        return sum(cut.histogram()[:140])
    finally:
        document.close()


@pytest.mark.parametrize("family", ["docx", "doc", "odt", "rtf"])
def test_words_of_every_place_are_on_the_page_and_in_the_text(
    tmp_path: Path, normaliser: Normaliser, family: str
) -> None:
    source = put(tmp_path, "a.docx", everything())
    path = source if family == "docx" else as_family(source.read_bytes(), "docx", family, tmp_path)
    made = one(normaliser, path)
    text = made.text.read_text(encoding="utf-8")
    # LibreOffice's own RTF export loses the box.
    wanted = [w for w in WORDS if not (family == "rtf" and w == "TEKSTBOKS")]
    assert [w for w in wanted if w not in text] == []
    assert "SKJULT" not in text
    assert codes(made) == {Flag.HIDDEN_CONTENT}
    assert "1. Side 1 – Overlege Øye" in text
    document = pypdfium2.PdfDocument(made.pdf)
    try:
        page = document[0].get_textpage()
        for searched in ("SLETTET", "INNSATT"):
            found = page.search(searched).get_next()
            assert found is not None
            boxes = [page.get_charbox(i) for i in range(found[0], found[0] + found[1])]
            left, right = boxes[0][0], boxes[-1][2]
            bottom, top = min(b[1] for b in boxes), max(b[3] for b in boxes)
            middle = (bottom + top) / 2
            assert ink_of_line(made.pdf, left, right, middle) == (searched == "SLETTET"), searched
    finally:
        document.close()
    assert ink(made.pdf, 0, 575, 60, 594, 800) > 0  # the comment's number in the margin


def ink_of_line(pdf: Path, left: float, right: float, middle: float) -> bool:
    """Whether a line without gaps goes through a word."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        image = document[0].render(scale=4).to_pil().convert("L")
        height = image.height
    finally:
        document.close()
    rows = range(int(height - middle * 4) - 6, int(height - middle * 4) + 7)
    columns = range(int(left * 4) + 2, int(right * 4) - 2)
    return any(all(image.getpixel((x, y)) < 230 for x in columns) for y in rows)


@pytest.mark.parametrize("family", ["ods", "xls", "xlsx"])
def test_sheets_are_shown_whole_and_what_is_hidden_is_told(tmp_path: Path, normaliser: Normaliser, family: str) -> None:
    made = one(normaliser, as_family(spreadsheet(), "fods", family, tmp_path))
    text = made.text.read_text(encoding="utf-8")
    wanted = ("FØRST", "UTENFOR", "CELLENOTAT", *(f"KOLONNE{i:02}" for i in range(40)))
    assert [w for w in wanted if w not in text] == []
    assert "SKJULT" not in text
    assert Flag.HIDDEN_CONTENT in codes(made)


@pytest.mark.parametrize("family", ["odp", "ppt", "pptx"])
def test_slides_are_shown_with_their_notes_and_comments(tmp_path: Path, normaliser: Normaliser, family: str) -> None:
    made = one(normaliser, as_family(presentation(), "fodp", family, tmp_path))
    text = made.text.read_text(encoding="utf-8")
    wanted = [f"{word}{number}" for word in ("LYSBILDE", "NOTAT", "KOMMENTAR") for number in (1, 2, 3)]
    assert [w for w in wanted if w not in text] == []
    assert made.page_count == 7


def ole_package(name: str, content: bytes) -> bytes:
    """The data of a `Package` object."""
    label, path = name.encode("cp1252"), f"C:\\temp\\{name}".encode("cp1252")
    return (
        b"\x02\0" + label + b"\0" + path + b"\0\0\0\x03\0"
        + struct.pack("<I", len(path) + 1) + path + b"\0" + struct.pack("<I", len(content)) + content
    )  # fmt: skip


def storage(name: str, content: bytes) -> bytes:
    native = ole_package(name, content)
    return written({("\x01Ole10Native",): struct.pack("<I", len(native)) + native})


def rtf_object(kind: bytes, data: bytes) -> str:
    names = [kind + b"\0", b"", b""]
    head = struct.pack("<II", 0x501, 2) + b"".join(struct.pack("<I", len(n)) + n for n in names)
    return rf"{{\object\objemb{{\*\objdata {(head + struct.pack('<I', len(data)) + data).hex()}}}{{\result ikon}}}}"


def test_files_within_become_files_of_the_document(tmp_path: Path, normaliser: Normaliser) -> None:
    inner = docx(run("INDRE"))
    note = b"Notat innenfor\r\n"
    outer = word("<w:p/>", {"oleObject1.bin": storage("prøve.txt", note), "Dokument.docx": inner})
    cases = {
        "a.docx": (outer, ["prøve.txt", "Dokument.docx"]),
        "b.rtf": (rtf("Se " + rtf_object(b"Package", ole_package("prøve.txt", note))), ["prøve.txt"]),
        "c.rtf": (rtf("Se " + rtf_object(b"Word.Document.12", written({("Package",): inner}))), ["objekt-1.docx"]),
        "d.docx": (word("<w:p/>", {"innerst.docx": outer}), ["innerst.docx"]),
    }
    for name, (content, names) in cases.items():
        made = one(normaliser, put(tmp_path, name, content))
        assert Flag.ATTACHMENTS_SPLIT_OFF in codes(made), name
        assert [p.name for p in made.parts] == names
        for part in made.parts:
            if part.name == "prøve.txt":
                assert part.source.read_bytes() == note
                assert part.made.text.read_text(encoding="utf-8").strip() == "Notat innenfor"
            if part.name == "innerst.docx":
                assert [p.name for p in part.made.parts] == ["prøve.txt", "Dokument.docx"]


def test_old_word_files_give_their_embedded_documents(shared: Path, normaliser: Normaliser, tmp_path: Path) -> None:
    source = shared / "corpus" / "doc" / "poi__word_with_embeded.doc"
    made = one(normaliser, put(tmp_path, "a.doc", source.read_bytes()))
    assert sorted(p.made.format.family for p in made.parts) == ["doc", "ppt", "xls", "xls"]


def test_an_object_that_cannot_be_read_is_told(tmp_path: Path, normaliser: Normaliser) -> None:
    broken = storage("a.txt", b"x" * 100)[:700]
    made = one(normaliser, put(tmp_path, "a.docx", word("<w:p/>", {"oleObject1.bin": broken})))
    assert made.parts == ()
    assert Flag.DECODED_LENIENTLY in codes(made)


def test_no_macro_runs(tmp_path: Path) -> None:
    proof = tmp_path / "kjørt"
    source = put(tmp_path, "a.odt", with_macro(proof))
    (tmp_path / "out").mkdir()
    engine = Office(tmp_path / "office", Limits(seconds=60))
    answer = engine.convert([OfficeFile("a", source, "odt")], tmp_path / "out")["a"]
    assert isinstance(answer, Path)
    assert not proof.exists()


def test_nothing_is_fetched(tmp_path: Path, normaliser: Normaliser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/bilde.png"
        picture = rf'{{\field{{\*\fldinst INCLUDEPICTURE "{url}"}}{{\fldrslt bilde}}}}'
        odf = "urn:oasis:names:tc:opendocument:xmlns"
        linked = (
            f'<?xml version="1.0"?><o:document-content xmlns:o="{odf}:office:1.0" xmlns:d="{odf}:drawing:1.0" '
            f'xmlns:t="{odf}:text:1.0" xmlns:x="http://www.w3.org/1999/xlink" o:version="1.2"><o:body><o:text><t:p>'
            f'<d:frame><d:image x:href="{url}" x:type="simple"/></d:frame>ORD</t:p></o:text></o:body>'
            "</o:document-content>"
        )
        kind = "application/vnd.oasis.opendocument.text"
        entry = '<m:file-entry m:full-path="{}" m:media-type="{}"/>'
        manifest = (
            f'<?xml version="1.0"?><m:manifest xmlns:m="{odf}:manifest:1.0" m:version="1.2">'
            f"{entry.format('/', kind)}{entry.format('content.xml', 'text/xml')}</m:manifest>"
        )
        odt = packed({"mimetype": kind, "content.xml": linked, "META-INF/manifest.xml": manifest})
        for name, content in (("a.rtf", rtf(picture + r"\v skjult")), ("b.odt", odt)):
            one(normaliser, put(tmp_path, name, content))
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_character_that_no_font_has_is_told(tmp_path: Path, normaliser: Normaliser) -> None:
    made = one(normaliser, put(tmp_path, "a.docx", docx(run("Ord \U00012345 og ☑ ✓ → ord"))))
    notes = [f.detail for f in made.flags if f.code is Flag.GLYPHS_MISSING]
    assert len(notes) == 1
    assert notes[0].startswith("1 different characters, the first of them U+12345")
    bullet = '<w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r><w:r><w:sym w:font="Symbol" w:char="F0B7"/></w:r>'
    assert Flag.GLYPHS_MISSING not in codes(one(normaliser, put(tmp_path, "b.docx", docx(bullet))))


def test_a_workbook_with_a_password_is_told_from_a_broken_one(tmp_path: Path, normaliser: Normaliser) -> None:
    whole = as_family(spreadsheet(), "fods", "xls", tmp_path).read_bytes()
    compound = Compound(whole)
    path = next(p for p in compound.paths() if p[0].lower() == "workbook")
    stream = compound.read(path)
    (length,) = struct.unpack_from("<H", stream, 2)
    locked = struct.pack("<HHHHH", 0x2F, 54, 1, 1, 1) + bytes(range(48))
    encrypted = written({path: stream[: 4 + length] + locked + stream[4 + length :]})
    outcome = normaliser.normalise([job(put(tmp_path, "b.xls", encrypted), "a")], tmp_path / "out")["a"]
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.ENCRYPTED


def bomb(kind: str) -> tuple[str, bytes]:
    if kind == "entities":
        names = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
        with zipfile.ZipFile(io.BytesIO(docx(run("ord &l9; slutt")))) as archive:
            members = {m: archive.read(m) for m in archive.namelist()}
        start = b'<?xml version="1.0"?>'
        declared = start + f'<!DOCTYPE a [<!ENTITY l0 "ha">{names}]>'.encode()
        members["word/document.xml"] = members["word/document.xml"].replace(start, declared)
        return "a.docx", packed(dict(members))
    if kind == "ratio":
        return "a.docx", docx("</w:p>" + "<w:p/>" * 15_000_000 + "<w:p>")
    if kind == "tables":
        inner = "<w:tbl><w:tr><w:tc>" * 20_000 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 20_000
        return "a.docx", docx(f"</w:p>{inner}<w:p>")
    if kind == "groups":
        return "a.rtf", b"{\\rtf1\\ansi " + b"{\\b\\shad " * 200_000 + b"dyp" + b"}" * 200_001
    return "a.docx", docx((run("side") + '<w:r><w:br w:type="page"/></w:r>') * 300)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("entities", {None}),
        ("ratio", {Reason.CONVERSION_TIMEOUT, Reason.CONVERSION_FAILED}),
        ("tables", {Reason.CONVERSION_TIMEOUT, Reason.CONVERSION_FAILED}),
        ("groups", {Reason.CONVERSION_TIMEOUT, Reason.CONVERSION_FAILED}),
        ("pages", {Reason.RESOURCE_LIMIT}),
    ],
)
def test_bombs_end_in_their_reason_and_leave_nothing(tmp_path: Path, kind: str, reasons: set[Reason | None]) -> None:
    name, content = bomb(kind)
    with Normaliser(Limits(seconds=10, pages=100), tmp_path / "work") as normaliser:
        outcome = normaliser.normalise([job(put(tmp_path, name, content), "a")], tmp_path / "out")["a"]
        assert (outcome.reason if isinstance(outcome, Rejected) else None) in reasons
        assert children() == []
    assert list((tmp_path / "work").iterdir()) == []
