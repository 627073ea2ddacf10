"""HTML of a mail as text: one pass over the markup, linear in it at any nesting."""

from __future__ import annotations

import html
import re

from postroom.mail.charset import scrub

_TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]{0,20})")
# "Ann <ann@kunde.example>" of programs that forget to escape: browsers hide it, and lose a word.
_ADDRESS = re.compile(r"<(?:[\w.+-]{1,64}+@[\w.-]{1,255}+|https?://[^\s<>\"']{1,2000}+)>")
_NOT_IN_NAME = frozenset("@.+-_:")
_TAG_MARK = re.compile(r">|=\s*+([\"'])")
_LONG_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}+;?")  # int() refuses very long numbers
_HREF = re.compile(r"\bhref\s*=\s*[\"']?\s*+([^\"'\s>]{1,2000})", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\f\u00a0]+")
_UNSEEN = frozenset({"head", "script", "style", "title", "template", "svg", "math", "iframe"})
_PARAGRAPHS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote"}
)
_LINES = frozenset(
    {"div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "center", "address"}
    | {"form", "fieldset", "legend", "option", "hr", "br", "body", "main", "nav", "aside", "menu"}
    | {"dir", "figure", "figcaption", "caption", "details", "summary"}
)
_ATTRIBUTE = r"\b{}\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"']++))"
_ALT = re.compile(_ATTRIBUTE.format("alt"), re.IGNORECASE)
_SRC = re.compile(_ATTRIBUTE.format("src"), re.IGNORECASE)
_START = re.compile(_ATTRIBUTE.format("start"), re.IGNORECASE)
# What the button "indent" of browsers' editors makes: it cites nobody.
_INDENT = re.compile(
    r"margin:\s?0(?:px)? 0(?:px)? 0(?:px)? 40px;\s*border:\s?(?:none|medium)", re.IGNORECASE
)
_NUMBER = re.compile(_ATTRIBUTE.format("value"), re.IGNORECASE)
_STYLE = re.compile(_ATTRIBUTE.format("style"), re.IGNORECASE)
# The lines that newsletters write for the list of mails only, and nobody sees in the mail.
_HIDDEN = re.compile(
    r"(?:^|;)\s*+(?:display\s*+:\s*+none|visibility\s*+:\s*+hidden|mso-hide\s*+:\s*+all"
    r"|(?:font-size|max-height)\s*+:\s*+0(?:px|pt|em|%)?\s*+(?:;|!|$))",
    re.IGNORECASE,
)
# An attribute "hidden" of its own, whatever stands in the values of the others.
_HIDDEN_ATTRIBUTE = re.compile(
    r"(?>(?:\s++(?!hidden(?![\w-]))[\w:-]++(?>(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"']++))?))*)"
    r"\s++hidden(?![\w-])",
    re.IGNORECASE,
)
_VOID = frozenset({"img", "br", "hr", "input", "meta", "link", "col", "area", "base", "wbr"})
_RULE = "-" * 40
_ATTRIBUTES = 8_000  # characters of a tag looked at
_LONGEST_ALT = 300
_DEEPEST_LIST = 10
_GAP = re.compile(r"\n{3,}+")
_CLOSING = {tag: re.compile(f"</{tag}", re.IGNORECASE) for tag in _UNSEEN}
_DEEPEST_QUOTE = 10


def html_to_text(markup: str) -> str:
    """Return the readable text of HTML: one pass, without a tree, so nesting costs nothing.

    Trees do cost: lexbor and html5ever take time quadratic in the nesting (20,000 open `div`: a
    second), and inscriptis gives no text at all below libxml2's depth limit.
    """
    return _TextMaker(markup).run()


def unescape(text: str) -> str:
    """Read character references, however long they are."""
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text)) if "&" in text else text


def _value(attribute: re.Pattern[str], attributes: str) -> str:
    """Return the value of an attribute of a tag, or ""."""
    if (found := attribute.search(attributes)) is None:
        return ""
    return unescape(found[1] or found[2] or found[3] or "")


def _number(attribute: re.Pattern[str], attributes: str, default: int) -> int:
    """Return the number that an attribute of a list is; the default if it is none."""
    value = _value(attribute, attributes)
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else default


def _is_hidden(attributes: str) -> bool:
    if "hidden" in attributes and _HIDDEN_ATTRIBUTE.match(attributes) is not None:
        return True
    if "style" not in attributes and "STYLE" not in attributes:
        return False
    return _HIDDEN.search(_value(_STYLE, attributes)) is not None


class _TextMaker:
    """State of the pass over the markup: the lines made and what stands open."""

    def __init__(self, markup: str, *, may_hide: bool = True) -> None:
        self.markup = markup
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.indents: list[bool] = []  # of each open blockquote: it only indents
        self.pres = 0
        self.lists: list[int] = []  # of each open list the last number; -1: it has none
        self.href = ""
        self.before = 0  # pieces of the line that stood there when the link began
        self.spent: set[str] = set()  # marks that do not come again
        self.may_hide = may_hide
        self.hidden = ""  # the element that nobody sees, until it is closed
        self.depth = 0  # of elements of its name inside it

    def run(self) -> str:
        markup, position = self.markup, 0
        while (tag := markup.find("<", position)) >= 0:
            self._say(markup[position:tag])
            position = self._tag(tag)
        self._say(markup[position:])
        if self.hidden:  # never closed: nobody knows what was meant to be hidden
            return _TextMaker(markup, may_hide=False).run()
        self._break()
        text = "\n".join(self.lines)
        return scrub(_GAP.sub("\n\n", text).strip("\n").replace("\0", ""))

    def _tag(self, start: int) -> int:
        """Handle what begins with `<` at `start`; return where the text goes on."""
        markup = self.markup
        if markup.startswith("<!--", start):
            return self._after("-->", start + 2)  # "<!-->" is one, too
        if markup.startswith(("<!", "<?"), start):
            return self._after(">", start)
        name = _TAG_NAME.match(markup, start + 1)
        if name is None:
            self._say("<")
            return start + 1
        if markup[name.end() : name.end() + 1] in _NOT_IN_NAME and _ADDRESS.match(markup, start):
            self._say("<")
            return start + 1
        end = self._tag_end(name.end())
        tag, is_closing = name[1].lower(), markup[start + 1] == "/"
        if tag in _UNSEEN and not is_closing:
            return self._after_element(tag, end)
        attributes = markup[name.end() : min(end - 1, name.end() + _ATTRIBUTES)]
        if self.hidden:
            self._count_hidden(tag, is_closing)
        elif not is_closing and self.may_hide and _is_hidden(attributes):
            self.hidden, self.depth = ("" if tag in _VOID else tag), 1
        else:
            self._element(tag, is_closing, attributes)
        return end

    def _count_hidden(self, tag: str, is_closing: bool) -> None:
        if tag == self.hidden:
            self.depth += -1 if is_closing else 1
            if not self.depth:
                self.hidden = ""

    def _after(self, mark: str, start: int) -> int:
        found = self.markup.find(mark, start)
        return len(self.markup) if found < 0 else found + len(mark)

    def _after_element(self, tag: str, start: int) -> int:
        """Pass over an element that shows nothing; an unclosed one hides only its tag."""
        if tag in self.spent:
            return start
        if (close := _CLOSING[tag].search(self.markup, start)) is not None:
            return self._after(">", close.end())
        self.spent.add(tag)
        return start

    def _tag_end(self, position: int) -> int:
        """Find the end of a tag, passing over quoted attribute values."""
        markup = self.markup
        while (mark := _TAG_MARK.search(markup, position)) is not None:
            position = mark.end()
            if mark[0] == ">":
                return position
            closing = -1 if mark[1] in self.spent else markup.find(mark[1], position)
            if closing < 0:
                self.spent.add(mark[1])
            else:
                position = closing + 1
        return len(markup)

    def _element(self, tag: str, is_closing: bool, attributes: str) -> None:
        if tag == "blockquote":
            self._quote(is_closing, attributes)
        elif tag in _PARAGRAPHS:
            self._break(paragraph=not (tag in {"ul", "ol"} and self.lists))
            if tag == "pre":
                self.pres = max(0, self.pres + (-1 if is_closing else 1))
            elif tag in {"ul", "ol"}:
                self._list(tag, is_closing, attributes)
        elif tag in _LINES:
            self._line(tag, is_closing, attributes)
        elif tag in {"td", "th"} and self.line and not is_closing:
            self.line.append(" ")
        elif tag == "a":
            self._link(is_closing, attributes)
        elif tag == "img":
            self._picture(attributes)

    def _picture(self, attributes: str) -> None:
        """Say what a picture elsewhere is. One of the mail's own is a file of it, and its words are
        mostly a program's ("A screenshot of …"): nobody who writes an answer sees them."""
        alt = _value(_ALT, attributes).strip()
        if alt and not _value(_SRC, attributes).strip().lower().startswith("cid:"):
            self._say(f"[{alt[:_LONGEST_ALT]}]")

    def _quote(self, is_closing: bool, attributes: str) -> None:
        self._break(paragraph=True)
        if not is_closing:
            self.indents.append(_INDENT.search(_value(_STYLE, attributes)) is not None)
            is_indent = self.indents[-1]
        else:
            is_indent = bool(self.indents) and self.indents.pop()
        if is_indent:
            return
        if is_closing and self.lines and not self.lines[-1].strip("> "):
            self.lines.pop()  # the empty line belongs below the quote, not to it
        self.quotes = max(0, min(self.quotes + (-1 if is_closing else 1), _DEEPEST_QUOTE))
        if is_closing:
            self._break(paragraph=True)

    def _line(self, tag: str, is_closing: bool, attributes: str) -> None:
        if tag == "br" or self.line:
            self._break()
        if tag == "li" and not is_closing:
            self._item(attributes)
        elif tag == "hr":
            self.line.append(_RULE)
            self._break()

    def _list(self, tag: str, is_closing: bool, attributes: str) -> None:
        if is_closing:
            if self.lists:
                self.lists.pop()
        elif len(self.lists) < _DEEPEST_LIST:
            first = _number(_START, attributes, 1) if tag == "ol" else 0
            self.lists.append(first - 1)

    def _item(self, attributes: str) -> None:
        mark = "* "
        if self.lists and self.lists[-1] >= 0:
            following = self.lists[-1] + 1
            self.lists[-1] = _number(_NUMBER, attributes, following) if attributes else following
            mark = f"{self.lists[-1]}. "
        self.line.append(mark)

    def _link(self, is_closing: bool, attributes: str) -> None:
        """Show where a link goes if its words do not say so."""
        if not is_closing:
            found = _HREF.search(attributes)
            self.href = unescape(found[1]) if found else ""
            self.before = len(self.line)
            return
        href, self.href = self.href, ""
        href = href.removeprefix("mailto:").partition("?")[0] if href[:7] == "mailto:" else href
        is_target = href.startswith(("http://", "https://")) or "@" in href
        words = "".join(self.line[self.before :][-20:])
        if is_target and words.strip() and href.rstrip("/") not in words:
            self.line.append(f" <{href}>")

    def _say(self, text: str) -> None:
        if not text or self.hidden:
            return
        text = unescape(text)
        if self.pres:
            first, *more = text.replace("\r", "").split("\n")
            self.line.append(first)
            for each in more:
                self._break()
                self.line.append(each)
            return
        text = _SPACES.sub(" ", text)
        if text != " " or self.line:
            self.line.append(text)

    def _break(self, *, paragraph: bool = False) -> None:
        """End the line; an empty paragraph break is one empty line at most."""
        line = "".join(self.line)
        line = line.rstrip() if self.pres else _SPACES.sub(" ", line).strip()
        self.line = []
        mark = "> " * self.quotes
        if len(self.lists) > 1 and line:
            line = "  " * (len(self.lists) - 1) + line
        if line or not paragraph:
            self.lines.append(f"{mark}{line}".rstrip())
        if paragraph and self.lines and self.lines[-1].strip("> "):
            self.lines.append(mark.rstrip())
