from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from archive.normalise.frozen import freeze
from tests.documents import docx, rtf


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"{\field{\*\fldinst DATE \\@ x}{\fldrslt 1}}", r"{\field{\*\fldinst XXXX \\@ x}{\fldrslt 1}}"),
        (r"{\field{\*\fldinst { DATE }}{\fldrslt 1}}", r"{\field{\*\fldinst { XXXX }}{\fldrslt 1}}"),
        (r"{\field{\*\fldinst {\rtlch \f0 Filename\\p}}}", r"{\field{\*\fldinst {\rtlch \f0 XXXXXXXX\\p}}}"),
        (r"{\field{\*\fldinst PAGE}{\fldrslt 1}}", r"{\field{\*\fldinst PAGE}{\fldrslt 1}}"),
        (r"{\field{\*\fldinst HYPERLINK DATE}}", r"{\field{\*\fldinst HYPERLINK DATE}}"),
        ("DATE in the text", "DATE in the text"),
    ],
)
def test_rtf(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(rtf(before))
    freeze(path, "rtf")
    assert path.read_bytes() == rtf(after)


def test_docx_fields_of_both_kinds_and_nothing_else(tmp_path: Path) -> None:
    body = (
        '<w:r><w:instrText xml:space="preserve"> DATE \\@ "d" </w:instrText></w:r>'
        '<w:fldSimple w:instr=" FILENAME "><w:r><w:t>a</w:t></w:r></w:fldSimple>'
        "<w:r><w:instrText> PAGE </w:instrText></w:r><w:r><w:t>DATE </w:t></w:r>"
    )
    path = tmp_path / "a.docx"
    path.write_bytes(docx(body))
    freeze(path, "docx")
    with zipfile.ZipFile(path) as archive:
        text = archive.read("word/document.xml").decode()
        assert archive.testzip() is None
        assert archive.namelist() == zipfile.ZipFile(io.BytesIO(docx(body))).namelist()
    assert body.replace(' DATE \\@ "d" ', ' XXXX \\@ "d" ').replace(" FILENAME ", " XXXXXXXX ") in text


def test_a_document_without_such_fields_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(docx("<w:r><w:t>x</w:t></w:r>"))
    before = path.stat().st_mtime_ns
    freeze(path, "docx")
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("family", ["rtf", "docx", "odt", "xlsx", "doc"])
def test_what_is_no_such_document_stays_as_it_is(tmp_path: Path, family: str) -> None:
    for content in (
        b"",
        b"PK\x03\x04 broken",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        bytes(range(256)) * 9,
    ):
        path = tmp_path / "file"
        path.write_bytes(content)
        freeze(path, family)
        assert path.read_bytes() == content
        assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_zip_whose_parts_would_lie_before_its_beginning_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(docx("<w:r><w:instrText> DATE </w:instrText></w:r>")[20:])
    before = path.read_bytes()
    freeze(path, "docx")
    assert path.read_bytes() == before
