"""Pages from data: the one place that talks to typst, which runs in this process.

Input never becomes markup. A template of ours reads it as JSON (`sys.inputs.data`) and places strings; typst's root is
the folder of the templates, which holds nothing else, and no template imports a package. The same data gives the
same bytes: the document date is fixed, and nothing else of the run goes in.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typst
from fontTools.ttLib import TTCollection, TTFont, TTLibError

from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

_TEMPLATES = Path(__file__).with_name("templates")
_MOST_CHARACTERS = 40_000_000
_LAST_CONTROL = 0x9F
_CANNOT_DISPLAY = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
_ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
_LAYOUT_CONTROLS = frozenset("\t\n\r\u200b\u200c\u200d\u200e\u200f\u00ad\u2028\u2029\u2060\ufeff")
_SURE = frozenset(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x180)])) | _LAYOUT_CONTROLS


def typeset(template: str, data: Any, out: Path, *, tagged: bool = True, pictures: Path | None = None) -> None:
    """Write `out`, PDF/A-2a or, not `tagged`, PDF/A-2u, from a template (`plain`, `record`, `rtf`) and its JSON-ready
    data; the template finds the files of the folder `pictures` as `/<name>`.

    Raises DocumentProblem: CONVERSION_FAILED where the fonts at hand lack a character (see `drawable`) or typst
    refuses otherwise, RESOURCE_LIMIT where there is more text than one document may have.
    """
    content = json.dumps(data, ensure_ascii=False)
    if len(content) > _MOST_CHARACTERS:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The text has {len(content)} characters.")
    try:
        compiler = _compiler(template) if pictures is None else _compiler_with(template, pictures)
        pdf = compiler.compile(
            sys_inputs={"data": content}, format="pdf", pdf_standards=["a-2a" if tagged else "a-2u"], pdf_tags=tagged
        )
    except (typst.TypstError, UnicodeError) as e:
        message = getattr(e, "message", "")
        if found := _CANNOT_DISPLAY.search(message):
            letters = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), found[1])
            numbers = " ".join(f"U+{ord(c):04X}" for c in letters[:4])
            raise DocumentProblem(Reason.CONVERSION_FAILED, f"No font has the character {numbers}.") from None
        # Typst's message may quote the text, which is the patient's: only its kind is told.
        raise DocumentProblem(Reason.CONVERSION_FAILED, "Typst refused the text.") from None
    if not isinstance(pdf, bytes):
        raise DocumentProblem(Reason.CONVERSION_FAILED, "Typst gave no PDF.")
    out.write_bytes(pdf)


def drawable(texts: Iterable[str]) -> dict[int, str]:
    """A translation table (for `str.translate`) that makes every character of the texts drawable.

    Control characters and others that no installed font has become their number, `‹U+1F44D›`: visible, and nothing
    dropped. Empty where all can be drawn as they are.
    """
    odd: set[str] = set()
    for text in texts:
        odd |= set(text) - _SURE
    return {ord(c): f"‹U+{ord(c):04X}›" for c in sorted(odd) if not _can_draw(c)}


def glyph_flags(table: dict[int, str]) -> tuple[FlagNote, ...]:
    """The flag for a `drawable` table that stands for characters besides control characters."""
    missing = [code for code in table if code > _LAST_CONTROL]
    detail = f"{len(missing)} different characters, the first of them U+{missing[0]:04X}." if missing else ""
    return (FlagNote(Flag.GLYPHS_MISSING, detail),) if missing else ()


def _can_draw(character: str) -> bool:
    category = unicodedata.category(character)
    if category in ("Co", "Cs", "Cc", "Cn"):
        return False
    return category == "Cf" or ord(character) in _coverage()


@functools.cache
def fonts() -> typst.Fonts:
    """The fonts at hand, those of the system and typst's own; found once per process."""
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True)


@functools.cache
def _compiler(template: str) -> typst.Compiler:
    return typst.Compiler(
        input=_TEMPLATES / f"{template}.typ",
        root=_TEMPLATES,
        font_paths=fonts(),
        ignore_system_fonts=True,
        package_path=_TEMPLATES / "packages",
        package_cache_path=_TEMPLATES / "packages",
    )


def _compiler_with(template: str, folder: Path) -> typst.Compiler:
    return typst.Compiler(
        input=(_TEMPLATES / f"{template}.typ").read_bytes(),
        root=folder.absolute(),
        font_paths=fonts(),
        ignore_system_fonts=True,
        package_path=_TEMPLATES / "packages",
        package_cache_path=_TEMPLATES / "packages",
    )


@functools.cache
def _coverage() -> frozenset[int]:
    """The characters typst can find a glyph for: those of all fonts it lists that are files."""
    found: set[int] = set()
    for path in sorted({info.path for info in fonts().fonts() if info.path}):
        try:
            if path.lower().endswith((".ttc", ".otc")):
                with TTCollection(path, lazy=True) as collection:
                    for font in collection.fonts:
                        found.update(font.getBestCmap() or ())
            else:
                with TTFont(path, lazy=True) as font:
                    found.update(font.getBestCmap() or ())
        except (TTLibError, OSError, ValueError, KeyError, AssertionError):
            continue
    return frozenset(found)
