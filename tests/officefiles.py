"""Office files for tests that hold all that is easily lost: comments, changes, notes, boxes, fields, hidden things,
files within. Made here, or by LibreOffice from what is made here."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OF_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_NAMES = f'xmlns:w="{_WORD}" xmlns:r="{_OF_OFFICE}" xmlns:v="urn:schemas-microsoft-com:vml"'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = ("document", "comments", "footnotes", "endnotes", "header", "footer")
_ODF = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("table", "table"), ("text", "text"), ("draw", "drawing"), ("style", "style"),
        ("presentation", "presentation"), ("svg", "svg-compatible"), ("fo", "xsl-fo-compatible"),
        ("script", "script"), ("manifest", "manifest"),
    )
)  # fmt: skip
_ODF += ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'

WORDS = (
    "BRØDTEKST", "INNSATT", "SLETTET", "FOTNOTE", "SLUTTNOTE", "TEKSTBOKS", "FLETTEFELT", "INNHOLDSKONTROLL",
    "SKJEMATEKST", "NEDTREKK", "TOPPTEKST", "BUNNTEKST", "MARGKOMMENTAR", "ANNENLINJE",
)  # fmt: skip
"""What `everything` says, one word for each place; beside SKJULT, which is hidden."""


def packed(members: dict[str, str | bytes]) -> bytes:
    """A ZIP file without a clock in it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), content, stored)
    return data.getvalue()


def _r(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def _p(*runs: str) -> str:
    return f"<w:p>{''.join(runs)}</w:p>"


def _field(instruction: str, result: str, data: str = "") -> str:
    return (
        f'<w:r><w:fldChar w:fldCharType="begin">{data}</w:fldChar></w:r><w:r><w:instrText>{instruction}</w:instrText>'
        f'</w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>{_r(result) if result else ""}'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def word(body: str, files: dict[str, bytes] | None = None, **parts: str) -> bytes:
    """A DOCX file: the paragraphs of its body and of other parts (`comments`, `header` ...), and files within it."""
    contents = {"document": f"<w:document {_NAMES}><w:body>{body}</w:body></w:document>", **parts}
    types, relations = [], []
    for name in _PARTS:
        if name in contents:
            kind = "document.main" if name == "document" else name
            types.append(
                f'<Override PartName="/word/{name}.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                f'wordprocessingml.{kind}+xml"/>'
            )
            relations.append(f'<Relationship Id="{name}" Type="{_OF_OFFICE}/{name}" Target="{name}.xml"/>')
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return packed(
        {
            "[Content_Types].xml": f'{head}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="bin" ContentType="application/vnd.openxmlformats-officedocument.oleObject"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{"".join(types)}</Types>',
            "_rels/.rels": f'{head}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r" '
            f'Type="{_OF_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f'{head}<Relationships xmlns="{_PACKAGE}/relationships">'
            f"{''.join(relations[1:])}</Relationships>",
            **{f"word/{name}.xml": head + content for name, content in contents.items()},
            **{f"word/embeddings/{name}": content for name, content in (files or {}).items()},
        }
    )


def everything() -> bytes:
    """A DOCX file with each of `WORDS` in its place."""
    form = '<w:ffData><w:name w:val="a"/><w:textInput/></w:ffData>'
    choice = '<w:ffData><w:name w:val="b"/><w:ddList><w:listEntry w:val="NEDTREKK"/></w:ddList></w:ffData>'
    change = 'w:author="Lege Ås" w:date="2004-01-01T00:00:00Z"'
    box = (
        '<w:r><w:pict><v:shape type="#_x0000_t202" style="width:150pt;height:40pt"><v:textbox><w:txbxContent>'
        f"{_p(_r('TEKSTBOKS'))}</w:txbxContent></v:textbox></v:shape></w:pict></w:r>"
    )
    body = "".join((
        _p(_r("BRØDTEKST")),
        _p('<w:commentRangeStart w:id="0"/>', _r("her"), '<w:commentRangeEnd w:id="0"/>',
           '<w:r><w:commentReference w:id="0"/></w:r>'),
        _p(f'<w:ins w:id="1" {change}>{_r("INNSATT")}</w:ins>', _r(" "),
           f'<w:del w:id="2" {change}><w:r><w:delText>SLETTET</w:delText></w:r></w:del>'),
        _p(_r("Noter"), '<w:r><w:footnoteReference w:id="2"/></w:r>', '<w:r><w:endnoteReference w:id="2"/></w:r>'),
        _p("<w:r><w:rPr><w:vanish/></w:rPr><w:t>SKJULT</w:t></w:r>", _r("synlig")),
        _p(box),
        _p(_field(" MERGEFIELD navn ", "FLETTEFELT")),
        _p(f"<w:sdt><w:sdtContent>{_r('INNHOLDSKONTROLL')}</w:sdtContent></w:sdt>"),
        _p(_field(" FORMTEXT ", "SKJEMATEKST", form)), _p(_field(" FORMDROPDOWN ", "", choice)),
        '<w:sectPr><w:headerReference w:type="default" r:id="header"/><w:footerReference w:type="default" '
        'r:id="footer"/><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1440" w:right="1440" w:bottom="1440" '
        'w:left="1440" w:header="700" w:footer="700"/></w:sectPr>',
    ))  # fmt: skip
    comment = f'<w:comment w:id="0" w:author="Overlege Øye">{_p(_r("MARGKOMMENTAR"))}{_p(_r("ANNENLINJE"))}</w:comment>'
    separator = _p("<w:r><w:separator/></w:r>")

    def notes(kind: str, text: str) -> str:
        first = f'<w:{kind} w:type="separator" w:id="0">{separator}</w:{kind}>'
        return f'<w:{kind}s {_NAMES}>{first}<w:{kind} w:id="2">{_p(_r(text))}</w:{kind}></w:{kind}s>'

    return word(
        body,
        comments=f"<w:comments {_NAMES}>{comment}</w:comments>",
        footnotes=notes("footnote", "FOTNOTE"),
        endnotes=notes("endnote", "SLUTTNOTE"),
        header=f"<w:hdr {_NAMES}>{_p(_r('TOPPTEKST'))}</w:hdr>",
        footer=f"<w:ftr {_NAMES}>{_p(_r('BUNNTEKST'))}</w:ftr>",
    )


def spreadsheet() -> bytes:
    """A flat ODS file: a print range that leaves out a cell, a hidden row, a note, 40 columns, a hidden sheet."""

    def cell(text: str, within: str = "") -> str:
        return f'<table:table-cell office:value-type="string">{within}<text:p>{text}</text:p></table:table-cell>'

    def sheet(name: str, rows: str, style: str = "shown", more: str = "") -> str:
        return (
            f'<table:table table:name="{name}" table:style-name="{style}" {more}><table:table-column '
            f'table:number-columns-repeated="50"/>{rows}</table:table>'
        )

    note = "<office:annotation><dc:creator>Lege</dc:creator><text:p>CELLENOTAT</text:p></office:annotation>"
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table"><style:table-properties table:display="{shown}"/>'
        "</style:style>"
        for name, shown in (("hidden", "false"), ("shown", "true"))
    )
    first = f"<table:table-row>{cell('FØRST', note)}{cell('UTENFOR')}</table:table-row>"
    first += f'<table:table-row table:visibility="collapse">{cell("SKJULTRAD")}</table:table-row>'
    wide = f"<table:table-row>{''.join(cell(f'KOLONNE{i:02}') for i in range(40))}</table:table-row>"
    hidden = f"<table:table-row>{cell('SKJULTARK')}</table:table-row>"
    tables = sheet("Ark1", first, more='table:print-ranges="Ark1.A1:Ark1.A1"') + sheet("Ark2", wide)
    return (
        f'<?xml version="1.0"?><office:document {_ODF} office:mimetype='
        '"application/vnd.oasis.opendocument.spreadsheet" office:version="1.2"><office:automatic-styles>'
        f"{styles}</office:automatic-styles><office:body><office:spreadsheet>{tables}"
        f"{sheet('Ark3', hidden, 'hidden')}</office:spreadsheet></office:body></office:document>"
    ).encode()


def presentation() -> bytes:
    """A flat ODP file: two slides and one that is skipped, each with what the speaker notes and a comment."""

    def slide(number: int, style: str) -> str:
        comment = f'<office:annotation svg:x="0cm" svg:y="0cm"><text:p>KOMMENTAR{number}</text:p></office:annotation>'
        where = 'svg:x="2cm" svg:y="12cm" svg:width="15cm" svg:height="4cm"'
        return (
            f'<draw:page draw:name="s{number}" draw:style-name="{style}" draw:master-page-name="m"><draw:frame {where}>'
            f"<draw:text-box><text:p>LYSBILDE{number}</text:p></draw:text-box></draw:frame>{comment}"
            f'<presentation:notes><draw:frame presentation:class="notes" {where}><draw:text-box><text:p>NOTAT{number}'
            "</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>"
        )

    return (
        f'<?xml version="1.0"?><office:document {_ODF} office:mimetype='
        '"application/vnd.oasis.opendocument.presentation" office:version="1.2"><office:automatic-styles>'
        '<style:page-layout style:name="l"><style:page-layout-properties fo:page-width="28cm" fo:page-height="21cm"/>'
        '</style:page-layout><style:style style:name="shown" style:family="drawing-page"/><style:style '
        'style:name="skipped" style:family="drawing-page"><style:drawing-page-properties '
        'presentation:visibility="hidden"/></style:style></office:automatic-styles><office:master-styles>'
        '<style:master-page style:name="m" style:page-layout-name="l"/></office:master-styles><office:body>'
        f"<office:presentation>{slide(1, 'shown')}{slide(2, 'shown')}{slide(3, 'skipped')}</office:presentation>"
        "</office:body></office:document>"
    ).encode()


def with_macro(written: Path) -> bytes:
    """An ODT file with a macro that makes a file when the document is opened."""
    library = "<library:library xmlns:library='http://openoffice.org/2000/library' library:name='Standard'"
    code = f'Sub Auto&#10; Open "{written}" For Output As #1&#10; Print #1, "x"&#10; Close #1&#10;End Sub'
    return packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f'<?xml version="1.0"?><office:document-content {_ODF} office:version="1.2"><office:scripts>'
            '<office:event-listeners><script:event-listener script:language="ooo:script" '
            'script:event-name="dom:load" xlink:type="simple" xlink:href="vnd.sun.star.script:Standard.Modul.Auto?'
            'language=Basic&amp;location=document"/></office:event-listeners></office:scripts><office:body><office:text>'
            "<text:p>MAKROBREV</text:p></office:text></office:body></office:document-content>",
            "Basic/Standard/Modul.xml": '<?xml version="1.0"?><script:module xmlns:script='
            f'"http://openoffice.org/2000/script" script:name="Modul" script:language="StarBasic">{code}'
            "</script:module>",
            "Basic/Standard/script-lb.xml": f"<?xml version='1.0'?>{library} library:readonly='false'>"
            "<library:element library:name='Modul'/></library:library>",
            "Basic/script-lc.xml": '<?xml version="1.0"?><library:libraries xmlns:library='
            '"http://openoffice.org/2000/library" xmlns:xlink="http://www.w3.org/1999/xlink"><library:library '
            'library:name="Standard" library:link="false"/></library:libraries>',
            "META-INF/manifest.xml": f'<?xml version="1.0"?><manifest:manifest {_ODF} manifest:version="1.2">'
            '<manifest:file-entry manifest:full-path="/" '
            'manifest:media-type="application/vnd.oasis.opendocument.text"/>'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
            '<manifest:file-entry manifest:full-path="Basic/script-lc.xml" manifest:media-type="text/xml"/>'
            '<manifest:file-entry manifest:full-path="Basic/Standard/script-lb.xml" manifest:media-type="text/xml"/>'
            '<manifest:file-entry manifest:full-path="Basic/Standard/Modul.xml" manifest:media-type="text/xml"/>'
            "</manifest:manifest>",
        }
    )


def as_family(content: bytes, ending: str, family: str, folder: Path) -> Path:
    """A file in another office format, made by LibreOffice."""
    source = folder / f"kilde.{ending}"
    source.write_bytes(content)
    profile = f"-env:UserInstallation={(folder / 'profil').as_uri()}"
    command = ["soffice", profile, "--headless", "--convert-to", family, "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return source.with_suffix(f".{family}")
