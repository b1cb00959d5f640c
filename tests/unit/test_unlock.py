"""Files that need a password: which open, with which, and that nothing else does."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pikepdf
import pytest

from archive.errors import UsageError
from archive.normalise.unlock import read_passwords, unlock
from archive.reasons import DocumentProblem, Reason
from tests.documents import locked_docx, locked_pdf


def test_a_word_file_comes_out_as_it_was(tmp_path: Path) -> None:
    plain = locked_docx(tmp_path / "a.docx", "Sommer2004", "Blodprøve")
    unlock(tmp_path / "a.docx", tmp_path / "out", ["feil", "Sommer2004"])
    assert (tmp_path / "out").read_bytes() == plain


def test_the_password_that_office_programs_use_themselves_need_not_be_given(tmp_path: Path) -> None:
    plain = locked_docx(tmp_path / "a.docx", "VelvetSweatshop", "Blodprøve")
    unlock(tmp_path / "a.docx", tmp_path / "out", [])
    assert (tmp_path / "out").read_bytes() == plain


def test_a_file_of_office_2010_opens(shared: Path, tmp_path: Path) -> None:
    """Its key is made with SHA-1; its password is the one that office programs use themselves."""
    unlock(shared / "corpus" / "docx" / "poi__protected_agile.docx", tmp_path / "out", ["feil"])
    assert zipfile.is_zipfile(tmp_path / "out")
    with pytest.raises(DocumentProblem):
        unlock(shared / "corpus" / "docx" / "tika__testWORD_protected_passtika.docx", tmp_path / "none", ["feil"])


@pytest.mark.parametrize("revision", [2, 3, 4, 6])
@pytest.mark.parametrize("password", ["hemmelig", "blåbær•"])
def test_pdf_files_of_every_age_open(tmp_path: Path, revision: int, password: str) -> None:
    locked_pdf(tmp_path / "a.pdf", password, revision)
    unlock(tmp_path / "a.pdf", tmp_path / "out.pdf", ["feil", password])
    with pikepdf.open(tmp_path / "out.pdf") as document:
        assert not document.is_encrypted
        assert len(document.pages) == 1


@pytest.mark.parametrize("name", ["a.docx", "a.pdf", "a.zip", "a.bin"])
def test_nothing_opens_without_its_password(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.docx":
        locked_docx(path, "Sommer2004", "Blodprøve")
    elif name == "a.pdf":
        locked_pdf(path, "Sommer2004", 4)
    else:
        path.write_bytes(b"PK\x03\x04 no way in" if name == "a.zip" else b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 neither")
    with pytest.raises(DocumentProblem) as caught:
        unlock(path, tmp_path / "out", ["feil", "Sommer2005"])
    assert caught.value.reason is Reason.ENCRYPTED
    assert "Sommer" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_list_of_passwords_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "passwords.txt"
    path.write_bytes("\ufeffSommer2004\r\n\r\n med rom \nblåbær\nSommer2004\n".encode())
    assert read_passwords(path) == ("Sommer2004", " med rom ", "blåbær")


@pytest.mark.parametrize("content", [b"\xe5\n", b"a\n" * (1 << 20)], ids=["latin-1", "large"])
def test_what_is_no_list_of_passwords_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "passwords.txt").write_bytes(content)
    with pytest.raises(UsageError):
        read_passwords(tmp_path / "passwords.txt")
