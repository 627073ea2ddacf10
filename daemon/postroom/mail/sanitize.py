"""HTML from outside, made harmless for our own pages.

Promise: no script, no form, no style, nothing loaded from elsewhere when it is shown (a remote
image tells its sender who read it, and when). Markup that would cost too much is shown as text.
"""

from __future__ import annotations

import html
import re
from collections import Counter

import nh3

from postroom.mail.html import html_to_text

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})")
# Elements that hold nothing, or that the next of their kind closes: they add no depth of their own.
_FLAT = frozenset(
    {"br", "hr", "img", "input", "meta", "link", "col", "area", "base", "wbr", "source", "option"}
    | {"p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "html", "head", "body"}
)
_DEEPEST = 400  # html5ever takes time quadratic in the nesting: 20,000 levels are three seconds
_LONGEST = 2_000_000
_TAGS = frozenset(
    {"a", "abbr", "b", "blockquote", "br", "caption", "center", "code", "col", "colgroup", "dd"}
    | {"del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins"}
    | {"kbd", "li", "ol", "p", "pre", "q", "s", "small", "span", "strike", "strong", "sub", "sup"}
    | {"table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"}
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"alt", "title", "width", "height", "src"},
    "td": {"colspan", "rowspan", "align", "valign"},
    "th": {"colspan", "rowspan", "align", "valign"},
    "ol": {"start"},
}
_INLINE_IMAGE = re.compile(r"cid:[^\s]{1,250}", re.IGNORECASE)


def sanitize_html(markup: str) -> str:
    """Return the markup without anything that acts or loads; images of the mail (`cid:`) stay."""
    if len(markup) > _LONGEST or _depth(markup) > _DEEPEST:
        return f"<pre>{html.escape(html_to_text(markup[:_LONGEST]))}</pre>"
    return nh3.clean(
        markup.replace("\0", ""),
        tags=set(_TAGS),
        clean_content_tags={"script", "style", "title", "template", "noscript"},
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )


def _filter(tag: str, attribute: str, value: str) -> str | None:
    if (tag, attribute) == ("img", "src"):
        return value if _INLINE_IMAGE.fullmatch(value.strip()) else None
    return value


def _depth(markup: str) -> int:
    """Count how deep the tags may nest; a closing tag counts only if its element is open."""
    opened: Counter[str] = Counter()
    depth = deepest = 0
    for match in _TAG.finditer(markup):
        name = match[2].lower()
        if name in _FLAT:
            continue
        if not match[1]:
            opened[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return deepest
