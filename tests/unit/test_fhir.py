from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.normalise.contract import Limits, Made
from archive.normalise.jsonrecord import jsonrecord
from archive.normalise.xmlrecord import xmlrecord
from archive.reasons import DocumentProblem, Flag, Reason

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Kjent <b>penicillinallergi</b></p></div>'
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "document",
    "entry": [
        {
            "fullUrl": "urn:uuid:1",
            "resource": {
                "resourceType": "Composition",
                "title": "Epikrise",
                "date": "2017-05-05T12:30:00+02:00",
                "section": [{"title": "Allergier", "text": {"status": "generated", "div": DIV}}],
            },
        },
        {
            "resource": {
                "resourceType": "Patient",
                "identifier": [{"system": "urn:oid:2.16.578.1.12.4.1.4.1", "value": "13916900216"}],
                "name": [{"family": "Pr\u00f8vesen", "given": ["Line", "Marie"]}],
                "birthDate": "1969-11-13",
                "active": True,
            }
        },
        {
            "resource": {
                "resourceType": "Observation",
                "code": {
                    "coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolisk"}],
                    "text": "BT",
                },
                "valueQuantity": {"value": 120.50, "unit": "mmHg", "code": "mm[Hg]"},
                "note": [],
                "component": [None, {"valueInteger": 12345678901234567890}],
            }
        },
        {
            "resource": {
                "resourceType": "Binary",
                "contentType": "application/pdf",
                "data": base64.b64encode(b"%PDF-1.4 noe").decode(),
            }
        },
    ],
}
XML = f"""<Bundle xmlns="http://hl7.org/fhir"><type value="document"/>
<entry><fullUrl value="urn:uuid:1"/><resource><Composition><title value="Epikrise"/>
<date value="2017-05-05T12:30:00+02:00"/><section><title value="Allergier"/><text><status value="generated"/>{DIV}
</text></section></Composition></resource></entry>
<entry><resource><Patient><identifier><value value="13916900216"/></identifier><name><family value="Pr\u00f8vesen"/>
<given value="Line"/><given value="Marie"/></name><birthDate value="1969-11-13"/></Patient></resource></entry>
<entry><resource><Observation><code><coding><system value="http://loinc.org"/><code value="8480-6"/>
<display value="Systolisk"/></coding><text value="BT"/></code><valueQuantity><value value="120.5"/><unit value="mmHg"/>
<code value="mm[Hg]"/></valueQuantity><extension url="http://x.no/y"><valueString value="tillegg"/></extension>
</Observation></resource></entry></Bundle>"""


def from_json(tmp_path: Path, value: Any) -> Made:
    return from_text(tmp_path, json.dumps(value, ensure_ascii=False))


def from_text(tmp_path: Path, content: str) -> Made:
    source, out = tmp_path / "source", tmp_path / "out.pdf"
    source.write_text(content, encoding="utf-8")
    out.unlink(missing_ok=True)
    return jsonrecord(source, out, Limits())


def from_xml(tmp_path: Path) -> Made:
    source = tmp_path / "source"
    source.write_text(XML, encoding="utf-8")
    return xmlrecord(source, tmp_path / "out.pdf", Limits())


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_a_document_reads_like_one(tmp_path: Path, kind: str) -> None:
    result = from_json(tmp_path, BUNDLE) if kind == "json" else from_xml(tmp_path)
    lines = [line for line in (result.text or "").split("\n") if line]
    assert lines[0] == "Epikrise"
    assert "Pasient: Line Marie Pr\u00f8vesen  \u00b7  13916900216  \u00b7  f\u00f8dt 13.11.1969" in lines
    assert "Dato: 05.05.2017 kl. 12:30 (+02:00)" in lines
    assert lines.index("Allergier") < lines.index("Kjent penicillinallergi") < lines.index("Fødselsdato: 13.11.1969")
    assert any("BT; Systolisk (8480-6, http://loinc.org)" in line for line in lines)
    assert any("mmHg (mm[Hg])" in line for line in lines)
    assert any(line.endswith("Line Marie Pr\u00f8vesen") for line in lines[4:])
    assert "tillegg" in (result.text or "") or kind == "json"


def test_every_value_of_a_bundle_is_shown_and_its_files_split_off(tmp_path: Path) -> None:
    result = from_json(tmp_path, BUNDLE)
    text = result.text or ""
    for value in (
        "120.5",
        "12345678901234567890",
        "Ja (true)",
        "null",
        "urn:uuid:1",
        "1969-11-13",
        "generated",
        "Note",
    ):
        assert value in text
    assert [part.path.read_bytes() for part in result.parts] == [b"%PDF-1.4 noe"]
    assert "Vedlegg 1: vedlegg-1.pdf" in text


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("ab \u00e6\u00f8\u00e5<&#$*_\n", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "Id", "data", "x y", ""]), inner, max_size=4)
    ),
    max_leaves=15,
)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value if isinstance(value, str) else json.dumps(value)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_nothing_of_any_json_is_missing(tmp_path: Path, value: Any) -> None:
    shown = "".join((from_json(tmp_path, value).text or "").split())
    for leaf in leaves(value):
        assert "".join(leaf.split()) in shown


@pytest.mark.parametrize("content", ["{", "", "[1,]", '{"a":NaN', "\0"])
def test_what_is_no_json_is_corrupt(tmp_path: Path, content: str) -> None:
    with pytest.raises(DocumentProblem) as problem:
        from_text(tmp_path, content)
    assert problem.value.reason is Reason.CORRUPT


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    for depth in (500, 100_000):
        with pytest.raises(DocumentProblem) as problem:
            from_text(tmp_path, "[" * depth + "1" + "]" * depth)
        assert problem.value.reason is Reason.RESOURCE_LIMIT


def test_a_broken_attachment_is_flagged(tmp_path: Path) -> None:
    result = from_json(tmp_path, {"resourceType": "Attachment", "contentType": "image/png", "data": "???"})
    assert "???" in (result.text or "")
    assert [f.code for f in result.flags] == [Flag.DECODED_LENIENTLY]
