"""Runs the viewer under waitress, and makes the demo's accounts."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from typing import Any

from archive.errors import UsageError
from archive.store import ArchiveStore
from viewer.access import Role
from viewer.accounts import create_account
from viewer.app import create_app
from viewer.config import Config

_REQUEST_SECONDS = 20
"""In which a request must be whole, and after which an idle connection is closed."""

DEMO_ACCOUNTS = (
    ("kliniker", Role.CLINICIAN, "Demo Kliniker"),
    ("arkivar", Role.ARCHIVIST, "Demo Arkivar"),
)
"""The accounts of a demo; their passwords are made anew each time."""


def create_demo_accounts(store: ArchiveStore, state: str = "") -> list[tuple[str, str]]:
    """Make the demo's accounts, or give them new passwords; returns (user, password)."""
    made = []
    for user, role, name in DEMO_ACCOUNTS:
        password = "-".join(secrets.token_hex(3) for _ in range(3))
        create_account(store, user, password, role, name, state=state)
        made.append((user, password))
    return made


def url_of(config: Config) -> str:
    """The address to type into a browser."""
    host = f"[{config.server.host}]" if ":" in config.server.host else config.server.host
    return config.server.public_url or f"http://{host}:{config.server.port}"


def waitress_settings(config: Config) -> dict[str, Any]:
    """What waitress is told; X-Forwarded headers count from the one trusted proxy only, and are dropped otherwise."""
    settings: dict[str, Any] = {
        "threads": config.server.threads,
        "ident": "",
        "max_request_body_size": 64 * 1024,
        "max_request_header_size": 32 * 1024,
        "channel_timeout": _REQUEST_SECONDS,
        "cleanup_interval": 5,
        # a connection costs some kB; threads are taken by whole requests only
        "connection_limit": 4000,
        "asyncore_use_poll": True,
        "clear_untrusted_proxy_headers": True,
        "expose_tracebacks": False,
    }
    if config.server.trusted_proxy:
        settings |= {
            "trusted_proxy": config.server.trusted_proxy,
            "trusted_proxy_count": 1,
            "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto x-forwarded-host",
        }
    return settings


def bind(config: Config) -> socket.socket:
    """The socket to listen on. Raises UsageError where the address cannot be had."""
    host, port = config.server.host, config.server.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as e:
        raise UsageError(f"Cannot listen on {host} ({e.strerror}).", remedy="Give another --host.") from e
    try:
        if os.name == "posix":  # on Windows the option would let another program take the port over
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        # who connects before the pages are ready waits for them
        made.listen(1024)
    except OSError as e:
        made.close()
        raise UsageError(f"Cannot listen on {host}:{port} ({e.strerror}).", remedy="Give another --port.") from e
    return made


def run(store: ArchiveStore, config: Config, listener: socket.socket) -> None:
    """Serve until interrupted. Raises what `create_app` raises."""
    import waitress

    app = create_app(store, config)
    logging.getLogger("waitress").addFilter(_without_paths)
    try:
        server = waitress.create_server(app, sockets=[listener], **waitress_settings(config))
        server.channel_class = _channel()
        server.run()
    finally:
        app.extensions["journalarkiv"].close()


def _without_paths(record: logging.LogRecord) -> bool:
    """Keep waitress from logging the path of a request, which names a patient, and the text of an exception."""
    if "serving" in str(record.msg):
        record.msg, record.args, record.exc_info = "a request was broken off", (), None
    return True


def _channel() -> type[Any]:
    from waitress.channel import HTTPChannel

    class Channel(HTTPChannel):  # type: ignore[misc]
        """A connection whose request must be whole within a time. waitress counts each byte as a sign of life, so that
        some hundred clients that send one now and then would take every connection."""

        last_activity: float
        _began = 0.0

        def handle_read(self) -> None:
            """Take what has come; a request that is not whole yet is as old as its first byte."""
            fresh = self.request is None
            super().handle_read()
            if self.request is None:
                return
            if fresh or not self._began:
                self._began = self.last_activity
            self.last_activity = self._began

    return Channel
