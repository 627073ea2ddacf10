"""The words that introduce a quoted mail: "On 5 May 2026, Ann wrote:".

Promise: any lines are looked at, in time linear in them. In doubt there is none: "On Monday we
wrote:" is a customer's.
Used by: mail.quotes, mail.fresh, mail.forward.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.mail.phrases import NARRATOR, SAID, STARTS, WROTE

LOOK = 400  # characters of a line that are compared
_LONGEST = 600  # characters of an introduction, all its lines together
_NARROW = 56  # characters of a line that mail programs fill at least
_SHORT = 80  # of one that has not much to prove it
_NEAR = 3  # empty lines between what belongs together
_WRAPPED = 4  # lines above the last one that may belong to an introduction
_QUOTED = re.compile(r"\s{0,3}(?:>(?!>> .{0,200}>>>?\s*$|>{1,2} [^<>\n]{1,200}<{2,3}\s*$)|&gt;)")
_ADDRESS = re.compile(r"[^\s<>()\[\]@]@[^\s<>()\[\]@]")
_BRACKETED = re.compile(r"[<(\[](?:mailto:)?\s?[^\s<>()\[\]@]{1,100}@[^\s<>()\[\]@]{1,150}[\s>)\]]")
_DATE = re.compile(
    r"(?<!\d)\d{4}(?!\d)|\d\s?[./-]\s?\d{1,2}\s?[./-]\s?\d\d(?!\d)"
    r"|[0-3]?\d\.? ?[^\W\d_]{3,10}\.? \d\d\b"
)
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.h時点시时]\s?\d\d(?!\d)|\d\s?[ap]\.?m\b")
_GROUPWISE = re.compile(r"\s{0,3}>{2,3} \S.{0,200}\d.{0,200}>{2,3}\s*$")
# Outlook Express: "Ann <ann@x.example> wrote in message news:1@x.example..."
_NEWS = re.compile(r"(?<!\w)news:[^\s<>]{3,200}\s*$")
_ZOHO = re.compile(r"\s{0,3}-{3,}\s?\S.{0,500}-{3,}\s*$")
# A line of this shape may be the last one of an introduction.
_ENDING = re.compile(r"[:：][\W_]{0,3}$|[-–—]{3,}\s*$|>{2,3}\s*$|\.\.\.\s*$")
_ABBREVIATION = re.compile(r"(?:\d|(?<!\w)[^\W\d_a-z]\w{0,2})\.$")  # "Di. 5.", "Dr."
_NUMBERS = re.compile(r"[\d:./+-]{1,40}")
# The end of "Am 5.5.2026 um 10:00 schrieb Ann Smith".
_NAMED_LAST = re.compile(
    r" (?:schrieb|schreef|skrev|pisze|пишет)(?: [^\W\d_a-zß-öø-ÿ][\w.'-]{0,30}){1,4}$"
)
_AROUND = "\"'()[]*+,;:-–—~"
_SENTENCE_END = (".", "!", "?", ":", "。", "؟")


def is_quoted(line: str) -> bool:
    """Say whether a line carries a quote mark."""
    return _QUOTED.match(line) is not None


def is_quote_next(lines: Sequence[str], position: int) -> bool:
    """Say whether the next line that is not empty carries a quote mark."""
    following = next((line for line in lines[position : position + 5] if line.strip()), "")
    return is_quoted(following)


def may_end_introduction(line: str) -> bool:
    """Say quickly whether an introduction may end with this line."""
    return _ENDING.search(line[-20:]) is not None


def next_line(lines: Sequence[str], position: int) -> int:
    """Pass over some empty lines, but not over many: they may be all that follows."""
    for number in range(position, min(position + _NEAR + 1, len(lines))):
        if lines[number].strip():
            return number
    return min(position, len(lines))


def introduction_below(lines: Sequence[str], position: int) -> tuple[int, str] | None:
    """Read an introduction that begins in this line; return the line after it, and its words."""
    joined = ""
    for end in range(position, min(position + _WRAPPED, len(lines))):
        line = lines[end][:LOOK].strip()
        if not line.strip("> "):
            break
        joined = f"{joined} {line}".lstrip()
        if may_end_introduction(line):
            is_marked = is_quote_next(lines, end + 1)
            if is_introduction(joined, is_marked=is_marked):
                return next_line(lines, end + 1), joined
    return None


def find_introduction(
    lines: Sequence[str], position: int, *, is_marked: bool
) -> tuple[int, str] | None:
    """Find the introduction that ends in this line: its first line, and its words in one line.

    `is_marked`: lines with quote marks follow.
    """
    filled = _filled(lines, position)
    if filled is not None and is_introduction(filled[1], is_marked=is_marked):
        return filled
    joined = lines[position][:LOOK].strip()
    found: tuple[int, str] | None = None
    for start in range(position, max(position - _WRAPPED, 0) - 1, -1):
        if start < position:
            above = lines[start][:LOOK].strip()
            is_start = _begins(above.lower())
            if not above or is_quoted(above) or len(joined) + len(above) > _LONGEST:
                break
            if above.endswith(_SENTENCE_END) and not (is_start and _has_date(above.lower())):
                break
            joined = f"{above} {joined}"
        if is_introduction(joined, is_marked=is_marked):
            low = joined.lower()
            if _begins(low) and _has_date(low):
                return _with_start(lines, start, joined)
            if found is None or not _has_date(found[1].lower()):
                found = start, joined
    return _with_date_above(lines, *found) if found and found[1].startswith("<") else found


def _filled(lines: Sequence[str], position: int) -> tuple[int, str] | None:
    """Return the lines up to this one that only their width broke: the first one, and all words."""
    joined = below = lines[position][:LOOK].strip()
    start = position
    for number in range(position - 1, max(position - 2 - _WRAPPED, -1), -1):
        above = lines[number][:LOOK].strip()
        if not above or is_quoted(above) or not _goes_on(above, below):
            return (start, joined) if start < position else None
        joined, below, start = f"{above} {joined}", above, number
        if len(joined) > _LONGEST:
            return None
    return (0, joined) if start == 0 < position else None


def _goes_on(above: str, below: str) -> bool:
    """Say whether the second line stands below the first because it did not fit."""
    if len(above) + len(below.partition(" ")[0]) < _NARROW and not above.endswith("<"):
        return False
    if below[:1].isupper() and STARTS.match(below.lower()) and _has_date(below.lower()):
        return False
    if not below[:1].isupper() or _ABBREVIATION.search(above) is not None:
        return True
    return not above.endswith(_SENTENCE_END)


def is_bare_introduction(line: str) -> bool:
    """Say whether a line just above a quote introduces it without a colon."""
    bare = line.strip()
    low = bare.lower()
    if not 10 < len(bare) <= 200:
        return False
    if _DATE.search(low) is not None and _TIME.search(low) is not None and _is_stamp(bare):
        return True
    if not _begins(low):
        is_whole = _BRACKETED.search(bare) and _has_date(low) and WROTE.search(low)
        return bool(is_whole) and not bare.endswith(_SENTENCE_END)
    if _NAMED_LAST.search(bare) is not None and _has_date(low) and _TIME.search(low) is not None:
        return WROTE.search(low) is not None
    is_closed = bare.endswith((">", ")")) or WROTE.search(low[-12:]) or WROTE.match(low)
    return bool(is_closed) and is_introduction(f"{bare}:", is_marked=True)


def _with_start(lines: Sequence[str], start: int, joined: str) -> tuple[int, str]:
    """Add the line above if a date was broken there: "On Tue, May 5," and "2026 at …"."""
    above = lines[start - 1][:LOOK].strip() if start else ""
    is_open = joined[:1].isdigit() and above.endswith(",") and len(above) <= 60
    if is_open and STARTS.match(above.lower()) is not None:
        return start - 1, f"{above} {joined}"
    return start, joined


def _with_date_above(lines: Sequence[str], start: int, joined: str) -> tuple[int, str]:
    """Add date and name where they stand apart from the address (Polymail)."""
    above = start - 1 if start and lines[start - 1].strip() else start - 2
    words = lines[above][:LOOK].strip() if above >= 0 else ""
    low = words.lower()
    is_open = STARTS.match(low) is not None and _has_date(low) and not words.endswith(_SENTENCE_END)
    return (above, f"{words} {joined}") if is_open and len(words) <= 2 * _SHORT else (start, joined)


def _has_date(low: str) -> bool:
    return _DATE.search(low) is not None or _TIME.search(low) is not None


def _begins(low: str) -> bool:
    """Say whether the words begin as introductions do: with "On", "Am", "Le" … or a number."""
    low = low.lstrip("\"'«“„-*_> ")
    return low[:1].isdigit() or STARTS.match(low) is not None


def is_introduction(words: str, *, is_marked: bool) -> bool:
    """Say whether a line introduces a quoted mail; `is_marked`: lines with quote marks follow."""
    low = words.lower()
    core = low.rstrip(" :：-*_>")
    if _GROUPWISE.match(words) is not None:
        return _has_date(low)
    has_address = _ADDRESS.search(words) is not None
    has_date = _DATE.search(low) is not None
    if not (is_marked or has_address or has_date):
        return _ZOHO.match(words) is not None and _ends_with_verb(low.strip("- "))
    if _ZOHO.match(words) or (is_marked and _NEWS.search(words)):
        is_known = has_date or has_address or _ends_with_verb(low.strip("- "))
        return is_known and WROTE.search(low) is not None
    if not words.rstrip("*_ ").endswith((":", "：")) or words.count("(") > words.count(")"):
        return False
    has_time = _TIME.search(low) is not None
    verb = _last_verb(low)
    is_last = verb is not None and verb.end() >= len(core) - 12
    if is_marked:
        said = SAID.search(words) if verb is None and len(words) <= _SHORT else None
        if said is not None and (has_date or said.start() == 0):
            return True
        if verb is None:
            is_stamped = has_date and has_time and _is_stamp(words)
            return is_stamped or (has_address and (has_date or has_time or _is_addressed(words)))
        is_near = has_address or _begins(low) or len(core) - verb.end() <= _SHORT // 2
        if len(words) > _SHORT and not is_near:
            return False
        return has_address or has_date or has_time or (is_last and len(words) <= _SHORT)
    if NARRATOR.search(low) is not None:
        return False
    if verb is None:
        return has_date and has_time and _is_addressed(words)
    is_placed = is_last or (len(core) - verb.end() <= 160 and _is_named(words, low, verb.end()))
    if has_address:
        is_whole = has_date or has_time or _BRACKETED.search(words) is not None
        is_start = _begins(low) or WROTE.match(low) is not None
        return is_placed and is_whole and (is_start or has_date or is_last)
    return is_placed and has_date and (has_time or _begins(low)) and len(words) <= 200


def _is_stamp(words: str) -> bool:
    """Say whether a line is nothing but who and when: "[5/5/2026 10:00] Ann Smith <ann@b>"."""
    has_address = _BRACKETED.search(words) is not None
    named = _NUMBERS.sub(" ", _BRACKETED.sub(" ", words)).split()
    named = [word for word in named if word.strip(_AROUND)]
    is_name = all(word.lstrip(_AROUND)[:1].isupper() for word in named)
    return is_name and (2 - has_address) <= len(named) <= 6


def _ends_with_verb(low: str) -> bool:
    """Say whether a few words end with the verb: "---- Ann Smith wrote ----" (Sony)."""
    verb = _last_verb(low) if len(low) <= _SHORT else None
    return verb is not None and verb.start() > 0 and verb.end() == len(low)


def _last_verb(low: str) -> re.Match[str] | None:
    verb = None
    for verb in WROTE.finditer(low):  # noqa: B007 - the last one
        pass
    return verb


def _is_named(words: str, low: str, end: int) -> bool:
    """Say whether a name or a date follows the verb, and not "in his report"."""
    tail = words[end:].lstrip(" ,/()") if len(words) == len(low) else ""
    return not tail[:1].islower() or any(each.isdigit() or each == "@" for each in tail)


def _is_addressed(words: str) -> bool:
    """Say whether the words end with an address, as in "5 May 2026 10:00, Ann <a@b>:"."""
    core = words.lower().rstrip(" :：-*>")
    if _BRACKETED.search(words[-260:]) is None:
        return False
    return "@" in core[-160:] and " " not in core[core.rfind("@") :].strip("<>()[] ")
