"""Log in, log out, and the choices a user has for the session."""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from viewer import guard
from viewer.access import Action, Role
from viewer.accounts import BusyError
from viewer.audit import AuditAction, AuditOutcome
from viewer.config import LANGUAGES
from viewer.devices import KEEP_DAYS

blueprint = Blueprint("login", __name__)
_MOST_ROWS = 30
"""Failed logins a minute that are written down singly: a flood of them must not fill the disk that the log is on."""


@blueprint.get("/logg-inn")
@guard.declares(Action.PUBLIC)
def form() -> ResponseReturnValue:
    """The login form."""
    if g.get("user"):
        return redirect(home(g.user.role), 303)
    return _form("expired" if request.args.get("utlopt") else "")


@blueprint.post("/logg-inn")
@guard.declares(Action.PUBLIC)
def enter() -> ResponseReturnValue:
    """Check name and password; the same answer whatever was wrong."""
    found = guard.services()
    name, password = request.form.get("user", "").strip().lower()[:64], request.form.get("password", "")
    browser = request.cookies.get(guard.device_cookie_name(found.config))
    device = found.devices.known(browser, name)
    with found.logins.attempt(name, request.remote_addr or "", device) as attempt:
        if attempt is None:
            _failed(name, AuditOutcome.DENIED, "limited")
            return _form("often", 429)
        try:
            user = found.accounts.login(name, password)
        except BusyError:
            attempt.uncount()
            return _form("busy", 503)
        if user is None:
            _failed(name, AuditOutcome.FAILED)
            return _form("wrong", 401)
        attempt.uncount()
    guard.look(AuditAction.LOGIN, user=user.name, user_name=user.full_name, role=user.role.value)
    token = found.sessions.start(user.name, found.config.pages.language, replaces=g.get("token"))
    response = make_response(redirect(home(user.role), 303))
    _set_cookie(response, guard.cookie_name(found.config), token)
    _set_cookie(
        response,
        guard.device_cookie_name(found.config),
        found.devices.remember(browser, user.name),
        days=KEEP_DAYS,
    )
    response.delete_cookie(guard.login_cookie_name(found.config), secure=found.config.secure)
    return response


@blueprint.post("/logg-ut")
@guard.declares(Action.OWN)
def leave() -> ResponseReturnValue:
    """End the session on the server and clear what the browser kept."""
    found = guard.services()
    found.sessions.end(g.token)
    guard.look_back(AuditAction.LOGOUT)
    response = make_response(redirect(url_for("login.form"), 303))
    response.delete_cookie(guard.cookie_name(found.config), secure=found.config.secure)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@blueprint.get("/okt")
@guard.declares(Action.OWN)
def stay() -> ResponseReturnValue:
    """Keep the session alive: the answer to the dialog before it ends."""
    return Response(status=204)


@blueprint.post("/innstillinger")
@guard.declares(Action.OWN)
def choose() -> ResponseReturnValue:
    """Language, and whether single-key shortcuts are on (WCAG 2.1.4)."""
    language = request.form.get("language")
    if language is not None and language not in LANGUAGES:
        abort(404)
    shortcuts = request.form.get("shortcuts")
    guard.services().sessions.choose(
        guard.current_session(), language=language, shortcuts=None if shortcuts is None else shortcuts == "on"
    )
    return redirect(url_for("about.help_page"), 303)


def home(role: Role) -> str:
    """Where a role begins."""
    return url_for("patients.form" if role in (Role.CLINICIAN, Role.ARCHIVIST) else "about.about")


def _form(problem: str, status: int = 200) -> Response:
    config = guard.services().config
    # a token of the browser's own, since there is no session yet to keep one
    g.login_token = request.cookies.get(guard.login_cookie_name(config)) or secrets.token_urlsafe(32)
    response = make_response(render_template("login.html", problem=problem), status)
    _set_cookie(response, guard.login_cookie_name(config), g.login_token)
    return response


def _failed(name: str, outcome: AuditOutcome, decision: str = "") -> None:
    """Write down a login that did not succeed; of very many, so many a minute, and how many were left out before."""
    found = guard.services()
    if not found.limiter.allow("login-rows", _MOST_ROWS):
        found.login_rows.left_out()
        return
    left_out = found.login_rows.take()
    detail = f"{left_out} more failed or refused logins before this one, not written down singly" if left_out else ""
    guard.look(AuditAction.LOGIN_FAILED, outcome=outcome, user=name, decision=decision, detail=detail)


def _set_cookie(response: Response, name: str, value: str, *, days: int | None = None) -> None:
    response.set_cookie(
        name,
        value,
        max_age=days * 86400 if days else None,
        secure=guard.services().config.secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )
