"""A small archive for the viewer's tests: invented persons, real PDF files, a real catalogue and a real index."""

from __future__ import annotations

import functools
import hashlib
import io
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import typst

from archive import quarantine
from archive.catalogue import Catalogue
from archive.identifiers import check_digits_ok, classify, document_id, patient_id
from archive.package import Payload, write_package
from archive.reasons import Flag, Reason
from archive.record import (
    AddressProtection,
    ArchiveCopy,
    ArchivedFile,
    Author,
    DocumentStatus,
    FileFormat,
    FileRole,
    FlagNote,
    JournalDocument,
    OriginalFile,
    Patient,
    Quarantined,
    QuarantinedFile,
    Sex,
    TextCopy,
    Unit,
    Verdict,
)
from archive.store import ArchiveInfo, ArchiveStore

INFO = ArchiveInfo(
    id="0a6d3f0e-5f0c-5c55-9d5c-3f2b1f1f7a02",
    system_name="CosDoc Legekontor",
    system_version="6.1",
    owner_name="Prøve kommune",
    owner_number="999999999",
)
PASSWORD = "demo-passord-17"
BLOCKED_WORD = "hemmelighetsord"
QUERY = "pneumoni"
XSS_TITLE = '<script>alert("x")</script>'

_PAGE = """
#set page(paper: "a4", margin: (x: 2.4cm, y: 2.2cm), footer: context [
  #set text(8pt, gray); #sys.inputs.unit #h(1fr) Side #counter(page).display()])
#set text(font: ("Liberation Sans", "DejaVu Sans", "Libertinus Serif"), size: 11pt, lang: "nb")
#let head = sys.inputs
#text(9pt, gray)[#head.unit]
#v(2pt) #line(length: 100%, stroke: 0.5pt + gray)
#text(17pt, weight: "bold")[#head.title]
#v(4pt) #grid(columns: (auto, 1fr), column-gutter: 14pt, row-gutter: 5pt,
  [Dato], [#head.date], [Pasient], [#head.patient], [Forfatter], [#head.author])
#v(6pt)
#for (n, page) in head.body.split("\\u{c}").enumerate() {
  if n > 0 { pagebreak() }
  for part in page.split("\\n\\n") { par(part.replace("\\n", " ")) }
}
"""


def synthetic_number(day: int, month: int, year: int, start: int = 100, *, d_number: bool = False) -> str:
    """A synthetic national number (month + 80) with right check digits."""
    first = f"{day + (40 if d_number else 0):02}{month + 80:02}{year % 100:02}"
    for serial in range(start, start + 400):
        nine = f"{first}{serial:03}"
        for last in range(100):
            if check_digits_ok(f"{nine}{last:02}"):
                return f"{nine}{last:02}"
    raise AssertionError("no such number")


@functools.cache
def letter(title: str, date: str, author: str, unit: str, patient: str, body: str) -> bytes:
    """A page as an old journal system would have printed it, PDF/A-2a."""
    inputs = {"title": title, "date": date, "author": author, "unit": unit, "patient": patient, "body": body}
    pdf = typst.compile(_PAGE.encode(), sys_inputs=inputs, format="pdf", pdf_standards=["a-2a"])
    assert isinstance(pdf, bytes)
    return pdf


def heavier(pdf: bytes, size: int) -> bytes:
    """The same PDF with `size` bytes more that no page needs, so that a reader fetches it in parts."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.Root.Ballast = document.make_stream(random.Random(7).randbytes(size))
        out = io.BytesIO()
        document.save(out, deterministic_id=True)
    return out.getvalue()


def noted(pdf: bytes) -> bytes:
    """The same PDF with a stamp and a filled-in field, each drawn by its appearance: two filled squares."""
    with pikepdf.open(io.BytesIO(pdf)) as document:

        def square(kind: str, x: int, **more: object) -> pikepdf.Object:
            form = document.make_stream(b"1 0 0 rg 0 0 60 60 re f", BBox=[0, 0, 60, 60])
            form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
            return document.make_indirect(
                pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name(kind), Rect=[x, 300, x + 60, 360], F=4,
                                   AP=pikepdf.Dictionary(N=form), **more)  # type: ignore[arg-type]
            )  # fmt: skip

        field = square("/Widget", 200, FT=pikepdf.Name.Tx, T="felt", V="verdi")
        document.pages[0].obj.Annots = pikepdf.Array([square("/Stamp", 100), field])
        document.Root.AcroForm = pikepdf.Dictionary(Fields=[field])
        out = io.BytesIO()
        document.save(out, deterministic_id=True)
    return out.getvalue()


@dataclass
class Built:
    """The archive and the ids the tests ask for."""

    store: ArchiveStore
    patients: dict[str, Patient] = field(default_factory=dict)
    documents: dict[str, JournalDocument] = field(default_factory=dict)

    def at(self, root: Path) -> Built:
        """The same for a copy of the archive in another folder."""
        return Built(ArchiveStore.open(root), self.patients, self.documents)


NOTES = (
    ("EPI", "Epikrise", "Utskrevet etter pneumoni", "2011-03-09", "Medisinsk avdeling",
     "Innlagt med feber, hoste og tiltagende tungpust gjennom fem dager.\n\n"
     "Røntgen thorax viste fortetning i høyre underlapp "
     "forenlig med pneumoni. Behandlet med benzylpenicillin intravenøst i tre døgn, deretter peroralt. "
     "CRP falt fra 214 til 38.\n\nPasienten hadde også en pneumoni i 2004. Vaksinasjon mot pneumokokker er anbefalt. "
     "Kontroll hos fastlegen om to uker med ny CRP og auskultasjon. Pneumonien er regnet som samfunnservervet."),
    ("NOT", "Journalnotat", "Kontroll etter sykehusopphold", "2011-03-24", "Legekontoret",
     "Kommer til kontroll etter innleggelse for lungebetennelse (pneumoni). Afebril, i god form. "
     "Normal respirasjonslyd. CRP 6.\n\nPlan: Ny time ved behov. Minner om pneumokokkvaksine."),
    ("LAB", "Laboratoriesvar", "Blodprøver", "2011-03-08", "Laboratoriet",
     "CRP 214 mg/L (<5). Leukocytter 16,2. Hemoglobin 13,1 g/dL. Kreatinin 71."),
    ("RTG", "Røntgenbeskrivelse", "Røntgen thorax", "2011-03-05", "Radiologisk avdeling",
     "Fortetning basalt i høyre lungefelt, forenlig med pneumoni. Ingen pleuravæske. Hjertet er normalt stort."),
    ("NOT", "Journalnotat", "Hypertensjon, årskontroll", "2013-10-02", "Legekontoret",
     "Blodtrykk 142/86. Fortsetter med losartan 50 mg. Blodprøver om et halvt år."),
    ("EPI", "Epikrise", "Poliklinisk undersøkelse", "2014-06-17", "Hjertepoliklinikken",
     "Henvist for brystsmerter. Arbeids-EKG uten tegn til iskemi. Ekkokardiografi normal. Avsluttes."),
    ("BRV", "Brev", "Brev til pasienten", "2012-01-11", "Legekontoret",
     "Resultatet av prøvene dine var fint. Du behøver ikke ny time nå."),
    ("HEN", "Henvisning", "Henvisning til fysioterapeut", "2015-02-03", "Legekontoret",
     "Langvarige nakkesmerter. Ønskes vurdert for opptrening."),
)  # fmt: skip


class _Maker:
    """Collects one patient's documents and files, and writes the package."""

    def __init__(self, built: Built, work: Path, patient: Patient) -> None:
        self.built, self.work, self.patient = built, work, patient
        self.documents: list[JournalDocument] = []
        self.payloads: dict[tuple[str, int], Payload] = {}

    def add(self, key: str, kind: str, kind_text: str, title: str, date: str | None, unit: str, body: str, *,
            name: str = "", weight: int = 0, notes: bool = False, attachments: int = 0,
            file_flags: tuple[FlagNote, ...] = (), within: dict[int, int] | None = None,
            **changes: object) -> JournalDocument:  # fmt: skip
        made = document_id(INFO.id, INFO.system_name, key)
        author = "Lege Ola Prøve"
        files = []
        for seq in range(1, attachments + 2):
            text = body if seq == 1 else f"Vedlegg {seq - 1} til {title}"
            pdf = letter(title, date or "", author, unit, f"{self.patient.given_name} {self.patient.family_name}", text)
            if weight:
                pdf = heavier(pdf, weight)
            if notes:
                pdf = noted(pdf)
            original = f"{{\\rtf1 {key} {seq}}}".encode()
            paths = []
            for suffix, content in (("pdf", pdf), ("rtf", original), ("txt", text.encode())):
                path = self.work / f"{made}-{seq}.{suffix}"
                path.write_bytes(content)
                paths.append(path)
            self.payloads[made, seq] = Payload(*paths)
            files.append(
                ArchivedFile(
                    seq,
                    FileRole.MAIN if seq == 1 else FileRole.ATTACHMENT,
                    OriginalFile(f"dok/{key}-{seq}.rtf", _sha(original), len(original),
                                 FileFormat("rtf", "application/rtf", "fmt/355", "rtf")),
                    ArchiveCopy(_sha(pdf), len(pdf), "2a", "typeset", 1 + text.count("\f"),
                                Verdict("veraPDF", "1.28", "2a", True)),
                    TextCopy(_sha(text.encode()), len(text.encode())),
                    flags=file_flags,
                    part_of=(within or {}).get(seq),
                )
            )  # fmt: skip
        facts: dict[str, object] = {
            "id": made, "source_key": key, "patient_id": self.patient.id, "type_code": kind, "type_text": kind_text,
            "title": title, "document_date": date, "author": Author(author, "9144889"),
            "unit": Unit(unit[:3].upper(), unit), "service": "Allmennmedisin", "status": DocumentStatus.SIGNED,
            "files": tuple(files),
        }  # fmt: skip
        document = JournalDocument(**{**facts, **changes})  # type: ignore[arg-type]
        self.documents.append(document)
        self.built.documents[name or key] = document
        return document

    def write(self, catalogue: Catalogue) -> None:
        receipt = write_package(
            self.built.store, self.patient, self.documents, self.payloads, generation=1,
            now=datetime(2026, 11, 23, 4, 0, tzinfo=UTC), software="test 1",
        )  # fmt: skip
        catalogue.record_package(receipt, self.patient, self.documents)


def build_archive(root: Path, work: Path) -> Built:
    """Write the archive, its catalogue and its index."""
    from viewer.search.build import build_index

    work.mkdir(parents=True, exist_ok=True)
    built = Built(ArchiveStore.create(root, INFO))
    with Catalogue.open(built.store, write=True) as catalogue:
        _main_patient(built, work, catalogue)
        _others(built, work, catalogue)
    build_index(built.store)
    return built


def _main_patient(built: Built, work: Path, catalogue: Catalogue) -> None:
    current, old = synthetic_number(17, 5, 1948), synthetic_number(17, 5, 1948, d_number=True)
    patient = _patient(built, "astrid", "Bakkerud", "Astrid Marie", "1948-05-17", current, old)
    make = _Maker(built, work, patient)
    for number, (kind, text, title, date, unit, body) in enumerate(NOTES):
        make.add(f"note-{number}", kind, text, title, date, unit, body)
    make.add("blocked", "NOT", "Journalnotat", "Sperret notat", "2011-05-01", "Psykiatrisk poliklinikk",
             f"Dette er sperret: {BLOCKED_WORD} og pneumoni.", blocked=True)  # fmt: skip
    make.add("draft", "NOT", "Journalnotat", "Uferdig notat", "2016-01-04", "Legekontoret", "Kladd.",
             status=DocumentStatus.DRAFT)  # fmt: skip
    older = document_id(INFO.id, INFO.system_name, "older")
    newer = document_id(INFO.id, INFO.system_name, "newer")
    make.add("older", "EPI", "Epikrise", "Epikrise, første versjon", "2009-09-09", "Medisinsk avdeling",
             "Første versjon.", status=DocumentStatus.SUPERSEDED, replaced_by=newer)  # fmt: skip
    make.add("newer", "EPI", "Epikrise", "Epikrise, rettet versjon", "2009-09-10", "Medisinsk avdeling", "Rettet.",
             replaces=older)  # fmt: skip
    make.add("undated", "NOT", "Journalnotat", "Notat uten gyldig dato", None, "Legekontoret", "Datoen er borte.",
             document_date_source="31.02.1999", flags=(FlagNote(Flag.DATE_INVALID, "document date"),
                                                       FlagNote(Flag.VANISHED_FROM_SOURCE)))  # fmt: skip
    make.add("xss", "NOT", "Journalnotat", XSS_TITLE, "2008-08-08", "Legekontoret",
             '"><img src=x onerror=alert(1)> <script>alert("pneumoni")</script>')  # fmt: skip
    pages = "\f".join(
        f"Side {n}: forløpet er uforandret." + (" Nyresvikt nevnes her." if n == 7 else "") for n in range(1, 10)
    )
    make.add("long", "NOT", "Journalnotat", "Samlet forløp", "2010-10-10", "Legekontoret", pages, weight=1_400_000,
             attachments=3, within={3: 2, 4: 3})  # fmt: skip
    make.add("scan", "BRV", "Brev", "Skannet brev", "2007-07-07", "Legekontoret", "",
             file_flags=(FlagNote(Flag.NO_TEXT),))  # fmt: skip
    make.write(catalogue)
    for key, blocked in (("q1", False), ("q2", False), ("q3", True)):
        bad = work / f"{key}.doc"
        bad.write_bytes(b"broken")
        document = JournalDocument(document_id(INFO.id, INFO.system_name, key), key, patient.id, blocked=blocked,
                                   type_text="Notat i karantene", document_date="2010-01-01")  # fmt: skip
        entry = Quarantined(document, patient.source_key, Reason.CORRUPT, "Broken.",
                            (QuarantinedFile(f"dok/{key}.doc", _sha(b"broken"), 6),))  # fmt: skip
        catalogue.record_quarantined(quarantine.put(built.store, entry, {f"dok/{key}.doc": bad}), patient.id)


def _others(built: Built, work: Path, catalogue: Catalogue) -> None:
    protected = _patient(built, "protected", "Skjerming", "Siv", "1975-02-11", synthetic_number(11, 2, 1975),
                         address_protection=AddressProtection.STRICTLY_CONFIDENTIAL)  # fmt: skip
    make = _Maker(built, work, protected)
    make.add(
        "protected-1",
        "NOT",
        "Journalnotat",
        "Konsultasjon",
        "2012-02-02",
        "Utpostens legekontor",
        "Pneumoni utelukket.",
    )
    make.add("protected-2", "NOT", "Journalnotat", "Kontroll", "2012-03-02", "Fjellbygdas legekontor", "Frisk.")
    make.write(catalogue)
    shared = synthetic_number(3, 3, 1960)
    for key, family in (("twin-a", "Tvilling"), ("twin-b", "Tvillingsen")):
        twin = _patient(built, key, family, "Per", "1960-03-03", shared, flags=(FlagNote(Flag.ID_SHARED),))
        make = _Maker(built, work, twin)
        make.add(f"{key}-1", "NOT", "Journalnotat", "Notat", "2001-01-01", "Legekontoret", f"Gjelder {family}.",
                 notes=True)  # fmt: skip
        make.write(catalogue)
    wrong = _patient(
        built, "wrong", "Ugyldig", "Nummer", "1950-01-01", "01815012345", deceased=True, deceased_date="2015-01-02"
    )
    _Maker(built, work, wrong).write(catalogue)
    for n in range(30):
        many = _patient(
            built, f"many-{n}", "Åsheim", f"Person{n:02}", f"19{n + 50}-06-01", synthetic_number(1, 6, 1950 + n)
        )
        _Maker(built, work, many).write(catalogue)


def _patient(built: Built, key: str, family: str, given: str, born: str, *numbers: str, **changes: object) -> Patient:
    facts: dict[str, object] = {
        "id": patient_id(INFO.id, INFO.system_name, key), "source_key": key, "family_name": family, "given_name": given,
        "identifiers": tuple(classify(n, current=i == 0) for i, n in enumerate(numbers)), "birth_date": born,
        "sex": Sex.FEMALE,
    }  # fmt: skip
    patient = Patient(**{**facts, **changes})  # type: ignore[arg-type]
    built.patients[key] = patient
    return patient


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
