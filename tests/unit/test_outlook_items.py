"""Outlook items that are no mail: what they say, when, and how often again."""

from __future__ import annotations

import contextlib
import struct
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import compound
from archive.compound import Compound
from archive.normalise.contract import Limits, Made
from archive.normalise.outlook import outlook
from archive.normalise.outlookfile import Item
from archive.normalise.outlooktimes import NORWAY, recurrence, zone_of
from archive.reasons import Flag

Streams = dict[compound.Path, bytes | None]
SETS = {name: uuid.UUID(f"0006{number}-0000-0000-c000-000000000046")
        for name, number in {"appointment": "2002", "task": "2003", "address": "2004", "common": "2008",
                             "log": "200a"}.items()}  # fmt: skip


def filetime(*when: int) -> bytes:
    span = datetime(*when, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)  # type: ignore[arg-type, misc]
    return struct.pack("<Q", (span.days * 86400 + span.seconds) * 10_000_000)


class Maker:
    """Streams of an item: properties by number, or by set and number."""

    def __init__(self, message_class: str, **texts: str) -> None:
        self.streams: Streams = {}
        self._fixed = b""
        self._names: list[tuple[str, int | str]] = []
        self.text(0x001A, message_class)
        self.text(0x0037, texts.get("subject", "Emnet på Ås"))
        if body := texts.get("body"):
            self.text(0x1000, body)

    def _number(self, key: int | tuple[str, int | str]) -> int:
        if isinstance(key, int):
            return key
        self._names.append(key)
        return 0x8000 + len(self._names) - 1

    def text(self, key: int | tuple[str, int | str], value: str) -> Maker:
        self.streams[(f"__substg1.0_{self._number(key):04X}001F",)] = value.encode("utf-16-le")
        return self

    def texts(self, key: int | tuple[str, int | str], *values: str) -> Maker:
        number = self._number(key)
        self.streams[(f"__substg1.0_{number:04X}101F",)] = bytes(4 * len(values))
        for n, value in enumerate(values):
            self.streams[(f"__substg1.0_{number:04X}101F-{n:08X}",)] = value.encode("utf-16-le")
        return self

    def binary(self, key: int | tuple[str, int | str], value: bytes) -> Maker:
        self.streams[(f"__substg1.0_{self._number(key):04X}0102",)] = value
        return self

    def fixed(self, key: int | tuple[str, int | str], kind: int, value: bytes) -> Maker:
        self._fixed += struct.pack("<HHI", kind, self._number(key), 6) + value.ljust(8, b"\0")
        return self

    def whole(self, key: int | tuple[str, int | str], value: int) -> Maker:
        return self.fixed(key, 3, struct.pack("<i", value))

    def time(self, key: int | tuple[str, int | str], *when: int) -> Maker:
        return self.fixed(key, 0x40, filetime(*when))

    def made(self, *, header: int = 32) -> Streams:
        sets = list(SETS)
        entries, words = b"", b""
        for n, (space, name) in enumerate(self._names):
            if isinstance(name, str):
                entries += struct.pack("<IHH", len(words), 2 << 1 | 1, n)
                words += struct.pack("<I", 2 * len(name)) + name.encode("utf-16-le")
            else:
                entries += struct.pack("<IHH", name, (3 + sets.index(space)) << 1, n)
        names: Streams = {
            ("__nameid_version1.0",): None,
            ("__nameid_version1.0", "__substg1.0_00020102"): b"".join(s.bytes_le for s in SETS.values()),
            ("__nameid_version1.0", "__substg1.0_00030102"): entries,
            ("__nameid_version1.0", "__substg1.0_00040102"): words,
        }
        return self.streams | {("__properties_version1.0",): bytes(header) + self._fixed} | names


def made(tmp_path: Path, streams: Streams) -> Made:
    source = tmp_path / "a.msg"
    source.write_bytes(compound.written(streams))
    return outlook(source, tmp_path / "a.pdf", Limits())


def weekly(*, deleted: int = 0) -> bytes:
    """Every second week on Monday and Thursday, five times; one left out, one moved."""
    day = 1440
    start = (datetime(2009, 3, 2, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)).days * day
    gone = [start + 3 * day] * deleted + [start + 14 * day]
    content = struct.pack("<5HIII", 0x3004, 0x3004, 0x200B, 1, 0, 0, 2, 0) + struct.pack("<I", 0b10010)
    content += struct.pack("<4I", 0x2022, 5, 1, len(gone)) + struct.pack(f"<{len(gone)}I", *gone)
    content += struct.pack("<2I", 1, start + 15 * day) + struct.pack("<2I", start, start + 28 * day)
    content += struct.pack("<4I", 0x3006, 0x3009, 600, 660) + struct.pack("<H", 1)
    moved = struct.pack("<IIIH", start + 15 * day + 780, start + 15 * day + 840, start + 14 * day, 0x10)
    return content + moved + struct.pack("<HH", 6, 5) + b"Legen"


def test_an_appointment_says_when_where_and_how_often(tmp_path: Path) -> None:
    item = Maker("IPM.Appointment", subject="Hjemmebesøk", body="Husk blodprøve")
    item.time(("appointment", 0x820D), 2009, 7, 3, 9, 0).time(("appointment", 0x820E), 2009, 7, 3, 10, 30)
    item.text(("appointment", 0x8208), "Storgata 5, leilighet 12").whole(("appointment", 0x8205), 3)
    item.text(("appointment", 0x823B), "Kari; Ola").binary(("appointment", 0x8216), weekly(deleted=1))
    item.texts(("", "Keywords"), "Hjemme", "Viktig").whole(0x0017, 2).text(0x0042, "Sykepleier Anne")
    text = made(tmp_path, item.made()).text or ""
    for line in (
        "Type: Avtale",
        "Fra: Sykepleier Anne",
        "Starter: 03.07.2009 kl. 11.00 (norsk tid; 09.00 UTC)",
        "Slutter: 03.07.2009 kl. 12.30 (norsk tid; 10.30 UTC)",
        "Sted: Storgata 5, leilighet 12",
        "Vises som: Borte",
        "Nødvendige deltakere: Kari; Ola",
        "Gjentakelse: Gjentas hver 2. uke, mandag, torsdag, fra 02.03.2009.",
        "Gjentakelse: 5 ganger, siste 30.03.2009.",
        "Gjentakelse: Utgår: 05.03.2009, 16.03.2009.",
        "Gjentakelse: 16.03.2009 er endret til 17.03.2009 kl. 13.00-14.00 (sted Legen).",
        "Kategorier: Hjemme, Viktig",
        "Viktighet: Høy",
        "Husk blodprøve",
    ):
        assert line in text


def test_an_event_of_whole_days_has_no_clock(tmp_path: Path) -> None:
    item = Maker("IPM.Appointment").fixed(("appointment", 0x8215), 0xB, b"\1")
    item.time(("appointment", 0x820D), 2009, 3, 2, 23).time(("appointment", 0x820E), 2009, 3, 4, 23)
    text = made(tmp_path, item.made()).text or ""
    assert "Starter: 03.03.2009, hele dagen" in text
    assert "Slutter: 04.03.2009" in text


def test_a_task_says_its_days_and_how_far_it_is(tmp_path: Path) -> None:
    item = Maker("IPM.Task", subject="Bestill rullator").whole(("task", 0x8101), 3)
    item.time(("task", 0x8105), 2009, 3, 31).fixed(("task", 0x8102), 5, struct.pack("<d", 0.25))
    item.text(("task", 0x811F), "Anne").whole(("task", 0x8111), 90)
    text = made(tmp_path, item.made()).text or ""
    for line in ("Type: Oppgave", "Status: Venter på noen andre", "Fullført: 25 %", "Forfallsdato: 31.03.2009",
                 "Eier: Anne", "Anslått arbeid: 1 t 30 min"):  # fmt: skip
        assert line in text


def test_contacts_notes_and_journal_entries(tmp_path: Path) -> None:
    card = Maker("IPM.Contact").text(0x3001, "Åse Prøve").text(0x3A1C, "99 99 99 99").text(0x3A16, "Legekontoret")
    card.text(("address", 0x8083), "aase@example.no").time(0x3A42, 1950, 2, 1)
    text = made(tmp_path, card.made()).text or ""
    for line in ("Navn: Åse Prøve", "Mobil: 99 99 99 99", "E-post: aase@example.no", "Fødselsdag: 01.02.1950"):
        assert line in text
    note = made(tmp_path, Maker("IPM.StickyNote", body="Ring legen").made()).text or ""
    assert "Type: Notat" in note and "Ring legen" in note
    entry = Maker("IPM.Activity").text(("log", 0x8712), "Telefonsamtale").time(("log", 0x8706), 2009, 1, 5, 12, 15)
    text = made(tmp_path, entry.whole(("log", 0x8707), 20).made()).text or ""
    assert "Oppføringstype: Telefonsamtale" in text
    assert "Starter: 05.01.2009 kl. 13.15" in text
    assert "Varighet: 20 min" in text


def test_an_item_of_an_unknown_form_is_flagged_and_mail_is_not(tmp_path: Path) -> None:
    unknown = made(tmp_path, Maker("IPM.Egenlaget", body="Hei").made())
    assert Flag.PROPERTIES_MISSING in {f.code for f in unknown.flags}
    mail = made(tmp_path, Maker("IPM.Note", body="Hei").made())
    assert not mail.flags
    assert "Type:" not in (mail.text or "")


def test_who_sent_for_whom(tmp_path: Path) -> None:
    item = Maker("IPM.Note", body="Hei").text(0x0C1A, "Kari").text(0x0042, "Lege Ås").text(0x0065, "lege@example.no")
    text = made(tmp_path, item.made()).text or ""
    assert "Fra: Kari" in text
    assert "På vegne av: Lege Ås <lege@example.no>" in text
    alone = made(tmp_path, Maker("IPM.Note", body="Hei").text(0x0042, "Lege Ås").text(0x5D02, "l@e.no").made())
    assert "Fra: Lege Ås <l@e.no>" in (alone.text or "")


def test_folded_fields_and_encoded_words_are_whole(tmp_path: Path) -> None:
    fields = (
        "Received: fra a\r\n\tav b;\r\n mandag\r\nX-Emne: =?iso-8859-1?Q?Pr=F8ve_=96?=\r\n =?iso-8859-1?Q?_ny?=\r\n"
    )
    text = made(tmp_path, Maker("IPM.Note", body="Hei").text(0x007D, fields).made()).text or ""
    assert "Received: fra a av b; mandag" in text
    assert "X-Emne: Prøve – ny" in text


def test_a_message_within_one_keeps_its_times_and_named_properties(tmp_path: Path) -> None:
    inner = Maker("IPM.Appointment", subject="Indre").time(("appointment", 0x820D), 2009, 3, 3, 9, 0)
    inner.text(("appointment", 0x8208), "Storgata 5").time(0x0039, 2009, 3, 1, 8, 0)
    streams = inner.made(header=24)
    names = {p: streams.pop(p) for p in list(streams) if p[0].startswith("__nameid")}
    outer = Maker("IPM.Note", body="Se vedlagt").made() | names
    storage = "__attach_version1.0_#00000000"
    place = (storage, "__substg1.0_3701000D")
    outer |= {(storage,): None, place: None} | {(*place, *p): data for p, data in streams.items()}
    outer[storage, "__properties_version1.0"] = bytes(8) + struct.pack("<HHII4x", 3, 0x3705, 6, 5)
    (part,) = made(tmp_path, outer).parts
    within = Item(Compound(part.path.read_bytes()), ())
    assert within.when(0x0039) == "01.03.2009 kl. 08.00 UTC"
    result = outlook(part.path, tmp_path / "indre.pdf", Limits())
    assert "Starter: 03.03.2009 kl. 10.00" in (result.text or "")
    assert "Sted: Storgata 5" in (result.text or "")


def test_a_body_in_rtf_alone_is_on_the_page_too(tmp_path: Path) -> None:
    rtf = rb"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}\f0\fs20 Kari f\'f8ler seg bedre.\par}"
    packed = struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf
    result = made(tmp_path, Maker("IPM.Note").binary(0x1009, packed).made())
    assert "Kari føler seg bedre." in (result.text or "")
    assert [p.name for p in result.parts] == ["melding.rtf"]


@pytest.mark.parametrize(("page", "body_page"), [(1200, 1250), (0, 28592), (1250, 65001)])
def test_narrow_texts_are_in_the_page_of_the_file(tmp_path: Path, page: int, body_page: int) -> None:
    """As users of other readers reported: UTF-16 that is none, no page, and a body of another page than the names."""
    item = Maker("IPM.Note").whole(0x3FFD, page).whole(0x3FDE, body_page)
    codec = "iso8859-2" if body_page == 28592 else "cp1250"
    item.streams[("__substg1.0_1000001E",)] = "plnění před uveřejněním, Łódź".encode(codec)
    assert "plnění před uveřejněním, Łódź" in (made(tmp_path, item.made()).text or "")


@pytest.mark.parametrize(
    ("when", "clock"),
    [
        ((2009, 3, 29, 0, 59), "01.59"),
        ((2009, 3, 29, 1, 0), "03.00"),
        ((2009, 10, 25, 0, 59), "02.59"),
        ((2009, 10, 25, 1, 0), "02.00"),
        ((1994, 10, 1, 12, 0), "13.00"),
        ((1994, 9, 24, 12, 0), "14.00"),
        ((1998, 10, 1, 12, 0), "14.00"),
    ],
)
def test_norwegian_time_changes_when_it_did(when: tuple[int, ...], clock: str) -> None:
    instant = datetime(*when, tzinfo=UTC)  # type: ignore[arg-type, misc]
    assert f"kl. {clock} (norsk tid;" in NORWAY.said(instant)


def systemtime(month: int, weekday: int, which: int, hour: int) -> bytes:
    return struct.pack("<8H", 0, month, weekday, which, hour, 0, 0, 0)


def test_the_zone_of_an_appointment_counts() -> None:
    """Sydney, where summer goes over the turn of the year; London by a definition; one that is broken is Norway's."""
    sydney = struct.pack("<iiiH", -600, 0, -60, 0) + systemtime(4, 0, 1, 3) + bytes(2) + systemtime(10, 0, 1, 2)
    said = zone_of(sydney, None, "Sydney").said
    assert said(datetime(2009, 1, 10, 0, 0, tzinfo=UTC)) == "10.01.2009 kl. 11.00 (Sydney; 00.00 UTC)"
    assert said(datetime(2009, 7, 10, 0, 0, tzinfo=UTC)) == "10.07.2009 kl. 10.00 (Sydney; 00.00 UTC)"
    key = "GMT".encode("utf-16-le")
    rule = (
        struct.pack("<BBHHH14xiii", 2, 1, 0x3E, 2, 2009, 0, 0, -60) + systemtime(10, 0, 5, 2) + systemtime(3, 0, 5, 1)
    )
    london = struct.pack("<BBHHH", 2, 1, 6 + len(key), 2, 3) + key + struct.pack("<H", 1) + rule
    assert "kl. 10.00 (GMT;" in zone_of(None, london, "").said(datetime(2009, 7, 10, 9, 0, tzinfo=UTC))
    utc = struct.pack("<iiiH", 0, 0, 0, 0) + bytes(34)
    assert "kl. 09.00 (UTC+00:00;" in zone_of(utc, None, "").said(datetime(2009, 7, 10, 9, 0, tzinfo=UTC))
    assert zone_of(b"\1", b"\2" * 9, "x") is NORWAY


@pytest.mark.parametrize(
    ("frequency", "pattern", "period", "specific", "said"),
    [
        (0x200A, 0, 1440, (), "Gjentas hver dag"),
        (0x200A, 0, 4320, (), "Gjentas hver 3. dag"),
        (0x200A, 1, 1, (0x3E,), "Gjentas hver ukedag"),
        (0x200B, 1, 1, (0b10,), "Gjentas hver uke, mandag"),
        (0x200C, 2, 1, (15,), "Gjentas hver måned, den 15. i måneden"),
        (0x200C, 3, 3, (0b100, 5), "Gjentas hver 3. måned, siste tirsdag i måneden"),
        (0x200D, 2, 12, (17,), "Gjentas hvert år, den 17. i måneden"),
        (0x200C, 4, 1, (31,), "Gjentas hver måned, siste dag i måneden"),
    ],
)
def test_recurrences_in_words(frequency: int, pattern: int, period: int, specific: tuple[int, ...], said: str) -> None:
    content = struct.pack("<5HIII", 0x3004, 0x3004, frequency, pattern, 0, 0, period, 0)
    content += struct.pack(f"<{len(specific)}I", *specific) + struct.pack("<6I", 0x2023, 10, 1, 0, 0, 214_000_000)
    sentences = recurrence(content + struct.pack("<I", 214_000_000))
    assert sentences[0].startswith(said)
    assert sentences[1] == "Uten sluttdato."


@given(st.binary(max_size=120))
def test_a_broken_recurrence_never_raises_more_than_it_says(content: bytes) -> None:
    with contextlib.suppress(struct.error, ValueError, OverflowError):
        recurrence(content)
