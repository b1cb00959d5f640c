"""PDF as the programs and scanners of the time wrote it: with embedded fonts, half of those as PDF/A, with a Helvetica
that is not embedded, or a picture of a page."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import pikepdf
import typst

from extract.sample.notes import Note
from extract.sample.pictures import scanned_page
from extract.sample.plain import lines_of

_WIDTH, _HEIGHT = 595, 842
_LINES_PER_PAGE = 52
_ID = b"<6a6f75726e616c61726b697676657421>"


_OFFICE, _ARCHIVAL = 0.5, 0.2


def pdf(note: Note, rng: Random) -> bytes:
    """The note as text pages: half of an office program with embedded fonts, a fifth PDF/A-2b, the rest of a printer
    driver that embeds none."""
    maker = rng.random()
    if maker < _OFFICE:
        return _office(note, archival=False)
    return _office(note, archival=True) if maker < _OFFICE + _ARCHIVAL else _printed(note, rng)


def _office(note: Note, *, archival: bool) -> bytes:
    data = {
        "title": note.title,
        "unit": note.unit.name,
        "year": note.day.year,
        "month": note.day.month,
        "day": note.day.day,
        "blocks": [{"style": b.style, "text": b.text, "rows": b.rows} for b in note.blocks],
    }
    made = _compiler().compile(
        sys_inputs={"data": json.dumps(data)}, format="pdf", pdf_standards=["a-2b"] if archival else ["1.7"]
    )
    if not isinstance(made, bytes):
        raise TypeError("typst gave no PDF")
    return made


@cache
def _compiler() -> typst.Compiler:
    template = Path(__file__).with_name("letter.typ")
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Compiler(input=template, root=template.parent, font_paths=fonts)


def _printed(note: Note, rng: Random) -> bytes:
    """Text pages, compressed or not."""
    lines = lines_of(note, 88)
    compressed = rng.random() < 0.7
    pages = [lines[i : i + _LINES_PER_PAGE] for i in range(0, len(lines), _LINES_PER_PAGE)]
    streams = [_stream(_page_content(page), compressed) for page in pages]
    fonts = [
        f"<</Type/Font/Subtype/Type1/BaseFont/{name}/Encoding/WinAnsiEncoding>>".encode()
        for name in ("Helvetica", "Helvetica-Bold")
    ]
    count = len(pages)
    kids = " ".join(f"{5 + 2 * i} 0 R" for i in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {count}/Kids[{kids}]>>".encode(),
        *fonts,
    ]
    for i, stream in enumerate(streams):
        resources = "<</Font<</F1 3 0 R/F2 4 0 R>>>>"
        box = f"[0 0 {_WIDTH} {_HEIGHT}]"
        page_head = f"<</Type/Page/Parent 2 0 R/MediaBox{box}/Resources{resources}/Contents {6 + 2 * i} 0 R>>"
        objects += [page_head.encode(), stream]
    return _file(objects)


def scanned_pdf(note: Note) -> bytes:
    """The note as a picture, without any text."""
    picture, width, height = scanned_page(note)
    image = (
        (
            f"<</Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 8"
            f"/Filter/DCTDecode/Length {len(picture)}>>stream\n"
        ).encode()
        + picture
        + b"\nendstream"
    )
    page = (
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {_WIDTH} {_HEIGHT}]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>"
    )
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        page.encode(),
        _stream(f"{_WIDTH} 0 0 {_HEIGHT} 0 0 cm /I Do".encode(), False),
        image,
    ]
    return _file(objects)


def protected_pdf(note: Note, rng: Random, *, opens_with: str) -> bytes:
    """The note with RC4 encryption. With an empty password anybody can open it, and only usage is restricted."""
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(_printed(note, rng))) as document:
        # A fixed id: the key depends on it, and the same seed must give the same bytes.
        document.save(
            target,
            static_id=True,
            encryption=pikepdf.Encryption(owner="eier", user=opens_with, R=3, aes=False, metadata=False),
        )
    return target.getvalue()


def _page_content(lines: Sequence[str]) -> bytes:
    out = [b"BT 13.5 TL 56 780 Td"]
    for line in lines:
        bold = line.isupper() and line[0] != "="
        shown = line.encode("cp1252", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        out.append(b"/%s 10 Tf (%s) Tj T*" % (b"F2" if bold else b"F1", shown))
    return b"\n".join([*out, b"ET"])


def _stream(content: bytes, compressed: bool) -> bytes:
    if compressed:
        content = zlib.compress(content)
    filters = b"/Filter/FlateDecode" if compressed else b""
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (filters, len(content), content)


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % at for at in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R/ID[%s%s]>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, _ID, _ID, table)
    return bytes(out)
