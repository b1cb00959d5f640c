"""The properties of an Outlook item: by number, and by name.

Sources: [MS-OXMSG] 2.2.3 (named properties), 2.4 (property streams); [MS-OXPROPS].
"""

from __future__ import annotations

import functools
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archive import compound
from archive.compound import Compound
from archive.normalise.charsets import declared

PROPERTIES = "__properties_version1.0"
"""The stream by which a compound file is known to be a message."""
NAMES = "__nameid_version1.0"
"""The storage that says what named properties are called; only a file has one, for all items in it."""

_UNICODE, _BYTE, _BINARY, STORAGE = 0x1F, 0x1E, 0x102, 0xD
_HEADERS = (32, 24)  # of the property stream of a message: as a file, and within another
_WIDTH = 16
_CODE_PAGE, _BODY_PAGE = 0x3FFD, 0x3FDE
_WIDE = (1200, 1201)
_MAPI, _STRINGS = "00020328-0000-0000-c000-000000000046", "00020329-0000-0000-c000-000000000046"
_NEVER = datetime(4500, 1, 1, tzinfo=UTC)  # [MS-OXOCAL]: no date
_PAGES = {65001: "utf-8", 65000: "utf-7", 1200: "utf-16-le", 1201: "utf-16-be", 20127: "ascii", 20866: "koi8-r",
          21866: "koi8-u", 50220: "iso2022-jp", 50221: "iso2022-jp", 50222: "iso2022-jp", 51932: "euc-jp",
          51949: "euc-kr", 52936: "hz", 54936: "gb18030", 10000: "mac-roman", 20269: "ascii", 20108: "ns_4551-1",
          10007: "mac-cyrillic", 10029: "mac-latin2", 20273: "cp273", 20277: "cp277", 20278: "cp278"}  # fmt: skip
"""Windows' numbers of sets that are no pages of its own (its NLS code page identifiers)."""

Name = tuple[str, int | str]
"""A property set's GUID in small letters, and the number or name within it."""


def page_name(code_page: int | None) -> str | None:
    """The character set that Windows means by a number; None where it means none that is known."""
    if code_page is None:
        return None
    if code_page in _PAGES:
        return _PAGES[code_page]
    if 28591 <= code_page <= 28605:
        return f"iso8859-{code_page - 28590}"
    return f"cp{code_page}"


@dataclass(frozen=True)
class Item:
    """A message, recipient or attachment: a storage with properties. Raises ValueError, LookupError, struct.error where
    it is broken."""

    file: Compound
    path: compound.Path

    def fixed(self, number: int) -> bytes | None:
        """A property of eight bytes or fewer."""
        return self._fixed.get(number)

    @functools.cached_property
    def _fixed(self) -> dict[int, bytes]:
        stream = self.file.read((*self.path, PROPERTIES))
        start = 8 if self.path else next((h for h in _HEADERS if (len(stream) - h) % _WIDTH == 0), _HEADERS[0])
        found: dict[int, bytes] = {}
        for at in range(start, len(stream) - _WIDTH + 1, _WIDTH):
            (tag,) = struct.unpack_from("<I", stream, at)
            found.setdefault(tag >> 16, stream[at + 8 : at + 16])
        return found

    def whole(self, number: int) -> int | None:
        """A property that is a 32-bit number."""
        value = self.fixed(number)
        return None if value is None else int.from_bytes(value[:4], "little", signed=True)

    def share(self, number: int) -> float | None:
        """A property that is a floating number."""
        value = self.fixed(number)
        return None if value is None else float(struct.unpack("<d", value)[0])

    def binary(self, number: int) -> bytes | None:
        """A property of bytes."""
        return self._stream(number, _BINARY)

    def text(self, number: int) -> str:
        """A property of text, empty where there is none."""
        if (wide := self._stream(number, _UNICODE)) is not None:
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        narrow = self._stream(number, _BYTE)
        if not narrow:
            return ""
        return declared(narrow.rstrip(b"\0"), self._page).text

    @functools.cached_property
    def _page(self) -> str | None:
        """The set of narrow texts: the file's page, else that of its body. Text of single bytes is never UTF-16, though
        some files say so."""
        top = Item(self.file, ())
        pages = (page for page in (top.whole(_CODE_PAGE), top.whole(_BODY_PAGE)) if page not in (None, 0, *_WIDE))
        return page_name(next(pages, None))

    def texts(self, number: int) -> list[str]:
        """A property of several texts."""
        prefix = f"{self.name_of(number, _UNICODE | 0x1000)[-1]}-"
        places = [p for p in self.file.paths() if p[:-1] == self.path and p[-1].startswith(prefix)]
        found = [self.file.read(p).decode("utf-16-le", "replace").rstrip("\0") for p in places]
        return found or [t for t in [self.text(number)] if t]

    def instant(self, number: int) -> datetime | None:
        """A property that is a time (FILETIME), in UTC; None where there is none, or no date."""
        value = self.fixed(number)
        if value is None or not any(value):
            return None
        when = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=int.from_bytes(value, "little") // 10)
        return when if when < _NEVER else None

    def when(self, number: int) -> str:
        """A property that is a time, in words; empty where there is none."""
        instant = self.instant(number)
        return instant.strftime("%d.%m.%Y kl. %H.%M UTC") if instant else ""

    def named(self, name: Name) -> int | None:
        """The number that a named property has in this file; None where the file has none of that name."""
        return self.names.get(name)

    @functools.cached_property
    def names(self) -> dict[Name, int]:
        """All named properties of the file."""
        streams = {p[-1]: p for p in self.file.paths() if p[:-1] == (NAMES,)}

        def read(number: int) -> bytes:
            place = streams.get(f"__substg1.0_{number:04X}0102")
            return self.file.read(place) if place else b""

        sets, entries, words = read(2), read(3), read(4)
        found: dict[Name, int] = {}
        for at in range(0, len(entries) - 7, 8):
            identifier, index, number = struct.unpack_from("<IHH", entries, at)
            which = index >> 1
            guid = _MAPI if which == 1 else _STRINGS if which == 2 else ""
            if which >= 3 and (chunk := sets[(which - 3) * 16 : (which - 2) * 16]):
                guid = str(uuid.UUID(bytes_le=chunk)) if len(chunk) == 16 else ""
            name: int | str = identifier
            if index & 1:
                (size,) = struct.unpack_from("<I", words, identifier)
                name = words[identifier + 4 : identifier + 4 + size].decode("utf-16-le", "replace").lower()
            found[guid, name] = 0x8000 + number
        return found

    def inside(self, prefix: str) -> list[Item]:
        """The storages below it whose name begins so."""
        depth = len(self.path)
        below = (p for p in self.file.paths() if len(p) == depth + 1 and p[:depth] == self.path)
        return [Item(self.file, p) for p in below if p[-1].startswith(prefix) and self.file.is_storage(p)]

    def message_within(self, number: int) -> bytes:
        """A message within it as a file of its own, with the names of properties that the outer file has."""
        path = self.name_of(number, STORAGE)
        whole = Compound(self.file.storage(path))
        contents = {p: None if whole.is_storage(p) else whole.read(p) for p in whole.paths()}
        if (NAMES,) not in contents:
            names = [p for p in self.file.paths() if p[0] == NAMES]
            contents |= {p: None if self.file.is_storage(p) else self.file.read(p) for p in names}
        return compound.written(contents, bytes(16))

    def has(self, number: int, kind: int) -> bool:
        """Whether it has a stream or storage of that property and type."""
        return self.name_of(number, kind) in self.file.paths()

    def name_of(self, number: int, kind: int) -> compound.Path:
        """Where a property of that type is."""
        return (*self.path, f"__substg1.0_{number:04X}{kind:04X}")

    def _stream(self, number: int, kind: int) -> bytes | None:
        path = self.name_of(number, kind)
        return self.file.read(path) if path in self.file.paths() else None
