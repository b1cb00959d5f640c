"""What every search backend must answer. A new one is added to BACKENDS and to nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from archive.store import ArchiveStore
from tests.conftest import ARCHIVE_INFO
from tests.searchable import Note, SearchableArchive, patient_id, write_archive
from viewer.search import QueryNote, SearchBackend, open_index
from viewer.search.build import build_index


def _whoosh(store: ArchiveStore) -> SearchBackend:
    build_index(store, shard_documents=20)
    return open_index(store)


BACKENDS: dict[str, Callable[[ArchiveStore], SearchBackend]] = {"whoosh": _whoosh}

JOURNAL = (
    Note("feber", ["Pasienten har feber og hoste. Ikke brystsmerter."], date="2001-01-01"),
    Note("uten-feber", ["Ingen feber. Hosten er borte. Blodtrykk 120/80, vekt 7,5 kg."], date="2002-02-02"),
    Note("operasjon", ["Operasjonen gikk bra. Pasientene fikk 10mg morfin."], "Operasjonsbeskrivelse", date="2003"),
    Note("bindestrek", ["Målt blod-trykk i dag. Gitt Ca/Vitamin D. E-post sendt."], date="2004-04-04"),
    Note("flere-filer", ["Hoveddokumentet nevner rosiner.", "Vedlegget nevner mandler.", "Sist: rosiner, rosiner."],
         title="Brev om nøtter", type_text="Henvisning", date="2005-05-05"),
    Note("sperret", ["Sperret notat om hemmelig feber."], blocked=True, date="2006-06-06"),
    Note("udatert", ["Notat uten dato om feber."], date=None),
    Note("bilde", [""], title="Røntgenbilde", type_text="Bildediagnostikk", date="2007-07-07"),
    Note("nynorsk", ["Ho er sjuk i hjarta, og har vondt i beinet."], date="2008-08-08"),
    Note("dekomponert", ["Vondt i ha\u030anden og håret, idé."], date="2009-09-09"),
    Note("linjebrudd", ["Pasienten ble inn-\nlagt med pneumo\u00adni."], date="2010-10-10"),
    Note("telefon", ["Ring 415 00 000 eller 22 33\u00a044 55."], date="2011-11-11"),
    Note("numre", ["Nummeret 018115 23867, konto 1234 56 78903; prøver 12 34 56 78 90."], date="2012-12-12"),
    Note("i ett", ["Nummeret 01811523868 og telefon 41500001."], date="2013-01-01"),
    Note("aksenter", ["Møtte Müller på en café, med Sjögrens syndrom. Null\u200bbredde."], date="2014-01-01"),
)  # fmt: skip
OTHER = (Note("annen", ["En annen pasients feber og kikhoste."], date="2020-01-01"),)


@pytest.fixture(scope="module", params=BACKENDS)
def searched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SearchBackend, SearchableArchive]]:
    folder = tmp_path_factory.mktemp(request.param)
    store = ArchiveStore.create(folder / "archive", ARCHIVE_INFO)
    many = {f"p{n}": [Note(f"masse-{n}-{d}", ["Kontroll, alt vel."]) for d in range(5)] for n in range(12)}
    archive = write_archive(store, folder / "files", {"1": JOURNAL, "2": OTHER, **many})
    backend = BACKENDS[request.param](store)
    yield backend, archive
    backend.close()


Search = Callable[..., list[str]]


@pytest.fixture
def found(searched: tuple[SearchBackend, SearchableArchive]) -> Search:
    """Search patient 1; the keys of the documents found, newest first."""
    backend, archive = searched
    keys = {document.id: key for key, document in archive.documents.items()}

    def search(query: str, allowed: Sequence[str] | None = None) -> list[str]:
        ids = None if allowed is None else [archive.id_of(key) for key in allowed]
        result = backend.search_patient(patient_id("1"), query, allowed=ids, limit=100, budget_seconds=30)
        assert result.complete
        assert result.total == len(result.hits)
        return [keys[hit.document_id] for hit in result.hits]

    return search


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("feber", ["sperret", "uten-feber", "feber", "udatert"]),  # newest first, undated last
        ("FEBER", ["sperret", "uten-feber", "feber", "udatert"]),
        ("hosten", ["uten-feber", "feber"]),  # stemmed
        ("41500000", ["telefon"]),  # numbers in groups
        ("415 00 000", ["telefon"]),
        ("22334455", ["telefon"]),
        ("01811523867", ["numre"]),
        ("018115 23867", ["numre"]),
        ("018115-23867", ["numre"]),
        ("12345678903", ["numre"]),
        ("1234567890", []),  # five results of two digits are no number
        ("018115 23868", ["i ett"]),
        ("415 00 001", ["i ett"]),
        ("cafe", ["aksenter"]),  # accents
        ("café muller", ["aksenter"]),
        ("sjøgrens", ["aksenter"]),
        ("nullbredde", ["aksenter"]),
        ("null\u200bbredde", ["aksenter"]),
        ("mul*", ["aksenter"]),
        ("pasient operasjoner", ["operasjon"]),
        ("feber hoste", ["uten-feber", "feber"]),  # AND
        ("feber AND hoste", ["uten-feber", "feber"]),
        ("rosiner OR morfin", ["flere-filer", "operasjon"]),
        ("rosiner ELLER morfin ELLER brystsmerter", ["flere-filer", "operasjon", "feber"]),
        ("feber hoste OR hemmelig", ["sperret", "uten-feber", "feber"]),  # OR binds more tightly
        ("feber -hoste", ["sperret", "udatert"]),
        ("feber NOT hoste NOT hemmelig", ["udatert"]),
        ('feber -"uten dato"', ["sperret", "uten-feber", "feber"]),
        ('"ingen feber"', ["uten-feber"]),  # negations are words
        ('"har feber"', ["feber"]),
        ('"feber har"', []),
        ('"feber og hoste"', ["feber"]),
        ("ikke", ["feber"]),
        ("kikhoste", []),  # another patient's
        ("finnesikke", []),
        ("rosiner mandler", ["flere-filer"]),  # words of different files of one document
        ('"rosiner vedlegget"', []),  # but no phrase from one file into the next
        ('"nøtter hoveddokumentet"', []),
        ("røntgenbilde", ["bilde"]),  # title, of a document without text
        ("henvisning mandler", ["flere-filer"]),  # type and text together
        ('"brev om nøtter"', ["flere-filer"]),
        ("120/80", ["uten-feber"]),
        ("120", ["uten-feber"]),
        ("7,5", ["uten-feber"]),
        ("7.5", ["uten-feber"]),
        ("7", []),
        ("10mg", ["operasjon"]),
        ("10 mg", ["operasjon"]),
        ("blodtrykk", ["bindestrek", "uten-feber"]),
        ("blod-trykk", ["bindestrek", "uten-feber"]),
        ("trykk", ["bindestrek"]),
        ("vitamin", ["bindestrek"]),
        ("Ca/Vitamin", ["bindestrek"]),
        ("epost", ["bindestrek"]),
        ("e-post", ["bindestrek"]),
        ("innlagt", ["linjebrudd"]),
        ("pneumoni", ["linjebrudd"]),
        ("hånden", ["dekomponert"]),
        ("ha\u030anden", ["dekomponert"]),
        ("har", ["nynorsk", "feber"]),  # å is not a
        ("idé", ["dekomponert"]),
        ("syk", ["nynorsk"]),  # bokmål finds nynorsk
        ("hjerte", ["nynorsk"]),
        ("lungebetennelse", ["linjebrudd"]),
        ('"syk"', []),  # in quotation marks it is the word itself
        ("operasj*", ["operasjon"]),
        ("operasjonsbes*", ["operasjon"]),
        ("innlag*", ["linjebrudd"]),
        ("blodt*", ["bindestrek", "uten-feber"]),
        ("feb* hos*", ["uten-feber", "feber"]),
        ("mor* OR mand*", ["flere-filer", "operasjon"]),
        ("(feber) hoste!?", ["uten-feber", "feber"]),
        ("body:feber", []),
        ("feber\x00\ud800 hoste", ["uten-feber", "feber"]),
    ],
)
def test_what_is_found(found: Search, query: str, expected: list[str]) -> None:
    assert found(query) == expected


def test_what_may_not_be_seen_is_in_no_count(found: Search) -> None:
    allowed = [note.key for note in JOURNAL if not note.blocked]
    assert found("feber", allowed) == ["uten-feber", "feber", "udatert"]
    assert found("hemmelig", allowed) == []
    assert found("feber -hemmelig", allowed) == ["uten-feber", "feber", "udatert"]
    assert found("feber", ["feber", "annen"]) == ["feber"], "another patient's document is not found by being allowed"
    assert found("feber", []) == []


def test_the_limit_limits_hits_and_not_the_total(searched: tuple[SearchBackend, SearchableArchive]) -> None:
    backend, archive = searched
    result = backend.search_patient(patient_id("1"), "feber", allowed=None, limit=2, budget_seconds=30)
    assert [h.document_id for h in result.hits] == [archive.id_of("sperret"), archive.id_of("uten-feber")]
    assert result.total == 4


@pytest.mark.parametrize(
    ("query", "seq"),
    [("rosiner", 3), ("mandler", 2), ("hoveddokumentet", 1), ("nøtter", 1), ("mandler nøtter", 1), ("henvisning", 1)],
)
def test_a_hit_names_the_file_that_answers_best(
    searched: tuple[SearchBackend, SearchableArchive], query: str, seq: int
) -> None:
    (hit,) = searched[0].search_patient(patient_id("1"), query, allowed=None, limit=9, budget_seconds=30).hits
    assert hit.seq == seq


def test_rarer_words_and_more_of_them_score_higher(searched: tuple[SearchBackend, SearchableArchive]) -> None:
    backend, archive = searched
    hits = backend.search_patient(
        patient_id("1"), "rosiner OR vedlegget OR feber", allowed=None, limit=9, budget_seconds=30
    )
    scores = {h.document_id: h.score for h in hits.hits}
    assert max(scores, key=scores.__getitem__) == archive.id_of("flere-filer")
    assert min(scores.values()) > 0


def test_search_over_all_patients_is_newest_first_and_leaves_out_what_is_excluded(
    searched: tuple[SearchBackend, SearchableArchive],
) -> None:
    backend, archive = searched
    everything = backend.search_all("feber", limit=3, budget_seconds=30)
    assert [h.document_id for h in everything.hits] == [archive.id_of(k) for k in ("annen", "sperret", "uten-feber")]
    assert everything.total == 5
    excluded = {archive.id_of("sperret"), archive.id_of("annen"), "not an id"}
    less = backend.search_all("feber", excluded_documents=excluded, limit=99, budget_seconds=30)
    assert [h.document_id for h in less.hits] == [archive.id_of(k) for k in ("uten-feber", "feber", "udatert")]
    assert less.total == 3
    crowd = backend.search_all("kontroll", limit=7, budget_seconds=30)
    assert (crowd.total, len(crowd.hits), crowd.complete) == (60, 7, True)


def test_a_search_out_of_time_says_so(searched: tuple[SearchBackend, SearchableArchive]) -> None:
    backend, _ = searched
    for result in (
        backend.search_patient(patient_id("1"), "feber", allowed=None, limit=9, budget_seconds=0),
        backend.search_all("kontroll", limit=9, budget_seconds=0),
    ):
        assert not result.complete
        assert result.total == len(result.hits) == 0
    assert backend.search_all("kontroll", limit=9, budget_seconds=30).complete, "the next one is not harmed"


def test_patients_without_documents_or_unknown_find_nothing(searched: tuple[SearchBackend, SearchableArchive]) -> None:
    for patient in ("", "nobody", patient_id("never-there")):
        result = searched[0].search_patient(patient, "feber", allowed=None, limit=9, budget_seconds=30)
        assert (result.hits, result.total, result.complete) == ((), 0, True)


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        ("", [QueryNote.EMPTY]),
        (' "" ?! ', [QueryNote.EMPTY]),
        ("-feber", [QueryNote.ONLY_EXCLUDED]),
        ("fe*", [QueryNote.PREFIX_SHORT]),
        ("*eber", [QueryNote.STAR_MISPLACED]),
        ('"ingen feber', [QueryNote.QUOTE_OPEN]),
        ("OR feber", [QueryNote.OPERATOR_MISPLACED]),
        ("feber OR", [QueryNote.OPERATOR_MISPLACED]),
        ("a b c d e f g h i j k l", [QueryNote.TOO_MANY_WORDS]),
        ("feber " * 50, [QueryNote.TOO_LONG, QueryNote.TOO_MANY_WORDS]),
        ("feber hoste", []),
    ],
)
def test_whatever_is_typed_is_answered_with_a_note_where_it_was_not_understood(
    searched: tuple[SearchBackend, SearchableArchive], query: str, notes: list[QueryNote]
) -> None:
    result = searched[0].search_patient(patient_id("1"), query, allowed=None, limit=9, budget_seconds=30)
    assert list(result.notes) == notes


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("feber", "Feber, feberen. Ikke febril.", ["Feber", "feberen"]),
        ('"høy feber"', "Høy feber, men feber høy.", ["Høy feber"]),
        ("oper*", "Operert; operasjonen var åpen", ["Operert", "operasjonen"]),
        ("blodtrykk", "Blod-trykk og blodtrykk", ["Blod-trykk", "blodtrykk"]),
        ("blod-trykk", "Blod trykk, blodtrykket", ["Blod trykk", "blodtrykket"]),
        ("syk", "Ho er sjuk og syke", ["sjuk", "syke"]),
        ('"syk"', "Ho er sjuk og syke", ["syke"]),
        ("hånd", "ha\u030anden og hånden", ["ha\u030anden", "hånden"]),
        ("feber -hoste", "feber hoste", ["feber"]),
        ("innlagt", "ble inn-\nlagt i dag", ["inn-\nlagt"]),
        ("41500000", "ring 415 00 000 nå", ["415 00 000"]),
        ("415 00 000", "ring 41500000 eller 415 00 000", ["41500000", "415 00 000"]),
        ("cafe", "en cafe\u0301 og café", ["cafe\u0301", "café"]),
        ("nullbredde", "null\u200bbredde", ["null\u200bbredde"]),
        ('"a b" "b c"', "a b c", ["a b c"]),
        ("feber", "", []),
        ("", "feber", []),
    ],
)
def test_matches_are_where_the_words_are(
    searched: tuple[SearchBackend, SearchableArchive], query: str, text: str, marked: list[str]
) -> None:
    assert [text[a:b] for a, b in searched[0].matches(query, text)] == marked


def test_terms_are_the_words_as_they_are_compared(searched: tuple[SearchBackend, SearchableArchive]) -> None:
    assert searched[0].terms('feberen "ingen hoste" morf* -døde') == ("feb", "pyreksi", "ing", "host", "morf*")


def test_snippets_are_short_and_their_spans_lie_on_the_words(searched: tuple[SearchBackend, SearchableArchive]) -> None:
    text = "\n".join(f"Linje {n} uten noe av verdi." for n in range(60))
    text += "\nHer står feber.\n" + text + "\nHer står feber og hoste, feber igjen.\n" + text
    snippets = searched[0].snippets("feber hoste", text, 1)
    assert len(snippets) == 1
    (snippet,) = snippets
    assert [snippet.text[a:b] for a, b in snippet.spans] == ["feber", "hoste", "feber"]
    assert len(snippet.text) < 250
    assert "\n" not in snippet.text
    assert text[snippet.start :].startswith(snippet.text[:5])
    assert len(searched[0].snippets("feber hoste", text, 5)) == 2
    assert searched[0].snippets("finnesikke", text) == ()


def test_threads_share_one_backend(searched: tuple[SearchBackend, SearchableArchive]) -> None:
    backend, _ = searched
    totals: list[set[tuple[int, int]]] = [set() for _ in range(6)]

    def ask(into: set[tuple[int, int]]) -> None:
        for _ in range(25):
            one = backend.search_patient(patient_id("1"), "feber* -hoste", allowed=None, limit=9, budget_seconds=30)
            into.add((one.total, backend.search_all('"alt vel"', limit=9, budget_seconds=30).total))

    threads = [threading.Thread(target=ask, args=(into,)) for into in totals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == [{(2, 60)}] * 6


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_archive_is_searched_and_nothing_found(tmp_path: Path, backend: str) -> None:
    store = ArchiveStore.create(tmp_path / "archive", ARCHIVE_INFO)
    archive = SearchableArchive(store, tmp_path / "files")
    archive.put("1", [])
    opened = BACKENDS[backend](store)
    assert opened.search_all("feber", limit=9, budget_seconds=30).total == 0
    assert opened.search_patient(patient_id("1"), "feber", allowed=None, limit=9, budget_seconds=30).total == 0
    assert opened.covers().documents == 0
    opened.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_index_says_what_it_covers(tmp_path: Path, backend: str) -> None:
    store = ArchiveStore.create(tmp_path / "archive", ARCHIVE_INFO)
    archive = write_archive(store, tmp_path / "files", {"1": JOURNAL[:2]})
    opened = BACKENDS[backend](store)
    covers = opened.covers()
    assert (covers.documents, covers.packages, covers.stale) == (2, 1, False)
    archive.put("1", JOURNAL[:3])
    assert opened.covers().stale
    assert not opened.superseded()
    newer = BACKENDS[backend](store)
    assert opened.superseded()
    assert (newer.covers().documents, newer.covers().stale) == (3, False)
    assert opened.search_all("feber", limit=9, budget_seconds=30).total == 2, "an old index goes on answering"
    opened.close()
    newer.close()
