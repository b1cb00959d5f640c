"""The whole line as `make demo` runs it, smaller: sample, migrate (killed once on its way), verify, index, serve; and
a demo user in Chromium from login to a marked word inside an opened document."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from archive.store import ArchiveStore
from tests.e2e import cosdoc
from tests.e2e.test_viewer_browser import FLAGS
from viewer.search import open_index


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("line") / "sample"
    cosdoc.run("sample", out, "--patients", "14", "--documents", "90", "--seed", "3")
    return out


@pytest.fixture(scope="module")
def truth(sample: Path) -> Any:
    return json.loads((sample / "truth.json").read_text())


@pytest.fixture(scope="module")
def archive(sample: Path) -> Path:
    """The sample migrated, with one kill -9 on the way, and indexed."""
    made = sample.parent / "archive"
    arguments = ("migrate", sample / "export", made, "--mapping", sample / "mapping.toml", "--workers", "2")
    with subprocess.Popen(
        cosdoc.command(*arguments, "--batch", "15"), cwd=cosdoc.ROOT, stdout=subprocess.DEVNULL
    ) as first:
        deadline = time.monotonic() + 120
        while not any((made / "packages").rglob("*.tar")) and time.monotonic() < deadline and first.poll() is None:
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
    cosdoc.run(*arguments, expect=(1,))
    cosdoc.run("index", made)
    return made


def test_every_document_became_what_the_sample_knows(archive: Path, truth: Any) -> None:
    states = cosdoc.states(archive)
    wrong = {
        key: states[key]
        for key, expected in truth["documents"].items()
        if expected["expect"] != "any" and states[key][1:] != (expected["expect"], expected.get("code"))
    }
    assert wrong == {}
    assert len(states) == truth["distinct"]
    assert cosdoc.run("verify", archive, "--level", "pdfa")["findings"] == []


def test_planted_words_are_found_in_exactly_their_documents(archive: Path, truth: Any) -> None:
    keys = {i: key for key, (i, _, _) in cosdoc.states(archive).items()}
    backend = open_index(ArchiveStore.open(archive))
    try:
        for word, expected in truth["search"].items():
            found = backend.search_all(word, limit=100, budget_seconds=30)
            assert {keys[h.document_id] for h in found.hits} == {str(k) for k in expected}, word
    finally:
        backend.close()


@pytest.fixture
def served(archive: Path) -> Iterator[tuple[str, str]]:
    """URL and password of the demo's clinician."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = cosdoc.command("serve", archive, "--demo", "--port", port)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=cosdoc.ROOT) as process:
        assert process.stdout
        password = url = ""
        for line in process.stdout:
            if found := re.match(r"user kliniker +password (\S+)", line):
                password = found[1]
            if found := re.search(r"http://\S+", line):
                url = found[0]
                break
        for _ in range(100):
            try:
                urllib.request.urlopen(url + "/logg-inn").close()
                break
            except OSError:
                time.sleep(0.1)
        yield url, password
        process.terminate()


def test_a_clinician_gets_from_login_to_a_marked_word(
    archive: Path, sample: Path, truth: Any, served: tuple[str, str], tmp_path: Path
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    word, number = _word_and_patient(sample, truth)
    url, password = served
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        page.get_by_label("Brukernavn").fill("kliniker")
        page.get_by_label("Passord").fill(password)
        page.get_by_role("button", name="Logg inn").click()
        page.get_by_label("Fødselsnummer").fill(number)
        page.keyboard.press("Enter")
        page.get_by_label("Pågående helsehjelp").check()
        page.get_by_role("button", name="Åpne journalen").click()
        page.get_by_label("Søk i journalens dokumenter").fill(word)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="med treff")).to_be_visible()
        page.locator(".documents tbody tr a").first.click()
        expect(page.locator("#rute")).to_have_attribute("data-rendered", "true", timeout=30_000)
        marked = page.locator(".textLayer .highlight").first
        expect(marked).to_be_visible()
        assert word.casefold() in marked.inner_text().casefold()
        page.screenshot(path=tmp_path / "hit.png")
        browser.close()
    looked = cosdoc.run("audit", "verify", archive)
    assert looked


def _word_and_patient(sample: Path, truth: Any) -> tuple[str, str]:
    """A planted word, and the national id of a patient who can be found and has it in an open document."""
    with (sample / "export" / "pasient.csv").open(encoding="cp1252", newline="") as f:
        patients = {r["PASNR"]: r for r in csv.DictReader(f, delimiter=";")}
    numbers = [p["FNR"] for p in patients.values()]
    with (sample / "export" / "dokument.csv").open(encoding="cp1252", newline="") as f:
        documents = {r["DOKNR"]: r for r in csv.DictReader(f, delimiter=";")}
    for word, keys in truth["search"].items():
        for key in keys:
            row = documents[str(key)]
            patient = patients[row["PASNR"]]
            if patient["FNR"] and numbers.count(patient["FNR"]) == 1 and row["SPERRET"] != "J":
                return word, patient["FNR"]
    raise AssertionError("no planted word to look for")
