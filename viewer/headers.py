"""Response headers: one strict Content-Security-Policy per kind of response, and what goes with it (OWASP ASVS 3.4)."""

from __future__ import annotations

from flask import Response

PDFJS = "vendor/pdfjs-6.5.438"
"""Folder of PDF.js under static/."""
DESIGN = "vendor/designsystemet-1.22.0"
"""Folder of the design system under static/."""
WORKER = f"{PDFJS}/pdf.worker.min.mjs"

_PAGE = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}
# PDF.js draws pictures from blobs and may load a file's fonts as data
_READER = _PAGE | {"worker-src": "'self'", "img-src": "'self' data: blob:", "font-src": "'self' data:"}
# A browser's own PDF viewer needs object-src; a page script cannot run there
_PDF = {"default-src": "'none'", "object-src": "'self'", "frame-ancestors": "'none'"}
# The decoders of scans (JPEG 2000, JBIG2) are WebAssembly: allowed in the worker alone, which has no page to attack
_WORKER = {"default-src": "'none'", "script-src": "'self' 'wasm-unsafe-eval'", "connect-src": "'self'"}
_STATIC = {"default-src": "'none'", "frame-ancestors": "'none'"}

POLICIES = {"page": _PAGE, "reader": _READER, "pdf": _PDF, "worker": _WORKER, "static": _STATIC}
"""The policies by name; a view asks for one with `response.headers[KIND]`, which is removed before sending."""
KIND = "X-Journalarkiv-Policy"

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # "no-referrer" would make the browser send "Origin: null" with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()",
}


def policy(name: str) -> str:
    """The Content-Security-Policy of that name, as sent."""
    return "; ".join(f"{k} {v}" for k, v in POLICIES[name].items())


def static_kind(filename: str) -> str:
    """The policy of a static file."""
    return "worker" if filename == WORKER else "static"


def apply(response: Response, *, static_file: str | None, secure: bool) -> Response:
    """Put the headers on a response. `static_file` is its name under static/, None for everything else."""
    kind = response.headers.pop(KIND, "page") if static_file is None else static_kind(static_file)
    response.headers["Content-Security-Policy"] = policy(kind)
    for name, value in _COMMON.items():
        response.headers[name] = value
    if secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if static_file is None:
        response.headers["Cache-Control"] = "no-store"
    elif static_file.startswith("vendor/"):
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"
    return response
