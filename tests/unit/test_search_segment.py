"""What our writer puts on disk is what Whoosh's own writer puts there, posting for posting."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whoosh import index

from viewer.search.analysis import FILE_BITS, HEADING_SLOT, Analyser
from viewer.search.segment import InvertingWriter, VarintPositions, encode_positions, schema


def documents(count: int, seed: int = 3) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    vocabulary = [f"{a}{b}" for a in ("blod", "hjerte", "lunge", "æøå", "x", "7,5") for b in range(400)]
    made = []
    for n in range(count):
        words = [vocabulary[int(rng.paretovariate(0.4)) % len(vocabulary)] for _ in range(rng.randrange(0, 300))]
        text = " ".join(words) + (" kost-hold og/eller blod-trykk" if n % 3 == 0 else "")
        parts = [(0, text), (HEADING_SLOT, "Epikrise kirurgisk")]
        if n % 7 == 0:
            parts.append((2, "Vedlegg " + text[:50]))
        made.append(
            {
                "doc": rng.randbytes(16),
                "date": 20040101 + n % 28,
                "patient": f"p{n % 11}",
                "body": parts if n % 5 else [],
            }
        )
    return made


def _dump(folder: Path) -> dict[str, Any]:
    ix = index.open_dir(str(folder))
    with ix.reader() as reader:
        terms = {}
        for field, text in reader.all_terms():
            info = reader.term_info(field, text)
            matcher, postings = reader.postings(field, text), []
            while matcher.is_active():
                value = matcher.value_as("positions") if field == "body" else None
                postings.append((matcher.id(), matcher.weight(), value))
                matcher.next()
            facts = (info.weight(), info.doc_frequency(), info.min_length(), info.max_length())
            terms[field, text] = (*facts, info.max_weight(), info.min_id(), info.max_id(), postings)
        count = reader.doc_count_all()
        return {
            "terms": terms,
            "count": count,
            "length": reader.field_length("body"),
            "lengths": [reader.doc_field_length(n, "body") for n in range(count)],
            "doc": [bytes(v) for v in reader.column_reader("doc", translate=False)],
            "date": list(reader.column_reader("date", translate=False)),
            "stored": [reader.stored_fields(n) for n in range(count)],
            "min_max": (reader.min_field_length("body"), reader.max_field_length("body")),
        }


def test_the_index_is_the_one_the_stock_writer_makes(tmp_path: Path) -> None:
    material = documents(700)
    dumps = []
    for name in ("stock", "ours"):
        (tmp_path / name).mkdir()
        ix = index.create_in(str(tmp_path / name), schema())
        writer = ix.writer() if name == "stock" else InvertingWriter(ix, Analyser())
        for document in material:
            writer.add_document(**document)
        writer.commit()
        ix.close()
        dumps.append(_dump(tmp_path / name))
    stock, ours = dumps
    assert len(stock["terms"]) > 500
    assert max(len(facts[-1]) for facts in stock["terms"].values()) > 128 * 3, "no term of several blocks"
    assert ours.keys() == stock.keys()
    for key in stock:
        assert ours[key] == stock[key], key


@given(st.lists(st.integers(0, 1 << (FILE_BITS + 8)), unique=True, max_size=300).map(sorted))
def test_positions_come_back_from_their_bytes(positions: list[int]) -> None:
    kind, encoded = VarintPositions(), encode_positions(positions)
    assert kind.decode_positions(encoded) == positions
    assert kind.decode_frequency(encoded) == len(positions)


@pytest.mark.parametrize("count", [0, 1])
def test_an_index_of_next_to_nothing_can_be_opened(tmp_path: Path, count: int) -> None:
    ix = index.create_in(str(tmp_path), schema())
    writer = InvertingWriter(ix, Analyser())
    for document in documents(2)[1:][:count]:
        writer.add_document(**document)
    writer.commit()
    assert index.open_dir(str(tmp_path)).doc_count() == count
    assert not count or _dump(tmp_path)["count"] == count
