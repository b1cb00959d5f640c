"""Names and versions of what does the work on each route, for the record: which program made this copy."""

from __future__ import annotations

import functools
from importlib import metadata

from archive.errors import EngineMissingError
from archive.normalise import contained, ghostscript, office, raster

_PACKAGES = {
    "plaintext": ("typst", "typst"),
    "rtf": ("typst", "typst"),
    "xmlrecord": ("typst", "typst"),
    "jsonrecord": ("typst", "typst"),
    "sourcetext": ("typst", "typst"),
    "mail": ("typst", "typst"),
    "outlook": ("typst", "typst"),
    "tnef": ("typst", "typst"),
    "dicom": ("typst", "typst"),
    "zipped": ("typst", "typst"),
    "gunzipped": ("typst", "typst"),
    "html": ("WeasyPrint", "weasyprint"),
    "image": ("Pillow", "pillow"),
    "pdf": ("pikepdf", "pikepdf"),
    "repaired": ("pikepdf", "pikepdf"),
    raster.ROUTE: ("pypdfium2", "pypdfium2"),
}


@functools.cache
def engine_of(route: str) -> str:
    """The engine behind the last step of a route (`pdf+ghostscript`), with its version; empty where none is known."""
    step = route.rpartition("+")[2]
    try:
        if step == office.ROUTE:
            return contained.version(["soffice", "--version"], remedy=office.REMEDY)
        if step == ghostscript.ROUTE:
            return f"Ghostscript {contained.version(['gs', '--version'], remedy='')}"
        if step in _PACKAGES:
            name, package = _PACKAGES[step]
            return f"{name} {metadata.version(package)}"
    except (EngineMissingError, metadata.PackageNotFoundError):
        pass
    return ""
