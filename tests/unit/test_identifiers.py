"""National identifiers against a second statement of their rules, and the ids of our own.

The rules are written down here once more from HIS 1001:2010 and Skatteetaten's text on the numbers from 2032, as
arithmetic on whole numbers. All numbers are made up; those of persons are of synthetic populations (month + 80 or
+ 65), or of kinds that no person has.
"""

from __future__ import annotations

import csv
import uuid
from calendar import monthrange
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archive import identifiers
from archive.identifiers import IdentifierType, check_digits_ok, classify, hpr_number_ok, organisation_number_ok

FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2)
SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
TENOR, NHN, H = 80, 65, 40


def weighed(weights: tuple[int, ...], digits: str) -> int:
    return sum(w * int(c) for w, c in zip(weights, digits, strict=True))


def whole(nine: str, relaxed: int = 0) -> str | None:
    """Nine digits with both check digits; `relaxed` is the remainder that the numbers from 2032 may leave (1 to 3).
    None where a check digit would be ten."""
    first = (relaxed - weighed(FIRST, nine)) % 11
    if first == 10:
        return None
    second = -weighed(SECOND, f"{nine}{first}") % 11
    return None if second == 10 else f"{nine}{first}{second}"


def nine(day: int, month: int, year: int, serial: int) -> str:
    return f"{day:02}{month:02}{year % 100:02}{serial:03}"


days = st.dates(date(1855, 1, 1), date(2039, 12, 31))
serials = st.integers(0, 999)


@given(days, serials, st.sampled_from([TENOR, NHN]), st.booleans(), st.integers(0, 3))
def test_numbers_of_synthetic_persons(born: date, serial: int, shift: int, d_number: bool, relaxed: int) -> None:
    number = whole(nine(born.day + 40 * d_number, born.month + shift, born.year, serial), relaxed)
    assume(number is not None)
    assert number
    found = classify(number)
    assert found.type is (IdentifierType.DNR if d_number else IdentifierType.FNR)
    assert (found.valid, found.synthetic, found.value) == (True, True, number)


@given(days, serials, st.booleans(), st.integers(0, 3))
def test_numbers_that_hospitals_give(born: date, serial: int, d_number: bool, relaxed: int) -> None:
    """Month + 40 is an H-number, but of a D-number it stays one; NAV's synthetic persons have it too."""
    number = whole(nine(born.day + 40 * d_number, born.month + H, born.year, serial), relaxed)
    assume(number is not None)
    assert number
    found = classify(number)
    assert found.type is (IdentifierType.DNR if d_number else IdentifierType.HNR)
    assert (found.valid, found.synthetic) == (True, False)


@given(st.integers(80_000_0000, 99_999_9999), st.integers(0, 3))
def test_common_help_numbers_have_no_date(first: int, relaxed: int) -> None:
    number = whole(f"{first:09}", relaxed)
    assume(number is not None)
    assert number
    found = classify(number)
    assert (found.type, found.valid, found.synthetic) == (IdentifierType.FHN, True, False)


@pytest.mark.parametrize(
    ("start", "kind"), [("3", IdentifierType.FNR), ("4", IdentifierType.DNR), ("7", IdentifierType.DNR),
                        ("8", IdentifierType.FHN), ("9", IdentifierType.FHN)]
)  # fmt: skip
def test_the_first_digit_says_the_kind(start: str, kind: IdentifierType) -> None:
    """31 December + 80 of 1999, with the first digit changed."""
    number = next(n for s in range(1000) if (n := whole(f"{start}19299{s:03}")))
    assert classify(number).type is kind and classify(number).valid


@given(st.text("0123456789", min_size=11, max_size=11))
def test_eleven_digits_of_any_kind(number: str) -> None:
    remainders = (
        (weighed(FIRST, number[:9]) + int(number[9])) % 11,
        (weighed(SECOND, number[:10]) + int(number[10])) % 11,
    )
    assert check_digits_ok(number) == (remainders[0] <= 3 and remainders[1] == 0)
    found = classify(number)
    assert found.value == number and found.type not in (IdentifierType.LOCAL, IdentifierType.DUF)
    if not check_digits_ok(number):
        assert not found.valid


@given(days, serials, st.integers(4, 10))
def test_a_remainder_above_three_is_no_number(born: date, serial: int, remainder: int) -> None:
    number = whole(nine(born.day, born.month + TENOR, born.year, serial), remainder)
    assume(number is not None)
    assert number and not check_digits_ok(number) and not classify(number).valid


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), serials)
def test_the_date_must_exist(day: int, month: int, year: int, serial: int) -> None:
    assume(day < 80)
    number = whole(nine(day, month, year, serial))
    assume(number is not None)
    assert number
    real = month - (TENOR if month > 80 else NHN if month > 65 else H if month > 40 else 0)
    in_month = day - 40 * (day >= 40)
    exists = 1 <= real <= 12 and any(
        1 <= in_month <= monthrange(century + year, real)[1] for century in (1800, 1900, 2000)
    )
    assert classify(number).valid == exists
    assert classify(number).synthetic == (month > 65)


@pytest.mark.parametrize(
    ("month", "kind", "synthetic", "valid"),
    [
        (40, IdentifierType.FNR, False, False),
        (41, IdentifierType.HNR, False, True),
        (52, IdentifierType.HNR, False, True),
        (53, IdentifierType.HNR, False, False),
        (65, IdentifierType.HNR, False, False),
        (66, IdentifierType.FNR, True, True),
        (77, IdentifierType.FNR, True, True),
        (78, IdentifierType.FNR, True, False),
        (80, IdentifierType.FNR, True, False),
        (81, IdentifierType.FNR, True, True),
        (92, IdentifierType.FNR, True, True),
        (93, IdentifierType.FNR, True, False),
        (0, IdentifierType.FNR, False, False),
        (13, IdentifierType.FNR, False, False),
    ],
)
def test_the_bounds_of_each_month(month: int, kind: IdentifierType, synthetic: bool, valid: bool) -> None:
    number = next(n for s in range(1000) if (n := whole(nine(1, month, 1970, s))))
    found = classify(number)
    assert (found.type, found.synthetic, found.valid) == (kind, synthetic, valid)


@pytest.mark.parametrize(
    ("day", "month", "year", "valid"),
    [(31, 81, 70, True), (32, 81, 70, False), (31, 84, 70, False), (30, 84, 70, True), (0, 81, 70, False),
     (29, 82, 96, True), (29, 82, 97, False), (29, 82, 0, True), (30, 82, 96, False), (71, 81, 70, True),
     (72, 81, 70, False), (40, 81, 70, False), (41, 81, 70, True)]
)  # fmt: skip
def test_days_that_are_and_are_not(day: int, month: int, year: int, valid: bool) -> None:
    number = next(n for s in range(1000) if (n := whole(nine(day, month, year, s))))
    assert classify(number).valid is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [("199012345678", True), ("198999999999", False), ("210000000000", True), ("210100000000", False),
     ("200712345678", True), ("000012345678", False)]
)  # fmt: skip
def test_twelve_digits_are_a_number_of_the_immigration_authorities(text: str, valid: bool) -> None:
    found = classify(text)
    assert (found.type, found.valid, found.synthetic) == (IdentifierType.DUF, valid, False)


@given(st.text("0123456789 .-\u00a0\u200b\ufeff", min_size=1, max_size=30), st.booleans())
def test_signs_between_the_digits_do_not_count(text: str, current: bool) -> None:
    digits = "".join(c for c in text if c.isdigit())
    found = classify(text, current=current)
    assert found.current is current
    if len(digits) in (11, 12):
        assert found == classify(digits, current=current) and found.value == digits
    else:
        assert found.type is IdentifierType.LOCAL and not found.valid
        assert found.value == text.replace("\u200b", "").replace("\ufeff", "").strip()


@pytest.mark.parametrize("text", ["", "lokal-7", "1234567890", "123456789012345", "018x", "０１８１１５２３８６７"])
def test_what_is_no_national_number_is_kept_as_written(text: str) -> None:
    found = classify(text)
    assert (found.value, found.type, found.valid) == (text, IdentifierType.LOCAL, False)


@given(st.integers(0, 99_999_999))
def test_organisation_numbers(first: int) -> None:
    eight = f"{first:08}"
    check = -weighed((3, 2, 7, 6, 5, 4, 3, 2), eight) % 11
    assert [organisation_number_ok(f"{eight}{c}") for c in range(10)] == [c == check for c in range(10)]


def test_an_organisation_number_whose_check_digit_would_be_ten() -> None:
    eight = next(f"{n:08}" for n in range(1000) if -weighed((3, 2, 7, 6, 5, 4, 3, 2), f"{n:08}") % 11 == 10)
    assert not any(organisation_number_ok(f"{eight}{c}") for c in range(10))
    assert not organisation_number_ok(f"{eight}10") and not organisation_number_ok(eight)


@pytest.mark.parametrize("text", ["97476067", "9747606731", "97476067x", "974 760 673", "９７４７６０６７３", ""])
def test_what_is_no_organisation_number(text: str) -> None:
    assert not organisation_number_ok(text)


def test_the_directorate_of_health_has_one() -> None:
    assert organisation_number_ok("974760673") is (-weighed((3, 2, 7, 6, 5, 4, 3, 2), "97476067") % 11 == 3)


@pytest.mark.parametrize(
    ("text", "ok"),
    [("1", True), ("9144889", True), ("123456789", True), ("1234567890", False), ("0144889", False), ("", False),
     ("91448x9", False), ("９１４", False)]
)  # fmt: skip
def test_numbers_of_health_personnel(text: str, ok: bool) -> None:
    assert hpr_number_ok(text) is ok


ARCHIVE = "0a6d3f0e-5f0c-5c55-9d5c-3f2b1f1f7a01"


@given(st.text(max_size=20), st.text(max_size=20))
def test_ids_are_those_of_rfc_4122(system: str, key: str) -> None:
    """The quick way and the library's way are one; patients and documents never share an id."""
    encodable = f"{system}{key}".encode("utf-8", "ignore").decode() == f"{system}{key}"
    assume(encodable)
    patient, document = identifiers.patient_id(ARCHIVE, system, key), identifiers.document_id(ARCHIVE, system, key)
    assert identifiers.patient_ids(ARCHIVE, system)(key) == patient != document
    assert identifiers.document_ids(ARCHIVE, system)(key) == document
    assert {uuid.UUID(i).version for i in (patient, document, identifiers.package_id(patient, 1))} == {5}
    assert identifiers.package_id(patient, 1) != identifiers.package_id(patient, 2)


def test_ids_never_change() -> None:
    """An archive of ten years ago must find its patients again: these values are part of the format."""
    assert identifiers.archive_id("974760673", "CosDoc") == "73100554-3e70-5502-9ff7-a0b1aabeef57"
    assert identifiers.patient_id(ARCHIVE, "CosDoc", "4711") == "c4f3e8f5-190b-59ed-86fa-6e444acfc5e9"
    assert identifiers.document_id(ARCHIVE, "CosDoc", "4711") == "0f40dab3-efc6-5674-878f-f8e3fdeb49b9"
    assert identifiers.package_id("0a6d3f0e-5f0c-5c55-9d5c-3f2b1f1f7a01", 3) == "fa05b6c7-9d9b-5843-bf2d-cb46b0c85b0c"


def test_object_identifiers_of_each_kind() -> None:
    assert [kind.oid for kind in IdentifierType] == [
        "2.16.578.1.12.4.1.4.1", "2.16.578.1.12.4.1.4.2", None, "2.16.578.1.12.4.1.4.3", "2.16.578.1.12.4.1.4.5", None
    ]  # fmt: skip


def test_two_hundred_numbers_made_elsewhere(shared: Path) -> None:
    with (shared / "standards" / "fnr" / "synthetic_ids.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert len(rows) == 200
    for row in rows:
        assert classify(row["id"]).type.value == row["kind"] and classify(row["id"]).valid, row["kind"]
