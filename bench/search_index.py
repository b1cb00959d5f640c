"""How fast documents are indexed and searched, beside Whoosh's own writer over the same documents.

    python -m bench.search_index [--documents 20000]

Invented notes, 252 words on average, vocabulary and word frequencies as in running text. Each writer runs in a process
of its own. `whoosh` is Whoosh as it comes (its Norwegian analyser and writer), `whoosh-ours` its writer with our
analysis, `ours` what the product does.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import click

from bench.measure import machine, run

_SYLLABLES = ("ka", "ne", "ri", "to", "sel", "bro", "fje", "mun", "gra", "vis", "høy", "lån", "pæ", "ter", "ing", "het")
_PER_PATIENT = 50


def notes(count: int, seed: int = 1) -> Iterator[str]:
    """Invented notes."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices(_SYLLABLES, k=rng.choice((1, 2, 2, 3, 3, 4)))) for _ in range(60_000)]
    weights = list(accumulate(1 / (n + 2.7) for n in range(len(vocabulary))))
    for _ in range(count):
        words = rng.choices(vocabulary, cum_weights=weights, k=int(min(3000, rng.lognormvariate(5.2, 0.8))))
        words[::17] = [str(rng.randrange(1, 2000)) for _ in words[::17]]
        yield " ".join(words)


def write(kind: str, count: int, folder: Path) -> dict[str, Any]:
    """Index with one of the writers; what it cost."""
    from whoosh import fields, index
    from whoosh.analysis import LanguageAnalyzer

    from viewer.search.analysis import Analyser
    from viewer.search.segment import InvertingWriter, schema

    texts = list(notes(count))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    layout, vocabulary = schema(), set[str]()
    if kind == "whoosh":
        body = fields.TEXT(analyzer=LanguageAnalyzer("no"), phrase=True)
        layout = fields.Schema(doc=layout["doc"], date=layout["date"], patient=fields.ID(), body=body)
    ix = index.create_in(str(folder), layout)
    wall, cpu = time.monotonic(), time.process_time()
    writer = InvertingWriter(ix, Analyser(vocabulary)) if kind == "ours" else ix.writer(procs=1)
    for n, text in enumerate(texts):
        value = text if kind == "whoosh" else [(0, text)]
        writer.add_document(
            doc=n.to_bytes(16, "big"), date=20251231 - n, patient=f"p{n % (count // _PER_PATIENT)}", body=value
        )
    writer.commit()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    (folder / "words.txt").write_text("".join(f"{w}\n" for w in sorted(vocabulary)), encoding="utf-8")
    return {
        "writer": kind,
        "documents_per_cpu_second": round(count / cpu),
        "documents_per_second": round(count / wall),
        "bytes_per_document": round(sum(p.stat().st_size for p in folder.iterdir() if p.suffix == ".seg") / count),
        "memory_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10,
    }


def queries(count: int, folder: Path) -> dict[str, str]:
    """Milliseconds, median and 95th percentile, of each kind of query on one shard."""
    from viewer.search.analysis import Analyser
    from viewer.search.query import parse
    from viewer.search.shard import Clock, Search, Shard

    shard, analyser, rng = Shard(folder), Analyser(), random.Random(9)
    words = [w for text in notes(400, seed=1) for w in text.split() if w.isalpha() and len(w) > 3]
    pairs = [tuple(text.split()[1:3]) for text in notes(300, seed=1)]
    common = [w for w in dict.fromkeys(words) if words.count(w) > 120]

    def search(query: str, *, patient: bool) -> None:
        clock, found = Clock(time.monotonic() + 60), Search()
        parsed = parse(query, analyser)
        where = range(shard.count)
        if patient:
            where = shard.patient_documents(f"p{rng.randrange(count // _PER_PATIENT)}", clock)
        for _ in shard.search(parsed, where, clock, None, 50, found):
            pass
        shard.rank(parsed, found.hits, clock)

    def measured(query: Callable[[], str], *, patient: bool) -> str:
        times = []
        for _ in range(100):
            started = time.process_time()
            search(query(), patient=patient)
            times.append((time.process_time() - started) * 1000)
        times.sort()
        return f"{times[50]:.1f} / {times[95]:.1f}"

    return {
        "patient, any word": measured(lambda: rng.choice(words), patient=True),
        "patient, common word": measured(lambda: rng.choice(common), patient=True),
        "patient, two words": measured(lambda: f"{rng.choice(words)} {rng.choice(common)}", patient=True),
        "patient, phrase": measured(lambda: '"{} {}"'.format(*rng.choice(pairs)), patient=True),
        "patient, prefix": measured(lambda: rng.choice(words)[:3] + "*", patient=True),
        "all, any word": measured(lambda: rng.choice(words), patient=False),
        "all, common word": measured(lambda: rng.choice(common), patient=False),
        "all, phrase": measured(lambda: '"{} {}"'.format(*rng.choice(pairs)), patient=False),
    }


@click.command()
@click.option("--documents", type=int, default=20_000, show_default=True)
@click.option("--only", hidden=True)
@click.option("--folder", hidden=True, type=click.Path(path_type=Path))
def main(documents: int, only: str | None, folder: Path | None) -> None:
    """Measure writers and queries."""
    if only and folder:
        figures = write(only, documents, folder)
        if only == "ours":
            figures["query_ms"] = queries(documents, folder)
        print(json.dumps(figures))
        return
    results = []
    for kind in ("whoosh", "whoosh-ours", "ours"):
        with tempfile.TemporaryDirectory() as temporary:
            command = [sys.executable, "-m", "bench.search_index", "--documents", str(documents), "--only", kind]
            results.append(json.loads(run([*command, "--folder", temporary], cwd=Path(__file__).parents[1]).output))
        click.echo(json.dumps(results[-1], ensure_ascii=False))
    ratio = results[2]["documents_per_cpu_second"] / results[0]["documents_per_cpu_second"]
    click.echo(json.dumps({"machine": machine(), "documents": documents, "ours_to_whoosh": round(ratio, 1)}))


if __name__ == "__main__":
    main()
