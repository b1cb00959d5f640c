"""Refuses forms that another site sends: a token of the session, and what the browser says of the request's origin."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

FIELD = "csrf_token"


def same_origin(headers: Mapping[str, str], own_origin: str) -> bool:
    """Whether nothing the browser says speaks against the request being our own page's.

    `Sec-Fetch-Site` must be same-origin and `Origin` our own, where they are sent; old browsers send neither, and
    then the token alone decides.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("Origin")
    return origin is None or _normal(origin) == _normal(own_origin)


def token_matches(expected: str | None, given: str | None) -> bool:
    """Whether the form carries the token; compared in constant time. An absent or empty token never matches."""
    return bool(expected) and bool(given) and hmac.compare_digest(str(expected).encode(), str(given).encode())


def _normal(origin: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(origin)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port
