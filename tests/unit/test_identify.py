from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.identify import MEDIA_TYPES, identify, mismatch
from archive.reasons import DocumentProblem, Reason


def family(tmp_path: Path, content: bytes, name: str = "a.dat") -> str:
    path = tmp_path / "file"
    path.write_bytes(content)
    return identify(path, name).family


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            entry = zipfile.ZipInfo(name.replace("__", "/").replace("_dot_", "."))
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def ole(stream: str, fib_flags: int = 0) -> bytes:
    """A compound file of four sectors: FAT, directory, and a stream of 4,096 bytes or more would follow."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<H", header, 30, 9)
    struct.pack_into("<I", header, 48, 1)
    struct.pack_into("<I", header, 56, 4096)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    fat = struct.pack("<128I", 0xFFFFFFFD, 0xFFFFFFFE, *[0xFFFFFFFE] * 126)

    def entry(name: str, kind: int, start: int, size: int) -> bytes:
        encoded = (name + "\0").encode("utf-16-le")
        raw = bytearray(128)
        raw[: len(encoded)] = encoded
        struct.pack_into("<H", raw, 64, len(encoded))
        raw[66] = kind
        struct.pack_into("<IQ", raw, 116, start, size)
        return bytes(raw)

    directory = entry("Root Entry", 5, 0xFFFFFFFE, 0) + entry(stream, 2, 2, 4096) + bytes(256)
    fib = bytearray(4096)
    struct.pack_into("<HHHHHH", fib, 0, 0xA5EC, 0xC1, 0, 0x0414, 0, fib_flags)
    return bytes(header) + fat + directory + bytes(fib)


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"{\\rtf1 hei}", "a.rtf", "rtf"),
        (b"\xef\xbb\xbf \r\n{\\rtf1 hei}", "a.doc", "rtf"),
        (b"{\\rt", "", "rtf"),
        (b"%PDF-1.4\n1 0 obj", "a.pdf", "pdf"),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n1 0 obj\n", "a.pdf", "pdf"),
        (b"Vedlegg: %PDF-1.4 ble ikke lest.", "a.txt", "txt"),
        (b"\xff\xd8\xff\xe0", "a.tif", "jpeg"),
        (b"II*\0\x08\0\0\0", "a.tif", "tiff"),
        (b"MM\0*\0\0\0\x08", "a.tif", "tiff"),
        ("Blodtrykk målt.\r\n".encode("cp850"), "a.txt", "txt"),
        ("Blodtrykk målt.\r\n".encode("utf-16"), "a.txt", "txt"),
        ("Blodtrykk målt, alt i orden.\r\n".encode("utf-16-le"), "a.txt", "txt"),
        (
            b"Felt A\0 Felt B, og resten av et notat som er langt nok til at en nullbyte er et slumpetreff.\r\n" * 3,
            "",
            "txt",
        ),
        (b"notat\x1a\0\0\0\0\0", "a.txt", "txt"),
        (b"<div>hei</div>", "a.html", "html"),
        (b"<div>hei", "a.htm", "html"),
        (b"<div>hei</div>", "notat.txt", "html"),
        (b"<Kari Nordmann> ringte i dag.", "notat.txt", "txt"),
        (b"<p 3 tabletter", "notat.txt", "txt"),
        (b"{{#if x}}<table><tr><td>1</td></tr></table>{{/if}}", "a.html", "html"),
        (b"<!DOCTYPE html><title>x</title>", "a.pdf", "html"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html xmlns="h"/>', "a.xml", "html"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><MsgHead/>', "a.xml", "xml"),
        # A record may begin with a word of HTML's: its namespace decides, then what HTML knows.
        (b'<section xmlns="urn:hl7-org:v3"><title>x</title></section>', "a.xml", "xml"),
        (b'<h:section xmlns:h="urn:hl7-org:v3"><h:title/></h:section>', "a.html", "xml"),
        (b'<section xmlns="http://www.w3.org/1999/xhtml"><p>x</p></section>', "a.html", "html"),
        (b'<body xmlns="urn:x"><p a="1">x</p></body>', "", "xml"),
        (b'<html xmlns="urn:x"><p>x</p></html>', "a.html", "xml"),
        (
            b'<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns="http://www.w3.org/TR/REC-html40"></html>',
            "",
            "html",
        ),
        (b'<table><tr navn="Kari" diagnose="KOLS"/></table>', "a.html", "xml"),
        (b'<?xml version="1.0"?><table><tr navn="Kari"/></table>', "a.html", "xml"),
        (b'<table><tr navn=""/><td data-x="1" onclick="y()">x</td></table>', "a.html", "html"),
        (b"<article><p>x</p><lege>y</lege></article>", "", "xml"),
        (b'<div><my-tag>x</my-tag><p class="a" aria-label="b">y</p></div>', "", "html"),
        (b'<section><code code="1" displayName="\xe6"/></section>', "a.xml", "xml"),
        (b'<section><code displayName="a"/><p></section>', "a.xml", "xml"),
        (b'<section><code displayName="a"/><p></section>', "a.html", "html"),
        (b'<p><o:p xmlns:o="urn:schemas-microsoft-com:office:office">x</o:p></p>', "a.html", "html"),
        ('<?xml version="1.0" encoding="UTF-16"?><MsgHead/>'.encode("utf-16"), "a.xml", "xml"),
        (b'<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><MsgInfo/></MsgHead>', "", "xml"),
        (b'<MsgHead xmlns="urn:x"><MsgInfo></MsgHead>', "", "txt"),
        (b'<?xml version="1.0"?>' + b"<!-- a -->\n" * 500 + b"<MsgHead/>", "a.xml", "xml"),
        (b"<!-- a -->\n" * 500 + b"<p 3 tabletter", "notat.txt", "txt"),
        (b"<!-- a -->\n" * 500 + b"<div>hei</div>", "a.htm", "html"),
        (b'<MsgHead xmlns="urn:x"><MsgInfo></MsgHead>', "melding.xml", "xml"),
        (b"MZ\x90\0\x03\0\0\0" + bytes(range(256)) * 4, "a.doc", "unknown"),
        (bytes((i * 167 + i * i * 13) % 256 for i in range(4000)), "a.txt", "unknown"),
        (b"ID3\x03\0\0\0\0\0\x21" + b"\xff\xfb\x90\x64" * 20, "a.mp3", "audio"),
        ((b"\xff\xfb\x90\x64" + bytes(413)) * 3, "a.mp3", "audio"),
        (b"\xff\xfb\x90\x64" + bytes(range(256)) * 3, "a.mp3", "unknown"),
        (b"\xff\xfe" + "Hei på deg".encode("utf-16-le"), "a.txt", "txt"),
        (b"RIFF\x24\x08\0\0WAVEfmt " + bytes(90), "a.txt", "audio"),
        (b"\x02dss" + bytes(2000), "diktat.dss", "audio"),
        (b"OggS\0\x02" + bytes(22) + b"\x01vorbis", "a.ogg", "audio"),
        (b"#!AMR\n" + bytes(30), "a.amr", "audio"),
        (b"ID3-nummer: ikke oppgitt", "a.txt", "txt"),
        (b"G" * 2000, "a.txt", "txt"),
        (b"a" * 128 + b"DICM" + b"a" * 125 + b"ustar er et filformat", "a.txt", "txt"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "a.m4a", "audio"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "a.mp4", "video"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "a.mov", "video"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a.heic", "unknown"),
        (b"RIFF\x24\x08\0\0AVI LIST" + bytes(90), "a.avi", "video"),
        (b"\x1aE\xdf\xa3\x93B\x82\x88matroska", "a.mkv", "video"),
        (b"\0\0\x01\xba\x44" + bytes(90), "a.mpg", "video"),
        ((b"G\x40\0\x10" + b"\xff" * 184) * 6, "a.ts", "video"),
        (bytes(128) + b"DICM\x02\0\0\0UL\x04\0" + bytes(90), "a.dcm", "dicom"),
        (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(90), "a.7z", "archive"),
        (b"Rar!\x1a\x07\0" + bytes(90), "a.rar", "archive"),
        (b"notat.txt".ljust(257, b"\0") + b"ustar\x0000" + bytes(300), "a.tar", "archive"),
        (b"BZh91AY&SY" + bytes(30), "a.bz2", "archive"),
        (b"\1\0\0\0\x6c\0\0\0" + bytes(32) + b" EMF\0\0\1\0", "a.wmf", "emf"),
        (b"\1\0\0\0\x6c\0\0\0" + bytes(60), "a.emf", "unknown"),
        (b"\xd7\xcd\xc6\x9a\0\0" + bytes(16) + b"\1\0\t\0\0\3", "a.dat", "wmf"),
        (b"\1\0\t\0\0\3" + bytes(12), "a.wmf", "wmf"),
        (zipped(**{"[Content_Types]_dot_xml": "<Types/>", "word__document_dot_xml": "<w/>"}), "a.docx", "docx"),
        (zipped(mimetype="application/vnd.oasis.opendocument.text", content_dot_xml="<a/>"), "a.odt", "odt"),
        (zipped(xl__workbook_dot_xml="<a/>"), "a.xlsx", "xlsx"),
        (zipped(readme_dot_txt="hei"), "a.zip", "zip"),
        (zipped(**{"META-INF__a_dot_txt": "hei"}), "a.jar", "unknown"),
        (ole("WordDocument"), "a.doc", "doc"),
        (ole("WORDDOCUMENT"), "a.doc", "doc"),
        (ole("Workbook"), "a.xls", "xls"),
        (ole("PowerPoint Document"), "a.doc", "ppt"),
        (ole("Noe annet"), "a.doc", "unknown"),
    ],
)
def test_the_bytes_decide(tmp_path: Path, content: bytes, name: str, expected: str) -> None:
    assert family(tmp_path, content, name) == expected


def test_broken_ole_directory_is_searched_by_name(tmp_path: Path) -> None:
    content = bytearray(ole("WordDocument"))
    struct.pack_into("<I", content, 48, 90_000)
    assert family(tmp_path, bytes(content), "a.doc") == "doc"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (bytes(2), Reason.EMPTY),
        (bytes(3 << 20), Reason.EMPTY),
        (ole("EncryptedPackage"), Reason.ENCRYPTED),
        (ole("WordDocument", fib_flags=0x0100), Reason.ENCRYPTED),
        (zipped(word__document_dot_xml="<w/>" * 100)[:60], Reason.TRUNCATED),
        (zipped(word__document_dot_xml="0" * 2_000_000), Reason.RESOURCE_LIMIT),
        (
            zipped(
                mimetype="application/vnd.oasis.opendocument.text",
                **{"META-INF__manifest_dot_xml": "<manifest:encryption-data/>"},
            ),
            Reason.ENCRYPTED,
        ),
    ],
)
def test_containers_that_tell(tmp_path: Path, content: bytes, reason: Reason) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DocumentProblem) as problem:
        identify(path, "a.docx", expanded_bytes=1_000_000)
    assert problem.value.reason is reason


def test_a_broken_zip_directory_is_corrupt(tmp_path: Path) -> None:
    content = bytearray(zipped(word__document_dot_xml="<w/>"))
    at = content.index(b"PK\x01\x02")
    content[at : at + 4] = b"XXXX"
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DocumentProblem) as problem:
        identify(path, "a.docx")
    assert problem.value.reason is Reason.CORRUPT


def test_pronom_id_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(b"{\\rtf1\\ansi\\ansicpg1252\\deff0 hei}")
    found = identify(path, "ARKIV\\dok\\A.RTF")
    assert found.puid is not None
    assert found.puid.startswith("fmt/")
    assert found.declared_extension == "rtf"
    assert found.media_type == "application/rtf"


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"{\\rtf1 hei}", "a.doc", True),
        (b"{\\rtf1 hei}", "a.RTF", False),
        (b"{\\rtf1 hei}", "700001.dat", False),
        (b"{\\rtf1 hei}", "notat", False),
        (b"hei", "a.pdf", True),
        (b"<html/>", "a.xhtml", False),
    ],
)
def test_mismatch(tmp_path: Path, content: bytes, name: str, expected: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert mismatch(identify(path, name)) is expected


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(DocumentProblem) as problem:
        identify(tmp_path / "missing", "a.txt")
    assert problem.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize(
    ("content", "name", "family"),
    [
        (b'{"a": 1}', "a.json", "json"),
        (b'\n[{"a": 1}]', "a.JSON", "json"),
        (b'{"resourceType": "Bundle"}', "a.dat", "json"),
        (b'{"a": 1}', "a.txt", "txt"),
        (b"bare tekst", "a.json", "txt"),
    ],
)
def test_json_is_what_promises_to_be(tmp_path: Path, content: bytes, name: str, family: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert identify(path, name).family == family


STARTS = st.sampled_from(
    [
        b"",
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"%PDF-",
        b"<?xml ",
        b"<a",
        b"II*\0",
        b"\xff\xfe",
        b"{\\rtf",
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=STARTS, rest=st.binary(max_size=2000), name=st.text(max_size=8))
def test_any_bytes_are_something(tmp_path: Path, start: bytes, rest: bytes, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(start + rest)
    try:
        found = identify(path, name)
    except DocumentProblem:
        return
    assert found.family in MEDIA_TYPES


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_containers_never_crash(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([ole("WordDocument"), zipped(word__document_dot_xml="<w/>" * 50)])))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "file"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        found = identify(path, "a.doc")
    except DocumentProblem:
        return
    assert found.family in MEDIA_TYPES
