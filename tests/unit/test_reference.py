from __future__ import annotations

import pytest

from archive.reference import PAGES
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("name", PAGES)
def test_the_generated_docs_are_current(name: str) -> None:
    assert (REPOSITORY / "docs" / name).read_text("utf-8") == PAGES[name](), "run `python -m archive.reference`"
