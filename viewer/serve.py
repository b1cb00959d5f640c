"""Runs the viewer under waitress, and makes the demo's accounts."""

from __future__ import annotations

import secrets
from typing import Any

from archive.store import ArchiveStore
from viewer.access import Role
from viewer.accounts import create_account
from viewer.app import create_app
from viewer.config import Config

DEMO_ACCOUNTS = (
    ("lege", Role.CLINICIAN, "Demo Lege"),
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
        "host": config.server.host,
        "port": config.server.port,
        "threads": config.server.threads,
        "ident": "",
        "max_request_body_size": 64 * 1024,
        "max_request_header_size": 32 * 1024,
        "channel_timeout": 60,
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


def run(store: ArchiveStore, config: Config) -> None:
    """Serve until interrupted. Raises OSError where the port is taken, and what `create_app` raises."""
    import waitress

    waitress.serve(create_app(store, config), **waitress_settings(config))
