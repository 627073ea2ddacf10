"""A stranger's HTML, written anew: only what is on the lists, every element closed.

Promise: one pass, linear in the markup whatever its nesting: at most DEEPEST elements are open, and
what stands deeper keeps its words only. Nothing of the stranger's markup is copied but words and
values that were checked.
Used by: mail.sanitize, which has nh3 look at the result: of well-formed, shallow markup that parser
is linear, too, and what this module overlooks, it does not.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from postroom.mail.html import unescape
from postroom.mail.links import safe_link, true_target
from postroom.mail.styles import safe_style

DEEPEST = 200
MOST_PICTURES = 500
NOTE = "postroom-note"  # the class of our own words among the stranger's
TAGS = frozenset(
    {"a", "abbr", "b", "big", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del"}
    | {"div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins"}
    | {"kbd", "li", "ol", "p", "pre", "q", "s", "small", "span", "strike", "strong", "sub", "sup"}
    | {"table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul"}
)
EVERYWHERE = frozenset({"align", "bgcolor", "dir", "height", "lang", "title", "valign", "width"})
ATTRIBUTES = {
    "col": {"span"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap"},
    "ul": {"type"},
}
_RENAMED = {"body": "div", "center": "div", "section": "div", "article": "div", "main": "div"}
_VOID = frozenset({"br", "col", "hr", "img"})
# Neither they nor what stands in them is shown: words for programs, or another language's markup.
_UNSEEN = frozenset(
    {"applet", "audio", "frameset", "head", "iframe", "math", "noembed", "noframes", "noscript"}
    | {"object", "script", "select", "style", "svg", "template", "title", "video", "xmp"}
)
_CLOSING = {tag: re.compile(rf"</{tag}(?![a-z])", re.IGNORECASE) for tag in _UNSEEN}
# What a new element ends, and up to where: "<li>" the item before it in the same list.
_ENDS = {
    "p": (frozenset({"p"}), frozenset({"td", "th", "div", "li", "blockquote", "table"})),
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "table"})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl", "table"})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl", "table"})),
    "td": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    "tbody": (frozenset({"tbody", "thead", "tfoot"}), frozenset({"table"})),
    "thead": (frozenset({"tbody", "thead", "tfoot"}), frozenset({"table"})),
    "tfoot": (frozenset({"tbody", "thead", "tfoot"}), frozenset({"table"})),
    "a": (frozenset({"a"}), frozenset()),
}
_CELLS = frozenset({"td", "th", "caption"})
_OF_TABLES = frozenset({"table", "tbody", "td", "tfoot", "th", "thead", "tr", "caption"})
_START = re.compile(r"<(?=[A-Za-z/!?])")
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9:]{0,20})[^\s/>]*+")
_ATTRIBUTE = re.compile(r"[\s/]*+([^\s/>=][^\s/>=]*+)?(\s*+=\s*+)?")
_BARE = re.compile(r"[^\s>]*+")
_MOST_ATTRIBUTES = 50  # of one tag
_PLAIN = re.compile(r"[\w #%.,+:()/&'-]{0,200}")
_DATA = re.compile(
    r"data:image/(?:gif|jpeg|jpg|png|webp);base64,[A-Za-z0-9+/=\s]{1,2000000}", re.IGNORECASE
)
_REMOTE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)

# A Content-ID → what the picture is shown by, or None: it is not shown.
Pictures = Callable[[str], str | None]


@dataclass(slots=True)
class _Link:
    target: str
    words: list[str]


class Tidier:
    """State of the pass: what is written, and what stands open."""

    def __init__(self, markup: str, pictures: Pictures, *, allows_remote: bool) -> None:
        self.markup = markup
        self.pictures = pictures
        self.allows_remote = allows_remote
        self.blocked = 0  # references to elsewhere that were left out
        self.shown = 0  # pictures
        self.written: list[str] = []
        self.open: list[str] = []
        self.opened: Counter[str] = Counter()
        self.link: _Link | None = None
        self.spent: set[str] = set()  # marks that do not come again

    def run(self) -> str:
        """Write the markup anew."""
        markup, position = self.markup, 0
        while (tag := _START.search(markup, position)) is not None:
            self._say(markup[position : tag.start()])
            position = self._tag(tag.start())
        self._say(markup[position:])
        while self.open:
            self._close_last()
        return "".join(self.written)

    def _say(self, text: str) -> None:
        if text:
            self.written.append(text.replace("<", "&lt;"))
            if self.link is not None:
                self.link.words.append(text)

    def _tag(self, start: int) -> int:
        """Handle what begins with `<` at `start`; return where the text goes on."""
        markup = self.markup
        if markup.startswith("<!--", start):
            return self._after("-->", start + 2)  # "<!-->" is one, too
        name = _NAME.match(markup, start + 1)
        if name is None:
            return self._after(">", start)
        tag = name[1].lower()
        attributes, end = self._attributes(name.end())
        tag = _RENAMED.get(tag, tag)
        if markup[start + 1] == "/":
            self._end(tag)
        elif tag in _UNSEEN:
            return self._after_element(tag, end)
        elif tag in TAGS:
            self._begin(tag, attributes)
        return end

    def _after(self, mark: str, start: int) -> int:
        found = self.markup.find(mark, start)
        return len(self.markup) if found < 0 else found + len(mark)

    def _after_element(self, tag: str, start: int) -> int:
        """Pass over an element that is not shown; an unclosed one loses only its tag."""
        if tag not in self.spent:
            if (close := _CLOSING[tag].search(self.markup, start)) is not None:
                return self._after(">", close.end())
            self.spent.add(tag)
        return start

    def _attributes(self, position: int) -> tuple[dict[str, str], int]:
        """Read the attributes of a tag, the first of each name; return where the tag ends."""
        markup, size = self.markup, len(self.markup)
        found: dict[str, str] = {}
        while position < size:
            if markup[position] == ">":
                return found, position + 1
            match = _ATTRIBUTE.match(markup, position)
            if match is None or match.end() == position:
                position += 1
                continue
            value, position = self._value(match.end()) if match[2] else ("", match.end())
            if match[1] and len(found) < _MOST_ATTRIBUTES:
                found.setdefault(match[1].lower(), value)
        return found, size

    def _value(self, position: int) -> tuple[str, int]:
        markup = self.markup
        mark = markup[position : position + 1]
        if mark in {'"', "'"} and mark not in self.spent:
            end = markup.find(mark, position + 1)
            if end >= 0:
                return unescape(markup[position + 1 : end]), end + 1
            self.spent.add(mark)
        bare = _BARE.match(markup, position)
        end = bare.end() if bare is not None else position
        return unescape(markup[position:end]), end

    # ---- elements

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        self._end_those_before(tag)
        if tag == "img":
            self._picture(attributes)
        elif tag in _VOID:
            self._write(tag, attributes)
        elif len(self.open) < DEEPEST:
            if tag == "a":
                self._link(attributes)
            self._write(tag, attributes)
            self.open.append(tag)
            self.opened[tag] += 1

    def _end_those_before(self, tag: str) -> None:
        ended, until = _ENDS.get(tag, (frozenset(), frozenset()))
        if not any(self.opened[one] for one in ended):
            return
        for place in range(len(self.open) - 1, -1, -1):
            if self.open[place] in ended:
                self._close_to(place)
                return
            if self.open[place] in until:
                return

    def _end(self, tag: str) -> None:
        """Close an element, and those in it; nothing in a cell closes what is around the cell."""
        if not self.opened[tag]:
            return
        for place in range(len(self.open) - 1, -1, -1):
            if self.open[place] == tag:
                self._close_to(place)
                return
            if self.open[place] in _CELLS and tag not in _OF_TABLES:
                return

    def _close_to(self, place: int) -> None:
        while len(self.open) > place:
            self._close_last()

    def _close_last(self) -> None:
        tag = self.open.pop()
        self.opened[tag] -= 1
        self.written.append(f"</{tag}>")
        if tag == "a" and self.link is not None:
            link, self.link = self.link, None
            words = unescape("".join(link.words)[:2_000])
            if target := true_target(link.target, words):
                self._note(f"goes to {target}")

    def _note(self, words: str) -> None:
        """Say something of our own, so that nobody takes it for the stranger's."""
        self.written.append(f' <span class="{NOTE}">[{html.escape(words)}]</span>')

    def _write(self, tag: str, attributes: dict[str, str], **own: str) -> None:
        allowed = EVERYWHERE | ATTRIBUTES.get(tag, set())
        kept = {
            name: value
            for name, value in attributes.items()
            if name in allowed and name not in own and _PLAIN.fullmatch(value)
        }
        if tag == "a" and self.link is not None:
            kept.pop("title", None)  # its place is for where the link goes
            own = {"href": self.link.target, "title": self.link.target, **own}
        if style := self._style(attributes):
            own["style"] = style
        written = "".join(f' {name}="{html.escape(v)}"' for name, v in {**kept, **own}.items())
        self.written.append(f"<{tag}{written}>")

    def _style(self, attributes: dict[str, str]) -> str:
        style, is_blocked = safe_style(
            attributes.get("style", ""), allows_remote=self.allows_remote
        )
        background = attributes.get("background", "")
        if background and _REMOTE.match(background):
            link = safe_link(background)
            wanted = f'background-image:url("{link}")'
            more, _ = safe_style(wanted, allows_remote=self.allows_remote)
            is_blocked |= not more
            style = "; ".join(filter(None, (style, more)))
        self.blocked += is_blocked
        return style

    def _link(self, attributes: dict[str, str]) -> None:
        target = safe_link(attributes.get("href", ""))
        self.link = _Link(target, []) if target else None

    def _picture(self, attributes: dict[str, str]) -> None:
        source = attributes.get("src", "").strip()
        if shown := self._source(source):
            self._write("img", attributes, src=shown, alt=attributes.get("alt", "")[:300])
            return
        if source[:4].lower() == "cid:" or self._is_speck(attributes):
            return
        if words := attributes.get("alt", "").strip()[:300]:
            self._note(f"picture: {words}")

    def _source(self, source: str) -> str | None:
        """Return what a picture is shown by; None: not at all."""
        self.shown += 1
        if self.shown > MOST_PICTURES:
            return None
        if source[:4].lower() == "cid:":
            return self.pictures(source[4:254])
        if _DATA.fullmatch(source):
            return source
        link = safe_link(source)
        if link[:4].lower() == "http":
            if self.allows_remote:
                return link
            self.blocked += 1
        return None

    @staticmethod
    def _is_speck(attributes: dict[str, str]) -> bool:
        """Whether a picture is so small that it only tells its sender who reads."""
        return any(
            attributes.get(side, "").strip() in {"0", "1", "2"} for side in ("width", "height")
        )
