"""The flows of a document (body, header, footer) as they are read: paragraphs, table rows, page breaks."""

from __future__ import annotations

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread.heads import Heads
from archive.normalise.rtfread.model import Block, Inline, Look, Mark, PageBreak, Paragraph, Run
from archive.normalise.rtfread.properties import State
from archive.normalise.rtfread.rows import Rows

_TEXTS = frozenset(("body", "header", "footer", "fldrslt"))


class Flow:
    """Blocks that follow each other.

    Attributes:
        blocks: what is done.
        inlines: the paragraph that is being read.
        rows: the table that is being read.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.inlines: list[Inline] = []
        self.rows = Rows()

    def text(self, text: str, look: Look) -> None:
        """Add characters."""
        inlines = self.inlines
        if inlines and isinstance(last := inlines[-1], Run) and last.look is look:
            last.text += text
        else:
            inlines.append(Run(text, look))

    def inline(self, inline: Inline, state: State) -> None:
        """Add something else within the line."""
        if state.field is not None and state.field.kind in ("page", "pages"):
            raise PassedOn("a field's result")
        self.inlines.append(inline)

    def mark(self, kind: str, state: State, heads: Heads) -> None:
        """Add a tab, a line break, a page's number."""
        if state.destination not in _TEXTS:
            raise PassedOn(f"\\{kind} in an odd place")
        self.inline(Mark(kind, state.look(heads)), state)

    def end_paragraph(self, state: State, heads: Heads, *, cell: bool = False) -> None:
        """\\par, or \\cell."""
        if state.destination not in _TEXTS or state.field is not None:
            raise PassedOn("\\par in an odd place")
        heads.check_style(state)
        paragraph = Paragraph(state.format(), self.inlines, state.look(heads))
        self.inlines = []
        if cell or state.in_table:
            self.rows.paragraph(paragraph, ended=cell)
        else:
            self._no_row("a paragraph between the cells of a row")
            self.blocks.append(paragraph)

    def end_cell(self, state: State, heads: Heads) -> None:
        """\\cell"""
        if not state.in_table:
            raise PassedOn("\\cell outside a table")
        self.end_paragraph(state, heads, cell=True)

    def end_row(self) -> None:
        """\\row"""
        if self.inlines:
            raise PassedOn("\\row in an odd place")
        self.rows.finish_row()

    def page_break(self, state: State) -> None:
        """\\page"""
        if self.inlines or state.in_table or state.destination != "body":
            raise PassedOn("\\page within a paragraph")
        self._no_row("\\page within a row")
        if not self.blocks or isinstance(self.blocks[-1], PageBreak):
            raise PassedOn("a page with nothing on it")
        self.blocks.append(PageBreak())

    def finish(self) -> None:
        """There is no more."""
        if self.inlines:
            raise PassedOn("a paragraph that does not end")
        self._no_row("a table row that does not end")

    def _no_row(self, problem: str) -> None:
        if self.rows.pending:
            raise PassedOn(problem)
        self.rows.end(self.blocks)
