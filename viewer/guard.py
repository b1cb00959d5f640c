"""What stands around every request: login, the declared action, the decision, the audit record, the headers.

A view never decides by itself. It declares one `Action`, calls `admit` for a patient or document, and `look` before it
returns. A response about patients that wrote no audit record is not sent.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import SecurityError

from archive.catalogue import Catalogue
from archive.errors import AuditBrokenError
from archive.store import ArchiveStore
from viewer import csrf, headers
from viewer.access import PURPOSE_OF_USE, Action, Context, Decision, User, decide
from viewer.access import Verdict as Answer
from viewer.accounts import Accounts
from viewer.audit import AuditAction, AuditEvent, AuditLog, AuditOutcome
from viewer.config import Config
from viewer.devices import Devices
from viewer.loginlimits import LeftOut, LoginLimits
from viewer.ranges import SpanChecker
from viewer.ratelimit import RateLimiter
from viewer.records import DocumentView, PatientRow, Records
from viewer.search import SearchBackend
from viewer.sessions import LiveSession, Sessions, StatedGround
from viewer.state import StateDatabase

log = logging.getLogger("journalarkiv.viewer")
View = TypeVar("View", bound=Callable[..., Any])
_KEY = "journalarkiv"
_AUDITED = frozenset({Action.FIND, Action.STATE_GROUND, Action.LIST, Action.SEARCH, Action.OPEN})


class Seen:
    """Looks already written down, for 15 minutes and in this process; what it forgets is simply written again."""

    def __init__(self, seconds: float = 900.0) -> None:
        self._seconds = seconds
        self._until: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def holds(self, key: tuple[str, str]) -> bool:
        """Whether the look was added less than 15 minutes ago."""
        with self._lock:
            return self._until.get(key, 0.0) > time.monotonic()

    def take(self, key: tuple[str, str]) -> bool:
        """Whether the look was added, once: it is forgotten by asking."""
        with self._lock:
            return self._until.pop(key, 0.0) > time.monotonic()

    def add(self, key: tuple[str, str]) -> None:
        """Note a look that has been written down."""
        now = time.monotonic()
        with self._lock:
            if len(self._until) > 10_000:
                self._until = {k: t for k, t in self._until.items() if t > now}
            self._until[key] = now + self._seconds


@dataclasses.dataclass
class Services:
    """What the views work with; made once by `create_app`."""

    store: ArchiveStore
    config: Config
    accounts: Accounts
    sessions: Sessions
    audit: AuditLog
    limiter: RateLimiter
    logins: LoginLimits
    devices: Devices
    login_rows: LeftOut
    checker: SpanChecker
    seen: Seen
    backend: Callable[[], SearchBackend | None]
    database: StateDatabase

    def close(self) -> None:
        """Close the audit log and the viewer's state; the application can serve no more."""
        self.audit.close()
        self.database.close()


@dataclasses.dataclass(frozen=True, slots=True)
class Admitted:
    """A patient whose journal the request may read, and why."""

    patient: PatientRow
    ground: StatedGround | None
    document: DocumentView | None = None


def services() -> Services:
    """The services of the running application."""
    found: Services = current_app.extensions[_KEY]
    return found


def declares(action: Action) -> Callable[[View], View]:
    """Declare what a view does; the application does not start with a view that declares nothing."""

    def mark(view: View) -> View:
        view.journalarkiv_action = action  # type: ignore[attr-defined]
        return view

    return mark


def declared(app: Flask, endpoint: str) -> Action | None:
    """What the view of an endpoint declares."""
    return getattr(app.view_functions.get(endpoint), "journalarkiv_action", None)


def records() -> Records:
    """The catalogue's queries, opened for this request."""
    if "catalogue" not in g:
        g.catalogue = Catalogue.open(services().store)
    return Records(g.catalogue)


def current_user() -> User:
    """The user who is logged in; views that need no login do not call it."""
    user: User | None = g.get("user")
    if user is None:
        abort(401)
    return user


def current_session() -> LiveSession:
    """The session that the request belongs to."""
    session: LiveSession | None = g.get("session")
    if session is None:
        abort(401)
    return session


def admit(action: Action, patient_id: str, document_id: str | None = None) -> Admitted:
    """Let the request through to a patient (and document), or end it: with the ground page, or as not found."""
    user, session, sessions = current_user(), current_session(), services().sessions
    patient = records().patient(patient_id)
    document = records().document_facts(document_id) if document_id else None
    ground = sessions.ground(user.name, patient_id)
    context = Context(found=sessions.found(session, patient_id), ground=ground.ground if ground else None)
    decision = decide(user, action, patient.facts if patient else None, document, context)
    if decision.verdict is Answer.NEED_GROUND:
        abort(redirect(url_for("ground.form", patient_id=patient_id), 303))
    if not decision or patient is None:
        refuse(decision, patient_id if patient else None, document_id if document else None)
    shown = None
    if document_id:
        # the query repeats the condition: a decision that went wrong still shows nothing
        shown = records().document(patient_id, document_id)
        if shown is None:
            refuse(decision, patient_id, document_id)
    return Admitted(patient, ground, shown)


def refuse(decision: Decision, patient_id: str | None, document_id: str | None) -> NoReturn:
    """Write down that something was refused and answer as if it did not exist."""
    look(
        AuditAction.DENY,
        outcome=AuditOutcome.DENIED,
        patient_id=patient_id or "",
        documents=(document_id,) if document_id else (),
        decision=decision.code,
    )
    abort(404)


def look(
    action: AuditAction,
    *,
    outcome: AuditOutcome = AuditOutcome.OK,
    patient_id: str = "",
    once: str = "",
    ground: StatedGround | None = None,
    **facts: Any,
) -> None:
    """Write one audit record, durably, before anything is sent.

    Args:
        action: what is done.
        outcome: how it went.
        patient_id: the patient it is about; the ground stated for the patient goes into the record.
        once: a name for this very look; the same look of the same session again within 15 minutes is the same look
            (the parts of one PDF file, the list beside an open document).
        ground: the ground of this very request, which is kept only after it is written down.
        facts: further fields of `AuditEvent`.

    Raises:
        AuditBrokenError: it cannot be written; the request then ends with 503 and shows nothing.
    """
    found, account, session = services(), g.get("user"), g.get("session")
    key = (session.id_hash if session else "", once)
    if once and found.seen.holds(key):
        g.audited = True
        return
    if ground is None and account and patient_id:
        ground = found.sessions.ground(account.name, patient_id)
    found.audit.append(
        AuditEvent(
            action=action,
            outcome=outcome,
            **(_who(account) | facts),
            patient_id=patient_id,
            ground=PURPOSE_OF_USE[ground.ground] if ground else "",
            ground_detail="; ".join(t for t in (ground.reference, ground.detail) if t) if ground else "",
            session=session.id_hash[:16] if session else "",
            client_ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", "")[:200],
            request_id=g.get("request_id", ""),
        )
    )
    if once:
        found.seen.add(key)
    g.audited = True


def _who(account: User | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.name, "user_name": account.full_name, "role": account.role.value}


def look_back(action: AuditAction, **facts: Any) -> None:
    """Write down that something ended (a session, a ground). What takes rights away never waits for the log: where it
    cannot be written, that is cried out and the end stands."""
    try:
        look(action, **facts)
    except AuditBrokenError:
        log.critical("the audit log cannot be written; %s is not in it", action.value)
        g.audited = True


def nothing_shown() -> None:
    """The response needs no audit record: it says nothing about any patient, or is part of a look already recorded."""
    g.audited = True


def install(app: Flask, found: Services) -> None:
    """Put the guard around an application whose routes are all registered.

    Raises:
        RuntimeError: a route declares no action.
    """
    app.extensions[_KEY] = found
    undeclared = sorted({r.endpoint for r in app.url_map.iter_rules() if declared(app, r.endpoint) is None})
    if undeclared:
        raise RuntimeError(f"views without a declared action: {', '.join(undeclared)}")
    app.before_request(_before)
    app.after_request(_after)
    app.teardown_request(_teardown)


def _before() -> ResponseReturnValue | None:
    g.request_id, g.started = secrets.token_hex(8), time.monotonic()
    if not services().config.is_our_host(request.host):
        raise SecurityError("the Host header names another host")
    if request.endpoint == "static":
        return None
    found = services()
    token = request.cookies.get(cookie_name(found.config))
    session = found.sessions.get(token) if token else None
    user = found.accounts.get(session.user) if session else None
    if session and user:
        g.session, g.user, g.token = session, user, token
    if request.endpoint is None:
        return None
    if request.method == "OPTIONS":
        # says which methods there are, and nothing of what lies behind the address
        g.audited = True
        return current_app.make_default_options_response()
    action = g.action = declared(current_app, request.endpoint)
    if request.method not in ("GET", "HEAD", "OPTIONS") and not _form_is_ours(found.config):
        abort(403)
    if action is Action.PUBLIC:
        return None
    if user is None:
        if request.method == "GET" and request.accept_mimetypes.accept_html:
            return redirect(url_for("login.form"), 303)
        abort(401)
    if action is None or decide(user, action, None, None, Context()).code == "role":
        refuse(Decision(Answer.DENY, "role"), None, None)
    return None


def _form_is_ours(config: Config) -> bool:
    origin = config.server.public_url or request.host_url
    if not csrf.same_origin(dict(request.headers), origin):
        return False
    session: LiveSession | None = g.get("session")
    expected = session.csrf if session else request.cookies.get(login_cookie_name(config))
    return csrf.token_matches(expected, request.form.get(csrf.FIELD))


def _after(response: Response) -> Response:
    action: Action | None = g.get("action")
    if action in _AUDITED and response.status_code < 300 and not g.get("audited"):
        log.critical("a view about patients wrote no audit record: %s", request.endpoint)
        response = Response("Not sent: no audit record.\n", 500, mimetype="text/plain")
    static_file = (request.view_args or {}).get("filename") if request.endpoint == "static" else None
    headers.apply(response, static_file=static_file, secure=services().config.secure)
    if request.endpoint != "static":
        # the endpoint's name, never the path: a path names a patient
        took = (time.monotonic() - g.get("started", time.monotonic())) * 1000
        log.info(
            "%s %s %s %.0f ms %s", request.method, request.endpoint, response.status_code, took, g.get("request_id", "")
        )
    return response


def _teardown(_error: BaseException | None) -> None:
    catalogue = g.pop("catalogue", None)
    if catalogue is not None:
        catalogue.close()


def cookie_name(config: Config) -> str:
    """Name of the session cookie; the prefix binds it to this very host over https."""
    return "__Host-journalarkiv" if config.secure else "journalarkiv"


def login_cookie_name(config: Config) -> str:
    """Name of the cookie that carries the login form's token."""
    return "__Host-journalarkiv-login" if config.secure else "journalarkiv-login"


def device_cookie_name(config: Config) -> str:
    """Name of the cookie that tells a browser its users have logged in with before."""
    return "__Host-journalarkiv-device" if config.secure else "journalarkiv-device"


class GuardedFlask(Flask):
    """Flask whose error log names neither the path nor the exception's text, which may both speak of a patient."""

    def log_exception(
        self, exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> None:
        """Log the kind of exception and where it came from."""
        kind, _, trace = exc_info
        frames = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(trace)[-4:]]
        log.error(
            "unexpected %s in %s %s, request %s",
            kind.__name__ if kind else "?",
            request.endpoint,
            " > ".join(frames),
            g.get("request_id", ""),
        )
