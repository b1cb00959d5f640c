from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from archive.normalise.contract import Limits, Made
from archive.normalise.pdf import pdf
from archive.normalise.pdffiles import FORM_DATA
from archive.reasons import DocumentProblem, Flag, Reason
from tests import documents
from tests.signed import SERIAL, signed_pdf

LIMITS = Limits()


def changed(path: Path) -> pikepdf.Pdf:
    return pikepdf.open(documents.pdf(path), allow_overwriting_input=True)


def made(source: Path, limits: Limits = LIMITS) -> Made:
    return pdf(source, source.with_name("out.pdf"), limits)


def codes(result: Made) -> set[str]:
    return {f.code.value for f in result.flags}


def detail(result: Made, flag: Flag) -> str:
    (found,) = [f.detail for f in result.flags if f.code is flag]
    return found


def pinned(document: pikepdf.Pdf, name: str, data: bytes) -> pikepdf.Object:
    file = Dictionary(Type=Name.Filespec, F=name, UF=name, EF=Dictionary(F=document.make_stream(data)))
    return document.make_indirect(
        Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, Rect=Array([0, 0, 9, 9]), FS=file)
    )


def test_embedded_and_pinned_files_become_parts(tmp_path: Path) -> None:
    with changed(tmp_path / "a.pdf") as document:
        document.attachments["b.txt"] = b"to"
        document.attachments["a.txt"] = b"en"
        document.pages[0].obj.Annots = Array([pinned(document, "C:\\mappe\\lab.xml", b"<a/>")])
        document.save(tmp_path / "a.pdf")
    result = made(tmp_path / "a.pdf")
    assert [(p.name, p.path.read_bytes()) for p in result.parts] == [
        ("a.txt", b"en"), ("b.txt", b"to"), ("lab.xml", b"<a/>"),
    ]  # fmt: skip
    assert not result.container
    assert codes(result) == {"attachments-split-off"}
    with pikepdf.open(result.pdf) as copy:
        assert len(copy.attachments) == 0
        # the file goes, the sign that it was pinned there stays
        assert [str(a.Subtype) for a in copy.pages[0].obj.Annots] == ["/Stamp"]


def test_a_file_that_is_named_twice_is_one_part_and_a_broken_one_is_told(tmp_path: Path) -> None:
    with changed(tmp_path / "a.pdf") as document:
        document.attachments["a.txt"] = b"en"
        annotation = pinned(document, "a.txt", b"")
        annotation.FS = document.Root.Names.EmbeddedFiles.Names[1]
        broken = pinned(document, "b.bin", b"no deflate")
        broken.FS.EF.F.Filter = Name.FlateDecode
        document.pages[0].obj.Annots = Array([annotation, broken])
        document.save(tmp_path / "a.pdf", stream_decode_level=pikepdf.StreamDecodeLevel.none)
    result = made(tmp_path / "a.pdf")
    assert [p.name for p in result.parts] == ["a.txt"]
    assert detail(result, Flag.ATTACHMENTS_SPLIT_OFF) == "1 files, 1 that cannot be read."


def test_a_portfolio_is_a_container(tmp_path: Path) -> None:
    with changed(tmp_path / "a.pdf") as document:
        document.attachments["a.txt"] = b"en"
        document.Root.Collection = Dictionary(View=Name.D)
        document.save(tmp_path / "a.pdf")
    result = made(tmp_path / "a.pdf")
    assert result.container
    assert len(result.parts) == 1


def test_files_within_have_limits(tmp_path: Path) -> None:
    with changed(tmp_path / "a.pdf") as document:
        document.attachments["a.bin"] = bytes(100_000)
        document.save(tmp_path / "a.pdf")
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path / "a.pdf", Limits(expanded_bytes=50_000))
    assert problem.value.reason is Reason.RESOURCE_LIMIT


@pytest.mark.parametrize("whole", [True, False])
def test_a_form_that_only_its_own_program_shows_is_not_passed_off_as_shown(tmp_path: Path, whole: bool) -> None:
    data = b"<xfa:datasets xmlns:xfa='http://www.xfa.org/schema/xfa-data/1.0/'><navn>Test</navn></xfa:datasets>"
    with changed(tmp_path / "a.pdf") as document:
        packets = Array([pikepdf.String("template"), document.make_stream(b"<template/>")])
        packets.extend([pikepdf.String("datasets"), document.make_stream(data)])
        xfa = document.make_stream(data) if whole else packets
        document.Root.AcroForm = Dictionary(Fields=Array([]), XFA=xfa)
        document.Root.NeedsRendering = True
        document.save(tmp_path / "a.pdf")
    result = made(tmp_path / "a.pdf")
    assert "form-data-apart" in codes(result)
    assert [(p.name, p.path.read_bytes()) for p in result.parts] == [(FORM_DATA, data)]


def test_an_xfa_form_whose_fields_are_drawn_is_an_ordinary_one(tmp_path: Path) -> None:
    with changed(tmp_path / "a.pdf") as document:
        field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="a", Rect=Array([0, 0, 50, 20]))
        field = document.make_indirect(field)
        document.pages[0].obj.Annots = Array([field])
        document.Root.AcroForm = Dictionary(Fields=Array([field]), XFA=document.make_stream(b"<x/>"))
        document.save(tmp_path / "a.pdf")
    assert codes(made(tmp_path / "a.pdf")) == {"active-content-removed"}


def test_who_signed_is_told_and_the_look_of_it_stays(tmp_path: Path) -> None:
    result = made(signed_pdf(tmp_path / "a.pdf"))
    assert detail(result, Flag.SIGNATURE_FACTS) == (
        f"signer Kari Testlege, issuer Testutsteder, serial {SERIAL:x}, time 2020-02-29T13:45:01+01:00, "
        "covers the whole file"
    )
    with pikepdf.open(result.pdf) as copy:
        (widget,) = copy.pages[0].obj.Annots
        assert "/V" not in widget
        assert b"0 0 150 40 re f" in widget.AP.N.read_bytes()


def test_what_was_added_after_signing_is_told(tmp_path: Path) -> None:
    source = signed_pdf(tmp_path / "a.pdf")
    source.write_bytes(source.read_bytes() + b"% later\n%%EOF\n")
    assert detail(made(source), Flag.SIGNATURE_FACTS).endswith("covers not what was added later")


@pytest.mark.parametrize("damage", [b"", b"\x30\x82\xff\xff", b"noise" * 100])
def test_a_signature_that_cannot_be_read_is_still_a_fact(tmp_path: Path, damage: bytes) -> None:
    with pikepdf.open(signed_pdf(tmp_path / "a.pdf"), allow_overwriting_input=True) as document:
        document.Root.AcroForm.Fields[0].V.Contents = pikepdf.String(damage)
        document.save(tmp_path / "a.pdf")
    assert detail(made(tmp_path / "a.pdf"), Flag.SIGNATURE_FACTS).startswith("signer not readable, time 2020")


@pytest.mark.parametrize(("base", "expected"), [("ON", "1 layers."), ("OFF", "1 layers.")])
def test_layers_that_are_off_are_told(tmp_path: Path, base: str, expected: str) -> None:
    with changed(tmp_path / "a.pdf") as document:
        groups = [document.make_indirect(Dictionary(Type=Name.OCG, Name=name)) for name in ("a", "b")]
        config = Dictionary(BaseState=Name(f"/{base}"), ON=Array([groups[0]]), OFF=Array([groups[1]]))
        document.Root.OCProperties = Dictionary(OCGs=Array(groups), D=config)
        document.save(tmp_path / "a.pdf")
    assert detail(made(tmp_path / "a.pdf"), Flag.HIDDEN_LAYERS) == expected


def test_a_pdf_that_lost_only_its_last_bytes_is_whole_but_flagged(tmp_path: Path) -> None:
    with pikepdf.open(documents.pdf(tmp_path / "a.pdf", pages=3), allow_overwriting_input=True) as document:
        document.save(tmp_path / "a.pdf", object_stream_mode=pikepdf.ObjectStreamMode.disable)
    whole = (tmp_path / "a.pdf").read_bytes()
    last = whole.rindex(b"endobj") + 6
    for end in (last + 1, last + 3, whole.index(b"xref") + 30, len(whole) - 30):
        (tmp_path / "cut.pdf").write_bytes(whole[:end])
        if b"startxref" in whole[:end]:
            continue
        result = made(tmp_path / "cut.pdf")
        assert codes(result) == {"decoded-leniently"}
        with pikepdf.open(result.pdf) as copy:
            assert len(copy.pages) == 3
    for end in range(last - 1, len(whole) // 3, -97):
        (tmp_path / "cut.pdf").write_bytes(whole[:end])
        with pytest.raises(DocumentProblem) as problem:
            made(tmp_path / "cut.pdf")
        assert problem.value.reason in (Reason.TRUNCATED, Reason.CORRUPT)
