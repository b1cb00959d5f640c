"""Records for tests: made by hypothesis (anything the types allow) or by hand (what a journal looks like)."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from hypothesis import strategies as st

from archive.identifiers import Identifier, IdentifierType, classify, document_id, patient_id
from archive.package import Payload
from archive.reasons import Flag
from archive.record import (
    AddressProtection,
    ArchiveCopy,
    ArchivedFile,
    Attempt,
    Author,
    DocumentStatus,
    FileFormat,
    FileRole,
    FlagNote,
    JournalDocument,
    MessageAct,
    MessageFacts,
    OriginalFile,
    Patient,
    Sex,
    TextCopy,
    Unit,
    Verdict,
)

ARCHIVE = "0a6d3f0e-5f0c-5c55-9d5c-3f2b1f1f7a01"
SYSTEM = "Prøvejournal"

texts = st.text(
    alphabet=st.one_of(st.characters(codec=None), st.sampled_from("_x0041\x00\x1f\r\n\t<&>\"' ")), max_size=12
)
ids = st.uuids().map(str)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
sizes = st.integers(0, 1 << 40)
dates = st.sampled_from(["2004", "2004-04", "2004-04-04", "2004-04-04T13:45:00", "1899-12-31"])
flags = st.lists(st.builds(FlagNote, st.sampled_from(Flag), texts), max_size=2).map(tuple)
extras = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
formats = st.builds(FileFormat, texts, texts, st.none() | texts, texts, texts)
files = st.builds(
    ArchivedFile,
    st.integers(1, 50),
    st.sampled_from(FileRole),
    st.builds(OriginalFile, texts, hashes, sizes, formats),
    st.builds(
        ArchiveCopy,
        hashes,
        sizes,
        texts,
        texts,
        st.integers(0, 9999),
        st.builds(Verdict, texts, texts, texts, st.booleans(), st.lists(texts, max_size=2).map(tuple)),
        st.lists(st.builds(Attempt, texts, texts, texts), max_size=2).map(tuple),
    ),
    st.builds(TextCopy, hashes, sizes),
    flags,
    message=st.none()
    | st.builds(
        MessageFacts,
        texts,
        st.sampled_from(MessageAct),
        st.sampled_from(DocumentStatus),
        st.booleans(),
        st.lists(texts, max_size=2).map(tuple),
        texts,
        st.lists(texts, max_size=2).map(tuple),
        texts,
    ),
)
patients = st.builds(
    Patient,
    ids,
    texts,
    st.lists(
        st.builds(Identifier, texts, st.sampled_from(IdentifierType), st.booleans(), st.booleans(), st.booleans()),
        max_size=3,
    ).map(tuple),
    texts,
    texts,
    st.none() | dates,
    texts,
    st.sampled_from(Sex),
    texts,
    st.none() | dates,
    st.booleans(),
    st.sampled_from(AddressProtection),
    flags,
    extras,
)
documents = st.builds(
    JournalDocument,
    ids,
    texts,
    ids,
    texts,
    texts,
    texts,
    texts,
    st.none() | dates,
    texts,
    st.none() | dates,
    texts,
    st.builds(Author, texts, texts, texts),
    st.builds(Unit, texts, texts, texts),
    texts,
    texts,
    st.sampled_from(DocumentStatus),
    texts,
    st.sampled_from(DocumentStatus),
    texts,
    st.booleans(),
    st.none() | texts,
    st.none() | texts,
    flags,
    extras,
    st.lists(files, max_size=2).map(tuple),
)


def a_patient(key: str = "p1") -> Patient:
    """A synthetic person, with an identifier of today and one of before."""
    return Patient(
        id=patient_id(ARCHIVE, SYSTEM, key),
        source_key=key,
        identifiers=(classify("13826012345"), classify("HJ-00017", current=False)),
        family_name="Prøve-Ærlig",
        given_name="Ola Øystein",
        birth_date="1960-02-13",
        birth_date_source="13.02.60",
        sex=Sex.MALE,
        sex_source="1",
        flags=(FlagNote(Flag.ID_INVALID),),
        extra=(("KOMMUNE", "9999"), ("MERKNAD", "to\r\nlinjer")),
    )


def a_document(
    key: str, patient: Patient, folder: Path, files: int = 1, salt: str = "", **facts: object
) -> tuple[JournalDocument, dict[tuple[str, int], Payload]]:
    """A document with files of unlike formats and sizes, and where their bytes are."""
    id_ = document_id(ARCHIVE, SYSTEM, key)
    archived, payloads = [], {}
    kinds = (
        FileFormat("rtf", "application/rtf", "fmt/355", "rtf", "Rich Text Format"),
        FileFormat("tiff", "image/tiff", "fmt/353", "tif", "Tagged Image File Format"),
        FileFormat("unknown", "application/x-unheard-of", None, "DA T"),
    )
    for seq in range(1, files + 1):
        sources = {}
        for form in ("pdf", "original", "text"):
            path = folder / f"{id_}{salt}-{seq}.{form}"
            body = f"{form} {seq} of {key} {salt} ".encode() * (seq * 700)
            path.write_bytes(b"" if form == "text" and seq == 2 else body)
            sources[form] = path
        fixity = {form: (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_size) for form, p in sources.items()}
        archived.append(
            ArchivedFile(
                seq=seq,
                role=FileRole.MAIN if seq == 1 else FileRole.ATTACHMENT,
                original=OriginalFile(f"DOK/{key} \x07 æøå & <{seq}>.rtf", *fixity["original"], kinds[(seq - 1) % 3]),
                archive_copy=ArchiveCopy(
                    *fixity["pdf"],
                    "2u",
                    "office",
                    seq,
                    Verdict("veraPDF", "1.30.2", "2u", True),
                    (Attempt("pdf-repair", "rejected", "6.2.11.4.1-1"), Attempt("office", "made")),
                ),
                text=TextCopy(*fixity["text"]),
                flags=(FlagNote(Flag.NO_TEXT),) if seq == 2 else (),
            )
        )
        payloads[id_, seq] = Payload(sources["pdf"], sources["original"], sources["text"])
    document = JournalDocument(
        id=id_,
        source_key=key,
        patient_id=patient.id,
        files=tuple(archived),
        **{
            "type_code": "EPI",
            "type_text": "Epikrise",
            "title": f"Utskrivning {key}",
            "document_date": "2004-04-04",
            "author": Author("Kari Prøve", "1234567", "lege"),
            "unit": Unit("S1", "Sone 1"),
            "status": DocumentStatus.SIGNED,
            **facts,
        },  # type: ignore[arg-type]
    )
    return document, payloads


def a_journal(folder: Path, patient: Patient) -> tuple[list[JournalDocument], dict[tuple[str, int], Payload]]:
    """Several documents: with attachments, blocked, with odd characters, of different episodes."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [
        a_document("d1", patient, folder, 3, episode="E-1"),
        a_document("d2", patient, folder, 1, blocked=True, episode="E-2"),
        a_document("d3", patient, folder, 2, title="Odd \x00\x1b \"<&>' _x0041_ \ud800 \u2028 ]]> 漢", episode="E-1"),
        a_document("d4", patient, folder, 1, extra=(("a b", ""), ("", "\t x \n"))),
    ]
    payloads: dict[tuple[str, int], Payload] = {}
    for _, p in made:
        payloads |= p
    return [d for d, _ in made], payloads


def some_uuid(name: str) -> str:
    """A UUID that is always the same for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))
