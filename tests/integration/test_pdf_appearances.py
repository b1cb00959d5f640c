"""What is drawn of forms, annotations and fonts of signs is PDF/A at once: no rung below the first is needed."""

from __future__ import annotations

from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name

from archive.normalise.contract import Normalised
from archive.normalise.finish import finish
from archive.normalise.ladder import Normaliser
from archive.reasons import Flag
from tests import documents
from tests.pdfforms import annotation, bare, form, inked, widget

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


def as_pdfa(path: Path, *annotations: Dictionary, out: Path) -> Path:
    """A valid PDF/A-1b with annotations: level 1 lets them be without an appearance."""
    form(path, *annotations, text="")
    finish(path, out, "2b")
    with pikepdf.open(out, allow_overwriting_input=True) as document:
        for written in document.pages[0].obj.Annots:
            del written["/AP"]
        metadata = document.Root.Metadata
        metadata.write(metadata.read_bytes().replace(b"part>2<", b"part>1<"))
        document.save(out, force_version="1.4", object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out


def test_a_valid_pdfa_is_kept_only_where_all_of_it_is_seen(tmp_path: Path) -> None:
    comment = annotation("Text", (310, 300, 330, 320), Contents="Ring pårørende", T="Lege A", F=28)
    pen = annotation("Ink", (310, 200, 400, 300), InkList=Array([Array([320, 210, 390, 290])]))
    seen = as_pdfa(tmp_path / "1.pdf", comment, out=tmp_path / "seen.pdf")
    unseen = as_pdfa(tmp_path / "2.pdf", pen, out=tmp_path / "unseen.pdf")
    with Normaliser() as normaliser:
        jobs = [documents.job(seen, "seen"), documents.job(unseen, "unseen")]
        made = normaliser.normalise(jobs, tmp_path / "out")
    kept, drawn = made["seen"], made["unseen"]
    assert isinstance(kept, Normalised)
    assert isinstance(drawn, Normalised)
    assert (kept.route, kept.pdf.read_bytes()) == ("pdf-kept", seen.read_bytes())
    assert "Ring pårørende" in kept.text.read_text(encoding="utf-8")
    assert Flag.ANNOTATIONS_MISSING in {f.code for f in kept.flags}
    assert drawn.route == "pdf"
    assert inked(drawn.pdf, (315, 205, 395, 295))
