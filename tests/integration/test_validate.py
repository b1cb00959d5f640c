"""The real validator: verdicts, limits, and agreement with stock veraPDF."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from archive import validate, verapdf
from archive.errors import EngineMissingError
from archive.normalise.contract import Limits
from archive.normalise.finish import finish
from archive.normalise.plaintext import plaintext
from archive.reasons import DocumentProblem, Reason
from archive.validate import NOT_PARSABLE, PdfaValidator, ValidatorStuck
from tests.documents import pdf
from tests.oracles import stock_verapdf


@pytest.fixture(scope="module")
def validator() -> PdfaValidator:
    return PdfaValidator()


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    finish(pdf(tmp_path / "in.pdf", text=""), tmp_path / "blank.pdf", "2u")
    return tmp_path / "blank.pdf"


def test_a_valid_file_passes_and_the_verdict_names_the_engine(validator: PdfaValidator, blank: Path) -> None:
    verdict = validator.validate(blank, "2u")
    assert verdict.passed
    assert verdict.failed_rules == ()
    assert (verdict.engine, verdict.engine_version, verdict.flavour) == ("veraPDF", "veraPDF 1.31.207", "2u")


def test_broken_rules_are_named_in_order(validator: PdfaValidator, tmp_path: Path) -> None:
    verdict = validator.validate(pdf(tmp_path / "a.pdf"), "2b")
    assert not verdict.passed
    assert verdict.failed_rules == ("6.2.4.3-4", "6.2.11.4.1-1", "6.6.2.1-1")
    assert set(verdict.failed_rules) <= PdfaValidator.rules("2b")


def test_the_declared_level_must_be_the_level(validator: PdfaValidator, blank: Path) -> None:
    assert validator.validate(blank, "2b").passed
    assert "6.6.4-3" in validator.validate(blank, "2a").failed_rules


def test_claims_are_read_and_not_believed(validator: PdfaValidator, blank: Path, tmp_path: Path) -> None:
    assert validator.claimed_flavour(blank) == "2u"
    assert validator.claimed_flavour(pdf(tmp_path / "a.pdf")) is None


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"not a PDF", b"%PDF-1.7\n%%EOF", bytes(range(256)) * 50])
def test_what_cannot_be_parsed_fails_and_does_not_raise(
    validator: PdfaValidator, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a.pdf").write_bytes(content)
    assert validator.validate(tmp_path / "a.pdf", "2b").failed_rules == (NOT_PARSABLE,)
    assert validator.claimed_flavour(tmp_path / "a.pdf") is None


def test_it_leaves_no_file_open_and_none_behind(validator: PdfaValidator, blank: Path) -> None:
    validator.validate(blank, "2b")  # the Java machine keeps files of its own open
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        validator.validate(blank, "2b")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_python_s_collector_and_java_s_leave_each_other_alone(validator: PdfaValidator, blank: Path) -> None:
    validator.validate(blank, "2b")
    full: list[dict[str, int]] = []

    def heard(phase: str, facts: dict[str, int]) -> None:
        if phase == "start" and facts["generation"] == 2:
            full.append(facts)

    system = sys.modules["jpype"].JClass("java.lang.System")
    gc.callbacks.append(heard)
    try:
        for _ in range(5):
            system.gc()
            time.sleep(0.3)  # JPype hears of it on a thread that looks each 250 ms
    finally:
        gc.callbacks.remove(heard)
    assert len(full) <= 1, "the first collection of a Java machine's life may be answered"


def test_unknown_flavours_are_a_mistake_of_ours(validator: PdfaValidator, blank: Path) -> None:
    with pytest.raises(ValueError, match="no PDF/A flavour"):
        validator.validate(blank, "9z")


def test_a_long_validation_is_cancelled_and_the_next_works(
    validator: PdfaValidator, blank: Path, tmp_path: Path
) -> None:
    with pikepdf.open(blank) as document:
        for i in range(4000):
            document.add_blank_page()
            document.pages[-1].obj.Contents = document.make_stream(b"0 0 1 rg 0 0 %d 9 re f\n" % i * 20)
        document.save(tmp_path / "long.pdf")
    start = time.monotonic()
    validator.validate(tmp_path / "long.pdf", "2b")
    hurried = PdfaValidator(seconds=(time.monotonic() - start) / 10)
    start = time.monotonic()
    with pytest.raises(DocumentProblem) as caught:
        hurried.validate(tmp_path / "long.pdf", "2b")
    assert caught.value.reason is Reason.CONVERSION_TIMEOUT
    assert time.monotonic() - start < 6
    assert not hurried.stuck
    assert validator.validate(blank, "2b").passed


class Sleeper:
    """An engine that hangs and cannot be cancelled, until released."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def validate(self, pdf: Path, flavour: str, running: list[Any]) -> tuple[bool, tuple[str, ...]]:
        if pdf.name == "hangs":
            running.append(self)
            self.release.wait(30)
        return True, ()

    def cancel(self, validator: Any) -> None:
        pass


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sleeper]:
    engine = Sleeper()
    monkeypatch.setattr(PdfaValidator, "_start", lambda self: engine)
    monkeypatch.setattr(validate, "_GRACE_SECONDS", 0.1)
    yield engine
    engine.release.set()


def test_a_validation_that_cannot_be_stopped_is_left_behind(sleeper: Sleeper) -> None:
    stuck = PdfaValidator(seconds=0.1)
    with pytest.raises(ValidatorStuck):
        stuck.validate(Path("hangs"), "2b")
    assert stuck.stuck
    assert stuck.validate(Path("fine"), "2b").passed


def alone(script: str, *arguments: object) -> None:
    """Run Python in a process of its own, since a process has one Java machine and starts it once."""
    start = "import sys; from pathlib import Path; from archive.validate import PdfaValidator\n"
    command = [sys.executable, "-c", start + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def with_content(path: Path, content: bytes) -> Path:
    with pikepdf.new() as document:
        document.add_blank_page()
        document.pages[0].obj.Contents = document.make_stream(content)
        document.save(path)
    return path


def test_the_folder_for_temporary_files_may_be_gone(tmp_path: Path) -> None:
    """The engine unpacks the metrics of the standard fonts there when it first meets one."""
    script = """
        standard_font, blank, folder = map(Path, sys.argv[1:])
        folder.mkdir()
        validator = PdfaValidator(temporary=folder)
        validator.validate(blank, "2b")
        folder.rmdir()
        assert "6.2.11.4.1-1" in validator.validate(standard_font, "2b").failed_rules
        assert not folder.exists()
        """
    alone(script, pdf(tmp_path / "a.pdf"), pdf(tmp_path / "b.pdf", text=""), tmp_path / "java")


def test_a_file_that_needs_too_much_memory_is_a_resource_limit(tmp_path: Path) -> None:
    script = """
        from archive.reasons import DocumentProblem, Reason
        validator = PdfaValidator(heap_mb=48)
        try:
            validator.validate(Path(sys.argv[1]), "2b")
        except DocumentProblem as e:
            assert e.reason is Reason.RESOURCE_LIMIT
        else:
            raise AssertionError
        assert "6.6.2.1-1" in validator.validate(Path(sys.argv[2]), "2b").failed_rules
        """
    large = with_content(tmp_path / "large.pdf", b"0 0 9 9 re f " * 300_000)
    alone(script, large, with_content(tmp_path / "small.pdf", b""))


def test_a_full_disk_is_no_fault_of_the_file(tmp_path: Path) -> None:
    """In a file system of 2 MB of our own, a font that is fine cannot be unpacked."""
    script = """
        import shutil, sys
        from pathlib import Path
        from archive.errors import DiskFullError
        from archive.validate import PdfaValidator
        good, small = map(Path, sys.argv[1:])
        (small / "java").mkdir()
        validator = PdfaValidator(temporary=small / "java")
        assert validator.validate(good, "2u").passed
        (small / "filled").write_bytes(bytes(shutil.disk_usage(small).free // 4096 * 4096))
        try:
            validator.validate(good, "2u")
        except DiskFullError:
            sys.exit(66)
        """
    source, made, good = tmp_path / "a.txt", tmp_path / "made.pdf", tmp_path / "good.pdf"
    source.write_text("Prøvesvar: " + "".join(map(chr, range(0x21, 0x7F))))
    plaintext(source, made, Limits())
    finish(made, good, "2u")
    small = tmp_path / "small"
    small.mkdir()
    mount = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" -c "$3" "$4" "$1"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", str(small), sys.executable]
    done = subprocess.run([*command, textwrap.dedent(script), str(good)], capture_output=True, timeout=120)
    if b"mount" in done.stderr or b"unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert done.returncode == 66, done.stderr


def test_what_a_font_unpacks_to_is_bounded(tmp_path: Path) -> None:
    """The engine unpacks streams into temporary files, which may be in memory."""
    script = """
        import resource, threading, time
        folder, seen, ended = Path(sys.argv[2]), [0], threading.Event()
        folder.mkdir()

        def watch():
            while not ended.wait(0.001):
                for path in folder.iterdir():
                    try:
                        seen.append(path.stat().st_size)
                    except FileNotFoundError:
                        pass

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        watcher = threading.Thread(target=watch)
        watcher.start()
        verdict = PdfaValidator(temporary=folder, file_bytes=4 << 20).validate(Path(sys.argv[1]), "2b")
        ended.set()
        watcher.join()
        assert not verdict.passed
        assert 1 << 20 < max(seen) <= 4 << 20, max(seen)
        assert not list(folder.iterdir())
        assert resource.getrlimit(resource.RLIMIT_FSIZE) == before
        """
    bomb = pikepdf.new()
    program = bomb.make_stream(b"")
    program.write(zlib.compress(bytes(50 << 20)), filter=pikepdf.Name.FlateDecode)
    name = pikepdf.Name("/ABCDEF+X")
    box = pikepdf.Array([0, 0, 1, 1])
    about = pikepdf.Dictionary(Type=pikepdf.Name.FontDescriptor, FontName=name, Flags=32, FontBBox=box, ItalicAngle=0)
    about.FontFile2 = program
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.TrueType, BaseFont=name, FirstChar=65)
    font.LastChar, font.Widths, font.FontDescriptor = 65, pikepdf.Array([500]), bomb.make_indirect(about)
    page = bomb.add_blank_page()
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=bomb.make_indirect(font)))
    page.Contents = bomb.make_stream(b"BT /F1 12 Tf (A) Tj ET")
    bomb.save(tmp_path / "bomb.pdf")
    alone(script, tmp_path / "bomb.pdf", tmp_path / "java")


def test_a_long_run_judges_alike(validator: PdfaValidator, blank: Path, tmp_path: Path) -> None:
    script = """
        validator = PdfaValidator(long_run=True)
        for path, expected in zip(sys.argv[1::2], sys.argv[2::2]):
            assert str(validator.validate(Path(path), "2u").failed_rules) == expected, path
        """
    files = [blank, pdf(tmp_path / "font.pdf"), with_content(tmp_path / "plain.pdf", b"0 0 9 9 re f")]
    alone(script, *(x for path in files for x in (path, validator.validate(path, "2u").failed_rules)))


def test_the_identity_map_still_says_what_the_engine_s_own_says(validator: PdfaValidator, blank: Path) -> None:
    import jpype

    validator.validate(blank, "2u")
    own = jpype.JClass("org.verapdf.pd.font.cmap.PDCMap")(
        jpype.JClass("org.verapdf.cos.COSName").construct("Identity-H")
    )
    cached = jpype.JClass("org.verapdf.tools.StaticResources")  # of this thread
    cached.clear()
    theirs = own.getCMapFile()
    cached.clear()
    ours = verapdf._identity_map()
    assert theirs.getCidMappings().size() == 256
    assert ours.getCidMappings().size() == 1
    for code in [*range(0, 0x10000, 251), 0xFF, 0x100, 0xFFFF, 0x10000, -1]:
        assert ours.toCID(code) == theirs.toCID(code)
        assert ours.containsCode(code) == theirs.containsCode(code)
    for name in ("getName", "getRegistry", "getOrdering", "getSupplement", "getwMode"):
        assert getattr(ours, name)() == getattr(theirs, name)()


def test_another_jar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.jar").write_bytes(b"PK")
    with pytest.raises(EngineMissingError, match="not the validator that was tested"):
        verapdf.check(tmp_path / "other.jar")
    with pytest.raises(EngineMissingError, match="cannot be read"):
        verapdf.check(tmp_path / "none.jar")


@pytest.mark.oracle
def test_stock_verapdf_gives_the_same_verdicts_and_rules(validator: PdfaValidator, shared: Path) -> None:
    files = sorted((shared / "corpus" / "pdf").iterdir(), key=lambda p: p.stat().st_size)[:120:3]
    asked = [(f, flavour) for f in files for flavour in ("1b", "2b")]
    compared = 0
    for (file, flavour), stock in zip(asked, stock_verapdf(asked), strict=True):
        ours = validator.validate(file, flavour)
        if stock.result == "ERROR":
            assert not ours.passed
            continue
        assert ours.passed == (stock.result == "PASS"), file.name
        assert set(ours.failed_rules) == {rule.rpartition(":")[0] for rule in stock.rules}, file.name
        compared += 1
    assert compared >= 60
