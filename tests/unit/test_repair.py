from __future__ import annotations

from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.normalise import repair
from tests.documents import pdf


def annotated(path: Path, *annotations: Dictionary) -> pikepdf.Pdf:
    document = pikepdf.open(pdf(path, text=""))
    document.pages[0].obj.Annots = Array([document.make_indirect(a) for a in annotations])
    return document


def annotation(kind: str, **more: object) -> Dictionary:
    return Dictionary(Type=Name.Annot, Subtype=Name(kind), Rect=Array([10, 10, 50, 30]), **more)


def test_appearances(tmp_path: Path) -> None:
    with annotated(
        tmp_path / "a.pdf", annotation("/Popup"), annotation("/Link"), annotation("/Text"),
        annotation("/Widget", FT=Name.Btn), annotation("/Widget", FT=Name.Tx),
        Dictionary(Type=Name.Annot, Subtype=Name.Stamp),
    ) as document:  # fmt: skip
        repair.appearances(document)
        popup, link, text, button, field = document.pages[0].Annots
        assert "/AP" not in popup
        assert "/AP" not in link
        assert [float(x) for x in text.AP.N.BBox] == [0, 0, 40, 20]
        assert isinstance(button.AP.N["/Off"], pikepdf.Stream)
        assert str(button.AS) == "/Off"
        assert isinstance(field.AP.N, pikepdf.Stream)


def test_one_of_several_states_is_chosen_where_states_mean_nothing(tmp_path: Path) -> None:
    with annotated(tmp_path / "a.pdf", annotation("/Stamp", AS=Name.Two)) as document:
        one, two = document.make_stream(b"1"), document.make_stream(b"2")
        stamp = document.pages[0].Annots[0]
        stamp.AP = Dictionary(N=Dictionary({"/One": one, "/Two": two}), D=one, R=one)
        repair.appearances(document)
        assert stamp.AP.N.read_bytes() == b"2"
        assert "/D" not in stamp.AP
        assert "/R" not in stamp.AP


def test_a_page_whose_annotations_are_no_list_loses_them(tmp_path: Path) -> None:
    with pikepdf.open(pdf(tmp_path / "a.pdf", text="")) as document:
        document.pages[0].obj.Annots = Name.Wrong
        repair.appearances(document)
        assert "/Annots" not in document.pages[0].obj


def test_font_descriptors_and_cid_maps(tmp_path: Path) -> None:
    with pikepdf.open(pdf(tmp_path / "a.pdf", text="")) as document:
        descriptor = document.make_indirect(
            Dictionary(
                Type=Name.FontDescriptor, CIDSet=document.make_stream(b"\1"), FontFile2=document.make_stream(b"f")
            )
        )
        font = document.make_indirect(Dictionary(Subtype=Name.CIDFontType2, FontDescriptor=descriptor))
        document.pages[0].obj.Resources = Dictionary(Font=Dictionary(F=font))
        repair.structure(document)
        assert "/CIDSet" not in descriptor
        assert font.CIDToGIDMap == Name.Identity


def test_optional_content(tmp_path: Path) -> None:
    with pikepdf.open(pdf(tmp_path / "a.pdf", text="")) as document:
        groups = [document.make_indirect(Dictionary(Type=Name.OCG, Name=f"lag {i}")) for i in range(3)]
        default = Dictionary(AS=Array([]), Order=Array([groups[0], Array([groups[1]])]))
        document.Root.OCProperties = Dictionary(
            OCGs=Array(groups), D=default, Configs=Array([Dictionary(Name="x"), Dictionary(Name="x")])
        )
        repair.structure(document)
        properties = document.Root.OCProperties
        names = [str(c.Name) for c in (properties.D, *properties.Configs)]
        assert len(set(names)) == 3
        assert "/AS" not in properties.D
        assert [g.objgen for g in properties.D.Order if isinstance(g, Dictionary)] == [
            groups[0].objgen,
            groups[2].objgen,
        ]
