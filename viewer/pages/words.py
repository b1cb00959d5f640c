"""Codes of the archive in words for the pages, and dates as they are written in Norway."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask_babel import lazy_gettext as _

from archive.reasons import Flag
from viewer.access import Ground, Role
from viewer.records import Flagged
from viewer.search import QueryNote

GROUNDS: dict[Ground, Any] = {
    Ground.TREATMENT: _("Pågående helsehjelp"),
    Ground.ACCESS_REQUEST: _("Innsynskrav fra pasient eller pårørende"),
    Ground.INTERNAL_CONTROL: _("Internkontroll og kvalitetssikring"),
    Ground.COMPLAINT: _("Klage- eller erstatningssak"),
    Ground.SUPERVISION: _("Tilsynssak"),
}
ROLES: dict[Role, Any] = {
    Role.CLINICIAN: _("Helsepersonell"),
    Role.ARCHIVIST: _("Arkivar"),
    Role.AUDITOR: _("Personvern"),
    Role.IT: _("IT-drift"),
}
SEXES = {"female": _("Kvinne"), "male": _("Mann"), "other": _("Annet"), "unknown": _("Ukjent")}
IDENTIFIERS = {
    "fnr": _("Fødselsnummer"),
    "dnr": _("D-nummer"),
    "hnr": _("H-nummer"),
    "fhn": _("Felles hjelpenummer"),
    "duf": _("DUF-nummer"),
    "local": _("Lokalt nummer"),
}
STATUSES = {"draft": _("Kladd"), "superseded": _("Erstattet"), "retracted": _("Trukket tilbake")}
FILE_ROLES = {"main": _("Hoveddokument"), "attachment": _("Vedlegg")}
PROTECTION = {
    "confidential": _("Fortrolig adresse (kode 7)"),
    "strictly-confidential": _("Strengt fortrolig adresse (kode 6)"),
}

NOTES: dict[QueryNote, Any] = {
    QueryNote.ONLY_EXCLUDED: _("Søket sier bare hva som ikke skal være med. Skriv også et ord som skal finnes."),
    QueryNote.EMPTY: _("Søket inneholder ingen ord å lete etter."),
    QueryNote.TOO_LONG: _("Søket var for langt og ble kortet inn."),
    QueryNote.TOO_MANY_WORDS: _("Bare de ti første ordene ble søkt etter."),
    QueryNote.QUOTE_OPEN: _("Et anførselstegn mangler. Ordene ble søkt etter hver for seg."),
    QueryNote.PREFIX_SHORT: _("En stjerne krever minst tre bokstaver foran seg."),
    QueryNote.STAR_MISPLACED: _("En stjerne virker bare på slutten av et ord."),
    QueryNote.OPERATOR_MISPLACED: _("OR eller NOT sto et sted der det ikke binder sammen noe, og ble sett bort fra."),
    QueryNote.PREFIX_CUT: _("Flere ord begynner slik enn det ble søkt etter. Skriv mer av ordet."),
}

_SENTENCES: dict[Flag, Any] = {
    Flag.DATE_INVALID: _("Datoen i kildesystemet er ikke en gyldig dato. Den er gjengitt slik den ble skrevet."),
    Flag.DATE_MISSING: _("Kildesystemet oppgir ingen dato."),
    Flag.DATE_IMPLAUSIBLE: _("Datoen i kildesystemet ligger frem i tid eller før 1850."),
    Flag.ID_INVALID: _("Nummeret har feil kontrollsiffer. Det er beholdt slik det sto i kildesystemet."),
    Flag.ID_MISSING: _("Kildesystemet har ikke noe fødselsnummer for denne pasienten."),
    Flag.ID_SHARED: _(
        "En annen pasient har samme nummer. Journalene er ikke slått sammen; kontroller hvem dokumentet gjelder."
    ),
    Flag.ID_SYNTHETIC: _("Nummeret tilhører en syntetisk testperson."),
    Flag.UNKNOWN_CODE: _("En kode fra kildesystemet er ukjent og vises slik den ble skrevet."),
    Flag.VALUE_INVALID: _("En opplysning fra kildesystemet passer ikke i feltet sitt og vises slik den ble skrevet."),
    Flag.FORMAT_MISMATCH: _("Filen var av et annet format enn filnavnet tilsa."),
    Flag.DECODED_LENIENTLY: _("Filen var delvis ødelagt. Det som lot seg lese, vises."),
    Flag.ENCODING_GUESSED: _("Tegnsettet var ikke oppgitt og er funnet ved analyse. Enkelte tegn kan være feil."),
    Flag.OWNER_PASSWORD: _("Originalen hadde bruksbegrensninger (ikke åpningspassord). Arkivkopien har ingen."),
    Flag.OPENED_WITH_PASSWORD: _("Originalen er låst med passord og ble åpnet med det. Arkivkopien er uten passord."),
    Flag.NO_TEXT: _("Filen har ingen lesbar tekst, for eksempel en skannet side. Fritekstsøk finner den ikke."),
    Flag.OCR_TEXT: _("Teksten er gjenkjent maskinelt fra et skannet bilde og kan inneholde feil. Les selve siden."),
    Flag.HIDDEN_TEXT: _("Kilden skjuler noe av teksten, som på en utskrift. Skjult tekst står bare i tekstvisningen."),
    Flag.HIDDEN_CONTENT: _(
        "Kilden skjuler tekst, rader, kolonner eller ark, som på en utskrift. De står bare i originalen."
    ),
    Flag.GLYPHS_MISSING: _(
        "Noen tegn finnes ikke i skriftene som var installert, og vises som tegnnummer eller ruter. Originalen har dem."
    ),
    Flag.WORDS_MISSING: _("Noen ord i originalen finnes ikke i arkivkopien. Originalen er bevart."),
    Flag.PICTURE_REDUCED: _("Bildet er forenklet i arkivkopien. Originalen er bevart."),
    Flag.PAGES_RASTERISED: _("Sidene er bevart som bilder fordi filen ikke kunne gjengis trofast på annen måte."),
    Flag.ACTIVE_CONTENT_REMOVED: _(
        "Skript, handlinger eller innebygde programmer er ikke med i arkivkopien. Originalen er bevart."
    ),
    Flag.ATTACHMENTS_SPLIT_OFF: _("Filer som lå i dokumentet, er arkivert ved siden av som egne filer."),
    Flag.PART_NOT_ARCHIVED: _("En fil som lå i dokumentet, kunne ikke vises. Den er bevart i originalen."),
    Flag.FORM_DATA_APART: _("Skjemaet må vises i et eget program (XFA). Dataene er arkivert ved siden av."),
    Flag.HIDDEN_LAYERS: _("Dokumentet har lag som er slått av. De er slått av i arkivkopien også."),
    Flag.SIGNATURE_FACTS: _("Originalen er elektronisk signert. Signaturen kan bare kontrolleres i originalen."),
    Flag.FILE_NOT_CONVERTED: _(
        "Filen kunne ikke gjøres om til et format som kan vises. Originalen er bevart i arkivet."
    ),
    Flag.ATTACHMENT_MISSING: _("Et vedlegg manglet i uttrekket. Dokumentet er arkivert uten det."),
    Flag.CONTROL_CODES_REMOVED: _("Skriverkoder er tatt ut av teksten. Det de tegnet, finnes bare i originalen."),
    Flag.CELLS_CLIPPED: _("Noen celler er for smale for tallene sine, som vises som ###. Originalen har dem."),
    Flag.NUMBERS_CHANGED: _("Noen tall i originalen står ikke slik i arkivkopien. Originalen er bevart."),
    Flag.SYMBOLS_MISSING: _("Noen tegn (enheter, piler, avkryssinger) mangler i arkivkopien. Originalen er bevart."),
    Flag.SYMBOLS_UNREADABLE: _("Tekstvisningen har tegn med ukjent betydning. Se selve siden."),
    Flag.RAISED_AS_DIGITS: _("Hevede sifre står som vanlige sifre i tekstvisningen (10⁹ som 109). Les selve siden."),
    Flag.TEXT_ANNEXED: _("Tekst som sidene ikke viser, står på egne sider bakerst."),
    Flag.PAGES_MISSING: _("Arkivkopien har færre sider enn filen har bilder. Originalen har alle."),
    Flag.NOT_REREAD: _("Filen lot seg ikke lese en gang til, så arkivkopien er ikke sammenlignet med den."),
    Flag.FONT_SUBSTITUTED: _("En skrift som filen ikke inneholder, er byttet ut med en annen."),
    Flag.FORM_VALUES_CHANGED: _("Skjemafelter viser noe annet enn det de lagrer. Tekstvisningen har begge deler."),
    Flag.ANNOTATIONS_MISSING: _("Ikke alle kommentarer og merker som ligger over sidene, vises. Originalen har dem."),
    Flag.PROPERTIES_MISSING: _("Elementet har opplysninger som ikke vises i arkivkopien. De finnes i originalen."),
    Flag.VANISHED_FROM_SOURCE: _("Dokumentet fantes ikke lenger i et senere uttrekk fra kildesystemet."),
    Flag.NEWER_VERSION_REJECTED: _("Det finnes en nyere versjon som ikke kunne arkiveres. Be arkivet om originalen."),
    Flag.REPLACES_UNKNOWN: _("Dokumentet erstatter et annet som ikke finnes i uttrekket."),
    Flag.REPLACES_FROM_CONTENT: _(
        "Hvilket dokument det gjelder, er lest av innholdet, ikke av kildesystemets register."
    ),
    Flag.REPLACED_FROM_CONTENT: _("Et senere dokument sier at det kansellerer eller erstatter dette."),
    Flag.CANCELS_ANOTHER: _("Meldingen kansellerer en tidligere melding."),
    Flag.CHANGES_ANOTHER: _("Meldingen endrer eller erstatter en tidligere melding."),
    Flag.ADDS_TO_ANOTHER: _("Meldingen er et tillegg til en tidligere melding."),
    Flag.ADDED_TO: _("Det finnes et senere tillegg til dette dokumentet i journalen."),
    Flag.AMENDED: _("Dokumentet sier selv at det er endret etter at det var ferdig."),
    Flag.STATUS_FROM_CONTENT: _(
        "At dokumentet er kansellert eller erstattet, står i innholdet i det selv eller i en senere melding. "
        "Kildesystemets register sier det ikke."
    ),
}
_SHORT: dict[Flag, Any] = {
    Flag.DATE_INVALID: _("Ugyldig dato"),
    Flag.DATE_MISSING: _("Uten dato"),
    Flag.DATE_IMPLAUSIBLE: _("Usannsynlig dato"),
    Flag.DECODED_LENIENTLY: _("Delvis lesbar"),
    Flag.NO_TEXT: _("Uten tekst"),
    Flag.OCR_TEXT: _("Maskinlest tekst"),
    Flag.ATTACHMENT_MISSING: _("Vedlegg mangler"),
    Flag.VANISHED_FROM_SOURCE: _("Borte i kilden"),
    Flag.CANCELS_ANOTHER: _("Kansellering"),
    Flag.CHANGES_ANOTHER: _("Endring"),
    Flag.ADDS_TO_ANOTHER: _("Tillegg"),
    Flag.ADDED_TO: _("Har tillegg"),
    Flag.AMENDED: _("Endret"),
    Flag.NEWER_VERSION_REJECTED: _("Nyere versjon mangler"),
}
_PATIENT_SILENT = {Flag.ID_SYNTHETIC.value}
_ISO = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d).*)?)?)?")


def sentence(flag: Flagged) -> str:
    """A flag as a sentence. Its detail is for archivists, may name a place, and is not shown."""
    try:
        return str(_SENTENCES[Flag(flag.code)])
    except (ValueError, KeyError):
        return flag.code


def short(flag: Flagged) -> str:
    """A flag in two words for a list, empty where lists do not show it."""
    try:
        return str(_SHORT.get(Flag(flag.code), ""))
    except ValueError:
        return ""


def shown_date(iso: str | None, *, time: bool = False) -> str:
    """An ISO date as dd.mm.yyyy; less precise dates stay less precise, and what is no date stays as written."""
    match = _ISO.fullmatch(iso or "")
    if not match:
        return iso or ""
    year, month, day, clock = match.groups()
    text = ".".join(part for part in (day, month, year) if part)
    return f"{text} {clock}" if time and clock else text


def iso_date(text: str) -> str | None:
    """A date a user typed (`17.5.1980`, `17051980`, `1980-05-17`) as ISO; None if it is none."""
    text = text.strip()
    match = re.fullmatch(r"(\d{1,2})[.\-/ ](\d{1,2})[.\-/ ](\d{4})", text) or re.fullmatch(r"(\d\d)(\d\d)(\d{4})", text)
    if match:
        day, month, year = match.groups()
    elif match := re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text):
        year, month, day = match.groups()
    else:
        return None
    return f"{year}-{int(month):02}-{int(day):02}" if 1 <= int(month) <= 12 and 1 <= int(day) <= 31 else None


def grouped(value: str, kind: str) -> str:
    """A national number as people read it: six digits, a space, five digits."""
    return f"{value[:6]} {value[6:]}" if kind in ("fnr", "dnr", "hnr", "fhn") and len(value) == 11 else value


def size(count: int) -> str:
    """Bytes as kB or MB."""
    return f"{count / 1e6:.1f} MB".replace(".", ",") if count >= 1e6 else f"{max(1, round(count / 1000))} kB"


def register(app: Flask) -> None:
    """Make the words known to the templates."""
    app.jinja_env.filters.update(date=shown_date, sentence=sentence, short=short, size=size)
    app.jinja_env.globals.update(
        GROUNDS=GROUNDS,
        ROLES=ROLES,
        SEXES=SEXES,
        IDENTIFIERS=IDENTIFIERS,
        STATUSES=STATUSES,
        FILE_ROLES=FILE_ROLES,
        PROTECTION=PROTECTION,
        NOTES=NOTES,
        SILENT=_PATIENT_SILENT,
        grouped=grouped,
    )
