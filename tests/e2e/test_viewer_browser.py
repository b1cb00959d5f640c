"""The viewer in a real browser: the `serve` command, Chromium, and a clinician's way from login to a marked word.

Set VIEWER_SCREENSHOTS to a folder to keep a picture of every page.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import REPOSITORY
from tests.viewer_data import BLOCKED_WORD, Built, build_archive

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
SCREENSHOTS = os.environ.get("VIEWER_SCREENSHOTS")


@dataclass
class Served:
    url: str
    accounts: dict[str, str]
    built: Built


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served")
    built = build_archive(root / "archive", root / "work")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "journalarkiv", "serve", str(root / "archive"), "--demo", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout
        accounts = {}
        for line in process.stdout:
            if found := re.match(r"user (\S+) +password (\S+)", line):
                accounts[found[1]] = found[2]
            if found := re.search(r"http://\S+", line):
                break
        assert found
        for _ in range(100):
            try:
                urllib.request.urlopen(found[0] + "/logg-inn").close()
                break
            except OSError:
                time.sleep(0.1)
        yield Served(found[0], accounts, built)
        process.terminate()


@dataclass
class Visit:
    """A page that remembers everything it must not do."""

    page: Page
    served: Served
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda m: self.complaints.append(f"{m.type}: {m.text}") if m.type != "info" else None)
        self.page.on("pageerror", lambda e: self.complaints.append(f"error: {e}"))
        self.page.on("dialog", lambda d: (self.complaints.append(f"dialog: {d.message}"), d.dismiss()))
        self.page.on("request", lambda r: self._own(r.url))

    def _own(self, url: str) -> None:
        if not url.startswith((self.served.url + "/", "blob:", "data:")):
            self.complaints.append(f"request to {url}")
        for patient in self.served.built.patients.values():
            for identifier in patient.identifiers:
                if identifier.value in url:
                    self.complaints.append(f"a patient's number in {url}")

    def login(self, user: str = "kliniker") -> Visit:
        self.page.goto(self.served.url)
        self.shot("login")
        self.page.get_by_label("Brukernavn").fill(user)
        self.page.get_by_label("Passord").fill(self.served.accounts[user])
        self.page.get_by_role("button", name="Logg inn").click()
        expect(self.page.get_by_role("heading", name="Finn pasient")).to_be_visible()
        return self

    def open(self, patient: str) -> None:
        self.page.goto(self.served.url)
        self.shot("find")
        self.page.get_by_label("Fødselsnummer").fill(self.served.built.patients[patient].identifiers[0].value)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/pasient/**")
        if self.page.url.endswith("/grunnlag"):
            self.shot("ground")
            self.page.get_by_label("Pågående helsehjelp").check()
            self.page.get_by_role("button", name="Åpne journalen").click()
        expect(self.page.get_by_role("region", name="Dokumenter")).to_be_visible()

    def search(self, words: str) -> None:
        self.page.get_by_label("Søk i journalens dokumenter").fill(words)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="med treff")).to_be_visible()

    def shot(self, name: str) -> None:
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


@pytest.fixture
def visit(chromium: Browser, served: Served) -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    made = Visit(context.new_page(), served)
    yield made
    context.close()
    assert made.complaints == []


def ink(page: Page) -> int:
    """How many pixels of the first page are not white: something was drawn."""
    drawn: int = page.evaluate(
        """() => { const c = document.querySelector('.page canvas'); const x = c.getContext('2d');
        const d = x.getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 0; i < d.length; i += 4) if (d[i] + d[i+1] + d[i+2] < 600) n++; return n; }"""
    )
    return drawn


def test_from_login_to_a_marked_word_in_the_opened_document(visit: Visit) -> None:
    page = visit.login().page
    visit.open("astrid")
    visit.shot("journal")
    visit.search("pneumoni")
    visit.shot("hits")
    expect(page.locator(".documents tbody tr")).to_have_count(4)
    page.get_by_role("link", name="Utskrevet etter pneumoni").click()
    expect(page.locator("#rute")).to_have_attribute("data-rendered", "true", timeout=20_000)
    marked = page.locator(".textLayer .highlight")
    expect(marked).to_have_count(4)
    expect(page.locator("#treff")).to_have_text("1 av 4 treff")
    assert {t.casefold() for t in marked.all_inner_texts()} == {"pneumoni", "pneumonien"}
    page.wait_for_timeout(400)
    assert ink(page) > 2000
    for mark in marked.all():
        box = mark.bounding_box()
        assert box and box["width"] > 20 and box["height"] > 8, "the mark lies on the word, with the word's size"
    visit.shot("document")
    page.get_by_role("button", name="Neste treff").click()
    expect(page.locator("#treff")).to_have_text("2 av 4 treff")
    expect(page.locator(".textLayer .highlight.selected")).to_have_count(1)
    page.get_by_role("button", name="Zoom inn").click()
    expect(page.locator("#zoom")).not_to_have_text("")
    page.get_by_role("link", name="Tekst", exact=True).click()
    expect(page.locator("mark")).to_have_count(3)
    visit.shot("text")


def test_keys(visit: Visit) -> None:
    page = visit.login().page
    visit.open("astrid")
    page.wait_for_load_state()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("pneumoni j")
    page.keyboard.press("Enter")
    page.locator("#q").fill("pneumoni")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Kontroll etter sykehusopphold").click()
    # the keys work once the page's script has run
    expect(page.locator("#rute")).to_have_attribute("data-rendered", "true", timeout=20_000)
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="Utskrevet etter pneumoni")).to_be_visible()
    expect(page.locator("#treff")).to_have_text("1 av 4 treff", timeout=20_000)
    page.keyboard.press("n")
    expect(page.locator("#treff")).to_have_text("2 av 4 treff")
    page.keyboard.press("p")
    expect(page.locator("#treff")).to_have_text("1 av 4 treff")
    page.keyboard.press("k")
    expect(page.get_by_role("heading", name="Kontroll etter sykehusopphold")).to_be_visible()
    expect(page.locator("#rute")).to_have_attribute("data-rendered", "true", timeout=20_000)
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="4 dokumenter med treff")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Hurtigtaster")).to_be_visible()
    visit.shot("help")
    page.get_by_role("button", name="Slå av hurtigtastene").click()
    expect(page.get_by_role("button", name="Slå på hurtigtastene")).to_be_visible()
    visit.open("astrid")
    page.wait_for_load_state()
    page.keyboard.press("?")
    page.wait_for_timeout(300)
    assert "/hjelp" not in page.url, "switched off is off"


def test_a_large_document_is_fetched_in_parts(visit: Visit) -> None:
    page = visit.login().page
    visit.open("astrid")
    visit.search("nyresvikt")
    fetched: list[tuple[int, int]] = []
    page.on(
        "response",
        lambda r: (
            fetched.append((r.status, int(r.headers.get("content-length", "0")))) if r.url.endswith(".pdf") else None
        ),
    )
    page.get_by_role("link", name="Samlet forløp").click()
    expect(page.locator("#treff")).to_have_text("1 av 1 treff", timeout=20_000)
    expect(page.locator("#side")).to_have_value("7")
    parts = [size for status, size in fetched if status == 206]
    whole = visit.served.built.documents["long"].files[0].archive_copy.size
    assert parts and sum(parts) < whole
    page.locator("#side").fill("2")
    page.keyboard.press("Enter")
    expect(page.locator('.page[data-page-number="2"] .textLayer')).to_contain_text("Side 2: forløpet")


def test_stamps_and_field_values_are_drawn(visit: Visit) -> None:
    """They are content of the document, and nothing of them can be changed."""
    page = visit.login().page
    page.get_by_label("Fødselsnummer").fill(visit.served.built.patients["twin-a"].identifiers[0].value)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Tvilling").first.click()
    page.get_by_label("Pågående helsehjelp").check()
    page.get_by_role("button", name="Åpne journalen").click()
    page.get_by_role("link", name="Notat", exact=True).first.click()
    expect(page.locator("#rute")).to_have_attribute("data-rendered", "true", timeout=20_000)
    page.wait_for_timeout(400)
    red = page.evaluate(
        """() => { const c = document.querySelector("#sidene canvas"); const r = c.height / 842;
        const at = (x, y) => [...c.getContext("2d").getImageData(x * r, (842 - y) * r, 1, 1).data].join();
        return [at(130, 330), at(230, 330), at(180, 330)]; }"""
    )
    assert red[:2] == ["255,0,0,255"] * 2 and red[2] != red[0]
    assert page.locator(".annotationLayer input, .annotationLayer textarea").count() == 0
    visit.shot("notes")


def test_blocked_documents_are_counted_only(visit: Visit) -> None:
    page = visit.login().page
    visit.open("astrid")
    expect(page.get_by_text("2 dokumenter er sperret.")).to_be_visible()
    visit.search(BLOCKED_WORD)
    expect(page.get_by_role("heading", name="0 dokumenter med treff")).to_be_visible()
    assert "Sperret notat" not in page.content()
    answer = page.goto(f"{page.url.split('?')[0]}/dokument/{visit.served.built.documents['blocked'].id}")
    assert answer and answer.status == 404
    visit.shot("refused")
    assert len(visit.complaints) == 1 and "404" in visit.complaints.pop(), "the browser's own word on the 404"


def test_protected_person(visit: Visit) -> None:
    page = visit.login().page
    page.get_by_label("Navn").fill("skjerming")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ingen treff")).to_be_visible()
    visit.open("protected")
    expect(page.get_by_role("alert")).to_contain_text("Strengt fortrolig adresse (kode 6)")
    expect(page.get_by_role("cell", name="skjult")).to_have_count(2)
    assert "Utpost" not in page.content()
    visit.shot("protected")


def test_hostile_title_and_text_run_nothing(visit: Visit) -> None:
    page = visit.login().page
    visit.open("astrid")
    page.get_by_role("link", name="<script>").click()
    expect(page.locator("#rute")).to_have_attribute("data-rendered", "true", timeout=20_000)
    page.get_by_role("link", name="Tekst", exact=True).click()
    expect(page.locator(".text-view")).to_contain_text("<script>alert(")


def test_after_logout_back_shows_nothing(visit: Visit) -> None:
    page = visit.login().page
    visit.open("astrid")
    page.get_by_role("button", name="Logg ut").click()
    expect(page.get_by_role("heading", name="Logg inn")).to_be_visible()
    page.go_back()
    page.wait_for_load_state()
    assert "Bakkerud" not in page.content()


def test_without_javascript(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(java_script_enabled=False)
    made = Visit(context.new_page(), served).login()
    made.open("astrid")
    made.search("pneumoni")
    made.page.get_by_role("link", name="Utskrevet etter pneumoni").click()
    expect(made.page.get_by_role("link", name="Åpne PDF-filen")).to_be_visible()
    made.page.get_by_role("link", name="Tekst", exact=True).click()
    expect(made.page.locator("mark")).to_have_count(3)
    assert made.complaints == []
    context.close()


def test_a_narrow_screen_and_every_label(visit: Visit) -> None:
    """Every control has a name, and nothing scrolls sideways at 320 px (WCAG 1.4.10)."""
    page = visit.login().page
    visit.open("astrid")
    page.set_viewport_size({"width": 320, "height": 640})
    for path in (page.url, f"{page.url}/dokument/{visit.served.built.documents['note-0'].id}", visit.served.url + "/",
                 visit.served.url + "/hjelp"):  # fmt: skip
        page.goto(path)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('input:not([type=hidden]), select, button, a')].filter(e =>
            !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.outerHTML)"""
        )
        assert nameless == []
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
    visit.shot("narrow")
