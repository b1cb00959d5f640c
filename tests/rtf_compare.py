"""The native RTF route beside LibreOffice: what may differ, and by how much (docs/internals/rtf.md has the reasons)."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from archive.normalise import contained
from archive.normalise.contract import Limits, PassedOn
from archive.normalise.office import Office, OfficeFile
from archive.normalise.rtf import rtf
from archive.normalise.rtfread.model import Block, Mark, Paragraph, Run
from archive.normalise.rtfread.reader import read
from archive.reasons import DocumentProblem
from tests.pdf_compare import Sheet, Word, box, ink, picture, plain, sheets

WORD_POINTS = 3.0
"""How far a word may stand to the right or left of where LibreOffice has it, on a line with the same words."""
BASELINE_POINTS = 2.5
"""How far a line may stand above or below, on a page with the same lines."""
EDGE_POINTS, BOTTOM_POINTS = 4.0, 16.0
"""How far the edges of what is printed may differ, on a page with the same lines; the lower one by a line more, since
the rules of a row that goes on over the page end with the page, not with the row's last line."""
INK_SHARE = 0.08
"""How much more or less ink a page with the same lines may have."""
MOVED_POINTS = 40.0
"""By how much all lines of a page may stand lower or higher where an empty line went to the page before."""
LINES_SHARE = 0.03
"""How many more or fewer lines a document may have whose lines break elsewhere, and three: raised and lowered text near
a line counts with it or not."""
_SCALE = 1.0


@dataclass(slots=True)
class Comparison:
    """One file, both ways. `passed_on`: why the native route did not take it. `findings`: what is out of bounds.
    `breaks`: lines break elsewhere; `pages`: of both."""

    name: str
    passed_on: str = ""
    findings: list[str] = field(default_factory=list)
    breaks: bool = False
    pages: tuple[int, int] = (0, 0)


def compare(files: Sequence[Path], folder: Path) -> list[Comparison]:
    """Convert files both ways below `folder` and compare."""
    results: list[Comparison] = []
    native: dict[str, tuple[Comparison, Path, bytes]] = {}
    (folder / "native").mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(files):
        result = Comparison(file.name)
        results.append(result)
        source = folder / f"f{number:05}.rtf"
        content = single_spaced(file.read_bytes())
        source.write_bytes(content)
        made = folder / "native" / f"f{number:05}.pdf"
        try:
            rtf(source, made, Limits())
        except PassedOn as e:
            result.passed_on = e.construct
            continue
        native[source.stem] = (result, made, content)
    found = by_libreoffice([folder / f"{stem}.rtf" for stem in native], folder)
    for stem, (result, made, content) in native.items():
        answer = found[stem]
        if isinstance(answer, Path):
            judge(result, made, answer, content)
        else:
            result.findings.append(f"LibreOffice: {answer.detail}")
    return results


def by_libreoffice(files: Sequence[Path], folder: Path) -> dict[str, Path | DocumentProblem]:
    """LibreOffice's PDFs of RTF files, by their stems, below `folder`."""
    (folder / "office").mkdir(exist_ok=True)
    office = Office(folder / "profile", Limits())
    with _with_its_fonts():
        return office.convert([OfficeFile(file.stem, file, "rtf") for file in files], folder / "office")


@contextlib.contextmanager
def _with_its_fonts() -> Iterator[None]:
    """LibreOffice with the fonts of the system whatever the product sets: told not to look fonts up, it draws every
    font as one."""
    run = contained.run

    def with_fonts(*given: Any, environment: dict[str, str], **named: Any) -> contained.Finished:
        environment = {name: value for name, value in environment.items() if name != "SAL_NO_FONT_LOOKUP"}
        return run(*given, environment=environment, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contained, "run", with_fonts)
        yield


def single_spaced(content: bytes) -> bytes:
    """RTF with one space for several: LibreOffice puts a sixth of an em between two spaces, which no source has."""
    return re.sub(rb"(?<=[^\\\r\n\d ] ) +", b"", content)


def judge(result: Comparison, native: Path, office: Path, content: bytes) -> None:
    """Write down what differs by more than the bounds."""
    ours, theirs = sheets(native), sheets(office)
    result.pages = (len(ours), len(theirs))
    found = result.findings
    head, foot = _counts(content)
    texts = _letters(ours, head, foot), _letters(theirs, head, foot)
    if texts[0] != texts[1]:
        # The cells of a row that goes on over the page are drawn in another order.
        result.breaks = True
        if rb"\row" not in content or Counter(texts[0]) != Counter(texts[1]):
            found.append("the text differs")
            return
    if abs(len(ours) - len(theirs)) > 1:
        found.append(f"{len(ours)} pages and not {len(theirs)}")
    lines = [sum(len(page.lines()) for page in pages) for pages in (ours, theirs)]
    if abs(lines[0] - lines[1]) > 3 + LINES_SHARE * lines[1]:
        found.append(f"{lines[0]} lines and not {lines[1]}")
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if abs(one.width - other.width) > 1 or abs(one.height - other.height) > 1:
            found.append(f"page {number + 1}: another size of paper")
        pairs = list(zip(one.lines(), other.lines(), strict=False))
        same = len(one.lines()) == len(other.lines()) and all(_words(a) == _words(b) for a, b in pairs)
        far_lines = [b[0].y - a[0].y for a, b in pairs if same]
        if same and number and _moved(far_lines):
            same = False
        if not same:
            result.breaks = True
        alike = [same or _words(a) == _words(b) for a, b in pairs]
        for at, (a, b) in enumerate(pairs):
            # Beside a line that breaks elsewhere, the same words may be those of another line.
            if all(alike[max(at - 1, 0) : at + 2]):
                far = max(abs(p.x - q.x) for p, q in zip(a, b, strict=True))
                if far > WORD_POINTS:
                    found.append(f"page {number + 1}: a word {far:.1f} points aside")
            if same and (far := abs(a[0].y - b[0].y)) > BASELINE_POINTS:
                found.append(f"page {number + 1}: a line {far:.1f} points up or down")
        if same:
            found += _pictures(native, office, number)


def _moved(distances: list[float]) -> bool:
    """Whether a page's text stands lower or higher as a whole, by a line or two: an empty line is on the page before,
    or not. Headers and footers stay."""
    moved = sorted(d for d in distances if abs(d) > BASELINE_POINTS)
    return bool(moved) and moved[-1] - moved[0] <= BASELINE_POINTS and abs(moved[0]) <= MOVED_POINTS


def _pictures(native: Path, office: Path, number: int) -> list[str]:
    ours, theirs = picture(native, number, _SCALE), picture(office, number, _SCALE)
    found = []
    *sides, bottom = (abs(a - b) / _SCALE for a, b in zip(box(ours), box(theirs), strict=True))
    if max(sides) > EDGE_POINTS or bottom > BOTTOM_POINTS:
        found.append(f"page {number + 1}: the edge of what is printed {max(*sides, bottom):.1f} points off")
    if abs(ink(ours) - ink(theirs)) > INK_SHARE * ink(theirs) + 20:
        found.append(f"page {number + 1}: ink {ink(ours):.0f} and not {ink(theirs):.0f}")
    return found


def _words(line: list[Word]) -> list[str]:
    return [plain(word.text) for word in line]


def _letters(pages: list[Sheet], head: int, foot: int) -> str:
    """The letters of the body in order, and those of the header and footer of the first page before them."""
    first = pages[0].words
    # The number of pages may be another where lines break elsewhere.
    parts = [re.sub(r"\d", "", word.text) for word in (*first[:head], *(first[-foot:] if foot else ()))]
    for page in pages:
        parts += [word.text for word in page.words[head : len(page.words) - foot]]
    return plain("".join(parts))


def _counts(content: bytes) -> tuple[int, int]:
    document = read(content)
    return _count(document.header), _count(document.footer)


def _count(blocks: Sequence[Block]) -> int:
    text = ""
    for block in blocks:
        if isinstance(block, Paragraph):
            for inline in block.inlines:
                if isinstance(inline, Run):
                    text += inline.text
                elif isinstance(inline, Mark):
                    text += "1" if inline.kind in ("page", "pages") else " "
            text += "\n"
    return len(text.split())
