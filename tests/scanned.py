"""Scanned pages of invented letters, and an archive of them made by the real run with the real engines."""

from __future__ import annotations

import io
import shutil
import subprocess
from functools import cache
from pathlib import Path

import img2pdf
import pikepdf
import pytest
from PIL import Image, ImageDraw, ImageFont

from archive.catalogue import Catalogue
from archive.identifiers import patient_id
from archive.normalise.contract import Limits
from archive.normalise.ladder import Normaliser
from archive.package import PackageContents, read_package
from archive.packageread import read_span
from archive.store import ArchiveStore
from extract.migrate import Options, migrate
from extract.progress import Progress
from extract.results import RunSummary
from tests.fake_run import FakeMapping, SerialExecutor
from tests.fake_source import ARCHIVE_ID, SYSTEM, FakeSource

FONT = Path("/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf")
LETTER = (
    "Epikrise frå Prøvesykehuset",
    "Pasienten ble innlagt med høy feber og åndenød.",
    "Kontroll hos fastlegen om to uker er ønskelig.",
)
OTHER = ("Røntgen av venstre håndledd", "Ingen brudd, ingen løse legemer.")


@cache
def missing() -> str:
    """Why OCR cannot be tested here; empty where it can."""
    if shutil.which("tesseract") is None:
        return "tesseract is not installed"
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True)
    return "" if "nor" in listed.stdout.split() else "tesseract has no Norwegian"


needs_tesseract = pytest.mark.skipif(bool(missing()), reason=missing() or "installed")


def page(lines: tuple[str, ...], *, width: int = 1240, height: int = 700) -> Image.Image:
    """A grey page at 150 dpi, as a scanner gives it."""
    picture = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(FONT), 30)
    for n, line in enumerate(lines):
        draw.text((100, 80 + n * 60), line, font=font, fill=0)
    return picture


def jpeg(lines: tuple[str, ...]) -> bytes:
    out = io.BytesIO()
    page(lines).save(out, "JPEG", dpi=(150, 150), quality=90)
    return out.getvalue()


def fax(*pages: tuple[str, ...]) -> bytes:
    """A TIFF with CCITT G4 pages; a page without lines is blank."""
    out = io.BytesIO()
    pictures = [page(lines).convert("1") for lines in pages]
    pictures[0].save(out, "TIFF", save_all=True, append_images=pictures[1:], compression="group4", dpi=(150.0, 150.0))
    return out.getvalue()


def mixed_pdf(lines: tuple[str, ...]) -> bytes:
    """A PDF of two pages: one with text, one scanned, which stands on its side and is shown upright by /Rotate."""
    out, picture = io.BytesIO(), io.BytesIO()
    page(lines).rotate(90, expand=True).save(picture, "PNG", dpi=(150, 150))
    with pikepdf.new() as made, pikepdf.open(io.BytesIO(img2pdf.convert(picture.getvalue()))) as scanned:
        made.add_blank_page(page_size=(595, 842))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        made.pages[0].obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=made.make_indirect(font)))
        made.pages[0].obj.Contents = made.make_stream(b"BT /F 12 Tf 72 700 Td (Vedlagt skannet brev) Tj ET")
        made.pages.extend(scanned.pages)
        made.pages[1].obj.Rotate = 90
        made.save(out, deterministic_id=True)
    return out.getvalue()


class Line:
    """An export, its archive, and a way to migrate the one into the other."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self.source = FakeSource(root / "export")
        self.archive = root / "archive"
        self._mapping = FakeMapping(root / "mapping.toml")
        self._work = root / "engines"

    def add(self, key: str, patient: str, files: dict[str, bytes]) -> None:
        """A document with its files; an earlier one of the same key is replaced."""
        for name, content in files.items():
            self.source.write(name, content)
        if (patient, "") not in self.source.patient_rows:
            self.source.patient_rows.append((patient, ""))
        rows = [r for r in self.source.document_rows if r[0] != key]
        self.source.document_rows = [*rows, (key, patient, tuple(files), {})]

    def migrate(self) -> RunSummary:
        with Normaliser(Limits(), self._work) as normaliser:
            return migrate(
                self.source,
                self._mapping,  # type: ignore[arg-type]
                self.archive,
                Options(),
                Progress(quiet=True),
                executor=lambda store, options: SerialExecutor(store, options, normaliser),  # type: ignore[arg-type]
            )

    @property
    def store(self) -> ArchiveStore:
        return ArchiveStore.open(self.archive)

    def package(self, patient: str) -> tuple[Path, PackageContents]:
        with Catalogue.open(self.store) as catalogue:
            row = catalogue.connection.execute(
                "SELECT path FROM package WHERE current AND patient_id=?", (patient_id(ARCHIVE_ID, SYSTEM, patient),)
            ).fetchone()
        path = self.archive / row["path"]
        return path, read_package(path)

    def forms(self, patient: str) -> dict[tuple[str, int], tuple[bytes, bytes, str]]:
        """PDF, original and text of each file of a patient's newest package, by (document's key, seq)."""
        path, contents = self.package(patient)
        keys = {d.id: d.source_key for d in contents.documents}
        return {
            (keys[id_], seq): (
                read_span(path, s.pdf),
                read_span(path, s.original),
                read_span(path, s.text).decode("utf-8"),
            )
            for (id_, seq), s in contents.spans.items()
        }
