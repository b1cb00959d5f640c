"""How wide a workbook's numbers are when shown."""

from __future__ import annotations

import pytest

from archive.normalise.numberwidth import format_of


@pytest.mark.parametrize(
    ("code", "number", "value", "shown"),
    [
        ("", 0, "123456.78", "123456,78"),
        ("", 0, "-12", "-12"),
        ("", 0, "12345678901", "12345678901"),
        ("", 0, "0.333333333333", "0,3333333"),
        ("", 14, "37653", "01.02.2003"),
        ("", 22, "37653.5", "01.02.2003 12:00"),
        ("", 4, "1234567.5", "1 234 567,50"),
        ("", 10, "0.1234", "12,34%"),
        ("0.000", 164, "12.5", "12,500"),
        ("#,##0.00;[Red]-#,##0.00", 165, "-98765.4", "-98 765,40"),
        ('0.0" mmol/l"', 166, "5.44", "5,4 mmol/l"),
        ("dddd d. mmmm yyyy", 167, "37653", "torsdag 27. september 2003"),
        ("[h]:mm", 168, "10.5", "252:00"),
        ("[$kr-414] #,##0", 169, "12500", "kr 12 500"),
        ("0.00E+00", 11, "123456", "1,23E+05"),
        ('"M"0', 170, "12", "M12"),
        ('General" stk"', 171, "12", "12"),
    ],
)
def test_the_width_is_that_of_what_is_shown_or_somewhat_more(code: str, number: int, value: str, shown: str) -> None:
    width = format_of(code, number).width(value)
    assert len(shown) <= width <= len(shown) + 8


@pytest.mark.parametrize(("code", "value"), [("@", "tekst"), ("", "#REF!"), ("", ""), ("0", "nan"), ("0", "inf")])
def test_what_is_no_number_takes_no_width(code: str, value: str) -> None:
    assert format_of(code).width(value) == 0
