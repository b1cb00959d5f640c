from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from archive.normalise.contract import Limits
from archive.normalise.pdf import look, pdf
from archive.reasons import DocumentProblem, Flag, Reason
from tests import documents

LIMITS = Limits()


def locked(path: Path, *, user: str, owner: str) -> Path:
    with pikepdf.open(documents.pdf(path), allow_overwriting_input=True) as document:
        document.save(path, encryption=pikepdf.Encryption(user=user, owner=owner))
    return path


def reason(source: Path, limits: Limits = LIMITS) -> Reason:
    with pytest.raises(DocumentProblem) as caught:
        pdf(source, source.with_name("out.pdf"), limits)
    return caught.value.reason


def test_pages_are_counted(tmp_path: Path) -> None:
    looked = look(documents.pdf(tmp_path / "a.pdf", pages=3), LIMITS)
    assert (looked.pages, looked.protected, looked.claims_pdfa) == (3, False, False)


def test_a_password_to_open_is_the_end(tmp_path: Path) -> None:
    assert reason(locked(tmp_path / "a.pdf", user="hemmelig", owner="eier")) is Reason.ENCRYPTED


def test_an_owner_password_alone_is_taken_off_and_flagged(tmp_path: Path) -> None:
    made = pdf(locked(tmp_path / "a.pdf", user="", owner="eier"), tmp_path / "out.pdf", LIMITS)
    assert [n.code for n in made.flags] == [Flag.OWNER_PASSWORD]
    with pikepdf.open(made.pdf) as document:
        assert not document.is_encrypted


def test_a_cut_file_is_truncated_and_a_broken_one_corrupt(tmp_path: Path) -> None:
    whole = documents.pdf(tmp_path / "a.pdf", pages=20).read_bytes()
    cut, broken, noise = (tmp_path / n for n in ("cut.pdf", "broken.pdf", "noise.pdf"))
    cut.write_bytes(whole[: len(whole) // 2])
    broken.write_bytes(b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\nstartxref\n0\n%%EOF\n")
    noise.write_bytes(b"%PDF-1.4\n" + bytes(range(256)) * 40)
    assert reason(cut) is Reason.TRUNCATED
    assert reason(broken) is Reason.CORRUPT
    assert reason(noise) is Reason.TRUNCATED


def test_padding_behind_the_end_is_no_damage(tmp_path: Path) -> None:
    padded = documents.pdf(tmp_path / "a.pdf")
    padded.write_bytes(padded.read_bytes() + b"\0" * 20_000)
    assert look(padded, LIMITS).pages == 1


def test_pages_and_pictures_have_limits_and_no_page_is_no_document(tmp_path: Path) -> None:
    assert reason(documents.pdf(tmp_path / "a.pdf", pages=4), Limits(pages=3)) is Reason.RESOURCE_LIMIT
    with pikepdf.open(documents.pdf(tmp_path / "b.pdf"), allow_overwriting_input=True) as document:
        image = document.make_stream(b"x", Type=Name.XObject, Subtype=Name.Image, Width=40000, Height=40000)
        document.pages[0].obj.Resources.XObject = Dictionary(I=image)
        document.save(tmp_path / "b.pdf")
    assert reason(tmp_path / "b.pdf") is Reason.RESOURCE_LIMIT
    with pikepdf.new() as document:
        document.save(tmp_path / "c.pdf")
    assert reason(tmp_path / "c.pdf") is Reason.CORRUPT


def test_what_acts_is_removed_and_counted(tmp_path: Path) -> None:
    source = documents.with_script(tmp_path / "a.pdf")
    with pikepdf.open(source, allow_overwriting_input=True) as document:
        page = document.pages[0].obj
        launch = Dictionary(S=Name.Launch, F="cmd.exe")
        hidden = Dictionary(S=Name.URI, URI="https://example.org", Next=Array([Dictionary(S=Name.JavaScript, JS="1")]))
        fine = Dictionary(S=Name.URI, URI="https://example.org")
        for action in (launch, hidden, fine):
            link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=action)
            page.Annots.append(document.make_indirect(link))
        page.Annots.append(Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, Rect=Array([0, 0, 9, 9])))
        page.AA = Dictionary(O=Dictionary(S=Name.JavaScript, JS="2"))
        field = Dictionary(FT=Name.Tx, T="felt", AA=Dictionary(K=Dictionary(S=Name.JavaScript, JS="3")))
        document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]), XFA="xfa")
        document.save(source)
    made = pdf(source, tmp_path / "out.pdf", LIMITS)
    notes = {n.code: n.detail for n in made.flags}
    assert notes[Flag.ACTIVE_CONTENT_REMOVED].startswith("6 ")
    assert notes[Flag.ATTACHMENTS_SPLIT_OFF].startswith("1 ")
    content = made.pdf.read_bytes()
    with pikepdf.open(made.pdf) as document:
        assert len(document.attachments) == 0
        kinds = [str(a.Subtype) for a in document.pages[0].Annots]
        actions = [str(a.A.S) for a in document.pages[0].Annots if "/A" in a]
        assert "/OpenAction" not in document.Root
        assert "/AA" not in document.Root.AcroForm.Fields[0]
    # The paper clip of the pinned file stays as a picture, and the note's number stands in the margin.
    assert kinds == ["/Text", "/Link", "/Link", "/Link", "/Stamp", "/Stamp"]
    assert actions == ["/URI"]
    assert b"JavaScript" not in content


def test_a_small_cut_file_whose_first_part_has_an_end_is_truncated(tmp_path: Path) -> None:
    with pikepdf.open(documents.pdf(tmp_path / "a.pdf", pages=30)) as document:
        document.save(tmp_path / "b.pdf", linearize=True)
    whole = (tmp_path / "b.pdf").read_bytes()
    cut = tmp_path / "cut.pdf"
    cut.write_bytes(whole[: whole.index(b"%%EOF") + 2000])
    assert reason(cut) is Reason.TRUNCATED
