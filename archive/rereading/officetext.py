"""The text of Word files from before XML, by LibreOffice's text export: another way out of it than to PDF.

Only what the export leaves in one stream of text is told: headers, footers and text boxes are not.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from archive.normalise import contained
from archive.normalise.contract import Limits
from archive.store import remove_tree

_BATCH = 40
_START_SECONDS, _FILE_SECONDS = 60.0, 6.0


def office_texts(files: Mapping[str, tuple[Path, str]], folder: Path, limits: Limits = Limits()) -> dict[str, str]:  # noqa: B008
    """Text by key, of those that LibreOffice could read; empty where it is not installed.

    Args:
        files: path and family by key (a key is safe as a file name).
        folder: scratch folder of our own; empty again afterwards.
        limits: what the program may use.
    """
    if shutil.which("soffice") is None:
        return {}
    texts: dict[str, str] = {}
    keys = list(files)
    for at in range(0, len(keys), _BATCH):
        texts |= _batch({k: files[k] for k in keys[at : at + _BATCH]}, folder.absolute(), limits)
    return texts


def _batch(files: Mapping[str, tuple[Path, str]], folder: Path, limits: Limits) -> dict[str, str]:
    stage, made = folder / "in", folder / "out"
    try:
        stage.mkdir(parents=True)
        staged = []
        for key, (path, family) in files.items():
            staged.append(stage / f"{key}.{family}")
            shutil.copyfile(path, staged[-1])
        contained.run(
            [
                *("soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--norestore"),
                *("--convert-to", "txt:Text (encoded):UTF8,LF,,,", "--outdir", str(made), *map(str, staged)),
            ],
            folder=folder,
            seconds=_START_SECONDS + _FILE_SECONDS * len(staged),
            memory_bytes=limits.memory_bytes,
            output_bytes=limits.output_bytes,
            environment={"SAL_USE_VCLPLUGIN": "svp"},
        )
        return (
            {p.stem: p.read_text("utf-8-sig", "replace") for p in sorted(made.glob("*.txt"))} if made.is_dir() else {}
        )
    finally:
        for name in ("in", "out", "home", "tmp", "profile"):
            remove_tree(folder / name)
