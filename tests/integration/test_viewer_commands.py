"""`serve` and `account` on the command line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive.errors import AuditBrokenError, CatalogueInvalidError, ConfigInvalidError, UsageError
from tests.viewer_data import Built
from viewer.accounts import all_accounts
from viewer.commands import account, serve
from viewer.config import load
from viewer.serve import url_of, waitress_settings


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
