"""Enumerations of stable codes, each with a sentence for people. Codes never change meaning; sentences may."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Coded(StrEnum):
    """Base of an enumeration whose members are written `NAME = "code", "Sentence."`."""

    sentence: str

    def __new__(cls, value: str, sentence: str = "") -> Self:
        """Keep the sentence beside the code."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member
