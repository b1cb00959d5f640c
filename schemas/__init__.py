"""Our XML schemas and code lists, as importable data."""

from __future__ import annotations

from pathlib import Path


def schema_path(name: str) -> Path:
    """Where a schema or code list of ours is, for instance `journal.xsd`.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    path = Path(__file__).with_name(name)
    if not path.is_file():
        raise FileNotFoundError(f"There is no {name} among the schemas.")
    return path
