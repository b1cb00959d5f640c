"""A patient's documents: the list, its filters, and full text within the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from viewer import guard
from viewer.access import Action
from viewer.audit import AuditAction, AuditOutcome
from viewer.pages.snippets import marked, read_text
from viewer.ranges import DamagedSpanError, UnsafePathError
from viewer.records import DocumentRow, Filters

blueprint = Blueprint("journal", __name__)
_MOST_HITS = 5000
_SNIPPET_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What the list is narrowed to: filters, and the full-text search of this session they go with."""

    filters: Filters
    token: str = ""
    query: str = ""
    complete: bool = True
    notes: tuple[str, ...] = ()
    best: dict[str, int] | None = None
    """Document id -> the file of it that fits best."""

    def args(self, **changes: Any) -> dict[str, Any]:
        """The URL arguments of this list, with changes; an empty value takes an argument away."""
        values = {**self.filters.query_args(), **({"s": self.token} if self.token else {}), **changes}
        return {k: v for k, v in values.items() if v not in ("", None)}


def narrowed(patient_id: str) -> Narrowed:
    """What the request's arguments ask for. A search of another session or patient is no search."""
    token = request.args.get("s", "")
    kept = guard.services().sessions.recall(guard.current_session(), token) if token else None
    if kept is not None and (kept.get("kind") != "text" or kept.get("patient") != patient_id):
        kept = None
    hits: dict[str, int] | None = kept["hits"] if kept else None
    filters = Filters(
        type=request.args.get("type", "")[:200],
        year=request.args.get("year", "")[:4],
        unit=request.args.get("unit", "")[:200],
        ids=tuple(hits) if hits is not None else None,
    )
    if kept is None:
        return Narrowed(filters)
    return Narrowed(filters, token, kept["query"], kept["complete"], tuple(kept["notes"]), hits)


@blueprint.get("/pasient/<uuid:patient_id>")
@guard.declares(Action.LIST)
def documents(patient_id: UUID) -> ResponseReturnValue:
    """The list, newest first."""
    key = str(patient_id)
    admitted = guard.admit(Action.LIST, key)
    narrow, config = narrowed(key), guard.services().config
    ids = guard.records().visible_ids(key, narrow.filters)
    size = config.documents.hits_per_page if narrow.query else config.documents.page_size
    pages = max(1, -(-len(ids) // size))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    rows = guard.records().rows(key, ids[(page - 1) * size : page * size])
    hidden = len(guard.records().visible_ids(key, Filters(ids=narrow.filters.ids))) - len(ids) if narrow.query else 0
    backend = guard.services().backend()
    snippets = _snippets(key, rows, narrow) if narrow.query else {}
    guard.look(
        AuditAction.SEARCH_TEXT if narrow.query else AuditAction.LIST_DOCUMENTS,
        patient_id=key,
        documents=tuple(r.id for r in rows),
        query=narrow.query,
        hits=len(ids),
    )
    return render_template(
        "journal.html",
        patient=admitted.patient,
        ground=admitted.ground,
        narrow=narrow,
        rows=rows,
        snippets=snippets,
        facets=guard.records().facets(key, narrow.filters),
        total=len(ids),
        page=page,
        pages=pages,
        first=(page - 1) * size + 1,
        searchable=backend is not None,
        behind=backend is not None and backend.behind(),
        hidden=hidden,
    )


@blueprint.post("/pasient/<uuid:patient_id>/sok")
@guard.declares(Action.SEARCH)
def search(patient_id: UUID) -> ResponseReturnValue:
    """Search, keep the hits with the session, go to the list. The words never stand in a URL."""
    key = str(patient_id)
    guard.admit(Action.SEARCH, key)
    found, user = guard.services(), guard.current_user()
    query = " ".join(request.form.get("q", "").split())[: found.config.search.max_query]
    back: dict[str, Any] = {k: v for k in ("type", "year", "unit") if (v := request.form.get(k, ""))}
    if not query:
        guard.nothing_shown()
        return redirect(url_for("journal.documents", patient_id=patient_id, **back), 303)
    if not found.limiter.allow(f"search:{user.name}", found.config.limits.search_per_user):
        guard.look(AuditAction.SEARCH_TEXT, outcome=AuditOutcome.DENIED, patient_id=key, decision="limited")
        abort(429)
    backend = found.backend()
    if backend is None:
        abort(503)
    # what may be seen is decided first and goes into the query, so that nothing else is even counted
    allowed = guard.records().visible_ids(key)
    result = backend.search_patient(
        key, query, allowed=allowed, limit=_MOST_HITS, budget_seconds=found.config.search.budget_seconds
    )
    hits: dict[str, int] = {}
    for hit in result.hits:
        hits.setdefault(hit.document_id, hit.seq)
    # the list that follows is recorded with the documents it shows; this says what was asked for
    guard.look(AuditAction.SEARCH_TEXT, patient_id=key, query=query, hits=len(hits))
    token = found.sessions.remember(
        guard.current_session(),
        {
            "kind": "text",
            "patient": key,
            "query": query,
            "hits": hits,
            "complete": result.complete,
            "notes": result.notes,
        },
    )
    return redirect(url_for("journal.documents", patient_id=patient_id, s=token, **back), 303)


def _snippets(patient_id: str, rows: list[DocumentRow], narrow: Narrowed) -> dict[str, list[list[tuple[str, bool]]]]:
    """For each document shown, the places that show most of the query, as pieces with whether they are hits."""
    backend = guard.services().backend()
    if backend is None or narrow.best is None:
        return {}
    made = {}
    for row in rows:
        view = guard.records().document(patient_id, row.id)
        seq = narrow.best.get(row.id)
        file = next((f for f in view.files if f.seq == seq), None) if view else None
        if file is None:
            continue
        try:
            text = read_text(file, guard.services().store, guard.services().checker, _SNIPPET_BYTES)
        except (UnsafePathError, DamagedSpanError, OSError):
            continue  # the document's own page says that it is damaged
        made[row.id] = [list(marked(s.text, s.spans)) for s in backend.snippets(narrow.query, text, 2)]
    return made
