"""Paths as a register names them, to paths inside the export.

The result is POSIX and relative, and by construction cannot name anything outside the export's folder: it holds no
`..`, no root, no drive and no NUL. Its letters, their Unicode form and blanks are those of the register: what a name
may mean beyond that is for `extract.sources.names` to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DRIVE = re.compile(r"[A-Za-z]:")
_ROOT = re.compile(r"[A-Za-z]:|//[^/]+/[^/]+(?=/|$)")
_LONG = re.compile(r"//[?.]/(?:UNC/(?=[^/]))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PathRules:
    """How paths are read.

    Attributes:
        windows: the backslash separates, `C:` is a drive, prefixes match in any case.
        prefixes: (from, to): a path that begins with `from` begins with `to` instead; the longest `from` wins.
        strip_roots: what is left with a drive, a server's share or a leading slash is taken as relative to the export.
        match_case: whether `A.RTF` and `a.rtf` are different files.
        name_encoding: of file names on disk that are not UTF-8.
        not_documents: patterns of files that belong to the export itself, such as `LESMEG.txt`.
    """

    windows: bool = True
    prefixes: tuple[tuple[str, str], ...] = ()
    strip_roots: bool = False
    match_case: bool = True
    name_encoding: str = "cp1252"
    not_documents: tuple[str, ...] = ()


def relative_path(raw: str, rules: PathRules) -> str | None:
    """The path inside the export that the register means, or None where it leads outside or means nothing."""
    if "\0" in raw:
        return None
    text = _slashes(raw, rules)
    long = _LONG.match(text) if rules.windows else None
    if long:
        text = ("//" if long[0].upper().endswith("UNC/") else "") + text[long.end() :]
    text = _replace_prefix(text, rules)
    if rules.strip_roots:
        root = _ROOT.match(text) if rules.windows else None
        text = text[root.end() :].lstrip("/") if root else text.lstrip("/")
    if text.startswith("/") or (rules.windows and _DRIVE.match(text)):
        return None
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    path = "/".join(parts)
    return path or None


def _slashes(text: str, rules: PathRules) -> str:
    return text.replace("\\", "/") if rules.windows else text


def _replace_prefix(text: str, rules: PathRules) -> str:
    folded = fold_letters(text) if rules.windows else text
    best: tuple[str, str] | None = None
    for source, target in rules.prefixes:
        source = _slashes(source, rules).rstrip("/")
        start = fold_letters(source) if rules.windows else source
        at_boundary = folded.startswith(start) and folded[len(start) : len(start) + 1] in ("", "/")
        if at_boundary and (best is None or len(source) > len(best[0])):
            best = source, _slashes(target, rules)
    if best is None:
        return text
    source, target = best
    rest = text[len(source) :].lstrip("/")
    return f"{target.rstrip('/')}/{rest}" if target else rest


def fold_letters(text: str) -> str:
    """The text without the difference of upper and lower case; its length does not change."""
    return "".join(map(_letter, text))


def _letter(letter: str) -> str:
    for folded in (letter.casefold(), letter.lower()):
        if len(folded) == 1:
            return folded
    return letter
