"""Judges written by others, for tests: commons-ip and eark-validator of E-ARK packages, stock veraPDF of PDF/A.

The Java judges are fetched from Maven Central and compiled once, into `build/oracles`, or taken from the folder that
the environment variable JOURNALARKIV_ORACLES names. A test that needs one skips, with a reason, where neither that
folder nor Java, Maven and the recipes of `../shared/oracles` are there. The judge from PyPI gets a virtual environment
of its own there, since it asks for an lxml of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parent.parent
_EARK_VALIDATOR = "1.1.3"
_RECIPES = _REPOSITORY.parent / "shared" / "oracles"


@dataclass(frozen=True)
class Judgement:
    """What a judge says of one file or package. `rules` are the broken ones."""

    result: str
    rules: tuple[str, ...]
    subject: str
    flavour: str = ""


def _folder(part: str) -> Path:
    """The oracle folder, with `part` ("eark" or "verapdf") fetched and compiled; skips the test where impossible."""
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine")
    named = os.environ.get("JOURNALARKIV_ORACLES")
    folder = Path(named) if named else _REPOSITORY / "build" / "oracles"
    main = {"eark": "EarkValidate", "verapdf": "VeraStock"}[part]
    if (folder / "cls" / f"{main}.class").exists() and (part != "eark" or (folder / "overlay").is_dir()):
        return folder
    if not _RECIPES.is_dir():
        pytest.skip("the recipes ../shared/oracles are not there")
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        pytest.skip("no Maven or no Java compiler on this machine")
    _build(folder, part, main)
    return folder


def _build(folder: Path, part: str, main: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    jars = folder / part
    fetch = ["mvn", "-B", "-q", "-ntp", "-f", str(_RECIPES / "pom.xml"), f"-P{part}"]
    fetch += ["dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
    fetched = subprocess.run(fetch, capture_output=True, text=True, timeout=600)
    if fetched.returncode:
        pytest.skip(f"Maven cannot fetch the judge: {fetched.stdout[-300:]}")
    compiler = ["javac", "-cp", f"{jars}/*", "-d", str(folder / "cls"), str(_RECIPES / f"{main}.java")]
    subprocess.run(compiler, check=True, timeout=300)
    if part == "eark":
        (jar,) = jars.glob("commons-ip2-*.jar")
        overlay = [sys.executable, str(_RECIPES / "make_overlay.py"), str(jar), str(folder / "overlay")]
        subprocess.run(overlay, check=True, timeout=60)


def commons_ip(packages: Sequence[Path], reports: Path, specification: str = "2.1.0") -> list[Judgement]:
    """commons-ip's verdict on unpacked E-ARK packages: VALID, INVALID or ERROR, in the order given.

    `reports` is a folder for its full reports.
    """
    folder = _folder("eark")
    reports.mkdir(parents=True, exist_ok=True)
    path = f"{folder}/overlay:{folder}/cls:{folder}/eark/*"
    done = subprocess.run(
        ["java", "-cp", path, "EarkValidate", str(reports), specification, *map(str, packages)],
        capture_output=True,
        text=True,
        cwd=reports,
        timeout=600,
    )
    lines = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 5]
    assert len(lines) == len(packages), done.stdout + done.stderr
    return [Judgement(cells[0], tuple(cells[4].split()), cells[5]) for cells in lines]


def _judging_python() -> Path:
    """The Python that has eark-validator; skips the test where it cannot be installed."""
    named = os.environ.get("JOURNALARKIV_ORACLES")
    folder = (Path(named) if named else _REPOSITORY / "build" / "oracles") / f"python-{_EARK_VALIDATOR}"
    folder.mkdir(parents=True, exist_ok=True)
    python, stamp = folder / "bin" / "python", folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the test processes come here at the same time
        if not stamp.exists():
            for command in (
                [sys.executable, "-m", "venv", str(folder)],
                [str(python), "-m", "pip", "install", "-q", f"eark-validator=={_EARK_VALIDATOR}"],
            ):
                done = subprocess.run(command, capture_output=True, text=True, timeout=600)
                if done.returncode:
                    pytest.skip(f"eark-validator cannot be installed: {done.stderr[-300:]}")
            stamp.touch()
    return python


def eark_validator(package: Path) -> dict[str, object]:
    """The report of PyPI's eark-validator (specification 2.1.0, no network) on one unpacked package, as JSON."""
    done = subprocess.run(
        [str(_judging_python()), "-c", _OFFLINE, "-s", "V2.1.0", str(package)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    start = done.stdout.find("{")
    assert start >= 0, done.stdout + done.stderr
    report: dict[str, object] = json.loads(done.stdout[start:])
    return report


# eark-validator reads its vocabularies from the network although it carries them.
_OFFLINE = """
import importlib.util, os, pathlib, sys, urllib.request
folder = pathlib.Path(importlib.util.find_spec("eark_validator").submodule_search_locations[0])
vocabularies = folder / "ipxml/resources/vocabs"
def opened(uri, *a, **k):
    return (vocabularies / os.path.basename(uri if isinstance(uri, str) else uri.full_url)).open("rb")
urllib.request.urlopen = opened
sys.argv[0] = "eark-validator"
from eark_validator.cli.app import main
main()
"""


def stock_verapdf(files: Iterable[tuple[Path, str]]) -> list[Judgement]:
    """Stock veraPDF's verdict on (file, flavour) pairs, in order: PASS, FAIL or ERROR; flavour `auto` asks the file.

    Paths hold neither tabs nor line breaks.
    """
    folder = _folder("verapdf")
    asked = [(path, flavour) for path, flavour in files]
    done = subprocess.run(
        ["java", "-cp", f"{folder}/cls:{folder}/verapdf/*", "VeraStock", "-"],
        input="".join(f"{flavour}\t{path}\n" for path, flavour in asked),
        capture_output=True,
        text=True,
        timeout=3600,
    )
    lines = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 4]
    assert len(lines) == len(asked), done.stdout + done.stderr
    return [Judgement(cells[0], tuple(cells[3].split()), cells[4], cells[1]) for cells in lines]
