"""Sequences of exports, stops and retries by chance, against a small model of docs/internals/states.md.

Each sequence is made of its seed alone. Every export has a folder of its own; a stop is followed by whatever chance
says, and judged after the first command that ends. What OCR, `rebuild` and `index` do in between must change nothing
of what holds.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import archive.store
import extract.incoming
from archive import quarantine
from archive.catalogue import Catalogue
from archive.identifiers import document_id, package_id, patient_id
from archive.package import Payload, read_package, write_package
from archive.reasons import Flag, Reason
from archive.rebuild import rebuild
from archive.reconcile import DifferenceCode, reconcile_store
from archive.record import FlagNote
from archive.verify import Level, verify
from extract.register import Register
from tests.fake_run import Bench
from tests.fake_source import ARCHIVE_ID, SYSTEM, FakeSource

NUMBERS = ("14879012315", "16866924087", "03882378401", "03882378402")
KINDS = (
    *("new", "title", "block", "bytes", "bytes", "bytes", "move", "rows", "settle", "exclude", "remove"),
    *("person", "conflict"),
)
FAULTY = ("bad", "nobody", "conflict", "two")


@dataclass
class Row:
    """A document in the old system. `rows`: how its rows look (`one`, or one of `FAULTY`)."""

    patient: str
    file: str
    title: str = ""
    blocked: bool = False
    excluded: bool = False
    rows: str = "one"
    replaces: str = ""


@dataclass
class Known:
    """What must be known of a document."""

    row: Row | None = None
    content: bytes | None = None
    patient: str = ""
    held: tuple[str, bytes] | None = None
    """Title and bytes."""
    same_as: object = None
    """Row and bytes of the version worked last."""
    blocked: bool = False
    waiting: str = ""
    vanished: bool = False


class Stopped(BaseException):
    """A kill, as far as one process can tell."""


@dataclass
class World:
    """The old system, the archive, and the model."""

    bench: Bench
    rng: random.Random
    rows: dict[str, Row] = field(default_factory=dict)
    patients: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Number, and whether his rows conflict."""
    files: dict[str, bytes] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    persons: dict[str, dict[str, Any]] = field(default_factory=dict)
    n: int = 0
    stopped: bool = False
    unread: bool = False
    """The newest export was not read to its end."""
    packages: dict[str, str] = field(default_factory=dict)

    # --- changes ---------------------------------------------------------------------------------------------------

    def fresh(self) -> int:
        self.n += 1
        return self.n

    def content(self) -> bytes | None:
        n = self.fresh()
        return self.rng.choice([b"notat %d" % n] * 6 + [b"BAD corrupt %d" % n, None])

    def new_document(self) -> None:
        key, name = f"d{self.fresh()}", f"{self.fresh()}.txt"
        self.put(name, self.content())
        row = Row(self.rng.choice(["1", "2", "3", "9"]), name, f"T{self.fresh()}", self.rng.random() < 0.3)
        if self.rng.random() < 0.2 and self.rows:
            row.replaces = self.rng.choice(sorted(self.rows))
        self.rows[key] = row

    def put(self, name: str, content: bytes | None) -> None:
        if content is None:
            self.files.pop(name, None)
        else:
            self.files[name] = content

    def change(self) -> None:
        r = self.rng
        kind = r.choice(KINDS)
        keys = sorted(self.rows)
        row = self.rows[r.choice(keys)] if keys else None
        if kind == "new" or row is None:
            self.new_document()
        elif kind == "title":
            row.title = f"T{self.fresh()}"
        elif kind == "block":
            row.blocked = not row.blocked
        elif kind == "bytes":
            self.put(row.file, self.content())
        elif kind == "move" and not self.stopped:
            row.patient = r.choice(["1", "2", "3", "9"])
        elif kind == "rows":
            row.rows, row.excluded = r.choice(FAULTY), False
        elif kind == "settle":
            row.rows, row.excluded = "one", False
        elif kind == "exclude" and row.rows == "one":
            row.excluded = True
        elif kind == "remove":
            del self.rows[r.choice(keys)]
        elif self.stopped:
            pass  # what was said of persons when a run stopped is what it is judged by
        elif kind == "person":
            self.patients[r.choice(["1", "2", "3", "9"])] = (r.choice(NUMBERS), False)
        elif kind == "conflict":
            key = r.choice(sorted(self.patients))
            self.patients[key] = (self.patients[key][0], not self.patients[key][1])

    # --- exports ---------------------------------------------------------------------------------------------------

    def deliver(self, *, delta: bool) -> tuple[list[str], list[str]]:
        """Write an export in a folder of its own; the documents and patients in it."""
        source = FakeSource(self.bench.source.root.with_name(f"export{self.fresh()}"))
        source.root.mkdir()
        documents = [k for k in sorted(self.rows) if not delta or self.rng.random() < 0.5]
        patients = [k for k in sorted(self.patients) if not delta or (not self.stopped and self.rng.random() < 0.5)]
        for key in patients:
            number, conflicting = self.patients[key]
            source.patient_rows.append((key, number))
            if conflicting:
                source.patient_rows.append((key, NUMBERS[(NUMBERS.index(number) + 1) % 4]))
        for key in documents:
            row = self.rows[key]
            facts: dict[str, object] = {"title": row.title, "blocked": row.blocked, "replaces": row.replaces}
            if row.excluded:
                facts["excluded"] = "rule"
            patient = row.patient
            if row.rows in ("bad", "nobody"):
                facts = {"problem": Reason.BAD_ROW}
                patient = "" if row.rows == "nobody" else patient
            source.document_rows.append((key, patient, (row.file,), facts))
            if row.rows == "conflict":
                source.document_rows.append((key, patient, (row.file,), {**facts, "title": "annen"}))
            elif row.rows == "two":
                other = {"1": "2", "2": "1", "3": "1", "9": "3"}[patient]
                source.document_rows.append((key, other, (row.file,), facts))
            if row.file in self.files:
                source.write(row.file, self.files[row.file])
        self.bench.source = source
        return documents, patients

    # --- the model -------------------------------------------------------------------------------------------------

    def said(self, documents: list[str], patients: list[str], *, delta: bool) -> None:
        for key in patients:
            number, conflicting = self.patients[key]
            person = self.persons.setdefault(key, {"clear": False})
            person |= {"conflicting": conflicting, "vanished": False}
            if not conflicting:
                person |= {"clear": True, "number": number}
        for key in documents:
            row = replace(self.rows[key])
            k = self.known.setdefault(key, Known())
            nobody = not row.excluded and row.rows in ("nobody", "two")
            patient = (k.patient if k.held else "") if nobody else row.patient
            if patient != k.patient:
                k.held, k.same_as, k.waiting = None, None, ""
            k.patient, k.row, k.content, k.vanished = patient, row, self.files.get(row.file), False
            self.settle(k)
        if not delta:
            for known, there in ((self.known, documents), (self.persons, patients)):
                for key in known.keys() - set(there):  # type: ignore[attr-defined]
                    if isinstance(entry := known[key], Known):  # type: ignore[index]
                        entry.vanished = True
                    else:
                        entry["vanished"] = True

    def settle(self, k: Known, *, again: bool = False) -> None:
        assert k.row is not None
        version = (replace(k.row), k.content)
        if k.row.excluded:
            if not k.held:
                k.waiting, k.same_as = "", None
            k.blocked = k.blocked or k.row.blocked
            return
        wrong = self.wrong(k)
        if k.held and wrong == "conflicting-patient" and k.same_as == version and not again:
            return
        k.same_as = version
        if wrong:
            k.waiting = wrong
            if k.row.rows not in ("bad", "nobody"):
                k.blocked = k.blocked or k.row.blocked
        else:
            assert k.content is not None
            k.held, k.waiting, k.blocked = (k.row.title, k.content), "", k.row.blocked

    def wrong(self, k: Known) -> str:
        assert k.row is not None
        if k.row.rows != "one":
            return "bad-row" if k.row.rows in ("bad", "nobody") else "conflicting-rows"
        person = self.persons.get(k.patient)
        if person is None:
            return "unknown-patient"
        if person["conflicting"]:
            return "conflicting-patient"
        if k.content is None:
            return "file-missing"
        return "corrupt" if k.content.startswith(b"BAD") else ""

    def retried(self) -> None:
        for k in self.known.values():
            if k.waiting:
                self.settle(k, again=True)

    # --- steps -----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            self.change()
        kind = self.rng.choice(["delta", "retry"] if self.stopped else ["whole", "whole", "delta", "delta", "retry"])
        stop = self.rng.choice(["", "", "", "reading", "registered", "working"])
        if kind == "retry":
            with self.stop(stop):
                self.bench.retry()
            self.retried()
        else:
            delta = kind == "delta"
            documents, patients = self.deliver(delta=delta)
            self.unread = False
            with self.stop(stop):
                self.bench.run(delta=delta, register_only=stop == "registered")
            if self.stopped and not self.was_read():
                self.stopped = False
                self.unread = self.rng.random() < 0.5
                if self.unread:
                    return  # something else comes next
                self.bench.run(delta=delta)
            self.said(documents, patients, delta=delta)
        if stop == "registered" and kind != "retry":
            self.stopped = True
        if not self.stopped:
            self.between()
            self.judge()

    def was_read(self) -> bool:
        with Register(self.bench.store.register) as register:
            newest = register.latest_export()
            return newest is not None and newest.root == self.bench.source.root.resolve()

    @contextlib.contextmanager
    def stop(self, kind: str) -> Any:
        """Let what is run inside stop, if it gets as far."""
        self.stopped = False
        left = self.rng.randint(1, 4)

        def stopping(*_: object, **__: object) -> None:
            raise Stopped

        def publish(temporary: Path, final: Path) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Stopped
            whole(temporary, final)

        whole = archive.store.publish
        with pytest.MonkeyPatch.context() as patch:
            if kind == "reading":
                patch.setattr(extract.incoming, "merge", stopping)
            elif kind == "working":
                for module in ("archive.store", "archive.package", "archive.quarantine"):
                    patch.setattr(f"{module}.publish", publish, raising=False)
            try:
                yield
            except Stopped:
                self.stopped = True

    def between(self) -> None:
        """What others do with the archive: it changes nothing that is judged."""
        what = self.rng.choice(["", "", "rebuild", "ocr"])
        if what == "rebuild":
            rebuild(self.bench.store)
        elif what == "ocr":
            self.as_ocr_does()

    def as_ocr_does(self) -> None:
        """A generation of a patient's package that no run has written."""
        store = self.bench.store
        with Catalogue.open(store, write=True) as catalogue:
            rows = catalogue.connection.execute("SELECT patient_id, path, generation FROM package WHERE current")
            rows = [r for r in rows.fetchall() if read_package(store.root / r["path"]).documents]
            if not rows:
                return
            chosen = self.rng.choice(sorted(rows, key=lambda r: str(r["path"])))
            path = store.root / chosen["path"]
            held = read_package(path)
            note = FlagNote(Flag.OCR_TEXT, f"{self.fresh()}")
            first = held.documents[0]
            files = tuple(replace(f, flags=(*f.flags, note)) for f in first.files)
            documents = (replace(first, files=files), *held.documents[1:])
            spans = {k: Payload(s.pdf, s.original, s.text) for k, s in held.spans.items()}
            from datetime import UTC, datetime

            receipt = write_package(
                store, held.patient, documents, spans, generation=chosen["generation"] + 1, now=datetime.now(UTC),
                previous=path, work=store.root / "ocr",
            )  # fmt: skip
            catalogue.record_package(receipt, held.patient, sorted(documents, key=lambda d: d.id))

    # --- judging ---------------------------------------------------------------------------------------------------

    def judge(self) -> None:
        store = self.bench.store
        differences = {d.code for d in reconcile_store(store).differences}
        assert differences == ({DifferenceCode.REGISTRATION} if self.unread else set())
        now = self.bench.packages()
        assert self.packages.items() <= now.items(), "an older package was touched"
        self.packages = now
        with Catalogue.open(store) as catalogue:
            assert not list(verify(store, level=Level.HASHES).findings)
            before = catalogue.digest()
        rebuild(store)
        with Catalogue.open(store) as catalogue:
            assert catalogue.digest() == before, "rebuild answers otherwise"
            current = {
                r["source_key"]: read_package(store.root / r["path"])
                for r in catalogue.connection.execute(
                    "SELECT t.source_key, p.path FROM package p JOIN patient t ON t.package_id=p.id"
                )
            }
        shown = [(key, d) for key, package in current.items() for d in package.documents]
        assert sorted((d.source_key, key) for key, d in shown) == sorted(
            (key, k.patient) for key, k in self.known.items() if k.held
        )
        for _, d in shown:
            k = self.known[d.source_key]
            assert k.held is not None
            title, content = k.held
            assert (d.title, [f.original.sha256 for f in d.files]) == (title, [hashlib.sha256(content).hexdigest()])
            flags = {n.code for n in d.flags}
            assert (Flag.VANISHED_FROM_SOURCE in flags) is k.vanished, d.source_key
            assert (Flag.NEWER_VERSION_REJECTED in flags) is bool(k.waiting), d.source_key
            assert d.blocked is k.blocked, d.source_key
        for key, k in self.known.items():
            folder = store.quarantine_path(document_id(ARCHIVE_ID, SYSTEM, key))
            assert folder.is_dir() is bool(k.waiting), (key, k)
            if k.waiting:
                entry = quarantine.get(store, folder.name)
                assert entry.reason.value == k.waiting or k.held, (key, k)
                kept = {p.read_bytes() for p in folder.iterdir() if p.name != "reason.json"}
                assert k.content is None or k.content in kept, (key, k)
        for key, person in self.persons.items():
            if not person["clear"] or person["conflicting"]:
                continue
            package = current[key]
            assert [i.value for i in package.patient.identifiers] == [person["number"]]
            flags = {n.code for n in package.patient.flags}
            assert (Flag.VANISHED_FROM_SOURCE in flags) is person["vanished"]
            others = [p for k, p in self.persons.items() if k != key]
            if not any(p["conflicting"] for p in others):
                shared = any(p["number"] == person["number"] for p in others)
                assert (Flag.ID_SHARED in flags) is shared

    def whole(self) -> None:
        self.unread = False
        documents, patients = self.deliver(delta=False)
        self.bench.run()
        self.said(documents, patients, delta=False)
        self.judge()

    def same_again(self) -> None:
        """The same export once more: nothing changes."""
        self.bench.run(delta=True)
        assert self.bench.packages() == self.packages and self.bench.normaliser.seen == []


def play(root: Path, seed: str, steps: int) -> None:
    root.mkdir(exist_ok=True)
    world = World(Bench(root), random.Random(seed))
    world.patients = {key: (NUMBERS[n], False) for n, key in enumerate("123")}
    for _ in range(5):
        world.new_document()
    world.whole()
    for _ in range(steps):
        world.step()
    if world.stopped:
        world.bench.retry()
        world.retried()
        world.stopped = False
    world.whole()
    world.same_again()
    with Register(world.bench.store.register) as register:
        assert not register.connection.execute("SELECT 1 FROM document WHERE last_seen>worked OR again").fetchone()
    assert package_id(patient_id(ARCHIVE_ID, SYSTEM, "1"), 1)


@pytest.mark.parametrize("seed", range(4))
def test_sequences_by_chance_end_as_the_model_says(tmp_path: Path, seed: int) -> None:
    play(tmp_path, f"few/{seed}", 6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_many_sequences_by_chance_end_as_the_model_says(tmp_path: Path, seed: int) -> None:
    play(tmp_path, f"many/{seed}", 12)
