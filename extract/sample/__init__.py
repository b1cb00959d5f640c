"""Synthetic exports of any size, for demonstrations, tests and benchmarks."""

from __future__ import annotations

from extract.sample.generate import SampleReport, generate
from extract.sample.plan import DEFAULT_MIX

__all__ = ["DEFAULT_MIX", "SampleReport", "generate"]
