"""The verbs of the way in: inspect, migrate, retry."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import click

from archive.errors import ExitCode, UsageError
from archive.normalise.contract import Limits

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _default_workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
