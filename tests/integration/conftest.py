"""What integration tests share: a normaliser of their own, and the viewer's archive, built once and copied for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from archive.normalise.contract import Limits
from archive.normalise.ladder import Normaliser
from tests.documents import children
from tests.integration.viewer_client import Browser
from tests.viewer_data import PASSWORD, Built, build_archive
from viewer.accounts import create_account
from viewer.app import create_app
from viewer.config import load
from viewer.guard import Services
from viewer.search import SearchBackend, open_index

ACCOUNTS = {"lege": "clinician", "legen2": "clinician", "arkivar": "archivist", "ombud": "auditor", "drift": "it"}


@pytest.fixture
def normaliser(tmp_path: Path) -> Iterator[Normaliser]:
    with Normaliser(Limits(seconds=60), work=tmp_path / "work") as made:
        yield made
    assert children() == []


@pytest.fixture(scope="session")
def viewer_original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Built, SearchBackend]]:
    root = tmp_path_factory.mktemp("viewer")
    built = build_archive(root / "archive", root / "work")
    for user, role in ACCOUNTS.items():
        create_account(built.store, user, PASSWORD, role, f"Prøve {user.title()}")
    backend = open_index(built.store)
    yield built, backend
    backend.close()


@pytest.fixture
def built(viewer_original: tuple[Built, SearchBackend], tmp_path: Path) -> Built:
    original, _ = viewer_original
    return original.at(shutil.copytree(original.store.root, tmp_path / "archive"))


@pytest.fixture
def make_app(built: Built, viewer_original: tuple[Built, SearchBackend]) -> Iterator[Callable[..., Flask]]:
    made: list[Flask] = []

    def make(**flags: object) -> Flask:
        settings = {"limits.find_per_user": 1000, **{k.replace("__", "."): v for k, v in flags.items()}}
        app = create_app(built.store, load(environ={}, flags=settings), backend=viewer_original[1])
        made.append(app)
        return app

    yield make
    for app in made:
        services: Services = app.extensions["journalarkiv"]
        services.close()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def browser(app: Flask, built: Built) -> Browser:
    return Browser(app, built)
