"""A note as the word processors of an old system would have kept it: RTF, DOCX, DOC."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from random import Random
from xml.sax.saxutils import escape

from extract.sample.notes import Block, Note
from extract.sample.word97 import Line, word97

_TABLE_WIDTH = 9000  # twentieths of a point
_ZIP_TIME = (2009, 1, 1, 0, 0, 0)  # so that the same seed gives the same bytes
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def rtf(note: Note, rng: Random) -> bytes:
    """RTF in one of three manners: a form with header and footer, a letter with styles, or a bare typewriter text."""
    manner = rng.choice(("form", "form", "letter", "bare"))
    face = {"form": "Arial", "letter": "Times New Roman", "bare": "Courier New"}[manner]
    out = [
        r"{\rtf1\ansi\ansicpg1252\deff0\deflang1044{\fonttbl{\f0\fswiss\fcharset0 " + face + ";}{\\f1\\fswiss Arial;}}",
        r"{\colortbl ;\red0\green0\blue128;\red120\green120\blue120;}",
    ]
    if manner == "letter":
        out.append(r"{\stylesheet{\s0\f0\fs22 Normal;}{\s1\f1\b\fs28\sbasedon0 heading 1;}}")
        out.append(r"{\info{\title " + _rtf_text(note.title) + r"}{\author " + _rtf_text(note.author.name) + "}}")
    out.append(r"\paperw11906\paperh16838\margl1134\margr1134\margt1134\margb1134")
    if manner == "form":
        person = _rtf_text(f"{note.person.name}  f. {note.person.birth:%d.%m.%Y}")
        out.append(r"{\header\pard\qr\f1\fs16\cf2 " + person + r"\par}")
        out.append(r"{\footer\pard\qc\f1\fs14 " + _rtf_text(note.unit.name) + r"  side \chpgn\par}")
    size = 20 if manner == "bare" else 22
    for block in note.blocks:
        out.append(_rtf_block(block, size, "s1" if manner == "letter" else "f1"))
    return ("\r\n".join(out) + "}").encode("ascii")


def _rtf_block(block: Block, size: int, heading: str) -> str:
    text = _rtf_text(block.text)
    match block.style:
        case "title":
            return rf"\pard\{heading}\fs28\b\cf1 {text}\b0\cf0\f0\fs{size}\par"
        case "heading":
            return rf"\pard\sb120\f0\fs{size}\b {text}\b0\par\pard\sb0"
        case "strong":
            return rf"\pard\f0\fs{size} {{\b {text}}}\par"
        case "fields":
            rows = [rf"{_rtf_text(k)}:\tab {_rtf_text(v)}\par" for k, v in block.rows]
            return rf"\pard\tx2268\f0\fs{size} " + "\r\n".join(rows) + r"\par"
        case "table":
            return "\r\n".join(_rtf_rows(block.rows, size)) + "\r\n\\pard\\par "
        case _:
            return rf"\pard\f0\fs{size} {text}\par"


def _rtf_rows(rows: Sequence[tuple[str, ...]], size: int) -> list[str]:
    width = _TABLE_WIDTH // len(rows[0])
    border = r"\clbrdrt\brdrs\clbrdrl\brdrs\clbrdrb\brdrs\clbrdrr\brdrs"
    cells = "".join(rf"{border}\cellx{width * (i + 1)}" for i in range(len(rows[0])))
    out = []
    for number, row in enumerate(rows):
        bold, plain = (r"\b ", r"\b0") if number == 0 else ("", "")
        content = "".join(rf"{bold}{_rtf_text(cell)}{plain}\cell " for cell in row)
        out.append(rf"\trowd\trgaph70{cells}\pard\intbl\f0\fs{size} {content}\row")
    return out


def _rtf_text(text: str) -> str:
    out = []
    for c in text:
        if c in "\\{}":
            out.append("\\" + c)
        elif c < "\x7f":
            out.append(c)
        else:
            out.append("".join(f"\\'{b:02x}" for b in c.encode("cp1252", "replace")))
    return "".join(out)


def doc(note: Note) -> bytes:
    """A binary Word 97 document. Tables become lines with tabs."""
    lines = []
    for block in note.blocks:
        match block.style:
            case "title":
                lines.append(Line(block.text, bold=True, size=32))
            case "heading" | "strong":
                lines.append(Line(block.text, bold=True))
            case "fields":
                lines += [Line(f"{k}:\t{v}") for k, v in block.rows] + [Line("")]
            case "table":
                lines += [Line("\t".join(row), bold=n == 0) for n, row in enumerate(block.rows)]
            case _:
                lines.append(Line(block.text))
    return word97(lines)


def docx(note: Note, rng: Random) -> bytes:
    """A Word 2007 document with styles and, in every other, a header."""
    header = rng.random() < 0.5
    parts = {
        "[Content_Types].xml": _content_types(header),
        "_rels/.rels": _relationships((("officeDocument", "word/document.xml"),)),
        "word/document.xml": _document(note, header),
        "word/styles.xml": _styles(),
        "word/_rels/document.xml.rels": _relationships(
            (("styles", "styles.xml"), *((("header", "header1.xml"),) if header else ()))
        ),
    }
    if header:
        line = _paragraph(f"{note.unit.name} – {note.person.name}", "Header")
        parts["word/header1.xml"] = _xml(f'<w:hdr xmlns:w="{_W}">{line}</w:hdr>')
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            member = zipfile.ZipInfo(name, _ZIP_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, text)
    return target.getvalue()


def _xml(body: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{body}'


def _content_types(header: bool) -> str:
    overrides = [("document", "document.main"), ("styles", "styles"), *([("header1", "header")] if header else [])]
    body = "".join(
        f'<Override PartName="/word/{part}.xml" ContentType="{_MAIN}.{kind}+xml"/>' for part, kind in overrides
    )
    rels = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    return _xml(
        f'<Types xmlns="{_PACKAGE}/content-types">{rels}<Default Extension="xml" ContentType="application/xml"/>'
        f"{body}</Types>"
    )


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    body = "".join(
        f'<Relationship Id="rId{n}" Type="{_R}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, start=1)
    )
    return _xml(f'<Relationships xmlns="{_PACKAGE}/relationships">{body}</Relationships>')


def _styles() -> str:
    def style(identity: str, name: str, size: int, bold: bool) -> str:
        weight = "<w:b/>" if bold else ""
        default = ' w:default="1"' if identity == "Normal" else ""
        return (
            f'<w:style w:type="paragraph"{default} w:styleId="{identity}"><w:name w:val="{name}"/>'
            f'<w:rPr><w:rFonts w:ascii="Calibri" w:hAnsi="Calibri"/>{weight}<w:sz w:val="{size}"/></w:rPr></w:style>'
        )

    return _xml(
        f'<w:styles xmlns:w="{_W}">{style("Normal", "Normal", 22, False)}{style("Heading1", "heading 1", 32, True)}'
        f"{style('Heading2', 'heading 2', 24, True)}{style('Header', 'header', 16, False)}</w:styles>"
    )


def _paragraph(text: str, style: str = "Normal", *, bold: bool = False) -> str:
    weight = "<w:rPr><w:b/></w:rPr>" if bold else ""
    runs = "<w:r><w:tab/></w:r>".join(
        f'<w:r>{weight}<w:t xml:space="preserve">{escape(part)}</w:t></w:r>' for part in text.split("\t")
    )
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{runs}</w:p>'


def _document(note: Note, header: bool) -> str:
    body = []
    for block in note.blocks:
        match block.style:
            case "title":
                body.append(_paragraph(block.text, "Heading1"))
            case "heading":
                body.append(_paragraph(block.text, "Heading2"))
            case "fields":
                body += [_paragraph(f"{k}:\t{v}") for k, v in block.rows]
            case "table":
                body.append(_table(block.rows))
            case style:
                body.append(_paragraph(block.text, bold=style == "strong"))
    reference = '<w:headerReference w:type="default" r:id="rId2"/>' if header else ""
    section = (
        f'<w:sectPr>{reference}<w:pgSz w:w="11906" w:h="16838"/>'
        '<w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="567" w:footer="567"'
        ' w:gutter="0"/></w:sectPr>'
    )
    return _xml(f'<w:document xmlns:w="{_W}" xmlns:r="{_R}"><w:body>{"".join(body)}{section}</w:body></w:document>')


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    width = _TABLE_WIDTH // len(rows[0])
    edges = "".join(
        f'<w:{e} w:val="single" w:sz="4"/>' for e in ("top", "left", "bottom", "right", "insideH", "insideV")
    )
    grid = f'<w:gridCol w:w="{width}"/>' * len(rows[0])
    lines = "".join(
        "<w:tr>"
        + "".join(
            f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>{_paragraph(cell, bold=n == 0)}</w:tc>'
            for cell in row
        )
        + "</w:tr>"
        for n, row in enumerate(rows)
    )
    head = f'<w:tblPr><w:tblW w:w="0" w:type="auto"/><w:tblBorders>{edges}</w:tblBorders></w:tblPr>'
    return f"<w:tbl>{head}<w:tblGrid>{grid}</w:tblGrid>{lines}</w:tbl>{_paragraph('')}"
