"""Where a person's words end, and signature, telephone and disclaimers begin.

Promise: linear in the lines. A greeting and a name are the person's own words; they go only as part
of a block with ways to reach him. In doubt a line stays.
Used by: mail.fresh.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.mail.cards import (
    BLOCK,
    LINK,
    LOOK,
    NARROW,
    POSTSCRIPT,
    REACH,
    SPOKEN,
    STOPS,
    above_block,
    is_valediction,
    last_line,
)
from postroom.mail.closings import (
    ADDED,
    DEVICE,
    DISCLAIMER,
    GET_OUTLOOK,
    HAPPENED,
    LEADING,
    LIST_FOOTER,
    SALUTATION,
    SENT_FROM,
    SPOKEN_OF,
    TOLD_OF,
)
from postroom.mail.footers import (
    has_stem,
    is_advertisement,
    is_disclaimer,
    is_list_footer,
    is_note,
    is_programs,
    is_sponsor,
)
from postroom.mail.namesakes import NOBODY, Author

_TAIL = 80  # lines at the end of a text that are looked at, paragraph by paragraph
_MOST_DELIMITERS = 3  # at the end of a text, that are looked at
_LONGEST_HELLO = 40  # characters of "Dear Mrs Smith,"
_FOOTER = 25  # characters that no footer is shorter than
_SHORT = 10  # lines below a bare "--" that may still be a signature
_DELIMITER = re.compile(
    r"\s?(?:--|__|_{3,80}|—|––|——|–|-{3,80}|- --?|={3,80}|\*{3,80}"
    r"|\.{5,80}|\+{5,80}|#{5,80}|~{2,80}|[─━]{2,80}"
    r"|[┏┌╔╭][─━═]{2,80}[┓┐╗╮]?)\s*$"
)
_LONE_DASHES = frozenset({"", "—", "–", "―"})
_STRICT = ("-- ", "--\t", "- -- ")  # the last one is how PGP writes it in a signed text
_LONGEST_RULE = 60  # characters of one that no person types
_LONG_RULE = re.compile(r"\s*[-_=*~─━]{9}")  # stands below a title, too, or in a table
_DELIMITERS = "-_—–=*~.+#─━┏┌╔╭ "
_RULE = re.compile(r"[\s\-‐‑‒–—―─━═┏┓┗┛┌┐└┘╔╗╚╝╭╮╰╯_=*~#+.]{2,}+(?:(?<=[~-])>\s*+)?$")
_LINK_ALONE = re.compile(rf"(?:{LINK.pattern}|www\.\S+)*", re.IGNORECASE)
_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+")
# "-Ann", "— Ann Berg"
_DASHED_NAME = re.compile(
    r"\s?(?:(?:[-–—~]|--) ?|//?(?=[^\W\d_a-zß-öø-ÿ]))[^\W\d_][\w.'’]{0,20}"
    r"(?: [^\W\d_][\w.'’]{0,20}){0,2}\s*$"
)
# "Please send the other one, too." below a rule.
_SENTENCE_WORDS = re.compile(r"\W{0,3}\w++(?:[^\w|@/]++\w++){2,100}[.!?]\s*$")


def own_lines(lines: Sequence[str], author: Author = NOBODY, *, has_said: bool = False) -> int:
    """Count the lines from the top that a person wrote; below them the signature begins.

    `has_said`: there are words of his above, before a quote, so that these may be nothing else.
    """
    # What follows a greeting is taken as a whole, before a footer in it is taken alone.
    looked = _above_delimiter(lines)
    is_typed = looked < len(lines) and lines[looked] not in _STRICT
    if is_typed and _is_salutation(lines[:looked]) and _speaks(lines[looked + 1 :]):
        looked = len(lines)
    count = _above_endings(lines, looked, author, has_said=has_said)
    # "Hello," alone is no mail: what stands below it is what its sender had to say.
    return looked if count < looked and _is_salutation(lines[:count]) else count


def find_postscript(lines: Sequence[str]) -> int:
    """Return the line of a postscript at the end, which may stand below a signature; 0: none."""
    for number in range(len(lines) - 1, max(len(lines) - _SHORT, 0), -1):
        if POSTSCRIPT.match(lines[number]) and not lines[number - 1].strip():
            return 0 if any(mark in lines[:number] for mark in _STRICT) else number
    return 0


def _is_salutation(lines: Sequence[str]) -> bool:
    said = [line for line in lines if line.strip()]
    return (
        len(said) == 1
        and len(said[0]) <= _LONGEST_HELLO
        and bool(SALUTATION.match(said[0].lower()))
    )


def _speaks(lines: Sequence[str]) -> bool:
    return any(SPOKEN.search(line[:LOOK]) is not None for line in lines[:_SHORT])


def _above_endings(lines: Sequence[str], looked: int, author: Author, *, has_said: bool) -> int:
    """Cut above a signature that a greeting begins, and above what programs and firms add."""
    count = _without_block(lines, looked, author, has_said=has_said)
    while True:
        shorter = _without_last_paragraph(lines, count)
        if shorter == count:
            break
        count = shorter
    count = _above_rules(lines, count)
    if count == looked:
        return count
    return _without_block(lines, count, author, has_said=has_said)


def _without_block(lines: Sequence[str], count: int, author: Author, *, has_said: bool) -> int:
    shorter = above_block(lines, count, author)
    is_some = has_said or (shorter < count and any(map(_WORD.search, lines[:shorter])))
    return shorter if is_some else count


def _above_delimiter(lines: Sequence[str]) -> int:
    """Cut at "-- ", or at what people type for it."""
    strict = [lines.index(mark) for mark in _STRICT if mark in lines]
    if strict:
        return min(strict)
    typed = [
        number
        for number in range(max(0, len(lines) - _TAIL), len(lines))
        if lines[number][:1] in _DELIMITERS and _DELIMITER.match(lines[number]) is not None
    ]
    for number in typed[-_MOST_DELIMITERS:]:
        if _is_signature(lines, number):
            return number
    return len(lines)


def _is_signature(lines: Sequence[str], mark: int) -> bool:
    """Say whether the lines below a bare "--" are few and short enough for a signature."""
    below = [line for line in lines[mark + 1 : mark + _TAIL + 1] if line.strip()]
    if not below or len(lines) - mark > _TAIL:
        return False
    if any(POSTSCRIPT.match(line) for line in below):
        return False
    low = [line[:LOOK].lower() for line in below]
    if len(low) > _SHORT and sum(not is_programs(line) for line in low) > _SHORT:
        return False
    if any(len(line) > 160 and not DISCLAIMER.search(line) for line in low):
        return False
    if _LONG_RULE.match(lines[mark]) is not None and _is_table(lines, mark):
        return False
    if mark and abs(len(lines[mark - 1].strip()) - len(lines[mark].strip())) < 2 < len(lines[mark]):
        return False  # it underlines a title
    near = range(max(mark - _SHORT, 0), mark + 1)
    if any(lines[each] == lines[mark] and _is_announced(lines, each) for each in near):
        return False
    if lines[mark].lstrip()[:1] in ".+#" and not _is_apart(lines, mark, below[0]):
        return False
    if lines[mark].strip() in {"--", "__", "___", "—", "~~", "- --"}:
        may_tell = lines[mark].strip() != "--" or lines[mark] in lines[max(mark - _TAIL, 0) : mark]
        is_told = may_tell and all(_SENTENCE_WORDS.match(line) for line in below)
        return not is_told and sum(len(line) > NARROW for line in below) <= 3
    # Nothing that speaks is a signature: our own notices end with a rule and what to do, and the
    # scan of answers must see their addresses.
    if any(
        (len(line) > NARROW or SPOKEN.search(line) is not None) and not is_programs(line)
        for line in low
    ):
        return False
    return any(REACH.search(line) is not None or is_programs(line) for line in low)


def _is_apart(lines: Sequence[str], mark: int, below: str) -> bool:
    """Say whether no title stands above a rule: nothing, or the name that begins below it."""
    above = lines[mark - 1].strip(" \t,.!") if mark else ""
    return not above or below.lower().startswith(f"{above.lower()} ")


def _is_announced(lines: Sequence[str], mark: int) -> bool:
    """Say whether the line above a rule says what comes: "These are the options:"."""
    above = lines[mark - 1].rstrip() if mark else ""
    above = above or (lines[mark - 2].rstrip() if mark > 1 else "")
    return above.endswith((":", "：")) and not is_valediction(above)


def _is_table(lines: Sequence[str], mark: int) -> bool:
    """Say whether a long rule belongs to a title or table: one below it may close a box."""
    rules = sum(_LONG_RULE.match(line) is not None for line in lines[mark + 1 : mark + _TAIL])
    return (mark > 0 and bool(lines[mark - 1].strip())) or rules > 1


def _without_last_paragraph(lines: Sequence[str], count: int) -> int:
    """Take the last paragraph away if a program wrote it."""
    end = count
    while end and (_is_blank(lines[end - 1]) or not _WORD.search(lines[end - 1])):
        end -= 1
    start = end
    while start and end - start < _TAIL and not _is_blank(lines[start - 1]):
        start -= 1
    if start == end:
        return count
    if (own := _above_device(lines, start, end)) < end:
        return own
    if sum(map(len, lines[start:end])) < _FOOTER:
        return _without_short(lines, start, end, count)
    text = " ".join(line[:LOOK] for line in lines[start : min(end, start + 40)])
    if not has_stem(text.lower()):
        return count
    if is_note(text):
        return start
    above = _above_rule(lines, start)
    rule = lines[above:start]
    if is_disclaimer(text):
        return above
    if is_list_footer(text, is_ruled=bool(rule)):
        return _above_sponsor(lines, above)
    is_long = any(_LONG_RULE.match(line) is not None for line in rule)
    return above if is_long and is_advertisement(text) else count


def _without_short(lines: Sequence[str], start: int, end: int, count: int) -> int:
    """Take a last paragraph away that is shorter than footers are, but is the end of one."""
    if "www." in lines[start] and is_note(lines[start]):  # "Virusvrij. www.avast.com"
        return start
    above = _above_rule(lines, start)
    if above < start and LIST_FOOTER.search(lines[start].lower()) is not None:
        return above
    if (link := _above_link(lines, start, end)) < start:
        return link
    return _without_name(lines, start, end, count)


def _above_sponsor(lines: Sequence[str], count: int) -> int:
    """Take away what a list's host advertises between a long rule and the list's own footer."""
    start = count
    while start and count - start < BLOCK and not _is_blank(lines[start - 1]):
        start -= 1
    rule = lines[start - 1].strip() if start else ""
    text = " ".join(line[:LOOK] for line in lines[start:count])
    is_ruled = len(rule) >= _LONGEST_RULE and not rule.strip("-_")
    return start - 1 if is_ruled and start < count and is_sponsor(text) else count


def _above_link(lines: Sequence[str], start: int, end: int) -> int:
    """Take the address below a program's paragraph away, together with it."""
    if end - start > 1 or _LINK_ALONE.fullmatch(lines[start].strip()) is None:
        return start
    above = start
    while above and _is_blank(lines[above - 1]):
        above -= 1
    first = above
    while first and above - first < BLOCK and not _is_blank(lines[first - 1]):
        first -= 1
    text = " ".join(line[:LOOK] for line in lines[first:above])
    return first if has_stem(text.lower()) and is_note(text) else start


def _without_name(lines: Sequence[str], start: int, end: int, count: int) -> int:
    """Take "-Ann" away, if it is the last paragraph."""
    if not start or end - start > 1 or _DASHED_NAME.match(lines[start]) is None:
        return count
    # "/Ann" below a sentence; "/Start" below "Please run" is a command.
    is_named = lines[start].lstrip()[:1] != "/" or last_line(lines, start, "").endswith(STOPS)
    return start if is_named else count


def _above_rules(lines: Sequence[str], count: int) -> int:
    """Leave out rules at the end: they belong to what stood below them."""
    end = count
    while end and _is_blank(lines[end - 1]):
        end -= 1
    return end if any(line.strip() for line in lines[end:count]) else count


def _is_blank(line: str) -> bool:
    return line.strip() in _LONE_DASHES or _RULE.match(line) is not None


def _above_rule(lines: Sequence[str], start: int) -> int:
    """Return the first of the rules above a line, else the line."""
    above = start
    while above and _is_blank(lines[above - 1]):
        above -= 1
    return above if any(line.strip() for line in lines[above:start]) else start


def _above_device(lines: Sequence[str], start: int, end: int) -> int:
    """Cut at "Sent from my iPhone" and "Get Outlook for iOS" in the last lines of a paragraph."""
    if end - start == 1 and ADDED.match(lines[start]) and not _is_told(lines[start]):
        return start
    for number in range(max(start, end - 4), end):
        if is_device_line(lines[number]) and sum(map(len, lines[number:end])) < 400:
            return number
    return end


def _is_told(line: str) -> bool:
    """Say whether a person tells what was sent, when, and what became of it."""
    return (
        HAPPENED.search(line) is not None or TOLD_OF.search(line.strip(" \t*_").lower()) is not None
    )


def is_device_line(line: str) -> bool:
    """Say whether a program or telephone speaks of itself in this line."""
    low = line[:LOOK].lower()
    if "://" in low or "[" in low:
        low = LINK.sub(" ", low)
    low = LEADING.sub("", low.strip(" *_-—<>[]()|"))
    if not low or len(low) > 110 or "?" in low or low.startswith(("i ", "we ", "ich ", "je ")):
        return False
    words = len(_WORDS.findall(low))
    if words > 14:
        return False
    if words <= 9 and GET_OUTLOOK.search(line[:LOOK].lower()) is not None:
        return SPOKEN_OF.search(low) is None
    found = SENT_FROM.search(low)
    if found is None or DEVICE.search(low) is None or TOLD_OF.search(low) is not None:
        return False
    # "I sent from Outlook …" is a person's: programs begin or end with the word.
    return found.start() <= 2 or found.end() >= len(low) - 3 or words <= 7
