"""The last step of every PDF that is made: declared level, output intent, nothing of the run in it.

The same input gives the same bytes: no dates, no random ids, no document information (the record has it; identical
bytes of several documents share one copy).
"""

from __future__ import annotations

from pathlib import Path

import pikepdf
from pikepdf import Name

from archive.normalise import repair

LINEARIZE_FROM = 1 << 20
"""Bytes from which a file is linearized, so that a viewer shows the first page before the rest has come."""

_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">'
    "<pdfaid:part>{part}</pdfaid:part><pdfaid:conformance>{conformance}</pdfaid:conformance>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>\n"
    '<?xpacket end="r"?>'
)


def finish(pdf: Path, out: Path, flavour: str, *, thorough: bool = False) -> None:
    """Write `out` from `pdf`, declaring a PDF/A level (`2a`, `2u`, `2b`). Whether it holds, the validator says.

    Args:
        pdf: a PDF of any of the routes.
        out: the file to write.
        flavour: the level to declare.
        thorough: also apply the repairs that PDFs of other makers need (`archive.normalise.repair`).

    Raises:
        pikepdf.PdfError: `pdf` cannot be read.
        OSError: `out` cannot be written.
    """
    from pikepdf.pdfa import prepare, resolve_save_kwargs

    with pikepdf.open(pdf) as document:
        repair.appearances(document)
        if thorough:
            repair.structure(document)
        if thorough or not _has_output_intent(document):
            prepare(document, "2b", output_intent="sRGB")
        if "/Info" in document.trailer:
            del document.trailer["/Info"]
        document.Root.Metadata = _metadata(document, flavour)
        document.save(
            out,
            **resolve_save_kwargs("2b", deterministic_id=True, linearize=pdf.stat().st_size >= LINEARIZE_FROM),
        )


def _has_output_intent(document: pikepdf.Pdf) -> bool:
    intents = document.Root.get("/OutputIntents")
    if not isinstance(intents, pikepdf.Array):
        return False
    return any(isinstance(i, pikepdf.Dictionary) and i.get("/S") == Name.GTS_PDFA1 for i in intents)


def _metadata(document: pikepdf.Pdf, flavour: str) -> pikepdf.Stream:
    xmp = _XMP.format(part=flavour[0], conformance=flavour[1].upper()).encode("utf-8")
    stream = document.make_stream(xmp)
    stream.Type, stream.Subtype = Name.Metadata, Name.XML
    return stream
