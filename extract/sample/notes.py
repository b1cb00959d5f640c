"""The sample's notes: what a journal says, before it becomes a file of some format. All of it is invented."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from random import Random
from typing import Any, Literal

from extract.sample.people import Person

FIRST_YEAR, LAST_DAY = 1996, date(2024, 12, 31)
_NYNORSK = 0.15

Style = Literal["title", "heading", "text", "strong", "fields", "table"]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a note: a line of text, or rows of cells (`fields` has two columns, `table` a head row)."""

    style: Style
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Author:
    """A health worker, with a number of Helsepersonellregisteret's length but beyond the ones it has given out."""

    name: str
    role: str
    hpr: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the municipality. The organisation numbers are of the test population."""

    code: str
    name: str
    organisation: str
    service: str


@dataclass(frozen=True, slots=True)
class Note:
    """A note and what the register says of it."""

    genre: str
    type: str
    title: str
    day: date
    person: Person
    author: Author
    unit: Unit
    blocks: tuple[Block, ...]


UNITS = {
    u.code: u
    for u in (
        Unit("2101", "Hjemmesykepleien Fjordbyen", "310000019", "HJEMMESYKEPLEIE"),
        Unit("2102", "Solbakken sykehjem", "310000027", "INSTITUSJON"),
        Unit("2103", "Helsestasjon Sentrum", "310000035", "HELSESTASJON"),
        Unit("2104", "Skolehelsetjenesten", "310000035", "SKOLEHELSETJENESTE"),
        Unit("2105", "Rus og psykisk helse", "310000043", "RUSOMSORG"),
        Unit("2106", "Legevakten", "310000051", "LEGEVAKT"),
        Unit("2107", "Fysioterapi- og ergoterapitjenesten", "310000051", "FYSIO_ERGO"),
        Unit("2108", "Jordmortjenesten", "310000035", "SVANGERSKAP"),
        Unit("2110", "Forvaltningskontoret", "310000078", "SAKSBEHANDLING"),
    )
}
AUTHORS = tuple(
    Author(name, role, hpr)
    for name, role, hpr in (
        ("Sykepl. Grete Øien", "sykepleier", "990000017"),
        ("Sykepl. Ali Farah", "sykepleier", "990000025"),
        ("Sykepl. Tone Ådland", "sykepleier", "990000033"),
        ("Helsefagarb. Liv Nygård", "helsefagarbeider", ""),
        ("Helsefagarb. Jonas Ruud", "helsefagarbeider", "990000041"),
        ("Vernepl. Siv Brattebø", "vernepleier", "990000058"),
        ("Lege Tor-Åge Bø", "lege", "990000066"),
        ("Lege Mia Sandnes", "lege", "990000074"),
        ("Lege Farid Karimi", "lege", "990000082"),
        ("Helsesykepl. Anniken Foss", "helsesykepleier", "990000090"),
        ("Fysioter. Ove Kjær", "fysioterapeut", "990000103"),
        ("Ergoter. Rita Skår", "ergoterapeut", "990000111"),
        ("Jordmor Eli Tangen", "jordmor", "990000129"),
        ("Psykolog Per Høiby", "psykolog", "990000137"),
        ("Saksbeh. Unni Rød", "saksbehandler", ""),
    )
)

_DRUGS = (
    *("Furix", "Paracet", "Marevan", "Metoprolol", "Atacand", "Levaxin", "Imovane", "Sobril", "Apocillin", "Selexid"),
    *("Albyl-E", "Metformin", "Simvastatin", "Oxycontin", "Cipralex"),
)
_DOSES = ("20 mg", "40 mg", "50 mg", "100 mg", "1 g x 3", "2,5 mg", "10 mg x 2", "650 mg x 4", "75 mg x 1")
_DIAGNOSES = (
    *("hjertesvikt (I50.9)", "KOLS (J44.9)", "lårhalsbrudd (S72.0)", "hjerneslag (I63.9)", "pneumoni (J18.9)"),
    *("diabetes type 2 (E11.9)", "urinveisinfeksjon (N39.0)", "Alzheimers sykdom (G30.9)", "atrieflimmer (I48)"),
    *("astma (J45.9)", "migrene (G43.9)", "Parkinsons sykdom (G20)", "depressiv episode (F32.1)", "artrose (M17.9)"),
)
_HOSPITALS = ("Fjordbyen sykehus", "Vestlandet universitetssykehus", "Dalen lokalsykehus")

_SLOTS: Mapping[str, Callable[[Random], str]] = {
    "kl": lambda r: f"{r.randrange(24):02}:{r.randrange(0, 60, 5):02}",
    "tall": lambda r: str(r.randint(2, 9)),
    "uke": lambda r: str(r.randint(1, 52)),
    "bs": lambda r: _decimal(r.uniform(4.1, 16.9)),
    "mm": lambda r: str(r.randint(4, 60)),
    "bt": lambda r: f"{r.randint(95, 185)}/{r.randint(50, 100)}",
    "puls": lambda r: str(r.randint(52, 118)),
    "temp": lambda r: _decimal(r.uniform(36.2, 39.8)),
    "metning": lambda r: str(r.randint(87, 99)),
    "crp": lambda r: str(r.choice((5, 8, 12, 34, 57, 89, 143, 211))),
    "vekt": lambda r: _decimal(r.uniform(44, 98)),
    "barnevekt": lambda r: _decimal(r.uniform(3.4, 18)),
    "ungvekt": lambda r: _decimal(r.uniform(20, 70)),
    "lengde": lambda r: str(r.randint(50, 108)),
    "hoyde": lambda r: str(r.randint(112, 188)),
    "hode": lambda r: _decimal(r.uniform(35, 52)),
    "berg": lambda r: str(r.randint(12, 54)),
    "tug": lambda r: str(r.randint(9, 38)),
    "grader": lambda r: str(r.randrange(60, 180, 10)),
    "sete": lambda r: str(r.choice((40, 42, 44, 46))),
    "svuke": lambda r: str(r.randint(12, 40)),
    "sf": lambda r: str(r.randint(14, 36)),
    "fosterlyd": lambda r: str(r.randint(118, 158)),
    "side": lambda r: r.choice(("høyre", "venstre")),
    "opp_ned": lambda r: r.choice(("uendret", "noe redusert", "noe bedre")),
    "parorende": lambda r: r.choice(("datter", "sønn", "ektefelle", "søster", "nabo", "barnebarn")),
    "forelder": lambda r: r.choice(("mor", "far", "begge foreldre", "fostermor")),
    "legemiddel": lambda r: r.choice(_DRUGS),
    "dose": lambda r: r.choice(_DOSES),
    "diagnose": lambda r: r.choice(_DIAGNOSES),
    "sykehus": lambda r: r.choice(_HOSPITALS),
    "dato": lambda r: f"{r.randint(1, 28):02}.{r.randint(1, 12):02}.",
}


class _Filling(dict[str, str]):
    """Fills the slots of one sentence."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._rng = rng

    def __missing__(self, slot: str) -> str:
        """A value for the slot."""
        return _SLOTS[slot](self._rng)


@cache
def phrases() -> dict[str, Any]:
    """The kinds of note, from phrases.toml."""
    text = resources.files("extract.sample").joinpath("phrases.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def draw_day(rng: Random, person: Person) -> date:
    """A day within the person's life and the old system's time."""
    first = max(date(FIRST_YEAR, 1, 1), person.birth)
    last = min(LAST_DAY, person.died or LAST_DAY)
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


@cache
def _fitting(age: int, sex: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    fits = {
        name: kind["weight"]
        for name, kind in phrases().items()
        if kind["ages"][0] <= age <= kind["ages"][1] and kind.get("sex", sex) == sex
    }
    return tuple(fits), tuple(fits.values())


def draw_head(rng: Random, person: Person) -> tuple[str, str, date, Author, Unit]:
    """What the register says of a note: kind, title, day, author, unit."""
    day = draw_day(rng, person)
    age = day.year - person.birth.year - ((day.month, day.day) < (person.birth.month, person.birth.day))
    names, weights = _fitting(age, person.sex)
    genre = rng.choices(names, weights)[0]
    kind = phrases()[genre]
    author = rng.choice([a for a in AUTHORS if a.role in kind["roles"]])
    return genre, rng.choice(kind["titles"]), day, author, UNITS[rng.choice(kind["units"])]


def write_note(
    rng: Random,
    person: Person,
    head: tuple[str, str, date, Author, Unit],
    *,
    planted: str | None = None,
    entries: int = 1,
) -> Note:
    """The note itself, with the planted word in a sentence of its own; up to so many dated entries."""
    genre, title, day, author, unit = head
    kind = phrases()[genre]
    language = "nn" if rng.random() < _NYNORSK else "nb"
    blocks = [
        Block("title", title),
        Block(
            "fields",
            rows=(
                ("Dato", f"{day:%d.%m.%Y}"),
                ("Pasient", person.name),
                ("Født", f"{person.birth:%d.%m.%Y}"),
                ("Enhet", unit.name),
            ),
        ),
    ]
    for entry in range(rng.randint(1, entries) if entries > 1 else 1):
        if entry:
            blocks.append(Block("heading", f"{day + timedelta(days=entry):%d.%m.%Y} {author.name}"))
        for section in kind["sections"]:
            if section["heading"]:
                blocks.append(Block("heading", section["heading"]))
            sentences = section[language]
            count = min(rng.randint(*section["lines"]), len(sentences))
            for sentence in rng.sample(sentences, count):
                style: Style = "strong" if rng.random() < 0.05 else "text"
                blocks.append(Block(style, sentence.format_map(_Filling(rng))))
    if planted:
        place = rng.randint(3, len(blocks))
        blocks.insert(place, Block("text", f"Det er spurt særskilt om {planted}, se tidligere notat."))
    if "table" in kind and rng.random() < 0.7:
        blocks.append(_table(kind["table"], rng))
    blocks.append(Block("text", f"Signert {day:%d.%m.%Y} {author.name}"))
    return Note(genre, kind["type"], title, day, person, author, unit, tuple(blocks))


def _table(name: str, rng: Random) -> Block:
    rows: list[tuple[str, ...]]
    if name == "legemidler":
        drugs = rng.sample(_DRUGS, rng.randint(2, 5))
        rows = [("Legemiddel", "Dose", "Merknad")]
        rows += [(d, rng.choice(_DOSES), rng.choice(("fast", "ved behov", "kur i 7 dager"))) for d in drugs]
    elif name == "iplos":
        areas = ("Personlig hygiene", "Av- og påkledning", "Spise", "Toalett", "Bevege seg innendørs", "Hukommelse")
        rows = [("Område", "Verdi")]
        rows += [(a, str(rng.choice((1, 2, 3, 4, 5, 9)))) for a in areas]
    elif name == "vekst":
        rows = [("Alder", "Vekt (kg)", "Lengde (cm)")]
        weight, length = rng.uniform(3.0, 4.2), rng.uniform(48, 53)
        for age in ("6 uker", "3 mnd", "6 mnd", "12 mnd"):
            weight, length = weight + rng.uniform(1, 2.2), length + rng.uniform(3.5, 7)
            rows.append((age, _decimal(weight), _decimal(length)))
    else:
        tests = (
            *(("Hb", 9, 17, "g/dL", "11,7–15,3"), ("CRP", 1, 120, "mg/L", "<5"), ("Kreatinin", 40, 190, "µmol/L", "")),
            *(("Natrium", 126, 147, "mmol/L", "137–145"), ("Kalium", 3, 5.6, "mmol/L", "3,6–4,6")),
            *(("HbA1c", 30, 92, "mmol/mol", "<48"), ("TSH", 0.2, 6, "mIE/L", "0,5–3,6")),
        )
        rows = [("Analyse", "Svar", "Enhet", "Referanse")]
        rows += [(t, _decimal(rng.uniform(low, high)), u, ref) for t, low, high, u, ref in rng.sample(tests, 5)]
    return Block("table", rows=tuple(rows))


def _decimal(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")
