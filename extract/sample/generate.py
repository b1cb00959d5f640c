"""Writes the sample: an export in the form of CosDoc's, its mapping, and the truth about every document."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import IO, Any

from archive.errors import SourceUnreadableError, UsageError
from archive.store import disk_full_is_clear
from extract.sample.files import FAMILIES, attachment, file_bytes, file_name
from extract.sample.notes import UNITS, Note, draw_head, phrases, write_note
from extract.sample.people import Person, invalid_ids, missing_ids, person, protected, shared_ids
from extract.sample.plan import DEFAULT_MIX, FIRST_DOCUMENT, Plan, Planned

TYPES = {
    "JN": "Journalnotat",
    "SN": "Sykepleienotat",
    "EP": "Epikrise",
    "HV": "Henvisning",
    "VE": "Vedtak",
    "BR": "Brev inn",
    "PR": "Prøvesvar",
    "IP": "IPLOS-kartlegging",
    "HK": "Helsekort 0-5 år",
    "ML": "PLO-melding",
}
_README = (
    "Syntetisk eksempeluttrekk. Alle personer er oppdiktet.\r\n"
    "Semikolonseparert, Windows-1252, datoer dd.mm.åååå.\r\n"
    "FIL er sti under denne mappen. SPERRET=J betyr sperret av pasienten. STATUS S=signert, U=usignert.\r\n"
    "ADRSPERRE 6=strengt fortrolig, 7=fortrolig. GMLID er tidligere nummer.\r\n"
)
_DOCUMENT_COLUMNS = (
    *("DOKNR", "PASNR", "DOKTYPE", "TITTEL", "DOKDATO", "REGDATO", "FORFATTER", "HPR", "ENHET", "STATUS", "SPERRET"),
    *("ERSTATTER", "FIL"),
)
_PATIENT_COLUMNS = ("PASNR", "FNR", "GMLID", "ETTERNAVN", "FORNAVN", "FODT", "KJONN", "DOD", "ADRSPERRE")
_TITLE_COLUMN = _DOCUMENT_COLUMNS.index("TITTEL")
_TELL_EVERY = 200


@dataclass(slots=True)
class SampleReport:
    """What was written. `expected` counts the documents by what must become of them: `archived`, `any`, or a reason."""

    export: Path
    mapping: Path
    truth: Path
    patients: int
    documents: int
    rows: int = 0
    files: int = 0
    size: int = 0
    expected: Counter[str] = field(default_factory=Counter)

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": "journalarkiv.sample/1",
            "export": str(self.export),
            "mapping": str(self.mapping),
            "truth": str(self.truth),
            "patients": self.patients,
            "documents": self.documents,
            "rows": self.rows,
            "files": self.files,
            "bytes": self.size,
            "expected": dict(sorted(self.expected.items())),
        }

    def to_text(self) -> str:
        """For people."""
        lines = [
            f"{self.patients} synthetic patients, {self.documents} documents in {self.rows} rows,"
            f" {self.files} files of {self.size / 1e6:.1f} MB",
            f"  export   {self.export}",
            f"  mapping  {self.mapping}",
            f"  truth    {self.truth}",
        ]
        lines += [f"{n:9}  {what}" for what, n in self.expected.most_common()]
        return "\n".join(lines)


def generate(
    out: Path,
    *,
    patients: int,
    documents: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    files: bool = True,
    mix: Mapping[str, float] = DEFAULT_MIX,
    entries: int = 1,
) -> SampleReport:
    """Write a synthetic export of any size; the same arguments give the same bytes. Memory does not grow with the size.

    Args:
        out: a new or empty folder; gets export/, mapping.toml and truth.json.
        patients: how many, at least one; all synthetic.
        documents: how many, duplicate rows not counted.
        seed: decides everything that is left to chance.
        progress: called with documents done and documents in all.
        files: False writes the register alone.
        mix: share of each format (keys of `DEFAULT_MIX`), in any unit.
        entries: a note has up to so many dated entries, some 70 words each.

    Raises:
        UsageError: the folder is not empty, or a number makes no sense.
        DiskFullError: no space left.
    """
    if patients < 1 or documents < 0:
        raise UsageError("A sample needs at least one patient and no less than zero documents.")
    unknown = sorted(set(mix) - set(FAMILIES))
    if unknown or sum(mix.values()) <= 0 or min(mix.values()) < 0:
        raise UsageError(f"The mix of formats is wrong{': no such format: ' + ', '.join(unknown) if unknown else ''}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is not an empty folder.", remedy="Give a new folder.")
    plan = Plan(patients=patients, documents=documents, seed=seed, mix=mix)
    report = SampleReport(out / "export", out / "mapping.toml", out / "truth.json", patients, documents)
    try:
        with disk_full_is_clear():
            _Writer(plan, report, files, progress, entries).write()
    except OSError as e:
        raise SourceUnreadableError(f"{out} cannot be written ({e.strerror or type(e).__name__}).") from e
    return report


def mapping_text() -> str:
    """The mapping that reads a sample."""
    return resources.files("extract.sample").joinpath("mapping.toml").read_text(encoding="utf-8")


class _Writer:
    """One writing of a sample."""

    def __init__(
        self,
        plan: Plan,
        report: SampleReport,
        files: bool,
        progress: Callable[[int, int], None] | None,
        entries: int,
    ) -> None:
        self._entries = entries
        self._plan, self._report, self._files, self._progress = plan, report, files, progress
        self._root = report.export
        self._folders: set[str] = set()

    def write(self) -> None:
        self._root.mkdir(parents=True)
        self._report.mapping.write_text(mapping_text(), encoding="utf-8")
        (self._root / "LESMEG.txt").write_bytes(_README.encode("cp1252"))
        self._table("doktype.csv", ("KODE", "TEKST"), [*TYPES.items(), ("XX", "")])
        units = [(u.code, u.name, u.organisation, u.service) for u in UNITS.values()]
        self._table(
            "enhet.csv", ("ENHET", "NAVN", "ORGNR", "TJENESTE"), [*units, ("2199", "Avd. 9 (nedlagt 1998)", "", "")]
        )
        self._table("pasient.csv", _PATIENT_COLUMNS, (_patient_row(p) for p in self._people()))
        with ExitStack() as stack:
            add = self._open_table(stack, "dokument.csv", _DOCUMENT_COLUMNS)
            add_attachment = self._open_table(stack, "vedlegg.csv", ("DOKNR", "LNR", "FIL"))
            truth = stack.enter_context(self._report.truth.open("w", encoding="utf-8"))
            self._write_truth_head(truth)
            first = True
            for start, end in self._plan.blocks():
                for index in range(start, end):
                    fact = self._document(index, add, add_attachment)
                    truth.write(f'{"" if first else ","}\n  "{FIRST_DOCUMENT + index}": {json.dumps(fact)}')
                    first = False
                    if self._progress and (index % _TELL_EVERY == 0 or index + 1 == self._plan.documents):
                        self._progress(index + 1, self._plan.documents)
                self._repeat_rows(start, end, add)
            self._write_orphans()
            self._write_truth_tail(truth)

    def _people(self) -> Iterator[Person]:
        return (person(self._plan.seed, i) for i in range(self._plan.patients))

    def _open_table(self, stack: ExitStack, name: str, columns: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
        file = stack.enter_context((self._root / name).open("w", encoding="cp1252", newline=""))
        add: Callable[[Iterable[Any]], Any] = csv.writer(file, delimiter=";", lineterminator="\r\n").writerow
        add(columns)
        return add

    def _table(self, name: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        with ExitStack() as stack:
            add = self._open_table(stack, name, columns)
            for row in rows:
                add(row)

    def _note(self, document: Planned) -> tuple[Person, Any]:
        index = document.number - FIRST_DOCUMENT
        owner = person(self._plan.seed, document.patient if document.patient is not None else index)
        return owner, draw_head(self._plan.rng(index, "head"), owner)

    def _row(self, document: Planned) -> list[str]:
        index = document.number - FIRST_DOCUMENT
        owner, (genre, title, day, author, unit) = self._note(document)
        trouble = document.trouble
        rng = self._plan.rng(index, "row")
        entered = day + timedelta(days=rng.choice((0, 0, 0, 0, 1, 2)))
        shown = {"date-invalid": "31.02.2003", "date-missing": ""}.get(trouble, f"{day:%d.%m.%Y}")
        unsigned = trouble == "draft"
        known_author = rng.random() < 0.85
        return [
            str(document.number),
            str(owner.number) if document.patient is not None else f"9{document.number}",
            "ZZ" if trouble == "unknown-type" else _type_of(genre, document),
            title,
            shown,
            f"{entered:%d.%m.%Y} {rng.randint(7, 22):02}:{rng.randint(0, 59):02}",
            author.name if known_author else "",
            author.hpr if known_author else "",
            unit.code if rng.random() < 0.97 else "2199",
            "U" if unsigned else "S",
            "J" if trouble == "blocked" else "",
            str(document.replaces or ""),
            file_name(document),
        ]

    def _document(
        self, index: int, add: Callable[[Iterable[Any]], Any], add_attachment: Callable[[Iterable[Any]], Any]
    ) -> dict[str, Any]:
        """Write one document's row and files; what the truth says of it."""
        document = self._plan.at(index)
        add(self._row(document))
        self._report.rows += 1
        fate, content, attachments = document.fate, None, 0
        if self._files:
            owner, head = self._note(document)
            rng = self._plan.rng(index, "file")
            note = write_note(rng, owner, head, planted=self._plan.planted.get(index), entries=self._entries)
            content = file_bytes(document, note, rng)
            if content is not None:
                self._file(file_name(document), content)
            if document.trouble == "attachments":
                attachments = self._attach(document, note, add_attachment)
        elif not fate.row:
            fate = fate._replace(expect="quarantined", code="file-missing")
        fact: dict[str, Any] = {"expect": fate.expect}
        if fate.code:
            fact["code"] = fate.code
        fact["sha256"] = None if content is None else hashlib.sha256(content).hexdigest()
        fact["bytes"] = None if content is None else len(content)
        fact["source"] = document.trouble or ("scanned pdf" if document.scanned else document.family)
        if attachments:
            fact["attachments"] = attachments
        self._report.expected[fate.code or fate.expect] += 1
        return fact

    def _attach(self, document: Planned, note: Note, add: Callable[[Iterable[Any]], Any]) -> int:
        rng = self._plan.rng(document.number - FIRST_DOCUMENT, "attachments")
        count = rng.randint(1, 3)
        for n in range(1, count + 1):
            name = f"vedlegg\\{document.number}_{n}.jpg"
            add((document.number, n, name))
            self._file(name, attachment(note, rng))
        return count

    def _file(self, name: str, content: bytes) -> None:
        folder, _, _ = name.rpartition("\\")
        target = self._root.joinpath(*name.split("\\"))
        if folder not in self._folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        target.write_bytes(content)
        self._report.files += 1
        self._report.size += len(content)

    def _repeat_rows(self, start: int, end: int, add: Callable[[Iterable[Any]], Any]) -> None:
        for index in self._plan.duplicates(start, end):
            document = self._plan.at(index)
            row = self._row(document)
            if document.trouble == "conflicting-rows":
                row[_TITLE_COLUMN] += " (rettet)"
            add(row)
            self._report.rows += 1

    def _write_orphans(self) -> None:
        if not self._files:
            return
        for path in self._plan.orphans():
            self._file(path.replace("/", "\\"), b"{\\rtf1\\ansi Uten rad i registeret: " + path.encode() + b"\\par}")

    def _write_truth_head(self, truth: IO[str]) -> None:
        count, plan = self._plan.patients, self._plan
        truth.write(f'{{\n "seed": {plan.seed},\n "patients": {count},\n "distinct": {plan.documents},\n')
        _list(truth, "invalid_ids", invalid_ids(count))
        _list(truth, "no_id", missing_ids(count))
        _list(truth, "same_id", shared_ids(count))
        _list(truth, "address_protected", protected(count))
        words: dict[str, list[int]] = {}
        for index, word in sorted(plan.planted.items()) if self._files else ():
            words.setdefault(word, []).append(FIRST_DOCUMENT + index)
        truth.write(f' "search": {json.dumps(words, ensure_ascii=False)},\n')
        _list(truth, "orphan_files", plan.orphans() if self._files else ())
        _list(truth, "duplicate_rows", self._repeated("duplicate-row"))
        truth.write(' "documents": {')

    def _write_truth_tail(self, truth: IO[str]) -> None:
        truth.write(f'\n }},\n "rows": {self._report.rows}\n}}\n')

    def _repeated(self, trouble: str) -> Iterator[int]:
        for start, end in self._plan.blocks():
            for index in self._plan.duplicates(start, end):
                if self._plan.at(index).trouble == trouble:
                    yield FIRST_DOCUMENT + index


def _patient_row(p: Person) -> tuple[str, ...]:
    died = f"{p.died:%d.%m.%Y}" if p.died else ""
    birth = f"{p.birth:%d.%m.%Y}"
    return (str(p.number), p.fnr, p.former_id, p.family, p.given, birth, p.sex, died, p.protection)


def _type_of(genre: str, document: Planned) -> str:
    kind: str = phrases()[genre]["type"]
    return "ML" if document.family == "xml" and kind != "EP" else kind


def _list(truth: IO[str], key: str, values: Iterable[Any]) -> None:
    truth.write(f' "{key}": [')
    for n, value in enumerate(values):
        truth.write(("," if n else "") + json.dumps(value, ensure_ascii=False))
    truth.write("],\n")
