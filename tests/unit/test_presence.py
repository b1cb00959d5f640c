"""Packages and quarantined bytes that are not as recorded are noticed, by name and size alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from archive import quarantine
from archive.catalogue import Catalogue
from archive.errors import CatalogueInvalidError
from archive.presence import Astray, kept_bytes_astray, packages_astray, require_packages
from archive.record import Quarantined, QuarantinedFile
from archive.store import ArchiveStore
from tests.journals import Journal, make_patient, make_quarantined
from viewer.search.build import build_index


class Held:
    """An archive of twelve patients, the first with two generations."""

    def __init__(self, store: ArchiveStore, folder: Path) -> None:
        self.store = store
        self.places: list[str] = []
        with Catalogue.open(store, write=True) as catalogue:
            for n in range(12):
                journal = Journal(folder, make_patient(str(n)))
                journal.add(f"d{n}")
                for generation in (1, 2)[: 2 if n == 0 else 1]:
                    made = journal.write(store, generation)
                    catalogue.record_package(made, journal.patient, journal.documents)
                    self.places.append(made.path)
        self.places.sort()

    def astray(self) -> list[Astray]:
        with Catalogue.open(self.store) as catalogue:
            return list(packages_astray(self.store, catalogue))

    def path(self, n: int) -> Path:
        return self.store.root / self.places[n]


@pytest.fixture
def held(archive_store: ArchiveStore, tmp_path: Path) -> Held:
    return Held(archive_store, tmp_path / "sources")


def test_packages_in_order_are_not_astray(held: Held) -> None:
    assert held.astray() == []
    (held.path(0).parent / "left.tar.tmp").write_bytes(b"x")
    (held.store.packages / "stray").mkdir()
    assert held.astray() == []


@pytest.mark.parametrize("n", [0, 1, 6, 11, 12])
def test_a_package_that_is_missing_anywhere_is(held: Held, n: int) -> None:
    size = held.path(n).stat().st_size
    held.path(n).unlink()
    assert held.astray() == [Astray(held.places[n], size, None)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content[: len(content) // 2],
        lambda content: b"",
    ],
)
@pytest.mark.parametrize("n", [0, 7, 12])
def test_a_package_of_another_size_is(held: Held, n: int, damage: Callable[[bytes], bytes]) -> None:
    content = held.path(n).read_bytes()
    held.path(n).write_bytes(damage(content))
    assert held.astray() == [Astray(held.places[n], len(content), len(damage(content)))]


def test_a_package_that_is_a_folder_now_is(held: Held) -> None:
    size = held.path(4).stat().st_size
    held.path(4).unlink()
    held.path(4).mkdir()
    (found,) = held.astray()
    assert (found.path, found.recorded) == (held.places[4], size)


@pytest.mark.parametrize("n", [0, 5, 12])
def test_a_package_that_nobody_recorded_is(held: Held, n: int) -> None:
    size = held.path(n).stat().st_size
    with Catalogue.open(held.store, write=True) as catalogue:
        catalogue.connection.execute("DELETE FROM package WHERE path=?", (held.places[n],))
    assert held.astray() == [Astray(held.places[n], None, size)]


def test_one_that_is_recorded_while_it_is_looked_for_is_not(held: Held) -> None:
    with Catalogue.open(held.store, write=True) as catalogue:
        row = tuple(catalogue.connection.execute("SELECT * FROM package WHERE path=?", (held.places[-1],)).fetchone())
        catalogue.connection.execute("DELETE FROM package WHERE path=?", (held.places[-1],))
        looking = packages_astray(held.store, catalogue)
        held.path(0).unlink()
        assert next(looking).path == held.places[0]
        catalogue.connection.execute("INSERT INTO package VALUES(?,?,?,?,?,?,?)", row)
        assert list(looking) == []


def test_all_packages_in_a_folder_that_is_gone_are(held: Held) -> None:
    shutil.rmtree(held.path(3).parent.parent)
    assert {a.path for a in held.astray()} == {p for p in held.places if not (held.store.root / p).exists()}


@pytest.mark.parametrize("how", ["missing", "cut", "unknown"])
def test_an_index_is_not_built_on_a_catalogue_that_is_not_the_packages(held: Held, how: str) -> None:
    build_index(held.store)
    if how == "missing":
        held.path(2).unlink()
    elif how == "cut":
        held.path(2).write_bytes(b"x")
    else:
        with Catalogue.open(held.store, write=True) as catalogue:
            catalogue.connection.execute("DELETE FROM package WHERE path=?", (held.places[2],))
    with pytest.raises(CatalogueInvalidError, match="not that of the packages") as caught:
        build_index(held.store)
    assert "rebuild" in caught.value.remedy
    with pytest.raises(CatalogueInvalidError), Catalogue.open(held.store) as catalogue:
        require_packages(held.store, catalogue)


def put(store: ArchiveStore, folder: Path) -> Quarantined:
    """A quarantined document of three files, two of them with the same bytes."""
    sources = {}
    folder.mkdir()
    for name, content in (("a.rtf", b"abc"), ("b.rtf", b"abc"), ("c.txt", b"12345")):
        sources[name] = folder / name
        sources[name].write_bytes(content)
    entry = make_quarantined(make_patient(), "q")
    object.__setattr__(entry, "files", tuple(QuarantinedFile(name) for name in sources))
    kept = quarantine.put(store, entry, sources)
    with Catalogue.open(store, write=True) as catalogue:
        catalogue.record_quarantined(kept, None)
    return kept


def test_quarantined_bytes_that_are_gone_are_noticed(archive_store: ArchiveStore, tmp_path: Path) -> None:
    kept = put(archive_store, tmp_path / "sources")
    folder = archive_store.quarantine_path(kept.document.id)

    def astray() -> list[tuple[str, int, int]]:
        with Catalogue.open(archive_store) as catalogue:
            return list(kept_bytes_astray(archive_store, catalogue))

    assert astray() == []
    (folder / "incoming.tmp").write_bytes(b"left by a crash")
    stored = folder / str(kept.files[2].stored_as)
    stored.write_bytes(b"123")
    assert astray() == [(kept.document.id, 8, 6)]
    stored.unlink()
    assert astray() == [(kept.document.id, 8, 3)]
    shutil.rmtree(folder)
    assert astray() == [(kept.document.id, 11, 0)]
