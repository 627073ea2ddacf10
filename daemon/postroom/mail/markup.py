"""What the HTML of a mail says about where older mails and signatures begin.

Promise: linear in the markup. Only names that mail programs give to these elements count, so it
works in every language. What is found is the beginning of the words there, to be looked up in the
text.
Used by: mail.fresh.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from postroom.mail.html import html_to_text
from postroom.mail.introductions import is_introduction

# Program: what its element around an older mail, or above one, is called.
_OLD = (
    "divRplyFwdMsg",  # Outlook on the web
    "divRpF",  # of 2010
    "appendonsend",
    "mail-editor-reference-message-container",  # Outlook for phones and Mac
    "ms-outlook-mobile-reference-message",
    "OLK_SRC_BODY_SECTION",
    "border-top:solid #E1E1E1 1.0pt",  # Outlook for Windows
    "border-top:solid #B5C4DF 1.0pt",
    "border-top:solid #b5c4df 1.0pt",
    "border-top:solid #e1e1e1 1.0pt",
    "OutlookMessageHeader",
    "freshdesk_quote",
    "missive_quote",
    "airmail_on",
    "stopSpelling",  # Hotmail
    "gmail_attr",
    "gmail_quote",
    "moz-cite-prefix",  # Thunderbird
    "moz-forward-container",
    "moz-email-headers-table",
    "yahoo_quoted",
    "qtdSeparateBR",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",  # Zoho
    "__QUOTED_TEXT__",  # Zimbra
    "messageReplySection",  # Spark
    "isReplyContent",
    "isForwardContent",
    'name="quote"',  # GMX, web.de
    "mail-quote-collapse",  # mail.ru
    'type="cite"',  # Apple Mail, Thunderbird
    "type='cite'",
    "type=cite",
)
# Gmail's "signature_prefix" holds the dashes above it.
_SIGNATURE = re.compile(
    r"""\b(?:class|id|name)\s{0,3}=\s{0,3}(?:"[^"<>]{0,100}?|'[^'<>]{0,100}?|[^\s"'<>]{0,100}?)signature(?!_prefix)""",
    re.IGNORECASE,
)
_MOST_SIGNATURES = 50  # names that are looked at
_BEFORE = 2_000  # characters before a name within which its tag begins
_SHOWN = 6_000  # characters of the markup that are turned into words to be looked up
_ENOUGH = 400  # of them that mostly hold as many words as are compared
_KEY = 20  # letters and digits of them that are compared
_SHORTEST = 3
_MOST_PLACES = 20  # where these letters are looked for
_TAG = re.compile(r"<(/?)(div|span|p|table|pre|td|signature|section)\b", re.IGNORECASE)
_INTRODUCED = 3  # lines at most in which an older mail is introduced
_MOST_TAGS = 400  # inside a signature
_BLOCKQUOTE = re.compile(r"<blockquote[^>]", re.IGNORECASE)
# The style of <div style="border-left: 1px solid #ccc; padding-left: 8px">.
_BAR = re.compile(r"border-left(?:-width)?:\s?[^;<>\"']{0,40}\d", re.IGNORECASE)
_SET_OFF = re.compile(r"(?:padding|margin)(?:-left)?:", re.IGNORECASE)
_LONGEST_TAG = 1_000
_MOST_BARRED = 10
_MOST_TAGS_BARRED = 4_000
_SQUEEZE = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Marks:
    """First letters of the older mail and of the signature, without anything between; or "".

    `below` are those of a signature below the last quote. `is_citing`: there are quotes, but none
    has a name or a look, as the quotes of mail programs do.
    """

    old: str = ""
    signature: str = ""
    below: str = ""
    is_citing: bool = False


def find_marks(markup: str) -> Marks:
    """Find the first mark of each kind."""
    old = _first(markup, _OLD, 0, len(markup))
    is_citing = old is None and "<blockquote>" in markup and _BLOCKQUOTE.search(markup) is None
    if old is None:
        old = _first_barred(markup)
    end = len(markup) if old is None else old
    signature = _first_signature(markup, 0, end)
    last = markup.rfind("</blockquote")
    below = _first_signature(markup, last, len(markup)) if last >= end else None
    return Marks(
        "" if old is None else _words(markup[old : old + _SHOWN]),
        "" if signature is None else _signature_words(markup, signature, end),
        "" if below is None else _signature_words(markup, below, len(markup)),
        is_citing,
    )


def _first(markup: str, names: Sequence[str], start: int, end: int) -> int | None:
    """Return where the first tag begins that has one of these names."""
    found: int | None = None
    for name in names:
        at = markup.find(name, start, end)
        # "x_divRplyFwdMsg" is inside an older mail already; in a style sheet nothing begins.
        while at >= 0 and markup[at - 1] in "_.#":
            at = markup.find(name, at + 1, end)
        if at < 0:
            continue
        tag = markup.rfind("<", max(at - _BEFORE, 0), at)
        if tag >= 0:
            found = end = tag if found is None else min(found, tag)
    return found


def _first_barred(markup: str) -> int | None:
    """Return where the first element begins that a bar on its left runs down to the end of all."""
    at = markup.find("border-left")
    for _ in range(_MOST_BARRED):
        if at < 0:
            break
        start = markup.rfind("<", max(at - _LONGEST_TAG, 0), at)
        end = markup.find(">", at, at + _LONGEST_TAG)
        if start >= 0 and _is_barred(markup[start:end]) and _is_last(markup, start):
            above = html_to_text(markup[max(start - _SHOWN, 0) : start]).rstrip()
            # "Your page says:", and what it says.
            return None if above.endswith((":", "：")) else start
        at = markup.find("border-left", at + 1)
    return None


def _is_barred(tag: str) -> bool:
    is_div = tag[:5].lower() == "<div " and ">" not in tag
    return is_div and _BAR.search(tag) is not None and _SET_OFF.search(tag) is not None


def _is_last(markup: str, start: int) -> bool:
    """Say whether no words follow the element that begins here."""
    close = _end_of_element(markup, start, len(markup), _MOST_TAGS_BARRED)
    if close is None or len(markup) - close > _SHOWN:
        return False
    return not _SQUEEZE.sub("", html_to_text(markup[close:]))


def _first_signature(markup: str, start: int, end: int) -> int | None:
    """Return where the first element begins that is called a signature."""
    for at in islice(_SIGNATURE.finditer(markup, start, end), _MOST_SIGNATURES):
        tag = markup.rfind("<", max(at.start() - _BEFORE, 0), at.start())
        if tag >= 0 and markup.find(">", tag, at.start()) < 0:
            return tag
    return None


def _words(markup: str) -> str:
    """Return the first words of some markup, without anything between."""
    top = markup[: markup.rfind(">", 0, _ENOUGH) + 1]
    words = _SQUEEZE.sub("", html_to_text(top)).lower()[:_KEY] if top else ""
    if len(words) < _KEY and len(top) < len(markup):
        words = _SQUEEZE.sub("", html_to_text(markup)).lower()[:_KEY]
    return words


def _signature_words(markup: str, start: int, end: int) -> str:
    """Return the beginning of a signature; "" if words that are no quote follow it."""
    close = _end_of_element(markup, start, end)
    if close is None or _has_own_words(markup[close : min(close + _SHOWN, end)]):
        return ""
    return _words(markup[start : min(close, start + _SHOWN)])


def _has_own_words(markup: str) -> bool:
    """Say whether words follow that do not introduce an older mail."""
    lines = [line for line in html_to_text(markup).split("\n") if line.strip("<> \t")]
    if not any(_SQUEEZE.sub("", line) for line in lines):
        return False
    return len(lines) > _INTRODUCED or not is_introduction(" ".join(lines).strip(), is_marked=True)


def _end_of_element(markup: str, start: int, end: int, most: int = _MOST_TAGS) -> int | None:
    depth, name = 0, ""
    for count, tag in enumerate(_TAG.finditer(markup, start, end)):
        if count > most:
            break
        name = name or tag[2].lower()
        if tag[2].lower() == name:
            depth += -1 if tag[1] else 1
            if depth <= 0:
                return tag.start()
    return None


def line_of(lines: Sequence[str], key: str, *, is_last: bool = False) -> int:
    """Return the line that begins with these letters, whatever stands between them; -1 if none.

    The first such line, or the last one.
    """
    if len(key) < _SHORTEST:
        return -1
    offsets: dict[int, int] = {}
    squeezed: list[str] = []
    offset = 0
    for number, line in enumerate(lines):
        if letters := _SQUEEZE.sub("", line).lower():
            offsets[offset] = number
            squeezed.append(letters)
            offset += len(letters)
    whole = "".join(squeezed)
    at = whole.rfind(key) if is_last else whole.find(key)
    for _ in range(_MOST_PLACES):
        if at < 0 or at in offsets:
            break
        at = whole.rfind(key, 0, at + len(key) - 1) if is_last else whole.find(key, at + 1)
    return offsets.get(at, -1)
