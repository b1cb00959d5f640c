"""Our verdicts against stock veraPDF's, over a whole corpus of real files: what the ladder makes of each, and every PDF
of the corpus as it came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.normalise.contract import Limits, Normalised
from archive.normalise.ladder import Normaliser
from archive.reasons import DocumentProblem
from archive.record import Verdict
from archive.validate import PdfaValidator
from tests.documents import job
from tests.oracles import stock_verapdf

pytestmark = [pytest.mark.slow, pytest.mark.oracle]


@pytest.fixture(scope="module")
def normaliser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Normaliser]:
    with Normaliser(Limits(seconds=60), tmp_path_factory.mktemp("work")) as made:
        yield made


def disagreements(judged: list[tuple[Path, Verdict]]) -> list[str]:
    """Files of which stock veraPDF thinks otherwise, or for other rules. What it cannot read may not pass with us."""
    different = []
    asked = [(path, verdict.flavour) for path, verdict in judged]
    for (path, ours), stock in zip(judged, stock_verapdf(asked), strict=True):
        rules = () if stock.result == "ERROR" else sorted({rule.rpartition(":")[0] for rule in stock.rules})
        same = stock.result == "ERROR" or sorted(ours.failed_rules) == rules
        if ours.passed != (stock.result == "PASS") or not same:
            different.append(f"{path.name} at {ours.flavour}: {ours.failed_rules}, stock {stock.result} {rules}")
    return different


def test_what_the_ladder_makes_of_every_file(shared: Path, tmp_path: Path, normaliser: Normaliser) -> None:
    files = sorted(p for p in (shared / "corpus").glob("*/*") if p.is_file())
    jobs = [job(path, f"f-{n}", path.name) for n, path in enumerate(files)]
    judged = []
    for outcome in normaliser.normalise(jobs, tmp_path / "out").values():
        if isinstance(outcome, Normalised):
            assert outcome.verdict is not None
            assert outcome.verdict.passed
            judged.append((outcome.pdf, outcome.verdict))
            # and at a level that none is made for, for the rules that break
            judged.append((outcome.pdf, normaliser.validator.validate(outcome.pdf, "1a")))
    assert len(judged) > 2 * 0.9 * len(files)
    assert disagreements(judged) == []


def test_every_pdf_of_the_corpus_at_what_it_claims(shared: Path, normaliser: Normaliser) -> None:
    validator: PdfaValidator = normaliser.validator
    judged, exhausted = [], []
    for path in sorted((shared / "corpus" / "pdf").iterdir()):
        try:
            judged.append((path, validator.validate(path, validator.claimed_flavour(path) or "2b")))
        except DocumentProblem as e:
            exhausted.append(f"{path.name}: {e.reason.value}")
    assert exhausted == []
    assert len({verdict.flavour for _, verdict in judged}) > 1
    assert len({rule for _, verdict in judged for rule in verdict.failed_rules}) > 30
    assert disagreements(judged) == []
