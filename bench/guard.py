"""What the second reading of sources finds: on sound files (nothing, it should be), and on copies that were changed.

    python -m bench.guard WORK [--corpus FOLDER] [--files FOLDER] [--mutants 2000] [--most N]

Files are normalised once and kept in WORK with their pages' text. A mutant is the text of a made copy, pages and text
copy alike, in which one word, number or sign of the source was removed or changed: it is told where the guard finds
more missing than in the copy as it was made. Words that the route puts there itself (labels, page numbers) are not
changed, as the source has none of them; what the copy shows more often than the source (a header on each page, a fact
of the message's head) is counted apart as repeated, since the word still stands elsewhere. Every alarm on a sound file
is listed by name with its flags, to be looked at.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import random
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click

from archive.normalise.contract import Job, Limits, Normalised
from archive.normalise.judging import Judging
from archive.normalise.ladder import Normaliser
from archive.normalise.sourcecheck import check, notes
from archive.normalise.text_of import text_of
from archive.normalise.unlock import read_passwords
from archive.reasons import Flag
from archive.rereading.contract import Reading
from archive.rereading.readers import reading_of
from archive.rereading.tokens import Tokens, fold, is_number, is_word, tokens

_CHUNK = 25
_PASSWORDS = read_passwords(Path(__file__).with_name("passwords.txt"))
_LETTERS = "abcdefghijklmnoprstuvyæøå"
_SIGNS = "µ≥≤±→↑↓§☐☑✓²³°%+<>="


@click.command()
@click.argument("work", type=click.Path(file_okay=False, path_type=Path))
@click.option("--files", "folders", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--mutants", type=int, default=2000, show_default=True)
@click.option("--most", type=int, help="At most so many files of a kind, drawn by a fixed seed.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--workers", type=int, default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Also write the figures to this file.")
def main(
    work: Path, folders: tuple[Path, ...], mutants: int, most: int | None, seed: int, workers: int, out: Path | None
) -> None:
    """Measure the guard on sound files and on mutants of content."""
    work.mkdir(parents=True, exist_ok=True)
    index = work / "copies.jsonl"
    if not index.is_file():
        _normalise(_chosen(folders, most, seed), work, index, workers)
    copies = [json.loads(line) for line in index.read_text("utf-8").splitlines()]
    warnings.simplefilter("ignore")
    report = {"bench": "guard", "files": len(copies), **_sound(copies), **_changed(copies, mutants, seed)}
    text = json.dumps(report, indent=1, ensure_ascii=False)
    if out:
        out.write_text(text, encoding="utf-8")
    click.echo(text)
    click.echo("\n".join(_table(report)))


def _chosen(folders: tuple[Path, ...], most: int | None, seed: int) -> list[Path]:
    files = sorted(p for folder in folders for p in folder.rglob("*") if p.is_file())
    kinds: dict[str, list[Path]] = {}
    for p in files:
        kinds.setdefault(p.suffix.lower(), []).append(p)
    rng = random.Random(seed)
    return [p for _, ps in sorted(kinds.items()) for p in (rng.sample(ps, min(most, len(ps))) if most else ps)]


def _normalise(files: list[Path], work: Path, index: Path, workers: int) -> None:
    chunks = [(files[i : i + _CHUNK], work / f"made-{i}") for i in range(0, len(files), _CHUNK)]
    random.Random(1).shuffle(chunks)  # so that what a stopped run leaves is a sample of all
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool, index.open("a", encoding="utf-8") as out:
        for found in pool.map(_chunk, chunks):
            out.write("".join(found))
            out.flush()


def _chunk(task: tuple[list[Path], Path]) -> list[str]:
    """Normalise some files; a line of JSON for each copy and each copy within."""
    warnings.simplefilter("ignore")
    files, folder = task
    lines = []
    # What the validator says is not measured here, so what may go without is not judged.
    unjudged = Judging(share=1e-9)
    with Normaliser(Limits(), work=folder / "work", judging=unjudged, passwords=_PASSWORDS) as normaliser:
        jobs = []
        for n, path in enumerate(files):
            content = path.read_bytes()
            if content:
                jobs.append(Job(f"f-{n}", path, path.name, hashlib.sha256(content).hexdigest(), len(content)))
        for job, outcome in zip(jobs, normaliser.normalise(jobs, folder).values(), strict=True):
            if not isinstance(outcome, Normalised):
                continue
            shown = outcome.pdf.with_suffix(".pages.txt")
            shown.write_text(text_of(outcome.pdf, most_pages=5000)[0], encoding="utf-8", newline="\n")
            line = {
                "source": str(job.source), "family": outcome.format.family, "route": outcome.route,
                "pages": str(shown), "text": str(outcome.text), "pdf": str(outcome.pdf),
                "flags": [[f.code.value, f.detail] for f in outcome.flags],
                "attempts": [[a.route, a.outcome] for a in outcome.attempts],
            }  # fmt: skip
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    return lines


def _texts(copy: dict[str, Any]) -> tuple[str | None, str]:
    told = {code for code, _ in copy["flags"]}
    shown = None if Flag.PAGES_RASTERISED.value in told else Path(copy["pages"]).read_text("utf-8")
    return shown, Path(copy["text"]).read_text("utf-8")


def _check(copy: dict[str, Any], shown: str | None, text: str) -> Any:
    codes = {Flag(code) for code, _ in copy["flags"]}
    return check(Path(copy["source"]), copy["family"], shown, text, codes)


def _locked(copy: dict[str, Any]) -> bool:
    return any(code == Flag.OPENED_WITH_PASSWORD.value for code, _ in copy["flags"])


def _sound(copies: list[dict[str, Any]]) -> dict[str, Any]:
    """What is told of copies as they were made."""
    routes: dict[str, dict[str, int]] = {}
    alarms = []
    spent = 0.0
    for copy in copies:
        if _locked(copy):
            continue
        shown, text = _texts(copy)
        began = time.process_time()
        found = _check(copy, shown, text)
        spent += time.process_time() - began
        row = routes.setdefault(_where(copy), {"files": 0, "alarms": 0, "not_reread": 0})
        row["files"] += 1
        copy["sound"] = found
        if found is None:
            row["not_reread"] += 1
        elif not found.sound:
            row["alarms"] += 1
            told = [f"{n.code.value}: {n.detail}" for n in notes(found, copy["family"])]
            alarms.append({"file": Path(copy["source"]).name, "where": _where(copy), "told": told})
    each = round(1000 * spent / max(1, len(copies)), 2)
    return {"sound": dict(sorted(routes.items())), "ms_each": each, "alarms": alarms}


def _where(copy: dict[str, Any]) -> str:
    return f"{copy['route'].split('+annex')[0]} ({copy['family']})"


def _changed(copies: list[dict[str, Any]], count: int, seed: int) -> dict[str, Any]:
    """What is told of copies that were changed."""
    rng = random.Random(seed)
    able: dict[str, list[dict[str, Any]]] = {}
    for copy in copies:
        if copy.get("sound") is not None:
            able.setdefault(_where(copy), []).append(copy)
    kinds: dict[str, Counter[str]] = {}
    untold = []
    known: dict[str, Any] = {}
    for n in range(count if able else 0):
        where = sorted(able)[n % len(able)]
        copy = rng.choice(able[where])
        if (made := _mutant(copy, rng, known)) is None:
            continue
        kind, token, shown, text = made
        found = _check(copy, shown, text)
        before = copy["sound"]
        told = (
            found.on_pages.total > before.on_pages.total
            or found.in_text.total > before.in_text.total
            or found.raised > before.raised
            or found.strange > before.strange
        )
        kinds.setdefault(where, Counter()).update([kind, f"{kind} told"] if told else [kind])
        if not told:
            untold.append({"file": Path(copy["source"]).name, "where": where, "kind": kind, "of": _class(token)})
            copy.setdefault("untold", []).append((kind, token))
    sums = Counter[str]()
    for each in kinds.values():
        for what, c in each.items():
            sums[("repeated " * what.startswith("repeated")) + ("told" if what.endswith(" told") else "made")] += c
    table = {where: dict(sorted(c.items())) for where, c in sorted(kinds.items())}
    return {"mutants": dict(sums), "by_route": table, "untold": untold}


def _class(token: str) -> str:
    return "word" if is_word(token) else "number" if is_number(token) else "sign"


def _mutant(copy: dict[str, Any], rng: random.Random, known: dict[str, Any]) -> tuple[str, str, str | None, str] | None:
    """A change of one token of the source: its kind, the token, and pages and text copy with it. None where there is
    nothing of the source in the copy."""
    if (key := copy["pages"]) not in known:
        shown, text = _texts(copy)
        reading = reading_of(Path(copy["source"]), copy["family"]) or Reading("")
        said = Counter(tokens(reading.text, lowered=True).texts)
        around = tokens(reading.margins, lowered=True).texts
        said += Counter(t for t in around if len(t) > 3 or not is_number(t))  # short ones count pages
        page = tokens(text if shown is None else shown, lowered=True)
        known[key] = (shown, text, page, [i for i, t in enumerate(page.texts) if t in said], said)
    shown, text, page, places, said = known[key]
    if not places:
        return None
    often = Counter(page.texts)
    wanted = rng.choice((is_word, is_number, lambda t: not is_word(t) and not is_number(t)))
    chosen = [i for i in places if wanted(page.texts[i])] or places
    at = rng.choice(chosen)
    token = page.texts[at]
    what = rng.choice(("removed", "changed"))
    new = "" if what == "removed" else _other(token, rng)
    kind = f"{'repeated ' if often[token] > said[token] else ''}{_class(token)} {what}"
    nth = page.texts[:at].count(token)
    if shown is None:
        return kind, token, None, _put(page, at, new)
    changed = _put(page, at, new)
    if text == shown:
        return kind, token, changed, changed
    other = tokens(text, lowered=True)
    same = [i for i, t in enumerate(other.texts) if t == token]
    copied = _put(other, same[min(nth, len(same) - 1)], new) if same else text
    return kind, token, changed, copied


def _put(text: Tokens, at: int, new: str) -> str:
    start, end = text.places[at]
    return text.folded[:start] + new + text.folded[end:]


def _other(token: str, rng: random.Random) -> str:
    """A token of the same kind that differs in one place."""
    while True:
        at = rng.randrange(len(token))
        if is_word(token):
            new = token[:at] + rng.choice(_LETTERS) + token[at + 1 :]
        elif is_number(token):
            digits = [i for i, c in enumerate(token) if c.isdecimal()]
            at = rng.choice(digits)
            new = token[:at] + rng.choice("0123456789") + token[at + 1 :]
        else:
            new = rng.choice(_SIGNS)
        if fold(new) != token:
            return new


def _table(report: dict[str, Any]) -> list[str]:
    lines = ["| route | sound files | alarms | mutants | told |", "| --- | --- | --- | --- | --- |"]
    for where, row in report["sound"].items():
        kinds = report["by_route"].get(where, {})
        once = {k: c for k, c in kinds.items() if not k.startswith("repeated")}
        made = sum(c for k, c in once.items() if not k.endswith(" told"))
        told = sum(c for k, c in once.items() if k.endswith(" told"))
        lines.append(f"| {where} | {row['files']} | {row['alarms']} | {made} | {told} |")
    return lines


if __name__ == "__main__":
    main()
