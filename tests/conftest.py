"""Fixtures every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.store import ArchiveInfo, ArchiveStore

REPOSITORY = Path(__file__).resolve().parent.parent

ARCHIVE_INFO = ArchiveInfo(
    id="0a6d3f0e-5f0c-5c55-9d5c-3f2b1f1f7a01",
    system_name="Prøvejournal",
    system_version="7.2",
    owner_name="Prøve kommune",
    owner_number="999999999",
    submission_agreement="PK 2026/17",
)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case of bytes by its argument: bytes in a name differ between workers when a clock is in them."""
    return argname if isinstance(val, bytes) and len(val) > 32 else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test material beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the test material ../shared is not there")
    return folder


@pytest.fixture(autouse=True, scope="session")
def logs_of_errors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where commands that tests run write of unexpected errors: not into the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNALARKIV_LOG_FOLDER", str(tmp_path_factory.mktemp("logs")))
        yield


@pytest.fixture
def archive_store(tmp_path: Path) -> ArchiveStore:
    """A new, empty archive."""
    return ArchiveStore.create(tmp_path / "archive", ARCHIVE_INFO)
