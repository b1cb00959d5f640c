"""Text of an HTML document that is set in a symbol font: the letters become the signs that the font would have drawn.

Browsers of the time drew a "þ" in Wingdings as a ticked box; what lays pages out today draws a "þ". So each run's font
is found as CSS finds it (`face`, inline style, style sheet, inheritance) and the run recoded; any font then draws it.
"""

from __future__ import annotations

import re
from typing import Any

import cssselect2
import tinycss2

from archive.reasons import Flag
from archive.record import FlagNote
from archive.symbolfonts import Encoding, encoding_of, recode

_NAMED = re.compile(r"symbol|wingding|webding|dingbat|monotype\s*sorts|marlett|mt\s*extra|ms\s*outlook", re.IGNORECASE)
_NO_TEXT = frozenset(("script", "style", "title"))
_MOST_RULES = 20_000


def recode_signs(root: Any, text: str) -> tuple[FlagNote, ...]:
    """Recode the runs of a parsed document, in place.

    Args:
        root: the document's root element (`xml.etree`).
        text: the source; where it names no such font, nothing is looked for.

    Returns:
        The flag for signs without a known meaning, where there are any.
    """
    if _NAMED.search(text) is None:
        return ()
    matcher = _matcher(root)
    fonts: dict[Any, Encoding | None] = {}
    unknown = 0
    for wrapped in cssselect2.ElementWrapper.from_html_root(root).iter_subtree():
        element = wrapped.etree_element
        above = fonts.get(wrapped.parent.etree_element) if wrapped.parent is not None else None
        fonts[element] = own = _font(element, wrapped, matcher, above)
        if own is not None and element.text and element.tag not in _NO_TEXT:
            element.text, missing = recode(element.text, own)
            unknown += missing
        if own is not None:
            unknown += _recode_tails(element, own)
    return (FlagNote(Flag.SYMBOLS_MISSING, f"{unknown} signs have no known meaning."),) if unknown else ()


def _recode_tails(element: Any, own: Encoding) -> int:
    """The text behind each child is the parent's."""
    unknown = 0
    for child in element:
        if child.tail:
            child.tail, missing = recode(child.tail, own)
            unknown += missing
    return unknown


def _font(element: Any, wrapped: Any, matcher: cssselect2.Matcher, above: Encoding | None) -> Encoding | None:
    families: list[str] = []
    face = element.get("face") if element.tag == "font" else None
    if face:
        families.append(face)
    families += (family for *_, family in matcher.match(wrapped))
    style = element.get("style")
    if style and (family := _family(tinycss2.parse_blocks_contents(style))):
        families.append(family)
    return encoding_of(_first(families[-1])) if families else above


def _first(families: str) -> str:
    return families.split(",")[0].strip(" \t\r\n\"'")


def _family(declarations: list[Any]) -> str | None:
    """The font families a block of declarations sets, as CSS writes them; None where it sets none."""
    found = None
    for declaration in declarations:
        if declaration.type != "declaration":
            continue
        value = tinycss2.serialize(declaration.value).strip()
        if declaration.lower_name == "font-family" and value.lower() != "inherit":
            found = value
        elif declaration.lower_name == "font":
            # style, weight and size come before the family: "italic 12pt/1.2 Wingdings"
            parts = re.split(r"[\d.]+(?:[a-z]+|%)(?:\s*/\s*[\w.%]+)?\s+", value, maxsplit=1, flags=re.IGNORECASE)
            found = parts[1] if len(parts) == 2 else found
    return found


def _matcher(root: Any) -> cssselect2.Matcher:
    """What the document's style sheets say of fonts."""
    matcher = cssselect2.Matcher()
    pending = [
        rule
        for element in root.iter()
        if element.tag == "style" and element.text
        for rule in tinycss2.parse_stylesheet(element.text, skip_comments=True, skip_whitespace=True)
    ]
    for rule in pending[:_MOST_RULES]:
        if rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content is not None:
            pending += tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
    for rule in pending[:_MOST_RULES]:
        if rule.type != "qualified-rule":
            continue
        family = _family(tinycss2.parse_blocks_contents(rule.content))
        if family is None:
            continue
        try:
            selectors = cssselect2.compile_selector_list(rule.prelude)
        except cssselect2.SelectorError:
            continue
        for selector in selectors:
            if selector.pseudo_element is None:
                matcher.add_selector(selector, family)
    return matcher
