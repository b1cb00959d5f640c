"""Makes viewer/static/vendor/ again from npm: pinned versions, sha512 integrity, only the files that are used.

Run `python tools/vendor_assets.py` where npm is installed; `--check` changes nothing and fails on any difference.
A new version: change the pin and its integrity (`npm view NAME@VERSION dist.integrity`), the folder names in
viewer/assets.py, and run the browser tests.
"""

from __future__ import annotations

import argparse
import base64
import filecmp
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "viewer" / "static" / "vendor"


@dataclass(frozen=True)
class Pin:
    """One npm package: what it is, the sha512 of its tarball, and which of its files are taken (glob -> folder)."""

    name: str
    version: str
    integrity: str
    licence: str
    folder: str
    files: tuple[tuple[str, str], ...]
    purpose: str


PINS = (
    Pin(
        "@digdir/designsystemet-css",
        "1.22.0",
        "sha512-f/+YOK1Gvl7ypdeRh0TDGs28eu8DkOPDAR+T8yLpnys9FxNWX05UNuhXJwYwRuzF9WUgjAhpJ5JKdodTDxWMEA==",
        "MIT",
        "designsystemet-1.22.0",
        (("dist/src/index.css", ""), ("dist/theme/designsystemet.css", ""), ("LICENSE", "")),
        "the look of the pages",
    ),
    Pin(
        "pdfjs-dist",
        "6.5.438",
        "sha512-vg8Pw1x+AFKy4AMDvhuWl5cOYV8d698UoEANoFFhc79hqXDnZQqnOXoxw3HG907WHOg1JYOvLhP756boddFxpA==",
        "Apache-2.0",
        "pdfjs-6.5.438",
        (
            ("legacy/build/pdf.min.mjs", ""),
            ("legacy/build/pdf.worker.min.mjs", ""),
            ("legacy/web/pdf_viewer.mjs", ""),
            ("legacy/web/pdf_viewer.css", ""),
            ("legacy/web/images/loading-icon.gif", "images"),
            ("cmaps/*", "cmaps"),
            ("iccs/*", "iccs"),
            ("wasm/openjpeg*", "wasm"),
            ("wasm/jbig2*", "wasm"),
            ("wasm/qcms*", "wasm"),
            ("wasm/LICENSE_*OPENJPEG", "wasm"),
            ("wasm/LICENSE_*JBIG2", "wasm"),
            ("wasm/LICENSE_*QCMS", "wasm"),
            ("LICENSE", ""),
        ),
        "shows PDF files in the page; carries OpenJPEG (BSD-2-Clause), PDFium's JBIG2 (Apache-2.0/BSD-3-Clause) and "
        "qcms (MIT) as WebAssembly, Adobe's CMaps (BSD-3-Clause) and a CC0 ICC profile",
    ),
)


def fetch(pin: Pin, folder: Path) -> Path:
    """The package's files, unpacked into `folder`; ends the program where the bytes are not those pinned."""
    out = subprocess.run(
        ["npm", "pack", "--silent", f"{pin.name}@{pin.version}"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.split()
    tarball = folder / out[-1]
    digest = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != pin.integrity:
        sys.exit(f"{pin.name}@{pin.version}: the tarball is {digest}, not {pin.integrity}")
    unpacked = folder / pin.folder
    with tarfile.open(tarball) as tar:
        tar.extractall(unpacked, filter="data")
    return unpacked / "package"


def build(target: Path) -> None:
    """Everything of `PINS`, under `target`."""
    for pin in PINS:
        with tempfile.TemporaryDirectory() as work:
            package = fetch(pin, Path(work))
            for pattern, folder in pin.files:
                found = sorted(package.glob(pattern))
                if not found:
                    sys.exit(f"{pin.name}: no file matches {pattern}")
                for source in found:
                    to = target / pin.folder / folder / source.name
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, to)
    rows = "\n".join(
        f"| {p.name} | {p.version} | {p.licence} | `{p.folder}/` | {p.purpose} | `{p.integrity}` |" for p in PINS
    )
    (target / "THIRD_PARTY.md").write_text(
        "# Third-party files in this folder\n\n"
        "Unchanged files of npm packages, put here by `tools/vendor_assets.py`. Licence texts lie beside them.\n\n"
        "| package | version | licence | folder | used for | integrity |\n|---|---|---|---|---|---|\n" + rows + "\n",
        "utf-8",
    )


def differences(a: Path, b: Path) -> list[str]:
    """Relative paths that are not the same in both folders."""
    names = {p.relative_to(x) for x in (a, b) for p in x.rglob("*") if p.is_file()}
    return sorted(
        str(n)
        for n in names
        if not (a / n).is_file() or not (b / n).is_file() or not filecmp.cmp(a / n, b / n, shallow=False)
    )


def main() -> None:
    """Build, or check that what is there is what would be built."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory(dir=VENDOR.parent if VENDOR.parent.is_dir() else None) as work:
        made = Path(work) / "vendor"
        build(made)
        if check:
            wrong = differences(made, VENDOR)
            sys.exit("differs: " + ", ".join(wrong) if wrong else 0)
        shutil.rmtree(VENDOR, ignore_errors=True)
        made.replace(VENDOR)


if __name__ == "__main__":
    main()
