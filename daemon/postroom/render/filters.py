"""What templates may do with a value: one line, a quote, HTML with its line breaks and pictures.

Promise: what comes from outside never pretends to be our words, and is bounded.
Used by: render.sandbox (environment_of), render.renderer (CONTROL).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, pass_environment
from jinja2.filters import do_wordwrap
from markupsafe import Markup, escape

from postroom.core.pictures import illustrate

QUOTED_LINES = 200
LINE_CHARS = 200  # of a name, an address, a reason in a mail
# C0, DEL, C1, line and paragraph separators: nothing that could end a header line or hide in it.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# They turn text around them, too, and make a name look like another.
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MARK = re.compile("\ue000([0-9]+)\ue001")
_SPACE_TO_KEEP = re.compile("(?m)^ |(?<= ) ")
Picture = Mapping[str, Any]  # of `message.pictures`


def one_line(value: object, most: int = LINE_CHARS) -> str:
    """Make a value one line of bounded length, so that a name cannot pretend to be our words."""
    line = " ".join(CONTROL.sub(" ", _DIRECTIONS.sub("", str(value))).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def quote(value: object, mark: str = "> ", most: int = QUOTED_LINES) -> str:
    """Put a mark before each line; what is more than `most` lines becomes "[…]"."""
    # splitlines() knows every line end that some mail client knows: no line goes unmarked.
    lines = str(value).strip("\r\n").rstrip().splitlines()
    if len(lines) > most:
        lines = [*lines[:most], "[…]"]
    return "\n".join((mark + line).rstrip() for line in lines)


def lines(value: object, pictures: Sequence[Picture] = ()) -> Markup:
    """Escape a text for HTML and keep its line breaks and runs of spaces; show its pictures."""
    if pictures:
        return _illustrated(str(value), pictures)
    text = value if isinstance(value, str) else str(value)
    plain = "\n".join(text.splitlines()).expandtabs(4)
    escaped = plain if isinstance(text, Markup) else str(escape(plain))
    spaced = _SPACE_TO_KEEP.sub("&nbsp;", escaped)
    return Markup(spaced.replace("\n", "<br>\n"))  # noqa: S704 - escaped above


def named(value: object, pictures: Sequence[Picture] = ()) -> str:
    """Name each picture of a text where the HTML shows it."""
    names = [f"[picture: {one_line(one['name'])}]" for one in pictures]
    return illustrate(str(value), names, pictures)


def _illustrated(text: str, pictures: Sequence[Picture]) -> Markup:
    """Write a text as HTML, with its pictures in their places."""
    marks = [f"\ue000{number}\ue001" for number in range(len(pictures))]
    marked = illustrate(text.replace("\ue000", "\ufffd"), marks, pictures)
    shown = _MARK.sub(lambda mark: _picture(pictures[int(mark[1])]), lines(marked))
    return Markup(shown)  # noqa: S704 - `lines` and `_picture` have escaped it


def _picture(picture: Picture) -> str:
    name = escape(one_line(picture["name"]))
    if not (content_id := picture.get("cid")):
        return f"[picture: {name}]"
    return f'<img src="cid:{escape(content_id)}" alt="{name}" style="max-width: 100%">'


@pass_environment
def wordwrap(
    environment: Environment, value: str, width: int = 79, break_long_words: bool = True
) -> str:
    """Wrap as Jinja's filter does; most values fit in a line, and are not looked at by the word."""
    if len(value) <= width and value.isprintable() and not value.endswith(" "):
        return value
    return do_wordwrap(environment, value, width, break_long_words)
