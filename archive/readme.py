"""The plain-text README inside every package: what it is, in Norwegian and English, and how to check it without us."""

from __future__ import annotations

from archive.metadata import PackageIdentity
from archive.store import ArchiveInfo

_TEXT = """\
PASIENTJOURNAL / PATIENT JOURNAL
================================

Pakke / package ............ {package}, generasjon / generation {generation}
Forgjenger / predecessor ... {predecessor}
Fra system / from system ... {system}
Arkivskaper / creator ...... {owner}
Avleveringsavtale /
submission agreement ....... {agreement}

NORSK
Denne pakken inneholder de arkiverte dokumentene i én pasients journal fra et eldre elektronisk journalsystem. Den er
en arkivpakke (AIP) etter E-ARK CSIP 2.1 og innholdstypen eHealth1 2.0.1, i en ukomprimert tar-fil.
  METS.xml                              alle filer med sjekksum (SHA-256)
  metadata/descriptive/journal.xml      pasienten og hvert dokument (skjema: schemas/journal.xsd)
  metadata/preservation/premis.xml      hva som er gjort med hver fil, når, av hva, og med hvilket utfall (PREMIS 3)
  representations/pdfa/data/            dokumentene som PDF/A, data/<dokument-id>/<nummer>.pdf
  representations/original/data/        de samme filene slik de kom fra systemet, byte for byte
  representations/text/data/            teksten i dem, UTF-8
Et vedlegg som ikke lot seg gjøre om til PDF/A, finnes bare slik det kom; journal.xml sier hvorfor.

ENGLISH
This package holds the archived documents of one patient's journal from an old electronic patient record system. It
is an archival information package (AIP) as of E-ARK CSIP 2.1 and the content type eHealth1 2.0.1, in an uncompressed
tar file. METS.xml lists every file with its checksum (SHA-256), each representation having a METS.xml of its own;
journal.xml describes the patient and each document (schema: schemas/journal.xsd); premis.xml says what was done to
each file, when, by what, and how it ended. Each file is there as PDF/A, in its original bytes, and as text;
an attachment that could not be converted is there in its original bytes alone, and journal.xml says why.
A later generation of the same journal is a package of its own and names this one as its predecessor.

KONTROLL / TO CHECK
Utpakket, fra denne mappen / unpacked, from this folder:
  find . -name METS.xml | while read -r m; do
    (cd "$(dirname "$m")" &&
     sed -n 's/.* CHECKSUM="\\([0-9a-f]*\\)".* xlink:href="\\([^"]*\\)".*/\\1  \\2/p' METS.xml |
     sha256sum --quiet -c -) || echo "FEIL / FAULT: $m"
  done
"""

NO_DOCUMENTS = """\
Denne generasjonen av pasientens journal har ingen arkiverte dokumenter.
This generation of the patient's journal holds no archived documents.
"""


def readme(package: PackageIdentity, archive: ArchiveInfo) -> str:
    """The README's text; the same facts always give the same text."""
    owner = f"{archive.owner_name} {archive.owner_number}".strip()
    return _TEXT.format(
        package=package.id,
        generation=package.generation,
        predecessor=package.predecessor or "ingen / none",
        system=_line(f"{archive.system_name} {archive.system_version}"),
        owner=_line(owner) or "ikke oppgitt / not stated",
        agreement=_line(archive.submission_agreement) or "ikke oppgitt / not stated",
    )


def _line(text: str) -> str:
    """One line of printable text."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
