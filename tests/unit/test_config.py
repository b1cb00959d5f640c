"""Settings: every mistake and every unsafe combination is refused with a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archive.errors import ConfigInvalidError
from tests.conftest import REPOSITORY
from viewer.config import Config, is_loopback, load, table


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "viewer.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_are_safe() -> None:
    config = load(environ={})
    assert config == Config()
    assert config.server.host == "127.0.0.1" and not config.secure and not config.auth.demo


@pytest.mark.parametrize("host", ["", "::1", "0:0:0:0:0:0:0:1", "localhost"])
def test_hosts_that_are_ours_on_this_machine(host: str) -> None:
    config = load(environ={}, flags={"server.host": host or None})
    for ours in ("127.0.0.1", "127.0.0.1:8765", "[::1]", "[::1]:8765", "[0:0:0:0:0:0:0:1]:1", "LOCALHOST:8765"):
        assert config.is_our_host(ours), ours
    for other in ("", "evil.example", "127.0.0.1.evil.example", "[::2]", "[::1].evil.example", "::1", "[", "[]", "[::1",
                  "localhost@evil.example", "localhost:x", "localhost:8765:1", "localhost/", "127.0.0.2"):  # fmt: skip
        assert not config.is_our_host(other), other


def test_flags_before_environment_before_file(tmp_path: Path) -> None:
    path = file(tmp_path, "[server]\nport = 1001\nthreads = 3\n[search]\nbudget_seconds = 1\n[auth]\ndemo = false\n")
    environ = {"JOURNALARKIV_SERVER_PORT": "1002", "JOURNALARKIV_AUTH_DEMO": "TRUE", "HOME": "/x",
               "JOURNALARKIV_SEARCH_BUDGET_SECONDS": "1.5", "JOURNALARKIV_MIGRATE_WORKERS": "4"}  # fmt: skip
    config = load(path, environ, {"server.port": 1003, "server.host": None})
    assert (config.server.port, config.server.threads) == (1003, 3)
    assert load(path, environ).server.port == 1002 and config.auth.demo and config.search.budget_seconds == 1.5
    assert load(path, {}).search.budget_seconds == 1


def test_the_real_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNALARKIV_SERVER_PORT", "4321")
    assert load().server.port == 4321


SECURE = "public_url = 'https://arkiv.kommune.example'"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sever]\n", r"section \[sever\].*server"),
        ("[server]\nprot = 1\n", r"server\.prot.*port"),
        ("[server]\nport = '80'\n", "type int"),
        ("[server]\nport = true\n", "type int"),
        ("[server]\nport = 0\n", "between 1 and 65535"),
        ("[auth]\ndemo = 1\n", "type bool"),
        ("server = 1\n", r"write \[server\]"),
        ("[server\n", "cannot be read"),
        ("[pages]\nlanguage = 'se'\n", "nb, nn, en"),
        ("[auth]\nlocal = false\n", "no other way to log in"),
        ("[server]\nhost = '0.0.0.0'\n", "without TLS"),
        ("[server]\nhost = 'arkiv'\n", "without TLS"),
        ("[server]\nhost = '0.0.0.0'\npublic_url = 'http://arkiv.kommune.example'\n", "in the clear"),
        ("[server]\npublic_url = 'arkiv.kommune.example'\n", "scheme and host only"),
        ("[server]\npublic_url = 'https://arkiv.kommune.example/sti'\n", "scheme and host only"),
        ("[server]\ntrusted_proxy = '*'\n", "one IP address"),
        (f"[server]\n{SECURE}\n[auth]\ndemo = true\n", "this machine only"),
        (f"[server]\nhost = '0.0.0.0'\n{SECURE}\n[auth]\ndemo = true\n", "this machine only"),
        ("[session]\nidle_minutes = 90\nabsolute_hours = 1\n", "shorter than"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigInvalidError, match=says):
        load(file(tmp_path, text), {})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("JOURNALARKIV_SERVER_PROT", "1", "Did you mean 'port'"), ("JOURNALARKIV_SERVER_PORT", "x", "a number"),
     ("JOURNALARKIV_AUTH_DEMO", "yes", "true or false"), ("JOURNALARKIV_SERVER_PORT", "70000", "between")],
)  # fmt: skip
def test_mistakes_in_the_environment(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigInvalidError, match=says):
        load(environ={name: value})


def test_a_missing_file() -> None:
    with pytest.raises(ConfigInvalidError, match="cannot be read"):
        load(Path("/no/such/file.toml"), {})


def test_behind_a_proxy(tmp_path: Path) -> None:
    config = load(file(tmp_path, f"[server]\nhost = '0.0.0.0'\n{SECURE}\ntrusted_proxy = '10.0.0.5'\n"), {})
    assert config.secure and config.is_our_host("ARKIV.kommune.example:443")
    assert not any(map(config.is_our_host, ("localhost", "127.0.0.1", "0.0.0.0", "x.arkiv.kommune.example")))


@pytest.mark.parametrize(
    ("host", "yes"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("::", False),
        ("host", False),
    ],
)
def test_loopback(host: str, yes: bool) -> None:
    assert is_loopback(host) is yes


def test_the_docs_have_every_setting() -> None:
    text = (REPOSITORY / "docs" / "viewer.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| `(\w+)` \| (?:`(.*?)`|empty) \| (.+) \|$", text, re.M)
    assert rows == table()
