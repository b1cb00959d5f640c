"""Small documents for tests, made here: RTF, DOCX, PDF."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from pathlib import Path

import pikepdf
import psutil
from msoffcrypto.format.ooxml import OOXMLFile
from pikepdf import Array, Dictionary, Name

from archive.normalise.contract import Job

_CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def rtf(text: str) -> bytes:
    """An RTF file; `text` may hold RTF of its own."""
    body = "".join(c if ord(c) < 128 else f"\\'{c.encode('cp1252')[0]:02x}" for c in text)
    return rf"{{\rtf1\ansi\ansicpg1252\deff0{{\fonttbl{{\f0 Arial;}}}}\f0\fs22 {body}\par}}".encode("ascii")


def docx(body: str) -> bytes:
    """A DOCX file of one paragraph; `body` is what stands in its `w:p`."""
    document = f'<?xml version="1.0"?><w:document xmlns:w="{_WORD}"><w:body><w:p>{body}</w:p></w:body></w:document>'
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("[Content_Types].xml"), _CONTENT_TYPES)
        archive.writestr(zipfile.ZipInfo("_rels/.rels"), _RELATIONS)
        archive.writestr(zipfile.ZipInfo("word/document.xml"), document)
    return data.getvalue()


def run(text: str) -> str:
    """A run of a DOCX paragraph."""
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def locked_docx(path: Path, password: str, text: str) -> bytes:
    """A Word file that needs a password; returns its bytes as they were without."""
    # a part more, since the library that locks it cannot do so with less than 4 KB
    data = io.BytesIO(docx(run(text)))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr(zipfile.ZipInfo("docProps/padding.xml"), f"<padding>{'x' * 8192}</padding>")
    with path.open("wb") as out:
        OOXMLFile(io.BytesIO(data.getvalue())).encrypt(password, out)
    return data.getvalue()


def locked_pdf(path: Path, password: str, revision: int) -> None:
    """A PDF of one page that needs a password; `revision` of the standard security handler (ISO 32000-2 7.6.4)."""
    with pikepdf.open(pdf(path.with_name("plain.pdf"))) as document:
        encryption = pikepdf.Encryption(user=password, owner="x", R=revision, aes=revision >= 4, metadata=revision >= 4)
        document.save(path, encryption=encryption)


def pdf(path: Path, *, pages: int = 1, text: str = "Prøvesvar") -> Path:
    """A PDF whose Helvetica is not embedded; without text it is nearly PDF/A."""
    with pikepdf.new() as document:
        font = document.make_indirect(
            Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding)
        )
        for number in range(pages):
            document.add_blank_page(page_size=(595, 842))
            page = document.pages[-1].obj
            if text:
                shown = f"{text} {number + 1}".encode("cp1252")
                page.Resources = Dictionary(Font=Dictionary(F=font))
                page.Contents = document.make_stream(b"BT /F 14 Tf 72 700 Td (" + shown + b") Tj ET")
        document.save(path)
    return path


def with_script(path: Path) -> Path:
    """A PDF without text that runs JavaScript when opened and carries a file."""
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(200, 200))
        document.Root.OpenAction = Dictionary(S=Name.JavaScript, JS="app.alert(1)")
        document.attachments["vedlegg.txt"] = b"hei"
        note = Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=Array([10, 10, 30, 30]), Contents="merknad")
        document.pages[0].obj.Annots = Array([document.make_indirect(note)])
        document.save(path)
    return path


def job(path: Path, key: str, name: str | None = None) -> Job:
    """A job for a file on disk."""
    content = path.read_bytes()
    return Job(key, path, name or path.name, hashlib.sha256(content).hexdigest(), len(content))


def jobs(folder: Path, **files: bytes) -> list[Job]:
    """Files and their jobs by name; the extension stands behind the last underscore."""
    made = []
    for name, content in files.items():
        path = folder / ".".join(name.rsplit("_", 1))
        path.write_bytes(content)
        made.append(job(path, name))
    return made


def children() -> list[psutil.Process]:
    """Our child processes, but for the one that Python itself starts beside spawned processes."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie counts: somebody forgot to wait
            zombie = process.status() == psutil.STATUS_ZOMBIE
            if zombie or "resource_tracker" not in " ".join(process.cmdline()):
                found.append(process)
    return found
