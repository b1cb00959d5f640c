"""Writes and reads one patient's package: an E-ARK AIP (CSIP 2.1, eHealth1) in an uncompressed tar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from archive.record import JournalDocument, Patient


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes inside a package's tar: the payload of one member, without its header."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Payload:
    """Where the bytes of one archived file come from: a file, or a span of the previous generation's tar."""

    pdf: Path | Span
    original: Path | Span
    text: Path | Span


@dataclass(frozen=True, slots=True)
class FileSpans:
    """Where the three copies of one archived file are in the package written."""

    pdf: Span
    original: Span
    text: Span


@dataclass(frozen=True, slots=True)
class PackageReceipt:
    """What was written. `path` is relative to the archive root (POSIX); `spans` by (document id, file seq)."""

    package_id: str
    patient_id: str
    generation: int
    path: str
    sha256: str
    size: int
    spans: Mapping[tuple[str, int], FileSpans] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PackageContents:
    """What a package on disk says of itself."""

    package_id: str
    generation: int
    patient: Patient
    documents: tuple[JournalDocument, ...]
    spans: Mapping[tuple[str, int], FileSpans]
    predecessor: str | None = None
