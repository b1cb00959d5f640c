"""Makes the viewer's Flask application out of an archive, its settings and a search backend."""

from __future__ import annotations

import logging
import mimetypes
import threading
import time

from flask import Flask, Response, g, render_template, request
from flask_babel import Babel
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, SecurityError

from archive.catalogue import Catalogue
from archive.errors import AuditBrokenError, CatalogueInvalidError, IndexMissingError
from archive.store import ArchiveStore
from viewer import csrf, guard, headers
from viewer.access import Action, Role
from viewer.accounts import Accounts
from viewer.audit import AuditLog, log_path
from viewer.config import Config
from viewer.devices import Devices
from viewer.loginlimits import LeftOut, LoginLimits
from viewer.pages import about, documents, ground, journal, login, patients, words
from viewer.ranges import SpanChecker
from viewer.ratelimit import RateLimiter
from viewer.records import QueryTimeoutError
from viewer.search import SearchBackend, open_index
from viewer.sessions import Sessions
from viewer.state import StateDatabase, state_folder

log = logging.getLogger("journalarkiv.viewer")
_LOOK_SECONDS = 5.0


def create_app(store: ArchiveStore, config: Config, *, backend: SearchBackend | None = None) -> Flask:
    """The viewer of one archive.

    Args:
        store: the archive; only its audit log and the viewer's state are ever written.
        config: settings from `viewer.config.load`.
        backend: the search backend; None opens the archive's own index, again after each `journalarkiv index`.

    Raises:
        CatalogueInvalidError: the catalogue is missing or broken.
        AuditBrokenError: the audit log cannot be opened for writing.
        RuntimeError: a route declares no action (a fault of the program).
    """
    Catalogue.open(store).close()
    for suffix, kind in ((".mjs", "text/javascript"), (".wasm", "application/wasm"), (".css", "text/css")):
        mimetypes.add_type(kind, suffix)
    app = guard.GuardedFlask("viewer", static_folder="static", template_folder="templates")
    app.config.update(
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_PARTS=50,
        BABEL_DEFAULT_LOCALE=config.pages.language,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=lambda: _language(config))
    database = StateDatabase(state_folder(store, config.server.state_folder))
    for page in (login, patients, ground, journal, documents, about):
        app.register_blueprint(page.blueprint)
    guard.declares(Action.PUBLIC)(app.view_functions["static"])
    guard.install(
        app,
        guard.Services(
            store=store,
            config=config,
            accounts=Accounts(database),
            sessions=Sessions(
                database,
                idle_seconds=config.session.idle_minutes * 60,
                absolute_seconds=config.session.absolute_hours * 3600,
            ),
            audit=AuditLog(log_path(store, config.server.state_folder)),
            limiter=(limiter := RateLimiter()),
            logins=LoginLimits(limiter, config.limits),
            devices=Devices(database),
            login_rows=LeftOut(),
            checker=SpanChecker(config.documents.check_hash_mb << 20),
            seen=guard.Seen(),
            database=database,
            backend=(lambda: backend) if backend is not None else _IndexOpener(store),
        ),
    )
    _errors(app)
    words.register(app)
    app.context_processor(lambda: _template_values(config, store))
    return app


class _IndexOpener:
    """Keeps the archive's index open, and opens the new one when `journalarkiv index` has made one."""

    def __init__(self, store: ArchiveStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._backend: SearchBackend | None = None
        self._looked = -_LOOK_SECONDS

    def __call__(self) -> SearchBackend | None:
        with self._lock:
            if time.monotonic() - self._looked >= _LOOK_SECONDS:
                self._looked = time.monotonic()
                if self._backend is None or self._backend.superseded():
                    # the old one is left to those who still search in it, and is freed when they are done
                    try:
                        self._backend = open_index(self._store)
                    except IndexMissingError:
                        log.warning("there is no usable search index; full text is switched off")
                        self._backend = None
            return self._backend


def _language(config: Config) -> str:
    session = g.get("session")
    return session.language if session else config.pages.language


def _template_values(config: Config, store: ArchiveStore) -> dict[str, object]:
    session, user = g.get("session"), g.get("user")
    token = session.csrf if session else g.get("login_token", "")
    return {
        "archive": store.info,
        "config": config,
        "csrf": lambda: Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, token),
        "user": user,
        "reader": bool(user) and user.role in (Role.CLINICIAN, Role.ARCHIVIST),
        "session": session,
        "lang": _language(config),
        "PDFJS": headers.PDFJS,
        "DESIGN": headers.DESIGN,
    }


def _errors(app: Flask) -> None:
    def page(kind: str, status: int) -> Response:
        return Response(render_template("error.html", kind=kind, status=status), status, mimetype="text/html")

    @app.errorhandler(SecurityError)
    def host_error(_error: SecurityError) -> Response:
        # no page: without a host that is ours, no address of ours can be made
        return Response("Unknown host name.\n", 400, mimetype="text/plain")

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if error.response is not None:
            return error.response  # type: ignore[return-value]
        status = error.code or 500
        known = {401: "login", 403: "form", 404: "missing", 429: "often", 503: "busy", 500: "fault"}
        response = page(known.get(status, "wrong"), status)
        if status == 405 and isinstance(getattr(error, "valid_methods", None), (list, tuple, set)):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
        return response

    @app.errorhandler(AuditBrokenError)
    def audit_error(_error: AuditBrokenError) -> Response:
        log.critical("the audit log cannot be written; nothing is shown (%s)", request.endpoint)
        return page("audit", 503)

    @app.errorhandler(CatalogueInvalidError)
    def catalogue_error(_error: CatalogueInvalidError) -> Response:
        log.error("the catalogue cannot be read")
        return page("catalogue", 503)

    @app.errorhandler(QueryTimeoutError)
    def slow_error(_error: QueryTimeoutError) -> Response:
        return page("slow", 503)
