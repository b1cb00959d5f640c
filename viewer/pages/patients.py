"""Find a patient. What is searched for is posted and kept with the session, so no number or name is ever in a URL."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from archive.names import fold_name
from viewer import guard
from viewer.access import Action
from viewer.audit import AuditAction, AuditOutcome
from viewer.pages.words import iso_date

blueprint = Blueprint("patients", __name__)


@blueprint.get("/")
@guard.declares(Action.FIND)
def form() -> ResponseReturnValue:
    """The search form, and the journals this user has a ground for."""
    found = guard.services()
    recent = [p for p in map(guard.records().patient, found.sessions.recent(guard.current_user().name)) if p]
    if recent:
        guard.look(AuditAction.SEARCH_PATIENT, patients=tuple(p.id for p in recent), detail="own recent")
    else:
        guard.nothing_shown()
    return render_template("find.html", recent=recent, criteria={}, problem="")


@blueprint.post("/finn")
@guard.declares(Action.FIND)
def find() -> ResponseReturnValue:
    """Search; one patient leads on to the journal, several to a list."""
    found, session, user = guard.services(), guard.current_session(), guard.current_user()
    criteria = {key: request.form.get(key, "").strip()[:200] for key in ("identifier", "name", "birth_date")}
    born = iso_date(criteria["birth_date"])
    problem = ""
    if not any(criteria.values()):
        problem = "empty"
    elif criteria["birth_date"] and born is None:
        problem = "date"
    elif not criteria["identifier"] and not born and len(fold_name(criteria["name"]).replace(" ", "")) < 3:
        problem = "short"
    if problem:
        guard.nothing_shown()
        return render_template("find.html", recent=[], criteria=criteria, problem=problem), 422
    if not found.limiter.allow(f"find:{user.name}", found.config.limits.find_per_user):
        guard.look(AuditAction.SEARCH_PATIENT, outcome=AuditOutcome.DENIED, decision="limited")
        abort(429)
    hits, _ = guard.records().find(criteria["identifier"], criteria["name"], born, found.config.access.max_hits)
    guard.look(
        AuditAction.SEARCH_PATIENT,
        patients=tuple(p.id for p in hits),
        patient_identifier=criteria["identifier"],
        query="; ".join(f"{key}: {criteria[key]}" for key in ("name", "birth_date") if criteria[key]),
        hits=len(hits),
    )
    found.sessions.has_found(session, [p.id for p in hits])
    if len(hits) == 1:
        return redirect(url_for("journal.documents", patient_id=hits[0].id), 303)
    token = found.sessions.remember(session, {"kind": "find", **criteria, "born": born})
    return redirect(url_for("patients.hits", token=token), 303)


@blueprint.get("/treff/<token>")
@guard.declares(Action.FIND)
def hits(token: str) -> ResponseReturnValue:
    """The patients a search of this session found."""
    found = guard.services()
    kept = found.sessions.recall(guard.current_session(), token)
    if not kept or kept.get("kind") != "find":
        abort(404)
    patients, more = guard.records().find(kept["identifier"], kept["name"], kept["born"], found.config.access.max_hits)
    guard.look(
        AuditAction.SEARCH_PATIENT, patients=tuple(p.id for p in patients), hits=len(patients), detail="hit list"
    )
    return render_template("hits.html", patients=patients, more=more, criteria=kept)
