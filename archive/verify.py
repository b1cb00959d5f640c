"""Is everything that was recorded on disk, unchanged, whole and valid? From cheap to dear.

`counts` compares lists, `sizes` asks the file system, `hashes` reads every byte and holds each package against itself
and the catalogue, `schemas` validates the XML besides, `pdfa` puts every archive copy before the validator again.
Nothing is changed. Every generation of every package is checked, and everything in quarantine. Without a catalogue
(or with a broken one) the packages are checked against the hash files beside them.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from archive import seal
from archive.catalogue import Catalogue
from archive.cataloguecheck import check_catalogue, compare_package
from archive.errors import CatalogueInvalidError, DamagedError
from archive.findings import FindingCode, Findings
from archive.fixity import read_sidecar, sidecar_path
from archive.identifiers import package_id
from archive.package import PackageContents, open_span
from archive.packagecheck import check_package, check_schema, measure
from archive.quarantinecheck import check_quarantine
from archive.reasons import DocumentProblem
from archive.store import ArchiveStore

if TYPE_CHECKING:
    from archive.validate import PdfaValidator

Progress = Callable[[int, int], None]
"""Called with the packages done and their number in all."""


class Level(IntEnum):
    """How thoroughly to look; each level does what those before it do."""

    COUNTS = 1
    SIZES = 2
    HASHES = 3
    SCHEMAS = 4
    PDFA = 5


@dataclass(slots=True)
class VerifyReport:
    """What was looked at, and what was found."""

    level: Level
    packages: int = 0
    """All generations; `documents` and `files` are those of the newest, 0 below level `HASHES`."""
    documents: int = 0
    files: int = 0
    quarantined: int = 0
    bytes_read: int = 0
    findings: Findings = field(default_factory=Findings)

    def require_undamaged(self) -> None:
        """Raise where anything means damage.

        Raises:
            DamagedError: says how much of what kind.
        """
        if not self.findings.damage:
            return
        kinds = ", ".join(f"{code.value} {n}" for code, n in sorted(self.findings.counts.items()))
        raise DamagedError(
            f"{self.findings.damage} finding(s) mean damage ({kinds}).",
            remedy="Keep the archive as it is and restore what is damaged from a backup; then verify again.",
        )


def verify(
    store: ArchiveStore,
    level: Level = Level.SCHEMAS,
    progress: Progress | None = None,
    *,
    validator: PdfaValidator | None = None,
) -> VerifyReport:
    """Verify an archive; it may be on read-only media, and a viewer may be at work in it.

    Args:
        store: the archive.
        level: how thoroughly.
        progress: told how far it is.
        validator: used at level `PDFA`; made when needed.

    Raises:
        EngineMissingError: the validator does not start (level `PDFA`).
    """
    return _Verification(store, level, progress, validator).run()


class _Verification:
    def __init__(
        self, store: ArchiveStore, level: Level, progress: Progress | None, validator: PdfaValidator | None
    ) -> None:
        self.store, self.level, self.progress = store, level, progress
        self.report = VerifyReport(level)
        self.findings = self.report.findings
        self.catalogue: Catalogue | None = None
        self._validator = validator

    def run(self) -> VerifyReport:
        with contextlib.ExitStack() as stack:
            try:
                self.catalogue = stack.enter_context(Catalogue.open(self.store))
                broken = self.catalogue.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if broken != "ok":
                    raise CatalogueInvalidError(str(broken))
            except (CatalogueInvalidError, sqlite3.Error) as e:
                self.catalogue = None
                self.findings.add(FindingCode.CATALOGUE_INVALID, self.store.catalogue.name, str(e))
            self._packages()
            if self.catalogue is not None:
                check_catalogue(self.store, self.catalogue, self.findings)
            self.report.quarantined = check_quarantine(
                self.store,
                self.catalogue,
                self.findings,
                sizes=self.level >= Level.SIZES,
                hashes=self.level >= Level.HASHES,
            )
            seal.check_newest(self.store, self._recorded_hash, self.findings)
        return self.report

    def _packages(self) -> None:
        files = [0, sum(1 for _ in self.store.package_files())]
        unknown: list[Path] = []
        for path in self._look_through_folders():
            if self._row(path) is None and self.catalogue is not None:
                unknown.append(path)
            self._package(path)
            files[0] += 1
            if self.progress is not None:
                self.progress(files[0], max(files))
        # a migration that is running may have recorded it meanwhile
        for path in unknown:
            if self._row(path) is None:
                self.findings.add(FindingCode.PACKAGE_UNKNOWN, self._place(path))

    def _look_through_folders(self) -> Iterator[Path]:
        """Every package; all else that lies in packages/ is a finding."""
        root = self.store.packages
        for first in _entries(root):
            for second in _entries(first) if self._is_folder(first) else ():
                for path in _entries(second) if self._is_folder(second) else ():
                    if path.suffix == ".tar" and path.is_file() and path == self._proper(path):
                        yield path
                    elif path.suffix == ".sha256" and path.with_suffix("") == self._proper(path.with_suffix("")):
                        self._sidecar_without_package(path)
                    else:
                        code = FindingCode.LEFTOVER if path.name.endswith(".tmp") else FindingCode.UNKNOWN_FILE
                        self.findings.add(code, self._place(path))
        for path in _entries(self.store.work):
            self.findings.add(FindingCode.LEFTOVER, self._place(path))

    def _sidecar_without_package(self, path: Path) -> None:
        package = path.with_suffix("")
        if package.is_file():
            return
        if self.catalogue is not None and self._row(package) is None:
            # written before the package gets its name: a run was cut short just there
            self.findings.add(FindingCode.LEFTOVER, self._place(path))
        else:
            self.findings.add(FindingCode.PACKAGE_MISSING, self._place(package), "Its hash file is there.")

    def _is_folder(self, path: Path) -> bool:
        if path.is_dir() and not path.is_symlink():
            return True
        self.findings.add(FindingCode.UNKNOWN_FILE, self._place(path))
        return False

    def _proper(self, path: Path) -> Path | None:
        """Where the package of this name belongs."""
        try:
            return self.store.package_path(path.stem)
        except ValueError:
            return None

    def _place(self, path: Path) -> str:
        return path.relative_to(self.store.root).as_posix()

    def _row(self, path: Path) -> sqlite3.Row | None:
        if self.catalogue is None:
            return None
        row: sqlite3.Row | None = self.catalogue.connection.execute(
            "SELECT * FROM package WHERE id=?", (path.stem,)
        ).fetchone()
        return row

    def _recorded_hash(self, path: Path) -> str | None:
        """The hash on record for a package that is there: the catalogue's, else its hash file's."""
        if not path.is_file():
            return None
        if (row := self._row(path)) is not None:
            return str(row["sha256"])
        with contextlib.suppress(OSError):
            return read_sidecar(path)
        return None

    def _package(self, path: Path) -> None:
        place, row = self._place(path), self._row(path)
        self.report.packages += 1
        try:
            beside = read_sidecar(path)
            if beside is None:
                self.findings.add(FindingCode.SIDECAR_MISMATCH, self._place(sidecar_path(path)))
        except OSError:
            beside = None
            self.findings.add(FindingCode.SIDECAR_MISSING, place)
        if row is not None and beside is not None and beside != row["sha256"]:
            self.findings.add(
                FindingCode.SIDECAR_MISMATCH, self._place(sidecar_path(path)), "The catalogue has another hash."
            )
        try:
            if self.level >= Level.SIZES and row is not None and path.stat().st_size != row["size"]:
                self.findings.add(FindingCode.PACKAGE_SIZE, place, f"{path.stat().st_size} instead of {row['size']}.")
            if self.level >= Level.HASHES:
                self._contents(path, place, row, beside)
        except OSError as e:
            self.findings.add(FindingCode.PACKAGE_HASH, place, f"Reading it gives {type(e).__name__} ({e.errno}).")

    def _contents(self, path: Path, place: str, row: sqlite3.Row | None, beside: str | None) -> None:
        measured = measure(path)
        self.report.bytes_read += measured.size
        recorded = beside if row is None else row["sha256"]
        if recorded is not None and measured.sha256 != recorded:
            self.findings.add(FindingCode.PACKAGE_HASH, place)
        contents = check_package(path, place, measured, self.findings)
        if self.level >= Level.SCHEMAS:
            check_schema(place, measured, self.findings)
        if contents is None:
            return
        if contents.package_id != path.stem or path.stem != package_id(contents.patient.id, contents.generation):
            self.findings.add(FindingCode.PACKAGE_STRUCTURE, place, "It holds another package than its name says.")
            return
        newest = not self.store.package_path(package_id(contents.patient.id, contents.generation + 1)).is_file()
        if newest:
            self.report.documents += len(contents.documents)
            self.report.files += sum(len(d.files) for d in contents.documents)
        for generation in range(1, contents.generation):
            before = self.store.package_path(package_id(contents.patient.id, generation))
            if not before.is_file():
                self.findings.add(FindingCode.PACKAGE_MISSING, self._place(before), f"Generation {generation} is gone.")
        if row is not None and self.catalogue is not None:
            compare_package(self.catalogue, row, contents, place, self.findings, newest=newest)
        if self.level >= Level.PDFA:
            self._validate(path, place, contents)

    def _validate(self, path: Path, place: str, contents: PackageContents) -> None:
        if self._validator is None:
            from archive.validate import LONG_RUN, PdfaValidator

            copies = self.catalogue and self.catalogue.connection.execute("SELECT count(*) FROM file").fetchone()[0]
            self._validator = PdfaValidator(long_run=bool(copies and copies >= LONG_RUN))
        for d in contents.documents:
            for f in d.files:
                spans = contents.spans.get((d.id, f.seq))
                if spans is None or spans.pdf is None or f.archive_copy is None:
                    continue
                with tempfile.NamedTemporaryFile(suffix=".pdf") as copy:
                    with open_span(path, spans.pdf) as content:
                        while chunk := content.read(1 << 20):
                            copy.write(chunk)
                    copy.flush()
                    try:
                        verdict = self._validator.validate(Path(copy.name), f.archive_copy.flavour)
                        failed = "" if verdict.passed else ", ".join(verdict.failed_rules) or "rejected"
                    except DocumentProblem as e:
                        failed = e.detail
                if failed:
                    self.findings.add(FindingCode.PDFA_REJECTED, f"{place}/{d.id}/{f.seq}", failed)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
