"""The fidelity sample as a table for people, from its plain form (`journalarkiv.report/1`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = ("route (format)", "compared", "words kept", "least", "pages equal", "picture difference: mean, most")


def fidelity_rows(fidelity: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each route and format; a dash where nothing could be measured."""
    for r in fidelity["routes"]:
        kept = f"{100 * r['words_kept'] / r['words']:.2f} %" if r["words"] else "-"
        least = f"{100 * r['least_kept']:.1f} %" if r["least_kept"] is not None else "-"
        pages = f"{r['pages_equal']} of {r['paged']}" if r["paged"] else "-"
        picture = f"{r['difference_mean']:.3f}, {r['difference_max']:.3f}" if r["pictured"] else "-"
        yield f"{r['route']} ({r['family']})", f"{r['sampled']} of {r['files']}", kept, least, pages, picture
