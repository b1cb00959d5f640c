"""Form fields whose values no page shows are drawn; appearances that say the value stay as they are.

A viewer would draw a field without an appearance, and all of them where the form says /NeedAppearances; an archive copy
must have them drawn (ISO 19005-2, 6.4.1). Source: ISO 32000-1, 12.7.2 and 12.7.3.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.normalise.annotations import canvas as draw
from archive.normalise.annotations import fielddrawing
from archive.normalise.annotations.canvas import Canvas
from archive.normalise.annotations.fields import OFF, Field, Kind, as_name, flag, raw_name, widgets
from archive.normalise.annotations.lettering import READABLE
from archive.normalise.annotations.said import said, squeezed
from archive.normalise.annotations.settle import is_hidden
from archive.reasons import Flag
from archive.record import FlagNote

_BUTTONS = (Kind.CHECK, Kind.RADIO)
_WRITTEN = (Kind.TEXT, Kind.COMBO, Kind.LIST)


@dataclass(slots=True)
class _Told:
    """Counts for the flag."""

    others: int = 0
    """Fields whose appearance shows something else than their value; both are kept, the value in the text copy."""
    small: int = 0
    nowhere: int = 0
    flags: list[FlagNote] = field(default_factory=list)

    def notes(self) -> tuple[FlagNote, ...]:
        parts = []
        if self.others:
            parts.append(f"{self.others} show another value than they store; the text copy has both.")
        if self.small:
            parts.append(f"{self.small} are drawn very small, since their values are longer than their boxes.")
        if self.nowhere:
            parts.append(f"{self.nowhere} have a value but no room on a page; the text copy has it.")
        return (*((FlagNote(Flag.FORM_VALUES_CHANGED, " ".join(parts)),) if parts else ()), *self.flags)


def draw_values(pdf: pikepdf.Pdf) -> tuple[FlagNote, ...]:
    """Draw what is not drawn, in place.

    Returns:
        Flags: values that differ from what is shown, that are too long, or of characters that no font has.

    Raises:
        DocumentProblem: the words cannot be typeset.
        pikepdf.PdfError: the form's structure is broken.
    """
    form = pdf.Root.get("/AcroForm")
    found = [f for _, f in widgets(pdf) if f.kind is not Kind.UNKNOWN]
    if not found:
        return ()
    _reachable(pdf, found)
    needed = isinstance(form, Dictionary) and flag(form, "/NeedAppearances")
    told = _Told()
    canvases: list[tuple[Field, str | None, Canvas]] = []
    buttons = [f for f in found if f.kind in _BUTTONS]
    written = [f for f in found if f.kind in _WRITTEN]
    for one in buttons:
        _settle(one, needed, told)
        canvases += _states(one)
    for one in _to_draw(pdf, written, needed, told):
        canvases += _drawing(one, None, told)
    for one in found:
        if one.kind is Kind.PUSH and not draw.paints(_normal(one.widget)) and "/MK" in one.widget:
            canvases += _drawing(one, None, told)
    streams, sizes, glyphs = draw.appearances(pdf, [canvas for _, _, canvas in canvases])
    told.flags += glyphs
    told.small = sum(size < READABLE for size in sizes)
    for (one, state, _), stream in zip(canvases, streams, strict=True):
        _put(one.widget, state, stream)
    return told.notes()


def has_undrawn(pdf: pikepdf.Pdf) -> bool:
    """Whether a field has a value that no appearance shows."""
    for _, one in widgets(pdf):
        if is_hidden(one.widget):
            continue
        if one.kind in _WRITTEN and one.shown and not draw.paints(_normal(one.widget)):
            return True
        if one.kind in _BUTTONS and one.state() != OFF and one.state() not in one.states():
            return True
    return False


def _reachable(pdf: pikepdf.Pdf, found: Iterable[Field]) -> None:
    """Put fields that only a page knows into the form's list."""
    form = pdf.Root.get("/AcroForm")
    listed = form.get("/Fields") if isinstance(form, Dictionary) else None
    known = {f.objgen for f in listed if isinstance(f, Dictionary)} if isinstance(listed, Array) else set()
    more = {root.objgen: root for one in found if (root := one.root).objgen not in known | {(0, 0)}}
    if not more:
        return
    if not isinstance(form, Dictionary):
        form = pdf.Root.AcroForm = pdf.make_indirect(Dictionary())
    form.Fields = Array([*(listed if isinstance(listed, Array) else ()), *more.values()])


def _to_draw(pdf: pikepdf.Pdf, written: Iterable[Field], needed: bool, told: _Told) -> list[Field]:
    """The fields with words that nothing shows yet, or where the form asks for it what shows something else."""
    drawn, undrawn = [], []
    for one in written:
        appearance = _normal(one.widget)
        if draw.paints(appearance):
            drawn.append((one, appearance))
        elif one.shown or "/AP" not in one.widget:
            undrawn.append(one)
    with_words = [(one, a) for one, a in drawn if isinstance(a, Stream) and one.shown and not one.password]
    for one, appearance in with_words:
        _with_resources(one, appearance)
    spoken = said(pdf, [a for _, a in with_words])
    for (one, _), (every, seen) in zip(with_words, spoken, strict=False):
        wanted = [squeezed(text) for text in one.shown]
        if all(text in squeezed(seen) for text in wanted):
            continue
        if all(text in squeezed(every) for text in wanted) or not every.strip():
            undrawn.append(one)  # cut off by its box, or nothing but ground and border
        elif needed and not _is_formatted(one):
            undrawn.append(one)
        elif not _is_formatted(one):
            told.others += 1
    return undrawn


def _is_formatted(one: Field) -> bool:
    """Whether a script puts the value in another form for the reader, as `1234.5` in `1 234,50`."""
    actions = one.get("/AA")
    return isinstance(actions, Dictionary) and "/F" in actions


def _with_resources(one: Field, appearance: Stream) -> None:
    """Give an appearance that has no fonts of its own those of the form, as viewers do."""
    defaults = one.form.get("/DR") if one.form is not None else None
    if "/Resources" not in appearance and isinstance(defaults, Dictionary):
        appearance.Resources = defaults


def _drawing(one: Field, state: str | None, told: _Told) -> list[tuple[Field, str | None, Canvas]]:
    canvas = fielddrawing.of_field(one, state=state)
    if canvas is None:
        told.nowhere += bool(one.shown)
        return []
    return [(one, state, canvas)]


def _settle(one: Field, needed: bool, told: _Told) -> None:
    """Give a button the state that a viewer shows."""
    by_value = one.state_by_value()
    if not isinstance(one.widget.get("/AS"), Name) or (needed and one.get("/V") is not None):
        one.widget.AS = as_name(by_value)
    elif one.get("/V") is not None and by_value != raw_name(one.widget.AS):
        told.others += 1


def _states(one: Field) -> list[tuple[Field, str | None, Canvas]]:
    """The state that the button is in, where no appearance draws it."""
    state = one.state()
    appearance = _normal(one.widget)
    # One appearance for whatever state it is in: shown as it is, unless it shows nothing of a box that is ticked.
    if isinstance(appearance, Stream) and (draw.paints(appearance) or (state := one.state_by_value()) == OFF):
        return []
    drawn = appearance.get(as_name(state)) if isinstance(appearance, Dictionary) else None
    if (isinstance(drawn, Stream) and (state == OFF or draw.paints(drawn))) or (state == OFF and one.states()):
        return []
    canvas = fielddrawing.of_field(one, state=state)
    return [] if canvas is None else [(one, state, canvas)]


def _normal(widget: Dictionary) -> pikepdf.Object | None:
    appearance = widget.get("/AP")
    found: pikepdf.Object | None = appearance.get("/N") if isinstance(appearance, Dictionary) else None
    return found


def _put(widget: Dictionary, state: str | None, stream: Stream) -> None:
    if state is None:
        widget.AP = Dictionary(N=stream)
        return
    normal = _normal(widget)
    if not isinstance(normal, Dictionary) or isinstance(normal, Stream):
        normal = Dictionary()
    normal[as_name(state)] = stream
    widget.AP, widget.AS = Dictionary(N=normal), as_name(state)
