"""What a person newly wrote, inside the text of a mail.

Promise: time linear in text and markup. Nothing is deleted from the text itself; this only says
which lines of it are new. Left out are quoted lines and what introduces them, older mails below a
header block or separator, signatures, and what telephones and programs add. Answers between and
below quoted lines stay. If nothing seems new, all of the text is shown (pain 63), and `is_all_old`
says so: such a mail, a quote or a bare forward, commands nothing and answers nobody.
Used by: mail.parse, mail.pictures, mail.page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from postroom.mail.armour import begins_armour, below_armour
from postroom.mail.cards import STOPS
from postroom.mail.html import html_to_text
from postroom.mail.insertions import MOST_LINES, find_insertions
from postroom.mail.introductions import is_bare_introduction, is_introduction, is_quoted
from postroom.mail.markup import Marks, find_marks, line_of
from postroom.mail.namesakes import NOBODY, Author
from postroom.mail.othermarks import with_plain_marks
from postroom.mail.quotes import (
    Boundary,
    broken_introduction,
    clean,
    end_of_forward,
    find_boundary,
    may_be_boundary,
)
from postroom.mail.signatures import find_postscript, own_lines

# A line without colon that begins so may be quoted, a rule or a separator.
_STARTS = frozenset(">|&#-‐‑‒–—―─━_=*~ \t")
_START = re.compile(r"[ \t]{0,10}(?:[>|]|&gt;|[-#‐‑‒–—―─━_=*~]{2})")
_LEFT_OVER = re.compile("^(?:=20)+$", re.MULTILINE)  # of quoted-printable, in an empty line
_GAP = re.compile(r"\n{3,}+")
# "👍" is an answer, too, and so are "?" and ":-)".
_WORD = re.compile(
    "[\\w☹☺✅✌✓✔❤\U0001f300-\U0001faff]|(?m:^ {0,3}(?:[?!]{1,10}|[:;]-?[()]|<3|\\^\\^) *$)"
)
_LONG = 56  # characters of a quoted line whose end may have slipped into the next one
_SLIPPED = 40  # characters of such an end
_WIDTH = 72  # characters of a line that programs break longer ones at, at least
_MOST_LOOKS = 3_000  # at lines that may introduce an older mail; those below are kept
_MOST_ARMOURS = 50  # of PGP and cards, that are passed over
_MOST_PARTS = 1_000  # between quotes, that are searched for signatures
_LONGEST_TALK = 60  # lines that are looked at together
_TALK = re.compile(r"[<>]|\* |---\s*$")  # as of curl and diff
# "Yes. On 5 May 2026, Ann wrote:", where a line break got lost.
_GLUED = re.compile(
    r"(.{0,300}?(?:[.!?…。！？)] *|\S +(?=On (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun))))"
    r"(?=(?:On|Am|Le|El|Il|Op|Em|Den|W dniu) .{0,25}\d{1,2}.{0,60}\d{4})"
)
_OPEN_LINK = re.compile(
    r"^[^>].{0,400}<(?:https?://|mailto:)[^<>\s]{20,}$|^<https?://[^<>\s]{20,}$"
)
_LONGEST_LINK = 500
_INDENTED = re.compile(r"[ \t]{2,10}> ?[-+]?\d")
# Turnpike: "In message <1@x.example>, Ann Smith <ann@x.example> writes", in two lines.
_IN_MESSAGE = re.compile(r"In (?:message|article) <")
_PROMPT = re.compile(r"\s{0,3}>>> \S")


@dataclass(frozen=True, slots=True)
class Fresh:
    """`text` is what is new; all of the mail if nothing is (`is_all_old`).

    `older` is where the first older mail begins, unless quoted lines without a word about them
    stand above it. `own` is what is new but for answers between the lines of an older mail without
    quote marks, if there are any: that mail's author may have written them there himself.
    `is_whole`: it quotes nothing.
    """

    text: str
    is_all_old: bool
    older: Boundary | None = None
    own: str | None = None
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Extents:
    """Which lines are new, and which are signatures below new ones; all others are older.

    `named` is the first line of the signature that the HTML names so, or -1.
    """

    own: tuple[slice, ...]
    signatures: tuple[slice, ...]
    named: int = -1


def split_fresh(text: str, markup: str | None = None, author: Author = NOBODY) -> Fresh:
    """Tell what is new in a text; `markup` is the same mail in HTML, if it has such a part."""
    text = text.replace("\r", "") if "\r" in text else text
    found = _split(text, markup, author)
    if found.is_all_old and markup:  # below a quote that only the markup shows as one?
        shown = html_to_text(markup)
        if shown != text and not (again := _split(shown, markup, author)).is_all_old:
            return replace(again, older=found.older)
    return found


def _split(text: str, markup: str | None, author: Author) -> Fresh:
    walk = _walk(text, markup, author)
    originals = text.split("\n")
    for number, words in walk.glued.items():
        originals[number] = words
    fresh = _joined(originals, walk.parts)
    if _WORD.search(fresh) is None:
        return Fresh(text.strip("\n"), _WORD.search(text) is not None, walk.older)
    own = _joined(originals, walk.parts[: -walk.inserted]) if walk.inserted else None
    is_whole = not walk.has_quote and walk.old < 0
    return Fresh(fresh, is_all_old=False, older=walk.older, own=own, is_whole=is_whole)


def _joined(originals: Sequence[str], parts: Sequence[slice]) -> str:
    kept = "\n".join([line.rstrip() for part in parts for line in originals[part]])
    if "=20" in kept:
        kept = _LEFT_OVER.sub("", kept)
    return _GAP.sub("\n\n", kept).strip("\n")


def _walk(text: str, markup: str | None, author: Author) -> _Walk:
    marks = find_marks(markup) if markup else Marks()
    walk = _Walk(text, marks, author)
    walk.run()
    if walk.has_quote and walk.older is None and marks.is_citing and walk.has_words_around():
        walk = _Walk(text, marks, author, is_own=True)
        walk.run()
    return walk


def find_extents(text: str, markup: str | None = None, author: Author = NOBODY) -> Extents:
    """Tell the lines of a text apart, as `split_fresh` does."""
    walk = _walk(text, markup, author)
    lines = text.split("\n")
    if not any(_WORD.search(line) for part in walk.parts for line in lines[part]):
        return Extents((slice(0, len(lines)),), ())
    return Extents(tuple(walk.parts), tuple(walk.signatures), walk.signature)


class _Walk:
    """State of the pass over the lines: what is kept, in parts between quotes."""

    def __init__(self, text: str, marks: Marks, author: Author, *, is_own: bool = False) -> None:
        self.author = author
        cleaned = clean(text)
        self.lines = lines = with_plain_marks(cleaned)
        self.parts: list[slice] = []
        self.signatures: list[slice] = []
        self.start = 0  # of the part that is being read
        self.older: Boundary | None = None
        self.has_quote = self.has_said = self.has_slipped = False
        self.glued: dict[int, str] = {}  # own words of lines that an introduction ends
        self.looks = self.armours = self.inserted = 0
        self.old = line_of(lines, marks.old)  # where the markup says that an older mail begins
        top = lines if self.old < 0 else lines[: self.old]
        self.signature = line_of(top, marks.signature, is_last=True)
        if self.signature < 0 and marks.below:
            self.signature = line_of(lines, marks.below, is_last=True)
        self.is_code = is_own or (">>> " in cleaned and _is_code(lines))
        self.has_talk = "\n< " in cleaned
        # All other lines are the sender's own, and nobody looks at them again.
        self.clues = [number for number, line in enumerate(lines) if _is_clue(line)]

    def run(self) -> None:
        position = 0
        end = len(self.lines)
        for number in [*self.clues, end]:
            if position <= self.old < min(number + 1, end):
                position = self._at_mark(self.old)
            if position <= number < end:
                position = self._at_clue(number)
        self._close(end)

    def has_words_around(self) -> bool:
        """Say whether the sender's own words stand above the first quote and below the last."""
        ends = (self.parts[0], self.parts[-1]) if len(self.parts) > 1 else ()
        return bool(ends) and all(
            any(_WORD.search(line) for line in self.lines[part]) for part in ends
        )

    def _at_clue(self, number: int) -> int:
        """Look at a line that may not be the sender's own; return where the next part begins."""
        if is_quoted(self.lines[number]) and not self.is_code and not self._is_value(number):
            if (broken := broken_introduction(self.lines, number)) is not None:
                return self._pass(broken)
            if number and _OPEN_LINK.search(self.lines[number - 1][-_LONGEST_LINK:]):
                return number + 1  # "> for the details" ends the link
            if self.has_talk and (below := _below_talk(self.lines, number)) is not None:
                return below
            self._close(self._above_bare_introduction(number))
            self.has_quote = True
            self.start = self._below_quote(number)
            return self.start
        if (below := self._below_armour(number)) is not None:
            self._close(number)
            self.start = below
            return below
        found = None
        if self.looks < _MOST_LOOKS and may_be_boundary(self.lines[number]):
            self.looks += 1
            found = find_boundary(self.lines, number)
        return number + 1 if found is None else self._pass(found)

    def _is_value(self, number: int) -> bool:
        """Say whether the mark means "more than", in an indented line of the sender's own."""
        if _INDENTED.match(self.lines[number]) is None:
            return False
        beside = self.lines[max(number - 1, 0) : number + 2]
        return sum(map(is_quoted, beside)) == 1

    def _below_armour(self, number: int) -> int | None:
        if self.armours >= _MOST_ARMOURS or not begins_armour(self.lines[number]):
            return None
        self.armours += 1
        return below_armour(self.lines, number)

    def _at_mark(self, position: int) -> int:
        """Leave out what the markup calls an older mail, also in a language unknown here."""
        for number in range(position, min(position + 5, len(self.lines))):
            found = find_boundary(self.lines, number, is_expected=True)
            if found is not None:
                return self._pass(found)
            if is_quoted(self.lines[number]):
                break  # what introduces an older one inside is part of the quote
        self._close(self._above_bare_introduction(position))
        near = range(position, min(position + 6, len(self.lines)))
        self.start = next((n for n in near if is_quoted(self.lines[n])), len(self.lines))
        return self.start

    def _pass(self, found: Boundary) -> int:
        """Leave a boundary out; below it all is old, or all that carries a quote mark."""
        self._close(found.start + self._keep_glued(found))
        if self.older is None and not self.has_quote:
            self.older = found
        self.has_quote = True
        if found.is_quoted:
            self.start = found.end
        elif found.is_forward:
            self.start = min(end_of_forward(self.lines, found.end) + 1, len(self.lines))
        else:
            self._keep_insertions(found)
            self.start = len(self.lines)
        return self.start

    def _keep_insertions(self, found: Boundary) -> None:
        """Count what he wrote between the lines of the older mail, if it is the newest of them."""
        if self.older is not found:
            return
        above = "\n".join(line for part in self.parts for line in self.lines[part])
        end = min(found.end + MOST_LINES, len(self.lines))
        for number in range(found.end, end):
            if may_be_boundary(self.lines[number]) and find_boundary(self.lines, number):
                end = number
                break
        inserted = find_insertions(self.lines, found.end, end, above[:_LONGEST_LINK], self.author)
        self.parts += inserted
        self.inserted = len(inserted)

    def _keep_glued(self, found: Boundary) -> int:
        """Count the lines of an introduction that begin with the sender's own words."""
        glued = _GLUED.match(self.lines[found.start]) if found.introduction else None
        if glued is None or found.start < self.start:
            return 0
        words = found.introduction[len(glued[1].lstrip()) :].strip()
        if not is_introduction(words, is_marked=found.is_quoted):
            return 0
        self.lines[found.start] = self.glued[found.start] = glued[1].rstrip()
        return 1

    def _above_bare_introduction(self, number: int) -> int:
        above = number - 1 if number and self.lines[number - 1].strip() else number - 2
        if above < self.start:
            return number
        if is_bare_introduction(self.lines[above]):
            return above
        first = self.lines[above - 1].strip() if above > self.start else ""
        is_broken = _IN_MESSAGE.match(first) and is_bare_introduction(
            f"{first} {self.lines[above]}"
        )
        return above - 1 if is_broken else number

    def _below_quote(self, position: int) -> int:
        """Pass over quoted lines, and over ends of them that slipped into a line of their own."""
        while position < len(self.lines) and self._is_old(position):
            position += 1
        return position

    def _is_old(self, position: int) -> bool:
        line, above = self.lines[position], self.lines[position - 1]
        if is_quoted(line):
            return True
        if not 0 < len(line.strip()) <= _SLIPPED or len(above) < _LONG:
            return False
        following = self.lines[position + 1] if position + 1 < len(self.lines) else ""
        is_lower = line.lstrip()[:1].islower()
        is_full = len(above) + 1 + len(line.split()[0]) > _WIDTH
        is_open = not above.rstrip().endswith(STOPS)
        if not is_quoted(following):
            # As no slip but an answer, "no" would stand there just so.
            is_alone = len(line.strip()) <= _SLIPPED // 2 and not following.strip()
            return self.has_slipped and is_lower and is_open and is_alone
        goes_on = following.lstrip(" >")[:1].islower()
        is_slip = is_lower or (is_full and (is_open or goes_on))
        self.has_slipped = self.has_slipped or is_slip
        return is_slip

    def _close(self, end: int) -> None:
        """End a part: what follows is older, or nothing."""
        start, self.start = self.start, end
        last = end
        if start <= self.signature < end:
            end = self.signature
        if start < end:
            if below := find_postscript(self.lines[start:end]):
                self._keep(start, start + below)
                start += below
            self._keep(start, end)
        if max(start, end) < last:
            self.signatures.append(slice(end, last))

    def _keep(self, start: int, last: int) -> None:
        """Count lines as own, down to a signature among them."""
        end = last
        if len(self.parts) < _MOST_PARTS:
            part = self.lines[start:last]
            end = start + own_lines(part, self.author, has_said=self.has_said)
        self.parts.append(slice(start, end))
        self.has_said = self.has_said or any(map(_WORD.search, self.lines[start:end]))
        if end < last:
            self.signatures.append(slice(end, last))


def _is_clue(line: str) -> bool:
    """Say whether a line may introduce or quote an older mail; quick, for most lines do not."""
    if ":" in line or "：" in line or "---" in line or "bove this line" in line:
        return True
    return line[:1] in _STARTS and _START.match(line) is not None


def _below_talk(lines: Sequence[str], position: int) -> int | None:
    """Return the line below a talk of machines or a difference: "> EHLO me", "< 250 ok"."""
    start = end = position
    while start > max(position - 2, 0) and _TALK.match(lines[start - 1]) is not None:
        start -= 1
    while end < min(position + _LONGEST_TALK, len(lines)) and _TALK.match(lines[end]) is not None:
        end += 1
    # "< snip >" between two quotes is none.
    is_talk = any(line.startswith("< ") and ">" not in line for line in lines[start:end])
    return end if is_talk else None


def _is_code(lines: Sequence[str]) -> bool:
    """Say whether the quote marks are prompts of Python, pasted into the mail."""
    marked = [line for line in lines if is_quoted(line)]
    return bool(marked) and all(_PROMPT.match(line) is not None for line in marked)
