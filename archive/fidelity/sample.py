"""The fidelity part of the completeness report: some archived files of every route, compared with their originals.

Which files is decided by the seed and the archive alone, so that the same question gives the same answer. Files are
compared in a process of its own: an original that crashes a reader costs its own comparison and nothing else.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import heapq
import multiprocessing
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pypdfium2

from archive.catalogue import Catalogue
from archive.fidelity.compare import Comparison, compare
from archive.identify import MEDIA_TYPES
from archive.normalise.unlock import unlock
from archive.packageread import Span, open_span
from archive.reasons import Flag
from archive.rereading.officetext import office_texts
from archive.rereading.readers import OFFICE_ONLY
from archive.store import ArchiveStore

T = TypeVar("T")

_FAMILIES = {media: family for family, media in MEDIA_TYPES.items()}
_SECONDS = 120.0
_WORST = 5
_AT_ONCE = 40
_COPY = 1 << 20

_CURRENT = """
SELECT f.route, f.media_type, f.document_id, f.seq, p.path, instr(f.flags, ?) > 0,
       f.original_offset, f.original_size, f.pdf_offset, f.pdf_size, f.text_offset, f.text_size
FROM file f JOIN document d ON d.id=f.document_id JOIN package p ON p.patient_id=d.patient_id AND p.current=1
WHERE f.archive_sha256<>''
"""


@dataclass(frozen=True, slots=True)
class Worst:
    """A file to look at: shares and difference 0 to 1, None where not measured."""

    document: str
    seq: int
    words_kept: float | None
    pages: int | None
    copy_pages: int
    difference: float | None


@dataclass(slots=True)
class RouteFidelity:
    """What was found of one route for one kind of original.

    `words` of the originals, `words_kept` on the copies' pages and `text_words_kept` in the stored text, over all
    files; `least_kept` the smallest share of one file. `paged` originals have pages of their own, and `pages_equal`
    copies as many. Differences are of the pages as pictures. `failed` files could not be compared.
    """

    route: str
    family: str
    files: int
    sampled: int = 0
    failed: int = 0
    with_words: int = 0
    words: int = 0
    words_kept: int = 0
    text_words_kept: int = 0
    least_kept: float | None = None
    paged: int = 0
    pages_equal: int = 0
    pictured: int = 0
    difference_mean: float | None = None
    difference_max: float | None = None
    worst: list[Worst] = field(default_factory=list)

    @property
    def share(self) -> float | None:
        """Share of words kept on the pages; None where no original has any."""
        return self.words_kept / self.words if self.words else None

    def add(self, document: str, seq: int, found: Comparison) -> None:
        """Count one file."""
        self.sampled += 1
        kept = None
        if found.on_pages is not None and found.in_text is not None and found.on_pages.words:
            kept = found.on_pages.share
            self.with_words += 1
            self.words += found.on_pages.words
            self.words_kept += found.on_pages.kept
            self.text_words_kept += found.in_text.kept
            self.least_kept = kept if self.least_kept is None else min(kept, self.least_kept)
        if found.pages is not None:
            self.paged += 1
            self.pages_equal += found.pages == found.copy_pages
        if found.difference is not None:
            before = (self.difference_mean or 0.0) * self.pictured
            self.pictured += 1
            self.difference_mean = (before + found.difference) / self.pictured
            self.difference_max = max(found.difference, self.difference_max or 0.0)
        worst = Worst(document, seq, kept, found.pages, found.copy_pages, found.difference)
        if _badness(worst) > 0:
            self.worst = sorted([*self.worst, worst], key=lambda w: (-_badness(w), w.document, w.seq))[:_WORST]


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The sample: `per_route` files were asked for of each route and kind of original, drawn by `seed`."""

    per_route: int
    seed: int
    routes: tuple[RouteFidelity, ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    route: str
    family: str
    document: str
    seq: int
    package: Path
    locked: bool
    original: Span
    pdf: Span
    text: Span

    @property
    def key(self) -> str:
        return f"{self.document}-{self.seq}"


def measure(
    store: ArchiveStore,
    catalogue: Catalogue,
    *,
    per_route: int,
    seed: int = 0,
    passwords: tuple[str, ...] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Fidelity:
    """Compare `per_route` files of each route and kind of original with their originals in the packages.

    An original that was opened with a password is read where that is one of `passwords`; else it tells nothing.

    Raises:
        OSError: a package cannot be read.
    """
    drawn, counts = _draw(store, catalogue, per_route, seed)
    routes = {where: RouteFidelity(*where, files=n) for where, n in sorted(counts.items())}
    done = 0
    with tempfile.TemporaryDirectory(prefix="fidelity-") as temporary, _Bench() as bench:
        folder = Path(temporary)
        for at in range(0, len(drawn), _AT_ONCE):
            batch = drawn[at : at + _AT_ONCE]
            for d in batch:
                _unpack(d, folder)
                if d.locked:
                    bench.unlock(folder, d, passwords)
            wanted = {d.key: (folder / f"{d.key}.bin", d.family) for d in batch if d.family in OFFICE_ONLY}
            texts = office_texts(wanted, folder / "office") if wanted else {}
            for d in batch:
                entry = routes[d.route, d.family]
                found = bench.compare(folder, d, texts.get(d.key))
                if found is None:
                    entry.failed += 1
                else:
                    entry.add(d.document, d.seq, found)
                for suffix in ("bin", "pdf", "txt"):
                    (folder / f"{d.key}.{suffix}").unlink()
                done += 1
                if progress:
                    progress(done, len(drawn))
    return Fidelity(per_route, seed, tuple(routes.values()))


def _draw(
    store: ArchiveStore, catalogue: Catalogue, per_route: int, seed: int
) -> tuple[list[_Drawn], dict[tuple[str, str], int]]:
    """The files with the smallest digests of (seed, file): a sample that needs no second pass nor memory."""
    heaps: dict[tuple[str, str], list[tuple[int, str, _Drawn]]] = {}
    counts: dict[tuple[str, str], int] = {}
    for row in catalogue.connection.execute(_CURRENT, (f'"{Flag.OPENED_WITH_PASSWORD.value}"',)):
        route, media, document, seq, path, locked, *numbers = tuple(row)
        where = (route, _FAMILIES.get(media, media))
        counts[where] = counts.get(where, 0) + 1
        number = int.from_bytes(hashlib.sha256(f"{seed}/{document}/{seq}".encode()).digest()[:8], "big")
        heap = heaps.setdefault(where, [])
        if len(heap) == per_route and -number <= heap[0][0]:
            continue
        spans = [Span(*numbers[i : i + 2]) for i in (0, 2, 4)]
        item = (-number, f"{document}-{seq}", _Drawn(*where, document, seq, store.root / path, bool(locked), *spans))
        if len(heap) < per_route:
            heapq.heappush(heap, item)
        elif heap:
            heapq.heapreplace(heap, item)
    return [d for where in sorted(heaps) for _, _, d in sorted(heaps[where], key=lambda i: (-i[0], i[1]))], counts


def _unpack(drawn: _Drawn, folder: Path) -> None:
    for suffix, span in (("bin", drawn.original), ("pdf", drawn.pdf), ("txt", drawn.text)):
        with open_span(drawn.package, span) as source, (folder / f"{drawn.key}.{suffix}").open("wb") as target:
            while chunk := source.read(_COPY):
                target.write(chunk)


class _Bench:
    """The process that compares; replaced when it dies or does not answer."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def compare(self, folder: Path, drawn: _Drawn, words: str | None) -> Comparison | None:
        return self._ask(_compare, str(folder), drawn.key, drawn.family, words)

    def unlock(self, folder: Path, drawn: _Drawn, passwords: tuple[str, ...]) -> None:
        """Put an original as it is without its password in its place, where one of these opens it."""
        self._ask(_unlock, str(folder), drawn.key, passwords)

    def _ask(self, work: Callable[..., T], *arguments: object) -> T | None:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        try:
            return self._pool.submit(work, *arguments).result(_SECONDS)
        except (BrokenProcessPool, concurrent.futures.TimeoutError):
            self._end()
            return None

    def _end(self) -> None:
        if self._pool is not None:
            processes = list(
                (self._pool._processes or {}).values()
            )  # there is no public way to end a process that hangs
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.join(1)
                if process.is_alive():
                    process.kill()
                    process.join()
            self._pool = None


def _compare(folder: str, key: str, family: str, words: str | None) -> Comparison | None:
    """In the comparing process."""
    base = Path(folder)
    text = (base / f"{key}.txt").read_text(encoding="utf-8", errors="replace")
    warnings.simplefilter("ignore")  # libraries warn about the files they read, and may quote them
    with contextlib.suppress(pypdfium2.PdfiumError, RecursionError, MemoryError):
        return compare(base / f"{key}.bin", family, base / f"{key}.pdf", text, source_words=words)
    return None


def _unlock(folder: str, key: str, passwords: tuple[str, ...]) -> None:
    """In the comparing process."""
    locked, opened = Path(folder) / f"{key}.bin", Path(folder) / f"{key}.open"
    warnings.simplefilter("ignore")
    try:
        unlock(locked, opened, passwords)
        opened.replace(locked)
    except Exception:  # whatever a library finds wrong with it: it stays locked, and tells nothing
        opened.unlink(missing_ok=True)


def _badness(worst: Worst) -> float:
    lost = 0.0 if worst.words_kept is None else 1 - worst.words_kept
    pages = 1.0 if worst.pages is not None and worst.pages != worst.copy_pages else 0.0
    return lost + pages + (worst.difference or 0.0) / 10
