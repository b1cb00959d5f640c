"""One Whoosh index of one segment, written from memory: the fields, and a writer that inverts before it writes.

Whoosh's own writer sorts every posting on its own and is several times slower (docs/internals/search-index.md). The
files are those of its W3 codec and any Whoosh reads them; tests/unit/test_search_segment.py compares them with what the
stock writer makes of the same documents, posting for posting.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pickle import dumps
from struct import pack
from typing import Any

from whoosh import columns, fields, formats
from whoosh.codec.whoosh3 import COMPRESSION_MIN_SIZE, WHOOSH3_HEADER_MAGIC, W3TermInfo
from whoosh.system import pack_ushort
from whoosh.util.numeric import length_to_byte
from whoosh.writing import SegmentWriter

from viewer.search.analysis import Analyser

Parts = Sequence[tuple[int, str]]
"""The texts of one document, each with its slot (`analysis.slot_of`), in ascending slots."""

_BLOCK = 128
_COMPRESSION = 1
# Read by every Python this runs on, and a block takes a third of the bytes it takes with Whoosh's protocol 2.
_PROTOCOL = 4


def encode_positions(positions: Iterable[int]) -> bytes:
    """Ascending positions as differences in variable-length integers, seven bits to a byte, low ones first."""
    out, previous = bytearray(), 0
    for position in positions:
        difference, previous = position - previous, position
        while difference > 127:
            out.append(difference & 127 | 128)
            difference >>= 7
        out.append(difference)
    return bytes(out)


_SINGLE = [encode_positions((p,)) for p in range(1 << 14)]


class VarintPositions(formats.Positions):
    """Whoosh's position format, in a third of the bytes."""

    def encode(self, poslist: Iterable[int]) -> bytes:
        """Positions to bytes."""
        return encode_positions(poslist)

    def decode_positions(self, valuestring: bytes) -> list[int]:
        """Bytes to positions."""
        out, position, shift, difference = [], 0, 0, 0
        for byte in valuestring:
            difference |= (byte & 127) << shift
            if byte < 128:
                position += difference
                out.append(position)
                difference = shift = 0
            else:
                shift += 7
        return out

    def decode_frequency(self, valuestring: bytes) -> int:
        """How many positions there are."""
        return sum(byte < 128 for byte in valuestring)


class BodyField(fields.FieldType):
    """The searched text. Its value is `Parts`; nothing of it is stored."""

    def __init__(self) -> None:
        super().__init__(VarintPositions(), None, scorable=True)  # type: ignore[arg-type]
        self._analyser: Analyser | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_analyser": None}

    def invert(self, parts: Parts) -> dict[str, int | list[int]]:
        """The positions of every term."""
        if self._analyser is None:
            self._analyser = Analyser()
        terms: dict[str, int | list[int]] = {}
        for slot, text in parts:
            self._analyser.positions(text, slot, terms)
        return terms

    def use(self, analyser: Analyser) -> None:
        """Take this analyser, which may collect the vocabulary."""
        self._analyser = analyser

    def index(self, value: Parts, **kwargs: Any) -> Iterator[tuple[bytes, int, float, bytes]]:  # type: ignore[override]
        """Whoosh's own way of asking for the postings; the stock writer uses it."""
        for term, found in self.invert(value).items():
            positions = [found] if isinstance(found, int) else found
            yield term.encode(), len(positions), float(len(positions)), encode_positions(positions)


def schema() -> fields.Schema:
    """`doc`: the id's 16 bytes; `date`: yyyymmdd as a number; `patient`: the patient's id; `body`: the text."""
    return fields.Schema(
        doc=fields.COLUMN(columns.FixedBytesColumn(16)),
        date=fields.COLUMN(columns.NumericColumn("I")),
        patient=fields.ID(),
        body=BodyField(),
    )


class InvertingWriter(SegmentWriter):
    """Writes all documents of a new index as one segment. Takes the memory of all their postings: about 9 kB each."""

    def __init__(self, ix: Any, analyser: Analyser) -> None:
        super().__init__(ix)  # type: ignore[no-untyped-call]
        self._body: BodyField = self.schema["body"]
        self._body.use(analyser)
        self._columns = {name: self.schema[name].column_type for name in ("date", "doc")}
        self._terms: dict[str, list[Any]] = {}
        self._patients: dict[str, list[int]] = {}
        self._lengths = array("I")

    def add_document(self, *, doc: bytes, date: int, patient: str, body: Parts) -> None:  # type: ignore[override]
        """Add a document; they keep the order in which they are added."""
        number, per_document, terms = self.docnum, self.perdocwriter, self._terms
        length = 0
        for term, found in self._body.invert(body).items():
            length += 1 if found.__class__ is int else len(found)  # type: ignore[arg-type]
            postings = terms.get(term)
            if postings is None:
                terms[term] = [number, found]
            else:
                postings.append(number)
                postings.append(found)
        per_document.start_doc(number)
        per_document.add_field("body", self._body, None, length)
        per_document.add_column_value("date", self._columns["date"], date)
        per_document.add_column_value("doc", self._columns["doc"], doc)
        per_document.finish_doc()
        self._patients.setdefault(patient, []).append(number)
        self._lengths.append(length)
        self._added = True
        self.docnum += 1

    def _flush_segment(self) -> None:
        self.perdocwriter.close()
        if self._terms:
            self._write_field("body", ((t.encode(), self._terms[t]) for t in sorted(self._terms)))
        existing = ((p.encode(), [x for n in self._patients[p] for x in (n, None)]) for p in sorted(self._patients))
        self._write_field("patient", existing)
        self.fieldwriter.close()
        self._terms, self._patients = {}, {}

    def _write_field(self, name: str, postings: Iterable[tuple[bytes, list[Any]]]) -> None:
        # UTF-8 sorts as code points do, so the terms come in the order the codec wants
        writer = self.fieldwriter
        writer.start_field(name, self.schema[name])
        prefix, file = pack_ushort(writer._fieldid), writer._postfile
        offset = file.tell()
        lengths = self._lengths if self.schema[name].scorable else None
        for term, flat in postings:
            info = W3TermInfo()
            content = _blocks(flat[0::2], flat[1::2], lengths, info)
            file.write(content)
            info.set_extent(offset, len(content))
            offset += len(content)
            writer._tindex.add(prefix + term, info.to_bytes())
        writer.finish_field()


def _blocks(ids: list[int], found: list[Any], lengths: array[int] | None, info: W3TermInfo) -> bytes:
    """One term's postings in the blocks of the W3 codec; sets what `info` says of them."""
    out, count, least = [WHOOSH3_HEADER_MAGIC], len(ids), None
    longest, total, heaviest = 0, 0.0, 0.0
    for start in range(0, count, _BLOCK):
        block, values = ids[start : start + _BLOCK], found[start : start + _BLOCK]
        weights = [1.0 if v is None or v.__class__ is int else float(len(v)) for v in values]
        encoded = None if values[0] is None else tuple([_encoded(v) for v in values])
        heavy, light = max(weights), min(weights)
        total += sum(weights)
        heaviest = max(heaviest, heavy)
        shortest_here = longest_here = None
        if lengths is not None:
            here = [lengths[n] for n in block]
            shortest_here, longest_here = min(here), max(here)
            least = shortest_here if least is None else min(least, shortest_here)
            longest = max(longest, longest_here)
        weight = None if heavy == light == 1.0 else heavy if heavy == light else tuple(weights)
        differences = (block[0], *[b - a for a, b in pairwise(block)])
        data = dumps((differences, weight, encoded), _PROTOCOL)
        compression = _COMPRESSION if len(data) >= COMPRESSION_MIN_SIZE else 0
        if compression:
            data = zlib.compress(data, compression)
        facts = (
            len(block),
            block[-1],
            heavy,
            compression,
            length_to_byte(shortest_here),
            length_to_byte(longest_here or 0),
        )
        head = dumps(facts, 2)
        size = len(head) + len(data)
        out += (pack("!i", -size if start + _BLOCK >= count else size), head, data)
    info._weight, info._df, info._minlength, info._maxlength = total, count, least, longest
    info._maxweight, info._minid, info._maxid = heaviest, ids[0], ids[-1]
    return b"".join(out)


def _encoded(found: Any) -> bytes:
    if found.__class__ is int:
        return _SINGLE[found] if found < len(_SINGLE) else encode_positions((found,))
    return encode_positions(found)
