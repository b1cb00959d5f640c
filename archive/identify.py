"""What a file is, by its bytes and never by its name.

The route to PDF/A is chosen by our own few signatures, since PRONOM splits families by version and knows no HTML
fragment; the PRONOM id is recorded beside it, from siegfried's own signatures.
"""

from __future__ import annotations

import functools
import mmap
import re
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pygfried
from lxml import etree

from archive import ebcdic
from archive.containers import OLE_MAGIC, ZIP_MAGICS, ole_family, zip_family
from archive.markup import is_record
from archive.media import SAYS, Kind, kind_of
from archive.reasons import DocumentProblem, Reason
from archive.record import FileFormat
from archive.textkinds import byte_family, drawing_family, message_family

UNKNOWN = "unknown"

MEDIA_TYPES = {
    "rtf": "application/rtf",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "wpd": "application/vnd.wordperfect",
    "rft": "application/x-rft-dca",
    "txt": "text/plain",
    "html": "text/html",
    "xml": "application/xml",
    "json": "application/json",
    "eml": "message/rfc822",
    "mbox": "application/mbox",
    "mhtml": "multipart/related",
    "p7m": "application/pkcs7-mime",
    "pcl": "application/vnd.hp-pcl",
    "ps": "application/postscript",
    "svg": "image/svg+xml",
    "wordml": "application/vnd.ms-word.document+xml",
    "flatopc": "application/vnd.openxmlformats-officedocument.wordprocessingml.document+xml",
    "xlsml": "application/vnd.ms-excel+xml",
    "fodt": "application/vnd.oasis.opendocument.text-flat-xml",
    "fods": "application/vnd.oasis.opendocument.spreadsheet-flat-xml",
    "hl7": "application/edi-hl7v2",
    "msg": "application/vnd.ms-outlook",
    "tnef": "application/vnd.ms-tnef",
    "zip": "application/zip",
    "gzip": "application/gzip",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "tiff": "image/tiff",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "jp2": "image/jp2",
    "webp": "image/webp",
    "emf": "image/emf",
    "wmf": "image/wmf",
    "pdf": "application/pdf",
    **dict.fromkeys(SAYS, "application/octet-stream"),
    UNKNOWN: "application/octet-stream",
}
"""The families there are, each with the media type recorded for it. Those of `archive.media` have one for each format.
"""

_EXTENSIONS = {
    "rtf": {"rtf"},
    "doc": {"doc", "dot"},
    "docx": {"docx", "docm", "dotx", "dotm"},
    "odt": {"odt", "ott"},
    "ods": {"ods"},
    "odp": {"odp"},
    "xls": {"xls", "xlt"},
    "xlsx": {"xlsx", "xlsm", "xltx", "xlsb"},
    "ppt": {"ppt", "pps", "pot"},
    "pptx": {"pptx", "pptm", "ppsx", "potx"},
    "wpd": {"wpd", "wp", "wp5", "wp6"},
    "rft": {"rft", "dca"},
    "txt": {"txt", "text", "asc", "csv", "log", "md", "ini", "prn"},
    "html": {"html", "htm", "xhtml"},
    "xml": {"xml", "xhtml", "xsd", "xsl", "svg"},
    "json": {"json"},
    "eml": {"eml", "emlx"},
    "mbox": {"mbox", "mbx", "eml"},
    "mhtml": {"mht", "mhtml", "eml"},
    "p7m": {"p7m", "p7s"},
    "pcl": {"prn", "pcl", "spl"},
    "ps": {"ps", "eps", "prn", "epsf"},
    "svg": {"svg", "xml"},
    "wordml": {"xml", "doc"},
    "flatopc": {"xml", "doc", "docx"},
    "xlsml": {"xml", "xls"},
    "fodt": {"fodt", "xml", "odt"},
    "fods": {"fods", "xml", "ods"},
    "hl7": {"hl7", "txt"},
    "msg": {"msg"},
    "zip": {"zip"},
    "gzip": {"gz", "tgz", "svgz", "emz", "wmz"},
    "jpeg": {"jpg", "jpeg", "jpe", "jfif"},
    "png": {"png"},
    "tiff": {"tif", "tiff"},
    "gif": {"gif"},
    "bmp": {"bmp", "dib"},
    "jp2": {"jp2", "j2k", "jpx"},
    "webp": {"webp"},
    "emf": {"emf"},
    "wmf": {"wmf"},
    "pdf": {"pdf"},
}
_EXTENSIONS_WITH_MEANING = frozenset().union(*_EXTENSIONS.values())

_MAGICS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0\x08\0", "tiff"),
    (b"MM\0+\0\x08", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    # WordPerfect, and Word before OLE: Windows 2, DOS, Macintosh 5; LibreOffice reads them.
    (b"\xffWPC", "wpd"),
    (b"\0\5\xe1\3", "rft"),
    (b"\x78\x9f\x3e\x22", "tnef"),
    (b"\xdb\xa5", "doc"),
    (b"\x31\xbe\0\0", "doc"),
    (b"\xfe\x37\0\x23", "doc"),
)
_BEHIND_JUNK = tuple((magic, family) for magic, family in _MAGICS if family in ("jpeg", "png", "gif", "tiff"))
# Placeable; in a file or from memory, of Windows 3 and before (MS-WMF 2.3.2.2: type, header size 9, version).
_WMF_BEGINS = (b"\xd7\xcd\xc6\x9a\0\0", *(bytes((kind, 0, 9, 0, 0, version)) for kind in (1, 2) for version in (1, 3)))
_HEAD = 1 << 20
_PDF_HEADER_WITHIN = 1024  # ISO 32000-1 annex H.3.4.1, implementation note 13
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CONTROLS = bytes(b for b in [*range(0x20), 0x7F] if b not in b"\t\n\r\f\x1a\x1b\0")
# Comments are atomic: else a file that begins with thirty of them is tried in as many ways as they can be joined.
_HTML_START = re.compile(
    r"(?>(?:<!--.*?-->|<\?.*?\?>)\s*)*+(<!doctype\s+html\b|<(\w+:)?(html|head|body)\b[^<>]*>)",
    re.IGNORECASE | re.DOTALL,
)
_HTML_TAG = (
    r"(html|head|body|title|meta|link|script|style|div|span|p|br|hr|h[1-6]|table|thead|tbody|tr|td|th|ul|ol|li|dl|form|address|blockquote|code|details|summary|"
    r"font|center|b|i|u|em|strong|a|img|pre|section|article|header|footer|nav|main|label|input|button|select)"
)
_HTML_FRAGMENT = re.compile(rf"(?>(?:<!--.*?-->)\s*)*+<{_HTML_TAG}(\s[^<>]*)?/?>", re.IGNORECASE | re.DOTALL)
_HTML_ANY = re.compile(rf"</?{_HTML_TAG}(\s[^<>]*)?/?>", re.IGNORECASE)
_HTML_END = re.compile(rf"</{_HTML_TAG}\s*>", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"<\?xml\s[^>]*>")
_XML_ROOT = re.compile(r"<[A-Za-z_][\w.:-]*[\s/>]")


def identify(path: Path, declared_name: str, *, expanded_bytes: int = 1 << 30) -> FileFormat:
    """The format of a file, with its PRONOM id where PRONOM knows the bytes.

    Args:
        path: the file; its bytes decide.
        declared_name: its name in the export; only its extension is read, and only where the bytes leave a choice
            between text and an HTML fragment.
        expanded_bytes: what a ZIP container may unpack to.

    Raises DocumentProblem: EMPTY, ENCRYPTED, TRUNCATED, CORRUPT or RESOURCE_LIMIT where the container itself tells,
    UNREADABLE where the operating system refuses. A file of no known kind has the family `unknown`.
    """
    extension = PurePosixPath(declared_name.replace("\\", "/")).suffix.lower().lstrip(".")
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                raise DocumentProblem(Reason.EMPTY)
            family = _family(file, extension, expanded_bytes)
            if family == UNKNOWN and _only_nuls(file):
                raise DocumentProblem(Reason.EMPTY, "The file has nothing but NUL bytes in it.")
            kind = _kind(file) if family in SAYS else None
    except OSError as e:
        raise DocumentProblem(Reason.UNREADABLE, f"The operating system says: {e.strerror or type(e).__name__}.") from e
    puid, name = pronom(path)
    return FileFormat(
        family=family,
        media_type=kind.media_type if kind else MEDIA_TYPES[family],
        puid=puid,
        declared_extension=extension,
        format_name=name or (kind.name if kind else ""),
    )


def media_type_of(path: Path, declared_name: str, *, expanded_bytes: int = 1 << 30) -> str:
    """The media type alone, without asking PRONOM; that of mere bytes where the file cannot be read."""
    extension = PurePosixPath(declared_name.replace("\\", "/")).suffix.lower().lstrip(".")
    try:
        with path.open("rb") as file:
            family = _family(file, extension, expanded_bytes)
            kind = _kind(file) if family in SAYS else None
    except (OSError, DocumentProblem):
        return MEDIA_TYPES[UNKNOWN]
    return kind.media_type if kind else MEDIA_TYPES[family]


def mismatch(fmt: FileFormat) -> bool:
    """Whether the extension promises another family than the bytes are of. No or an unheard-of one promises nothing."""
    declared = fmt.declared_extension
    return declared in _EXTENSIONS_WITH_MEANING and declared not in _EXTENSIONS.get(fmt.family, ())


def _family(file: IO[bytes], extension: str, expanded_bytes: int) -> str:
    head = file.read(_HEAD)
    for magic, family in _MAGICS:
        if head.startswith(magic):
            return family
    if head.startswith(OLE_MAGIC):
        return ole_family(file)
    if head.startswith(ZIP_MAGICS):
        return zip_family(file, expanded_bytes=expanded_bytes)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and head[14:15] in b"\x0c\x28\x40\x6c\x7c":
        return "bmp"
    if head[:4] == b"\1\0\0\0" and head[40:44] == b" EMF":
        return "emf"
    if head.startswith(_WMF_BEGINS):
        return "wmf"
    if (kind := kind_of(head)) is not None:
        return kind.family
    if (told := byte_family(head)) is not None:
        return told
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\0")
    if bare.startswith(b"{\\rt"):
        return "rtf"
    at = head.find(b"%PDF-", 0, _PDF_HEADER_WITHIN + 5)
    if bare.startswith(b"%PDF-") or ((at >= 0 or extension == "pdf") and b" 0 obj" in head[max(at, 0) :]):
        return "pdf"
    text = _as_text(head)
    if text is None:
        return _behind_junk(head, extension)
    return _text_family(file, text, extension)


def _behind_junk(head: bytes, extension: str) -> str:
    """The family of a picture before which an old system put bytes of its own; only where the name says picture."""
    if extension and not any(extension in _EXTENSIONS.get(family, ()) for _, family in _BEHIND_JUNK):
        return UNKNOWN
    found = [(at, f) for magic, f in _BEHIND_JUNK if (at := head.find(magic, 0, _PDF_HEADER_WITHIN + len(magic))) >= 0]
    return min(found)[1] if found else UNKNOWN


def _only_nuls(file: IO[bytes]) -> bool:
    """What a disk or a restore gives for a file whose content is gone."""
    file.seek(0)
    return not any(chunk.strip(b"\0") for chunk in iter(lambda: file.read(_HEAD), b""))


def _kind(file: IO[bytes]) -> Kind | None:
    file.seek(0)
    return kind_of(file.read(_HEAD))


def _as_text(head: bytes) -> str | None:
    """The bytes as characters good enough to look for tags in, or None where they are no text at all."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            text = head[len(bom) :].decode(encoding, "replace")
            broken = text.count("\ufffd") + sum(c < " " and c not in "\t\n\r\f\x1a\x1b" for c in text[:65536])
            if encoding != "utf-8" and broken * 20 > len(text[:65536]) + 40:
                return None
            return text
    content = head.rstrip(b"\0\x1a") or head
    nuls = content.count(0)
    if nuls:
        for encoding, other in (("utf-16-le", content[0::2].count(0)), ("utf-16-be", content[1::2].count(0))):
            if nuls * 10 >= len(content) * 3 and other * 50 <= nuls:
                return head.decode(encoding, "replace")
    if ebcdic.looks(content):
        return head.decode("latin-1")
    controls = len(content) - len(content.translate(None, _CONTROLS))
    if nuls:
        # A stray NUL in an otherwise plain text (padded fields) is shown; a binary file has far more of everything.
        printable = sum(map(content.count, range(0x20, 0x7F))) + content.count(10) + content.count(13)
        if (nuls + controls) * 50 > len(content) or printable * 100 < len(content) * 85:
            return None
    elif controls * 20 > len(content):
        return None  # noise has one control in ten bytes
    return head.decode("utf-8", "replace") if b"\xc3" in head else head.decode("latin-1")


def _text_family(file: IO[bytes], text: str, extension: str) -> str:
    start = text.lstrip("\ufeff \t\r\n\0")
    named_mail = extension in _EXTENSIONS["eml"] or extension in _EXTENSIONS["mhtml"]
    if (message := message_family(start, named=named_mail)) or (message := drawing_family(start)):
        return message
    named_xml = extension == "xml"
    if found := _HTML_START.match(start):
        return "xml" if "!doctype" not in found[1].lower() and is_record(start, file, named=named_xml) else "html"
    named_html = extension in _EXTENSIONS["html"]
    if declaration := _XML_DECLARATION.match(start):
        is_html = named_html and _HTML_FRAGMENT.match(start[declaration.end() :].lstrip())
        return "html" if is_html and not is_record(start, file, named=named_xml) else "xml"
    if _HTML_FRAGMENT.match(start) and (named_html or _HTML_END.search(start)):
        return "xml" if is_record(start, file, named=named_xml) else "html"
    if named_html and _HTML_ANY.search(start):
        return "html"
    if start.startswith(("<!--", "<!DOCTYPE", "<?")) or _XML_ROOT.match(start):
        return "xml" if named_xml or _well_formed(file) else "txt"
    # A JSON reader is asked only where something promises JSON: as text, it stays what it is.
    if start.startswith(("{", "[")) and (extension == "json" or '"resourceType"' in start):
        return "json"
    return "txt"


def _well_formed(file: IO[bytes]) -> bool:
    file.seek(0)
    parser = etree.XMLPullParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = len(content) - len(content[:64].lstrip()) if len(content) < 64 else 0
            for at in range(start, min(len(content), 64 << 20), 1 << 16):
                parser.feed(content[at : at + (1 << 16)])
                for _ in parser.read_events():
                    pass
        parser.close()
    except (etree.LxmlError, ValueError, OSError, LookupError):
        return False
    return True


@functools.cache
def _scanner() -> Any:
    return pygfried.Scanner()


def pronom(path: Path) -> tuple[str | None, str]:
    """PRONOM id and name of the format; never fails, since no route depends on it."""
    try:
        matches = _scanner().identify(str(path), True)["files"][0]["matches"]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None, ""
    for match in matches:
        if match["id"] not in ("", "UNKNOWN"):
            return match["id"], f"{match['format']} {match['version']}".strip()
    return None, ""
