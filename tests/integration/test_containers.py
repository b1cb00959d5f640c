"""E-mail and ZIP files with the real engines: what they say, what they carry, and what may not be opened."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from archive import compound
from archive.normalise.contract import Limits, Made, Normalised, Rejected
from archive.normalise.dicom import dicom
from archive.normalise.guard import guarded
from archive.normalise.ladder import Normaliser
from archive.normalise.mail import mail
from archive.normalise.outlook import decompressed, outlook
from archive.normalise.tnef import tnef
from archive.normalise.zipped import zipped
from archive.reasons import DocumentProblem, Flag, Reason
from tests import documents
from tests.documents import children, docx, job, rtf, run


@pytest.fixture(scope="module")
def normaliser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Normaliser]:
    with Normaliser(Limits(seconds=60), work=tmp_path_factory.mktemp("work")) as made:
        yield made
    assert children() == []


def outcome(normaliser: Normaliser, folder: Path, name: str, content: bytes) -> Normalised | Rejected:
    (folder / name).write_bytes(content)
    return normaliser.normalise([job(folder / name, "a-1")], folder / "out")["a-1"]


def letter(text: str | None = "Hei, se vedlagte prøvesvar.\nHilsen Åse") -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = "Åse Prøve <aase@example.no>"
    message["To"] = "legekontor@example.no"
    message["Subject"] = "Blodprøver på vei"
    message["Date"] = "Tue, 03 Mar 2009 10:15:00 +0100"
    message["Message-ID"] = "<1@example.no>"
    if text is not None:
        message.set_content(text, charset="iso-8859-1", cte="quoted-printable")
    return message


def text_of(made: Normalised) -> str:
    return " ".join(made.text.read_text().split())


def test_a_message_shows_its_fields_and_words_and_carries_its_files(tmp_path: Path, normaliser: Normaliser) -> None:
    message = letter()
    message.add_alternative("<p>Hei, se <b>vedlagte</b> prøvesvar.</p>", subtype="html")
    message.add_attachment(rtf("Prøvesvar"), maintype="application", subtype="rtf", filename="Prøvesvar æøå.rtf")
    forwarded = letter("Opprinnelig melding")
    forwarded.add_attachment(
        documents.pdf(tmp_path / "x.pdf", text="Hemoglobin").read_bytes(),
        maintype="application",
        subtype="pdf",
        filename="../../svar.pdf",
    )
    message.add_attachment(forwarded)
    made = outcome(normaliser, tmp_path, "a.eml", message.as_bytes())
    assert isinstance(made, Normalised), made
    words = text_of(made)
    for expected in (
        "Fra: Åse Prøve <aase@example.no>",
        "Emne: Blodprøver på vei",
        "Hei, se vedlagte prøvesvar.",
        "Hilsen Åse",
        "Message-ID: <1@example.no>",
        "Prøvesvar æøå.rtf",
    ):
        assert expected in words
    assert [p.name for p in made.parts] == ["Prøvesvar æøå.rtf", "melding.eml"]
    assert made.parts[0].source.read_bytes() == rtf("Prøvesvar")
    (inner,) = made.parts[1].made.parts
    assert inner.name == "svar.pdf" and "Hemoglobin" in inner.made.text.read_text()
    assert made.format.family == "eml" and made.route == "mail"


def test_a_message_in_html_alone_shows_its_words(tmp_path: Path, normaliser: Normaliser) -> None:
    message = letter(None)
    message.set_content("<p>Time <i>tirsdag</i></p><p>kl. 9</p><script>no()</script>", subtype="html")
    made = outcome(normaliser, tmp_path, "a.eml", message.as_bytes())
    assert isinstance(made, Normalised), made
    assert "Time tirsdag kl. 9" in text_of(made) and "no()" not in text_of(made)
    assert made.parts == () and made.page_count == 2


def picture(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(data, "PNG")
    return data.getvalue()


def colours(pdf: Path) -> list[set[tuple[int, ...]]]:
    """The strong colours of each page."""
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [document[n].render(scale=0.5).to_pil().convert("RGB") for n in range(len(document))]
    return [{c for _, c in page.getcolors(1 << 20) if max(c) - min(c) > 240} for page in pages]


def test_pictures_of_a_message_are_shown_in_their_places(tmp_path: Path, normaliser: Normaliser) -> None:
    message = letter(None)
    html = "<p>Se <img src=\"cid:rot%40a\"> og <img src='http://x.no/bl.png'>.</p>"
    html += '<p style="page-break-before:always">Slutt</p>'
    message.set_content(html, subtype="html")
    message.add_related(picture("red"), "image", "png", cid="<rot@a>", filename="rødt.png")
    message.add_related(picture("blue"), "image", "png")
    part = list(message.iter_parts())[-1]
    part["Content-Location"] = "http://x.no/bl.png"
    made = outcome(normaliser, tmp_path, "a.eml", message.as_bytes())
    assert isinstance(made, Normalised), made
    assert colours(made.pdf) == [set(), {(255, 0, 0), (0, 0, 255)}, set()]
    assert [(p.name, p.source.read_bytes()) for p in made.parts] == [
        ("rødt.png", picture("red")),
        ("vedlegg.png", picture("blue")),
    ]
    # A page's last word and the next page's first are two words.
    assert made.text.read_text().split("\f")[1:] == ["Se og .", "Slutt"]


def test_html_that_cannot_be_laid_out_is_carried(
    tmp_path: Path, normaliser: Normaliser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Made:
        raise DocumentProblem(Reason.CONVERSION_FAILED)

    monkeypatch.setattr("archive.normalise.letter.lay_out", fails)
    message = letter(None)
    message.set_content("<p>Time <i>tirsdag</i></p>", subtype="html")
    made = outcome(normaliser, tmp_path, "a.eml", message.as_bytes())
    assert isinstance(made, Normalised), made
    assert "Time tirsdag" in text_of(made)
    assert [(p.name, p.made.format.family) for p in made.parts] == [("melding.html", "html")]


def test_a_report_says_what_its_fields_say(tmp_path: Path, normaliser: Normaliser) -> None:
    report = (
        b'From: <>\r\nTo: a@example.no\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; boundary="b"\r\n\r\n'
        b"--b\r\n\r\nIkke levert.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; x.no\r\n\r\nFinal-Recipient: rfc822; b@example.no\r\nStatus: 5.1.1\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Sv: " + b"svar " * 40 + b"\r\n\r\nFrom meg\r\n--b--\r\n"
    )
    made = outcome(normaliser, tmp_path, "a.eml", report)
    assert isinstance(made, Normalised), made
    for expected in ("Ikke levert.", "Reporting-MTA: dns; x.no", "Final-Recipient: rfc822; b@example.no", "5.1.1"):
        assert expected in text_of(made)
    (returned,) = made.parts
    # As it was: not folded anew, no line quoted, line ends kept.
    assert returned.source.read_bytes() == b"Subject: Sv: " + b"svar " * 40 + b"\r\n\r\nFrom meg"


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content).to_bytes(3, "big")
    return bytes([tag, 0x83]) + size + content


def _signed_message(inside: bytes, *, kind: int = 2, pieces: bool = False) -> bytes:
    """A ContentInfo (RFC 5652) as OpenSSL writes it: of definite lengths, or streamed in pieces."""
    oid = bytes.fromhex("06092a864886f70d0107")
    octets = _der(4, inside)
    if pieces:
        halves = (inside[: len(inside) // 2], inside[len(inside) // 2 :])
        octets = b"\x24\x80" + b"".join(_der(4, half) for half in halves) + b"\0\0"
    wrapped = b"\xa0\x80" + octets + b"\0\0" if pieces else _der(0xA0, octets)
    signed = _der(0x30, b"\x02\x01\x01", _der(0x31), _der(0x30, oid + b"\x01", wrapped), _der(0x31))
    return _der(0x30, oid + bytes([kind]), _der(0xA0, signed))


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "in-pieces"])
def test_what_a_signature_holds_is_shown(tmp_path: Path, normaliser: Normaliser, pieces: bool) -> None:
    inside = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "Signert prøvesvar\r\n".encode()
    message = letter(None)
    message.set_content(
        _signed_message(inside, pieces=pieces), "application", "pkcs7-mime", params={"smime-type": "signed-data"}
    )
    made = outcome(normaliser, tmp_path, "a.eml", message.as_bytes())
    assert isinstance(made, Normalised), made
    assert "Signert prøvesvar" in text_of(made) and made.parts == ()
    closed = letter(None)
    closed.set_content(_signed_message(inside, kind=3), "application", "pkcs7-mime")
    refused = outcome(normaliser, tmp_path, "b.eml", closed.as_bytes())
    assert isinstance(refused, Rejected) and refused.reason is Reason.ENCRYPTED


def test_a_message_that_was_cut_is_flagged(tmp_path: Path, normaliser: Normaliser) -> None:
    message = letter()
    message.add_attachment(rtf("Prøvesvar"), maintype="application", subtype="rtf", filename="a.rtf")
    content = message.as_bytes()
    made = outcome(normaliser, tmp_path, "a.eml", content[: content.rindex(b"--")])
    assert isinstance(made, Normalised), made
    assert Flag.DECODED_LENIENTLY in {f.code for f in made.flags}
    whole = outcome(normaliser, tmp_path, "b.eml", content)
    assert isinstance(whole, Normalised) and Flag.DECODED_LENIENTLY not in {f.code for f in whole.flags}


def test_a_message_with_something_that_cannot_be_archived_is_kept_whole(tmp_path: Path, normaliser: Normaliser) -> None:
    message = letter()
    message.add_attachment(b"RIFF\x24\x08\0\0WAVEfmt " + bytes(500), maintype="audio", subtype="wav", filename="a.wav")
    made = outcome(normaliser, tmp_path, "a.eml", message.as_bytes())
    assert isinstance(made, Normalised), made
    assert [f.detail for f in made.flags if f.code is Flag.PART_NOT_ARCHIVED] == ["Of 1: file 1 (unsupported-format)."]
    assert [(p.name, type(p.made)) for p in made.parts] == [("a.wav", Rejected)]
    bare = EmailMessage()
    bare["Subject"] = "Diktat"
    bare.add_attachment(b"RIFF\x24\x08\0\0WAVEfmt " + bytes(500), maintype="audio", subtype="wav", filename="a.wav")
    refused = outcome(normaliser, tmp_path, "b.eml", bare.as_bytes())
    assert isinstance(refused, Rejected) and refused.reason is Reason.PART_NOT_ARCHIVABLE


def test_a_signed_message_is_shown_and_an_encrypted_one_is_not_opened(tmp_path: Path, normaliser: Normaliser) -> None:
    signed = letter()
    signed.make_mixed()
    signed.add_attachment(b"0\x82\x01", maintype="application", subtype="pkcs7-signature", filename="smime.p7s")
    made = outcome(normaliser, tmp_path, "a.eml", signed.as_bytes())
    assert isinstance(made, Normalised), made
    assert made.parts == () and "signert" in text_of(made)
    assert Flag.SIGNATURE_FACTS in {f.code for f in made.flags}
    closed = letter(None)
    closed.set_content(
        b"0\x82\x01", maintype="application", subtype="pkcs7-mime", params={"smime-type": "enveloped-data"}
    )
    refused = outcome(normaliser, tmp_path, "b.eml", closed.as_bytes())
    assert isinstance(refused, Rejected) and refused.reason is Reason.ENCRYPTED


def test_a_note_that_quotes_a_message_is_a_text(tmp_path: Path, normaliser: Normaliser) -> None:
    made = outcome(normaliser, tmp_path, "a.txt", b"From: a\r\nTo: b\r\nSubject: c\r\nDate: d\r\n\r\ntekst")
    assert isinstance(made, Normalised) and made.format.family == "txt"


def outlook_message(**attached: bytes | dict[compound.Path, bytes | None]) -> dict[compound.Path, bytes | None]:
    """The streams of an Outlook message: sender and subject in Unicode, the body in cp1252, a time, attachments."""

    def fixed(*values: tuple[int, int, bytes]) -> bytes:
        return b"".join(struct.pack("<HHI", kind, number, 6) + value.ljust(8, b"\0") for number, kind, value in values)

    sent = ((2009 - 1601) * 365 + 99 + 61) * 86_400 * 10_000_000
    streams: dict[compound.Path, bytes | None] = {
        ("__properties_version1.0",): bytes(32)
        + fixed((0x0039, 0x40, struct.pack("<Q", sent)), (0x3FFD, 3, b"\xe4\x04")),
        ("__substg1.0_0037001F",): "Prøvesvar på vei".encode("utf-16-le"),
        ("__substg1.0_0C1A001F",): "Åse Prøve".encode("utf-16-le"),
        ("__substg1.0_0C1F001F",): "aase@example.no".encode("utf-16-le"),
        ("__substg1.0_0E04001F",): "Legekontoret\0".encode("utf-16-le"),
        ("__substg1.0_1000001E",): "Hei, se vedlagte prøvesvar.\r\nHilsen Åse".encode("cp1252"),
    }
    for n, (name, content) in enumerate(attached.items()):
        storage = f"__attach_version1.0_#{n:08X}"
        streams[storage,] = None
        streams[storage, "__substg1.0_3707001F"] = name.replace("_", ".").encode("utf-16-le")
        method = 5 if isinstance(content, dict) else 1
        streams[storage, "__properties_version1.0"] = bytes(8) + fixed((0x3705, 3, bytes([method])))
        if isinstance(content, dict):
            inner = (storage, "__substg1.0_3701000D")
            streams[inner] = None
            streams |= {(*inner, *path): data for path, data in content.items()}
        else:
            streams[storage, "__substg1.0_37010102"] = content
    return streams


def test_an_outlook_message_and_what_it_carries(tmp_path: Path, normaliser: Normaliser) -> None:
    forwarded = outlook_message(epikrise_docx=docx(run("Epikrise")))
    content = compound.written(outlook_message(notat_rtf=rtf("Blodprøve"), sendt=forwarded))
    made = outcome(normaliser, tmp_path, "a.msg", content)
    assert isinstance(made, Normalised), made
    for expected in (
        "Fra: Åse Prøve <aase@example.no>",
        "Til: Legekontoret",
        "Emne: Prøvesvar på vei",
        "Sendt: 03.03.2009 kl. 00.00 UTC",
        "Hei, se vedlagte prøvesvar. Hilsen Åse",
    ):
        assert expected in text_of(made)
    assert made.format.family == "msg" and [p.name for p in made.parts] == ["notat.rtf", "sendt.msg"]
    assert made.parts[0].source.read_bytes() == rtf("Blodprøve")
    (inner,) = made.parts[1].made.parts
    assert inner.name == "epikrise.docx" and "Epikrise" in inner.made.text.read_text()


def test_an_outlook_message_in_html_shows_its_pictures(tmp_path: Path, normaliser: Normaliser) -> None:
    streams = outlook_message(rødt_png=picture("red"))
    del streams["__substg1.0_1000001E",]
    streams["__substg1.0_10130102",] = '<p>Prøve <img src="cid:bilde1@x"></p>'.encode("cp1252")
    streams["__attach_version1.0_#00000000", "__substg1.0_3712001F"] = "bilde1@x".encode("utf-16-le")
    made = outcome(normaliser, tmp_path, "a.msg", compound.written(streams))
    assert isinstance(made, Normalised), made
    assert colours(made.pdf) == [set(), {(255, 0, 0)}] and text_of(made).endswith("Prøve")
    assert [p.name for p in made.parts] == ["rødt.png"]


def test_compressed_rtf_as_the_specification_shows_it() -> None:
    """[MS-OXRTFCP] 4.1.1 and 4.1.2."""
    simple = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompressed(simple) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    crossing = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert decompressed(crossing) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert decompressed(struct.pack("<II4sI", 17, 5, b"MELA", 0) + b"{\\rt}") == b"{\\rt}"


def test_a_broken_outlook_message_is_corrupt(tmp_path: Path, normaliser: Normaliser) -> None:
    content = compound.written(outlook_message(notat_rtf=rtf("Blodprøve") * 90))
    made = outcome(normaliser, tmp_path, "a.msg", content[: len(content) * 2 // 3])
    assert isinstance(made, Rejected)


def packed(*attributes: bytes, body: bytes = b"") -> bytes:
    """A TNEF file ([MS-OXTNEF] 2.1.3) of these attributes."""
    return b"\x78\x9f\x3e\x22\1\0" + b"".join(attributes) + body


def attribute(level: int, number: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, number, 2, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def properties(*values: tuple[int, int, bytes]) -> bytes:
    """MAPI properties; one that is named by a text comes first, to be stepped over."""
    named = struct.pack("<HH16sII", 3, 0x8001, b"g" * 16, 1, 6) + "abc".encode("utf-16-le") + b"\0\0" + b"\1\0\0\0"
    found = struct.pack("<I", len(values) + 1) + named
    for number, kind, value in values:
        found += struct.pack("<HH", kind, number)
        if kind in (0x1E, 0x1F, 0x102, 0x0D):
            found += struct.pack("<II", 1, len(value))
        found += value + bytes(-len(value) % 4)
    return found


def test_what_exchange_packed_is_unpacked(tmp_path: Path, normaliser: Normaliser) -> None:
    html = '<p>Prøvesvar <img src="cid:r@x"></p>'.encode("cp1252")
    inner = packed(
        attribute(1, 0x8004, b"Indre\0"),
        attribute(1, 0x800C, b"Videresendt\0"),
        attribute(2, 0x9002, bytes(14)),
        attribute(2, 0x8010, b"notat.rtf\0"),
        attribute(2, 0x800F, rtf("Blodprøve")),
    )
    emne = "Emne æ".encode("utf-16-le")
    said = ((0x3FDE, 3, struct.pack("<I", 1252)), (0x0037, 0x1F, emne), (0x1013, 0x102, html))
    content = packed(
        attribute(1, 0x9003, properties(*said)),
        attribute(2, 0x9002, bytes(14)),
        attribute(2, 0x800F, picture("red")),
        attribute(2, 0x9005, properties((0x3707, 0x1E, b"roedt.png\0"), (0x3712, 0x1E, b"r@x\0"))),
        attribute(2, 0x9002, bytes(14)),
        attribute(2, 0x9005, properties((0x3701, 0x0D, bytes(16) + inner))),
    )  # fmt: skip
    message = letter()
    message.add_attachment(content, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    made = outcome(normaliser, tmp_path, "a.eml", message.as_bytes())
    assert isinstance(made, Normalised), made
    (winmail,) = made.parts
    assert (winmail.name, winmail.made.format.family) == ("winmail.dat", "tnef")
    assert "Emne: Emne æ" in text_of(winmail.made) and text_of(winmail.made).endswith("Prøvesvar")
    assert colours(winmail.made.pdf) == [set(), {(255, 0, 0)}]
    roedt, forwarded = winmail.made.parts
    assert (roedt.name, roedt.source.read_bytes()) == ("roedt.png", picture("red"))
    assert "Videresendt" in text_of(forwarded.made)
    assert [(p.name, p.source.read_bytes()) for p in forwarded.made.parts] == [("notat.rtf", rtf("Blodprøve"))]
    cut = outcome(normaliser, tmp_path, "winmail.dat", content[:-40])
    assert isinstance(cut, Rejected) and cut.reason is Reason.CORRUPT


def data_element(tag: tuple[int, int], kind: bytes, value: bytes, *, explicit: bool = True) -> bytes:
    value += b"\0" * (len(value) % 2)
    if not explicit:
        return struct.pack("<HHI", *tag, len(value)) + value
    size = struct.pack("<2xI" if kind in (b"OB", b"SQ", b"UT") else "<H", len(value))
    return struct.pack("<HH", *tag) + kind + size + value


def dicom_file(held: bytes, *, kind: str = "104.1", explicit: bool = True) -> bytes:
    """A DICOM file (PS3.10, 7.1) with a sequence before the document."""
    syntax = b"1.2.840.10008.1.2.1" if explicit else b"1.2.840.10008.1.2"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    item += data_element((0x0008, 0x1150), b"UI", b"1.2.3", explicit=explicit) + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    head = struct.pack("<HH", 0x0008, 0x1110) + (b"SQ\0\0" if explicit else b"") + b"\xff\xff\xff\xff"
    elements = (
        ((0x0008, 0x0005), b"CS", b"ISO_IR 100"),
        ((0x0008, 0x0060), b"CS", b"DOC"),
        ((0x0010, 0x0010), b"PN", "Prøve^Åse".encode("latin-1")),
        ((0x0042, 0x0011), b"OB", held),
        ((0x0042, 0x0012), b"LO", b"application/pdf"),
    )
    return (
        bytes(128) + b"DICM"
        + data_element((2, 0), b"UL", struct.pack("<I", 50))
        + data_element((2, 2), b"UI", b"1.2.840.10008.5.1.4.1.1." + kind.encode())
        + data_element((2, 0x10), b"UI", syntax)
        + head + item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        + b"".join(data_element(*e, explicit=explicit) for e in elements)
    )  # fmt: skip


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "implicit"])
def test_a_document_in_dicom_is_unpacked(tmp_path: Path, normaliser: Normaliser, explicit: bool) -> None:
    pdf = documents.pdf(tmp_path / "x.pdf", text="EKG i hvile").read_bytes()
    made = outcome(normaliser, tmp_path, "a.dcm", dicom_file(pdf, explicit=explicit))
    assert isinstance(made, Normalised), made
    assert "Pasient: Prøve^Åse" in text_of(made) and made.format.family == "dicom"
    ((name, inner),) = [(p.name, p.made) for p in made.parts]
    assert name == "dokument.pdf" and "EKG i hvile" in inner.text.read_text()
    picture_file = outcome(normaliser, tmp_path, "b.dcm", dicom_file(bytes(900), kind="2", explicit=explicit))
    assert isinstance(picture_file, Rejected) and picture_file.reason is Reason.UNSUPPORTED_FORMAT
    assert picture_file.detail.startswith("DICOM")


def bundle(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, (2009, 3, 3, 10, 15, 0))
            info.create_system = 0
            archive.writestr(info, content, method)
    return data.getvalue()


def test_a_zip_file_lists_its_members_and_they_are_archived(tmp_path: Path, normaliser: Normaliser) -> None:
    inner = bundle(("epikrise.docx", docx(run("Epikrise"))))
    content = bundle(
        ("notat.rtf", rtf("Blodprøve")),
        ("2009/../../notat.rtf", rtf("Et annet")),
        ("__MACOSX/._notat.rtf", b"x"),
        ("indre.zip", inner),
    )
    made = outcome(normaliser, tmp_path, "a.zip", content)
    assert isinstance(made, Normalised), made
    assert [p.name for p in made.parts] == ["notat.rtf", "notat.rtf", "indre.zip"]
    assert "Epikrise" in made.parts[2].made.parts[0].made.text.read_text()
    assert "byte, application/rtf, 03.03.2009 kl. 10.15" in text_of(made) and "hjelpefil" in text_of(made)
    assert not list(tmp_path.parent.glob("notat.rtf"))


def test_names_of_an_old_norwegian_windows_are_read(tmp_path: Path) -> None:
    data = bytearray(bundle(("pr0ve.txt", b"abc")))
    content = bytes(data).replace(b"pr0ve.txt", "prøve.txt".encode("cp850"))
    (tmp_path / "a.zip").write_bytes(content)
    made = zipped(tmp_path / "a.zip", tmp_path / "a.pdf", Limits())
    assert [p.name for p in made.parts] == ["prøve.txt"]


def _encrypted() -> bytes:
    content = bytearray(bundle(("a.txt", b"hemmelig")))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def _link() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        info = zipfile.ZipInfo("lenke")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return data.getvalue()


def _wrong_sum() -> bytes:
    content = bytearray(bundle(("a.txt", b"abcdefgh" * 9), method=zipfile.ZIP_STORED))
    content[60] ^= 1
    return bytes(content)


def _without_directory() -> bytes:
    content = bundle(("brev.txt", b"Blodtrykk"))
    at = content.index(b"PK\5\6")
    return content[:at] + b"PK\5\6" + bytes(18)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_encrypted(), Reason.ENCRYPTED),
        (_wrong_sum(), Reason.CORRUPT),
        (_link(), Reason.EMPTY),
        (bundle(("tom/", b"")), Reason.EMPTY),
        (_without_directory(), Reason.CORRUPT),
        (bundle(("bombe.txt", bytes(3_000_000))), Reason.RESOURCE_LIMIT),
        (bundle(*((f"{n}.txt", b"x") for n in range(60))), Reason.RESOURCE_LIMIT),
    ],
    ids=["encrypted", "wrong-sum", "link", "nothing", "without-directory", "bomb", "many"],
)
def test_what_is_not_taken_out(tmp_path: Path, content: bytes, reason: Reason) -> None:
    limits = Limits(parts=50, expanded_bytes=1 << 20)
    with Normaliser(limits, work=tmp_path / "work") as normaliser:
        made = outcome(normaliser, tmp_path, "a.zip", content)
    assert isinstance(made, Rejected), made
    assert made.reason is reason


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.integers(0, 6))
def test_any_bytes_are_shown_or_refused(tmp_path: Path, noise: bytes, kind: int) -> None:
    head = b"MIME-Version: 1.0\r\nFrom: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    message = compound.written(outlook_message(a_txt=noise))
    message = message[:1536] + noise + message[1536 + len(noise) :]
    zip_file, dicom_noise = bundle(("a.txt", b"x")) + noise, dicom_file(noise) + noise
    kinds = (noise, head + noise, b"PK\x03\x04" + noise, zip_file, message, packed(noise), dicom_noise)
    source = tmp_path / "a"
    source.write_bytes(kinds[kind])
    (tmp_path / "o.pdf").unlink(missing_ok=True)
    for route in (mail, zipped, outlook, tnef, dicom):
        try:
            made = guarded(lambda route=route: route(source, tmp_path / "o.pdf", Limits()), 30)  # type: ignore[misc]
        except DocumentProblem:
            continue
        assert isinstance(made, Made) and made.pdf.is_file()
