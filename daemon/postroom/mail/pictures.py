"""Where the HTML of a mail shows its own pictures: among the new words, in a signature, in a quote.

Promise: time linear in markup and text; offsets only, no word is changed. A picture whose place in
the text cannot be told stands at its end.
Used by: mail.parse.

The HTML is turned into text once more with a mark in place of each picture, and that text is told
apart as the mail's own is: so whatever is quote or signature there has its pictures with it.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from postroom.mail.fresh import Extents, find_extents
from postroom.mail.html import html_to_text
from postroom.mail.message import Attachment, Belongs, Picture
from postroom.mail.namesakes import NOBODY, Author

_MOST = 200  # pictures that are looked for
_KEY = 24  # letters before a picture by which its place is found in the text
_SURE = 8  # so many of them may be looked for further below
_LONGEST = 200_000  # characters of the new words that are looked through
_TAG = re.compile(r"<img\b([^<>]*+)>", re.IGNORECASE)
_SOURCE = re.compile(r"(?<![\w-])src\s*+=\s*+[\"']?+\s*+cid:([^\s\"'<>]{1,250})", re.IGNORECASE)
_ALT = re.compile(r"(?<![\w-])alt\s*+=\s*+(?:\"([^\"]{1,300})\"|'([^']{1,300})')", re.IGNORECASE)
_MARK = re.compile("\ue000(\\d{1,3})\ue001")
_WORD = re.compile(r"[^\W_]++")


@dataclass(frozen=True, slots=True)
class _Shown:
    part: str
    content_id: str
    alt: str


def find_pictures(
    fresh: str,
    markup: str | None,
    attachments: Sequence[Attachment],
    author: Author = NOBODY,
) -> tuple[Picture, ...]:
    """Say of each picture that the HTML refers to by `cid:` where it stands; in order."""
    known = {
        one.content_id: one for one in attachments if one.content_id and one.type[:6] == "image/"
    }
    if not known or markup is None:
        return ()
    marked, shown = _mark(markup, known)
    if not shown:
        return ()
    text = html_to_text(marked)
    extents, lines = find_extents(text, marked, author), text.split("\n")
    finder, found = _Finder(fresh), dict[str, Picture]()
    for line in (line for part in extents.own for line in lines[part]):
        for picture in finder.pass_line(line, shown):
            found.setdefault(picture.part, picture)
    own = sorted(found.values(), key=lambda one: one.start)
    for part, belongs in _elsewhere(lines, extents, shown):
        found.setdefault(part, Picture(part, belongs))
    return (*own, *list(found.values())[len(own) :])


def _elsewhere(
    lines: Sequence[str], extents: Extents, shown: Sequence[_Shown]
) -> Iterator[tuple[str, Belongs]]:
    """Yield the pictures of signatures; then all, for those that are left are older."""
    for part in extents.signatures:
        is_named = part.start <= extents.named < part.stop
        belongs = Belongs.SIGNATURE if is_named else Belongs.BELOW
        yield from ((number, belongs) for number in _marks_in(lines[part], shown))
    yield from ((number, Belongs.OLDER) for number in _marks_in(lines, shown))


def _mark(markup: str, known: dict[str, Attachment]) -> tuple[str, list[_Shown]]:
    """Put a mark in place of each picture of the mail's own."""
    shown: list[_Shown] = []

    def replaced(tag: re.Match[str]) -> str:
        source = _SOURCE.search(tag[1])
        if source is None or len(shown) >= _MOST:
            return tag[0]
        content_id = unquote(html.unescape(source[1]))
        if content_id not in known:
            return tag[0]
        alt = _ALT.search(tag[1])
        words = html.unescape(alt[1] or alt[2]) if alt is not None else ""
        shown.append(_Shown(known[content_id].part, content_id, words))
        return f"\ue000{len(shown) - 1}\ue001"

    bare = markup.replace("\ue000", "").replace("\ue001", "")
    return _TAG.sub(replaced, bare), shown


def _marks_in(lines: Sequence[str], shown: Sequence[_Shown]) -> Iterator[str]:
    """Yield the part numbers of the pictures that are marked in these lines."""
    for line in lines:
        if "\ue000" in line:
            yield from (shown[int(n)].part for n in _MARK.findall(line) if int(n) < len(shown))


class _Finder:
    """Finds in the new words what the HTML has before a picture; goes down, never up."""

    def __init__(self, fresh: str) -> None:
        self.fresh = fresh
        self.position = 0  # behind the picture before
        self.before = ""  # letters of the HTML since then, the last ones
        self.count = 0  # of all of them
        self.letters, self.starts, self.offsets = _squeezed(fresh[:_LONGEST])

    def pass_line(self, line: str, shown: Sequence[_Shown]) -> Iterator[Picture]:
        """Take one more line of the HTML's text; yield the pictures in it."""
        end = 0
        for mark in _MARK.finditer(line):
            self._pass_words(line[end : mark.start()])
            end = mark.end()
            if int(mark[1]) < len(shown):
                yield self._place(shown[int(mark[1])])
        self._pass_words(line[end:])

    def _pass_words(self, words: str) -> None:
        letters = "".join(_lower(word) for word in _WORD.findall(words))
        self.count += len(letters)
        self.before = (self.before + letters)[-_KEY:]

    def _place(self, one: _Shown) -> Picture:
        place = self._by_mark(one) or self._by_words()
        self.before, self.count = "", 0
        if place is None:
            place = len(self.fresh), len(self.fresh)
        else:
            self.position = place[1]
        return Picture(one.part, Belongs.OWN, *place)

    def _by_mark(self, one: _Shown) -> tuple[int, int] | None:
        """Find what programs write in the text for a picture: Outlook, Gmail, older Outlooks."""
        marks = [f"[cid:{one.content_id}]"]
        if one.alt:
            marks += [f"[image: {one.alt}]", f"[{one.alt}]"]
        for mark in marks:
            at = self.fresh.find(mark, self.position, _LONGEST)
            if at >= 0:
                return at, at + len(mark)
        return None

    def _by_words(self) -> tuple[int, int] | None:
        """Find the end of the line that the words before the picture end in."""
        if not self.before:
            return self.position, self.position
        first = bisect_right(self.offsets, self.position - 1)
        start = self.starts[first] if first < len(self.starts) else len(self.letters)
        # Most often all is as in the HTML; else these words come later, or never.
        at = self.letters.find(self.before, start, start + self.count)
        if at < 0 and len(self.before) >= _SURE:
            at = self.letters.find(self.before, start)
        if at < 0:
            return None
        last = at + len(self.before) - 1
        word = bisect_right(self.starts, last) - 1
        end = self.fresh.find("\n", self.offsets[word] + last - self.starts[word])
        end = len(self.fresh) if end < 0 else end
        return end, end


def _squeezed(text: str) -> tuple[str, list[int], list[int]]:
    """Return the letters and digits of a text, and of each word where it begins here and there."""
    letters: list[str] = []
    starts: list[int] = []
    offsets: list[int] = []
    length = 0
    for word in _WORD.finditer(text):
        letters.append(_lower(word[0]))
        starts.append(length)
        offsets.append(word.start())
        length += len(word[0])
    return "".join(letters), starts, offsets


def _lower(word: str) -> str:
    """Fold a word without making it longer or shorter."""
    low = word.lower()
    return low if len(low) == len(word) else word
