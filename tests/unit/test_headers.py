"""The policies say what they should, and each kind of response gets its own."""

from __future__ import annotations

import pytest
from flask import Response

from viewer.headers import KIND, PDFJS, POLICIES, WORKER, apply, policy


def parsed(text: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in text.split("; "))}


@pytest.mark.parametrize("name", list(POLICIES))
def test_no_policy_allows_inline_or_foreign_code(name: str) -> None:
    directives = parsed(policy(name))
    assert directives["default-src"] == ["'none'"]
    for values in directives.values():
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "http:"} & set(values)
        assert all(v in ("'self'", "'none'", "data:", "blob:", "'wasm-unsafe-eval'") for v in values)


def test_webassembly_runs_in_the_worker_alone() -> None:
    allowed = [name for name, directives in POLICIES.items() if "wasm-unsafe-eval" in str(directives)]
    assert allowed == ["worker"]
    worker = apply(Response(), static_file=WORKER, secure=False)
    assert "'wasm-unsafe-eval'" in worker.headers["Content-Security-Policy"]
    other = apply(Response(), static_file=f"{PDFJS}/pdf.min.mjs", secure=False)
    assert "wasm" not in other.headers["Content-Security-Policy"]


def test_pages() -> None:
    response = apply(Response(), static_file=None, secure=False)
    directives = parsed(response.headers["Content-Security-Policy"])
    assert directives["frame-ancestors"] == directives["base-uri"] == directives["object-src"] == ["'none'"]
    assert directives["form-action"] == directives["script-src"] == directives["style-src"] == ["'self'"]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in response.headers
    assert "Strict-Transport-Security" in apply(Response(), static_file=None, secure=True).headers


@pytest.mark.parametrize("kind", ["reader", "pdf"])
def test_a_view_may_ask_for_another_policy(kind: str) -> None:
    response = Response()
    response.headers[KIND] = kind
    apply(response, static_file=None, secure=True)
    assert response.headers["Content-Security-Policy"] == policy(kind)
    assert KIND not in response.headers


def test_only_static_files_are_cached() -> None:
    assert "immutable" in apply(Response(), static_file=WORKER, secure=True).headers["Cache-Control"]
    assert apply(Response(), static_file="app.css", secure=True).headers["Cache-Control"] == "no-cache"
