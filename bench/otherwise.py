"""The pipeline one would otherwise script, on a stratified part of an export's files: what it costs per document.

LibreOffice started for each office, text, HTML and XML file; `ocrmypdf` for each PDF (`--skip-text --output-type auto`,
since it refuses `pdfa` beside existing text with the Ghostscript of Debian 12) and each picture (`--output-type pdfa`),
without OCR: tesseract gets no time, as our side does none either; stock veraPDF started for each 100 results.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_OFFICE = frozenset({"rtf", "doc", "docx", "txt", "html", "xml"})
_PER_START = 100
_PDF = 'pdf:{}_pdf_Export:{{"SelectPdfVersion":{{"type":"long","value":"2"}}}}'


def measured(files: Mapping[str, list[Path]], number: int, work: Path) -> dict[str, Any]:
    """Convert and validate about `number` files, drawn from each family by its share (three at least).

    Args:
        files: the export's files by family.
        number: how many in all.
        work: scratch folder.
    """
    ocr, total = ocrmypdf(), sum(map(len, files.values()))
    rng, made, families, per_document = random.Random(1), list[Path](), dict[str, Any](), 0.0
    wall_per_document = 0.0
    for family, members in sorted(files.items()):
        share = len(members) / total
        drawn = rng.sample(members, min(len(members), max(3, round(number * share))))
        before, started, results = _cpu(), time.monotonic(), []
        for n, source in enumerate(drawn):
            out = work / f"{family}-{n}"
            out.mkdir(parents=True)
            results += _office(source, family, out, work) if family in _OFFICE else _ocr(ocr, source, family, out)
        cpu, wall = (_cpu() - before) / len(drawn), (time.monotonic() - started) / len(drawn)
        families[family] = {
            "share": round(share, 4),
            "files": len(drawn),
            "made": len(results),
            "cpu_seconds": round(cpu, 3),
            "wall_seconds": round(wall, 3),
        }
        per_document += share * cpu
        wall_per_document += share * wall
        made += results
    validator = _validate(made)
    return {
        "files": sum(f["files"] for f in families.values()),
        "families": families,
        "convert_cpu_seconds_per_document": round(per_document, 4),
        "convert_wall_seconds_per_document": round(wall_per_document, 4),
        "validate_cpu_seconds_per_document": validator and round(validator[0], 4),
        "valid": validator and f"{validator[1]} of {len(made)}",
        "cpu_seconds_per_document": round(per_document + (validator[0] if validator else 0.0), 4),
        "without": [] if ocr else ["ocrmypdf: it could not be installed or started"],
    }


def ocrmypdf() -> Path | None:
    """The program, in an environment of its own below build/; installed from PyPI when first asked for."""
    folder = Path(__file__).parents[1] / "build" / "bench" / "ocrmypdf"
    program = folder / "bin" / "ocrmypdf"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", "ocrmypdf>=16"], check=False)
    if not program.exists() or shutil.which("tesseract") is None:
        return None
    return program


def _office(source: Path, family: str, out: Path, work: Path) -> list[Path]:
    if family == "xml":  # LibreOffice has no filter for a health message; as text it shows all of it
        source = Path(shutil.copyfile(source, out / "message.txt"))
    command = ["soffice", f"-env:UserInstallation=file://{work}/profile", "--headless"]
    command += ["--convert-to", _PDF.format("writer_web" if family == "html" else "writer"), "--outdir", str(out)]
    _run([*command, str(source)], 120)
    return list(out.glob("*.pdf"))


def _ocr(program: Path | None, source: Path, family: str, out: Path) -> list[Path]:
    if program is None:
        return []
    command = [str(program), "-q", "-j", "1", "--tesseract-timeout", "0"]
    if family == "pdf":
        command += ["--skip-text", "--output-type", "auto"]
    else:
        command += ["--output-type", "pdfa", "--image-dpi", "200"]
    result = out / "result.pdf"
    _run([*command, str(source), str(result)], 300)
    return [result] if result.exists() else []


def _run(command: list[str], seconds: float) -> None:
    """Let a program do what it can in that time; what it has started ends with it."""
    quiet = subprocess.DEVNULL
    program = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        program.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def _validate(made: list[Path]) -> tuple[float, int] | None:
    """CPU seconds per document of one start per 100, and how many are valid; None without stock veraPDF."""
    import pytest

    from tests.oracles import stock_verapdf

    if not made:
        return None
    asked = [(made[n % len(made)], "2b") for n in range(max(len(made), _PER_START))]
    before = _cpu()
    try:
        verdicts = [v for at in range(0, len(asked), _PER_START) for v in stock_verapdf(asked[at : at + _PER_START])]
    except (pytest.skip.Exception, OSError, subprocess.SubprocessError):
        return None
    return (_cpu() - before) / len(asked), sum(v.result == "PASS" for v in verdicts[: len(made)])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
