"""Which codes of which fonts a PDF's content shows: pages, forms, appearances and patterns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.normalise.annotations.fields import BROKEN

_SHOWING = frozenset(("Tj", "TJ", "'", '"'))
_OPERATORS = "Tf Tj TJ ' \" q Q"
_MOST_FONTS = 10_000


@dataclass(slots=True)
class Used:
    """A font (indirect, so that a change of it is one for all who use it) and the strings shown with it."""

    font: Dictionary
    strings: set[bytes] = field(default_factory=set)

    def codes(self, length: int) -> set[int]:
        """The codes of `length` bytes in them."""
        return {
            int.from_bytes(s[i : i + length], "big")
            for s in self.strings
            for i in range(0, len(s) - length + 1, length)
        }


def fonts_used(pdf: pikepdf.Pdf) -> list[Used]:
    """Every font that shows something."""
    make_indirect(pdf)
    found: dict[tuple[int, int], Used] = {}
    for holder, fonts in _contents(pdf):
        try:
            _read(holder, fonts, found)
        except BROKEN:
            continue  # what cannot be read shows nothing
    return [used for used in found.values() if used.strings]


def make_indirect(pdf: pikepdf.Pdf) -> None:
    """Make each font that is written into its page's resources an object of its own, that others can find."""
    for _, fonts in _contents(pdf):
        for name in sorted(fonts.keys()):
            font = fonts[name]
            if isinstance(font, Dictionary) and font.objgen == (0, 0):
                fonts[name] = pdf.make_indirect(font)


def fonts_named(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    """Every font that some content could use, many of them several times; costs far less than `fonts_used`."""
    for _, fonts in _contents(pdf):
        for name in sorted(fonts.keys()):
            font = fonts[name]
            if isinstance(font, Dictionary):
                yield font


def _contents(pdf: pikepdf.Pdf) -> Iterator[tuple[pikepdf.Object | pikepdf.Page, pikepdf.Object]]:
    for page in pdf.pages:
        holder: pikepdf.Object | None = page.obj
        for _ in range(32):
            if not isinstance(holder, Dictionary):
                break
            resources = holder.get("/Resources")
            if isinstance(resources, Dictionary):
                if isinstance(resources.get("/Font"), Dictionary):
                    yield page, resources["/Font"]
                break
            holder = holder.get("/Parent")
    for value in pdf.objects:
        resources = value.get("/Resources") if isinstance(value, Stream) else None
        if isinstance(resources, Dictionary) and isinstance(resources.get("/Font"), Dictionary):
            yield value, resources["/Font"]


def _read(holder: pikepdf.Object | pikepdf.Page, fonts: pikepdf.Object, found: dict[tuple[int, int], Used]) -> None:
    current: Dictionary | None = None
    saved: list[Dictionary | None] = []
    for step in pikepdf.parse_content_stream(holder, _OPERATORS):
        operator, operands = str(step.operator), step.operands
        if operator == "q":
            saved.append(current)
        elif operator == "Q":
            current = saved.pop() if saved else current
        elif operator == "Tf":
            font = fonts.get(operands[0]) if operands and isinstance(operands[0], Name) else None
            current = font if isinstance(font, Dictionary) else None
        elif operator in _SHOWING and current is not None and len(found) < _MOST_FONTS:
            used = found.setdefault(current.objgen, Used(current))
            for operand in operands:
                for part in operand if isinstance(operand, Array) else (operand,):
                    if isinstance(part, pikepdf.String) and bytes(part):
                        used.strings.add(bytes(part))
