"""A note as text, HTML, or a health message in XML."""

from __future__ import annotations

import textwrap
from html import escape
from random import Random
from uuid import UUID
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from extract.sample.notes import Block, Note

_HEAD = "http://www.kith.no/xmlstds/msghead/2006-05-24"
_DIALOGUE = "http://www.kith.no/xmlstds/dialog/2006-10-11"
_DISCHARGE = "http://www.kith.no/xmlstds/epikrise/2006-09-23"
_OFFICIAL_ID = "2.16.578.1.12.4.1.1.8116"


def lines_of(note: Note, width: int = 78) -> list[str]:
    """The note as lines of at most `width` characters; the tables in columns."""
    lines: list[str] = []
    for block in note.blocks:
        match block.style:
            case "title":
                lines += [block.text.upper(), "=" * len(block.text)]
            case "heading":
                lines += ["", block.text.upper()]
            case "fields":
                lines += [f"{k + ':':10} {v}" for k, v in block.rows] + [""]
            case "table":
                lines += ["", *_columns(block)]
            case _:
                lines += textwrap.wrap(block.text, width, break_long_words=False, break_on_hyphens=False)
    return lines


def _columns(block: Block) -> list[str]:
    widths = [max(len(row[i]) for row in block.rows) for i in range(len(block.rows[0]))]
    return ["  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in block.rows]


def text(note: Note, rng: Random) -> bytes:
    """Plain text: mostly Windows-1252, some of it DOS (code page 850) or UTF-8, as systems changed under the notes."""
    content = "\r\n".join(lines_of(note)) + "\r\n"
    encoding = rng.choices(("cp1252", "cp850", "utf-8", "utf-8-sig"), (60, 15, 20, 5))[0]
    if encoding == "cp850":  # the DOS system had no dashes nor typographic quotes
        content = content.translate(str.maketrans("–«»", '-""'))
    return content.encode(encoding)


def html(note: Note) -> bytes:
    """A page as a web-based system keeps one."""
    body = []
    for block in note.blocks:
        match block.style:
            case "title":
                body.append(f"<h1>{escape(block.text)}</h1>")
            case "heading":
                body.append(f"<h2>{escape(block.text)}</h2>")
            case "strong":
                body.append(f"<p><b>{escape(block.text)}</b></p>")
            case "fields" | "table":
                tag = "th" if block.style == "table" else "td"
                rows = [
                    "".join(f"<{tag if n == 0 else 'td'}>{escape(c)}</{tag if n == 0 else 'td'}>" for c in row)
                    for n, row in enumerate(block.rows)
                ]
                body.append('<table border="1">' + "".join(f"<tr>{r}</tr>\n" for r in rows) + "</table>")
            case _:
                body.append(f"<p>{escape(block.text)}</p>")
    head = (
        f'<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><title>{escape(note.title)}</title>'
    )
    page = f"<html><head>{head}</head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    return page.encode("cp1252")


def message(note: Note, rng: Random) -> bytes:
    """A discharge summary or a dialogue message, in the form of the Norwegian health message standards."""
    body = _discharge(note, rng) if note.type == "EP" else _dialogue(note, rng)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _running_text(note: Note) -> str:
    return "\n".join(
        "; ".join(": ".join(row) for row in block.rows) if block.rows else block.text
        for block in note.blocks
        if block.style not in ("title", "fields")
    )


def _names(note: Note) -> str:
    family, given = xml_escape(note.person.family), xml_escape(note.person.given)
    return f"<FamilyName>{family}</FamilyName><GivenName>{given}</GivenName>"


def _discharge(note: Note, rng: Random) -> str:
    stamp = f"{note.day:%Y-%m-%d}T12:00:00"
    sections = "".join(
        f'<InfItem><Type V="{code}" DN="{name}"/><Observation><Description>{xml_escape(b.text)}</Description>'
        "</Observation></InfItem>"
        for b in note.blocks
        if b.text and b.style in ("text", "strong")
        for code, name in (rng.choice((("AARSAK", "Årsak til innleggelse"), ("FORL", "Forløp og behandling"))),)
    )
    identity = f'<OffId>{note.person.fnr}</OffId><TypeOffId V="FNR" DN="Fødselsnummer"/>' if note.person.fnr else ""
    return (
        f'<Message xmlns="{_DISCHARGE}"><Type V="E" DN="Epikrise"/><MIGversion>v1.1 2006-09-23</MIGversion>'
        f'<GenDate V="{stamp}"/><MsgId>{_uuid(rng)}</MsgId><ServRprt><ServType V="N" DN="Ny"/>'
        f'<IssueDate V="{stamp}"/><Status V="F" DN="Endelig rapport"/><MsgDescr>{xml_escape(note.title)}</MsgDescr>'
        f'<ServProvId>{_uuid(rng)}</ServProvId><Event><ServType V="N" DN="Ny"/>{sections}</Event>'
        f"<Patient>{_names(note)}{identity}</Patient>"
        f"<ServProvider><HCP><Inst><Name>{xml_escape(note.unit.name)}</Name><Id>{note.unit.organisation}</Id></Inst></HCP>"
        f"</ServProvider></ServRprt></Message>"
    )


def _dialogue(note: Note, rng: Random) -> str:
    identity = (
        f'<Ident><Id>{note.person.fnr}</Id><TypeId V="FNR" DN="Fødselsnummer" S="{_OFFICIAL_ID}"/></Ident>'
        if note.person.fnr
        else ""
    )
    sender = f"<Organisation><OrganisationName>{xml_escape(note.unit.name)}</OrganisationName></Organisation>"
    receiver = "<Organisation><OrganisationName>Fjordbyen legesenter</OrganisationName></Organisation>"
    return (
        f'<MsgHead xmlns="{_HEAD}"><MsgInfo><Type V="DIALOG_NOTAT" DN="Notat"/><MIGversion>v1.2 2006-05-24</MIGversion>'
        f"<GenDate>{note.day:%Y-%m-%d}T09:30:00</GenDate><MsgId>{_uuid(rng)}</MsgId><Sender>{sender}</Sender>"
        f"<Receiver>{receiver}</Receiver><Patient>{_names(note)}{identity}</Patient></MsgInfo>"
        f'<Document><RefDoc><MsgType V="XML" DN="XML-instans"/><Content><Dialogmelding xmlns="{_DIALOGUE}"><Notat>'
        f'<TemaKodet V="6" DN={quoteattr("Henvendelse om pasient")} S="2.16.578.1.12.4.1.1.7322"/>'
        f"<Tema>{xml_escape(note.title)}</Tema><TekstNotatInnhold>{xml_escape(_running_text(note))}</TekstNotatInnhold>"
        f"<DatoNotat>{note.day:%Y-%m-%d}</DatoNotat></Notat></Dialogmelding></Content></RefDoc></Document></MsgHead>"
    )
