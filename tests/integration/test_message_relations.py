"""Messages that cancel or change another, through the whole run: the package, the catalogue, and later exports."""

from __future__ import annotations

from pathlib import Path

from archive.catalogue import Catalogue
from archive.identifiers import document_id
from archive.reasons import Flag
from archive.record import DocumentStatus
from tests.fake_source import ARCHIVE_ID, SYSTEM
from tests.integration.test_migrate import Bench
from tests.unit.test_messages import LAB


def message(type_: str, number: int) -> bytes:
    return LAB.format(type=type_, id=f"m{number}", time=f"2017-09-2{number}", words="", inner="N").encode()


def test_a_cancellation_reaches_package_and_catalogue_and_no_other_patient(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for patient in ("1", "2"):
        bench.source.write(f"dok/{patient}.xml", message("N", 1) + f"<!-- {patient} -->".encode())
    bench.source.patient_rows = [("1", ""), ("2", "")]
    bench.source.document_rows = [("a", "1", ("dok/1.xml",), {}), ("z", "2", ("dok/2.xml",), {})]
    bench.run()
    before = bench.packages()
    bench.source.write("dok/3.xml", message("C", 3))
    bench.source.document_rows.append(("b", "1", ("dok/3.xml",), {}))
    bench.run()
    found = bench.documents("1")
    assert found["b"].replaces == document_id(ARCHIVE_ID, SYSTEM, "a")
    assert found["a"].replaced_by == document_id(ARCHIVE_ID, SYSTEM, "b")
    assert found["a"].content_status is DocumentStatus.RETRACTED
    assert found["a"].status is DocumentStatus.UNKNOWN
    other = bench.documents("2")["z"]
    assert (other.replaced_by, other.flags, bench.generation("2")) == (None, (), 1)
    assert before.items() <= bench.packages().items()
    with Catalogue.open(bench.store) as catalogue:
        rows = catalogue.connection.execute("SELECT source_key, status FROM document ORDER BY source_key")
        assert [tuple(r) for r in rows] == [("a", "retracted"), ("b", "retracted"), ("z", "unknown")]
    assert bench.balanced()
    after = bench.packages()
    bench.run()
    assert bench.packages() == after


def test_a_cancellation_of_what_is_not_there_is_flagged_until_it_comes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.source.write("dok/3.xml", message("C", 3))
    bench.source.write("dok/1.xml", b"BAD corrupt")
    bench.source.patient_rows = [("1", "")]
    bench.source.document_rows = [("b", "1", ("dok/3.xml",), {}), ("a", "1", ("dok/1.xml",), {})]
    bench.run()
    assert Flag.REPLACES_UNKNOWN in {f.code for f in bench.documents("1")["b"].flags}
    bench.source.write("dok/1.xml", message("N", 1))
    bench.run()
    found = bench.documents("1")
    assert Flag.REPLACES_UNKNOWN not in {f.code for f in found["b"].flags}
    assert found["a"].shown_status is DocumentStatus.RETRACTED
    assert bench.balanced()
