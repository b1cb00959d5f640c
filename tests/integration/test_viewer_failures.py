"""What the viewer says when something around it is missing, slow or new."""

from __future__ import annotations

import functools
import shutil
import sqlite3
import time
from collections.abc import Callable

import pytest
from flask import Flask

from tests.integration.viewer_client import Browser, shown
from tests.viewer_data import Built
from viewer import app as app_module
from viewer import guard
from viewer.app import create_app
from viewer.config import load
from viewer.records import Records
from viewer.search import open_index, whoosh
from viewer.search.build import build_index


def test_a_catalogue_that_goes_away(browser: Browser, built: Built) -> None:
    browser.login().open()
    built.store.catalogue.rename(built.store.root / "elsewhere")
    answer = browser.get(browser.path("astrid"))
    assert answer.status_code == 503 and "katalog kan ikke leses" in answer.text and "Bakkerud" not in answer.text
    (built.store.root / "elsewhere").rename(built.store.catalogue)
    assert browser.get(browser.path("astrid")).status_code == 200, "a new catalogue is used at once"


def test_a_search_that_takes_too_long(browser: Browser, built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.login()
    with sqlite3.connect(built.store.catalogue) as db:
        row = db.execute("SELECT * FROM patient LIMIT 1").fetchone()
        db.executemany(
            f"INSERT INTO patient VALUES({','.join('?' * len(row))})", ((f"more {n}", *row[1:]) for n in range(20_000))
        )
    db.close()
    assert browser.post("/finn", name="finnes ikke").status_code == 303
    monkeypatch.setattr(guard, "Records", functools.partial(Records, budget_seconds=-1))
    answer = browser.post("/finn", name="finnes ikke")
    assert answer.status_code == 503 and "legg til fødselsdato" in answer.text


def test_an_index_made_later_is_used_without_a_restart(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "_LOOK_SECONDS", 0.0)
    shutil.rmtree(built.store.index)
    app = create_app(built.store, load(environ={}))
    services: guard.Services = app.extensions["journalarkiv"]
    try:
        browser = Browser(app, built).login()
        browser.open()
        assert browser.search("pneumoni").status_code == 503
        build_index(built.store)
        assert len(shown(browser.search("pneumoni"), built.documents)) == 4
        first = services.backend()
        assert first is not None and services.backend() is first, "it is not opened for every request"
        monkeypatch.setattr(type(first), "superseded", lambda self: self is first)
        second = services.backend()
        assert second is not None and second is not first
        assert len(shown(browser.search("pneumoni"), built.documents)) == 4
        for backend in (first, second):
            backend.close()
    finally:
        services.close()


def test_no_hits_says_whether_a_filter_hides_them(browser: Browser, built: Built) -> None:
    browser.login().open()
    hidden = browser.search("pneumoni", year="2014")
    assert not shown(hidden, built.documents)
    assert "Filteret skjuler 4 dokumenter" in hidden.text and "Ingen av treffene passer" in hidden.text
    some = browser.search("pneumoni", type="EPI")
    assert shown(some, built.documents) == {"note-0"} and "Filteret skjuler 3 dokumenter" in some.text
    for none in (browser.search("finnesikke", year="2014"), browser.search("pneumoni")):
        assert "Filteret skjuler" not in none.text


def test_an_index_that_is_behind_is_told(
    built: Built, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(browser: Browser) -> bool:
        return "eldre enn arkivet" in browser.get(browser.path("astrid")).text

    backend = open_index(built.store)
    app = create_app(built.store, load(environ={}), backend=backend)
    try:
        browser = Browser(app, built).login()
        browser.open()
        assert not told(browser)
        with sqlite3.connect(built.store.catalogue) as db:
            db.execute("UPDATE meta SET value=value+1 WHERE key='content_serial'")
        assert not told(browser), "another serial with the same packages"
        with sqlite3.connect(built.store.catalogue) as db:
            db.execute("UPDATE package SET sha256='00' WHERE patient_id=?", (built.patients["astrid"].id,))
            db.execute("UPDATE meta SET value=value+1 WHERE key='content_serial'")
        db.close()
        assert told(browser)
        build_index(built.store)
        # a large archive is compared beside the page, which says so until that is done
        monkeypatch.setattr(whoosh, "_COMPARED_AT_ONCE", 0)
        fresh = open_index(built.store)
        assert not fresh.behind()
        with sqlite3.connect(built.store.catalogue) as db:
            db.execute("UPDATE meta SET value=1+value WHERE key='content_serial'")
        db.close()
        assert fresh.behind()
        for _ in range(200):
            if not fresh.behind():
                break
            time.sleep(0.02)
        assert not fresh.behind()
        fresh.close()
    finally:
        app.extensions["journalarkiv"].close()
        backend.close()


def test_whoever_is_logged_in_needs_no_login_form(browser: Browser) -> None:
    browser.login()
    assert browser.get("/logg-inn").location == "/"
    assert browser.get("/okt").status_code == 204


@pytest.mark.parametrize("path", ["/treff/none", "/treff/", "/pasient/not-a-uuid"])
def test_addresses_that_lead_nowhere(browser: Browser, path: str) -> None:
    assert browser.login().get(path).status_code == 404


def test_text_that_cannot_be_read(browser: Browser, built: Built) -> None:
    """The list is still the list; the document says that it is damaged."""
    browser.login().open()
    with sqlite3.connect(built.store.catalogue) as db:
        db.execute("UPDATE package SET path='packages/none.tar'")
    db.close()
    hits = browser.search("pneumoni")
    assert hits.status_code == 200 and len(shown(hits, built.documents)) == 4 and "<mark>" not in hits.text
    assert browser.get(browser.document("undated")).status_code == 200
    assert (
        browser.get(hits.request.full_path.replace("?", f"/dokument/{built.documents['note-0'].id}?")).status_code
        == 200
    )
    assert browser.get(browser.document("note-0", "/1/tekst")).status_code == 500


def test_the_demo_accounts(built: Built) -> None:
    from viewer.serve import DEMO_ACCOUNTS, create_demo_accounts

    made = dict(create_demo_accounts(built.store))
    again = dict(create_demo_accounts(built.store))
    assert set(made) == {user for user, _, _ in DEMO_ACCOUNTS} == {"kliniker", "arkivar"}
    assert not set(made.values()) & set(again.values()), "new passwords each time"


def test_looks_are_forgotten_after_their_time() -> None:
    seen = guard.Seen(seconds=-1)
    for n in range(10_050):
        seen.add(("session", str(n)))
    assert not seen.holds(("session", "10049")) and len(seen._until) < 10_050
    kept = guard.Seen()
    kept.add(("s", "x"))
    assert kept.holds(("s", "x")) and kept.take(("s", "x")) and not kept.take(("s", "x"))


def test_too_many_logins_at_once(app: Flask, built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewer.accounts import BusyError

    def busy(*_: object) -> None:
        raise BusyError

    monkeypatch.setattr(app.extensions["journalarkiv"].accounts, "login", busy)
    assert Browser(app, built).post("/logg-inn", user="lege", password="x").status_code == 503
