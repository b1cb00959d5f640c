"""XML records as a readable page on which nothing of the record is missing.

Norwegian health messages, CDA and FHIR get titles, a patient line and tables of results; every other vocabulary is
shown by its own element names. Files in base64 are split off as files of the document, and the page tells where each
of them stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from archive.normalise import cda, fhir, kith
from archive.normalise.contract import Limits, Made
from archive.normalise.html import html
from archive.normalise.messageacts import banner, message_facts
from archive.normalise.richtext import Words, plain
from archive.normalise.typeset import drawable, glyph_flags, typeset
from archive.normalise.xmlfiles import Files, split_off
from archive.normalise.xmlgrid import rows
from archive.normalise.xmllabels import labels
from archive.normalise.xmllayout import Block, Layout
from archive.normalise.xmlnarrative import tidy
from archive.normalise.xmltree import XHTML, Node, Parsed, local, parse, without_base64
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "xmlrecord"

_MOST_BYTES = 64 << 20
_INDENT = "  "


def xmlrecord(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset an XML record; XHTML goes to the HTML route. `Made.text` is the page's text, row by row.

    Raises DocumentProblem: CORRUPT where the XML is not well-formed or declares entities; RESOURCE_LIMIT.
    """
    content = source.read_bytes()
    if len(content) > _MOST_BYTES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The XML has {len(content)} bytes.")
    parsed = parse(content)
    root = parsed.root
    if root.name == "html" and root.namespace in (XHTML, ""):
        return html(source, out, limits)
    return record(root, split_off(root, parsed.runs, out), out, _read_as(parsed))


def record(root: Node, files: Files, out: Path, flags: tuple[FlagNote, ...]) -> Made:
    """Typeset a tree whose files have been split off."""
    facts = message_facts(root)
    data = page(root, files, banner(root, facts))
    text = plain_text(data)
    table = drawable(_strings(data))
    typeset("record", _translated(data, table) if table else data, out)
    if files.unsound:
        detail = f"{files.unsound} attachments are not base64, as the record says they are."
        flags = (*flags, FlagNote(Flag.DECODED_LENIENTLY, detail))
    if files.parts:
        flags = (*flags, FlagNote(Flag.ATTACHMENTS_SPLIT_OFF, f"{len(files.parts)} files."))
    return Made(out, ("2a", "2u", "2b"), (*flags, *glyph_flags(table)), text, tuple(files.parts), message=facts)


def _read_as(parsed: Parsed) -> tuple[FlagNote, ...]:
    flags: tuple[FlagNote, ...] = ()
    if parsed.guessed is not None:
        flags = (FlagNote(Flag.ENCODING_GUESSED, f"Read as {parsed.guessed}, against its declaration."),)
    return (*flags, FlagNote(Flag.DECODED_LENIENTLY, parsed.mended)) if parsed.mended else flags


def page(root: Node, files: Files, above: Sequence[str] = ()) -> dict[str, Any]:
    """The record as data for the template `record`: every text and attribute of the tree is in it; `above` stands
    before all else."""
    if kith.is_message(root):
        layout: Layout = (message := kith.MessageLayout())
        title, subtitle, facts = kith.lay_out(root, message)
    elif cda.is_document(root):
        layout = Layout()
        title, subtitle, facts = cda.lay_out(root, layout)
    elif fhir.is_resource(root):
        layout = fhir.ResourceLayout()
        title, subtitle, facts = fhir.lay_out(root, layout)
    else:
        layout = Layout()
        title, subtitle, facts = labels().element(root.name), root.namespace, []
        if root.children:
            layout.body(root, 2)
        else:
            layout.row(layout.label(root), layout.value(root))
    facts += [["Vedlegg" if i == 0 else "", line] for i, line in enumerate(files.shown)]
    return {
        "banner": list(above),
        "title": tidy(title),
        "subtitle": tidy(subtitle),
        "facts": facts,
        "blocks": layout.blocks,
        "technical": [*files.technical, *_technical(root, layout)],
    }


def _technical(root: Node, layout: Layout) -> list[list[str]]:
    """Code systems, and all that has not been shown: first met first, equal lines once with their number."""
    lines: dict[tuple[str, str, str], int] = {}
    for oid, (name, codes) in layout.systems.items():
        if name != oid:
            lines[("Kodeverk", name, f"{oid}: {', '.join(codes)}" if codes else oid)] = 1
    if layout.times:
        lines[("Datoer og tider", "som i kilden", ", ".join(layout.times))] = 1
    for node in root.walk():
        rest: list[tuple[str, str]] = []
        if node.hidden:
            rest.append(("", without_base64(tidy(node.take_text()))))
        rest += [(local(k), without_base64(v)) for k, v in node.attributes.items() if k in node.hidden_attributes]
        node.hidden_attributes.clear()
        for name, value in rest:
            line = (layout.label(node), name, value)
            lines[line] = lines.get(line, 0) + 1
    return [[a, b, f"{c} (× {count})" if count > 1 else c] for (a, b, c), count in lines.items()]


def plain_text(data: dict[str, Any]) -> str:
    """The page as text: one line per heading, row, paragraph line or table row."""
    lines = [*data["banner"], data["title"], data["subtitle"], *(": ".join(filter(None, f)) for f in data["facts"]), ""]
    for block in data["blocks"]:
        lines += _block_lines(block)
    lines += ["", *(" ".join(filter(None, row)) for row in data["technical"])]
    return "\n".join(lines).strip("\n") + "\n"


def _block_lines(block: Block) -> list[str]:
    if "h" in block:
        return ["", block["text"]]
    if "rows" in block:
        return [": ".join(row) for row in block["rows"]]
    if "table" in block:
        return ["\t".join(row) for row in [block["head"], *block["table"]] if row]
    if "grid" in block:
        return ["\t".join(map(_in_a_row, row)).rstrip("\t") for row in rows(block["grid"], block["columns"])]
    return [_INDENT * block.get("in", 0) + plain(block["p"])]


def _in_a_row(said: Words) -> str:
    return " ".join(plain(said).split("\n"))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _translated(value: Any, table: dict[int, str]) -> Any:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, dict):
        return {k: _translated(v, table) for k, v in value.items()}
    if isinstance(value, list):
        return [_translated(v, table) for v in value]
    return value
