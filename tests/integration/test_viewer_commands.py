"""`serve` and `account` on the command line."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from waitress.adjustments import Adjustments

from archive.errors import AuditBrokenError, CatalogueInvalidError, ConfigInvalidError, UsageError
from tests.viewer_data import Built
from viewer.accounts import all_accounts
from viewer.audit import AuditAction, AuditLog, log_path
from viewer.audit.export import read_records
from viewer.commands import account, serve
from viewer.config import load
from viewer.serve import _channel, url_of, waitress_settings


def run(command: object, *args: object, stdin: str | None = None) -> str:
    answer = CliRunner().invoke(command, [str(a) for a in args], input=stdin, standalone_mode=False)  # type: ignore[arg-type]
    if answer.exception is not None:
        raise answer.exception
    return answer.output


def test_accounts(built: Built) -> None:
    root = built.store.root
    run(
        account,
        "add",
        root,
        "ny",
        "--role",
        "archivist",
        "--name",
        "Ny Arkivar",
        "--password-stdin",
        stdin="et langt passord\n",
    )
    assert "ny                   archivist  Ny Arkivar" in run(account, "list", root)
    run(account, "add", root, "ny", stdin="et langt passord\net langt passord\n")
    assert {u.name: u.role for u in all_accounts(built.store)}["ny"] == "clinician"
    run(account, "remove", root, "ny")
    assert "ny " not in run(account, "list", root)
    with pytest.raises(UsageError, match="no account"):
        run(account, "remove", root, "ny")
    with pytest.raises(UsageError, match="12"):
        run(account, "add", root, "ny", "--password-stdin", stdin="kort\n")


def test_changes_of_accounts_are_written_down_first(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    root = built.store.root
    run(account, "add", root, "ny", "--role", "archivist", "--password-stdin", stdin="et langt passord\n")
    run(account, "add", root, "ny", "--password-stdin", stdin="et annet langt passord\n")
    run(account, "remove", root, "ny")
    rows = [r for r in read_records(log_path(built.store)) if r["action"] == AuditAction.ADMIN][-3:]
    assert [r["detail"] for r in rows] == [
        "account added: ny (archivist)",
        "account changed: ny (clinician)",
        "account removed: ny (clinician)",
    ]
    assert all(r["user"] and r["issuer"] == "operating-system" for r in rows)
    assert "passord" not in str(rows)

    def full(*_: object) -> int:
        raise AuditBrokenError("disk full")

    monkeypatch.setattr(AuditLog, "append", full)
    for args in (("add", root, "nyere", "--password-stdin"), ("remove", root, "lege")):
        with pytest.raises(AuditBrokenError):
            run(account, *args, stdin="et langt passord\n")
    assert {"lege"} == {u.name for u in all_accounts(built.store)} & {"lege", "nyere"}


def test_a_name_does_not_reach_the_terminal_as_a_command(built: Built) -> None:
    stdin = "et langt passord\n"
    run(
        account, "add", built.store.root, "ny", "--name", "Ny\x1b]0;x\x07\u202e\x9b31m", "--password-stdin", stdin=stdin
    )
    listed = run(account, "list", built.store.root)
    assert "Ny\\x1b]0;x\\x07\\u202e\\x9b31m" in listed
    assert not set(listed) & set("\x1b\x07\u202e\x9b")


@pytest.fixture
def serving(built: Built) -> Iterator[Callable[..., tuple[str, int]]]:
    """Starts `serve` as people do; gives the address that it listens on."""
    started: list[subprocess.Popen[str]] = []

    def start(host: str) -> tuple[str, int]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as free:
            free.bind((host, 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "journalarkiv", "serve", str(built.store.root), "--host", host]
        started.append(
            subprocess.Popen(
                [*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        assert started[-1].stdout and "Serving" in started[-1].stdout.readline()
        return host, port

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def test_an_ipv6_address(serving: Callable[..., tuple[str, int]]) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback address")
    host, port = serving("::1")
    connection = http.client.HTTPConnection(host, port, timeout=20)
    connection.request("GET", "/logg-inn")
    answer = connection.getresponse()
    assert answer.status == 200 and b"Passord" in answer.read()
    connection.close()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_trickling_connections_do_not_stop_the_viewer(serving: Callable[..., tuple[str, int]]) -> None:
    address = serving("127.0.0.1")
    trickling = [socket.create_connection(address, timeout=20) for _ in range(300)]
    try:
        for s in trickling:
            s.sendall(b"GET /logg-inn HTTP/1.1\r\nHost: loc")
        connection = http.client.HTTPConnection(*address, timeout=20)
        connection.request("GET", "/logg-inn")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        for s in trickling:
            s.close()


def test_a_request_must_be_whole_within_its_time(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is no sign of life."""
    made = _channel()
    server, adj = SimpleNamespace(active_channels={}), Adjustments(**waitress_settings(load(environ={})))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = made(server, ours, ("127.0.0.1", 1), adj, map={})
        now = [1000.0]
        monkeypatch.setattr("waitress.channel.time.time", lambda: now[0])
        for byte in b"GET /":
            theirs.sendall(bytes([byte]))
            channel.handle_read()
            now[0] += 7
        assert channel.last_activity == 1000.0
        theirs.sendall(b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.add_task = lambda _: None
        channel.handle_read()
        assert channel.request is None and channel.last_activity == now[0] and len(channel.requests) == 1
        theirs.sendall(b"G")
        now[0] += 3
        channel.handle_read()
        assert channel.last_activity == now[0], "the next request has its own time"


def test_accounts_kept_elsewhere(built: Built, tmp_path: Path) -> None:
    elsewhere = tmp_path / "state"
    run(account, "add", built.store.root, "ny", "--state", elsewhere, "--password-stdin", stdin="et langt passord\n")
    assert [u.name for u in all_accounts(built.store, str(elsewhere))] == ["ny"]
    assert "ny" not in [u.name for u in all_accounts(built.store)]


def test_a_port_that_is_taken(built: Built) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="Cannot listen"):
            run(serve, built.store.root, "--port", taken.getsockname()[1])


def test_unsafe_settings_stop_the_start(built: Built, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalidError, match="without TLS"):
        run(serve, built.store.root, "--host", "0.0.0.0")
    with pytest.raises(ConfigInvalidError, match="this machine only"):
        (tmp_path / "c.toml").write_text('[server]\npublic_url = "https://a.example"\n', "utf-8")
        run(serve, built.store.root, "--config", tmp_path / "c.toml", "--demo")


def test_a_broken_catalogue_or_log_stops_the_start(built: Built) -> None:
    audit = built.store.audit / "audit.sqlite"
    audit.write_bytes(b"not a log at all" * 100)
    with pytest.raises(AuditBrokenError):
        run(serve, built.store.root)
    audit.unlink()
    built.store.catalogue.unlink()
    with pytest.raises(CatalogueInvalidError):
        run(serve, built.store.root)


def test_what_waitress_is_told() -> None:
    alone = waitress_settings(load(environ={}))
    assert "trusted_proxy" not in alone and alone["clear_untrusted_proxy_headers"] and alone["ident"] == ""
    environ = {"JOURNALARKIV_SERVER_HOST": "::", "JOURNALARKIV_SERVER_PUBLIC_URL": "https://arkiv.kommune.example",
               "JOURNALARKIV_SERVER_TRUSTED_PROXY": "10.0.0.5"}  # fmt: skip
    behind = load(environ=environ)
    assert waitress_settings(behind)["trusted_proxy"] == "10.0.0.5"
    assert url_of(behind) == "https://arkiv.kommune.example"
    assert url_of(load(environ={"JOURNALARKIV_SERVER_HOST": "::1"})) == "http://[::1]:8765"
