"""Holds one package against everything it says of itself: tar, METS, journal.xml and PREMIS.

The tar is read once, forward; memory holds its XML files and one hash per member. Nothing here trusts the code that
wrote the package: METS and PREMIS are read anew, so a fault of the writer is a finding too.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote

from lxml import etree

from archive.errors import JournalarkivError
from archive.findings import FindingCode, Findings
from archive.fixity import HashingReader
from archive.layout import JOURNAL, ROOT_METS
from archive.layout import PREMIS as PREMIS_FILE
from archive.package import PackageContents, Span, read_package
from archive.reasons import DocumentProblem, Flag
from schemas import schema_path

METS = "{http://www.loc.gov/METS/}"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
PREMIS = "{http://www.loc.gov/premis/v3}"
_DOCUMENT_FILE = re.compile(r"representations/[^/]+/data/[^/]+/")
_CHUNK = 1 << 20
_TAR_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a package's tar, as measured. `offset` is where its bytes begin."""

    sha256: str
    size: int
    offset: int


@dataclass(slots=True)
class Measured:
    """A package as it lies on disk. `members` and `xml` by path below the package's folder; `fault` where reading
    the tar ended early. `sha256` is that of the whole file in any case."""

    sha256: str = ""
    size: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    xml: dict[str, bytes] = field(default_factory=dict)
    fault: str | None = None


def measure(path: Path) -> Measured:
    """Read a package once and hash it, whole and member by member.

    Raises:
        OSError: the file cannot be read.
    """
    result = Measured()
    prefix = path.name.removesuffix(".tar") + "/"
    with path.open("rb") as raw:
        reader = HashingReader(raw)
        try:
            with tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|", bufsize=_CHUNK) as tar:
                for info in tar:
                    _take(tar, info, prefix, result)
        except (tarfile.TarError, EOFError, ValueError, UnicodeError) as e:
            result.fault = f"The tar cannot be read to its end: {e}."
        reader.drain()
        result.sha256, result.size = reader.hexdigest(), reader.position
    if result.fault is None and result.size % _TAR_BLOCK:
        result.fault = "The tar does not end with a whole block."
    return result


def _take(tar: tarfile.TarFile, info: tarfile.TarInfo, prefix: str, result: Measured) -> None:
    if info.isdir():
        return
    name = info.name.removeprefix(prefix)
    if not info.isreg() or name == info.name or name in result.members or posixpath.normpath(name) != name:
        raise tarfile.ReadError(f"member {len(result.members) + 1} is not a file of this package")
    content = tar.extractfile(info)
    if content is None:
        raise tarfile.ReadError(f"member {len(result.members) + 1} has no content")
    digest = hashlib.sha256()
    kept = bytearray()
    is_xml = name.endswith(".xml") and "/data/" not in name
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
        if is_xml:
            kept += chunk
    result.members[name] = Member(digest.hexdigest(), info.size, info.offset_data)
    if is_xml:
        result.xml[name] = bytes(kept)


def parse(xml: bytes) -> etree._Element:
    """Parse XML without entities, network or limits that a big journal would meet.

    Raises:
        etree.XMLSyntaxError: it is not well-formed.
    """
    return etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))


@dataclass(frozen=True, slots=True)
class Reference:
    """A file a METS names: path below the package's folder, hash (lower-case hex) and size as it says."""

    path: str
    sha256: str
    size: int


def references(mets: etree._Element, folder: str) -> Iterator[Reference]:
    """Every file and metadata file a METS names. `folder` is where the METS itself lies, below the package's.

    Raises:
        ValueError: an entry has no usable hash, size or link.
    """
    for element in mets.iter(f"{METS}file", f"{METS}mdRef"):
        link = element if element.tag == f"{METS}mdRef" else element.find(f"{METS}FLocat")
        href = None if link is None else link.get(XLINK_HREF)
        if href is None or element.get("CHECKSUMTYPE") != "SHA-256":
            raise ValueError("an entry has no link or no SHA-256")
        path = posixpath.normpath(posixpath.join(folder, unquote(href)))
        yield Reference(path, (element.get("CHECKSUM") or "").lower(), int(element.get("SIZE") or "-1"))


def check_package(path: Path, place: str, measured: Measured, findings: Findings) -> PackageContents | None:
    """Hold a measured package against its METS, journal.xml and PREMIS.

    Args:
        path: the package.
        place: what to call it in findings.
        measured: what `measure` gave for it.
        findings: where to put what is wrong.

    Returns:
        What the package says it holds, None where it cannot be read.
    """
    if measured.fault is not None:
        findings.add(FindingCode.PACKAGE_STRUCTURE, place, measured.fault)
    _check_mets(place, measured, findings)
    _check_premis(place, measured, findings)
    try:
        contents = read_package(path)
    except (JournalarkivError, DocumentProblem, OSError, ValueError, KeyError, TypeError, etree.LxmlError) as e:
        findings.add(FindingCode.PACKAGE_STRUCTURE, place, str(e))
        return None
    _check_journal(place, contents, measured, findings)
    return contents


def check_schema(place: str, measured: Measured, findings: Findings) -> None:
    """Validate journal.xml against our schema (not against the copy of it in the package)."""
    for name, xml in measured.xml.items():
        if name != JOURNAL:
            continue
        schema = _journal_schema()
        try:
            if not schema.validate(parse(xml)):
                # the message itself may quote the journal
                detail = "; ".join(f"line {e.line}: {e.type_name}" for e in cast(Any, schema.error_log))[:200]
                findings.add(FindingCode.JOURNAL_SCHEMA, f"{place}/{name}", detail)
        except etree.LxmlError:
            findings.add(FindingCode.JOURNAL_SCHEMA, f"{place}/{name}", "It is not well-formed.")


@lru_cache(maxsize=1)
def _journal_schema() -> etree.XMLSchema:
    return etree.XMLSchema(parse(schema_path("journal.xsd").read_bytes()))


def journal_is_intact(measured: Measured) -> bool:
    """Whether journal.xml is, byte for byte, the one the package's METS names."""
    try:
        named = references(parse(measured.xml[ROOT_METS]), "")
        stated = next((r for r in named if r.path == JOURNAL), None)
        held = measured.members[JOURNAL]
    except (etree.LxmlError, ValueError, KeyError):
        return False
    return stated is not None and (stated.sha256, stated.size) == (held.sha256, held.size)


def _check_mets(place: str, measured: Measured, findings: Findings) -> None:
    named = {ROOT_METS}
    waiting = [ROOT_METS]
    while waiting:
        mets = waiting.pop()
        if mets not in measured.xml:
            findings.add(FindingCode.FILE_MISSING, f"{place}/{mets}")
            continue
        try:
            found = list(references(parse(measured.xml[mets]), posixpath.dirname(mets)))
        except (etree.LxmlError, ValueError) as e:
            findings.add(FindingCode.PACKAGE_STRUCTURE, f"{place}/{mets}", str(e))
            continue
        for reference in found:
            if reference.path in named:
                findings.add(FindingCode.PACKAGE_STRUCTURE, f"{place}/{reference.path}", "It is named twice.")
                continue
            named.add(reference.path)
            if posixpath.basename(reference.path) == ROOT_METS and "/data/" not in reference.path:
                waiting.append(reference.path)
            member = measured.members.get(reference.path)
            if member is None:
                findings.add(FindingCode.FILE_MISSING, f"{place}/{reference.path}")
            elif (member.sha256, member.size) != (reference.sha256, reference.size):
                findings.add(FindingCode.FILE_HASH, f"{place}/{reference.path}")
    for name in sorted(measured.members.keys() - named):
        findings.add(FindingCode.FILE_UNKNOWN, f"{place}/{name}")


def _check_premis(place: str, measured: Measured, findings: Findings) -> None:
    """PREMIS describes every document's files, each by its path, hash and size, and no other."""
    waiting = {name for name in measured.members if _DOCUMENT_FILE.match(name)}
    try:
        root = parse(measured.xml.get(PREMIS_FILE, b""))
        for described in root.iter(f"{PREMIS}object"):
            facts = described.find(f"{PREMIS}objectCharacteristics")
            if facts is None:  # the package itself
                continue
            path = described.findtext(f"{PREMIS}objectIdentifier/{PREMIS}objectIdentifierValue") or ""
            member = measured.members.get(path)
            stated = (
                facts.findtext(f"{PREMIS}fixity/{PREMIS}messageDigest"),
                int(facts.findtext(f"{PREMIS}size") or "-1"),
            )
            if path not in waiting or member is None or (member.sha256, member.size) != stated:
                findings.add(FindingCode.PREMIS_MISMATCH, f"{place}/{path}")
            waiting.discard(path)
    except (etree.LxmlError, ValueError) as e:
        findings.add(FindingCode.PREMIS_MISMATCH, f"{place}/{PREMIS_FILE}", str(e))
    for path in sorted(waiting):
        findings.add(FindingCode.PREMIS_MISMATCH, f"{place}/{path}", "PREMIS does not describe it.")


def _check_journal(place: str, contents: PackageContents, measured: Measured, findings: Findings) -> None:
    by_offset = {m.offset: m for m in measured.members.values() if m.size}

    def same(span: Span, sha256: str, size: int) -> bool:
        if span.size == 0:
            return size == 0 and sha256 == hashlib.sha256().hexdigest()
        return by_offset.get(span.offset) == Member(sha256, size, span.offset) and span.size == size

    for d in contents.documents:
        for f in d.files:
            subject = f"{place}/{d.id}/{f.seq}"
            spans = contents.spans.get((d.id, f.seq))
            if spans is None:
                findings.add(FindingCode.JOURNAL_MISMATCH, subject, "The package does not hold it.")
                continue
            if f.part_of is not None and not any(g.seq == f.part_of < f.seq for g in d.files):
                findings.add(FindingCode.JOURNAL_MISMATCH, subject, "It is part of a file that is not there.")
            for name, span, stated in (
                ("archive copy", spans.pdf, f.archive_copy),
                ("original", spans.original, f.original),
                ("text", spans.text, f.text),
            ):
                if (span is None) != (stated is None):
                    findings.add(FindingCode.JOURNAL_MISMATCH, subject, f"The {name} is not described as it is.")
                elif span is not None and stated is not None and not same(span, stated.sha256, stated.size):
                    findings.add(FindingCode.JOURNAL_MISMATCH, subject, f"The {name} has another hash or size.")
            copy, told = f.archive_copy, any(n.code is Flag.FILE_NOT_CONVERTED for n in f.flags)
            if (copy is None) != (f.text is None) or (copy is None and (f.seq == 1 or not told)):
                findings.add(FindingCode.JOURNAL_MISMATCH, subject, "It has no archive copy, and nothing says why.")
            verdict = None if copy is None else copy.verdict
            if copy and verdict and (not verdict.passed or verdict.flavour != copy.flavour):
                findings.add(FindingCode.VERDICT_MISSING, subject)
