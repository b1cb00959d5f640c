"""The words of an original, read apart from the route that made its copy: one reader for each family."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
from lxml import etree, html

from archive.normalise.encodings import decode
from archive.normalise.metafile import read as read_metafile
from archive.rereading.contract import Reading
from archive.rereading.docwords import doc_text
from archive.rereading.rtfwords import rtf_text

OFFICE_ONLY = frozenset({"doc", "wpd"})
"""Families some or all of whose files only LibreOffice's text export can tell (`archive.rereading.officetext`)."""

REREAD = frozenset({"rtf", "doc", "docx", "odt", "ods", "xlsx", "html", "xml", "txt", "pdf", "emf", "wmf"})
"""Families whose files are read a second time, so that one which cannot be is worth a word."""
_PARTLY = frozenset({"odt", "ods", "xlsx"})
"""Families whose reader reads hidden words too."""
_MOST_EXPANDED = 32 << 20
"""Bytes of a container's XML; read as a tree it takes several times that, in workers too."""
_ENCODED = re.compile(r"[A-Za-z0-9+/=\s]{400,}")
_WORD_PARTS = re.compile(r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments)\d*\.xml")
_WORD_BODY = re.compile(r"word/(document|footnotes|endnotes|comments)\d*\.xml")
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_UNSEEN_HTML = frozenset(
    {"script", "style", "head", "template", "noscript", "noframes", "object", "svg", "math", "select"}
)
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_NOT_SHOWN = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_INLINE_HTML = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "em",
        "font",
        "i",
        "ins",
        "label",
        "mark",
        "q",
        "s",
        "small",
    }
    | {"span", "strong", "sub", "sup", "tt", "u"}
)


def source_text(path: Path, family: str, *, margins: bool = True) -> str | None:
    """The text of an original; None where there is no reader for its family, or the reader cannot read it.

    Args:
        path: the original.
        family: as `archive.identify` found it.
        margins: with headers and footers, of which a page may not exist.
    """
    reader = None if margins else _BODY_READERS.get(family)
    reader = reader or _READERS.get(family)
    if reader is None:
        return None
    try:
        return reader(path)
    except (
        ValueError,
        LookupError,
        OSError,
        struct.error,
        zipfile.BadZipFile,
        etree.LxmlError,
        pypdfium2.PdfiumError,
        NotImplementedError,
    ):
        return None


def reading_of(path: Path, family: str) -> Reading | None:
    """What a source says without its headers and footers; None where it cannot be read a second time."""
    text = source_text(path, family, margins=False)
    return None if text is None else Reading(text, partly=family in _PARTLY)


def pdf_text(path: Path) -> str:
    """The text of a PDF's pages, as PDFium reads it; raises pypdfium2.PdfiumError where it is none."""
    document = pypdfium2.PdfDocument(path)
    try:
        return "\n".join(_page_text(document, n) for n in range(len(document)))
    finally:
        document.close()


def _page_text(document: pypdfium2.PdfDocument, number: int) -> str:
    page = document[number]
    try:
        text = page.get_textpage()
        try:
            # PDFium gives a hyphen at a line's end as U+0002 or U+FFFE: the word goes on
            return re.sub("[\x02\ufffe]\\s*", "", text.get_text_range())
        finally:
            text.close()
    finally:
        page.close()


def _plain(path: Path) -> str:
    return decode(path.read_bytes()).text


def _metafile(path: Path) -> str:
    return "\n".join(read_metafile(path.read_bytes()).texts)


def _parts(path: Path, wanted: Callable[[str], bool]) -> Iterator[etree._Element]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=True)
    with zipfile.ZipFile(path) as archive:
        left = _MOST_EXPANDED
        for info in archive.infolist():
            if not wanted(info.filename):
                continue
            left -= info.file_size
            if left < 0:
                raise ValueError("the container is too large")
            root = etree.fromstring(archive.read(info), parser)
            if root is not None:
                yield root


def _doc(path: Path) -> str:
    found = doc_text(path)
    return f"{found.body}\n{found.margins}"


def _docx(path: Path, *, margins: bool = True) -> str:
    out: list[str] = []
    wanted = _WORD_PARTS if margins else _WORD_BODY
    for root in _parts(path, lambda name: wanted.fullmatch(name) is not None):
        for hidden in root.iter("{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"):
            hidden.clear()
        for element in root.iter(
            f"{_W}t", f"{_W}p", f"{_W}tab", f"{_W}br", f"{_W}cr", f"{_W}delText", f"{_W}noBreakHyphen"
        ):
            if element.tag in (f"{_W}t", f"{_W}delText"):
                if not _vanishes(element.getparent()):
                    out.append(element.text or "")
            else:
                out.append(" ")
    return "".join(out)


def _vanishes(run: etree._Element | None) -> bool:
    if run is None:
        return False
    vanish = run.find(f"{_W}rPr/{_W}vanish")
    return vanish is not None and vanish.get(f"{_W}val", "1") not in ("0", "false", "off")


def _opendocument(path: Path) -> str:
    out = []
    for root in _parts(path, lambda name: name == "content.xml"):
        body = root.find("{*}body")
        for element in () if body is None else body.iter("{*}p", "{*}h"):
            out.append("".join(map(str, element.itertext())))
    return "\n".join(out)


def _spreadsheet(path: Path) -> str:
    """Shared and inline strings; numbers are shown as their format says, and so not compared."""
    out = []
    for root in _parts(path, lambda name: name == "xl/sharedStrings.xml" or name.startswith("xl/worksheets/sheet")):
        for item in root.iter("{*}si", "{*}is"):
            out.append("".join(t.text or "" for t in item.iter("{*}t")))
    return "\n".join(out)


def _html(path: Path) -> str:
    text = _declared(path.read_bytes())
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    root = html.document_fromstring(text or "<p></p>", parser=html.HTMLParser(huge_tree=True, remove_comments=True))
    return "".join(_seen(root))


def _declared(content: bytes) -> str:
    """A page's text in the encoding it declares, else in the one detected."""
    found = (
        None if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) else _CHARSET.search(content[: 1 << 16])
    )
    if found is not None:
        name = found[1].decode("ascii").lower()
        try:
            return content.decode("cp1252" if name in ("iso-8859-1", "latin1", "us-ascii") else name)
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(content).text


def _seen(element: etree._Element) -> Iterator[str]:
    stack: list[tuple[etree._Element, bool]] = [(element, False)]
    while stack:
        node, leaving = stack.pop()
        block = not isinstance(node.tag, str) or node.tag not in _INLINE_HTML
        if leaving:
            if block:
                yield " "
            if node is not element:
                yield node.tail or ""
            continue
        stack.append((node, True))
        if not isinstance(node.tag, str) or node.tag in _UNSEEN_HTML or "hidden" in node.attrib:
            continue
        if _NOT_SHOWN.search(node.get("style", "")):
            continue
        if block:
            yield " "
        yield node.text or ""
        stack += [(child, False) for child in reversed(node)]


def _xml(path: Path) -> str:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, recover=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    root = etree.parse(path, parser).getroot()
    if root is None:
        return ""
    # files and pictures within a message are encoded; they are files of their own, not words
    return "\n".join(t for t in map(str, root.itertext()) if t.strip() and not _ENCODED.fullmatch(t))


_READERS: dict[str, Callable[[Path], str]] = {
    "txt": _plain,
    "rtf": lambda path: rtf_text(path.read_bytes()),
    "doc": _doc,
    "docx": _docx,
    "odt": _opendocument,
    "ods": _opendocument,
    "xlsx": _spreadsheet,
    "html": _html,
    "xml": _xml,
    "pdf": pdf_text,
    "emf": _metafile,
    "wmf": _metafile,
}
_BODY_READERS: dict[str, Callable[[Path], str]] = {
    "doc": lambda path: doc_text(path).body,
    "docx": lambda path: _docx(path, margins=False),
    "rtf": lambda path: rtf_text(path.read_bytes(), margins=False),
}
