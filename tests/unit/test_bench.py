"""The measuring programs: what they count, and that they see what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pikepdf
import pytest

from archive.reasons import Reason
from bench.corpus import locked, summary, table
from bench.hostile import ALLOWED, _wrong_archived, _wrong_quarantined
from bench.known_truth import _documents
from bench.measure import memory
from bench.normalise import MIX
from extract.sample import generate
from tests import documents


def result(name: str = "rtf", **more: Any) -> dict[str, Any]:
    fields = {"format": name, "file": "a", "hostile": False, "locked": False, "found": name, "archived": True}
    fields |= {"passed": True, "cpu_ms": 10.0, "route": "r", "flags": [], "pages": 1, "source_pages": None}
    return {**fields, "difference": None, "reason": "corrupt", "detail": "", **more}


def test_a_format_below_its_target_is_missed() -> None:
    results = [result() for _ in range(98)] + [result(archived=False) for _ in range(2)]
    assert summary(results)["missed"] == ["rtf: 98.0 % archived, 99 % wanted"]
    assert summary([result(), *results[:-1]])["missed"] == []
    assert [m["reason"] for m in summary(results)["misses"]] == ["corrupt", "corrupt"]


def test_hostile_files_are_not_counted_against_a_format_and_locked_ones_are() -> None:
    opened = result(locked=True, flags=["opened-with-password"])
    told = summary([result(), opened, result(archived=False, hostile=True)])
    assert told["missed"] == []
    assert (told["formats"]["rtf"]["files"], told["formats"]["rtf"]["archived"]) == (2, 2)
    assert told["formats"]["rtf"]["hostile"] == {"corrupt": 1}
    told = summary([result(), result(archived=False, locked=True, reason="encrypted")])
    assert told["missed"] == ["rtf: 50.0 % archived, 99 % wanted"]


@pytest.mark.parametrize("wrong", [{"passed": False}, {"stock": "FAIL"}, {"locked": True}])
def test_a_copy_that_is_not_valid_is_missed(wrong: dict[str, Any]) -> None:
    assert len(summary([result(**wrong)])["missed"]) == 1


def test_lost_words_and_pages_are_listed() -> None:
    words = {"words": 100, "kept": 98}
    told = summary([result(on_pages=words, in_text=words), result("tiff", source_pages=3)])
    assert told["formats"]["rtf"]["on_pages"]["kept_percent"] == 98.0
    assert [m["file"] for m in told["words_lost"]] == ["a"]
    assert [m["format"] for m in told["pages_differ"]] == ["tiff"]
    assert any("98.0 % of 100" in line for line in table(told))


def test_a_password_is_seen_apart_from_the_product(tmp_path: Path) -> None:
    plain = documents.pdf(tmp_path / "a.pdf")
    with pikepdf.open(plain) as document:
        document.save(tmp_path / "b.pdf", encryption=pikepdf.Encryption(owner="x", user="y"))
        document.save(tmp_path / "c.pdf", encryption=pikepdf.Encryption(owner="x", user=""))
    assert [locked(tmp_path / f"{n}.pdf") for n in "abc"] == [False, True, False]


def test_broken_files_must_end_in_the_package_or_in_quarantine() -> None:
    assert _wrong_archived(None, "x")
    assert _wrong_archived({"passed": False, "original": "x"}, "x")
    assert _wrong_archived({"passed": True, "original": "y"}, "x")
    assert _wrong_archived({"passed": True, "original": "x"}, "x") is None
    fact = {"format": "txt", "sha256": "x"}
    for reason, detail, kept, wrong in (
        (Reason.CORRUPT, "", "x", False),
        (Reason.CORRUPT, "", None, True),
        (Reason.ENCRYPTED, "", "x", True),
        (Reason.CONVERSION_FAILED, "A worker process died each time.", "x", True),
    ):
        entry = {
            "reason": reason.value,
            "detail": detail,
            "kept": kept,
            "found": "txt",
            "blank": False,
            "filler": False,
        }
        assert bool(_wrong_quarantined(entry, fact)) == wrong, reason
    for reason, blank, wrong in (
        (Reason.EMPTY, True, False),
        (Reason.EMPTY, False, True),
        (Reason.CORRUPT, True, True),
    ):
        entry = {"reason": reason.value, "detail": "", "kept": "x", "found": "txt", "blank": blank, "filler": blank}
        assert bool(_wrong_quarantined(entry, fact)) == wrong, (reason, blank)
    filled = {"reason": "empty", "detail": "", "kept": "x", "found": "txt", "blank": False, "filler": True}
    assert _wrong_quarantined(filled, fact) is None
    assert set(ALLOWED) == {"pdf", "docx", "doc", "rtf", "html", "xml", "jpeg", "png", "tiff", "txt"}


def test_a_document_that_differs_from_its_truth_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = {"1": ("a", "archived", None), "2": ("b", "quarantined", "empty"), "9": ("c", "archived", None)}
    monkeypatch.setattr("bench.known_truth.states", lambda _: found)
    archived = {"expect": "archived", "source": "rtf"}
    truth = {"documents": {"1": archived, "2": archived, "3": {"expect": "any", "source": "x"}}}
    told = list(_documents(tmp_path, truth))
    assert [t.split(":")[0] for t in told] == ["document 9", "document 2 (rtf)", "document 3 (x)"]


def test_memory_is_told_of_each_worker() -> None:
    lines = [{"pid": 1, "resident": (100 + n // 10) << 20} for n in range(1000)] + [{"pid": 2, "resident": 7 << 20}]
    grows, stays = memory(lines)
    assert grows["mb_per_1000_documents"] == pytest.approx(100, abs=2)
    assert (grows["mb_at_a_tenth"], grows["mb_at_the_end"], grows["documents"]) == (110, 199, 1000)
    assert stays["mb_per_1000_documents"] == 0


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mix") / "out"
    generate(out, patients=10, documents=400, seed=2, mix=MIX, entries=4)
    return out / "export" / "dok"


def test_the_mix_has_every_share_it_promises(mixed: Path) -> None:
    suffixes = [p.suffix.lstrip(".").lower() for p in mixed.rglob("*") if p.is_file()]
    names = {"tiff": "tif", "jpeg": "jpg"}
    for family, share in MIX.items():
        part = 100 * suffixes.count(names.get(family, family)) / len(suffixes)
        assert abs(part - share) <= max(2.5, share / 5), family


def test_pdfs_are_of_several_makers(mixed: Path) -> None:
    makers = {"scan": 0, "archival": 0, "embedded": 0, "bare": 0}
    for path in mixed.rglob("7*.pdf"):
        try:
            with pikepdf.open(path) as document:
                fonts = document.pages[0].resources.get("/Font", {})
                if "/Metadata" in document.Root and b"pdfaid" in document.Root.Metadata.read_bytes():
                    makers["archival"] += 1
                elif not len(fonts):
                    makers["scan"] += 1
                else:
                    makers["bare" if any("/BaseFont" in f and "Helvetica" in str(f.BaseFont) for f in fonts.values())
                           else "embedded"] += 1  # fmt: skip
        except (pikepdf.PdfError, pikepdf.PasswordError):
            continue
    assert all(makers.values()), makers
