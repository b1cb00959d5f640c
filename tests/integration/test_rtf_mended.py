"""RTF of which LibreOffice alone would skip, recount or replace something: all of it on the pages, in its place."""

from __future__ import annotations

import pytest

from archive.normalise.contract import Limits, Normalised
from archive.normalise.ladder import Normaliser
from archive.reasons import Flag
from tests.documents import job

HEAD = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}}\f0\fs24 "
LISTS = (
    rb"{\*\listtable{\list\listtemplateid1{\listlevel\levelnfc0\levelstartat1\levelfollow0{\leveltext\'02\'00.;}"
    rb"{\levelnumbers\'01;}\fi-360\li720}\listid5}}{\*\listoverridetable{\listoverride\listid5\listoverridecount1"
    rb"{\lfolevel\listoverridestartat\levelstartat7}\ls1}{\listoverride\listid5\listoverridecount0\ls2}}"
)
FILES = {
    "two": (HEAD + b"Forste notat\\par}\r\n" + HEAD + rb"andre notat\par}", "Forste notat andre notat"),
    "brace": (HEAD + rb"Normal.} } Plan: seponer\par}", "Normal. Plan: seponer"),
    "behind": (HEAD + b"Notat\\par}\r\nSignert av lege\r\n12.03.1999", "Notat Signert av lege 12.03.1999"),
    "labels": (
        HEAD + LISTS + rb"{\listtext 7.\tab}\pard\ls1 syvende\par{\listtext 8.\tab}aatte\par\pard\ls2{\listtext 9.\tab}"
        rb"niende\par\pard{\pntext 4.\tab}{\*\pn\pnlvlbody\pndec{\pntxta .}}fjerde\par}",
        "7. syvende 8. aatte 9. niende 4. fjerde",
    ),
    "default": (
        HEAD
        + rb"Svar: {\field{\*\fldinst FORMDROPDOWN{\*\formfield{\fftype2\ffres25\ffdefres1{\*\ffl Ja}{\*\ffl Nei}}}}"
        rb"{\fldrslt}}\par}",
        "Svar: Nei",
    ),
    "drawn": (
        HEAD + rb"Brev {\shp{\*\shpinst\shpright900\shpbottom900{\sp{\sn shapeType}{\sv 136}}{\sp{\sn gtextUNICODE}"
        rb"{\sv UTKAST}}}}slutt\par}",
        "Brev UTKAST slutt",
    ),
    "header": (HEAD[:-9] + rb"{\header\pard\f0 Epikrise for Ola\par}}", "Epikrise for Ola"),
    "cells": (HEAD + rb"\trowd\cellx2000\intbl A\cell B\cell C\row\pard bak\par}", "A B C bak"),
    "unended": (HEAD + rb"foran\par\trowd\cellx2000\cellx4000\pard\intbl A\cell B}", "foran A B"),
    "inner": (
        HEAD + rb"\pard\intbl\itap2 I1\nestcell I2\nestcell{\*\nesttableprops\trowd\cellx900\cellx1800\nestrow}"
        rb"{\nonesttables\par}\pard bak\par}",
        "I1 I2 bak",
    ),
    "results": (
        HEAD
        + rb"{\field{\*\fldinst REF borte}{\fldrslt lagret}} {\field{\*\fldinst IF 1=2 \"a\" \"b\"}{\fldrslt valgt}} "
        rb"{\field{\*\fldinst TITLE}{\fldrslt Epikrise}} {\field{\*\fldinst NUMWORDS}{\fldrslt 812}}\par}",
        "lagret valgt Epikrise 812",
    ),
    "comment": (
        HEAD + rb"Tekst {\*\atnid KN}{\*\atnauthor Kari}\chatn{\*\annotation sjekk kalium}\par}",
        "Tekst Kommentarer i dokumentet 1. Side 1 – Kari sjekk kalium",
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Normalised]:
    folder = tmp_path_factory.mktemp("mended")
    jobs = []
    for name, (content, _) in FILES.items():
        (folder / f"{name}.rtf").write_bytes(content)
        jobs.append(job(folder / f"{name}.rtf", name))
    with Normaliser(Limits(seconds=60), folder / "work") as normaliser:
        made = normaliser.normalise(jobs, folder / "out")
    assert all(isinstance(outcome, Normalised) for outcome in made.values()), made
    return {key: outcome for key, outcome in made.items() if isinstance(outcome, Normalised)}


@pytest.mark.parametrize("name", FILES)
def test_all_of_it_stands_in_its_place(outcomes: dict[str, Normalised], name: str) -> None:
    outcome = outcomes[name]
    assert " ".join(outcome.text.read_text(encoding="utf-8").split()) == FILES[name][1]
    assert not {f.code for f in outcome.flags} & {Flag.WORDS_MISSING, Flag.TEXT_ANNEXED, Flag.NO_TEXT}
