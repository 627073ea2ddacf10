"""HTML from outside, made harmless for our own pages.

Promise: no script, no form, and nothing loaded from elsewhere unless that is wanted (a remote image
tells its sender who read it, and when); links say where they go. Any markup gives something, in
time linear in it.
Used by: mail.page.

Written anew by mail.tidying, which knows what a reader should see, and then cleaned by nh3, which
knows what browsers do.
"""

from __future__ import annotations

from dataclasses import dataclass

import nh3

from postroom.mail.styles import SAFE
from postroom.mail.tidying import ATTRIBUTES, EVERYWHERE, NOTE, TAGS, Pictures, Tidier

_LONGEST = 2_000_000  # characters; what is longer is cut


def _checked(tag: str, name: str, value: str) -> str | None:
    """Keep data: to pictures: as a link it is a page of the stranger's."""
    is_data = value.lstrip()[:5].lower() == "data:"
    return None if is_data and (tag, name) != ("img", "src") else value


_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags={"script", "style", "title", "template", "noscript", "svg", "math"},
    attributes={
        "*": {"style", *EVERYWHERE},
        "a": {"href"},
        "img": {"src", "alt"},
        **{tag: set(names) for tag, names in ATTRIBUTES.items()},
    },
    allowed_classes={"span": {NOTE}},
    filter_style_properties=set(SAFE),
    attribute_filter=_checked,
    set_tag_attribute_values={"a": {"target": "_blank"}},
    url_schemes={"http", "https", "mailto", "tel", "data"},
    link_rel="noopener noreferrer nofollow",
    strip_comments=True,
)


@dataclass(frozen=True, slots=True)
class Sanitized:
    """HTML that may be shown; `blocked` counts the references to elsewhere that were left out."""

    html: str
    blocked: int


def sanitize_html(
    markup: str, pictures: Pictures = lambda _: None, *, allows_remote: bool = False
) -> Sanitized:
    """Return a mail's HTML without anything that acts or, but for `allows_remote`, loads.

    `pictures` gives what a picture of the mail itself is shown by (a data: URI, an address of our
    own), named by its Content-ID as the HTML has it; None leaves it out.
    """
    tidier = Tidier(markup[:_LONGEST].replace("\0", ""), pictures, allows_remote=allows_remote)
    return Sanitized(_CLEANER.clean(tidier.run()), tidier.blocked)
