"""LibreOffice for real, and in place of it programs that crash, hang and lie."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pikepdf
import psutil
import pytest

from archive.errors import DiskFullError, EngineMissingError
from archive.normalise import office
from archive.normalise.contract import Limits
from archive.normalise.office import Office, OfficeFile
from archive.normalise.text_of import text_of
from archive.reasons import DocumentProblem, Reason
from tests.documents import children, docx, rtf, run

LIMITS = Limits(seconds=60)


def written(folder: Path, **files: bytes) -> list[OfficeFile]:
    """Office files by stem; the family is what stands behind the last underscore."""
    made = []
    for stem, content in files.items():
        path = folder / stem
        path.write_bytes(content)
        made.append(OfficeFile(stem.replace("_", "-"), path, stem.rpartition("_")[2]))
    return made


def said(answer: Path | DocumentProblem) -> str:
    assert isinstance(answer, Path), answer
    return text_of(answer, most_pages=100)[0]


@pytest.fixture
def engine(tmp_path: Path) -> Office:
    return Office(tmp_path / "office", LIMITS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def fake(tmp_path: Path, body: str) -> str:
    """A `soffice` of our own: `body` is Python that sees the inputs as `files` and the output folder as `out`."""
    program = tmp_path / "fake-soffice"
    start = f"""\
        #!{sys.executable}
        import os, pathlib, sys, time
        out = pathlib.Path(sys.argv[sys.argv.index("--outdir") + 1])
        files = [pathlib.Path(a) for a in sys.argv[sys.argv.index("--outdir") + 2:]]
        def make(f): (out / f.with_suffix(".pdf").name).write_bytes(b"%PDF-1.7 " + f.read_bytes() + b"%%EOF")
        def note(text): (pathlib.Path({str(tmp_path)!r}) / "calls").open("a").write(text + "\\n")
        """
    program.write_text(textwrap.dedent(start) + textwrap.dedent(body))
    program.chmod(0o755)
    return str(program)


def test_families_side_by_side_with_the_same_stem_elsewhere(tmp_path: Path, engine: Office, out: Path) -> None:
    files = written(tmp_path, brev_rtf=rtf("Kjære Åse"), brev_docx=docx(run("Kjære Øyvind")))
    answers = engine.convert(files, out)
    assert said(answers["brev-rtf"]) == "Kjære Åse"
    assert said(answers["brev-docx"]) == "Kjære Øyvind"
    assert sorted(p.name for p in (tmp_path / "office").iterdir()) == ["home", "profile"]
    assert children() == []


def test_noise_and_cut_files_do_not_come_out_as_text(tmp_path: Path, engine: Office, out: Path) -> None:
    whole = docx(run("Epikrise " * 2000))
    noise = random.Random(1).randbytes(20_000)
    files = written(tmp_path, cut_docx=whole[: len(whole) // 2], a_docx=noise, b_doc=noise, c_doc=noise[:8] + whole)
    answers = engine.convert(files, out)
    for answer in answers.values():
        assert isinstance(answer, DocumentProblem)
        assert answer.reason is Reason.CONVERSION_FAILED
    assert list(out.iterdir()) == []


def test_fields_show_what_was_stored_and_not_today(tmp_path: Path, engine: Office, out: Path) -> None:
    field = r"{\field{\*\fldinst DATE \\@ x}{\fldrslt 04.04.2004}} {\field{\*\fldinst FILENAME}{\fldrslt brev.rtf}}"
    word = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> DATE \\@ "dd.MM.yyyy" </w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{run("05.05.2005")}'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    files = written(tmp_path, a_rtf=rtf(field), b_docx=docx(word))
    answers = engine.convert(files, out)
    assert said(answers["a-rtf"]) == "04.04.2004 brev.rtf"
    assert said(answers["b-docx"]) == "05.05.2005"


def test_a_word_97_document_keeps_its_date_too(tmp_path: Path, engine: Office, out: Path) -> None:
    word = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> DATE \\@ "dd.MM.yyyy" </w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{run("05.05.2005")}'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    (tmp_path / "a.docx").write_bytes(docx(word))
    command = ["soffice", f"-env:UserInstallation={(tmp_path / 'p').as_uri()}", "--headless", "--convert-to", "doc"]
    subprocess.run([*command, "--outdir", tmp_path, tmp_path / "a.docx"], check=True, capture_output=True, timeout=60)
    content = (tmp_path / "a.doc").read_bytes()
    today = time.strftime("%d.%m.%Y", time.gmtime()).encode("utf-16-le")
    assert content.count(today) == 1
    files = written(tmp_path, a_doc=content.replace(today, "04.04.2004".encode("utf-16-le")))
    assert said(engine.convert(files, out)["a-doc"]) == "04.04.2004"


def test_a_file_on_this_machine_that_a_document_names_is_not_read(tmp_path: Path, engine: Office, out: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("HEMMELIGHET")
    name = str(secret).replace("/", "\\\\/") if os.sep == "\\" else str(secret)
    field = rf'fra {{\field{{\*\fldinst INCLUDETEXT "{name}"}}{{\fldrslt lagret}}}} til'
    answers = engine.convert(written(tmp_path, a_rtf=rtf(field)), out)
    assert "HEMMELIGHET" not in said(answers["a-rtf"])


def test_killed_from_outside_in_the_middle_of_a_batch(tmp_path: Path, engine: Office, out: Path) -> None:
    files = written(tmp_path, **{f"n{i:02}_rtf": rtf(f"Notat {i}") for i in range(25)})
    killed = threading.Event()
    url = (tmp_path / "office" / "profile").as_uri().encode("utf-16-le")
    socket = f"*_{''.join(f'{b:x}' for b in hashlib.md5(url).digest())}"
    seen = []

    def kill() -> None:
        made = tmp_path / "office" / "out"
        while not killed.is_set():
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.name() == "soffice.bin" and made.is_dir() and any(made.iterdir()):
                        seen.extend(Path("/tmp").glob(socket))
                        process.kill()
                        killed.set()
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        answers = engine.convert(files, out)
        was_killed = killed.is_set()
    finally:
        killed.set()
        killer.join()
    assert was_killed
    assert seen
    assert not list(Path("/tmp").glob(socket))
    assert {stem: said(a) for stem, a in answers.items()} == {f"n{i:02}-rtf": f"Notat {i}" for i in range(25)}
    assert children() == []


def test_one_that_hangs_costs_only_itself(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "_STALL_SECONDS", 1.0)
    program = fake(tmp_path, "for f in files:\n  time.sleep(999) if b'HANG' in f.read_bytes() else make(f)\n")
    engine = Office(tmp_path / "office", Limits(seconds=1.5), program=program)
    files = written(tmp_path, a_rtf=rtf("a"), b_rtf=rtf("HANG"), c_rtf=rtf("c"), d_rtf=rtf("d"))
    answers = engine.convert(files, out)
    assert sorted(stem for stem, a in answers.items() if isinstance(a, Path)) == ["a-rtf", "c-rtf", "d-rtf"]
    problem = answers["b-rtf"]
    assert isinstance(problem, DocumentProblem)
    assert problem.reason is Reason.CONVERSION_TIMEOUT
    assert children() == []


def test_one_that_crashes_costs_only_itself_and_half_a_file_is_none(tmp_path: Path, out: Path) -> None:
    body = """\
    for f in files:
        if b"CRASH" in f.read_bytes():
            (out / f.with_suffix(".pdf").name).write_bytes(b"%PDF-1.7 half")
            os.abort()
        make(f)
    """
    engine = Office(tmp_path / "office", LIMITS, program=fake(tmp_path, body))
    files = written(tmp_path, a_rtf=rtf("a"), b_rtf=rtf("CRASH"), c_rtf=rtf("c"), d_rtf=rtf("CRASH 2"))
    answers = engine.convert(files, out)
    assert sorted(stem for stem, a in answers.items() if isinstance(a, Path)) == ["a-rtf", "c-rtf"]
    for stem in ("b-rtf", "d-rtf"):
        problem = answers[stem]
        assert isinstance(problem, DocumentProblem)
        assert problem.reason is Reason.CONVERSION_FAILED
    assert sorted(p.name for p in out.iterdir()) == ["a-rtf.pdf", "c-rtf.pdf"]


def test_a_new_profile_that_wants_a_restart_gets_one(tmp_path: Path, out: Path) -> None:
    body = """\
    note("call")
    if pathlib.Path(%r).read_text().count("call") == 1:
        sys.exit(81)
    for f in files:
        make(f)
    """
    calls = tmp_path / "calls"
    engine = Office(tmp_path / "office", LIMITS, program=fake(tmp_path, body % str(calls)))
    answers = engine.convert(written(tmp_path, a_rtf=rtf("a"), b_rtf=rtf("b")), out)
    assert all(isinstance(a, Path) for a in answers.values())
    assert calls.read_text().count("call") == 2


@pytest.mark.parametrize(("kills", "survives"), [(1, True), (9, False)])
def test_one_alone_that_is_killed_from_outside_is_tried_again_once(
    tmp_path: Path, out: Path, kills: int, survives: bool
) -> None:
    body = """\
    import signal
    note("call")
    if pathlib.Path(%r).read_text().count("call") <= %d:
        os.kill(os.getpid(), signal.SIGKILL)
    for f in files:
        make(f)
    """
    calls = tmp_path / "calls"
    engine = Office(tmp_path / "office", LIMITS, program=fake(tmp_path, body % (str(calls), kills)))
    answer = engine.convert(written(tmp_path, a_ods=b"a"), out)["a-ods"]
    assert isinstance(answer, Path) == survives
    assert calls.read_text().count("call") == 2
    assert children() == []


def test_settings_of_one_batch_do_not_reach_the_next(tmp_path: Path, out: Path) -> None:
    body = """\
    import urllib.parse
    home = urllib.parse.urlparse(sys.argv[1].partition("=")[2]).path
    settings = pathlib.Path(home) / "user" / "registrymodifications.xcu"
    text = settings.read_text()
    note(str("MARK" in text) + str("DisableMacrosExecution" in text))
    settings.write_text(text + "MARK")
    for f in files:
        make(f)
    """
    engine = Office(tmp_path / "office", LIMITS, program=fake(tmp_path, body))
    for stem in ("a_rtf", "b_rtf"):
        engine.convert(written(tmp_path, **{stem: rtf("x")}), out)
    assert (tmp_path / "calls").read_text().split() == ["FalseTrue", "FalseTrue"]


def test_a_full_disk_is_no_fault_of_the_documents(tmp_path: Path) -> None:
    """In a file system of 100 kB of our own, LibreOffice fails without a word."""
    script = textwrap.dedent("""\
        import sys
        from pathlib import Path
        from archive.errors import DiskFullError
        from archive.normalise.contract import Limits
        from archive.normalise.office import Office, OfficeFile
        folder = Path(sys.argv[1])
        (folder / "out").mkdir()
        try:
            Office(folder / "office", Limits(seconds=30)).convert(
                [OfficeFile("a", Path(sys.argv[2]), "rtf")], folder / "out")
        except DiskFullError:
            sys.exit(66)
        """)
    (tmp_path / "a.rtf").write_bytes(rtf("Notat"))
    small = tmp_path / "small"
    small.mkdir()
    mount = 'mount -t tmpfs -o size=100k none "$1" && exec "$2" -c "$3" "$1" "$4"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    done = subprocess.run(
        [*command, str(small), sys.executable, script, str(tmp_path / "a.rtf")], capture_output=True, timeout=120
    )
    if b"mount" in done.stderr or b"unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert done.returncode == 66, done.stderr


def test_too_little_room_where_nothing_was_made(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Little:
        free = 1 << 20

    engine = Office(tmp_path / "office", LIMITS, program=fake(tmp_path, "pass"))
    monkeypatch.setattr(office.shutil, "disk_usage", lambda path: Little)
    with pytest.raises(DiskFullError):
        engine.convert(written(tmp_path, a_rtf=rtf("a")), out)


def test_missing_libreoffice_and_missing_parts_of_it(tmp_path: Path, engine: Office, out: Path) -> None:
    with pytest.raises(EngineMissingError, match="apt-get install"):
        Office(tmp_path / "office", LIMITS, program="no-such-soffice")
    program = tmp_path / "lo" / "program" / "soffice"
    (tmp_path / "lo" / "share" / "registry").mkdir(parents=True)
    (tmp_path / "lo" / "share" / "registry" / "writer.xcd").touch()
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    partial = Office(tmp_path / "office", LIMITS, program=str(program))
    assert partial.supports("rtf")
    assert not partial.supports("pptx")
    problem = partial.convert(written(tmp_path, a_pptx=b"x"), out)["a-pptx"]
    assert isinstance(problem, DocumentProblem)
    assert problem.reason is Reason.UNSUPPORTED_FORMAT


def test_links_to_neighbours_tell_nothing_of_the_machine(tmp_path: Path) -> None:
    """LibreOffice resolves them against the folder it reads from (seen with DOC); the PDF must not depend on it."""
    stage = tmp_path / "arkiv æ" / "engines-7" / "normalise-x" / "office" / "in"
    targets = {
        (stage / "svar" / "brev 2.pdf").as_uri(): "svar/brev%202.pdf",
        (stage.parents[1] / "annet.pdf").as_uri(): "../../annet.pdf",
        "https://eksempel.no/a": "https://eksempel.no/a",
        "file:///C:/doc.rtf": "file:///C:/doc.rtf",
    }
    path = tmp_path / "made.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        links = [{"/Subtype": pikepdf.Name.Link, "/A": pikepdf.Dictionary(URI=pikepdf.String(t))} for t in targets]
        pdf.pages[0].obj.Annots = pikepdf.Array([pikepdf.Dictionary(link) for link in links])
        pdf.save(path)
    office._restore_links(path, stage)
    with pikepdf.open(path) as pdf:
        assert [str(a.A.URI) for a in pdf.pages[0].obj.Annots] == list(targets.values())
