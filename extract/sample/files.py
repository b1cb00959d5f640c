"""The bytes of the sample's files, and the names under which the register knows them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from extract.sample import pdffile, pictures, plain, richtext
from extract.sample.notes import Note
from extract.sample.plan import Planned

_EXTENSIONS = {"tiff": "tif", "jpeg": "jpg"}
_NAMED = {
    "rtf-named-doc": "doc",
    "html-named-pdf": "pdf",
    "jpeg-named-tif": "tif",
    "program": "doc",
    "noise": "dat",
}
_WRITERS: dict[str, Callable[[Note, Random], bytes]] = {
    "rtf": richtext.rtf,
    "doc": lambda note, _: richtext.doc(note),
    "docx": richtext.docx,
    "txt": plain.text,
    "html": lambda note, _: plain.html(note),
    "xml": plain.message,
    "tiff": pictures.tiff,
    "jpeg": pictures.jpeg,
    "png": lambda _, rng: pictures.png(rng),
    "pdf": pdffile.pdf,
}
_CIRCULAR = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}}\f0\fs22{\b Influensavaksine}\par"
    r"Kommunen tilbyr influensavaksine til alle over 65 \'e5r. Ta med denne innkallingen til legesenteret.\par}"
)
"""A circular letter, the same bytes in many journals."""
FAMILIES = tuple(_WRITERS)


def file_name(document: Planned) -> str:
    """Where the document's file lies in the export, as the register writes it; empty where it names none."""
    folder, number = document.number // 1000, document.number
    match document.trouble:
        case "no-file":
            return ""
        case "path-outside-export":
            return "..\\..\\..\\..\\etc\\hostname"
        case "no-extension":
            return f"dok\\{folder}\\{number}"
        case "awkward-name":
            return f"dok\\{folder}\\Årsrapport – Ødegård & sønn; (kopi 2) {number}.rtf"
    extension = _NAMED.get(document.trouble) or _EXTENSIONS.get(document.family, document.family)
    return f"dok\\{folder}\\{number}.{extension}"


def file_bytes(document: Planned, note: Note, rng: Random) -> bytes | None:
    """What the file holds, or None where there is no file."""
    match document.trouble:
        case "no-file" | "path-outside-export" | "file-missing":
            return None
        case "empty":
            return b""
        case "encrypted":
            return pdffile.protected_pdf(note, rng, opens_with="pasient")
        case "owner-password":
            return pdffile.protected_pdf(note, rng, opens_with="")
        case "program":
            return b"MZ\x90\0\x03\0\0\0" + bytes(56) + b"\x40\0\0\0PE\0\0" + rng.randbytes(3000)
        case "noise":
            return rng.randbytes(5000)
        case "identical-bytes":
            return _CIRCULAR.encode("ascii")
        case "picture-bomb":
            return pictures.picture_bomb()
    content = pdffile.scanned_pdf(note) if document.scanned else _WRITERS[document.family](note, rng)
    if document.trouble.startswith("truncated-"):
        return content[: len(content) * 3 // 5]
    return content


def attachment(note: Note, rng: Random) -> bytes:
    """A photograph that belongs to a document."""
    return pictures.jpeg(note, rng)
