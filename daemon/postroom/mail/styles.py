"""Styles of a stranger's HTML: what may stay of a `style` attribute.

Promise: what is returned names nothing to be loaded but a background that was allowed, moves
nothing out of its place, and cannot end the attribute. Linear; in doubt a declaration goes.
Used by: mail.tidying.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LONGEST = 4_000  # characters of a style that are looked at
_PROPERTIES = frozenset(
    {"background-color", "color", "direction", "display", "font", "font-family", "font-size"}
    | {"font-style", "font-variant", "font-weight", "letter-spacing", "line-height", "list-style"}
    | {"list-style-type", "text-align", "text-decoration", "text-indent", "text-transform"}
    | {"vertical-align", "white-space", "word-break", "overflow-wrap", "word-wrap", "width"}
    | {"height", "max-width", "min-width", "table-layout", "border-collapse", "border-spacing"}
    | {"border-radius", "box-sizing", "clear", "float"}
    | {f"{box}{side}" for box in ("margin", "padding") for side in ("", "-top", "-bottom")}
    | {f"{box}{side}" for box in ("margin", "padding") for side in ("-left", "-right")}
    | {f"border{side}" for side in ("", "-top", "-bottom", "-left", "-right")}
    | {f"border{side}-{what}" for side in ("", "-top", "-left", "-right", "-bottom")
       for what in ("color", "style", "width")}
)  # fmt: skip
SAFE = frozenset({*_PROPERTIES, "background", "background-image"})
# No escapes, no comments, no functions but those of colours; a minus only inside of a word.
_VALUE = re.compile(r"(?:[\w\s#%.,'\"!]|(?<=[a-zA-Z])-(?=[a-zA-Z])|(?<=rgb)\(|(?<=rgba)\(|\))*")
_URL = re.compile(
    r"url\(\s{0,9}['\"]?(https?://[^\s'\"()\\<>]{1,2000})['\"]?\s{0,9}\)", re.IGNORECASE
)
_REMOTE = re.compile(r"url\s{0,9}\(|image-set|@import|\\|//", re.IGNORECASE)
_DISPLAYS = frozenset(
    {"block", "inline", "inline-block", "none", "table", "table-cell", "table-row", "list-item"}
)


def safe_style(style: str, *, allows_remote: bool) -> tuple[str, bool]:
    """Return the declarations that may stay, and whether one that is gone would load something."""
    kept: list[str] = []
    is_blocked = False
    for name, value in _declarations(style[:_LONGEST]):
        if name in {"background", "background-image"}:
            safe = _background(value, allows_remote=allows_remote)
        else:
            safe = value if name in _PROPERTIES and _is_plain(name, value) else ""
        if safe:
            kept.append(f"{name}: {safe}")
        elif _REMOTE.search(value):
            is_blocked = True
    return "; ".join(kept), is_blocked


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        yield name.strip().lower(), value.strip()


def _is_plain(name: str, value: str) -> bool:
    if name == "display" and value.lower() not in _DISPLAYS:
        return False
    return bool(value) and _VALUE.fullmatch(value) is not None


def _background(value: str, *, allows_remote: bool) -> str:
    """Keep a colour, or a picture if pictures from elsewhere are wanted."""
    if _VALUE.fullmatch(value):
        return value
    found = _URL.search(value)
    return f'url("{found[1]}")' if found is not None and allows_remote else ""
