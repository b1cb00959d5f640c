"""LibreOffice in batches: RTF, Word, OpenDocument, spreadsheets, presentations, Windows metafiles -> PDF.

One `soffice --convert-to` takes up to a hundred files (start-up costs 30 times a small letter). Text documents of all
families share one; for all others, and where that fails, the import filter is forced by the identified family, since
`soffice` shows as text what it cannot recognise. A persistent UNO connection is not used: documents with comments or
footnotes crash it; nor is a running instance reused, since it ends with its first request. Figures: docs/decisions.md.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pikepdf

from archive.compound import Compound
from archive.errors import DiskFullError
from archive.normalise import contained
from archive.normalise.contract import Limits
from archive.normalise.frozen import freeze
from archive.normalise.signs import FONT_CONFIGURATION, write_font_configuration
from archive.reasons import DocumentProblem, Reason
from archive.store import disk_full_is_clear, remove_tree

ROUTE = "libreoffice"
REMEDY = (
    "Install LibreOffice: apt-get install --no-install-recommends libreoffice-writer-nogui libreoffice-calc-nogui "
    "libreoffice-impress-nogui"
)

_BATCH = 100
_STALL_SECONDS = 45.0
_START_SECONDS, _FILE_SECONDS = 30.0, 5.0
_RESTART = 81  # soffice has written a new profile and wants to be started again
_KILLED = (137, -9)  # by somebody else (the kernel short of memory, an operator): no fault of the file
_LEAST_FREE = 16 << 20


@dataclass(frozen=True, slots=True)
class _Way:
    """How one family is read and written; `component` is the part of LibreOffice that can."""

    import_filters: tuple[str, ...]
    """The later ones are tried with what the first cannot read."""
    export: str = "writer"
    component: str = "writer"


_WAYS = {
    "rtf": _Way(("Rich Text Format",)),
    "doc": _Way(("MS Word 97", "MS Word 95", "MS WinWord 5")),
    "docx": _Way(("MS Word 2007 XML",)),
    "odt": _Way(("writer8",)),
    "wpd": _Way(("WordPerfect",)),
    "txt": _Way(("Text (encoded):UTF8,LF,,,",)),
    "html": _Way(("HTML (StarWriter)",), export="writer_web"),
    "xls": _Way(("MS Excel 97", "MS Excel 95", "MS Excel 5.0/95"), export="calc", component="calc"),
    "xlsx": _Way(("Calc MS Excel 2007 XML",), export="calc", component="calc"),
    "ods": _Way(("calc8",), export="calc", component="calc"),
    "ppt": _Way(("MS PowerPoint 97",), export="impress", component="impress"),
    "pptx": _Way(("Impress MS PowerPoint 2007 XML",), export="impress", component="impress"),
    "odp": _Way(("impress8",), export="impress", component="impress"),
    "wordml": _Way(("MS Word 2003 XML",)),
    "flatopc": _Way(("MS Word 2007 XML",)),
    "xlsml": _Way(("MS Excel 2003 XML Orcus", "MS Excel 2003 XML"), export="calc", component="calc"),
    "fodt": _Way(("OpenDocument Text Flat XML",)),
    "fods": _Way(("OpenDocument Spreadsheet Flat XML",), export="calc", component="calc"),
    "svg": _Way(("SVG - Scalable Vector Graphics Draw",), export="draw", component="draw"),
    "emf": _Way(("EMF - MS Windows Metafile",), export="draw", component="draw"),
    "wmf": _Way(("WMF - MS Windows Metafile",), export="draw", component="draw"),
}
FAMILIES = frozenset(_WAYS)
"""Families of `archive.identify` that there is a filter for."""

TOGETHER = frozenset(("rtf", "doc", "docx", "odt"))
"""Families that may share a batch."""
_DETECTED = ""
"""In place of an import filter: LibreOffice's own detection."""

_PDF_OPTIONS = {
    "SelectPdfVersion": ("long", "2"),
    "UseTaggedPDF": ("boolean", "true"),
    "ExportFormFields": ("boolean", "false"),
    # Pictures are evidence: nothing is thrown away to make the file smaller.
    "ReduceImageResolution": ("boolean", "false"),
    "UseLosslessCompression": ("boolean", "true"),
    # Of presentations: what the speaker noted, and slides that are skipped when shown.
    "ExportNotesPages": ("boolean", "true"),
    "ExportHiddenSlides": ("boolean", "true"),
}

_ENVIRONMENT = {
    "SAL_USE_VCLPLUGIN": "svp",
    # LibreOffice takes and returns large blocks all the time, which the kernel clears each time: half of the CPU of a
    # start. So glibc keeps what it has.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "MALLOC_ARENA_MAX": "1",
}

# Nothing in a document is executed, fetched or brought up to date.
_SETTINGS = (
    ("/org.openoffice.Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("/org.openoffice.Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("/org.openoffice.Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("/org.openoffice.Office.Common/Load", "UpdateDocMode", "0"),
    ("/org.openoffice.Office.Common/Misc", "UseLocking", "false"),
    ("/org.openoffice.Office.Common/Save/Document", "AutoSave", "false"),
    ("/org.openoffice.Office.Writer/Content/Update", "Link", "0"),
    ("/org.openoffice.Office.Writer/Content/Update", "Field", "false"),
    ("/org.openoffice.Office.Writer/Content/Update", "Chart", "false"),
    ("/org.openoffice.Office.Calc/Content/Update", "Link", "1"),
    ("/org.openoffice.Office.Calc/Formula/Load", "OOXMLRecalcMode", "1"),
    ("/org.openoffice.Office.Calc/Formula/Load", "ODFRecalcMode", "1"),
    ("/org.openoffice.Office.Jobs/Jobs/org.openoffice.Office.Jobs:Job['UpdateCheck']/Arguments", "AutoCheckEnabled",
     "false"),
    ("/org.openoffice.Setup/Office", "ooSetupInstCompleted", "true"),
    # Where a document leaves it open: A4, decimal commas, day before month.
    ("/org.openoffice.Setup/L10N", "ooSetupSystemLocale", "nb-NO"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OfficeFile:
    """A file to convert. `stem` names it in the batch: unique, `[0-9a-z-]+`; documents may print it (a file name
    field), so it should follow from the content alone."""

    stem: str
    source: Path
    family: str


class Office:
    """LibreOffice with a profile of its own; one per process.

    Args:
        folder: scratch folder of our own.
        limits: what a file may cost.
        program: name or path of `soffice`.

    Raises EngineMissingError where LibreOffice is not installed.
    """

    def __init__(self, folder: Path, limits: Limits, *, program: str = "soffice") -> None:
        self._program = contained.find(program, remedy=REMEDY)
        folder = folder.absolute()  # LibreOffice takes its profile as a URL
        self._folder, self._limits = folder, limits
        self._profile = folder / "profile"
        with disk_full_is_clear():
            folder.mkdir(parents=True, exist_ok=True)

    def supports(self, family: str) -> bool:
        """Whether the part of LibreOffice for this family is installed."""
        way = _WAYS.get(family)
        if way is None:
            return False
        registry = self._program.resolve().parent.parent / "share" / "registry"
        return not registry.is_dir() or (registry / f"{way.component}.xcd").is_file()

    def convert(self, files: Sequence[OfficeFile], out: Path) -> dict[str, Path | DocumentProblem]:
        """Convert files to `out/<stem>.pdf`; one answer per stem.

        Raises:
            DiskFullError: no space left for the output.
        """
        answers: dict[str, Path | DocumentProblem] = {}
        # Start-up costs as much as 30 letters: text documents that LibreOffice surely recognises share one.
        together = [f for f in files if f.family in TOGETHER and self.supports(f.family) and recognisable(f)]
        for at in range(0, len(together), _BATCH):
            answers |= self._until_done(together[at : at + _BATCH], _DETECTED, out)
        for family, members in _by_family(files):
            # What failed there, and what was never tried.
            members = [f for f in members if f.stem not in answers or _is_unread(answers[f.stem])]
            if not self.supports(family):
                problem = f"The part of LibreOffice that reads {family} is not installed."
                answers |= {f.stem: DocumentProblem(Reason.UNSUPPORTED_FORMAT, problem) for f in members}
                continue
            for import_filter in _WAYS[family].import_filters:
                for at in range(0, len(members), _BATCH):
                    answers |= self._until_done(members[at : at + _BATCH], import_filter, out)
                members = [f for f in members if _is_unread(answers[f.stem])]
        return answers

    def _until_done(
        self, files: Sequence[OfficeFile], import_filter: str, out: Path
    ) -> dict[str, Path | DocumentProblem]:
        """Run a batch; where it crashes or hangs, the first file without output is tried alone and the rest goes on."""
        answers: dict[str, Path | DocumentProblem] = {}
        pending = list(files)
        while pending:
            made, end = self._once(pending, import_filter, out)
            answers |= made
            missing = [f for f in pending if f.stem not in made]
            if missing:
                self._check_room(missing)
            if end.ended_itself and end.code == 0:
                answers |= {f.stem: self._problem(f, end) for f in missing}
                break
            # Files are taken in order: all before the first missing one are done.
            if missing:
                suspect = missing[0]
                answers[suspect.stem] = (
                    self._alone(suspect, import_filter, out) if len(pending) > 1 else self._problem(suspect, end)
                )
            pending = missing[1:]
        return answers

    def _alone(self, file: OfficeFile, import_filter: str, out: Path) -> Path | DocumentProblem:
        made, end = self._once([file], import_filter, out)
        if file.stem in made:
            return made[file.stem]
        self._check_room([file])
        return self._problem(file, end)

    def _once(
        self, files: Sequence[OfficeFile], import_filter: str, out: Path
    ) -> tuple[dict[str, Path], contained.Finished]:
        limits = self._limits
        alone = len(files) == 1
        seconds = limits.seconds if alone else _START_SECONDS + _FILE_SECONDS * len(files)
        stage, made = self._folder / "in", self._folder / "out"
        try:
            with disk_full_is_clear():
                for folder in (stage, made):
                    remove_tree(folder)
                    folder.mkdir(parents=True)
                staged = []
                for f in files:
                    staged.append(stage / f"{f.stem}.{f.family}")
                    shutil.copyfile(f.source, staged[-1])
                    freeze(staged[-1], f.family)
                self._write_profile()
            for attempt in (1, 2):
                end = contained.run(
                    self._command(files[0].family, import_filter, staged, made),
                    folder=self._folder,
                    seconds=seconds,
                    memory_bytes=limits.memory_bytes,
                    output_bytes=limits.output_bytes,
                    environment={**_ENVIRONMENT, "FONTCONFIG_FILE": str(self._profile / "user" / FONT_CONFIGURATION)},
                    progress=lambda: sum(1 for _ in made.iterdir()),
                    stall_seconds=seconds if alone else _STALL_SECONDS,
                )
                killed = alone and end.ended_itself and end.code in _KILLED
                if (end.code != _RESTART and not killed) or attempt == 2:
                    break
            whole = [f for f in files if _whole(made / f"{f.stem}.pdf")]
            for f in whole:
                _restore_links(made / f"{f.stem}.pdf", stage)
            return {f.stem: self._move(made / f"{f.stem}.pdf", out) for f in whole}, end
        finally:
            for folder in (stage, made, self._folder / "tmp"):
                remove_tree(folder)
            self._remove_socket()

    def _move(self, pdf: Path, out: Path) -> Path:
        with disk_full_is_clear():
            return Path(shutil.move(pdf, out / pdf.name))

    def _command(self, family: str, import_filter: str, staged: Sequence[Path], out: Path) -> list[str]:
        way = _WAYS[family]
        options = {name: {"type": kind, "value": value} for name, (kind, value) in _PDF_OPTIONS.items()}
        return [
            str(self._program),
            f"-env:UserInstallation={self._profile.as_uri()}",
            *("--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo"),
            *([f"--infilter={import_filter}"] if import_filter != _DETECTED else []),
            *("--convert-to", f"pdf:{way.export}_pdf_Export:{json.dumps(options, separators=(',', ':'))}"),
            *("--outdir", str(out)),
            *map(str, staged),
        ]

    def _write_profile(self) -> None:
        """The same settings before every run: what one document changed does not reach the next batch."""
        items = "".join(
            f'<item oor:path="{path.replace(chr(39), "&apos;")}"><prop oor:name="{name}" oor:op="fuse">'
            f"<value>{value}</value></prop></item>"
            for path, name, value in _SETTINGS
        )
        user = self._profile / "user"
        user.mkdir(parents=True, exist_ok=True)
        write_font_configuration(user)
        (user / "registrymodifications.xcu").write_text(
            '<?xml version="1.0" encoding="UTF-8"?><oor:items xmlns:oor="http://openoffice.org/2001/registry">'
            f"{items}</oor:items>",
            encoding="utf-8",
        )

    def _remove_socket(self) -> None:
        """A killed LibreOffice leaves its socket in /tmp, named by a digest of the profile's URL (desktop/source/app
        of LibreOffice: every byte as hexadecimal without leading zero)."""
        digest = hashlib.md5(self._profile.as_uri().encode("utf-16-le"), usedforsecurity=False).digest()
        name = "".join(f"{byte:x}" for byte in digest)
        for folder in ("/tmp", "/var/tmp"):  # noqa: S108 (not ours to choose)
            for socket in Path(folder).glob(f"OSL_PIPE_*_SingleOfficeIPC_{name}"):
                socket.unlink(missing_ok=True)

    def _check_room(self, files: Sequence[OfficeFile]) -> None:
        """`soffice` says nothing of a full disk; files must not land in quarantine because of one."""
        free = shutil.disk_usage(self._folder).free
        if free < max(_LEAST_FREE, 4 * max(f.source.stat().st_size for f in files)):
            raise DiskFullError(
                "There is no space left for LibreOffice's output.",
                remedy="Make room and run the same command again; it continues where it stopped.",
            )

    def _problem(self, file: OfficeFile, end: contained.Finished) -> DocumentProblem:
        if not end.ended_itself:
            return DocumentProblem(
                Reason.CONVERSION_TIMEOUT, f"LibreOffice did not end within {self._limits.seconds:.0f} s."
            )
        if end.code == 0:
            return DocumentProblem(Reason.CONVERSION_FAILED, f"LibreOffice cannot read the file as {file.family}.")
        return DocumentProblem(Reason.CONVERSION_FAILED, f"LibreOffice ended with exit code {end.code}.")


def _by_family(files: Sequence[OfficeFile]) -> Iterator[tuple[str, list[OfficeFile]]]:
    families: dict[str, list[OfficeFile]] = {}
    for f in files:
        families.setdefault(f.family, []).append(f)
    yield from sorted(families.items())


def recognisable(file: OfficeFile) -> bool:
    """Whether LibreOffice will see by itself what a file is; else it might show as text what it cannot parse."""
    try:
        if file.family == "rtf":
            with file.source.open("rb") as f:
                return f.read(6) == b"{\\rtf1"
        if file.family == "doc":
            container = Compound(file.source.read_bytes())
            return container.read(("WordDocument",))[:2] in (b"\xec\xa5", b"\xdc\xa5") and len(container.paths()) > 1
        with zipfile.ZipFile(file.source) as archive:
            main = archive.read("content.xml" if file.family == "odt" else "word/document.xml")
            return bool(main)
    except (OSError, ValueError, LookupError, struct.error, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError):
        return False


def _is_unread(answer: Path | DocumentProblem) -> bool:
    return isinstance(answer, DocumentProblem) and answer.reason is Reason.CONVERSION_FAILED


def _restore_links(pdf: Path, stage: Path) -> None:
    """Make links relative again that LibreOffice resolved against the folder it read from: what a document says must
    not depend on where it was converted, nor tell of this machine."""
    ours = stage.parents[min(2, len(stage.parents) - 2)]
    prefix = ours.as_uri() + "/"
    if prefix.encode() not in pdf.read_bytes():
        return
    with pikepdf.open(pdf, allow_overwriting_input=True) as document:
        for page in document.pages:
            for annotation in page.obj.get("/Annots", pikepdf.Array()):
                action = annotation.get("/A") if isinstance(annotation, pikepdf.Dictionary) else None
                if not isinstance(action, pikepdf.Dictionary) or "/URI" not in action:
                    continue
                target = str(action.URI)
                if target.startswith(prefix):
                    inside = posixpath.relpath(target.removeprefix(prefix), stage.relative_to(ours).as_posix())
                    action.URI = pikepdf.String(inside)
        document.save(pdf)


def _whole(pdf: Path) -> bool:
    """Whether a PDF is there to its end: a killed LibreOffice leaves half a file."""
    try:
        with pdf.open("rb") as f:
            f.seek(0, 2)
            f.seek(max(0, f.tell() - 1024))
            return b"%%EOF" in f.read()
    except OSError:
        return False
