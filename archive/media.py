"""What a file is that cannot become pages: sound, video, DICOM pictures, packed archives; told by signature.

They are kept whole in quarantine, and whoever decides about them needs to know what they are. Sources: the formats' own
specifications as PRONOM cites them; DSS and DS2 are those of dictation machines.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What the bytes are: a family of `archive.identify`, and the format within it."""

    family: str
    media_type: str
    name: str


SAYS = {"audio": "Sound", "video": "Video", "dicom": "DICOM", "archive": "Packed archive"}
"""Families that no route takes, in words."""

_MP3 = Kind("audio", "audio/mpeg", "MPEG audio (MP3)")
_MP3_BEGINS = (b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3", b"\xff\xe2")
DICOM = Kind("dicom", "application/dicom", "Digital Imaging and Communications in Medicine")
_BEGINS = (
    *((b"ID3%c\0" % version, _MP3) for version in (2, 3, 4)),
    (b"fLaC", Kind("audio", "audio/flac", "Free Lossless Audio Codec")),
    (b"#!AMR", Kind("audio", "audio/amr", "Adaptive Multi-Rate Audio")),
    (b"MThd\0\0\0\6", Kind("audio", "audio/midi", "MIDI")),
    (b".snd\0", Kind("audio", "audio/basic", "AU audio")),
    (b"caff\0\1", Kind("audio", "audio/x-caf", "Core Audio Format")),
    (b"\x02dss", Kind("audio", "audio/x-dss", "Digital Speech Standard dictation (DSS)")),
    (b"\x03ds2", Kind("audio", "audio/x-dss", "Digital Speech Standard dictation (DS2)")),
    (b"\x1aE\xdf\xa3", Kind("video", "video/x-matroska", "Matroska or WebM")),
    (b"\0\0\x01\xba", Kind("video", "video/mpeg", "MPEG program stream")),
    (b"\0\0\x01\xb3", Kind("video", "video/mpeg", "MPEG video")),
    (b"FLV\x01", Kind("video", "video/x-flv", "Flash Video")),
    (b"7z\xbc\xaf\x27\x1c", Kind("archive", "application/x-7z-compressed", "7-Zip")),
    (b"Rar!\x1a\x07", Kind("archive", "application/vnd.rar", "RAR")),
    (b"\x1f\x8b\x08", Kind("archive", "application/gzip", "gzip")),
    (b"\xfd7zXZ\0", Kind("archive", "application/x-xz", "xz")),
    (b"MSCF\0\0\0\0", Kind("archive", "application/vnd.ms-cab-compressed", "Microsoft Cabinet")),
)
_WITHIN = (
    (128, b"DICM\2\0", DICOM),
    (257, b"ustar", Kind("archive", "application/x-tar", "tar")),
    (4, b"1AY&SY", Kind("archive", "application/x-bzip2", "bzip2")),
)
_RIFF = {
    b"WAVE": Kind("audio", "audio/wav", "Waveform Audio"),
    b"AVI ": Kind("video", "video/x-msvideo", "Audio/Video Interleaved"),
}
_SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_PICTURE_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"jp2 ", b"jpx ", b"crx ")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_BITRATES = {
    # MPEG version 1, layer III; versions 2 and 2.5 (ISO 11172-3 2.4.2.3, ISO 13818-3): kbit/s
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_TS_PACKET = 188


def kind_of(head: bytes) -> Kind | None:
    """What the first bytes of a file say, or None where they say nothing of the kind."""
    for magic, kind in _BEGINS:
        if head.startswith(magic):
            return kind
    for at, magic, kind in _WITHIN:
        if head.startswith(magic, at) and (head.startswith(b"BZh") if kind.name == "bzip2" else b"\0" in head[:at]):
            return kind
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Kind("audio", "audio/aiff", "Audio Interchange File Format")
    if head[:5] == b"OggS\0":
        seen = b"theora" in head[:4096]
        return Kind("video", "video/ogg", "Ogg video") if seen else Kind("audio", "audio/ogg", "Ogg audio")
    if head[4:8] == b"ftyp" and head[8:12] not in _PICTURE_BRANDS:
        if head[8:12] in _SOUND_BRANDS:
            return Kind("audio", "audio/mp4", "MPEG-4 audio")
        if head[8:12] == b"qt  ":
            return Kind("video", "video/quicktime", "QuickTime")
        return Kind("video", "video/mp4", "MPEG-4")
    if head[4:8] in (b"moov", b"mdat", b"wide") and head[:2] == b"\0\0":
        return Kind("video", "video/quicktime", "QuickTime")
    if head.startswith(_ASF):
        if _ASF_VIDEO in head:
            return Kind("video", "video/x-ms-wmv", "Windows Media")
        return Kind("audio", "audio/x-ms-wma", "Windows Media")
    packets = head[: 5 * _TS_PACKET]
    if len(packets) == 5 * _TS_PACKET and packets[::_TS_PACKET] == b"G" * 5 and not packets.isascii():
        return Kind("video", "video/mp2t", "MPEG transport stream")
    return _MP3 if head.startswith(_MP3_BEGINS) and _mp3_frame(head) else None


def _mp3_frame(head: bytes) -> bool:
    """Whether a frame of MPEG audio, layer III, is followed by another (ISO 11172-3, 2.4.1)."""
    if len(head) < 4:
        return False
    version = head[1] >> 3 & 3
    bitrate, rate = _BITRATES[version == 3][head[2] >> 4], head[2] >> 2 & 3
    if version not in _RATES or rate == 3 or not bitrate:
        return False
    length = (144 if version == 3 else 72) * bitrate * 1000 // _RATES[version][rate] + (head[2] >> 1 & 1)
    return head[length : length + 2] == head[:2]
