"""Dates as written, to ISO."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reasons import Flag
from extract.mapping.dates import DateReader, DateRules, compile_format

TODAY = date(2026, 6, 1)
NORWEGIAN = ("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S.%f", "%m.%Y", "%Y", "%d. %b %Y", "%Y%m%d", "%d%m%y")


def read(text: str, *formats: str, **rules: object) -> tuple[str | None, Flag | None]:
    return DateReader(DateRules(formats=formats or NORWEGIAN, pivot=30, **rules), TODAY)(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("04.04.2004", "2004-04-04"),
        ("4.4.2004", "2004-04-04"),
        ("04.04.2004 13:45", "2004-04-04T13:45:00"),
        ("04.04.2004  13:45", "2004-04-04T13:45:00"),
        ("04.04.2004 13:45:07.123", "2004-04-04T13:45:07"),
        ("04.2004", "2004-04"),
        ("2004", "2004"),
        ("00.04.2004", "2004-04"),
        ("00.00.2004", "2004"),
        ("12. mars 2004", "2004-03-12"),
        ("1. okt. 2004", "2004-10-01"),
        ("20040411", "2004-04-11"),
        ("110430", "1930-04-11"),
        ("110429", "2029-04-11"),
        ("29.02.2004", "2004-02-29"),
    ],
)
def test_dates_are_read(text: str, iso: str) -> None:
    assert read(text, latest="2030-01-01") == (iso, None)


@pytest.mark.parametrize(
    "text",
    ["00.00.0000", "31.02.2004", "29.02.2005", "04.13.2004", "04.00.2004", "i går", "04.04.2004 25:00", "2004-04-04",
     "2004041", "04.04.2004x", "5. foo 2004", "٠٤.04.2004x"],
)  # fmt: skip
def test_what_is_no_date_is_invalid(text: str) -> None:
    assert read(text) == (None, Flag.DATE_INVALID)


@pytest.mark.parametrize("text", ["31.12.1849", "02.06.2026", "01.01.2999", "2027", "07.2026"])
def test_what_cannot_be_is_implausible(text: str) -> None:
    assert read(text) == (None, Flag.DATE_IMPLAUSIBLE)


def test_bounds_are_inside() -> None:
    assert read("01.06.2026") == ("2026-06-01", None)
    assert read("01.01.1850") == ("1850-01-01", None)
    assert read("2026") == ("2026", None)
    assert read("03.02.2001", latest="2001-02-02") == (None, Flag.DATE_IMPLAUSIBLE)


def test_empty_is_neither_date_nor_fault_and_stand_ins_are_invalid() -> None:
    assert read("") == (None, None)
    assert read("01.01.1900", not_dates=("01.01.1900",)) == (None, Flag.DATE_INVALID)


def test_precision_cuts() -> None:
    assert read("04.04.2004 13:45", precision="day") == ("2004-04-04", None)
    assert read("04.04.2004 13:45", precision="year") == ("2004", None)


def test_order_of_formats_decides() -> None:
    assert read("03.04.2004", "%m.%d.%Y", "%d.%m.%Y")[0] == "2004-03-04"
    assert read("13.04.2004", "%m.%d.%Y", "%d.%m.%Y")[0] == "2004-04-13"


def test_two_digit_years_need_a_pivot() -> None:
    with pytest.raises(ValueError, match="pivot"):
        compile_format("%d.%m.%y")


@given(st.dates(date(1850, 1, 1), TODAY), st.sampled_from(["%d.%m.%Y", "%Y-%m-%d", "%Y%m%d", "%d/%m %Y", "(%Y) %m-%d"]))
def test_every_day_is_read_as_it_was_written(day: date, form: str) -> None:
    assert read(day.strftime(form), form) == (day.isoformat(), None)


@given(st.text(max_size=20))
def test_any_text_gives_a_date_or_a_reason(text: str) -> None:
    iso, flag = read(text)
    assert (iso is None) != (flag is None) or text == ""
