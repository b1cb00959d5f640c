"""Office documents and drawings that are one XML file, through LibreOffice to validated PDF/A."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from archive.normalise.contract import Job, Normalised
from archive.normalise.ladder import Normaliser
from archive.reasons import Flag
from tests.unit.test_officexml import W
from tests.unit.test_rereading_singlefiles import EXCEL

WORD = (
    '<?xml version="1.0" encoding="UTF-8"?><?mso-application progid="Word.Document"?>'
    f'<w:wordDocument xmlns:w="{W}"><w:body><w:p><w:r><w:t>Epi</w:t></w:r><w:r><w:t>krise på Ås</w:t></w:r></w:p>'
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Hb</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>13,2</w:t></w:r></w:p></w:tc></w:tr>"
    "</w:tbl></w:body></w:wordDocument>"
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect width="90" height="40" fill="red"/>'
    '<text x="20" y="120" font-size="20">Venstre arm µ ≥ 38</text></svg>'
)


@pytest.mark.slow
def test_they_come_out_with_all_their_words(tmp_path: Path) -> None:
    files = {"brev.doc": (WORD, ("Epikrise på Ås", "Hb", "13,2")), "ark.xls": (EXCEL, ("Hb på Ås", "13,2", "Obs")),
             "bilde.svg": (SVG, ("Venstre arm µ ≥ 38",))}  # fmt: skip
    jobs = []
    for number, (name, (content, _)) in enumerate(files.items()):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        data = path.read_bytes()
        jobs.append(Job(f"j{number}", path, name, hashlib.sha256(data).hexdigest(), len(data)))
    with Normaliser(work=tmp_path / "work") as normaliser:
        made = normaliser.normalise(jobs, tmp_path / "out")
    for job, (_, words) in zip(jobs, files.values(), strict=True):
        outcome = made[job.key]
        assert isinstance(outcome, Normalised), outcome
        assert outcome.verdict is not None and outcome.verdict.passed
        text = " ".join(outcome.text.read_text("utf-8").split())
        assert [word for word in words if word not in text] == []
        # LibreOffice reads no comments of Excel 2003: the second reading finds them, and the annex has them.
        told = {Flag.TEXT_ANNEXED, Flag.WORDS_MISSING} if job.declared_name == "ark.xls" else set()
        assert {flag.code for flag in outcome.flags} <= told
