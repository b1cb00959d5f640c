from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.xmlio import XmlWriter, attribute_of, children, escape, text_of, unescape

NASTY = st.text(alphabet=st.one_of(st.characters(codec=None), st.sampled_from("_x0041Ff\x00\x01\r\n\t<&>\"]'")))


@given(NASTY)
def test_escape_is_reversible_and_leaves_only_what_xml_can_carry(text: str) -> None:
    assert unescape(escape(text)) == text


@given(NASTY, NASTY)
def test_any_text_survives_a_file(text: str, attribute: str) -> None:
    out = io.BytesIO()
    with XmlWriter(out, "r", {}) as xml:
        xml.leaf("a", text, {"n": attribute})
    out.seek(0)
    found = [(text_of(e), attribute_of(e, "n")) for e in children(out, "r") if e.tag == "a"]
    assert found == [(text, attribute)]


def test_the_escape_is_that_of_ecma_376() -> None:
    assert escape("a\x07b_x0007_c_x") == "a_x0007_b_x005F_x0007_c_x"


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE r [<!ENTITY e "x">]><r><a>&e;</a></r>',
        b"<r><!-- c --><a/></r>",
        b"<r><![CDATA[x]]></r>",
        "<?xml version='1.0' encoding='UTF-16'?><r/>".encode("utf-16"),
        b"<r><a></r>",
        b"<other/>",
        b"<r>",
        b"",
    ],
)
def test_what_we_never_write_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="the XML"):
        list(children(io.BytesIO(content), "r"))


def test_a_document_type_across_a_chunk_border_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive.xmlio._CHUNK", 1)
    with pytest.raises(ValueError, match="document type"):
        list(children(io.BytesIO(b"<!DOCTYPE r><r/>"), "r"))


def test_memory_holds_one_child_at_a_time() -> None:
    out = io.BytesIO()
    with XmlWriter(out, "r", {}) as xml:
        for i in range(5000):
            xml.leaf("a", f"{i}" * 20)
    out.seek(0)
    most = 0
    for element in children(out, "r"):
        parent = element.getparent()
        if parent is not None:
            most = max(most, parent.index(element))
    assert most < 2
