"""The last step of every PDF that is made: declared level, output intent, nothing of the run in it.

The same input gives the same bytes: no dates, no random ids, no document information (the record has it; identical
bytes of several documents share one copy).
"""

from __future__ import annotations

import functools
from pathlib import Path

import pikepdf
from pikepdf import Name

from archive.normalise import repair

LINEARIZE_FROM = 1 << 20
"""Bytes from which a file is linearized, so that a viewer shows the first page before the rest has come."""

_OF_THE_RUN = ("/Info", "/ID", "/DocChecksum", "/AdditionalStreams")

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
        identifier = _output_intent(document)
        if thorough or identifier is None:
            prepare(document, "2b", output_intent="sRGB")
        elif identifier.startswith("sRGB"):
            # LibreOffice writes the date into its profile, which is also the larger one.
            document.Root.OutputIntents[0].DestOutputProfile = document.make_stream(_srgb(), N=3)
        for key in _OF_THE_RUN:
            if key in document.trailer:
                del document.trailer[key]
        document.Root.Metadata = _metadata(document, flavour)
        # An open file: given a path, pikepdf writes beside it and renames, a quarter of the time of all this.
        with out.open("wb") as written:
            document.save(
                written,
                **resolve_save_kwargs("2b", deterministic_id=True, linearize=pdf.stat().st_size >= LINEARIZE_FROM),
            )


def _output_intent(document: pikepdf.Pdf) -> str | None:
    """The identifier of the one PDF/A output intent; None where there is none, or several."""
    intents = document.Root.get("/OutputIntents")
    if not isinstance(intents, pikepdf.Array) or len(intents) != 1 or not isinstance(intents[0], pikepdf.Dictionary):
        return None
    if intents[0].get("/S") != Name.GTS_PDFA1 or not isinstance(intents[0].get("/DestOutputProfile"), pikepdf.Stream):
        return None
    return str(intents[0].get("/OutputConditionIdentifier", ""))


@functools.cache
def _srgb() -> bytes:
    """The sRGB profile that pikepdf ships."""
    from pikepdf.pdfa import prepare

    with pikepdf.new() as document:
        document.add_blank_page()
        prepare(document, "2b", output_intent="sRGB")
        return document.Root.OutputIntents[0].DestOutputProfile.read_bytes()


def _metadata(document: pikepdf.Pdf, flavour: str) -> pikepdf.Stream:
    xmp = _XMP.format(part=flavour[0], conformance=flavour[1].upper()).encode("utf-8")
    stream = document.make_stream(xmp)
    stream.Type, stream.Subtype = Name.Metadata, Name.XML
    return stream
