"""What a clinician sees, page by page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask

from tests.integration.viewer_client import Browser, links, shown
from tests.viewer_data import XSS_TITLE, Built, synthetic_number

VISIBLE = {"note-0", "note-1", "note-2", "note-3", "note-4", "note-5", "note-6", "note-7", "draft", "older", "newer",
           "undated", "xss", "long", "scan"}  # fmt: skip


def heading(page: str) -> str:
    return unescape(
        " ".join(re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page, re.S)[-2 if "utloper" in page else -1].split())
    )


@pytest.mark.parametrize("which", [0, 1])
def test_from_number_to_journal(browser: Browser, built: Built, which: int) -> None:
    """The current number and a historic one lead to the same journal, and no number is ever in an address."""
    browser.login()
    number = built.patients["astrid"].identifiers[which].value
    found = browser.post("/finn", identifier=f" {number[:6]} {number[6:]} ")
    assert found.status_code == 303 and found.location == browser.path("astrid")
    asked = browser.get(found.location)
    assert asked.status_code == 303 and asked.location.endswith("/grunnlag")
    form = browser.get(asked.location)
    assert "Pågående helsehjelp" in form.text and "Utskrevet" not in form.text
    stated = browser.post(asked.location, ground="treatment")
    assert stated.location == browser.path("astrid")
    journal = browser.get(stated.location)
    assert shown(journal, built.documents) == VISIBLE
    for page in (form, journal):
        assert not [u for u in links(page) if number in u]
    assert "Historisk arkiv fra CosDoc Legekontor" in journal.text


def test_the_ground_is_remembered_for_the_user_and_the_patient(app: Flask, built: Built) -> None:
    browser = Browser(app, built).login()
    browser.open()
    browser.post("/logg-ut")
    assert browser.login().get(browser.path("astrid")).status_code == 200, (
        "the same user, a new session, the same shift"
    )
    other = Browser(app, built).login("legen2")
    other.find("astrid")
    assert other.get(other.path("astrid")).location.endswith("/grunnlag")
    assert "Bakkerud" in browser.get("/").text, "open journals are on the first page"
    closed = browser.post(browser.path("astrid") + "/lukk")
    assert closed.status_code == 303 and "Bakkerud" not in browser.get("/").text


def test_grounds(app: Flask, built: Built) -> None:
    doctor, archivist = Browser(app, built).login(), Browser(app, built).login("arkivar")
    for browser in (doctor, archivist):
        browser.find("astrid")
    path = doctor.path("astrid") + "/grunnlag"
    assert doctor.post(path).status_code == 422
    assert doctor.post(path, ground="curiosity").status_code == 422
    assert doctor.post(path, ground="access-request", reference="1").status_code == 422, "not a doctor's ground"
    assert archivist.post(path, ground="treatment").status_code == 422, "not an archivist's ground"
    assert "saksnummer" in archivist.post(path, ground="access-request").text
    assert archivist.post(path, ground="access-request", reference="2026/17").status_code == 303
    assert "2026/17" in archivist.get(doctor.path("astrid")).text


@pytest.mark.parametrize(
    ("fields", "text"),
    [({}, "minst ett felt"), ({"name": "Bo"}, "minst tre bokstaver"), ({"birth_date": "i fjor"}, "ikke en dato"),
     ({"name": "%%%"}, "minst tre bokstaver")],
)  # fmt: skip
def test_searches_that_are_refused(browser: Browser, fields: dict[str, str], text: str) -> None:
    answer = browser.login().post("/finn", **fields)
    assert answer.status_code == 422 and text in answer.text


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"name": "bakkerud"}, {"Bakkerud"}),
        ({"name": "ASTRID bakk"}, {"Bakkerud"}),
        ({"name": "bakk marie astr"}, {"Bakkerud"}),
        ({"name": "kerud"}, set()),
        ({"birth_date": "17.05.1948"}, {"Bakkerud"}),
        ({"name": "bak", "birth_date": "17051948"}, {"Bakkerud"}),
        ({"name": "bak", "birth_date": "18.05.1948"}, set()),
        ({"name": "tvill"}, {"Tvilling", "Tvillingsen"}),
        ({"name": "skjerming"}, set()),
        ({"birth_date": "11.02.1975"}, set()),
        ({"name": "Aasheim person07"}, {"Åsheim"}),
    ],
)
def test_find_by_name_and_birth_date(browser: Browser, fields: dict[str, str], names: set[str]) -> None:
    page = browser.login().post("/finn", follow=True, **fields).text
    listed = {n for n in ("Bakkerud", "Tvilling", "Tvillingsen", "Skjerming", "Åsheim") if re.search(rf"{n}, \w", page)}
    assert listed == names


def test_no_more_than_25_hits(browser: Browser) -> None:
    page = browser.login().post("/finn", follow=True, name="åsheim").text
    assert page.count("Åsheim, Person") == 25 and "Bare de første 25 vises" in page


def test_two_patients_with_one_number(browser: Browser, built: Built) -> None:
    found = browser.login().find("twin-a")
    page = browser.get(found.location)
    assert found.location.startswith("/treff/") and "Flere pasienter har dette nummeret" in page.text
    assert {browser.path("twin-a"), browser.path("twin-b")} <= set(links(page))
    assert built.patients["twin-a"].identifiers[0].value not in found.location
    browser.post(browser.path("twin-a") + "/grunnlag", ground="treatment")
    journal = browser.get(browser.path("twin-a"))
    assert "En annen pasient har samme nummer" in journal.text and "Tvillingsen" not in journal.text
    assert shown(journal, built.documents) == {"twin-a-1"}


def test_unknown_number(browser: Browser) -> None:
    page = browser.login().post("/finn", follow=True, identifier=synthetic_number(1, 1, 1901))
    assert page.status_code == 200 and "Ingen treff" in page.text


def test_an_invalid_number_is_found_and_marked(browser: Browser) -> None:
    page = browser.login().open("wrong").text
    assert "ugyldig" in page and "02.01.2015" in page and "Ingen dokumenter å vise" in page


def test_notices(browser: Browser) -> None:
    page = unescape(browser.login().open().text)
    assert "2 dokumenter er sperret." in page, "one archived, one in quarantine"
    assert "2 dokumenter kunne ikke arkiveres." in page and "Be arkivet om originalen" in page
    assert "Sperret notat" not in page and "Psykiatrisk" not in page and "Notat i karantene" not in page
    assert "Kladd" in page and "Erstattet" in page and "Borte i kilden" in page and "Ugyldig dato" in page


def test_newest_first_in_pages(make_app: Callable[..., Flask], built: Built) -> None:
    browser = Browser(make_app(documents__page_size=10), built).login()
    first = browser.open()
    dates = re.findall(r'<td class="date">(\d\d)\.(\d\d)\.(\d{4})', first.text)
    assert len(dates) == 10 and dates == sorted(dates, key=lambda d: d[::-1], reverse=True)
    second = browser.get(browser.path("astrid") + "?page=2")
    assert shown(second, built.documents) | shown(first, built.documents) == VISIBLE
    assert not shown(second, built.documents) & shown(first, built.documents)
    for page in ("0", "-1", "99", "x"):
        assert browser.get(browser.path("astrid") + f"?page={page}").status_code == 200


def test_filters_and_their_counts(browser: Browser, built: Built) -> None:
    browser.login().open()
    path = browser.path("astrid")
    epikriser = browser.get(f"{path}?type=EPI")
    assert shown(epikriser, built.documents) == {"note-0", "note-5", "older", "newer"}
    counts = {
        unescape(k): int(v)
        for k, v in re.findall(r'<span>([^<]*)</span><span class="count">(\d+)</span>', epikriser.text)
    }
    assert counts["Epikrise"] == 4 and counts["Journalnotat"] == 6, "a facet's own counts are not narrowed by itself"
    assert counts["2009"] == 2 and counts["2011"] == 1 and counts["Medisinsk avdeling"] == 3 and "2013" not in counts
    both = browser.get(f"{path}?type=EPI&year=2011&unit=MED")
    assert shown(both, built.documents) == {"note-0"}
    assert shown(browser.get(f"{path}?year=-"), built.documents) == {"undated"}
    assert shown(browser.get(f"{path}?type=%27%20OR%201=1--"), built.documents) == set()
    assert sum(int(n) for n in re.findall(r'class="count">(\d+)', browser.get(path).text.split("</details>")[0])) == 15


def test_full_text(browser: Browser, built: Built) -> None:
    browser.login().open()
    hits = browser.search("pneumoni")
    assert shown(hits, built.documents) == {"note-0", "note-1", "note-3", "xss"}, "the blocked document is not a hit"
    assert heading(hits.text) == "4 dokumenter med treff"
    assert "<mark>pneumoni</mark>" in hits.text
    assert "pneumoni" not in hits.request.full_path, "the words are not in the address"
    narrowed = browser.get(hits.request.full_path + "&type=EPI")
    assert shown(narrowed, built.documents) == {"note-0"} and heading(narrowed.text) == "1 dokument med treff"
    none = browser.search("kardioversjon")
    assert shown(none, built.documents) == set() and "Ingen dokumenter i denne journalen har disse ordene" in none.text
    again = browser.search("")
    assert shown(again, built.documents) == VISIBLE


def test_a_search_belongs_to_its_session_and_patient(app: Flask, built: Built) -> None:
    browser, other = Browser(app, built).login(), Browser(app, built).login("legen2")
    browser.open()
    token = browser.search("pneumoni").request.args["s"]
    browser.open("twin-a")
    page = browser.get(browser.path("twin-a") + f"?s={token}")
    assert shown(page, built.documents) == {"twin-a-1"}
    other.open()
    assert shown(other.get(other.path("astrid") + f"?s={token}"), built.documents) == VISIBLE


def test_the_document_page(browser: Browser, built: Built) -> None:
    browser.login().open()
    hits = browser.search("pneumoni")
    (link,) = [u for u in links(hits) if built.documents["note-0"].id in u]
    page = browser.get(link)
    words = re.search(r'data-words="([^"]*)"', page.text)
    assert words and unescape(words[1]) == '["pneumonien", "pneumoni"]', "the words that matched, not the stem"
    assert "2 / 4" in page.text and shown(page, built.documents) == {"note-0", "note-1", "note-3", "xss"}
    before, after = (
        re.search(rf'id="{i}"[^>]*href="([^"]*)"', page.text) for i in ("forrige-dokument", "neste-dokument")
    )
    assert before and built.documents["note-1"].id in before[1] and after and built.documents["note-3"].id in after[1]
    assert 'rel="next"' not in browser.get(browser.document("undated")).text, "the last has no next"


def test_what_is_said_of_a_document(browser: Browser, built: Built) -> None:
    browser.login().open()

    def page(name: str) -> str:
        return unescape(browser.get(browser.document(name)).text)

    assert "ikke en gyldig dato" in page("undated") and "31.02.1999" in page("undated")
    assert "ikke lenger i et senere uttrekk" in page("undated")
    assert "Åpne den nyere versjonen" in page("older") and built.documents["newer"].id in page("older")
    assert "Åpne den eldre" in page("newer") and "ikke signert" in page("draft")
    assert "Vedlegg 2" in page("long") and "PDF/A-2a" in page("long") and "application/rtf" in page("long")
    assert built.documents["long"].files[0].original.sha256 in page("long")
    assert built.documents["long"].files[1].archive_copy.sha256 in unescape(
        browser.get(browser.document("long") + "?fil=2").text
    )


def test_files_within_a_file_are_shown_under_it(browser: Browser, built: Built) -> None:
    """The third lies in the second, the fourth in the third."""
    browser.login().open()

    def files(seq: int) -> tuple[list[str], list[str]]:
        page = unescape(browser.get(f"{browser.document('long')}?fil={seq}").text)
        top, _, rest = page.partition('class="files"')[2].partition("</nav>")
        held = rest.partition('class="held"')[2].partition("</nav>")[0]
        return re.findall(r">(\S[^<]+)</a>", top), re.findall(r'data-depth="(\d)"><a [^>]*>([^<]+)</a>', held)

    top = ["Hoveddokument 1", "Vedlegg 2: long-2.rtf"]
    held = [("1", "dok/long-3.rtf"), ("2", "dok/long-4.rtf")]
    assert [files(seq) for seq in (1, 2, 3, 4)] == [(top, []), (top, held), (top, held), (top, held)]


def test_text_view(browser: Browser, built: Built) -> None:
    browser.login().open()
    token = browser.search("nyresvikt").request.args["s"]
    page = browser.get(browser.document("long", "/1/tekst") + f"?s={token}")
    assert page.text.count('<section class="text-page"') == 9 and page.text.count("<mark>") == 1
    assert "<mark>Nyresvikt</mark> nevnes" in page.text and "1 treff i teksten" in page.text
    assert "ingen lesbar tekst" in browser.get(browser.document("scan", "/1/tekst")).text


def test_long_texts_are_cut_with_a_word(app: Flask, browser: Browser) -> None:
    browser.login().open()
    services = app.extensions["journalarkiv"]
    documents = dataclasses.replace(services.config.documents, text_limit_kb=0)
    services.config = dataclasses.replace(services.config, documents=documents)
    page = browser.get(browser.document("note-0", "/1/tekst"))
    assert "lengre enn det som vises" in page.text and "benzylpenicillin" not in page.text


def test_hostile_titles_and_texts_are_inert(browser: Browser) -> None:
    browser.login().open()
    for path in (browser.path("astrid"), browser.document("xss"), browser.document("xss", "/1/tekst")):
        page = browser.get(path).text
        assert XSS_TITLE not in page and "&lt;script&gt;alert(" in page and "<img src=x" not in page
    hits = browser.search("pneumoni").text
    assert "<script>alert" not in hits
    echoed = browser.search('"><svg onload=alert(1)>')
    assert "<svg onload" not in echoed.text


def test_protected_person(browser: Browser, built: Built) -> None:
    journal = browser.login().open("protected")
    for page in (
        journal,
        browser.get(browser.document("protected-1", patient="protected")),
        browser.get(browser.document("protected-1", "/1/tekst", patient="protected")),
        browser.get(browser.path("protected") + "?type=NOT"),
        browser.search("pneumoni", "protected"),
    ):
        assert page.status_code == 200
        assert "Utpost" not in page.text and "Fjellbygd" not in page.text and "UTP" not in page.text
        assert "Strengt fortrolig adresse (kode 6)" in page.text and "skjult" in page.text
    assert shown(browser.get(browser.path("protected") + "?unit=UTP"), built.documents) == set(), "no guessing of units"


def test_the_patients_name_is_not_in_any_title(browser: Browser) -> None:
    browser.login().open()
    for path in (browser.path("astrid"), browser.document("note-0"), "/", "/om", "/hjelp"):
        title = re.search(r"<title>(.*?)</title>", browser.get(path).text)
        assert title and "Bakkerud" not in title[1] and "Utskrevet" not in title[1]


def test_without_an_index_the_lists_still_work(built: Built) -> None:
    import shutil

    from viewer.app import create_app
    from viewer.config import load

    shutil.rmtree(built.store.index)
    app = create_app(built.store, load(environ={}))
    try:
        browser = Browser(app, built).login()
        journal = browser.open()
        assert shown(journal, built.documents) == VISIBLE and "søkeindeksen mangler" in journal.text
        assert browser.search("pneumoni").status_code == 503
    finally:
        app.extensions["journalarkiv"].close()


def test_about_and_help(browser: Browser) -> None:
    browser.login()
    assert "2001–2016" in browser.get("/om").text
    assert "Slå av hurtigtastene" in browser.get("/hjelp").text
    browser.post("/innstillinger", shortcuts="off")
    assert 'data-shortcuts="off"' in browser.get("/hjelp").text
    browser.post("/innstillinger", language="en")
    assert '<html lang="en"' in browser.get("/hjelp").text
    assert browser.post("/innstillinger", language="xx").status_code == 404


def test_the_demo_says_so_on_every_page(make_app: Callable[..., Flask], built: Built) -> None:
    browser = Browser(make_app(auth__demo=True), built)
    assert "DEMO" in browser.get("/logg-inn").text and "DEMO" in browser.login().get("/").text
