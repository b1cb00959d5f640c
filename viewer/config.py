"""The viewer's settings: a TOML file, then `JOURNALARKIV_<SECTION>_<KEY>` of the environment, then flags.

An unknown section or key is an error, and so is a combination that would expose journals. Table: docs/viewer.md.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from archive.errors import ConfigInvalidError

LANGUAGES = ("nb", "nn", "en")


def _setting(default: Any, help_text: str, low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"help": help_text, "low": low, "high": high})


@dataclass(frozen=True, slots=True)
class Server:
    """Where the viewer listens, and what stands in front of it."""

    host: str = _setting("127.0.0.1", "Address to listen on. Anything but loopback needs `public_url` with https.")
    port: int = _setting(8765, "Port to listen on.", 1, 65535)
    threads: int = _setting(8, "Requests served at the same time.", 1, 64)
    public_url: str = _setting("", "The address users type, e.g. `https://arkiv.kommune.example`; empty on loopback.")
    trusted_proxy: str = _setting("", "IP address of the reverse proxy whose X-Forwarded headers count; empty: none.")
    state_folder: str = _setting("", "Where accounts and sessions are kept; empty: the archive's folder `viewer`.")


@dataclass(frozen=True, slots=True)
class Session:
    """How long a login lasts."""

    idle_minutes: int = _setting(15, "Minutes without use after which one must log in again.", 1, 120)
    absolute_hours: int = _setting(10, "Hours after which one must log in again in any case.", 1, 24)


@dataclass(frozen=True, slots=True)
class Auth:
    """How users log in."""

    local: bool = _setting(True, "Accounts kept by journalarkiv itself (`journalarkiv account`).")
    demo: bool = _setting(False, "Banner DEMO on every page; allowed on loopback only.")


@dataclass(frozen=True, slots=True)
class Access:
    """How patients are found and how long a stated ground holds."""

    ground_hours: int = _setting(8, "Hours a stated ground holds for one user and one patient.", 1, 24)
    max_hits: int = _setting(25, "Most patients one search shows.", 1, 100)


@dataclass(frozen=True, slots=True)
class Documents:
    """How documents are listed and served."""

    page_size: int = _setting(100, "Documents on one page of the list.", 10, 500)
    hits_per_page: int = _setting(20, "Documents on one page of full-text hits.", 5, 100)
    check_hash_mb: int = _setting(64, "Files up to this size (MB) are checked against their SHA-256 first.", 1, 4096)
    text_limit_kb: int = _setting(2048, "Longest text shown in the text view (kB).", 16, 65536)


@dataclass(frozen=True, slots=True)
class Search:
    """Full text."""

    budget_seconds: float = _setting(2.0, "Seconds one search may take before it is cut (the page says so).", 0.1, 30)
    max_query: int = _setting(200, "Longest query, in characters.", 20, 1000)


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests per minute before the answer is 429."""

    login_per_account: int = _setting(5, "Failed logins per account and minute.", 1, 1000)
    login_per_address: int = _setting(20, "Failed logins per client address and minute.", 1, 10000)
    find_per_user: int = _setting(30, "Patient searches per user and minute.", 1, 10000)
    search_per_user: int = _setting(60, "Full-text searches per user and minute.", 1, 10000)


@dataclass(frozen=True, slots=True)
class Pages:
    """Language."""

    language: str = _setting("nb", "Language of the pages until the user chooses: nb, nn or en.")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Make it with `load`, which checks them."""

    server: Server = Server()
    session: Session = Session()
    auth: Auth = Auth()
    access: Access = Access()
    documents: Documents = Documents()
    search: Search = Search()
    limits: Limits = Limits()
    pages: Pages = Pages()

    @property
    def secure(self) -> bool:
        """Whether users come over https, so that cookies are Secure and HSTS is sent."""
        return self.server.public_url.startswith("https://")

    def is_our_host(self, host: str) -> bool:
        """Whether a Host header (`name`, `name:port`, `[address]:port`) names the viewer; anything else is 400, or a
        page elsewhere could read ours under its own name (DNS rebinding)."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        if self.server.public_url:
            return _plain_host(match[1]) == _plain_host(urlsplit(self.server.public_url).hostname or "")
        return _plain_host(match[1]) in {"localhost", "127.0.0.1", "::1", _plain_host(self.server.host)}


_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@?#]+)(?::\d{1,5})?")


def _plain_host(host: str) -> str:
    """A host name in lower case, or an address in the one way to write it, without brackets."""
    bare = host.strip("[]").lower()
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def load(
    path: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Config:
    """Read the settings and check them.

    Args:
        path: the TOML file; None for defaults.
        environ: the environment, os.environ if None.
        flags: what the command line gives, `{"server.port": 8080}`; None values are skipped.

    Raises:
        ConfigInvalidError: a key is unknown, a value of the wrong type or out of bounds, or the combination unsafe.
    """
    data: dict[str, dict[str, Any]] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as e:
            raise ConfigInvalidError(f"The settings file {path} cannot be read: {e}.") from e
    sections: dict[str, Any] = {f.name: type(f.default) for f in dataclasses.fields(Config)}
    for name, content in data.items():
        _known(name, sections, f"section [{name}]")
        if not isinstance(content, dict):
            raise ConfigInvalidError(f"{name!r} is a section: write [{name}].")
    for key, value in (os.environ if environ is None else environ).items():
        for name, cls in sections.items():
            prefix = f"JOURNALARKIV_{name.upper()}_"
            if key.startswith(prefix):
                data.setdefault(name, {})[key[len(prefix) :].lower()] = _from_text(
                    cls, key, key[len(prefix) :].lower(), value
                )
    for dotted, value in (flags or {}).items():
        if value is not None:
            name, _, key = dotted.partition(".")
            data.setdefault(name, {})[key] = value
    config = Config(**{name: _section(cls, name, data.get(name, {})) for name, cls in sections.items()})
    _check_safe(config)
    return config


def table() -> list[tuple[str, str, str, str]]:
    """Every setting: its TOML name, its environment name, its default, what it does. The docs are tested against it."""
    return [
        (f"{s.name}.{f.name}", f"JOURNALARKIV_{s.name.upper()}_{f.name.upper()}", _shown(f.default), f.metadata["help"])
        for s in dataclasses.fields(Config)
        for f in dataclasses.fields(type(s.default))  # type: ignore[arg-type]
    ]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known(name: str, names: Mapping[str, Any], what: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise ConfigInvalidError(f"Unknown {what}.", remedy=f"Did you mean {near[0]!r}?" if near else "")


def _from_text(cls: Any, variable: str, key: str, text: str) -> Any:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    _known(key, fields, f"environment variable {variable}")
    kind: Any = type(fields[key].default)
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigInvalidError(f"{variable} is true or false, not {text!r}.")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        raise ConfigInvalidError(f"{variable} is a number, not {text!r}.") from None


def _section(cls: Any, name: str, data: Mapping[str, Any]) -> Any:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key, value in data.items():
        _known(key, fields, f"setting {name}.{key}")
        kind = type(fields[key].default)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise ConfigInvalidError(f"{name}.{key} is of type {kind.__name__}, not {type(value).__name__}.")
        low, high = fields[key].metadata["low"], fields[key].metadata["high"]
        if low is not None and not low <= value <= high:
            raise ConfigInvalidError(f"{name}.{key} lies between {low} and {high}; it is {value}.")
    return cls(**data)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be reached from this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_safe(config: Config) -> None:
    server = config.server
    if config.pages.language not in LANGUAGES:
        raise ConfigInvalidError(f"pages.language is one of {', '.join(LANGUAGES)}, not {config.pages.language!r}.")
    if not config.auth.local:
        raise ConfigInvalidError(
            "auth.local is off, and no other way to log in exists in this version.", remedy="Set auth.local = true."
        )
    if server.public_url:
        url = urlsplit(server.public_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/") or url.query:
            raise ConfigInvalidError(f"server.public_url is scheme and host only, not {server.public_url!r}.")
        if url.scheme == "http" and not is_loopback(url.hostname):
            raise ConfigInvalidError(
                "server.public_url is not https: passwords and journals would cross the network in the clear.",
                remedy="Put a reverse proxy with TLS in front and give its https address.",
            )
    if not is_loopback(server.host) and not config.secure:
        raise ConfigInvalidError(
            f"The viewer would listen on {server.host} without TLS in front.",
            remedy="Set server.public_url to the https address of the reverse proxy, or listen on 127.0.0.1.",
        )
    if server.trusted_proxy:
        try:
            ipaddress.ip_address(server.trusted_proxy)
        except ValueError:
            raise ConfigInvalidError(
                f"server.trusted_proxy is one IP address, not {server.trusted_proxy!r}.",
                remedy="Trusting every address would let any client forge where it comes from.",
            ) from None
    if config.auth.demo and not (is_loopback(server.host) and not config.secure):
        raise ConfigInvalidError("auth.demo is for this machine only (loopback, no public_url).")
    if config.session.absolute_hours * 60 < config.session.idle_minutes:
        raise ConfigInvalidError("session.absolute_hours is shorter than session.idle_minutes.")
