"""Parts of a Word document that are in another format (altChunk): their paragraphs, for the place they belong to.

HTML, MHTML, text and plain RTF. A part that is a Word document itself is LibreOffice's affair; one that cannot be read
here is left out, and told by the second reading.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from typing import Any

import tinyhtml5

from archive.normalise.contract import PassedOn
from archive.normalise.encodings import decode
from archive.normalise.htmlsigns import recode_signs
from archive.normalise.rtfread import model
from archive.normalise.rtfread.reader import read

Paragraph = list[tuple[str, str]]
"""Runs: text with tabs and line feeds, and its looks (`b i u strike superscript subscript`, parted by spaces)."""

_BLOCKS = frozenset(
    (
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "caption",
            "center",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
        ),
        *("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol"),
        *("p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    )
)
_LOOKS = {"b": "b", "strong": "b", "th": "b", "i": "i", "em": "i", "u": "u", "ins": "u", "s": "strike",
          "strike": "strike", "del": "strike", "sup": "superscript", "sub": "subscript",
          "h1": "b", "h2": "b", "h3": "b"}  # fmt: skip
_SILENT = frozenset(("script", "style", "head", "title", "template"))
_MARKUP = re.compile(rb"<(?:!doctype|html|head|meta|body|p|div|table|span|font|ul|ol|pre|h[1-6]|b|i|br)\b")
_MOST_DEPTH = 200


def chunk(content: bytes) -> list[Paragraph] | None:
    """The paragraphs of a part; None where it is of no format known here."""
    start = content[:2048].lstrip(b"\xef\xbb\xbf \r\n\t")
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        return None
    if start.startswith(b"{\\rtf"):
        return _rtf(content)
    lowered = start.lower()
    if lowered.startswith((b"mime-version:", b"from:", b"content-type:")) or b"\nmime-version:" in lowered:
        return _message(content)
    if _MARKUP.search(lowered):
        return _html(decode(content).text if not _declares_utf8(lowered) else content.decode("utf-8", "replace"))
    if lowered.startswith(b"<?xml"):
        return None
    return [[(line, "")] for line in decode(content).text.splitlines()]


def _declares_utf8(start: bytes) -> bool:
    return b"charset=utf-8" in start.replace(b'"', b"").replace(b"'", b"")


def _message(content: bytes) -> list[Paragraph] | None:
    """The HTML of an MHTML part."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("html", "plain"))
    if body is None:
        return None
    try:
        text = str(body.get_content())
    except (LookupError, ValueError):
        return None
    return _html(text) if body.get_content_subtype() == "html" else [[(line, "")] for line in text.splitlines()]


# --- HTML


def _html(text: str) -> list[Paragraph]:
    root = tinyhtml5.parse(text, namespace_html_elements=False)
    recode_signs(root, text)
    paragraphs: list[Paragraph] = [[]]
    _walk(root, (), paragraphs, 0, preserved=False)
    return [p for p in map(_tidied, paragraphs) if p]


def _walk(element: Any, looks: tuple[str, ...], paragraphs: list[Paragraph], depth: int, *, preserved: bool) -> None:
    tag = element.tag if isinstance(element.tag, str) else ""
    if tag in _SILENT or depth > _MOST_DEPTH or not tag:
        return
    block = tag in _BLOCKS
    if block:
        paragraphs.append([])
    if tag == "li":
        paragraphs[-1].append(("• ", ""))
    elif tag in ("td", "th") and paragraphs[-1]:
        paragraphs[-1].append(("\t", ""))
    elif tag == "br":
        paragraphs[-1].append(("\n", ""))
    elif tag == "img":
        said = element.get("alt", "").strip()
        paragraphs[-1].append((f"[Bilde{f' «{said}»' if said else ''} er ikke i kopien]", ""))
    elif tag in ("input", "textarea") and element.get("value"):
        paragraphs[-1].append((element.get("value"), ""))
    look = _LOOKS.get(tag)
    looks = (*looks, look) if look and look not in looks else looks
    preserved = preserved or tag in ("pre", "textarea")
    _say(element.text, looks, paragraphs, preserved=preserved)
    for child in element:
        _walk(child, looks, paragraphs, depth + 1, preserved=preserved)
        _say(child.tail, looks, paragraphs, preserved=preserved)
    if block:
        paragraphs.append([])


def _say(text: str | None, looks: tuple[str, ...], paragraphs: list[Paragraph], *, preserved: bool) -> None:
    if not text:
        return
    if not preserved:
        words = " ".join(text.split())
        text = (" " if text[:1].isspace() else "") + words + (" " if words and text[-1:].isspace() else "")
    paragraphs[-1].append((text, " ".join(looks)))


def _tidied(paragraph: Paragraph) -> Paragraph:
    return paragraph if any(text.strip(" \t") for text, _ in paragraph) else []


# --- RTF


def _rtf(content: bytes) -> list[Paragraph] | None:
    try:
        document = read(content)
    except PassedOn:
        return None
    return [p for block in document.body for p in _block(block)]


def _block(block: model.Block) -> Iterator[Paragraph]:
    if isinstance(block, model.Paragraph):
        yield _inlines(block)
    elif isinstance(block, model.Table):
        for row in block.rows:
            line: Paragraph = []
            for number, cell in enumerate(row.cells):
                line += [("\t", "")] if number else []
                for place, paragraph in enumerate(cell.content):
                    line += [*([("\n", "")] if place else []), *_inlines(paragraph)]
            yield line


def _inlines(paragraph: model.Paragraph) -> Paragraph:
    made: Paragraph = []
    for inline in paragraph.inlines:
        if isinstance(inline, model.Run):
            look = inline.look
            looks = [name for name, on in (("b", look.bold), ("i", look.italic), ("u", look.underline),
                                           ("strike", look.strike)) if on]  # fmt: skip
            looks += {"super": ["superscript"], "sub": ["subscript"]}.get(look.raised, [])
            made.append((inline.text, " ".join(looks)))
        elif isinstance(inline, model.Mark):
            made.append(({"tab": "\t", "line": "\n"}.get(inline.kind, ""), ""))
        else:
            made.append(("[Bilde er ikke i kopien]", ""))
    return made
