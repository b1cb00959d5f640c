"""State why a journal is opened, before anything of it is shown; and close it again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from viewer import guard
from viewer.access import GROUNDS, NEEDS_REFERENCE, Action, Ground
from viewer.audit import AuditAction
from viewer.sessions import StatedGround

blueprint = Blueprint("ground", __name__)


@blueprint.get("/pasient/<uuid:patient_id>/grunnlag")
@guard.declares(Action.STATE_GROUND)
def form(patient_id: UUID) -> ResponseReturnValue:
    """Ask for the ground."""
    return _page(patient_id, "")


@blueprint.post("/pasient/<uuid:patient_id>/grunnlag")
@guard.declares(Action.STATE_GROUND)
def state(patient_id: UUID) -> ResponseReturnValue:
    """Keep the ground for this user and patient, and go on to the journal."""
    key = str(patient_id)
    guard.admit(Action.STATE_GROUND, key)
    found, user = guard.services(), guard.current_user()
    reference = " ".join(request.form.get("reference", "").split())[:100]
    detail = " ".join(request.form.get("detail", "").split())[:500]
    try:
        chosen = Ground(request.form.get("ground", ""))
    except ValueError:
        return _page(patient_id, "none")
    if chosen not in GROUNDS[user.role]:
        return _page(patient_id, "none")
    if chosen in NEEDS_REFERENCE and not reference:
        return _page(patient_id, "reference")
    seconds = found.config.access.ground_hours * 3600
    # first the log, then the right: a ground that is not written down opens nothing
    stated = StatedGround(chosen, reference, detail, found.sessions.now() + seconds)
    guard.look(AuditAction.GROUND_STATED, patient_id=key, ground=stated)
    found.sessions.state_ground(user.name, key, chosen, reference, detail, seconds=seconds)
    return redirect(url_for("journal.documents", patient_id=patient_id), 303)


@blueprint.post("/pasient/<uuid:patient_id>/lukk")
@guard.declares(Action.STATE_GROUND)
def close(patient_id: UUID) -> ResponseReturnValue:
    """Done with the patient: the ground no longer holds."""
    key = str(patient_id)
    guard.admit(Action.STATE_GROUND, key)
    found, user = guard.services(), guard.current_user()
    withdrawn = found.sessions.ground(user.name, key)
    found.sessions.drop_ground(user.name, key)
    guard.look_back(AuditAction.GROUND_STATED, patient_id=key, ground=withdrawn, detail="withdrawn")
    return redirect(url_for("patients.form"), 303)


def _page(patient_id: UUID, problem: str) -> ResponseReturnValue:
    admitted = guard.admit(Action.STATE_GROUND, str(patient_id))
    guard.look(AuditAction.OPEN_PATIENT, patient_id=str(patient_id), detail="ground asked")
    page = render_template(
        "ground.html",
        patient=admitted.patient,
        grounds=GROUNDS[guard.current_user().role],
        needs_reference=NEEDS_REFERENCE,
        problem=problem,
        given=request.form,
    )
    return page, 422 if problem else 200
