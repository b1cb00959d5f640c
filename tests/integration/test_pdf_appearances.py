"""What is drawn of forms, annotations and fonts of signs is PDF/A at once: no rung below the first is needed."""

from __future__ import annotations

from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.normalise.contract import Normalised
from archive.normalise.ladder import Normaliser
from archive.reasons import Flag
from tests import documents
from tests.pdfforms import annotation, bare, form, widget

_FIELDS = (
    widget("Tx", V="Temp ≥ 38 → ring\rlinje to", Ff=1 << 12),
    widget("Ch", (100, 460, 300, 490), V="b", Opt=Array(["a", "b"])),
    widget("Btn", (100, 440, 112, 452), V=Name.Ja, AS=Name.Ja),
    widget("Btn", (100, 400, 200, 420), Ff=1 << 16, MK=Dictionary(CA="Skriv ut", BC=Array([0]))),
    widget("Tx", (100, 380, 300, 395), V="skjult", F=2),
)
_ANNOTATIONS = (
    annotation("FreeText", (100, 300, 300, 340), Contents="Fritekst ☑", C=Array([1, 1, 0])),
    annotation("Highlight", (72, 698, 150, 714), C=Array([1, 1, 0])),
    annotation("Text", (310, 300, 330, 320), Contents="Merknad"),
    annotation("Ink", (310, 200, 400, 300), InkList=Array([Array([320, 210, 390, 290])])),
    annotation("Stamp", (100, 200, 300, 240), Name=Name.Draft),
    annotation("Screen", (100, 100, 120, 120)),
    annotation("FileAttachment", (130, 100, 150, 120)),
)


def test_forms_annotations_and_signs_are_pdfa_by_themselves(tmp_path: Path) -> None:
    def signs(document: pikepdf.Pdf, _: list[Dictionary]) -> None:
        page = document.pages[0].obj
        page.Resources.Font.S = bare("Wingdings-Regular")
        page.Contents = document.make_stream(b"BT /F 14 Tf 72 700 Td (Skjema) Tj /S 14 Tf <fea8> Tj ET")
        page.CropBox = Array([1000, 1000, 2000, 2000])

    source = form(tmp_path / "a.pdf", *_FIELDS, *_ANNOTATIONS, change=signs)
    with Normaliser() as normaliser:
        made = normaliser.normalise([documents.job(source, "a")], tmp_path / "out")["a"]
    assert isinstance(made, Normalised)
    assert (made.route, made.flavour) == ("pdf", "2u")
    assert made.verdict is not None
    assert made.verdict.passed
    text = made.text.read_text(encoding="utf-8")
    for words in ("Temp ≥ 38 → ring", "linje to", "Skriv ut", "skjult", "Fritekst ☑", "Merknad", "DRAFT", "Skjema☑□"):
        assert words in text
    assert {f.code for f in made.flags} >= {Flag.FONT_SUBSTITUTED, Flag.HIDDEN_TEXT, Flag.ACTIVE_CONTENT_REMOVED}
    assert Flag.ANNOTATIONS_MISSING not in {f.code for f in made.flags}
    assert text.count("Merknad") == 1
    assert made.page_count == 2
