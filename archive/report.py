"""The completeness report: what an archive holds, whether it adds up to its source, and the seal over all of it.

A report names no person: documents and patients appear as counts, differences as the archive's own ids. Its plain
form (`to_plain`) is the documented shape `journalarkiv.report/1` (docs/json.md).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from archive import seal
from archive.catalogue import Catalogue
from archive.certificate import render_html
from archive.fidelity.sample import Fidelity
from archive.reconcile import Reconciliation, missing_register, open_register, reconcile_archive
from archive.store import ArchiveInfo, ArchiveStore, write_durably

FORMAT = "journalarkiv.report/1"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the catalogue counts. Sizes in bytes; `packages` are all generations, `current` one per patient;
    `parts` are those of the files that were found within others."""

    packages: int
    current: int
    package_bytes: int
    patients: int
    documents: int
    blocked: int
    files: int
    parts: int
    pages: int
    original_bytes: int
    archive_bytes: int


@dataclass(frozen=True, slots=True)
class Validation:
    """Archive copies with and without a validator's verdict, as the catalogue
    has them. `asked` counts the runs by
    what they were told to validate (`all`, `sample:P`)."""

    judged: int
    unjudged: int
    asked: dict[str, int]


@dataclass(frozen=True, slots=True)
class Seal:
    """The Merkle root over the manifest of all packages; `manifest` is its file name in seals/, "" for none."""

    merkle_root: str
    packages: int
    manifest: str


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """Everything a certificate says. `reconciliation` is None where the work register is gone.

    The counters are by code and name: `quarantined` by reason, `flags` of current documents, files and patients,
    `engines` (validators), `routes` and `flavours` by files, `type_names`
    the source's words for its type codes. `fidelity` is None where no sample was asked for.
    """

    generated: str
    software: str
    archive: ArchiveInfo
    holdings: Holdings
    validation: Validation
    reconciliation: Reconciliation | None
    quarantined: dict[str, int]
    flags: dict[str, int]
    engines: dict[str, int]
    routes: dict[str, int]
    flavours: dict[str, int]
    type_names: dict[str, str]
    seal: Seal
    fidelity: Fidelity | None = None

    @property
    def reconciled(self) -> bool:
        """Whether source and archive add up; false where there is no register to tell."""
        return self.reconciliation is not None and self.reconciliation.balanced

    def to_plain(self) -> dict[str, object]:
        """JSON-ready, in the shape `journalarkiv.report/1`."""
        plain = dataclasses.asdict(dataclasses.replace(self, reconciliation=None))
        plain["reconciliation"] = self.reconciliation and self.reconciliation.to_plain()
        return {"format": FORMAT, "reconciled": self.reconciled, **plain}

    def require_reconciled(self) -> None:
        """Raise where the sums do not meet, or cannot be made.

        Raises:
            NotReconciledError: says what differs.
        """
        if self.reconciliation is None:
            raise missing_register()
        self.reconciliation.require_balanced()


def make_report(
    store: ArchiveStore,
    *,
    now: datetime | None = None,
    fidelity: Callable[[Catalogue], Fidelity] | None = None,
    write: bool = True,
) -> ArchiveReport:
    """Reconcile, count, and seal: writes the manifest, the certificate (JSON) and its HTML into seals/.

    Args:
        store: the archive.
        now: when it is made; the present by default.
        fidelity: draws and compares a sample, where one is wanted (`archive.fidelity.sample.measure`).

        write: without it nothing is written: the seal names no file. For read-only media.

    Raises:
        CatalogueInvalidError: there is no catalogue to count by.
        DiskFullError: no room.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    stamp = moment.strftime("%Y%m%dT%H%M%SZ")
    with contextlib.ExitStack() as stack:
        catalogue = stack.enter_context(Catalogue.open(store))
        register = stack.enter_context(open_register(store)) if store.register.is_file() else None
        # one state of the catalogue for everything that is said
        catalogue.connection.execute("BEGIN")
        if write:
            manifest, root, packages = seal.write_manifest(store, catalogue, stamp)
        else:
            manifest, (root, packages) = None, seal.package_root(catalogue)
        db = catalogue.connection
        report = ArchiveReport(
            generated=moment.isoformat(timespec="seconds"),
            software=f"journalarkiv {metadata.version('journalarkiv')}",
            archive=store.info,
            holdings=_holdings(db),
            validation=_validation(store, db),
            reconciliation=None if register is None else reconcile_archive(store, register, catalogue),
            quarantined=_counts(db, "SELECT reason, count(*) FROM quarantined GROUP BY 1 ORDER BY 1"),
            flags=catalogue.flag_counts(),
            engines=_counts(
                db, "SELECT verdict_engine, count(*) FROM file WHERE verdict_passed NOT NULL GROUP BY 1 ORDER BY 1"
            ),
            routes=_counts(db, "SELECT route, count(*) FROM file WHERE archive_sha256<>'' GROUP BY 1 ORDER BY 1"),
            flavours=_counts(db, "SELECT flavour, count(*) FROM file WHERE archive_sha256<>'' GROUP BY 1 ORDER BY 1"),
            type_names=dict(
                db.execute("SELECT type_code, max(type_text) FROM document GROUP BY 1 ORDER BY 1").fetchall()
            ),
            seal=Seal(root, packages, manifest.name if manifest else ""),
            fidelity=fidelity(catalogue) if fidelity else None,
        )
    if not write:
        return report
    plain = report.to_plain()
    write_durably(html_path(store, report), render_html(plain).encode())
    content = json.dumps(plain, ensure_ascii=False, indent=1).encode() + b"\n"
    # last: a certificate is there only when everything it speaks of is
    write_durably(store.seals / seal.CERTIFICATE.format(stamp=stamp), content)
    return report


def html_path(store: ArchiveStore, report: ArchiveReport) -> Path:
    """Where the certificate for people is."""
    return (store.seals / report.seal.manifest.replace("packages-", "certificate-")).with_suffix(".html")


def _holdings(db: sqlite3.Connection) -> Holdings:
    def one(sql: str) -> tuple[int, ...]:
        return tuple(int(n or 0) for n in db.execute(sql).fetchone())

    packages, current, package_bytes = one("SELECT count(*), sum(current), sum(size) FROM package")
    documents, blocked = one("SELECT count(*), sum(blocked) FROM document")
    files, parts, pages, original_bytes, archive_bytes = one(
        "SELECT count(*), count(part_of), sum(page_count), sum(source_size), sum(archive_size) FROM file"
    )
    (patients,) = one("SELECT count(*) FROM patient")
    return Holdings(
        packages, current, package_bytes, patients, documents, blocked, files, parts, pages, original_bytes,
        archive_bytes,
    )  # fmt: skip


def _validation(store: ArchiveStore, db: sqlite3.Connection) -> Validation:
    judged, unjudged = db.execute(
        "SELECT count(verdict_passed), sum(verdict_passed IS NULL) FROM file WHERE archive_sha256<>''"
    ).fetchone()
    asked: dict[str, int] = {}
    for path in sorted(store.seals.glob("run-*.json")):
        try:
            told = json.loads(path.read_bytes()).get("validate", "all")  # runs before there was a choice
        except (OSError, ValueError, AttributeError):
            continue
        asked[str(told)] = asked.get(str(told), 0) + 1
    return Validation(judged, unjudged or 0, asked)


def _counts(db: sqlite3.Connection, sql: str) -> dict[str, int]:
    return {str(code): int(count) for code, count in db.execute(sql)}
