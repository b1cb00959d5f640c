"""Outlook items that are no mail: appointments, tasks, contacts, notes and journal entries, with all that they say.

Source: [MS-OXPROPS] for numbers and names; [MS-OXOCAL], [MS-OXOTASK], [MS-OXOCNTC], [MS-OXONOTE], [MS-OXOJRNL].
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import timedelta

from archive.normalise.letter import Letter
from archive.normalise.outlookfile import Item
from archive.normalise.outlooktimes import NORWAY, recurrence, zone_of
from archive.reasons import Flag

_SET = "0006{}-0000-0000-c000-000000000046"
_APPOINTMENT, _TASK, _ADDRESS = _SET.format("2002"), _SET.format("2003"), _SET.format("2004")
_COMMON, _LOG = _SET.format("2008"), _SET.format("200a")
_STRINGS = "00020329-0000-0000-c000-000000000046"
_CLASS = 0x001A
_KINDS = (
    ("ipm.appointment", "Avtale"),
    ("ipm.schedule.meeting.request", "Møteinnkalling"),
    ("ipm.schedule.meeting.canceled", "Møteavlysning"),
    ("ipm.schedule.meeting.resp.pos", "Møtesvar: godtatt"),
    ("ipm.schedule.meeting.resp.neg", "Møtesvar: avslått"),
    ("ipm.schedule.meeting.resp.tent", "Møtesvar: foreløpig"),
    ("ipm.schedule.meeting", "Møte"),
    ("ipm.taskrequest", "Oppgaveforespørsel"),
    ("ipm.task", "Oppgave"),
    ("ipm.contact", "Kontakt"),
    ("ipm.distlist", "Kontaktgruppe"),
    ("ipm.stickynote", "Notat"),
    ("ipm.activity", "Journaloppføring"),
)
_MAIL = ("ipm.note", "report.", "ipm.replication", "ipm.post", "ipm.outlook.recall")
_IMPORTANCE = {0: "Lav", 2: "Høy"}
_SENSITIVITY = {1: "Personlig", 2: "Privat", 3: "Konfidensiell"}
_BUSY = {0: "Ledig", 1: "Foreløpig", 2: "Opptatt", 3: "Borte", 4: "Arbeider et annet sted"}
_STATUS = {0: "Ikke startet", 1: "Pågår", 2: "Fullført", 3: "Venter på noen andre", 4: "Utsatt"}
_ANSWERS = {1: "Arrangør", 2: "Foreløpig godtatt", 3: "Godtatt", 4: "Avslått", 5: "Ikke besvart"}
_FOLLOW_UP = {1: "Fullført", 2: "Til oppfølging"}
# Of a contact, in the order of a card.
_CARD = (
    (0x3001, "Navn"), (0x3A45, "Tittel foran"), (0x3A06, "Fornavn"), (0x3A44, "Mellomnavn"), (0x3A11, "Etternavn"),
    (0x3A05, "Etterstilt"), (0x3A4F, "Kallenavn"), (0x3A0A, "Initialer"), (0x3A16, "Firma"), (0x3A17, "Stilling"),
    (0x3A18, "Avdeling"), (0x3A19, "Kontor"), (0x3A46, "Yrke"), (0x3A4E, "Leder"), (0x3A30, "Assistent"),
    (0x3A48, "Ektefelle"), (0x3A58, "Barn"), (0x3A08, "Telefon, arbeid"), (0x3A1B, "Telefon, arbeid 2"),
    (0x3A09, "Telefon, privat"), (0x3A2F, "Telefon, privat 2"), (0x3A1C, "Mobil"), (0x3A1A, "Telefon"),
    (0x3A1F, "Telefon, annen"), (0x3A21, "Personsøker"), (0x3A1D, "Radiotelefon"), (0x3A02, "Telefon, svar"),
    (0x3A24, "Faks, arbeid"), (0x3A25, "Faks, privat"), (0x3A23, "Faks"), (0x3A2E, "Telefon, assistent"),
    (0x3A57, "Telefon, firma"), (0x3A15, "Postadresse"), (0x3A29, "Gate"), (0x3A2B, "Postboks"),
    (0x3A2A, "Postnummer"), (0x3A27, "Sted"), (0x3A28, "Fylke"), (0x3A26, "Land"), (0x3A5D, "Gate, privat"),
    (0x3A5B, "Postnummer, privat"), (0x3A59, "Sted, privat"), (0x3A5C, "Fylke, privat"), (0x3A5A, "Land, privat"),
    (0x3A51, "Nettsted, arbeid"), (0x3A50, "Nettsted"), (0x3A0D, "Lokale"), (0x3A40, "Kundenummer"),
)  # fmt: skip
_CARD_NAMED = (
    (0x8005, "Arkiveres som"), (0x801B, "Adresse, arbeid"), (0x801A, "Adresse, privat"), (0x801C, "Adresse, annen"),
    (0x8083, "E-post"), (0x8080, "E-post, vises som"), (0x8093, "E-post 2"), (0x8090, "E-post 2, vises som"),
    (0x80A3, "E-post 3"), (0x80A0, "E-post 3, vises som"), (0x802B, "Nettsted"), (0x8062, "Direktemelding"),
    (0x804F, "Felt 1"), (0x8050, "Felt 2"), (0x8051, "Felt 3"), (0x8052, "Felt 4"),
)  # fmt: skip
_BROKEN = (struct.error, ValueError, IndexError, OverflowError)


def kind_of(item: Item) -> str | None:
    """What an item is, in Norwegian; None where it is mail."""
    said = item.text(_CLASS).lower()
    if not said or said.startswith(_MAIL) or said == "ipm":
        return None
    return next((kind for name, kind in _KINDS if said.startswith(name)), f"Element av typen {item.text(_CLASS)}")


class _Sheet:
    """Writes the fields of an item."""

    def __init__(self, item: Item, letter: Letter) -> None:
        self.item, self.letter, self.zone = item, letter, NORWAY

    def number(self, space: str, name: int | str) -> int:
        return self.item.named((space, name)) or 0

    def say(self, label: str, value: str) -> None:
        if value.strip():
            self.letter.field(label, "; ".join(line.strip() for line in value.splitlines() if line.strip()))

    def text(self, label: str, space: str, name: int | str) -> None:
        if number := self.number(space, name):
            self.say(label, ", ".join(self.item.texts(number)))

    def time(self, label: str, number: int) -> None:
        if number and (instant := self.item.instant(number)) is not None:
            self.say(label, self.zone.said(instant))

    def day(self, label: str, number: int) -> None:
        """A day without a time, which is stored as midnight of it."""
        if number and (instant := self.item.instant(number)) is not None:
            self.say(label, f"{instant:%d.%m.%Y}")

    def choice(self, label: str, number: int, names: dict[int, str]) -> None:
        value = self.item.whole(number) if number else None
        if value is not None and value in names:
            self.say(label, names[value])

    def minutes(self, label: str, number: int) -> None:
        if number and (value := self.item.whole(number)):
            hours, rest = divmod(value, 60)
            self.say(label, " ".join(p for p in (f"{hours} t" * bool(hours), f"{rest} min" * bool(rest)) if p))

    def truth(self, number: int) -> bool:
        return bool(number and (self.item.whole(number) or 0) & 0xFFFF)


def take(item: Item, kind: str, letter: Letter) -> None:
    """Write what an item says beside its subject, persons and text."""
    sheet = _Sheet(item, letter)
    letter.field("Type", kind)
    said = item.text(_CLASS).lower()
    parts: tuple[tuple[str, Callable[[_Sheet], None]], ...] = (
        ("ipm.appointment", _appointment),
        ("ipm.schedule.", _appointment),
        ("ipm.task", _task),
        ("ipm.contact", _contact),
        ("ipm.distlist", _contact),
        ("ipm.activity", _activity),
        ("ipm.stickynote", lambda _: None),
    )
    part = next((part for name, part in parts if said.startswith(name)), None)
    if part is None:
        letter.flag(Flag.PROPERTIES_MISSING, "An item of a form of its own: its properties are in the original alone.")
    else:
        part(sheet)
    _common(sheet)


def _common(sheet: _Sheet) -> None:
    sheet.text("Kategorier", _STRINGS, "keywords")
    sheet.choice("Viktighet", 0x0017, _IMPORTANCE)
    sheet.choice("Følsomhet", 0x0036, _SENSITIVITY)
    sheet.choice("Oppfølging", 0x1090, _FOLLOW_UP)
    sheet.text("Flagg", _COMMON, 0x8530)
    if sheet.truth(sheet.number(_COMMON, 0x8506)):
        sheet.say("Privat", "Ja")
    if sheet.truth(sheet.number(_COMMON, 0x8503)):
        sheet.minutes("Påminnelse, tid før", sheet.number(_COMMON, 0x8501))
        sheet.time("Påminnelse", sheet.number(_COMMON, 0x8560) or sheet.number(_COMMON, 0x8502))
    sheet.text("Kontakter", _COMMON, 0x853A)
    sheet.text("Firmaer", _COMMON, 0x8539)
    sheet.text("Kjøring", _COMMON, 0x8534)
    sheet.text("Fakturering", _COMMON, 0x8535)
    sheet.time("Opprettet", 0x3007)
    sheet.time("Sist endret", 0x3008)


def _appointment(sheet: _Sheet) -> None:
    item = sheet.item

    def binary(name: int) -> bytes | None:
        number = sheet.number(_APPOINTMENT, name)
        return item.binary(number) if number else None

    described = item.text(number) if (number := sheet.number(_APPOINTMENT, 0x8234)) else ""
    sheet.zone = zone_of(binary(0x8233), binary(0x825E) or binary(0x8260), described)
    begins = sheet.number(_APPOINTMENT, 0x820D) or sheet.number(_COMMON, 0x8516) or 0x0060
    ends = sheet.number(_APPOINTMENT, 0x820E) or sheet.number(_COMMON, 0x8517) or 0x0061
    if sheet.truth(sheet.number(_APPOINTMENT, 0x8215)):
        _whole_days(sheet, begins, ends)
    else:
        sheet.time("Starter", begins)
        sheet.time("Slutter", ends)
    sheet.text("Sted", _APPOINTMENT, 0x8208)
    sheet.minutes("Varighet", sheet.number(_APPOINTMENT, 0x8213))
    sheet.choice("Vises som", sheet.number(_APPOINTMENT, 0x8205), _BUSY)
    sheet.choice("Svar", sheet.number(_APPOINTMENT, 0x8218), _ANSWERS)
    sheet.text("Deltakere", _APPOINTMENT, 0x8238)
    sheet.text("Nødvendige deltakere", _APPOINTMENT, 0x823B)
    sheet.text("Valgfrie deltakere", _APPOINTMENT, 0x823C)
    sheet.text("Gjentas", _APPOINTMENT, 0x8232)
    _again(sheet, binary(0x8216))
    if described:
        sheet.say("Tidssone", described)


def _whole_days(sheet: _Sheet, begins: int, ends: int) -> None:
    """An event of whole days: from midnight to midnight by the zone's clocks."""
    first, last = sheet.item.instant(begins), sheet.item.instant(ends)
    if first is not None:
        sheet.say("Starter", f"{sheet.zone.local(first):%d.%m.%Y}, hele dagen")
    if last is not None:
        sheet.say("Slutter", f"{sheet.zone.local(last) - timedelta(minutes=1):%d.%m.%Y}")


def _again(sheet: _Sheet, pattern: bytes | None) -> None:
    if not pattern:
        return
    try:
        for sentence in recurrence(pattern):
            sheet.say("Gjentakelse", sentence)
    except _BROKEN:
        sheet.letter.flag(Flag.PROPERTIES_MISSING, "How often the item comes again cannot be read.")


def _task(sheet: _Sheet) -> None:
    item = sheet.item
    sheet.choice("Status", sheet.number(_TASK, 0x8101), _STATUS)
    if (number := sheet.number(_TASK, 0x8102)) and (share := item.share(number)) is not None:
        sheet.say("Fullført", f"{share:.0%}".replace("%", " %"))
    if sheet.truth(sheet.number(_TASK, 0x811C)):
        sheet.say("Er fullført", "Ja")
    sheet.day("Startdato", sheet.number(_TASK, 0x8104) or sheet.number(_COMMON, 0x8516))
    sheet.day("Forfallsdato", sheet.number(_TASK, 0x8105) or sheet.number(_COMMON, 0x8517))
    sheet.day("Fullført dato", sheet.number(_TASK, 0x810F))
    sheet.minutes("Anslått arbeid", sheet.number(_TASK, 0x8111))
    sheet.minutes("Utført arbeid", sheet.number(_TASK, 0x8110))
    sheet.text("Eier", _TASK, 0x811F)
    sheet.text("Tildelt av", _TASK, 0x8121)
    sheet.text("Sist endret av", _TASK, 0x8122)
    number = sheet.number(_TASK, 0x8116)
    _again(sheet, item.binary(number) if number else None)


def _contact(sheet: _Sheet) -> None:
    for number, label in _CARD:
        sheet.say(label, ", ".join(sheet.item.texts(number)))
    for name, label in _CARD_NAMED:
        sheet.text(label, _ADDRESS, name)
    sheet.day("Fødselsdag", 0x3A42)
    sheet.day("Bryllupsdag", 0x3A41)
    members = sheet.number(_ADDRESS, 0x8055)
    if members:
        sheet.letter.flag(Flag.PROPERTIES_MISSING, "The members of a contact group are in the original alone.")


def _activity(sheet: _Sheet) -> None:
    sheet.text("Oppføringstype", _LOG, 0x8712)
    sheet.text("Type oppføring", _LOG, 0x8700)
    sheet.time("Starter", sheet.number(_LOG, 0x8706))
    sheet.time("Slutter", sheet.number(_LOG, 0x8708))
    sheet.minutes("Varighet", sheet.number(_LOG, 0x8707))
