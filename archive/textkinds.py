"""Kinds of text by how they begin: messages and their wrappings, what a printer was to get, office documents that are
one XML file.

Sources: RFC 5322, 4155 and 2557; RFC 5652; HL7 Version 2.5, 2.4.1; HP's PCL 5 and Adobe's PostScript manuals; the root
elements of Word 2003, Excel 2003, OpenDocument (ODF 1.3, 3.1.2) and SVG.
"""

from __future__ import annotations

import re

_FIELD = re.compile(r"[!-9;-~]+:|[ \t]")
_MAIL_FIELD = re.compile(
    r"^(from|to|subject|date|received|message-id|mime-version|return-path|delivered-to|content-type|reply-to|sender):",
    re.IGNORECASE | re.MULTILINE,
)
_ANY_FIELD = re.compile(r"^([!-9;-~]+):[ \t]*(.*)$", re.MULTILINE)
_MBOX = re.compile(r"From \S+[ \t][^\r\n]*\d\d:\d\d[^\r\n]*\r?\n(?=[!-9;-~]+:[ \t])")
_EMLX = re.compile(r"\d{1,9}[ \t]*\r?\n(?=[!-9;-~]+:)")
_CMS = tuple(bytes.fromhex(f"06{len(kind) // 2:02x}{kind}") for kind in
             ("2a864886f70d010702", "2a864886f70d010703", "2a864886f70d0109100117"))  # fmt: skip
_PCL = re.compile(rb"\x1b[&(*)][a-z][+-]?\d+[A-Za-z]")
_HL7 = re.compile(r"(?:[\x0b]?(?:FHS|BHS|MSH))(?=([^\w\s])(?=.[^\w\s])[^\r\n]{2,8}\1)")
_MAIL_MARK = re.compile(r"^(received|message-id|mime-version):", re.IGNORECASE | re.MULTILINE)
_SVG = re.compile(r"(?>(?:<!--.*?-->|<\?.*?\?>|<!DOCTYPE\s+svg\b[^\[>]*>)\s*)*+<(?:svg:)?svg[\s>]", re.DOTALL)
_OFFICE_XML = re.compile(
    r"(?>(?:<!--.*?-->|<\?.*?\?>)\s*)*+<(?:[\w.-]+:)?(?:wordDocument|Workbook|document|package)\b[^>]*>", re.DOTALL
)
_OFFICE_ROOTS = tuple(
    (re.compile(sign), family)
    for sign, family in (
        (r"wordDocument\b[^>]*schemas\.microsoft\.com/office/word/2003/wordml", "wordml"),
        (r"Workbook\b[^>]*urn:schemas-microsoft-com:office:spreadsheet", "xlsml"),
        (r"office:document\b[^>]*office:mimetype=[\"']application/vnd\.oasis\.opendocument\.text", "fodt"),
        (r"office:document\b[^>]*office:mimetype=[\"']application/vnd\.oasis\.opendocument\.spreadsheet", "fods"),
        (
            r"(?s)progid=[\"']Word\.Document[\"'].*package\b[^>]*schemas\.microsoft\.com/office/2006/xmlPackage",
            "flatopc",
        ),
    )
)


def byte_family(head: bytes) -> str | None:
    """`p7m`, `ps` or `pcl` for what is not plain text but begins as text does; None for anything else."""
    return "p7m" if _is_cms(head) else _printed(head)


def message_family(start: str, *, named: bool) -> str | None:
    """`mbox`, `eml`, `hl7` or `mhtml`; None where the text is no message.

    Args:
        start: the text without blanks before it.
        named: whether its name promises a message.
    """
    if (mbox := _MBOX.match(start)) and _is_mail(start[mbox.end() :], named=True):
        return "mbox"
    if (apple := _EMLX.match(start)) and _is_mail(start[apple.end() :], named=True):
        return "eml"
    if _HL7.match(start):
        return "hl7"
    if _is_web_archive(start):
        return "mhtml"
    return "eml" if _is_mail(start, named=named) else None


def drawing_family(start: str) -> str | None:
    """`svg`, or the family of an office document that is one XML file, by the root element; None for other XML."""
    if _SVG.match(start):
        return "svg"
    root = _OFFICE_XML.match(start)
    return next((family for sign, family in _OFFICE_ROOTS if sign.search(root[0])), None) if root else None


def _printed(head: bytes) -> str | None:
    """What a printer was to get: `ps`, `pcl`, or None. PostScript may stand behind the job's own commands."""
    if head.startswith((b"\xc5\xd0\xd3\xc6", b"%!PS", b"\x04%!PS")):
        return "ps"
    if head.startswith(b"\x1b%-12345X"):
        if b"%PDF-" in head[:1024]:
            return None
        return "ps" if b"%!PS" in head[:4096] else "pcl"
    if head.startswith(b"\x1bE") and b"\x1b" in head[2:64]:
        return "pcl"
    return "pcl" if len(_PCL.findall(head[:4096])) >= 3 else None


def _is_cms(head: bytes) -> bool:
    """Whether it begins as CMS that is signed or encrypted (RFC 5652, 3), or as its armour."""
    if head.startswith((b"-----BEGIN PKCS7-----", b"-----BEGIN CMS-----")):
        return True
    return head[:1] == b"\x30" and any(head.find(kind, 2, 24) > 0 for kind in _CMS)


def _is_web_archive(text: str) -> bool:
    """Whether it begins as MHTML (RFC 2557): a multipart of related parts that nobody sent."""
    head = re.split(r"\r?\n\r?\n", text[:65536], maxsplit=1)[0].replace("\r\n", "\n")
    if not all(_FIELD.match(line) for line in head.split("\n") if line):
        return False
    fields = dict(_ANY_FIELD.findall(re.sub(r"\n[ \t]+", " ", head).lower()))
    if not fields.get("content-type", "").startswith("multipart/related") or "mime-version" not in fields:
        return False
    return not fields.keys() & {"to", "received", "message-id", "return-path"} and (
        "from" not in fields or "saved by" in fields["from"] or "snapshot-content-location" in fields
    )


def _is_mail(text: str, *, named: bool) -> bool:
    """Whether it begins with a block of header fields (RFC 5322, 2.1). A note that quotes some is a text: only what
    mail programs write makes the difference, or the name."""
    head = re.split(r"\r?\n\r?\n", text[:65536], maxsplit=1)[0].replace("\r\n", "\n")
    if not all(_FIELD.match(line) for line in head.split("\n") if line):
        return False
    fields = {m[1].lower() for m in _MAIL_FIELD.finditer(head)}
    return len(fields) >= (1 if named else 3) and (named or _MAIL_MARK.search(head) is not None)
