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

blueprint = Blueprint("login", __name__)


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
    keys = (
        (f"login-account:{name}", found.config.limits.login_per_account),
        (f"login-address:{request.remote_addr}", found.config.limits.login_per_address),
    )
    if any(found.limiter.full(key, limit) for key, limit in keys):
        guard.look(AuditAction.LOGIN_FAILED, outcome=AuditOutcome.DENIED, user=name, decision="limited")
        return _form("often", 429)
    try:
        user = found.accounts.login(name, password)
    except BusyError:
        return _form("busy", 503)
    if user is None:
        for key, _ in keys:
            found.limiter.count(key)
        guard.look(AuditAction.LOGIN_FAILED, outcome=AuditOutcome.FAILED, user=name)
        return _form("wrong", 401)
    guard.look(AuditAction.LOGIN, user=user.name, user_name=user.full_name, role=user.role.value)
    token = found.sessions.start(user.name, found.config.pages.language, replaces=g.get("token"))
    response = make_response(redirect(home(user.role), 303))
    _set_cookie(response, guard.cookie_name(found.config), token)
    response.delete_cookie(guard.login_cookie_name(found.config), secure=found.config.secure)
    return response


@blueprint.post("/logg-ut")
@guard.declares(Action.OWN)
def leave() -> ResponseReturnValue:
    """End the session on the server and clear what the browser kept."""
    found = guard.services()
    guard.look(AuditAction.LOGOUT)
    found.sessions.end(g.token)
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


def _set_cookie(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, secure=guard.services().config.secure, httponly=True, samesite="Lax", path="/")
