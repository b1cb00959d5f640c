"""Whether text with tags is an HTML page or an XML record that happens to begin with a word of HTML's.

`<section>`, `<table>` and `<body>` are names in many vocabularies. As HTML, a record would lose the values of all its
attributes, so its namespace decides, and without one whether HTML knows all that is in it.

Source: HTML 4.01 (index of elements, of attributes), the HTML standard (same, and the obsolete ones of section 16).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from lxml import etree

_ROOT = re.compile(
    r"(?>(?:<!--.*?-->|<\?.*?\?>|<!doctype\b[^<>\[]*>)\s*)*+<((?:[\w.-]+:)?)([\w.-]+)((?:\s[^<>]*)?)/?>",
    re.IGNORECASE | re.DOTALL,
)
_NAMESPACE = re.compile(r"""\sxmlns(:[\w.-]+)?\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_MOST_BYTES = 16 << 20
_CHUNK = 1 << 16
_ELEMENTS_WORDS = """
a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote body
br button canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em
embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i
iframe image img input ins isindex kbd keygen label layer legend li link listing main map mark marquee math menu
menuitem meta meter multicol nav nextid nobr noembed noframes nolayer noscript object ol optgroup option output
p param picture plaintext pre progress q rb rp rt rtc ruby s samp script search section select slot small source
spacer span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title
tr track tt u ul var video wbr xml xmp
"""
_ATTRIBUTES_WORDS = """
abbr accept accept-charset accesskey action align alink allow allowfullscreen alt archive as async
autocapitalize autocomplete autocorrect autofocus autoplay axis background balance behavior bgcolor bgproperties
border bordercolor bordercolordark bordercolorlight bottommargin cellpadding cellspacing char charoff charset
checked cite class classid clear clip code codebase codetype color cols colspan compact content contenteditable
controls coords crossorigin data datafld dataformatas datapagesize datasrc datetime declare decoding default
defer dir direction dirname disabled download draggable dynsrc enctype enterkeyhint event face fetchpriority for
form formaction formenctype formmethod formnovalidate formtarget frame frameborder framespacing galleryimg
gutter headers height hidden hidefocus high href hreflang hspace http-equiv id imagesizes imagesrcset inert
inputmode integrity is ismap itemid itemprop itemref itemscope itemtype kind label lang language layout
leftmargin link list longdesc loop loopdelay low lowsrc manifest marginheight marginwidth max maxlength media
method methods min minlength multiple muted name nohref nomodule nonce noresize noshade novalidate nowrap object
open optimum pattern ping placeholder playsinline pluginspage pointsize popover poster preload profile prompt
readonly referrerpolicy rel required rev reversed rightmargin role rows rowspan rules sandbox scheme scope
scrollamount scrolldelay scrolling selected shape size sizes slot span spellcheck src srcdoc srclang srcset
standby start step style summary tabindex target text title topmargin translate truespeed type typemustmatch
unselectable urn usemap valign value valuetype version vlink volume vspace width wrap xmlns
"""
_ELEMENTS = frozenset(_ELEMENTS_WORDS.split())
_ATTRIBUTES = frozenset(_ATTRIBUTES_WORDS.split())
_OPEN = ("data-", "aria-", "on", "mso-", "v-", "ng-", "{http://www.w3.org/", "{urn:schemas-microsoft-com:")


def is_record(start: str, file: IO[bytes], *, named: bool = False) -> bool:
    """Whether what looks like HTML by its first tag is an XML record.

    Args:
        start: its beginning, without byte order mark and blanks.
        file: all of it.
        named: its name says that it is XML; then what is broken counts as far as it can be read.
    """
    found = _ROOT.match(start)
    if found is None:
        return False
    prefix, name = found[1].rstrip(":"), found[2].lower()
    spaces = {(m[1] or ":").lstrip(":"): m[2] or m[3] or "" for m in _NAMESPACE.finditer(found[3])}
    space = spaces.get(prefix, "")
    if space:
        return not _is_html_space(space)
    return name != "html" and not prefix and _beyond_html(file, named)


def _is_html_space(space: str) -> bool:
    return space.startswith(("http://www.w3.org/", "https://www.w3.org/")) or "html" in space.lower()


def _beyond_html(file: IO[bytes], named: bool) -> bool:
    """Whether it is well-formed XML with an element or an attribute's value that HTML has no meaning for."""
    # Bytes that are not of the encoding it should have do not change its tags.
    for encoding in (None, "iso-8859-1"):
        found = False
        try:
            for element in _elements(file, encoding):
                found = found or _is_beyond(element)
        except (etree.LxmlError, ValueError, OSError, LookupError):
            if found and named:
                return True
            continue
        return found
    return False


def _is_beyond(element: etree._Element) -> bool:
    name = str(element.tag)
    if name.startswith("{"):
        space = name[1:].partition("}")[0]
        if not _is_html_space(space) and "schemas.microsoft.com" not in space and "schemas-microsoft-com" not in space:
            return True
    elif "-" not in name and name.lower() not in _ELEMENTS:
        return True
    attributes = ((str(key).lower(), str(value)) for key, value in element.attrib.items())
    return any(value.strip() and not (key in _ATTRIBUTES or key.startswith(_OPEN)) for key, value in attributes)


def _elements(file: IO[bytes], encoding: str | None) -> Iterator[etree._Element]:
    file.seek(0)
    parser = etree.XMLPullParser(
        events=("start",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding=encoding
    )
    read = 0
    while chunk := file.read(_CHUNK):
        try:
            parser.feed(chunk if read else chunk.lstrip())
        finally:
            read += len(chunk)
            for _, element in parser.read_events():
                if isinstance(element, etree._Element) and isinstance(element.tag, str):
                    yield element
        if read > _MOST_BYTES:
            return
    parser.close()
