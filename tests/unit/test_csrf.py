"""Forms from elsewhere are refused."""

from __future__ import annotations

import pytest

from viewer.csrf import same_origin, token_matches

OWN = "https://arkiv.kommune.example"


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"Origin": OWN}, True),
        ({"Origin": OWN + ":443"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": OWN}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://arkiv.kommune.example"}, False),
        ({"Origin": OWN + ":8443"}, False),
        ({"Origin": OWN + ".evil.example"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://[::bad"}, False),
        ({"Origin": "https://arkiv.kommune.example:99999"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
    ],
)
def test_origin(headers: dict[str, str], ours: bool) -> None:
    assert same_origin(headers, OWN + "/") is ours


@pytest.mark.parametrize(
    ("expected", "given", "same"),
    [("abc", "abc", True), ("abc", "abd", False), ("abc", "", False), ("abc", None, False), ("", "", False),
     (None, None, False), (None, "abc", False), ("abc", "æøå", False)],
)  # fmt: skip
def test_token(expected: str | None, given: str | None, same: bool) -> None:
    assert token_matches(expected, given) is same
