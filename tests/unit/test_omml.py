"""Formulas of Word files as a line of text."""

from __future__ import annotations

import pytest
from lxml import etree

from archive.normalise.omml import linear

NAMES = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def r(text: str) -> str:
    return f"<m:r><m:rPr><m:sty m:val='p'/></m:rPr><m:t>{text}</m:t></m:r>"


def e(name: str, text: str) -> str:
    return f"<m:{name}>{text if '<' in text else r(text)}</m:{name}>"


def chars(kind: str, **values: str) -> str:
    return f"<m:{kind}Pr>{''.join(f'<m:{k} m:val={v!r}/>' for k, v in values.items())}</m:{kind}Pr>"


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (r("BMI=") + e("f", e("num", "92") + e("den", "1,80")), "BMI=92 / 1,80"),
        (e("f", e("num", "a+b") + e("den", "2")), "(a+b) / 2"),
        (e("f", e("num", e("sSup", e("e", "x") + e("sup", "2"))) + e("den", "3")), "(x^2) / 3"),
        (r("10") + e("sSup", e("e", "x") + e("sup", "9")), "10x^9"),
        (e("sSub", e("e", "HbA") + e("sub", "1c")), "HbA_1c"),
        (e("sSubSup", e("e", "x") + e("sub", "i") + e("sup", "2")), "x_i^2"),
        (e("sPre", e("sub", "6") + e("sup", "14") + e("e", "C")), "_6^14C"),
        (e("rad", e("deg", "3") + e("e", "27")), "^3√27"),
        (e("rad", "<m:deg/>" + e("e", "a+b")), "√(a+b)"),
        (e("nary", chars("nary", chr="∑") + e("sub", "i=1") + e("sup", "n") + e("e", "i")), "∑_i=1^ni"),
        (e("d", e("e", "x") + e("e", "y")), "(x|y)"),
        (e("d", chars("d", begChr="[", endChr="]", sepChr=";") + e("e", "x") + e("e", "y")), "[x;y]"),
        (e("m", e("mr", e("e", "1") + e("e", "2")) + e("mr", e("e", "3") + e("e", "4"))), "[1  2; 3  4]"),
        (e("eqArr", e("e", "a=1") + e("e", "b=2")), "a=1\nb=2"),
        (e("func", e("fName", "log") + e("e", "x")), "log x"),
        (e("limLow", e("e", "lim") + e("lim", "0")), "lim_0"),
        (e("acc", chars("acc", chr="\u0304") + e("e", "x")), "x\u0304"),
        (e("sSup", e("e", "e") + e("sup", e("sSup", e("e", "x") + e("sup", "2")))), "e^x^2"),
        (e("borderBox", e("e", "ukjent")) + e("noeNytt", "5 mg"), "ukjent5 mg"),
    ],
)
def test_every_word_and_number_in_reading_order(formula: str, said: str) -> None:
    pieces = linear(etree.fromstring(f"<m:oMath {NAMES}>{formula}</m:oMath>"))
    marks = {"superscript": "^", "subscript": "_", "": ""}
    assert "".join(marks[level] + text for text, level in pieces) == said
