"""Texts of sixteen languages in every page they are written in: what is read wrongly is never said to be certain."""

from __future__ import annotations

import random

import pytest

from archive.normalise.encodings import Decoded, decode

WESTERN = ("cp1252", "iso8859-1", "cp850", "cp865", "iso8859-15", "mac-roman")
CENTRAL = ("cp1250", "iso8859-2", "cp852")
TEXTS: dict[str, tuple[tuple[str, ...], str]] = {
    "Norwegian": (
        WESTERN,
        "Pasienten føler seg bedre på Ås. Blodtrykk 120/80.|Innlagt med brystsmerter, ingen tegn til infarkt på EKG.|"
        "Hun har vært på tur og følger råd fra fysioterapeuten.|Årlig kontroll hos øyelege i Ålesund, i høst.|"
        "Smerter i høyre øre siden før jul; væske bak trommehinnen.|Temp 38,5 °C i går. Økt dose til 50 µg x 2.|"
        "Kjære kollega, takk for henvisningen av Kåre Østby.|Sår på venstre legg. Ønsker ny time.|"
        "Ærlig talt: både søvn og appetitt er dårlig.|ÅPNINGSTID: MANDAG TIL LØRDAG. HUSK BLODPRØVE.|"
        "KJØNN: M  FØDT: 01.02.1950  BOSATT: TROMSØ|Nærmeste pårørende: sønn, bor på Hønefoss.",
    ),
    "Swedish": (
        WESTERN[:5],
        "Patienten mår bättre efter behandlingen på sjukhuset i Göteborg.|Återbesök om två veckor, tar värktabletter.|"
        "Hjärtat utan anmärkning. Smärta i vänster öra.",
    ),
    "German": (
        WESTERN[:3],
        "Der Patient fühlt sich besser. Größe 180 cm, Übergewicht.|Rückenschmerzen seit März, außer Haus gestürzt.",
    ),
    "French": (
        ("cp1252", "iso8859-15", "cp850"),
        "Le patient se sent mieux après l'opération. Température élevée.|Elle a été hospitalisée à cause d'une fièvre.",
    ),
    "Icelandic": (
        ("cp1252", "cp850"),
        "Sjúklingurinn er með háan blóðþrýsting og verki í brjósti.|Hann var lagður inn á sjúkrahús í gær.",
    ),
    "Polish": (
        CENTRAL,
        "Pacjent czuje się lepiej po zażyciu leków przeciwbólowych.|Skierowanie do szpitala w Łodzi.|"
        "Ciśnienie krwi jest podwyższone, gorączka trzydzieści dziewięć.|Pani Małgorzata Wiśniewska, ur. w Gdańsku.",
    ),
    "Czech": (
        CENTRAL,
        "Pacient se cítí lépe po užití léků proti bolesti.|Krevní tlak je zvýšený. Doporučení k vyšetření v Brně.",
    ),
    "Hungarian": (
        CENTRAL,
        "A beteg jobban érzi magát a gyógyszer után.|Kórházi kezelés szükséges, fájdalom, hőmérséklete magas.",
    ),
    "Croatian": (
        CENTRAL,
        "Pacijent se osjeća bolje nakon liječenja. Krvni tlak je povišen.|Bolovi u leđima, žena je rođena u Šibeniku.",
    ),
    "Lithuanian": (
        ("cp1257", "iso8859-13", "cp775"),
        "Pacientas jaučiasi geriau po gydymo ligoninėje Šiauliuose.|Kraujospūdis padidėjęs, skauda galvą, ėda žolę.",
    ),
    "Latvian": (
        ("cp1257", "iso8859-13", "cp775"),
        "Pacients jūtas labāk pēc ārstēšanas slimnīcā Rīgā.|Sūdzības par sāpēm galvā, ģimenes ārsts nozīmēja zāles.",
    ),
    "Turkish": (
        ("cp1254", "cp857"),
        "Hasta ilaç aldıktan sonra kendini daha iyi hissediyor.|Göğüs ağrısı için hastaneye yatırıldı. İki gün düştü.",
    ),
    "Sami": (
        ("iso8859-10", "iso8859-4"),
        "Buohcci dovdá iežas buorebun maŋŋel divššu.|Čálle reivve ja váldde oktavuođa doaktáriin. Ruoŧŧa, Norga.",
    ),
    "Russian": (
        ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic"),
        "Пациент чувствует себя лучше после лечения в больнице.|Жалобы на боли в груди. Направление на рентген.|"
        "Артериальное давление повышено, температура нормальная.",
    ),
    "Ukrainian": (("cp1251", "iso8859-5"), "Пацієнт почувається краще після лікування.|Скарги на біль у грудях."),
    "Greek": (
        ("cp1253", "iso8859-7"),
        "Ο ασθενής αισθάνεται καλύτερα μετά τη θεραπεία στο νοσοκομείο.|Αρτηριακή πίεση αυξημένη και πυρετός.",
    ),
}
PAGES = [(language, page) for language, (pages, _) in TEXTS.items() for page in pages]


def samples(language: str, page: str) -> list[bytes]:
    """The lines, some of them together, and pieces of one to six words: few letters beyond ASCII, and many."""
    lines = TEXTS[language][1].split("|")
    choice = random.Random(f"{language} {page}")
    words = " ".join(lines).split()
    texts = [*lines, "\r\n".join(lines), *("\n".join(choice.sample(lines, 2)) for _ in range(3))]
    for _ in range(14):
        at = choice.randrange(len(words))
        texts.append(" ".join(words[at : at + choice.randint(1, 6)]))
    coded = [text.encode(page, "ignore") for text in texts]
    return [content for content in coded if not content.isascii()]


def read(language: str, page: str) -> list[tuple[bool, Decoded]]:
    return [((found := decode(content)).text == content.decode(page), found) for content in samples(language, page)]


@pytest.mark.parametrize(("language", "page"), PAGES)
def test_what_is_read_wrongly_is_never_certain(language: str, page: str) -> None:
    for right, found in read(language, page):
        assert right or not found.certain
        assert found.certain or found.detail.startswith("Read as ")


@pytest.mark.parametrize(("language", "page"), PAGES)
def test_whole_texts_are_read_right(language: str, page: str) -> None:
    """All lines together, and most of the pieces of a few words."""
    content = "\r\n".join(TEXTS[language][1].split("|")).encode(page, "ignore")
    assert decode(content).text == content.decode(page)
    answers = [right for right, _ in read(language, page)]
    assert sum(answers) >= len(answers) * (0.8 if language == "Norwegian" else 0.35)


@pytest.mark.parametrize("page", WESTERN)
def test_norwegian_is_read_without_a_doubt_where_there_is_none(page: str) -> None:
    answers = [found.certain for _, found in read("Norwegian", page)]
    assert sum(answers) >= len(answers) * 0.5
