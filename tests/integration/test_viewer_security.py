"""What must never happen: each test is an attack or a failure, and the answer must be nothing."""

from __future__ import annotations

import io
import json
import logging
import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from archive.errors import AuditBrokenError
from tests.integration.viewer_client import Browser, links, shown
from tests.viewer_data import BLOCKED_WORD, PASSWORD, Built
from viewer import guard
from viewer.access import Action
from viewer.audit import AuditAction
from viewer.audit.export import read_records

PUBLIC = {"static", "login.form", "login.enter", "about.favicon"}
UUID = "00000000-0000-4000-8000-000000000000"


def every_route(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, a path that reaches it) of every route."""
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^:>]*uuid:[^>]*>", UUID, rule.rule)
        path = re.sub(r"<int:[^>]*>", "1", re.sub(r"<path:[^>]*>", "app.css", re.sub(r"<token>", "abc", path)))
        found += [(rule.endpoint, method, path) for method in sorted((rule.methods or set()) - {"OPTIONS"})]
    return found


def log_of(built: Built) -> list[dict[str, object]]:
    return list(read_records(built.store.audit / "audit.sqlite"))


def test_every_route_declares_an_action(app: Flask) -> None:
    for endpoint, _, _ in every_route(app):
        assert isinstance(guard.declared(app, endpoint), Action), endpoint
    assert {e for e, _, _ in every_route(app) if guard.declared(app, e) is Action.PUBLIC} == PUBLIC


def test_the_application_does_not_start_with_an_undeclared_route(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    fresh = Flask("fresh")
    fresh.add_url_rule("/leak", "leak", lambda: "x")
    with pytest.raises(RuntimeError, match="leak"):
        guard.install(fresh, app.extensions["journalarkiv"])


def test_without_login_nothing_but_the_login(app: Flask) -> None:
    client = app.test_client()
    for endpoint, method, path in every_route(app):
        if endpoint in PUBLIC:
            continue
        for accept in ("text/html", "application/json", "*/*"):
            answer = client.open(path, method=method, headers={"Accept": accept})
            assert answer.status_code in (401, 403) or answer.location == "/logg-inn", (method, path)
            assert b"CosDoc Legekontor 6.1" not in answer.data and "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("user", ["ombud", "drift"])
def test_auditors_and_it_see_nothing_of_patients(app: Flask, built: Built, user: str) -> None:
    allowed = PUBLIC | {"login.leave", "login.stay", "login.choose", "about.about", "about.help_page"}
    browser = Browser(app, built).login(user)
    for endpoint, method, path in every_route(app):
        if endpoint in allowed:
            continue
        path = path.replace(UUID, built.patients["astrid"].id, 1)
        answer = browser.post(path) if method == "POST" else browser.client.open(path, method=method)
        assert answer.status_code == 404, (method, path)
        assert method == "HEAD" or "Bakkerud" not in answer.text
    assert "Finn pasient" not in browser.get("/om").text


def test_unknown_and_refused_are_one_and_the_same_answer(app: Flask, built: Built) -> None:
    browser = Browser(app, built).login()
    unknown = browser.get(f"/pasient/{UUID}")
    assert unknown.status_code == 404
    not_found_by_user = browser.get(browser.path("astrid"))
    protected = browser.get(browser.path("protected"))
    browser.open()
    blocked, missing, foreign = (
        browser.get(p)
        for p in (
            browser.document("blocked"),
            f"{browser.path('astrid')}/dokument/{UUID}",
            browser.document("twin-a-1"),
        )
    )
    quarantined = browser.get(f"{browser.path('astrid')}/dokument/{built.patients['wrong'].id}")
    for answer in (not_found_by_user, protected, blocked, missing, foreign, quarantined):
        assert (answer.status_code, answer.data) == (unknown.status_code, unknown.data)
        assert dict(answer.headers) == dict(unknown.headers)


def test_a_blocked_document_by_every_way_in(browser: Browser, built: Built) -> None:
    browser.login().open()
    for suffix in ("", "/1/tekst", "/1/dokument.pdf"):
        assert browser.get(browser.document("blocked", suffix)).status_code == 404
        assert browser.client.head(browser.document("blocked", suffix)).status_code == 404
        assert browser.get(browser.document("blocked", suffix), Range="bytes=0-9").status_code == 404
    for query in (BLOCKED_WORD, "Sperret notat", f'"{BLOCKED_WORD} og pneumoni"', f"{BLOCKED_WORD[:6]}*"):
        page = browser.search(query)
        assert shown(page, built.documents) == set() and "0 dokumenter med treff" in page.text
    assert "blocked" not in shown(browser.get(browser.path("astrid") + "?type=NOT&year=2011"), built.documents)
    assert "Psykiatrisk" not in browser.get(browser.path("astrid")).text


def test_the_ground_comes_before_everything(browser: Browser, built: Built) -> None:
    browser.login().find("astrid")
    for path in (
        browser.path("astrid"),
        browser.document("note-0"),
        browser.document("note-0", "/1/dokument.pdf"),
        browser.document("note-0", "/1/tekst"),
        browser.document("blocked"),
    ):
        answer = browser.get(path)
        assert answer.status_code == 303 and answer.location.endswith("/grunnlag"), path
    assert browser.post(browser.path("astrid") + "/sok", q="pneumoni").location.endswith("/grunnlag")
    asked = browser.get(browser.path("astrid") + "/grunnlag").text
    for secret in ("Utskrevet", "Epikrise", "sperret", "kunne ikke arkiveres", "Legekontoret"):
        assert secret not in asked
    assert browser.get("/").text.count("Bakkerud") == 0


def test_a_document_of_another_patient_with_a_ground_for_both(browser: Browser) -> None:
    browser.login().open("twin-a")
    browser.open("astrid")
    for suffix in ("", "/1/tekst", "/1/dokument.pdf"):
        assert browser.get(browser.document("twin-a-1", suffix, patient="astrid")).status_code == 404


@pytest.mark.parametrize("seq", ["0", "2", "999", "-1", "x", "1.0"])
def test_files_that_are_not_there(browser: Browser, seq: str) -> None:
    browser.login().open()
    assert browser.get(browser.document("note-0", f"/{seq}/dokument.pdf")).status_code == 404
    assert browser.get(browser.document("note-0", f"/{seq}/tekst")).status_code == 404


def test_no_audit_no_answer(app: Flask, browser: Browser, built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log cannot be written: every page about patients is 503 and says nothing; what is not about them works."""
    browser.login().open()
    token = browser.token()

    def broken(*_: object) -> int:
        raise AuditBrokenError("disk full")

    monkeypatch.setattr(app.extensions["journalarkiv"].audit, "append", broken)
    for path in (
        browser.path("astrid"),
        browser.document("note-0"),
        browser.document("note-0", "/1/dokument.pdf"),
        browser.document("note-0", "/1/tekst"),
        browser.path("astrid") + "/grunnlag",
        "/",
    ):
        answer = browser.get(path)
        assert answer.status_code == 503 and "Oppslagsloggen kan ikke skrives" in answer.text, path
        assert "Bakkerud" not in answer.text and "%PDF" not in answer.text
    for path, fields in (("/finn", {"name": "bakkerud"}), (browser.path("astrid") + "/sok", {"q": "pneumoni"})):
        answer = browser.client.post(path, data={"csrf_token": token, **fields})
        assert answer.status_code == 503
    assert browser.get("/hjelp").status_code == 200
    fresh = Browser(app, built)
    assert fresh.post("/logg-inn", user="lege", password=PASSWORD).status_code == 503, "nor does anybody get in"


def test_a_log_that_was_taken_away_is_noticed(browser: Browser, built: Built) -> None:
    browser.login().open()
    (built.store.audit / "audit.sqlite").rename(built.store.audit / "away.sqlite")
    assert browser.get(browser.path("astrid")).status_code == 503


def test_a_view_that_forgets_the_record_sends_nothing(
    app: Flask, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.login().open()

    def forgetful(patient_id: object) -> str:
        return "Bakkerud har pneumoni"

    guard.declares(Action.LIST)(forgetful)
    monkeypatch.setitem(app.view_functions, "journal.documents", forgetful)
    answer = browser.get(browser.path("astrid"))
    assert answer.status_code == 500 and "Bakkerud" not in answer.text


def test_the_record_is_written_before_the_bytes(app: Flask, browser: Browser, built: Built) -> None:
    """When the first byte leaves the application, the look is in the log."""
    browser.login().open()
    environ = {"HTTP_COOKIE": _cookies(browser.client), "HTTP_ACCEPT": "*/*"}
    before = len(log_of(built))
    from werkzeug.test import EnvironBuilder

    builder = EnvironBuilder(path=browser.document("note-0", "/1/dokument.pdf"), environ_overrides=environ)
    iterator = iter(app.wsgi_app(builder.get_environ(), lambda status, headers, exc=None: None))  # type: ignore[arg-type,return-value]
    assert len(log_of(built)) == before + 1
    first = next(iterator)
    assert first.startswith(b"%PDF-")
    record = log_of(built)[-1]
    assert record["action"] == "open-document" and record["documents"] == [built.documents["note-0"].id]
    assert record["sha256"] == built.documents["note-0"].files[0].archive_copy.sha256
    iterator.close()  # type: ignore[attr-defined]


def _cookies(client: FlaskClient) -> str:
    return "; ".join(f"{c.key}={c.value}" for c in client._cookies.values())


def test_every_look_names_the_documents_shown(browser: Browser, built: Built) -> None:
    browser.login()
    start = len(log_of(built))
    journal = browser.open(ground="internal-control", detail="Kontroll av migrering")
    hits = browser.search("pneumoni")
    browser.get(browser.document("note-0") + "?" + hits.request.full_path.split("?")[1])
    browser.get(browser.document("note-0", "/1/dokument.pdf"))
    browser.get(browser.document("note-0", "/1/tekst"))
    browser.get(browser.document("blocked"))
    log = log_of(built)[start:]
    names = {d.id: n for n, d in built.documents.items()}
    told = [(r["action"], sorted(names[d] for d in r.get("documents", []))) for r in log]  # type: ignore[attr-defined]
    everything = sorted(shown(journal, built.documents))
    found = sorted(shown(hits, built.documents))
    assert told == [
        ("search-patient", []),
        ("ground-stated", []),
        ("list-documents", everything),
        ("search-text", []),
        ("search-text", found),
        ("list-documents", found),
        ("open-document", ["note-0"]),  # the page, which covers the file it shows
        ("list-documents", everything),
        ("read-text", ["note-0"]),
        ("deny", ["blocked"]),
    ]
    ident = built.patients["astrid"].identifiers[0].value
    assert log[0]["patients"] == [built.patients["astrid"].id] and log[0]["patient_identifier"] == ident
    assert log[3]["query"] == "pneumoni" and log[4]["hits"] == 4
    assert log[-1]["outcome"] == "denied" and log[-1]["decision"] == "blocked"
    for record in log[1:]:
        assert record["patient_id"] == built.patients["astrid"].id and record["user"] == "lege"
        assert (
            record["role"] == "clinician" and record["user_name"] == "Prøve Lege" and record["client_ip"] == "127.0.0.1"
        )
    for record in log[2:]:
        assert record["ground"] == "HOPERAT" and record["ground_detail"] == "Kontroll av migrering"


def test_the_parts_of_one_reading_are_one_look(browser: Browser, built: Built) -> None:
    browser.login().open()
    browser.get(browser.document("long"))
    pdf, start = browser.document("long", "/1/dokument.pdf"), len(log_of(built))
    size = built.documents["long"].files[0].archive_copy.size
    content = bytearray()
    first = browser.get(pdf)
    assert first.status_code == 200 and first.headers["Accept-Ranges"] == "bytes" and len(first.data) == size
    for at in range(0, size, 262_144):
        part = browser.get(pdf, Range=f"bytes={at}-{at + 262_143}")
        assert part.status_code == 206
        content += part.data
    assert bytes(content) == first.data
    looks = log_of(built)[start:]
    assert len(looks) == 1, "the page's record covers the first fetch; the range from the first byte is a new reading"
    browser.get(pdf)
    assert len(log_of(built)) == start + 2
    browser.post("/logg-ut")
    browser.login().get(pdf, Range="bytes=1000-1999")
    assert [r["action"] for r in log_of(built)[start + 2 :]] == ["logout", "login", "open-document"], (
        "a new session is new"
    )


def test_the_pdf_is_the_one_in_the_package(browser: Browser, built: Built) -> None:
    import hashlib

    browser.login().open()
    for name in ("note-0", "long"):
        for file in built.documents[name].files:
            answer = browser.get(browser.document(name, f"/{file.seq}/dokument.pdf"))
            assert hashlib.sha256(answer.data).hexdigest() == file.archive_copy.sha256
            assert answer.mimetype == "application/pdf" and answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Bakkerud" not in answer.headers["Content-Disposition"]


def package_of(built: Built, patient: str) -> tuple[sqlite3.Connection, Path]:
    db = sqlite3.connect(built.store.catalogue)
    path = db.execute("SELECT path FROM package WHERE patient_id=?", (built.patients[patient].id,)).fetchone()[0]
    return db, built.store.root / path


@pytest.mark.parametrize("ranged", [False, True])
def test_changed_bytes_are_never_served(
    browser: Browser, built: Built, ranged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    db, path = package_of(built, "astrid")
    offset, size = db.execute(
        "SELECT pdf_offset, pdf_size FROM file WHERE document_id=?", (built.documents["note-0"].id,)
    ).fetchone()
    db.close()
    content = bytearray(path.read_bytes())
    content[offset + size // 2] ^= 1
    path.write_bytes(content)
    browser.login().open()
    headers = {"Range": "bytes=0-9"} if ranged else {}
    answer = browser.get(browser.document("note-0", "/1/dokument.pdf"), **headers)
    assert answer.status_code == 500 and b"%PDF" not in answer.data and "Dokumentet er skadet" in answer.text
    last = log_of(built)[-1]
    assert last["outcome"] == "failed" and "integrity" in str(last["detail"])
    assert any(r.levelno == logging.CRITICAL and "integrity" in r.message for r in caplog.records)
    assert browser.get(browser.document("note-1", "/1/dokument.pdf")).status_code == 200, "the others are untouched"


def flip(built: Built, document: str, what: str) -> None:
    """Change one bit of a document's PDF or text in its package."""
    db, path = package_of(built, "astrid")
    offset, size = db.execute(
        f"SELECT {what}_offset, {what}_size FROM file WHERE document_id=?", (built.documents[document].id,)
    ).fetchone()
    db.close()
    content = bytearray(path.read_bytes())
    content[offset + size // 2] ^= 1
    path.write_bytes(content)


def test_the_page_of_changed_bytes_says_so(browser: Browser, built: Built) -> None:
    flip(built, "note-0", "pdf")
    browser.login().open()
    page = browser.get(browser.document("note-0"))
    assert "Dokumentet er skadet" in page.text and "data-url" not in page.text and "reader.mjs" not in page.text
    damaged = [r for r in log_of(built) if r.get("outcome") == "failed"]
    assert len(damaged) == 1 and "integrity" in str(damaged[0]["detail"])
    assert browser.get(browser.document("note-0", "/1/tekst")).status_code == 200, "the text is what was archived"


def test_changed_text_is_never_shown(browser: Browser, built: Built, caplog: pytest.LogCaptureFixture) -> None:
    browser.login().open()
    before = browser.search("pneumoni")
    assert before.text.count("<mark>pneumoni") > 2
    assert 'data-words="[]"' not in browser.get(_page_from(before, built, "note-0")).text
    flip(built, "note-0", "text")
    answer = browser.get(browser.document("note-0", "/1/tekst"))
    assert answer.status_code == 500 and "Dokumentet er skadet" in answer.text and "thorax" not in answer.text
    assert any(r.levelno == logging.CRITICAL and "integrity" in r.message for r in caplog.records)
    hits = browser.search("pneumoni")
    assert "note-0" in shown(hits, built.documents), "the document is still found"
    assert hits.text.count('class="snippet"') < before.text.count('class="snippet"'), "its text is not quoted"
    page = browser.get(_page_from(hits, built, "note-0"))
    assert page.status_code == 200 and 'data-words="[]"' in page.text, "nor are its words marked"


def _page_from(hits: TestResponse, built: Built, document: str) -> str:
    return hits.request.full_path.replace("?", f"/dokument/{built.documents[document].id}?")


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd", "packages/../archive.toml", "packages\\..\\archive.toml",
             "archive.toml", "packages/none.tar", "packages/x.tar\x00", "\\\\host\\share\\x.tar", "catalogue.sqlite"]
)  # fmt: skip
def test_a_catalogue_that_points_elsewhere(browser: Browser, built: Built, path: str) -> None:
    db, _ = package_of(built, "astrid")
    db.execute("UPDATE package SET path=?", (path,))
    db.commit()
    db.close()
    browser.login().open()
    for suffix in ("/1/dokument.pdf", "/1/tekst"):
        answer = browser.get(browser.document("note-0", suffix))
        assert answer.status_code == 500 and "root:" not in answer.text and "format_version" not in answer.text


def test_a_span_that_is_no_pdf(browser: Browser, built: Built) -> None:
    import hashlib

    db, path = package_of(built, "astrid")
    db.execute(
        "UPDATE file SET pdf_offset=0, pdf_size=512, archive_sha256=?",
        (hashlib.sha256(path.read_bytes()[:512]).hexdigest(),),
    )
    db.commit()
    db.close()
    browser.login().open()
    assert browser.get(browser.document("note-0", "/1/dokument.pdf")).status_code == 500


def test_forms_need_the_token_and_our_origin(app: Flask, browser: Browser) -> None:
    browser.login().open()
    token = browser.token()
    for endpoint, method, path in every_route(app):
        if method != "POST":
            continue
        path = path.replace(UUID, browser.built.patients["astrid"].id, 1)
        for headers, data in (
            ({}, {}),
            ({}, {"csrf_token": ""}),
            ({}, {"csrf_token": "x" * 43}),
            ({"Origin": "https://evil.example"}, {"csrf_token": token}),
            ({"Origin": "null"}, {"csrf_token": token}),
            ({"Sec-Fetch-Site": "cross-site"}, {"csrf_token": token}),
        ):
            assert browser.client.post(path, data=data, headers=headers).status_code == 403, (endpoint, headers)
    assert browser.client.get(browser.path("astrid")).status_code == 200, "still logged in, the ground still stands"
    good = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert browser.client.post("/logg-ut", data={"csrf_token": token}, headers=good).status_code == 303


def test_the_login_form_of_one_browser_is_no_use_to_another(app: Flask, built: Built) -> None:
    mine, theirs = Browser(app, built), Browser(app, built)
    token = mine.token()
    theirs.get("/logg-inn")
    data = {"csrf_token": token, "user": "lege", "password": PASSWORD}
    assert theirs.client.post("/logg-inn", data=data).status_code == 403


def test_sessions_change_at_login_and_end_at_logout(app: Flask, built: Built) -> None:
    browser = Browser(app, built)
    browser.client.set_cookie("journalarkiv", "chosen-by-an-attacker")
    browser.login()
    cookie = browser.client.get_cookie("journalarkiv")
    assert cookie and cookie.value != "chosen-by-an-attacker"
    assert cookie.http_only and cookie.same_site == "Lax" and cookie.path == "/"
    browser.open()
    answer = browser.post("/logg-ut")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    browser.client.set_cookie("journalarkiv", cookie.value)
    assert browser.get(browser.path("astrid")).location == "/logg-inn", "the old cookie opens nothing"


def test_idle_sessions_end(app: Flask, browser: Browser) -> None:
    browser.login().open()
    sessions = app.extensions["journalarkiv"].sessions
    sessions.now = lambda: time.time() + 901
    assert browser.get(browser.path("astrid")).location == "/logg-inn"


def test_a_removed_account_is_out_at_once(app: Flask, browser: Browser) -> None:
    browser.login().open()
    app.extensions["journalarkiv"].accounts.remove("lege")
    assert browser.get(browser.path("astrid")).location == "/logg-inn"


def test_over_https_cookies_are_bound_to_the_host(make_app: Callable[..., Flask], built: Built) -> None:
    app = make_app(server__public_url="https://arkiv.kommune.example")
    client, base = app.test_client(), "https://arkiv.kommune.example"
    page = client.get("/logg-inn", base_url=base)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token and "max-age=31536000" in page.headers["Strict-Transport-Security"]
    answer = client.post(
        "/logg-inn", base_url=base, headers={"Origin": base, "Sec-Fetch-Site": "same-origin"},
        data={"csrf_token": token[1], "user": "lege", "password": PASSWORD},
    )  # fmt: skip
    (cookie,) = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-journalarkiv=")]
    assert "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_other_host_names_are_refused(app: Flask, host: str) -> None:
    assert app.test_client().get("/logg-inn", headers={"Host": host}).status_code == 400


def test_login_is_limited_by_account_and_nobody_is_shut_out(make_app: Callable[..., Flask], built: Built) -> None:
    app = make_app(limits__login_per_account=3, limits__login_per_address=6)
    known = Browser(app, built).login()
    known.post("/logg-ut")
    browser = Browser(app, built)
    answers = [browser.post("/logg-inn", user="lege", password="feil") for _ in range(4)]
    assert [a.status_code for a in answers] == [401, 401, 401, 429]
    assert browser.post("/logg-inn", user="LEGE ", password=PASSWORD).status_code == 429, (
        "the right word does not help now, from a browser nobody knows"
    )
    assert known.post("/logg-inn", user="lege", password=PASSWORD).status_code == 303, "the user's own browser"
    for name in ("a1", "a2", "a3", "a4", "a5"):
        assert browser.post("/logg-inn", user=name, password="feil").status_code == 401
    assert browser.post("/logg-inn", user="arkivar", password=PASSWORD).status_code == 303, "others behind the address"
    failed = [r for r in log_of(built) if r["action"] == AuditAction.LOGIN_FAILED]
    assert [r["outcome"] for r in failed] == ["failed"] * 3 + ["denied"] * 2 + ["failed"] * 5
    assert PASSWORD not in json.dumps(failed)


def test_a_flood_of_refused_logins_does_not_fill_the_log(make_app: Callable[..., Flask], built: Built) -> None:
    app = make_app(limits__login_per_account=1)
    browser, before = Browser(app, built), len(log_of(built))
    token = browser.token()
    for _ in range(80):
        browser.client.post("/logg-inn", data={"csrf_token": token, "user": "lege", "password": "x"})
    assert len(log_of(built)) - before == 30
    app.extensions["journalarkiv"].limiter._events.clear()
    browser.client.post("/logg-inn", data={"csrf_token": token, "user": "lege", "password": "x"})
    assert str(log_of(built)[-1]["detail"]).startswith("50 more"), "those left out are counted"


def test_nothing_is_granted_before_it_is_written_down(
    app: Flask, browser: Browser, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.login().find("astrid")
    services: guard.Services = app.extensions["journalarkiv"]
    with monkeypatch.context() as broken:
        broken.setattr(services.audit, "append", _full)
        answer = browser.post(browser.path("astrid") + "/grunnlag", ground="treatment")
        assert answer.status_code == 503
    assert services.sessions.ground("lege", built.patients["astrid"].id) is None
    assert browser.get(browser.path("astrid")).location == browser.path("astrid") + "/grunnlag"
    browser.post(browser.path("astrid") + "/grunnlag", ground="treatment")
    stated = [r for r in log_of(built) if r["action"] == AuditAction.GROUND_STATED]
    assert [r["ground"] for r in stated] == ["TREAT"]


def test_ends_work_when_the_log_is_full(
    app: Flask, browser: Browser, built: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser.login().open()
    services: guard.Services = app.extensions["journalarkiv"]
    token = browser.token()
    monkeypatch.setattr(services.audit, "append", _full)
    form = {"csrf_token": token}
    assert browser.client.post(browser.path("astrid") + "/lukk", data=form).status_code == 303
    assert services.sessions.ground("lege", built.patients["astrid"].id) is None
    assert browser.client.post("/logg-ut", data=form).status_code == 303
    assert browser.get("/").location == "/logg-inn", "the session has ended"
    assert sum(r.levelno == logging.CRITICAL for r in caplog.records) == 2


def _full(*_: object) -> int:
    raise AuditBrokenError("disk full")


def test_closing_a_journal_is_logged_with_the_ground_it_had(browser: Browser, built: Built) -> None:
    browser.login().open()
    browser.post(browser.path("astrid") + "/lukk")
    last = log_of(built)[-1]
    assert (last["action"], last["detail"], last["ground"]) == (AuditAction.GROUND_STATED, "withdrawn", "TREAT")


def test_options_says_the_methods_and_is_no_alarm(
    app: Flask, browser: Browser, built: Built, caplog: pytest.LogCaptureFixture
) -> None:
    browser.login().open()
    before = len(log_of(built))
    for path in ("/", "/finn", browser.path("astrid"), browser.document("note-0", "/1/dokument.pdf"), "/logg-ut"):
        answer = browser.client.options(path)
        assert answer.status_code == 200 and "OPTIONS" in answer.headers["Allow"] and answer.data == b"", path
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR] and len(log_of(built)) == before


def test_unknown_user_and_wrong_password_look_the_same(app: Flask, built: Built) -> None:
    answers = [Browser(app, built).post("/logg-inn", user=u, password="feil passord") for u in ("lege", "finnes-ikke")]
    bodies = [re.sub(r'value="[^"]{43}"', "", a.text) for a in answers]
    assert bodies[0] == bodies[1] and answers[0].status_code == answers[1].status_code == 401


def test_find_and_search_are_limited(make_app: Callable[..., Flask], built: Built) -> None:
    browser = Browser(make_app(limits__find_per_user=2, limits__search_per_user=1), built).login()
    browser.open()
    assert browser.search("pneumoni").status_code == 200 and browser.search("pneumoni").status_code == 429
    assert browser.find("twin-a").status_code == 303 and browser.find("protected").status_code == 429
    assert [r["decision"] for r in log_of(built)[-1:]] == ["limited"]


def test_headers_of_every_kind_of_answer(app: Flask, browser: Browser) -> None:
    browser.login().open()
    paths = {"/logg-inn", "/", "/om", "/hjelp", "/finnes-ikke", browser.path("astrid"), browser.document("note-0"),
             browser.document("note-0", "/1/tekst"), browser.document("note-0", "/1/dokument.pdf"),
             browser.document("blocked"), "/static/app.css", "/static/app.mjs", "/static/none",
             "/favicon.ico"}  # fmt: skip
    for path in sorted(paths):
        answer = browser.get(path)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'"), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Frame-Options"] == "DENY"
        assert "X-Journalarkiv-Policy" not in answer.headers
        if not path.startswith("/static"):
            assert answer.headers["Cache-Control"] == "no-store", path
    assert browser.get("/static/../app.py").status_code == 404
    assert browser.client.put("/").status_code in (403, 405)


def test_pages_hold_no_inline_code_and_no_foreign_address(browser: Browser) -> None:
    browser.login().open()
    hits = browser.search("pneumoni")
    for path in (
        "/logg-inn",
        "/",
        "/om",
        "/hjelp",
        browser.path("astrid"),
        hits.request.full_path,
        browser.document("note-0"),
        browser.document("note-0", "/1/tekst"),
        browser.document("blocked"),
    ):
        page = browser.get(path)
        assert not re.search(r"<script(?![^>]*\bsrc=)", page.text) and "<style" not in page.text, path
        assert not re.search(r"<[^>]+\son\w+=", page.text) and not re.search(r"<[^>]+\sstyle=", page.text), path
        assert all(u.startswith(("/", "#")) for u in links(page)), path


def test_the_log_of_the_program_knows_no_patient(
    app: Flask, built: Built, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole visit, with errors, leaves no number, name, query, path or document id in the program's log."""
    caplog.set_level(logging.DEBUG)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        browser = Browser(app, built).login()
        browser.open("protected")
        browser.open()
        browser.search("pneumoni hypertensjon")
        browser.get(browser.document("note-0"))
        browser.get(browser.document("note-0", "/1/dokument.pdf"), Range="bytes=0-99")
        browser.get(browser.document("blocked"))
        browser.client.get("/x\r\nInjected: Bakkerud", headers={"User-Agent": "\x1b[31mBakkerud"})

        def fails(*_: object, **__: object) -> object:
            raise ValueError(f"Bakkerud {built.patients['astrid'].identifiers[0].value}")

        monkeypatch.setattr("viewer.pages.journal.render_template", fails)
        answer = browser.get(browser.path("astrid"))
        assert answer.status_code == 500 and "ValueError" not in answer.text and "Traceback" not in answer.text
    finally:
        logging.getLogger().removeHandler(handler)
    written = stream.getvalue()
    assert "ValueError" in written and "journal.documents" in written
    secrets = {"Bakkerud", "Astrid", "Skjerming", "pneumoni", "hypertensjon", PASSWORD, "Utskrevet"}
    for patient in built.patients.values():
        secrets |= {patient.id, *(i.value for i in patient.identifiers)}
    secrets |= {d.id for d in built.documents.values()}
    assert not [s for s in secrets if s in written]
    assert "\x1b" not in written


HOSTILE = [
    "*a* AND *b* AND *c*", "[a TO z]", "a~9", "(((((((((((", '"""', "NOT", "OR OR OR", "* *", "title:x", "a" * 5000,
    " ".join("abc*" for _ in range(200)), "\x00", "%", "_", "'; DROP TABLE patient; --", "🙂", "‮",
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
def test_hostile_queries(browser: Browser, query: str) -> None:
    browser.login().open()
    started = time.process_time()
    assert browser.search(query).status_code == 200
    assert browser.post("/finn", follow=True, name=query, identifier="").status_code in (200, 422)
    assert browser.post("/finn", follow=True, identifier=query).status_code in (200, 422)
    assert time.process_time() - started < 2


def test_large_requests_are_refused(browser: Browser) -> None:
    browser.login()
    assert browser.client.post(
        "/finn", data=b"x" * 70_000, content_type="application/x-www-form-urlencoded"
    ).status_code in (403, 413)


def test_nothing_in_the_archive_is_changed_by_looking(browser: Browser, built: Built) -> None:
    def state() -> dict[str, bytes]:
        return {
            str(p.relative_to(built.store.root)): p.read_bytes()
            for folder in (built.store.packages, built.store.quarantine, built.store.index)
            for p in sorted(folder.rglob("*"))
            if p.is_file()
        } | {"catalogue": built.store.catalogue.read_bytes()}

    before = state()
    browser.login().open()
    browser.search("pneumoni")
    browser.get(browser.document("long", "/1/dokument.pdf"))
    browser.post(browser.path("astrid") + "/lukk")
    assert state() == before
